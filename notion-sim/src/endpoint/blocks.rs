//! Blocks: retrieve, children, append, update, trash. Pages and databases answer as blocks too.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Answer, Call, containers, id_paging, list_open, object_field, only, push_list_end};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::block_kind;
use crate::model::edit::PageChange;
use crate::value::block::{children, update as members_of};
use crate::version::Version;

/// `GET /v1/blocks/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    Ok(Answer::read(body(world, id, call)?))
}

fn body(world: &World, id: Uuid, call: &Call<'_>) -> ApiResult<String> {
    let mut out = String::new();
    world.push_block(&mut out, id, call.version)?;
    Ok(out)
}

/// `GET /v1/blocks/{id}/children`. What is in the trash is not found here, though it can be retrieved.
pub(crate) fn list(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let paging = id_paging(call.query)?;
    let absent = || world.not_found("block", &id.to_string());
    let is_there = world.page(id).is_ok() || world.database(id).is_ok() || world.block(id).is_ok();
    if !is_there || !world.shows(id) || world.is_under_trash(id) {
        return Err(absent());
    }
    let held = world.held(id);
    let begin = match paging.start {
        None => 0,
        Some(cursor) => held.iter().position(|id| *id == cursor).ok_or_else(|| {
            ApiError::validation(format!("The start_cursor provided is invalid: {cursor}"))
        })?,
    };
    let text = page_of(world, &held[begin..], paging.page_size, call.version)?;
    Ok(Answer::read(text))
}

/// A list of the first blocks shown of these. Its cursor is the id of the next one.
fn page_of(world: &World, held: &[Uuid], size: usize, version: Version) -> ApiResult<String> {
    let mut shown = held.iter().filter(|id| world.shows(**id));
    let mut out = list_open(size.min(held.len()) * 700);
    for (at, id) in shown.by_ref().take(size).enumerate() {
        if at > 0 {
            out.push(',');
        }
        world.push_block(&mut out, *id, version)?;
    }
    let next = shown.next().map(Uuid::to_string);
    push_list_end(&mut out, next.as_deref(), "block", None);
    Ok(out)
}

/// `PATCH /v1/blocks/{id}/children`. The answer begins with the first new block and goes on with what
/// stands behind.
pub(crate) fn append(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let place_key = match call.version {
        Version::V2025_09_03 => "after",
        Version::V2026_03_11 => "position",
    };
    only(call.body, &["children", place_key])?;
    let path = "body.children";
    let Some(given) = call.body.get("children") else {
        return Err(ApiError::body(path, "defined", None));
    };
    let drafts = children(path, given)?;
    let position = position(call, ["start", "end"])?;
    if let Ok(row) = world.page(id) {
        if row.in_trash {
            return Err(ApiError::in_trash());
        }
        world.check_drafts(path, None, &drafts)?;
    } else if world.database(id).is_ok() {
        return Err(ApiError::validation("Block does not support children"));
    } else {
        let block = world.block(id)?;
        if block.in_trash {
            return Err(ApiError::in_trash());
        }
        if world.is_under_trash(id) {
            return Err(ApiError::under_trash());
        }
        world.check_drafts(path, Some((block.kind, &block.inner)), &drafts)?;
    }
    let at = place(world, id, position)?;
    let author = world.bot;
    if drafts.is_empty() {
        return Ok(Answer::read(page_of(world, &[], 100, call.version)?));
    }
    world.grow(id, at, drafts, author);
    world.body_edited(id, author);
    let text = page_of(world, &world.held(id)[at..], 100, call.version)?;
    Ok(Answer::saved(text, id))
}

/// Where something new goes.
pub(super) enum Position {
    Start,
    End,
    /// Behind this sibling.
    After(Uuid),
}

/// Reads where something new is to go; `ends` are what the request calls the two ends.
pub(super) fn position(call: &Call<'_>, ends: [&str; 2]) -> ApiResult<Position> {
    let sibling = |path: &str, given: Option<&Value>| {
        let id = given.and_then(Value::as_str).and_then(parse_id);
        id.map(Position::After)
            .ok_or_else(|| ApiError::body(path, "a valid uuid", given))
    };
    if let Some(after) = call.body.get("after") {
        return sibling("body.after", Some(after));
    }
    let Some(position) = object_field(call.body, "position")? else {
        return Ok(Position::End);
    };
    let [start, end] = ends;
    match position.get("type").and_then(Value::as_str) {
        Some(kind) if kind == start => Ok(Position::Start),
        Some(kind) if kind == end => Ok(Position::End),
        Some("after_block") => {
            let block = position.get("after_block");
            let block = block.and_then(|block| block.get("id"));
            sibling("body.position.after_block.id", block)
        }
        _ => Err(ApiError::body(
            "body.position.type",
            &format!("`\"after_block\"`, `\"{start}\"`, or `\"{end}\"`"),
            position.get("type"),
        )),
    }
}

/// How many children of `parent` stand before a position.
pub(super) fn place(world: &World, parent: Uuid, position: Position) -> ApiResult<usize> {
    let held = world.held(parent);
    match position {
        Position::Start => Ok(0),
        Position::End => Ok(held.len()),
        Position::After(sibling) => {
            let at = held.iter().position(|held| *held == sibling);
            at.map(|at| at + 1)
                .ok_or_else(|| world.not_found("block", &sibling.to_string()))
        }
    }
}

/// `PATCH /v1/blocks/{id}`
pub(crate) fn update(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let in_trash = call.version.trash_flag(call.body)?;
    let author = world.bot;
    let Ok(block) = world.block(id) else {
        retrieve(world, id, call)?;
        only(call.body, &["in_trash", "archived"])?;
        return match in_trash {
            Some(in_trash) => put_away(world, id, in_trash, call),
            None => retrieve(world, id, call),
        };
    };
    let kind = block.kind;
    let mut members = Map::new();
    for (key, value) in call.body {
        let said = match key.as_str() {
            "in_trash" | "archived" => continue,
            "type" => value.as_str().unwrap_or_default(),
            key => key,
        };
        let is_kind = key == "type" || block_kind::find(said).is_some();
        if is_kind && said != kind.name {
            let message = format!("Expected block type {} in request body", kind.name);
            return Err(ApiError::validation(message));
        }
        if said != kind.name {
            let path = format!("body.{key}");
            return Err(ApiError::body(&path, "not present", Some(value)));
        }
        if key != "type" {
            members = members_of(kind, value)?;
        }
    }
    if call.body.contains_key("type") && !call.body.contains_key(kind.name) {
        let path = format!("body.{}", kind.name);
        return Err(ApiError::body(&path, "defined", None));
    }
    if call.body.is_empty() {
        return retrieve(world, id, call);
    }
    world.change_block(id, members, in_trash, author)?;
    Ok(Answer::saved(body(world, id, call)?, id))
}

/// `DELETE /v1/blocks/{id}`: into the trash.
pub(crate) fn delete(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    put_away(world, id, true, call)
}

/// Puts a block, page or database into the trash, or takes it out.
fn put_away(world: &mut World, id: Uuid, in_trash: bool, call: &Call<'_>) -> ApiResult<Answer> {
    let author = world.bot;
    if world.pages.contains_key(&id) {
        let change = PageChange {
            in_trash: Some(in_trash),
            ..PageChange::default()
        };
        world
            .update_page(id, change, author)
            .map_err(|error| not_a_block(world, id, error))?;
    } else if world.database(id).is_ok() {
        containers::trash_database(world, id, in_trash)?;
    } else {
        world.change_block(id, Map::new(), Some(in_trash), author)?;
    }
    Ok(Answer::saved(body(world, id, call)?, id))
}

/// What is not found here is a block, whatever it would be elsewhere.
fn not_a_block(world: &World, id: Uuid, error: ApiError) -> ApiError {
    if error.status == 404 {
        world.not_found("block", &id.to_string())
    } else {
        error
    }
}
