//! Rich text as Markdown: styled runs written out. Reading is `read_inline`.

use std::collections::VecDeque;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

use super::read_inline::PARENTHESES;
use super::tag::{color_said, is_word, push_attribute, push_escaped};
use crate::value::date::{Moment, parse_moment};

/// What a run looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) strike: bool,
    pub(super) underline: bool,
    pub(super) code: bool,
    /// As the API calls it; empty for the default.
    pub(super) color: String,
    pub(super) link: Option<String>,
}

/// What a run is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Core {
    Text(String),
    Equation(String),
    /// What `mention` holds, and the words shown for it.
    Mention(Value, String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) style: Style,
    pub(super) core: Core,
}

impl Run {
    /// A run as rich text holds it.
    fn of(value: &Value) -> Self {
        let looks = &value["annotations"];
        let is = |name: &str| looks[name] == json!(true);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let color = text(&looks["color"]);
        let style = Style {
            bold: is("bold"),
            italic: is("italic"),
            strike: is("strikethrough"),
            underline: is("underline"),
            code: is("code"),
            color: if color == "default" {
                String::new()
            } else {
                color
            },
            link: value["text"]["link"]["url"].as_str().map(str::to_owned),
        };
        let core = if value["type"] == "equation" {
            Core::Equation(text(&value["equation"]["expression"]))
        } else if value["type"] == "mention" {
            Core::Mention(value["mention"].clone(), text(&value["plain_text"]))
        } else {
            Core::Text(text(&value["text"]["content"]))
        };
        Self { style, core }
    }
}

/// The marks that are written around text, and how many characters they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Bold,
    Italic,
    Strike,
}

impl Mark {
    pub(super) const ALL: [Self; 3] = [Self::Bold, Self::Italic, Self::Strike];

    pub(super) fn of(self, style: &mut Style) -> &mut bool {
        match self {
            Self::Bold => &mut style.bold,
            Self::Italic => &mut style.italic,
            Self::Strike => &mut style.strike,
        }
    }

    fn is_in(self, run: Option<&Run>) -> bool {
        run.is_some_and(|run| match self {
            Self::Bold => run.style.bold,
            Self::Italic => run.style.italic,
            Self::Strike => run.style.strike,
        })
    }
}

/// The runs of rich text as they can be written.
#[cfg(test)]
pub(super) fn tidied(rich_text: &Value) -> Vec<Run> {
    let runs = rich_text.as_array().map_or(&[][..], Vec::as_slice);
    tidy(runs.iter().map(Run::of).collect())
}

/// Rich text as one line. Spaces at its ends are left out, as no line can show them.
pub(crate) fn text(rich_text: &Value) -> String {
    let runs = rich_text.as_array().map_or(&[][..], Vec::as_slice);
    let runs = tidy(runs.iter().map(Run::of).collect());
    let mut out = String::new();
    // Which character opened italics.
    let mut italic = '_';
    for (at, run) in runs.iter().enumerate() {
        let (before, next) = (at.checked_sub(1).map(|at| &runs[at]), runs.get(at + 1));
        if run.style.italic && !Mark::Italic.is_in(before) {
            let stretch = runs[at..].iter().position(|run| !run.style.italic);
            let behind = stretch.and_then(|length| runs.get(at + length));
            let joined = out.ends_with(is_word) || behind.is_some_and(begins_with_word);
            italic = if joined { '*' } else { '_' };
        }
        let said = |mark: Mark| match mark {
            Mark::Bold => "**",
            Mark::Strike => "~~",
            Mark::Italic if italic == '_' => "_",
            Mark::Italic => "*",
        };
        // Notion closes bold behind each run and opens it again. Italics stay open: two marks of one
        // character would make one of two.
        let goes_on = |mark: Mark, other| mark == Mark::Italic && mark.is_in(other);
        for mark in Mark::ALL {
            if mark.is_in(Some(run)) && !goes_on(mark, before) {
                out.push_str(said(mark));
            }
        }
        push_core(&mut out, run);
        for mark in Mark::ALL.into_iter().rev() {
            if mark.is_in(Some(run)) && !goes_on(mark, next) {
                out.push_str(said(mark));
            }
        }
    }
    out
}

fn begins_with_word(run: &Run) -> bool {
    matches!(&run.core, Core::Text(text) if text.starts_with(is_word))
}

/// The runs as they can be written: spaces at the ends of what is bold, italic or struck are none of
/// it, neighbours of one style are one run, and there are no spaces at the ends.
fn tidy(runs: Vec<Run>) -> Vec<Run> {
    let mut runs = merged(runs);
    for mark in Mark::ALL {
        runs = merged(freed(&runs, mark));
    }
    let mut runs = VecDeque::from(runs);
    let blank = |c: char| c.is_whitespace() && c != '\n';
    trim(&mut runs, blank, true);
    trim(&mut runs, blank, false);
    runs.into()
}

/// Takes the spaces at the ends of each stretch of a mark out of it.
fn freed(runs: &[Run], mark: Mark) -> Vec<Run> {
    let has = |run: &Run| mark.is_in(Some(run));
    let mut out = Vec::with_capacity(runs.len());
    for stretch in runs.chunk_by(|run, next| has(run) == has(next)) {
        let mut inner: VecDeque<Run> = stretch.to_vec().into();
        if !stretch.first().is_some_and(has) {
            out.extend(inner);
            continue;
        }
        let mut front = trim(&mut inner, char::is_whitespace, true);
        let mut back = trim(&mut inner, char::is_whitespace, false);
        back.reverse();
        for run in front.iter_mut().chain(&mut back) {
            *mark.of(&mut run.style) = false;
        }
        out.extend(front.into_iter().chain(inner).chain(back));
    }
    out
}

/// Takes blanks off one end; gives them as runs, the outermost first.
fn trim(runs: &mut VecDeque<Run>, blank: impl Fn(char) -> bool, front: bool) -> Vec<Run> {
    let mut taken = Vec::new();
    while let Some(run) = if front {
        runs.front_mut()
    } else {
        runs.back_mut()
    } {
        let style = run.style.clone();
        let Core::Text(text) = &mut run.core else {
            break;
        };
        let kept = if front {
            text.trim_start_matches(&blank)
        } else {
            text.trim_end_matches(&blank)
        };
        if style.code || kept.len() == text.len() {
            break;
        }
        let (kept, all) = (kept.to_owned(), text.clone());
        let blanks = if front {
            &all[..all.len() - kept.len()]
        } else {
            &all[kept.len()..]
        };
        taken.push(Run {
            style,
            core: Core::Text(blanks.to_owned()),
        });
        if !kept.is_empty() {
            *text = kept;
            break;
        }
        if front {
            runs.pop_front();
        } else {
            runs.pop_back();
        }
    }
    taken
}

/// Neighbours of one style as one run.
pub(super) fn merged(runs: Vec<Run>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        if let (Some(last), Core::Text(text)) = (out.last_mut(), &run.core)
            && last.style == run.style
            && let Core::Text(before) = &mut last.core
        {
            before.push_str(text);
        } else if run.core != Core::Text(String::new()) {
            out.push(run);
        }
    }
    out
}

fn push_core(out: &mut String, run: &Run) {
    let style = &run.style;
    let color = color_said(&style.color);
    let spanned = style.underline || color.is_some();
    if spanned {
        out.push_str("<span");
        if style.underline {
            push_attribute(out, "underline", "true");
        }
        if let Some(color) = color {
            push_attribute(out, "color", &color);
        }
        out.push('>');
    }
    if style.link.is_some() {
        out.push('[');
    }
    match &run.core {
        Core::Text(text) if style.code => push_code(out, text),
        Core::Text(text) => push_escaped(out, text),
        Core::Equation(expression) => {
            out.push_str("$`");
            out.push_str(expression);
            out.push_str("`$");
        }
        Core::Mention(mention, words) => push_mention(out, mention, words),
    }
    if let Some(link) = &style.link {
        out.push_str("](");
        push_address(out, link);
        out.push(')');
    }
    if spanned {
        out.push_str("</span>");
    }
}

fn push_code(out: &mut String, text: &str) {
    let text = text.replace('\n', "<br>");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    out.push_str(&format!("{ticks}{pad}{text}{pad}{ticks}"));
}

/// Appends an address so that the parenthesis around it ends it.
pub(super) fn push_address(out: &mut String, address: &str) {
    let mut depth = 0;
    let balanced = address.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (0..=PARENTHESES).contains(&depth)
    }) && depth == 0;
    for c in address.chars() {
        let parenthesis = c == '(' || c == ')';
        if c == '\\' || c.is_whitespace() || parenthesis && !balanced {
            out.push('\\');
        }
        out.push(c);
    }
}

fn push_mention(out: &mut String, mention: &Value, words: &str) {
    let id = |kind: &str| {
        mention[kind]["id"]
            .as_str()
            .unwrap_or_default()
            .replace('-', "")
    };
    let page = |hex: String| format!("https://www.notion.so/{hex}");
    let (name, url) = match mention["type"].as_str() {
        Some("user") => ("mention-user", format!("user://{}", id("user"))),
        Some("page") => ("mention-page", page(id("page"))),
        Some("database") => ("mention-database", page(id("database"))),
        Some("date") => {
            out.push_str("<mention-date");
            push_moment(out, ["start", "startTime"], &mention["date"]["start"]);
            let timed = push_moment(out, ["end", "endTime"], &mention["date"]["end"])
                || mention["date"]["start"]
                    .as_str()
                    .is_some_and(|start| start.len() > 10);
            if timed {
                push_attribute(out, "timeZone", "UTC");
            }
            out.push_str("/>");
            return;
        }
        Some("custom_emoji") => {
            let name = mention["custom_emoji"]["name"].as_str();
            out.push_str(&format!(":{}:", name.unwrap_or_default()));
            return;
        }
        _ => {
            push_escaped(out, words);
            return;
        }
    };
    out.push('<');
    out.push_str(name);
    push_attribute(out, "url", &url);
    out.push('>');
    push_escaped(out, words.strip_prefix('@').unwrap_or(words));
    out.push_str(&format!("</{name}>"));
}

/// Appends a day, and the time of a moment, in UTC. Whether there was a time.
fn push_moment(out: &mut String, [day, time]: [&str; 2], value: &Value) -> bool {
    match value.as_str().and_then(parse_moment) {
        None => false,
        Some(Moment::Day(date)) => {
            push_attribute(out, day, &date.to_string());
            false
        }
        Some(Moment::Instant(at)) => {
            let (date, clock) = in_utc(at);
            push_attribute(out, day, &date);
            push_attribute(out, time, &clock);
            true
        }
    }
}

fn in_utc(at: Timestamp) -> (String, String) {
    let local = Offset::UTC.to_datetime(at);
    let clock = format!("{:02}:{:02}", local.hour(), local.minute());
    (local.date().to_string(), clock)
}
