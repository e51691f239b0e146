//! Views and their queries: create, list, retrieve, update, delete.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    Answer, Call, IdPaging, Paging, blocks, id_paging, list_open, object_field, only, push_list_end,
};
use crate::clock::moment_text;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::container::Database;
use crate::model::property::Property;
use crate::model::row::Parent;
use crate::model::view::{TYPES, View, WidgetRow};
use crate::value::{looks, view as said};

/// `GET /v1/views?database_id=…` or `?data_source_id=…`
pub(crate) fn list(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    let paging = id_paging(call.query)?;
    let database = query_id(call, "database_id")?;
    let source = query_id(call, "data_source_id")?;
    if let Some(id) = database {
        world.database(id)?;
    }
    if let Some(id) = source {
        world.data_source(id)?;
    }
    let views: Vec<Uuid> = match (database, source) {
        (None, None) => {
            return Err(ApiError::query("query.database_id", "defined", None));
        }
        (Some(database), None) => world.tabs(database).map(|view| view.id).collect(),
        (database, source) => world
            .views
            .iter()
            .filter(|view| view.data_source == source)
            .filter(|view| database.is_none_or(|database| view.database == database))
            .map(|view| view.id)
            .collect(),
    };
    let views: Vec<Uuid> = views
        .into_iter()
        .filter(|id| world.view(*id).is_ok())
        .collect();
    let text = references(&views, "view", paging)?;
    Ok(Answer::read(text))
}

fn query_id(call: &Call<'_>, name: &str) -> ApiResult<Option<Uuid>> {
    let Some((_, text)) = call.query.iter().find(|(key, _)| key == name) else {
        return Ok(None);
    };
    let given = Value::from(text.as_str());
    let wrong = || ApiError::query(&format!("query.{name}"), "a valid uuid", Some(&given));
    parse_id(text).map(Some).ok_or_else(wrong)
}

/// One page of a list of `{object, id}`. Its cursor is the id of the next one.
fn references(ids: &[Uuid], kind: &str, paging: IdPaging) -> ApiResult<String> {
    let (part, next) = part_of(ids, paging)?;
    let mut out = list_open(part.len() * 70);
    out.push_str(&references_to(part, kind));
    push_list_end(&mut out, next.as_deref(), kind, None);
    Ok(out)
}

fn references_to(ids: &[Uuid], kind: &str) -> String {
    let one = |id: &Uuid| format!("{{\"object\":\"{kind}\",\"id\":\"{id}\"}}");
    ids.iter().map(one).collect::<Vec<_>>().join(",")
}

fn part_of(ids: &[Uuid], paging: IdPaging) -> ApiResult<(&[Uuid], Option<String>)> {
    let begin = match paging.start {
        None => 0,
        Some(start) => ids.iter().position(|id| *id == start).ok_or_else(|| {
            ApiError::validation(format!("The start_cursor provided is invalid: {start}"))
        })?,
    };
    let end = ids.len().min(begin + paging.page_size);
    Ok((&ids[begin..end], ids.get(end).map(Uuid::to_string)))
}

/// `GET /v1/views/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, _: &Call<'_>) -> ApiResult<Answer> {
    Ok(Answer::read(body(world, id)?))
}

fn body(world: &World, id: Uuid) -> ApiResult<String> {
    let mut out = String::new();
    world.push_view(&mut out, world.view(id)?);
    Ok(out)
}

/// Where a new view goes.
enum Place {
    /// Before the tab at this position of a database.
    Tab(Uuid, usize),
    /// Into a dashboard: a row of its own at this position, or the row that is there.
    Widget(Uuid, usize, bool),
    /// Into a linked database that is made for it, at this position of a page.
    Linked(Uuid, usize),
}

/// `POST /v1/views`
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    const KNOWN: [&str; 12] = [
        "data_source_id",
        "name",
        "type",
        "database_id",
        "view_id",
        "create_database",
        "filter",
        "sorts",
        "quick_filters",
        "configuration",
        "position",
        "placement",
    ];
    only(call.body, &KNOWN)?;
    let source = body_id(call.body, "data_source_id")?;
    let source = source.ok_or_else(|| ApiError::body("body.data_source_id", "defined", None))?;
    let name = name(call.body)?;
    let name = name.ok_or_else(|| ApiError::body("body.name", "defined", None))?;
    let kind = kind(call.body.get("type"))?;
    let in_trash = world.data_source(source)?.in_trash;
    if in_trash {
        return Err(ApiError::in_trash());
    }
    let place = place(world, call)?;
    let database = match place {
        Place::Tab(database, _) => database,
        Place::Widget(dashboard, ..) => world.view(dashboard)?.database,
        Place::Linked(..) => Uuid::nil(),
    };
    let shown = (kind != "dashboard").then_some(source);
    let mut view = View::new(Uuid::nil(), database, shown, kind, world.now, world.bot);
    view.name = name.to_owned();
    say(world, &mut view, call.body, true)?;
    view.id = world.ids.next_uuid();
    let id = view.id;
    match place {
        Place::Tab(_, at) => {
            let tabs: Vec<Uuid> = world.tabs(database).map(|view| view.id).collect();
            let before = tabs
                .get(at)
                .and_then(|tab| world.views.iter().position(|v| v.id == *tab));
            let at = before.unwrap_or(world.views.len());
            world.views.insert(at, view);
        }
        Place::Widget(dashboard, row, is_new) => {
            let row_id = world.ids.next_uuid();
            view.dashboard = Some(dashboard);
            world.views.push(view);
            if let Some(dashboard) = world.view_mut(dashboard) {
                if is_new {
                    let row_made = WidgetRow {
                        id: row_id,
                        widgets: Vec::new(),
                    };
                    dashboard.rows.insert(row, row_made);
                }
                dashboard.rows[row].widgets.push(id);
            }
        }
        Place::Linked(page, at) => {
            let mut made = Database::new(world.ids.next_uuid(), Parent::Page(page), world.now);
            made.is_linked = true;
            made.is_inline = true;
            made.title = world.data_source(source)?.title.clone();
            view.database = made.id;
            let (parent, made_id) = (made.parent.clone(), made.id);
            world.insert_database(made);
            world.blocks.place_at(&parent, made_id, at);
            world.views.push(view);
        }
    }
    let database = world.view(id)?.database;
    world.happened("view.created", id, world.bot, json!({"view_type": kind}));
    world.view_changed(database);
    Ok(Answer::saved(body(world, id)?, id))
}

fn place(world: &World, call: &Call<'_>) -> ApiResult<Place> {
    let given = ["database_id", "view_id", "create_database"];
    let mut found = given.iter().filter(|key| call.body.contains_key(**key));
    let (first, second) = (found.next(), found.next());
    if let Some(second) = second {
        let path = format!("body.{second}");
        return Err(ApiError::body(&path, "not present", call.body.get(*second)));
    }
    for (key, goes_with) in [("position", "database_id"), ("placement", "view_id")] {
        if let (Some(value), true) = (call.body.get(key), first != Some(&goes_with)) {
            return Err(ApiError::body(
                &format!("body.{key}"),
                "not present",
                Some(value),
            ));
        }
    }
    match first {
        Some(&"database_id") => {
            let id = body_id(call.body, "database_id")?.unwrap_or_default();
            if world.database(id)?.in_trash {
                return Err(ApiError::in_trash());
            }
            Ok(Place::Tab(id, tab_position(world, call.body, id)?))
        }
        Some(&"view_id") => {
            let id = body_id(call.body, "view_id")?.unwrap_or_default();
            let view = world.view(id)?;
            if view.kind != "dashboard" {
                return Err(ApiError::validation(format!(
                    "View with ID {id} is not a dashboard: it cannot have widgets."
                )));
            }
            let (row, is_new) = placement(call.body, view.rows.len())?;
            Ok(Place::Widget(id, row, is_new))
        }
        Some(_) => linked(world, call),
        None => {
            Err(ApiError::fix_one(given.map(|key| {
                ApiError::body(&format!("body.{key}"), "defined", None)
            })))
        }
    }
}

fn tab_position(world: &World, body: &Map<String, Value>, database: Uuid) -> ApiResult<usize> {
    let tabs: Vec<Uuid> = world.tabs(database).map(|view| view.id).collect();
    let Some(position) = object_field(body, "position")? else {
        return Ok(tabs.len());
    };
    match position.get("type").and_then(Value::as_str) {
        Some("start") => Ok(0),
        Some("end") => Ok(tabs.len()),
        Some("after_view") => {
            let path = "body.position.view_id";
            let given = position.get("view_id");
            let id = given.and_then(Value::as_str).and_then(parse_id);
            let id = id.ok_or_else(|| ApiError::body(path, "a valid uuid", given))?;
            let at = tabs.iter().position(|tab| *tab == id);
            at.map(|at| at + 1)
                .ok_or_else(|| world.not_found("view", &id.to_string()))
        }
        _ => Err(ApiError::body(
            "body.position.type",
            "`\"start\"`, `\"end\"`, or `\"after_view\"`",
            position.get("type"),
        )),
    }
}

/// The row of a widget, and whether it is made for it.
fn placement(body: &Map<String, Value>, rows: usize) -> ApiResult<(usize, bool)> {
    let Some(placement) = object_field(body, "placement")? else {
        return Ok((rows, true));
    };
    let path = "body.placement.row_index";
    let given = placement.get("row_index");
    let index = given
        .and_then(Value::as_u64)
        .and_then(|at| usize::try_from(at).ok());
    let (last, is_new) = match placement.get("type").and_then(Value::as_str) {
        Some("new_row") if given.is_none() => return Ok((rows, true)),
        Some("new_row") => (rows, true),
        Some("existing_row") if given.is_none() => {
            return Err(ApiError::body(path, "defined", None));
        }
        Some("existing_row") if rows > 0 => (rows - 1, false),
        Some("existing_row") => {
            return Err(ApiError::validation("The dashboard has no rows."));
        }
        _ => {
            return Err(ApiError::body(
                "body.placement.type",
                "`\"new_row\"` or `\"existing_row\"`",
                placement.get("type"),
            ));
        }
    };
    let index = index.ok_or_else(|| ApiError::body(path, "an integer ≥ `0`", given))?;
    if index > last {
        return Err(ApiError::body(path, &format!("≤ `{last}`"), given));
    }
    Ok((index, is_new))
}

fn linked(world: &World, call: &Call<'_>) -> ApiResult<Place> {
    let given = object_field(call.body, "create_database")?.unwrap_or_default();
    let path = "body.create_database.parent.page_id";
    let page = given.get("parent").and_then(|parent| parent.get("page_id"));
    let expected = if page.is_some() {
        "a valid uuid"
    } else {
        "defined"
    };
    let id = page.and_then(Value::as_str).and_then(parse_id);
    let id = id.ok_or_else(|| ApiError::body(path, expected, page))?;
    if world.page(id)?.in_trash {
        return Err(ApiError::in_trash());
    }
    let at = match given.get("position") {
        None => blocks::Position::End,
        Some(position) => {
            let block = position.get("block_id");
            let block = block.and_then(Value::as_str).and_then(parse_id);
            let path = "body.create_database.position.block_id";
            let wrong = || ApiError::body(path, "a valid uuid", position.get("block_id"));
            blocks::Position::After(block.ok_or_else(wrong)?)
        }
    };
    Ok(Place::Linked(id, blocks::place(world, id, at)?))
}

fn body_id(body: &Map<String, Value>, key: &str) -> ApiResult<Option<Uuid>> {
    let Some(given) = body.get(key) else {
        return Ok(None);
    };
    let id = given.as_str().and_then(parse_id);
    let wrong = || ApiError::body(&format!("body.{key}"), "a valid uuid", Some(given));
    id.map(Some).ok_or_else(wrong)
}

fn name(body: &Map<String, Value>) -> ApiResult<Option<&str>> {
    match body.get("name") {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        other => Err(ApiError::body("body.name", "a string", other)),
    }
}

fn kind(given: Option<&Value>) -> ApiResult<&'static str> {
    let named = given.and_then(Value::as_str);
    let found = TYPES.into_iter().find(|kind| named == Some(*kind));
    found.ok_or_else(|| {
        let names: Vec<String> = TYPES.iter().map(|kind| format!("`\"{kind}\"`")).collect();
        let (last, others) = names
            .split_last()
            .map_or(("", &[][..]), |(l, o)| (l.as_str(), o));
        let expected = format!("{}, or {last}", others.join(", "));
        let expected = if given.is_some() {
            expected.as_str()
        } else {
            "defined"
        };
        ApiError::body("body.type", expected, given)
    })
}

/// Takes in what a create or an update says of filter, sorts, quick filters and looks.
fn say(
    world: &mut World,
    view: &mut View,
    body: &Map<String, Value>,
    is_new: bool,
) -> ApiResult<()> {
    let schema: Vec<Property> = match view.data_source {
        Some(source) => world.data_source(source)?.schema.clone(),
        None => Vec::new(),
    };
    if let Some(given) = body.get("filter") {
        view.filter = said::filter(world, &schema, given)?;
    }
    if let Some(given) = body.get("sorts") {
        view.sorts = said::sorts(&schema, given, is_new)?;
    }
    if let Some(given) = body.get("quick_filters") {
        said::quick_filters(world, &schema, given, &mut view.quick_filters)?;
    }
    if let Some(given) = body.get("configuration") {
        looks::configure(world, &schema, view.kind, given, &mut view.looks)?;
    }
    Ok(())
}

/// `PATCH /v1/views/{id}`
pub(crate) fn update(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &["name", "filter", "sorts", "quick_filters", "configuration"],
    )?;
    let mut view = world.view(id)?.clone();
    if let Some(name) = name(call.body)? {
        view.name = name.to_owned();
    }
    say(world, &mut view, call.body, false)?;
    view.edited = world.now;
    view.edited_by = world.bot;
    let database = view.database;
    if let Some(kept) = world.view_mut(id) {
        *kept = view;
    }
    world.view_changed(database);
    let fields: Vec<&String> = call.body.keys().collect();
    world.happened(
        "view.updated",
        id,
        world.bot,
        json!({"updated_fields": fields}),
    );
    Ok(Answer::saved(body(world, id)?, id))
}

/// `DELETE /v1/views/{id}`: gone for good. A database keeps one.
pub(crate) fn delete(world: &mut World, id: Uuid, _: &Call<'_>) -> ApiResult<Answer> {
    let view = world.view(id)?.clone();
    if view.dashboard.is_none() && world.tabs(view.database).count() == 1 {
        return Err(ApiError::validation(
            "The last view of a database cannot be deleted. Delete the database instead.",
        ));
    }
    world.happened(
        "view.deleted",
        id,
        world.bot,
        json!({"view_type": view.kind}),
    );
    world.remove_view(id);
    world.view_changed(view.database);
    Ok(Answer::saved(view.to_partial(), id))
}

/// `POST /v1/views/{id}/queries`: what the view shows now, kept for a quarter of an hour.
pub(crate) fn create_query(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["page_size"])?;
    let page_size = Paging::from_body(call.body)?.page_size;
    let view = world.view(id)?;
    if view.data_source.is_none() {
        return Err(ApiError::validation(format!(
            "View with ID {id} is a dashboard: it has no results of its own."
        )));
    }
    let mut pages = said::shown_by(world, view)?;
    let is_capped = pages.len() > world.result_cap;
    pages.truncate(world.result_cap);
    let query = world.keep_query(id, pages.into(), is_capped);
    let first = IdPaging {
        start: None,
        page_size,
    };
    let (part, next) = part_of(&query.pages, first)?;
    let next = json!(next);
    let out = format!(
        "{{\"object\":\"view_query\",\"id\":\"{}\",\"view_id\":\"{id}\",\"expires_at\":\"{}\",\
         \"total_count\":{},\"results\":[{}],\"next_cursor\":{next},\"has_more\":{}{}}}",
        query.id,
        moment_text(query.expires),
        query.pages.len(),
        references_to(part, "page"),
        !next.is_null(),
        status(is_capped).unwrap_or_default(),
    );
    Ok(Answer::read(out))
}

fn status(is_capped: bool) -> Option<&'static str> {
    is_capped.then_some(
        r#","request_status":{"type":"incomplete","incomplete_reason":"query_result_limit_reached"}"#,
    )
}

/// `GET /v1/views/{id}/queries/{query_id}`
pub(crate) fn query_results(
    world: &mut World,
    id: Uuid,
    query: &str,
    call: &Call<'_>,
) -> ApiResult<Answer> {
    let paging = id_paging(call.query)?;
    let query = query_path(query)?;
    world.view(id)?;
    let query = world.view_query(id, query)?;
    let (part, next) = part_of(&query.pages, paging)?;
    let mut out = list_open(part.len() * 70);
    out.push_str(&references_to(part, "page"));
    push_list_end(&mut out, next.as_deref(), "page", status(query.is_capped));
    Ok(Answer::read(out))
}

/// `DELETE /v1/views/{id}/queries/{query_id}`: as often as one likes.
pub(crate) fn delete_query(
    world: &mut World,
    id: Uuid,
    query: &str,
    _: &Call<'_>,
) -> ApiResult<Answer> {
    let query = query_path(query)?;
    world.view(id)?;
    world
        .view_queries
        .retain(|kept| kept.id != query || kept.view != id);
    let out = format!("{{\"object\":\"view_query\",\"id\":\"{query}\",\"deleted\":true}}");
    Ok(Answer::read(out))
}

fn query_path(text: &str) -> ApiResult<Uuid> {
    parse_id(text).ok_or_else(|| {
        ApiError::validation(format!(
            "path failed validation: path.query_id should be a valid uuid, instead was `\"{text}\"`."
        ))
    })
}
