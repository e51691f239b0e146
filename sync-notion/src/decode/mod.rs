//! Pages to records. Which properties there are comes from the schema; a page is read once.

mod element;
mod raw;
mod text;
mod value;

use std::sync::Arc;

use notion_sync_client::PropertyId;
use notion_sync_client::object::{Page, PropertyValue, RichText as NotionRun};
use notion_sync_core::port::FieldSet;
use notion_sync_core::record::{Cell, Key, Lifecycle, Record, Timestamp, Version};
use notion_sync_core::schema::{Access, FieldId, FieldType, Schema};
use notion_sync_core::value::Value;

use crate::describe::{CREATED, EDITED, ID, URL, holds};
use crate::scan::rank;

/// How the fields of one schema are read, worked out once for all rows.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// Sorted by id, as the cells of a record are.
    fields: Vec<Plan>,
}

#[derive(Debug)]
struct Plan {
    id: FieldId,
    name: Arc<str>,
    source: Source,
    /// What the schema says it holds; `None` where only pages have been seen.
    ty: Option<(FieldType, Access)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Id,
    Url,
    Created,
    Edited,
    Property,
}

/// Which fields of a decoder are asked for, by position.
pub(crate) struct Selection(Vec<bool>);

/// A record and its texts that Notion may have cut.
pub(crate) struct Decoded {
    pub(crate) record: Record,
    pub(crate) cut: Vec<FieldId>,
}

impl Decoder {
    pub(crate) fn new(schema: &Schema) -> Self {
        let fields = schema.fields.iter().map(|field| Plan {
            id: field.id.clone(),
            name: field.name.as_str().into(),
            source: source(field.id.as_str()),
            // Options make types large and are not looked at here.
            ty: Some((without_options(&field.ty), field.access)),
        });
        Self::sorted(fields.collect())
    }

    /// What the properties of a page show, where no schema is known.
    pub(crate) fn of_page(page: &Page) -> Self {
        let own = [ID, URL, CREATED, EDITED].map(|id| (id, id));
        let properties = page
            .properties
            .iter()
            .map(|property| (property.id.as_str(), property.name.as_str()));
        let fields = own.into_iter().chain(properties).map(|(id, name)| Plan {
            id: FieldId::new(id),
            name: name.into(),
            source: source(id),
            ty: None,
        });
        Self::sorted(fields.collect())
    }

    fn sorted(mut fields: Vec<Plan>) -> Self {
        fields.sort_by(|a, b| a.id.cmp(&b.id));
        fields.dedup_by(|a, b| a.id == b.id);
        Self { fields }
    }

    pub(crate) fn select(&self, fields: &FieldSet) -> Selection {
        Selection(
            self.fields
                .iter()
                .map(|plan| match fields {
                    FieldSet::All => true,
                    FieldSet::Only(only) => only.contains(&plan.id),
                })
                .collect(),
        )
    }

    /// The whole record, with a cell for every field.
    pub(crate) fn record(&self, page: &Page, selection: &Selection) -> Decoded {
        let mut cells: Vec<Option<Cell>> = Vec::new();
        cells.resize_with(self.fields.len(), || None);
        let mut cut = Vec::new();
        for property in &page.properties {
            let Some(at) = self.position(property.id.as_str()) else {
                continue;
            };
            let plan = &self.fields[at];
            if plan.source != Source::Property || !selection.0[at] {
                continue;
            }
            let expected = plan
                .ty
                .as_ref()
                .is_none_or(|(ty, access)| holds(ty, *access, &property.kind));
            let cell = if expected {
                value::cell(&property.kind, property.raw.as_str())
            } else {
                Cell::Unsupported(raw::clean(property.raw.as_str()))
            };
            if matches!(cell, Cell::Truncated(Value::RichText(_))) {
                cut.push(plan.id.clone());
            }
            cells[at] = Some(cell);
        }
        for odd in page.properties.odd() {
            let known = self.fields.iter().position(|plan| *plan.name == *odd.name);
            if let Some(at) = known.filter(|at| cells[*at].is_none()) {
                cells[at] = Some(Cell::Unsupported(raw::clean(odd.raw.as_str())));
            }
        }
        let cells = self.fields.iter().zip(cells).enumerate();
        let cells = cells.map(|(at, (plan, cell))| {
            let cell = match (selection.0[at], plan.source) {
                (false, _) => Cell::Unread,
                (true, Source::Property) => cell.unwrap_or(Cell::Missing),
                (true, own) => of_page(own, page),
            };
            (plan.id.clone(), cell)
        });
        let record = Record {
            key: key(page),
            lifecycle: lifecycle(page),
            version: Some(Version(page.last_edited_time.clone())),
            edited_at: edited_at(page),
            rank: rank(page),
            cells: cells.collect(),
        };
        Decoded { record, cut }
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.fields
            .binary_search_by(|plan| plan.id.as_str().cmp(id))
            .ok()
    }
}

impl Selection {
    /// The properties to ask Notion for; empty when all are wanted, too many to
    /// name, or one would be mistaken for another.
    pub(crate) fn properties(&self, decoder: &Decoder) -> Vec<PropertyId> {
        const NAMEABLE: usize = 60;
        let wanted = decoder
            .fields
            .iter()
            .zip(&self.0)
            .filter(|(plan, asked)| **asked && plan.source == Source::Property);
        let named: Vec<PropertyId> = wanted
            .map(|(plan, _)| PropertyId::from(plan.id.as_str()))
            .collect();
        // Notion takes names in the same place.
        let mistaken = named.iter().any(|id| {
            let mut others = decoder.fields.iter();
            others.any(|plan| &*plan.name == id.as_str() && plan.id.as_str() != id.as_str())
        });
        if mistaken || self.0.iter().all(|asked| *asked) || named.len() > NAMEABLE {
            Vec::new()
        } else {
            named
        }
    }
}

/// Runs of a text as the client read them.
pub(crate) fn words_of(runs: &[NotionRun]) -> Value {
    Value::rich_text(text::from_runs(runs).text)
}

/// A moment as Notion writes it.
pub(crate) fn moment_of(moment: &str) -> Option<Value> {
    value::moment(moment)
}

/// The cell of a text that was read whole, element by element.
pub(crate) fn whole_text(value: &PropertyValue) -> Option<Cell> {
    match value {
        PropertyValue::Title(runs) | PropertyValue::RichText(runs) => {
            Some(Cell::Complete(Value::rich_text(text::from_runs(runs).text)))
        }
        _ => None,
    }
}

pub(crate) fn key(page: &Page) -> Key {
    Key::durable(page.id.to_string())
}

/// Floored to the minute by Notion.
fn edited_at(page: &Page) -> Option<Timestamp> {
    let moment: jiff::Timestamp = page.last_edited_time.parse().ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

fn lifecycle(page: &Page) -> Lifecycle {
    if page.in_trash {
        Lifecycle::Trashed
    } else if page.is_archived {
        Lifecycle::Archived
    } else {
        Lifecycle::Live
    }
}

fn source(id: &str) -> Source {
    match id {
        ID => Source::Id,
        URL => Source::Url,
        CREATED => Source::Created,
        EDITED => Source::Edited,
        _ => Source::Property,
    }
}

fn of_page(source: Source, page: &Page) -> Cell {
    let moment = |text: &str| match value::moment(text) {
        Some(value) => Cell::Complete(value),
        None => Cell::Unsupported(raw::clean(&serde_json::to_string(text).unwrap_or_default())),
    };
    match source {
        Source::Id => Cell::Complete(Value::text(page.id.to_string())),
        Source::Url => Cell::Complete(Value::text(page.url.clone())),
        Source::Created => moment(&page.created_time),
        Source::Edited => moment(&page.last_edited_time),
        Source::Property => Cell::Missing,
    }
}

fn without_options(ty: &FieldType) -> FieldType {
    match ty {
        FieldType::Select(_) => FieldType::Select(Vec::new()),
        FieldType::Status(_) => FieldType::Status(Vec::new()),
        FieldType::MultiSelect(_) => FieldType::MultiSelect(Vec::new()),
        other => other.clone(),
    }
}
