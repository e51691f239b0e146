//! Records that pass a link's filter, and those that enter and leave it.

use std::time::Duration;

use futures::executor::block_on;

use super::world::{World, is_live, names, tags, text};
use crate::engine::{Report, RunOptions};
use crate::link::{Direction, Filter, Leave, MaxDelete, Policy, Side, Test};
use crate::pair::RecordState;
use crate::plan::Guard;
use crate::record::{Cell, Key};
use crate::schema::FieldId;
use crate::testkit::{CrashPoint, Fault};
use crate::value::Value;

/// Ten pages, of which the even ones are public. Only those belong to the link.
fn filtered(on_leave: Leave) -> (World, Vec<Key>) {
    let policy = Policy {
        on_leave,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    world.spec.filters.left = Some(notes_are("public"));
    let page = |n: usize| {
        let title = text(&format!("page {n}"));
        let notes = text(if n.is_multiple_of(2) {
            "public"
        } else {
            "private"
        });
        world
            .notion
            .person_creates(&[("title", title), ("notes", notes)])
    };
    let pages = (0..10).map(page).collect();
    world.settle();
    (world, pages)
}

fn notes_are(word: &str) -> Filter {
    Filter::equals(FieldId::new("notes"), text(word))
}

/// The filter is about the title, so that the notes do not say themselves that a record left.
fn titled(on_leave: Leave) -> (World, Key, Key) {
    let policy = Policy {
        on_leave,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    let open = |title: &str| Filter::Field {
        field: FieldId::new("title"),
        test: Test::Contains(title.into()),
    };
    world.spec.filters.left = Some(open("open"));
    for n in 0..9 {
        let title = text(&format!("open {n}"));
        world.notion.person_creates(&[("title", title)]);
    }
    let cells = [
        ("title", text("open")),
        ("notes", text("words")),
        ("tags", tags(&["a", "b"])),
    ];
    let page = world.notion.person_creates(&cells);
    world.settle();
    let row = world.partner(Side::Left, &page);
    (world, page, row)
}

fn later(world: &World) -> Report {
    world.clock.advance(Duration::from_secs(120));
    world.settle()
}

#[test]
fn e14_pain_36_a_record_outside_the_filter_never_reaches_the_other_side() {
    let (world, pages) = filtered(Leave::Keep);
    assert_eq!(world.local.live().len(), 5);
    world
        .notion
        .person_sets(&pages[1], "title", text("still private"));
    later(&world);
    assert_eq!(world.local.live().len(), 5);
    assert_eq!(
        world.standing(Side::Left, &pages[1]),
        None,
        "not our business"
    );
}

#[test]
fn pain_36_a_record_enters_when_it_passes_and_its_counterpart_stays_when_it_leaves() {
    let (world, pages) = filtered(Leave::Keep);
    world.notion.person_sets(&pages[1], "notes", text("public"));
    later(&world);
    assert_eq!(world.local.live().len(), 6);

    let row = world.partner(Side::Left, &pages[1]);
    world
        .notion
        .person_sets(&pages[1], "notes", text("private"));
    world.notion.person_sets(&pages[1], "title", text("secret"));
    later(&world);
    assert!(is_live(&world.local, &row));
    assert_eq!(world.local.value(&row, "title"), Some(text("page 1")));
    assert_eq!(
        world.standing(Side::Left, &pages[1]),
        Some(RecordState::Parked)
    );

    world
        .local
        .person_sets(&row, "title", text("edited meanwhile"));
    later(&world);
    assert_eq!(world.notion.value(&pages[1], "title"), Some(text("secret")));

    world.notion.person_sets(&pages[1], "notes", text("public"));
    let report = later(&world);
    assert_eq!(
        report.open_conflicts, 1,
        "both titles were edited: {report:?}"
    );
}

#[test]
fn pain_36_a_counterpart_goes_to_the_trash_and_comes_back_with_its_record() {
    let (world, pages) = filtered(Leave::Trash);
    let row = world.partner(Side::Left, &pages[0]);
    world
        .notion
        .person_sets(&pages[0], "notes", text("private"));
    let report = later(&world);
    assert_eq!(report.settled.right.trashed, 1);
    assert!(!is_live(&world.local, &row));
    assert!(is_live(&world.notion, &pages[0]), "the record itself stays");

    world.notion.person_sets(&pages[0], "notes", text("public"));
    world.notion.person_sets(&pages[0], "title", text("back"));
    let report = later(&world);
    assert_eq!(
        (report.settled.right.untrashed, report.open_conflicts),
        (1, 0)
    );
    assert_eq!(world.local.value(&row, "title"), Some(text("back")));
}

#[test]
fn pain_36_another_filter_trashes_nothing_until_a_person_says_so() {
    let (mut world, _) = filtered(Leave::Trash);
    world.spec.policy.max_delete.approved = Some(100);
    world.spec.filters.left = Some(notes_are("private"));
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(120));
        let report = world.run();
        assert_eq!(report.settled.right.trashed, 0);
        assert!(report.raised.contains_key(&Guard::FilterOrMappingChanged));
    }
    assert_eq!(world.local.live().len(), 10, "what enters comes at once");
    let options = RunOptions {
        approved: [Guard::FilterOrMappingChanged].into(),
        ..RunOptions::default()
    };
    let report = block_on(world.engine().run(&options)).unwrap();
    assert_eq!(report.settled.right.trashed, 5);
    let report = later(&world);
    assert!(report.raised.is_empty(), "the guard is gone: {report:?}");
}

#[test]
fn defect_09_the_guard_clears_when_the_former_filter_comes_back() {
    let (mut world, pages) = filtered(Leave::Trash);
    world.spec.filters.left = Some(notes_are("nothing"));
    let report = world.run();
    assert!(report.raised.contains_key(&Guard::FilterOrMappingChanged));
    world.spec.filters.left = Some(notes_are("public"));
    let report = later(&world);
    assert!(report.raised.is_empty(), "{report:?}");
    world
        .notion
        .person_sets(&pages[0], "notes", text("private"));
    assert_eq!(
        later(&world).settled.right.trashed,
        1,
        "an edit is a person's word"
    );
}

#[test]
fn pain_36_a_counterpart_is_emptied_and_filled_in_again_with_its_record() {
    let (world, page, row) = titled(Leave::Clear);
    world.notion.person_sets(&page, "title", text("closed"));
    later(&world);
    let cells = |key| ["title", "notes", "tags"].map(|field| world.local.value(key, field));
    let empty = || Some(Value::Empty);
    assert_eq!(cells(&row), [empty(), empty(), empty()]);
    assert_eq!(world.notion.value(&page, "notes"), Some(text("words")));
    assert_eq!(world.standing(Side::Left, &page), Some(RecordState::Parked));
    world
        .notion
        .person_sets(&page, "notes", text("other words"));
    later(&world);
    assert_eq!(cells(&row), [empty(), empty(), empty()], "nothing flows");

    world.notion.person_sets(&page, "title", text("open again"));
    let report = later(&world);
    assert_eq!(report.open_conflicts, 0);
    let back = [text("open again"), text("other words"), names(&["a", "b"])];
    assert_eq!(cells(&row), back.map(Some));
    assert_eq!(
        world.notion.value(&page, "notes"),
        Some(text("other words"))
    );
    assert_eq!(world.standing(Side::Left, &page), None);
    world.assert_equal();
}

#[test]
fn what_somebody_writes_into_an_emptied_record_is_theirs() {
    let (world, page, row) = titled(Leave::Clear);
    world.notion.person_sets(&page, "title", text("closed"));
    later(&world);
    world.local.person_sets(&row, "notes", text("mine"));
    later(&world);
    assert_eq!(world.local.value(&row, "notes"), Some(text("mine")));
    world.notion.person_sets(&page, "title", text("open"));
    let report = later(&world);
    assert_eq!(report.open_conflicts, 1, "two notes, nothing agreed on");
    assert_eq!(world.local.value(&row, "notes"), Some(text("mine")));
    assert_eq!(world.local.value(&row, "title"), Some(text("open")));
}

#[test]
fn an_emptied_record_that_is_trashed_comes_back_with_its_record() {
    let (world, page, row) = titled(Leave::Clear);
    world.notion.person_sets(&page, "title", text("closed"));
    later(&world);
    world.local.person_trashes(&row, true);
    later(&world);
    assert!(is_live(&world.notion, &page), "nothing flows");
    world.notion.person_sets(&page, "title", text("open"));
    later(&world);
    assert!(is_live(&world.notion, &page));
    assert!(is_live(&world.local, &row));
    world.assert_equal();
}

#[test]
fn emptying_also_reaches_the_remote_side_and_an_edit_beats_it() {
    let mut world = World::with(
        true,
        Policy {
            on_leave: Leave::Clear,
            ..Policy::default()
        },
    );
    world.spec.filters.right = Some(notes_are("public"));
    let rows: Vec<Key> = (0..10)
        .map(|n| {
            let title = text(&format!("row {n}"));
            world
                .local
                .person_creates(&[("title", title), ("notes", text("public"))])
        })
        .collect();
    world.settle();
    let page = |row: &Key| world.partner(Side::Right, row);
    let (left, beaten) = (page(&rows[0]), page(&rows[1]));
    for row in &rows[..2] {
        world.local.person_sets(row, "notes", text("private"));
    }
    let (notion, at) = (world.notion.clone(), beaten.clone());
    world.run_while(move || notion.person_sets(&at, "tags", tags(&["c"])));
    world.settle();
    assert_eq!(world.notion.value(&left, "title"), Some(Value::Empty));
    assert_eq!(world.notion.value(&beaten, "title"), Some(text("row 1")));
    world.local.person_sets(&rows[0], "notes", text("public"));
    later(&world);
    assert_eq!(world.notion.value(&left, "title"), Some(text("row 0")));
}

#[test]
fn p7_emptying_counts_as_deleting_over_the_day() {
    let (mut world, _, _) = titled(Leave::Clear);
    world.spec.policy.max_delete = MaxDelete {
        floor: 2,
        ..MaxDelete::default()
    };
    let leave = |world: &World, n: usize| {
        let pages = world.notion.live();
        let passes = |record: &&crate::record::Record| {
            let title = record.cells.complete(&FieldId::new("title"));
            title.is_some_and(|title| title.display().starts_with("open"))
        };
        for page in pages.iter().filter(passes).take(n) {
            world.notion.person_sets(&page.key, "title", text("closed"));
        }
        world.clock.advance(Duration::from_secs(120));
        world.run()
    };
    let report = leave(&world, 2);
    assert_eq!(
        (report.settled.right.patched, report.raised.len()),
        (2, 0),
        "{report:?}"
    );
    let report = leave(&world, 1);
    assert!(report.raised.contains_key(&Guard::MaxDelete), "{report:?}");
    assert_eq!(report.settled.right.patched, 0);
    world.clock.advance(Duration::from_secs(24 * 3600));
    let report = world.run();
    assert_eq!(
        (report.settled.right.patched, report.raised.len()),
        (1, 0),
        "{report:?}"
    );
}

#[test]
fn a_run_that_emptied_a_record_is_undone() {
    let (world, page, row) = titled(Leave::Clear);
    world.notion.person_sets(&page, "title", text("closed"));
    later(&world);
    world.undo(world.last_change(), false);
    assert_eq!(world.local.value(&row, "title"), Some(text("open")));
    assert_eq!(world.local.value(&row, "notes"), Some(text("words")));
    assert_eq!(world.notion.value(&page, "title"), Some(text("closed")));
    world.assert_still();
    assert_eq!(
        world.local.value(&row, "notes"),
        Some(text("words")),
        "not emptied again"
    );
    world.notion.person_sets(&page, "title", text("open"));
    later(&world);
    world.assert_equal();
}

#[test]
fn pain_36_another_filter_empties_nothing_until_a_person_says_so() {
    let (mut world, _) = filtered(Leave::Clear);
    world.spec.policy.max_delete.approved = Some(100);
    world.spec.filters.left = Some(notes_are("private"));
    world.clock.advance(Duration::from_secs(120));
    let report = world.run();
    assert_eq!(report.settled.right.patched, 0);
    assert!(report.raised.contains_key(&Guard::FilterOrMappingChanged));
}

#[test]
fn e7_a_record_made_where_it_fails_the_filter_leaves_at_once_and_not_when_it_is_looked_at_again() {
    let policy = Policy {
        on_leave: Leave::Trash,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    world.spec.filters.right = Some(notes_are("public"));
    for n in 0..10 {
        let title = text(&format!("page {n}"));
        world
            .notion
            .person_creates(&[("title", title), ("notes", text("public"))]);
    }
    world.settle();
    let page = world
        .notion
        .person_creates(&[("title", text("a")), ("notes", text("private"))]);
    world.clock.advance(Duration::from_secs(120));
    world.settle();
    let left = !is_live(&world.notion, &page);
    world
        .local
        .person_sets(&world.partner(Side::Left, &page), "notes", text("private"));
    later(&world);
    assert_eq!(left, !is_live(&world.notion, &page), "nothing new was said");
    assert!(left);
}

/// An earlier run saw the record leave. That it passes again is not in the index yet.
#[test]
fn p6_p4_a_record_that_passes_again_unseen_takes_nothing_away() {
    for on_leave in [Leave::Trash, Leave::Clear] {
        let (mut world, page, row) = titled(on_leave);
        world.spec.policy.sweep_below_requests = 0;
        world.clock.advance(Duration::from_secs(600));
        world.notion.lag(Duration::from_secs(60));
        world.notion.person_sets(&page, "title", text("closed"));
        let elsewhere = RunOptions {
            direction: Direction::Toward(Side::Left),
            ..RunOptions::default()
        };
        for _ in 0..2 {
            world.clock.advance(Duration::from_secs(300));
            block_on(world.engine().run(&elsewhere)).unwrap();
        }
        world.notion.person_sets(&page, "title", text("open again"));
        world.clock.advance(Duration::from_secs(20));
        world.local.take_mutations();
        world.run();
        let written = world.local.take_mutations();
        assert!(written.len() <= 1, "{on_leave:?}: {written:?}");
        assert!(is_live(&world.local, &row), "{on_leave:?}");
        assert_eq!(world.local.value(&row, "notes"), Some(text("words")));
        assert_eq!(world.local.value(&row, "title"), Some(text("open again")));
    }
}

/// A row with a page that is to be emptied: the row has just left the filter.
fn leaving_page() -> (World, Key, Key) {
    let policy = Policy {
        on_leave: Leave::Clear,
        ..Policy::default()
    };
    let mut world = World::with(true, policy);
    let open = Test::Contains("open".into());
    world.spec.filters.right = Some(Filter::Field {
        field: FieldId::new("title"),
        test: open,
    });
    for n in 0..9 {
        let title = text(&format!("open {n}"));
        world.local.person_creates(&[("title", title)]);
    }
    let cells = [
        ("title", text("open")),
        ("notes", text("words")),
        ("tags", names(&["a", "b"])),
    ];
    let row = world.local.person_creates(&cells);
    world.settle();
    let page = world.partner(Side::Right, &row);
    world.local.person_sets(&row, "title", text("closed"));
    world.clock.advance(Duration::from_secs(120));
    (world, page, row)
}

/// What runs leave that die over emptying the page, each at another commit; with this fault.
pub(super) fn left_by_runs_that_died(fault: &Fault) -> impl Iterator<Item = (World, Key, Key)> {
    (1..12).map(move |commit| {
        let (world, page, row) = leaving_page();
        world.notion.inject([fault.clone()]);
        world.dies_before(commit);
        (world, page, row)
    })
}

/// Both have everything once the row passes again.
fn assert_filled_in_again(world: &World, page: &Key, row: &Key) {
    world.local.person_sets(row, "title", text("open again"));
    for _ in 0..3 {
        later(world);
    }
    assert_eq!(world.local.value(row, "notes"), Some(text("words")));
    assert_eq!(world.notion.value(page, "notes"), Some(text("words")));
    assert_eq!(world.notion.value(page, "title"), Some(text("open again")));
    world.assert_equal();
}

/// The request that empties a page is lost, sent again, refused, and arrives after all.
#[test]
fn p4_what_a_late_request_emptied_is_no_word_of_a_person() {
    let (world, page, row) = leaving_page();
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    world.run();
    assert_eq!(world.notion.value(&page, "notes"), Some(Value::Empty));
    later(&world);
    assert_eq!(world.local.value(&row, "notes"), Some(text("words")));
    assert_filled_in_again(&world, &page, &row);
}

/// Nor if somebody has written into it by then: that stays, and so does what was here.
#[test]
fn p4_what_is_written_into_a_page_that_a_late_request_emptied_is_not_written_over_what_was_here() {
    let (world, page, row) = leaving_page();
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    world.run();
    assert_written_into(&world, &page, &row);
}

/// As above, of a run that died before it learned that the page was emptied.
#[test]
fn p4_what_is_written_into_a_page_before_it_is_known_to_be_emptied_is_not_written_over_what_was_here()
 {
    let (world, page, row) = leaving_page();
    let at = (1..10).find(|commit| {
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::Before(at)));
        let _ = world.try_run();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        world.notion.value(&page, "notes") == Some(Value::Empty)
    });
    assert!(at.is_some(), "no run died there");
    assert_written_into(&world, &page, &row);
}

/// Somebody writes one field back as it was: the others were emptied by us all the same.
#[test]
fn p4_what_is_written_back_into_a_page_that_a_run_emptied_and_died_empties_nothing_here() {
    let mut emptied = 0;
    let faults = [Fault::None, Fault::LoseAnswer];
    for (world, page, row) in faults.iter().flat_map(left_by_runs_that_died) {
        if world.notion.value(&page, "notes") == Some(Value::Empty) {
            emptied += 1;
            world.notion.person_sets(&page, "notes", text("words"));
            later(&world);
            assert_filled_in_again(&world, &page, &row);
            assert_eq!(world.local.value(&row, "tags"), Some(names(&["a", "b"])));
        }
    }
    assert!(emptied > 1, "no run died there");
}

/// It has not arrived when somebody writes into the page, and does so later.
#[test]
fn p4_a_request_that_was_lost_and_empties_a_page_edited_since_empties_nothing_here() {
    let mut under_way = 0;
    for (world, page, row) in left_by_runs_that_died(&Fault::ArriveLate) {
        world.notion.person_sets(&page, "notes", text("new words"));
        world.run();
        let other = world.local.live()[0].key.clone();
        world.local.person_sets(&other, "notes", text("other"));
        world.run();
        if world.notion.value(&page, "notes") != Some(Value::Empty) {
            continue;
        }
        under_way += 1;
        later(&world);
        assert_filled_in_again(&world, &page, &row);
        assert_eq!(world.local.value(&row, "tags"), Some(names(&["a", "b"])));
    }
    assert!(under_way > 0, "no run died there");
}

/// Somebody writes into the page; when the row passes again, both words stand.
fn assert_written_into(world: &World, page: &Key, row: &Key) {
    assert_eq!(world.notion.value(page, "notes"), Some(Value::Empty));
    world.notion.person_sets(page, "notes", text("new words"));
    later(world);
    world.local.person_sets(row, "title", text("open again"));
    for _ in 0..3 {
        later(world);
    }
    assert_eq!(world.local.value(row, "notes"), Some(text("words")));
    assert_eq!(world.notion.value(page, "notes"), Some(text("new words")));
    assert_eq!(world.notion.value(page, "tags"), Some(tags(&["a", "b"])));
    assert_eq!(world.run().open_conflicts, 1);
}

/// What is not shown whole by then may have been emptied too.
#[test]
fn p4_a_list_that_is_not_shown_in_a_page_that_a_late_request_emptied_is_not_emptied_here() {
    let (world, page, row) = leaving_page();
    world.notion.inject([Fault::ArriveLate, Fault::Reject]);
    world.run();
    let unseen = Cell::Truncated(Value::Empty);
    world.notion.set_cell(&page, "tags", unseen);
    world.local.person_sets(&row, "title", text("open still"));
    world.clock.advance(Duration::from_secs(120));
    world.run();
    assert_eq!(world.local.value(&row, "notes"), Some(text("words")));
    let seen = Cell::Complete(Value::Empty);
    world.notion.set_cell(&page, "tags", seen);
    assert_filled_in_again(&world, &page, &row);
    assert_eq!(world.local.value(&row, "tags"), Some(names(&["a", "b"])));
}

/// A lost request that has not arrived makes no difference to what people empty themselves.
#[test]
fn what_a_person_empties_while_a_request_may_yet_arrive_is_theirs() {
    let (world, page, row) = leaving_page();
    world.notion.inject([Fault::LoseRequest, Fault::Reject]);
    world.run();
    assert_eq!(world.notion.value(&page, "notes"), Some(text("words")));
    world.local.person_sets(&row, "title", text("open again"));
    world.notion.person_sets(&page, "notes", Value::Empty);
    for _ in 0..3 {
        later(&world);
    }
    assert_eq!(world.local.value(&row, "notes"), Some(Value::Empty));
    world.assert_equal();
}

/// The run dies around the command that empties a page. Then the page is not shown for a while, or
/// the row passes again before the next run.
#[test]
fn p4_a_page_emptied_by_a_run_that_died_is_filled_in_and_never_emptied_on_old_proof() {
    let mut under_way = 0;
    for (commit, hidden) in (1..10).flat_map(|commit| [(commit, true), (commit, false)]) {
        let (world, page, row) = leaving_page();
        let at = world.store.serial() + commit;
        world.store.crash_at(Some(CrashPoint::Before(at)));
        let _ = world.try_run();
        world.store.crash_at(None);
        world.store.break_lease(&world.spec.id);
        let outbox = block_on(world.engine().decisions().outbox()).unwrap();
        under_way += usize::from(outbox.iter().any(|intent| intent.state.is_unresolved()));
        world.clock.advance(Duration::from_secs(120));
        if hidden {
            world.notion.hide(&page, true);
            world.run_full();
            world.notion.hide(&page, false);
            world.clock.advance(Duration::from_secs(120));
            world.run_full();
        } else {
            let emptied = world.notion.value(&page, "notes") == Some(Value::Empty);
            world.local.person_sets(&row, "title", text("open still"));
            world.notion.take_mutations();
            world.run();
            let written = world.notion.take_mutations().len();
            assert!(emptied || written <= 1, "after commit {commit}");
        }
        assert_filled_in_again(&world, &page, &row);
    }
    assert!(under_way > 0, "no crash hit the command");
}
