//! Replays recorded answers of the API: whatever Notion has said must be readable.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use notion_sync_client::api::{QueryDataSource, Search};
use notion_sync_client::object::{DataSource, Database, Page, PropertyItems, PropertyValue};
use notion_sync_client::{Endpoint, Item, List, RawValue};
use serde::Deserialize;

#[derive(Deserialize)]
struct Exchange {
    path: String,
    status: u16,
    response_body: Box<RawValue>,
}

#[derive(Deserialize)]
struct Head {
    object: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    url: Option<serde_json::Value>,
    title: Option<serde_json::Value>,
}

#[derive(Default)]
struct Seen {
    pages: usize,
    values: usize,
    data_sources: usize,
    databases: usize,
    lists: usize,
    items: usize,
}

#[test]
fn pain_30_every_recorded_answer_decodes_with_nothing_odd() {
    let folder = std::env::var_os("NOTION_RECORDINGS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/recordings"
            ))
        },
        PathBuf::from,
    );
    let Ok(sets) = std::fs::read_dir(folder.join("exchanges")) else {
        eprintln!(
            "skipped: no recordings; set NOTION_RECORDINGS to a folder that holds `exchanges/`"
        );
        return;
    };
    let mut seen = Seen::default();
    for set in sets {
        for file in std::fs::read_dir(set.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            for (line, text) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
                let exchange: Exchange = serde_json::from_str(text).unwrap();
                let place = format!("{}:{} {}", file.display(), line + 1, exchange.path);
                if exchange.status < 300 {
                    replay(&place, &exchange, &mut seen);
                }
            }
        }
    }
    eprintln!(
        "{} pages, {} values, {} data sources, {} databases, {} lists, {} property items",
        seen.pages, seen.values, seen.data_sources, seen.databases, seen.lists, seen.items
    );
    assert!(
        seen.pages > 0
            && seen.values > 0
            && seen.data_sources > 0
            && seen.databases > 0
            && seen.lists > 0
    );
}

fn replay(place: &str, exchange: &Exchange, seen: &mut Seen) {
    let body = exchange.response_body.get();
    let head: Head = serde_json::from_str(body).unwrap_or_else(|error| panic!("{place}: {error}"));
    let listed =
        |kind: &str| head.object.as_deref() == Some("list") && head.kind.as_deref() == Some(kind);
    match head.object.as_deref() {
        Some("page") if head.url.is_some() => page(place, &Page::decode(body).unwrap(), seen),
        Some("data_source") if head.title.is_some() => {
            data_source(place, &DataSource::decode(body).unwrap(), seen)
        }
        Some("database") if head.title.is_some() => {
            seen.databases += 1;
            let database = Database::decode(body).unwrap();
            assert_eq!(Some(database.id.to_string()), head.id, "{place}");
        }
        Some("property_item") => items(place, body, seen),
        _ if listed("property_item") => items(place, body, seen),
        _ if listed("page_or_data_source") || listed("page_or_database") => list(place, body, seen),
        _ => {}
    }
}

fn list(place: &str, body: &str, seen: &mut Seen) {
    use notion_sync_client::object::PageOrDataSource;
    let query = QueryDataSource::new("1b2c3d4e00004000800000000000a001".parse().unwrap());
    let list: List<PageOrDataSource> = query
        .decode(body)
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(list, Search::everything().decode(body).unwrap());
    seen.lists += 1;
    for item in &list.results {
        match item {
            Item::Ok(PageOrDataSource::Page(value)) => page(place, value, seen),
            Item::Ok(PageOrDataSource::DataSource(value)) => data_source(place, value, seen),
            Item::Odd(odd) => panic!("{place}: {odd:?}"),
            _ => {}
        }
    }
}

fn page(place: &str, page: &Page, seen: &mut Seen) {
    seen.pages += 1;
    assert!(
        page.properties.odd().is_empty(),
        "{place}: {:?}",
        page.properties.odd()
    );
    for property in &page.properties {
        seen.values += 1;
        let value = property
            .value()
            .unwrap_or_else(|error| panic!("{place} {}: {error}", property.name));
        assert!(
            !matches!(value, PropertyValue::Unknown { .. }),
            "{place} {}: {value:?}",
            property.name
        );
        assert_eq!(value.kind(), property.kind, "{place}");
    }
}

fn data_source(place: &str, data_source: &DataSource, seen: &mut Seen) {
    seen.data_sources += 1;
    assert!(
        data_source.odd_properties.is_empty(),
        "{place}: {:?}",
        data_source.odd_properties
    );
    for property in &data_source.properties {
        use notion_sync_client::object::PropertyConfig;
        assert!(
            property.config != PropertyConfig::Unknown,
            "{place} {}",
            property.name
        );
    }
}

fn items(place: &str, body: &str, seen: &mut Seen) {
    seen.items += 1;
    match PropertyItems::decode(body).unwrap_or_else(|error| panic!("{place}: {error}")) {
        PropertyItems::List(page) => {
            assert!(
                page.list
                    .results
                    .iter()
                    .all(|item| matches!(item, Item::Ok(_))),
                "{place}: {page:?}"
            );
        }
        PropertyItems::Single(item) => assert!(item.id.is_some(), "{place}"),
        _ => panic!("{place}"),
    }
}
