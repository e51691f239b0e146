//! What reading back proves, case by case.

use futures::executor::block_on;

use super::world::{World, names, tags, text};
use crate::engine::settle::{Verdict, verify};
use crate::link::{Names, Side, Sides};
use crate::outbox::{Intent, IntentField, IntentId, IntentState};
use crate::pair::Base;
use crate::plan::RowRule;
use crate::port::{Call, Cancel, Clock, Command, CommandKind, Peer};
use crate::record::{Cell, Lifecycle};
use crate::schema::FieldId;
use crate::value::Value;

/// A settled pair, and a command of this kind to its page.
struct Sent {
    world: World,
    page: crate::record::Key,
    intent: Intent,
}

impl Sent {
    fn new(
        kind: CommandKind,
        rule: RowRule,
        fields: &[(&str, Option<Value>, Value, Value)],
    ) -> Self {
        let world = World::new();
        let (page, _) = world.settled_pair();
        let fields = fields.iter().cloned();
        let fields = fields.map(|(name, source, expected, desired)| IntentField {
            name: FieldId::new(name),
            source,
            expected: Some(expected),
            desired,
        });
        let intent = Intent {
            id: IntentId(1),
            pair: world.pair_of(&page).id,
            side: Side::Left,
            rule: rule.to_string(),
            command: Command {
                kind,
                key: Some(page.clone()),
                cells: Vec::new(),
                holding: Vec::new(),
            },
            fields: fields.collect(),
            marker: None,
            state: IntentState::Attempting,
            attempts: 1,
            attempted_at: None,
            note: None,
            edit: rule == RowRule::R40,
            due_at: None,
            refusal: None,
            ended_at: None,
        };
        Self {
            world,
            page,
            intent,
        }
    }

    /// What is known once the page is read back with these cells, alive or not.
    fn read_back(&self, cells: &[(&str, Value)], lifecycle: Lifecycle) -> (Verdict, Base, usize) {
        let world = &self.world;
        let cancel = Cancel::default();
        let call = Call::new(&cancel);
        let described = Sides::new(
            block_on(world.notion.describe(&call)).unwrap(),
            block_on(world.local.describe(&call)).unwrap(),
        );
        let pair = world.pair_of(&self.page);
        let mut record = pair.sides.left.shadow.clone().unwrap();
        record.lifecycle = lifecycle;
        for (name, value) in cells {
            let cell = Cell::Complete(value.clone());
            record.cells.put(FieldId::new(*name), cell);
        }
        let found = verify(
            &world.spec,
            &described,
            &Names::default(),
            &self.intent,
            &pair,
            &record,
            world.clock.now(),
        );
        (found.verdict, found.base, found.fields.len())
    }
}

#[test]
fn what_a_peer_shows_in_its_own_form_has_arrived() {
    let sent = Sent::new(
        CommandKind::Patch,
        RowRule::R02,
        &[("tags", Some(names(&["a"])), Value::Empty, tags(&["a"]))],
    );
    let live = Lifecycle::Live;
    for (shown, verdict, verified) in [
        (tags(&["a"]), Verdict::Applied, 1),
        (names(&["a"]), Verdict::Applied, 1),
        (tags(&["b"]), Verdict::Diverged, 0),
        (Value::Empty, Verdict::NotApplied, 0),
    ] {
        let (found, _, fields) = sent.read_back(&[("tags", shown)], live);
        assert_eq!((found, fields), (verdict, verified));
    }
}

#[test]
fn one_field_of_two_that_arrived_is_verified_alone() {
    let sent = Sent::new(
        CommandKind::Patch,
        RowRule::R02,
        &[
            ("title", Some(text("b")), text("a"), text("b")),
            ("notes", Some(text("n")), Value::Empty, text("n")),
        ],
    );
    for (title, notes, verdict, verified) in [
        ("b", "n", Verdict::Applied, 2),
        ("b", "x", Verdict::Diverged, 1),
        ("x", "n", Verdict::Diverged, 1),
    ] {
        let cells = [("title", text(title)), ("notes", text(notes))];
        let (found, base, fields) = sent.read_back(&cells, Lifecycle::Live);
        assert_eq!((found, fields), (verdict, verified));
        assert_eq!(base.cleared_on(), None);
    }
}

/// What was written into a page is beside the point of its emptying, unless that came first.
#[test]
fn p4_what_stands_in_an_emptied_page_was_written_since_if_another_field_was_emptied() {
    let empty = || Value::Empty;
    let sent = Sent::new(
        CommandKind::Patch,
        RowRule::R12,
        &[
            ("title", None, text("a"), empty()),
            ("notes", None, text("n"), empty()),
            ("tags", None, empty(), empty()),
        ],
    );
    let mapping = &sent.world.spec.mapping;
    for (title, notes, emptied) in [
        ("a", "n", [false, false]),
        ("a", "x", [false, false]),
        ("", "n", [true, false]),
        ("", "x", [true, true]),
        ("", "", [true, true]),
    ] {
        let shown = |words: &str| match words {
            "" => Value::Empty,
            words => text(words),
        };
        let cells = [("title", shown(title)), ("notes", shown(notes))];
        let (_, base, _) = sent.read_back(&cells, Lifecycle::Live);
        let found = [0, 1].map(|at| base.cleared(Side::Left, &mapping.fields[at]).is_some());
        assert_eq!(found, emptied, "{title:?} {notes:?}");
    }
}

#[test]
fn a_life_that_is_as_wanted_has_arrived_and_one_that_is_not_is_untouched() {
    let (live, trashed) = (Lifecycle::Live, Lifecycle::Trashed);
    for (kind, rule, wanted) in [
        (CommandKind::Trash, RowRule::R05, trashed),
        (CommandKind::Untrash, RowRule::R09, live),
    ] {
        let sent = Sent::new(kind, rule, &[]);
        for shown in [live, trashed] {
            let verdict = match shown == wanted {
                true => Verdict::Applied,
                false => Verdict::NotApplied,
            };
            let (found, base, _) = sent.read_back(&[], shown);
            assert_eq!(found, verdict, "{kind:?} {shown:?}");
            let settled = if shown == wanted { wanted } else { live };
            assert_eq!(base.lifecycle, settled);
        }
    }
    // Nothing of a patch has arrived in the trash; a restore came back, with another title.
    let title = [("title", Some(text("b")), text("a"), text("b"))];
    let patch = Sent::new(CommandKind::Patch, RowRule::R02, &title);
    let restore = Sent::new(CommandKind::Untrash, RowRule::R08, &title);
    for (sent, shown, life, verdict) in [
        (&patch, "b", trashed, Verdict::Diverged),
        (&patch, "a", trashed, Verdict::NotApplied),
        (&patch, "a", live, Verdict::NotApplied),
        (&restore, "a", live, Verdict::Diverged),
        (&restore, "a", trashed, Verdict::NotApplied),
        (&restore, "b", live, Verdict::Applied),
    ] {
        let (found, _, _) = sent.read_back(&[("title", text(shown))], life);
        assert_eq!(
            found, verdict,
            "{:?} {shown} {life:?}",
            sent.intent.command.kind
        );
    }
}
