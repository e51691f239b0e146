//! Rich text as it is read.

use serde_json::value::RawValue;

use super::property::DateValue;
use super::shared::Color;
use crate::id::{DatabaseId, PageId, UserId};
use crate::json::{Fields, Json};

/// One run of rich text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RichText {
    /// What it is.
    pub kind: RichTextKind,
    /// How it looks.
    pub annotations: Annotations,
    /// Its text without looks, as Notion shows it.
    pub plain_text: String,
    /// Where it leads.
    pub href: Option<String>,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RichTextKind {
    /// Text.
    Text {
        /// The text.
        content: String,
        /// Where it leads.
        link: Option<String>,
    },
    /// A mention of something.
    Mention {
        /// What is mentioned.
        mention: Mention,
        /// The mention object as it came.
        raw: Json,
    },
    /// A formula.
    Equation {
        /// In KaTeX.
        expression: String,
    },
    /// Something else.
    Unknown {
        /// The kind; empty when there is none.
        kind: String,
        /// The whole run as it came.
        raw: Json,
    },
}

/// What a mention names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mention {
    /// A user.
    User(UserId),
    /// A page.
    Page(PageId),
    /// A database; mentions never name a data source.
    Database(DatabaseId),
    /// A date.
    Date(DateValue),
    /// Something else, by its kind: link previews, templates, custom emoji.
    Other(String),
}

/// The looks of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotations {
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Struck through.
    pub strikethrough: bool,
    /// Underlined.
    pub underline: bool,
    /// Set as code.
    pub code: bool,
    /// Colour of text or background.
    pub color: Color,
}

impl Default for Annotations {
    fn default() -> Self {
        Self {
            bold: false,
            italic: false,
            strikethrough: false,
            underline: false,
            code: false,
            color: Color::Default,
        }
    }
}

/// The text of all runs, without looks.
#[must_use]
pub fn plain_text(runs: &[RichText]) -> String {
    runs.iter().map(|run| run.plain_text.as_str()).collect()
}

impl RichText {
    /// Decodes a run. Never fails: what is not understood is `Unknown`, and the rest of the text stays.
    #[must_use]
    pub fn decode(raw: &RawValue) -> Self {
        let Ok(fields) = Fields::parse("rich text", raw.get()) else {
            let kind = RichTextKind::Unknown {
                kind: String::new(),
                raw: raw.into(),
            };
            return Self {
                kind,
                annotations: Annotations::default(),
                plain_text: String::new(),
                href: None,
            };
        };
        let kind = kind(&fields).unwrap_or_else(|| RichTextKind::Unknown {
            kind: fields.string("type").unwrap_or_default(),
            raw: raw.into(),
        });
        let plain_text = fields.string("plain_text").unwrap_or_else(|| match &kind {
            RichTextKind::Text { content, .. } => content.clone(),
            RichTextKind::Equation { expression } => expression.clone(),
            _ => String::new(),
        });
        Self {
            kind,
            annotations: annotations(&fields),
            plain_text,
            href: fields.string("href"),
        }
    }
}

fn kind(fields: &Fields<'_>) -> Option<RichTextKind> {
    let kind = super::shared::tagged("rich text", fields, |key| {
        matches!(key, "text" | "mention" | "equation")
    })
    .ok()?;
    let (kind, raw) = (kind.0, kind.1?);
    let inner = Fields::parse("rich text", raw.get()).ok()?;
    Some(match kind.as_str() {
        "text" => {
            let link: Option<Fields<'_>> = inner.soft("link");
            RichTextKind::Text {
                content: inner.string("content")?,
                link: link.and_then(|link| link.string("url")),
            }
        }
        "mention" => RichTextKind::Mention {
            mention: mention(&inner),
            raw: raw.into(),
        },
        "equation" => RichTextKind::Equation {
            expression: inner.string("expression")?,
        },
        _ => return None,
    })
}

fn mention(fields: &Fields<'_>) -> Mention {
    let kind = fields.string("type").unwrap_or_default();
    let inner: Option<Fields<'_>> = fields.soft(&kind);
    let known = inner.and_then(|inner| match kind.as_str() {
        "user" => inner.soft("id").map(Mention::User),
        "page" => inner.soft("id").map(Mention::Page),
        "database" => inner.soft("id").map(Mention::Database),
        "date" => fields
            .raw("date")
            .and_then(|raw| DateValue::decode(raw).ok())
            .map(Mention::Date),
        _ => None,
    });
    known.unwrap_or(Mention::Other(kind))
}

fn annotations(fields: &Fields<'_>) -> Annotations {
    let Some(looks) = fields.soft::<Fields<'_>>("annotations") else {
        return Annotations::default();
    };
    let flag = |key| looks.soft(key).unwrap_or(false);
    Annotations {
        bold: flag("bold"),
        italic: flag("italic"),
        strikethrough: flag("strikethrough"),
        underline: flag("underline"),
        code: flag("code"),
        color: looks.soft("color").unwrap_or(Color::Default),
    }
}
