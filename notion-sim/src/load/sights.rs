//! The latest sight of each object: by its own edit time where both sights have one, else by place in
//! the recording. A partial sight never replaces a full one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::ids::parse_id;

/// One sight of an object.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) object: Value,
    edited: Option<Timestamp>,
    fullness: u8,
    /// Place among all sights.
    pub(super) place: usize,
    pub(super) file: String,
    pub(super) line: usize,
}

/// All objects seen so far, by kind and id.
#[derive(Debug, Default)]
pub(super) struct Sights {
    pub(super) users: BTreeMap<Uuid, Sight>,
    pub(super) pages: BTreeMap<Uuid, Sight>,
    pub(super) data_sources: BTreeMap<Uuid, Sight>,
    pub(super) databases: BTreeMap<Uuid, Sight>,
    pub(super) uploads: BTreeMap<Uuid, Sight>,
    /// `{id, name, url}` of custom emojis.
    pub(super) emojis: Vec<Value>,
    /// The connection itself.
    pub(super) bot: Option<Uuid>,
    seen: usize,
}

impl Sights {
    /// Takes in one exchange. The error says why it is of no use.
    pub(super) fn exchange(
        &mut self,
        file: &str,
        line: usize,
        exchange: &Value,
    ) -> Result<(), String> {
        let Some(body) = exchange.get("response_body") else {
            return Err("no response body".into());
        };
        // A recording without a status is taken at its word.
        let status = exchange["status"].as_u64().unwrap_or(200);
        if !(200..300).contains(&status) {
            return Ok(());
        }
        let body = match body {
            Value::String(text) => &serde_json::from_str(text)
                .map_err(|_| "the response body is not JSON".to_owned())?,
            other => other,
        };
        if body.is_null() {
            return Ok(());
        }
        if exchange["path"]
            .as_str()
            .is_some_and(|path| path.trim_end_matches('/').ends_with("/users/me"))
        {
            self.bot = body["id"].as_str().and_then(parse_id).or(self.bot);
        }
        self.walk(file, line, body);
        Ok(())
    }

    fn walk(&mut self, file: &str, line: usize, value: &Value) {
        match value {
            Value::Object(object) => {
                self.see(file, line, value);
                self.see_emojis(value);
                for inner in object.values() {
                    self.walk(file, line, inner);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.walk(file, line, item);
                }
            }
            _ => {}
        }
    }

    /// Icons, mentions and lists of emojis show them.
    fn see_emojis(&mut self, value: &Value) {
        let listed = value["results"].as_array();
        let listed = listed.filter(|_| value["type"] == "custom_emoji");
        let shown = value.get("custom_emoji").into_iter();
        let whole = |emoji: &&Value| {
            ["id", "name", "url"]
                .iter()
                .all(|key| emoji[*key].is_string())
        };
        let seen = shown.chain(listed.into_iter().flatten()).filter(whole);
        self.emojis.extend(seen.cloned());
    }

    fn see(&mut self, file: &str, line: usize, object: &Value) {
        let Some(id) = object["id"].as_str().and_then(parse_id) else {
            return;
        };
        self.seen += 1;
        let sight = Sight {
            edited: object["last_edited_time"]
                .as_str()
                .and_then(|text| text.parse().ok()),
            fullness: fullness(object),
            object: object.clone(),
            place: self.seen,
            file: file.into(),
            line,
        };
        match object["object"].as_str() {
            Some("user") => keep(&mut self.users, id, sight),
            Some("page") => keep(&mut self.pages, id, sight),
            Some("data_source") => keep(&mut self.data_sources, id, sight),
            Some("database") => keep(&mut self.databases, id, sight),
            Some("file_upload") => keep(&mut self.uploads, id, sight),
            Some("block") => match object["type"].as_str() {
                Some("child_page") => trash(&mut self.pages, id, &sight),
                Some("child_database") => {
                    trash(&mut self.databases, id, &sight);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// How much an object says: nothing but its id, something, everything.
fn fullness(object: &Value) -> u8 {
    let has = |key: &str| object.get(key).is_some();
    match object["object"].as_str() {
        Some("user") => match object["type"].as_str() {
            None => 0,
            // Without its owner a bot is the short form that properties show.
            Some("bot") if object["bot"].get("owner").is_none() => 1,
            Some(_) => 2,
        },
        Some("page") => u8::from(has("properties")) + u8::from(has("url")),
        Some("data_source") => u8::from(has("properties")) + u8::from(has("title")),
        Some("file_upload") => u8::from(has("status")),
        Some("database") => 2 * u8::from(has("title")),
        _ => 0,
    }
}

fn keep(known: &mut BTreeMap<Uuid, Sight>, id: Uuid, sight: Sight) {
    match known.get_mut(&id) {
        None => {
            known.insert(id, sight);
        }
        Some(old) => {
            let newer = match (old.edited, sight.edited) {
                (Some(old), Some(new)) => new >= old,
                _ => true,
            };
            if sight.fullness > old.fullness || (sight.fullness == old.fullness && newer) {
                *old = sight;
            }
        }
    }
}

/// A block that stands for a page or database tells whether that is in the trash.
fn trash(known: &mut BTreeMap<Uuid, Sight>, id: Uuid, block: &Sight) {
    let flag = block.object["in_trash"]
        .as_bool()
        .or(block.object["archived"].as_bool());
    let (Some(flag), Some(old)) = (flag, known.get_mut(&id)) else {
        return;
    };
    let newer = match (old.edited, block.edited) {
        (Some(old), Some(new)) => new >= old,
        _ => true,
    };
    if newer {
        old.object["in_trash"] = Value::Bool(flag);
        old.place = block.place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(minute: u32, in_trash: bool) -> Value {
        json!({
            "object": "page", "id": "1b2c3d4e-0000-4000-8000-00000000a001", "url": "u", "properties": {},
            "last_edited_time": format!("2026-09-04T14:{minute:02}:00.000Z"), "in_trash": in_trash,
        })
    }

    fn last(bodies: &[Value]) -> Value {
        let mut sights = Sights::default();
        for body in bodies {
            sights
                .exchange("f", 1, &json!({"status": 200, "response_body": body}))
                .unwrap();
        }
        sights.pages.into_values().next().unwrap().object
    }

    #[test]
    fn the_later_edit_wins_over_the_later_line() {
        assert_eq!(last(&[page(30, false), page(29, true)])["in_trash"], false);
        assert_eq!(last(&[page(30, false), page(30, true)])["in_trash"], true);
    }

    #[test]
    fn partial_sights_change_nothing() {
        let partial = json!({"object": "page", "id": "1b2c3d4e-0000-4000-8000-00000000a001"});
        assert_eq!(last(&[page(30, false), partial])["url"], "u");
    }

    #[test]
    fn deleting_the_block_trashes_the_page() {
        let block = json!({
            "object": "block", "id": "1b2c3d4e-0000-4000-8000-00000000a001", "type": "child_page",
            "last_edited_time": "2026-09-04T14:30:00.000Z", "in_trash": true,
        });
        assert_eq!(last(&[page(30, false), block])["in_trash"], true);
    }
}
