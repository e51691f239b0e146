//! Reading the words of a line: marks, code, links, spans, mentions. Marks are switches, not brackets:
//! Notion writes `**(a)**b` where a bold text ends before a letter, and to CommonMark those are no marks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::id_in;
use super::inline::{Core, Mark, Run, Style, merged};
use super::tag::{self, Form, Tag, color_meant, is_word};
use crate::error::ApiResult;
use crate::value::{limit, rich_text};

/// Longest address that is looked for, in bytes.
const ADDRESS: usize = 8192;
/// Parentheses inside each other that an address may have, as in CommonMark.
pub(super) const PARENTHESES: i32 = 32;

/// The rich text of a line, in the form in which it is kept.
pub(crate) fn read(text: &str) -> ApiResult<Value> {
    all_kept(parse(text.trim()))
}

/// Text without marks, as it is.
pub(super) fn plain(text: &str) -> ApiResult<Value> {
    let run = Run {
        style: Style::default(),
        core: Core::Text(text.to_owned()),
    };
    all_kept(vec![run])
}

/// The words of a line without their looks.
pub(super) fn words(text: &str) -> ApiResult<String> {
    let runs = read(text)?;
    let runs = runs.as_array().into_iter().flatten();
    let words = runs.filter_map(|run| run["plain_text"].as_str());
    Ok(words.collect())
}

/// The words and the address of a line that is a link and nothing else.
pub(super) fn only_link(text: &str) -> ApiResult<Option<(Value, String)>> {
    let mut scanner = Scanner::new(text);
    scanner.is_image = true;
    scanner.scan();
    let [Token::Link(runs, address)] = scanner.tokens.as_mut_slice() else {
        // An image without a caption is a link without words.
        let address = text.strip_prefix("[]").and_then(address);
        let alone = address.filter(|(_, rest)| rest.is_empty());
        return Ok(alone.map(|(address, _)| (json!([]), address)));
    };
    let words = all_kept(std::mem::take(runs))?;
    Ok(Some((words, std::mem::take(address))))
}

/// Runs as rich text.
fn all_kept(runs: Vec<Run>) -> ApiResult<Value> {
    let mut out = Vec::with_capacity(runs.len());
    for run in runs {
        out.extend(kept(run)?);
    }
    Ok(Value::Array(out))
}

/// A run in the form in which it is kept; a long one is several.
fn kept(run: Run) -> ApiResult<Vec<Value>> {
    let style = &run.style;
    let looks = json!({
        "bold": style.bold, "italic": style.italic, "strikethrough": style.strike,
        "underline": style.underline, "code": style.code,
        "color": if style.color.is_empty() { "default" } else { &style.color },
    });
    let link = style.link.as_ref().map(|url| json!({"url": url}));
    let mut out = Vec::new();
    let mut keep = |given: Value| -> ApiResult<()> {
        let read = rich_text::normalise("body.markdown", &json!([given]))?;
        if let Value::Array(runs) = read {
            out.extend(runs);
        }
        Ok(())
    };
    match run.core {
        Core::Text(text) => {
            for part in parts(&text) {
                keep(json!({"text": {"content": part, "link": link}, "annotations": looks}))?;
            }
        }
        Core::Equation(expression) => {
            keep(json!({"equation": {"expression": expression}, "annotations": looks}))?;
        }
        Core::Mention(mention, words) => {
            keep(json!({"mention": mention, "plain_text": words, "annotations": looks}))?;
        }
    }
    Ok(out)
}

/// A text in parts that a run can hold.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut units) = (0, 0);
    for (at, c) in text.char_indices() {
        if units + c.len_utf16() > limit::TEXT {
            parts.push(&text[from..at]);
            (from, units) = (at, 0);
        }
        units += c.len_utf16();
    }
    parts.push(&text[from..]);
    parts
}

enum Token {
    Text(String),
    Code(String),
    /// An equation or a mention.
    Core(Core),
    /// A mark: how it is written, and whether it may open and close.
    Mark(Mark, &'static str, [bool; 2]),
    Bracket,
    /// What is linked, with its own looks, and where to.
    Link(Vec<Run>, String),
    /// A span as it is written, its underline and its color.
    Span(String, bool, Option<String>),
    SpanEnd,
}

fn parse(text: &str) -> Vec<Run> {
    let mut scanner = Scanner::new(text);
    scanner.scan();
    resolved(scanner.tokens)
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
    /// Positions of brackets that may still become a link.
    brackets: Vec<usize>,
    /// Whether the text is what stands behind the `!` of an image.
    is_image: bool,
    /// Numbers of backticks that nothing behind ends.
    endless: BTreeSet<usize>,
    /// Names of tags that nothing behind ends.
    unclosed: BTreeSet<&'t str>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            tokens: Vec::new(),
            brackets: Vec::new(),
            is_image: false,
            endless: BTreeSet::new(),
            unclosed: BTreeSet::new(),
        }
    }

    fn scan(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            let taken = match c {
                '\\' => self.escape(),
                '`' => self.code(),
                '$' => self.equation(),
                '<' => self.tag(),
                '*' | '_' | '~' => self.mark(c),
                '[' => {
                    self.brackets.push(self.tokens.len());
                    self.push(Token::Bracket, 1)
                }
                ']' => self.link(),
                _ => false,
            };
            if !taken {
                self.word(c.len_utf8());
            }
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token, length: usize) -> bool {
        self.tokens.push(token);
        self.at += length;
        true
    }

    /// Takes so many bytes as they are.
    fn word(&mut self, length: usize) {
        let words = &self.rest()[..length];
        self.at += length;
        self.say(words);
    }

    fn say(&mut self, words: &str) {
        if let Some(Token::Text(text)) = self.tokens.last_mut() {
            text.push_str(words);
        } else {
            self.tokens.push(Token::Text(words.to_owned()));
        }
    }

    /// A backslash takes its meaning from the character behind it.
    fn escape(&mut self) -> bool {
        let next = self.rest()[1..].chars().next();
        let Some(next) = next.filter(char::is_ascii_punctuation) else {
            return false;
        };
        self.at += 1;
        self.word(next.len_utf8());
        true
    }

    fn code(&mut self) -> bool {
        let rest = self.rest();
        let ticks = rest.bytes().take_while(|byte| *byte == b'`').count();
        let end = (!self.endless.contains(&ticks)).then(|| tick_end(&rest[ticks..], ticks));
        let Some(length) = end.flatten() else {
            self.endless.insert(ticks);
            self.word(ticks);
            return true;
        };
        let inner = &rest[ticks..ticks + length];
        let padded = inner
            .strip_prefix(' ')
            .and_then(|inner| inner.strip_suffix(' '));
        let inner = padded.filter(|_| ticks > 1).unwrap_or(inner);
        let inner = inner
            .replace("<br>", "\n")
            .replace("<br/>", "\n")
            .replace("<br />", "\n");
        self.push(Token::Code(inner), length + 2 * ticks)
    }

    fn equation(&mut self) -> bool {
        let Some(inner) = self.rest().strip_prefix("$`") else {
            return false;
        };
        let Some(length) = inner.find("`$").filter(|length| *length > 0) else {
            return false;
        };
        let expression = inner[..length].to_owned();
        self.push(Token::Core(Core::Equation(expression)), length + 4)
    }

    /// As many marks as there are characters for.
    fn mark(&mut self, c: char) -> bool {
        let rest = self.rest();
        let count = rest.chars().take_while(|other| *other == c).count();
        let before = self.text[..self.at].chars().next_back();
        let behind = rest[count..].chars().next();
        let blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let word = |c: Option<char>| c.is_some_and(is_word);
        let free = !(blank(before) && blank(behind));
        let allowed = if c == '_' {
            [free && !word(before), free && !word(behind)]
        } else {
            [free, free]
        };
        let (double, single) = match c {
            '*' => ((Mark::Bold, "**"), Some((Mark::Italic, "*"))),
            '_' => ((Mark::Bold, "__"), Some((Mark::Italic, "_"))),
            _ => ((Mark::Strike, "~~"), None),
        };
        for _ in 0..count / 2 {
            self.push(Token::Mark(double.0, double.1, allowed), 2);
        }
        match single {
            _ if count % 2 == 0 => true,
            Some((mark, said)) => self.push(Token::Mark(mark, said, allowed), 1),
            None => {
                self.word(1);
                true
            }
        }
    }

    fn tag(&mut self) -> bool {
        let rest = self.rest();
        let Some((tag, behind)) = tag::leading(rest) else {
            return self.autolink();
        };
        let length = rest.len() - behind.len();
        match (tag.name, tag.form) {
            ("br", Form::Open | Form::Alone) => {
                self.at += length;
                self.say("\n");
                true
            }
            ("span", Form::Open) => {
                let underline = tag.attribute("underline") == Some("true");
                let color = tag.attribute("color").and_then(color_meant);
                let span = Token::Span(rest[..length].to_owned(), underline, color);
                self.push(span, length)
            }
            ("span", Form::Close) => self.push(Token::SpanEnd, length),
            (name, Form::Open | Form::Alone) if name.starts_with("mention-") => {
                let close = format!("</{name}>");
                let inner = match tag.form {
                    Form::Alone => Some(0),
                    _ if self.unclosed.contains(name) => None,
                    _ => behind.find(&close),
                };
                let Some(inner) = inner else {
                    self.unclosed.insert(name);
                    return false;
                };
                let ended = if tag.form == Form::Alone {
                    length
                } else {
                    length + inner + close.len()
                };
                match mentioned(&tag, &behind[..inner]) {
                    Some(core) => self.push(Token::Core(core), ended),
                    None => false,
                }
            }
            _ => false,
        }
    }

    /// `<https://…>`
    fn autolink(&mut self) -> bool {
        let inner = &self.rest()[1..];
        let is_web = inner.starts_with("https://") || inner.starts_with("http://");
        let end = inner.find(|c: char| c == '>' || c == '<' || c.is_whitespace());
        let Some(end) = end.filter(|end| is_web && inner[*end..].starts_with('>')) else {
            return false;
        };
        let address = inner[..end].to_owned();
        let run = Run {
            style: Style::default(),
            core: Core::Text(address.clone()),
        };
        self.push(Token::Link(vec![run], address), end + 2)
    }

    /// A closing bracket makes a link of what is behind the opening one, if an address follows.
    fn link(&mut self) -> bool {
        let Some(opening) = self.brackets.pop() else {
            return false;
        };
        let behind = &self.rest()[1..];
        let Some((address, rest)) = address(behind) else {
            return false;
        };
        let length = self.rest().len() - rest.len();
        let inner = self.tokens.split_off(opening + 1);
        self.tokens.pop();
        let inner = resolved(inner);
        if inner.is_empty() {
            // A link without words is none.
            self.at += length;
            return true;
        }
        // A link holds no other; the caption of an image does.
        let kept = usize::from(self.is_image && self.brackets.first() == Some(&0));
        self.brackets.truncate(kept);
        self.push(Token::Link(inner, address), length)
    }
}

/// Where so many backticks and no more stand.
fn tick_end(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        let from = at + next;
        let count = text[from..]
            .bytes()
            .take_while(|byte| *byte == b'`')
            .count();
        if count == ticks {
            return Some(from);
        }
        at = from + count;
    }
    None
}

/// `(address)` or `(address "title")`, and what is behind it.
fn address(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('(')?;
    let mut out = String::new();
    let mut depth = 0;
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next().filter(|(at, _)| *at < ADDRESS) {
        match c {
            '\\' => {
                let (_, next) = chars.next()?;
                let escapes = next.is_ascii_punctuation() || next.is_whitespace();
                if !escapes {
                    out.push('\\');
                }
                out.push(next);
            }
            ')' if depth == 0 => return Some((out, &inner[at + 1..])),
            c if c.is_whitespace() => {
                let title = inner[at..].trim_start().strip_prefix('"')?;
                let (_, rest) = title.split_once('"')?;
                return Some((out, rest.trim_start().strip_prefix(')')?));
            }
            c => {
                depth += i32::from(c == '(') - i32::from(c == ')');
                if depth > PARENTHESES {
                    return None;
                }
                out.push(c);
            }
        }
    }
    None
}

/// What a tag mentions; nothing where it does not say what.
fn mentioned(tag: &Tag<'_>, inner: &str) -> Option<Core> {
    let words = plain_words(inner);
    if tag.name == "mention-date" {
        let moment = |day: &str, time: &str| {
            let day = tag.attribute(day)?;
            Some(match tag.attribute(time) {
                Some(time) => format!("{day}T{time}:00"),
                None => day.to_owned(),
            })
        };
        let zone = tag.attribute("timeZone");
        let timed = tag.attribute("startTime").or(tag.attribute("endTime"));
        let date = json!({
            "start": moment("start", "startTime")?, "end": moment("end", "endTime"),
            "time_zone": zone.filter(|_| timed.is_some()),
        });
        let date = crate::value::date::normalise("body.markdown", &date).ok()?;
        return Some(Core::Mention(json!({"type": "date", "date": date}), words));
    }
    let id = id_in(tag.attribute("url")?)?.to_string();
    let (kind, words) = match tag.name {
        "mention-user" if words.is_empty() => ("user", words),
        "mention-user" => ("user", format!("@{words}")),
        "mention-page" => ("page", words),
        "mention-database" => ("database", words),
        _ => return None,
    };
    Some(Core::Mention(
        json!({"type": kind, kind: {"id": id}}),
        words,
    ))
}

fn plain_words(text: &str) -> String {
    let runs = parse(text).into_iter().map(|run| match run.core {
        Core::Text(text) | Core::Equation(text) | Core::Mention(_, text) => text,
    });
    runs.collect()
}

/// Tokens as runs: switches are thrown, spans opened and closed, and what is neither is text.
fn resolved(tokens: Vec<Token>) -> Vec<Run> {
    let closers = closers(&tokens);
    let spans = span_ends(&tokens);
    let mut style = Style::default();
    // How each mark that is on was written.
    let mut on: Vec<(Mark, &str)> = Vec::new();
    let mut within: Vec<(bool, String)> = Vec::new();
    let mut out = Vec::new();
    for (at, token) in tokens.into_iter().enumerate() {
        let mut say = |style: &Style, core| {
            out.push(Run {
                style: style.clone(),
                core,
            });
        };
        match token {
            Token::Text(text) => say(&style, Core::Text(text)),
            Token::Code(text) => {
                let style = Style {
                    code: true,
                    ..style.clone()
                };
                say(&style, Core::Text(text));
            }
            Token::Core(core) => say(&style, core),
            Token::Bracket => say(&style, Core::Text("[".into())),
            Token::Link(runs, address) => {
                for run in runs {
                    let style = under(&style, &run.style, &address);
                    say(&style, run.core);
                }
            }
            Token::Mark(mark, said, [opens, closes]) => {
                let opened = on.iter().position(|(other, _)| *other == mark);
                let ends = opened.is_some_and(|opened| on[opened].1 == said);
                if ends && closes {
                    on.retain(|(other, _)| *other != mark);
                    *mark.of(&mut style) = false;
                } else if opened.is_none() && opens && closers.last(said) > Some(at + 1) {
                    on.push((mark, said));
                    *mark.of(&mut style) = true;
                } else {
                    say(&style, Core::Text(said.into()));
                }
            }
            Token::Span(said, underline, color) => {
                if spans[at] {
                    within.push((style.underline, style.color.clone()));
                    style.underline |= underline;
                    style.color = color.unwrap_or_else(|| style.color.clone());
                } else {
                    say(&style, Core::Text(said));
                }
            }
            Token::SpanEnd => match within.pop().filter(|_| spans[at]) {
                Some((underline, color)) => {
                    style.underline = underline;
                    style.color = color;
                }
                None => say(&style, Core::Text("</span>".into())),
            },
        }
    }
    merged(out)
}

/// The looks of what is linked, where the link stands in text of some looks.
fn under(around: &Style, own: &Style, address: &str) -> Style {
    Style {
        bold: around.bold || own.bold,
        italic: around.italic || own.italic,
        strike: around.strike || own.strike,
        underline: around.underline || own.underline,
        code: own.code,
        color: if own.color.is_empty() {
            around.color.clone()
        } else {
            own.color.clone()
        },
        link: Some(address.to_owned()),
    }
}

/// Where marks that may close stand last.
struct Closers(Vec<(&'static str, usize)>);

impl Closers {
    fn last(&self, said: &str) -> Option<usize> {
        let found = self.0.iter().find(|(other, _)| *other == said);
        found.map(|(_, at)| *at)
    }
}

fn closers(tokens: &[Token]) -> Closers {
    let mut last: Vec<(&'static str, usize)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let Token::Mark(_, said, [_, true]) = token {
            last.retain(|(other, _)| other != said);
            last.push((said, at));
        }
    }
    Closers(last)
}

/// Which tokens begin or end a span that has both.
fn span_ends(tokens: &[Token]) -> Vec<bool> {
    let mut paired = vec![false; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Span(..) => open.push(at),
            Token::SpanEnd => {
                if let Some(opened) = open.pop() {
                    paired[opened] = true;
                    paired[at] = true;
                }
            }
            _ => {}
        }
    }
    paired
}
