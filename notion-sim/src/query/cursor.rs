//! Cursors: opaque to the client, a place in an order to the simulator. They do not outlive it.

use std::collections::{HashMap, VecDeque};

use super::sort::Place;
use crate::error::{ApiError, ApiResult};
use crate::ids::IdSource;

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
    known: HashMap<String, (String, Position)>,
    order: VecDeque<String>,
}

impl CursorTable {
    /// Hands out a cursor that is good for `scope` only.
    pub(crate) fn issue(&mut self, ids: &mut IdSource, scope: &str, position: Position) -> String {
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let cursor = ids.next_uuid().to_string();
        self.known
            .insert(cursor.clone(), (scope.to_owned(), position));
        self.order.push_back(cursor.clone());
        cursor
    }

    /// Finds the place of a cursor of the same scope.
    pub(crate) fn resume(&self, scope: &str, cursor: &str) -> ApiResult<Position> {
        match self.known.get(cursor) {
            Some((issued_for, position)) if issued_for == scope => Ok(position.clone()),
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
        let cursor = table.issue(&mut IdSource::new(1), "a", Position::Offset(3));
        assert!(matches!(
            table.resume("a", &cursor),
            Ok(Position::Offset(3))
        ));
        let error = table.resume("b", &cursor).unwrap_err();
        assert_eq!(
            error.message,
            format!("The start_cursor provided is invalid: {cursor}")
        );
    }
}
