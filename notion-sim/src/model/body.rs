//! A page's body as a whole: taken out as pieces of a text, and made to be what such pieces say. What is
//! the same in both stays the block it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use uuid::Uuid;

use super::World;
use super::block::Block;
use super::block_kind::BlockKind;
use super::cell::plain_text;
use super::row::Parent;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::markdown::{DEEPEST, Piece, What, render};

/// A body taken out.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) pieces: Vec<Piece>,
    /// Blocks that stand there without being shown, in order.
    pub(crate) unknown: Vec<Uuid>,
    /// Whether some of them would be shown, were there fewer or had the connection access to them.
    pub(crate) truncated: bool,
    /// Those of them that are only there too many, or too deep.
    pub(crate) hidden: Vec<Uuid>,
    /// How many more blocks may be shown.
    left: usize,
    /// Whether copies are shown with what their originals hold.
    unfolds: bool,
    /// Originals that something is being taken out of.
    within: Vec<Uuid>,
}

impl World {
    /// What a page holds, up to so many blocks.
    pub(crate) fn body(&self, page: Uuid, most: usize) -> Body {
        let mut body = Body::up_to(most);
        body.pieces = self.pieces_in(page, 0, &mut body);
        body
    }

    /// A block itself, with what it holds.
    pub(crate) fn body_of_block(&self, id: Uuid, most: usize) -> Body {
        let mut body = Body::up_to(most);
        let piece = self.piece(id, 0, &mut body);
        body.pieces.extend(piece);
        body
    }

    /// All that a page or block holds itself: copies are empty.
    fn own_pieces(&self, id: Uuid) -> Vec<Piece> {
        let mut body = Body {
            unfolds: false,
            ..Body::up_to(usize::MAX)
        };
        self.pieces_in(id, 0, &mut body)
    }

    fn pieces_in(&self, id: Uuid, level: usize, body: &mut Body) -> Vec<Piece> {
        let held = self.held(id).iter();
        held.filter_map(|id| self.piece(*id, level, body)).collect()
    }

    fn piece(&self, id: Uuid, level: usize, body: &mut Body) -> Option<Piece> {
        let named = |what| Piece {
            id: Some(id),
            what,
            children: Vec::new(),
        };
        if let Some(page) = self.pages.get(&id) {
            if page.row().in_trash {
                return None;
            }
            return Some(match self.page(id) {
                Ok(row) => named(What::Page {
                    title: row.title().to_owned(),
                }),
                Err(_) => body.hides(id, "page"),
            });
        }
        if let Some(database) = self.databases.get(&id) {
            if database.in_trash {
                return None;
            }
            return Some(match self.database(id) {
                Ok(database) => named(What::Database {
                    title: plain_text(&database.shown_title()),
                    inline: database.is_inline,
                }),
                Err(_) => body.hides(id, "database"),
            });
        }
        let block = self.blocks.known.get(&id)?;
        if block.in_trash {
            return None;
        }
        if let Some(alt) = unsayable(block.kind.name) {
            body.unknown.push(id);
            return Some(named(What::Unknown { alt: alt.into() }));
        }
        if body.left == 0 || level > DEEPEST {
            body.hidden.push(id);
            return Some(body.hides(id, block.kind.name));
        }
        let mut piece = named(What::Block(block.kind, block.inner.clone()));
        let is_copy = piece.is_copy();
        let original = self.original(id);
        if is_copy && body.within.contains(&original) {
            let what = What::Unknown {
                alt: "synced_block_reference".into(),
            };
            body.unknown.push(id);
            return Some(named(what));
        }
        body.left -= 1;
        if !is_copy || body.unfolds {
            body.within.push(original);
            piece.children = self.pieces_in(id, level + 1, body);
            body.within.pop();
        }
        Some(piece)
    }

    /// How many blocks a page has, those that are not shown and those in the trash left out.
    pub(crate) fn body_count(&self, page: Uuid) -> usize {
        self.own_pieces(page).iter().map(Piece::count).sum()
    }

    /// Sub-pages and databases that a page's body shows now, and pieces do not name.
    pub(crate) fn unnamed(&self, page: Uuid, wanted: &[Piece]) -> Vec<Uuid> {
        let is_object = |id: &Uuid| self.pages.contains_key(id) || self.databases.contains_key(id);
        let named = ids(wanted);
        let mut out = Vec::new();
        let mut note = |piece: &Piece| {
            let id = piece.id.filter(is_object);
            out.extend(id.filter(|id| !named.contains(id)));
        };
        let have = self.own_pieces(page);
        have.iter().for_each(|piece| piece.walk(&mut note));
        out
    }

    /// Pieces of a text as they can be in a page: what names a block of another page names none, what is
    /// there already is not there twice, and mentions have names.
    pub(crate) fn fitted(
        &self,
        page: Option<Uuid>,
        pieces: Vec<Piece>,
        there: BTreeSet<Uuid>,
    ) -> Vec<Piece> {
        let here = page.map(|page| ids(&self.own_pieces(page)));
        let mut fitting = Fitting {
            world: self,
            here: here.unwrap_or_default(),
            seen: there,
        };
        fitting.pieces(pieces)
    }

    /// Refuses pieces that cannot be put into a page: sub-pages that are not there, copies of what is no
    /// original.
    pub(crate) fn check_pieces(&self, holder: &Holder, wanted: &[Piece]) -> ApiResult<()> {
        let mut found = Ok(());
        let mut check = |piece: &Piece| {
            let result = self.check_piece(holder, piece);
            if found.is_ok() {
                found = result;
            }
        };
        wanted.iter().for_each(|piece| piece.walk(&mut check));
        found
    }

    fn check_piece(&self, holder: &Holder, piece: &Piece) -> ApiResult<()> {
        match (&piece.what, piece.id) {
            (What::Page { .. }, Some(id)) => {
                let row = self.page(id)?;
                if row.in_trash {
                    return Err(ApiError::in_trash());
                }
                let parent = match holder {
                    Holder::Page(page) => &Parent::Page(*page),
                    Holder::NewPage(parent) => parent,
                };
                if self.is_under(id, parent) {
                    let message = "A page cannot be moved under itself.";
                    return Err(ApiError::validation(message));
                }
            }
            (What::Database { .. }, Some(id)) => {
                let database = self.database(id)?;
                let stays = match holder {
                    Holder::Page(page) => self.is_under(*page, &database.parent),
                    Holder::NewPage(_) => false,
                };
                if !stays {
                    return Err(ApiError::new(
                        400,
                        "invalid_request",
                        "Unsupported request: moving a database by `<database>`.",
                    ));
                }
            }
            (What::Block(..), _) if piece.is_copy() => {
                let from = piece.member("synced_from")["block_id"].as_str();
                let from = from.and_then(parse_id).unwrap_or_default();
                let original = self.block(from)?;
                if original.inner.get("synced_from") != Some(&Value::Null) {
                    let message = format!("Block with ID {from} is not an original synced block.");
                    return Err(ApiError::validation(message));
                }
            }
            _ => {}
        }
        Ok(())
    }

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
        Ok(rewrite.left)
    }
}

/// The objects that pieces are.
pub(crate) fn ids(pieces: &[Piece]) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    let mut note = |piece: &Piece| ids.extend(piece.id);
    pieces.iter().for_each(|piece| piece.walk(&mut note));
    ids
}

/// A piece without what copies in it show.
fn folded(mut piece: Piece) -> Piece {
    let children = std::mem::take(&mut piece.children);
    if !piece.is_copy() {
        piece.children = children.into_iter().map(folded).collect();
    }
    piece
}

/// The page that pieces are for.
#[derive(Debug)]
pub(crate) enum Holder {
    Page(Uuid),
    /// One that is not made yet, and where it will be.
    NewPage(Parent),
}

/// Pieces of a text becoming pieces of a page.
struct Fitting<'w> {
    world: &'w World,
    /// What the page holds.
    here: BTreeSet<Uuid>,
    /// What is in a place already.
    seen: BTreeSet<Uuid>,
}

impl Fitting<'_> {
    fn pieces(&mut self, pieces: Vec<Piece>) -> Vec<Piece> {
        let fitted = pieces.into_iter().filter_map(|piece| self.piece(piece));
        fitted.collect()
    }

    fn piece(&mut self, mut piece: Piece) -> Option<Piece> {
        match &mut piece.what {
            What::Block(_, inner) => {
                for (_, value) in inner.iter_mut() {
                    self.world.name_mentions(value);
                }
                let known = &self.world.blocks.known;
                let is_original = |id: &Uuid| {
                    let block = known.get(id);
                    block.is_some_and(|block| block.inner.get("synced_from") == Some(&Value::Null))
                };
                let named = piece
                    .id
                    .filter(|id| self.here.contains(id) && is_original(id));
                piece.id = named.filter(|id| self.seen.insert(*id));
            }
            What::Unknown { .. } => {
                let id = piece.id.filter(|id| self.here.contains(id))?;
                self.seen.insert(id).then_some(())?;
            }
            What::Page { .. } | What::Database { .. } => {
                self.seen.insert(piece.id?).then_some(())?;
            }
        }
        piece.children = self.pieces(std::mem::take(&mut piece.children));
        Some(piece)
    }
}

impl World {
    /// Gives mentions that a text has no words for the names of what they mention.
    fn name_mentions(&self, value: &mut Value) {
        let Value::Array(items) = value else { return };
        for item in items {
            if item.is_array() {
                self.name_mentions(item);
                continue;
            }
            let mention = &item["mention"];
            let kind = mention["type"].as_str().unwrap_or_default();
            let id = mention[kind]["id"].as_str().and_then(parse_id);
            let Some(id) = id.filter(|_| item["plain_text"] == "") else {
                continue;
            };
            let name = match kind {
                "user" => {
                    let name = self.users.get(&id).and_then(|user| user["name"].as_str());
                    format!("@{}", name.unwrap_or("Anonymous"))
                }
                "page" => self
                    .page(id)
                    .map_or("Untitled", |row| row.title())
                    .to_owned(),
                _ => {
                    let title = self
                        .database(id)
                        .map(|found| plain_text(&found.shown_title()));
                    title.unwrap_or_else(|_| "Untitled".to_owned())
                }
            };
            item["plain_text"] = json!(name);
        }
    }
}

impl Body {
    fn up_to(most: usize) -> Self {
        Self {
            left: most,
            unfolds: true,
            ..Self::default()
        }
    }

    fn hides(&mut self, id: Uuid, alt: &str) -> Piece {
        self.unknown.push(id);
        self.truncated = true;
        Piece {
            id: Some(id),
            what: What::Unknown { alt: alt.into() },
            children: Vec::new(),
        }
    }
}

/// What a text calls a kind of block that it cannot say.
fn unsayable(kind: &str) -> Option<&str> {
    match kind {
        "link_to_page" => Some("alias"),
        "bookmark" | "embed" | "breadcrumb" | "tab" => Some(kind),
        _ => None,
    }
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
        let unsaid: &[&str] = match block.kind.name {
            "paragraph" => &["icon"],
            "callout" if icon_is_unsayable(block.inner.get("icon")) => &["icon"],
            "code" => &["caption"],
            "file" if block.inner.get("external") == inner.get("external") => &["name"],
            _ => &[],
        };
        for member in unsaid {
            inner.remove(*member);
        }
        forget_signature(&block.inner, &mut inner);
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
        let (now, lag) = (world.now, world.index_lag);
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

/// A hosted file whose address a text gives, signed as it was when the text was read, is the same file.
fn forget_signature(kept: &Map<String, Value>, said: &mut Map<String, Value>) {
    let url = |of: &Map<String, Value>, kind: &str| {
        let url = of.get(kind).and_then(|file| file["url"].as_str());
        url.map(|url| url.split('?').next().unwrap_or(url).to_owned())
    };
    if let Some(hosted) = url(kept, "file")
        && url(said, "external") == Some(hosted)
    {
        for member in ["type", "external", "name"] {
            said.remove(member);
        }
    }
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
    fn a_hosted_file_stays_the_one_it_is_whatever_signature_a_text_has() {
        let file = |kind: &str, url: &str| -> Map<String, Value> {
            serde_json::from_value(json!({"type": kind, kind: {"url": url}, "caption": []}))
                .unwrap()
        };
        let kept = file("file", "https://files.example/a/b.png?X-Amz-Signature=1");
        let mut said = file(
            "external",
            "https://files.example/a/b.png?X-Amz-Signature=2",
        );
        forget_signature(&kept, &mut said);
        assert_eq!(Value::Object(said), json!({"caption": []}));
        let mut other = file("external", "https://files.example/a/c.png");
        forget_signature(&kept, &mut other);
        assert!(other.contains_key("external"));
    }

    #[test]
    fn pairs_keep_the_order_of_both_sides() {
        let texts = |texts: &str| -> Vec<String> { texts.chars().map(String::from).collect() };
        assert_eq!(common(&texts("abcd"), &texts("xbyd")), [(1, 1), (3, 3)]);
        assert_eq!(common(&texts("ab"), &texts("ba")).len(), 1);
        assert_eq!(common(&texts("a"), &[]), []);
    }
}
