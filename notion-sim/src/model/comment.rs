//! Comments and the discussions they are in.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use super::order::push_ordered;
use super::row::user_reference;
use crate::clock::push_minute;
use crate::error::ApiResult;

/// A comment.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    pub(crate) id: Uuid,
    pub(crate) discussion: Uuid,
    /// The page or block that is discussed.
    pub(crate) about: Uuid,
    /// Exact; the wire shows the minute.
    pub(crate) created: Timestamp,
    /// Exact; the wire shows the minute.
    pub(crate) edited: Timestamp,
    pub(crate) author: Uuid,
    pub(crate) rich_text: Value,
    /// `{type, resolved_name}`.
    pub(crate) display_name: Value,
    /// `{category, file}`, the files unsigned.
    pub(crate) attachments: Vec<Value>,
}

impl World {
    /// A comment on something the connection can see.
    pub(crate) fn comment(&self, id: Uuid) -> ApiResult<&Comment> {
        let mut comments = self.comments.iter();
        let found = comments.find(|comment| comment.id == id && self.sees_any(comment.about));
        found.ok_or_else(|| self.not_found("comment", &id.to_string()))
    }

    /// What a discussion is about, if the connection can see it.
    pub(crate) fn discussed(&self, discussion: Uuid) -> ApiResult<Uuid> {
        let mut comments = self.comments.iter();
        let found = comments.find(|comment| comment.discussion == discussion);
        let about = found.map(|comment| comment.about);
        let seen = about.filter(|about| self.sees_any(*about));
        seen.ok_or_else(|| self.not_found("discussion", &discussion.to_string()))
    }

    fn sees_any(&self, id: Uuid) -> bool {
        self.page(id).is_ok() || self.block(id).is_ok()
    }

    /// Appends a comment's object.
    pub(crate) fn push_comment(&self, out: &mut String, comment: &Comment) {
        let (id, discussion) = (comment.id, comment.discussion);
        out.push_str(&format!(
            "{{\"object\":\"comment\",\"id\":\"{id}\",\"parent\":"
        ));
        push_ordered(out, &self.block_parent(comment.about));
        out.push_str(&format!(",\"discussion_id\":\"{discussion}\""));
        for (name, at) in [
            ("created", comment.created),
            ("last_edited", comment.edited),
        ] {
            out.push_str(&format!(",\"{name}_time\":\""));
            push_minute(out, at);
            out.push('"');
        }
        let author = user_reference(comment.author);
        let mut text = comment.rich_text.clone();
        self.show_people(&mut text);
        let members = [
            ("created_by", &author),
            ("rich_text", &text),
            ("display_name", &comment.display_name),
        ];
        for (name, value) in members {
            out.push_str(&format!(",\"{name}\":"));
            push_ordered(out, value);
        }
        if !comment.attachments.is_empty() {
            let signed = comment.attachments.iter().map(|attachment| {
                let url = attachment["file"]["url"].as_str().unwrap_or_default();
                json!({"category": attachment["category"], "file": self.signed(url)})
            });
            out.push_str(",\"attachments\":");
            push_ordered(out, &signed.collect());
        }
        out.push('}');
    }

    /// The name that a comment shows for its author.
    pub(crate) fn name_of(&self, user: Uuid) -> Value {
        let user = self.users.get(&user);
        user.map_or(Value::Null, |user| json!(user["name"]))
    }
}
