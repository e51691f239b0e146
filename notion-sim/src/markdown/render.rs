//! Writing out blocks as text.

use serde_json::{Value, json};
use uuid::Uuid;

use super::tag::{color_said, push_attribute};
use super::{Piece, What, inline};
use crate::ids::parse_id;
use crate::model::block_kind::BlockKind;

/// The text of blocks. Addresses of blocks lead to the page they are in.
pub(crate) fn render(pieces: &[Piece], page: Uuid) -> String {
    render_with_ends(pieces, page).0
}

/// The text, and where in it each of the blocks ends.
pub(crate) fn render_with_ends(pieces: &[Piece], page: Uuid) -> (String, Vec<usize>) {
    let mut writer = Writer {
        out: String::new(),
        page,
        began: false,
        ends: Vec::with_capacity(pieces.len()),
    };
    writer.pieces(pieces, 0);
    (writer.out, writer.ends)
}

/// The id at the end of an address, behind its `#` if it has one.
pub(crate) fn id_in(address: &str) -> Option<Uuid> {
    let (path, block) = match address.split_once('#') {
        Some((path, block)) => (path, Some(block)),
        None => (address, None),
    };
    let part = block.unwrap_or_else(|| path.split('?').next().unwrap_or(path));
    let last = |length: usize| part.len().checked_sub(length).and_then(|at| part.get(at..));
    last(36)
        .and_then(parse_id)
        .or_else(|| last(32).and_then(parse_id))
}

struct Writer {
    out: String,
    page: Uuid,
    began: bool,
    /// Ends of the outermost blocks.
    ends: Vec<usize>,
}

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        if self.began {
            self.out.push('\n');
        }
        self.began = true;
        if !text.is_empty() {
            self.out.extend(std::iter::repeat_n('\t', depth));
        }
        self.out.push_str(text);
    }

    fn pieces(&mut self, pieces: &[Piece], depth: usize) {
        let mut number = 0;
        for piece in pieces {
            let numbered = piece
                .kind()
                .is_some_and(|kind| kind.name == "numbered_list_item");
            number = if numbered { number + 1 } else { 0 };
            self.piece(piece, depth, number);
            if depth == 0 {
                self.ends.push(self.out.len());
            }
        }
    }

    fn piece(&mut self, piece: &Piece, depth: usize, number: usize) {
        match &piece.what {
            What::Block(kind, _) => self.block(piece, kind, depth, number),
            What::Page { title } => {
                let tag = self.named("page", piece.id, &[], title);
                self.line(depth, &tag);
            }
            What::Database { title, inline } => {
                let inline = if *inline { "true" } else { "false" };
                let tag = self.named("database", piece.id, &[("inline", inline)], title);
                self.line(depth, &tag);
            }
            What::Unknown { alt } => {
                let mut tag = String::from("<unknown");
                push_attribute(&mut tag, "url", &self.address(piece.id));
                push_attribute(&mut tag, "alt", alt);
                tag.push_str("/>");
                self.line(depth, &tag);
            }
        }
    }

    /// `<name url="…" …>title</name>`
    fn named(&self, name: &str, id: Option<Uuid>, more: &[(&str, &str)], title: &str) -> String {
        let id = id.unwrap_or_default().simple().to_string();
        let mut tag = format!("<{name}");
        push_attribute(&mut tag, "url", &format!("https://www.notion.so/{id}"));
        for (key, value) in more {
            push_attribute(&mut tag, key, value);
        }
        tag.push('>');
        super::tag::push_escaped(&mut tag, title);
        tag.push_str(&format!("</{name}>"));
        tag
    }

    /// The address of a block of the page.
    fn address(&self, block: Option<Uuid>) -> String {
        let (page, block) = (self.page.simple(), block.unwrap_or_default().simple());
        format!("https://www.notion.so/{page}#{block}")
    }

    fn block(&mut self, piece: &Piece, kind: &BlockKind, depth: usize, number: usize) {
        match kind.name {
            "toggle" => {
                self.line(depth, &opening("details", &[], color_of(piece)));
                let summary = inline::text(piece.member("rich_text"));
                self.line(depth, &format!("<summary>{summary}</summary>"));
                self.pieces(&piece.children, depth + 1);
                self.line(depth, "</details>");
            }
            "callout" => {
                let icon = icon_said(piece.member("icon"));
                let icon = icon.as_deref().map(|icon| ("icon", icon));
                let tag = opening("callout", icon.as_slice(), color_of(piece));
                self.line(depth, &tag);
                let text = inline::text(piece.member("rich_text"));
                self.line(depth + 1, &line_of("", &text, &[]));
                self.pieces(&piece.children, depth + 1);
                self.line(depth, "</callout>");
            }
            "column_list" => self.around("columns", "<columns>", &piece.children, depth),
            "column" => self.around("column", "<column>", &piece.children, depth),
            "synced_block" => self.synced(piece, depth),
            "table" => self.table(piece, depth),
            "table_row" => self.row(piece, depth),
            "code" => self.code(piece, depth),
            "equation" => {
                self.line(depth, "$$");
                let expression = piece.member("expression").as_str().unwrap_or_default();
                for line in expression.split('\n') {
                    self.line(depth, line);
                }
                self.line(depth, "$$");
            }
            "divider" => self.line(depth, "---"),
            "table_of_contents" => {
                let tag = opening("table_of_contents", &[], color_of(piece));
                self.line(depth, &tag.replace('>', "/>"));
            }
            "image" => {
                let mut text = format!("![{}](", inline::text(piece.member("caption")));
                inline::push_address(&mut text, &address_of(piece));
                text.push(')');
                self.line(depth, &text);
            }
            "audio" | "file" | "pdf" | "video" => {
                let mut tag = format!("<{}", kind.name);
                push_attribute(&mut tag, "src", &address_of(piece));
                let caption = inline::text(piece.member("caption"));
                self.line(depth, &format!("{tag}>{caption}</{}>", kind.name));
            }
            _ => self.words(piece, kind, depth, number),
        }
    }

    /// A block that is one line of rich text.
    fn words(&mut self, piece: &Piece, kind: &BlockKind, depth: usize, number: usize) {
        let counted = format!("{number}. ");
        let marker = match kind.name {
            "heading_1" => "# ",
            "heading_2" => "## ",
            "heading_3" => "### ",
            "heading_4" => "#### ",
            "bulleted_list_item" => "- ",
            "numbered_list_item" => &counted,
            "quote" => "> ",
            "to_do" if piece.member("checked") == &json!(true) => "- [x] ",
            "to_do" => "- [ ] ",
            _ => "",
        };
        let folds = piece.member("is_toggleable") == &json!(true);
        let toggle = folds.then(|| ("toggle", "true".to_owned()));
        let color = color_of(piece).map(|color| ("color", color));
        let list: Vec<_> = toggle.into_iter().chain(color).collect();
        let text = inline::text(piece.member("rich_text"));
        self.line(depth, &line_of(marker, &text, &list));
        self.pieces(&piece.children, depth + 1);
    }

    fn around(&mut self, name: &str, opening: &str, children: &[Piece], depth: usize) {
        self.line(depth, opening);
        self.pieces(children, depth + 1);
        self.line(depth, &format!("</{name}>"));
    }

    fn synced(&mut self, piece: &Piece, depth: usize) {
        let original = piece.member("synced_from")["block_id"].as_str();
        let (name, of) = match original.and_then(parse_id) {
            Some(original) => ("synced_block_reference", Some(original)),
            None => ("synced_block", piece.id),
        };
        let mut tag = format!("<{name}");
        // One that is only to be made has no address yet.
        if of.is_some() {
            push_attribute(&mut tag, "url", &self.address(of));
        }
        tag.push('>');
        self.around(name, &tag, &piece.children, depth);
    }

    fn table(&mut self, piece: &Piece, depth: usize) {
        let headers = [
            ("header-row", "has_column_header"),
            ("header-column", "has_row_header"),
        ];
        let set = headers
            .iter()
            .filter(|(_, member)| piece.member(member) == &json!(true));
        let set: Vec<(&str, &str)> = set.map(|(said, _)| (*said, "true")).collect();
        self.line(depth, &opening("table", &set, None));
        for row in &piece.children {
            self.row(row, depth);
        }
        self.line(depth, "</table>");
    }

    fn row(&mut self, piece: &Piece, depth: usize) {
        self.line(depth, "<tr>");
        for cell in piece.member("cells").as_array().into_iter().flatten() {
            self.line(depth, &format!("<td>{}</td>", inline::text(cell)));
        }
        self.line(depth, "</tr>");
    }

    fn code(&mut self, piece: &Piece, depth: usize) {
        let runs = piece.member("rich_text").as_array();
        let parts = runs
            .into_iter()
            .flatten()
            .map(|run| run["plain_text"].as_str());
        let text: String = parts.map(Option::unwrap_or_default).collect();
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let language = piece.member("language").as_str().unwrap_or_default();
        self.line(depth, &format!("{fence}{language}"));
        for line in text.split('\n') {
            self.line(depth, line);
        }
        self.line(depth, &fence);
    }
}

fn color_of(piece: &Piece) -> Option<String> {
    color_said(piece.member("color").as_str().unwrap_or_default())
}

fn opening(name: &str, attributes: &[(&str, &str)], color: Option<String>) -> String {
    let mut tag = format!("<{name}");
    for (key, value) in attributes {
        push_attribute(&mut tag, key, value);
    }
    if let Some(color) = color {
        push_attribute(&mut tag, "color", &color);
    }
    tag.push('>');
    tag
}

/// An icon as an attribute has it: an emoji or an address. Others cannot be said.
fn icon_said(icon: &Value) -> Option<String> {
    let icon = icon["emoji"].as_str().or(icon["external"]["url"].as_str());
    icon.map(str::to_owned)
}

fn address_of(piece: &Piece) -> String {
    let url = piece.member("external")["url"].as_str();
    let url = url.or_else(|| piece.member("file")["url"].as_str());
    url.unwrap_or_default().to_owned()
}

/// A line: what marks its kind, its text, and its attributes.
fn line_of(marker: &str, text: &str, attributes: &[(&str, String)]) -> String {
    if marker.is_empty() && text.is_empty() && attributes.is_empty() {
        return "<empty-block/>".into();
    }
    let mut out = marker.to_owned();
    let at = looks_like_a_marker(text);
    let (head, tail) = text.split_at(at.unwrap_or(0));
    out.push_str(head);
    if at.is_some() {
        out.push('\\');
    }
    out.push_str(tail);
    if !attributes.is_empty() {
        if !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
        let mut list = String::new();
        for (key, value) in attributes {
            push_attribute(&mut list, key, value);
        }
        out.push_str(&format!("{{{}}}", list.trim_start()));
    }
    out.truncate(out.trim_end().len());
    out
}

/// Where a text needs a backslash that would else be read as a marker of another kind of block.
fn looks_like_a_marker(text: &str) -> Option<usize> {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    let behind = |c: char| text.trim_start_matches(c);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let counts = digits > 0 && text[digits..].starts_with(['.', ')']) && ends(&text[digits + 1..]);
    if counts {
        return Some(digits);
    }
    let heading = text.starts_with('#') && ends(behind('#'));
    let bullet = text.starts_with(['-', '+']) && ends(&text[1..]);
    let rule = text.starts_with("---") && behind('-').is_empty();
    let marked = heading || bullet || rule || text.starts_with("![") || text.starts_with(":::");
    marked.then_some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_with_an_id() {
        let id = "1b2c3d4e-0000-4000-8000-00000000a001";
        let plain = id.replace('-', "");
        for address in [
            format!("https://www.notion.so/{plain}"),
            format!("https://app.notion.com/p/A-title-{plain}?v=1"),
            format!("https://www.notion.so/{id}"),
            format!("https://www.notion.so/ffffffffffffffffffffffffffffffff#{plain}"),
            format!("user://{id}"),
            plain.clone(),
        ] {
            assert_eq!(id_in(&address), parse_id(id), "{address}");
        }
        for address in ["", "https://a.b", "https://www.notion.so/x#y", "ä"] {
            assert_eq!(id_in(address), None, "{address}");
        }
    }
}
