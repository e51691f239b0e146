//! Bodies as Markdown: what a text is read as, what is written out, and what is not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/bodies.rs"]
mod bodies;
mod support;

use bodies::{NOWHERE, outline, plain};
use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{api, builder, title, with};

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
async fn a_custom_emoji_is_known_by_its_name() {
    let api = api().await;
    let emoji = api.sim.create_emoji("party", "https://a.b/party.png");
    let text = "**a :party::party: b** `:party:` :other: 10:30:party:";
    let page = api.written(text).await;
    let block = &api.children(&page).await[0];
    let runs = block["paragraph"]["rich_text"].as_array().unwrap();
    let found = runs
        .iter()
        .filter(|run| run["mention"]["custom_emoji"]["id"] == emoji.as_str());
    assert_eq!(found.count(), 3);
    assert_eq!(runs[1]["plain_text"], ":party:");
    assert_eq!(runs[1]["annotations"]["bold"], true);
    let words: String = runs
        .iter()
        .map(|run| run["plain_text"].as_str().unwrap())
        .collect();
    assert_eq!(words, "a :party::party: b :party: :other: 10:30:party:");
    let read = api.text(&page).await;
    api.replace(&page, &read).await.ok();
    assert_eq!(api.text(&page).await, read);
}

#[tokio::test]
async fn the_second_version_of_the_dialect_is_refused_by_name() {
    let api = api().await;
    let page = api.written("text").await;
    let path = format!("/v1/pages/{page}/markdown");
    let replace = json!({"new_str": "x"});
    let body =
        json!({"type": "replace_content", "replace_content": replace, "markdown_version": "v2"});
    let create = json!({"parent": {"workspace": true}, "markdown": "x", "markdown_version": "v2"});
    for refused in [
        api.patch(&path, body).await,
        api.post("/v1/pages", create).await,
        api.get(&format!("{path}?markdown_version=v2")).await,
    ] {
        assert_eq!(
            refused.message(),
            "Unsupported request: markdown_version \"v2\"."
        );
        assert_eq!(refused.body["code"], "invalid_request");
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
