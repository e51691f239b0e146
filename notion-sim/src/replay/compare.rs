//! Comparing a recorded and a simulated answer: recorded names stand for simulated ones, and what no two
//! runs have in common is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::clock::floor_minute;
use crate::ids::parse_id;

/// A place where two answers differ. `None` where there is nothing at that place.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Where, such as `$.parent.type`.
    pub path: String,
    /// What was recorded.
    pub recorded: Option<Value>,
    /// What was simulated.
    pub simulated: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| {
            let text = value.as_ref().map_or("nothing".into(), Value::to_string);
            match text.char_indices().nth(200) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        };
        let (recorded, simulated) = (show(&self.recorded), show(&self.simulated));
        write!(
            f,
            "{}: recorded {recorded}, simulated {simulated}",
            self.path
        )
    }
}

/// Which simulated name stands for which recorded one: a bijection that grows with every answer.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: BTreeMap<Uuid, Uuid>,
    taken: BTreeSet<Uuid>,
    /// Ids of properties and options, and cursors.
    texts: BTreeMap<String, String>,
    taken_texts: BTreeSet<String>,
}

impl Names {
    /// An object that has the same id on both sides.
    pub(super) fn same(&mut self, id: Uuid) {
        if self.taken.insert(id) {
            self.ids.insert(id, id);
        }
    }

    pub(super) fn is_same(&self, id: Uuid) -> bool {
        self.ids.get(&id) == Some(&id)
    }

    pub(super) fn knows(&self, id: Uuid) -> bool {
        self.ids.contains_key(&id)
    }

    /// Takes the ids that stand in the same place of both answers for each other's.
    pub(super) fn learn(&mut self, recorded: &Value, simulated: &Value) {
        match (recorded, simulated) {
            (Value::Object(recorded), Value::Object(simulated)) => {
                for (key, recorded) in recorded {
                    let Some(simulated) = simulated.get(key) else {
                        continue;
                    };
                    let is_name = key == "id" || key == "next_cursor" || key.ends_with("_id");
                    match (recorded, simulated) {
                        _ if key == "request_id" => {}
                        (Value::String(recorded), Value::String(simulated)) => {
                            self.pair(recorded, simulated, is_name);
                        }
                        (recorded, simulated) => self.learn(recorded, simulated),
                    }
                }
            }
            (Value::Array(recorded), Value::Array(simulated)) => {
                for (recorded, simulated) in recorded.iter().zip(simulated) {
                    self.learn(recorded, simulated);
                }
            }
            (Value::String(recorded), Value::String(simulated)) => {
                self.pair(recorded, simulated, false);
            }
            _ => {}
        }
    }

    fn pair(&mut self, recorded: &str, simulated: &str, is_name: bool) {
        if let (Some(recorded), Some(simulated)) = (parse_id(recorded), parse_id(simulated)) {
            if !self.knows(recorded) && self.taken.insert(simulated) {
                self.ids.insert(recorded, simulated);
            }
        } else if let (Some(recorded), Some(simulated), true) =
            (after_word(recorded), after_word(simulated), is_name)
        {
            self.pair(recorded, simulated, is_name);
        } else if is_name
            && !self.texts.contains_key(recorded)
            && self.taken_texts.insert(simulated.into())
        {
            self.texts.insert(recorded.into(), simulated.into());
        }
    }

    /// A recorded request or answer with the names of this run.
    pub(super) fn translate(&self, recorded: &Value) -> Value {
        match recorded {
            Value::String(text) => Value::String(self.translate_text(text)),
            Value::Array(items) => items.iter().map(|item| self.translate(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(key, value)| (self.translate_text(key), self.translate(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }

    /// A text with the names of this run: the whole of it, or the ids in it.
    pub(super) fn translate_text(&self, text: &str) -> String {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for (range, id) in ids_in(text) {
            if let Some(known) = self.ids.get(&id) {
                out.push_str(&text[copied..range.start]);
                match range.len() {
                    32 => out.push_str(&known.simple().to_string()),
                    _ => out.push_str(&known.to_string()),
                }
                copied = range.end;
            }
        }
        out.push_str(&text[copied..]);
        out
    }

    /// Every place where the answers differ, in the order of the recorded one.
    pub(super) fn compare(&self, recorded: &Value, simulated: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        self.walk("$", "", Some(recorded), Some(simulated), &mut found);
        found
    }

    fn walk(
        &self,
        path: &str,
        key: &str,
        recorded: Option<&Value>,
        simulated: Option<&Value>,
        found: &mut Vec<Difference>,
    ) {
        match (recorded, simulated) {
            (Some(Value::Object(recorded)), Some(Value::Object(simulated))) => {
                let here = |key: &str| format!("{path}.{key}");
                let mut met = BTreeSet::new();
                for (key, value) in recorded {
                    // Properties are told by name, and in some answers by id.
                    let own = match simulated.contains_key(key) {
                        true => key.clone(),
                        false => self.translate_text(key),
                    };
                    self.walk(&here(key), key, Some(value), simulated.get(&own), found);
                    met.insert(own);
                }
                for (key, value) in simulated.iter().filter(|(key, _)| !met.contains(*key)) {
                    self.walk(&here(key), key, None, Some(value), found);
                }
            }
            (Some(Value::Array(recorded)), Some(Value::Array(simulated))) => {
                for at in 0..recorded.len().max(simulated.len()) {
                    let here = format!("{path}[{at}]");
                    self.walk(&here, "", recorded.get(at), simulated.get(at), found);
                }
            }
            (recorded, simulated) => {
                if !self.same_leaf(key, recorded, simulated) {
                    found.push(Difference {
                        path: path.into(),
                        recorded: recorded.cloned(),
                        simulated: simulated.cloned(),
                    });
                }
            }
        }
    }

    fn same_leaf(&self, key: &str, recorded: Option<&Value>, simulated: Option<&Value>) -> bool {
        let (recorded, simulated) = match (recorded, simulated) {
            (Some(Value::String(recorded)), Some(Value::String(simulated))) => {
                (recorded, simulated)
            }
            (Some(Value::Number(recorded)), Some(Value::Number(simulated))) => {
                return recorded == simulated || recorded.as_f64() == simulated.as_f64();
            }
            (recorded, simulated) => return recorded == simulated,
        };
        match key {
            "request_id" | "next_cursor" => true,
            "created_time" | "last_edited_time" | "expiry_time" | "expires_at" => {
                same_time(recorded, simulated)
            }
            "expression" => {
                let translated = references(recorded, |id| self.translate_text(id));
                translated == references(simulated, str::to_owned)
            }
            _ => {
                unsigned(&without_host(&self.translate_text(recorded)))
                    == unsigned(&without_host(simulated))
            }
        }
    }
}

/// A formula with the properties that it names translated, each without the workspace: nothing else tells the id of one.
fn references(formula: &str, translate: impl Fn(&str) -> String) -> String {
    const OPEN: &str = "{{notion:block_property:";
    let mut parts = formula.split(OPEN);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (reference, rest) = part.split_once("}}").unwrap_or((part, ""));
        let ids: Vec<String> = reference.split(':').take(2).map(&translate).collect();
        out.push_str(&format!("{OPEN}{}}}}}{rest}", ids.join(":")));
    }
    out
}

/// The id in a name that has a word before it, as those of tasks have.
fn after_word(name: &str) -> Option<&str> {
    let (_, id) = name.split_once('_')?;
    parse_id(id).map(|_| id)
}

/// The same minute in the same form.
fn same_time(recorded: &str, simulated: &str) -> bool {
    let read = |text: &str| text.parse::<Timestamp>().ok().map(floor_minute);
    let form = |text: &str| (text.len(), text.ends_with('Z'));
    match (read(recorded), read(simulated)) {
        (Some(a), Some(b)) => a == b && form(recorded) == form(simulated),
        _ => recorded == simulated,
    }
}

/// The address of a hosted file without what is signed.
fn unsigned(text: &str) -> &str {
    match text.split_once('?') {
        Some((bare, signature)) if signature.contains("X-Amz-") => bare,
        _ => text,
    }
}

/// The address of a page without the host, which changed over the years: the rest is compared.
fn without_host(text: &str) -> String {
    let hosts = ["https://app.notion.com/p/", "https://www.notion.so/"];
    let bare = hosts.iter().find_map(|host| text.strip_prefix(host));
    bare.map_or_else(|| text.to_owned(), |bare| format!("notion:{bare}"))
}

/// The ids in a text, with and without dashes, and where they are.
pub(super) fn ids_in(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, Uuid)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        while at + 32 <= bytes.len() {
            let begins =
                bytes[at].is_ascii_hexdigit() && (at == 0 || !bytes[at - 1].is_ascii_hexdigit());
            for length in [36, 32] {
                let range = at..at + length;
                let ends = !bytes.get(range.end).is_some_and(u8::is_ascii_hexdigit);
                let id = text.get(range.clone()).filter(|_| begins && ends);
                if let Some(id) = id.and_then(parse_id) {
                    at = range.end;
                    return Some((range, id));
                }
            }
            at += 1;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const A: &str = "1b2c3d4e-0000-4000-8000-00000000a001";
    const B: &str = "1b2c3d4e-0000-4000-8000-00000000b001";

    fn names() -> Names {
        let mut names = Names::default();
        names.learn(&json!({"id": A}), &json!({"id": B}));
        names
    }

    #[test]
    fn a_formula_is_compared_down_to_the_properties_in_it() {
        let formula = |id: &str, workspace: &str| json!({"expression": format!("1 + {{{{notion:block_property:x:{id}:{workspace}}}}}")});
        let compare = |other: &Value| names().compare(&formula(A, A), other).len();
        assert_eq!(compare(&formula(B, "w")), 0);
        assert_eq!(compare(&formula(A, "w")), 1);
    }

    #[test]
    fn ids_are_found_in_addresses() {
        let plain = A.replace('-', "");
        let text = format!("https://www.notion.so/é-1-{plain}?v={A}&x=abc{A}");
        assert_eq!(ids_in(&text).count(), 2);
        let translated = names().translate_text(&text);
        assert!(translated.contains(&B.replace('-', "")) && translated.contains(B));
    }

    #[test]
    fn the_same_name_must_stand_for_the_same_object() {
        let both = |a: &str, b: &str| json!({"id": a, "url": b});
        assert!(names().compare(&both(A, A), &both(B, B)).is_empty());
        let found = names().compare(&both(A, A), &both(B, A));
        assert_eq!(found[0].path, "$.url");
    }

    #[test]
    fn one_simulated_object_never_stands_for_two_recorded_ones() {
        let mut names = names();
        names.learn(&json!([B]), &json!([B]));
        assert_eq!(names.compare(&json!([B]), &json!([B])).len(), 0);
        assert_eq!(names.compare(&json!([A]), &json!([A])).len(), 1);
    }

    #[test]
    fn a_task_has_the_same_id_in_its_address() {
        let task = |id: &str| {
            let id = format!("task_{}", id.replace('-', ""));
            json!({"status_url": format!("https://api.notion.com/v1/async_tasks/{id}"), "id": id})
        };
        let mut names = Names::default();
        assert_eq!(names.compare(&task(A), &task(B)).len(), 2);
        names.learn(&task(A), &task(B));
        assert!(names.compare(&task(A), &task(B)).is_empty());
    }

    #[test]
    fn times_agree_to_the_minute_and_in_their_form() {
        let differ = |a: &str, b: &str| {
            let time = |text: &str| json!({"created_time": text});
            !names().compare(&time(a), &time(b)).is_empty()
        };
        let minute = "2026-07-04T09:10:00.000Z";
        assert!(!differ(
            "2026-07-04T09:10:18.464+00:00",
            "2026-07-04T09:10:20.001+00:00"
        ));
        assert!(differ("2026-07-04T09:10:18.464+00:00", minute));
        assert!(differ("2026-07-04T09:11:00.000Z", minute));
    }

    #[test]
    fn fields_of_one_side_are_differences() {
        let found = names().compare(&json!({"a": 1, "b": [1]}), &json!({"b": [1, 2], "c": null}));
        let paths: Vec<_> = found.iter().map(|d| d.path.as_str()).collect();
        assert_eq!(paths, ["$.a", "$.b[1]", "$.c"]);
    }
}
