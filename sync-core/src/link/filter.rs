//! Which records of a side a link is about. Everything else never reaches the other side.

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::schema::FieldId;
use crate::value::Value;

/// A condition on a record's cells. Pure: the planner evaluates it on what was observed, whatever
/// the peer's own query returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Filter {
    /// Every one holds; an empty list always holds.
    All(Vec<Filter>),
    /// At least one holds; an empty list never does.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field's value passes a test.
    Field {
        /// Which field.
        field: FieldId,
        /// Which test.
        test: Test,
    },
}

/// A test of one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Test {
    /// It holds nothing. An unticked checkbox holds `false`, which is not nothing.
    Empty,
    /// It is this value. Options are compared by name.
    Equals(Value),
    /// It is one of these.
    OneOf(Vec<Value>),
    /// A text with these words in it, or a list with an option of this name.
    Contains(String),
}

impl Filter {
    /// A field's value is this one.
    pub fn equals(field: FieldId, value: Value) -> Self {
        let test = Test::Equals(value);
        Self::Field { field, test }
    }

    /// Whether a record passes; `None` where a value it depends on was not seen whole.
    pub fn passes(&self, record: &Record) -> Option<bool> {
        match self {
            Self::All(parts) => holds(parts, record, false),
            Self::Any(parts) => holds(parts, record, true),
            Self::Not(part) => part.passes(record).map(|passes| !passes),
            Self::Field { field, test } => record.cells.complete(field).map(|now| test.passes(now)),
        }
    }
}

/// The verdict of a list that `decisive` settles: one such part is enough, whatever the others
/// are. Without one, an unknown part makes it unknown.
fn holds(parts: &[Filter], record: &Record, decisive: bool) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match part.passes(record) {
            Some(passes) if passes == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decisive)
}

impl Test {
    fn passes(&self, value: &Value) -> bool {
        match self {
            Self::Empty => value.is_empty(),
            Self::Equals(wanted) => same(wanted, value),
            Self::OneOf(wanted) => wanted.iter().any(|wanted| same(wanted, value)),
            Self::Contains(wanted) => match value {
                Value::Text(text) => text.contains(wanted.as_str()),
                Value::RichText(text) => text.plain().contains(wanted.as_str()),
                Value::Choices(choices) => choices.iter().any(|choice| choice.name == *wanted),
                _ => false,
            },
        }
    }
}

fn same(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Choice(wanted), Value::Choice(value)) => wanted.name == value.name,
        _ => wanted == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Cell, Key, Lifecycle};
    use crate::value::Choice;

    fn record(cells: &[(&str, Cell)]) -> Record {
        let cells = cells.iter();
        Record {
            key: Key::durable("1"),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: None,
            rank: None,
            cells: cells
                .map(|(id, cell)| (FieldId::new(*id), cell.clone()))
                .collect(),
        }
    }

    #[test]
    fn an_unknown_value_decides_only_where_it_cannot_matter() {
        let stage =
            |name| Filter::equals(FieldId::new("stage"), Value::Choice(Choice::named(name)));
        let empty = |field| Filter::Field {
            field: FieldId::new(field),
            test: Test::Empty,
        };
        let done = Cell::Complete(Value::Choice(Choice::with_id("x", "Done")));
        let record = record(&[("stage", done), ("notes", Cell::Unread)]);
        for (filter, passes) in [
            (stage("Done"), Some(true)),
            (stage("Open"), Some(false)),
            (Filter::Not(Box::new(stage("Open"))), Some(true)),
            (empty("stage"), Some(false)),
            (empty("notes"), None),
            (empty("nowhere"), None),
            (Filter::Not(Box::new(empty("notes"))), None),
            (
                Filter::All(vec![stage("Open"), empty("notes")]),
                Some(false),
            ),
            (Filter::All(vec![stage("Done"), empty("notes")]), None),
            (Filter::Any(vec![empty("notes"), stage("Done")]), Some(true)),
            (Filter::Any(vec![empty("notes"), stage("Open")]), None),
            (Filter::All(Vec::new()), Some(true)),
            (Filter::Any(Vec::new()), Some(false)),
        ] {
            assert_eq!(filter.passes(&record), passes, "{filter:?}");
        }
    }

    #[test]
    fn lists_and_texts_contain() {
        let contains = |field: &str, text: &str| Filter::Field {
            field: FieldId::new(field),
            test: Test::Contains(text.into()),
        };
        let tags = Value::choices(vec![Choice::named("a"), Choice::named("b")]);
        let record = record(&[
            ("tags", Cell::Complete(tags)),
            ("notes", Cell::Complete(Value::text("some words"))),
        ]);
        assert_eq!(contains("tags", "b").passes(&record), Some(true));
        assert_eq!(contains("tags", "c").passes(&record), Some(false));
        assert_eq!(contains("notes", "word").passes(&record), Some(true));
        assert_eq!(contains("notes", "none").passes(&record), Some(false));
    }
}
