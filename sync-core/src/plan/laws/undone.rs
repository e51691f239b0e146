//! What a run did to one pair, taken back: a case each.

use super::*;
use crate::plan::hold::OnHold;
use crate::plan::{NotUndone, WhyNot, decided, undo_pair};
use crate::port::{JournalEntry, RunId};

/// A pair that lives on both sides and was settled with one title.
fn settled() -> Case {
    settled_through(Lens::Identity)
}

fn settled_through(lens: Lens) -> Case {
    let title = Sides::new(FieldId::new("title"), FieldId::new("title"));
    let mut case = empty_case(Mapping {
        fields: vec![MappedField::new(title, lens)],
        ..Mapping::default()
    });
    let field = &case.spec.mapping.fields[0];
    let values = Sides::new(Value::text("b"), Value::text("b"));
    let settled = BaseField {
        name: field.name().clone(),
        values,
        lens: field.tag(),
    };
    case.pair.base = Some(Base::new(Lifecycle::Live, [settled]));
    for side in Side::BOTH {
        let title = Cell::Complete(Value::text("b"));
        let shown = record(Key::durable("k"), Lifecycle::Live, &[("title", title)]);
        case.pair.sides[side] = SideState::seen(shown);
    }
    case
}

/// The same in the trash of both sides.
fn in_trash() -> Case {
    let mut case = settled();
    for side in Side::BOTH {
        if let Some(shadow) = &mut case.pair.sides[side].shadow {
            shadow.lifecycle = Lifecycle::Trashed;
        }
    }
    case
}

/// What a run wrote on the right.
fn wrote(kind: CommandKind, rule: RowRule) -> JournalEntry {
    let edits = kind == CommandKind::Patch;
    let text = |text: &str| edits.then(|| Value::text(text));
    JournalEntry {
        run: RunId(Timestamp(0)),
        at: Timestamp(0),
        pair: PairId(1),
        side: Side::Right,
        kind,
        rule: rule.to_string(),
        field: edits.then(|| FieldId::new("title")),
        before: text("a"),
        after: text("b"),
        source: text("b"),
        settled: edits.then(|| Sides::new(Value::text("a"), Value::text("a"))),
    }
}

fn undone(
    case: &Case,
    on_hold: &FieldsOnHold,
    entry: JournalEntry,
    keep_source: bool,
) -> (Vec<(Side, CommandKind)>, PairPlan, Vec<NotUndone>) {
    undone_after(case, on_hold, entry, &[], keep_source)
}

fn undone_after(
    case: &Case,
    on_hold: &FieldsOnHold,
    entry: JournalEntry,
    since: &[JournalEntry],
    keep_source: bool,
) -> (Vec<(Side, CommandKind)>, PairPlan, Vec<NotUndone>) {
    let (context, _) = case.context(0);
    let context = PairContext { on_hold, ..context };
    let (plan, kept) = undo_pair(&context, &case.pair, &[entry], since, keep_source);
    let commands = plan.commands.iter();
    let told = commands.map(|command| (command.side, command.kind));
    (told.collect(), plan, kept)
}

#[test]
fn r40_what_was_brought_back_goes_again_from_both_sides_or_from_the_one_written_to() {
    let case = settled();
    let entry = || wrote(CommandKind::Untrash, RowRule::R09);
    let (left, right) = (
        (Side::Left, CommandKind::Trash),
        (Side::Right, CommandKind::Trash),
    );
    let (commands, _, _) = undone(&case, FieldsOnHold::NONE, entry(), false);
    assert_eq!(commands, [left, right]);
    let (commands, plan, _) = undone(&case, FieldsOnHold::NONE, entry(), true);
    assert_eq!(commands, [right]);
    assert_eq!(plan.settle.and_then(|base| base.held()), Some(Side::Left));
}

#[test]
fn r40_a_record_that_went_and_came_back_or_that_an_edit_saved_stays() {
    let case = settled();
    let there = wrote(CommandKind::Trash, RowRule::R05);
    let back = wrote(CommandKind::Untrash, RowRule::R09);
    let (context, _) = case.context(0);
    let (plan, _) = undo_pair(&context, &case.pair, &[there, back], &[], false);
    assert!(plan.commands.is_empty());
    let saved = || wrote(CommandKind::Untrash, RowRule::R08);
    let (commands, _, _) = undone(&case, FieldsOnHold::NONE, saved(), false);
    assert_eq!(commands, []);
    let (commands, _, _) = undone(&case, FieldsOnHold::NONE, saved(), true);
    assert_eq!(commands, [(Side::Right, CommandKind::Trash)]);
}

/// That it was emptied first is no life that it had.
#[test]
fn r40_a_record_that_was_emptied_and_then_went_to_the_trash_in_one_run_comes_back() {
    let case = in_trash();
    let emptied = JournalEntry {
        field: None,
        ..wrote(CommandKind::Patch, RowRule::R12)
    };
    let gone = wrote(CommandKind::Trash, RowRule::R05);
    let (context, _) = case.context(0);
    let (plan, kept) = undo_pair(&context, &case.pair, &[emptied, gone], &[], false);
    let commands = plan.commands.iter();
    let commands: Vec<_> = commands.map(|done| (done.side, done.kind)).collect();
    assert_eq!(
        commands,
        Side::BOTH.map(|side| (side, CommandKind::Untrash))
    );
    assert_eq!(kept, []);
}

#[test]
fn r40_decided_something_where_it_writes_and_only_there() {
    let counted = |case: &Case| {
        decided::take();
        let entry = wrote(CommandKind::Patch, RowRule::R02);
        undone(case, FieldsOnHold::NONE, entry, false);
        decided::take().rows
    };
    assert_eq!(counted(&settled()), [(RowRule::R40, 1)]);
    assert_eq!(
        counted(&settled_through(Lens::Projection { from: Side::Left })),
        []
    );
}

#[test]
fn f15_nothing_of_a_field_on_hold_is_taken_back() {
    let case = settled();
    let entry = || wrote(CommandKind::Patch, RowRule::R02);
    let (commands, _, kept) = undone(&case, FieldsOnHold::NONE, entry(), false);
    assert_eq!((commands.len(), kept.len()), (2, 0));
    let held: FieldsOnHold = [(
        FieldId::new("title"),
        OnHold {
            reason: "retyped".into(),
            lasting: true,
            strange: Sides::default(),
        },
    )]
    .into_iter()
    .collect();
    let (commands, _, kept) = undone(&case, &held, entry(), false);
    assert_eq!(commands, []);
    assert_eq!(kept[0].why, WhyNot::Held);
}

#[test]
fn r40_the_image_of_a_computed_field_follows_it_and_is_not_taken_back() {
    let case = settled_through(Lens::Projection { from: Side::Left });
    let entry = wrote(CommandKind::Patch, RowRule::R02);
    let (commands, _, kept) = undone(&case, FieldsOnHold::NONE, entry, false);
    assert_eq!((commands, kept), (vec![], vec![]));
}

#[test]
fn r40_a_record_that_was_made_stays_if_either_side_was_edited_since() {
    let case = settled();
    let made = || wrote(CommandKind::Create, RowRule::R20);
    let value = |text: &str| Some(Value::text(text));
    for (before, settled, edited) in [("b", "b", false), ("a", "b", true), ("b", "a", true)] {
        let since = JournalEntry {
            before: value(before),
            settled: Some(Sides::new(Value::text(settled), Value::text(before))),
            ..wrote(CommandKind::Patch, RowRule::R02)
        };
        let (commands, _, kept) = undone_after(&case, FieldsOnHold::NONE, made(), &[since], false);
        assert_eq!(
            (commands.is_empty(), kept.len()),
            (edited, usize::from(edited))
        );
    }
}

#[test]
fn r40_what_went_to_the_trash_comes_back_if_it_is_still_there() {
    let entry = || wrote(CommandKind::Trash, RowRule::R05);
    let shown = |lifecycle, presence| {
        let mut case = in_trash();
        let right = &mut case.pair.sides.right;
        right.presence = presence;
        if let Some(shadow) = &mut right.shadow {
            shadow.lifecycle = lifecycle;
        }
        undone(&case, FieldsOnHold::NONE, entry(), false)
    };
    let (commands, _, _) = shown(Lifecycle::Trashed, Presence::Present);
    assert_eq!(
        commands,
        Side::BOTH.map(|side| (side, CommandKind::Untrash))
    );
    for (lifecycle, presence, why) in [
        (Lifecycle::Live, Presence::Present, WhyNot::Changed),
        (
            Lifecycle::Trashed,
            Presence::Deleted(Proof::TrashFlag),
            WhyNot::Gone,
        ),
        (Lifecycle::Trashed, Presence::Gone, WhyNot::Gone),
    ] {
        let (commands, _, kept) = shown(lifecycle, presence);
        assert_eq!((commands, kept[0].why), (vec![], why));
    }
}

#[test]
fn e14_nothing_is_taken_back_where_the_field_or_the_link_does_not_flow() {
    let toward = Direction::Toward(Side::Left);
    let entry = || wrote(CommandKind::Patch, RowRule::R02);
    let mut one_way_field = settled();
    one_way_field.spec.mapping.fields[0].direction = toward;
    let mut one_way_link = settled();
    one_way_link.spec.policy.direction = toward;
    for case in [one_way_field, one_way_link] {
        let (commands, _, kept) = undone(&case, FieldsOnHold::NONE, entry(), false);
        assert_eq!(commands, [(Side::Left, CommandKind::Patch)]);
        assert_eq!(
            (kept[0].side, kept[0].why),
            (Some(Side::Right), WhyNot::OneWay)
        );
    }
}

/// Nothing had been agreed on: what a person decided then is asked again, what was only filled in is
/// left as it was.
#[test]
fn f16_a_decision_that_is_taken_back_is_asked_again_unless_the_source_is_kept() {
    let case = settled();
    let entry = |before: Value| JournalEntry {
        before: Some(before),
        settled: None,
        ..wrote(CommandKind::Patch, RowRule::R02)
    };
    for (before, keep_source, asked) in [
        (Value::text("a"), false, 1),
        (Value::text("a"), true, 0),
        (Value::Empty, false, 0),
    ] {
        let (commands, plan, _) = undone(&case, FieldsOnHold::NONE, entry(before), keep_source);
        assert_eq!(commands, [(Side::Right, CommandKind::Patch)]);
        assert_eq!(plan.conflicts.len(), asked);
    }
}

/// A merge wrote both sides: with its sources kept each returns to what was written there, as far as
/// that is known and was not edited while the run went on.
#[test]
fn f17_a_merge_taken_back_with_its_sources_sets_both_sides_apart() {
    let case = settled();
    let (context, _) = case.context(0);
    let merged = |side: Side, before: Option<&str>| JournalEntry {
        side,
        before: before.map(Value::text),
        ..wrote(CommandKind::Patch, RowRule::R04)
    };
    let take_back = |entries: &[JournalEntry], keep_source: bool| {
        let (plan, kept) = undo_pair(&context, &case.pair, entries, &[], keep_source);
        let written = plan.commands.iter().flat_map(|command| &command.fields);
        let written: Vec<String> = written.map(|field| field.desired.display()).collect();
        let parked = plan.settle.is_some_and(|base| !base.is_plain());
        (written, parked, kept.first().map(|kept| kept.why))
    };
    let of = |values: [&str; 2]| values.map(str::to_owned).to_vec();
    let both = |left, right| [merged(Side::Left, left), merged(Side::Right, right)];

    let known = both(Some("l"), Some("r"));
    assert_eq!(take_back(&known, true), (of(["l", "r"]), true, None));
    assert_eq!(take_back(&known, false), (of(["a", "a"]), false, None));
    // It took back such a merge itself: the two agree as they were before.
    let agreed = both(Some("m"), Some("m"));
    for keep_source in [true, false] {
        let back = (of(["m", "m"]), false, None);
        assert_eq!(take_back(&agreed, keep_source), back);
    }

    let unknown = both(None, Some("r"));
    let stays = |why: WhyNot| (Vec::new(), false, Some(why));
    assert_eq!(take_back(&unknown, true), stays(WhyNot::Unknown));
    assert_eq!(take_back(&unknown, false), (of(["a", "a"]), false, None));
    let first = known.clone().map(|entry| JournalEntry {
        settled: None,
        ..entry
    });
    assert_eq!(take_back(&first, true), (of(["l", "r"]), true, None));
    assert_eq!(take_back(&first, false), stays(WhyNot::Unknown));

    let mut edited_between = known.to_vec();
    edited_between.insert(0, merged(Side::Left, Some("k")));
    assert_eq!(take_back(&edited_between, true), stays(WhyNot::Changed));
    let back = (of(["a", "a"]), false, None);
    assert_eq!(take_back(&edited_between, false), back);
}

#[test]
fn p11_whatever_is_not_taken_back_says_why_in_words_of_its_own() {
    let all = [
        WhyNot::Changed,
        WhyNot::Gone,
        WhyNot::Unread,
        WhyNot::Unmapped,
        WhyNot::Unknown,
        WhyNot::OneWay,
        WhyNot::Held,
    ];
    let mut told: Vec<&str> = all.map(WhyNot::reason).to_vec();
    assert!(told.iter().all(|why| why.len() > 8 && !why.ends_with('.')));
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), all.len());
}
