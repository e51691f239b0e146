//! What is outside a link never reaches its other side, whatever an earlier run wrote down.

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, text};
use crate::engine::RunOptions;
use crate::link::{
    Arbiter, Authority, Contest, CustomLens, Direction, Filter, Lens, LensContext, Policy, Side,
    Unmappable,
};
use crate::plan::{Approval, Guard, Plan};
use crate::schema::FieldId;
use crate::testkit::{CrashPoint, Fault};
use crate::value::Value;

/// The next commit that makes an attempt durable kills the process: nothing was sent.
fn dies_before_it_sends(world: &World) {
    for commits in 1..50 {
        let point = CrashPoint::After(world.store.serial() + commits);
        world.store.crash_at(Some(point));
        let died = block_on(world.engine().run(&RunOptions::default())).is_err();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        let outbox = block_on(world.engine().decisions().outbox()).unwrap();
        if outbox.iter().any(|intent| intent.state.is_unresolved()) {
            return;
        }
        assert!(died, "a run went through and nothing was attempted");
    }
    panic!("nothing was attempted");
}

#[test]
fn e14_a_create_is_not_sent_again_once_its_record_left_the_filter() {
    let mut world = World::new();
    world.spec.filters.right = Some(Filter::equals(FieldId::new("notes"), text("public")));
    let cells = [("title", text("secret soon")), ("notes", text("public"))];
    let row = world.local.person_creates(&cells);
    world.notion.inject([Fault::LoseRequest]);
    world.notion.lag(Duration::from_secs(30));
    assert_eq!(world.run().waiting, 1, "sent, and nobody knows");
    world.local.person_sets(&row, "notes", text("private"));
    world.clock.advance(Duration::from_secs(60));
    let report = world.run();
    assert!(report.raised.contains_key(&Guard::Isolation), "{report:?}");
    assert_eq!(world.notion.records().len(), 0);
    // The guard is gone with its cause, and the record comes when it passes.
    assert!(world.settle().raised.is_empty());
    world.local.person_sets(&row, "notes", text("public"));
    world.settle();
    world.assert_equal();
    assert_eq!(world.notion.records().len(), 1);
}

#[test]
fn e14_a_field_that_is_not_mapped_any_more_is_not_written_by_a_command_of_before() {
    let mut world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "title", text("public"));
    world.local.person_sets(&row, "notes", text("private"));
    dies_before_it_sends(&world);
    let is_mapped = |id: &str| id != "notes";
    world
        .spec
        .mapping
        .fields
        .retain(|field| is_mapped(field.name().as_str()));
    let report = world.run();
    assert!(report.raised.contains_key(&Guard::Isolation), "{report:?}");
    world.settle();
    assert_eq!(world.notion.value(&page, "title"), Some(text("public")));
    assert_ne!(world.notion.value(&page, "notes"), Some(text("private")));
    assert!(world.run().raised.is_empty());
}

#[test]
fn e14_a_link_made_one_way_sends_no_command_of_before_the_other_way() {
    let mut world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("stays here"));
    dies_before_it_sends(&world);
    world.spec.policy.direction = Direction::Toward(Side::Right);
    let report = world.run();
    assert!(report.raised.contains_key(&Guard::Isolation), "{report:?}");
    world.run();
    assert_ne!(world.notion.value(&page, "notes"), Some(text("stays here")));
    assert!(world.run().raised.is_empty());
}

/// A lens of the program's own that answers with more than it was asked.
#[derive(Debug)]
struct Talkative;

impl CustomLens for Talkative {
    fn name(&self) -> &str {
        "talkative"
    }

    fn version(&self) -> u32 {
        1
    }

    fn agree(&self, _: &LensContext<'_>, left: &Value, right: &Value) -> bool {
        left == right
    }

    fn repair(
        &self,
        _: &LensContext<'_>,
        _: Side,
        source: &Value,
        _: Option<&Value>,
    ) -> Result<Value, Unmappable> {
        Ok(source.clone())
    }
}

#[derive(Debug)]
struct AlwaysLeft;

impl Arbiter for AlwaysLeft {
    fn winner(&self, _: &Contest<'_>) -> Option<Side> {
        Some(Side::Left)
    }
}

/// A program's own code says what a field holds and which side is right, and nothing more: no field
/// that is not mapped, no record outside the filter.
#[test]
fn e14_a_programs_own_lens_and_arbiter_let_nothing_out() {
    let mut world = World::with(true, Policy::default());
    world
        .spec
        .mapping
        .fields
        .retain(|field| field.name().as_str() != "tags");
    world.spec.filters.left = Some(Filter::equals(FieldId::new("title"), text("public")));
    for field in &mut world.spec.mapping.fields {
        if field.name().as_str() == "notes" {
            field.lens = Lens::custom(Arc::new(Talkative));
            field.authority = Authority::Arbiter;
        }
    }
    let page = |title: &str| {
        let tags = super::world::tags(&["a"]);
        let cells = [("title", text(title)), ("notes", text("n")), ("tags", tags)];
        world.notion.person_creates(&cells)
    };
    let (public, private) = (page("public"), page("private"));
    let run = || {
        let engine = world.engine().arbiter(Arc::new(AlwaysLeft));
        block_on(engine.run(&RunOptions::default())).unwrap();
        world.clock.advance(Duration::from_secs(120));
    };
    run();
    let row = world.partner(Side::Left, &public);
    world.notion.person_sets(&public, "notes", text("theirs"));
    world.local.person_sets(&row, "notes", text("ours"));
    world.notion.person_sets(&private, "notes", text("hidden"));
    run();
    assert_eq!(world.local.value(&row, "notes"), Some(text("theirs")));
    assert_eq!(world.local.live().len(), 1);
    let tags = world.local.value(&row, "tags");
    assert!(tags.is_none_or(|tags| tags.is_empty()), "not mapped");
}

/// A plan that was edited by hand, its names made to fit: what it names is not what is decided.
#[test]
fn e14_a_saved_plan_edited_by_hand_lets_nothing_out() {
    let mut world = World::new();
    world
        .spec
        .mapping
        .fields
        .retain(|field| field.name().as_str() != "tags");
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, "notes", text("planned"));
    let json = serde_json::to_string(&world.plan()).unwrap();
    let edited = json.replace("\"notes\"", "\"tags\"");
    assert_ne!(json, edited);
    assert!(Plan::from_json(&edited).is_err(), "its names do not fit");
    let smuggled: Plan = serde_json::from_str(&edited).unwrap();
    world.notion.take_mutations();
    let options = RunOptions::default();
    let applied = block_on(
        world
            .engine()
            .apply_plan(&smuggled, &Approval::All, &options),
    );
    applied.unwrap();
    assert_eq!(world.notion.take_mutations(), []);
    assert_ne!(world.notion.value(&page, "notes"), Some(text("planned")));
}
