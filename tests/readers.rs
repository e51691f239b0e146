//! People who read and write in the middle of runs: an open cursor and the rows' numbers survive, a
//! transaction of several rows and columns is seen whole or not at all, whatever a run is doing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{World, rich_text, words};
use notion_sync::client::api::UpdateDataSource;
use notion_sync::client::write::{PropertyChange, PropertyConfigWrite};
use notion_sync::client::{
    Client, HttpRequest, HttpResponse, RateLimit, ReqwestTransport, Token, Transport,
    TransportError,
};
use notion_sync::{Replica, RunOptions};
use rusqlite::{Connection, Rows};
use serde_json::{Value, json};

fn next_line(rows: &mut Rows<'_>) -> Option<String> {
    let row = rows.next().unwrap()?;
    let columns = row.as_ref().column_count();
    let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
    Some(cells.collect::<Vec<_>>().join(" "))
}

fn lines(person: &Connection, sql: &str) -> Vec<String> {
    let mut statement = person.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    std::iter::from_fn(|| next_line(&mut rows)).collect()
}

/// Edits, adds and trashes pages, adds a property; a second link changes every view.
async fn much_happens(world: &World) {
    world.edit("row 3", json!({ "Notes": rich_text("changed") }));
    world.trash("row 5", true);
    world.add("row new", json!({}));
    let property = PropertyChange::set(PropertyConfigWrite::RichText);
    let add = UpdateDataSource::new(world.data_source.parse().unwrap()).property("Extra", property);
    world.client().send(&add).await.unwrap();
    let more = world.sim.generate("More", 3).unwrap();
    world.pass(std::time::Duration::from_secs(3600));
    world.run().await;
    let store = world.store();
    let more = Replica::new(world.client(), more.parse().unwrap(), &store);
    more.run(&RunOptions::default()).await.unwrap();
}

const TASKS: &str = "SELECT _row, Name, Notes, _trashed FROM Tasks ORDER BY _row";

#[tokio::test]
async fn open_cursors_go_on_over_what_they_began_with_while_rows_columns_and_views_change() {
    let world = World::of_rows(20).await;
    world.sql("UPDATE Tasks SET Count = 9 WHERE Name IN ('row 1', 'row 2', 'row 7')");
    let queries = [
        TASKS,
        "SELECT * FROM Tasks ORDER BY _row",
        "SELECT _row, \"column\", current FROM changes ORDER BY _row",
        "SELECT * FROM sync_rows ORDER BY _row",
        "SELECT name, sql FROM sqlite_master ORDER BY rowid",
    ];
    // Each with a connection of its own, one line read.
    let people: Vec<Connection> = queries.iter().map(|_| world.person()).collect();
    let before: Vec<Vec<String>> = queries.iter().map(|sql| lines(&people[0], sql)).collect();
    let mut statements: Vec<_> = queries
        .iter()
        .zip(&people)
        .map(|(sql, person)| person.prepare(sql).unwrap())
        .collect();
    let mut cursors: Vec<(Rows<'_>, Vec<String>)> = statements
        .iter_mut()
        .map(|statement| (statement.query([]).unwrap(), Vec::new()))
        .collect();
    for (rows, seen) in &mut cursors {
        seen.extend(next_line(rows));
    }
    much_happens(&world).await;
    for (((rows, seen), before), sql) in cursors.iter_mut().zip(&before).zip(queries) {
        seen.extend(std::iter::from_fn(|| next_line(rows)));
        assert!(before.len() > 2, "{sql}");
        assert_eq!(seen, before, "{sql}");
    }
    drop(cursors);
    // The same statements, asked again, show what happened.
    let mut rows = statements[0].query([]).unwrap();
    let now: Vec<String> = std::iter::from_fn(|| next_line(&mut rows)).collect();
    assert_ne!(now, before[0]);
    assert_eq!(now.len(), 21);
    drop(rows);
    let mut rows = statements[2].query([]).unwrap();
    assert_eq!(next_line(&mut rows), None, "the edits have arrived");
    drop(rows);
    assert_eq!(world.number("SELECT count(Extra) + 1 FROM Tasks"), 1);
    assert_eq!(world.number("SELECT count(*) FROM sync_status"), 2);
}

#[tokio::test]
async fn rows_keep_their_numbers_whatever_happens_in_notion() {
    let world = World::of_rows(20).await;
    let numbers = "SELECT rowid, _row, _id FROM Tasks WHERE Name <> 'row new' ORDER BY _id";
    let person = world.person();
    let before = lines(&person, numbers);
    much_happens(&world).await;
    world.trash("row 5", false);
    world.pass(std::time::Duration::from_secs(3600));
    world.run().await;
    assert_eq!(lines(&person, numbers), before);
    let new = "SELECT _row > 20 FROM Tasks WHERE Name = 'row new'";
    assert_eq!(world.number(new), 1, "a number is never given twice");
}

/// Calls a person to the file just before or just after a request.
struct Interrupted {
    inner: ReqwestTransport,
    file: PathBuf,
    /// Twice the number of the request, and one more for after its answer.
    at: usize,
    moment: Arc<AtomicUsize>,
}

impl Interrupted {
    fn moment(&self) {
        if self.moment.fetch_add(1, Ordering::Relaxed) == self.at {
            let mut person = Connection::open(&self.file).unwrap();
            let edits = person.transaction().unwrap();
            for row in [0, 1, 3, 5] {
                let edit = "UPDATE Tasks SET Count = 8, Notes = 'sql 8' WHERE Name = ?1";
                edits.execute(edit, [format!("row {row}")]).unwrap();
            }
            let insert = "INSERT INTO Tasks (Name, Count, Notes) VALUES ('late', 8, 'sql 8')";
            edits.execute(insert, []).unwrap();
            edits.commit().unwrap();
        }
    }
}

#[async_trait::async_trait]
impl Transport for Interrupted {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.moment();
        let answer = self.inner.send(request).await;
        self.moment();
        answer
    }
}

/// What a request sent for both columns that are always edited together.
fn sent(world: &World, body: &Value) -> (Option<String>, Option<String>) {
    let property = |name: &str| {
        let sent = &body["properties"];
        let by_id = sent.get(world.property(name));
        by_id.or_else(|| sent.get(name)).cloned()
    };
    let notes = property("Notes").map(|notes| notes["rich_text"][0]["text"]["content"].clone());
    let notes = notes.map(|notes| notes.as_str().unwrap_or_default().to_owned());
    let count = property("Count").map(|count| format!("sql {}", count["number"]));
    (notes, count)
}

#[tokio::test]
async fn a_transaction_before_or_after_any_request_of_a_run_is_neither_lost_nor_half_seen() {
    for at in 0.. {
        let world = World::of_rows(6).await;
        world.edit("row 3", json!({ "Done": { "checkbox": true } }));
        world.edit("row 4", json!({ "Done": { "checkbox": true } }));
        world.edit("row 5", json!({ "Notes": rich_text("theirs") }));
        world.sql("UPDATE Tasks SET Count = 7, Notes = 'sql 7' WHERE Name IN ('row 0', 'row 2')");
        world.sql("INSERT INTO Tasks (Name, Count, Notes) VALUES ('early', 7, 'sql 7')");
        let moment = Arc::default();
        let transport = Interrupted {
            inner: ReqwestTransport::new(Default::default()),
            file: world.file.clone(),
            at,
            moment: Arc::clone(&moment),
        };
        let client = Client::builder(Token::new(world.sim.token()).unwrap())
            .base_url(world.sim.base_url())
            .rate_limit(RateLimit::Off)
            .timer(world.clock.clone())
            .transport(transport)
            .build()
            .unwrap();
        let store = world.store();
        world
            .replica(client, &store)
            .run(&RunOptions::default())
            .await
            .unwrap();
        drop(store);
        if moment.load(Ordering::Relaxed) <= at {
            assert!(at >= 8, "a run of {at} moments");
            break;
        }
        // "row 5" was edited in Notion as well: before the edit there, or as a conflict.
        let report = world.run().await;
        assert_eq!(
            world.text("row 5", "Notes").as_deref(),
            Some("sql 8"),
            "moment {at}"
        );
        let theirs = words(&world.page("row 5"), "Notes") == "theirs";
        assert_eq!(report.open_conflicts == 1, theirs, "moment {at}");
        let both = world.id("row 5");
        for entry in world.writes() {
            let (notes, count) = sent(&world, entry.body.as_ref().unwrap());
            let is_half = notes != count && !entry.path.ends_with(&both);
            assert!(!is_half, "moment {at}: half seen: {entry:?}");
        }
        if theirs {
            world.sql("UPDATE conflicts SET resolution = 'sqlite'");
            world.run().await;
        }
        for (name, number) in [
            ("row 0", 8),
            ("row 1", 8),
            ("row 2", 7),
            ("row 3", 8),
            ("row 5", 8),
            ("early", 7),
            ("late", 8),
        ] {
            assert_eq!(
                world.value(name, "Count"),
                number.into(),
                "moment {at}: {name}"
            );
            assert_eq!(
                world.held(name, "Count"),
                json!(number),
                "moment {at}: {name}"
            );
            let notes = format!("sql {number}");
            assert_eq!(
                world.text(name, "Notes"),
                Some(notes.clone()),
                "moment {at}"
            );
            assert_eq!(
                world.held(name, "Notes")[0]["plain_text"],
                json!(notes),
                "moment {at}"
            );
        }
        assert_eq!(world.value("row 3", "Done"), 1.into(), "moment {at}");
        assert_eq!(
            world.sim.pages(&world.data_source).unwrap().len(),
            8,
            "moment {at}"
        );
        world.quiet().await;
    }
}
