//! Keys of rows as text that is kept for good, and back.
//!
//! A key of one INTEGER or TEXT column is that value as it stands: `12`, `de-DE`. All others are JSON
//! arrays, so that no two keys read the same: `["de",12]`, `[1.5]`, `[{"blob":"00ff"}]`.

use notion_sync_core::record::Key;
use rusqlite::types::{Value as Sql, ValueRef};
use serde_json::{Value as Json, json};

use super::column::Affinity;

/// How keys of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// One column of integers.
    Integer,
    /// One column of texts.
    Text,
    /// Anything else.
    Array,
}

impl KeyForm {
    /// Of a key with these columns.
    pub(super) fn of(affinities: &[Affinity]) -> Self {
        match affinities {
            [Affinity::Integer] => Self::Integer,
            [Affinity::Text] => Self::Text,
            _ => Self::Array,
        }
    }

    /// The key; `None` where a part is NULL or not of the column's kind.
    pub(super) fn key(self, parts: &[Sql]) -> Option<Key> {
        let text = match (self, parts) {
            (Self::Integer, [Sql::Integer(number)]) => number.to_string(),
            (Self::Text, [Sql::Text(text)]) => text.clone(),
            (Self::Integer | Self::Text, _) => return None,
            (Self::Array, parts) => {
                let parts = parts.iter().map(part_json).collect::<Option<Vec<_>>>()?;
                Json::Array(parts).to_string()
            }
        };
        Some(Key::durable(text))
    }

    /// The values a key stands for; `None` for what is no key of this table.
    pub(super) fn parts(self, key: &Key) -> Option<Vec<Sql>> {
        if key.is_provisional() {
            return None;
        }
        let text = key.as_str();
        let parts = match self {
            Self::Integer => vec![Sql::Integer(text.parse().ok()?)],
            Self::Text => vec![Sql::Text(text.to_owned())],
            Self::Array => {
                let parts: Vec<Json> = serde_json::from_str(text).ok()?;
                parts.iter().map(part_sql).collect::<Option<_>>()?
            }
        };
        // Written another way it would be another key of the same row.
        (self.key(&parts)? == *key).then_some(parts)
    }
}

/// A value as it was read.
pub(super) fn owned(sql: ValueRef<'_>) -> Sql {
    match sql {
        ValueRef::Null => Sql::Null,
        ValueRef::Integer(integer) => Sql::Integer(integer),
        ValueRef::Real(real) => Sql::Real(real),
        // What is no UTF-8 could not be asked for again.
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Sql::Text(text.to_owned()),
            Err(_) => Sql::Null,
        },
        ValueRef::Blob(bytes) => Sql::Blob(bytes.to_vec()),
    }
}

fn part_json(part: &Sql) -> Option<Json> {
    Some(match part {
        Sql::Null => return None,
        Sql::Integer(integer) => json!(integer),
        Sql::Real(real) => Json::Number(serde_json::Number::from_f64(*real)?),
        Sql::Text(text) => json!(text),
        Sql::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "blob": hex })
        }
    })
}

fn part_sql(part: &Json) -> Option<Sql> {
    Some(match part {
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Sql::Integer(integer),
            None => Sql::Real(number.as_f64()?),
        },
        Json::String(text) => Sql::Text(text.clone()),
        Json::Object(object) => {
            let hex = object.get("blob")?.as_str()?;
            let bytes = (0..hex.len() / 2).map(|at| {
                let byte = hex.get(2 * at..2 * at + 2)?;
                u8::from_str_radix(byte, 16).ok()
            });
            Sql::Blob(bytes.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part() -> impl Strategy<Value = Sql> {
        prop_oneof![
            any::<i64>().prop_map(Sql::Integer),
            // SQLite keeps no NaN, and shows no minus zero.
            any::<f64>().prop_filter_map("a number", |real| {
                (real.is_finite() && real != 0.0).then_some(Sql::Real(real))
            }),
            ".*".prop_map(Sql::Text),
            proptest::collection::vec(any::<u8>(), 0..5).prop_map(Sql::Blob),
        ]
    }

    proptest! {
        #[test]
        fn a_key_leads_back_to_its_values(parts in proptest::collection::vec(part(), 1..4)) {
            let key = KeyForm::Array.key(&parts).unwrap();
            prop_assert_eq!(KeyForm::Array.parts(&key), Some(parts));
        }

        #[test]
        fn keys_of_different_values_differ(
            one in proptest::collection::vec(part(), 1..4),
            other in proptest::collection::vec(part(), 1..4),
        ) {
            prop_assume!(one != other);
            prop_assert_ne!(KeyForm::Array.key(&one), KeyForm::Array.key(&other));
        }
    }

    #[test]
    fn a_key_has_one_writing() {
        for (form, text) in [
            (KeyForm::Integer, "007"),
            (KeyForm::Integer, "x"),
            (KeyForm::Array, "[1, 2]"),
            (KeyForm::Array, "[null]"),
            (KeyForm::Array, "[{\"blob\":\"FF\"}]"),
            (KeyForm::Array, "12"),
        ] {
            assert_eq!(form.parts(&Key::durable(text)), None, "{text}");
        }
        assert_eq!(
            KeyForm::Integer.parts(&Key::durable("-7")),
            Some(vec![Sql::Integer(-7)])
        );
    }
}
