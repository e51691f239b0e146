//! Creates: at most one record per create, whatever happens to the answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;

use super::odd_peer::{Habit, OddPeer};
use super::world::{World, is_live, text};
use crate::engine::{Event, RunError, RunOptions, RunOutcome};
use crate::link::{Policy, Side, Sides};
use crate::pair::{PairId, PairState, Presence, SideState};
use crate::plan::Guard;
use crate::port::{
    Absence, Call, Cancel, Capabilities, Change, Clock, CommandKind, Description, Peer, Proof,
};
use crate::record::Key;
use crate::testkit::sim::SkewedClock;
use crate::testkit::{CrashPoint, Fault, MemoryPeer, MemoryStore};

#[test]
fn a_row_made_locally_becomes_one_page() {
    let world = World::new();
    world.local.person_creates(&[("title", text("mine"))]);
    let report = world.settle();
    assert_eq!(report.settled.left.created, 1);
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 1);
}

#[test]
fn defect_06_pain_10_a_lost_answer_makes_no_duplicate_with_a_marker() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let world = World::new();
        for n in 0..4 {
            world
                .local
                .person_creates(&[("title", text(&format!("row {n}")))]);
        }
        world
            .notion
            .inject([Fault::None, fault.clone(), fault, Fault::None]);
        world.run();
        world.run();
        assert_eq!(world.notion.live().len(), 4);
        assert_eq!(world.local.live().len(), 4);
        world.assert_equal();
        assert!(world.run().is_quiet());
    }
}

#[test]
fn a_lost_answer_is_not_taken_for_a_failure_before_the_index_has_caught_up() {
    let lag = Duration::from_secs(30);
    let world = where_notion(|capabilities| capabilities.index_lag = lag);
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseAnswer]);
    let report = world.run();
    assert_eq!((report.outcome, report.waiting), (RunOutcome::Partial, 1));
    assert_eq!(world.run().waiting, 1, "too early to tell");
    world.clock.advance(lag);
    assert_eq!(world.run().waiting, 0);
    assert_eq!(world.notion.live().len(), 1);
    world.assert_equal();
}

#[test]
fn without_a_marker_a_lost_create_waits_and_its_page_is_not_pulled_as_another_row() {
    let world = World::with(false, Policy::default());
    let row = world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseAnswer]);
    for _ in 0..3 {
        let report = world.run();
        assert_eq!((report.outcome, report.waiting), (RunOutcome::Partial, 1));
        assert_eq!(world.notion.live().len(), 1, "never sent twice");
        assert_eq!(world.local.live().len(), 1, "never pulled as another row");
    }
    let engine = world.engine();
    let intent = block_on(engine.decisions().outbox()).unwrap().remove(0);
    let memory = world.store.memory(&world.spec.id);
    let mut keys = memory
        .pairs()
        .filter_map(|pair| pair.sides.left.key.clone());
    let made = keys.next().unwrap();
    block_on(engine.decisions().declare_created(intent.id, &made)).unwrap();
    let report = world.settle();
    assert_eq!(report.waiting, 0);
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 1);
    world
        .local
        .person_sets(&row, "notes", text("one record now"));
    world.settle();
    world.assert_equal();
}

#[test]
fn without_a_marker_a_person_can_say_that_it_never_arrived() {
    let world = World::with(false, Policy::default());
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::LoseRequest]);
    assert_eq!(world.run().waiting, 1);
    let engine = world.engine();
    let intent = block_on(engine.decisions().outbox()).unwrap().remove(0);
    block_on(engine.decisions().declare_not_sent(intent.id)).unwrap();
    world.settle();
    world.assert_equal();
    assert_eq!(world.notion.live().len(), 1);
}

#[test]
fn pain_34_refused_credentials_halt_at_once() {
    let world = World::new();
    for n in 0..3 {
        world
            .local
            .person_creates(&[("title", text(&format!("row {n}")))]);
    }
    world.notion.inject([Fault::Unauthorized]);
    let error = world.try_run().unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(world.notion.take_mutations(), []);
    world.settle();
    world.assert_equal();
}

#[test]
fn a_lost_answer_to_a_patch_is_settled_by_reading() {
    let world = World::new();
    let page = world.notion.person_creates(&[("title", text("a"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        world
            .local
            .person_sets(&row, "title", text(&format!("{fault:?}")));
        world.notion.inject([fault]);
        let report = world.run();
        assert_eq!(report.settled.left.patched, 1);
        assert_eq!(world.notion.take_mutations().len(), 1);
        world.assert_equal();
    }
}

#[test]
fn e2_a_create_that_arrives_late_beside_its_repetition_is_shown_not_pulled() {
    let world = World::new();
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::ArriveLate]);
    world.run();
    assert_eq!(world.notion.live().len(), 2, "the request came after all");
    for _ in 0..2 {
        let report = world.run();
        assert_eq!(report.refusals[0].guard, Guard::LateDuplicate);
        assert_eq!(world.local.live().len(), 1, "one row, not two");
    }
    // A person who copies a page in Notion copies the marker too: that is another record.
    let late = world.notion.live()[1].key.clone();
    world.notion.person_trashes(&late, true);
    assert_eq!(world.settle().refusals, []);
    world.assert_equal();
}

/// Its key is known, so it is looked up by key, however long that shows nothing.
#[test]
fn a_create_known_by_its_key_alone_is_one_record_once_it_is_shown() {
    let world = World::new();
    world.local.person_creates(&[("title", text("mine"))]);
    let hiding = OddPeer::new(&world.notion, Habit::HidesWhatItMade);
    let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(hiding), Arc::new(world.local.clone()));
    block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
    let made = world.notion.records().remove(0).key;
    world.notion.hide(&made, false);
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(3601));
        world.run_full();
    }
    let live = (world.notion.live().len(), world.local.live().len());
    assert_eq!(live, (1, 1));
    world.assert_equal();
}

/// A direct read of it is denied, and a scan shows it: it is the one that was made, and no other.
#[test]
fn e2_a_create_known_by_its_key_is_found_by_a_scan() {
    let world = World::with(false, Policy::default());
    world.local.person_creates(&[("title", text("mine"))]);
    let local: Arc<dyn Peer> = Arc::new(world.local.clone());
    let run = |habit| {
        let notion: Arc<dyn Peer> = Arc::new(OddPeer::new(&world.notion, habit));
        let peers = Sides::new(notion, Arc::clone(&local));
        world.clock.advance(Duration::from_secs(61));
        block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap()
    };
    run(Habit::HidesWhatItMade);
    let made = world.notion.records().remove(0).key;
    world.notion.hide(&made, false);
    world.notion.person_sets(&made, "title", text("edited"));
    run(Habit::DeniesReads);
    world.later(3);
    let live = (world.notion.live().len(), world.local.live().len());
    assert_eq!(live, (1, 1));
}

/// A world whose left side is another than usual.
pub(super) fn where_notion(is: impl FnOnce(&mut Capabilities)) -> World {
    let mut world = World::new();
    let Description {
        schema,
        mut capabilities,
    } = block_on(world.notion.describe(&Call::new(&Cancel::default()))).unwrap();
    is(&mut capabilities);
    world.notion = MemoryPeer::new("notion", schema, capabilities, world.clock.clone());
    world
}

/// A world whose left side knows what it does not have.
fn authoritative() -> World {
    where_notion(|capabilities| capabilities.absence = Absence::Authoritative)
}

/// The page of a row is destroyed, and the row edited: the page is made anew.
fn made_anew(world: &World, notes: &str) -> Key {
    let row = world
        .local
        .person_creates(&[("title", text("a")), ("notes", text(notes))]);
    world.settle();
    let page = world.partner(Side::Right, &row);
    world.notion.person_erases(&page);
    world.local.person_sets(&row, "title", text("b"));
    row
}

#[test]
fn a_create_of_a_page_made_anew_that_arrives_late_is_the_page_of_its_row() {
    let world = authoritative();
    let row = made_anew(&world, "");
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    world.run_full();
    let late = world.notion.records().remove(0).key;
    world.clock.advance(Duration::from_secs(120));
    world.run_full();
    assert_eq!(world.partner(Side::Right, &row), late);
    assert_eq!(world.local.records().len(), 1, "not pulled as another row");
}

#[test]
fn a_page_made_anew_without_a_field_does_not_empty_it_on_the_row() {
    let world = authoritative();
    let row = made_anew(&world, "a long text");
    world.notion.change_schema(|schema| {
        let notes = schema.fields.iter_mut().find(|field| field.name == "notes");
        notes.unwrap().limits.max_utf16 = Some(3);
    });
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(120));
        world.run_full();
    }
    assert_eq!(world.notion.live().len(), 1, "made without its notes");
    assert_eq!(world.local.value(&row, "notes"), Some(text("a long text")));
}

#[test]
fn a_record_that_was_destroyed_before_anybody_saw_it_is_made_once_more() {
    let world = authoritative();
    world.local.person_creates(&[("title", text("mine"))]);
    let hiding = OddPeer::new(&world.notion, Habit::HidesWhatItMade);
    let peers: Sides<Arc<dyn Peer>> = Sides::new(Arc::new(hiding), Arc::new(world.local.clone()));
    block_on(world.engine_between(peers).run(&RunOptions::default())).unwrap();
    let made = world.notion.records().remove(0).key;
    world.notion.person_erases(&made);
    world.settle();
    assert_eq!(block_on(world.engine().decisions().outbox()).unwrap(), []);
    world.assert_equal();
}

/// A row whose lost create made a page that was rewritten at once, so that it was pulled as another
/// row: the page, the row and its copy.
fn pulled_as_another_row() -> (World, Key, Key, Key) {
    let world = World::with(false, Policy::default());
    let row = world
        .local
        .person_creates(&[("title", text("x")), ("notes", text("n"))]);
    world.notion.inject([Fault::LoseAnswer]);
    world.run();
    let page = world.notion.live().remove(0).key;
    world
        .notion
        .person_sets(&page, "notes", text("edited there"));
    world.notion.person_sets(&page, "title", text("rewritten"));
    world.run();
    world.run();
    let copy = world.partner(Side::Left, &page);
    assert_ne!(copy, row);
    (world, page, row, copy)
}

#[test]
fn a_record_with_a_counterpart_is_not_given_to_a_lost_create() {
    let (world, page, ..) = pulled_as_another_row();
    let engine = world.engine();
    let lost = block_on(engine.decisions().outbox()).unwrap().remove(0);
    let before = world.state();
    let refused = block_on(engine.decisions().declare_created(lost.id, &page));
    assert!(
        matches!(&refused, Err(RunError::AlreadyPaired(key)) if *key == page.to_string()),
        "{refused:?}"
    );
    assert_eq!(world.state(), before);
    assert_eq!(block_on(engine.decisions().outbox()).unwrap(), [lost]);
}

/// What [`RunError::AlreadyPaired`] advises does end it, whichever of the two rows goes.
#[test]
fn a_lost_create_pulled_as_another_row_ends_as_one_record_by_trashing_either() {
    for keep_copy in [true, false] {
        let (world, _, row, copy) = pulled_as_another_row();
        let (kept, gone) = if keep_copy { (copy, row) } else { (row, copy) };
        world.local.person_trashes(&gone, true);
        let engine = world.engine();
        let lost = block_on(engine.decisions().outbox()).unwrap().remove(0);
        block_on(engine.decisions().declare_not_sent(lost.id)).unwrap();
        world.later(3);
        assert!(world.settle().is_quiet());
        let live = (world.notion.live().len(), world.local.live().len());
        assert_eq!(live, (1, 1), "the copy is kept: {keep_copy}");
        assert!(is_live(&world.local, &kept));
        world.assert_equal();
    }
}

/// Joined before, the copy that its own lost create made would be nobody's, and pulled as a third row.
#[test]
fn a_record_whose_own_copy_is_undecided_is_given_to_no_lost_create() {
    let mut world = World::with(false, Policy::default());
    world.store = MemoryStore::default();
    world.local.person_creates(&[("title", text("x"))]);
    world.notion.inject([Fault::LoseAnswer]);
    world.run();
    let page = world.notion.live().remove(0).key;
    world.notion.person_sets(&page, "title", text("rewritten"));
    world.local.inject([Fault::LoseAnswer]);
    world.later(2);
    let engine = world.engine();
    let decisions = engine.decisions();
    let [first, second] = block_on(decisions.outbox()).unwrap().try_into().unwrap();
    let refused = block_on(decisions.declare_created(first.id, &page));
    assert!(
        matches!(&refused, Err(RunError::Undecided(_, other)) if *other == second.id),
        "{refused:?}"
    );
    let copy = world.local.live().pop().unwrap().key;
    block_on(decisions.declare_created(second.id, &copy)).unwrap();
    assert!(matches!(
        block_on(decisions.declare_created(first.id, &page)),
        Err(RunError::AlreadyPaired(_))
    ));
}

#[test]
fn only_a_lost_create_can_be_declared_created() {
    let world = World::with(false, Policy::default());
    let page = world.notion.person_creates(&[("title", text("a"))]);
    let other = world.notion.person_creates(&[("title", text("z"))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    let refuses = |kind: CommandKind, is_unresolved: bool| {
        let engine = world.engine();
        let intents = block_on(engine.decisions().outbox()).unwrap();
        let intent = intents.iter().find(|intent| intent.command.kind == kind);
        let Some(intent) = intent.filter(|i| i.state.is_unresolved() == is_unresolved) else {
            return false;
        };
        let before = world.state();
        let refused = block_on(engine.decisions().declare_created(intent.id, &other));
        assert!(
            matches!(refused, Err(RunError::NoSuchIntent(id)) if id == intent.id),
            "{refused:?}"
        );
        assert_eq!(world.state(), before);
        true
    };

    // A patch that nobody can tell the outcome of: the run died while it was on its way.
    world.local.person_sets(&row, "title", text("b"));
    let on_its_way = (1..12).any(|commit| {
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::After(at)));
        let _ = world.try_run();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        refuses(CommandKind::Patch, true)
    });
    assert!(on_its_way);
    world.settle();
    world.assert_equal();

    // A create that was refused: nothing is lost.
    world.local.person_creates(&[("title", text("mine"))]);
    world.notion.inject([Fault::Reject]);
    world.run();
    assert!(refuses(CommandKind::Create, false));
}

/// What has to be made in the store's own side is made in the commit that remembers it: one commit
/// for the page, and the plan tells it all the same.
#[test]
fn a_record_new_at_the_remote_side_is_made_at_first_sight_and_told_in_the_plan() {
    let world = World::new();
    for n in 0..5 {
        let title = text(&format!("page {n}"));
        world.notion.person_creates(&[("title", title)]);
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let options = RunOptions {
        progress: Some(Arc::new(move |event: &Event| {
            if let Event::Planned(plan) = event {
                tell.lock().unwrap().push((**plan).clone());
            }
        })),
        ..RunOptions::default()
    };
    let dry = block_on(world.engine().plan(&options)).unwrap();
    assert_eq!(dry.counts.create.right, 5);
    assert!(world.local.records().is_empty(), "a plan writes nothing");
    let report = block_on(world.engine().run(&options)).unwrap();
    assert_eq!(report.settled.right.created, 5);
    assert_eq!(world.local.records().len(), 5);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "nothing is left for a second look");
    assert_eq!(told[0], dry);
}

/// The first request is still on its way when the second is refused for good.
#[test]
fn e2_a_create_that_arrives_after_its_repetition_was_refused_is_not_another_record() {
    let world = World::new();
    world.local.person_creates(&[("title", text("once"))]);
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    let _ = world.try_run();
    assert_eq!(world.notion.live().len(), 1, "it arrived");
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(61));
        world.run_full();
    }
    assert_eq!(
        (world.notion.live().len(), world.local.live().len()),
        (1, 1)
    );
    world.assert_equal();
}

/// A record that is gone for good is made again for the same pair; when the answer is lost and a
/// person names the page that was made, it takes the place of the one that is gone.
#[test]
fn e2_a_page_made_again_takes_the_place_of_the_one_that_is_gone() {
    let world = World::new();
    let (page, row) = world.settled_pair();
    let made = world.notion.person_creates(&[("title", text("again"))]);
    let mut memory = world.store.memory(&world.spec.id);
    let of_page = |pair: &&PairState| pair.sides.left.key.as_ref() == Some(&page);
    let keep = memory.pairs().find(of_page).unwrap().clone();
    let record = world.notion.record(&made).unwrap();
    let drop = PairId(keep.id.0 + 1_000);
    let observe = |pair, state| Change::Observe {
        pair,
        side: Side::Left,
        state,
        dirty: true,
    };
    let gone = SideState {
        presence: Presence::Deleted(Proof::AuthoritativeAbsence),
        ..keep.sides.left.clone()
    };
    memory.apply(observe(keep.id, gone));
    memory.apply(observe(drop, SideState::seen(record)));
    let keep = keep.id;
    memory.apply(Change::Join { keep, drop });
    let joined = memory.pair(keep).unwrap();
    assert_eq!(joined.sides.left.key.as_ref(), Some(&made));
    assert_eq!(joined.sides.right.key.as_ref(), Some(&row));
    assert!(memory.pair(drop).is_none());
}

/// Without a marker nothing proves which record a lost create made. One that resembles it waits for
/// a person, also when somebody edited it before a run saw it.
#[test]
fn e2_what_a_lost_create_may_have_made_is_not_pulled_though_it_was_edited_since() {
    let world = World::with(false, Policy::default());
    let cells = [("title", text("mine")), ("notes", text("notes"))];
    let row = world.local.person_creates(&cells);
    world.notion.inject([Fault::LoseAnswer]);
    world.run();
    let page = world.notion.live().remove(0).key;
    world
        .notion
        .person_sets(&page, "notes", text("edited at once"));
    world.later(3);
    assert_eq!(world.local.live().len(), 1, "no twin of the row");
    let decisions = world.engine();
    let decisions = decisions.decisions();
    let intent = block_on(decisions.outbox()).unwrap().remove(0);
    block_on(decisions.declare_created(intent.id, &page)).unwrap();
    world.later(2);
    assert_eq!(world.partner(Side::Right, &row), page);
    assert_eq!(
        (world.notion.live().len(), world.local.live().len()),
        (1, 1)
    );
}

#[test]
fn e8_a_create_lost_by_a_clock_that_jumped_back_since_is_looked_up_after_the_lag() {
    let world = World::new();
    world.notion.lag(Duration::from_secs(60));
    let now = world.clock.now();
    world.clock.jump_to(now.plus(Duration::from_secs(7_200)));
    world.local.person_creates(&[("title", text("a"))]);
    world.notion.inject([Fault::LoseRequest]);
    assert_eq!(world.run().waiting, 1);
    world.clock.jump_to(now);
    assert_eq!(world.run().waiting, 1, "it may still be on its way");
    world.clock.advance(Duration::from_secs(61));
    world.run();
    assert_eq!(world.notion.live().len(), 1);
}

/// The clock jumps ahead before the index shows the page, and its row is in the trash: the create is
/// given up. The page is shown and not pulled all the same.
#[test]
fn e2_a_create_given_up_by_a_clock_that_jumped_is_shown_not_pulled() {
    let world = World::new();
    world.notion.lag(Duration::from_secs(60));
    let row = world.local.person_creates(&[("title", text("a"))]);
    world.notion.inject([Fault::LoseAnswer]);
    assert_eq!(world.run().waiting, 1);
    let page = world.notion.live()[0].key.clone();
    world.local.person_trashes(&row, true);
    assert_eq!(world.run().waiting, 1);
    let clock = SkewedClock::new(world.clock.clone());
    clock.jump(7_200_000);
    let peers = Sides::new(
        Arc::new(world.notion.clone()) as Arc<dyn Peer>,
        Arc::new(world.local.clone()) as Arc<dyn Peer>,
    );
    let report = block_on(
        world
            .engine_by(Arc::new(clock), peers)
            .run(&RunOptions::default()),
    );
    assert_eq!(report.unwrap().waiting, 0, "it counts as never made");
    world.local.person_trashes(&row, false);
    world.notion.person_sets(&page, "title", text("b"));
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(61));
        let report = world.run_full();
        assert_eq!(report.raised.get(&Guard::LateDuplicate), Some(&1));
    }
    // The row that is back has a page of its own.
    let live = (world.notion.live().len(), world.local.live().len());
    assert_eq!(live, (2, 1));
}

/// It was made all the same: it counts, and is in the journal for an undo to find.
#[test]
fn a_lost_create_of_a_page_that_was_edited_since_is_told_as_made() {
    let made = (1..12).find_map(|commit| {
        let world = World::new();
        world.settled_pair();
        let row = world.local.person_creates(&[("title", text("mine"))]);
        world.dies_before(commit);
        let mut pages = world.notion.live().into_iter();
        let page = pages.find(|page| {
            let title = world.notion.value(&page.key, "title");
            title == Some(text("mine"))
        })?;
        Some((world, page.key, row))
    });
    let (world, page, row) = made.unwrap();
    world.notion.person_sets(&page, "title", text("theirs"));
    let report = world.run();
    assert_eq!(report.settled.left.created, 1);
    let mut told = world.journal(world.last_change());
    told.retain(|entry| entry.kind == CommandKind::Create);
    assert_eq!(told.len(), 1);
    assert_eq!(world.notion.live().len(), 11);
    assert_eq!(world.partner(Side::Right, &row), page);
}

/// What was written over since did not arrive as it was sent: that is no write that counts.
#[test]
fn a_lost_patch_of_a_page_that_was_edited_since_is_not_told_as_written() {
    let written = (1..12).find_map(|commit| {
        let world = World::new();
        let (page, row) = world.settled_pair();
        world.local.person_sets(&row, "title", text("mine"));
        world.dies_before(commit);
        let arrived = world.notion.value(&page, "title") == Some(text("mine"));
        arrived.then_some((world, page))
    });
    let (world, page) = written.unwrap();
    world.notion.person_sets(&page, "title", text("theirs"));
    let report = world.run();
    assert_eq!((report.settled.left.patched, report.open_conflicts), (0, 1));
}
