//! The reasons why a simulated answer may differ from a recorded one. The list is closed: what is not in it
//! is a mismatch.

use std::fmt;

use serde_json::Value;

use super::compare::Difference;
use super::read::Recorded;

/// Why an answer differs, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The line is no exchange.
    NotAnExchange,
    /// The operation is not simulated.
    NotSimulated,
    /// The request is about something that an operation which is not simulated would have made.
    FollowsNotSimulated,
    /// The recording was refused its token; the replay sends one that is refused as well.
    TokenOfRecording,
    /// A search finds more here: its index is never late and knows the whole workspace.
    SearchFindsMore,
    /// A formula or rollup is not computed here.
    NotComputed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnExchange => "the line is not a recorded exchange",
            Self::NotSimulated => "the operation is not simulated yet",
            Self::FollowsNotSimulated => {
                "it is about something that an operation which is not simulated yet would have made"
            }
            Self::TokenOfRecording => {
                "the recording's token was refused; so was the one sent here in its place"
            }
            Self::SearchFindsMore => {
                "the search finds what was recorded and more: the index of a simulator is never late"
            }
            Self::NotComputed => "formulas and rollups are not computed yet",
        })
    }
}

/// Why the answers differ, if there is a reason for all of it.
pub(super) fn reason(
    recorded: &Recorded,
    simulated: &Value,
    differences: &[Difference],
) -> Option<Reason> {
    differences
        .iter()
        .all(|difference| not_computed(&recorded.answer, simulated, difference))
        .then_some(Reason::NotComputed)
}

/// Whether the place is in the value of a formula or rollup.
fn not_computed(recorded: &Value, simulated: &Value, difference: &Difference) -> bool {
    let parts = difference.path.split('.').skip(1);
    let mut kinds = parts.filter(|part| matches!(*part, "formula" | "rollup"));
    // Of a schema, the expression is the value; those are kept as they were written.
    let is_page = |value: &Value| {
        value["object"] == "page" || value["results"][0]["object"] == "page"
    };
    kinds.next().is_some() && is_page(recorded) && is_page(simulated)
}

/// What a search would have answered had it found no more than was recorded, where that is so.
pub(super) fn fewer_hits(recorded: &Value, simulated: &Value) -> Option<Value> {
    let ids = |value: &Value| -> Option<Vec<Value>> {
        let results = value["results"].as_array()?.iter();
        Some(results.map(|result| result["id"].clone()).collect())
    };
    let (wanted, found) = (ids(recorded)?, ids(simulated)?);
    if wanted == found || !wanted.iter().all(|id| found.contains(id)) {
        return None;
    }
    let mut fewer = simulated.clone();
    let results = fewer["results"].as_array_mut()?;
    results.retain(|result| wanted.contains(&result["id"]));
    fewer["has_more"] = recorded["has_more"].clone();
    fewer["next_cursor"] = recorded["next_cursor"].clone();
    Some(fewer)
}
