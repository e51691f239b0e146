//! Views as a part of the document. Their queries are not kept, no more than cursors are.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{StateError, id, items, missing, text, time};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::view::{TYPES, View, WidgetRow};

pub(super) fn dump(world: &World, document: &mut Value) {
    document["views"] = world.views.iter().map(dump_view).collect();
}

/// Reads them from a document. In one from before there were views, each data source has its first one.
pub(super) fn restore(world: &mut World, document: &Value) -> Result<(), StateError> {
    if document.get("views").is_none() {
        let sources = world.data_sources.values();
        let sources: Vec<_> = sources.map(|source| (source.database, source.id)).collect();
        for (database, source) in sources {
            world.add_first_view(database, source);
        }
    }
    for wire in items(document, "views") {
        world.views.push(restore_view(wire)?);
    }
    Ok(())
}

fn dump_view(view: &View) -> Value {
    let rows = view.rows.iter().map(|row| {
        let widgets: Vec<String> = row.widgets.iter().map(Uuid::to_string).collect();
        json!({"id": row.id.to_string(), "widgets": widgets})
    });
    json!({
        "id": view.id.to_string(), "database": view.database.to_string(),
        "data_source": view.data_source.map(|id| id.to_string()),
        "dashboard": view.dashboard.map(|id| id.to_string()), "name": view.name, "type": view.kind,
        "created": view.created.to_string(), "edited": view.edited.to_string(),
        "created_by": view.created_by.to_string(), "edited_by": view.edited_by.to_string(),
        "filter": view.filter, "sorts": view.sorts, "quick_filters": view.quick_filters,
        "looks": view.looks, "rows": rows.collect::<Vec<_>>(),
    })
}

fn restore_view(wire: &Value) -> Result<View, StateError> {
    let other = |key: &str| wire[key].as_str().and_then(parse_id);
    let kind = TYPES.into_iter().find(|kind| wire["type"] == *kind);
    let mut view = View::new(
        id(wire, "id")?,
        id(wire, "database")?,
        other("data_source"),
        kind.ok_or_else(|| missing("type"))?,
        time(wire, "created")?,
        id(wire, "created_by")?,
    );
    view.dashboard = other("dashboard");
    view.name = text(wire, "name");
    view.edited = time(wire, "edited")?;
    view.edited_by = id(wire, "edited_by")?;
    view.filter = wire["filter"].clone();
    view.sorts = wire["sorts"].clone();
    let object = |key: &str| wire[key].as_object().cloned().unwrap_or_default();
    view.quick_filters = object("quick_filters");
    view.looks = object("looks");
    for row in items(wire, "rows") {
        let widgets = items(row, "widgets").filter_map(|id| parse_id(id.as_str()?));
        view.rows.push(WidgetRow {
            id: id(row, "id")?,
            widgets: widgets.collect(),
        });
    }
    Ok(view)
}
