//! Answers to queries.

use std::ops::Bound;

use notion_sync_core::conflict::{Conflict, Resolution};
use notion_sync_core::link::{LinkId, Side, Sides};
use notion_sync_core::outbox::Intent;
use notion_sync_core::pair::{PairId, PairState};
use notion_sync_core::port::{Bookmark, Query, Rows, RunId, RunRecord, Wait};
use notion_sync_core::record::{RankRange, Timestamp};
use notion_sync_core::schema::FieldId;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Row, ToSql};
use serde::de::DeserializeOwned;

use crate::base::Layouts;
use crate::database::Database;
use crate::error::{Result, corrupt, failed};
use crate::links;
use crate::lost;
use crate::pairs::{
    DIGESTS, FROM, HEAD, Stored, WHOLE, bounds, digests, head, id_of, key_text, load, pk,
    prepare_load,
};

/// The word a side is stored by.
pub(crate) fn side_text(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

/// Reads a word of [`side_text`].
pub(crate) fn side_from(text: &str) -> Result<Side> {
    match text {
        "left" => Ok(Side::Left),
        "right" => Ok(Side::Right),
        other => Err(corrupt(format!("{other:?} is no side"))),
    }
}

/// Answers a query; a link that is not there has nothing.
pub(crate) fn read(
    database: &mut Database,
    link: &LinkId,
    query: &Query,
    after: Option<Bookmark>,
    limit: u32,
) -> Result<Rows> {
    let mut layouts = std::mem::take(&mut database.layouts);
    let answer = match database.reader()? {
        None => empty(query),
        Some(connection) => {
            let snapshot = connection.transaction()?;
            match links::load(&snapshot, link)? {
                None => empty(query),
                Some(row) => Reader {
                    connection: &snapshot,
                    layouts: &mut layouts,
                    link: row.id,
                    after: after.map(|bookmark| bookmark.0),
                    limit,
                }
                .answer(query),
            }
        }
    };
    database.layouts = layouts;
    answer
}

fn empty(query: &Query) -> Result<Rows> {
    Ok(match query {
        Query::Heads(..) => Rows::Heads(Vec::new()),
        Query::Live(_) | Query::LiveWithin(..) | Query::LiveUnranked(_) => Rows::Ids(Vec::new()),
        Query::Digests => Rows::Digests(Vec::new()),
        Query::Pairs(_) | Query::All | Query::Dirty | Query::Standing => Rows::Pairs(Vec::new()),
        Query::Intents { .. } => Rows::Intents(Vec::new()),
        Query::Conflicts => Rows::Conflicts(Vec::new()),
        Query::Waits => Rows::Waits(Vec::new()),
        Query::DeletesSince(..) => Rows::Count(0),
        Query::Journal(_) => Rows::Journal(Vec::new()),
        Query::Runs | Query::OldestRun(_) => Rows::Runs(Vec::new()),
        _ => return Err(failed("this store does not know the query")),
    })
}

struct Reader<'a> {
    connection: &'a Connection,
    layouts: &'a mut Layouts,
    link: i64,
    after: Option<u64>,
    limit: u32,
}

impl Reader<'_> {
    fn answer(mut self, query: &Query) -> Result<Rows> {
        let (from, to) = bounds(self.link, self.after)?;
        Ok(match query {
            Query::Heads(side, keys) => {
                let mut heads = Vec::new();
                let column = side_text(*side);
                let sql = format!(
                    "SELECT {HEAD} FROM _sync_pairs p
                     WHERE p.link = ?1 AND p.{column}_key = ?2 AND p.pk > ?3"
                );
                let mut statement = self.connection.prepare_cached(&sql)?;
                let mut unknown = Vec::new();
                for key in keys {
                    let known = heads.len();
                    let found = statement.query_map((self.link, key_text(key), from), head)?;
                    for head in found {
                        heads.push(head?);
                    }
                    if heads.len() == known {
                        unknown.push(key);
                    }
                }
                lost::refuse_forgotten(self.connection, self.link, *side, &unknown)?;
                heads.sort_by_key(|head| head.id);
                heads.dedup_by_key(|head| head.id);
                Rows::Heads(heads)
            }
            Query::Live(side) => {
                let column = side_text(*side);
                let sql = format!(
                    "SELECT pk FROM _sync_pairs WHERE pk > ?1 AND pk < ?2
                     AND {column}_live = 1 ORDER BY pk LIMIT ?3"
                );
                Rows::Ids(self.list(&sql, &[&from, &to, &self.limit], id)?)
            }
            Query::LiveWithin(side, range) => Rows::Ids(self.live_within(*side, range, from, to)?),
            Query::LiveUnranked(side) => {
                let column = side_text(*side);
                let sql = format!(
                    "SELECT pk FROM _sync_pairs WHERE pk > ?1 AND pk < ?2
                     AND {column}_live = 1 AND {column}_rank IS NULL ORDER BY pk LIMIT ?3"
                );
                Rows::Ids(self.list(&sql, &[&from, &to, &self.limit], id)?)
            }
            Query::Digests => {
                let sql = format!(
                    "SELECT {DIGESTS} FROM _sync_pairs p WHERE p.pk > ?1 AND p.pk < ?2
                     ORDER BY p.pk LIMIT ?3"
                );
                let digests = |row: &Row<'_>| Ok(digests(row)?);
                Rows::Digests(self.list(&sql, &[&from, &to, &self.limit], digests)?)
            }
            Query::Pairs(ids) => Rows::Pairs(self.pairs_by_id(ids)?),
            Query::All => Rows::Pairs(self.pairs_where("1", from, to)?),
            Query::Dirty => Rows::Pairs(self.pairs_where("p.dirty = 1", from, to)?),
            Query::Standing => Rows::Pairs(self.pairs_where(
                "p.state IS NOT NULL AND p.state <> 'clean'",
                from,
                to,
            )?),
            Query::Intents { dead } => {
                let most = if *dead { 2 } else { 1 };
                Rows::Intents(self.list(
                    "SELECT body FROM _sync_intents WHERE pk > ?1 AND pk < ?2
                     AND open <> 0 AND open <= ?4 ORDER BY pk LIMIT ?3",
                    &[&from, &to, &self.limit, &most],
                    json_row::<Intent>,
                )?)
            }
            Query::Conflicts => Rows::Conflicts(self.conflicts(from)?),
            Query::Waits => Rows::Waits(self.waits(from, to)?),
            Query::DeletesSince(side, since) => Rows::Count(self.connection.query_row(
                "SELECT count(*) FROM _sync_journal
                 WHERE link = ?1 AND side = ?2 AND at >= ?3 AND kind = 'trash'",
                (self.link, side_text(*side), since.0),
                |row| row.get(0),
            )?),
            // Entries have no number that a caller could name: the bookmark counts those read.
            Query::Journal(None) => Rows::Journal(self.list(
                "SELECT body FROM _sync_journal NOT INDEXED WHERE link = ?1
                 ORDER BY id DESC LIMIT ?2 OFFSET ?3",
                &[&self.link, &self.limit, &self.after.unwrap_or(0)],
                json_row,
            )?),
            Query::Journal(Some(run)) => Rows::Journal(self.list(
                "SELECT body FROM _sync_journal WHERE link = ?1 AND run = ?4
                 ORDER BY id DESC LIMIT ?2 OFFSET ?3",
                &[&self.link, &self.limit, &self.after.unwrap_or(0), &run.0.0],
                json_row,
            )?),
            Query::Runs => Rows::Runs(self.list(
                &format!("{RUN} WHERE link = ?1 ORDER BY started_at DESC LIMIT ?2 OFFSET ?3"),
                &[&self.link, &self.limit, &self.after.unwrap_or(0)],
                run,
            )?),
            Query::OldestRun(since) => Rows::Runs(self.list(
                &format!("{RUN} WHERE link = ?1 AND started_at >= ?2 ORDER BY started_at LIMIT 1"),
                &[&self.link, &since.0],
                run,
            )?),
            _ => return Err(failed("this store does not know the query")),
        })
    }

    fn list<T>(
        &self,
        sql: &str,
        arguments: &[&dyn ToSql],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(arguments)?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read(row)?);
        }
        Ok(list)
    }

    fn live_within(
        &self,
        side: Side,
        range: &RankRange,
        from: i64,
        to: i64,
    ) -> Result<Vec<PairId>> {
        let column = side_text(side);
        // No rank is a blob, and every text stands before the first of those.
        let (above, start) = match &range.from {
            Bound::Included(rank) => (">=", ToSqlOutput::from(rank.as_str())),
            Bound::Excluded(rank) => (">", ToSqlOutput::from(rank.as_str())),
            Bound::Unbounded => (">=", ToSqlOutput::from("")),
        };
        let (below, end) = match &range.to {
            Bound::Included(rank) => ("<=", ToSqlOutput::from(rank.as_str())),
            Bound::Excluded(rank) => ("<", ToSqlOutput::from(rank.as_str())),
            Bound::Unbounded => ("<", ToSqlOutput::Owned(Value::Blob(Vec::new()))),
        };
        // The plus keeps the number of the row from being searched by: a slice is small, and its index
        // holds nothing else.
        let sql = format!(
            "SELECT pk FROM _sync_pairs WHERE link = ?1 AND {column}_live = 1
             AND {column}_rank {above} ?2 AND {column}_rank {below} ?3
             AND +pk > ?4 AND +pk < ?5 ORDER BY +pk LIMIT ?6"
        );
        let arguments: [&dyn ToSql; 6] = [&self.link, &start, &end, &from, &to, &self.limit];
        self.list(&sql, &arguments, id)
    }

    /// As many as were named: the caller bounds the answer by the question.
    fn pairs_by_id(&mut self, ids: &[PairId]) -> Result<Vec<PairState>> {
        let mut ids: Vec<PairId> = ids
            .iter()
            .copied()
            .filter(|id| self.after.is_none_or(|after| id.0 > after))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut pairs = Vec::new();
        let mut statement = prepare_load(self.connection)?;
        for id in ids {
            if let Some(stored) = load(&mut statement, pk(self.link, id.0)?)? {
                pairs.push(stored.into_state(id, self.connection, self.layouts)?);
            }
        }
        Ok(pairs)
    }

    fn pairs_where(&mut self, condition: &str, from: i64, to: i64) -> Result<Vec<PairState>> {
        let sql = format!(
            "SELECT {WHOLE} FROM {FROM}
             WHERE p.pk > ?1 AND p.pk < ?2 AND {condition} ORDER BY p.pk LIMIT ?3"
        );
        let found = self.list(&sql, &[&from, &to, &self.limit], |row| {
            Ok((PairId(id_of(row.get(0)?)), Stored::from_row(row)?))
        })?;
        found
            .into_iter()
            .map(|(id, stored)| stored.into_state(id, self.connection, self.layouts))
            .collect()
    }

    fn waits(&self, from: i64, to: i64) -> Result<Vec<Wait>> {
        let sql = "SELECT 1 FROM sqlite_master WHERE name = '_sync_waits'";
        if !self.connection.prepare_cached(sql)?.exists([])? {
            // A file of the first format.
            return Ok(Vec::new());
        }
        self.list(
            "SELECT pk, awaited FROM _sync_waits WHERE pk > ?1 AND pk < ?2 ORDER BY pk LIMIT ?3",
            &[&from, &to, &self.limit],
            |row| {
                Ok(Wait {
                    pair: PairId(id_of(row.get(0)?)),
                    awaited: json_at(row, 1)?,
                })
            },
        )
    }

    /// Conflicts of whole pairs: a page ends with the last conflict of its last pair, because a
    /// bookmark can only name the pair.
    fn conflicts(&self, from: i64) -> Result<Vec<Conflict>> {
        self.list(
            "SELECT pk, field, opened_at, base, left_value, right_value, resolution
             FROM _sync_conflicts WHERE link = ?1 AND pk > ?2 AND pk <= coalesce(
               (SELECT pk FROM _sync_conflicts WHERE link = ?1 AND pk > ?2
                ORDER BY pk LIMIT 1 OFFSET ?3), 9223372036854775807)
             ORDER BY pk, id",
            &[&self.link, &from, &self.limit.saturating_sub(1)],
            |row| {
                let base: Option<String> = row.get(3)?;
                let resolution: Option<String> = row.get(6)?;
                Ok(Conflict {
                    pair: PairId(id_of(row.get(0)?)),
                    field: FieldId::new(row.get::<_, String>(1)?),
                    opened_at: Timestamp(row.get(2)?),
                    base: base.map(|json| serde_json::from_str(&json)).transpose()?,
                    values: Sides::new(json_at(row, 4)?, json_at(row, 5)?),
                    resolution: resolution.as_deref().map(resolution_from).transpose()?,
                })
            },
        )
    }
}

fn resolution_from(text: &str) -> Result<Resolution> {
    match side_from(text) {
        Ok(side) => Ok(Resolution::Keep(side)),
        Err(_) => Ok(serde_json::from_str(text)?),
    }
}

/// Columns of [`run`], in its order.
const RUN: &str = "SELECT started_at, ended_at, outcome, settled, conflicts, refused, undoes
    FROM _sync_runs";

fn run(row: &Row<'_>) -> Result<RunRecord> {
    Ok(RunRecord {
        id: RunId(Timestamp(row.get(0)?)),
        ended_at: Timestamp(row.get(1)?),
        outcome: row.get(2)?,
        settled: row.get(3)?,
        conflicts: row.get(4)?,
        refused: row.get(5)?,
        undoes: row
            .get::<_, Option<i64>>(6)?
            .map(|run| RunId(Timestamp(run))),
    })
}

fn id(row: &Row<'_>) -> Result<PairId> {
    Ok(PairId(id_of(row.get(0)?)))
}

fn json_row<T: DeserializeOwned>(row: &Row<'_>) -> Result<T> {
    json_at(row, 0)
}

fn json_at<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<T> {
    Ok(serde_json::from_str(&row.get::<_, String>(at)?)?)
}
