//! Writing objects out as the API's JSON. Pages are put together from text that is ready.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::SignedDuration;
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

/// Makes every signature differ from the last.
static SIGNATURES: AtomicU64 = AtomicU64::new(1);

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
                out.push_str(row.head());
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

    /// Gives hosted files a URL that is signed for an hour.
    pub(crate) fn sign(&self, mut files: Value) -> Value {
        let expiry = self
            .now
            .checked_add(SignedDuration::from_hours(1))
            .unwrap_or(self.now);
        let stamp = self.now.strftime("%Y%m%dT%H%M%SZ").to_string();
        for file in files.as_array_mut().into_iter().flatten() {
            if file["type"] != "file" {
                continue;
            }
            let count = SIGNATURES.fetch_add(1, Ordering::Relaxed);
            let signature = crate::ids::IdSource::new(count).next_uuid();
            let url = file["file"]["url"].as_str().unwrap_or_default().to_owned();
            file["file"] = json!({
                "url": format!(
                    "{url}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={stamp}&X-Amz-Expires=3600&X-Amz-Signature={}",
                    signature.simple()
                ),
                "expiry_time": expiry.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            });
        }
        files
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
        if version.shows_archived() {
            wire["archived"] = json!(source.in_trash);
        }
        wire
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
        wire["title"] = database.shown_title();
        if version.shows_archived() {
            wire["archived"] = json!(database.in_trash);
        }
        wire
    }
}
