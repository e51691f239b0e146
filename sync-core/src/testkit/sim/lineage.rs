//! Lineage: every value a person writes is unique, and what became of it is known.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::link::Side;
use crate::record::Key;
use crate::schema::FieldId;
use crate::value::{DatePrecision, Value};

/// The words or the date of a value, however a side spells it.
pub(super) fn trace(value: &Value) -> Option<String> {
    match value {
        Value::Text(_) | Value::RichText(_) => Some(value.display()),
        Value::Date(date) => Some(date.cut_to(DatePrecision::Minute).to_string()),
        _ => None,
    }
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody took it back: it has to be somewhere at the end.
    Standing,
    /// A person who saw it wrote over it, decided against it, or destroyed the record.
    TakenBack,
    /// A write that was already on its way when it was written went over it. A peer that cannot
    /// compare and swap leaves that window open.
    Crossed,
}

/// One value a person wrote.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) side: Side,
    pub(super) key: Key,
    pub(super) field: FieldId,
    /// When, in ticks and in time.
    pub(super) tick: u64,
    pub(super) elapsed: Duration,
    pub(super) fate: Fate,
}

/// Every unique value people wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineage {
    writes: BTreeMap<String, Write>,
}

impl Lineage {
    pub(super) fn wrote(&mut self, trace: String, write: Write) {
        self.writes.insert(trace, write);
    }

    /// The write a value comes from, if it stands.
    pub(super) fn standing(&self, value: &Value) -> Option<&Write> {
        let write = self.writes.get(&trace(value)?)?;
        (write.fate == Fate::Standing).then_some(write)
    }

    /// A record that nobody was shown is shown again: what people wrote there is to be seen from now.
    pub(super) fn shown(&mut self, side: Side, key: &Key, tick: u64, elapsed: Duration) {
        let of_record = |write: &&mut Write| write.side == side && write.key == *key;
        for write in self.writes.values_mut().filter(of_record) {
            (write.tick, write.elapsed) = (tick, elapsed);
        }
    }

    /// A value is not expected any more.
    pub(super) fn end(&mut self, value: &Value, fate: Fate) {
        let write = trace(value).and_then(|trace| self.writes.get_mut(&trace));
        if let Some(write) = write.filter(|write| write.fate == Fate::Standing) {
            write.fate = fate;
        }
    }

    /// Everything that has to be somewhere.
    pub(super) fn all_standing(&self) -> impl Iterator<Item = (&String, &Write)> {
        let writes = self.writes.iter();
        writes.filter(|(_, write)| write.fate == Fate::Standing)
    }

    /// Whether a person wrote this value, whatever became of it.
    pub(super) fn knows(&self, trace: &str) -> bool {
        self.writes.contains_key(trace)
    }
}
