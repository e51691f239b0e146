//! Databases and data sources: create, retrieve, update.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, filter_properties, flag, object_field, only, parent};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::container::{DataSource, Database};
use crate::value::picture::Picture;
use crate::value::rich_text;

/// `GET /v1/databases/{id}`
pub(crate) fn retrieve_database(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let wire = world.database_wire(own_database(world, id)?, call.version);
    Ok(Answer::read(wire.to_string()))
}

/// A database that has data sources of its own: of others the API does not speak.
fn own_database(world: &World, id: Uuid) -> ApiResult<&Database> {
    let database = world.database(id)?;
    match database.is_linked {
        true => Err(ApiError::validation(
            "Database retrievals do not support linked databases.",
        )),
        false => Ok(database),
    }
}

/// `POST /v1/databases`
pub(crate) fn create_database(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "parent",
            "title",
            "description",
            "is_inline",
            "initial_data_source",
            "icon",
            "cover",
        ],
    )?;
    let place = parent(world, call.body)?;
    let initial = object_field(call.body, "initial_data_source")?.unwrap_or_default();
    let properties = match initial.get("properties") {
        None => default_schema(),
        Some(Value::Object(properties)) => properties.clone(),
        other => {
            return Err(ApiError::body(
                "body.initial_data_source.properties",
                "an object",
                other,
            ));
        }
    };
    let schema_path = "body.initial_data_source.properties";
    world.check_schema(schema_path, &properties)?;
    let title = text(call.body, "title")?.unwrap_or_else(|| json!([]));
    let [icon, cover] = pictures(world, call.body)?;
    let id = world.ids.next_uuid();
    let mut database = Database::new(id, place, world.now);
    database.title = title.clone();
    database.description = text(call.body, "description")?.unwrap_or_else(|| json!([]));
    database.is_inline = flag(call.body, "is_inline")?.unwrap_or(false);
    database.icon = icon.unwrap_or_default().settle(world);
    database.cover = cover.unwrap_or_default().settle(world);
    let (is_inline, description) = (database.is_inline, database.description.clone());
    world.insert_database(database);
    let source = add_data_source(world, id, title, schema_path, &properties)?;
    if let Some(source) = world.data_sources.get_mut(&source) {
        source.is_inline = is_inline;
        source.description = description;
    }
    let answer = retrieve_database(world, id, call)?;
    Ok(Answer::saved(answer.body, id))
}

fn default_schema() -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("Name".into(), json!({"title": {}}));
    schema
}

/// `PATCH /v1/databases/{id}`
pub(crate) fn update_database(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "parent",
            "title",
            "description",
            "is_inline",
            "icon",
            "cover",
            "in_trash",
            "archived",
            "is_locked",
        ],
    )?;
    let in_trash = call.version.trash_flag(call.body)?;
    if own_database(world, id)?.in_trash && in_trash != Some(false) {
        return Err(ApiError::in_trash());
    }
    let moved = match call.body.get("parent") {
        Some(_) => Some(parent(world, call.body)?),
        None => None,
    };
    let title = text(call.body, "title")?;
    let description = text(call.body, "description")?;
    let (is_inline, is_locked) = (flag(call.body, "is_inline")?, flag(call.body, "is_locked")?);
    let [icon, cover] = pictures(world, call.body)?;
    if let Some(flag) = in_trash {
        trash_database(world, id, flag)?;
    }
    let icon = icon.map(|icon| icon.settle(world));
    let cover = cover.map(|cover| cover.settle(world));
    let now = world.now;
    if let Some(only) = only_source(world, id)
        && let Some(source) = world.data_sources.get_mut(&only)
    {
        share(&mut source.title, title.as_ref());
        share(&mut source.description, description.as_ref());
    }
    if let Some(database) = world.databases.get_mut(&id) {
        database.edited = now;
        database.parent = moved.unwrap_or_else(|| database.parent.clone());
        database.title = title.unwrap_or_else(|| database.title.clone());
        database.description = description.unwrap_or_else(|| database.description.clone());
        database.is_inline = is_inline.unwrap_or(database.is_inline);
        database.is_locked = is_locked.unwrap_or(database.is_locked);
        database.icon = icon.unwrap_or_else(|| database.icon.clone());
        database.cover = cover.unwrap_or_else(|| database.cover.clone());
    }
    world.revision += 1;
    let answer = retrieve_database(world, id, call)?;
    Ok(Answer::saved(answer.body, id))
}

/// Moves a database with its data sources into the trash, or back.
pub(crate) fn trash_database(world: &mut World, id: Uuid, in_trash: bool) -> ApiResult<()> {
    if world.database(id)?.in_trash && in_trash {
        return Err(ApiError::in_trash());
    }
    let now = world.now;
    let mut sources = Vec::new();
    if let Some(database) = world.databases.get_mut(&id) {
        database.in_trash = in_trash;
        database.edited = now;
        sources.clone_from(&database.data_sources);
    }
    let bot = world.bot;
    let kind = match in_trash {
        true => "database.deleted",
        false => "database.undeleted",
    };
    world.happened(kind, id, bot, json!({}));
    for source in &sources {
        source_trashed(world, *source, in_trash);
    }
    for source in sources {
        if let Some(source) = world.data_sources.get_mut(&source) {
            source.in_trash = in_trash;
            source.touch(now);
        }
    }
    world.revision += 1;
    Ok(())
}

fn source_trashed(world: &mut World, id: Uuid, in_trash: bool) {
    let kind = match in_trash {
        true => "data_source.deleted",
        false => "data_source.undeleted",
    };
    world.happened(kind, id, world.bot, json!({}));
}

/// `GET /v1/data_sources/{id}`
pub(crate) fn retrieve_data_source(
    world: &mut World,
    id: Uuid,
    call: &Call<'_>,
) -> ApiResult<Answer> {
    let wire = world.data_source_wire(world.data_source(id)?, call.version);
    Ok(Answer::read(wire.to_string()))
}

/// `POST /v1/data_sources/{id}/query`
pub(crate) fn query(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let shown = filter_properties(call.query);
    crate::query::run::query(world, id, call.body, &shown, call.version).map(Answer::read)
}

/// `POST /v1/data_sources`
pub(crate) fn create_data_source(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["parent", "properties", "title", "icon"])?;
    let path = "body.parent.database_id";
    let given = call
        .body
        .get("parent")
        .and_then(|parent| parent.get("database_id"));
    let database = match given.and_then(Value::as_str).map(parse_id) {
        Some(Some(id)) => id,
        Some(None) => return Err(ApiError::body(path, "a valid uuid", given)),
        None => return Err(ApiError::body(path, "defined", given)),
    };
    if own_database(world, database)?.in_trash {
        return Err(ApiError::in_trash());
    }
    let properties = object_field(call.body, "properties")?
        .ok_or_else(|| ApiError::body("body.properties", "defined", None))?;
    world.check_schema("body.properties", &properties)?;
    let title = text(call.body, "title")?.unwrap_or_else(|| json!([]));
    let [icon, _] = pictures(world, call.body)?;
    let id = add_data_source(world, database, title, "body.properties", &properties)?;
    let icon = icon.unwrap_or_default().settle(world);
    if let Some(source) = world.data_sources.get_mut(&id) {
        source.icon = icon;
    }
    let answer = retrieve_data_source(world, id, call)?;
    Ok(Answer::saved(answer.body, id))
}

/// Adds a data source to a database that is there.
pub(crate) fn add_data_source(
    world: &mut World,
    to: Uuid,
    title: Value,
    path: &str,
    properties: &Map<String, Value>,
) -> ApiResult<Uuid> {
    let id = world.ids.next_uuid();
    let mut source = DataSource::new(id, to, world.now, world.bot);
    source.title = title;
    world.data_sources.insert(id, source);
    if let Some(database) = world.databases.get_mut(&to) {
        database.data_sources.push(id);
    }
    world.init_schema(id, path, properties)?;
    world.happened("data_source.created", id, world.bot, json!({}));
    world.add_first_view(to, id);
    Ok(id)
}

/// `PATCH /v1/data_sources/{id}`
pub(crate) fn update_data_source(
    world: &mut World,
    id: Uuid,
    call: &Call<'_>,
) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "title",
            "description",
            "icon",
            "properties",
            "in_trash",
            "archived",
            "parent",
        ],
    )?;
    let in_trash = call.version.trash_flag(call.body)?;
    if world.data_source(id)?.in_trash && in_trash != Some(false) {
        return Err(ApiError::in_trash());
    }
    let title = text(call.body, "title")?;
    let description = text(call.body, "description")?;
    let target = match call.body.get("parent") {
        None => None,
        Some(given) => {
            let target = given["database_id"].as_str().and_then(parse_id);
            let target = target.ok_or_else(|| {
                ApiError::body(
                    "body.parent.database_id",
                    "a valid uuid",
                    given.get("database_id"),
                )
            })?;
            Some(world.database(target)?.id)
        }
    };
    let [icon, _] = pictures(world, call.body)?;
    if let Some(properties) = object_field(call.body, "properties")? {
        world.patch_schema(id, &properties)?;
    }
    let icon = icon.map(|icon| icon.settle(world));
    if let Some(target) = target {
        move_data_source(world, id, target);
    }
    let (now, bot) = (world.now, world.bot);
    let database = world.data_source(id)?.database;
    if only_source(world, database) == Some(id)
        && let Some(database) = world.databases.get_mut(&database)
    {
        share(&mut database.title, title.as_ref());
        share(&mut database.description, description.as_ref());
        if title.is_some() {
            database.edited = now;
        }
    }
    let was_in_trash = world.data_source(id)?.in_trash;
    if let Some(flag) = in_trash.filter(|flag| *flag != was_in_trash) {
        source_trashed(world, id, flag);
    }
    if let Some(source) = world.data_sources.get_mut(&id) {
        source.edited = now;
        source.edited_by = bot;
        source.in_trash = in_trash.unwrap_or(source.in_trash);
        source.description = description.unwrap_or_else(|| source.description.clone());
        source.title = title.unwrap_or_else(|| source.title.clone());
        source.icon = icon.unwrap_or_else(|| source.icon.clone());
        source.touch(now);
    }
    world.revision += 1;
    let answer = retrieve_data_source(world, id, call)?;
    Ok(Answer::saved(answer.body, id))
}

/// The data source of a database that has one: the two have their title and description in common.
fn only_source(world: &World, database: Uuid) -> Option<Uuid> {
    match world.databases.get(&database)?.data_sources.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

fn share(text: &mut Value, given: Option<&Value>) {
    if let Some(given) = given {
        text.clone_from(given);
    }
}

fn move_data_source(world: &mut World, id: Uuid, target: Uuid) {
    let pages = world.pages_in(id);
    let Some(source) = world.data_sources.get_mut(&id) else {
        return;
    };
    let from = std::mem::replace(&mut source.database, target);
    if let Some(database) = world.databases.get_mut(&from) {
        database.data_sources.retain(|other| *other != id);
    }
    if let Some(database) = world.databases.get_mut(&target) {
        database.data_sources.push(id);
    }
    world.happened("data_source.moved", id, world.bot, json!({}));
    // The views stay where they are, as views of a data source that lives elsewhere.
    world.add_first_view(target, id);
    for page in pages {
        if let Some(page) = world.pages.get_mut(&page) {
            page.rewrite().refresh_head(Some(target));
        }
    }
}

fn pictures(world: &World, body: &Map<String, Value>) -> ApiResult<[Option<Picture>; 2]> {
    world.pictures(body.get("icon").cloned(), body.get("cover").cloned())
}

fn text(body: &Map<String, Value>, key: &str) -> ApiResult<Option<Value>> {
    match body.get(key) {
        None => Ok(None),
        Some(given) => rich_text::normalise(&format!("body.{key}"), given).map(Some),
    }
}
