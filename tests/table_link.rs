//! A table somebody has already and a Notion data source, over HTTP, by the names of their fields.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use notion_sync::client::{Client, Token};
use notion_sync::sqlite::{NewKey, SqliteStore, SqliteTable};
use notion_sync::{RunOptions, RunOutcome, TableLink, TableLinkError};
use notion_sync_core::schema::FieldType;
use notion_sync_sim::{Knobs, NotionSim};
use rusqlite::Connection;
use serde_json::{Value, json};

struct World {
    sim: NotionSim,
    source: String,
    folder: tempfile::TempDir,
    app: Connection,
}

const TABLE: &str =
    "CREATE TABLE tasks(code TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, price DECIMAL(10, 2),
    is_done BOOLEAN NOT NULL DEFAULT 0, due_date DATETIME, stage TEXT, tags TEXT, mail VARCHAR(99),
    secret TEXT DEFAULT 'kept', CHECK (price < 1000));
  INSERT INTO tasks(code, name, price, is_done, due_date, stage, tags, mail) VALUES
    ('a', 'Book the venue', 12.5, 1, '2026-06-15', 'Todo', '[\"red\"]', 'ada@example.org'),
    ('b', 'Plan', NULL, 0, '2026-06-15 05:30:00', NULL, '', NULL);";

fn properties() -> Value {
    let options =
        |names: &[&str]| -> Vec<Value> { names.iter().map(|name| json!({"name": name})).collect() };
    json!({
        "Name": {"title": {}}, "Price": {"number": {}}, "Is done": {"checkbox": {}},
        "Due date": {"date": {}}, "Mail": {"email": {}}, "Only in Notion": {"rich_text": {}},
        "Stage": {"select": {"options": options(&["Todo", "Done"])}},
        "Tags": {"multi_select": {"options": options(&["red", "blue"])}},
    })
}

impl World {
    async fn new() -> Self {
        let sim = NotionSim::builder().start().await.unwrap();
        let source = sim.create_data_source("Tasks", &properties()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let app = Connection::open(folder.path().join("app.db")).unwrap();
        app.execute_batch(TABLE).unwrap();
        Self {
            sim,
            source,
            folder,
            app,
        }
    }

    async fn link(&self) -> TableLink {
        let client = Client::builder(Token::new(self.sim.token()).unwrap())
            .base_url(self.sim.base_url())
            .build()
            .unwrap();
        let path = self.folder.path().join("app.db");
        let table = SqliteTable::builder(&path, "tasks")
            .column("stage", FieldType::Select(Vec::new()))
            .column("tags", FieldType::MultiSelect(Vec::new()))
            .new_key(NewKey::Uuid)
            .build()
            .unwrap();
        table.start_capture().await.unwrap();
        // The memory lives in the program's own file.
        let store = SqliteStore::open(&path, Default::default()).unwrap();
        TableLink::new(client, self.source.parse().unwrap(), table, &store)
            .index_lag(std::time::Duration::ZERO)
    }

    fn page(&self, name: &str) -> Value {
        let pages = self.sim.pages(&self.source).unwrap();
        let mut pages = pages.into_iter();
        let title = |page: &Value| page["properties"]["Name"]["title"][0]["plain_text"] == name;
        pages.find(title).unwrap()
    }

    fn row(&self, sql: &str) -> String {
        self.app.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn digits_that_notion_rounds_stay_in_the_table_and_are_settled() {
    let world = World::new().await;
    let mut knobs = Knobs::default();
    knobs.rounds_numbers = true;
    world.sim.set_knobs(knobs);
    world
        .sim
        .alter_as_person(
            &world.source,
            &json!({"Serial": {"number": {}}, "Rate": {"number": {}}}),
        )
        .unwrap();
    let serial = "ALTER TABLE tasks ADD COLUMN serial INTEGER;
        ALTER TABLE tasks ADD COLUMN rate TEXT;
        UPDATE tasks SET serial = 9007199254740993, rate = '0.12345678901234567890' WHERE code = 'a'";
    world.app.execute_batch(serial).unwrap();
    let link = world.link().await;
    let engine = link.engine().await.unwrap();
    let options = RunOptions::default();
    let report = engine.run(&options).await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    let held = &world.page("Book the venue")["properties"]["Serial"]["number"];
    assert_eq!(held.as_f64(), Some(9_007_199_254_740_992.0), "{held}");
    let held = &world.page("Book the venue")["properties"]["Rate"]["number"];
    assert_eq!(held.as_f64(), Some(0.123_456_789_012_345_68), "{held}");
    let kept = "SELECT serial || ' ' || rate FROM tasks WHERE code = 'a'";
    assert_eq!(world.row(kept), "9007199254740993 0.12345678901234567890");
    let report = engine.run(&options).await.unwrap();
    assert!(
        report.is_quiet() && report.open_conflicts == 0,
        "{report:?}"
    );
}

#[tokio::test]
async fn rows_of_every_type_go_both_ways_and_the_rest_of_the_table_is_left_alone() {
    let world = World::new().await;
    let link = world.link().await;
    let engine = link.engine().await.unwrap();
    let options = RunOptions::default();
    let report = engine.run(&options).await.unwrap();
    assert_eq!(report.settled.left.created, 2, "{report:?}");
    assert!(engine.run(&options).await.unwrap().is_quiet());

    let page = world.page("Book the venue");
    let properties = &page["properties"];
    assert_eq!(properties["Price"]["number"], json!(12.5));
    assert_eq!(properties["Is done"]["checkbox"], json!(true));
    assert_eq!(properties["Due date"]["date"]["start"], json!("2026-06-15"));
    assert_eq!(properties["Stage"]["select"]["name"], json!("Todo"));
    assert_eq!(properties["Tags"]["multi_select"][0]["name"], json!("red"));
    assert_eq!(properties["Mail"]["email"], json!("ada@example.org"));
    let due = world.page("Plan")["properties"]["Due date"]["date"]["start"].clone();
    assert!(
        due.as_str().unwrap().starts_with("2026-06-15T05:30:00"),
        "{due}"
    );

    let edit = json!({
        "Stage": {"select": {"name": "Done"}}, "Price": {"number": 7},
        "Tags": {"multi_select": [{"name": "red"}, {"name": "blue"}]},
        "Due date": {"date": {"start": "2026-07-01T14:30:00+09:00"}},
    });
    world
        .sim
        .edit_as_person(page["id"].as_str().unwrap(), &edit)
        .unwrap();
    let new = json!({"Name": {"title": [{"text": {"content": "From Notion"}}]}});
    world.sim.create_page(&world.source, &new).unwrap();
    world
        .app
        .execute(
            "UPDATE tasks SET mail = 'bob@example.org' WHERE code = 'b'",
            [],
        )
        .unwrap();
    world.sim.advance(std::time::Duration::from_secs(120));
    let report = engine.run(&options).await.unwrap();
    assert_eq!(
        (report.settled.left.patched, report.settled.right.total()),
        (1, 2),
        "{report:?}"
    );
    let row = world
        .row("SELECT stage || price || tags || due_date || secret FROM tasks WHERE code = 'a'");
    assert_eq!(row, "Done7[\"red\",\"blue\"]2026-07-01T14:30:00+09:00kept");
    let made =
        world.row("SELECT length(code) || secret || is_done FROM tasks WHERE name = 'From Notion'");
    assert_eq!(made, "36kept0");
    assert!(engine.run(&options).await.unwrap().is_quiet());
}

#[tokio::test]
async fn what_the_table_refuses_is_told_in_its_words_and_the_rest_goes_on() {
    let world = World::new().await;
    let engine = world.link().await.engine().await.unwrap();
    let options = RunOptions::default();
    engine.run(&options).await.unwrap();
    let page = world.page("Plan")["id"].as_str().unwrap().to_owned();
    world
        .sim
        .edit_as_person(&page, &json!({"Price": {"number": 5000}}))
        .unwrap();
    let other = world.page("Book the venue")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world
        .sim
        .edit_as_person(&other, &json!({"Price": {"number": 3}}))
        .unwrap();
    world.sim.advance(std::time::Duration::from_secs(120));
    let report = engine.run(&options).await.unwrap();
    let told = format!("{:?}", report.refusals);
    assert!(
        told.contains("CHECK constraint failed: price < 1000"),
        "{told}"
    );
    assert_eq!(report.settled.right.patched, 1);
    assert_eq!(
        world.row("SELECT CAST(price AS TEXT) FROM tasks WHERE code = 'a'"),
        "3"
    );
}

#[tokio::test]
async fn records_of_both_sides_are_matched_by_the_properties_that_were_named() {
    let world = World::new().await;
    let new = json!({"Name": {"title": [{"text": {"content": "Plan"}}]}});
    world.sim.create_page(&world.source, &new).unwrap();
    world.sim.advance(std::time::Duration::from_secs(120));
    let link = world.link().await.match_by(["Name"]);
    let report = link
        .engine()
        .await
        .unwrap()
        .run(&RunOptions::default())
        .await
        .unwrap();
    assert_eq!(
        (report.settled.left.created, report.settled.right.created),
        (1, 0),
        "{report:?}"
    );
    let link = world.link().await.match_by(["Only in Notion"]);
    let error = link.engine().await.unwrap_err();
    assert!(matches!(error, TableLinkError::NoField(name) if name == "Only in Notion"));
}

#[tokio::test]
async fn a_forgotten_link_leaves_nothing_beside_the_table_unless_another_link_needs_it() {
    let mut world = World::new().await;
    let options = RunOptions::default();
    let first = world.link().await;
    first.engine().await.unwrap().run(&options).await.unwrap();
    let source = world.source.clone();
    world.source = world
        .sim
        .create_data_source("Others", &properties())
        .unwrap();
    let second = world.link().await;
    second.engine().await.unwrap().run(&options).await.unwrap();
    let beside = "SELECT CAST(count(*) AS TEXT) FROM sqlite_master
        WHERE type = 'trigger' AND tbl_name = 'tasks' OR name GLOB '_sync_feed_*'
          OR name GLOB '_sync_births_*' OR name GLOB '_sync_columns_*'";
    let there = world.row(beside);
    assert_ne!(there, "0");
    let rows = "SELECT group_concat(code || name || secret) FROM tasks";
    let before = world.row(rows);

    second.forget(false).await.unwrap();
    assert_eq!(world.row(beside), there, "the first link reads it");
    world
        .app
        .execute(
            "UPDATE tasks SET mail = 'eve@example.org' WHERE code = 'a'",
            [],
        )
        .unwrap();
    world.source = source;
    let report = first.engine().await.unwrap().run(&options).await.unwrap();
    assert_eq!(report.settled.left.patched, 1, "{report:?}");

    first.forget(false).await.unwrap();
    assert_eq!(world.row(beside), "0");
    assert_eq!(world.row(rows), before);
    assert_eq!(world.sim.pages(&world.source).unwrap().len(), 2);
    // Again, as after a failure in between.
    first.forget(false).await.unwrap();
}
