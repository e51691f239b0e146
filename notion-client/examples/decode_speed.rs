//! How long it takes to read one full page of a query: `cargo run --release -p notion-sync-client --example decode_speed`.

use std::time::Instant;

use notion_sync_client::Endpoint;
use notion_sync_client::api::QueryDataSource;

fn main() {
    let id = "1b2c3d4e-0000-4000-8000-00000000a001";
    let text = r#"[{"type":"text","text":{"content":"Some words of a row","link":null},"annotations":{"bold":false,"italic":false,"strikethrough":false,"underline":false,"code":false,"color":"default"},"plain_text":"Some words of a row","href":null}]"#;
    let kinds = [
        ("title", text.to_owned()),
        ("rich_text", text.to_owned()),
        ("number", "12.5".to_owned()),
        (
            "select",
            r#"{"id":"o1","name":"High","color":"red"}"#.to_owned(),
        ),
        ("relation", format!(r#"[{{"id":"{id}"}},{{"id":"{id}"}}]"#)),
        (
            "date",
            r#"{"start":"2026-06-15","end":null,"time_zone":null}"#.to_owned(),
        ),
        ("checkbox", "true".to_owned()),
        ("url", "\"https://example.com\"".to_owned()),
    ];
    let properties: Vec<String> = (0..16)
        .map(|at| {
            let (kind, value) = &kinds[at % kinds.len()];
            format!(r#""P{at}":{{"id":"p%3A{at}","type":"{kind}","{kind}":{value}}}"#)
        })
        .collect();
    let page = format!(
        r#"{{"object":"page","id":"{id}","created_time":"2026-09-01T09:00:00.000Z","last_edited_time":"2026-09-01T09:00:00.000Z","created_by":{{"object":"user","id":"{id}"}},"last_edited_by":{{"object":"user","id":"{id}"}},"parent":{{"type":"data_source_id","data_source_id":"{id}","database_id":"{id}"}},"in_trash":false,"url":"https://www.notion.so/x","properties":{{{}}}}}"#,
        properties.join(",")
    );
    let body = format!(
        r#"{{"object":"list","results":[{}],"next_cursor":null}}"#,
        vec![page; 100].join(",")
    );
    let Ok(id) = id.parse() else { return };
    let query = QueryDataSource::new(id).rows();
    let (rounds, mut values) = (200_u32, 0_usize);
    let start = Instant::now();
    for _ in 0..rounds {
        values += query.decode(&body).map_or(0, |list| list.results.len());
    }
    let raw = start.elapsed() / rounds;
    let start = Instant::now();
    for _ in 0..rounds {
        let Ok(list) = query.decode(&body) else {
            return;
        };
        for page in list
            .results
            .iter()
            .filter_map(notion_sync_client::Item::as_ok)
        {
            values += page
                .properties
                .iter()
                .filter(|property| property.value().is_ok())
                .count();
        }
    }
    let typed = start.elapsed() / rounds;
    println!(
        "{} KB: {raw:?} raw, {typed:?} with every value typed ({values})",
        body.len() / 1024
    );
}
