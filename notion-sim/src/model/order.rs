//! The order in which the API writes the members of an object. Objects are kept without one; clients
//! that compare texts see the difference.

use serde_json::Value;

/// Members in the order in which they are read. It holds for every object written here: no two of
/// them have the same members the other way round.
const ORDER: [&str; 45] = [
    "object",
    "caption",
    "type",
    "id",
    "rich_text",
    "text",
    "mention",
    "equation",
    "annotations",
    "plain_text",
    "href",
    "content",
    "link",
    "bold",
    "italic",
    "strikethrough",
    "underline",
    "code",
    "language",
    "icon",
    "emoji",
    "external",
    "category",
    "file",
    "name",
    "url",
    "expiry_time",
    "is_toggleable",
    "checked",
    "color",
    "table_width",
    "has_column_header",
    "has_row_header",
    "synced_from",
    "cells",
    "start",
    "end",
    "time_zone",
    "data_source_id",
    "database_id",
    "page_id",
    "block_id",
    "comment_id",
    "workspace",
    "resolved_name",
];

/// Appends a value as JSON, its members in the API's order; those unknown here come last.
pub(crate) fn push_ordered(out: &mut String, value: &Value) {
    match value {
        Value::Object(object) => {
            let place = |name: &str| ORDER.iter().position(|known| *known == name);
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| place(name).unwrap_or(ORDER.len()));
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                push_ordered(out, value);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                push_ordered(out, item);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_come_in_the_order_of_the_api() {
        let value = json!({"zoo": 1, "href": null, "type": "text", "text": [{"link": 1, "content": "a\"b"}]});
        let mut out = String::new();
        push_ordered(&mut out, &value);
        let expected =
            r#"{"type":"text","text":[{"content":"a\"b","link":1}],"href":null,"zoo":1}"#;
        assert_eq!(out, expected);
    }
}
