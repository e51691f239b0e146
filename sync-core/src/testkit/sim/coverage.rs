//! What a great many histories together have to meet: every rule, every guard, every fault.

use super::stage::Tally;
use crate::plan::{FieldRule, Guard, RowRule};

/// Everything that is injected or counted as a fault, by the name it is told by.
pub(super) const FAULTS: [&str; 54] = [
    "409",
    "429",
    "503 with the key",
    "answer lost",
    "arrived late",
    "cell not shown whole",
    "clock jumped",
    "commit failed after",
    "commit failed before",
    "connection refused",
    "direct read denied",
    "edit during a run",
    "edits taken back",
    "field back",
    "field garbled",
    "field gone",
    "field legible again",
    "field let in again",
    "filter lifted",
    "filter set",
    "index late",
    "index on time",
    "lease taken over",
    "many trashed at once",
    "memory doubted",
    "moved away",
    "moved back",
    "nonsense written",
    "paused",
    "process died",
    "quiet period",
    "read failed",
    "read refused: busy",
    "records on both sides",
    "referred",
    "refused for good",
    "removal asked for",
    "request lost",
    "run with a budget",
    "scan broke off",
    "scans capped",
    "scans whole again",
    "shared again",
    "stopped on request",
    "text too long",
    "told that it failed",
    "two processes at once",
    "unauthorized",
    "undone",
    "undone on one side",
    "unpaused",
    "unreadable record",
    "unshared",
    "went on",
];

/// What no history of reference peers can meet, and why.
pub(super) const OUT_OF_REACH: [(&str, &str); 2] = [
    ("R99", "no pair can get there: plan/laws.rs says so"),
    (
        "HardDelete",
        "every reference peer has a trash here: engine/tests/hard_deletes.rs has one without",
    ),
];

impl Tally {
    /// What was never met, with the reason why it cannot be, where there is one.
    pub fn never_met(&self) -> Vec<(String, Option<&'static str>)> {
        let rows = RowRule::ALL
            .iter()
            .filter(|rule| !self.rows.contains_key(rule));
        let fields = FieldRule::ALL
            .iter()
            .filter(|rule| !self.fields.contains_key(rule));
        let guards = Guard::ALL
            .iter()
            .filter(|guard| !self.guards.contains_key(guard));
        let faults = FAULTS
            .iter()
            .filter(|fault| !self.faults.contains_key(*fault));
        let names = rows.map(|rule| format!("{rule:?}"));
        let names = names.chain(fields.map(|rule| format!("{rule:?}")));
        let names = names.chain(guards.map(|guard| format!("{guard:?}")));
        let names = names.chain(faults.map(|fault| (*fault).to_owned()));
        let with_reason = names.map(|name| {
            let known = OUT_OF_REACH.iter().find(|(known, _)| *known == name);
            let why = known.map(|(_, why)| *why);
            (name, why)
        });
        with_reason.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_reach_is_the_name_of_something_that_could_be_met() {
        let never: Vec<_> = Tally::default().never_met();
        for (name, why) in OUT_OF_REACH {
            assert!(never.contains(&(name.to_owned(), Some(why))), "{name}");
        }
        let all = RowRule::ALL.len() + FieldRule::ALL.len() + Guard::ALL.len() + FAULTS.len();
        assert_eq!(never.len(), all);
    }

    #[test]
    fn faults_are_listed_once() {
        assert!(FAULTS.is_sorted_by(|one, next| one < next));
    }
}
