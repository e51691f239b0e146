//! The whole workspace as one JSON document, and back. The document is for this simulator only.

mod access;
mod files;
mod views;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::ApiResult;
use crate::front::Simulation;
use crate::hook::Hooks;
use crate::ids::parse_id;
use crate::model::World;
use crate::model::block::Block;
use crate::model::block_kind;
use crate::model::cell::Cell;
use crate::model::comment::Comment;
use crate::model::container::{DataSource, Database};
use crate::model::property::{self, Property};
use crate::model::row::{Parent, Row, parent_wire};

/// Why a state document could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the state document is not readable at `{field}`")]
pub struct StateError {
    field: &'static str,
}

fn missing(field: &'static str) -> StateError {
    StateError { field }
}

/// Everything a document needs, taken quickly so that the simulator need not wait while it is
/// written out.
pub(crate) struct Snapshot {
    document: Value,
    schemas: BTreeMap<Uuid, Vec<Property>>,
    /// With the sequence of each page.
    pages: Vec<(u64, Arc<Row>)>,
}

impl Snapshot {
    pub(crate) fn take(simulation: &Simulation) -> Self {
        let world = &simulation.world;
        let clock = match simulation.clock {
            Clock::Real => Value::Null,
            Clock::Virtual(at) => json!(at.to_string()),
        };
        let mut document = json!({
            "format": 1,
            "clock": clock,
            "ids": world.ids,
            "knobs": world.knobs,
            "bot": world.bot.to_string(),
            "person": world.person.to_string(),
            "next_seq": world.next_seq,
            "unshared": world.unshared.iter().map(Uuid::to_string).collect::<Vec<_>>(),
            "tokens": world.access.tokens,
            "users": world.users.values().collect::<Vec<_>>(),
            "databases": world.databases.values().map(dump_database).collect::<Vec<_>>(),
            "data_sources": world.data_sources.values().map(dump_source).collect::<Vec<_>>(),
            "blocks": world.blocks.known.values().map(dump_block).collect::<Vec<_>>(),
            "children": dump_children(&world.blocks.children),
            "comments": world.comments.iter().map(dump_comment).collect::<Vec<_>>(),
        });
        files::dump(world, &mut document);
        access::dump(world, &mut document);
        views::dump(world, &mut document);
        let sources = world.data_sources.values();
        let pages = world.pages.values();
        Self {
            document,
            schemas: sources.map(|s| (s.id, s.schema.clone())).collect(),
            pages: pages
                .map(|page| (page.seq, Arc::clone(page.row())))
                .collect(),
        }
    }

    /// The document.
    pub(crate) fn into_document(mut self) -> Value {
        self.pages.sort_by_key(|(seq, _)| *seq);
        let pages = self.pages.iter().map(|(seq, row)| {
            let schema = match &row.parent {
                Parent::DataSource(id) => self.schemas.get(id).map(Vec::as_slice),
                _ => None,
            };
            dump_page(schema.unwrap_or(property::title_only()), *seq, row)
        });
        let pages: Vec<Value> = pages.collect();
        self.document["pages"] = Value::Array(pages);
        self.document
    }
}

/// The document.
pub(crate) fn dump(simulation: &Simulation) -> Value {
    Snapshot::take(simulation).into_document()
}

fn dump_database(database: &Database) -> Value {
    let mut wire = database.to_wire(Vec::new());
    wire["data_sources"] = json!(
        database
            .data_sources
            .iter()
            .map(Uuid::to_string)
            .collect::<Vec<_>>()
    );
    wire["is_linked"] = json!(database.is_linked);
    wire["extra"] = json!(database.extra);
    wire["created"] = json!(database.created.to_string());
    wire["edited"] = json!(database.edited.to_string());
    wire
}

fn dump_source(source: &DataSource) -> Value {
    let mut wire = source.to_wire(Value::Null);
    // A list keeps the order of the columns.
    wire["properties"] = json!(
        source
            .schema
            .iter()
            .map(Property::to_wire)
            .collect::<Vec<_>>()
    );
    wire["extra"] = json!(source.extra);
    wire["created"] = json!(source.created.to_string());
    wire["edited"] = json!(source.edited.to_string());
    wire["next_number"] = json!(source.next_number);
    wire
}

fn dump_page(schema: &[Property], seq: u64, row: &Row) -> Value {
    let cells: Map<String, Value> = row
        .cells
        .iter()
        .filter_map(|(id, cell)| {
            let at = property::find(schema, id)?;
            Some((id.to_string(), cell.inner(&schema[at].kind)))
        })
        .collect();
    json!({
        "id": row.id.to_string(), "seq": seq,
        "created": row.created.to_string(), "edited": row.edited.to_string(),
        "version_at": row.version_at.to_string(),
        "created_by": row.created_by.to_string(), "edited_by": row.edited_by.to_string(),
        "parent": parent_wire(&row.parent, None), "icon": row.icon, "cover": row.cover,
        "in_trash": row.in_trash, "is_archived": row.is_archived, "is_locked": row.is_locked,
        "url": row.url, "public_url": row.public_url, "extra": row.extra, "cells": cells,
        "as_loaded": row.as_loaded,
    })
}

fn dump_block(block: &Block) -> Value {
    json!({
        "id": block.id.to_string(), "parent": block.parent.to_string(),
        "type": block.kind.name, "inner": block.inner,
        "created": block.created.to_string(), "edited": block.edited.to_string(),
        "created_by": block.created_by.to_string(), "edited_by": block.edited_by.to_string(),
        "in_trash": block.in_trash,
    })
}

fn dump_children(children: &BTreeMap<Uuid, Vec<Uuid>>) -> BTreeMap<String, Vec<String>> {
    let held = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect();
    let children = children.iter();
    children
        .map(|(id, ids)| (id.to_string(), held(ids)))
        .collect()
}

fn dump_comment(comment: &Comment) -> Value {
    json!({
        "id": comment.id.to_string(), "discussion": comment.discussion.to_string(),
        "about": comment.about.to_string(), "author": comment.author.to_string(),
        "created": comment.created.to_string(), "edited": comment.edited.to_string(),
        "rich_text": comment.rich_text, "display_name": comment.display_name,
        "attachments": comment.attachments,
    })
}

/// Replaces the state by a document's.
pub(crate) fn restore(simulation: &mut Simulation, document: &Value) -> Result<(), StateError> {
    if document["format"] != 1 {
        return Err(missing("format"));
    }
    let mut world = World::new(0, simulation.clock.now());
    world.index_lag = simulation.world.index_lag;
    world.base_url.clone_from(&simulation.world.base_url);
    world.serves_itself = simulation.world.serves_itself;
    world.result_cap = simulation.world.result_cap;
    world.ids = read(document, "ids")?;
    world.knobs = read(document, "knobs")?;
    world.bot = id(document, "bot")?;
    world.person = id(document, "person")?;
    world.next_seq = document["next_seq"]
        .as_u64()
        .ok_or_else(|| missing("next_seq"))?;
    world.unshared = items(document, "unshared")
        .filter_map(|id| id.as_str().and_then(parse_id))
        .collect();
    world.users = items(document, "users")
        .filter_map(|user| Some((parse_id(user["id"].as_str()?)?, user.clone())))
        .collect();
    for wire in items(document, "databases") {
        let database = restore_database(wire)?;
        world.insert_database(database);
    }
    for wire in items(document, "data_sources") {
        let source = restore_source(wire)?;
        world.data_sources.insert(source.id, source);
    }
    for wire in items(document, "pages") {
        restore_page(&mut world, wire)?;
    }
    for wire in items(document, "blocks") {
        let block = restore_block(wire)?;
        world.blocks.known.insert(block.id, block);
    }
    // A document from before there were blocks says only which page is in which.
    if document.get("children").is_some() {
        world.blocks.children = restore_children(document)?;
    }
    for wire in items(document, "comments") {
        world.comments.push(restore_comment(wire)?);
    }
    files::restore(&mut world, document)?;
    access::restore(&mut world, document)?;
    views::restore(&mut world, document)?;
    if let Some(at) = document["clock"].as_str() {
        simulation.clock = Clock::Virtual(at.parse().map_err(|_| missing("clock"))?);
    }
    world.access.tokens = std::mem::take(&mut simulation.world.access.tokens);
    if let Ok(tokens) = read::<BTreeMap<String, bool>>(document, "tokens") {
        for (token, valid) in tokens {
            world.set_token(&token, valid);
        }
    }
    world.hooks = std::mem::replace(&mut simulation.world.hooks, Hooks::new(0));
    simulation.world = world;
    Ok(())
}

fn items<'v>(document: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    document[field].as_array().into_iter().flatten()
}

fn read<T: serde::de::DeserializeOwned>(
    from: &Value,
    field: &'static str,
) -> Result<T, StateError> {
    T::deserialize(&from[field]).map_err(|_| missing(field))
}

fn id(from: &Value, field: &'static str) -> Result<Uuid, StateError> {
    from[field]
        .as_str()
        .and_then(parse_id)
        .ok_or_else(|| missing(field))
}

fn time(from: &Value, field: &'static str) -> Result<Timestamp, StateError> {
    from[field]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| missing(field))
}

fn flag(from: &Value, field: &str) -> bool {
    from[field].as_bool().unwrap_or(false)
}

fn text(from: &Value, field: &str) -> String {
    from[field].as_str().unwrap_or_default().to_owned()
}

/// Reads a `parent` object.
pub(crate) fn parent_of(wire: &Value) -> Parent {
    let id = |key: &str| wire[key].as_str().and_then(parse_id);
    if let Some(source) = id("data_source_id") {
        Parent::DataSource(source)
    } else if let (Some("page_id"), Some(page)) = (wire["type"].as_str(), id("page_id")) {
        Parent::Page(page)
    } else if wire["type"] == "workspace" {
        Parent::Workspace
    } else {
        Parent::Other(wire.clone())
    }
}

fn restore_database(wire: &Value) -> Result<Database, StateError> {
    let mut database = Database::new(
        id(wire, "id")?,
        parent_of(&wire["parent"]),
        time(wire, "created")?,
    );
    database.edited = time(wire, "edited")?;
    database.title = wire["title"].clone();
    database.description = wire["description"].clone();
    database.is_inline = flag(wire, "is_inline");
    database.is_linked = flag(wire, "is_linked");
    database.in_trash = flag(wire, "in_trash");
    database.is_locked = flag(wire, "is_locked");
    database.icon = wire["icon"].clone();
    database.cover = wire["cover"].clone();
    database.url = text(wire, "url");
    database.public_url = wire["public_url"].clone();
    database.extra = wire["extra"].as_object().cloned().unwrap_or_default();
    database.data_sources = items(wire, "data_sources")
        .filter_map(|id| id.as_str().and_then(parse_id))
        .collect();
    Ok(database)
}

fn restore_source(wire: &Value) -> Result<DataSource, StateError> {
    let database = id(&wire["parent"], "database_id")?;
    let author = id(&wire["created_by"], "id")?;
    let mut source = DataSource::new(id(wire, "id")?, database, time(wire, "created")?, author);
    source.edited = time(wire, "edited")?;
    source.edited_by = id(&wire["last_edited_by"], "id")?;
    source.title = wire["title"].clone();
    source.description = wire["description"].clone();
    source.is_inline = flag(wire, "is_inline");
    source.in_trash = flag(wire, "in_trash");
    source.icon = wire["icon"].clone();
    source.cover = wire["cover"].clone();
    source.url = text(wire, "url");
    source.public_url = wire["public_url"].clone();
    source.extra = wire["extra"].as_object().cloned().unwrap_or_default();
    source.next_number = wire["next_number"].as_u64().unwrap_or(1);
    source.schema = items(wire, "properties")
        .filter_map(|property| Property::from_wire(property["name"].as_str()?, property))
        .collect();
    Ok(source)
}

fn restore_page(world: &mut World, wire: &Value) -> Result<(), StateError> {
    let mut row = Row::new(
        id(wire, "id")?,
        parent_of(&wire["parent"]),
        time(wire, "created")?,
        id(wire, "created_by")?,
    );
    row.edited = time(wire, "edited")?;
    row.version_at = time(wire, "version_at")?;
    row.edited_by = id(wire, "edited_by")?;
    row.icon = wire["icon"].clone();
    row.cover = wire["cover"].clone();
    row.in_trash = flag(wire, "in_trash");
    row.is_archived = flag(wire, "is_archived");
    row.is_locked = flag(wire, "is_locked");
    row.url = text(wire, "url");
    row.public_url = wire["public_url"].clone();
    row.extra = wire["extra"].as_object().cloned().unwrap_or_default();
    row.as_loaded = wire["as_loaded"].as_str().map(Into::into);
    for (id, inner) in wire["cells"].as_object().into_iter().flatten() {
        let schema = world.schema_of(&row);
        if let Some(at) = property::find(schema, id) {
            let property = &schema[at];
            let cell = Cell::new(&property.id, &property.kind, inner);
            row.cells.push((id.as_str().into(), cell));
        }
    }
    let seq = wire["seq"].as_u64().ok_or_else(|| missing("seq"))?;
    let next = std::mem::replace(&mut world.next_seq, seq);
    world.insert_row(row);
    world.next_seq = next;
    Ok(())
}

fn restore_block(wire: &Value) -> Result<Block, StateError> {
    let kind = wire["type"].as_str().and_then(block_kind::find);
    Ok(Block {
        id: id(wire, "id")?,
        parent: id(wire, "parent")?,
        kind: kind.ok_or_else(|| missing("type"))?,
        inner: wire["inner"].as_object().cloned().unwrap_or_default(),
        created: time(wire, "created")?,
        edited: time(wire, "edited")?,
        created_by: id(wire, "created_by")?,
        edited_by: id(wire, "edited_by")?,
        in_trash: flag(wire, "in_trash"),
    })
}

fn restore_children(document: &Value) -> Result<BTreeMap<Uuid, Vec<Uuid>>, StateError> {
    let children: BTreeMap<String, Vec<String>> = read(document, "children")?;
    let id = |text: &String| parse_id(text).ok_or_else(|| missing("children"));
    children
        .iter()
        .map(|(parent, held)| Ok((id(parent)?, held.iter().map(id).collect::<Result<_, _>>()?)))
        .collect()
}

fn restore_comment(wire: &Value) -> Result<Comment, StateError> {
    Ok(Comment {
        id: id(wire, "id")?,
        discussion: id(wire, "discussion")?,
        about: id(wire, "about")?,
        created: time(wire, "created")?,
        edited: time(wire, "edited")?,
        author: id(wire, "author")?,
        rich_text: wire["rich_text"].clone(),
        display_name: wire["display_name"].clone(),
        attachments: items(wire, "attachments").cloned().collect(),
    })
}

/// A page in the shape the API gives it, for the embedding program.
pub(crate) fn page_wire(world: &World, id: Uuid) -> ApiResult<Value> {
    world
        .pages
        .get(&id)
        .map(|page| world.page_value(page.row()))
        .ok_or_else(|| world.not_found("page", &id.to_string()))
}
