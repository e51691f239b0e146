//! A text as lines: how far each is indented, and which one ends what another begins.

use super::tag::{self, Form};

/// Tags that stand on lines of their own around other lines.
const CONTAINERS: [&str; 7] = [
    "callout",
    "details",
    "columns",
    "column",
    "table",
    "synced_block",
    "synced_block_reference",
];
/// Columns of a tab.
const TAB: usize = 4;
/// Containers that one line may begin inside each other.
const ON_ONE_LINE: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct Line<'t> {
    /// In columns: four for a tab, an even number for spaces.
    pub(super) indent: usize,
    /// Without what is blank around it.
    pub(super) text: &'t str,
    raw: &'t str,
    /// The line that ends what this one begins; behind the last one where nothing does.
    pub(super) end: Option<usize>,
}

impl<'t> Line<'t> {
    fn of(raw: &'t str) -> Self {
        let text = raw.trim();
        let blank = &raw[..raw.len() - raw.trim_start().len()];
        let tabs = blank.bytes().filter(|byte| *byte == b'\t').count();
        let spaces = blank.bytes().filter(|byte| *byte == b' ').count();
        Self {
            indent: tabs * TAB + spaces / 2 * 2,
            text,
            raw,
            end: None,
        }
    }

    fn at(indent: usize, text: &'t str) -> Self {
        Self {
            indent,
            text: text.trim(),
            raw: text,
            end: None,
        }
    }

    /// The line as it is, but for as many columns as something around it is indented.
    pub(super) fn verbatim(&self, columns: usize) -> &'t str {
        let (mut rest, mut left) = (self.raw, columns);
        while left > 0 {
            rest = match rest.as_bytes().first() {
                Some(b'\t') => {
                    left = left.saturating_sub(TAB);
                    &rest[1..]
                }
                Some(b' ') => {
                    left -= 1;
                    &rest[1..]
                }
                _ => break,
            };
        }
        rest
    }

    /// The backticks that it begins code with.
    pub(super) fn fence(&self) -> Option<usize> {
        let ticks = self.text.bytes().take_while(|byte| *byte == b'`').count();
        (ticks >= 3 && !self.text[ticks..].contains('`')).then_some(ticks)
    }

    fn closes_fence(&self, ticks: usize) -> bool {
        self.text.len() >= ticks && self.text.bytes().all(|byte| byte == b'`')
    }
}

/// The lines of a text.
pub(super) fn of(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut code = None;
    for raw in text.split('\n') {
        let raw = raw.strip_suffix('\r').unwrap_or(raw);
        let line = Line::of(raw);
        match code {
            Some(ticks) if line.closes_fence(ticks) => code = None,
            Some(_) => {}
            None => code = line.fence(),
        }
        if code.is_some() || line.fence().is_some() {
            lines.push(line);
        } else {
            split(line, ON_ONE_LINE, &mut lines);
        }
    }
    pair(&mut lines);
    lines
}

/// Takes what stands behind an opening tag to lines of its own.
fn split<'t>(line: Line<'t>, times: usize, lines: &mut Vec<Line<'t>>) {
    let (indent, text) = (line.indent, line.text);
    let Some((tag, rest)) = tag::leading(text).filter(|_| times > 0) else {
        lines.push(line);
        return;
    };
    let splits = CONTAINERS.contains(&tag.name) && tag.name != "table" || tag.name == "summary";
    if tag.form != Form::Open || !splits || rest.trim().is_empty() {
        lines.push(line);
        return;
    }
    let close = format!("</{}>", tag.name);
    let Some(inner) = rest.find(&close) else {
        lines.push(line);
        return;
    };
    let (inner, behind) = rest.split_at(inner);
    let (close, behind) = behind.split_at(close.len());
    if tag.name == "summary" {
        let whole = &text[..text.len() - behind.len()];
        lines.push(Line::at(indent, whole));
    } else {
        lines.push(Line::at(indent, &text[..text.len() - rest.len()]));
        split(Line::at(indent + TAB, inner), times - 1, lines);
        lines.push(Line::at(indent, close));
    }
    if !behind.trim().is_empty() {
        // Behind a summary stands what the toggle holds.
        let deeper = if tag.name == "summary" { TAB } else { 0 };
        split(Line::at(indent + deeper, behind), times - 1, lines);
    }
}

/// Finds the ends of code, equations and containers.
fn pair(lines: &mut [Line<'_>]) {
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (text, behind) = (lines[at].text, at + 1);
        if let Some(ticks) = lines[at].fence() {
            let closing = lines[behind..].iter().position(|l| l.closes_fence(ticks));
            let end = closing.map_or(lines.len(), |end| behind + end);
            lines[at].end = Some(end);
            at = end;
        } else if text == "$$" {
            if let Some(end) = lines[behind..].iter().position(|l| l.text == "$$") {
                lines[at].end = Some(behind + end);
                at = behind + end;
            }
        } else if let Some(name) = opens(text) {
            open.push((name, at));
        } else if let Some(name) = closes(text)
            && let Some(depth) = open.iter().rposition(|(opened, _)| *opened == name)
        {
            lines[open[depth].1].end = Some(at);
            open.truncate(depth);
        }
        at += 1;
    }
}

/// The container that a line begins.
fn opens(text: &str) -> Option<&str> {
    if text.starts_with(":::") {
        return text
            .trim_start_matches(':')
            .trim_start()
            .starts_with("callout")
            .then_some(":::");
    }
    let (tag, rest) = tag::leading(text)?;
    let is_container = tag.form == Form::Open && CONTAINERS.contains(&tag.name);
    (is_container && rest.is_empty()).then_some(tag.name)
}

fn closes(text: &str) -> Option<&str> {
    if text.starts_with(":::") && text.bytes().all(|byte| byte == b':') {
        return Some(":::");
    }
    let (tag, rest) = tag::leading(text)?;
    let is_container = tag.form == Form::Close && CONTAINERS.contains(&tag.name);
    (is_container && rest.is_empty()).then_some(tag.name)
}
