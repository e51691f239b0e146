//! The reasons why a simulated answer may differ from a recorded one. The list is closed: what is not in it
//! is a mismatch.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::compare::{Difference, Names};
use super::read::Recorded;
use crate::ids::parse_id;

/// Why an answer differs, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The line is no exchange.
    NotAnExchange,
    /// The operation is not simulated.
    NotSimulated,
    /// The request is about something that an operation which is not simulated would have made, or shown.
    FollowsNotSimulated,
    /// The request is of a version that is not simulated.
    OtherVersion,
    /// The service was busy or broken at the time; nothing was sent.
    ServiceInTrouble,
    /// The recording was refused its token; the replay sends one that is refused as well.
    TokenOfRecording,
    /// Of a page that was there before, blocks and comments are not known here.
    BodyNotLoaded,
    /// A search finds more here: its index is never late and knows the whole workspace.
    SearchFindsMore,
    /// What was made or edited within one minute is listed in another order.
    SameMinute,
    /// Somebody whose requests are not in the recording made pages in what a search lists.
    EditedElsewhere,
    /// The recording shows several users under one id.
    UsersMadeOne,
    /// A formula is read back as it was written; Notion prints it anew.
    FormulaAsWritten,
    /// A formula or rollup is not computed here.
    NotComputed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnExchange => "the line is not a recorded exchange",
            Self::NotSimulated => "the operation is not simulated yet",
            Self::FollowsNotSimulated => {
                "it is about what an operation that is not simulated yet would have made or shown"
            }
            Self::OtherVersion => "its version of the API is not simulated",
            Self::ServiceInTrouble => "the service was busy or broken when it was recorded",
            Self::TokenOfRecording => {
                "the recording's token was refused; so was the one sent here in its place"
            }
            Self::BodyNotLoaded => {
                "the blocks or comments of a page that the recording did not make are not loaded"
            }
            Self::SearchFindsMore => {
                "the search finds what was recorded and more: the index of a simulator is never late"
            }
            Self::SameMinute => {
                "what has the same time, to the minute, is listed in another order; more is not recorded of it"
            }
            Self::EditedElsewhere => {
                "the search lists what was edited in between by requests that are not in the recording"
            }
            Self::UsersMadeOne => "the recording shows several users under one id",
            Self::FormulaAsWritten => {
                "a formula is read back as it was written, where Notion prints it anew"
            }
            Self::NotComputed => "formulas and rollups are not computed yet",
        })
    }
}

/// Why the answers differ, if there is a reason for all of it.
pub(super) fn reason(
    names: &Names,
    recorded: &Value,
    simulated: &Value,
    differences: &[Difference],
) -> Option<Reason> {
    if differences
        .iter()
        .all(|difference| difference.path.ends_with(".formula.expression"))
    {
        return Some(Reason::FormulaAsWritten);
    }
    let without = |answer: &Value| {
        let mut answer = answer.clone();
        drop_computed(&mut answer);
        answer
    };
    if names
        .compare(&without(recorded), &without(simulated))
        .is_empty()
    {
        return Some(Reason::NotComputed);
    }
    let results = recorded["results"].as_array()?;
    let users = results.iter().filter(|user| user["object"] == "user");
    let ids: Vec<&str> = users.filter_map(|user| user["id"].as_str()).collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    (distinct.len() < ids.len()).then_some(Reason::UsersMadeOne)
}

/// Whether it asks for the blocks or comments of something.
pub(super) fn lists_a_body(recorded: &Recorded) -> bool {
    let name = recorded.route().map(|route| route.name);
    matches!(name, Some("get-block-children" | "list-comments"))
}

/// Takes the values of formulas and rollups out of pages.
fn drop_computed(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_computed),
        Value::Object(fields) => {
            if fields.get("object").is_some_and(|object| object == "page")
                && let Some(Value::Object(properties)) = fields.get_mut("properties")
            {
                for property in properties.values_mut() {
                    for kind in ["formula", "rollup"] {
                        if property["type"] == kind {
                            property[kind] = Value::Null;
                        }
                    }
                }
            }
            if let Some(results) = fields.get_mut("results") {
                drop_computed(results);
            }
        }
        _ => {}
    }
}

/// The answer as it would have been, had it listed what was recorded and in that order, and why it did
/// not; nothing where it did, or where no reason is known.
pub(super) fn mended(
    names: &Names,
    exchange: &Recorded,
    recorded: &Value,
    simulated: &Value,
) -> (Option<Value>, Option<Reason>) {
    let time = match exchange.route().map(|route| route.name) {
        Some("post-search") => "last_edited_time",
        Some("post-database-query") => "created_time",
        _ => return (None, None),
    };
    let (mut mended, mut why) = (simulated.clone(), None);
    let (Some(wanted), Some(found)) = (
        recorded["results"].as_array(),
        mended["results"].as_array_mut(),
    ) else {
        return (None, None);
    };
    let place = |hit: &Value| wanted.iter().position(|other| other["id"] == hit["id"]);
    let others = found.iter().filter(|hit| place(hit).is_none()).count();
    let finds_more =
        others > 0 && time == "last_edited_time" && found.len() == wanted.len() + others;
    if finds_more {
        found.retain(|hit| place(hit).is_some());
        why = Some(Reason::SearchFindsMore);
    }
    if time == "last_edited_time" && edit_elsewhere(names, wanted, found) {
        why = Some(Reason::EditedElsewhere);
    }
    let times =
        |hits: &[Value]| -> Vec<Value> { hits.iter().map(|hit| hit[time].clone()).collect() };
    let before = times(found);
    let is_sorted = found.is_sorted_by_key(&place);
    if !is_sorted && found.len() == wanted.len() && exchange.request["sorts"].is_null() {
        let mut sorted = found.clone();
        sorted.sort_by_key(|hit| place(hit));
        if times(&sorted) == before {
            *found = sorted;
            why = why.or(Some(Reason::SameMinute));
        }
    }
    if finds_more {
        mended["has_more"] = recorded["has_more"].clone();
        mended["next_cursor"] = recorded["next_cursor"].clone();
    }
    (why.is_some().then_some(mended), why)
}

/// Edits what a page was made in, as it was recorded, where it was there without a request that made it.
/// Gives whether there was any such page.
fn edit_elsewhere(names: &Names, wanted: &[Value], found: &mut [Value]) -> bool {
    let mut any = false;
    for hit in found.iter_mut() {
        let time = |hit: &Value| hit["last_edited_time"].as_str().map(str::to_owned);
        let Some(recorded) = wanted.iter().find(|other| other["id"] == hit["id"]) else {
            continue;
        };
        let made_in_it = wanted.iter().any(|page| {
            let id = page["id"].as_str().and_then(parse_id);
            page["parent"]["page_id"] == hit["id"]
                && page["created_time"] == recorded["last_edited_time"]
                && id.is_some_and(|id| names.is_same(id))
        });
        if made_in_it && time(recorded) > time(hit) {
            for field in ["last_edited_time", "last_edited_by"] {
                hit[field] = recorded[field].clone();
            }
            any = true;
        }
    }
    if any {
        found.sort_by(|one, two| {
            two["last_edited_time"]
                .as_str()
                .cmp(&one["last_edited_time"].as_str())
        });
    }
    any
}

/// Whether a search showed a data source in the trash.
pub(super) fn shows_trashed_source(answer: &Value) -> bool {
    let mut hits = answer["results"].as_array().into_iter().flatten();
    hits.any(|hit| hit["object"] == "data_source" && hit["in_trash"] == true)
}
