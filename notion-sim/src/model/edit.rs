//! Changes to pages: one set of rules for the API and for edits made in place of a person.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::World;
use super::cell::{Cell, empty_inner};
use super::kind::Kind;
use super::property::Property;
use super::row::{Parent, Row};
use crate::error::{ApiError, ApiResult};
use crate::value::picture::{self, Picture};
use crate::value::{self, Plan};

/// What may change on a page; absent means untouched.
#[derive(Debug, Default)]
pub(crate) struct PageChange {
    pub(crate) properties: Option<Map<String, Value>>,
    pub(crate) icon: Option<Value>,
    pub(crate) cover: Option<Value>,
    pub(crate) in_trash: Option<bool>,
    pub(crate) is_archived: Option<bool>,
    pub(crate) is_locked: Option<bool>,
}

impl World {
    /// Makes a page.
    pub(crate) fn create_page(
        &mut self,
        parent: Parent,
        change: PageChange,
        author: Uuid,
    ) -> ApiResult<Uuid> {
        let mut ids = self.ids.clone();
        let id = ids.next_uuid();
        let given = change.properties.unwrap_or_default();
        let mut row = Row::new(id, parent, self.now, author);
        let plan = value::plan(self, &mut ids, self.schema_of(&row), &given)?;
        let [icon, cover] = self.pictures(change.icon, change.cover)?;
        self.ids = ids;
        self.attach_all(&plan);
        row.icon = icon.unwrap_or_default().settle(self);
        row.cover = cover.unwrap_or_default().settle(self);
        self.add_options(&row.parent, &plan);
        let number = self.take_number(&row.parent);
        for property in self.schema_of(&row) {
            if property.kind.is_bookkeeping() || property.kind.is_computed() {
                continue;
            }
            let inner = match &property.kind {
                Kind::UniqueId => json!({"prefix": property.config["prefix"], "number": number}),
                kind => empty_inner(kind),
            };
            row.cells.push((
                property.id.as_str().into(),
                Cell::new(&property.id, &property.kind, &inner),
            ));
        }
        let written = self.cells_of(&row, &plan);
        for (property, cell) in &written {
            row.set_cell(&property.id, cell.clone());
        }
        let parent = row.parent.clone();
        self.insert_row(row);
        for (property, cell) in written {
            self.mirror(id, &property, &[], cell.ids());
        }
        self.happened("page.created", id, author, json!({}));
        self.content_changed(&parent, id, author);
        Ok(id)
    }

    /// Changes a page. A page in the trash only takes its restoration, alone or with other changes.
    pub(crate) fn update_page(
        &mut self,
        id: Uuid,
        change: PageChange,
        author: Uuid,
    ) -> ApiResult<()> {
        let before = self.page(id)?.clone();
        if before.in_trash && change.in_trash != Some(false) {
            return Err(ApiError::in_trash());
        }
        let mut ids = self.ids.clone();
        let given = change.properties.unwrap_or_default();
        let plan = value::plan(self, &mut ids, self.schema_of(&before), &given)?;
        let [icon, cover] = self.pictures(change.icon, change.cover)?;
        self.ids = ids;
        self.attach_all(&plan);
        let icon = icon.map(|icon| icon.settle(self));
        let cover = cover.map(|cover| cover.settle(self));
        self.add_options(&before.parent, &plan);
        let written = self.cells_of(&before, &plan);
        let same = written
            .iter()
            .all(|(property, cell)| before.cell(&property.id) == Some(cell));
        let kept = |given: Option<bool>, was: bool| given.is_none_or(|flag| flag == was);
        let rest_same = kept(change.in_trash, before.in_trash)
            && icon.as_ref().is_none_or(|icon| *icon == before.icon)
            && cover.as_ref().is_none_or(|cover| *cover == before.cover);
        let (locked, archived) = (change.is_locked, change.is_archived);
        // A request that is about nothing else writes no value again.
        let is_flag_alone = (locked.is_some() || archived.is_some())
            && written.is_empty()
            && (change.in_trash, &icon, &cover) == (None, &None, &None);
        let edited = !(same && rest_same)
            || self.knobs.lock_is_edit && !kept(locked, before.is_locked)
            || self.knobs.archive_is_edit && !kept(archived, before.is_archived)
            || self.knobs.same_value_is_edit && !is_flag_alone;
        let (now, lag, database) = (self.now, self.kept_for(), self.database_of(&before.parent));
        let Some(page) = self.pages.get_mut(&id) else {
            return Ok(());
        };
        let row = page.change(now, lag);
        for (property, cell) in &written {
            row.set_cell(&property.id, cell.clone());
        }
        if let Some(icon) = icon {
            row.icon = icon;
        }
        if let Some(cover) = cover {
            row.cover = cover;
        }
        row.in_trash = change.in_trash.unwrap_or(row.in_trash);
        row.is_archived = change.is_archived.unwrap_or(row.is_archived);
        row.is_locked = change.is_locked.unwrap_or(row.is_locked);
        if edited {
            row.edited = now;
            row.edited_by = author;
        }
        row.refresh_head(database);
        self.touched(&before.parent);
        self.page_changed(&before, author);
        for (property, cell) in written {
            let old = before.cell(&property.id).map_or(&[][..], Cell::ids);
            self.mirror(id, &property, old, cell.ids());
        }
        Ok(())
    }

    /// Tells who subscribed what became of a page.
    fn page_changed(&mut self, before: &Row, author: Uuid) {
        let id = before.id;
        if !self.hooks.is_heard() {
            return;
        }
        let Some(after) = self.pages.get(&id).map(|page| page.row().clone()) else {
            return;
        };
        let changed = after
            .cells
            .iter()
            .filter(|(id, cell)| before.cell(id) != Some(cell));
        let mut ids: Vec<&str> = changed.map(|(id, _)| &**id).collect();
        // A new title is told as new content.
        let had = ids.len();
        ids.retain(|id| *id != "title");
        if ids.len() < had {
            let data = json!({"updated_blocks": []});
            self.happened("page.content_updated", id, author, data);
        }
        if !ids.is_empty() {
            let data = json!({"updated_properties": ids});
            self.happened("page.properties_updated", id, author, data);
        }
        for (was, is, on, off) in [
            (
                before.in_trash,
                after.in_trash,
                "page.deleted",
                "page.undeleted",
            ),
            (
                before.is_locked,
                after.is_locked,
                "page.locked",
                "page.unlocked",
            ),
        ] {
            if was != is {
                let kind = if is { on } else { off };
                self.happened(kind, id, author, json!({}));
            }
        }
        if before.in_trash != after.in_trash {
            self.content_changed(&after.parent, id, author);
        }
    }

    /// Checks an icon and a cover.
    pub(crate) fn pictures(
        &self,
        icon: Option<Value>,
        cover: Option<Value>,
    ) -> ApiResult<[Option<Picture>; 2]> {
        let icon = icon.map(|given| picture::icon(self, "body.icon", &given));
        let cover = cover.map(|given| picture::cover(self, "body.cover", &given));
        Ok([icon.transpose()?, cover.transpose()?])
    }

    fn attach_all(&mut self, plan: &Plan) {
        for upload in &plan.uploads {
            self.attach(*upload);
        }
    }

    /// Changes what a computed property shows; no edit.
    pub(crate) fn compute(&mut self, id: Uuid, property: &str, shown: &Value) -> ApiResult<()> {
        let before = self.page(id)?.clone();
        let schema = self.schema_of(&before);
        let found = super::property::find(schema, property).map(|at| &schema[at]);
        let found = found.filter(|found| found.kind.is_computed());
        let found = found.cloned().ok_or_else(|| {
            ApiError::validation(format!("{property} is no formula or rollup of the page."))
        })?;
        let (now, lag) = (self.now, self.kept_for());
        if let Some(page) = self.pages.get_mut(&id) {
            let cell = Cell::new(&found.id, &found.kind, shown);
            page.change(now, lag).set_cell(&found.id, cell);
        }
        self.touched(&before.parent);
        Ok(())
    }

    /// Notes a change that queries of the parent could see.
    pub(crate) fn touched(&mut self, parent: &Parent) {
        self.revision += 1;
        if let Parent::DataSource(id) = parent
            && let Some(source) = self.data_sources.get_mut(id)
        {
            source.touch(self.now);
        }
    }

    fn cells_of(&self, row: &Row, plan: &Plan) -> Vec<(Property, Cell)> {
        let schema = self.schema_of(row);
        plan.values
            .iter()
            .map(|(at, inner)| {
                let property = &schema[*at];
                let cell = Cell::new(&property.id, &property.kind, inner);
                (property.clone(), cell)
            })
            .collect()
    }

    fn add_options(&mut self, parent: &Parent, plan: &Plan) {
        let Parent::DataSource(id) = parent else {
            return;
        };
        let Some(source) = self.data_sources.get_mut(id) else {
            return;
        };
        for (at, option) in &plan.new_options {
            if let Some(options) = source.schema[*at].config["options"].as_array_mut() {
                options.push(option.clone());
            }
        }
    }

    pub(super) fn take_number(&mut self, parent: &Parent) -> Value {
        let Parent::DataSource(id) = parent else {
            return Value::Null;
        };
        let Some(source) = self.data_sources.get_mut(id) else {
            return Value::Null;
        };
        let number = source.next_number;
        source.next_number += 1;
        json!(number)
    }

    /// Keeps the other side of a two-way relation in step.
    pub(super) fn mirror(&mut self, id: Uuid, property: &Property, old: &[Uuid], new: &[Uuid]) {
        if property.kind != Kind::Relation {
            return;
        }
        let (Some(target), Some(other)) = (property.relation_target(), property.mirror()) else {
            return;
        };
        let Some(source) = self.data_sources.get(&target) else {
            return;
        };
        let Some(at) = super::property::find(&source.schema, other) else {
            return;
        };
        let mirrored = source.schema[at].clone();
        let gone = old.iter().filter(|page| !new.contains(page));
        for page in gone {
            self.mirror_one(*page, &mirrored, |ids| ids.retain(|other| *other != id));
        }
        let came = new.iter().filter(|page| !old.contains(page));
        for page in came {
            self.mirror_one(*page, &mirrored, |ids| {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            });
        }
    }

    fn mirror_one(&mut self, page: Uuid, property: &Property, edit: impl Fn(&mut Vec<Uuid>)) {
        let (now, lag, is_edit) = (self.now, self.kept_for(), self.knobs.mirror_is_edit);
        let Some(stored) = self.pages.get(&page) else {
            return;
        };
        let parent = stored.row().parent.clone();
        let mut ids = stored
            .row()
            .cell(&property.id)
            .map_or(&[][..], Cell::ids)
            .to_vec();
        let before = ids.clone();
        edit(&mut ids);
        if ids == before {
            return;
        }
        let inner: Vec<Value> = ids.iter().map(|id| json!({"id": id.to_string()})).collect();
        let cell = Cell::new(&property.id, &property.kind, &Value::Array(inner));
        let database = self.database_of(&parent);
        if let Some(stored) = self.pages.get_mut(&page) {
            let row = stored.change(now, lag);
            row.set_cell(&property.id, cell);
            if is_edit {
                row.edited = now;
            }
            row.refresh_head(database);
        }
        self.touched(&parent);
    }
}
