//! `export`: exact rows in three forms, with no question asked of Notion.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Read;
use std::process::Stdio;

use common::{World, bare, rich_text, said};
use serde_json::{Value, json};

/// Numbers that a float loses, a date with its offset, a list, and texts that CSV has to quote.
async fn filled() -> World {
    let sim = common::builder().start().await.unwrap();
    let mut schema = common::schema();
    schema["Tags"] = json!({ "multi_select": { "options": [{ "name": "a" }, { "name": "c" }] } });
    let world = World {
        data_source: sim.create_data_source("Tasks", &schema).unwrap(),
        sim,
        folder: tempfile::tempdir().unwrap(),
    };
    world.add(
        "one",
        json!({
            "Notes": rich_text("two\nlines, \"quoted\""),
            "Due": { "date": { "start": "2026-06-15T14:30:00+09:00" } },
            "Done": { "checkbox": true },
            "Tags": { "multi_select": [{ "name": "c" }] },
        }),
    );
    world.add(
        "two",
        json!({ "Due": { "date": { "start": "2026-06-15" } } }),
    );
    world.add("gone", json!({}));
    world.run().code(0);
    world.sql("UPDATE Tasks SET Count = '123456789012345678901234567890' WHERE Name = 'one'");
    world.sql("UPDATE Tasks SET Count = 9007199254740993 WHERE Name = 'two'");
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'gone'");
    world.sim.clear_ledger();
    world
}

fn named<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["Name"] == name).unwrap()
}

/// Each line as a document, the numbers checked as they are written.
#[track_caller]
fn rows(text: &str) -> Vec<Value> {
    assert!(
        text.contains("\"Count\":123456789012345678901234567890,"),
        "{text}"
    );
    assert!(text.contains("\"Count\":9007199254740993,"), "{text}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_is_a_row_a_line_exact_and_in_the_order_of_the_columns() {
    let world = filled().await;
    let said = world.say(&["export", "--table", "tasks"]).code(0);
    assert_eq!(said.err, "");
    let rows = rows(&said.out);
    assert_eq!(rows.len(), 2);
    let one = named(&rows, "one");
    assert_eq!(one["Notes"], "two\nlines, \"quoted\"");
    assert_eq!(one["Due"], "2026-06-15T14:30:00+09:00");
    assert_eq!(one["Tags"], json!(["c"]));
    assert_eq!(one["Done"], true);
    assert_eq!(one["Pick"], Value::Null);
    assert_eq!(one["_trashed"], false);
    assert_eq!(one["_id"], world.id("one").as_str());
    assert_eq!(named(&rows, "two")["Due"], "2026-06-15");
    assert!(said.out.starts_with("{\"_id\":"), "{said:#?}");
    assert_eq!(world.sim.ledger().len(), 0, "nobody was asked");

    let with_trashed = world
        .say(&["export", "--table", "tasks", "--trashed"])
        .code(0);
    let rows = crate::rows(&with_trashed.out);
    assert_eq!(named(&rows, "gone")["_trashed"], true);
    assert_eq!(rows.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_table_all_are_written_each_row_with_its_table() {
    let world = filled().await;
    let other = world
        .sim
        .create_data_source("Other", &common::schema())
        .unwrap();
    world.say(&["run", "--data-source", &other]).code(0);
    let lines = world.say(&["export"]).code(0).out;
    assert_eq!(lines.lines().count(), 2);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["table"], "tasks");
        assert!(line["row"]["Name"].is_string());
    }
    let all = world.say(&["export", "--format", "json"]).code(0).json();
    assert_eq!(all["tasks"].as_array().unwrap().len(), 2);
    assert_eq!(all["other"], json!([]));
    let one = world.say(&["export", "--format", "json", "--table", "other"]);
    assert_eq!(one.code(0).json(), json!([]));
    let said = world.say(&["export", "--format", "csv"]).code(2);
    said.says("--table other");
    world.say(&["export", "--table", "odd"]).code(2);
    world
        .say(&["export", "--json"])
        .code(2)
        .says("--format json");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_a_head_line_and_comes_back_as_it_was() {
    let world = filled().await;
    let words = ["export", "--format", "csv", "--out", "tasks.csv", "--json"];
    let told = world.say(&words).code(0).json();
    assert_eq!(told["tables"], json!([{ "table": "tasks", "rows": 2 }]));
    assert!(!world.files().iter().any(|file| file.contains("unfinished")));
    let path = world.folder.path().join("tasks.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let head = reader.headers().unwrap().clone();
    let place = |name: &str| head.iter().position(|column| column == name).unwrap();
    let records: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    let one = records
        .iter()
        .find(|row| &row[place("Name")] == "one")
        .unwrap();
    assert_eq!(&one[place("Notes")], "two\nlines, \"quoted\"");
    assert_eq!(&one[place("Count")], "123456789012345678901234567890");
    assert_eq!(&one[place("Tags")], "[\"c\"]");
    assert_eq!(&one[place("Done")], "true");
    assert_eq!(&one[place("Pick")], "");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "for its owner alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_needed_and_a_file_that_is_not_there_is_not_made() {
    let world = filled().await;
    let mut command = bare(world.folder.path());
    command.arg("--db").arg(world.file());
    said(command.args(["export", "--format", "json"]))
        .code(0)
        .json();
    let nowhere = ["export", "--db", "nowhere.sqlite", "--out", "rows"];
    world.say(&nowhere).code(2).says("no table yet");
    assert!(!world.files().contains(&"nowhere.sqlite".to_owned()));
    assert!(!world.files().contains(&"rows.unfinished".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_is_no_failure() {
    let world = World::pulled(&["one"]).await;
    let long = "x".repeat(1_500);
    let rows = format!(
        "INSERT INTO Tasks (Name, Notes) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL \
         SELECT i + 1 FROM n WHERE i < 500) SELECT i, '{long}' FROM n"
    );
    world.sql(&rows);
    for format in ["ndjson", "json", "csv"] {
        let mut command = world.command(&["export", "--format", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut few = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut few).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}
