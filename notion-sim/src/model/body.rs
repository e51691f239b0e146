//! A page's body as a whole, taken out as pieces of a text. How it becomes what such pieces say is
//! `rewrite`.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::World;
use super::cell::plain_text;
use crate::markdown::{DEEPEST, Piece, What};

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
    /// Whether hosted files have the addresses that answers give them.
    signs: bool,
    /// Originals that something is being taken out of.
    within: Vec<Uuid>,
}

impl World {
    /// What a page holds, up to so many blocks, as it is kept.
    pub(crate) fn body(&self, page: Uuid, most: usize) -> Body {
        let mut body = Body::up_to(most);
        body.pieces = self.pieces_in(page, 0, &mut body);
        body
    }

    /// The same, as answers show it.
    pub(crate) fn shown_body(&self, page: Uuid, most: usize) -> Body {
        let mut body = Body::shown_up_to(most);
        body.pieces = self.pieces_in(page, 0, &mut body);
        body
    }

    /// A block itself, with what it holds, as answers show it.
    pub(crate) fn body_of_block(&self, id: Uuid, most: usize) -> Body {
        let mut body = Body::shown_up_to(most);
        let piece = self.piece(id, 0, &mut body);
        body.pieces.extend(piece);
        body
    }

    /// All that a page or block holds itself: copies are empty.
    pub(super) fn own_pieces(&self, id: Uuid) -> Vec<Piece> {
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
        let inner = match body.signs {
            true => self.shown_inner(block),
            false => block.inner.clone(),
        };
        let mut piece = named(What::Block(block.kind, inner));
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
}

/// The objects that pieces are.
pub(crate) fn ids(pieces: &[Piece]) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    let mut note = |piece: &Piece| ids.extend(piece.id);
    pieces.iter().for_each(|piece| piece.walk(&mut note));
    ids
}

impl Body {
    fn up_to(most: usize) -> Self {
        Self {
            left: most,
            unfolds: true,
            ..Self::default()
        }
    }

    fn shown_up_to(most: usize) -> Self {
        Self {
            signs: true,
            ..Self::up_to(most)
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
