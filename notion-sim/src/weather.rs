//! Answers bent on purpose: members and types that no client has heard of.

use serde_json::{Map, Value, json};

/// A type that Notion does not have.
const UNHEARD_OF: &str = "hologram";

/// Adds a member to every object that has a type. What is not JSON stays as it is.
pub(crate) fn with_extra_fields(body: String) -> String {
    let Ok(mut answer) = serde_json::from_str(&body) else {
        return body;
    };
    each_typed(&mut answer, &mut |object, _| {
        object.insert("added_since".into(), json!({"type": UNHEARD_OF}));
    });
    answer.to_string()
}

/// Makes one value of the answer one of an unknown type: a property, a block, a parent, whatever says
/// its type and has a member of that name. `word` chooses which.
pub(crate) fn with_unknown_value(body: String, word: u64) -> String {
    let Ok(mut answer) = serde_json::from_str(&body) else {
        return body;
    };
    let mut count = 0;
    each_typed(&mut answer, &mut |object, depth| {
        count += u64::from(is_union(object, depth));
    });
    let Some(chosen) = word.checked_rem(count) else {
        return body;
    };
    let mut at = 0;
    each_typed(&mut answer, &mut |object, depth| {
        if is_union(object, depth) {
            if at == chosen {
                let kind = object["type"].as_str().unwrap_or_default().to_owned();
                object.remove(&kind);
                object.insert("type".into(), json!(UNHEARD_OF));
                object.insert(UNHEARD_OF.into(), json!({}));
            }
            at += 1;
        }
    });
    answer.to_string()
}

/// Whether an object is a value of one of several types. The type of a list is not one to change.
fn is_union(object: &Map<String, Value>, depth: usize) -> bool {
    let kind = object.get("type").and_then(Value::as_str);
    depth > 0 && kind.is_some_and(|kind| object.contains_key(kind))
}

/// Visits every object that has a `type` or is an `object`, from the inside out, with its depth.
fn each_typed(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>, usize)) {
    fn walk(
        value: &mut Value,
        depth: usize,
        visit: &mut impl FnMut(&mut Map<String, Value>, usize),
    ) {
        match value {
            Value::Object(object) => {
                for inner in object.values_mut() {
                    walk(inner, depth + 1, visit);
                }
                if object.contains_key("type") || object.contains_key("object") {
                    visit(object, depth);
                }
            }
            Value::Array(list) => {
                for inner in list {
                    walk(inner, depth + 1, visit);
                }
            }
            _ => {}
        }
    }
    walk(value, 0, visit);
}
