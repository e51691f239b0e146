//! The table as a peer: describing, scanning and finding. Commands are in `exec`.

use std::time::Duration;

use async_trait::async_trait;
use notion_sync_core::port::{
    Absence, Batch, Call, Capabilities, ChangeFeed, Coverage, CreateSafety, Cursor, DeleteKind,
    Description, FieldSet, Found, Lookup, Next, Outcome, PageToken, Peer, PeerError, PeerErrorKind,
    PlaceId, ScanFrom, ScanPage, Scope,
};
use notion_sync_core::record::{Key, Lifecycle, Record};
use notion_sync_core::schema::{FieldId, SchemaChange, SchemaVersion};
use notion_sync_core::value::Value;
use rusqlite::Connection;
use rusqlite::types::{Value as Sql, ValueRef};

use super::beside::Beside;
use super::error::TableError;
use super::exec;
use super::feed::{self, Fate, Place};
use super::file::File;
use super::key::KeyForm;
use super::layout::Layout;
use super::lives;
use super::rows::keyless;
use super::{MARKER, SqliteTable};

#[async_trait]
impl Peer for SqliteTable {
    fn place(&self) -> &PlaceId {
        &self.place
    }

    async fn describe(&self, _: &Call<'_>) -> Result<Description, PeerError> {
        self.as_peer(|file| {
            file.check()?;
            if file.read(lives::is_stale)? {
                // Where the file cannot be written now, a later look notes it.
                let _ = file.write(lives::note);
            }
            file.read(|snapshot, layout| {
                let mut capabilities = capabilities(layout);
                capabilities.lineage = feed::marked(snapshot)?.map(|marked| marked.lineage);
                Ok(Description {
                    schema: layout.schema(),
                    capabilities,
                })
            })
        })
        .await
    }

    async fn scan(
        &self,
        _: &Call<'_>,
        from: &ScanFrom,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, PeerError> {
        let (from, fields) = (from.clone(), fields.clone());
        self.as_peer(move |file| {
            if matches!(from, ScanFrom::Start { .. }) {
                file.check()?;
            }
            let beside = file.beside();
            let (page, seen) = file.read(|snapshot, layout| {
                let scan = match &from {
                    ScanFrom::Start { since, .. } => {
                        Scan::start(snapshot, layout, since.as_ref(), &beside)?
                    }
                    ScanFrom::Next(token) => Scan::parse(&token.0)?,
                };
                let page = scan.page(snapshot, layout, &fields, limit.max(1))?;
                let seen = match &page.next {
                    Next::End { cursor, .. } => feed::seen(snapshot, layout, cursor.as_ref())?,
                    Next::More(_) => None,
                };
                Ok((page, seen))
            })?;
            if let Some((feed, place)) = seen {
                beside.note_seen(&feed, place);
            }
            Ok(page)
        })
        .await
    }

    async fn fetch(
        &self,
        _: &Call<'_>,
        keys: &[Key],
        fields: &FieldSet,
    ) -> Result<Vec<Lookup>, PeerError> {
        let (keys, fields) = (keys.to_vec(), fields.clone());
        self.as_peer(move |file| {
            file.read(|snapshot, layout| {
                let look = |key| {
                    let found = layout.record(snapshot, key, &fields)?;
                    Ok(found.map_or(Lookup::Absent(Absence::Authoritative), Lookup::Here))
                };
                keys.iter().map(look).collect()
            })
        })
        .await
    }

    async fn find(
        &self,
        _: &Call<'_>,
        field: &FieldId,
        values: &[Value],
    ) -> Result<Found, PeerError> {
        let (field, values) = (field.clone(), values.to_vec());
        self.as_peer(move |file| {
            file.read(|snapshot, layout| {
                let records = values
                    .iter()
                    .map(|value| match field.as_str() == MARKER {
                        true => born(snapshot, layout, value),
                        false => holding(snapshot, layout, &field, value),
                    })
                    .collect::<Result<_, _>>()?;
                Ok(Found {
                    records,
                    lag: Duration::ZERO,
                })
            })
        })
        .await
    }

    async fn apply(&self, _: &Call<'_>, batch: &Batch) -> Result<Vec<Outcome>, PeerError> {
        let batch = batch.clone();
        self.as_peer(move |file| exec::apply(file, &batch)).await
    }

    async fn alter(
        &self,
        _: &Call<'_>,
        _: &SchemaVersion,
        _: &[SchemaChange],
    ) -> Result<Vec<Outcome>, PeerError> {
        Err(PeerError::new(
            &self.place,
            PeerErrorKind::Local,
            "the table is not sync's to change; change its columns with SQL",
        ))
    }
}

impl SqliteTable {
    async fn as_peer<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut File) -> Result<T, TableError> + Send + 'static,
    ) -> Result<T, PeerError> {
        let answer = self.ask(job).await;
        answer.map_err(|error| error.of_peer(&self.place))
    }
}

fn capabilities(layout: &Layout) -> Capabilities {
    let mut can = Capabilities::local();
    can.create = CreateSafety::Marker;
    can.changes = match layout.captured {
        true => ChangeFeed::Delta,
        false => ChangeFeed::None,
    };
    can.delete = match layout.soft_delete {
        Some(_) => DeleteKind::Soft,
        None => DeleteKind::Hard,
    };
    can
}

/// Where a scan stands.
enum Scan {
    /// In the table, in order of keys, after one of them.
    Rows {
        after: Option<Vec<Sql>>,
        /// Rows without a key are told of, once.
        is_start: bool,
        /// Where the next scan starts.
        cursor: Option<Cursor>,
    },
    /// In the feed.
    Feed {
        after: i64,
        until: i64,
        cursor: Cursor,
    },
}

impl Scan {
    fn start(
        snapshot: &Connection,
        layout: &Layout,
        since: Option<&Cursor>,
        beside: &Beside,
    ) -> Result<Self, TableError> {
        if !layout.captured {
            return Ok(Self::Rows {
                after: None,
                is_start: true,
                cursor: None,
            });
        }
        let now = Place::now(snapshot, layout)?;
        if let Some(since) = since.and_then(Place::of) {
            match since.fate(snapshot, layout, now)? {
                Fate::Kept => {
                    return Ok(Self::Feed {
                        after: since.seq(),
                        until: now.seq(),
                        cursor: now.cursor(),
                    });
                }
                Fate::Undone if !beside.adopts() => return Err(beside.restored()),
                Fate::Undone | Fate::Forgotten => {}
            }
        }
        Ok(Self::Rows {
            after: None,
            is_start: true,
            cursor: Some(now.cursor()),
        })
    }

    fn parse(token: &str) -> Result<Self, TableError> {
        let mut parts = token.splitn(3, '|');
        let (Some(kind), Some(cursor), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(TableError::BadToken);
        };
        let cursor = (!cursor.is_empty()).then(|| Cursor(cursor.to_owned()));
        match (kind, cursor) {
            ("rows", cursor) => Ok(Self::Rows {
                after: match rest {
                    "" => None,
                    key => Some(
                        KeyForm::Array
                            .parts(&Key::durable(key))
                            .ok_or(TableError::BadToken)?,
                    ),
                },
                is_start: false,
                cursor,
            }),
            ("feed", Some(cursor)) => {
                let mut numbers = rest.split(' ').map(str::parse);
                match (numbers.next(), numbers.next()) {
                    (Some(Ok(after)), Some(Ok(until))) => Ok(Self::Feed {
                        after,
                        until,
                        cursor,
                    }),
                    _ => Err(TableError::BadToken),
                }
            }
            _ => Err(TableError::BadToken),
        }
    }

    fn page(
        self,
        snapshot: &Connection,
        layout: &Layout,
        fields: &FieldSet,
        limit: u32,
    ) -> Result<ScanPage, TableError> {
        match self {
            Self::Rows {
                is_start: true,
                cursor,
                ..
            } if layout.has_keyless(snapshot)? => {
                Ok(ScanPage::new(vec![keyless()], rows_after(cursor, None)))
            }
            Self::Rows { after, cursor, .. } => {
                let most = usize::try_from(limit).unwrap_or(usize::MAX);
                let (items, last) = layout.records_after(snapshot, after, fields, most)?;
                let next = match last {
                    Some(last) => rows_after(cursor, Some(&last)),
                    None => Next::End {
                        coverage: Coverage::Complete(Scope::All),
                        cursor,
                    },
                };
                Ok(ScanPage::new(items, next))
            }
            Self::Feed {
                after,
                until,
                cursor,
            } => {
                let window = (after, until);
                let (items, last) = feed::changed(snapshot, layout, window, fields, limit)?;
                let full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
                let next = match last.filter(|_| full) {
                    Some(last) => {
                        Next::More(PageToken(format!("feed|{}|{last} {until}", cursor.0)))
                    }
                    None => Next::End {
                        coverage: Coverage::Delta,
                        cursor: Some(cursor),
                    },
                };
                Ok(ScanPage::new(items, next))
            }
        }
    }
}

fn rows_after(cursor: Option<Cursor>, after: Option<&[Sql]>) -> Next {
    let cursor = cursor.map_or(String::new(), |cursor| cursor.0);
    let key = after.and_then(|parts| KeyForm::Array.key(parts));
    let key = key.as_ref().map_or("", Key::as_str);
    Next::More(PageToken(format!("rows|{cursor}|{key}")))
}

/// The row made by the create with this marker, if it is alive.
fn born(snapshot: &Connection, layout: &Layout, marker: &Value) -> Result<Vec<Record>, TableError> {
    let Some(key) = feed::born(snapshot, layout, &marker.display())? else {
        return Ok(Vec::new());
    };
    let record = layout.record(snapshot, &key, &FieldSet::All)?;
    let live = record.filter(|record| record.lifecycle == Lifecycle::Live);
    Ok(live.into_iter().collect())
}

/// Live rows whose column holds a value, whatever the column's collation takes for equal.
fn holding(
    snapshot: &Connection,
    layout: &Layout,
    field: &FieldId,
    value: &Value,
) -> Result<Vec<Record>, TableError> {
    let Some(column) = layout.column(field) else {
        return Ok(Vec::new());
    };
    // A value of another kind stands in no row.
    let Ok(sql) = column.encode(value) else {
        return Ok(Vec::new());
    };
    let wanted = column.decode(ValueRef::from(&sql));
    let mut records = match column.form.is_searchable() && !value.is_empty() {
        true => {
            let condition = format!("{} = ?", crate::replica::quote(&column.name));
            layout.records_where(snapshot, &condition, &[sql])?
        }
        false => layout.records_where(snapshot, "1", &[])?,
    };
    records.retain(|record| record.cells.cell(field) == Some(&wanted));
    Ok(records)
}
