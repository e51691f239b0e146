//! Files that every earlier format of ours wrote, opened by this build: read without touching a byte,
//! brought up to date in one transaction, and nothing to do afterwards.
//!
//! A fixture is a folder `tests/fixtures/format-N`: the file as a build of that format left it, and the
//! Notion it was in step with. `just fixture` makes the folder of the present format; do that
//! before the format is raised, for no later build can.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{World, builder, rich_text, schema, title, words};
use notion_sync::RunOptions;
use notion_sync::core::engine::Drift;
use notion_sync::core::link::LinkId;
use notion_sync::core::port::{LeaseAsk, Store, StoreError};
use notion_sync::core::schema::SchemaEvent;
use notion_sync::sqlite::SqliteStore;
use notion_sync_sim::{Fault, FaultRule, NotionSim};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Every folder of a format, the oldest first.
fn fixtures() -> Vec<(u32, PathBuf)> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(all)
        .unwrap()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let number = name.strip_prefix("format-")?.parse().unwrap();
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// What the build of a format left, in a folder of its own.
async fn resumed(fixture: &Path) -> World {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("notion.json");
    std::fs::copy(fixture.join("notion.json"), &state).unwrap();
    let sim = NotionSim::builder().rate_limit(None).state_file(state);
    let sim = sim.start().await.unwrap();
    let tasks = |source: &String| {
        sim.pages(source)
            .unwrap()
            .iter()
            .any(|p| words(p, "Name") == "calm")
    };
    let data_source = sim.data_sources().into_iter().find(tasks).unwrap();
    let world = World::of(sim, data_source, folder);
    std::fs::copy(fixture.join("tasks.db"), &world.file).unwrap();
    world
}

fn format_of(file: &Path) -> u32 {
    let person = Connection::open(file).unwrap();
    let query = "SELECT format FROM _sync_meta";
    person.query_row(query, [], |row| row.get(0)).unwrap()
}

/// What a person reads in the file, line by line. Columns that a later format adds are not asked for.
fn read(world: &World) -> Vec<String> {
    let person = world.person();
    let mut lines = Vec::new();
    for query in [
        "SELECT _row, _id, _trashed, Name, Notes, Count, Done, Pick, Stage, Tags, Due, Link FROM Tasks",
        "SELECT _row, \"column\", kind, base, current FROM changes",
        "SELECT id, _row, field, base, Notion, SQLite, resolution FROM conflicts",
        "SELECT \"table\", rows, live, pending, conflicts, parked, blocked FROM sync_status",
        "SELECT _row, state, reason FROM sync_rows",
    ] {
        let mut statement = person.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|at| match row.get(at).unwrap() {
                rusqlite::types::Value::Text(text) => text,
                other => format!("{other:?}"),
            });
            lines.push(cells.collect::<Vec<_>>().join(" | "));
        }
    }
    lines
}

/// The first thing that writes: it brings the file up to date.
async fn take_lease(file: &Path) -> Result<(), StoreError> {
    let store = SqliteStore::open(file, Default::default())?;
    let owner = "test".to_owned();
    let ask = LeaseAsk::Take { owner };
    store.lease(&LinkId::new("other"), &ask).await.map(drop)
}

#[tokio::test]
async fn every_earlier_format_has_its_file() {
    let formats: Vec<u32> = fixtures().iter().map(|(format, _)| *format).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new.sqlite");
    take_lease(&file).await.unwrap();
    let expected: Vec<u32> = (1..=format_of(&file)).collect();
    assert_eq!(
        formats, expected,
        "make the missing one with `just fixture`"
    );
    for (format, fixture) in fixtures() {
        assert_eq!(format_of(&fixture.join("tasks.db")), format);
    }
}

#[tokio::test]
async fn e09_a_plan_over_a_file_of_an_earlier_format_changes_no_byte_of_it() {
    for (format, fixture) in fixtures() {
        let world = resumed(&fixture).await;
        let before = std::fs::read(&world.file).unwrap();
        let store = world.store();
        let replica = world.replica(world.client(), &store);
        let plan = replica.plan(&RunOptions::default()).await.unwrap();
        // Relations and files are read as such since format 4: their read-only columns are shown anew.
        let writes = plan.items.iter().flat_map(|item| &item.commands);
        let writes = writes.filter(|listed| !listed.command.projection_only);
        assert_eq!(writes.count(), 0, "format {format}: {:?}", plan.items);
        assert!(plan.schema.is_empty(), "format {format}: {:?}", plan.schema);
        drop((store, replica));
        assert_eq!(
            std::fs::read(&world.file).unwrap(),
            before,
            "format {format}"
        );
    }
}

#[tokio::test]
async fn e15_an_upgrade_with_nothing_edited_writes_nothing_and_people_read_what_they_read() {
    for (format, fixture) in fixtures() {
        let world = resumed(&fixture).await;
        let before = read(&world);
        assert!(before.len() > 10, "format {format}: {before:#?}");
        let report = world.run().await;
        let settled = report.settled.left.total() + report.settled.right.total();
        assert_eq!(settled, 0, "format {format}: {report:?}");
        assert_eq!(world.writes(), [], "format {format}");
        // That numbers are floats over there is news to us, not to people.
        let news = |drift: &Drift| matches!(&drift.event, SchemaEvent::LimitsChanged { to, .. } if to.floats);
        assert!(!report.drift.iter().any(news), "{:?}", report.drift);
        let after = read(&world);
        let differing = before.iter().zip(&after).find(|(old, new)| old != new);
        assert_eq!(differing, None, "format {format}");
        assert_eq!(after.len(), before.len(), "format {format}");
        assert_eq!(format_of(&world.file), fixtures().len() as u32);
        let check = world.cell("PRAGMA integrity_check");
        assert_eq!(check, "ok".to_owned().into(), "format {format}");
    }
}

#[tokio::test]
async fn what_an_earlier_format_left_undone_is_finished_after_the_upgrade() {
    for (format, fixture) in fixtures() {
        let world = resumed(&fixture).await;
        let edits = "UPDATE Tasks SET Notes = 'later' WHERE Name = 'calm';
            UPDATE conflicts SET resolution = 'sqlite'";
        world.person().execute_batch(edits).unwrap();
        world.edit("sent", json!({ "Count": { "number": 77 } }));
        world.pass(Duration::from_secs(300));
        world.run().await;
        assert_eq!(
            words(&world.page("calm"), "Notes"),
            "later",
            "format {format}"
        );
        assert_eq!(
            words(&world.page("both"), "Notes"),
            "ours",
            "format {format}"
        );
        assert_eq!(world.value("sent", "Count"), 77.into(), "format {format}");
        let open = world.number("SELECT count(*) FROM conflicts");
        assert_eq!(open, 0, "format {format}");
        assert_eq!(world.pages("unanswered").len(), 1, "format {format}");
    }
}

#[tokio::test]
async fn an_upgrade_that_fails_on_its_way_leaves_the_file_as_it_was() {
    let (format, fixture) = fixtures().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks.db");
    std::fs::copy(fixture.join("tasks.db"), &file).unwrap();
    let tables = |file: &Path| -> Vec<String> {
        let person = Connection::open(file).unwrap();
        let mut names = person
            .prepare("SELECT coalesce(sql, name) FROM sqlite_master")
            .unwrap();
        let names = names.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    };
    // The third format makes an index of this name, after the second made a table.
    let person = Connection::open(&file).unwrap();
    person
        .execute_batch("CREATE INDEX _sync_pairs_left_rank ON _sync_runs(link)")
        .unwrap();
    drop(person);
    let before = tables(&file);
    let error = take_lease(&file).await.unwrap_err().to_string();
    assert!(error.contains("changed by hand"), "{error}");
    assert_eq!((format_of(&file), tables(&file)), (format, before));
    let person = Connection::open(&file).unwrap();
    person
        .execute_batch("DROP INDEX _sync_pairs_left_rank")
        .unwrap();
    take_lease(&file).await.unwrap();
    assert!(format_of(&file) > format);
}

/// Writes the folder of the present format: one row of each kind of history, synced by this build.
#[tokio::test]
#[ignore = "writes into the repository; `just fixture` runs it"]
async fn make_the_fixture_of_this_format() {
    let sim = builder().start().await.unwrap();
    let people = sim
        .create_data_source("People", &json!({ "Name": { "title": {} } }))
        .unwrap();
    let ada = sim
        .create_as_person(&people, &json!({ "Name": title("Ada") }))
        .unwrap();
    let mut properties = schema();
    let relation = json!({ "relation": { "data_source_id": people, "single_property": {} } });
    properties["Owner"] = relation;
    properties["Who"] = json!({ "people": {} });
    properties["Papers"] = json!({ "files": {} });
    properties["Author"] = json!({ "created_by": {} });
    let data_source = sim.create_data_source("Tasks", &properties).unwrap();
    let world = World::of(sim, data_source, tempfile::tempdir().unwrap());
    world.add("calm", calm(&ada));
    for name in ["both", "sent", "binned", "refused"] {
        world.add(name, json!({ "Count": { "number": 1 } }));
    }
    world.settle().await;

    // Settled edits of both sides, a row made here, one in the trash.
    world.sql("UPDATE Tasks SET Count = 2, Tags = '[\"Low\",\"High\"]' WHERE Name = 'sent'");
    world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'binned'");
    world.sql("INSERT INTO Tasks (Name, Due) VALUES ('made', '2026-06-15T14:30:00+09:00')");
    world.edit("calm", json!({ "Notes": rich_text("from Notion") }));
    world.settle().await;

    // A conflict, a create nobody answered, a command that Notion refuses for good.
    world.sql("UPDATE Tasks SET Notes = 'ours' WHERE Name = 'both'");
    world.edit("both", json!({ "Notes": rich_text("theirs") }));
    world.sql("INSERT INTO Tasks (Name) VALUES ('unanswered')");
    world.sql("UPDATE Tasks SET Notes = 'no' WHERE Name = 'refused'");
    let lost = FaultRule::next(Fault::DropAfterCommit)
        .method("POST")
        .path("/v1/pages");
    world.sim.inject(lost);
    let refusal = Fault::Status {
        status: 400,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    let refusal = FaultRule::next(refusal).method("PATCH").path("/v1/pages/");
    world.sim.inject(refusal);
    for _ in 0..3 {
        world.run().await;
        world.pass(Duration::from_secs(150));
    }

    // One file, as it lies on a disk after the last program closed it, and nowhere at home yet: the
    // tests take copies of it.
    let person = world.person();
    person
        .execute("UPDATE _sync_meta SET home = NULL", [])
        .unwrap();
    person
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(person);
    let name = format!("tests/fixtures/format-{}", format_of(&world.file));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(&world.file, folder.join("tasks.db")).unwrap();
    let state = serde_json::to_string(&world.sim.state()).unwrap();
    std::fs::write(folder.join("notion.json"), state + "\n").unwrap();
}

/// A value in every property.
fn calm(owner: &str) -> Value {
    json!({
        "Notes": rich_text("words"), "Count": { "number": 0.5 }, "Done": { "checkbox": true },
        "Pick": { "select": { "name": "High" } }, "Stage": { "status": { "name": "Done" } },
        "Tags": { "multi_select": [{ "name": "High" }, { "name": "Low" }] },
        "Due": { "date": { "start": "2026-06-15", "end": "2026-06-17" } },
        "Link": { "url": "https://example.org" }, "Mail": { "email": "ada@example.org" },
        "Phone": { "phone_number": "+49 1" }, "Owner": { "relation": [{ "id": owner }] },
        "Papers": { "files": [{ "name": "f", "external": { "url": "https://example.org/f" } }] },
    })
}
