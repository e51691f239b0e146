//! Text as runs: words with formatting, mentions, equations.

use serde::{Deserialize, Deserializer, Serialize};

use super::RawJson;

/// Formatted text. Adjacent runs of one look are one run, so equality ignores how a server cut it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RichText {
    runs: Vec<Run>,
}

/// A stretch of text with one look.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// What a person reads.
    pub text: String,
    /// How it looks.
    #[serde(default, skip_serializing_if = "Style::is_plain")]
    pub style: Style,
    /// What it is.
    #[serde(default, skip_serializing_if = "RunKind::is_text")]
    pub kind: RunKind,
}

/// Formatting of a run (Notion: annotations and link).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Style {
    /// Bold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    /// Italic.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub italic: bool,
    /// Struck through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strikethrough: bool,
    /// Underlined.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub underline: bool,
    /// Inline code.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub code: bool,
    /// Colour or background name; `None` is the default colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Target of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a run is, beside its look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunKind {
    /// Words.
    #[default]
    Text,
    /// A KaTeX expression, in [`Run::text`].
    Equation,
    /// A reference to a page, person, date…, as the peer wrote it. Kept whole or not at all.
    Mention(RawJson),
}

impl Style {
    /// Whether nothing is set.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl RunKind {
    fn is_text(&self) -> bool {
        matches!(self, Self::Text)
    }
}

impl Run {
    /// Unformatted words.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style: Style::default(),
            kind: RunKind::Text,
        }
    }

    /// Whether the run stands or falls as one piece (mention, equation).
    pub fn is_atomic(&self) -> bool {
        !self.kind.is_text()
    }
}

impl RichText {
    /// Joins runs: empty text runs vanish, neighbours of one look become one.
    pub fn new(runs: impl IntoIterator<Item = Run>) -> Self {
        let mut joined: Vec<Run> = Vec::new();
        for run in runs {
            if run.text.is_empty() && !run.is_atomic() {
                continue;
            }
            match joined.last_mut() {
                Some(last) if !last.is_atomic() && !run.is_atomic() && last.style == run.style => {
                    last.text.push_str(&run.text);
                }
                _ => joined.push(run),
            }
        }
        Self { runs: joined }
    }

    /// Text without formatting.
    pub fn plain_text(text: impl Into<String>) -> Self {
        Self::new([Run::plain(text)])
    }

    /// The runs, in order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// What a person reads, without formatting.
    pub fn plain(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect()
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether every run is unformatted words.
    pub fn is_plain(&self) -> bool {
        self.runs
            .iter()
            .all(|run| !run.is_atomic() && run.style.is_plain())
    }
}

impl<'de> Deserialize<'de> for RichText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(Vec::<Run>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_server_cuts_runs_does_not_matter() {
        let cut = RichText::new([Run::plain("a"), Run::plain(""), Run::plain("b")]);
        assert_eq!(cut, RichText::plain_text("ab"));
        assert_eq!(serde_json::to_string(&cut).unwrap(), r#"[{"text":"ab"}]"#);
        let read: RichText = serde_json::from_str(r#"[{"text":"a"},{"text":"b"}]"#).unwrap();
        assert_eq!(read, cut);
    }
}
