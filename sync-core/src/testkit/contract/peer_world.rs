//! What the peer suite asks of a place besides its peer: a person, samples, time, a runtime.

use std::time::Duration;

use super::Task;
use crate::port::Peer;
use crate::record::Key;
use crate::schema::{Field, FieldId, FieldType};
use crate::value::{Choice, Value};

/// A fresh, empty collection and everybody around it.
///
/// Two methods have to be written, the others fit most places.
pub trait PeerWorld {
    /// The peer under test.
    fn peer(&self) -> &dyn Peer;

    /// Does what a person does behind the peer's back, by the place's own means, and answers the
    /// record's key; `None` where nobody can do such a thing there.
    ///
    /// Not through [`Peer::apply`]: a peer need not tell its own writes from no change at all.
    fn person(&self, deed: &Deed) -> Option<Key>;

    /// A value for a writable field: 0 and 1 differ, and texts differ for every number. `None` for
    /// fields the suite shall leave alone.
    fn sample(&self, field: &Field, number: u32) -> Option<Value> {
        sample(field, number)
    }

    /// Lets time pass, for places with an index that lags or times that are coarse.
    fn advance(&self, _span: Duration) {}

    /// Runs a task to its end. Peers that need a runtime bring it here.
    fn drive(&self, task: Task<'_>) {
        futures::executor::block_on(task);
    }
}

/// Something a person does to a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deed {
    /// Makes a record with these cells.
    Create(Vec<(FieldId, Value)>),
    /// Gives a record new values.
    Edit(Key, Vec<(FieldId, Value)>),
    /// Moves a record into the trash.
    Trash(Key),
    /// Moves it back.
    Restore(Key),
    /// Removes it for good, from the trash or not.
    Purge(Key),
    /// Makes it unreadable, in part or in whole, as no well-meaning program would.
    Damage(Key),
}

/// The value most places take for a field; see [`PeerWorld::sample`].
pub fn sample(field: &Field, number: u32) -> Option<Value> {
    let option = |options: &[Choice]| {
        let at = usize::try_from(number).ok()?.checked_rem(options.len())?;
        options.get(at).cloned()
    };
    Some(match &field.ty {
        FieldType::Title | FieldType::RichText | FieldType::Text => {
            Value::text(format!("{} no. {number}", field.name))
        }
        FieldType::Number => Value::Number(i64::from(number + 1).into()),
        FieldType::Checkbox => Value::Bool(number % 2 == 1),
        FieldType::Select(options) | FieldType::Status(options) => Value::Choice(option(options)?),
        FieldType::MultiSelect(options) => Value::choices(vec![option(options)?]),
        FieldType::Date => Value::Date(format!("2026-06-{:02}", number % 28 + 1).parse().ok()?),
        FieldType::Url => Value::text(format!("https://example.org/{number}")),
        FieldType::Email => Value::text(format!("no.{number}@example.org")),
        FieldType::Phone => Value::text(format!("+44 1632 960{number:03}")),
        FieldType::Json => Value::Json(format!("{{\"no\":{number}}}").parse().ok()?),
        FieldType::List => Value::list(vec![format!("no. {number}"), "last".into()]),
        FieldType::Uuid => Value::text(format!("00000000-0000-4000-8000-{number:012}")),
        // What they may hold is the place's own, or nobody writes it.
        _ => return None,
    })
}
