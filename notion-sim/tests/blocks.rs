//! Blocks: what is read back, where they go, what is refused, and the recorded requests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids, title, with};

impl Api {
    async fn page(&self) -> String {
        let body = json!({"parent": {"workspace": true}, "properties": {"title": title("Page")}});
        let page = self.post("/v1/pages", body).await.ok();
        page["id"].as_str().unwrap().to_owned()
    }

    async fn append(&self, id: &str, children: Value) -> Reply {
        let body = json!({"children": children});
        self.patch(&format!("/v1/blocks/{id}/children"), body).await
    }

    /// Appends one block; gives its id.
    async fn one(&self, id: &str, block: Value) -> String {
        let made = self.append(id, json!([block])).await.ok();
        ids(&made).remove(0)
    }

    async fn block(&self, id: &str) -> Value {
        self.get(&format!("/v1/blocks/{id}")).await.ok()
    }

    async fn children(&self, id: &str) -> Vec<String> {
        ids(&self.get(&format!("/v1/blocks/{id}/children")).await.ok())
    }

    async fn delete(&self, id: &str) -> Reply {
        let path = format!("/v1/blocks/{id}");
        self.send("DELETE", &path, None).await.unwrap()
    }

    async fn change(&self, id: &str, body: Value) -> Reply {
        self.patch(&format!("/v1/blocks/{id}"), body).await
    }

    async fn edited(&self, page: &str) -> Value {
        let page = self.get(&format!("/v1/pages/{page}")).await.ok();
        page["last_edited_time"].clone()
    }
}

fn words(text: &str) -> Value {
    json!([{"text": {"content": text}}])
}

fn paragraph(text: &str) -> Value {
    json!({"paragraph": {"rich_text": words(text)}})
}

fn read_words(text: &str) -> String {
    format!(
        r#"[{{"type":"text","text":{{"content":"{text}","link":null}},"annotations":{{"bold":false,"italic":false,"strikethrough":false,"underline":false,"code":false,"color":"default"}},"plain_text":"{text}","href":null}}]"#
    )
}

/// Every kind with what a request says, and what is read back, to the letter.
fn kinds() -> Vec<(&'static str, Value, String)> {
    let text = read_words("a");
    let said = json!({"rich_text": words("a")});
    let plain = format!(r#"{{"rich_text":{text},"color":"default"}}"#);
    let with_icon = format!(r#"{{"rich_text":{text},"icon":null,"color":"default"}}"#);
    let heading = format!(r#"{{"rich_text":{text},"is_toggleable":false,"color":"default"}}"#);
    let url = json!({"url": "https://a.b/c.d"});
    let linked = r#"{"caption":[],"url":"https://a.b/c.d"}"#.to_owned();
    let file = json!({"external": url});
    let medium = r#"{"caption":[],"type":"external","external":{"url":"https://a.b/c.d"}}"#;
    let row = json!({"table_row": {"cells": [words("a"), []]}});
    let column = json!({"column": {"children": []}});
    let nothing = || "{}".to_owned();
    let target = "1b2c3d4e-0000-4000-8000-00000000a001";
    let mut kinds = vec![
        (
            "code",
            json!({"rich_text": words("a"), "language": "rust"}),
            format!(r#"{{"caption":[],"rich_text":{text},"language":"rust"}}"#),
        ),
        (
            "equation",
            json!({"expression": "x^2"}),
            r#"{"expression":"x^2"}"#.to_owned(),
        ),
        ("divider", json!({}), nothing()),
        ("breadcrumb", json!({}), nothing()),
        ("tab", json!({"children": [paragraph("a")]}), nothing()),
        (
            "table_of_contents",
            json!({"color": "pink"}),
            r#"{"color":"pink"}"#.to_owned(),
        ),
        (
            "link_to_page",
            json!({"page_id": target.replace('-', "")}),
            format!(r#"{{"type":"page_id","page_id":"{target}"}}"#),
        ),
        (
            "table",
            json!({"table_width": 2, "has_row_header": true, "children": [row]}),
            r#"{"table_width":2,"has_column_header":false,"has_row_header":true}"#.to_owned(),
        ),
        (
            "column_list",
            json!({"children": [column, column]}),
            nothing(),
        ),
        ("paragraph", said.clone(), with_icon.clone()),
        ("callout", said.clone(), with_icon),
        (
            "to_do",
            json!({"rich_text": words("a"), "checked": true, "color": "red_background"}),
            format!(r#"{{"rich_text":{text},"checked":true,"color":"red_background"}}"#),
        ),
        (
            "synced_block",
            json!({"synced_from": null}),
            r#"{"synced_from":null}"#.to_owned(),
        ),
        (
            "file",
            file.clone(),
            medium.replace("}}", r#"},"name":"c.d"}"#),
        ),
    ];
    let same = |names: &[&'static str], said: &Value, read: &str| {
        let kinds = names
            .iter()
            .map(|name| (*name, said.clone(), read.to_owned()));
        kinds.collect::<Vec<_>>()
    };
    kinds.extend(same(
        &[
            "bulleted_list_item",
            "numbered_list_item",
            "quote",
            "toggle",
        ],
        &said,
        &plain,
    ));
    kinds.extend(same(
        &["heading_1", "heading_2", "heading_3", "heading_4"],
        &said,
        &heading,
    ));
    kinds.extend(same(&["embed", "bookmark"], &url, &linked));
    kinds.extend(same(&["image", "video", "pdf", "audio"], &file, medium));
    kinds
}

#[tokio::test]
async fn every_writable_kind_comes_back_as_it_is_read() {
    let api = api().await;
    let page = api.page().await;
    let kinds = kinds();
    for (kind, said, read) in &kinds {
        let id = api.one(&page, json!({"type": kind, *kind: said})).await;
        let answer = api
            .request("GET", &format!("/v1/blocks/{id}"))
            .send()
            .await
            .unwrap();
        let answer = answer.text().await.unwrap();
        let (head, rest) = answer.split_once(",\"created_by\"").unwrap();
        assert_eq!(
            head,
            format!(
                r#"{{"object":"block","id":"{id}","parent":{{"type":"page_id","page_id":"{page}"}},"created_time":"2026-09-04T14:30:00.000Z","last_edited_time":"2026-09-04T14:30:00.000Z""#
            )
        );
        let holds = ["tab", "table", "column_list"].contains(kind);
        let tail = format!(
            r#","has_children":{holds},"in_trash":false,"type":"{kind}","{kind}":{read},"request_id""#
        );
        assert!(rest.contains(&tail), "{kind}: {rest}");
    }
    // The refusal of a block of no kind names them all; rows and columns are inside others above.
    let refused = api.append(&page, json!([{}])).await;
    let named: BTreeSet<&str> = refused
        .message()
        .lines()
        .skip(1)
        .map(kind_in_line)
        .collect();
    let mut tried: BTreeSet<&str> = kinds.iter().map(|(kind, ..)| *kind).collect();
    tried.extend(["table_row", "column"]);
    assert_eq!(named, tried);
}

fn kind_in_line(line: &str) -> &str {
    let name = line.strip_prefix("body.children[0].").unwrap();
    name.split(' ').next().unwrap()
}

#[tokio::test]
async fn a_tree_is_made_at_once_and_read_a_level_at_a_time() {
    let api = api().await;
    let page = api.page().await;
    assert_eq!(api.block(&page).await["has_children"], false);
    let tree = json!({"toggle": {"rich_text": words("a"), "children": [
        {"toggle": {"rich_text": words("b"), "children": [paragraph("c"), paragraph("d")]}},
    ]}});
    let top = api.one(&page, tree).await;
    assert_eq!(api.block(&page).await["has_children"], true);
    let answer = api.get(&format!("/v1/blocks/{top}/children")).await.ok();
    let middle = &answer["results"][0];
    assert_eq!(middle["has_children"], true);
    assert_eq!(
        middle["parent"],
        json!({"type": "block_id", "block_id": top})
    );
    assert!(middle["toggle"].get("children").is_none());
    assert_eq!(answer["type"], "block");
    let leaves = api.children(middle["id"].as_str().unwrap()).await;
    assert_eq!(leaves.len(), 2);
    assert_eq!(api.block(&leaves[0]).await["has_children"], false);
}

#[tokio::test]
async fn nesting_beyond_two_levels_is_refused() {
    let api = api().await;
    let page = api.page().await;
    let nest = |inner: Value| json!({"bulleted_list_item": {"rich_text": [], "children": [inner]}});
    let four = nest(nest(nest(paragraph("deep, and long enough to be cut off"))));
    let refused = api.append(&page, json!([four])).await;
    assert_eq!(
        refused.message(),
        "body failed validation: body.children[0].bulleted_list_item.children[0].bulleted_list_item\
         .children[0].bulleted_list_item.children should be not present, instead was \
         `[{\"paragraph\":{\"rich_text\":[{\"text\":{\"content\":\"deep, a...`."
    );
    assert!(api.children(&page).await.is_empty());
    // A list of columns is no level of its own, and a table stands only where a level is left.
    let columns = |inner: Value| {
        let column = json!({"column": {"children": [inner]}});
        json!([{"column_list": {"children": [column, column]}}])
    };
    assert_eq!(
        api.append(&page, columns(nest(paragraph("a"))))
            .await
            .status,
        200
    );
    assert_eq!(
        api.append(&page, columns(nest(nest(paragraph("a")))))
            .await
            .status,
        400
    );
    let table = json!({"table": {"table_width": 1, "children": [{"table_row": {"cells": [[]]}}]}});
    assert_eq!(
        api.append(&page, json!([nest(table.clone())])).await.status,
        200
    );
    let refused = api.append(&page, json!([nest(nest(table))])).await;
    assert!(
        refused
            .message()
            .starts_with("body failed validation. Fix one:\n")
    );
    assert!(
        !refused.message().contains(".table "),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn each_refusal_has_its_words() {
    let api = api().await;
    let page = api.page().await;
    let long = json!([{"text": {"content": "a".repeat(2001)}}]);
    let row = |cells: Value| json!({"table_row": {"cells": cells}});
    let cases = [
        (
            json!("x"),
            "body failed validation: body.children should be an array, instead was `\"x\"`.",
        ),
        (
            Value::Array(vec![paragraph("a"); 101]),
            "body failed validation: body.children.length should be ≤ `100`, instead was `101`.",
        ),
        (
            json!([{"type": "quote"}]),
            "body failed validation: body.children[0].quote should be defined, instead was `undefined`.",
        ),
        (
            json!([{"id": "x", "divider": {}}]),
            "body failed validation: body.children[0].id should be not present, instead was `\"x\"`.",
        ),
        (
            json!([{"divider": {"children": []}}]),
            "body failed validation: body.children[0].divider.children should be not present, instead was `[]`.",
        ),
        (
            json!([{"paragraph": {"rich_text": [], "icon": null}}]),
            "body failed validation: body.children[0].paragraph.icon should be an object or `undefined`, instead was `null`.",
        ),
        (
            json!([{"paragraph": {"rich_text": long}}]),
            "body failed validation: body.children[0].paragraph.rich_text[0].text.content.length should be ≤ `2000`, instead was `2001`.",
        ),
        (
            json!([{"to_do": {"rich_text": [], "checked": "yes"}}]),
            "body failed validation: body.children[0].to_do.checked should be a boolean, instead was `\"yes\"`.",
        ),
        (
            json!([{"column_list": {}}]),
            "body failed validation: body.children[0].column_list.children should be defined, instead was `undefined`.",
        ),
        (
            json!([{"column_list": {"children": [{"column": {"children": []}}]}}]),
            "body failed validation: body.children[0].column_list.children.length should be ≥ `2`, instead was `1`.",
        ),
        (
            json!([{"table": {"table_width": 2, "children": [row(json!([[]]))]}}]),
            "Content creation Failed. Fix the following: \nNumber of cells in table row must match the table width of the parent table",
        ),
        (
            json!([{"table": {"table_width": 2, "children": [paragraph("a")]}}]),
            "body failed validation: body.children[0].table.children[0].table_row should be defined, instead was `undefined`.",
        ),
        (
            json!([row(json!([]))]),
            "A table_row can only be in a table.",
        ),
        (
            json!([{"image": {"external": {"url": "a.png"}}}]),
            "Content creation Failed. Fix the following: \nInvalid image url.",
        ),
        (
            json!([{"image": {}}]),
            "body failed validation. Fix one:\nbody.children[0].image.external should be defined, instead was `undefined`.\nbody.children[0].image.file_upload should be defined, instead was `undefined`.",
        ),
        (
            json!([{"heading_1": {"rich_text": [], "children": [paragraph("a")]}}]),
            "Block does not support children",
        ),
    ];
    for (children, message) in cases {
        let refused = api.append(&page, children).await;
        assert_eq!((refused.status, refused.message()), (400, message));
    }
    let refused = api
        .append(&page, json!([{"code": {"rich_text": [], "language": "x"}}]))
        .await;
    let message = refused.message();
    assert!(
        message.contains("code.language should be `\"abap\"`, `\"abc\"`, "),
        "{message}"
    );
    assert!(
        message.ends_with(", or `\"java/c/c++/c#\"`, instead was `\"x\"`."),
        "{message}"
    );
    assert!(
        api.children(&page).await.is_empty(),
        "a refused request left something"
    );

    let leaf = api.one(&page, json!({"divider": {}})).await;
    let refused = api.append(&leaf, json!([paragraph("a")])).await;
    assert_eq!(refused.message(), "Block does not support children");
    let missing = "1b2c3d4e-0000-4000-8000-00000000a001";
    for reply in [
        api.append(missing, json!([])).await,
        api.get(&format!("/v1/blocks/{missing}")).await,
        api.get(&format!("/v1/blocks/{missing}/children")).await,
        api.delete(missing).await,
        api.change(missing, paragraph("a")).await,
    ] {
        let words = format!("Could not find block with ID: {missing}.");
        assert!(
            reply.status == 404 && reply.message().starts_with(&words),
            "{}",
            reply.body
        );
    }
}

#[tokio::test]
async fn children_are_paged_by_the_id_of_the_next_one() {
    let api = api().await;
    let page = api.page().await;
    let many: Vec<Value> = (0..5).map(|n| paragraph(&n.to_string())).collect();
    let made = ids(&api.append(&page, Value::Array(many)).await.ok());
    api.delete(&made[1]).await.ok();
    let path = format!("/v1/blocks/{page}/children?page_size=2");
    let first = api.get(&path).await.ok();
    assert_eq!(ids(&first), [made[0].clone(), made[2].clone()]);
    assert_eq!(first["next_cursor"], made[3].as_str());
    assert_eq!(first["has_more"], true);
    let second = api
        .get(&format!("{path}&start_cursor={}", made[3]))
        .await
        .ok();
    assert_eq!(ids(&second), made[3..]);
    assert_eq!(
        (&second["next_cursor"], &second["has_more"]),
        (&Value::Null, &json!(false))
    );
    let path = format!("/v1/blocks/{page}/children");
    for (query, message) in [
        (
            "start_cursor=bogus",
            "query failed validation: query.start_cursor should be a valid uuid or `undefined`, instead was `\"bogus\"`.",
        ),
        (
            "page_size=101",
            "query failed validation: query.page_size should be ≤ `100` or `undefined`, instead was `101`.",
        ),
    ] {
        assert_eq!(api.get(&format!("{path}?{query}")).await.message(), message);
    }
    assert_eq!(
        ids(&api.get(&format!("{path}?page_size=0")).await.ok()).len(),
        4
    );
}

#[tokio::test]
async fn new_blocks_go_where_the_version_says() {
    let mut api = api().await;
    let page = api.page().await;
    let path = format!("/v1/blocks/{page}/children");
    let made = ids(&api
        .append(&page, json!([paragraph("a"), paragraph("b")]))
        .await
        .ok());
    let (a, b) = (made[0].clone(), made[1].clone());
    let behind = json!({"type": "after_block", "after_block": {"id": a}});
    let body = |place: Value| json!({"children": [paragraph("x")], "position": place});
    // The answer goes on with what stands behind the new ones.
    let answer = ids(&api.patch(&path, body(behind)).await.ok());
    assert_eq!(answer[1..], made[1..]);
    let x = answer[0].clone();
    let start = ids(&api.patch(&path, body(json!({"type": "start"}))).await.ok()).remove(0);
    let end = ids(&api.patch(&path, body(json!({"type": "end"}))).await.ok()).remove(0);
    assert_eq!(
        api.children(&page).await,
        [&start, &a, &x, &b, &end].map(String::clone)
    );
    let old = json!({"children": [paragraph("y")], "after": a});
    let words = "body.after should be not present, instead was ";
    assert!(
        api.patch(&path, old.clone())
            .await
            .message()
            .contains(words)
    );

    api.version = "2025-09-03";
    let y = ids(&api.patch(&path, old).await.ok()).remove(0);
    assert_eq!(api.children(&page).await[2], y);
    let words = "body.position should be not present, instead was ";
    assert!(
        api.patch(&path, body(json!({"type": "end"})))
            .await
            .message()
            .contains(words)
    );
    assert_eq!(api.block(&y).await["archived"], false);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_never_the_kind() {
    let api = api().await;
    let page = api.page().await;
    let to_do = json!({"to_do": {"rich_text": words("a"), "color": "red"}});
    let id = api.one(&page, to_do).await;
    api.sim.advance(std::time::Duration::from_secs(120));
    let read = api
        .change(&id, json!({"type": "to_do", "to_do": {"checked": true}}))
        .await
        .ok();
    assert_eq!(read["to_do"]["checked"], true);
    assert_eq!(read["to_do"]["color"], "red");
    assert_eq!(read["to_do"]["rich_text"][0]["plain_text"], "a");
    assert_eq!(read["created_time"], "2026-09-04T14:30:00.000Z");
    assert_eq!(read["last_edited_time"], "2026-09-04T14:32:00.000Z");
    assert_eq!(api.edited(&page).await, "2026-09-04T14:32:00.000Z");
    let row = json!({"table_row": {"cells": [[]]}});
    let table = json!({"table": {"table_width": 1, "children": [row]}});
    let table = api.one(&page, table).await;
    let row = api.children(&table).await.remove(0);
    let image = api
        .one(
            &page,
            json!({"image": {"external": {"url": "https://a.b"}}}),
        )
        .await;
    let number = api
        .one(&page, json!({"numbered_list_item": {"rich_text": []}}))
        .await;
    for (id, body, message) in [
        (
            &id,
            paragraph("a"),
            "Expected block type to_do in request body",
        ),
        (
            &id,
            json!({"type": "child_page"}),
            "Expected block type to_do in request body",
        ),
        (
            &id,
            json!({"to_do": {"children": []}}),
            "body failed validation: body.to_do.children should be not present, instead was `[]`.",
        ),
        (
            &id,
            json!({"archived": true}),
            "body failed validation: body.archived should be not present, instead was `true`.",
        ),
        (
            &table,
            json!({"table": {"table_width": 3}}),
            "body failed validation: body.table.table_width should be not present, instead was `3`.",
        ),
        (
            &row,
            json!({"table_row": {"cells": [[], []]}}),
            "Number of cells in table row must match the table width of the parent table",
        ),
        (
            &image,
            json!({"image": {"type": "file_upload"}}),
            "body failed validation: body.image.type should be not present, instead was `\"file_upload\"`.",
        ),
        (
            &number,
            json!({"numbered_list_item": {"rich_text": [], "list_start_index": 4}}),
            "body failed validation: body.numbered_list_item.list_start_index should be not present, instead was `4`.",
        ),
        (
            &number,
            json!({"numbered_list_item": {"color": "red"}}),
            "body failed validation: body.numbered_list_item.rich_text should be defined, instead was `undefined`.",
        ),
    ] {
        let refused = api.change(id, body).await;
        assert_eq!((refused.status, refused.message()), (400, message));
    }
    let target = "1b2c3d4e-0000-4000-8000-00000000a001";
    let link = json!({"link_to_page": {"page_id": target}});
    let link = api.one(&page, link).await;
    let body = json!({"link_to_page": {"database_id": target}});
    let link = api.change(&link, body).await.ok();
    let read = json!({"type": "database_id", "database_id": target});
    assert_eq!(link["link_to_page"], read);
    let table = api
        .change(&table, json!({"table": {"has_column_header": true}}))
        .await
        .ok();
    assert_eq!(table["table"]["table_width"], 1);
}

#[tokio::test]
async fn a_block_in_the_trash_is_read_restored_and_not_edited() {
    const IN_TRASH: &str =
        "Can't edit block that is archived. You must unarchive the block before editing.";
    let mut api = api().await;
    let page = api.page().await;
    let toggle = json!({"toggle": {"rich_text": [], "children": [paragraph("a")]}});
    let id = api.one(&page, toggle).await;
    let last = api.one(&page, paragraph("b")).await;
    let child = api.children(&id).await.remove(0);
    assert_eq!(api.delete(&id).await.ok()["in_trash"], true);
    assert_eq!(api.block(&id).await["in_trash"], true);
    assert_eq!(api.children(&page).await, [last.as_str()]);
    let list = api.get(&format!("/v1/blocks/{id}/children")).await;
    assert_eq!(list.status, 404);
    let edit = json!({"toggle": {"rich_text": []}});
    for reply in [
        api.delete(&id).await,
        api.change(&id, edit).await,
        api.append(&id, json!([paragraph("c")])).await,
    ] {
        assert_eq!((reply.status, reply.message()), (400, IN_TRASH));
    }
    let words = "Can't edit page on block with an archived ancestor. You must unarchive the ancestor before editing page.";
    assert_eq!(api.change(&child, paragraph("c")).await.message(), words);
    assert_eq!(
        api.change(&id, json!({"in_trash": false})).await.ok()["in_trash"],
        false
    );
    assert_eq!(api.children(&page).await, [id.clone(), last]);

    api.version = "2025-09-03";
    assert_eq!(api.delete(&id).await.ok()["archived"], true);
    assert_eq!(
        api.change(&id, json!({"archived": false})).await.ok()["archived"],
        false
    );
    assert_eq!(api.delete(&page).await.ok()["type"], "child_page");
    assert_eq!(
        api.get(&format!("/v1/blocks/{page}/children")).await.status,
        404
    );
    assert_eq!(
        api.append(&page, json!([paragraph("c")])).await.message(),
        IN_TRASH
    );
    assert_eq!(
        api.change(&page, json!({"archived": false})).await.ok()["in_trash"],
        false
    );
    assert_eq!(api.children(&page).await.len(), 2);
}

#[tokio::test]
async fn sub_pages_stand_among_the_blocks_and_follow_a_move() {
    let api = api().await;
    let (page, other) = (api.page().await, api.page().await);
    let first = api.one(&page, paragraph("a")).await;
    let body = json!({"parent": {"page_id": page}, "properties": {"title": title("Sub")}});
    let sub = api.post("/v1/pages", body).await.ok();
    let sub = sub["id"].as_str().unwrap();
    let database = json!({"parent": {"page_id": page}, "title": words("Base")});
    let database = api.post("/v1/databases", database).await.ok();
    let list = api.get(&format!("/v1/blocks/{page}/children")).await.ok();
    assert_eq!(ids(&list), [&first, sub, database["id"].as_str().unwrap()]);
    assert_eq!(list["results"][1]["child_page"], json!({"title": "Sub"}));
    assert_eq!(
        list["results"][2]["child_database"],
        json!({"title": "Base"})
    );
    for (position, at) in [
        (json!({"type": "page_start"}), 0),
        (
            json!({"type": "after_block", "after_block": {"id": first}}),
            2,
        ),
        (json!({"type": "page_end"}), 5),
    ] {
        let body = json!({"parent": {"page_id": page}, "position": position});
        let placed = api.post("/v1/pages", body).await.ok();
        let placed = placed["id"].as_str().unwrap();
        assert_eq!(api.children(&page).await[at], placed);
    }
    let to = json!({"parent": {"page_id": other}});
    api.post(&format!("/v1/pages/{sub}/move"), to).await.ok();
    assert_eq!(api.children(&page).await.len(), 5);
    assert_eq!(api.children(&other).await, [sub]);
    api.sim.share(&page, false).unwrap();
    assert_eq!(api.get(&format!("/v1/blocks/{first}")).await.status, 404);
    assert_eq!(
        api.get(&format!("/v1/blocks/{page}/children")).await.status,
        404
    );
}

#[tokio::test]
async fn an_erased_page_is_empty() {
    let api = api().await;
    let page = api.page().await;
    let toggle = json!({"toggle": {"rich_text": [], "children": [paragraph("a")]}});
    let toggle = api.one(&page, toggle).await;
    let inner = api.children(&toggle).await.remove(0);
    let sub = json!({"parent": {"page_id": page}, "properties": {"title": title("Sub")}});
    let sub = api.post("/v1/pages", sub).await.ok();
    let path = format!("/v1/pages/{page}");
    let erase = json!({"erase_content": true});
    api.patch(&path, erase).await.ok();
    assert!(api.children(&page).await.is_empty());
    for gone in [toggle, inner] {
        assert_eq!(api.get(&format!("/v1/blocks/{gone}")).await.status, 404);
    }
    let sub = api.block(sub["id"].as_str().unwrap()).await;
    assert_eq!(sub["in_trash"], true);
}

#[tokio::test]
async fn the_copy_of_a_synced_block_shows_what_the_original_holds() {
    let api = api().await;
    let page = api.page().await;
    let original = json!({"synced_block": {"synced_from": null, "children": [paragraph("a")]}});
    let original = api.one(&page, original).await;
    let copy = json!({"synced_block": {"synced_from": {"block_id": original}}});
    let copy = api.one(&page, copy).await;
    assert_eq!(api.block(&copy).await["has_children"], true);
    assert_eq!(api.children(&copy).await, api.children(&original).await);
    let of_copy = json!({"synced_block": {"synced_from": {"block_id": copy}}});
    assert_eq!(api.append(&page, json!([of_copy])).await.status, 400);
}

#[tokio::test]
async fn a_page_is_made_with_its_blocks_or_not_at_all() {
    let api = api().await;
    let table = api.table(json!({}));
    let body = |children: Value| json!({"parent": {"data_source_id": table}, "children": children});
    let refused = api
        .post("/v1/pages", body(json!([{"divider": {"x": 1}}])))
        .await;
    assert!(
        refused
            .message()
            .contains("body.children[0].divider.x should be not present")
    );
    let other = json!({"parent": {"data_source_id": table}, "content": [{"divider": []}]});
    let refused = api.post("/v1/pages", other).await;
    assert!(
        refused
            .message()
            .contains("body.content[0].divider should be an object")
    );
    let row = json!([{"table_row": {"cells": []}}]);
    assert_eq!(api.post("/v1/pages", body(row)).await.status, 400);
    assert!(api.sim.pages(&table).unwrap().is_empty());
    let page = api
        .post("/v1/pages", body(json!([paragraph("a"), paragraph("b")])))
        .await
        .ok();
    assert_eq!(api.children(page["id"].as_str().unwrap()).await.len(), 2);
}

#[tokio::test]
async fn blocks_survive_a_state_file_and_older_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let api = with(builder().state_file(&file)).await;
    let page = api.page().await;
    let sub = json!({"parent": {"page_id": page}, "properties": {"title": title("Sub")}});
    let sub = api.post("/v1/pages", sub).await.ok();
    let toggle = json!({"toggle": {"rich_text": words("a"), "children": [paragraph("b")]}});
    let top = api.one(&page, toggle).await;
    api.delete(&api.one(&page, paragraph("c")).await).await.ok();
    let body = json!({"parent": {"block_id": top}, "rich_text": words("why?")});
    api.post("/v1/comments", body).await.ok();
    let look = async |api: &Api| {
        let mut seen = Vec::new();
        for path in [
            "blocks/PAGE/children",
            "blocks/TOP/children",
            "comments?block_id=TOP",
        ] {
            let path = path.replace("PAGE", &page).replace("TOP", &top);
            let mut list = api.get(&format!("/v1/{path}")).await.ok();
            seen.push(list["results"].take());
        }
        seen
    };
    let before = look(&api).await;
    api.sim.save().await.unwrap();
    assert_eq!(look(&with(builder().state_file(&file)).await).await, before);

    let mut old: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    for newer in ["blocks", "children", "comments"] {
        old.as_object_mut().unwrap().remove(newer).unwrap();
    }
    let file = folder.path().join("old.json");
    std::fs::write(&file, old.to_string()).unwrap();
    let api = with(builder().state_file(&file)).await;
    assert_eq!(api.children(&page).await, [sub["id"].as_str().unwrap()]);
}
