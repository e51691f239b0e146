//! Races by name: local edit, remote edit, trash, restore, schema change, crash, permission loss and
//! move, where they meet in one run: before it reads, between reading and writing, after a write and
//! before it is settled. `docs/algorithm/races.md` lists them with their outcomes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod crashes;
mod edits;
mod moves;
mod permission;
mod schema;
mod trash;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{World, held, rich_text, words};
use futures::channel::oneshot;
use futures::future::{Either, select};
use notion_sync::client::Timer;
use notion_sync::core::link::Precheck;
use notion_sync::core::plan::Guard;
use notion_sync::{Event, Report, RunOptions, RunOutcome};
use notion_sync_sim::{Fault, FaultRule, Knobs};
use serde_json::{Value, json};

// What happens, and when.

fn planned(event: &Event) -> bool {
    matches!(event, Event::Planned(_))
}

fn applied(event: &Event) -> bool {
    matches!(event, Event::Applied { .. })
}

/// A run; once it has read both sides and before it writes, something happens in Notion.
async fn meanwhile(world: &Arc<World>, happens: impl FnOnce(&World) + Send + 'static) -> Report {
    let there = Arc::clone(world);
    world.run_while(planned, move || happens(&there)).await
}

/// Rows that are the same on both sides; every write is checked just before, if asked for.
async fn agreed(names: &[&str], precheck: Option<Precheck>) -> Arc<World> {
    let mut world = World::pulled(names).await;
    if let Some(precheck) = precheck {
        world.policy.precheck = precheck;
    }
    Arc::new(world)
}

fn number(count: i64) -> Value {
    json!({ "Count": { "number": count } })
}

fn notes(text: &str) -> Value {
    json!({ "Notes": rich_text(text) })
}

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        code: None,
        message: None,
        retry_after: (status == 429).then_some(1),
        reason: None,
    }
}

fn to(method: &str, path: &str, fault: Fault) -> FaultRule {
    FaultRule::next(fault).method(method).path(path)
}

fn guards(report: &Report) -> Vec<Guard> {
    report.refusals.iter().map(|told| told.guard).collect()
}

/// A client's clock at which a process dies: the first wait never ends, and somebody is told.
#[derive(Clone)]
struct Deathbed(Arc<Mutex<Option<oneshot::Sender<()>>>>);

#[async_trait::async_trait]
impl Timer for Deathbed {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        if let Some(tell) = self.0.lock().unwrap().take() {
            let _ = tell.send(());
        }
        std::future::pending().await
    }
}

/// A process that dies where Notion makes it wait: `faults` meet what it sends once it has planned.
async fn dies_waiting(world: &Arc<World>, faults: Vec<FaultRule>) {
    let (tell, told) = oneshot::channel();
    let client = world.client_with(Deathbed(Arc::new(Mutex::new(Some(tell)))));
    let there = Arc::clone(world);
    let faults = Mutex::new(Some(faults));
    let listener = move |event: &Event| {
        if planned(event)
            && let Some(faults) = faults.lock().unwrap().take()
        {
            faults.into_iter().for_each(|fault| there.sim.inject(fault));
        }
    };
    let store = world.store();
    let options = progress(listener);
    let replica = world.replica(client, &store);
    match select(pin!(replica.run(&options)), told).await {
        Either::Left((ended, _)) => panic!("it did not wait: {ended:?}"),
        Either::Right(_) => world.sim.clear_faults(),
    }
}

/// A process that dies at the first event that `when` picks.
async fn dies_at(world: &World, when: fn(&Event) -> bool) {
    let (tell, told) = oneshot::channel();
    let tell = Mutex::new(Some(tell));
    let options = progress(move |event: &Event| {
        if when(event)
            && let Some(tell) = tell.lock().unwrap().take()
        {
            let _ = tell.send(());
        }
    });
    let store = world.store();
    let replica = world.replica(world.client(), &store);
    match select(pin!(replica.run(&options)), told).await {
        Either::Left((ended, _)) => panic!("it ended: {ended:?}"),
        Either::Right(_) => {}
    }
}

fn progress(listener: impl Fn(&Event) + Send + Sync + 'static) -> RunOptions {
    RunOptions {
        progress: Some(Arc::new(listener)),
        ..RunOptions::default()
    }
}

/// Notion has done what the next request of this kind asked for, and dies before it says so.
fn lost(method: &str) -> Vec<FaultRule> {
    vec![
        to(method, "/v1/pages", Fault::DropAfterCommit),
        // What the outcome is asked with: the page, or a query for the marker.
        to("GET", "/v1/pages/", status(429)),
        to("POST", "/query", status(429)),
    ]
}

/// The record is alive on both sides and both say the same; nothing is left to do.
async fn lives_with(world: &World, name: &str, count: i64) {
    let page = world.page(name);
    assert_eq!(
        (&page["in_trash"], held(&page, "Count")),
        (&json!(false), json!(count))
    );
    assert_eq!(world.value(name, "_trashed"), 0.into());
    assert_eq!(world.value(name, "Count"), count.into());
    let writes = world.writes();
    world.quiet().await;
    assert!(writes.len() <= 2, "{writes:?}");
}

/// `docs/algorithm/races.md` and these tests name the same situations.
#[test]
fn every_race_is_in_the_book_and_every_race_in_the_book_is_tested() {
    let files = [
        include_str!("edits.rs"),
        include_str!("trash.rs"),
        include_str!("schema.rs"),
        include_str!("crashes.rs"),
        include_str!("permission.rs"),
        include_str!("moves.rs"),
    ];
    let tests = files.iter().flat_map(|file| file.lines());
    let tests = tests.filter_map(|line| line.strip_prefix("async fn race_"));
    let tests: Vec<&str> = tests.filter_map(|line| line.split('(').next()).collect();
    let book = include_str!("../../docs/algorithm/races.md").lines();
    let book = book.filter_map(|line| line.strip_prefix("| `race_"));
    let book: Vec<&str> = book.filter_map(|line| line.split('`').next()).collect();
    assert_eq!(tests, book);
    let numbers = tests.iter().map(|name| name[..2].parse::<usize>().unwrap());
    assert!(numbers.eq(1..=tests.len()), "{tests:?}");
}
