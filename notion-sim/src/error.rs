//! The errors of the API in Notion's envelope and words. Who raises them is not decided here.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An error answer before it is written out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) additional: Map<String, Value>,
    pub(crate) retry_after: Option<u64>,
    /// Whether it is worded as OAuth has it: the code as `error`, the message as its description.
    pub(crate) is_oauth: bool,
}

/// A value as refusals quote it: lists and objects cut after 55 characters.
fn shortened(value: &Value) -> String {
    const KEPT: usize = 55;
    let text = value.to_string();
    let long = value.is_array() || value.is_object();
    match text.char_indices().nth(KEPT) {
        Some((end, _)) if long => format!("{}...", &text[..end]),
        _ => text,
    }
}

/// The result of handling one request.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            additional: Map::new(),
            retry_after: None,
            is_oauth: false,
        }
    }

    /// A refusal in the shape of OAuth.
    pub(crate) fn oauth(status: u16, code: &str, description: Option<&str>) -> Self {
        Self {
            is_oauth: true,
            ..Self::new(status, code, description.unwrap_or_default())
        }
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.additional.insert(key.into(), value);
        self
    }

    /// 400 `validation_error` with these words.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "validation_error", message)
    }

    /// 400 for a body value: `body failed validation: <path> should be <expected>, instead was …`.
    pub(crate) fn body(path: &str, expected: &str, instead: Option<&Value>) -> Self {
        Self::part("body", path, expected, instead)
    }

    /// 400 for a value of the query string.
    pub(crate) fn query(path: &str, expected: &str, instead: Option<&Value>) -> Self {
        Self::part("query", path, expected, instead)
    }

    fn part(part: &str, path: &str, expected: &str, instead: Option<&Value>) -> Self {
        let instead = instead.map_or_else(|| "undefined".to_owned(), shortened);
        Self::validation(format!(
            "{part} failed validation: {path} should be {expected}, instead was `{instead}`."
        ))
    }

    /// 400 for a value that is none of several: the refusal of each, a line each.
    pub(crate) fn fix_one(refusals: impl IntoIterator<Item = Self>) -> Self {
        let mut message = String::from("body failed validation. Fix one:");
        for refusal in refusals {
            let line = refusal
                .message
                .trim_start_matches("body failed validation: ");
            message.push('\n');
            message.push_str(line);
        }
        Self::validation(message)
    }

    /// 400 for blocks that are well formed and cannot be made.
    pub(crate) fn content(why: &str) -> Self {
        Self::validation(format!(
            "Content creation Failed. Fix the following: \n{why}"
        ))
    }

    /// 400 for something that is longer than it may be.
    pub(crate) fn too_long(path: &str, limit: usize, length: usize) -> Self {
        Self::validation(format!(
            "body failed validation: {path}.length should be ≤ `{limit}`, instead was `{length}`."
        ))
    }

    /// 400 `invalid_request_url`.
    pub(crate) fn unknown_url() -> Self {
        Self::new(400, "invalid_request_url", "Invalid request URL.")
    }

    /// 404 for what is absent or not shared, naming the connection as Notion does.
    pub(crate) fn not_found(kind: &str, id: &str, bot_name: &str, bot: Uuid) -> Self {
        Self::new(
            404,
            "object_not_found",
            format!(
                "Could not find {kind} with ID: {id}. Make sure the relevant pages and databases \
                 are shared with your integration \"{bot_name}\"."
            ),
        )
        .with("integration_id", json!(bot.to_string()))
    }

    /// 400 for a write to something in the trash.
    pub(crate) fn in_trash() -> Self {
        Self::validation(
            "Can't edit block that is archived. You must unarchive the block before editing.",
        )
    }

    /// 400 for a write to something under an object in the trash.
    pub(crate) fn under_trash() -> Self {
        Self::validation(
            "Can't edit page on block with an archived ancestor. You must unarchive the ancestor before editing page.",
        )
    }

    /// The JSON body of the answer.
    pub(crate) fn to_body(&self, request_id: &str) -> String {
        let mut body = self.to_value();
        body["request_id"] = json!(request_id);
        body.to_string()
    }

    /// The same without the id of a request.
    pub(crate) fn to_value(&self) -> Value {
        if self.is_oauth {
            let mut body = json!({"error": self.code});
            if !self.message.is_empty() {
                body["error_description"] = json!(self.message);
            }
            return body;
        }
        let mut body = json!({
            "object": "error",
            "status": self.status,
            "code": self.code,
            "message": self.message,
        });
        if !self.additional.is_empty() {
            body["additional_data"] = Value::Object(self.additional.clone());
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_errors_use_notions_words() {
        let error = ApiError::body(
            "body.properties.X.number",
            "a number or `null`",
            Some(&json!("a")),
        );
        assert_eq!(
            error.message,
            "body failed validation: body.properties.X.number should be a number or `null`, instead was `\"a\"`."
        );
        let absent = ApiError::body("body.parent", "defined", None);
        assert!(absent.message.ends_with("instead was `undefined`."));
    }
}
