//! What is written out is read back as it was, whatever it is made of.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use uuid::Uuid;

use super::read::{made, set};
use super::{Piece, What, inline, read, render};
use crate::model::World;
use crate::model::edit::PageChange;
use crate::model::row::Parent;
use crate::value::rich_text;

const PAGE: Uuid = Uuid::from_u128(0x1b2c_3d4e_0000_4000_8000_0000_0000_a001);

/// Words with everything in them that means something to somebody.
fn words() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[a-zA-Z0-9]{1,6}",
        2 => "[ \t\n*_~`$\\[\\]<>{}|^#!.:()\\\\+=\"&-]{1,4}",
        1 => select(vec![
            "# ", "- ", "1. ", "> ", "---", "```", "$$", "![", "](", "<br>", "</span>", "<callout>", "snake_case",
            "{color=\"red\"}", "- [ ] ", ":::", "**", "__", "é", "日本", "😀", "\u{a0}", "&quot;", "<empty-block/>",
        ]).prop_map(str::to_owned),
    ];
    vec(part, 1..5).prop_map(|parts| parts.concat())
}

fn looks() -> impl Strategy<Value = Value> {
    let flag = || prop::bool::weighted(0.25);
    let color = prop_oneof![3 => Just("default"), 1 => select(vec!["red", "blue_background"])];
    let flags = (flag(), flag(), flag(), flag());
    (flags, color).prop_map(|((bold, italic, strikethrough, underline), color)| {
        json!({
            "bold": bold, "italic": italic, "strikethrough": strikethrough, "underline": underline, "color": color,
        })
    })
}

/// One run as a request gives it.
fn run() -> impl Strategy<Value = Value> {
    let id = "1b2c3d4e-0000-4000-8000-00000000b001";
    let link = select(vec![
        "https://a.b/c",
        "https://a.b/(c)_d",
        "https://a.b/c)d",
        "/relative path\\x",
    ]);
    let text = (words(), option::weighted(0.2, link)).prop_map(|(content, link)| {
        let link = link.map(|url| json!({"url": url}));
        json!({"text": {"content": content, "link": link}})
    });
    // A break is the only tag that code has.
    let code = words().prop_map(|content| {
        json!({"text": {"content": content.replace('<', "")}, "annotations": {"code": true}})
    });
    let equation = "[a-z+ ^\\\\{}]{1,8}"
        .prop_map(|expression| json!({"equation": {"expression": expression}}));
    let mention = prop_oneof![
        words()
            .prop_map(move |title| json!({"mention": {"page": {"id": id}}, "plain_text": title})),
        "[A-Z][a-z]{1,6}".prop_map(
            move |name| json!({"mention": {"user": {"id": id}}, "plain_text": format!("@{name}")})
        ),
        Just(json!({"mention": {"database": {"id": id}}, "plain_text": "Rows"})),
        Just(json!({"mention": {"date": {"start": "2026-09-04", "end": "2026-09-06"}}})),
        Just(json!({"mention": {"date": {"start": "2026-09-04T10:30:00Z"}}})),
    ];
    let run = prop_oneof![6 => text, 1 => code, 1 => equation, 1 => mention];
    (run, looks()).prop_map(|(mut run, mut looks)| {
        looks["code"] = json!(run["annotations"]["code"] == true);
        run["annotations"] = looks;
        run
    })
}

/// Rich text as it is kept.
fn rich(most: usize) -> impl Strategy<Value = Value> {
    vec(run(), 0..=most).prop_map(|runs| rich_text::normalise("runs", &Value::Array(runs)).unwrap())
}

fn with(mut piece: Piece, member: &str, value: Value) -> Piece {
    set(&mut piece, member, value);
    piece
}

fn block(kind: &str, given: Value) -> Piece {
    made(kind, given).unwrap()
}

fn colored(kind: &'static str) -> impl Strategy<Value = Piece> {
    let color = prop_oneof![2 => Just("default"), 1 => select(vec!["gray", "pink_background"])];
    (rich(4), color).prop_map(move |(text, color)| {
        let piece = block(kind, json!({"rich_text": [], "color": color}));
        with(piece, "rich_text", text)
    })
}

fn leaf() -> impl Strategy<Value = Piece> {
    let heading = select(vec!["heading_1", "heading_2", "heading_3", "heading_4"]);
    let medium = select(vec!["image", "video", "audio", "pdf", "file"]);
    let address = select(vec![
        "https://a.b/c.png",
        "https://a.b/(c?d=\"e\"&f=g",
        "http://x",
    ]);
    let code = (words(), select(vec!["rust", "plain text", "c++"])).prop_map(|(text, language)| {
        let piece = block("code", json!({"rich_text": [], "language": language}));
        with(piece, "rich_text", rich_text::from_plain(&text))
    });
    let table = (1..4_usize, 1..3_usize, any::<bool>(), any::<bool>()).prop_flat_map(
        |(width, height, column, row)| {
            vec(vec(rich(2), width), height).prop_map(move |rows| {
                let mut table = block(
                    "table",
                    json!({"table_width": width, "has_column_header": column, "has_row_header": row}),
                );
                let rows = rows.into_iter().map(|cells| {
                    with(block("table_row", json!({"cells": []})), "cells", json!(cells))
                });
                table.children = rows.collect();
                table
            })
        },
    );
    let named = |what: fn(String) -> What| {
        words().prop_map(move |title| Piece {
            id: Some(PAGE),
            what: what(title.trim().to_owned()),
            children: Vec::new(),
        })
    };
    prop_oneof![
        4 => colored("paragraph"),
        2 => heading.prop_flat_map(colored),
        1 => code,
        1 => "[a-z+ \n]{1,8}".prop_map(|x| block("equation", json!({"expression": x}))),
        1 => Just(block("divider", json!({}))),
        1 => Just(block("table_of_contents", json!({"color": "gray"}))),
        1 => table,
        1 => (medium, address, rich(2)).prop_map(|(kind, url, caption)| {
            with(block(kind, json!({"external": {"url": url}})), "caption", caption)
        }),
        1 => named(|title| What::Page { title }),
        1 => named(|title| What::Database { title, inline: true }),
        1 => named(|_| What::Unknown { alt: "bookmark".into() }),
    ]
}

fn tree() -> impl Strategy<Value = Piece> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let children = || vec(inner.clone(), 0..4);
        let texts = select(vec![
            "paragraph",
            "bulleted_list_item",
            "numbered_list_item",
            "quote",
            "to_do",
            "toggle",
            "callout",
        ]);
        let holder = (texts.prop_flat_map(colored), children(), any::<bool>()).prop_map(
            |(mut piece, children, on)| {
                let kind = piece.kind().unwrap().name;
                if kind == "to_do" {
                    piece = with(piece, "checked", json!(on));
                }
                if kind == "callout" && on {
                    piece = with(piece, "icon", json!({"type": "emoji", "emoji": "💡"}));
                }
                piece.children = children;
                piece
            },
        );
        let heading = (colored("heading_2"), children()).prop_map(|(piece, children)| {
            let mut piece = with(piece, "is_toggleable", json!(true));
            piece.children = children;
            piece
        });
        let column = children().prop_map(|children| {
            let mut column = block("column", json!({}));
            column.children = children;
            column
        });
        let columns = vec(column, 2..4).prop_map(|columns| {
            let mut list = block("column_list", json!({}));
            list.children = columns;
            list
        });
        let synced = (children(), any::<bool>()).prop_map(|(children, copy)| {
            let from = copy.then(|| json!({"block_id": PAGE.to_string()}));
            let mut block = block("synced_block", json!({"synced_from": from}));
            block.children = children;
            block
        });
        prop_oneof![6 => holder, 1 => heading, 1 => columns, 1 => synced]
    })
}

/// What a text can say of a block.
fn sayable(piece: &Piece) -> Value {
    let children: Vec<Value> = piece.children.iter().map(sayable).collect();
    let what = match &piece.what {
        What::Block(kind, inner) => {
            let members = inner.iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "rich_text" | "caption" => json!(format!("{:?}", inline::tidied(value))),
                    "cells" => {
                        let cells = value.as_array().unwrap().iter();
                        cells
                            .map(|cell| format!("{:?}", inline::tidied(cell)))
                            .collect()
                    }
                    _ => value.clone(),
                };
                (name.clone(), value)
            });
            json!([kind.name, members.collect::<serde_json::Map<_, _>>()])
        }
        What::Page { title } => json!(["page", title]),
        What::Database { title, inline } => json!(["database", title, inline]),
        What::Unknown { alt } => json!(["unknown", alt]),
    };
    json!({"what": what, "id": piece.id.map(|id| id.to_string()), "children": children})
}

fn sayable_all(pieces: &[Piece]) -> Value {
    pieces.iter().map(sayable).collect()
}

/// Without what names an object, and without copies.
fn own(pieces: Vec<Piece>) -> Vec<Piece> {
    let is_own = |piece: &Piece| matches!(piece.what, What::Block(..)) && !piece.is_copy();
    let pieces = pieces.into_iter().filter(is_own);
    pieces
        .map(|mut piece| {
            piece.children = own(piece.children);
            piece
        })
        .collect()
}

/// Without the addresses that new blocks have got.
fn nameless(mut pieces: Vec<Piece>) -> Vec<Piece> {
    for piece in &mut pieces {
        piece.id = None;
        piece.children = nameless(std::mem::take(&mut piece.children));
    }
    pieces
}

proptest! {
    #[test]
    fn blocks_are_read_back_as_they_were_written(pieces in vec(tree(), 0..5)) {
        let text = render(&pieces, PAGE);
        let back = read(&text).unwrap();
        prop_assert_eq!(sayable_all(&back), sayable_all(&pieces), "{}", text);
    }

    #[test]
    fn rich_text_is_read_back_as_it_was_written(runs in rich(8)) {
        let text = inline::text(&runs);
        let back = super::read_inline(&text).unwrap();
        prop_assert_eq!(inline::tidied(&back), inline::tidied(&runs), "{}", text);
    }

    #[test]
    fn after_one_round_a_text_stands_still(text in vec(words(), 0..12).prop_map(|lines| lines.join("\n"))) {
        let once = render(&read(&text).unwrap(), PAGE);
        let twice = render(&read(&once).unwrap(), PAGE);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_text_is_read_and_written(text in "(\\PC|\n|\t|[<>*_`~$\\[\\]\\\\]){0,60}") {
        let once = render(&read(&text).unwrap_or_default(), PAGE);
        let twice = render(&read(&once).unwrap(), PAGE);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_body_becomes_what_a_text_says_whatever_it_was(texts in vec(vec(tree(), 0..5), 1..4)) {
        let mut world = World::new(1, "2026-09-04T14:30:41Z".parse().unwrap());
        let author = world.bot;
        let page = world.create_page(Parent::Workspace, PageChange::default(), author).unwrap();
        for pieces in texts {
            // Sub-pages and blocks that cannot be said are not there.
            let said = world.fitted(Some(page), own(pieces), BTreeSet::new());
            let text = render(&said, page);
            let left = world.rewrite_body(page, said, author).unwrap();
            prop_assert!(left.is_empty());
            let body = world.body(page, usize::MAX).pieces;
            prop_assert_eq!(render(&nameless(body), page), text);
            let mut held = BTreeSet::new();
            for (parent, children) in &world.blocks.children {
                for child in children {
                    prop_assert!(held.insert(*child), "{child} is in two places");
                    prop_assert_eq!(world.blocks.known[child].parent, *parent);
                }
            }
            prop_assert_eq!(held.len(), world.blocks.known.len());
        }
    }

    #[test]
    fn tidying_takes_no_words(runs in rich(6)) {
        let words = |runs: &Value| {
            let runs = runs.as_array().unwrap().iter();
            let words: String = runs.map(|run| run["plain_text"].as_str().unwrap()).collect();
            words.trim_matches([' ', '\t', '\u{a0}']).to_owned()
        };
        let back = super::read_inline(&inline::text(&runs)).unwrap();
        prop_assert_eq!(words(&back), words(&runs));
    }
}
