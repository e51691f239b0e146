//! Hosted files in Markdown: shown with signed addresses, and the same files whatever became of those.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/document.rs"]
mod document;
#[path = "support/files.rs"]
mod files;
mod support;

use std::time::Duration;

use files::fetch;
use serde_json::{Value, json};
use support::{Api, api};

/// The address in the first line of a text that has one.
fn address(text: &str) -> String {
    let from = text.find("http").unwrap();
    let end = text[from..].find([')', '"']).unwrap();
    text[from..from + end].to_owned()
}

impl Api {
    /// A page with a picture, a paper of its own name and a paragraph; gives it and what it holds.
    async fn illustrated(&self) -> (String, Vec<String>) {
        let picture = self.uploaded("a (1).png", b"picture").await;
        let paper = self.uploaded("b.pdf", b"paper").await;
        let page = self.written("").await;
        let by_id = |id: &str| json!({"id": id});
        let held = self
            .append(
                &page,
                json!([
                    {"image": {"file_upload": by_id(&picture)}},
                    {"file": {"file_upload": by_id(&paper), "name": "The paper"}},
                    {"paragraph": {"rich_text": [{"text": {"content": "words"}}]}},
                ]),
            )
            .await;
        (page, held)
    }

    async fn ids(&self, page: &str) -> Vec<String> {
        let ids = self.children(page).await.into_iter();
        ids.map(|block| block["id"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn block(&self, id: &str) -> Value {
        self.get(&format!("/v1/blocks/{id}")).await.ok()
    }
}

#[tokio::test]
async fn a_text_leads_to_the_files_themselves() {
    let api = api().await;
    let (page, held) = api.illustrated().await;
    let text = api.text(&page).await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("![](http"), "{text}");
    assert!(lines[1].starts_with("<file src=\"http"), "{text}");
    for (line, bytes) in [(lines[0], "picture"), (lines[1], "paper")] {
        let (status, _, served) = fetch(&address(line)).await;
        assert_eq!((status, &served[..]), (200, bytes.as_bytes()));
    }
    let alone = api.text(&held[0]).await;
    assert_eq!(&fetch(&address(&alone)).await.2[..], b"picture");
    api.sim.advance(Duration::from_secs(3600));
    assert_eq!(fetch(&address(&text)).await.0, 403);
    assert_eq!(fetch(&address(&api.text(&page).await)).await.0, 200);
}

#[tokio::test]
async fn a_hosted_file_stays_the_one_it_is_when_its_text_comes_back() {
    let api = api().await;
    let (page, held) = api.illustrated().await;
    let before = api.text(&page).await;
    api.sim.advance(Duration::from_secs(2 * 3600));
    let edited = api.block(&held[0]).await["last_edited_time"].clone();
    api.replace(&page, &before).await.ok();
    assert_eq!(api.ids(&page).await, held);
    let image = api.block(&held[0]).await;
    assert_eq!(
        (&image["image"]["type"], &image["last_edited_time"]),
        (&json!("file"), &edited)
    );
    assert_eq!(api.block(&held[1]).await["file"]["name"], "The paper");

    // Moved, or with a caption, it is the same block.
    let lines: Vec<&str> = before.lines().collect();
    let moved = |image: &str| format!("new\n{}\n{image}", lines[1]);
    for image in [lines[0], &lines[0].replace("![]", "![A *picture*]")] {
        api.replace(&page, &moved(image)).await.ok();
        let now = api.ids(&page).await;
        assert_eq!([&now[1], &now[2]], [&held[1], &held[0]]);
    }
    let image = &api.block(&held[0]).await["image"];
    assert_eq!(image["caption"][1]["plain_text"], "picture");
    let url = image["file"]["url"].as_str().unwrap();
    assert_eq!(&fetch(url).await.2[..], b"picture");
}

#[tokio::test]
async fn a_text_is_searched_whatever_signatures_it_was_read_with() {
    let api = api().await;
    let (page, held) = api.illustrated().await;
    let read = api.text(&page).await;
    let lines: Vec<&str> = read.lines().collect();
    api.update(
        &page,
        &format!("{}\nwords", lines[1]),
        &format!("{}\nmore words", lines[1]),
    )
    .await
    .ok();
    let behind = json!({"content": "behind", "after": lines[0]});
    api.edit(&page, "insert_content", behind).await.ok();
    let range = json!({"content": "last", "content_range": format!("{}...words", lines[1])});
    api.edit(&page, "replace_content_range", range).await.ok();
    let now = api.ids(&page).await;
    assert_eq!(now[0], held[0]);
    let text = api.text(&page).await;
    let others: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(others, ["behind", "last"]);
    assert_eq!(api.block(&held[0]).await["image"]["type"], "file");
    // A link that leads to a file is only a link.
    let link = format!("[here]({})", address(&text));
    let page = api.written(&link).await;
    assert_eq!(api.text(&page).await, link);
    api.update(&page, &link, "gone").await.ok();
    assert_eq!(api.text(&page).await, "gone");
}

#[tokio::test]
async fn the_address_of_a_hosted_file_is_that_file_on_another_page_too() {
    let api = api().await;
    let (page, held) = api.illustrated().await;
    let text = api.text(&page).await;
    let lost = text.replace("b.pdf", "c.pdf");
    let other = api.written(&text).await;
    let blocks = api.children(&other).await;
    assert_eq!(blocks[0]["image"]["type"], "file");
    assert_eq!(
        (&blocks[1]["file"]["type"], &blocks[1]["file"]["name"]),
        (&json!("file"), &json!("b.pdf"))
    );
    let url = blocks[1]["file"]["file"]["url"].as_str().unwrap();
    assert_eq!(&fetch(url).await.2[..], b"paper");
    // Another file in its place is another file, by another name.
    let paper = api.uploaded("d.pdf", b"other").await;
    let put = json!({"file": {"file_upload": {"id": paper}}});
    let put = api.append(&other, json!([put])).await.remove(0);
    let line = api.text(&put).await;
    api.replace(&page, &line).await.ok();
    let file = api.block(&held[1]).await;
    assert_eq!(
        (&file["in_trash"], &file["file"]["name"]),
        (&json!(false), &json!("d.pdf"))
    );
    // What was never there stays an address.
    api.replace(&page, &lost).await.ok();
    assert_eq!(api.children(&page).await[1]["file"]["type"], "external");
}
