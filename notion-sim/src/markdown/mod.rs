//! Notion-flavoured Markdown: the text of a page's body, and a body from such a text. Where the body is
//! kept is `model::body`, what becomes of what is there `model::rewrite`; edits of a text are `edit`.
//!
//! | block | text |
//! |---|---|
//! | paragraph | its line; `<empty-block/>` where it is empty |
//! | headings | `#` to `####`, `{toggle="true"}` behind those that fold |
//! | lists, to-dos, quotes | `- `, `1. `, `- [ ] `, `- [x] `, `> ` |
//! | toggle | `<details>`, `<summary>…</summary>`, children, `</details>` |
//! | callout, columns, synced block | `<callout icon="…">`, `<columns>` of `<column>`, `<synced_block url="…">` around their children |
//! | table | `<table>`, `<tr>`, `<td>…</td>`: a line each, no deeper than the table |
//! | code, equation, divider | three backticks or more, `$$`, `---` |
//! | image, other media | `![caption](url)`, `<video src="…">caption</video>` |
//! | sub-pages, databases | `<page url="…">`, `<database url="…">` |
//! | table of contents | `<table_of_contents/>` |
//! | all others | `<unknown url="…" alt="…"/>` |
//!
//! A line is a block, a tab more makes it a child, an empty line is nothing. `<br>` breaks a line within a
//! block, `{color="…"}` ends the first line of a block that has a color.

pub(crate) mod edit;
pub(crate) mod inline;
mod lines;
mod read;
mod read_inline;
mod read_tagged;
mod render;
mod tag;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::model::block_kind::{BlockKind, Holds};

pub(crate) use self::read::read;
pub(crate) use self::read_inline::read as read_inline;
pub(crate) use self::render::{id_in, render, render_with_ends};

/// How deep blocks may be nested to be written out or read.
pub(crate) const DEEPEST: usize = 64;

/// A block of a text, or one that is to be written out.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The object it is, where there is one.
    pub(crate) id: Option<Uuid>,
    pub(crate) what: What,
    pub(crate) children: Vec<Piece>,
}

/// What a block is, as far as a text tells.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// What it says of itself is in the form in which blocks are kept.
    Block(&'static BlockKind, Map<String, Value>),
    Page {
        title: String,
    },
    Database {
        title: String,
        inline: bool,
    },
    /// A block that a text cannot say, by the name the text has for its kind.
    Unknown {
        alt: String,
    },
}

impl Piece {
    /// A block that is not there yet.
    pub(crate) fn block(kind: &'static BlockKind, inner: Map<String, Value>) -> Self {
        Self {
            id: None,
            what: What::Block(kind, inner),
            children: Vec::new(),
        }
    }

    /// Its kind, if it is a block that a text can say.
    pub(crate) fn kind(&self) -> Option<&'static BlockKind> {
        match &self.what {
            What::Block(kind, _) => Some(kind),
            _ => None,
        }
    }

    /// A member of what it says of itself; `null` where it has none of that name.
    pub(crate) fn member(&self, name: &str) -> &Value {
        match &self.what {
            What::Block(_, inner) => inner.get(name).unwrap_or(&Value::Null),
            _ => &Value::Null,
        }
    }

    /// Whether lines that are a tab deeper are in it.
    fn takes_lines(&self) -> bool {
        match &self.what {
            What::Block(kind, _) => match kind.holds {
                Holds::Any => kind.name != "column" && !self.is_copy(),
                Holds::IfToggleable => self.member("is_toggleable") == &json!(true),
                Holds::Nothing | Holds::Only(_) => false,
            },
            _ => false,
        }
    }

    /// Whether it shows what another block holds.
    pub(crate) fn is_copy(&self) -> bool {
        self.member("synced_from").is_object()
    }

    /// How many blocks it is, with those in it.
    pub(crate) fn count(&self) -> usize {
        let mut count = 0;
        self.walk(&mut |_| count += 1);
        count
    }

    /// It and everything in it. What a copy shows is in its original.
    pub(crate) fn walk<'p>(&'p self, visit: &mut impl FnMut(&'p Self)) {
        visit(self);
        if !self.is_copy() {
            self.children.iter().for_each(|child| child.walk(visit));
        }
    }
}
