//! Bodies as Markdown: what they are read as, what edits make of them, what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids, title, with};

const NOWHERE: &str = "1b2c3d4e-0000-4000-8000-00000000ffff";

impl Api {
    /// A page that holds what the text says; gives its id.
    async fn written(&self, text: &str) -> String {
        let body = json!({
            "parent": {"workspace": true}, "properties": {"title": title("Page")}, "markdown": text,
        });
        self.made("/v1/pages", body).await
    }

    async fn made(&self, path: &str, body: Value) -> String {
        let made = self.post(path, body).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }

    async fn markdown(&self, id: &str) -> Value {
        self.get(&format!("/v1/pages/{id}/markdown")).await.ok()
    }

    async fn text(&self, id: &str) -> String {
        self.markdown(id).await["markdown"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn edit(&self, id: &str, kind: &str, command: Value) -> Reply {
        let body = json!({"type": kind, kind: command});
        self.patch(&format!("/v1/pages/{id}/markdown"), body).await
    }

    async fn replace(&self, id: &str, text: &str) -> Reply {
        self.edit(id, "replace_content", json!({"new_str": text}))
            .await
    }

    async fn update(&self, id: &str, old: &str, new: &str) -> Reply {
        let updates = json!([{"old_str": old, "new_str": new}]);
        self.edit(id, "update_content", json!({"content_updates": updates}))
            .await
    }

    async fn children(&self, id: &str) -> Vec<Value> {
        let list = self.get(&format!("/v1/blocks/{id}/children")).await.ok();
        list["results"].as_array().unwrap().clone()
    }

    async fn append(&self, id: &str, children: Value) -> Vec<String> {
        let path = format!("/v1/blocks/{id}/children");
        ids(&self.patch(&path, json!({"children": children})).await.ok())
    }

    async fn subpage(&self, parent: &str, name: &str) -> String {
        let body = json!({"parent": {"page_id": parent}, "properties": {"title": title(name)}});
        self.made("/v1/pages", body).await
    }

    async fn subdatabase(&self, parent: &str, name: &str) -> String {
        let name = json!([{"text": {"content": name}}]);
        let body = json!({"parent": {"page_id": parent}, "title": name});
        self.made("/v1/databases", body).await
    }
}

fn plain(id: &str) -> String {
    id.replace('-', "")
}

/// Kinds and texts of blocks.
fn outline(blocks: &[Value]) -> Vec<String> {
    let line = |block: &Value| {
        let kind = block["type"].as_str().unwrap();
        let runs = block[kind]["rich_text"].as_array().into_iter().flatten();
        let words: String = runs
            .map(|run| run["plain_text"].as_str().unwrap())
            .collect();
        format!("{kind}: {words}").trim_end_matches(": ").to_owned()
    };
    blocks.iter().map(line).collect()
}

/// A text for every block that a text can say, in the form in which it is written.
const ALL: &str = "# One\n## Two {color=\"red\"}\n### Three\n#### Four\nPlain with a<br>break\n\
- bullet\n\t- inner {color=\"gray_bg\"}\n1. first\n2. second\n- [ ] to do\n- [x] done\n> quote<br>of two\n\
<details>\n<summary>Toggle</summary>\n\tinside\n</details>\n# Folds {toggle=\"true\"}\n\tfolded\n\
<callout icon=\"💡\" color=\"blue_bg\">\n\tCalled out\n\t- listed\n</callout>\n```rust\nlet [a, b] = c;\n```\n\
$$\nx^2\n$$\n<table header-row=\"true\">\n<tr>\n<td>a</td>\n<td>**b**</td>\n</tr>\n</table>\n---\n<empty-block/>\n\
<columns>\n\t<column>\n\t\tleft\n\t</column>\n\t<column>\n\t\tright\n\t</column>\n</columns>\n\
![Caption](https://a.b/c.png)\n<video src=\"https://a.b/c.mp4\">Film</video>\n<table_of_contents color=\"gray\"/>";

#[tokio::test]
async fn what_is_written_is_read_as_blocks_and_as_the_same_text() {
    let api = api().await;
    let page = api.written(ALL).await;
    let answer = api.markdown(&page).await;
    assert_eq!(answer["markdown"], ALL);
    assert_eq!(answer["object"], "page_markdown");
    assert_eq!(answer["id"], page);
    assert_eq!(answer["truncated"], false);
    assert_eq!(answer["unknown_block_ids"], json!([]));
    let expected = [
        "heading_1: One",
        "heading_2: Two",
        "heading_3: Three",
        "heading_4: Four",
        "paragraph: Plain with a\nbreak",
        "bulleted_list_item: bullet",
        "numbered_list_item: first",
        "numbered_list_item: second",
        "to_do: to do",
        "to_do: done",
        "quote: quote\nof two",
        "toggle: Toggle",
        "heading_1: Folds",
        "callout: Called out",
        "code: let [a, b] = c;",
        "equation",
        "table",
        "divider",
        "paragraph",
        "column_list",
        "image",
        "video",
        "table_of_contents",
    ];
    let blocks = api.children(&page).await;
    assert_eq!(outline(&blocks), expected);
    assert_eq!(blocks[1]["heading_2"]["color"], "red");
    assert_eq!(blocks[9]["to_do"]["checked"], true);
    assert_eq!(blocks[12]["heading_1"]["is_toggleable"], true);
    assert_eq!(
        blocks[13]["callout"]["icon"],
        json!({"type": "emoji", "emoji": "💡"})
    );
    assert_eq!(blocks[16]["table"]["has_column_header"], true);
    let inner = api.children(blocks[5]["id"].as_str().unwrap()).await;
    assert_eq!(inner[0]["bulleted_list_item"]["color"], "gray_background");
}

#[tokio::test]
async fn styles_links_and_mentions_are_written_inline() {
    let api = api().await;
    let other = api.written("").await;
    let url = format!("https://www.notion.so/{}", plain(&other));
    let text = format!(
        "**bold** _italic_ ~~struck~~ `co[de]` [link](https://a.b/c) <span underline=\"true\" color=\"red\">lined</span> \
         $`e=mc^2`$ <mention-page url=\"{url}\">Page</mention-page> \
         <mention-date start=\"2026-09-04\" end=\"2026-09-05\"/> 5 \\* 3 \\~ snake_case"
    );
    let page = api.written(&text).await;
    assert_eq!(api.text(&page).await, text);
    let block = &api.children(&page).await[0];
    let runs = block["paragraph"]["rich_text"].as_array().unwrap();
    assert_eq!(runs[0]["annotations"]["bold"], true);
    assert_eq!(runs[8]["href"], "https://a.b/c");
    assert_eq!(runs[10]["annotations"]["color"], "red");
    assert_eq!(runs[12]["equation"]["expression"], "e=mc^2");
    assert_eq!(runs[14]["mention"]["page"]["id"], other.as_str());
    assert_eq!(runs[16]["mention"]["date"]["end"], "2026-09-05");
    assert_eq!(runs[17]["plain_text"], " 5 * 3 ~ snake_case");

    // A link behind an exclamation mark is no image.
    let link = json!({"text": {"content": "a", "link": {"url": "https://a.b"}}});
    let runs = json!([{"text": {"content": "!"}}, link]);
    let page = api.written("").await;
    api.append(&page, json!([{"paragraph": {"rich_text": runs}}]))
        .await;
    let text = api.text(&page).await;
    assert_eq!(text, "\\![a](https://a.b)");
    api.replace(&page, &format!("{text}\nmore")).await.ok();
    assert_eq!(
        outline(&api.children(&page).await),
        ["paragraph: !a", "paragraph: more"]
    );
}

/// What people write, and how it is read back.
#[tokio::test]
async fn each_normalisation() {
    let api = api().await;
    for (given, read) in [
        ("# Hello\n\nText.", "# Hello\nText."),
        ("a\nb", "a\nb"),
        ("1. a\n1. b\n7. c", "1. a\n2. b\n3. c"),
        ("* a\n+ b", "- a\n- b"),
        ("##### five\n###### six", "#### five\n#### six"),
        ("*a* __b__", "_a_ **b**"),
        ("```js\na\n```", "```javascript\na\n```"),
        ("```\na\n```", "```plain text\na\n```"),
        ("```nonsense\na\n```", "```plain text\na\n```"),
        ("> a\n> b", "> a\n> b"),
        ("$x$ and 5 * 3 * 2", "\\$x\\$ and 5 \\* 3 \\* 2"),
        ("snake_case and 2 < 3", "snake_case and 2 \\< 3"),
        ("- a\n  - b\n    - c", "- a\n\t- b\n\t\t- c"),
        ("# Not folding\n\tchild", "# Not folding\nchild"),
        ("- # heading", "-\n\t# heading"),
        (
            "::: callout {icon=\"💡\"}\ntext\n:::",
            "<callout icon=\"💡\">\n\ttext\n</callout>",
        ),
        ("<callout>text</callout>", "<callout>\n\ttext\n</callout>"),
        (
            "<details>\n<summary>a</summary>\nb\n</details>",
            "<details>\n<summary>a</summary>\n</details>\nb",
        ),
        (
            "<table>\n\t<tr>\n\t\t<td>a</td>\n\t</tr>\n\t<tr><td>gone</td></tr>\n</table>",
            "<table>\n<tr>\n<td>a</td>\n</tr>\n</table>",
        ),
        (
            "| a | b |\n| - | - |\n| c\\|d | |",
            "<table header-row=\"true\">\n<tr>\n<td>a</td>\n<td>b</td>\n</tr>\n<tr>\n<td>c\\|d</td>\n<td></td>\n</tr>\n</table>",
        ),
        ("---\ntitle: a\n---", "---\ntitle: a\n---"),
        ("<div>text</div>", "\\<div\\>text\\</div\\>"),
        ("</callout>", "\\</callout\\>"),
        ("**a ****`b`**** c**", "**a ****`b`**** c**"),
        ("**(a)**b", "**(a)**b"),
        ("**unclosed _and `this", "\\*\\*unclosed \\_and \\`this"),
        ("", ""),
    ] {
        let page = api.written(given).await;
        assert_eq!(api.text(&page).await, read, "{given}");
        api.replace(&page, read).await.ok();
        assert_eq!(api.text(&page).await, read, "a second time: {given}");
    }
}

#[tokio::test]
async fn a_page_made_without_a_title_takes_its_first_heading() {
    let api = api().await;
    let table = api.table(json!({}));
    for parent in [json!({"workspace": true}), json!({"data_source_id": table})] {
        let body = json!({"parent": parent, "markdown": "intro\n# The **title**\n# Another\ntext"});
        let page = api.made("/v1/pages", body).await;
        let read = api.get(&format!("/v1/pages/{page}")).await.ok();
        let properties = read["properties"].as_object().unwrap();
        let property = properties
            .values()
            .find(|property| property["id"] == "title");
        assert_eq!(property.unwrap()["title"][0]["plain_text"], "The ");
        assert_eq!(api.text(&page).await, "intro\n# Another\ntext");
    }
    let body = json!({
        "parent": {"data_source_id": table}, "properties": {"Name": title("Own")}, "markdown": "# Stays",
    });
    let page = api.made("/v1/pages", body).await;
    assert_eq!(api.text(&page).await, "# Stays");
}

#[tokio::test]
async fn content_is_inserted_where_it_is_to_go() {
    let api = api().await;
    let page = api.written("one\n- two\n\t- inner\nthree").await;
    let insert = |command: Value| api.edit(&page, "insert_content", command);
    let answer = insert(json!({"content": "# End\n\nlast"})).await.ok();
    assert_eq!(
        answer["markdown"],
        "one\n- two\n\t- inner\nthree\n# End\nlast"
    );
    insert(json!({"content": "first", "position": {"type": "start"}}))
        .await
        .ok();
    insert(json!({"content": "behind", "after": "- two...inner"}))
        .await
        .ok();
    insert(json!({"content": "very last", "position": {"type": "end"}}))
        .await
        .ok();
    let text = "first\none\n- two\n\t- inner\nbehind\nthree\n# End\nlast\nvery last";
    assert_eq!(api.text(&page).await, text);
    let table = "<table>\n<tr>\n<td>a</td>\n</tr>\n<tr>\n<td>b</td>\n</tr>\n</table>";
    let page = api.written(&format!("{table}\nend")).await;
    let command = json!({"content": "behind", "after": "<td>a"});
    api.edit(&page, "insert_content", command).await.ok();
    assert_eq!(api.text(&page).await, format!("{table}\nbehind\nend"));
}

#[tokio::test]
async fn an_edit_leaves_all_other_blocks_as_they_are() {
    let api = api().await;
    let page = api
        .written("one\n- two\n\t- inner\n\t- other\nthree\n<callout>\n\tfour\n</callout>")
        .await;
    let ids_of = |blocks: &[Value]| -> Vec<String> {
        let ids = blocks.iter().map(|block| block["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    };
    let before = ids_of(&api.children(&page).await);
    let inner = ids_of(&api.children(&before[1]).await);
    // What a text cannot say stays in blocks that are not touched, and in those that are.
    let icon = json!({"type": "icon", "icon": {"name": "pizza", "color": "red"}});
    let change = json!({"callout": {"icon": icon}});
    api.patch(&format!("/v1/blocks/{}", before[3]), change)
        .await
        .ok();
    api.update(&page, "inner", "changed\n\tnew").await.ok();
    assert_eq!(ids_of(&api.children(&page).await), before);
    let now = ids_of(&api.children(&before[1]).await);
    assert_eq!([&now[0], &now[2]], [&inner[0], &inner[1]]);
    api.update(&page, "four", "4").await.ok();
    let callout = api.get(&format!("/v1/blocks/{}", before[3])).await.ok();
    assert_eq!(callout["callout"]["icon"], icon);
    assert_eq!(callout["callout"]["rich_text"][0]["plain_text"], "4");
    let file = json!({"file": {"external": {"url": "https://a.b/c.pdf"}, "name": "Report"}});
    let file = api.append(&page, json!([file])).await.remove(0);
    let tag = "<file src=\"https://a.b/c.pdf\">";
    api.update(
        &page,
        &format!("{tag}</file>"),
        &format!("{tag}words</file>"),
    )
    .await
    .ok();
    let read = api.get(&format!("/v1/blocks/{file}")).await.ok();
    assert_eq!(read["file"]["name"], "Report");
    assert_eq!(read["file"]["caption"][0]["plain_text"], "words");
    // Another order is another order of the same blocks.
    api.replace(&page, "three\n- two\n\t- changed\n\tnew\n\t- other\none")
        .await
        .ok();
    let after = ids_of(&api.children(&page).await);
    assert_eq!(after, [2, 1, 0].map(|at: usize| before[at].clone()));
    // What is gone is in the trash.
    let gone = api.get(&format!("/v1/blocks/{}", before[3])).await.ok();
    assert_eq!(gone["in_trash"], true);
}

#[tokio::test]
async fn replacements_are_searched_in_the_text_as_it_is_read() {
    let api = api().await;
    let page = api.written("# Plan\n- **a** b\n- **a** b\nend").await;
    let updates = json!([
        {"old_str": "- **a** b", "new_str": "1. c", "replace_all_matches": true},
        {"old_str": "1. c\nend", "new_str": "2. c\nthe end"},
        {"old_str": "nowhere", "new_str": ""},
    ]);
    let command = json!({"content_updates": updates});
    let answer = api.edit(&page, "update_content", command).await.ok();
    assert_eq!(answer["markdown"], "# Plan\n1. c\n2. c\nthe end");
    let nothing = json!({"content_updates": []});
    api.edit(&page, "update_content", nothing).await.ok();
    let range = json!({"content": "## New\ntext", "content_range": "# Plan...1. c"});
    api.edit(&page, "replace_content_range", range).await.ok();
    assert_eq!(api.text(&page).await, "## New\ntext\n1. c\nthe end");
}

#[tokio::test]
async fn each_refusal() {
    let mut knobs = Knobs::default();
    knobs.markdown_skips_missing = false;
    let api = with(builder().knobs(knobs)).await;
    let page = api.written("same\nsame\nother").await;
    let update = |items: Value| json!({"content_updates": items});
    let kinds = "`\"insert_content\"`, `\"replace_content_range\"`, `\"update_content\"`, or `\"replace_content\"`";
    let both = json!({"content": "x", "after": "same", "position": {"type": "end"}});
    let many: Vec<Value> = (0..101).map(|_| json!({})).collect();
    for (kind, command, message) in [
        (
            "update_content",
            update(json!([{"old_str": "nothing", "new_str": "x"}])),
            "No matches found for old_str \"nothing\". It has to be exactly as the page's Markdown has it.".to_owned(),
        ),
        (
            "update_content",
            update(json!([{"old_str": "other", "new_str": "x"}, {"old_str": "nothing", "new_str": "x"}])),
            "No matches found for old_str \"nothing\". It has to be exactly as the page's Markdown has it.".to_owned(),
        ),
        (
            "update_content",
            update(json!([{"old_str": "same", "new_str": "x"}])),
            "Multiple matches found for old_str \"same\": 2. Make it unique, or set replace_all_matches to true.".to_owned(),
        ),
        (
            "update_content",
            update(json!([{"old_str": "", "new_str": "x"}])),
            "body failed validation: body.update_content.content_updates[0].old_str should be populated, instead was `\"\"`.".to_owned(),
        ),
        (
            "update_content",
            update(json!(many)),
            "body failed validation: body.update_content.content_updates.length should be ≤ `100`, instead was `101`.".to_owned(),
        ),
        (
            "update_content",
            json!({}),
            "body failed validation: body.update_content.content_updates should be defined, instead was `undefined`.".to_owned(),
        ),
        (
            "replace_content",
            json!({"content": "x"}),
            "body failed validation: body.replace_content.content should be not present, instead was `\"x\"`.".to_owned(),
        ),
        (
            "replace_content",
            json!({}),
            "body failed validation: body.replace_content.new_str should be defined, instead was `undefined`.".to_owned(),
        ),
        (
            "replace_content_range",
            json!({"content": "x", "content_range": "full_page...full_page"}),
            "String not found: <pattern>full_page...full_page</pattern>".to_owned(),
        ),
        (
            "insert_content",
            json!({"content": "x", "after": "nothing"}),
            "String not found: <pattern>nothing</pattern>".to_owned(),
        ),
        (
            "insert_content",
            both,
            "Both insert_content.after and insert_content.position are provided. Use only one insertion target.".to_owned(),
        ),
        (
            "insert_content",
            json!({"content": "![a](b.png)"}),
            "Content creation Failed. Fix the following: \nInvalid image url.".to_owned(),
        ),
        (
            "append",
            json!({}),
            format!("body failed validation: body.type should be {kinds}, instead was `\"append\"`."),
        ),
    ] {
        let refused = api.edit(&page, kind, command).await;
        assert_eq!(refused.message(), message);
        assert_eq!((refused.status, &refused.body["code"]), (400, &json!("validation_error")));
    }
    assert_eq!(api.text(&page).await, "same\nsame\nother");
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let api = api().await;
    let page = api.written("text").await;
    let database = api.subdatabase(&page, "Rows").await;
    let block = api.children(&page).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let message = format!("Provided ID {database} is a database, not a page.");
    let read = api.get(&format!("/v1/pages/{database}/markdown")).await;
    assert_eq!((read.status, read.message()), (400, message.as_str()));
    let edited = api.replace(&database, "x").await;
    assert_eq!((edited.status, edited.message()), (400, message.as_str()));
    let message = format!("Provided ID {block} is a block, not a page.");
    assert_eq!(api.replace(&block, "x").await.message(), message);
    assert_eq!(api.text(&block).await, "text");
    for absent in [
        api.get(&format!("/v1/pages/{NOWHERE}/markdown")).await,
        api.replace(NOWHERE, "x").await,
    ] {
        assert_eq!(
            (absent.status, &absent.body["code"]),
            (404, &json!("object_not_found"))
        );
    }
    api.patch(&format!("/v1/pages/{page}"), json!({"in_trash": true}))
        .await
        .ok();
    let trashed = api.replace(&page, "x").await;
    assert!(
        trashed
            .message()
            .starts_with("Can't edit block that is archived.")
    );
}

#[tokio::test]
async fn what_is_not_simulated_is_refused_by_name() {
    let api = api().await;
    let page = api.written("text").await;
    let path = format!("/v1/pages/{page}/markdown");
    let replace = json!({"new_str": "x"});
    for (more, message) in [
        ("allow_async", "Unsupported request: `allow_async`."),
        (
            "markdown_version",
            "Unsupported request: markdown_version \"v2\".",
        ),
    ] {
        let value = if more == "allow_async" {
            json!(true)
        } else {
            json!("v2")
        };
        let body = json!({"type": "replace_content", "replace_content": replace, more: value});
        let refused = api.patch(&path, body).await;
        assert_eq!(refused.message(), message);
        assert_eq!(refused.body["code"], "invalid_request");
        let body = json!({"parent": {"workspace": true}, "markdown": "x", more: value});
        assert_eq!(api.post("/v1/pages", body).await.message(), message);
    }
    let refused = api.get(&format!("{path}?markdown_version=v3")).await;
    assert_eq!(
        refused.message(),
        "query failed validation: query.markdown_version should be `\"v1\"`, `\"v2\"`, or `undefined`, instead was `\"v3\"`."
    );
    assert_eq!(api.text(&page).await, "text");
}

#[tokio::test]
async fn markdown_beside_children_is_refused() {
    let api = api().await;
    let body = json!({"parent": {"workspace": true}, "markdown": "x", "children": []});
    let refused = api.post("/v1/pages", body).await;
    assert_eq!(
        refused.message(),
        "body failed validation: body.children should be not present, instead was `[]`."
    );
    let body = json!({"parent": {"workspace": true}, "markdown": 1});
    let refused = api.post("/v1/pages", body).await;
    assert_eq!(
        refused.message(),
        "body failed validation: body.markdown should be a string or `undefined`, instead was `1`."
    );
}

#[tokio::test]
async fn sub_pages_and_databases_are_not_lost_unless_that_is_allowed() {
    let api = api().await;
    let page = api.written("text").await;
    let child = api.subpage(&page, "Syl*labus").await;
    let database = api.subdatabase(&page, "Content").await;
    let tags = format!(
        "<page url=\"https://www.notion.so/{}\">Syl\\*labus</page>\n<database url=\"https://www.notion.so/{}\" inline=\"false\">Content</database>",
        plain(&child),
        plain(&database)
    );
    assert_eq!(api.text(&page).await, format!("text\n{tags}"));
    let listed = format!(
        "This operation would delete 2 child page(s) or database(s):\n- page: \"Syl*labus\" (id: {child})\n\
         - database: \"Content\" (id: {database})\nTo proceed, either:\n\
         1. Include these items in new_str using <page url=\"...\"> or <database url=\"...\"> tags, OR\n\
         2. Set allow_deleting_content: true to confirm deletion."
    );
    let refused = api.replace(&page, "new").await;
    assert_eq!((refused.status, refused.message()), (400, listed.as_str()));
    let refused = api.update(&page, &tags, "").await;
    assert_eq!(refused.message(), listed);
    let range = json!({"content": "", "content_range": tags});
    let refused = api.edit(&page, "replace_content_range", range).await;
    assert_eq!(
        refused.message(),
        listed.replace("in new_str", "in content")
    );

    // Named elsewhere they are kept, and move within the page.
    let text = format!(
        "new\n<columns>\n\t<column>\n{tags}\n\t</column>\n\t<column>\n\t</column>\n</columns>"
    );
    api.replace(&page, &text).await.ok();
    let columns = api.children(&page).await[1]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let column = api.children(&columns).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        outline(&api.children(&column).await),
        ["child_page", "child_database"]
    );
    let read = api.get(&format!("/v1/pages/{child}")).await.ok();
    assert_eq!(
        read["parent"],
        json!({"type": "block_id", "block_id": column})
    );

    let allowed = json!({"new_str": "new", "allow_deleting_content": true});
    api.edit(&page, "replace_content", allowed).await.ok();
    assert_eq!(api.text(&page).await, "new");
    let read = api.get(&format!("/v1/pages/{child}")).await.ok();
    assert_eq!(read["in_trash"], true);
    let read = api.get(&format!("/v1/databases/{database}")).await.ok();
    assert_eq!(read["in_trash"], true);
}

#[tokio::test]
async fn a_page_tag_moves_a_page_here_but_not_under_itself() {
    let api = api().await;
    let page = api.written("").await;
    let child = api.subpage(&page, "Child").await;
    let other = api.written("other").await;
    let tag = |id: &str| {
        format!(
            "<page url=\"https://www.notion.so/{}\">Any name</page>",
            plain(id)
        )
    };
    api.replace(&page, &format!("{}\n{}", tag(&other), tag(&child)))
        .await
        .ok();
    let read = api.get(&format!("/v1/pages/{other}")).await.ok();
    assert_eq!(read["parent"], json!({"type": "page_id", "page_id": page}));
    assert_eq!(
        outline(&api.children(&page).await),
        ["child_page", "child_page"]
    );
    let refused = api.replace(&child, &tag(&page)).await;
    assert_eq!(refused.message(), "A page cannot be moved under itself.");
    let refused = api.replace(&child, &tag(&child)).await;
    assert_eq!(refused.message(), "A page cannot be moved under itself.");
    let refused = api.replace(&child, &tag(NOWHERE)).await;
    assert_eq!(refused.status, 404);
    let body = json!({
        "parent": {"page_id": child}, "properties": {"title": title("x")}, "markdown": tag(&page),
    });
    let refused = api.post("/v1/pages", body).await;
    assert_eq!(refused.message(), "A page cannot be moved under itself.");
    assert_eq!(api.text(&child).await, "");
    // One that is here already is not here twice.
    let again = json!({"content": tag(&child)});
    api.edit(&page, "insert_content", again).await.ok();
    assert_eq!(api.children(&page).await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_said_is_named_and_lost_by_a_replacement() {
    for keeps in [false, true] {
        let mut knobs = Knobs::default();
        knobs.markdown_keeps_unknown = keeps;
        let api = with(builder().knobs(knobs)).await;
        let page = api.written("text").await;
        let made = api
            .append(&page, json!([
                {"bookmark": {"url": "https://a.b"}}, {"embed": {"url": "https://a.b"}}, {"breadcrumb": {}},
                {"link_to_page": {"page_id": page}},
                {"tab": {"children": [{"paragraph": {"rich_text": []}}]}},
            ]))
            .await;
        let answer = api.markdown(&page).await;
        assert_eq!(answer["unknown_block_ids"], json!(made));
        assert_eq!(answer["truncated"], false);
        let text = answer["markdown"].as_str().unwrap().to_owned();
        let tags: Vec<String> = made
            .iter()
            .zip(["bookmark", "embed", "breadcrumb", "alias", "tab"])
            .map(|(id, alt)| {
                let (page, id) = (plain(&page), plain(id));
                format!("<unknown url=\"https://www.notion.so/{page}#{id}\" alt=\"{alt}\"/>")
            })
            .collect();
        assert_eq!(text, format!("text\n{}", tags.join("\n")));
        // Asked for alone they say no more.
        assert_eq!(api.text(&made[0]).await, tags[0]);

        api.update(&page, "text", "words").await.ok();
        assert_eq!(api.children(&page).await.len(), 6);
        let text = text.replace("text", "again");
        api.replace(&page, &text).await.ok();
        let expected = if keeps { text } else { "again".to_owned() };
        assert_eq!(api.text(&page).await, expected);
    }
}

#[tokio::test]
async fn a_page_over_the_limit_is_truncated_and_read_on_by_block() {
    let mut knobs = Knobs::default();
    knobs.markdown_blocks = 4;
    let api = with(builder().knobs(knobs)).await;
    let page = api.written("one\n- two\n\t- three\n\t- four").await;
    let [five] = &api
        .append(
            &page,
            json!([{"toggle": {"rich_text": [], "children": [{"paragraph": {"rich_text": []}}]}}]),
        )
        .await[..]
    else {
        panic!("one block");
    };
    let answer = api.markdown(&page).await;
    assert_eq!(answer["truncated"], true);
    assert_eq!(answer["unknown_block_ids"], json!([five]));
    let tag = format!(
        "<unknown url=\"https://www.notion.so/{}#{}\" alt=\"toggle\"/>",
        plain(&page),
        plain(five)
    );
    let text = format!("one\n- two\n\t- three\n\t- four\n{tag}");
    assert_eq!(answer["markdown"], text);
    let rest = "<details>\n<summary></summary>\n\t<empty-block/>\n</details>";
    assert_eq!(api.text(five).await, rest);

    // An edit beside it leaves it as it is; one that reaches it is refused, and so is growth.
    api.update(&page, "one", "1").await.ok();
    assert_eq!(api.text(five).await, rest);
    for refused in [
        api.update(&page, &tag, "").await,
        api.replace(&page, "all new").await,
    ] {
        assert_eq!(refused.status, 400);
        assert!(
            refused
                .message()
                .starts_with("The page has more blocks than its Markdown shows")
        );
        let more = &refused.body["additional_data"];
        assert_eq!(more["limit_kind"], "page_record_count");
    }
    let page = api.written("a\nb\nc\nd").await;
    let refused = api
        .edit(&page, "insert_content", json!({"content": "e"}))
        .await;
    assert_eq!(refused.message(), "The page would have too many blocks.");
    api.replace(&page, "a\nb\nc\ne").await.ok();
}

#[tokio::test]
async fn what_the_connection_does_not_see_is_unknown() {
    let api = api().await;
    let page = api.written("text").await;
    let hidden = api.subpage(&page, "Secret").await;
    api.sim.share(&hidden, false).unwrap();
    let answer = api.markdown(&page).await;
    assert_eq!(answer["truncated"], true);
    assert_eq!(answer["unknown_block_ids"], json!([hidden]));
    assert!(!answer["markdown"].as_str().unwrap().contains("Secret"));
    let absent = api.get(&format!("/v1/pages/{hidden}/markdown")).await;
    assert_eq!(absent.status, 404);
    let refused = api.replace(&page, "new").await;
    assert!(refused.message().contains("- page: \"Untitled\" (id: "));
    api.update(&page, "text", "words").await.ok();
    api.sim.share(&hidden, true).unwrap();
    assert!(api.text(&page).await.contains("Secret"));
}

#[tokio::test]
async fn an_original_that_is_synced_stays_the_one_its_copies_show() {
    let api = api().await;
    let page = api
        .written("<synced_block>\n\tshared\n</synced_block>")
        .await;
    let original = api.children(&page).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let address = format!(
        "https://www.notion.so/{}#{}",
        plain(&page),
        plain(&original)
    );
    let text = format!("<synced_block url=\"{address}\">\n\tshared\n</synced_block>");
    assert_eq!(api.text(&page).await, text);
    let copy = format!(
        "<synced_block_reference url=\"{address}\">\n\tanything\n</synced_block_reference>"
    );
    let other = api.written(&copy).await;
    api.update(&page, "shared", "changed\n\tlonger").await.ok();
    assert_eq!(api.children(&page).await[0]["id"], original);
    let copy = api.text(&other).await;
    assert!(copy.starts_with("<synced_block_reference url="), "{copy}");
    assert!(copy.contains("\tchanged\n\tlonger\n"), "{copy}");
    // An original named elsewhere is a new one there.
    let third = api.written(&text).await;
    assert_ne!(api.children(&third).await[0]["id"], original);
    let refused = format!(
        "<synced_block_reference url=\"https://www.notion.so/{}\">\n</synced_block_reference>",
        plain(NOWHERE)
    );
    assert_eq!(api.replace(&page, &refused).await.status, 404);
}

#[tokio::test]
async fn a_copy_within_its_own_original_ends() {
    let api = api().await;
    let page = api
        .written("<synced_block>\n\tshared\n</synced_block>")
        .await;
    let original = api.children(&page).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let copy = json!({"synced_block": {"synced_from": {"block_id": original}}});
    let made = api.append(&original, json!([copy, copy])).await;
    let answer = api.markdown(&page).await;
    assert_eq!(answer["unknown_block_ids"], json!(made));
    api.update(&page, "shared", "changed").await.ok();
    let (before, after) = (answer["markdown"].as_str().unwrap(), api.text(&page).await);
    assert_eq!(after, before.replace("shared", "changed"));
}

#[tokio::test]
async fn a_copy_that_goes_takes_nothing_from_its_original() {
    let api = api().await;
    let page = api
        .written("<synced_block>\n\tshared\n</synced_block>")
        .await;
    let original = api.children(&page).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let child = api.subpage(&page, "Child").await;
    let text = api.text(&page).await;
    let (block, tag) = text.split_once("</synced_block>\n").unwrap();
    api.replace(&page, &format!("{block}\t{tag}\n</synced_block>"))
        .await
        .ok();
    let copy = json!({"synced_block": {"synced_from": {"block_id": original}}});
    let other = api.written("").await;
    api.append(&other, json!([copy])).await;
    assert!(api.text(&other).await.contains("<page url="));
    api.replace(&other, "nothing").await.ok();
    let read = api.get(&format!("/v1/pages/{child}")).await.ok();
    assert_eq!(read["in_trash"], false);
    assert!(api.text(&page).await.contains("<page url="));
}

#[tokio::test]
async fn a_mention_without_words_has_the_name_of_what_it_mentions() {
    let api = api().await;
    let other = api.written("").await;
    let person = "<mention-user url=\"user://1b2c3d4e-0000-4000-8000-00000000b001\"/>";
    let text = format!(
        "<mention-page url=\"https://www.notion.so/{}\"/> {person}",
        plain(&other)
    );
    let page = api.written(&text).await;
    let block = &api.children(&page).await[0];
    let runs = block["paragraph"]["rich_text"].as_array().unwrap();
    let words: Vec<&Value> = runs.iter().map(|run| &run["plain_text"]).collect();
    assert_eq!(words, ["Page", " ", "@Anonymous"]);
}

#[tokio::test]
async fn an_edit_of_a_body_is_an_edit_of_its_page() {
    let api = api().await;
    let page = api.written("text").await;
    let edited = || async {
        let read = api.get(&format!("/v1/pages/{page}")).await.ok();
        read["last_edited_time"].as_str().unwrap().to_owned()
    };
    let before = edited().await;
    api.sim.advance(std::time::Duration::from_secs(120));
    api.text(&page).await;
    assert_eq!(edited().await, before);
    api.update(&page, "text", "words").await.ok();
    assert!(edited().await > before);
}

#[tokio::test]
async fn a_comment_takes_inline_markdown() {
    let api = api().await;
    let page = api.written("").await;
    let body = json!({"parent": {"page_id": page}, "markdown": "# **bold** `code`"});
    let made = api.post("/v1/comments", body).await.ok();
    let runs = made["rich_text"].as_array().unwrap();
    assert_eq!(runs[0]["plain_text"], "# ");
    assert_eq!(runs[1]["annotations"]["bold"], true);
    assert_eq!(runs[3]["annotations"]["code"], true);
    let body = json!({"markdown": "_new_"});
    let id = made["id"].as_str().unwrap();
    let changed = api.patch(&format!("/v1/comments/{id}"), body).await.ok();
    assert_eq!(changed["rich_text"][0]["annotations"]["italic"], true);
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let api = api().await;
    let deep: Vec<String> = (0..80)
        .map(|at| format!("{}- x", "\t".repeat(at)))
        .collect();
    let tags = "<callout>\n".repeat(80) + &"</callout>\n".repeat(80);
    for text in [deep.join("\n"), tags] {
        let body = json!({"parent": {"workspace": true}, "markdown": text});
        let refused = api.post("/v1/pages", body).await;
        assert_eq!(
            refused.message(),
            "Content creation Failed. Fix the following: \nBlocks are nested too deeply."
        );
    }
    // What only looks like it is text.
    api.written(&"<callout>\n".repeat(2000)).await;
}
