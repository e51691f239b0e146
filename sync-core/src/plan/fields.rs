//! The field table: what to do about one field of a pair whose records both exist.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::canary::{self, Canary};
use crate::link::{Side, Sides};

/// Rules of the field table. Ids are public and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FieldRule {
    /// A cell was not seen whole.
    F00,
    /// Neither changed.
    F01,
    /// One changed.
    F02,
    /// One changed to what the other already says.
    F03,
    /// Both changed and agree.
    F04,
    /// Both changed and disagree.
    F05,
    /// Both changed a set.
    F06,
    /// Never settled, agree.
    F07,
    /// Never settled, one is empty.
    F08,
    /// Never settled, disagree.
    F09,
    /// A computed field was edited.
    F10,
    /// Edited where nothing may flow from.
    F11,
    /// The option it held was removed from the schema. Decided after the table.
    F12,
    /// A command on this record is unresolved.
    F13,
    /// Both changed and disagree, and one side has authority.
    F14,
    /// The field vanished from a side, was retyped, or is on hold for another reason.
    F15,
    /// A conflict is open.
    F16,
    /// Parked at the values it has. Decided before the table.
    F17,
    /// Settled before a record it refers to had its other side.
    F18,
    /// Emptied because the record left the filter. Decided by R12, never by the table.
    F19,
    /// Both changed a text, in different words.
    F20,
}

super::decided::list_all!(
    FieldRule: F00, F01, F02, F03, F04, F05, F06, F07, F08, F09, F10, F11, F12, F13, F14, F15,
    F16, F17, F18, F19, F20
);

impl FieldRule {
    /// Why, in a sentence for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::F00 => "the value was not shown whole",
            Self::F01 => "nothing changed",
            Self::F02 => "changed on one side",
            Self::F03 => "changed to what the other side already holds",
            Self::F04 => "changed on both sides to the same",
            Self::F05 => "changed on both sides to different values",
            Self::F06 => "options added and removed on both sides: merged",
            Self::F07 => "the same on first sight",
            Self::F08 => "empty on one side on first sight: filled in",
            Self::F09 => "different on first sight",
            Self::F10 => "computed: the edit is taken back",
            Self::F11 => "edited where this field does not flow from: left alone",
            Self::F12 => {
                "its option was removed: whether the value goes too is for a person to say"
            }
            Self::F13 => "waits for a command whose outcome is not known",
            Self::F14 => {
                "changed on both sides: the side with authority holds, the other value is in the journal"
            }
            Self::F15 => "the field is not what was mapped any more: nothing of it propagates",
            Self::F16 => "a conflict is open",
            Self::F17 => "taken back on one side only: left alone until either side changes",
            Self::F18 => "a record it refers to is on the other side by now",
            Self::F19 => "emptied: the record left the filter",
            Self::F20 => "different words changed on both sides: merged",
        }
    }
}

impl fmt::Display for FieldRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One side's cell, compared with its own settled cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CellStatus {
    /// As settled.
    Same,
    /// Not as settled.
    Changed,
    /// Never settled, empty.
    Empty,
    /// Never settled, not empty.
    Filled,
    /// Not seen whole.
    Gap,
}

impl CellStatus {
    /// All, for enumeration.
    pub const ALL: [Self; 5] = [
        Self::Same,
        Self::Changed,
        Self::Empty,
        Self::Filled,
        Self::Gap,
    ];
}

/// What is known of a conflict on the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConflictStatus {
    /// There is none.
    None,
    /// Open, undecided.
    Open,
    /// A person decided for this side.
    Keep(Side),
    /// A person gave a value for both.
    Write,
}

/// Everything the field table looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldCase {
    /// The two cells.
    pub cells: Sides<CellStatus>,
    /// Whether they agree through the lens.
    pub agree: bool,
    /// Whether the lens merges sets.
    pub set: bool,
    /// Whether it is a text to be merged, and the two edits touch different words.
    pub text: bool,
    /// Whether what was settled still agrees. It does not once a record that it refers to has its
    /// other side.
    pub stands: bool,
    /// The side that computes the field, if one does.
    pub computed: Option<Side>,
    /// An open conflict.
    pub conflict: ConflictStatus,
    /// Whether an unresolved command touches the record.
    pub in_flight: bool,
    /// Whether both sides still have the field as it was mapped: it is there and not on hold.
    pub intact: bool,
    /// Whether values may flow to each side.
    pub flows: Sides<bool>,
    /// The side that is right when both changed, where one is.
    pub winner: Option<Side>,
}

/// What to do about a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldAction {
    /// Nothing.
    Nothing,
    /// Nothing until its cause is gone; the rest of the record goes on.
    Block,
    /// This side's value goes to the other.
    Propagate(Side),
    /// Both agree: settle without a write.
    Settle,
    /// One value for both, merged from the two or given by a person: written where it differs.
    Merge,
    /// Open a conflict, or update the one that is open.
    Conflict,
}

/// Looks up the field table. Total; what cannot happen is blocked.
pub fn decide_field(case: &FieldCase) -> (FieldRule, FieldAction) {
    let decided = by_cells(case);
    let won = |winner: Side| case.flows[winner.other()].then_some(winner);
    match (decided.1, case.winner.and_then(won)) {
        (FieldAction::Conflict, Some(winner)) => (FieldRule::F14, FieldAction::Propagate(winner)),
        (FieldAction::Propagate(from), winner) if !case.flows[from.other()] => match winner {
            // What is not let through is taken back where the other side has authority. What was
            // there before anything was settled stays.
            Some(winner) if winner != from && case.cells[from] == CellStatus::Changed => {
                (FieldRule::F14, FieldAction::Propagate(winner))
            }
            _ => (FieldRule::F11, FieldAction::Block),
        },
        (FieldAction::Merge, winner) if !(case.flows.left && case.flows.right) => {
            match (decided.0, only_target(case), winner) {
                (FieldRule::F18, Some(to), _) => {
                    (FieldRule::F18, FieldAction::Propagate(to.other()))
                }
                (_, _, Some(winner)) => (FieldRule::F14, FieldAction::Propagate(winner)),
                _ => (FieldRule::F11, FieldAction::Block),
            }
        }
        _ => decided,
    }
}

/// The only side that values may flow to, if nobody edited the field there.
fn only_target(case: &FieldCase) -> Option<Side> {
    let mut open = Side::BOTH.into_iter().filter(|side| case.flows[*side]);
    let only = open.next().filter(|_| open.next().is_none());
    only.filter(|side| case.cells[*side] == CellStatus::Same)
}

/// The table before authority and direction.
fn by_cells(case: &FieldCase) -> (FieldRule, FieldAction) {
    use CellStatus as C;
    use FieldAction as A;
    use FieldRule as F;
    if case.in_flight {
        return (F::F13, A::Block);
    }
    if !case.intact {
        return (F::F15, A::Block);
    }
    if let Some(from) = case.computed {
        return match (case.cells[from], case.cells[from.other()]) {
            (C::Gap, _) => (F::F00, A::Block),
            (C::Same, C::Changed) if canary::is(Canary::ComputedEdited) => (F::F01, A::Nothing),
            (C::Same, C::Changed) => (F::F10, A::Propagate(from)),
            (C::Same, _) => (F::F01, A::Nothing),
            (C::Changed, _) if case.agree => (F::F03, A::Settle),
            (C::Changed, _) => (F::F02, A::Propagate(from)),
            (C::Empty | C::Filled, _) if case.agree => (F::F07, A::Settle),
            (C::Empty | C::Filled, _) => (F::F08, A::Propagate(from)),
        };
    }
    let Sides { left, right } = case.cells;
    if left == C::Gap || right == C::Gap {
        return (F::F00, A::Block);
    }
    let settled = |status| matches!(status, C::Same | C::Changed);
    if settled(left) != settled(right) {
        return (F::F00, A::Block);
    }
    let outgrown = case.set && !case.stands && settled(left);
    if let (C::Same, C::Same, ConflictStatus::None, false) =
        (left, right, case.conflict, outgrown && !case.agree)
    {
        return (F::F01, A::Nothing);
    }
    match case.conflict {
        ConflictStatus::None => {}
        _ if case.agree => return (F::F16, A::Settle),
        ConflictStatus::Keep(side) => return (F::F16, A::Propagate(side)),
        ConflictStatus::Write => return (F::F16, A::Merge),
        ConflictStatus::Open => return (F::F16, A::Conflict),
    }
    match (left, right, case.agree) {
        // Neither side's edit alone: what the other could not show until now is no edit.
        (_, _, false) if outgrown => (F::F18, A::Merge),
        (C::Changed, C::Same, true) | (C::Same, C::Changed, true) => (F::F03, A::Settle),
        (C::Changed, C::Same, false) => (F::F02, A::Propagate(Side::Left)),
        (C::Same, C::Changed, false) => (F::F02, A::Propagate(Side::Right)),
        (C::Changed, C::Changed, true) => (F::F04, A::Settle),
        (C::Changed, C::Changed, false) if case.set => (F::F06, A::Merge),
        (C::Changed, C::Changed, false) if case.text => (F::F20, A::Merge),
        (C::Changed, C::Changed, false) if canary::is(Canary::ConflictOverwritten) => {
            (F::F05, A::Propagate(Side::Left))
        }
        (C::Changed, C::Changed, false) => (F::F05, A::Conflict),
        (C::Empty | C::Filled, C::Empty | C::Filled, true) => (F::F07, A::Settle),
        (C::Filled, C::Empty, false) => (F::F08, A::Propagate(Side::Left)),
        (C::Empty, C::Filled, false) => (F::F08, A::Propagate(Side::Right)),
        (C::Filled, C::Filled, false) => (F::F09, A::Conflict),
        // Two empty cells that disagree, or two settled ones: no lens says that.
        _ => (F::F00, A::Block),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const CONFLICTS: [ConflictStatus; 5] = [
        ConflictStatus::None,
        ConflictStatus::Open,
        ConflictStatus::Write,
        ConflictStatus::Keep(Side::Left),
        ConflictStatus::Keep(Side::Right),
    ];

    fn all() -> Vec<FieldCase> {
        let mut cases = Vec::new();
        for left in CellStatus::ALL {
            for right in CellStatus::ALL {
                for conflict in CONFLICTS {
                    for computed in [None, Some(Side::Left), Some(Side::Right)] {
                        for winner in [None, Some(Side::Left), Some(Side::Right)] {
                            for bits in 0..=255_u8 {
                                cases.push(FieldCase {
                                    cells: Sides::new(left, right),
                                    agree: bits & 1 != 0,
                                    set: bits & 2 != 0,
                                    text: bits & 128 != 0,
                                    stands: bits & 64 == 0,
                                    computed,
                                    conflict,
                                    in_flight: bits & 4 != 0,
                                    intact: bits & 8 != 0,
                                    flows: Sides::new(bits & 16 == 0, bits & 32 == 0),
                                    winner,
                                });
                            }
                        }
                    }
                }
            }
        }
        cases
    }

    fn mirror(case: &FieldCase) -> FieldCase {
        FieldCase {
            cells: case.cells.swap(),
            computed: case.computed.map(Side::other),
            flows: case.flows.swap(),
            winner: case.winner.map(Side::other),
            conflict: match case.conflict {
                ConflictStatus::Keep(side) => ConflictStatus::Keep(side.other()),
                other => other,
            },
            ..*case
        }
    }

    #[test]
    fn p3_every_field_mirrors() {
        for case in all() {
            let (rule, action) = decide_field(&case);
            let (mirror_rule, mirror_action) = decide_field(&mirror(&case));
            let mirror_action = match mirror_action {
                FieldAction::Propagate(side) => FieldAction::Propagate(side.other()),
                other => other,
            };
            assert_eq!((rule, action), (mirror_rule, mirror_action), "{case:?}");
        }
    }

    #[test]
    fn p4_no_changed_cell_is_overwritten_without_a_persons_word() {
        for case in all() {
            let (_, action) = decide_field(&case);
            if let FieldAction::Propagate(from) = action {
                let target = case.cells[from.other()];
                let decided = case.conflict == ConflictStatus::Keep(from);
                let computed = case.computed == Some(from);
                let authority = case.winner == Some(from);
                let harmless = matches!(target, CellStatus::Same | CellStatus::Empty);
                assert!(decided || computed || authority || harmless, "{case:?}");
            }
        }
    }

    #[test]
    fn e14_nothing_flows_where_it_may_not() {
        for case in all() {
            match decide_field(&case).1 {
                FieldAction::Propagate(from) => assert!(case.flows[from.other()], "{case:?}"),
                FieldAction::Merge => assert!(case.flows.left && case.flows.right, "{case:?}"),
                _ => {}
            }
        }
    }

    #[test]
    fn p12_forbidding_a_direction_never_adds_a_write_there() {
        let writes = |case: &FieldCase, to: Side| match decide_field(case).1 {
            FieldAction::Propagate(from) => from.other() == to,
            FieldAction::Merge => true,
            _ => false,
        };
        for case in all().into_iter().filter(|case| case.winner.is_none()) {
            for side in Side::BOTH {
                let mut less = case;
                less.flows[side] = false;
                assert!(!writes(&less, side), "{less:?}");
                assert!(!writes(&less, side.other()) || writes(&case, side.other()));
            }
        }
    }

    #[test]
    fn pain_12_authority_decides_conflicts_and_nothing_else() {
        for case in all() {
            let none = FieldCase {
                winner: None,
                ..case
            };
            let (rule, action) = decide_field(&case);
            if rule == FieldRule::F14 {
                let contested = matches!(
                    decide_field(&none).1,
                    FieldAction::Conflict | FieldAction::Block
                );
                assert!(contested, "{case:?}");
                assert_eq!(action, FieldAction::Propagate(case.winner.unwrap()));
            } else {
                assert_eq!((rule, action), decide_field(&none), "{case:?}");
            }
        }
    }

    #[test]
    fn p12_a_gap_blocks_and_never_writes() {
        for case in all() {
            for side in Side::BOTH {
                let mut less = case;
                less.cells[side] = CellStatus::Gap;
                let (_, action) = decide_field(&less);
                let target_of_projection = less.computed == Some(side.other());
                assert!(
                    target_of_projection || action == FieldAction::Block,
                    "{less:?}"
                );
            }
        }
    }

    #[test]
    fn p5_after_a_settlement_nothing_is_left_to_do() {
        for case in all()
            .into_iter()
            .filter(|case| case.intact && !case.in_flight)
        {
            if matches!(
                decide_field(&case).1,
                FieldAction::Settle | FieldAction::Propagate(_)
            ) {
                let after = FieldCase {
                    cells: Sides::new(CellStatus::Same, CellStatus::Same),
                    agree: true,
                    conflict: ConflictStatus::None,
                    ..case
                };
                assert_eq!(decide_field(&after), (FieldRule::F01, FieldAction::Nothing));
            }
        }
    }

    #[test]
    fn p15_only_cells_that_agree_are_settled_without_a_write() {
        for case in all() {
            if decide_field(&case).1 == FieldAction::Settle {
                assert!(case.agree, "{case:?}");
            }
        }
    }

    #[test]
    fn p2_the_whole_table_is_total_and_is_the_documented_one() {
        let (everywhere, nobody) = (Sides::new(true, true), None);
        let mut table = String::from(
            "# Field table\n\nGenerated by the test that enumerates it. Mirrors are left out, and \
             so are cases in which a command is unresolved (F13) or the field is gone (F15). What authority \
             and direction change stands in authority-table.md. A set is outgrown when a record it refers to got its other side after it \
             was settled. A `text` is to be merged, and its two edits touch different words; listed where that \
             makes a difference.\n\n\
             | one cell | other cell | agree | set | computed on | conflict | rule | action |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for case in all() {
            if case.in_flight
                || !case.intact
                || case.cells.left > case.cells.right
                || !case.set && !case.stands
                || (case.flows, case.winner) != (everywhere, nobody)
            {
                continue;
            }
            let (rule, action) = decide_field(&case);
            let plain = FieldCase {
                text: false,
                ..case
            };
            if case.text && (case.set || decide_field(&plain) == (rule, action)) {
                continue;
            }
            let name = |text: String| {
                text.replace("Some(Left)", "the one")
                    .replace("Some(Right)", "the other")
                    .replace("(Left)", " the one")
                    .replace("(Right)", " the other")
            };
            table.push_str(&format!(
                "| {:?} | {:?} | {} | {} | {} | {} | {rule} | {} |\n",
                case.cells.left,
                case.cells.right,
                case.agree,
                match (case.set, case.stands) {
                    (false, _) if case.text => "text",
                    (false, _) => "false",
                    (true, true) => "true",
                    (true, false) => "outgrown",
                },
                name(format!("{:?}", case.computed)),
                name(format!("{:?}", case.conflict)),
                name(format!("{action:?}")),
            ));
        }
        assert_documented("field-table.md", &table);
    }

    #[test]
    fn p2_what_authority_and_direction_change_is_the_documented_table() {
        let mut table = String::from(
            "# Authority and direction\n\nGenerated by the test that enumerates it: what becomes of \
             a decision of the field table where values may not flow to a side, or one side has \
             authority (F11, F14). Every combination that is not listed stays as it is there.\n\n\
             | decision | flows to left | flows to right | authority | rule | action |\n\
             |---|---|---|---|---|---|\n",
        );
        let mut lines = std::collections::BTreeSet::new();
        for case in all() {
            let plain = FieldCase {
                flows: Sides::new(true, true),
                winner: None,
                ..case
            };
            let (before, after) = (decide_field(&plain), decide_field(&case));
            if before == after {
                continue;
            }
            let winner = case
                .winner
                .map_or("nobody".to_owned(), |side| format!("{side:?}"));
            lines.insert(format!(
                "| {} {:?} | {} | {} | {winner} | {} | {:?} |\n",
                before.0, before.1, case.flows.left, case.flows.right, after.0, after.1
            ));
        }
        table.extend(lines);
        assert_documented("authority-table.md", &table);
    }

    /// Compares with the committed file, or rewrites it when `UPDATE_DOCS` is set.
    #[allow(
        clippy::disallowed_methods,
        reason = "tests may read the repository's own docs"
    )]
    pub(in crate::plan) fn assert_documented(file: &str, table: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docs/algorithm")
            .join(file);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, table).unwrap();
        }
        let documented = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            documented, table,
            "run the tests with UPDATE_DOCS=1 and review {file}"
        );
    }
}
