//! A day of watching, on a virtual clock: people edit on both sides all the time, the process is
//! started anew, the machine's clock jumps. Nothing is missed, requests stay in their budget, and
//! what the process holds does not grow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{StandingClock, World, rich_text};
use futures::future::{BoxFuture, Either, select};
use notion_sync::core::port::{Cancel, Clock};
use notion_sync::core::record::Timestamp;
use notion_sync::{Event, Replica, Report, Rhythm, RunOptions, Watch};
use serde_json::json;

const POLL: Duration = Duration::from_secs(300);
const CYCLES: usize = 24 * 12;
const ROWS: usize = 120;

/// Sleeping passes time for Notion as well; our own clock may be wrong.
#[derive(Clone)]
struct DayClock {
    inner: StandingClock,
    skew: Arc<AtomicI64>,
    world: Arc<World>,
}

impl Clock for DayClock {
    fn now(&self) -> Timestamp {
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp(Clock::now(&self.inner).0 + skew)
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.world.sim.advance(span);
        Clock::sleep(&self.inner, span)
    }
}

/// What people wrote last, by the row's title: both sides have to hold it in the end.
#[derive(Default)]
struct Truth {
    counts: BTreeMap<String, i64>,
    notes: BTreeMap<String, String>,
    trashed: Vec<String>,
    /// How many edits there were, and how many of them have to be written to Notion.
    edits: usize,
    to_send: usize,
}

/// The people. In every round they touch other rows, so that none of their edits is a conflict.
fn people_edit(world: &World, truth: &mut Truth, round: usize) {
    let row = |at: usize| format!("row {}", (round * 7 + at) % ROWS);
    let (in_sql, in_notion, in_both) = (row(0), row(1), row(2));
    let alive = |truth: &Truth, name: &String| !truth.trashed.contains(name);
    let count = i64::try_from(round).unwrap();
    if alive(truth, &in_sql) {
        world.sql(&format!(
            "UPDATE Tasks SET Count = {count} WHERE Name = '{in_sql}'"
        ));
        truth.counts.insert(in_sql, count);
        truth.edits += 1;
        truth.to_send += 1;
    }
    if alive(truth, &in_notion) {
        let text = format!("in Notion, round {round}");
        world.edit(&in_notion, json!({ "Notes": rich_text(&text) }));
        truth.notes.insert(in_notion, text);
        truth.edits += 1;
    }
    // Two fields of one row, one on each side.
    if alive(truth, &in_both) {
        world.sql(&format!(
            "UPDATE Tasks SET Count = -{count} WHERE Name = '{in_both}'"
        ));
        let text = format!("beside SQL, round {round}");
        world.edit(&in_both, json!({ "Notes": rich_text(&text) }));
        truth.counts.insert(in_both.clone(), -count);
        truth.notes.insert(in_both, text);
        truth.edits += 2;
        truth.to_send += 1;
    }
    match round {
        40 => trash(world, truth, "row 3", true),
        90 => trash(world, truth, "row 60", false),
        200 => trash(world, truth, "row 61", true),
        60 | 120 => {
            let name = format!("made in SQL, round {round}");
            world.sql(&format!(
                "INSERT INTO Tasks (Name, Count) VALUES ('{name}', {count})"
            ));
            truth.counts.insert(name, count);
            truth.edits += 1;
            truth.to_send += 1;
        }
        61 | 121 => {
            let name = format!("made in Notion, round {round}");
            world.add(&name, json!({ "Count": { "number": count } }));
            truth.counts.insert(name, count);
            truth.edits += 1;
        }
        _ => {}
    }
}

fn trash(world: &World, truth: &mut Truth, name: &str, in_notion: bool) {
    match in_notion {
        true => world.trash(name, true),
        false => {
            world.sql(&format!(
                "UPDATE Tasks SET _trashed = 1 WHERE Name = '{name}'"
            ));
        }
    }
    truth.trashed.push(name.to_owned());
    truth.edits += 1;
}

/// Resident memory, where the system tells it.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[tokio::test]
async fn defect_14_pain_26_a_day_of_watching_misses_nothing_and_keeps_its_budgets() {
    let world = Arc::new(World::of_rows(ROWS).await);
    let clock = DayClock {
        inner: world.clock.clone(),
        skew: Arc::default(),
        world: Arc::clone(&world),
    };
    let truth = Mutex::new(Truth::default());
    let (mut round, mut requests, mut sweeps, mut resting) = (0, 0, 0, None);
    let mut processes = 0;
    while round < CYCLES {
        processes += 1;
        // A process ends every five hours: asked to, or in the middle of a run.
        let until = (round + 60).min(CYCLES);
        let abrupt = processes % 2 == 0;
        let cancel = Cancel::default();
        let store = world.store();
        let replica: Replica = world
            .replica(world.client(), &store)
            .look_every(None)
            .clock(Arc::new(clock.clone()));
        let mut rhythm = Rhythm::default();
        rhythm.poll_every = POLL;
        let watch = Watch::new(rhythm);
        // Ends the process in the middle of a run: the future is dropped where it stands.
        let (end, ended) = futures::channel::oneshot::channel::<()>();
        let end = Mutex::new(Some(end));
        let ending = Arc::new(AtomicBool::new(false));
        let options = RunOptions {
            cancel: cancel.clone(),
            progress: Some({
                let ending = Arc::clone(&ending);
                Arc::new(move |event: &Event| {
                    let is_writing = matches!(event, Event::Planned(_) | Event::Applied { .. });
                    if is_writing && ending.load(Ordering::Relaxed) {
                        let end = end.lock().unwrap().take();
                        end.map(|end| end.send(()));
                    }
                })
            }),
            ..RunOptions::default()
        };
        let told = |result: &Result<Report, _>| {
            let report = result.as_ref().unwrap();
            assert!(report.refusals.is_empty(), "round {round}: {report:?}");
            assert_eq!(report.open_conflicts, 0, "round {round}: {report:?}");
            requests += world.requests();
            sweeps += usize::from(report.full_scan.left);
            world.sim.clear_ledger();
            people_edit(&world, &mut truth.lock().unwrap(), round);
            round += 1;
            match round {
                96 => clock.skew.store(2 * 3_600_000, Ordering::Relaxed),
                120 => clock.skew.store(-600_000, Ordering::Relaxed),
                144 => clock.skew.store(0, Ordering::Relaxed),
                // Everything there is to hold is held by now.
                72 => resting = resident(),
                _ => {}
            }
            if round >= until {
                ending.store(true, Ordering::Relaxed);
                if !abrupt || round == CYCLES {
                    cancel.cancel();
                }
            }
        };
        let watching = std::pin::pin!(replica.watch(&options, &watch, told));
        match select(ended, watching).await {
            Either::Left(_) => assert!(abrupt),
            Either::Right((result, _)) => result.unwrap(),
        }
    }
    assert!(processes >= 5, "{processes}");
    let (held, before) = (resident().unwrap_or(0), resting.unwrap_or(0));
    assert!(
        held < before + 16 * 1024 * 1024,
        "{before} bytes after six hours, {held} after a day"
    );
    // What was edited last has no run yet.
    world.pass(POLL);
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(report.open_conflicts, 0, "{report:?}");
        world.pass(Duration::from_secs(3_700));
    }
    let truth = truth.into_inner().unwrap();
    for (name, count) in &truth.counts {
        if !truth.trashed.contains(name) {
            assert_eq!(world.held(name, "Count"), json!(count), "{name}");
            let value = world.value(name, "Count");
            assert_eq!(value, rusqlite::types::Value::Integer(*count), "{name}");
        }
    }
    for (name, text) in &truth.notes {
        if !truth.trashed.contains(name) {
            assert_eq!(common::words(&world.page(name), "Notes"), *text, "{name}");
            assert_eq!(world.text(name, "Notes").as_deref(), Some(text.as_str()));
        }
    }
    for name in &truth.trashed {
        let trashed = world.value(name, "_trashed");
        assert_eq!(trashed, rusqlite::types::Value::Integer(1), "{name}");
        assert_eq!(world.page(name)["in_trash"], json!(true), "{name}");
    }
    let pages = world.sim.pages(&world.data_source).unwrap().len();
    assert_eq!(pages, ROWS + 4, "no page was made twice");
    assert!(sweeps >= 22, "{sweeps} sweeps in a day");
    // A poll each, and a look at the schema before the first write of a cycle; a sweep reads two
    // pages; few writes are read for first. Starting anew costs a look at the schema.
    let budget = CYCLES * 2 + sweeps * 3 + truth.to_send * 11 / 10 + processes * 3;
    assert!(
        requests <= budget,
        "{requests} requests, budget {budget} ({} of {} edits to send, {sweeps} sweeps)",
        truth.to_send,
        truth.edits
    );
    println!(
        "{requests} requests of {budget}, {sweeps} sweeps, {} edits",
        truth.edits
    );
}
