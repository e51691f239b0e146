//! Blocks: the tree below every page, and changes to it. A page and a database are blocks too, under
//! their own ids; what they say as such is rendered here as well.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::World;
use super::block_kind::{BlockKind, Holds};
use super::cell::plain_text;
use super::edit::PageChange;
use super::order::push_ordered;
use super::row::{Parent, parent_wire, user_reference};
use crate::clock::push_minute;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::value::block::Draft;
use crate::value::picture;
use crate::version::Version;

/// A block that is no page and no database.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) id: Uuid,
    /// The page or block it is in.
    pub(crate) parent: Uuid,
    pub(crate) kind: &'static BlockKind,
    /// What it says of itself, without its children.
    pub(crate) inner: Map<String, Value>,
    /// Exact; the wire shows the minute.
    pub(crate) created: Timestamp,
    /// Exact; the wire shows the minute.
    pub(crate) edited: Timestamp,
    pub(crate) created_by: Uuid,
    pub(crate) edited_by: Uuid,
    pub(crate) in_trash: bool,
}

/// All blocks, and what is in what.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) known: BTreeMap<Uuid, Block>,
    /// What a page or block holds, in order, with what is in the trash.
    pub(crate) children: BTreeMap<Uuid, Vec<Uuid>>,
}

impl Blocks {
    /// Puts a page or database behind what its parent holds already.
    pub(crate) fn place(&mut self, parent: &Parent, id: Uuid) {
        if let Some(above) = above(parent) {
            self.children.entry(above).or_default().push(id);
        }
    }

    /// Puts it before the child at position `at` instead.
    pub(crate) fn place_at(&mut self, parent: &Parent, id: Uuid, at: usize) {
        self.displace(parent, id);
        if let Some(held) = above(parent).and_then(|above| self.children.get_mut(&above)) {
            held.insert(at.min(held.len()), id);
        }
    }

    /// Takes it away from there.
    pub(crate) fn displace(&mut self, parent: &Parent, id: Uuid) {
        if let Some(held) = above(parent).and_then(|above| self.children.get_mut(&above)) {
            held.retain(|other| *other != id);
        }
    }
}

/// The page or block that a page or database is shown in.
fn above(parent: &Parent) -> Option<Uuid> {
    match parent {
        Parent::Page(id) => Some(*id),
        Parent::Other(wire) => wire["block_id"].as_str().and_then(parse_id),
        Parent::DataSource(_) | Parent::Workspace => None,
    }
}

impl World {
    /// A block the connection can see, trashed or not.
    pub(crate) fn block(&self, id: Uuid) -> ApiResult<&Block> {
        let found = self.blocks.known.get(&id);
        let seen = found.filter(|_| self.unshared.is_empty() || self.sees_block(id));
        seen.ok_or_else(|| self.not_found("block", &id.to_string()))
    }

    fn sees_block(&self, id: Uuid) -> bool {
        let mut line = self.line(id);
        let taken = line.any(|id| self.unshared.contains(&id));
        !taken && self.page(self.page_around(id)).is_ok()
    }

    /// A block and the blocks it is in, inmost first, without the page.
    fn line(&self, id: Uuid) -> impl Iterator<Item = Uuid> {
        let block = |id: &Uuid| self.blocks.known.get(id);
        // A block cannot be its own ancestor, so the number of blocks bounds the walk.
        std::iter::successors(Some(id), move |id| block(id).map(|block| block.parent))
            .take_while(move |id| block(id).is_some())
            .take(self.blocks.known.len())
    }

    /// The page that a block is in; the id itself where it is none.
    pub(crate) fn page_around(&self, id: Uuid) -> Uuid {
        let outermost = self.line(id).last();
        let block = outermost.and_then(|id| self.blocks.known.get(&id));
        block.map_or(id, |block| block.parent)
    }

    /// Whether something around a block is in the trash.
    pub(crate) fn is_under_trash(&self, id: Uuid) -> bool {
        let trashed = |id: Uuid| {
            self.blocks
                .known
                .get(&id)
                .is_some_and(|block| block.in_trash)
        };
        let page = self.pages.get(&self.page_around(id));
        self.line(id).skip(1).any(trashed) || page.is_some_and(|page| page.row().in_trash)
    }

    /// What a page or block shows to hold: nothing that is in the trash. The copy of a synced block
    /// shows what the original holds.
    pub(crate) fn shown_children(&self, id: Uuid) -> impl Iterator<Item = Uuid> {
        let held = self.blocks.children.get(&self.original(id));
        held.into_iter()
            .flatten()
            .copied()
            .filter(|id| self.shows(*id))
    }

    /// Everything a page or block holds, with what is in the trash.
    pub(crate) fn held(&self, id: Uuid) -> &[Uuid] {
        let held = self.blocks.children.get(&self.original(id));
        held.map_or(&[], Vec::as_slice)
    }

    /// Whether a list of children shows the object.
    pub(crate) fn shows(&self, id: Uuid) -> bool {
        if let Some(block) = self.blocks.known.get(&id) {
            return !block.in_trash;
        }
        let page = self.page(id).is_ok_and(|row| !row.in_trash);
        page || self.database(id).is_ok_and(|database| !database.in_trash)
    }

    /// The block whose children one shows: itself, or what it is a copy of.
    pub(crate) fn original(&self, id: Uuid) -> Uuid {
        let block = self.blocks.known.get(&id);
        let from = block.and_then(|block| block.inner.get("synced_from"));
        let from = from.and_then(|from| from["block_id"].as_str());
        from.and_then(parse_id).unwrap_or(id)
    }

    /// Checks that blocks may be put into a page (`None`) or block, down to the last level.
    pub(crate) fn check_drafts(
        &self,
        path: &str,
        holder: Option<(&BlockKind, &Map<String, Value>)>,
        drafts: &[Draft],
    ) -> ApiResult<()> {
        if let Some((kind, inner)) = holder
            && !drafts.is_empty()
        {
            let copy = inner.get("synced_from").is_some_and(Value::is_object);
            let toggles = inner.get("is_toggleable").is_some_and(|flag| flag == true);
            let closed = kind.holds == Holds::IfToggleable && !toggles;
            if kind.holds == Holds::Nothing || copy || closed {
                return Err(ApiError::validation("Block does not support children"));
            }
        }
        for (at, draft) in drafts.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let name = draft.kind.name;
            match holder.map(|(kind, _)| kind.holds) {
                Some(Holds::Only(only)) if only != name => {
                    return Err(ApiError::body(&format!("{path}.{only}"), "defined", None));
                }
                Some(Holds::Only(_)) => {}
                _ => {
                    let needs = [("table_row", "table"), ("column", "column_list")];
                    if let Some((_, around)) = needs.iter().find(|(kind, _)| *kind == name) {
                        let message = format!("A {name} can only be in a {around}.");
                        return Err(ApiError::validation(message));
                    }
                }
            }
            if let (Some(width), Some(cells)) = (
                holder.and_then(|(_, inner)| inner.get("table_width")),
                draft.inner.get("cells").and_then(Value::as_array),
            ) && width.as_u64() != Some(cells.len() as u64)
            {
                return Err(ApiError::content(ROW_WIDTH));
            }
            let from = draft.inner.get("synced_from");
            let from = from.and_then(|from| from["block_id"].as_str());
            if let Some(from) = from.and_then(parse_id) {
                let original = self.block(from)?;
                if original.inner.get("synced_from") != Some(&Value::Null) {
                    let message = format!("Block with ID {from} is not an original synced block.");
                    return Err(ApiError::validation(message));
                }
            }
            self.check_files(&format!("{path}.{name}"), draft.kind, &draft.inner)?;
            let path = format!("{path}.{name}.children");
            self.check_drafts(&path, Some((draft.kind, &draft.inner)), &draft.children)?;
        }
        Ok(())
    }

    /// Checks the uploads and icons that a block refers to.
    fn check_files(
        &self,
        path: &str,
        kind: &BlockKind,
        members: &Map<String, Value>,
    ) -> ApiResult<()> {
        if let Some(upload) = upload_in(members) {
            let only = ["audio", "image", "pdf", "video"];
            let only = only.iter().position(|category| *category == kind.name);
            let fitting: &[&str] = match only {
                Some(_) => &[kind.name],
                None => &[],
            };
            self.attachable(upload, fitting)?;
        }
        if let Some(icon) = members.get("icon") {
            picture::icon(self, &format!("{path}.icon"), icon)?;
        }
        Ok(())
    }

    /// Gives the members of a block, checked before, the form they are kept in.
    fn keep_files(&mut self, mut members: Map<String, Value>) -> Map<String, Value> {
        if let Some(upload) = upload_in(&members) {
            let name = self
                .upload(upload)
                .ok()
                .and_then(|upload| upload.filename.clone());
            if let Some(Value::String(given)) = members.get_mut("name")
                && given.is_empty()
            {
                *given = name.unwrap_or_default();
            }
            members.remove("file_upload");
            if let Value::Object(file) = self.attach(upload) {
                members.extend(file);
            }
        }
        if let Some(given) = members.get("icon") {
            let icon = picture::icon(self, "icon", given).unwrap_or_default();
            members.insert("icon".into(), icon.settle(self));
        }
        members
    }

    /// Makes blocks in a page or block, before the child at position `at`. Gives the first level.
    pub(crate) fn grow(
        &mut self,
        parent: Uuid,
        at: usize,
        drafts: Vec<Draft>,
        author: Uuid,
    ) -> Vec<Uuid> {
        let mut made = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let id = self.ids.next_uuid();
            let inner = self.keep_files(draft.inner);
            let block = Block {
                id,
                parent,
                kind: draft.kind,
                inner,
                created: self.now,
                edited: self.now,
                created_by: author,
                edited_by: author,
                in_trash: false,
            };
            self.blocks.known.insert(id, block);
            if !draft.children.is_empty() {
                self.grow(id, 0, draft.children, author);
            }
            made.push(id);
        }
        let held = self.blocks.children.entry(parent).or_default();
        let at = at.min(held.len());
        held.splice(at..at, made.iter().copied());
        self.blocks_changed(&made, author);
        made
    }

    /// Changes a block: the members given, and whether it is in the trash.
    pub(crate) fn change_block(
        &mut self,
        id: Uuid,
        members: Map<String, Value>,
        in_trash: Option<bool>,
        author: Uuid,
    ) -> ApiResult<()> {
        let block = self.block(id)?;
        if block.in_trash && in_trash != Some(false) {
            return Err(ApiError::in_trash());
        }
        if self.is_under_trash(id) {
            return Err(ApiError::under_trash());
        }
        if let Some(cells) = members.get("cells").and_then(Value::as_array)
            && let Some(table) = self.blocks.known.get(&block.parent)
            && let Some(width) = table.inner.get("table_width")
            && width.as_u64() != Some(cells.len() as u64)
        {
            return Err(ApiError::validation(ROW_WIDTH));
        }
        self.check_files(&format!("body.{}", block.kind.name), block.kind, &members)?;
        let members = self.keep_files(members);
        let now = self.now;
        if let Some(block) = self.blocks.known.get_mut(&id) {
            // Of the members that a `type` chooses from there is only ever one.
            if members.contains_key("type")
                && let Some(Value::String(chosen)) = block.inner.get("type").cloned()
            {
                block.inner.remove(&chosen);
            }
            block.inner.extend(members);
            block.in_trash = in_trash.unwrap_or(block.in_trash);
            block.edited = now;
            block.edited_by = author;
        }
        self.body_edited(id, author);
        self.blocks_changed(&[id], author);
        Ok(())
    }

    /// Tells who subscribed which blocks of a page are new or others.
    pub(super) fn blocks_changed(&mut self, ids: &[Uuid], author: Uuid) {
        let Some(first) = ids.first().filter(|_| self.hooks.is_heard()) else {
            return;
        };
        let page = self.page_around(*first);
        let known = ids.iter().filter_map(|id| self.blocks.known.get(id));
        let told: Vec<Value> = known
            .map(|block| json!({"id": block.id.to_string(), "type": block.kind.name}))
            .collect();
        let data = json!({"updated_blocks": told});
        self.happened("page.content_updated", page, author, data);
    }

    /// Takes the blocks out of a page for good. Gives the pages and databases that remain.
    fn erase_body(&mut self, page: Uuid, author: Uuid) -> Vec<Uuid> {
        let mut kept = Vec::new();
        let mut left = vec![page];
        while let Some(id) = left.pop() {
            for held in self.blocks.children.remove(&id).unwrap_or_default() {
                if self.blocks.known.remove(&held).is_some() {
                    left.push(held);
                } else {
                    kept.push(held);
                }
            }
        }
        self.blocks.children.insert(page, kept.clone());
        self.body_edited(page, author);
        let data = json!({"updated_blocks": []});
        self.happened("page.content_updated", page, author, data);
        kept
    }

    /// Empties a page: its blocks go for good, sub-pages and databases into the trash.
    pub(crate) fn erase_content(&mut self, page: Uuid, author: Uuid) -> ApiResult<()> {
        for held in self.erase_body(page, author) {
            if !self.shows(held) {
                continue;
            }
            if self.pages.contains_key(&held) {
                let change = PageChange {
                    in_trash: Some(true),
                    ..PageChange::default()
                };
                self.update_page(held, change, author)?;
            } else {
                crate::endpoint::containers::trash_database(self, held, true)?;
            }
        }
        Ok(())
    }

    /// Notes an edit on the page around a block: its body and its properties share one edit time.
    pub(crate) fn body_edited(&mut self, id: Uuid, author: Uuid) {
        self.revision += 1;
        let (now, lag) = (self.now, self.kept_for());
        let page = self.page_around(id);
        let Some(parent) = self.pages.get(&page).map(|page| page.row().parent.clone()) else {
            return;
        };
        let database = self.database_of(&parent);
        if let Some(page) = self.pages.get_mut(&page) {
            let row = page.change(now, lag);
            row.edited = now;
            row.edited_by = author;
            row.refresh_head(database);
        }
        self.touched(&parent);
    }

    /// Appends a block, a page or a database as a block's object.
    pub(crate) fn push_block(&self, out: &mut String, id: Uuid, version: Version) -> ApiResult<()> {
        let absent = || self.not_found("block", &id.to_string());
        let shown = if let Ok(row) = self.page(id) {
            Shown {
                parent: parent_wire(&row.parent, self.database_of(&row.parent)),
                times: (row.created, row.edited),
                authors: (row.created_by, row.edited_by),
                in_trash: row.in_trash,
                kind: "child_page",
                inner: json!({"title": row.title()}),
            }
        } else if let Ok(database) = self.database(id) {
            Shown {
                parent: parent_wire(&database.parent, None),
                times: (database.created, database.edited),
                authors: (self.bot, self.bot),
                in_trash: database.in_trash,
                kind: "child_database",
                inner: json!({"title": plain_text(&database.shown_title())}),
            }
        } else {
            let block = self.block(id).map_err(|_| absent())?;
            Shown {
                parent: self.block_parent(block.parent),
                times: (block.created, block.edited),
                authors: (block.created_by, block.edited_by),
                in_trash: block.in_trash,
                kind: block.kind.name,
                inner: Value::Object(self.shown_inner(block)),
            }
        };
        let has_children = self.shown_children(id).next().is_some();
        shown.push(out, id, has_children, version);
        Ok(())
    }

    /// What a block says of itself, its hosted files signed and the people in it shown in full.
    pub(crate) fn shown_inner(&self, block: &Block) -> Map<String, Value> {
        let mut inner = Value::Object(block.inner.clone());
        self.sign_one(&mut inner);
        if let Some(icon) = inner.get_mut("icon") {
            self.sign_one(icon);
        }
        self.show_people(&mut inner);
        match inner {
            Value::Object(inner) => inner,
            _ => Map::new(),
        }
    }

    /// The `parent` of what is in a page or block.
    pub(crate) fn block_parent(&self, id: Uuid) -> Value {
        if self.blocks.known.contains_key(&id) {
            json!({"type": "block_id", "block_id": id.to_string()})
        } else {
            json!({"type": "page_id", "page_id": id.to_string()})
        }
    }
}

fn upload_in(members: &Map<String, Value>) -> Option<Uuid> {
    let upload = members.get("file_upload")?;
    upload["id"].as_str().and_then(parse_id)
}

const ROW_WIDTH: &str =
    "Number of cells in table row must match the table width of the parent table";

/// What every block says, of whichever kind.
struct Shown {
    parent: Value,
    /// Made and last edited.
    times: (Timestamp, Timestamp),
    authors: (Uuid, Uuid),
    in_trash: bool,
    kind: &'static str,
    inner: Value,
}

impl Shown {
    fn push(&self, out: &mut String, id: Uuid, has_children: bool, version: Version) {
        out.push_str(&format!(
            "{{\"object\":\"block\",\"id\":\"{id}\",\"parent\":"
        ));
        push_ordered(out, &self.parent);
        for (name, at) in [("created", self.times.0), ("last_edited", self.times.1)] {
            out.push_str(&format!(",\"{name}_time\":\""));
            push_minute(out, at);
            out.push('"');
        }
        for (name, author) in [("created", self.authors.0), ("last_edited", self.authors.1)] {
            out.push_str(&format!(",\"{name}_by\":"));
            push_ordered(out, &user_reference(author));
        }
        let (kind, in_trash) = (self.kind, self.in_trash);
        out.push_str(&format!(
            ",\"has_children\":{has_children},\"in_trash\":{in_trash},\"type\":\"{kind}\",\"{kind}\":"
        ));
        push_ordered(out, &self.inner);
        if version.shows_archived() {
            out.push_str(&format!(",\"archived\":{in_trash}"));
        }
        out.push('}');
    }
}
