//! The fifteen defects of the closest peer, which must be impossible here: over HTTP and over SQL.
//! [`FIFTEEN`] says where each is shown; those that no other file is about are here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{StandingClock, World, held, rich_text, words};
use notion_sync::core::engine::{Described, Engine};
use notion_sync::core::link::{LinkId, LinkSpec, Policy, Precheck, Resurrect, Sides};
use notion_sync::core::plan::Guard;
use notion_sync::core::port::{
    Bookmark, Call, Cancel, Clock, Commit, Committed, Fence, LeaseAsk, OpenMode, Opened, Peer,
    Query, Rows, Store, StoreError,
};
use notion_sync::notion::{NotionOptions, NotionPeer};
use notion_sync::sqlite::SqliteStore;
use notion_sync::{Report, RunOptions, RunOutcome};
use notion_sync_sim::{Fault, FaultRule};
use rusqlite::types::Value as Cell;
use serde_json::json;

/// The file of `tests` and the first of its tests, for each of the fifteen.
const FIFTEEN: [(&str, &str); 15] = [
    // A value that goes there and back is lost, because observations are told apart by their content.
    (
        "values",
        "defect_01_a_value_that_goes_back_and_forth_in_sql_is_three_writes",
    ),
    // Everything is read again in every run.
    (
        "requests",
        "defect_02_the_second_run_reads_only_what_may_have_changed",
    ),
    // Of two cells changed in one statement one is applied, the other blocked for ever.
    (
        "defects",
        "defect_03_cells_changed_in_one_statement_are_all_applied_and_nothing_is_blocked",
    ),
    // Edits of different fields do not merge; one silently reverts.
    ("conflicts", "defect_04_different_fields_of_a_row_merge"),
    // A write counts as proved when anything on the page changed.
    (
        "faults",
        "defect_05_a_lost_change_is_not_proved_by_somebody_elses_edit",
    ),
    // Lost answers make duplicates.
    (
        "faults",
        "defect_06_a_create_whose_answer_was_lost_is_found_by_its_marker",
    ),
    // What was is read again with today's clock.
    (
        "defects",
        "defect_07_what_was_does_not_move_with_the_clock_or_with_what_comes_after",
    ),
    // The cost grows with the square of the history. Steps inside SQLite: `sync-sqlite/src/cost.rs`.
    (
        "defects",
        "defect_08_ten_times_the_rows_cost_ten_times_the_work",
    ),
    // A guard that fired once blocks for ever.
    (
        "lifecycle",
        "defect_09_a_guard_clears_when_its_cause_is_gone",
    ),
    // The cap of a query is never noticed.
    (
        "races",
        "defect_10_a_scan_that_cannot_get_past_the_cap_is_not_complete",
    ),
    // What nobody edited looks stale, because signatures, computed values and times differ.
    (
        "defects",
        "defect_11_signatures_computed_values_and_times_make_no_row_stale_or_pending",
    ),
    // Days become moments, zones vanish, formatting is flattened, a value cannot be cleared.
    ("values", "defect_12_every_type_is_cleared_from_sql"),
    // A conflict about a record that keeps the local side never settles.
    (
        "defects",
        "defect_13_a_conflict_about_a_record_settles_whichever_side_is_kept",
    ),
    // Trash and moves in Notion are never seen.
    (
        "defects",
        "defect_14_trash_and_moves_that_no_edit_shows_are_seen_by_the_next_full_scan",
    ),
    // What is refused for good is tried for ever, and blocked work has no way out.
    (
        "faults",
        "defect_15_what_notion_refuses_for_good_is_not_tried_for_ever",
    ),
];

#[test]
fn all_fifteen_are_shown_end_to_end() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (number, (file, test)) in (1..).zip(FIFTEEN) {
        assert!(test.starts_with(&format!("defect_{number:02}_")), "{test}");
        let source = std::fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap();
        let shown = format!("#[tokio::test]\nasync fn {test}() {{");
        assert!(source.contains(&shown), "{test} is not in tests/{file}.rs");
    }
}

// 03

#[tokio::test]
async fn defect_03_cells_changed_in_one_statement_are_all_applied_and_nothing_is_blocked() {
    let world = World::pulled(&["one", "two"]).await;
    world.edit("one", json!({ "Mail": { "email": "ada@example.org" } }));
    world.sql("UPDATE Tasks SET Count = 5, Notes = 'both', Done = 1");
    let report = world.run().await;
    assert_eq!(
        (report.outcome, report.open_conflicts),
        (RunOutcome::Clean, 0)
    );
    assert_eq!(report.refusals, []);
    for name in ["one", "two"] {
        let page = world.page(name);
        assert_eq!(held(&page, "Count"), json!(5), "{name}");
        assert_eq!(words(&page, "Notes"), "both", "{name}");
        assert_eq!(held(&page, "Done"), json!(true), "{name}");
    }
    assert_eq!(world.writes().len(), 2, "a request for each row");
    for left in ["changes", "conflicts", "sync_rows"] {
        assert_eq!(
            world.number(&format!("SELECT count(*) FROM {left}")),
            0,
            "{left}"
        );
    }
    world.quiet().await;
}

// 07

/// Every cell of a query, in words.
fn all(world: &World, query: &str) -> Vec<Vec<Cell>> {
    let person = world.person();
    let mut statement = person.prepare(query).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// What is told of runs, of their edits, of what waits: with every time in it.
async fn told(world: &World) -> (Vec<Vec<Cell>>, Vec<Vec<Cell>>, String) {
    let runs = all(world, "SELECT * FROM runs ORDER BY 1");
    let journal = all(world, "SELECT * FROM journal ORDER BY 1");
    let store = world.store();
    let waiting = store.unresolved_commands().await.unwrap();
    (runs, journal, format!("{waiting:?}"))
}

#[tokio::test]
async fn defect_07_what_was_does_not_move_with_the_clock_or_with_what_comes_after() {
    let mut world = World::pulled(&["one", "two", "three"]).await;
    world.sql("UPDATE Tasks SET Count = 1 WHERE Name = 'one'");
    world.run().await;
    // A command is refused for now, and waits for its moment.
    let one = world.id("one");
    let busy = Fault::Status {
        status: 409,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    let busy = FaultRule::next(busy).method("PATCH").path(&one).times(100);
    world.sim.inject(busy);
    world.sql("UPDATE Tasks SET Count = 2 WHERE Name = 'one'");
    let report = world.run().await;
    let due = due(&report);
    let before = told(&world).await;

    // Reading is not an event, whatever the clock says by now.
    let start = world.sim.now().as_millisecond();
    for years in [10, -10, 0] {
        world.clock = StandingClock::at(start + years * 31_536_000_000);
        assert_eq!(told(&world).await, before, "{years} years");
    }
    // Other rows change, a run is added, time passes: what stood there stands there.
    world.pass(Duration::from_secs(1));
    world.sql("UPDATE Tasks SET Count = 3 WHERE Name = 'two'");
    world.edit("three", json!({ "Notes": rich_text("late") }));
    let report = world.run().await;
    assert_eq!(self::due(&report), due, "its moment is the one it was told");
    let after = told(&world).await;
    assert_eq!(after.0[..before.0.len()], before.0[..]);
    assert_eq!(after.1[..before.1.len()], before.1[..]);

    // A clock that jumped back makes nothing wait longer than it would have.
    world.sim.clear_faults();
    world.clock = StandingClock::at(start - 31_536_000_000);
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(2));
    world.quiet().await;
    let later = told(&world).await;
    assert!(before.0.iter().all(|run| later.0.contains(run)));
    assert!(before.1.iter().all(|entry| later.1.contains(entry)));
}

/// When the command that waits is due.
fn due(report: &Report) -> Vec<i64> {
    let due = report.undelivered.iter();
    let due: Vec<i64> = due.filter_map(|command| Some(command.due_at?.0)).collect();
    assert_eq!(due.len(), 1, "{report:?}");
    due
}

// 08

/// What was asked of a store: calls, records and other lines that it handed out or was given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    requests: usize,
    calls: usize,
    read: usize,
    written: usize,
}

struct CountingStore {
    inner: SqliteStore,
    work: Arc<Mutex<Work>>,
}

impl CountingStore {
    fn count(&self, read: usize, written: usize) {
        let mut work = self.work.lock().unwrap();
        work.calls += 1;
        work.read += read;
        work.written += written;
    }
}

#[async_trait::async_trait]
impl Store for CountingStore {
    async fn open(&self, spec: &LinkSpec, mode: OpenMode) -> Result<Opened, StoreError> {
        self.count(0, 0);
        self.inner.open(spec, mode).await
    }

    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> Result<Fence, StoreError> {
        self.count(0, 0);
        self.inner.lease(link, ask).await
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        let rows = self.inner.read(link, query, after, limit).await?;
        let read = match &rows {
            Rows::Heads(rows) => rows.len(),
            Rows::Ids(rows) => rows.len(),
            Rows::Digests(rows) => rows.len(),
            Rows::Pairs(rows) => rows.len(),
            Rows::Intents(rows) => rows.len(),
            Rows::Conflicts(rows) => rows.len(),
            Rows::Waits(rows) => rows.len(),
            Rows::Journal(rows) => rows.len(),
            Rows::Runs(rows) => rows.len(),
            _ => 1,
        };
        self.count(read, 0);
        Ok(rows)
    }

    async fn commit(&self, fence: &Fence, commit: Commit) -> Result<Committed, StoreError> {
        self.count(0, commit.changes.len() + commit.effects.len());
        self.inner.commit(fence, commit).await
    }
}

/// A run like those of a replica, with its requests and its store counted.
async fn counted(world: &World, full: bool) -> (Report, Work) {
    world.sim.clear_ledger();
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let store = world.store();
    let notion = NotionOptions::default().index_lag(Duration::ZERO);
    let notion = NotionPeer::new(world.client(), world.data_source.parse().unwrap(), notion);
    let at = Clock::now(&world.clock);
    let description = notion.describe(&call).await.unwrap();
    let link = LinkId::new(world.data_source.clone());
    let table = store.replica(&link).build();
    let mapping = table.align(&description.schema, None, true).await.unwrap();
    let left = Described { description, at };
    let description = table.describe(&call).await.unwrap();
    let right = Described { description, at };
    let spec = LinkSpec {
        id: link,
        places: Sides::new(notion.place().clone(), table.place().clone()),
        names: Sides::new("Notion".into(), "SQLite".into()),
        mapping,
        filters: Sides::default(),
        policy: Policy::default(),
    };
    let work = Arc::default();
    let store = CountingStore {
        inner: store,
        work: Arc::clone(&work),
    };
    let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(notion), Arc::new(table));
    let described = Sides::new(left, right);
    let clock = Arc::new(world.clock.clone());
    let engine = Engine::new(spec, described, peers, Arc::new(store), clock);
    let options = RunOptions {
        full,
        ..RunOptions::default()
    };
    let report = engine.run(&options).await.unwrap();
    let mut work = *work.lock().unwrap();
    work.requests = world.requests();
    world.pass(Duration::from_secs(150));
    (report, work)
}

/// A first pull, a look at everything, and a run with an edit of every hundredth row on each side.
async fn work_of(rows: usize) -> [Work; 3] {
    let world = World::new().await;
    for row in 0..rows {
        world.add(&format!("row {row}"), json!({}));
    }
    world.pass(Duration::from_secs(150));
    let (report, first) = counted(&world, true).await;
    assert_eq!(report.settled.right.created, rows as u64);
    let (report, again) = counted(&world, true).await;
    assert!(report.is_quiet(), "{report:?}");
    world.sql("UPDATE Tasks SET Count = 1 WHERE _row % 100 = 1");
    let pages = world.sim.pages(&world.data_source).unwrap();
    for page in pages.iter().step_by(100) {
        let page = page["id"].as_str().unwrap();
        let late = json!({ "Notes": rich_text("late") });
        world.sim.edit_as_person(page, &late).unwrap();
    }
    let (report, edited) = counted(&world, false).await;
    assert_eq!(report.settled.left.patched, rows as u64 / 100);
    [first, again, edited]
}

#[tokio::test]
async fn defect_08_ten_times_the_rows_cost_ten_times_the_work() {
    let (few, many) = (work_of(300).await, work_of(3_000).await);
    for (few, many) in few.into_iter().zip(many) {
        let shown = format!("{few:?} {many:?}");
        for (few, many) in [
            (few.requests, many.requests),
            (few.calls, many.calls),
            (few.read, many.read),
            (few.written, many.written),
        ] {
            assert!(many <= few * 10 + 10, "{shown}");
        }
    }
}

#[tokio::test]
async fn defect_08_a_long_history_makes_no_run_dearer() {
    let world = World::pulled(&["one", "two"]).await;
    let mut works = Vec::new();
    for round in 0..40 {
        world.sql(&format!(
            "UPDATE Tasks SET Count = {round} WHERE Name = 'one'"
        ));
        let (report, work) = counted(&world, false).await;
        assert_eq!(report.settled.left.patched, 1, "{report:?}");
        works.push(work);
    }
    assert_eq!(works[2], works[39], "{works:?}");
}

// 11

#[tokio::test]
async fn defect_11_signatures_computed_values_and_times_make_no_row_stale_or_pending() {
    let mut world = World::new().await;
    world.policy.precheck = Precheck::Always;
    let computed = json!({
        "Files": { "files": {} }, "Sum": { "formula": { "expression": "1" } },
        "Edited": { "last_edited_time": {} }, "By": { "last_edited_by": {} },
    });
    world
        .sim
        .alter_as_person(&world.data_source, &computed)
        .unwrap();
    let hosted = json!({ "url": "https://files.example/plan.pdf" });
    let file = json!({ "files": [{ "name": "plan.pdf", "file": hosted }] });
    for name in ["one", "two"] {
        world.add(name, json!({ "Files": file }));
    }
    world.settle().await;
    let signed = |world: &World| world.held("one", "Files")[0]["file"]["url"].clone();
    assert_ne!(signed(&world), signed(&world), "every read is signed anew");

    for count in 1..=3 {
        let shown = json!({ "type": "number", "number": count });
        world.sim.compute(&world.id("one"), "Sum", &shown).unwrap();
        // Counts as an edit, and says what was there.
        world.edit("two", json!({ "Done": { "checkbox": false } }));
        // Long enough for a look at everything, and for a signature to be over.
        world.pass(Duration::from_secs(7_200));
        let report = world.run().await;
        assert!(report.full_scan.left);
        let settled = (report.settled.left.total(), report.settled.right.total());
        assert_eq!(settled, (0, 0), "{report:?}");
        assert_eq!(
            (report.raised, report.refusals),
            (Default::default(), Vec::new())
        );
        assert_eq!(
            world.value("one", "Sum"),
            Cell::Integer(count),
            "it is shown"
        );
        let pending = "SELECT (SELECT count(*) FROM changes) + (SELECT count(*) FROM sync_rows)";
        assert_eq!(world.number(pending), 0);
    }
    assert_eq!(world.writes(), Vec::new());

    // Nor is a row stale when it is read again just before it is written.
    world.sql("UPDATE Tasks SET Count = 9");
    let four = json!({ "type": "number", "number": 4 });
    world.sim.compute(&world.id("one"), "Sum", &four).unwrap();
    let report = world.run().await;
    assert!(!report.raised.contains_key(&Guard::StaleBase), "{report:?}");
    assert_eq!(world.writes().len(), 2);
    world.quiet().await;
    let file = std::fs::read(&world.file).unwrap();
    let secret = b"X-Amz-Signature";
    assert!(!file.windows(secret.len()).any(|bytes| bytes == secret));
}

// 13

#[tokio::test]
async fn defect_13_a_conflict_about_a_record_settles_whichever_side_is_kept() {
    for trashed_in_notion in [true, false] {
        for keep in ["notion", "sqlite"] {
            let mut world = World::pulled(&["one", "two", "three"]).await;
            world.policy.resurrect = Resurrect::Ask;
            if trashed_in_notion {
                world.trash("one", true);
                world.sql("UPDATE Tasks SET Count = 4 WHERE Name = 'one'");
            } else {
                world.edit("one", json!({ "Count": { "number": 4 } }));
                world.sql("UPDATE Tasks SET _trashed = 1 WHERE Name = 'one'");
            }
            let report = world.run().await;
            assert_eq!(report.open_conflicts, 1, "{report:?}");
            world.sql(&format!("UPDATE conflicts SET resolution = '{keep}'"));
            let report = world.run().await;
            assert_eq!(report.open_conflicts, 0, "{keep}: {report:?}");
            assert_eq!(world.number("SELECT count(*) FROM conflicts"), 0);
            let lives = (keep == "sqlite") == trashed_in_notion;
            let page = world.page("one");
            assert_eq!(page["in_trash"], json!(!lives), "{keep}");
            assert_eq!(world.value("one", "_trashed"), i64::from(!lives).into());
            if lives {
                assert_eq!(held(&page, "Count"), json!(4));
                assert_eq!(world.value("one", "Count"), 4.into());
            }
            world.quiet().await;
        }
    }
}

// 14

#[tokio::test]
async fn defect_14_trash_and_moves_that_no_edit_shows_are_seen_by_the_next_full_scan() {
    let world = World::of_rows(130).await;
    let archive = world
        .sim
        .create_data_source("Archive", &common::schema())
        .unwrap();
    let (trashed, moved) = (world.id("row 7"), world.id("row 8"));
    world.trash("row 7", true);
    world.sim.move_as_person(&moved, &archive).unwrap();
    let report = world.run().await;
    assert!(report.is_quiet() && !report.full_scan.left, "{report:?}");
    world.pass(Duration::from_secs(7_200));
    let report = world.run().await;
    assert!(report.full_scan.left);
    assert_eq!(report.settled.right.trashed, 1, "{report:?}");
    let gone = "SELECT _id FROM Tasks WHERE _trashed = 1";
    assert_eq!(world.cell(gone), trashed.into());
    let told = world.cell("SELECT _id || ' ' || reason FROM sync_rows");
    let told = format!("{told:?}");
    assert!(
        told.contains(&moved) && told.contains("moved to another collection"),
        "{told}"
    );
    assert_eq!(world.writes(), Vec::new());
}
