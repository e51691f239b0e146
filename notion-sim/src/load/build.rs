//! Making objects of sights, and making up what the recordings only hint at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::LoadReport;
use super::sights::{Sight, Sights};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::cell::Cell;
use crate::model::container::{DataSource, Database};
use crate::model::emoji::CustomEmoji;
use crate::model::kind::Kind;
use crate::model::property::{self, Property};
use crate::model::row::{Parent, Row};
use crate::model::upload::Upload;
use crate::state::parent_of;
use crate::value::reference::bare_url;

/// Adds the objects to the workspace.
pub(super) fn build(world: &mut World, sights: Sights, report: &mut LoadReport) {
    if let Some(bot) = sights.bot {
        world.users.remove(&world.bot);
        world.bot = bot;
    }
    let person = sights
        .users
        .iter()
        .find(|(_, s)| s.object["type"] == "person");
    if let Some((id, _)) = person {
        world.users.remove(&world.person);
        world.person = *id;
    }
    for (id, sight) in sights.users {
        let mut user = sight.object;
        if let Some(user) = user.as_object_mut() {
            user.remove("request_id");
        }
        world.users.insert(id, user);
        report.objects += 1;
    }
    for emoji in &sights.emojis {
        let text = |key: &str| emoji[key].as_str().unwrap_or_default().to_owned();
        if let Some(id) = parse_id(&text("id")) {
            world.add_emoji(CustomEmoji {
                id,
                name: text("name"),
                url: text("url"),
            });
        }
    }
    uploads(world, sights.uploads, report);
    let mut with_schema = Vec::new();
    for (id, sight) in sights.databases {
        match database(world, id, &sight.object) {
            Ok(database) => {
                world.insert_database(database);
                report.objects += 1;
                if sight.object.get("properties").is_some() {
                    with_schema.push((id, sight.object));
                }
            }
            Err(reason) => report.skip(&sight.file, sight.line, format!("database {id}: {reason}")),
        }
    }
    for (id, sight) in sights.data_sources {
        match data_source(world, id, &sight.object) {
            Ok(source) => {
                adopt(world, source);
                report.objects += 1;
            }
            Err(reason) => {
                report.skip(
                    &sight.file,
                    sight.line,
                    format!("data source {id}: {reason}"),
                );
            }
        }
    }
    for (id, seen) in with_schema {
        split_database(world, id, &seen);
    }
    let mut pages: Vec<(Uuid, Sight)> = sights.pages.into_iter().collect();
    pages.sort_by_key(|(_, sight)| sight.place);
    let mut made_up = BTreeSet::new();
    for (id, sight) in pages {
        match page(world, &mut made_up, id, &sight.object) {
            Ok(row) => {
                world.insert_row(row);
                report.objects += 1;
            }
            Err(reason) => report.skip(&sight.file, sight.line, format!("page {id}: {reason}")),
        }
    }
}

/// Lists show the newest first, requests make the oldest first.
fn uploads(world: &mut World, seen: BTreeMap<Uuid, Sight>, report: &mut LoadReport) {
    let mut seen: Vec<Sight> = seen.into_values().collect();
    let time = |sight: &Sight| sight.object["created_time"].as_str().map(str::to_owned);
    seen.sort_by_key(|sight| (time(sight), sight.line, std::cmp::Reverse(sight.place)));
    for sight in seen {
        match Upload::from_wire(&sight.object) {
            Some(upload) => {
                world.add_upload(upload);
                report.objects += 1;
            }
            None => report.skip(&sight.file, sight.line, "not a whole file upload"),
        }
    }
}

/// A database seen before databases had data sources carries the schema itself: its one data source
/// takes the database's id, unless one is known.
fn split_database(world: &mut World, id: Uuid, seen: &Value) {
    if data_source_of(world, id).is_some() {
        return;
    }
    let mut object = seen.clone();
    object["parent"] = json!({"type": "database_id", "database_id": id.to_string()});
    if let Ok(mut source) = data_source(world, id, &object) {
        // What is left belongs to the database.
        source.extra = Map::new();
        adopt(world, source);
    }
    if let Some(database) = world.databases.get_mut(&id) {
        database.extra.remove("properties");
    }
}

/// The first data source of a database.
fn data_source_of(world: &World, database: Uuid) -> Option<Uuid> {
    let sources = world.data_sources.values();
    sources
        .filter(|source| source.database == database)
        .map(|source| source.id)
        .next()
}

/// Puts a data source into its database, which is made up when it was never seen.
fn adopt(world: &mut World, source: DataSource) {
    let (now, id) = (world.now, source.id);
    let database = world.databases.entry(source.database).or_insert_with(|| {
        let mut database = Database::new(source.database, Parent::Workspace, now);
        database.created = source.created;
        database.edited = source.edited;
        database.title = source.title.clone();
        database.in_trash = source.in_trash;
        database
    });
    if !database.data_sources.contains(&id) {
        database.data_sources.push(id);
    }
    let container = source.database;
    world.data_sources.insert(id, source);
    world.add_first_view(container, id);
}

fn time(object: &Value, key: &str) -> Option<Timestamp> {
    object[key].as_str()?.parse().ok()
}

fn user(object: &Value, key: &str) -> Option<Uuid> {
    object[key]["id"].as_str().and_then(parse_id)
}

fn flag(object: &Value, key: &str) -> bool {
    object[key].as_bool().unwrap_or(false)
}

fn trashed(object: &Value) -> bool {
    object["in_trash"]
        .as_bool()
        .or(object["archived"].as_bool())
        .unwrap_or(false)
}

fn list(object: &Value, key: &str) -> Value {
    match &object[key] {
        Value::Array(_) => object[key].clone(),
        _ => json!([]),
    }
}

/// Fields that have no place of their own.
fn extra(object: &Value, known: &[&str]) -> Map<String, Value> {
    let always = ["object", "id", "request_id", "archived", "in_trash"];
    object
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !known.contains(&key.as_str()) && !always.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn database(world: &World, id: Uuid, seen: &Value) -> Result<Database, String> {
    if seen.get("title").is_none() {
        return Err("only its id was seen".into());
    }
    let created = time(seen, "created_time").unwrap_or(world.now);
    let mut database = Database::new(id, parent_of(&seen["parent"]), created);
    database.edited = time(seen, "last_edited_time").unwrap_or(created);
    database.title = list(seen, "title");
    database.description = list(seen, "description");
    database.is_inline = flag(seen, "is_inline");
    database.in_trash = trashed(seen);
    database.is_locked = flag(seen, "is_locked");
    database.icon = seen["icon"].clone();
    database.cover = seen["cover"].clone();
    if let Some(url) = seen["url"].as_str() {
        database.url = url.into();
    }
    database.public_url = seen["public_url"].clone();
    database.extra = extra(
        seen,
        &[
            "title",
            "description",
            "parent",
            "is_inline",
            "is_locked",
            "created_time",
            "last_edited_time",
            "data_sources",
            "icon",
            "cover",
            "url",
            "public_url",
        ],
    );
    Ok(database)
}

fn data_source(world: &World, id: Uuid, seen: &Value) -> Result<DataSource, String> {
    let Some(properties) = seen["properties"].as_object() else {
        return Err("seen without a schema".into());
    };
    let database = seen["parent"]["database_id"].as_str().and_then(parse_id);
    let created = time(seen, "created_time").unwrap_or(world.now);
    let author = user(seen, "created_by").unwrap_or(world.bot);
    // A database id is needed to serve the object; the data source's own is as good as any.
    let mut source = DataSource::new(id, database.unwrap_or(id), created, author);
    source.edited = time(seen, "last_edited_time").unwrap_or(created);
    source.edited_by = user(seen, "last_edited_by").unwrap_or(author);
    source.title = list(seen, "title");
    source.description = list(seen, "description");
    source.is_inline = flag(seen, "is_inline");
    source.in_trash = trashed(seen);
    source.icon = seen["icon"].clone();
    source.cover = seen["cover"].clone();
    if let Some(url) = seen["url"].as_str() {
        source.url = url.into();
    }
    source.public_url = seen["public_url"].clone();
    source.schema = properties
        .iter()
        .filter_map(|(name, wire)| Property::from_wire(name, wire))
        .collect();
    source.extra = extra(
        seen,
        &[
            "title",
            "description",
            "parent",
            "database_parent",
            "is_inline",
            "created_time",
            "last_edited_time",
            "created_by",
            "last_edited_by",
            "properties",
            "icon",
            "cover",
            "url",
            "public_url",
        ],
    );
    Ok(source)
}

fn page(
    world: &mut World,
    made_up: &mut BTreeSet<Uuid>,
    id: Uuid,
    seen: &Value,
) -> Result<Row, String> {
    let Some(properties) = seen["properties"].as_object() else {
        return Err("only its id was seen".into());
    };
    let Some(parent) = seen.get("parent") else {
        return Err("seen without a parent".into());
    };
    let parent = match (parent_of(parent), parent["database_id"].as_str()) {
        // Before databases had data sources, the database was the parent.
        (Parent::Other(_), Some(database)) => {
            let database = parse_id(database).ok_or("its parent's id is not a UUID")?;
            Parent::DataSource(data_source_of(world, database).unwrap_or(database))
        }
        (parent, _) => parent,
    };
    let created = time(seen, "created_time").unwrap_or(world.now);
    let author = user(seen, "created_by").unwrap_or(world.bot);
    if let Parent::DataSource(source) = parent {
        make_up_schema(world, made_up, source, seen, properties);
    }
    let mut row = Row::new(id, parent, created, author);
    row.edited = time(seen, "last_edited_time").unwrap_or(created);
    // Recordings lie in the past: an index has caught up with them.
    row.version_at = Timestamp::MIN;
    row.edited_by = user(seen, "last_edited_by").unwrap_or(author);
    row.icon = seen["icon"].clone();
    row.cover = seen["cover"].clone();
    row.in_trash = trashed(seen);
    row.is_archived = flag(seen, "is_archived");
    row.is_locked = flag(seen, "is_locked");
    row.url = seen["url"].as_str().unwrap_or_default().into();
    row.public_url = seen["public_url"].clone();
    row.extra = extra(
        seen,
        &[
            "parent",
            "created_time",
            "last_edited_time",
            "created_by",
            "last_edited_by",
            "icon",
            "cover",
            "is_archived",
            "is_locked",
            "url",
            "public_url",
            "properties",
        ],
    );
    let mut has_hosted_files = false;
    let mut highest = 0;
    for wire in properties.values() {
        let (Some(property_id), Some(kind)) = (wire["id"].as_str(), wire["type"].as_str()) else {
            continue;
        };
        let kind = Kind::parse(kind);
        if kind.is_bookkeeping() {
            continue;
        }
        let inner = bare_files(&kind, wire[kind.as_str()].clone());
        highest = highest.max(
            inner["number"]
                .as_u64()
                .filter(|_| kind == Kind::UniqueId)
                .unwrap_or(0),
        );
        let cell = Cell::new(property_id, &kind, &inner);
        has_hosted_files |= cell.hosted_files;
        row.cells.push((property_id.into(), cell));
    }
    if let Parent::DataSource(source) = &row.parent
        && let Some(source) = world.data_sources.get_mut(source)
    {
        source.next_number = source.next_number.max(highest + 1);
    }
    has_hosted_files |= [&row.icon, &row.cover]
        .iter()
        .any(|picture| picture["type"] == "file");
    if !has_hosted_files {
        row.as_loaded = as_loaded(seen, row.in_trash);
    }
    Ok(row)
}

/// The object as it was seen, ready to be continued with `archived` and the closing brace.
fn as_loaded(seen: &Value, in_trash: bool) -> Option<Box<str>> {
    let mut object = seen.as_object()?.clone();
    object.remove("request_id");
    object.remove("archived");
    object.insert("in_trash".into(), json!(in_trash));
    let text = Value::Object(object).to_string();
    Some(text.strip_suffix('}')?.into())
}

fn bare_files(kind: &Kind, mut inner: Value) -> Value {
    if *kind == Kind::Files {
        for file in inner.as_array_mut().into_iter().flatten() {
            if let Some(url) = file["file"]["url"].as_str() {
                let bare = bare_url(url).to_owned();
                file["file"] = json!({"url": bare});
            }
        }
    }
    inner
}

/// Gives a data source that was never seen itself the columns that its pages show.
fn make_up_schema(
    world: &mut World,
    made_up: &mut BTreeSet<Uuid>,
    id: Uuid,
    seen: &Value,
    properties: &Map<String, Value>,
) {
    if !world.data_sources.contains_key(&id) {
        made_up.insert(id);
        let database = seen["parent"]["database_id"].as_str().and_then(parse_id);
        let mut source = DataSource::new(id, database.unwrap_or(id), world.now, world.bot);
        source.created = time(seen, "created_time").unwrap_or(world.now);
        source.edited = source.created;
        adopt(world, source);
    }
    let Some(source) = world.data_sources.get_mut(&id) else {
        return;
    };
    if !made_up.contains(&id) {
        return;
    }
    for (name, wire) in properties {
        let (Some(property_id), Some(kind)) = (wire["id"].as_str(), wire["type"].as_str()) else {
            continue;
        };
        let kind = Kind::parse(kind);
        let inner = &wire[kind.as_str()];
        let at = match property::find(&source.schema, property_id) {
            Some(at) => at,
            None => {
                let config = if kind.has_options() {
                    json!({"options": []})
                } else {
                    json!({})
                };
                source
                    .schema
                    .push(Property::new(property_id, name, kind.clone(), config));
                source.schema.len() - 1
            }
        };
        let options: Vec<Value> = match inner {
            Value::Array(options) => options.clone(),
            Value::Object(_) => vec![inner.clone()],
            _ => Vec::new(),
        };
        if kind.has_options() {
            add_options(&mut source.schema[at], options);
        }
    }
}

fn add_options(property: &mut Property, seen: Vec<Value>) {
    let Some(options) = property.config["options"].as_array_mut() else {
        return;
    };
    for mut option in seen.into_iter().filter(Value::is_object) {
        if options.iter().all(|known| known["id"] != option["id"]) {
            option["description"] = Value::Null;
            options.push(option);
        }
    }
}
