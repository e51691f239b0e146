//! Moving a page under another parent: what it keeps, what it loses, where queries find it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use super::cell::{Cell, empty_inner};
use super::kind::Kind;
use super::property::Property;
use super::row::{Parent, Row};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;

impl World {
    /// Moves a page, as `POST /v1/pages/{id}/move` does: it keeps its id, and the values of
    /// properties that its new parent has under the same name and with the same type.
    pub(crate) fn move_page(&mut self, id: Uuid, to: Parent, author: Uuid) -> ApiResult<()> {
        let before = self.page(id)?.clone();
        if before.in_trash {
            return Err(ApiError::in_trash());
        }
        if before.parent == to {
            let message = "New parent must be different from the current parent.";
            return Err(ApiError::validation(message));
        }
        if self.is_under(id, &to) {
            let message = "A page cannot be moved under itself.";
            return Err(ApiError::validation(message));
        }
        let number = self.take_number(&to);
        let cells = self.cells_after(&before, &to, &number);
        let database = self.database_of(&to);
        let (now, lag, is_edit) = (self.now, self.kept_for(), self.knobs.move_is_edit);
        let Some(page) = self.pages.get_mut(&id) else {
            return Ok(());
        };
        let seq = page.seq;
        let row = page.change(now, lag);
        row.parent = to.clone();
        row.cells = cells;
        if is_edit {
            row.edited = now;
            row.edited_by = author;
        }
        row.refresh_head(database);
        let made = row.created.as_millisecond();
        if let Parent::DataSource(source) = &to
            && let Some(source) = self.data_sources.get_mut(source)
        {
            source.order.insert((made, seq), id);
        }
        self.blocks.displace(&before.parent, id);
        self.blocks.place(&to, id);
        self.touched(&before.parent);
        self.touched(&to);
        self.unmirror(&before);
        self.happened("page.moved", id, author, json!({}));
        self.content_changed(&before.parent, id, author);
        self.content_changed(&to, id, author);
        Ok(())
    }

    /// The pages that live in a data source, oldest first, with those in the trash. An index that
    /// lags may still show others, which moved away.
    pub(crate) fn pages_in(&self, source: Uuid) -> Vec<Uuid> {
        let order = self.data_sources.get(&source).map(|found| &found.order);
        let lives_here = |id: &&Uuid| {
            let page = self.pages.get(id);
            page.is_some_and(|page| page.row().parent == Parent::DataSource(source))
        };
        let ids = order.into_iter().flat_map(|order| order.values());
        ids.filter(lives_here).copied().collect()
    }

    /// Whether something with this parent is in a page, at whatever depth.
    pub(crate) fn is_under(&self, id: Uuid, parent: &Parent) -> bool {
        let mut above = parent.clone();
        // A page cannot be its own ancestor, so the number of objects bounds the walk.
        for _ in 0..=self.pages.len() + self.databases.len() {
            above = match above {
                Parent::Page(page) if page == id => return true,
                Parent::Page(page) => match self.pages.get(&page) {
                    Some(page) => page.row().parent.clone(),
                    None => return false,
                },
                Parent::DataSource(_) => {
                    let database = self.database_of(&above);
                    match database.and_then(|database| self.databases.get(&database)) {
                        Some(database) => database.parent.clone(),
                        None => return false,
                    }
                }
                Parent::Other(wire) => {
                    let block = wire["block_id"].as_str().and_then(parse_id);
                    let Some(block) = block else { return false };
                    Parent::Page(self.page_around(block))
                }
                Parent::Workspace => return false,
            };
        }
        false
    }

    fn cells_after(&self, before: &Row, to: &Parent, number: &Value) -> Vec<(Box<str>, Cell)> {
        let old = self.schema_of(before);
        let after = Row::new(before.id, to.clone(), before.created, before.created_by);
        let new = self.schema_of(&after);
        let cells = new
            .iter()
            .filter(|property| !property.kind.is_bookkeeping() && !property.kind.is_computed());
        cells
            .map(|property| {
                let inner = match &property.kind {
                    Kind::UniqueId => {
                        json!({"prefix": property.config["prefix"], "number": number})
                    }
                    kind => kept(old, before, property).unwrap_or_else(|| empty_inner(kind)),
                };
                let cell = Cell::new(&property.id, &property.kind, &inner);
                (property.id.as_str().into(), cell)
            })
            .collect()
    }

    /// Two-way relations that the page has left do not show it any more.
    fn unmirror(&mut self, before: &Row) {
        let old = match &before.parent {
            Parent::DataSource(id) => self
                .data_sources
                .get(id)
                .map(|source| source.schema.clone()),
            _ => None,
        };
        for property in old.unwrap_or_default() {
            let targets = before.cell(&property.id).map_or(&[][..], Cell::ids);
            self.mirror(before.id, &property, targets, &[]);
        }
    }
}

/// What a page brings along for a property of its new parent.
fn kept(old: &[Property], before: &Row, property: &Property) -> Option<Value> {
    let same = |other: &&Property| {
        let titles = property.kind == Kind::Title;
        other.kind == property.kind && (titles || other.name() == property.name())
    };
    let from = old.iter().find(same)?;
    let inner = before.cell(&from.id)?.inner(&from.kind);
    match &property.kind {
        // A two-way relation is another one elsewhere, and what is computed is computed anew.
        Kind::Relation | Kind::Rollup | Kind::Formula | Kind::Verification | Kind::Button => None,
        Kind::Select | Kind::Status => option(property, &inner),
        Kind::MultiSelect => {
            let names = inner.as_array().into_iter().flatten();
            Some(names.filter_map(|name| option(property, name)).collect())
        }
        _ => Some(inner),
    }
}

/// The option of the same name.
fn option(property: &Property, value: &Value) -> Option<Value> {
    let mut options = property.options().iter();
    let found = options.find(|found| found["name"] == value["name"])?;
    Some(json!({"id": found["id"], "name": found["name"], "color": found["color"]}))
}
