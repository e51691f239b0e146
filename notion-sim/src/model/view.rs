//! Views of data sources: tabs of a database and widgets of a dashboard. What a view may say is checked in
//! `value::view`; queries of views are below.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::World;
use super::row::user_reference;
use crate::clock::moment_text;
use crate::error::ApiResult;
use crate::ids::IdSource;

/// How long the results of a view query are kept.
const KEPT: SignedDuration = SignedDuration::from_mins(15);

/// The types of views.
pub(crate) const TYPES: [&str; 10] = [
    "table",
    "board",
    "list",
    "calendar",
    "timeline",
    "gallery",
    "form",
    "chart",
    "map",
    "dashboard",
];

/// A view.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) id: Uuid,
    /// The database whose tab it is, or the dashboard's.
    pub(crate) database: Uuid,
    /// What it shows; nothing for a dashboard.
    pub(crate) data_source: Option<Uuid>,
    /// The dashboard that it is a widget of.
    pub(crate) dashboard: Option<Uuid>,
    pub(crate) name: String,
    /// One of [`TYPES`].
    pub(crate) kind: &'static str,
    pub(crate) created: Timestamp,
    pub(crate) edited: Timestamp,
    pub(crate) created_by: Uuid,
    pub(crate) edited_by: Uuid,
    /// With ids of properties, as the next two.
    pub(crate) filter: Value,
    pub(crate) sorts: Value,
    pub(crate) quick_filters: Map<String, Value>,
    /// What was said of its looks, without `type`.
    pub(crate) looks: Map<String, Value>,
    /// Of a dashboard: the rows of its widgets.
    pub(crate) rows: Vec<WidgetRow>,
}

/// A row of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WidgetRow {
    pub(crate) id: Uuid,
    /// The views in it.
    pub(crate) widgets: Vec<Uuid>,
}

/// What a view showed at one moment.
#[derive(Debug, Clone)]
pub(crate) struct ViewQuery {
    pub(crate) id: Uuid,
    pub(crate) view: Uuid,
    /// As many as a query reaches.
    pub(crate) pages: Arc<[Uuid]>,
    /// Whether there were more.
    pub(crate) is_capped: bool,
    pub(crate) expires: Timestamp,
}

impl View {
    /// A view that says nothing yet.
    pub(crate) fn new(
        id: Uuid,
        database: Uuid,
        data_source: Option<Uuid>,
        kind: &'static str,
        at: Timestamp,
        author: Uuid,
    ) -> Self {
        Self {
            id,
            database,
            data_source,
            dashboard: None,
            name: String::new(),
            kind,
            created: at,
            edited: at,
            created_by: author,
            edited_by: author,
            filter: Value::Null,
            sorts: Value::Null,
            quick_filters: Map::new(),
            looks: Map::new(),
            rows: Vec::new(),
        }
    }

    fn parent(&self) -> Value {
        json!({"type": "database_id", "database_id": self.database.to_string()})
    }

    /// Members in the order of the API.
    fn head(&self) -> String {
        format!(
            "{{\"object\":\"view\",\"id\":\"{}\",\"parent\":{}",
            self.id,
            ordered(&self.parent())
        )
    }

    /// What is left to say of a view that is gone.
    pub(crate) fn to_partial(&self) -> String {
        format!("{},\"type\":\"{}\"}}", self.head(), self.kind)
    }
}

fn ordered(value: &Value) -> String {
    let mut out = String::new();
    super::order::push_ordered(&mut out, value);
    out
}

impl World {
    /// A view the connection can see.
    pub(crate) fn view(&self, id: Uuid) -> ApiResult<&View> {
        let found = self.views.iter().find(|view| view.id == id);
        let seen = found.filter(|view| {
            let source = view.data_source;
            self.database(view.database).is_ok()
                && source.is_none_or(|source| self.data_source(source).is_ok())
        });
        seen.ok_or_else(|| self.not_found("view", &id.to_string()))
    }

    pub(crate) fn view_mut(&mut self, id: Uuid) -> Option<&mut View> {
        self.views.iter_mut().find(|view| view.id == id)
    }

    /// The tabs of a database, in order.
    pub(crate) fn tabs(&self, database: Uuid) -> impl Iterator<Item = &View> {
        let is_tab = move |view: &&View| view.database == database && view.dashboard.is_none();
        self.views.iter().filter(is_tab)
    }

    /// Gives a database the table that it shows a new data source in. Its id follows from the data
    /// source's, so that it takes none away from other objects.
    pub(crate) fn add_first_view(&mut self, database: Uuid, source: Uuid) {
        let (seed, salt) = source.as_u64_pair();
        let salt = salt ^ database.as_u64_pair().1;
        let id = IdSource::new(seed ^ salt.rotate_left(17)).next_uuid();
        if self.views.iter().any(|view| view.id == id) {
            return;
        }
        let made = self.data_sources.get(&source);
        let (at, author) =
            made.map_or((self.now, self.bot), |made| (made.created, made.created_by));
        let mut view = View::new(id, database, Some(source), "table", at, author);
        view.name = "Default view".into();
        self.views.push(view);
    }

    /// Appends a view's object.
    pub(crate) fn push_view(&self, out: &mut String, view: &View) {
        out.push_str(&view.head());
        let source = view.data_source.map(|id| id.to_string());
        let url = format!(
            "https://www.notion.so/{}?v={}",
            view.database.simple(),
            view.id.simple()
        );
        let quick = match view.quick_filters.is_empty() {
            true => Value::Null,
            false => Value::Object(view.quick_filters.clone()),
        };
        let members = [
            ("data_source_id", json!(source)),
            ("name", json!(view.name)),
            ("type", json!(view.kind)),
            ("created_time", json!(moment_text(view.created))),
            ("created_by", user_reference(view.created_by)),
            ("last_edited_time", json!(moment_text(view.edited))),
            ("last_edited_by", user_reference(view.edited_by)),
            ("url", json!(url)),
            ("filter", view.filter.clone()),
            ("sorts", view.sorts.clone()),
            ("quick_filters", quick),
            ("configuration", self.configuration(view)),
        ];
        for (name, value) in members {
            out.push_str(&format!(",\"{name}\":{}", ordered(&value)));
        }
        if let Some(dashboard) = view.dashboard {
            out.push_str(&format!(",\"dashboard_view_id\":\"{dashboard}\""));
        }
        out.push('}');
    }

    /// How a view looks; nothing where its type needs something said and nothing was.
    fn configuration(&self, view: &View) -> Value {
        let needs = ["board", "calendar", "timeline", "chart"];
        if needs.contains(&view.kind) && view.looks.is_empty() {
            return Value::Null;
        }
        let mut shown = view.looks.clone();
        if let Some(source) = view.data_source.and_then(|id| self.data_sources.get(&id)) {
            crate::value::looks::name_properties(&mut shown, &source.schema);
        }
        shown.insert("type".into(), json!(view.kind));
        if view.kind == "dashboard" {
            let rows = view.rows.iter().enumerate().map(|(at, row)| {
                let widget = |id: &Uuid| {
                    json!({"id": id.to_string(), "view_id": id.to_string(), "row_index": at})
                };
                let widgets: Vec<Value> = row.widgets.iter().map(widget).collect();
                json!({"id": row.id.to_string(), "widgets": widgets})
            });
            shown.insert("rows".into(), rows.collect());
        }
        Value::Object(shown)
    }

    /// Takes a view away, and the widgets of a dashboard with it.
    pub(crate) fn remove_view(&mut self, id: Uuid) {
        self.views
            .retain(|view| view.id != id && view.dashboard != Some(id));
        for view in &mut self.views {
            for row in &mut view.rows {
                row.widgets.retain(|widget| *widget != id);
            }
            view.rows.retain(|row| !row.widgets.is_empty());
        }
    }

    /// Notes that a view of a database was made, changed or removed.
    pub(crate) fn view_changed(&mut self, database: Uuid) {
        self.revision += 1;
        let now = self.now;
        if self.knobs.view_change_is_edit
            && let Some(database) = self.databases.get_mut(&database)
        {
            database.edited = now;
        }
    }

    /// Keeps what a view shows for a while.
    pub(crate) fn keep_query(
        &mut self,
        view: Uuid,
        pages: Arc<[Uuid]>,
        is_capped: bool,
    ) -> ViewQuery {
        let now = self.now;
        self.view_queries.retain(|query| query.expires > now);
        let query = ViewQuery {
            id: self.ids.next_uuid(),
            view,
            pages,
            is_capped,
            expires: now.checked_add(KEPT).unwrap_or(now),
        };
        self.view_queries.push(query.clone());
        query
    }

    /// A view query that is still kept.
    pub(crate) fn view_query(&self, view: Uuid, id: Uuid) -> ApiResult<&ViewQuery> {
        let mut known = self.view_queries.iter();
        let found = known.find(|query| query.id == id && query.view == view);
        found
            .filter(|query| query.expires > self.now)
            .ok_or_else(|| self.not_found("view_query", &id.to_string()))
    }
}
