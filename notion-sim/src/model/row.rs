//! A page: its own fields, its cells, and the versions an index that lags still shows.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::cell::Cell;
use super::kind::Kind;
use crate::clock::{floor_minute, push_minute};

/// Where a page lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parent {
    DataSource(Uuid),
    Page(Uuid),
    Workspace,
    /// A parent of another kind, kept as it is on the wire.
    Other(Value),
}

/// One version of a page.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    /// Exact; the wire shows the minute.
    pub(crate) created: Timestamp,
    /// Exact; the wire shows the minute.
    pub(crate) edited: Timestamp,
    /// When this version came to be, whether or not that counted as an edit.
    pub(crate) version_at: Timestamp,
    pub(crate) created_by: Uuid,
    pub(crate) edited_by: Uuid,
    pub(crate) parent: Parent,
    pub(crate) icon: Value,
    pub(crate) cover: Value,
    pub(crate) in_trash: bool,
    pub(crate) is_archived: bool,
    pub(crate) is_locked: bool,
    pub(crate) url: String,
    pub(crate) public_url: Value,
    /// By property id.
    pub(crate) cells: Vec<(Box<str>, Cell)>,
    /// Fields not known here, as they came.
    pub(crate) extra: Map<String, Value>,
    /// The whole object as it was loaded, until something changes it.
    pub(crate) as_loaded: Option<Box<str>>,
    /// Everything but properties, `archived` and the closing brace; empty until rendered.
    head: Box<str>,
}

impl Row {
    /// A page made at `at` by `author`.
    pub(crate) fn new(id: Uuid, parent: Parent, at: Timestamp, author: Uuid) -> Self {
        Self {
            id,
            created: at,
            edited: at,
            version_at: at,
            created_by: author,
            edited_by: author,
            parent,
            icon: Value::Null,
            cover: Value::Null,
            in_trash: false,
            is_archived: false,
            is_locked: false,
            url: String::new(),
            public_url: Value::Null,
            cells: Vec::new(),
            extra: Map::new(),
            as_loaded: None,
            head: "".into(),
        }
    }

    pub(crate) fn cell(&self, property_id: &str) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|(id, _)| &**id == property_id)
            .map(|(_, cell)| cell)
    }

    pub(crate) fn set_cell(&mut self, property_id: &str, cell: Cell) {
        match self.cells.iter_mut().find(|(id, _)| &**id == property_id) {
            Some((_, slot)) => *slot = cell,
            None => self.cells.push((property_id.into(), cell)),
        }
    }

    pub(crate) fn remove_cell(&mut self, property_id: &str) {
        self.cells.retain(|(id, _)| &**id != property_id);
    }

    /// The title without styles.
    pub(crate) fn title(&self) -> &str {
        self.cell("title").map_or("", |cell| match &cell.key {
            super::cell::Key::Text(text) => text,
            _ => "",
        })
    }

    /// The last edit as the API knows it.
    pub(crate) fn edited_minute(&self) -> Timestamp {
        floor_minute(self.edited)
    }

    /// The creation as the API knows it.
    pub(crate) fn created_minute(&self) -> Timestamp {
        floor_minute(self.created)
    }

    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// Renders the head again. `database` is the container of the parent data source.
    pub(crate) fn refresh_head(&mut self, database: Option<Uuid>) {
        if self.url.is_empty() {
            self.url = page_url(self.title(), self.id);
        }
        let mut head = String::with_capacity(700);
        head.push_str("{\"object\":\"page\",\"id\":\"");
        head.push_str(&self.id.to_string());
        head.push_str("\",\"created_time\":\"");
        push_minute(&mut head, self.created);
        head.push_str("\",\"last_edited_time\":\"");
        push_minute(&mut head, self.edited);
        head.push('"');
        let fields = [
            ("created_by", user_reference(self.created_by)),
            ("last_edited_by", user_reference(self.edited_by)),
            ("cover", self.cover.clone()),
            ("icon", self.icon.clone()),
            ("parent", parent_wire(&self.parent, database)),
            ("in_trash", json!(self.in_trash)),
            ("is_archived", json!(self.is_archived)),
            ("is_locked", json!(self.is_locked)),
            ("url", json!(self.url)),
            ("public_url", self.public_url.clone()),
        ];
        for (name, value) in &fields {
            head.push_str(&format!(",\"{name}\":{value}"));
        }
        for (name, value) in &self.extra {
            head.push_str(&format!(",{}:{value}", Value::from(name.as_str())));
        }
        self.head = head.into();
    }

    /// The uncut inner value of a property, from the cell or from the page itself.
    pub(crate) fn inner(&self, property: &super::property::Property) -> Option<Value> {
        match property.kind {
            Kind::CreatedTime => Some(json!(crate::clock::minute_text(self.created))),
            Kind::LastEditedTime => Some(json!(crate::clock::minute_text(self.edited))),
            Kind::CreatedBy => Some(user_reference(self.created_by)),
            Kind::LastEditedBy => Some(user_reference(self.edited_by)),
            _ => self
                .cell(&property.id)
                .map(|cell| cell.inner(&property.kind)),
        }
    }
}

/// `{object: "user", id}`.
pub(crate) fn user_reference(id: Uuid) -> Value {
    json!({"object": "user", "id": id.to_string()})
}

/// The `parent` object of a page.
pub(crate) fn parent_wire(parent: &Parent, database: Option<Uuid>) -> Value {
    match parent {
        Parent::DataSource(id) => {
            let mut wire = json!({"type": "data_source_id", "data_source_id": id.to_string()});
            if let Some(database) = database {
                wire["database_id"] = json!(database.to_string());
            }
            wire
        }
        Parent::Page(id) => json!({"type": "page_id", "page_id": id.to_string()}),
        Parent::Workspace => json!({"type": "workspace", "workspace": true}),
        Parent::Other(wire) => wire.clone(),
    }
}

/// `https://www.notion.so/<Title-slug>-<32 hex>`.
pub(crate) fn page_url(title: &str, id: Uuid) -> String {
    let mut slug = String::new();
    for c in title.chars().take(60) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    if !slug.is_empty() && !slug.ends_with('-') {
        slug.push('-');
    }
    format!("https://www.notion.so/{slug}{}", id.simple())
}

/// A page and the older versions that an index may still show.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Order of creation in the simulator; parts equal creation times.
    pub(crate) seq: u64,
    current: Arc<Row>,
    older: VecDeque<Arc<Row>>,
}

impl Page {
    pub(crate) fn new(seq: u64, row: Row) -> Self {
        Self {
            seq,
            current: Arc::new(row),
            older: VecDeque::new(),
        }
    }

    /// The page as a direct read shows it.
    pub(crate) fn row(&self) -> &Arc<Row> {
        &self.current
    }

    /// The page as an index that lags by `lag` shows it; nothing while the page is too new.
    pub(crate) fn indexed(&self, now: Timestamp, lag: SignedDuration) -> Option<&Arc<Row>> {
        if lag.is_zero() {
            return Some(&self.current);
        }
        std::iter::once(&self.current)
            .chain(self.older.iter().rev())
            .find(|row| is_settled(row, now, lag))
    }

    /// The page as a read that is this late shows it: of what is known of it the oldest where it was
    /// changed since, nothing where it was not there yet.
    pub(crate) fn late(&self, now: Timestamp, by: SignedDuration) -> Option<&Arc<Row>> {
        let was_there = self.current.created.checked_add(by);
        let was_there = was_there.is_ok_and(|known| known <= now);
        let oldest = self.older.front().unwrap_or(&self.current);
        self.indexed(now, by).or(was_there.then_some(oldest))
    }

    /// Gives the row to change. With a lag the old version is kept until it can no longer be seen.
    pub(crate) fn change(&mut self, now: Timestamp, lag: SignedDuration) -> &mut Row {
        if lag.is_zero() {
            self.older.clear();
        } else {
            self.older.push_back(Arc::clone(&self.current));
            while self.older.len() > 1 && is_settled(&self.older[1], now, lag) {
                self.older.pop_front();
            }
        }
        let row = Arc::make_mut(&mut self.current);
        row.version_at = now;
        row.as_loaded = None;
        row
    }

    /// Rewrites what belongs to the schema, not to the page: no new version.
    pub(crate) fn rewrite(&mut self) -> &mut Row {
        let row = Arc::make_mut(&mut self.current);
        row.as_loaded = None;
        row
    }
}

fn is_settled(row: &Row, now: Timestamp, lag: SignedDuration) -> bool {
    row.version_at
        .checked_add(lag)
        .is_ok_and(|visible| visible <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_with_lag_shows_the_old_version_first() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let lag = SignedDuration::from_secs(30);
        let row = Row::new(Uuid::nil(), Parent::Workspace, at(0), Uuid::nil());
        let mut page = Page::new(1, row);
        assert!(page.indexed(at(29), lag).is_none());
        page.change(at(100), lag).is_locked = true;
        assert!(!page.indexed(at(129), lag).unwrap().is_locked);
        assert!(page.indexed(at(130), lag).unwrap().is_locked);
        assert!(page.row().is_locked);
    }

    #[test]
    fn urls_carry_a_slug_of_the_title() {
        let url = page_url("Plan: a trip!", Uuid::nil());
        assert_eq!(
            url,
            format!("https://www.notion.so/Plan-a-trip-{}", Uuid::nil().simple())
        );
        assert!(page_url("", Uuid::nil()).ends_with(&format!("/{}", Uuid::nil().simple())));
    }
}
