//! JSON kept raw, without what changes on every read or opens a file: signatures and their expiry.

use std::borrow::Cow;
use std::fmt;

use notion_sync_client::{RawValue, unsigned};
use notion_sync_core::value::RawJson;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Deeper values are cut: no value of Notion is, and recursion has to end.
const MAX_DEPTH: usize = 64;

/// The compact JSON text, without signed queries and without `expiry_time`.
pub(crate) fn clean(text: &str) -> RawJson {
    let plain = !text.contains("://")
        && !text
            .bytes()
            .any(|byte| byte == b'\\' || byte.is_ascii_whitespace());
    if plain {
        return RawJson::new(text);
    }
    let mut out = String::with_capacity(text.len());
    write(&mut out, text.trim(), 0);
    RawJson::new(out)
}

fn write(out: &mut String, text: &str, depth: usize) {
    match text.as_bytes().first() {
        Some(b'{' | b'[') if depth == MAX_DEPTH => out.push_str("null"),
        Some(b'{') => write_object(out, text, depth),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item.get(), depth + 1);
            }
            out.push(']');
        }
        Some(b'"') => match serde_json::from_str::<Word<'_>>(text) {
            Ok(Word(word)) => write_word(out, &unsigned(&word)),
            Err(_) => out.push_str("null"),
        },
        _ => out.push_str(text),
    }
}

fn write_object(out: &mut String, text: &str, depth: usize) {
    let Entries(entries) = serde_json::from_str(text).unwrap_or_default();
    let hosted = entries.iter().any(|(key, _)| key == "expiry_time");
    out.push('{');
    let mut first = true;
    for (key, value) in entries.iter().filter(|(key, _)| key != "expiry_time") {
        if !first {
            out.push(',');
        }
        first = false;
        write_word(out, key);
        out.push(':');
        match serde_json::from_str::<Word<'_>>(value.get()) {
            Ok(Word(url)) if hosted && key == "url" => {
                write_word(out, url.split(['?', '#']).next().unwrap_or_default());
            }
            _ => write(out, value.get(), depth + 1),
        }
    }
    out.push('}');
}

fn write_word(out: &mut String, word: &str) {
    // A string always has a JSON form.
    out.push_str(&serde_json::to_string(word).unwrap_or_else(|_| "null".to_owned()));
}

/// A string that borrows where it can.
#[derive(Deserialize)]
pub(super) struct Word<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The entries of an object in their order.
#[derive(Default)]
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Word(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Walk).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e11_signatures_go_and_everything_else_stays_in_order() {
        let hosted = r#"[ {"name":"a b.png","type":"file","file":{"url":"https:\/\/files.example\/a?X-Amz-Signature=s3cret#x","expiry_time":"2026-01-01T00:00:00.000Z"}},
            {"name":"e","external":{"url":"https://example.com/q?page=2"}}, 9007199254740993, 1.50 ]"#;
        assert_eq!(
            clean(hosted).as_str(),
            r#"[{"name":"a b.png","type":"file","file":{"url":"https://files.example/a"}},{"name":"e","external":{"url":"https://example.com/q?page=2"}},9007199254740993,1.50]"#
        );
        let icon = r#"{"custom_emoji":{"url":"https://s3.example/x?a=1&Expires=5&Signature=abc"}}"#;
        assert_eq!(
            clean(icon).as_str(),
            r#"{"custom_emoji":{"url":"https://s3.example/x"}}"#
        );
    }

    #[test]
    fn depth_ends() {
        let deep = format!("{}\" \"{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(clean(&deep).as_str().contains("null"));
    }
}
