//! Answers that never come, refusals, and credentials: waited for, looked up, said, never guessed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, rich_text};
use notion_sync::core::outbox::IntentId;
use notion_sync::core::plan::Guard;
use notion_sync::core::record::Key;
use notion_sync::{ReplicaError, RunError, RunOptions, RunOutcome};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;

fn create(fault: Fault) -> FaultRule {
    FaultRule::next(fault).method("POST").path("/v1/pages")
}

fn patch(fault: Fault) -> FaultRule {
    FaultRule::next(fault).method("PATCH").path("/v1/pages/")
}

fn refused(status: u16, retry_after: u64) -> Fault {
    Fault::Status {
        status,
        code: None,
        message: None,
        retry_after: Some(retry_after),
        reason: None,
    }
}

/// A row "new" waits to become a page.
async fn with_a_new_row(marker: bool) -> World {
    let mut world = World::pulled(&["one"]).await;
    world.marker = marker;
    world.sql("INSERT INTO Tasks (Name, Count) VALUES ('new', 1)");
    world
}

const ROWS: &str = "SELECT count(*) FROM Tasks WHERE Name = 'new'";

async fn created_once(world: &World) {
    assert_eq!(world.pages("new").len(), 1);
    assert_eq!(world.number(ROWS), 1);
    assert_eq!(world.text("new", "_id"), Some(world.id("new")));
    world.quiet().await;
}

#[tokio::test]
async fn defect_06_a_create_whose_answer_was_lost_is_found_by_its_marker() {
    let world = with_a_new_row(true).await;
    world.sim.inject(create(Fault::DropAfterCommit));
    let report = world.run().await;
    assert_eq!((report.outcome, report.waiting), (RunOutcome::Clean, 0));
    created_once(&world).await;
}

#[tokio::test]
async fn defect_06_a_create_answered_with_503_is_found_by_its_marker() {
    for with_id in [true, false] {
        let world = with_a_new_row(true).await;
        world.sim.inject(create(Fault::CommitThen503 { with_id }));
        let report = world.run().await;
        assert_eq!((report.outcome, report.waiting), (RunOutcome::Clean, 0));
        created_once(&world).await;
    }
}

#[tokio::test]
async fn defect_06_a_create_that_never_arrived_is_sent_again_with_a_marker() {
    let world = with_a_new_row(true).await;
    world.sim.inject(create(Fault::DropBefore));
    world.run().await;
    created_once(&world).await;
}

#[tokio::test]
async fn defect_06_many_lost_answers_make_no_duplicate() {
    let world = {
        let mut world = World::pulled(&["one"]).await;
        world.marker = true;
        world
    };
    for row in 0..12 {
        world.sql(&format!("INSERT INTO Tasks (Name) VALUES ('new {row}')"));
    }
    world.sim.inject(create(Fault::DropAfterCommit).times(12));
    world.run().await;
    for row in 0..12 {
        assert_eq!(world.pages(&format!("new {row}")).len(), 1);
    }
    world.quiet().await;
}

#[tokio::test]
async fn pain_29_without_marker_a_lost_create_waits_and_is_shown() {
    let world = with_a_new_row(false).await;
    world.sim.inject(create(Fault::DropAfterCommit));
    let report = world.run().await;
    assert_eq!(report.waiting, 1, "{report:?}");
    let commands = world.store().unresolved_commands().await.unwrap();
    assert_eq!(commands.len(), 1);
    for _ in 0..2 {
        world.pass(Duration::from_secs(300));
        let report = world.run().await;
        assert_eq!(report.waiting, 1, "{report:?}");
        assert_eq!(world.pages("new").len(), 1, "it is not sent again");
        assert_eq!(world.number(ROWS), 1, "and not pulled as another row");
    }
    let blocked = "SELECT count(*) FROM sync_rows WHERE state = 'blocked'";
    assert!(world.number(blocked) > 0);
}

#[tokio::test]
async fn pain_29_a_person_says_which_page_a_lost_create_made() {
    let world = with_a_new_row(false).await;
    world.sim.inject(create(Fault::DropAfterCommit));
    world.run().await;
    let page = Key::durable(world.id("new"));
    let said = declare_created(&world, &page).await.unwrap_err();
    assert!(said.to_string().contains("run once more"), "{said}");
    world.run().await;
    declare_created(&world, &page).await.unwrap();
    let report = world.run().await;
    assert_eq!((report.outcome, report.waiting), (RunOutcome::Clean, 0));
    created_once(&world).await;
}

async fn declare_created(world: &World, page: &Key) -> Result<(), RunError> {
    let store = world.store();
    let command = store.unresolved_commands().await?.remove(0);
    let id = IntentId(command.id);
    store.declare_created(&command.link, id, page).await
}

#[tokio::test]
async fn pain_29_a_person_says_that_a_lost_create_never_arrived() {
    let world = with_a_new_row(false).await;
    world.sim.inject(create(Fault::DropBefore));
    let report = world.run().await;
    assert_eq!(report.waiting, 1, "nobody can know: {report:?}");
    assert_eq!(world.pages("new").len(), 0);
    let store = world.store();
    let command = store.unresolved_commands().await.unwrap().remove(0);
    store
        .declare_not_sent(&command.link, IntentId(command.id))
        .await
        .unwrap();
    drop(store);
    let report = world.run().await;
    assert_eq!((report.outcome, report.waiting), (RunOutcome::Clean, 0));
    created_once(&world).await;
}

#[tokio::test]
async fn pain_29_a_change_whose_answer_was_lost_is_looked_up_and_not_repeated() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    world.sim.inject(patch(Fault::DropAfterCommit));
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.held("one", "Count"), json!(5));
    world.quiet().await;
}

#[tokio::test]
async fn defect_05_a_lost_change_is_not_proved_by_somebody_elses_edit() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    world.edit("one", json!({ "Notes": rich_text("meanwhile") }));
    world.sim.inject(patch(Fault::DropBefore));
    world.run().await;
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(5));
    assert_eq!(world.text("one", "Notes").as_deref(), Some("meanwhile"));
    world.quiet().await;
}

#[tokio::test]
async fn pain_25_retry_after_three_seconds_is_obeyed() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    world.sim.inject(patch(refused(429, 3)));
    world.clock.slept();
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.clock.slept(), [Duration::from_secs(3)]);
    assert_eq!(world.writes().len(), 1);
    assert_eq!(world.held("one", "Count"), json!(5));
}

#[tokio::test]
async fn pain_25_an_overloaded_notion_is_waited_for() {
    let world = World::pulled(&["one"]).await;
    world.sql("INSERT INTO Tasks (Name) VALUES ('new')");
    world.sim.inject(create(refused(529, 7)));
    world.clock.slept();
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Clean, "{report:?}");
    assert_eq!(world.clock.slept(), [Duration::from_secs(7)]);
    created_once(&world).await;
}

#[tokio::test]
async fn pain_25_a_query_refused_with_429_is_asked_again_after_the_time_told() {
    let world = World::pulled(&["one"]).await;
    world
        .sim
        .inject(FaultRule::next(refused(429, 3)).path("/query").times(2));
    world.clock.slept();
    world.quiet().await;
    assert_eq!(world.clock.slept(), [Duration::from_secs(3); 2]);
}

#[tokio::test]
async fn pain_34_a_refused_token_halts_at_once_and_is_named_by_its_source() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    world.sim.set_token(world.sim.token(), false);
    let error = world.try_run().await.unwrap_err();
    assert!(error.is_unauthorized(), "{error:?}");
    let said = format!("{error} {error:?}");
    assert!(said.contains("TEST_TOKEN"), "{said}");
    assert!(!said.contains(world.sim.token()), "{said}");
    assert_eq!(world.requests(), 1, "{:?}", world.sim.ledger());
    world.sim.set_token(world.sim.token(), true);
    let report = world.run().await;
    assert_eq!(report.settled.left.patched, 2, "{report:?}");
}

#[tokio::test]
async fn a_token_refused_half_way_halts_and_loses_nothing() {
    let world = World::pulled(&["one", "two", "three"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    let fault = Fault::Status {
        status: 401,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    world.sim.inject(patch(fault).skip(1));
    match world.try_run().await {
        Err(error) => assert!(error.is_unauthorized(), "{error:?}"),
        Ok(report) => assert_eq!(report.outcome, RunOutcome::Halted, "{report:?}"),
    }
    assert_eq!(world.writes().len(), 1);
    let report = world.run().await;
    assert_eq!(report.settled.left.patched, 2, "{report:?}");
    assert_eq!(world.writes().len(), 3);
    world.quiet().await;
}

#[tokio::test]
async fn an_unshared_data_source_says_to_share_it_with_the_connection() {
    let world = World::pulled(&["one"]).await;
    world.sim.share(&world.data_source, false).unwrap();
    let error = world.try_run().await.unwrap_err();
    assert!(!error.is_unauthorized());
    let said = error.to_string();
    assert!(
        said.contains("share") && said.contains("data source") && said.contains("connection"),
        "{said}"
    );
    assert_eq!(world.live_rows(), 1, "nothing is taken for deleted");
    world.sim.share(&world.data_source, true).unwrap();
    world.quiet().await;
}

#[tokio::test]
async fn pain_24_a_server_error_while_reading_is_asked_again() {
    let world = World::pulled(&["one"]).await;
    let fault = Fault::HtmlEdge { status: 502 };
    world.sim.inject(FaultRule::next(fault).path("/query"));
    world
        .sim
        .inject(FaultRule::next(Fault::TruncateBody).path("/query"));
    world.quiet().await;
}

#[tokio::test]
async fn defect_15_what_notion_refuses_for_good_is_not_tried_for_ever() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    let fault = Fault::Status {
        status: 400,
        code: None,
        message: Some("body failed validation".into()),
        retry_after: None,
        reason: None,
    };
    let one = format!("/v1/pages/{}", world.id("one"));
    world
        .sim
        .inject(FaultRule::next(fault).method("PATCH").path(&one).times(100));
    for _ in 0..12 {
        world.run().await;
    }
    assert_eq!(world.held("two", "Count"), json!(5), "the rest goes on");
    let tries = world.sim.ledger().into_iter();
    let tries = tries.filter(|entry| entry.path == one && entry.mutating);
    assert!(tries.count() <= 5);
    world.sim.clear_faults();
    world.sql("UPDATE Tasks SET Count = 6 WHERE Name = 'one'");
    world.run().await;
    assert_eq!(
        world.held("one", "Count"),
        json!(6),
        "and there is a way out"
    );
    world.quiet().await;
}

#[tokio::test]
async fn pain_10_two_runs_at_once_make_no_duplicate() {
    let mut world = World::pulled(&["one"]).await;
    world.marker = true;
    for row in 0..20 {
        world.sql(&format!("INSERT INTO Tasks (Name) VALUES ('new {row}')"));
    }
    let (first, second) = tokio::join!(world.try_run(), world.try_run());
    assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
    for failed in [first, second].into_iter().filter_map(Result::err) {
        assert!(
            matches!(failed, ReplicaError::Store(_) | ReplicaError::Run(_)),
            "{failed:?}"
        );
    }
    world.run().await;
    for row in 0..20 {
        assert_eq!(world.pages(&format!("new {row}")).len(), 1);
    }
    assert_eq!(world.live_rows(), 21);
    world.quiet().await;
}

#[tokio::test]
async fn a_refusal_of_one_page_does_not_stop_the_others() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 5");
    let one = format!("/v1/pages/{}", world.id("one"));
    let fault = Fault::Status {
        status: 403,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    };
    world
        .sim
        .inject(FaultRule::next(fault).method("PATCH").path(&one));
    let report = world.run().await;
    let guards: Vec<Guard> = report.refusals.iter().map(|r| r.guard).collect();
    assert_eq!(guards, [Guard::Permission], "{report:?}");
    assert_eq!(world.held("two", "Count"), json!(5));
    let report = world.run().await;
    assert!(report.refusals.is_empty(), "{report:?}");
    assert_eq!(world.held("one", "Count"), json!(5));
}

#[tokio::test]
async fn pain_33_a_plan_writes_nothing_and_a_run_does() {
    let world = with_a_new_row(false).await;
    world.edit("one", json!({ "Count": { "number": 2 } }));
    let bytes = std::fs::read(&world.file).unwrap();
    {
        let store = world.store();
        let replica = world.replica(world.client(), &store);
        let plan = replica.plan(&RunOptions::default()).await.unwrap();
        assert_eq!((plan.counts.create.left, plan.counts.patch.right), (1, 1));
    }
    assert_eq!(std::fs::read(&world.file).unwrap(), bytes);
    assert_eq!(world.writes(), Vec::new());
    let report = world.run().await;
    assert_eq!(report.settled.left.created, 1);
    assert_eq!(report.settled.right.patched, 1);
    assert_ne!(std::fs::read(&world.file).unwrap(), bytes);
}

/// A trigger of the person's own refuses a row that is made at first sight: told once, tried again.
#[tokio::test]
async fn a_page_that_the_table_refuses_waits_until_the_table_takes_it() {
    let world = World::pulled(&["one"]).await;
    world.sql(
        "CREATE TRIGGER mine BEFORE INSERT ON Tasks WHEN NEW.Name = 'new'
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    world.add("new", json!({}));
    let report = world.run().await;
    assert_eq!(report.settled.right.created, 0);
    let told: Vec<Guard> = report
        .refusals
        .iter()
        .map(|refusal| refusal.guard)
        .collect();
    assert_eq!(told, [Guard::Rejected]);
    world.sql("DROP TRIGGER mine");
    world.run().await;
    assert_eq!(world.number(ROWS), 1);
    world.quiet().await;
}
