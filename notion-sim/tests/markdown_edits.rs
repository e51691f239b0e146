//! Edits of bodies as Markdown: what becomes of the blocks that are there, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/bodies.rs"]
mod bodies;
mod support;

use bodies::{NOWHERE, outline, plain};
use notion_sync_sim::Knobs;
use serde_json::{Value, json};
use support::{api, builder, title, with};

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
async fn members_that_a_command_does_not_have_are_ignored() {
    let api = api().await;
    let page = api.written("text").await;
    let child = api.subpage(&page, "Child").await;
    let command = json!({"new_str": "new", "placement": "top"});
    let body = json!({
        "type": "replace_content", "replace_content": command, "allow_deleting_content": true, "insert_content": {},
    });
    let refused = api.patch(&format!("/v1/pages/{page}/markdown"), body).await;
    assert!(
        refused.message().contains(&child),
        "it only counts within the command"
    );
    let command = json!({"content": "more", "placement": "top"});
    api.edit(&page, "insert_content", command).await.ok();
    assert!(api.text(&page).await.ends_with("\nmore"));
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
async fn a_body_with_sub_pages_in_columns_survives_a_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let api = with(builder().state_file(&file)).await;
    let page = api.written("text").await;
    let child = api.subpage(&page, "Child").await;
    let tag = format!(
        "<page url=\"https://www.notion.so/{}\">Child</page>",
        plain(&child)
    );
    let text = format!(
        "<columns>\n\t<column>\n\t\t{tag}\n\t\tlast\n\t</column>\n\t<column>\n\t\t**right**\n\t</column>\n</columns>"
    );
    api.replace(&page, &text).await.ok();
    api.update(&page, "last", "end").await.ok();
    api.sim.save().await.unwrap();
    let again = with(builder().state_file(&file)).await;
    assert_eq!(again.text(&page).await, text.replace("last", "end"));
    let refused = again.replace(&page, "x").await;
    assert!(
        refused
            .message()
            .starts_with("This operation would delete 1 child page(s)")
    );
}
