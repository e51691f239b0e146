//! The body of a page as Markdown: read, edited, and given with a new page.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, blocks, tasks};
use crate::error::{ApiError, ApiResult};
use crate::markdown::edit::{self, Update};
use crate::markdown::{Piece, What, read, render, render_with_ends};
use crate::model::World;
use crate::model::body::{Body, ids};
use crate::model::cell::plain_text;
use crate::model::fitting::Holder;
use crate::model::row::Parent;
use crate::value::limit;

/// `GET /v1/pages/{id}/markdown`. A block's id gives the block with what it holds.
pub(crate) fn retrieve(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let given = |name: &str| {
        let found = call.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    if let Some(other) =
        given("include_transcript").filter(|flag| !["true", "false"].contains(flag))
    {
        let expected = "a boolean or `undefined`";
        let other = Value::from(other);
        return Err(ApiError::query(
            "query.include_transcript",
            expected,
            Some(&other),
        ));
    }
    version(given("markdown_version").map(Value::from).as_ref(), "query")?;
    Ok(Answer::read(answer(world, id)?))
}

fn answer(world: &World, id: Uuid) -> ApiResult<String> {
    let most = world.knobs.markdown_blocks;
    let (page, body) = if world.page(id).is_ok() {
        (id, world.shown_body(id, most))
    } else if world.database(id).is_ok() {
        return Err(not_a_page(id, "a database"));
    } else if world.block(id).is_ok() {
        let page = world.page_around(id);
        (page, world.body_of_block(id, most))
    } else {
        return Err(world.not_found("page", &id.to_string()));
    };
    Ok(told(id, &render(&body.pieces, page), &body))
}

/// A `page_markdown` object, without `request_id`.
fn told(id: Uuid, text: &str, body: &Body) -> String {
    // The API's own description allows no more.
    const MOST_UNKNOWN: usize = 100;
    let unknown = body.unknown.iter().take(MOST_UNKNOWN);
    let unknown: Vec<String> = unknown.map(Uuid::to_string).collect();
    format!(
        "{{\"object\":\"page_markdown\",\"id\":\"{id}\",\"markdown\":{},\"truncated\":{},\"unknown_block_ids\":{}}}",
        Value::from(text),
        body.truncated,
        json!(unknown),
    )
}

fn not_a_page(id: Uuid, what: &str) -> ApiError {
    ApiError::validation(format!("Provided ID {id} is {what}, not a page."))
}

/// The dialect asked for. The second one, a preview, is not simulated.
fn version(given: Option<&Value>, part: &str) -> ApiResult<()> {
    match given.map(|given| given.as_str().unwrap_or_default()) {
        None | Some("v1") => Ok(()),
        Some("v2") => Err(ApiError::new(
            400,
            "invalid_request",
            "Unsupported request: markdown_version \"v2\".",
        )),
        Some(_) => {
            let expected = "`\"v1\"`, `\"v2\"`, or `undefined`";
            let path = format!("{part}.markdown_version");
            Err(if part == "query" {
                ApiError::query(&path, expected, given)
            } else {
                ApiError::body(&path, expected, given)
            })
        }
    }
}

const KINDS: [&str; 4] = [
    "insert_content",
    "replace_content_range",
    "update_content",
    "replace_content",
];

/// `PATCH /v1/pages/{id}/markdown`
pub(crate) fn update(world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<Answer> {
    let named = call.body.get("type").and_then(Value::as_str);
    let Some(kind) = KINDS.into_iter().find(|kind| named == Some(kind)) else {
        let expected = "`\"insert_content\"`, `\"replace_content_range\"`, `\"update_content\"`, or `\"replace_content\"`";
        return Err(ApiError::body("body.type", expected, call.body.get("type")));
    };
    version(call.body.get("markdown_version"), "body")?;
    let command = Command::read(kind, call.body.get(kind))?;
    let is_task = tasks::asked_for(call.body, true)?;
    editable(world, id)?;
    let outcome = carry_out(world, id, &command, call);
    match is_task {
        true => tasks::taken_on(world, "PATCH /v1/pages/:page_id/markdown", outcome),
        false => outcome,
    }
}

fn carry_out(world: &mut World, id: Uuid, command: &Command, call: &Call<'_>) -> ApiResult<Answer> {
    let wanted = command.wanted(world, id)?;
    world.check_pieces(&Holder::Page(id), &wanted)?;
    fits(world, id, &wanted)?;
    guard(world, id, &wanted, command)?;
    write(world, id, wanted, call)?;
    Ok(Answer::saved(answer(world, id)?, id))
}

/// Refuses what is no page, and a page that cannot be edited.
fn editable(world: &World, id: Uuid) -> ApiResult<()> {
    let Ok(row) = world.page(id) else {
        return Err(if world.database(id).is_ok() {
            not_a_page(id, "a database")
        } else if world.block(id).is_ok() {
            not_a_page(id, "a block")
        } else {
            world.not_found("page", &id.to_string())
        });
    };
    if row.in_trash {
        return Err(ApiError::in_trash());
    }
    Ok(())
}

/// Without the blocks that a text only names, if those are not to stay.
fn said(pieces: Vec<Piece>, keeps_unknown: bool) -> Vec<Piece> {
    let stays = |piece: &Piece| keeps_unknown || !matches!(piece.what, What::Unknown { .. });
    let pieces = pieces.into_iter().filter(stays);
    pieces
        .map(|mut piece| {
            piece.children = said(piece.children, keeps_unknown);
            piece
        })
        .collect()
}

/// Refuses a body that is too long, and an edit that would lose what the text does not show.
fn fits(world: &World, id: Uuid, wanted: &[Piece]) -> ApiResult<()> {
    let most = world.knobs.markdown_blocks;
    let shown = world.body(id, most);
    let refused = |message: &str| {
        Err(ApiError::validation(message).with("limit_kind", json!("page_record_count")))
    };
    let named = ids(wanted);
    if shown.hidden.iter().any(|id| !named.contains(id)) {
        return refused(
            "The page has more blocks than its Markdown shows, and the edit would reach those that are not shown.",
        );
    }
    let count: usize = wanted.iter().map(Piece::count).sum();
    if count > most && count > world.body_count(id) {
        return refused("The page would have too many blocks.");
    }
    Ok(())
}

/// Refuses to lose sub-pages and databases, in the words reported of the API.
fn guard(world: &World, id: Uuid, wanted: &[Piece], command: &Command) -> ApiResult<()> {
    let lost = world.unnamed(id, wanted);
    if lost.is_empty() || command.may_delete() {
        return Ok(());
    }
    let line = |id: &Uuid| {
        let is_page = world.pages.contains_key(id);
        let page = world.page(*id).map(|row| row.title().to_owned());
        let database = || {
            world
                .database(*id)
                .map(|found| plain_text(&found.shown_title()))
        };
        let kind = if is_page { "page" } else { "database" };
        // The name of what the connection does not see is not told.
        let title = page.or_else(|_| database());
        let title = title.unwrap_or_else(|_| "Untitled".to_owned());
        format!("- {kind}: \"{title}\" (id: {id})")
    };
    let lines = lost.iter().map(line);
    let lines: Vec<String> = lines.collect();
    Err(ApiError::validation(format!(
        "This operation would delete {} child page(s) or database(s):\n{}\nTo proceed, either:\n\
         1. Include these items in {} using <page url=\"...\"> or <database url=\"...\"> tags, OR\n\
         2. Set allow_deleting_content: true to confirm deletion.",
        lost.len(),
        lines.join("\n"),
        command.text_name(),
    )))
}

/// Makes a page's body; what it does not name goes into the trash.
fn write(world: &mut World, id: Uuid, wanted: Vec<Piece>, call: &Call<'_>) -> ApiResult<()> {
    let author = world.bot;
    for left in world.rewrite_body(id, wanted, author)? {
        if world.shows(left) {
            blocks::delete(world, left, call)?;
        }
    }
    Ok(())
}

/// What an edit is to do.
enum Command {
    Insert {
        content: String,
        place: Place,
    },
    Range {
        content: String,
        range: String,
        may_delete: bool,
    },
    Update {
        updates: Vec<Update>,
        may_delete: bool,
    },
    Replace {
        content: String,
        may_delete: bool,
    },
}

enum Place {
    Start,
    End,
    /// Behind the block in which a selection ends.
    Behind(String),
}

impl Command {
    /// Members that the API does not know it ignores here, unlike elsewhere.
    fn read(kind: &str, given: Option<&Value>) -> ApiResult<Self> {
        let path = format!("body.{kind}");
        let given = match given {
            Some(Value::Object(given)) => given,
            None => return Err(ApiError::body(&path, "defined", None)),
            other => return Err(ApiError::body(&path, "an object", other)),
        };
        let may_delete = match given.get("allow_deleting_content") {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            other => {
                let path = format!("{path}.allow_deleting_content");
                return Err(ApiError::body(&path, "a boolean or `undefined`", other));
            }
        };
        Ok(match kind {
            "insert_content" => Self::Insert {
                content: text(&path, given, "content")?,
                place: place(&path, given)?,
            },
            "replace_content_range" => Self::Range {
                content: text(&path, given, "content")?,
                range: text(&path, given, "content_range")?,
                may_delete,
            },
            "update_content" => Self::Update {
                updates: updates(&path, given.get("content_updates"))?,
                may_delete,
            },
            _ => Self::Replace {
                content: text(&path, given, "new_str")?,
                may_delete,
            },
        })
    }

    /// The body as it is to be.
    fn wanted(&self, world: &World, id: Uuid) -> ApiResult<Vec<Piece>> {
        let mut have = world.body(id, world.knobs.markdown_blocks).pieces;
        let (mut text, ends) = render_with_ends(&have, id);
        // What a request quotes was read with signatures that are not drawn again.
        let quoted = |said: &str| match text.contains(said) {
            true => said.to_owned(),
            false => world.kept_text(said),
        };
        let mut keeps_unknown = true;
        let text = match self {
            Self::Insert { content, place } => {
                let new = world.fitted(None, read(content)?, ids(&have));
                let at = match place {
                    Place::Start => 0,
                    Place::End => have.len(),
                    Place::Behind(selection) => {
                        let end = edit::select(&text, &quoted(selection))?.end;
                        let before = ends.iter().filter(|other| **other < end).count();
                        before + 1
                    }
                };
                have.splice(at..at, new);
                return Ok(have);
            }
            Self::Range { content, range, .. } => {
                let range = edit::select(&text, &quoted(range))?;
                text.replace_range(range, content);
                text
            }
            Self::Update { updates, .. } => {
                let quote = |update: &Update| Update {
                    old: quoted(&update.old),
                    ..update.clone()
                };
                let updates: Vec<Update> = updates.iter().map(quote).collect();
                edit::update(&text, &updates, world.knobs.markdown_skips_missing)?
            }
            Self::Replace { content, .. } => {
                keeps_unknown = world.knobs.markdown_keeps_unknown;
                content.clone()
            }
        };
        let pieces = said(read(&text)?, keeps_unknown);
        Ok(world.fitted(Some(id), pieces, BTreeSet::new()))
    }

    fn may_delete(&self) -> bool {
        match self {
            Self::Insert { .. } => false,
            Self::Range { may_delete, .. }
            | Self::Update { may_delete, .. }
            | Self::Replace { may_delete, .. } => *may_delete,
        }
    }

    /// What the request calls its new text.
    fn text_name(&self) -> &'static str {
        match self {
            Self::Insert { .. } | Self::Range { .. } => "content",
            Self::Update { .. } | Self::Replace { .. } => "new_str",
        }
    }
}

fn text(path: &str, given: &Map<String, Value>, key: &str) -> ApiResult<String> {
    let path = format!("{path}.{key}");
    match given.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        None => Err(ApiError::body(&path, "defined", None)),
        other => Err(ApiError::body(&path, "a string", other)),
    }
}

fn place(path: &str, given: &Map<String, Value>) -> ApiResult<Place> {
    let after = match given.get("after") {
        None => None,
        Some(Value::String(after)) => Some(after),
        other => {
            let path = format!("{path}.after");
            return Err(ApiError::body(&path, "a string or `undefined`", other));
        }
    };
    match (after, given.get("position")) {
        (None, None) => Ok(Place::End),
        (Some(after), None) => Ok(Place::Behind(after.clone())),
        (Some(_), Some(_)) => Err(ApiError::validation(
            "Both insert_content.after and insert_content.position are provided. Use only one insertion target.",
        )),
        (None, Some(position)) => match position["type"].as_str() {
            Some("start") => Ok(Place::Start),
            Some("end") => Ok(Place::End),
            _ => Err(ApiError::body(
                &format!("{path}.position.type"),
                "`\"start\"` or `\"end\"`",
                position.get("type"),
            )),
        },
    }
}

fn updates(path: &str, given: Option<&Value>) -> ApiResult<Vec<Update>> {
    let path = format!("{path}.content_updates");
    let items = match given {
        Some(Value::Array(items)) => items,
        None => return Err(ApiError::body(&path, "defined", None)),
        other => return Err(ApiError::body(&path, "an array", other)),
    };
    limit::count(&path, limit::ARRAY_ITEMS, items.len())?;
    let update = |(at, item): (usize, &Value)| {
        let path = format!("{path}[{at}]");
        let Some(given) = item.as_object() else {
            return Err(ApiError::body(&path, "an object", Some(item)));
        };
        Ok(Update {
            old: text(&path, given, "old_str")?,
            new: text(&path, given, "new_str")?,
            all: match given.get("replace_all_matches") {
                None => false,
                Some(Value::Bool(flag)) => *flag,
                other => {
                    let path = format!("{path}.replace_all_matches");
                    return Err(ApiError::body(&path, "a boolean or `undefined`", other));
                }
            },
        })
    };
    items.iter().enumerate().map(update).collect()
}

/// The `markdown` of a new page, which takes no other body beside it. What the text says is not read yet.
pub(super) fn given(body: &Map<String, Value>) -> ApiResult<Option<&str>> {
    let text = match body.get("markdown") {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        other => {
            let expected = "a string or `undefined`";
            return Err(ApiError::body("body.markdown", expected, other));
        }
    };
    for key in ["children", "content"] {
        if let Some(given) = body.get(key) {
            let path = format!("body.{key}");
            return Err(ApiError::body(&path, "not present", Some(given)));
        }
    }
    version(body.get("markdown_version"), "body")?;
    Ok(Some(text))
}

/// The body that a new page is given as Markdown.
pub(super) struct Given {
    pieces: Vec<Piece>,
    /// What its heading says, where that is the page's title.
    pub(super) title: Option<Value>,
}

impl Given {
    /// Reads a text. Where properties have no title the first `# ` heading is it, and not in the body.
    pub(super) fn read(
        world: &World,
        text: &str,
        parent: &Parent,
        has_title: bool,
    ) -> ApiResult<Self> {
        let mut pieces = world.fitted(None, read(text)?, BTreeSet::new());
        let is_title = |piece: &Piece| piece.kind().is_some_and(|kind| kind.name == "heading_1");
        let heading = pieces.iter().position(is_title).filter(|_| !has_title);
        let title = heading.map(|at| pieces.remove(at).member("rich_text").clone());
        world.check_pieces(&Holder::NewPage(parent.clone()), &pieces)?;
        let count: usize = pieces.iter().map(Piece::count).sum();
        if count > world.knobs.markdown_blocks {
            let refused = ApiError::validation("The page would have too many blocks.");
            return Err(refused.with("limit_kind", json!("page_record_count")));
        }
        Ok(Self { pieces, title })
    }

    /// Makes it the body of a page that was just made.
    pub(super) fn write(self, world: &mut World, id: Uuid, call: &Call<'_>) -> ApiResult<()> {
        write(world, id, self.pieces, call)
    }
}
