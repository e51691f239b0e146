//! Writing objects out as the API's JSON. Pages are put together from text that is ready.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use super::cell::{Cell, empty_inner};
use super::container::{DataSource, Database};
use super::kind::Kind;
use super::property::Property;
use super::row::{Parent, Row, parent_wire};
use crate::clock::push_minute;
use crate::version::Version;

impl World {
    /// Appends a page. `shown` limits the properties to these positions of the schema.
    pub(crate) fn render_page(
        &self,
        out: &mut String,
        row: &Row,
        version: Version,
        shown: Option<&[usize]>,
    ) {
        match (&row.as_loaded, shown) {
            (Some(text), None) if self.unshared.is_empty() => out.push_str(text),
            _ => {
                out.push_str(&self.signed_head(row));
                out.push_str(",\"properties\":{");
                self.render_properties(out, row, shown);
                out.push('}');
            }
        }
        if version.shows_archived() {
            let _ = write!(out, ",\"archived\":{}", row.in_trash);
        }
        out.push('}');
    }

    /// The head of a page. Hosted pictures in it need a new signature at each read.
    fn signed_head<'r>(&self, row: &'r Row) -> Cow<'r, str> {
        let mut head = Cow::Borrowed(row.head());
        for (name, picture) in [("cover", &row.cover), ("icon", &row.icon)] {
            if picture["type"] == "file" {
                let mut signed = picture.clone();
                self.sign_one(&mut signed);
                let member = |picture: &Value| format!(",\"{name}\":{picture}");
                head = Cow::Owned(head.replacen(&member(picture), &member(&signed), 1));
            }
        }
        head
    }

    fn render_properties(&self, out: &mut String, row: &Row, shown: Option<&[usize]>) {
        let mut first = true;
        for (at, property) in self.schema_of(row).iter().enumerate() {
            if shown.is_some_and(|shown| !shown.contains(&at)) {
                continue;
            }
            if !first {
                out.push(',');
            }
            first = false;
            out.push_str(property.name_key());
            self.render_cell(out, row, property);
        }
    }

    fn render_cell(&self, out: &mut String, row: &Row, property: &Property) {
        let name = property.kind.as_str();
        match (&property.kind, row.cell(&property.id)) {
            (Kind::CreatedTime | Kind::LastEditedTime, _) => {
                let created = property.kind == Kind::CreatedTime;
                let at = if created { row.created } else { row.edited };
                let id = &property.id;
                let _ = write!(out, "{{\"id\":\"{id}\",\"type\":\"{name}\",\"{name}\":\"");
                push_minute(out, at);
                out.push_str("\"}");
            }
            (Kind::CreatedBy | Kind::LastEditedBy, _) => {
                let created = property.kind == Kind::CreatedBy;
                let user = self.user_value(if created {
                    row.created_by
                } else {
                    row.edited_by
                });
                let _ = write!(
                    out,
                    "{}",
                    json!({"id": property.id, "type": name, name: user})
                );
            }
            (Kind::Files, Some(cell)) if cell.hosted_files => {
                let files = self.sign(cell.inner(&property.kind));
                out.push_str(Cell::new(&property.id, &property.kind, &files).wire());
            }
            (Kind::Title | Kind::RichText, Some(cell)) if cell.mentions_people => {
                let mut text = cell.inner(&property.kind);
                self.show_people(&mut text);
                out.push_str(Cell::new(&property.id, &property.kind, &text).wire());
            }
            (Kind::Relation, Some(cell)) if !self.plain_relations() => {
                self.render_relation(out, property, cell);
            }
            (_, Some(cell)) => out.push_str(cell.wire()),
            (kind, None) => {
                out.push_str(Cell::new(&property.id, kind, &empty_inner(kind)).wire());
            }
        }
    }

    fn plain_relations(&self) -> bool {
        self.unshared.is_empty() && self.knobs.relation_has_more
    }

    /// A relation without the targets that are not shared.
    fn render_relation(&self, out: &mut String, property: &Property, cell: &Cell) {
        let inner = self.seen_targets(cell.inner(&property.kind));
        let cell = Cell::new(&property.id, &property.kind, &inner);
        if self.knobs.relation_has_more {
            out.push_str(cell.wire());
            return;
        }
        let mut wire: Value = serde_json::from_str(cell.wire()).unwrap_or(Value::Null);
        if let Some(wire) = wire.as_object_mut() {
            wire.remove("has_more");
        }
        let _ = write!(out, "{wire}");
    }

    /// Leaves out relation targets that the connection cannot see.
    pub(crate) fn seen_targets(&self, mut inner: Value) -> Value {
        if !self.unshared.is_empty()
            && let Some(items) = inner.as_array_mut()
        {
            items.retain(|item| {
                let id = item["id"].as_str().and_then(crate::ids::parse_id);
                id.and_then(|id| self.pages.get(&id))
                    .is_none_or(|page| self.sees_row(page.row()))
            });
        }
        inner
    }

    /// A user as property values show it: in full, a bot without its details.
    pub(crate) fn user_value(&self, id: Uuid) -> Value {
        match self.users.get(&id) {
            Some(user) => {
                let mut user = user.clone();
                if user["type"] == "bot" {
                    user["bot"] = json!({});
                }
                user
            }
            None => super::row::user_reference(id),
        }
    }

    /// Shows the people that rich text mentions in full, wherever in a value it is. Their names in
    /// `plain_text` stay those they had.
    pub(crate) fn show_people(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let user = fields
                    .get_mut("mention")
                    .and_then(|mention| mention.get_mut("user"));
                let Some(user) = user else {
                    return fields
                        .values_mut()
                        .for_each(|value| self.show_people(value));
                };
                let id = user["id"].as_str().and_then(crate::ids::parse_id);
                if let Some(id) = id {
                    *user = self.user_value(id);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.show_people(item)),
            _ => {}
        }
    }

    /// A page as a JSON value, without version differences.
    pub(crate) fn page_value(&self, row: &Row) -> Value {
        let mut text = String::new();
        self.render_page(&mut text, row, Version::V2026_03_11, None);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A data source's object.
    pub(crate) fn data_source_wire(&self, source: &DataSource, version: Version) -> Value {
        let parent = match self.databases.get(&source.database) {
            Some(database) => parent_wire(&database.parent, self.database_of(&database.parent)),
            None => parent_wire(&Parent::Workspace, None),
        };
        let mut wire = source.to_wire(parent);
        self.sign_pictures(&mut wire);
        if version.shows_archived() {
            wire["archived"] = json!(source.in_trash);
        }
        wire
    }

    fn sign_pictures(&self, wire: &mut Value) {
        for name in ["icon", "cover"] {
            self.sign_one(&mut wire[name]);
        }
    }

    /// A database's object.
    pub(crate) fn database_wire(&self, database: &Database, version: Version) -> Value {
        let sources = database
            .data_sources
            .iter()
            .filter_map(|id| self.data_sources.get(id))
            .filter(|source| !source.in_trash)
            .map(|source| {
                let mut name = super::cell::plain_text(&source.title);
                if name.is_empty() {
                    name = super::cell::plain_text(&database.shown_title());
                }
                json!({"id": source.id.to_string(), "name": name})
            })
            .collect();
        let mut wire = database.to_wire(sources);
        self.sign_pictures(&mut wire);
        wire["title"] = database.shown_title();
        if version.shows_archived() {
            wire["archived"] = json!(database.in_trash);
        }
        wire
    }
}
