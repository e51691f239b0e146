//! Comments: create, list, retrieve, update, delete.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, id_paging, list_open, object_field, only, push_list_end};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::markdown::read_inline;
use crate::model::World;
use crate::model::comment::Comment;
use crate::value::{limit, rich_text};

/// `POST /v1/comments`: on a page, on a block, or into a discussion.
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &[
            "parent",
            "discussion_id",
            "rich_text",
            "markdown",
            "attachments",
            "display_name",
        ],
    )?;
    let rich_text = words(call.body)?;
    let uploads = attachments(world, call.body)?;
    let author = world.bot;
    let display_name = display_name(world, call.body)?;
    let (about, discussion) = match (call.body.get("parent"), call.body.get("discussion_id")) {
        (Some(_), Some(given)) => {
            return Err(ApiError::body(
                "body.discussion_id",
                "not present",
                Some(given),
            ));
        }
        (None, Some(given)) => {
            let discussion = uuid("body.discussion_id", Some(given))?;
            (world.discussed(discussion)?, Some(discussion))
        }
        _ => (about(world, call.body)?, None),
    };
    let trashed = world.page(about).is_ok_and(|row| row.in_trash)
        || world.block(about).is_ok_and(|block| block.in_trash);
    if trashed {
        return Err(ApiError::in_trash());
    }
    let comment = Comment {
        id: world.ids.next_uuid(),
        discussion: discussion.unwrap_or_else(|| world.ids.next_uuid()),
        about,
        created: world.now,
        edited: world.now,
        author,
        rich_text,
        display_name,
        attachments: uploads
            .into_iter()
            .map(|(category, upload)| {
                let file = world.attach(upload)["file"].take();
                json!({"category": category, "file": file})
            })
            .collect(),
    };
    let id = comment.id;
    world.comments.push(comment);
    world.revision += 1;
    if world.knobs.comment_is_edit {
        world.body_edited(about, author);
    }
    tell(world, "comment.created", id);
    Ok(Answer::saved(body(world, id)?, id))
}

/// What a `parent` names: a page or a block.
fn about(world: &World, body: &Map<String, Value>) -> ApiResult<Uuid> {
    let undefined = |path| ApiError::body(path, "defined", None);
    let Some(parent) = object_field(body, "parent")? else {
        return Err(ApiError::fix_one([
            undefined("body.parent"),
            undefined("body.discussion_id"),
        ]));
    };
    if let Some(id) = parent.get("page_id") {
        let id = uuid("body.parent.page_id", Some(id))?;
        return world.page(id).map(|row| row.id);
    }
    if let Some(id) = parent.get("block_id") {
        let id = uuid("body.parent.block_id", Some(id))?;
        return match world.page(id) {
            Ok(row) => Ok(row.id),
            Err(_) => world.block(id).map(|block| block.id),
        };
    }
    Err(ApiError::fix_one([
        undefined("body.parent.page_id"),
        undefined("body.parent.block_id"),
    ]))
}

/// `GET /v1/comments?block_id=…`: oldest first.
pub(crate) fn list(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    let paging = id_paging(call.query)?;
    let given = call.query.iter().find(|(key, _)| key == "block_id");
    let given = given.map(|(_, value)| Value::from(value.as_str()));
    let about = given.as_ref().and_then(Value::as_str).and_then(parse_id);
    let expected = if given.is_some() {
        "a valid uuid"
    } else {
        "defined"
    };
    let about = about.ok_or_else(|| ApiError::query("query.block_id", expected, given.as_ref()))?;
    if world.page(about).is_err() {
        world.block(about)?;
    }
    let mut comments = world
        .comments
        .iter()
        .filter(|comment| comment.about == about)
        .peekable();
    if let Some(start) = paging.start {
        while comments.next_if(|comment| comment.id != start).is_some() {}
        if comments.peek().is_none() {
            let message = format!("The start_cursor provided is invalid: {start}");
            return Err(ApiError::validation(message));
        }
    }
    let mut out = list_open(0);
    for (at, comment) in comments.by_ref().take(paging.page_size).enumerate() {
        if at > 0 {
            out.push(',');
        }
        world.push_comment(&mut out, comment);
    }
    let next = comments.next().map(|comment| comment.id.to_string());
    push_list_end(&mut out, next.as_deref(), "comment", None);
    Ok(Answer::read(out))
}

/// `GET /v1/comments/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, _: &Call<'_>) -> ApiResult<Answer> {
    Ok(Answer::read(body(world, id)?))
}

fn body(world: &World, id: Uuid) -> ApiResult<String> {
    let mut out = String::new();
    world.push_comment(&mut out, world.comment(id)?);
    Ok(out)
}

/// `PATCH /v1/comments/{id}`
pub(crate) fn update(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["rich_text", "markdown"])?;
    let rich_text = words(call.body)?;
    world.comment(id)?;
    let now = world.now;
    for comment in world.comments.iter_mut().filter(|comment| comment.id == id) {
        comment.rich_text = rich_text.clone();
        comment.edited = now;
    }
    world.revision += 1;
    tell(world, "comment.updated", id);
    Ok(Answer::saved(body(world, id)?, id))
}

/// `DELETE /v1/comments/{id}`: gives the comment a last time.
pub(crate) fn delete(world: &mut World, id: Uuid, _: &Call<'_>) -> ApiResult<Answer> {
    let last = body(world, id)?;
    tell(world, "comment.deleted", id);
    world.comments.retain(|comment| comment.id != id);
    world.revision += 1;
    Ok(Answer::saved(last, id))
}

/// Tells who subscribed.
fn tell(world: &mut World, kind: &'static str, id: Uuid) {
    let Ok(comment) = world.comment(id) else {
        return;
    };
    let data = json!({"page_id": world.page_around(comment.about).to_string()});
    world.happened(kind, id, world.bot, data);
}

/// The text of a comment, of Markdown only what is inline.
fn words(body: &Map<String, Value>) -> ApiResult<Value> {
    match (body.get("rich_text"), body.get("markdown")) {
        (Some(given), None) => rich_text::normalise("body.rich_text", given),
        (Some(_), Some(given)) => Err(ApiError::body("body.markdown", "not present", Some(given))),
        (None, Some(Value::String(text))) => read_inline(text),
        (None, other @ Some(_)) => Err(ApiError::body("body.markdown", "a string", other)),
        (None, None) => Err(ApiError::fix_one(
            ["body.rich_text", "body.markdown"].map(|path| ApiError::body(path, "defined", None)),
        )),
    }
}

/// The uploads that are to be attached, each with its category.
fn attachments(world: &World, body: &Map<String, Value>) -> ApiResult<Vec<(&'static str, Uuid)>> {
    let items = match body.get("attachments") {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        other => return Err(ApiError::body("body.attachments", "an array", other)),
    };
    limit::count("body.attachments", limit::ATTACHMENTS, items.len())?;
    let read = |(at, item): (usize, &Value)| {
        let path = format!("body.attachments[{at}].file_upload_id");
        let id = uuid(&path, item.get("file_upload_id"))?;
        let upload = world.attachable(id, &[])?;
        let medium = upload.medium();
        Ok((medium.map_or("productivity", |medium| medium.category), id))
    };
    items.iter().enumerate().map(read).collect()
}

fn display_name(world: &World, body: &Map<String, Value>) -> ApiResult<Value> {
    let given = object_field(body, "display_name")?;
    let kind = given
        .as_ref()
        .map_or(Some("integration"), |given| given.get("type")?.as_str());
    let (kind, name) = match kind {
        Some("integration") => ("integration", world.name_of(world.bot)),
        Some("user") => ("user", world.name_of(world.person)),
        Some("custom") => {
            let name = given
                .as_ref()
                .and_then(|given| given.get("custom")?.get("name"));
            match name {
                Some(Value::String(_)) => ("custom", json!(name)),
                None => {
                    return Err(ApiError::body(
                        "body.display_name.custom.name",
                        "defined",
                        None,
                    ));
                }
                other => {
                    return Err(ApiError::body(
                        "body.display_name.custom.name",
                        "a string",
                        other,
                    ));
                }
            }
        }
        _ => {
            return Err(ApiError::body(
                "body.display_name.type",
                "`\"integration\"`, `\"user\"`, or `\"custom\"`",
                given.as_ref().and_then(|given| given.get("type")),
            ));
        }
    };
    Ok(json!({"type": kind, "resolved_name": name}))
}

fn uuid(path: &str, given: Option<&Value>) -> ApiResult<Uuid> {
    let id = given.and_then(Value::as_str).and_then(parse_id);
    id.ok_or_else(|| ApiError::body(path, "a valid uuid", given))
}
