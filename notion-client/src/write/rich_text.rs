//! Rich text as it is written.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::id::{DatabaseId, PageId, UserId};
use crate::json::Json;
use crate::object::{Annotations, Color, DateValue, RichText, RichTextKind};

/// One run of rich text to write. The API takes 100 runs of 2,000 UTF-16 units each. `Debug` shows no text.
#[derive(Clone, PartialEq, Eq)]
pub struct RichTextWrite {
    kind: Kind,
    annotations: Annotations,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Text {
        content: String,
        link: Option<String>,
    },
    Equation(String),
    User(UserId),
    Page(PageId),
    Database(DatabaseId),
    Date(DateValue),
    Mention(Json),
}

impl RichTextWrite {
    /// Plain text.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self::of(Kind::Text {
            content: content.into(),
            link: None,
        })
    }

    /// Text that leads somewhere.
    #[must_use]
    pub fn link(content: impl Into<String>, url: impl Into<String>) -> Self {
        Self::of(Kind::Text {
            content: content.into(),
            link: Some(url.into()),
        })
    }

    /// A formula in KaTeX, at most 1,000 characters.
    #[must_use]
    pub fn equation(expression: impl Into<String>) -> Self {
        Self::of(Kind::Equation(expression.into()))
    }

    /// A mention of a user.
    #[must_use]
    pub fn user(id: UserId) -> Self {
        Self::of(Kind::User(id))
    }

    /// A mention of a page.
    #[must_use]
    pub fn page(id: PageId) -> Self {
        Self::of(Kind::Page(id))
    }

    /// A mention of a database.
    #[must_use]
    pub fn database(id: DatabaseId) -> Self {
        Self::of(Kind::Database(id))
    }

    /// A mention of a date.
    #[must_use]
    pub fn date(date: DateValue) -> Self {
        Self::of(Kind::Date(date))
    }

    /// With these looks.
    #[must_use]
    pub fn styled(mut self, annotations: Annotations) -> Self {
        self.annotations = annotations;
        self
    }

    /// Writes back a run that was read. `None` for what the API does not take: link previews and unknown kinds.
    #[must_use]
    pub fn from_read(run: &RichText) -> Option<Self> {
        use crate::object::Mention;
        let kind = match &run.kind {
            RichTextKind::Text { content, link } => Kind::Text {
                content: content.clone(),
                link: link.clone(),
            },
            RichTextKind::Equation { expression } => Kind::Equation(expression.clone()),
            RichTextKind::Mention {
                mention: Mention::User(id),
                ..
            } => Kind::User(*id),
            RichTextKind::Mention {
                mention: Mention::Page(id),
                ..
            } => Kind::Page(*id),
            RichTextKind::Mention {
                mention: Mention::Database(id),
                ..
            } => Kind::Database(*id),
            RichTextKind::Mention {
                mention: Mention::Date(date),
                ..
            } => Kind::Date(date.clone()),
            RichTextKind::Mention {
                mention: Mention::Other(kind),
                raw,
            } if matches!(kind.as_str(), "template_mention" | "custom_emoji") => {
                Kind::Mention(raw.clone())
            }
            RichTextKind::Mention { .. } | RichTextKind::Unknown { .. } => return None,
        };
        Some(Self {
            kind,
            annotations: run.annotations.clone(),
        })
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            annotations: Annotations::default(),
        }
    }
}

impl fmt::Debug for RichTextWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Text { .. } => "RichTextWrite(text)",
            Kind::Equation(_) => "RichTextWrite(equation)",
            _ => "RichTextWrite(mention)",
        })
    }
}

impl Serialize for RichTextWrite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Link<'a> {
            url: &'a str,
        }
        #[derive(Serialize)]
        struct Text<'a> {
            content: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            link: Option<Link<'a>>,
        }
        #[derive(Serialize)]
        struct Equation<'a> {
            expression: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        match &self.kind {
            Kind::Text { content, link } => {
                map.serialize_entry("type", "text")?;
                let link = link.as_deref().map(|url| Link { url });
                map.serialize_entry("text", &Text { content, link })?;
            }
            Kind::Equation(expression) => {
                map.serialize_entry("type", "equation")?;
                map.serialize_entry("equation", &Equation { expression })?;
            }
            Kind::User(id) => mention(&mut map, "user", &Id { id })?,
            Kind::Page(id) => mention(&mut map, "page", &Id { id })?,
            Kind::Database(id) => mention(&mut map, "database", &Id { id })?,
            Kind::Date(date) => mention(&mut map, "date", date)?,
            Kind::Mention(raw) => {
                map.serialize_entry("type", "mention")?;
                map.serialize_entry("mention", raw)?;
            }
        }
        if self.annotations != Annotations::default() {
            map.serialize_entry("annotations", &Looks::from(&self.annotations))?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Id<'a, T> {
    id: &'a T,
}

fn mention<M: SerializeMap, T: Serialize>(
    map: &mut M,
    kind: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    struct Tagged<'a, T>(&'static str, &'a T);
    impl<T: Serialize> Serialize for Tagged<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(2))?;
            map.serialize_entry("type", self.0)?;
            map.serialize_entry(self.0, self.1)?;
            map.end()
        }
    }
    map.serialize_entry("type", "mention")?;
    map.serialize_entry("mention", &Tagged(kind, value))
}

#[derive(Serialize)]
struct Looks<'a> {
    bold: bool,
    italic: bool,
    strikethrough: bool,
    underline: bool,
    code: bool,
    color: &'a Color,
}

impl<'a> From<&'a Annotations> for Looks<'a> {
    fn from(looks: &'a Annotations) -> Self {
        Self {
            bold: looks.bold,
            italic: looks.italic,
            strikethrough: looks.strikethrough,
            underline: looks.underline,
            code: looks.code,
            color: &looks.color,
        }
    }
}
