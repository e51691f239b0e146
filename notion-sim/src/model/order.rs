//! The order in which the API writes the members of an object. Objects are kept without one; clients
//! that compare texts see the difference.

use serde_json::Value;

/// Members in the order in which they are read. It holds for every object written here but users: no two
/// others have the same members the other way round.
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

/// Members of a user.
const USER: [&str; 7] = [
    "object",
    "id",
    "name",
    "avatar_url",
    "type",
    "person",
    "bot",
];

/// Appends a value as JSON, its members in the API's order; those unknown here come last.
pub(crate) fn push_ordered(out: &mut String, value: &Value) {
    match value {
        Value::Object(object) => {
            let is_user = object.get("object").is_some_and(|kind| kind == "user");
            let order: &[&str] = if is_user { &USER } else { &ORDER };
            let place = |name: &str| order.iter().position(|known| *known == name);
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(name, _)| place(name).unwrap_or(order.len()));
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
        let user =
            json!({"type": "person", "name": "A", "id": "b", "object": "user", "avatar_url": null});
        let mut out = String::new();
        push_ordered(&mut out, &user);
        let expected = r#"{"object":"user","id":"b","name":"A","avatar_url":null,"type":"person"}"#;
        assert_eq!(out, expected);
    }
}
