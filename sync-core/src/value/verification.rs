//! Whether somebody vouched for a page.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DateValue, Person};

/// Whether a page of a wiki is vouched for, by whom, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verification {
    /// Verified, expired, or a word this version does not know.
    pub state: VerificationState,
    /// From when, until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<DateValue>,
    /// Who vouches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
}

/// State of a verification; open, because the peer owns the words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum VerificationState {
    /// Somebody vouches.
    Verified,
    /// Somebody did, until a date that has passed.
    Expired,
    /// Nobody does.
    Unverified,
    /// Another word, kept as it came.
    Other(String),
}

impl VerificationState {
    /// The peer's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Verified => "verified",
            Self::Expired => "expired",
            Self::Unverified => "unverified",
            Self::Other(word) => word,
        }
    }
}

impl From<String> for VerificationState {
    fn from(word: String) -> Self {
        match word.as_str() {
            "verified" => Self::Verified,
            "expired" => Self::Expired,
            "unverified" => Self::Unverified,
            _ => Self::Other(word),
        }
    }
}

impl From<VerificationState> for String {
    fn from(state: VerificationState) -> Self {
        state.as_str().to_owned()
    }
}

impl Verification {
    /// Whether it says what no verification says: nobody vouches.
    pub fn is_empty(&self) -> bool {
        self.state == VerificationState::Unverified && self.date.is_none() && self.by.is_none()
    }

    /// The same verification in canonical form: a known word is never [`VerificationState::Other`].
    #[must_use]
    pub fn canonical(self) -> Self {
        Self {
            state: VerificationState::from(String::from(self.state)),
            ..self
        }
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state.as_str())?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        self.date
            .as_ref()
            .map_or(Ok(()), |date| write!(f, ", {date}"))
    }
}
