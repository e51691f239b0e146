//! What the knobs make of a value that was checked: the order of lists, and runs of text.

use serde_json::Value;

use crate::knobs::Knobs;
use crate::model::kind::Kind;
use crate::model::property::Property;

pub(super) fn settled(knobs: &Knobs, column: &Property, mut read: Value) -> Value {
    let Some(items) = read.as_array_mut() else {
        return read;
    };
    match column.kind {
        Kind::Title | Kind::RichText if knobs.like_runs_merge => merge(items),
        Kind::Relation | Kind::People if !knobs.order_is_kept => {
            items.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
        }
        Kind::MultiSelect if !knobs.order_is_kept => {
            // Those that the request made come last, as they do in the schema.
            let place = |item: &Value| {
                let known = column.options().iter();
                known
                    .map(|option| &option["id"])
                    .position(|id| *id == item["id"])
                    .unwrap_or(usize::MAX)
            };
            items.sort_by_key(place);
        }
        _ => {}
    }
    read
}

/// Joins runs of text that differ in nothing but their words.
fn merge(runs: &mut Vec<Value>) {
    let mut merged: Vec<Value> = Vec::with_capacity(runs.len());
    for run in runs.drain(..) {
        let like = |last: &&mut Value| {
            last["type"] == "text"
                && run["type"] == "text"
                && last["annotations"] == run["annotations"]
                && last["href"] == run["href"]
        };
        match merged.last_mut().filter(like) {
            Some(last) => {
                let more = run["plain_text"].as_str().unwrap_or_default();
                let words = last["plain_text"].as_str().unwrap_or_default().to_owned() + more;
                last["text"]["content"] = words.as_str().into();
                last["plain_text"] = words.into();
            }
            None => merged.push(run),
        }
    }
    *runs = merged;
}
