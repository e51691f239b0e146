//! Search by title over pages and data sources, last edited first.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call, Paging, list_open, only, push_list_end};
use crate::error::{ApiError, ApiResult};
use crate::model::World;
use crate::model::cell::plain_text;
use crate::query::cursor::Position;

#[derive(Clone, Copy)]
enum Hit {
    Page(Uuid),
    DataSource(Uuid),
}

/// `POST /v1/search`
pub(crate) fn search(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(
        call.body,
        &["query", "sort", "filter", "start_cursor", "page_size"],
    )?;
    let paging = Paging::from_body(call.body)?;
    let wanted = call.body.get("query").and_then(Value::as_str);
    let wanted = wanted.unwrap_or_default().to_lowercase();
    let finds = |title: &str| finds(&wanted, &title.to_lowercase());
    let filter = call.body.get("filter").unwrap_or(&Value::Null);
    let in_trash = filter["in_trash"].as_bool().unwrap_or(false);
    let object = match filter.get("value") {
        None | Some(Value::Null) => None,
        Some(Value::String(value)) if value == "page" || value == "data_source" => {
            Some(value.as_str())
        }
        other => {
            return Err(ApiError::body(
                "body.filter.value",
                "`\"page\"` or `\"data_source\"`",
                other,
            ));
        }
    };
    let ascending = call
        .body
        .get("sort")
        .is_some_and(|s| s["direction"] == "ascending");

    let mut hits: Vec<(Timestamp, u64, Hit)> = Vec::new();
    if object != Some("data_source") {
        for page in world.pages.values() {
            let Some(row) = page.indexed(world.now, world.index_lag) else {
                continue;
            };
            if !world.is_aside(row.id)
                && row.in_trash == in_trash
                && !row.is_archived
                && finds(row.title())
                && world.sees_row(row)
            {
                hits.push((row.edited_minute(), page.seq, Hit::Page(row.id)));
            }
        }
    }
    if object != Some("page") {
        for source in world.data_sources.values() {
            let indexed = source
                .created
                .checked_add(world.index_lag)
                .is_ok_and(|at| at <= world.now);
            let trash_fits = source.in_trash == in_trash
                || filter.get("in_trash").is_none() && world.knobs.search_shows_trashed_sources;
            if trash_fits
                && indexed
                && finds(&plain_text(&source.title))
                && world.sees_data_source(source)
            {
                hits.push((
                    crate::clock::floor_minute(source.edited),
                    0,
                    Hit::DataSource(source.id),
                ));
            }
        }
    }
    hits.sort_by_key(|(edited, seq, _)| (Reverse(*edited), Reverse(*seq)));
    if ascending {
        hits.reverse();
    }

    let scope = format!("search|{wanted}|{filter}|{ascending}");
    let begin = match &paging.start_cursor {
        None => 0,
        Some(cursor) => match world.resume(&scope, cursor)? {
            Position::Offset(at) => at.min(hits.len()),
            Position::After(_) => 0,
        },
    };
    let end = (begin + paging.page_size).min(hits.len());
    let mut out = list_open((end - begin) * 2048);
    for (at, (_, _, hit)) in hits[begin..end].iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match hit {
            Hit::Page(id) => {
                let row = world
                    .pages
                    .get(id)
                    .and_then(|page| page.indexed(world.now, world.index_lag));
                if let Some(row) = row {
                    world.render_page(&mut out, row, call.version, None);
                }
            }
            Hit::DataSource(id) => {
                if let Some(source) = world.data_sources.get(id) {
                    let wire = world.data_source_wire(source, call.version);
                    out.push_str(&json!(wire).to_string());
                }
            }
        }
    }
    let cursor = (end < hits.len()).then(|| world.issue_cursor(&scope, Position::Offset(end)));
    push_list_end(&mut out, cursor.as_deref(), "page_or_data_source", None);
    Ok(Answer::read(out))
}

/// Whether a search finds a title: one word of many is enough, in the singular or the plural.
fn finds(wanted: &str, title: &str) -> bool {
    let mut words = wanted.split_whitespace().peekable();
    words.peek().is_none()
        || words.any(|word| {
            let singular = word.strip_suffix('s').filter(|rest| rest.len() >= 3);
            title.contains(singular.unwrap_or(word))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_of_many_is_enough() {
        for (wanted, title, found) in [
            ("", "buy milk", true),
            ("contacts db", "task db", true),
            ("tests", "markdown text test", true),
            ("tests", "buy milk", false),
            ("as", "buy milk", false),
        ] {
            assert_eq!(finds(wanted, title), found, "{wanted} in {title}");
        }
    }
}
