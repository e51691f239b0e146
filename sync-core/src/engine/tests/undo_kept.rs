//! What an undo of one side leaves where it is.

use futures::executor::block_on;

use super::filters::left_by_runs_that_died;
use super::world::{World, is_live, names, tags, text};
use crate::conflict::Resolution;
use crate::link::{Filter, Leave, Side};
use crate::pair::RecordState;
use crate::plan::WhyNot;
use crate::port::CommandKind;
use crate::record::Key;
use crate::schema::FieldId;
use crate::testkit::{CrashPoint, Fault};
use crate::value::Value;

#[test]
fn r12_what_was_taken_back_on_the_other_side_only_is_not_emptied() {
    let mut world = World::new();
    let gone = Filter::equals(FieldId::new("title"), text("gone"));
    world.spec.filters.right = Some(Filter::Not(Box::new(gone)));
    world.spec.policy.on_leave = Leave::Clear;
    let (page, row) = world.settled_pair();
    world.notion.person_sets(&page, "notes", text("mine"));
    world.settle();
    world.undo(world.last_change(), true);
    assert!(world.local.value(&row, "notes").unwrap().is_empty());
    world.local.person_sets(&row, "title", text("gone"));
    world.later(1);
    assert!(world.notion.value(&page, "title").unwrap().is_empty());
    assert_eq!(world.notion.value(&page, "notes"), Some(text("mine")));
}

#[test]
fn a_merge_taken_back_with_its_sources_leaves_on_each_side_what_was_written_there() {
    let world = World::new();
    let page = world
        .notion
        .person_creates(&[("title", text("x")), ("tags", tags(&["a"]))]);
    world.settle();
    let row = world.partner(Side::Left, &page);
    world.notion.person_sets(&page, "tags", tags(&["a", "b"]));
    world.local.person_sets(&row, "tags", names(&["c"]));
    world.settle();
    let shown = || {
        let left = world.notion.value(&page, "tags").unwrap().display();
        (left, world.local.value(&row, "tags").unwrap().display())
    };
    let of = |left: &str, right: &str| (left.to_owned(), right.to_owned());
    assert_eq!(shown(), of("b, c", "b, c"));
    assert_eq!(world.undo(world.last_change(), true).not_undone, []);
    assert_eq!(shown(), of("a, b", "c"));
    world.assert_still();
    assert_eq!(shown(), of("a, b", "c"));

    // That can be taken back too; and an edit is merged with both.
    world.undo(world.last_change(), false);
    assert_eq!(shown(), of("b, c", "b, c"));
    world.undo(world.last_change(), true);
    world.assert_still();
    assert_eq!(shown(), of("a, b", "c"));
    world
        .notion
        .person_sets(&page, "tags", tags(&["a", "b", "d"]));
    world.settle();
    assert_eq!(shown(), of("b, d, c", "b, d, c"));
}

/// The request that takes a page back is lost, sent again, refused, and arrives after all.
#[test]
fn f17_what_a_late_request_took_back_on_one_side_stays_on_the_other() {
    let (world, page, row) = edited_pair("notes");
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    world.undo(world.last_change(), true);
    world.later(2);
    assert!(world.notion.value(&page, "notes").unwrap().is_empty());
    assert_eq!(world.local.value(&row, "notes"), Some(text("mine")));
    assert_eq!(world.standing(Side::Left, &page), Some(RecordState::Parked));
    world.assert_still();
    // As after any undo of one side: an edit of the source goes out.
    world.local.person_sets(&row, "notes", text("mine again"));
    world.later(2);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("mine again")));
}

/// As long as it has not arrived the two sides agree, and edits flow.
#[test]
fn a_lost_undo_of_one_side_that_never_arrives_leaves_nothing_behind() {
    let (world, page, row) = edited_pair("title");
    world.notion.inject([Fault::LoseRequest, Fault::Reject]);
    world.undo(world.last_change(), true);
    world.later(2);
    assert_eq!(world.notion.value(&page, "title"), Some(text("mine")));
    assert_eq!(world.standing(Side::Left, &page), None);
    world.notion.person_sets(&page, "title", text("theirs"));
    world.later(2);
    assert_eq!(world.local.value(&row, "title"), Some(text("theirs")));
    world.assert_still();
}

/// A record that was made is taken back: its source stays, however late the request arrives.
#[test]
fn r40_the_source_of_a_record_that_a_late_request_trashed_stays() {
    let world = World::new();
    world.settled_pair();
    let row = world.local.person_creates(&[("title", text("mine"))]);
    world.run();
    let page = world.partner(Side::Right, &row);
    world.notion.inject([Fault::ArriveLate]);
    world.undo(world.last_change(), false);
    world.later(1);
    assert!(is_live(&world.notion, &page), "it has not arrived yet");
    let other = world.local.live()[0].key.clone();
    world.local.person_sets(&other, "notes", text("words"));
    world.later(3);
    assert!(!is_live(&world.notion, &page), "it has arrived");
    assert!(is_live(&world.local, &row));
    world.assert_still();
}

/// A decided conflict is taken back, and open again however late the request arrives.
#[test]
fn r40_a_conflict_that_a_late_request_opened_again_waits_for_a_person() {
    let (world, page, row) = decided_pair();
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    world.undo(world.last_change(), false);
    world.later(2);
    assert_eq!(world.notion.value(&page, "title"), Some(text("theirs")));
    assert_eq!(world.local.value(&row, "title"), Some(text("ours")));
    assert_eq!(world.run().open_conflicts, 1);
}

/// A run finds that the page was emptied, by one that died over it, and then trashes it. What comes
/// back is filled in as soon as its row passes the filter.
#[test]
fn r40_a_page_that_one_run_emptied_and_trashed_comes_back_and_is_filled_in_with_its_row() {
    for title in ["closed", "open still"] {
        let mut left = left_by_runs_that_died(&Fault::None);
        let emptied = left.find(|(world, page, _)| {
            let notes = world.notion.value(page, "notes");
            notes == Some(Value::Empty)
        });
        let (world, page, row) = emptied.unwrap();
        world.local.person_sets(&row, "title", text(title));
        world.local.person_trashes(&row, true);
        world.run();
        let run = world.last_change();
        let mut written = world.journal(run);
        written.retain(|entry| entry.field.is_none());
        let written: Vec<_> = written.iter().rev().map(|entry| entry.kind).collect();
        assert_eq!(written, [CommandKind::Patch, CommandKind::Trash]);

        // What the run emptied before it put the page away is told.
        let told = world.undo(run, false).not_undone;
        assert!(told.iter().all(|kept| kept.why == WhyNot::PutAway));
        let notes = FieldId::new("notes");
        assert!(told.iter().any(|kept| kept.field.as_ref() == Some(&notes)));
        assert!(is_live(&world.notion, &page) && is_live(&world.local, &row));
        world.assert_still();
        assert_eq!(world.local.value(&row, "notes"), Some(text("words")));
        world.local.person_sets(&row, "title", text("open again"));
        world.later(3);
        assert_eq!(world.notion.value(&page, "notes"), Some(text("words")));
        world.assert_equal();
    }
}

/// Wherever an undo dies: once the page is as it was, the conflict is open.
#[test]
fn r40_a_conflict_that_an_undo_opened_again_and_died_is_open() {
    let mut taken_back = 0;
    for commit in 1..16 {
        let (world, page, _) = decided_pair();
        let run = world.last_change();
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::Before(at)));
        let _ = world.try_undo(run, false);
        if world.notion.value(&page, "title") == Some(text("theirs")) {
            taken_back += 1;
            let open = block_on(world.engine().decisions().conflicts()).unwrap();
            assert_eq!(open.len(), 1, "after commit {commit}");
        }
    }
    assert!(taken_back > 1, "no undo died there");
}

/// A page and its row that were both edited; the row's title was decided on.
fn decided_pair() -> (World, Key, Key) {
    let (world, page, row) = edited_pair("title");
    world.notion.person_sets(&page, "title", text("theirs"));
    world.local.person_sets(&row, "title", text("ours"));
    world.later(1);
    let open = block_on(world.engine().decisions().conflicts()).unwrap();
    let decide = Resolution::Keep(Side::Right);
    block_on(
        world
            .engine()
            .decisions()
            .resolve(open[0].pair, &open[0].field, decide),
    )
    .unwrap();
    world.later(1);
    assert_eq!(world.notion.value(&page, "title"), Some(text("ours")));
    (world, page, row)
}

/// A page and its row after an edit of the row was carried over.
fn edited_pair(field: &str) -> (World, Key, Key) {
    let world = World::new();
    let (page, row) = world.settled_pair();
    world.local.person_sets(&row, field, text("mine"));
    world.settle();
    (world, page, row)
}
