//! The spans a run is made of, for `tracing`: what was done, how much, how long. Never a value, a
//! title, a key or a token. `docs/tracing.md` lists them; a test holds the list to the code.

use tracing::Span;
use tracing::field::Empty;

use crate::port::{CommandKind, Outcome, PeerError};

/// The target of every span, for filters.
pub(super) const TARGET: &str = "notion_sync";

/// A whole run.
pub(super) fn run(link: &str) -> Span {
    tracing::info_span!(target: TARGET, "run", link, outcome = Empty, settled = Empty)
}

/// Commands of earlier runs are looked up.
pub(super) fn recover(intents: usize) -> Span {
    tracing::info_span!(target: TARGET, "recover", intents)
}

/// A side is read.
pub(super) fn observe(side: &str, full: bool) -> Span {
    tracing::info_span!(target: TARGET, "observe", side, full, records = Empty)
}

/// What is dirty is decided.
pub(super) fn plan() -> Span {
    tracing::info_span!(
        target: TARGET, "plan", commands = Empty, conflicts = Empty, refusals = Empty
    )
}

/// One transaction of the store.
pub(super) fn commit(changes: usize, effects: usize) -> Span {
    tracing::debug_span!(target: TARGET, "commit", changes, effects)
}

/// One command is sent to a peer.
pub(super) fn command(side: &str, kind: CommandKind, attempt: u32) -> Span {
    let kind = tracing::field::debug(kind);
    tracing::debug_span!(target: TARGET, "command", side, kind, attempt, answer = Empty)
}

/// What a peer answered, in a word.
pub(super) fn answer(answer: &Result<Option<Outcome>, PeerError>) -> &'static str {
    match answer {
        Ok(Some(Outcome::Done(_))) => "done",
        Ok(Some(Outcome::Stale(_))) => "stale",
        Ok(Some(Outcome::Rejected(_))) => "rejected",
        Ok(Some(Outcome::NotSent)) => "not sent",
        Ok(Some(Outcome::Ambiguous { .. }) | None) => "ambiguous",
        Err(_) => "failed",
    }
}
