//! Values there and back: exact, in their own form, cleared from either side, formatting kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, held, rich_text, words};
use notion_sync::RunOutcome;
use notion_sync::core::plan::Guard;
use notion_sync_sim::Knobs;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

#[tokio::test]
async fn defect_01_a_value_that_goes_back_and_forth_in_sql_is_three_writes() {
    let world = World::new().await;
    world.add("one", json!({ "Notes": rich_text("A") }));
    world.settle().await;
    for value in ["B", "A", "B"] {
        world.sim.clear_ledger();
        world.sql(&format!("UPDATE Tasks SET Notes = '{value}'"));
        let report = world.run().await;
        assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
        assert_eq!(world.writes().len(), 1, "to {value}: {:?}", world.writes());
        assert_eq!(words(&world.page("one"), "Notes"), value);
        assert_eq!(world.text("one", "Notes").as_deref(), Some(value));
    }
    world.quiet().await;
}

#[tokio::test]
async fn defect_01_a_value_that_goes_back_and_forth_in_notion_is_three_writes() {
    let world = World::new().await;
    world.add("one", json!({ "Notes": rich_text("A") }));
    world.settle().await;
    for value in ["B", "A", "B"] {
        world.edit("one", json!({ "Notes": rich_text(value) }));
        let report = world.run().await;
        assert_eq!(report.settled.right.patched, 1, "to {value}: {report:?}");
        assert_eq!(world.text("one", "Notes").as_deref(), Some(value));
        assert_eq!(words(&world.page("one"), "Notes"), value);
    }
    assert_eq!(world.writes(), Vec::new());
    world.quiet().await;
}

#[tokio::test]
async fn defect_01_sides_that_take_turns_are_followed() {
    let world = World::new().await;
    world.add("one", json!({ "Notes": rich_text("A") }));
    world.settle().await;
    world.sql("UPDATE Tasks SET Notes = 'B'");
    world.run().await;
    world.edit("one", json!({ "Notes": rich_text("A") }));
    world.run().await;
    assert_eq!(world.text("one", "Notes").as_deref(), Some("A"));
    world.sql("UPDATE Tasks SET Notes = 'B'");
    world.run().await;
    assert_eq!(words(&world.page("one"), "Notes"), "B");
    world.quiet().await;
}

/// How Notion's date, the cell and an edit of another field go together: the date stays as it is.
async fn date_stays(notion: Value, cell: &str) {
    let world = World::new().await;
    world.add("one", json!({ "Due": { "date": notion } }));
    world.settle().await;
    let before = world.held("one", "Due");
    assert_eq!(world.text("one", "Due").as_deref(), Some(cell));
    world.sql("UPDATE Tasks SET Count = 1");
    world.run().await;
    assert_eq!(world.writes()[0].properties.len(), 1);
    assert_eq!(world.held("one", "Due"), before);
    // Said again in the same words, it is no edit.
    world.sql(&format!("UPDATE Tasks SET Due = '{cell}'"));
    world.quiet().await;
}

/// What is written in SQL arrives in Notion in this form, and stays in the cell as it was written.
async fn date_goes_out(cell: &str, start: &str, end: Option<&str>) {
    let world = World::pulled(&["one"]).await;
    world.sql(&format!("UPDATE Tasks SET Due = '{cell}'"));
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    let sent = world.sent(&world.writes()[0], "Due");
    assert_eq!(sent["date"]["start"], json!(start), "{sent}");
    assert_eq!(sent["date"]["end"].as_str(), end, "{sent}");
    let due = world.held("one", "Due");
    let same = |held: &Value, wanted: &str| {
        let held = held.as_str().unwrap();
        held == wanted || held == wanted.replacen("00+", "00.000+", 1)
    };
    assert!(same(&due["start"], start), "{due}");
    assert_eq!(world.text("one", "Due").as_deref(), Some(cell));
    world.quiet().await;
}

#[tokio::test]
async fn pain_15_date_only_stays_date_only() {
    date_stays(json!({ "start": "2026-06-15" }), "2026-06-15").await;
    date_goes_out("2026-06-16", "2026-06-16", None).await;
}

#[tokio::test]
async fn pain_15_an_offset_stays() {
    let at = "2026-06-15T14:30:00+09:00";
    date_stays(json!({ "start": at }), at).await;
    date_goes_out(at, at, None).await;
}

#[tokio::test]
async fn pain_15_ranges_stay() {
    date_stays(
        json!({ "start": "2026-06-15", "end": "2026-06-20" }),
        "2026-06-15/2026-06-20",
    )
    .await;
    date_goes_out("2026-06-15/2026-06-21", "2026-06-15", Some("2026-06-21")).await;
}

#[tokio::test]
async fn pain_15_a_range_of_times_stays() {
    let (from, to) = ("2026-06-15T09:00:00+09:00", "2026-06-15T10:30:00+09:00");
    let cell = format!("{from}/{to}");
    date_stays(json!({ "start": from, "end": to }), &cell).await;
    date_goes_out(&cell, from, Some(to)).await;
}

#[tokio::test]
async fn integers_are_exact_from_sql() {
    for number in [3, -7, 9_007_199_254_740_992_i64] {
        let world = World::pulled(&["one"]).await;
        world.sql(&format!("UPDATE Tasks SET Count = {number}"));
        world.run().await;
        let sent = world.sent(&world.writes()[0], "Count");
        assert_eq!(sent["number"].as_i64(), Some(number), "{sent}");
        let held = world.held("one", "Count");
        assert_eq!(held.as_i64(), Some(number), "{held}");
        assert_eq!(world.value("one", "Count"), Sql::Integer(number));
        world.quiet().await;
    }
}

#[tokio::test]
async fn integers_are_exact_from_notion() {
    for number in [3, 9_007_199_254_740_993_i64] {
        let world = World::pulled(&["one"]).await;
        world.edit("one", json!({ "Count": { "number": number } }));
        world.run().await;
        assert_eq!(world.value("one", "Count"), Sql::Integer(number));
        world.quiet().await;
    }
}

#[tokio::test]
async fn fractions_are_exact_both_ways() {
    let world = World::pulled(&["one", "two"]).await;
    world.edit("one", json!({ "Count": { "number": 0.1 } }));
    world.sql("UPDATE Tasks SET Count = 1.1 WHERE Name = 'two'");
    world.run().await;
    assert_eq!(world.value("one", "Count"), Sql::Real(0.1));
    assert_eq!(world.held("two", "Count"), json!(1.1));
    world.quiet().await;
}

/// What a person writes, what Notion holds of it, and what the row holds then.
fn beyond_floats() -> [(&'static str, &'static str, Sql); 4] {
    let text = |text: &str| Sql::Text(text.to_owned());
    let integer = 9_007_199_254_740_993;
    let (digits, exponent) = ("'0.1234567890123456789'", "12345678901234567890");
    [
        (
            "9007199254740993",
            "9007199254740992",
            Sql::Integer(integer),
        ),
        (digits, "0.12345678901234568", text("0.1234567890123456789")),
        (
            "'9007199254740993.5'",
            "9007199254740994",
            text("9007199254740993.5"),
        ),
        // No integer of SQLite: it takes the float by itself.
        (
            exponent,
            "12345678901234567000",
            Sql::Real(12_345_678_901_234_567_890.0),
        ),
    ]
}

#[tokio::test]
async fn digits_beyond_a_float_stay_in_the_row_and_are_settled() {
    for rounds_numbers in [true, false] {
        let mut knobs = Knobs::default();
        knobs.rounds_numbers = rounds_numbers;
        let world = World::with(common::builder().knobs(knobs)).await;
        world.add("one", json!({ "Count": { "number": 1 } }));
        world.settle().await;
        for (at, (written, held, kept)) in beyond_floats().into_iter().enumerate() {
            let new = format!("new {at}");
            world.sim.clear_ledger();
            world.sql(&format!(
                "UPDATE Tasks SET Count = {written} WHERE Name = 'one'"
            ));
            world.sql(&format!(
                "INSERT INTO Tasks (Name, Count) VALUES ('{new}', {written})"
            ));
            let report = world.run().await;
            assert_eq!(report.outcome, RunOutcome::Clean, "{written}: {report:?}");
            assert_eq!(world.writes().len(), 2, "{written}: {:?}", world.writes());
            for name in ["one", &new] {
                let number = world.held(name, "Count").as_f64();
                assert_eq!(number, held.parse().ok(), "{written}");
                assert_eq!(world.value(name, "Count"), kept, "{written}");
            }
            // What Notion holds is there to be read, beside what was written.
            let cells = format!(
                "SELECT json_extract(value, '$.number') FROM cells
                 WHERE \"column\" = 'Count' AND _row = {}",
                world.number("SELECT _row FROM Tasks WHERE Name = 'one'"),
            );
            assert_eq!(world.cell(&cells), Sql::Text(held.to_owned()), "{written}");
            let open = "SELECT (SELECT count(*) FROM changes) + (SELECT count(*) FROM conflicts)";
            assert_eq!(world.number(open), 0, "{written}");
            let clean = "SELECT count(*) FROM Tasks WHERE _state <> 'clean'";
            assert_eq!(world.number(clean), 0, "{written}");
            world.quiet().await;
        }
        // Digits that make no other float are no edit; another number of Notion's comes as ever.
        world.sql("UPDATE Tasks SET Count = 9007199254740993 WHERE Name = 'one'");
        world.settle().await;
        world.sql("UPDATE Tasks SET Count = 9007199254740992 WHERE Name = 'one'");
        world.quiet().await;
        assert_eq!(world.number("SELECT count(*) FROM changes"), 0);
        world.edit("one", json!({ "Count": { "number": 0.5 } }));
        world.run().await;
        assert_eq!(world.value("one", "Count"), Sql::Real(0.5));
    }
}

#[tokio::test]
async fn a_number_that_no_float_comes_near_is_refused_at_once() {
    let world = World::pulled(&["one"]).await;
    for digits in ["1e400", "1e-400"] {
        let refused = world
            .person()
            .execute("UPDATE Tasks SET Count = ?1", [digits]);
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.contains("Count takes a number"), "{sentence}");
    }
}

/// Column, what Notion holds, what SQL would write, and Notion's form of nothing.
fn filled() -> Vec<(&'static str, Value, &'static str, Value)> {
    vec![
        ("Name", common::title("a title"), "a title", json!([])),
        ("Notes", rich_text("words"), "words", json!([])),
        ("Count", json!({ "number": 4 }), "4", json!(null)),
        ("Done", json!({ "checkbox": true }), "1", json!(false)),
        (
            "Pick",
            json!({ "select": { "name": "High" } }),
            "High",
            json!(null),
        ),
        (
            "Stage",
            json!({ "status": { "name": "Done" } }),
            "Done",
            json!(null),
        ),
        (
            "Tags",
            json!({ "multi_select": [{ "name": "High" }, { "name": "Low" }] }),
            r#"["High","Low"]"#,
            json!([]),
        ),
        (
            "Due",
            json!({ "date": { "start": "2026-06-15" } }),
            "2026-06-15",
            json!(null),
        ),
        (
            "Link",
            json!({ "url": "https://example.org/a" }),
            "https://example.org/a",
            json!(null),
        ),
        (
            "Mail",
            json!({ "email": "ada@example.org" }),
            "ada@example.org",
            json!(null),
        ),
        (
            "Phone",
            json!({ "phone_number": "+49 30 1" }),
            "+49 30 1",
            json!(null),
        ),
    ]
}

/// A world with a page per type, each filled in its own field; ids in the order of [`filled`].
async fn one_of_each() -> (World, Vec<String>) {
    let world = World::new().await;
    let mut ids = Vec::new();
    for (column, value, _, _) in filled() {
        let properties = json!({ column: value });
        let id = world
            .sim
            .create_as_person(&world.data_source, &properties)
            .unwrap();
        ids.push(id);
    }
    world.settle().await;
    (world, ids)
}

fn cell(world: &World, id: &str, column: &str) -> Sql {
    world.cell(&format!(
        "SELECT CAST(\"{column}\" AS TEXT) FROM Tasks WHERE _id = '{id}'"
    ))
}

#[tokio::test]
async fn defect_12_every_type_is_cleared_from_sql() {
    let (world, ids) = one_of_each().await;
    for (id, (column, _, text, _)) in ids.iter().zip(filled()) {
        assert_eq!(cell(&world, id, column), Sql::Text(text.into()), "{column}");
        let nothing = if column == "Done" { "0" } else { "NULL" };
        world.sql(&format!(
            "UPDATE Tasks SET \"{column}\" = {nothing} WHERE _id = '{id}'"
        ));
    }
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    let writes = world.writes();
    assert_eq!(writes.len(), ids.len(), "{writes:?}");
    assert!(writes.iter().all(|write| write.properties.len() == 1));
    for (id, (column, _, _, nothing)) in ids.iter().zip(filled()) {
        let page = world.sim.page(id).unwrap();
        assert_eq!(held(&page, column), nothing, "{column}");
    }
    world.quiet().await;
}

#[tokio::test]
async fn defect_12_every_type_is_cleared_from_notion() {
    let (world, ids) = one_of_each().await;
    for (id, (column, value, _, nothing)) in ids.iter().zip(filled()) {
        let kind = value.as_object().unwrap().keys().next().unwrap().clone();
        world
            .sim
            .edit_as_person(id, &json!({ column: { kind: nothing } }))
            .unwrap();
    }
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(report.settled.right.patched, ids.len() as u64);
    for (id, (column, _, _, _)) in ids.iter().zip(filled()) {
        let nothing = match column {
            "Done" => Sql::Text("0".into()),
            _ => Sql::Null,
        };
        assert_eq!(cell(&world, id, column), nothing, "{column}");
    }
    assert_eq!(world.writes(), Vec::new());
    world.quiet().await;
}

#[tokio::test]
async fn defect_12_every_type_is_filled_from_sql() {
    let world = World::pulled(&["one"]).await;
    for (column, _, text, _) in filled() {
        world.sql(&format!(
            "INSERT INTO Tasks (\"{column}\") VALUES ('{text}')"
        ));
    }
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(report.settled.left.created, filled().len() as u64);
    for (row, (column, value, text, _)) in filled().into_iter().enumerate() {
        let query = format!("SELECT _id FROM Tasks WHERE _row = {}", row + 2);
        let Sql::Text(id) = world.cell(&query) else {
            panic!("{column} has no page")
        };
        let page = world.sim.page(&id).unwrap();
        match column {
            "Name" | "Notes" => assert_eq!(words(&page, column), text),
            "Pick" | "Stage" => assert_eq!(held(&page, column)["name"], text),
            "Tags" => {
                let names: Vec<_> = held(&page, column)
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|option| option["name"].clone())
                    .collect();
                assert_eq!(names, [json!("High"), json!("Low")]);
            }
            "Due" => assert_eq!(held(&page, column)["start"], text),
            _ => {
                let kind = value.as_object().unwrap().keys().next().unwrap().clone();
                assert_eq!(held(&page, column), value[&kind], "{column}");
            }
        }
    }
    world.quiet().await;
}

/// "Bold" in bold, then words that link, then plain ones.
fn formatted() -> Value {
    json!({ "rich_text": [
        { "text": { "content": "Bold" }, "annotations": { "bold": true } },
        { "text": { "content": " linked", "link": { "url": "https://example.org/" } } },
        { "text": { "content": " and plain" } },
    ] })
}

#[tokio::test]
async fn pain_14_bold_words_stay_bold_when_others_are_edited_in_sql() {
    let world = World::new().await;
    world.add("one", json!({ "Notes": formatted() }));
    world.settle().await;
    assert_eq!(
        world.text("one", "Notes").as_deref(),
        Some("Bold linked and plain")
    );
    world.sql("UPDATE Tasks SET Notes = 'Bold linked and simple'");
    world.run().await;
    let runs = world.held("one", "Notes");
    let run = |text: &str| {
        let mut found = runs.as_array().unwrap().iter();
        found
            .find(|run| run["plain_text"].as_str().unwrap().contains(text))
            .cloned()
            .unwrap()
    };
    assert_eq!(run("Bold")["annotations"]["bold"], true, "{runs}");
    assert_eq!(run("Bold")["plain_text"], "Bold", "{runs}");
    assert_eq!(run("linked")["href"], "https://example.org/", "{runs}");
    assert_eq!(run("simple")["annotations"]["bold"], false, "{runs}");
    assert_eq!(words(&world.page("one"), "Notes"), "Bold linked and simple");
    world.quiet().await;
}

#[tokio::test]
async fn pain_14_formatting_is_not_touched_by_an_edit_of_another_field() {
    let world = World::new().await;
    world.add("one", json!({ "Notes": formatted() }));
    world.settle().await;
    let before = world.held("one", "Notes");
    world.sql("UPDATE Tasks SET Count = 1");
    world.run().await;
    assert_eq!(world.writes()[0].properties, [world.property("Count")]);
    assert_eq!(world.held("one", "Notes"), before);
}

#[tokio::test]
async fn pain_14_formatting_alone_changed_in_notion_is_not_lost_by_the_next_edit() {
    let world = World::new().await;
    world.add(
        "one",
        json!({ "Notes": rich_text("Bold linked and plain") }),
    );
    world.settle().await;
    world.edit("one", json!({ "Notes": formatted() }));
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    world.pass(Duration::from_secs(300));
    world.sql("UPDATE Tasks SET Notes = 'Bold linked and plain.'");
    world.run().await;
    let runs = world.held("one", "Notes");
    assert_eq!(runs[0]["annotations"]["bold"], true, "{runs}");
    assert_eq!(words(&world.page("one"), "Notes"), "Bold linked and plain.");
}

#[tokio::test]
async fn pain_16_long_text_is_sent_in_pieces_and_comes_back_whole() {
    let world = World::pulled(&["one"]).await;
    let long = "déjà vu 🐢 ".repeat(700);
    world
        .person()
        .execute("UPDATE Tasks SET Notes = ?1", [&long])
        .unwrap();
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(words(&world.page("one"), "Notes"), long);
    let sent = world.sent(&world.writes()[0], "Notes");
    for run in sent["rich_text"].as_array().unwrap() {
        let units = run["text"]["content"]
            .as_str()
            .unwrap()
            .encode_utf16()
            .count();
        assert!(units <= 2_000, "{units}");
    }
    assert_eq!(world.text("one", "Notes"), Some(long));
    world.quiet().await;
}

#[tokio::test]
async fn pain_16_a_value_over_a_limit_is_refused_and_the_rest_goes_on() {
    let world = World::pulled(&["one", "two"]).await;
    let link = |url: &str| {
        let sql = "UPDATE Tasks SET Link = ?1 WHERE Name = 'one'";
        world.person().execute(sql, [url])
    };
    let long = format!("https://example.org/{}", "a".repeat(2_100));
    let refused = link(&long).unwrap_err().to_string();
    assert_eq!(refused, "Link takes at most 2000 characters");
    // SQL counts characters, Notion the two units that each of these takes.
    let url = format!("https://example.org/{}", "🐢".repeat(1_100));
    link(&url).unwrap();
    world.sql("UPDATE Tasks SET Count = 1");
    let report = world.run().await;
    let guards: Vec<Guard> = report
        .refusals
        .iter()
        .map(|refusal| refusal.guard)
        .collect();
    assert_eq!(guards, [Guard::ValueLimits], "{report:?}");
    assert_eq!(world.held("one", "Count"), json!(1));
    assert_eq!(world.held("two", "Count"), json!(1));
    assert_eq!(world.held("one", "Link"), json!(null));
    assert_eq!(world.text("one", "Link"), Some(url), "the edit is kept");
    world.sim.clear_ledger();
    world.sql("UPDATE Tasks SET Link = 'https://example.org/' WHERE Name = 'one'");
    let report = world.run().await;
    assert!(report.refusals.is_empty(), "its cause is gone: {report:?}");
    assert_eq!(world.held("one", "Link"), json!("https://example.org/"));
    world.quiet().await;
}

#[tokio::test]
async fn pain_42_what_notion_computes_is_shown_and_cannot_be_edited() {
    let world = World::pulled(&["one"]).await;
    assert!(world.text("one", "Made").is_some());
    let refused = world
        .person()
        .execute("UPDATE Tasks SET Made = '2020-01-01'", []);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("Made"), "{refused}");
    world.quiet().await;
}

#[tokio::test]
async fn pain_18_options_go_by_name_and_never_with_a_colour() {
    let world = World::new().await;
    world.add("one", json!({ "Pick": { "select": { "name": "High" } } }));
    world.settle().await;
    world.edit("one", json!({ "Pick": { "select": { "name": "Low" } } }));
    world.run().await;
    assert_eq!(world.text("one", "Pick").as_deref(), Some("Low"));
    world.sql("UPDATE Tasks SET Pick = 'Mid', Tags = '[\"Low\"]'");
    world.run().await;
    assert_eq!(world.held("one", "Pick")["name"], "Mid");
    let sent = world.sent(&world.writes()[0], "Tags").to_string();
    assert!(!sent.contains("color"), "{sent}");
    world.quiet().await;
}
