//! Pages: create, retrieve, update, move, and their trash.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, filter_properties, flag, object_field, only, parent, shown_positions};
use crate::clock::minute_text;
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::edit::PageChange;
use crate::model::row::{Parent, parent_wire, user_reference};

/// `GET /v1/pages/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    Ok(Answer::read(body(world, id, call)?))
}

fn body(world: &World, id: Uuid, call: &Call<'_>) -> ApiResult<String> {
    let row = world.page(id)?;
    let shown = shown_positions(world.schema_of(row), &filter_properties(call.query))?;
    let mut out = String::new();
    world.render_page(&mut out, row, call.version, shown.as_deref());
    Ok(out)
}

/// `POST /v1/pages`
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "parent",
            "properties",
            "icon",
            "cover",
            "children",
            "content",
            "markdown",
            "template",
            "position",
            "allow_async",
        ],
    )?;
    let parent = parent(world, call.body)?;
    let change = change(call.body)?;
    let author = world.bot;
    let id = world.create_page(parent, change, author)?;
    Ok(Answer::saved(body(world, id, call)?, id))
}

/// `PATCH /v1/pages/{id}`
pub(crate) fn update(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "properties",
            "icon",
            "cover",
            "in_trash",
            "archived",
            "is_archived",
            "is_locked",
            "template",
            "erase_content",
        ],
    )?;
    let mut change = change(call.body)?;
    change.in_trash = call.version.trash_flag(call.body)?;
    let author = world.bot;
    let changes = !call.body.is_empty();
    if changes {
        world.update_page(id, change, author)?;
    }
    let text = body(world, id, call)?;
    Ok(if changes {
        Answer::saved(text, id)
    } else {
        Answer::read(text)
    })
}

/// `POST /v1/pages/{id}/move`
pub(crate) fn move_to(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["parent"])?;
    let to = parent(world, call.body)?;
    if to == Parent::Workspace {
        let expected = "a page or a data source";
        let given = call.body.get("parent");
        return Err(ApiError::body("body.parent", expected, given));
    }
    let author = world.bot;
    world.move_page(id, to, author)?;
    Ok(Answer::saved(body(world, id, call)?, id))
}

/// Reads what a create and an update have in common.
pub(crate) fn change(body: &Map<String, Value>) -> ApiResult<PageChange> {
    Ok(PageChange {
        properties: object_field(body, "properties")?,
        icon: body.get("icon").map(icon),
        cover: body.get("cover").map(icon),
        in_trash: flag(body, "in_trash")?,
        is_archived: flag(body, "is_archived")?,
        is_locked: flag(body, "is_locked")?,
    })
}

/// An icon or cover with its `type` filled in.
pub(crate) fn icon(given: &Value) -> Value {
    let mut icon = given.clone();
    if let Some(object) = icon.as_object_mut()
        && !object.contains_key("type")
        && let Some(kind) = object.keys().next().cloned()
    {
        object.insert("type".into(), json!(kind));
    }
    icon
}

/// `GET /v1/blocks/{id}` of a page or database: the block it also is.
pub(crate) fn as_block(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let mut block = if let Ok(row) = world.page(id) {
        json!({
            "object": "block", "id": id.to_string(),
            "parent": parent_wire(&row.parent, world.database_of(&row.parent)),
            "created_time": minute_text(row.created), "last_edited_time": minute_text(row.edited),
            "created_by": user_reference(row.created_by),
            "last_edited_by": user_reference(row.edited_by),
            "has_children": false, "in_trash": row.in_trash,
            "type": "child_page", "child_page": {"title": row.title()},
        })
    } else if let Ok(database) = world.database(id) {
        json!({
            "object": "block", "id": id.to_string(),
            "parent": parent_wire(&database.parent, None),
            "created_time": minute_text(database.created),
            "last_edited_time": minute_text(database.edited),
            "created_by": user_reference(world.bot), "last_edited_by": user_reference(world.bot),
            "has_children": false, "in_trash": database.in_trash, "type": "child_database",
            "child_database": {"title": crate::model::cell::plain_text(&database.shown_title())},
        })
    } else {
        return Err(world.not_found("block", &id.to_string()));
    };
    if call.version.shows_archived() {
        block["archived"] = block["in_trash"].clone();
    }
    Ok(Answer::read(block.to_string()))
}

/// `DELETE /v1/blocks/{id}` of a page or database: into the trash.
pub(crate) fn trash(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let author = world.bot;
    if world.pages.contains_key(&id) {
        let change = PageChange {
            in_trash: Some(true),
            ..PageChange::default()
        };
        world.update_page(id, change, author)?;
    } else if world.database(id).is_ok() {
        super::containers::trash_database(world, id, true)?;
    }
    let block = as_block(world, id, call)?;
    Ok(Answer::saved(block.body, id))
}
