//! A page's body becoming what pieces of a text say. What is the same in both stays the block it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use uuid::Uuid;

use super::World;
use super::block::Block;
use super::block_kind::BlockKind;
use super::body::ids;
use super::row::Parent;
use crate::error::ApiResult;
use crate::markdown::{Piece, What, render};

impl World {
    /// Makes a page's body be what the pieces say. Gives the sub-pages and databases that are not in it
    /// any more: what becomes of them is the caller's to decide.
    pub(crate) fn rewrite_body(
        &mut self,
        page: Uuid,
        wanted: Vec<Piece>,
        author: Uuid,
    ) -> ApiResult<Vec<Uuid>> {
        let have = self.own_pieces(page);
        let wanted: Vec<Piece> = wanted.into_iter().map(folded).collect();
        let kept = ids(&wanted);
        let here = ids(&have);
        let arriving: Vec<Uuid> = kept
            .iter()
            .filter(|id| self.pages.contains_key(id) && !here.contains(id))
            .copied()
            .collect();
        for arriving in arriving {
            self.move_page(arriving, Parent::Page(page), author)?;
        }
        let mut rewrite = Rewrite {
            page,
            author,
            kept,
            left: Vec::new(),
            changed: false,
        };
        rewrite.settle(self, page, have, wanted);
        if rewrite.changed || self.knobs.same_value_is_edit {
            self.body_edited(page, author);
        }
        if rewrite.changed {
            let data = json!({"updated_blocks": []});
            self.happened("page.content_updated", page, author, data);
        }
        Ok(rewrite.left)
    }
}

/// A piece without what copies in it show.
fn folded(mut piece: Piece) -> Piece {
    let children = std::mem::take(&mut piece.children);
    if !piece.is_copy() {
        piece.children = children.into_iter().map(folded).collect();
    }
    piece
}

/// One body becoming another.
struct Rewrite {
    page: Uuid,
    author: Uuid,
    /// What is still named, wherever it stands.
    kept: BTreeSet<Uuid>,
    /// Sub-pages and databases that are named no more.
    left: Vec<Uuid>,
    changed: bool,
}

impl Rewrite {
    /// Makes what a page or block holds be what is wanted.
    fn settle(&mut self, world: &mut World, parent: Uuid, have: Vec<Piece>, wanted: Vec<Piece>) {
        let places = self.pair(&have, &wanted);
        let mut have: Vec<Option<Piece>> = have.into_iter().map(Some).collect();
        let mut order = Vec::with_capacity(wanted.len());
        for (wanted, place) in wanted.into_iter().zip(places) {
            let (old, is_same) = match place {
                Place::Same(at) => (have[at].take(), true),
                Place::Was(at) => (have[at].take(), false),
                Place::New => (None, false),
            };
            let id = old.as_ref().and_then(|old| old.id).filter(|_| is_same);
            order.push(id.unwrap_or_else(|| self.place(world, parent, old, wanted)));
        }
        for old in have.into_iter().flatten() {
            self.drop(world, &old);
        }
        let placed: BTreeSet<Uuid> = order.iter().copied().collect();
        let held = world.blocks.children.entry(parent).or_default();
        let before = std::mem::take(held);
        // What is in the trash keeps a place, behind all others.
        let mut others = before.iter().filter(|id| !placed.contains(id));
        order.extend(others.by_ref().filter(|id| !self.kept.contains(id)));
        self.changed |= order != before;
        *held = order;
    }

    /// Which of the blocks that are there each wanted one is: one that reads the same, else one of its
    /// kind between the same neighbours.
    fn pair(&self, have: &[Piece], wanted: &[Piece]) -> Vec<Place> {
        let text = |piece: &Piece| render(std::slice::from_ref(piece), self.page);
        let old: Vec<String> = have.iter().map(text).collect();
        let new: Vec<String> = wanted.iter().map(text).collect();
        let anchors = common(&old, &new);
        let mut places = vec![Place::New; wanted.len()];
        let mut taken = BTreeSet::new();
        for (old, new) in &anchors {
            places[*new] = Place::Same(*old);
            taken.insert(*old);
        }
        // What reads the same elsewhere has moved.
        let mut moved: BTreeMap<&String, VecDeque<usize>> = BTreeMap::new();
        for at in (0..old.len()).filter(|at| !taken.contains(at)) {
            moved.entry(&old[at]).or_default().push_back(at);
        }
        for (place, text) in places.iter_mut().zip(&new) {
            if let (Place::New, Some(at)) =
                (*place, moved.get_mut(text).and_then(VecDeque::pop_front))
            {
                *place = Place::Same(at);
                taken.insert(at);
            }
        }
        let (mut from, mut to) = (0, 0);
        for (next_old, next_new) in anchors.into_iter().chain([(old.len(), new.len())]) {
            let free = (from..next_old).filter(|at| !taken.contains(at));
            let mut free: VecDeque<usize> = free.collect();
            for at in (to..next_new)
                .filter(|at| !matches!(places[*at], Place::Same(_)))
                .collect::<Vec<_>>()
            {
                let is_it = |old: &usize| have[*old].may_become(&wanted[at]);
                if let Some(old) = free
                    .iter()
                    .position(is_it)
                    .and_then(|found| free.remove(found))
                {
                    places[at] = Place::Was(old);
                }
            }
            (from, to) = (next_old + 1, next_new + 1);
        }
        places
    }

    /// Puts a piece where it is wanted: as the block it was, as the object it names, or as a new block.
    fn place(
        &mut self,
        world: &mut World,
        parent: Uuid,
        old: Option<Piece>,
        wanted: Piece,
    ) -> Uuid {
        let was = wanted.id.or(old.as_ref().and_then(|old| old.id));
        let is_new = was.is_none();
        let id = was.unwrap_or_else(|| world.ids.next_uuid());
        let is_copy = wanted.is_copy();
        let What::Block(kind, inner) = wanted.what else {
            self.adopt(world, parent, id);
            return id;
        };
        if is_new {
            self.make(world, parent, id, kind, inner);
        } else {
            self.change(world, id, inner);
        }
        self.adopt(world, parent, id);
        // A copy shows what the original holds, whatever the text says of it.
        if !is_copy {
            let have = match old.filter(|old| old.id == Some(id)) {
                Some(old) => old.children,
                None => world.own_pieces(id),
            };
            self.settle(world, id, have, wanted.children);
        }
        id
    }

    /// Changes what a text can say of a block.
    fn change(&mut self, world: &mut World, id: Uuid, mut inner: Map<String, Value>) {
        let (now, author) = (world.now, self.author);
        let Some(block) = world.blocks.known.get_mut(&id) else {
            return;
        };
        let is_same = |member| block.inner.get(member) == inner.get(member);
        let unsaid: &[&str] = match block.kind.name {
            "paragraph" => &["icon"],
            "callout" if icon_is_unsayable(block.inner.get("icon")) => &["icon"],
            "code" => &["caption"],
            "file" if is_same("external") && is_same("file") => &["name"],
            _ => &[],
        };
        for member in unsaid {
            inner.remove(*member);
        }
        let differs = |(name, value)| block.inner.get(name) != Some(value);
        if inner.iter().any(differs) {
            // Of the members that a `type` chooses from there is only ever one.
            if let Some(Value::String(chosen)) = block.inner.get("type").cloned()
                && inner.contains_key("type")
            {
                block.inner.remove(&chosen);
            }
            block.inner.extend(inner);
            block.edited = now;
            block.edited_by = author;
            self.changed = true;
        }
    }

    fn make(
        &mut self,
        world: &mut World,
        parent: Uuid,
        id: Uuid,
        kind: &'static BlockKind,
        inner: Map<String, Value>,
    ) {
        let block = Block {
            id,
            parent,
            kind,
            inner,
            created: world.now,
            edited: world.now,
            created_by: self.author,
            edited_by: self.author,
            in_trash: false,
        };
        world.blocks.known.insert(id, block);
        self.changed = true;
    }

    /// Gives something its parent.
    fn adopt(&mut self, world: &mut World, parent: Uuid, id: Uuid) {
        let is_block = world.blocks.known.contains_key(&parent);
        let above = if is_block {
            Parent::Other(json!({"type": "block_id", "block_id": parent.to_string()}))
        } else {
            Parent::Page(parent)
        };
        let (now, lag) = (world.now, world.kept_for());
        if let Some(block) = world.blocks.known.get_mut(&id) {
            let before = std::mem::replace(&mut block.parent, parent);
            if before != parent
                && let Some(held) = world.blocks.children.get_mut(&before)
            {
                held.retain(|other| *other != id);
            }
        } else if let Some(page) = world.pages.get_mut(&id) {
            if page.row().parent != above {
                world.blocks.displace(&page.row().parent, id);
                let row = page.change(now, lag);
                row.parent = above;
                row.refresh_head(None);
            }
        } else if let Some(database) = world.databases.get_mut(&id)
            && database.parent != above
        {
            world.blocks.displace(&database.parent, id);
            database.parent = above;
        }
    }

    /// Puts what is not wanted into the trash, with what it holds; what is named elsewhere has left it.
    fn drop(&mut self, world: &mut World, old: &Piece) {
        let Some(id) = old.id.filter(|id| !self.kept.contains(id)) else {
            return;
        };
        self.changed = true;
        if let Some(block) = world.blocks.known.get_mut(&id) {
            block.in_trash = true;
            block.edited = world.now;
            block.edited_by = self.author;
        }
        let is_object =
            |id: &Uuid| world.pages.contains_key(id) || world.databases.contains_key(id);
        let mut left = Vec::new();
        old.walk(&mut |piece| left.extend(piece.id.filter(is_object)));
        left.retain(|id| !self.kept.contains(id));
        self.left.extend(left);
    }
}

impl Piece {
    /// Whether an edit of it may have made it another one.
    fn may_become(&self, wanted: &Self) -> bool {
        let kinds = self.kind().zip(wanted.kind());
        let of_one_kind = kinds.is_some_and(|(kind, other)| kind.name == other.name);
        let named = wanted.id.is_none() || wanted.id == self.id;
        of_one_kind && named && self.is_copy() == wanted.is_copy()
    }
}

/// Which of the blocks that are there one is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// It reads the same.
    Same(usize),
    /// It is another one now.
    Was(usize),
    New,
}

/// Pairs of equal texts, in the order of both lists.
fn common(old: &[String], new: &[String]) -> Vec<(usize, usize)> {
    // Texts of one side only would make the search for pairs long.
    let shared = |texts: &[String], others: &[String]| -> Vec<usize> {
        let others: BTreeSet<&String> = others.iter().collect();
        (0..texts.len())
            .filter(|at| others.contains(&texts[*at]))
            .collect()
    };
    let (olds, news) = (shared(old, new), shared(new, old));
    let text = |at: &usize, texts: &'_ [String]| texts[*at].clone();
    let left: Vec<String> = olds.iter().map(|at| text(at, old)).collect();
    let right: Vec<String> = news.iter().map(|at| text(at, new)).collect();
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &left, &right) {
        if let DiffOp::Equal { .. } = op {
            let both = op.old_range().zip(op.new_range());
            pairs.extend(both.map(|(left, right)| (olds[left], news[right])));
        }
    }
    pairs
}

fn icon_is_unsayable(icon: Option<&Value>) -> bool {
    icon.is_some_and(|icon| {
        icon.is_object() && icon["emoji"].is_null() && icon["external"].is_null()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_the_order_of_both_sides() {
        let texts = |texts: &str| -> Vec<String> { texts.chars().map(String::from).collect() };
        assert_eq!(common(&texts("abcd"), &texts("xbyd")), [(1, 1), (3, 3)]);
        assert_eq!(common(&texts("ab"), &texts("ba")).len(), 1);
        assert_eq!(common(&texts("a"), &[]), []);
    }
}
