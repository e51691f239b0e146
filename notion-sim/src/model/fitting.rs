//! Pieces of a text becoming pieces of a page: what they may name, and what is refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use super::body::ids;
use super::cell::plain_text;
use super::row::Parent;
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::markdown::{Piece, What};

/// The page that pieces are for.
#[derive(Debug)]
pub(crate) enum Holder {
    Page(Uuid),
    /// One that is not made yet, and where it will be.
    NewPage(Parent),
}

impl World {
    /// Pieces of a text as they can be in a page: what names a block of another page names none, what is
    /// there already is not there twice, mentions have names, and addresses of hosted files are those files.
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

    /// Makes mentions of `:name:` in words where that is a custom emoji.
    fn find_emojis(&self, value: &mut Value) {
        let Value::Array(items) = value else { return };
        let mut out = Vec::with_capacity(items.len());
        for mut item in std::mem::take(items) {
            self.find_emojis(&mut item);
            let is_words = item["type"] == "text" && item["annotations"]["code"] != true;
            match item["text"]["content"].as_str().filter(|_| is_words) {
                Some(words) => out.extend(self.with_emojis(&item, words)),
                None => out.push(item),
            }
        }
        *items = out;
    }

    /// A run of text in parts, the emojis among them.
    fn with_emojis(&self, run: &Value, words: &str) -> Vec<Value> {
        let say = |text: &str| {
            let mut part = run.clone();
            part["text"]["content"] = json!(text);
            part["plain_text"] = json!(text);
            part
        };
        let mut parts = Vec::new();
        let (mut rest, mut from) = (words, 0);
        while let Some(colon) = rest[from..].find(':').map(|at| from + at) {
            let named = rest[colon + 1..]
                .split_once(':')
                .and_then(|(name, behind)| {
                    let emoji = self.emojis.iter().find(|emoji| emoji.name == name)?;
                    Some((emoji, behind))
                });
            let Some((emoji, behind)) = named else {
                from = colon + 1;
                continue;
            };
            if colon > 0 {
                parts.push(say(&rest[..colon]));
            }
            parts.push(json!({
                "type": "mention",
                "mention": {"type": "custom_emoji", "custom_emoji": emoji.to_wire()},
                "annotations": run["annotations"],
                "plain_text": format!(":{}:", emoji.name),
                "href": run["href"],
            }));
            (rest, from) = (behind, 0);
        }
        if !rest.is_empty() {
            parts.push(say(rest));
        }
        parts
    }

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
                self.world.host_again(inner);
                for (_, value) in inner.iter_mut() {
                    self.world.name_mentions(value);
                    self.world.find_emojis(value);
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
