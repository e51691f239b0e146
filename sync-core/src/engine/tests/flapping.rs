//! Two programs that take back each other's edits, and people who only change their minds.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, text};
use crate::engine::{Report, RunOptions};
use crate::link::Side;
use crate::pair::RecordState;
use crate::plan::Guard;
use crate::record::Key;

/// Somebody at Notion wants "there", somebody here wants "here", and each sets it right.
struct Fight {
    world: World,
    page: Key,
    row: Key,
}

impl Fight {
    fn new() -> Self {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.notion.person_sets(&page, "notes", text("there"));
        world.settle();
        Self { world, page, row }
    }

    /// Each side in turn puts its word back; what was written by the runs, and the last report.
    fn rounds(&self, rounds: usize) -> (usize, Report) {
        self.world.notion.take_mutations();
        self.world.local.take_mutations();
        let mut last = None;
        for round in 0..rounds {
            if round % 2 == 0 {
                self.set_here("here");
            } else {
                self.world
                    .notion
                    .person_sets(&self.page, "notes", text("there"));
            }
            self.world.clock.advance(Duration::from_secs(120));
            last = Some(self.world.run());
        }
        let notion = self.world.notion.take_mutations().len();
        (
            notion + self.world.local.take_mutations().len(),
            last.unwrap(),
        )
    }

    fn set_here(&self, word: &str) {
        self.world.local.person_sets(&self.row, "notes", text(word));
    }

    fn notes(&self) -> [String; 2] {
        let value = |value: Option<crate::value::Value>| value.unwrap().display();
        [
            value(self.world.notion.value(&self.page, "notes")),
            value(self.world.local.value(&self.row, "notes")),
        ]
    }

    fn run(&self, options: &RunOptions) -> Report {
        block_on(self.world.engine().run(options)).unwrap()
    }
}

#[test]
fn pain_11_a_field_written_back_and_forth_is_paused_and_told() {
    let fight = Fight::new();
    let (writes, report) = fight.rounds(3);
    assert_eq!((writes, report.raised.len()), (3, 0), "{report:?}");
    let (writes, report) = fight.rounds(6);
    assert_eq!(writes, 0, "neither side is written to any more");
    assert!(report.raised.contains_key(&Guard::Flapping), "{report:?}");
    assert_eq!(
        fight.world.standing(Side::Left, &fight.page),
        Some(RecordState::Parked)
    );
    // The rest of the record goes on.
    fight
        .world
        .local
        .person_sets(&fight.row, "title", text("new title"));
    fight.world.run();
    let title = fight.world.notion.value(&fight.page, "title");
    assert_eq!(title, Some(text("new title")));
}

#[test]
fn defect_09_a_pause_ends_with_its_cause() {
    // A day later it is tried again.
    let fight = Fight::new();
    fight.rounds(4);
    fight.world.clock.advance(Duration::from_secs(24 * 3600));
    let report = fight.world.run();
    assert!(report.raised.is_empty(), "{report:?}");
    let [notion, local] = fight.notes();
    assert_eq!(notion, local);
    assert_eq!(fight.world.standing(Side::Left, &fight.page), None);

    // A value that is not part of it flows.
    let fight = Fight::new();
    fight.rounds(4);
    fight.set_here("a third word");
    fight
        .world
        .notion
        .person_sets(&fight.page, "notes", text("here"));
    fight.world.clock.advance(Duration::from_secs(120));
    let report = fight.world.run();
    assert!(report.raised.is_empty(), "{report:?}");
    assert_eq!(fight.notes(), ["a third word", "a third word"]);

    // One side gives in.
    let fight = Fight::new();
    fight.rounds(4);
    fight.set_here("there");
    let report = fight.world.run();
    assert!(report.raised.is_empty(), "{report:?}");

    // A person lets it pass.
    let fight = Fight::new();
    fight.rounds(4);
    let options = RunOptions {
        approved: [Guard::Flapping].into(),
        ..RunOptions::default()
    };
    let report = fight.run(&options);
    assert!(report.raised.is_empty(), "{report:?}");
    let [notion, local] = fight.notes();
    assert_eq!(notion, local);
}

#[test]
fn pain_11_a_person_who_edits_often_is_not_paused() {
    let fight = Fight::new();
    let report = |act: &dyn Fn(usize)| {
        let mut raised = 0;
        for round in 0..12 {
            act(round);
            fight.world.clock.advance(Duration::from_secs(120));
            raised += fight.world.run().raised.len();
        }
        raised
    };
    // To and fro on one side, and new words from both in turn.
    let toggles = |round: usize| fight.set_here(["on", "off"][round % 2]);
    assert_eq!(report(&toggles), 0);
    let answers = |round: usize| match round % 2 {
        0 => fight.set_here(&format!("{round}")),
        _ => {
            let word = text(&format!("{round}"));
            fight.world.notion.person_sets(&fight.page, "notes", word);
        }
    };
    assert_eq!(report(&answers), 0);
    fight.world.assert_equal();
}

#[test]
fn pain_11_a_pause_survives_the_process_and_a_dry_run_tells_it() {
    let fight = Fight::new();
    fight.rounds(4);
    let memory = fight.world.store.memory(&fight.world.spec.id);
    let pairs = memory.pairs().filter_map(|pair| pair.base.as_ref());
    for base in pairs {
        let json = serde_json::to_string(base).unwrap();
        let read: crate::pair::Base = serde_json::from_str(&json).unwrap();
        assert_eq!(&read, base);
    }
    let plan = fight.world.plan();
    let guards: Vec<Guard> = plan.refusals.iter().map(|refusal| refusal.guard).collect();
    assert_eq!(guards, [Guard::Flapping]);
    assert_eq!(plan.commands(), 0);
}
