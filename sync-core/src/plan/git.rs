//! Agreement with the table of git's trivial three-way merge, with one stated difference: where one
//! side deleted a record and the other edited it, git refuses; here the edit is brought back by
//! default ([`Resurrect::PushEdit`]), and a person is asked under [`Resurrect::Ask`] as in git.
//!
//! [`Resurrect::PushEdit`]: crate::link::Resurrect::PushEdit
//! [`Resurrect::Ask`]: crate::link::Resurrect::Ask

use super::fields::{CellStatus, ConflictStatus, FieldAction, FieldCase, decide_field};
use super::rows::{RowAction, RowRule, decide_row};
use super::status::{BaseState, SideStatus};
use crate::link::{Side, Sides};

/// What a version of a file is; `None` where there is none.
type Version = Option<char>;

/// What git's trivial merge makes of a path: the version that results, or no trivial result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trivial {
    Takes(Version),
    Refuses,
}

/// Trivial three-way merge: what is the same on both sides is taken; else the side that differs from
/// the base; else there is no trivial result.
fn git(base: Version, ours: Version, theirs: Version) -> Trivial {
    if ours == theirs {
        Trivial::Takes(ours)
    } else if ours == base {
        Trivial::Takes(theirs)
    } else if theirs == base {
        Trivial::Takes(ours)
    } else {
        Trivial::Refuses
    }
}

const VERSIONS: [Version; 4] = [None, Some('a'), Some('b'), Some('c')];

fn all() -> Vec<[Version; 3]> {
    let mut cases = Vec::new();
    for base in VERSIONS {
        for ours in VERSIONS {
            cases.extend(VERSIONS.map(|theirs| [base, ours, theirs]));
        }
    }
    cases
}

/// What the field table makes of two cells with this base, where an absent version is an empty cell
/// and an absent base one that was never settled.
fn fields(base: Version, ours: Version, theirs: Version) -> Trivial {
    let status = |now: Version| match (base, now) {
        (None, None) => CellStatus::Empty,
        (None, Some(_)) => CellStatus::Filled,
        (Some(_), now) if now == base => CellStatus::Same,
        (Some(_), _) => CellStatus::Changed,
    };
    let case = FieldCase {
        cells: Sides::new(status(ours), status(theirs)),
        agree: ours == theirs,
        set: false,
        text: false,
        stands: true,
        computed: None,
        conflict: ConflictStatus::None,
        in_flight: false,
        intact: true,
        flows: Sides::new(true, true),
        winner: None,
    };
    match decide_field(&case).1 {
        FieldAction::Nothing | FieldAction::Settle => {
            assert_eq!(ours, theirs, "nothing is written where they differ");
            Trivial::Takes(ours)
        }
        FieldAction::Propagate(Side::Left) => Trivial::Takes(ours),
        FieldAction::Propagate(Side::Right) => Trivial::Takes(theirs),
        FieldAction::Conflict => Trivial::Refuses,
        other => panic!("{other:?} for {base:?} {ours:?} {theirs:?}"),
    }
}

/// What the two tables make of a record that exists or does not, and has one field.
fn records(base: Version, ours: Version, theirs: Version) -> Trivial {
    let status = |now: Version| match (base, now) {
        (None, None) => SideStatus::Never,
        (None, Some(_)) => SideStatus::New,
        (Some(_), None) => SideStatus::Deleted,
        (Some(_), Some(_)) if now == base => SideStatus::Same,
        (Some(_), Some(_)) => SideStatus::Changed,
    };
    let known = match base {
        None => BaseState::Absent,
        Some(_) => BaseState::Present,
    };
    let of = |side: Side| match side {
        Side::Left => ours,
        Side::Right => theirs,
    };
    let sides = Sides::new(status(ours), status(theirs));
    match decide_row(known, sides).action {
        RowAction::Nothing | RowAction::Fields => fields(base, ours, theirs),
        RowAction::SettleTrashed | RowAction::Forget => Trivial::Takes(None),
        RowAction::Trash(on) => Trivial::Takes(of(on.other())),
        RowAction::Create(on) | RowAction::Untrash(on) => Trivial::Takes(of(on.other())),
        other => panic!("{other:?} for {base:?} {ours:?} {theirs:?}"),
    }
}

#[test]
fn p4_fields_are_merged_as_git_merges_trivially() {
    for [base, ours, theirs] in all() {
        let told = git(base, ours, theirs);
        let decided = fields(base, ours, theirs);
        assert_eq!(decided, told, "{base:?} {ours:?} {theirs:?}");
    }
}

#[test]
fn p4_records_are_merged_as_git_merges_trivially_but_for_an_edit_against_a_delete() {
    let differs = |[base, ours, theirs]: &[Version; 3]| {
        records(*base, *ours, *theirs) != git(*base, *ours, *theirs)
    };
    let edited_and_deleted = |[base, ours, theirs]: &[Version; 3]| {
        let one_is_gone = ours.is_none() != theirs.is_none();
        base.is_some() && one_is_gone && ours.or(*theirs) != *base
    };
    let mut different = all();
    different.retain(differs);
    let mut stated = all();
    stated.retain(edited_and_deleted);
    assert_eq!(different, stated);
    for [base, ours, theirs] in different {
        assert_eq!(git(base, ours, theirs), Trivial::Refuses);
        let edit = Trivial::Takes(ours.or(theirs));
        assert_eq!(records(base, ours, theirs), edit);
    }
    // The rule of the difference is the one that can be made to ask.
    let sides = Sides::new(SideStatus::Deleted, SideStatus::Changed);
    assert_eq!(decide_row(BaseState::Present, sides).rule, RowRule::R08);
}
