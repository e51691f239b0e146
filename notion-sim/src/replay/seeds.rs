//! What a recording starts from: every object that a request refers to, or an answer shows, before the
//! recording makes it. Each is taken as it was when it was seen first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::compare::ids_in;
use super::read::Recorded;
use crate::ids::parse_id;

/// The objects to start from.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    pub(super) objects: Vec<Value>,
    pub(super) bot: Option<Uuid>,
    /// Name of the connection, where only a refusal tells it.
    pub(super) bot_name: Option<String>,
    seeded: BTreeSet<Uuid>,
    made: BTreeSet<Uuid>,
}

impl Seeds {
    /// Gathers them.
    pub(super) fn of(exchanges: &[&Recorded]) -> Self {
        let mut seeds = Self::default();
        let mut sights = Sights::default();
        for exchange in exchanges.iter().filter(|exchange| exchange.succeeded()) {
            sights.walk(&exchange.answer);
        }
        for exchange in exchanges {
            if !exchange.succeeded() {
                seeds.refusal(&exchange.answer);
                continue;
            }
            seeds.wanted(exchange, &sights);
            if exchange.path.trim_end_matches('/').ends_with("/users/me") {
                seeds.bot = seeds.bot.or(id_of(&exchange.answer));
            }
            // A comment says who it is from.
            let shown = &exchange.answer["display_name"];
            if let ("integration", Some(name)) = (
                shown["type"].as_str().unwrap_or_default(),
                shown["resolved_name"].as_str(),
            ) {
                seeds.bot_name.get_or_insert_with(|| name.into());
            }
            if exchange.makes() {
                seeds.make(&exchange.answer);
            }
            // Who is asked to write is who has written.
            let writes = exchange.route().is_some_and(|route| route.mutates);
            let editor = id_of(&exchange.answer["last_edited_by"]);
            seeds.bot = seeds.bot.or(editor.filter(|_| writes));
            if exchange.answer["object"] == "file_upload" && exchange.makes() {
                seeds.bot = seeds.bot.or(id_of(&exchange.answer["created_by"]));
            }
            if exchange.path == "/v1/custom_emojis" {
                seeds.objects.push(exchange.answer.clone());
            }
            let reads = !writes;
            seeds.show(&exchange.answer, reads);
            if exchange.path == "/v1/file_uploads" {
                seeds.go_on(&exchange.answer);
            }
        }
        if seeds.bot.is_none() {
            let is_own = |user: &&Value| user["type"] == "bot" && user["bot"]["owner"].is_object();
            seeds.bot = sights.first.values().find(is_own).and_then(id_of);
        }
        seeds
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.seeded.iter().copied()
    }

    /// A refusal tells who was refused.
    fn refusal(&mut self, answer: &Value) {
        let id = &answer["additional_data"]["integration_id"];
        self.bot = self.bot.or(id.as_str().and_then(parse_id));
        let message = answer["message"].as_str().unwrap_or_default();
        let name = message.split_once("your integration \"");
        let name = name.and_then(|(_, rest)| rest.split_once('"'));
        if let Some((name, _)) = name {
            self.bot_name.get_or_insert_with(|| name.into());
        }
    }

    /// What a request refers to.
    fn wanted(&mut self, exchange: &Recorded, sights: &Sights) {
        let mut parts = exchange.path.split('/').skip(2);
        let (kind, id) = (parts.next().unwrap_or_default(), parts.next());
        if let (Some(id), "file_uploads") = (id.and_then(parse_id), kind) {
            if let Some(seen) = sights.first.get(&id)
                && !self.made.contains(&id)
            {
                self.seed(id, seen, exchange.method == "GET");
            }
        } else if let Some(id) = id.and_then(parse_id) {
            let kind = match kind {
                "databases" => "database",
                "data_sources" => "data_source",
                _ => "page",
            };
            self.want(kind, id, sights);
        }
        for (_, id) in ids_in(&exchange.query) {
            self.want("page", id, sights);
        }
        self.wanted_in("", &exchange.request, sights);
    }

    fn wanted_in(&mut self, key: &str, value: &Value, sights: &Sights) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.wanted_in(key, value, sights);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.wanted_in(key, item, sights);
                }
            }
            Value::String(text) => {
                if let Some(id) = parse_id(text) {
                    let kind = match key {
                        "database_id" => "database",
                        "data_source_id" => "data_source",
                        "page_id" => "page",
                        // Of options, users, blocks: nothing is known of them but what answers show.
                        _ => "",
                    };
                    self.want(kind, id, sights);
                }
            }
            _ => {}
        }
    }

    fn want(&mut self, kind: &str, id: Uuid, sights: &Sights) {
        if self.made.contains(&id) || self.seeded.contains(&id) {
            return;
        }
        match (sights.first.get(&id), kind) {
            (Some(object), _) => self.seed(id, object, false),
            (None, "page") => self.seed(id, &untitled(id), true),
            (None, "database") => self.seed(id, &database(id), true),
            _ => {}
        }
    }

    /// What an answer shows that was there already.
    fn show(&mut self, value: &Value, as_it_was: bool) {
        match value {
            Value::Object(fields) => {
                if let (Some(id), true) = (id_of(value), value["object"].is_string())
                    && !self.made.contains(&id)
                {
                    self.seed(id, value, as_it_was);
                }
                fields
                    .values()
                    .for_each(|inner| self.show(inner, as_it_was));
            }
            Value::Array(items) => items.iter().for_each(|item| self.show(item, as_it_was)),
            _ => {}
        }
    }

    /// A list that goes on says with what: its cursor is the id of the next upload.
    fn go_on(&mut self, list: &Value) {
        let last = list["results"]
            .as_array()
            .and_then(|results| results.last());
        let next = list["next_cursor"].as_str().and_then(parse_id);
        if let (Some(last), Some(next)) = (last, next)
            && !self.made.contains(&next)
        {
            let mut object = last.clone();
            object["id"] = json!(next.to_string());
            self.seed(next, &object, true);
        }
    }

    fn make(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                let is_user = value["object"] == "user" || value["type"] == "bot";
                if let (Some(id), false) = (id_of(value), is_user)
                    && !self.seeded.contains(&id)
                {
                    self.made.insert(id);
                }
                fields.values().for_each(|inner| self.make(inner));
            }
            Value::Array(items) => items.iter().for_each(|item| self.make(item)),
            _ => {}
        }
    }

    /// Starts with an object. One that an edit showed first was not in the trash before it.
    fn seed(&mut self, id: Uuid, seen: &Value, as_it_was: bool) {
        let kind = seen["object"].as_str().unwrap_or_default();
        let mut object = match (kind, seen["type"].as_str()) {
            ("block", Some("child_page")) => page_of(id, seen),
            ("block", Some("child_database")) => database_of(id, seen),
            ("page" | "data_source" | "database" | "user" | "file_upload", _) => seen.clone(),
            _ => return,
        };
        let is_full = kind != "user" || seen["type"].is_string();
        // A user is named long before it is shown whole.
        if !is_full || !self.seeded.insert(id) {
            return;
        }
        if !as_it_was && object["in_trash"] == true {
            object["in_trash"] = json!(false);
        }
        // What was sent was not there before.
        if !as_it_was && kind == "file_upload" {
            object["status"] = json!("pending");
            object["content_length"] = Value::Null;
        }
        if kind == "data_source"
            && let Some(database) = object["parent"]["database_id"].as_str().and_then(parse_id)
            && !self.made.contains(&database)
            && object["database_parent"].is_object()
            && self.seeded.insert(database)
        {
            self.objects.push(database_around(database, &object));
        }
        self.objects.push(object);
    }
}

/// The first full sight of each object.
#[derive(Default)]
struct Sights {
    first: BTreeMap<Uuid, Value>,
}

impl Sights {
    fn walk(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(id) = id_of(value)
                    && is_sight(value)
                {
                    self.first.entry(id).or_insert_with(|| value.clone());
                }
                fields.values().for_each(|inner| self.walk(inner));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            _ => {}
        }
    }
}

fn is_sight(value: &Value) -> bool {
    match value["object"].as_str() {
        Some("page" | "data_source") => value["properties"].is_object(),
        Some("database") => value["title"].is_array(),
        Some("file_upload") => value["status"].is_string(),
        Some("user" | "block") => value["type"].is_string(),
        _ => false,
    }
}

fn id_of(value: &Value) -> Option<Uuid> {
    value["id"].as_str().and_then(parse_id)
}

fn text(content: &str) -> Value {
    json!([{
        "type": "text", "text": {"content": content, "link": null}, "plain_text": content, "href": null,
        "annotations": {
            "bold": false, "italic": false, "strikethrough": false, "underline": false, "code": false,
            "color": "default",
        },
    }])
}

/// A page of which nothing is known but its id.
fn untitled(id: Uuid) -> Value {
    json!({
        "object": "page", "id": id.to_string(), "parent": {"type": "workspace", "workspace": true},
        "in_trash": false, "url": format!("https://www.notion.so/{}", id.simple()),
        "properties": {"title": {"id": "title", "type": "title", "title": []}},
    })
}

/// A page of which the block that it also is was seen.
fn page_of(id: Uuid, block: &Value) -> Value {
    let mut page = untitled(id);
    for field in [
        "parent",
        "created_time",
        "last_edited_time",
        "created_by",
        "last_edited_by",
        "in_trash",
    ] {
        page[field] = block[field].clone();
    }
    let title = block["child_page"]["title"].as_str().unwrap_or_default();
    page["properties"]["title"]["title"] = text(title);
    page["url"] = json!(crate::model::row::page_url(title, id));
    page
}

fn database(id: Uuid) -> Value {
    json!({
        "object": "database", "id": id.to_string(), "title": [], "in_trash": false,
        "parent": {"type": "workspace", "workspace": true},
    })
}

fn database_of(id: Uuid, block: &Value) -> Value {
    let mut database = database(id);
    for field in ["parent", "created_time", "last_edited_time", "in_trash"] {
        database[field] = block[field].clone();
    }
    let title = block["child_database"]["title"]
        .as_str()
        .unwrap_or_default();
    database["title"] = text(title);
    database
}

/// A database of which only a data source was seen: it is where and what that says.
fn database_around(id: Uuid, source: &Value) -> Value {
    let mut database = database(id);
    database["parent"] = source["database_parent"].clone();
    for field in [
        "title",
        "description",
        "is_inline",
        "in_trash",
        "icon",
        "cover",
        "url",
        "created_time",
        "last_edited_time",
    ] {
        if let Some(value) = source.get(field) {
            database[field] = value.clone();
        }
    }
    database
}
