//! Undo, retention and verify, over HTTP against the simulator and on a real file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{World, words};
use notion_sync::core::engine::Class;
use notion_sync::core::plan::WhyNot;
use notion_sync::{
    ReplicaError, RunError, RunId, UndoOptions, UndoPlan, UndoReport, Verification, VerifyOptions,
};
use serde_json::json;

impl World {
    async fn last_change(&self) -> RunId {
        let store = self.store();
        let runs = self.replica(self.client(), &store).runs(100).await.unwrap();
        runs.into_iter().find(|run| run.settled > 0).unwrap().id
    }

    async fn undo(&self, run: RunId, keep_source: bool) -> Result<UndoReport, ReplicaError> {
        let store = self.store();
        let options = UndoOptions {
            keep_source,
            ..UndoOptions::default()
        };
        self.replica(self.client(), &store)
            .undo(run, &options)
            .await
    }

    async fn plan_undo(&self, run: RunId) -> UndoPlan {
        let store = self.store();
        let replica = self.replica(self.client(), &store);
        replica
            .plan_undo(run, &UndoOptions::default())
            .await
            .unwrap()
    }

    async fn verify(&self) -> Verification {
        let store = self.store();
        let replica = self.replica(self.client(), &store);
        let found = replica.verify(&VerifyOptions::default()).await.unwrap();
        assert!(found.is_total(), "{found:?}");
        found
    }
}

#[tokio::test]
async fn a_run_is_taken_back_on_both_sides_and_nothing_is_left_to_do() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 7, Notes = 'mine' WHERE Name = 'one'");
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(7));
    let run = world.last_change().await;
    let plan = world.plan_undo(run).await;
    assert_eq!(plan.plan.commands(), 2);
    assert_eq!(
        world.held("one", "Count"),
        json!(7),
        "a plan writes nothing"
    );

    assert_eq!(world.undo(run, false).await.unwrap().not_undone, []);
    assert_eq!(world.held("one", "Count"), json!(null));
    assert_eq!(words(&world.page("one"), "Notes"), "");
    assert_eq!(
        world.number("SELECT count(*) FROM Tasks WHERE Count IS NULL"),
        2
    );
    assert_eq!(world.number("SELECT count(*) FROM changes"), 0);
    world.quiet().await;
    assert!(world.verify().await.is_in_agreement());

    let undone = world.last_change().await;
    assert_eq!(world.undo(undone, false).await.unwrap().not_undone, []);
    assert_eq!(world.held("one", "Count"), json!(7));
    assert_eq!(
        world.number("SELECT Count FROM Tasks WHERE Name = 'one'"),
        7
    );
    world.quiet().await;
}

#[tokio::test]
async fn what_is_kept_apart_survives_the_file_and_ends_with_the_next_edit() {
    let world = World::pulled(&["one", "two"]).await;
    world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
    world.sql("INSERT INTO Tasks(Name) VALUES ('new')");
    world.run().await;
    world.pass(Duration::from_secs(150));
    let page = world.id("new");
    let run = world.last_change().await;
    assert_eq!(world.undo(run, true).await.unwrap().not_undone, []);
    for _ in 0..2 {
        world.pass(Duration::from_secs(3700));
        world.run().await;
        assert_eq!(world.held("one", "Count"), json!(null));
        assert_eq!(
            world.number("SELECT Count FROM Tasks WHERE Name = 'one'"),
            7
        );
        assert_eq!(world.sim.page(&page).unwrap()["in_trash"], json!(true));
        assert_eq!(
            world.number("SELECT count(*) FROM Tasks WHERE _trashed = 0"),
            3
        );
    }
    assert_eq!(world.number("SELECT parked FROM sync_status"), 2);
    let found = world.verify().await;
    assert_eq!((found.violations(), found.count(Class::Parked)), (0, 3));

    world.sql("UPDATE Tasks SET Count = 8 WHERE Name = 'one'");
    world.sql("UPDATE Tasks SET Notes = 'on' WHERE Name = 'new'");
    world.run().await;
    assert_eq!(world.held("one", "Count"), json!(8));
    assert_eq!(world.id("new"), page, "the same page, out of the trash");
    assert_eq!(world.page("new")["in_trash"], json!(false));
    world.quiet().await;
    assert!(world.verify().await.is_in_agreement());
}

#[tokio::test]
async fn what_a_person_edited_since_is_left_alone() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
    world.run().await;
    let run = world.last_change().await;
    world.pass(Duration::from_secs(150));
    world.edit("one", json!({ "Count": { "number": 9 } }));
    let undone = world.undo(run, false).await.unwrap();
    assert_eq!(undone.not_undone[0].why, WhyNot::Changed);
    world.run().await;
    assert_eq!(
        world.number("SELECT Count FROM Tasks WHERE Name = 'one'"),
        9
    );
}

#[tokio::test]
async fn a_month_later_the_journal_is_gone_and_the_plan_is_the_same() {
    let world = World::pulled(&["one"]).await;
    world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
    world.run().await;
    let run = world.last_change().await;
    let journal = "SELECT count(*) FROM _sync_journal";
    assert!(world.number(journal) > 0);
    world.pass(Duration::from_secs(31 * 24 * 3600));
    let report = world.run().await;
    assert!(report.undo_since > Some(run));
    assert_eq!(world.number(journal), 0);
    assert_eq!(world.number("SELECT count(*) FROM _sync_intents"), 0);
    let late = world.undo(run, false).await.unwrap_err();
    assert!(
        matches!(late, ReplicaError::Run(RunError::NoSuchRun(_))),
        "{late}"
    );
    world.quiet().await;
    assert!(world.verify().await.is_in_agreement());
}

#[tokio::test]
async fn verify_needs_no_word_about_the_markers_of_the_runs_before() {
    let mut world = World::pulled(&["one"]).await;
    world.marker = true;
    world.sql("INSERT INTO Tasks (Name) VALUES ('two')");
    world.settle().await;
    world.marker = false;
    let found = world.verify().await;
    assert_eq!((found.violations(), found.left()), (0, 0), "{found:?}");
}

#[tokio::test]
async fn verify_tells_edits_that_wait_from_agreement_and_sends_nothing() {
    let world = World::pulled(&["one", "two", "three"]).await;
    assert!(world.verify().await.is_in_agreement());
    world.sql("UPDATE Tasks SET Count = 7 WHERE Name = 'one'");
    world.add("four", json!({}));
    let found = world.verify().await;
    assert_eq!(found.count(Class::Edited), 1);
    assert_eq!(found.count(Class::Unpaired), 1);
    assert_eq!((found.violations(), found.left()), (0, 3));
    assert_eq!(world.writes(), Vec::new());
}
