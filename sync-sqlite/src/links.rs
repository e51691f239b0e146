//! The row of a link: places, serial, fence; and apart, as it is long and seldom asked for, its memory.

use notion_sync_core::link::{LinkId, LinkSpec, Side, Sides};
use notion_sync_core::port::{LinkMemory, Serial, StoreError};
use rusqlite::{Connection, OptionalExtension};

use crate::error::{Result, corrupt};

/// What the file knows of a link, without its memory: that takes longer to read than all the rest, and
/// every commit and query reads this.
#[derive(Debug)]
pub(crate) struct LinkRow {
    pub(crate) id: i64,
    pub(crate) places: Sides<Option<String>>,
    pub(crate) serial: Serial,
    pub(crate) next_id: u64,
    pub(crate) fence: u64,
}

/// Reads a link.
pub(crate) fn load(connection: &Connection, link: &LinkId) -> Result<Option<LinkRow>> {
    let row = connection
        .prepare_cached(
            "SELECT id, left_place, right_place, serial, next_id, fence
             FROM _sync_links WHERE name = ?1",
        )?
        .query_row([link.as_str()], |row| {
            Ok(LinkRow {
                id: row.get(0)?,
                places: Sides::new(row.get(1)?, row.get(2)?),
                serial: Serial(row.get(3)?),
                next_id: row.get(4)?,
                fence: row.get(5)?,
            })
        })
        .optional()?;
    Ok(row)
}

/// What is remembered of a link.
pub(crate) fn memory(connection: &Connection, link: &LinkRow) -> Result<LinkMemory> {
    let memory: Option<String> = connection
        .prepare_cached("SELECT memory FROM _sync_links WHERE id = ?1")?
        .query_row([link.id], |row| row.get(0))?;
    Ok(match memory {
        Some(memory) => serde_json::from_str(&memory)?,
        None => LinkMemory::default(),
    })
}

/// A link goes on in the file it agreed in. In one that was adopted since, it believes nothing of what it
/// remembers, once somebody says so of it as well. Answers the lineage it left.
pub(crate) fn agree_under(
    connection: &Connection,
    link: &LinkRow,
    lineage: &str,
    adopts: bool,
) -> Result<Option<String>> {
    let known: Option<String> = connection
        .prepare_cached("SELECT lineage FROM _sync_links WHERE id = ?1")?
        .query_row([link.id], |row| row.get(0))?;
    match known {
        Some(known) if known == lineage => return Ok(None),
        Some(_) if !adopts => return Err(StoreError::NotAdopted.into()),
        None => {}
        Some(_) => {
            let mut memory = memory(connection, link)?;
            memory.adopting = true;
            connection
                .prepare_cached("UPDATE _sync_links SET memory = ?2 WHERE id = ?1")?
                .execute((link.id, serde_json::to_string(&memory)?))?;
        }
    }
    connection
        .prepare_cached("UPDATE _sync_links SET lineage = ?2 WHERE id = ?1")?
        .execute((link.id, lineage))?;
    Ok(known)
}

/// The names of all links.
pub(crate) fn all(connection: &Connection) -> Result<Vec<LinkId>> {
    let mut statement = connection.prepare("SELECT name FROM _sync_links ORDER BY id")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0).map(LinkId::new))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

/// Has the next run of a link read a side whole.
pub(crate) fn read_whole(connection: &Connection, link: &LinkId, side: Side) -> Result<()> {
    let Some(row) = load(connection, link)? else {
        return Ok(());
    };
    let mut memory = memory(connection, &row)?;
    let read = &mut memory.sides[side];
    (read.cursor, read.full_scan_at) = (None, None);
    (read.sweep, read.catch_up) = (None, None);
    let memory = serde_json::to_string(&memory)?;
    connection.execute(
        "UPDATE _sync_links SET memory = ?2 WHERE id = ?1",
        (row.id, memory),
    )?;
    Ok(())
}

/// Reads a link, making it where it is not there.
pub(crate) fn load_or_create(connection: &Connection, link: &LinkId) -> Result<LinkRow> {
    connection.execute(
        "INSERT INTO _sync_links(name) SELECT ?1
         WHERE NOT EXISTS (SELECT 1 FROM _sync_links WHERE name = ?1)",
        [link.as_str()],
    )?;
    load(connection, link)?.ok_or_else(|| corrupt("a link is missing"))
}

/// Refuses a link that was made for other places.
pub(crate) fn check_places(row: &LinkRow, spec: &LinkSpec) -> Result<()> {
    for side in Side::BOTH {
        if let Some(expected) = &row.places[side]
            && expected != spec.places[side].as_str()
        {
            return Err(StoreError::Copied {
                expected: expected.clone(),
                found: spec.places[side].to_string(),
            }
            .into());
        }
    }
    Ok(())
}

/// Remembers places and names of a link.
pub(crate) fn store_spec(connection: &Connection, row: &LinkRow, spec: &LinkSpec) -> Result<()> {
    let [left, right] = labels(&spec.names);
    connection.execute(
        "UPDATE _sync_links SET left_place = ?2, right_place = ?3, left_label = ?4, right_label = ?5
         WHERE id = ?1",
        (
            row.id,
            spec.places.left.as_str(),
            spec.places.right.as_str(),
            left,
            right,
        ),
    )?;
    Ok(())
}

/// The sides' names as people write them in SQL: lower case, and two different ones.
fn labels(names: &Sides<String>) -> [String; 2] {
    let clean = |name: &str, other: &str| {
        let name = name.trim().to_lowercase();
        if name.is_empty() || TAKEN.contains(&name.as_str()) {
            format!("{name}{other}")
        } else {
            name
        }
    };
    let left = clean(&names.left, "_left");
    let mut right = clean(&names.right, "_right");
    if left == right {
        right.push_str("_2");
    }
    [left, right]
}

/// Columns of the view `conflicts` beside the sides.
const TAKEN: [&str; 9] = [
    "id",
    "table",
    "_row",
    "_id",
    "title",
    "field",
    "base",
    "opened_at",
    "resolution",
];
