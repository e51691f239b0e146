//! Titles and rich text: runs of Notion to runs of the core.

use notion_sync_client::RawValue;
use notion_sync_client::object::{Annotations, Color, RichText as NotionRun, RichTextKind};
use notion_sync_core::value::{RichText, Run, RunKind, Style};
use serde::Deserialize;

use super::raw::{Word, clean};

/// Notion shows this many mentions of a text in a page's answer, and does not say that it cut.
pub(crate) const SHOWN_MENTIONS: usize = 25;

/// A decoded text.
pub(crate) struct Text {
    pub(crate) text: RichText,
    /// Whether there are so many mentions that more may be missing.
    pub(crate) cut: bool,
}

/// Reads an array of runs; `None` if it is not one.
pub(crate) fn decode(raw: &str) -> Option<Text> {
    if raw == "[]" {
        return Some(Text {
            text: RichText::default(),
            cut: false,
        });
    }
    if let Some(runs) = plain_runs(raw) {
        return Some(Text {
            text: RichText::new(runs),
            cut: false,
        });
    }
    let runs: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
    let runs: Vec<NotionRun> = runs.into_iter().map(NotionRun::decode).collect();
    Some(from_runs(&runs))
}

/// The same for runs that the client has already read.
pub(crate) fn from_runs(runs: &[NotionRun]) -> Text {
    let mentions = runs
        .iter()
        .filter(|run| matches!(run.kind, RichTextKind::Mention { .. }))
        .count();
    Text {
        text: RichText::new(runs.iter().map(run)),
        cut: mentions >= SHOWN_MENTIONS,
    }
}

fn run(run: &NotionRun) -> Run {
    let mut style = style(&run.annotations);
    match &run.kind {
        RichTextKind::Text { content, link } => {
            style.link = link.clone().or_else(|| run.href.clone());
            Run {
                text: content.clone(),
                style,
                kind: RunKind::Text,
            }
        }
        RichTextKind::Equation { expression } => Run {
            text: expression.clone(),
            style,
            kind: RunKind::Equation,
        },
        RichTextKind::Mention { raw, .. } => Run {
            text: run.plain_text.clone(),
            style,
            kind: RunKind::Mention(clean(&mention_run(run, raw.as_str()))),
        },
        RichTextKind::Unknown { raw, .. } => unknown(run, style, raw.as_str()),
        // A kind the client learns later has no raw form here; its words are what is left.
        _ => Run {
            text: run.plain_text.clone(),
            style,
            kind: RunKind::Text,
        },
    }
}

fn unknown(run: &NotionRun, style: Style, raw: &str) -> Run {
    Run {
        text: run.plain_text.clone(),
        style,
        kind: RunKind::Mention(clean(raw)),
    }
}

/// The whole run again, the same whether it came with a page or from the property-item endpoint.
fn mention_run(run: &NotionRun, mention: &str) -> String {
    let text = |text: &str| serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned());
    let href = run.href.as_deref().map_or("null".to_owned(), text);
    format!(
        r#"{{"type":"mention","mention":{mention},"plain_text":{},"href":{href}}}"#,
        text(&run.plain_text)
    )
}

fn style(looks: &Annotations) -> Style {
    Style {
        bold: looks.bold,
        italic: looks.italic,
        strikethrough: looks.strikethrough,
        underline: looks.underline,
        code: looks.code,
        color: (looks.color != Color::Default).then(|| looks.color.as_str().to_owned()),
        link: None,
    }
}

/// The common case, texts of nothing but words, in one pass without intermediate trees.
fn plain_runs(raw: &str) -> Option<Vec<Run>> {
    let wires: Vec<Wire<'_>> = serde_json::from_str(raw).ok()?;
    wires
        .into_iter()
        .map(|wire| {
            let text = wire.text.filter(|_| wire.kind.0 == "text")?;
            let looks = wire.annotations;
            let color = looks.color.map(|color| color.0);
            Some(Run {
                text: text.content,
                style: Style {
                    bold: looks.bold,
                    italic: looks.italic,
                    strikethrough: looks.strikethrough,
                    underline: looks.underline,
                    code: looks.code,
                    color: color
                        .filter(|color| color != "default")
                        .map(std::borrow::Cow::into_owned),
                    link: text.link.map(|link| link.url).or(wire.href),
                },
                kind: RunKind::Text,
            })
        })
        .collect()
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Word<'a>,
    text: Option<TextWire>,
    #[serde(borrow, default)]
    annotations: Looks<'a>,
    #[serde(default)]
    href: Option<String>,
}

#[derive(Deserialize)]
struct TextWire {
    content: String,
    #[serde(default)]
    link: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    url: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Looks<'a> {
    bold: bool,
    italic: bool,
    strikethrough: bool,
    underline: bool,
    code: bool,
    #[serde(borrow)]
    color: Option<Word<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_and_the_thorough_way_agree() {
        let raw = r#"[{"type":"text","text":{"content":"a\"b","link":{"url":"https://x.y"}},"annotations":{"bold":true,"italic":false,"strikethrough":false,"underline":false,"code":false,"color":"red_background"},"plain_text":"a\"b","href":"https://x.y"},{"type":"text","text":{"content":"c","link":null},"annotations":{"bold":false,"italic":false,"strikethrough":false,"underline":false,"code":true,"color":"default"},"plain_text":"c","href":null}]"#;
        let fast = RichText::new(plain_runs(raw).unwrap());
        let runs: Vec<&RawValue> = serde_json::from_str(raw).unwrap();
        let runs: Vec<NotionRun> = runs.into_iter().map(NotionRun::decode).collect();
        assert_eq!(fast, from_runs(&runs).text);
        assert_eq!(
            fast.runs()[0].style.color.as_deref(),
            Some("red_background")
        );
        assert_eq!(fast.runs()[1].style.color, None);
    }

    #[test]
    fn mentions_equations_and_unknown_kinds_are_kept() {
        let raw = r#"[{"type":"mention","mention":{"type":"page","page":{"id":"1b2c3d4e-0000-4000-8000-00000000a001"}},"annotations":{"bold":true},"plain_text":"Home","href":"https://www.notion.so/x"},{"type":"equation","equation":{"expression":"e=mc^2"},"plain_text":"e=mc^2"},{"type":"hologram","hologram":{"url":"https://s3.example/x?X-Amz-Date=1"},"plain_text":"?"}]"#;
        let text = decode(raw).unwrap().text;
        let [mention, equation, unknown] = text.runs() else {
            panic!("three runs");
        };
        assert_eq!(mention.text, "Home");
        assert!(mention.style.bold && mention.style.link.is_none());
        assert_eq!(equation.kind, RunKind::Equation);
        let RunKind::Mention(raw) = &unknown.kind else {
            panic!("kept raw");
        };
        assert!(raw.as_str().contains("hologram") && !raw.as_str().contains("X-Amz"));
    }
}
