//! JSON kept as it came.

use serde::{Deserialize, Serialize};

/// A JSON text that nobody here interprets. Object keys are in the order they came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawJson(String);

impl RawJson {
    /// Keeps a JSON text. The caller vouches that it is JSON and holds no signed URL.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
