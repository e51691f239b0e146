//! Cursors: opaque to the client, a place in an order to the simulator. They are good for a while, and do
//! not outlive it.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::sort::Place;
use crate::error::{ApiError, ApiResult};
use crate::ids::IdSource;
use crate::model::World;

const KEPT: usize = 4096;

/// Where a walk stands.
#[derive(Debug, Clone)]
pub(crate) enum Position {
    /// After this place in the order of a query.
    After(Place),
    /// After so many items.
    Offset(usize),
}

/// The cursors handed out, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct CursorTable {
    known: HashMap<String, Issued>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Issued {
    /// What it is good for.
    scope: String,
    position: Position,
    at: Timestamp,
}

impl World {
    /// Hands out a cursor that is good for `scope` only.
    pub(crate) fn issue_cursor(&mut self, scope: &str, position: Position) -> String {
        let now = self.now;
        self.cursors.issue(&mut self.ids, scope, position, now)
    }

    /// Finds the place of a cursor of the same scope that is not too old.
    pub(crate) fn resume(&self, scope: &str, cursor: &str) -> ApiResult<Position> {
        let good_for = SignedDuration::from_secs(self.knobs.cursor_seconds.into());
        let oldest = self.now.saturating_sub(good_for);
        let oldest = oldest.unwrap_or(Timestamp::MIN);
        self.cursors.resume(scope, cursor, oldest)
    }
}

impl CursorTable {
    fn issue(
        &mut self,
        ids: &mut IdSource,
        scope: &str,
        position: Position,
        at: Timestamp,
    ) -> String {
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let cursor = ids.next_uuid().to_string();
        let issued = Issued {
            scope: scope.to_owned(),
            position,
            at,
        };
        self.known.insert(cursor.clone(), issued);
        self.order.push_back(cursor.clone());
        cursor
    }

    fn resume(&self, scope: &str, cursor: &str, oldest: Timestamp) -> ApiResult<Position> {
        match self.known.get(cursor) {
            Some(issued) if issued.scope == scope && issued.at >= oldest => {
                Ok(issued.position.clone())
            }
            _ => Err(ApiError::validation(format!(
                "The start_cursor provided is invalid: {cursor}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_scope_only() {
        let mut table = CursorTable::default();
        let now = Timestamp::UNIX_EPOCH;
        let cursor = table.issue(&mut IdSource::new(1), "a", Position::Offset(3), now);
        assert!(matches!(
            table.resume("a", &cursor, now),
            Ok(Position::Offset(3))
        ));
        let error = table.resume("b", &cursor, now).unwrap_err();
        assert_eq!(
            error.message,
            format!("The start_cursor provided is invalid: {cursor}")
        );
    }
}
