//! In which order commands go out, and that looking at what is dirty is looking at everything.

use std::time::Duration;

use futures::executor::block_on;
use proptest::prelude::*;

use super::world::{World, names, tags, text};
use crate::link::Side;
use crate::port::{Change, CommandKind, Commit, LeaseAsk, Store};
use crate::record::Key;
use crate::value::Value;

#[test]
fn p10_records_are_brought_back_made_changed_and_trashed_in_this_order() {
    let world = World::new();
    let pages: Vec<Key> = (0..30)
        .map(|n| {
            world
                .notion
                .person_creates(&[("title", text(&format!("page {n}")))])
        })
        .collect();
    world.settle();
    let row = |n: usize| world.partner(Side::Left, &pages[n]);
    world.local.person_trashes(&row(0), true);
    world.settle();
    world.local.person_trashes(&row(1), true);
    world.local.person_sets(&row(2), "notes", text("edited"));
    world.local.person_creates(&[("title", text("new"))]);
    world.local.person_trashes(&row(0), false);
    world.notion.take_mutations();
    world.run();
    let kinds: Vec<CommandKind> = world
        .notion
        .take_mutations()
        .into_iter()
        .map(|mutation| mutation.kind)
        .collect();
    use CommandKind::{Create, Patch, Trash, Untrash};
    assert_eq!(kinds, [Untrash, Create, Patch, Trash]);
}

/// Makes every pair worth a look, as a new mapping does.
fn attend_all(world: &World) {
    let ask = LeaseAsk::Take {
        owner: "test".into(),
    };
    let link = &world.spec.id;
    let fence = block_on(world.store.lease(link, &ask)).unwrap();
    let commit = Commit {
        changes: vec![Change::AttendAll],
        ..Commit::default()
    };
    block_on(world.store.commit(&fence, commit)).unwrap();
    block_on(world.store.lease(link, &LeaseAsk::Release(fence))).unwrap();
}

#[derive(Clone, Debug)]
enum Edit {
    There(usize, usize, usize),
    Here(usize, usize, usize),
    TrashThere(usize),
    TrashHere(usize),
    MakeThere,
    MakeHere,
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || (0..6_usize, 0..3_usize, 0..3_usize);
    prop_oneof![
        at().prop_map(|(n, field, value)| Edit::There(n, field, value)),
        at().prop_map(|(n, field, value)| Edit::Here(n, field, value)),
        (0..6_usize).prop_map(Edit::TrashThere),
        (0..6_usize).prop_map(Edit::TrashHere),
        Just(Edit::MakeThere),
        Just(Edit::MakeHere),
    ]
}

fn value(field: usize, value: usize, spelled: impl Fn(&[&str]) -> Value) -> (&'static str, Value) {
    match field {
        0 => ("title", text(["a", "b", "c"][value])),
        1 => ("notes", text(["", "b", "c"][value])),
        _ => ("tags", spelled([&[][..], &["a"], &["a", "b"]][value])),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn p13_a_plan_of_what_is_dirty_is_the_plan_of_everything(
        rounds in proptest::collection::vec(proptest::collection::vec(edit(), 1..8), 1..3)
    ) {
        let world = World::new();
        let pages: Vec<Key> = (0..6)
            .map(|n| world.notion.person_creates(&[("title", text(&format!("page {n}")))]))
            .collect();
        world.settle();
        let rows: Vec<Key> = pages.iter().map(|page| world.partner(Side::Left, page)).collect();
        for edits in rounds {
            for edit in edits {
                match edit {
                    Edit::There(n, field, at) => {
                        let (field, value) = value(field, at, tags);
                        world.notion.person_sets(&pages[n], field, value);
                    }
                    Edit::Here(n, field, at) => {
                        let (field, value) = value(field, at, names);
                        world.local.person_sets(&rows[n], field, value);
                    }
                    Edit::TrashThere(n) => world.notion.person_trashes(&pages[n], true),
                    Edit::TrashHere(n) => world.local.person_trashes(&rows[n], true),
                    Edit::MakeThere => drop(world.notion.person_creates(&[])),
                    Edit::MakeHere => drop(world.local.person_creates(&[])),
                }
            }
            world.clock.advance(Duration::from_secs(120));
            let delta = world.plan();
            attend_all(&world);
            let mut whole = world.plan();
            whole.counts.looked_at = delta.counts.looked_at;
            // Marking every pair was a commit.
            whole.over.serial = delta.over.serial;
            prop_assert_eq!(&delta.items, &whole.items);
            prop_assert_eq!(delta, whole);
            world.run();
        }
    }
}
