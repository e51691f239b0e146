//! Reading a text: lines that are blocks, and what is in what. Blocks of tags are `read_tagged`, the words
//! of a line `read_inline`.

use serde_json::{Map, Value, json};

use super::lines::{self, Line};
use super::tag::{self, Form, color_meant};
use super::{DEEPEST, Piece, What, id_in, read_inline, read_tagged};
use crate::error::{ApiError, ApiResult};
use crate::model::block_kind::{self, LANGUAGES};
use crate::value::block::first_members;

/// The blocks of a text. What is no block of the dialect is a paragraph.
///
/// # Errors
/// 400 where a block cannot be made as it is said, for instance an image without a web address, or where
/// blocks are nested too deep.
pub(crate) fn read(text: &str) -> ApiResult<Vec<Piece>> {
    let lines = lines::of(text);
    let reader = Reader { lines: &lines };
    reader.pieces(0, lines.len(), 0)
}

/// Blocks of lines, how far each is indented.
pub(super) type Items = Vec<(usize, Piece)>;

pub(super) struct Reader<'r, 't> {
    pub(super) lines: &'r [Line<'t>],
}

impl Reader<'_, '_> {
    /// The blocks of the lines between two, `level` levels deep.
    pub(super) fn pieces(&self, from: usize, to: usize, level: usize) -> ApiResult<Vec<Piece>> {
        nested(self.items(from, to, level)?, level)
    }

    /// The same, before it is decided what is in what.
    pub(super) fn items(&self, from: usize, to: usize, level: usize) -> ApiResult<Items> {
        if level > DEEPEST {
            return Err(too_deep());
        }
        let mut items = Items::new();
        let mut at = from;
        while at < to {
            let line = &self.lines[at];
            let end = line.end.map(|end| end.min(to));
            match end {
                _ if line.text.is_empty() => {}
                None if line.text.starts_with('|') => {
                    if let Some((table, last)) = read_tagged::pipes(self.lines, at, to)? {
                        items.push((line.indent, table));
                        at = last;
                    } else {
                        items.push((line.indent, leaf(line.text)?));
                    }
                }
                None => items.push((line.indent, leaf(line.text)?)),
                Some(end) => {
                    if line.fence().is_some() {
                        items.push((line.indent, self.code(at, end)?));
                    } else if line.text == "$$" {
                        let expression = self.verbatim(at, end);
                        let given = json!({"expression": expression});
                        items.push((line.indent, made("equation", given)?));
                    } else {
                        self.container(at, end, level, &mut items)?;
                    }
                    at = end;
                }
            }
            at += 1;
        }
        Ok(items)
    }

    fn verbatim(&self, at: usize, end: usize) -> String {
        let columns = self.lines[at].indent;
        let lines = self.lines[at + 1..end].iter();
        let lines: Vec<&str> = lines.map(|line| line.verbatim(columns)).collect();
        lines.join("\n")
    }

    fn code(&self, at: usize, end: usize) -> ApiResult<Piece> {
        let said = self.lines[at].text.trim_start_matches('`').trim();
        let mut piece = made("code", json!({"rich_text": [], "language": language(said)}))?;
        let text = self.verbatim(at, end);
        set(&mut piece, "rich_text", read_inline::plain(&text)?);
        Ok(piece)
    }
}

/// Lines that are further in are in the block above them, if it takes any; else they stand behind it.
pub(super) fn nested(items: Items, level: usize) -> ApiResult<Vec<Piece>> {
    let mut items = items.into_iter().peekable();
    below(&mut items, None, level)
}

fn below(
    items: &mut std::iter::Peekable<std::vec::IntoIter<(usize, Piece)>>,
    above: Option<usize>,
    level: usize,
) -> ApiResult<Vec<Piece>> {
    if level > DEEPEST {
        return Err(too_deep());
    }
    let mut out = Vec::new();
    while let Some((indent, mut piece)) =
        items.next_if(|(indent, _)| above.is_none_or(|above| *indent > above))
    {
        let within = below(items, Some(indent), level + 1)?;
        if piece.takes_lines() {
            piece.children.extend(within);
            out.push(piece);
        } else {
            out.push(piece);
            out.extend(within);
        }
    }
    Ok(out)
}

fn too_deep() -> ApiError {
    ApiError::content("Blocks are nested too deeply.")
}

/// The block of one line.
fn leaf(text: &str) -> ApiResult<Piece> {
    if let Some(piece) = read_tagged::alone(text)? {
        return Ok(piece);
    }
    let rule = |c: char| text.len() >= 3 && text.chars().all(|other| other == c);
    if rule('-') || rule('*') || rule('_') {
        return made("divider", json!({}));
    }
    if let Some(image) = image(text)? {
        return Ok(image);
    }
    let hashes = text.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&hashes)
        && let Some(rest) = behind_marker(text, hashes)
    {
        return worded(&format!("heading_{}", hashes.min(4)), rest, json!({}));
    }
    if text.starts_with(['-', '*', '+'])
        && let Some(rest) = behind_marker(text, 1)
    {
        for (mark, checked) in [("[ ]", false), ("[x]", true), ("[X]", true)] {
            if rest.starts_with(mark)
                && let Some(rest) = behind_marker(rest, mark.len())
            {
                return item("to_do", rest, json!({"checked": checked}));
            }
        }
        return item("bulleted_list_item", rest, json!({}));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0
        && text[digits..].starts_with(['.', ')'])
        && let Some(rest) = behind_marker(text, digits + 1)
    {
        return item("numbered_list_item", rest, json!({}));
    }
    if let Some(rest) = text.strip_prefix('>') {
        return worded("quote", rest.trim_start(), json!({}));
    }
    if let Some(inner) = text
        .strip_prefix("$$")
        .and_then(|rest| rest.strip_suffix("$$"))
        && !inner.trim().is_empty()
    {
        return made("equation", json!({"expression": inner.trim()}));
    }
    worded("paragraph", text, json!({}))
}

/// What stands behind a marker of this length; nothing where it is no marker.
fn behind_marker(text: &str, length: usize) -> Option<&str> {
    let rest = &text[length..];
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

/// An item of a list. A block of another kind in its place is a child of an empty item.
fn item(kind: &str, rest: &str, given: Value) -> ApiResult<Piece> {
    let inner = leaf_in_item(rest)?;
    match inner {
        Some(inner) => {
            let mut piece = worded(kind, "", given)?;
            piece.children.push(inner);
            Ok(piece)
        }
        None => worded(kind, rest, given),
    }
}

fn leaf_in_item(rest: &str) -> ApiResult<Option<Piece>> {
    // Markers of items within an item's line are words.
    let begins = rest.starts_with(['#', '>', '<', '!']) || rest == "---";
    if !begins {
        return Ok(None);
    }
    let piece = leaf(rest)?;
    let is_text = piece.kind().is_some_and(|kind| kind.name == "paragraph");
    Ok((!is_text).then_some(piece))
}

/// `![caption](address)`, and nothing else.
fn image(text: &str) -> ApiResult<Option<Piece>> {
    let (text, _) = tag::trailing(text);
    let Some(rest) = text.strip_prefix('!') else {
        return Ok(None);
    };
    let Some((caption, address)) = read_inline::only_link(rest)? else {
        return Ok(None);
    };
    let mut piece = made("image", json!({"external": {"url": address}}))?;
    set(&mut piece, "caption", caption);
    Ok(Some(piece))
}

/// A block with words and the attributes behind them.
fn worded(kind: &str, text: &str, mut given: Value) -> ApiResult<Piece> {
    let (text, attributes) = tag::trailing(text);
    given["rich_text"] = json!([]);
    if let Some(color) = tag::find(&attributes, "color").and_then(color_meant) {
        given["color"] = json!(color);
    }
    if kind.starts_with("heading") && tag::find(&attributes, "toggle") == Some("true") {
        given["is_toggleable"] = json!(true);
    }
    let mut piece = made(kind, given)?;
    set(&mut piece, "rich_text", read_inline::read(text)?);
    Ok(piece)
}

/// A block that a request could make as well.
pub(super) fn made(kind: &str, given: Value) -> ApiResult<Piece> {
    let Some(kind) = block_kind::find(kind) else {
        return Err(ApiError::new(
            500,
            "internal_server_error",
            "Unexpected error occurred.",
        ));
    };
    let given: Map<String, Value> = serde_json::from_value(given).unwrap_or_default();
    Ok(Piece::block(
        kind,
        first_members("body.markdown", kind, &given)?,
    ))
}

pub(super) fn set(piece: &mut Piece, member: &str, value: Value) {
    if let What::Block(_, inner) = &mut piece.what {
        inner.insert(member.into(), value);
    }
}

/// A sub-page or database that a tag names.
pub(super) fn named(tag: &tag::Tag<'_>, title: String) -> Option<Piece> {
    let id = id_in(tag.attribute("url")?)?;
    let what = match tag.name {
        "page" => What::Page { title },
        "database" => What::Database {
            title,
            inline: tag.attribute("inline") == Some("true"),
        },
        "unknown" if tag.form == Form::Alone => What::Unknown {
            alt: tag.attribute("alt").unwrap_or_default().to_owned(),
        },
        _ => return None,
    };
    Some(Piece {
        id: Some(id),
        what,
        children: Vec::new(),
    })
}

/// The language that a fence names, as the API calls it.
fn language(said: &str) -> String {
    let lower = said.to_lowercase();
    let alias = match lower.as_str() {
        "js" | "jsx" | "node" => "javascript",
        "ts" | "tsx" => "typescript",
        "py" | "python3" => "python",
        "rb" => "ruby",
        "rs" => "rust",
        "sh" | "zsh" => "shell",
        "yml" => "yaml",
        "md" => "markdown",
        "golang" => "go",
        "kt" => "kotlin",
        "cs" | "csharp" => "c#",
        "cpp" => "c++",
        "objc" => "objective-c",
        "dockerfile" => "docker",
        "ps1" => "powershell",
        "tex" => "latex",
        other => other,
    };
    let known = LANGUAGES.split(',').any(|language| language == alias);
    (if known { alias } else { "plain text" }).to_owned()
}
