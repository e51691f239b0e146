//! Cells: a value and how much of it was seen.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Lifecycle;
use crate::canary::{self, Canary};
use crate::schema::FieldId;
use crate::value::{Digest, RawJson, Value, write_json, write_text, write_value};

/// A value and its completeness. Only [`Cell::Complete`] can ever mean "cleared".
///
/// As JSON a complete value stands in brackets, `[{"text":"Ada"}]`; what is not complete is named,
/// `"unread"`, `{"truncated":…}`. Most cells are complete, and stores hold millions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cell {
    /// The whole value.
    Complete(Value),
    /// The first part of a longer value (Notion: 25 references).
    Truncated(Value),
    /// The peer would not show it (Notion: a relation to a page that is not shared).
    Inaccessible,
    /// A value no rule is known for; kept raw, never written.
    Unsupported(RawJson),
    /// Not asked for.
    Unread,
    /// Asked for, absent from the answer.
    Missing,
}

impl Cell {
    /// The value, if all of it was seen.
    pub fn complete(&self) -> Option<&Value> {
        match self {
            Self::Complete(value) => Some(value),
            Self::Truncated(value) if canary::is(Canary::TruncatedIsWhole) => Some(value),
            _ => None,
        }
    }

    /// Why the value may not be trusted, in a word; `None` if it may.
    pub fn gap(&self) -> Option<&'static str> {
        match self {
            Self::Complete(_) => None,
            Self::Truncated(_) => Some("truncated"),
            Self::Inaccessible => Some("inaccessible"),
            Self::Unsupported(_) => Some("unsupported"),
            Self::Unread => Some("not read"),
            Self::Missing => Some("missing from the answer"),
        }
    }
}

/// Everything but a complete value, as JSON names it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Gap<V, R> {
    Truncated(V),
    Inaccessible,
    Unsupported(R),
    Unread,
    Missing,
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let gap: Gap<&Value, &RawJson> = match self {
            Self::Complete(value) => return (value,).serialize(serializer),
            Self::Truncated(value) => Gap::Truncated(value),
            Self::Inaccessible => Gap::Inaccessible,
            Self::Unsupported(raw) => Gap::Unsupported(raw),
            Self::Unread => Gap::Unread,
            Self::Missing => Gap::Missing,
        };
        gap.serialize(serializer)
    }
}

impl From<Gap<Value, RawJson>> for Cell {
    fn from(gap: Gap<Value, RawJson>) -> Self {
        match gap {
            Gap::Truncated(value) => Self::Truncated(value),
            Gap::Inaccessible => Self::Inaccessible,
            Gap::Unsupported(raw) => Self::Unsupported(raw),
            Gap::Unread => Self::Unread,
            Gap::Missing => Self::Missing,
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellVisitor;
        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a complete value in brackets, or the name of a gap")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
                let value = seq.next_element()?;
                let value = value.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                match seq.next_element::<serde::de::IgnoredAny>()? {
                    None => Ok(Cell::Complete(value)),
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                }
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Cell, E> {
                Gap::deserialize(StrDeserializer::new(name)).map(Cell::from)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell, A::Error> {
                Gap::deserialize(MapAccessDeserializer::new(map)).map(Cell::from)
            }
        }
        deserializer.deserialize_any(CellVisitor)
    }
}

/// Cells by field: at most one per field, sorted, so that equal contents are equal bytes.
///
/// Copies share their cells, and the digest once somebody asked for it, until one is written to:
/// a record passes from peer to engine to store as it is.
#[derive(Clone, Default)]
pub struct Cells(Arc<Shared>);

/// Bytes in which most records are written.
const USUAL: usize = 1_024;

/// So many cells are looked through before they are searched.
const FEW: usize = 8;

#[derive(Clone, Default)]
struct Shared {
    cells: Vec<(FieldId, Cell)>,
    /// Of these cells in a live record, and in one that is in the trash.
    live: OnceLock<Digest>,
    trashed: OnceLock<Digest>,
}

impl Cells {
    /// The cell of a field.
    pub fn cell(&self, field: &FieldId) -> Option<&Cell> {
        self.position(field).ok().map(|at| &self.0.cells[at].1)
    }

    /// The value of a field, if all of it was seen.
    pub fn complete(&self, field: &FieldId) -> Option<&Value> {
        self.cell(field)?.complete()
    }

    /// Puts a cell, replacing the field's former one.
    pub fn put(&mut self, field: FieldId, cell: Cell) {
        let at = self.position(&field);
        let shared = Arc::make_mut(&mut self.0);
        shared.live.take();
        shared.trashed.take();
        match at {
            Ok(at) => shared.cells[at].1 = cell,
            Err(at) => shared.cells.insert(at, (field, cell)),
        }
    }

    /// All cells in order of their fields.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&FieldId, &Cell)> {
        self.0.cells.iter().map(|(field, cell)| (field, cell))
    }

    /// How many fields have a cell.
    pub fn len(&self) -> usize {
        self.0.cells.len()
    }

    /// Whether no field has a cell.
    pub fn is_empty(&self) -> bool {
        self.0.cells.is_empty()
    }

    /// The digest of these cells under a lifecycle, computed once for all copies.
    pub(super) fn digest(&self, lifecycle: Lifecycle) -> Digest {
        let compute = || Digest::of(self.content(lifecycle).as_bytes());
        match lifecycle {
            Lifecycle::Live => *self.0.live.get_or_init(compute),
            Lifecycle::Trashed => *self.0.trashed.get_or_init(compute),
            Lifecycle::Archived => compute(),
        }
    }

    /// The canonical JSON of `(lifecycle, cells)`.
    pub(super) fn content(&self, lifecycle: Lifecycle) -> String {
        let mut out = String::with_capacity(USUAL);
        out.push('[');
        write_json(&lifecycle, &mut out);
        out.push_str(",{");
        for (at, (field, cell)) in self.iter().enumerate() {
            out.push_str(if at > 0 { ",\"" } else { "\"" });
            write_text(field.as_str(), &mut out);
            match cell {
                Cell::Complete(value) => {
                    out.push_str("\":[");
                    write_value(value, &mut out);
                    out.push(']');
                }
                gap => {
                    out.push_str("\":");
                    write_json(gap, &mut out);
                }
            }
        }
        out.push_str("}]");
        out
    }

    fn position(&self, field: &FieldId) -> Result<usize, usize> {
        let cells = &self.0.cells;
        // Few fields: telling them from another is faster than putting them in order.
        let few = cells.iter().take(FEW).position(|(id, _)| id == field);
        few.map_or_else(|| cells.binary_search_by(|(id, _)| id.cmp(field)), Ok)
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.cells == other.0.cells
    }
}

impl Eq for Cells {}

impl Hash for Cells {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.cells.hash(state);
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cells").field(&self.0.cells).finish()
    }
}

impl FromIterator<(FieldId, Cell)> for Cells {
    /// A later cell of the same field replaces an earlier one.
    fn from_iter<I: IntoIterator<Item = (FieldId, Cell)>>(cells: I) -> Self {
        let mut sorted: Vec<_> = cells.into_iter().collect();
        // What comes out of a store is in order already.
        if !sorted.is_sorted_by(|a, b| a.0 < b.0) {
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            // Stable sort: of equal fields the last stands last and is the one to keep.
            sorted.reverse();
            sorted.dedup_by(|a, b| a.0 == b.0);
            sorted.reverse();
        }
        Self(Arc::new(Shared {
            cells: sorted,
            ..Shared::default()
        }))
    }
}

impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellsVisitor;
        impl<'de> Visitor<'de> for CellsVisitor {
            type Value = Cells;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from field to cell")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
                let mut cells = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(entry) = map.next_entry()? {
                    cells.push(entry);
                }
                Ok(cells.into_iter().collect())
            }
        }
        deserializer.deserialize_map(CellsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_reads_back_from_its_json() {
        for (cell, json) in [
            (Cell::Complete(Value::text("Ada")), r#"[{"text":"Ada"}]"#),
            (Cell::Complete(Value::Empty), r#"["empty"]"#),
            (
                Cell::Truncated(Value::text("Ad")),
                r#"{"truncated":{"text":"Ad"}}"#,
            ),
            (Cell::Inaccessible, r#""inaccessible""#),
            (
                Cell::Unsupported(RawJson::new(r#"{"b":1.0,"a":null}"#)),
                r#"{"unsupported":"{\"b\":1.0,\"a\":null}"}"#,
            ),
            (Cell::Unread, r#""unread""#),
            (Cell::Missing, r#""missing""#),
        ] {
            assert_eq!(serde_json::to_string(&cell).unwrap(), json);
            assert_eq!(serde_json::from_str::<Cell>(json).unwrap(), cell);
        }
        for odd in [
            "[]",
            r#"["empty","empty"]"#,
            r#""empty""#,
            "{}",
            "null",
            "3",
        ] {
            assert!(serde_json::from_str::<Cell>(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_last_cell_of_a_field_wins_and_order_of_arrival_does_not_matter() {
        let field = |id: &str| FieldId::new(id);
        let text = |text: &str| Cell::Complete(Value::text(text));
        let cells: Cells = [
            (field("b"), text("1")),
            (field("a"), text("2")),
            (field("b"), text("3")),
        ]
        .into_iter()
        .collect();
        assert_eq!(cells.complete(&field("b")), Some(&Value::text("3")));
        let mut other = Cells::default();
        other.put(field("b"), text("3"));
        other.put(field("a"), text("2"));
        assert_eq!(cells, other);
        let json = serde_json::to_string(&cells).unwrap();
        assert_eq!(serde_json::from_str::<Cells>(&json).unwrap(), cells);
    }

    #[test]
    fn a_copy_that_is_written_to_parts_from_the_other_and_from_its_digest() {
        let field = FieldId::new("a");
        let text = |text: &str| Cell::Complete(Value::text(text));
        let cells: Cells = [(field.clone(), text("1"))].into_iter().collect();
        let first = cells.digest(Lifecycle::Live);
        let mut copy = cells.clone();
        assert_eq!(copy.digest(Lifecycle::Live), first);
        assert_ne!(copy.digest(Lifecycle::Trashed), first);
        copy.put(field.clone(), text("2"));
        assert_eq!(cells.complete(&field), Some(&Value::text("1")));
        assert_eq!(cells.digest(Lifecycle::Live), first);
        assert_ne!(copy.digest(Lifecycle::Live), first);
        copy.put(field, text("1"));
        assert_eq!(copy.digest(Lifecycle::Live), first);
        assert_eq!(first, Digest::of_json(&(Lifecycle::Live, &cells)));
    }

    #[test]
    fn the_content_of_a_record_is_its_json() {
        let named = ["a", "b\"", "é"].map(FieldId::new);
        let cells = [
            Cell::Complete(Value::text("\"quoted\"")),
            Cell::Truncated(Value::text("b")),
            Cell::Unread,
        ];
        let cells: Cells = named.into_iter().zip(cells).collect();
        for (cells, lifecycle) in [
            (Cells::default(), Lifecycle::Archived),
            (cells.clone(), Lifecycle::Live),
            (cells, Lifecycle::Trashed),
        ] {
            let json = serde_json::to_string(&(lifecycle, &cells)).unwrap();
            assert_eq!(cells.content(lifecycle), json);
        }
    }
}
