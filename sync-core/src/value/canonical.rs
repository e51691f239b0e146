//! The canonical JSON of values, written by hand: every digest and every stored record goes through
//! it, and serde's way there costs several times as much. The same bytes, as a property below says.

use serde::Serialize;

use super::{Choice, Run, Value};

/// Appends what `serde_json` would write.
pub(crate) fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut String) {
    match serde_json::to_string(value) {
        Ok(json) => out.push_str(&json),
        // What comes here has string keys only, so this does not happen; if it did, an unequal
        // digest means one more look, never a lost edit.
        Err(error) => out.push_str(&error.to_string()),
    }
}

/// Appends a text without its quotes.
pub(crate) fn write_text(text: &str, out: &mut String) {
    let is_odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // To the end, whatever is found on the way: that can be done for many bytes at once.
    let any = text.bytes().fold(false, |any, byte| any | is_odd(byte));
    if any {
        let start = out.len();
        write_json(text, out);
        out.pop();
        out.remove(start);
    } else {
        out.push_str(text);
    }
}

/// Appends a value.
pub(crate) fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Empty => out.push_str("\"empty\""),
        Value::Text(text) => write_between("{\"text\":\"", text, "\"}", out),
        Value::RichText(text) => match text.runs() {
            [run] if is_words(run) => {
                write_between("{\"rich_text\":[{\"text\":\"", &run.text, "\"}]}", out);
            }
            _ => write_json(value, out),
        },
        Value::Number(number) => write_between("{\"number\":\"", number.as_str(), "\"}", out),
        Value::Bool(true) => out.push_str("{\"bool\":true}"),
        Value::Bool(false) => out.push_str("{\"bool\":false}"),
        Value::Choice(choice) => {
            out.push_str("{\"choice\":");
            write_choice(choice, out);
            out.push('}');
        }
        Value::Choices(choices) => {
            out.push_str("{\"choices\":[");
            for (at, choice) in choices.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_choice(choice, out);
            }
            out.push_str("]}");
        }
        Value::Date(date) => write_between("{\"date\":\"", &date.to_string(), "\"}", out),
        other => write_json(other, out),
    }
}

fn write_between(before: &str, text: &str, after: &str, out: &mut String) {
    out.push_str(before);
    write_text(text, out);
    out.push_str(after);
}

fn write_choice(choice: &Choice, out: &mut String) {
    match &choice.id {
        Some(id) => {
            write_between("{\"id\":\"", id, "\",\"name\":\"", out);
            write_text(&choice.name, out);
            out.push_str("\"}");
        }
        None => write_between("{\"name\":\"", &choice.name, "\"}", out),
    }
}

fn is_words(run: &Run) -> bool {
    !run.is_atomic() && run.style.is_plain()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::RichText;
    use crate::value::tests::any_value;

    fn written(value: &Value) -> String {
        let mut out = String::new();
        write_value(value, &mut out);
        out
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_serde_writes_it(value in any_value(), text in any::<String>()) {
            for value in [value, Value::text(text.clone()), Value::rich_text(RichText::plain_text(text))] {
                prop_assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
            }
        }
    }

    #[test]
    fn signs_that_json_escapes_are_escaped() {
        for sign in [
            "\"", "\\", "\u{0}", "\u{1f}", "\n", "\u{7f}", "é", "\u{2028}",
        ] {
            for value in [
                Value::text(sign),
                Value::Choice(Choice::with_id(sign, sign)),
                Value::Choices(vec![Choice::named("a"), Choice::named(sign)]),
            ] {
                assert_eq!(written(&value), serde_json::to_string(&value).unwrap());
            }
        }
    }
}
