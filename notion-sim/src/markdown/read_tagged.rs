//! Reading blocks that are tags: those on one line, those around other lines, tables.

use serde_json::{Value, json};

use super::lines::Line;
use super::read::{Items, Reader, made, named, nested, set};
use super::tag::{self, Form, Tag, color_meant};
use super::{Piece, id_in, read_inline};
use crate::error::ApiResult;

/// The block of a line that is one tag, or a pair of tags around a caption or title.
pub(super) fn alone(text: &str) -> ApiResult<Option<Piece>> {
    let Some((tag, rest)) = tag::leading(text) else {
        return Ok(None);
    };
    if tag.form == Form::Alone {
        // A list of attributes may follow.
        if !tag::trailing(rest).0.trim().is_empty() {
            return Ok(None);
        }
        return match tag.name {
            "empty-block" => made("paragraph", json!({"rich_text": []})).map(Some),
            "table_of_contents" => made("table_of_contents", colored(&tag, json!({}))).map(Some),
            "audio" | "file" | "pdf" | "video" => medium(&tag, ""),
            _ => Ok(named(&tag, String::new())),
        };
    }
    let close = format!("</{}>", tag.name);
    let Some(inner) = rest.strip_suffix(&close).filter(|_| tag.form == Form::Open) else {
        return Ok(None);
    };
    match tag.name {
        "audio" | "file" | "pdf" | "video" => medium(&tag, inner),
        "page" | "database" => Ok(named(&tag, read_inline::words(inner)?)),
        _ => Ok(None),
    }
}

fn medium(tag: &Tag<'_>, caption: &str) -> ApiResult<Option<Piece>> {
    let Some(address) = tag.attribute("src") else {
        return Ok(None);
    };
    let mut piece = made(tag.name, json!({"external": {"url": address}}))?;
    set(&mut piece, "caption", read_inline::read(caption)?);
    Ok(Some(piece))
}

fn colored(tag: &Tag<'_>, mut given: Value) -> Value {
    if let Some(color) = tag.attribute("color").and_then(color_meant) {
        given["color"] = json!(color);
    }
    given
}

impl Reader<'_, '_> {
    /// The block that one line begins and another ends.
    pub(super) fn container(
        &self,
        at: usize,
        end: usize,
        level: usize,
        items: &mut Items,
    ) -> ApiResult<()> {
        let (indent, text) = (self.lines[at].indent, self.lines[at].text);
        let Some((tag, _)) = tag::leading(text) else {
            let (_, attributes) = tag::trailing(text);
            let tag = Tag {
                name: "callout",
                attributes,
                form: Form::Open,
            };
            items.push((indent, self.callout(&tag, at, end, level)?));
            return Ok(());
        };
        let within = || self.pieces(at + 1, end, level + 1);
        match tag.name {
            "callout" => items.push((indent, self.callout(&tag, at, end, level)?)),
            "details" => self.toggle(&tag, at, end, level, items)?,
            "columns" => {
                let (columns, others): (Vec<_>, Vec<_>) = within()?
                    .into_iter()
                    .partition(|piece| piece.kind().is_some_and(|kind| kind.name == "column"));
                // A list takes two columns; what one holds is not beside anything.
                if columns.len() < 2 {
                    let inner = columns.into_iter().flat_map(|column| column.children);
                    items.extend(inner.chain(others).map(|piece| (indent, piece)));
                } else {
                    let mut list = made("column_list", json!({}))?;
                    list.children = columns;
                    items.push((indent, list));
                    items.extend(others.into_iter().map(|piece| (indent, piece)));
                }
            }
            "column" => {
                let mut column = made("column", json!({}))?;
                column.children = within()?;
                items.push((indent, column));
            }
            "table" => items.extend(self.table(&tag, at, end)?.map(|table| (indent, table))),
            _ => {
                let id = tag.attribute("url").and_then(id_in);
                let copy = tag.name == "synced_block_reference";
                let from = id.filter(|_| copy);
                let from = from.map(|id| json!({"block_id": id.to_string()}));
                let mut block = made("synced_block", json!({"synced_from": from}))?;
                block.id = id.filter(|_| !copy);
                block.children = within()?;
                items.push((indent, block));
            }
        }
        Ok(())
    }

    /// Its first line is its own text, if that is a paragraph.
    fn callout(&self, tag: &Tag<'_>, at: usize, end: usize, level: usize) -> ApiResult<Piece> {
        let mut given = colored(tag, json!({"rich_text": []}));
        if let Some(icon) = tag.attribute("icon").filter(|icon| !icon.is_empty()) {
            given["icon"] = if icon.contains("://") {
                json!({"type": "external", "external": {"url": icon}})
            } else {
                json!({"type": "emoji", "emoji": icon})
            };
        }
        let mut callout = made("callout", given)?;
        let mut within = self.pieces(at + 1, end, level + 1)?;
        let is_text = within.first().is_some_and(|first| {
            let plain = first.member("color") == &json!("default");
            plain && first.kind().is_some_and(|kind| kind.name == "paragraph")
        });
        if is_text {
            let first = within.remove(0);
            set(&mut callout, "rich_text", first.member("rich_text").clone());
            callout.children = first.children;
        }
        callout.children.extend(within);
        Ok(callout)
    }

    /// What is not further in than the toggle stands behind it.
    fn toggle(
        &self,
        tag: &Tag<'_>,
        at: usize,
        end: usize,
        level: usize,
        items: &mut Items,
    ) -> ApiResult<()> {
        let indent = self.lines[at].indent;
        let mut toggle = made("toggle", colored(tag, json!({"rich_text": []})))?;
        let mut from = at + 1;
        while from < end && self.lines[from].text.is_empty() {
            from += 1;
        }
        let first = self.lines[from.min(end)..end].first();
        if let Some(summary) = first.and_then(|line| between(line.text, "summary")) {
            set(&mut toggle, "rich_text", read_inline::read(summary)?);
            from += 1;
        }
        let within = self.items(from, end, level + 1)?;
        let (within, behind): (Items, Items) =
            within.into_iter().partition(|(other, _)| *other > indent);
        toggle.children = nested(within, level + 1)?;
        items.push((indent, toggle));
        items.extend(behind.into_iter().map(|(_, piece)| (indent, piece)));
        Ok(())
    }

    /// Rows whose cells do not have a line each have none, and so are not there.
    fn table(&self, tag: &Tag<'_>, at: usize, end: usize) -> ApiResult<Option<Piece>> {
        let mut rows: Vec<Vec<Value>> = Vec::new();
        let mut row: Option<Vec<Value>> = None;
        for line in &self.lines[at + 1..end] {
            match tag::leading(line.text) {
                Some((tag, "")) if tag.is("tr", Form::Open) => row = Some(Vec::new()),
                Some((tag, "")) if tag.is("tr", Form::Close) => {
                    rows.extend(row.take().filter(|row| !row.is_empty()));
                }
                _ => {
                    if let (Some(row), Some(cell)) = (&mut row, between(line.text, "td")) {
                        row.push(read_inline::read(cell)?);
                    }
                }
            }
        }
        let set = |name| tag.attribute(name) == Some("true");
        table(rows, set("header-row"), set("header-column"))
    }
}

/// What stands between a tag and its end, if that is the whole line and there is no other in it.
fn between<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (tag, rest) = tag::leading(text)?;
    let close = format!("</{name}>");
    let inner = rest.strip_suffix(&close)?;
    let single = tag.is(name, Form::Open) && !inner.contains(&close);
    single.then_some(inner)
}

fn table(rows: Vec<Vec<Value>>, header_row: bool, header_column: bool) -> ApiResult<Option<Piece>> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    if width == 0 {
        return Ok(None);
    }
    let mut table = made(
        "table",
        json!({
            "table_width": width,
            "has_column_header": header_row,
            "has_row_header": header_column,
        }),
    )?;
    for mut row in rows {
        row.resize(width, json!([]));
        let mut piece = made("table_row", json!({"cells": []}))?;
        set(&mut piece, "cells", Value::Array(row));
        table.children.push(piece);
    }
    Ok(Some(table))
}

/// A table drawn with pipes: its first line is a header, a line of dashes follows. Gives its last line.
pub(super) fn pipes(lines: &[Line<'_>], at: usize, to: usize) -> ApiResult<Option<(Piece, usize)>> {
    let is_rule = |line: &Line<'_>| {
        let cells = cells(line.text);
        let dashes = |cell: &&str| {
            let inner = cell.trim_matches(':');
            !inner.is_empty() && inner.bytes().all(|byte| byte == b'-')
        };
        line.text.starts_with('|')
            && !cells.is_empty()
            && cells.iter().all(|cell| dashes(&cell.as_str()))
    };
    if at + 1 >= to || !is_rule(&lines[at + 1]) {
        return Ok(None);
    }
    let mut rows = Vec::new();
    let mut last = at + 1;
    for (number, line) in lines[at..to].iter().enumerate() {
        if !line.text.starts_with('|') {
            break;
        }
        last = at + number;
        if number != 1 {
            let cells = cells(line.text);
            let row = cells.iter().map(|cell| read_inline::read(cell));
            rows.push(row.collect::<ApiResult<Vec<_>>>()?);
        }
    }
    Ok(table(rows, true, false)?.map(|table| (table, last)))
}

/// The cells of a line drawn with pipes. A pipe behind a backslash is none.
fn cells(text: &str) -> Vec<String> {
    let inner = text.strip_prefix('|').unwrap_or(text);
    let mut cells = vec![String::new()];
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '|' {
            cells.push(String::new());
            continue;
        }
        let Some(cell) = cells.last_mut() else { break };
        cell.push(c);
        if c == '\\' {
            cell.extend(chars.next());
        }
    }
    if cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    cells
        .into_iter()
        .map(|cell| cell.trim().to_owned())
        .collect()
}
