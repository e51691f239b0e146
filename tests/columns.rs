//! Every kind of property there is, and what its column shows of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{World, builder, title};
use notion_sync::RunOutcome;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

/// Where a value comes from.
enum Origin {
    /// Somebody wrote it.
    Person(&'static str),
    /// Notion computes it.
    Computed(&'static str),
    /// It follows from the page.
    Page,
}

use Origin::{Computed, Page, Person};

/// A kind, what its schema says, what a page holds, and the column: type and text in SQL. `@houses`,
/// `@house`, `@ada` and `@bot` are ids.
type Kind = (&'static str, &'static str, Origin, &'static str);

const OPTIONS: &str = r#"{"options":[{"name":"High"}]}"#;
const FORMULA: &str = r#"{"expression":"1"}"#;
const ROLLUP: &str = r#"{"relation_property_name":"relation 11","rollup_property_name":"Name","function":"show_original"}"#;

const KINDS: [Kind; 31] = [
    (
        "title",
        "{}",
        Person(r#"[{"text":{"content":"one"}}]"#),
        "text one",
    ),
    (
        "rich_text",
        "{}",
        Person(r#"[{"text":{"content":"words"}}]"#),
        "text words",
    ),
    ("number", "{}", Person("0.5"), "real 0.5"),
    ("checkbox", "{}", Person("true"), "integer 1"),
    ("select", OPTIONS, Person(r#"{"name":"High"}"#), "text High"),
    ("status", "{}", Person(r#"{"name":"Done"}"#), "text Done"),
    (
        "multi_select",
        OPTIONS,
        Person(r#"[{"name":"High"}]"#),
        r#"text ["High"]"#,
    ),
    (
        "date",
        "{}",
        Person(r#"{"start":"2026-06-15"}"#),
        "text 2026-06-15",
    ),
    (
        "url",
        "{}",
        Person(r#""https://x.org""#),
        "text https://x.org",
    ),
    ("email", "{}", Person(r#""a@x.org""#), "text a@x.org"),
    ("phone_number", "{}", Person(r#""+49 1""#), "text +49 1"),
    (
        "relation",
        r#"{"data_source_id":"@houses","single_property":{}}"#,
        Person(r#"[{"id":"@house"}]"#),
        r#"text ["@house"]"#,
    ),
    (
        "people",
        "{}",
        Person(r#"[{"id":"@ada"}]"#),
        r#"text ["@ada"]"#,
    ),
    (
        "files",
        "{}",
        Person(r#"[{"name":"f","external":{"url":"https://x.org/f"}}]"#),
        r#"text [{"name":"f","url":"https://x.org/f"}]"#,
    ),
    (
        "place",
        "{}",
        Person(r#"{"lat":47,"lon":15.5}"#),
        r#"text {"lat":47,"lon":15.5}"#,
    ),
    (
        "verification",
        "{}",
        Person(r#"{"state":"unverified"}"#),
        "null",
    ),
    (
        "verification",
        "{}",
        Person(r#"{"state":"verified","date":{"start":"2026-06-15T00:00:00.000Z"}}"#),
        r#"text {"state":"verified","date":"2026-06-15T00:00:00+00:00","by":{"id":"@bot"}}"#,
    ),
    ("created_time", "{}", Page, "text 2026-09-04T14:30:00+00:00"),
    (
        "last_edited_time",
        "{}",
        Page,
        "text 2026-09-04T14:30:00+00:00",
    ),
    ("created_by", "{}", Page, r#"text ["@ada"]"#),
    ("last_edited_by", "{}", Page, r#"text ["@ada"]"#),
    ("unique_id", r#"{"prefix":"TASK"}"#, Page, "text TASK-1"),
    ("button", "{}", Page, "null"),
    (
        "formula",
        FORMULA,
        Computed(r#"{"type":"string","string":"a"}"#),
        "text a",
    ),
    (
        "formula",
        FORMULA,
        Computed(r#"{"type":"number","number":7}"#),
        "integer 7",
    ),
    (
        "formula",
        FORMULA,
        Computed(r#"{"type":"boolean","boolean":true}"#),
        "integer 1",
    ),
    (
        "formula",
        FORMULA,
        Computed(r#"{"type":"date","date":{"start":"2026-06-15","end":"2026-06-16"}}"#),
        "text 2026-06-15/2026-06-16",
    ),
    (
        "rollup",
        ROLLUP,
        Computed(r#"{"type":"number","number":7}"#),
        "integer 7",
    ),
    (
        "rollup",
        ROLLUP,
        Computed(
            r#"{"type":"array","array":[{"type":"title","title":[{"plain_text":"Roof"}]},{"type":"number","number":8}]}"#,
        ),
        r#"text ["Roof",8]"#,
    ),
    // What Notion could not work out is nothing to read; `cells` has it as it came.
    (
        "rollup",
        ROLLUP,
        Computed(r#"{"type":"unsupported","unsupported":{}}"#),
        "null",
    ),
    ("hologram", "{}", Page, "null"),
];

/// Kinds that a person edits in SQL.
const EDITABLE: [&str; 11] = [
    "title",
    "rich_text",
    "number",
    "checkbox",
    "select",
    "status",
    "multi_select",
    "date",
    "url",
    "email",
    "phone_number",
];

fn name(at: usize) -> String {
    let (kind, ..) = KINDS[at];
    match at {
        0 => "Name".to_owned(),
        _ => format!("{kind} {at}"),
    }
}

#[tokio::test]
async fn every_kind_of_property_is_readable_in_its_column_and_those_that_notion_writes_are_closed()
{
    let sim = builder().start().await.unwrap();
    let houses = json!({ "Name": { "title": {} } });
    let houses = sim.create_data_source("Houses", &houses).unwrap();
    let house = json!({ "Name": title("House") });
    let house = sim.create_as_person(&houses, &house).unwrap();
    let id = |page: &str, of: &str| {
        sim.page(page).unwrap()[of]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ada = id(&house, "created_by");
    let by_bot = sim
        .create_page(&houses, &json!({ "Name": title("Barn") }))
        .unwrap();
    let bot = id(&by_bot, "created_by");
    let told = |text: &str| {
        let text = text.replace("@houses", &houses).replace("@house", &house);
        text.replace("@ada", &ada).replace("@bot", &bot)
    };
    let read = |text: &str| -> Value { serde_json::from_str(&told(text)).unwrap() };

    let (mut schema, mut page) = (json!({}), json!({}));
    for (at, (kind, config, origin, _)) in KINDS.iter().enumerate() {
        schema[name(at)] = json!({ "type": kind, *kind: read(config) });
        if let Person(value) = origin {
            page[name(at)] = json!({ *kind: read(value) });
        }
    }
    let source = sim.create_data_source("Tasks", &schema).unwrap();
    let page = sim.create_as_person(&source, &page).unwrap();
    for (at, (_, _, origin, _)) in KINDS.iter().enumerate() {
        if let Computed(value) = origin {
            sim.compute(&page, &name(at), &read(value)).unwrap();
        }
    }
    let world = World::of(sim, source, tempfile::tempdir().unwrap());
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    for (at, (kind, _, _, shows)) in KINDS.iter().enumerate() {
        let column = name(at);
        let shown = format!(
            "SELECT trim(typeof(\"{column}\") || ' ' || coalesce(\"{column}\", '')) FROM Tasks"
        );
        assert_eq!(world.cell(&shown), Sql::Text(told(shows)), "{column}");
        let editable = format!("SELECT editable FROM schema_fields WHERE \"column\" = '{column}'");
        let expected = i64::from(EDITABLE.contains(kind));
        assert_eq!(world.number(&editable), expected, "{column}");
    }
    // Who made a page, and who vouches for it, are known like other people are.
    let author = "SELECT a.id FROM \"Tasks__created_by 19\" a JOIN sync_people p USING (id)";
    assert_eq!(world.cell(author), Sql::Text(ada));
    let vouches = format!("SELECT count(*) FROM sync_people WHERE id = '{bot}'");
    assert_eq!(world.number(&vouches), 1);
    world.quiet().await;
}
