//! Custom emojis of the workspace. Only people make them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::World;

/// A custom emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CustomEmoji {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) url: String,
}

impl CustomEmoji {
    pub(crate) fn to_wire(&self) -> Value {
        json!({"id": self.id.to_string(), "name": self.name, "url": self.url})
    }
}

impl World {
    /// What an icon or a mention shows of an emoji.
    pub(crate) fn emoji(&self, id: Uuid) -> Option<Value> {
        let found = self.emojis.iter().find(|emoji| emoji.id == id);
        found.map(CustomEmoji::to_wire)
    }

    /// Adds an emoji, in the place of one that has its id.
    pub(crate) fn add_emoji(&mut self, emoji: CustomEmoji) {
        self.emojis.retain(|other| other.id != emoji.id);
        self.emojis.push(emoji);
        self.revision += 1;
    }
}
