//! A person as a cell knows them: who it is, not what they are called.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Somebody: a member, a guest, a group, a bot.
///
/// Who it is, the *identity*, is the peer's id if there is one, else the e-mail address in lower
/// case. Equality, order, hash, digest and the serialised form know the identity alone: a new name,
/// or an answer that leaves the address out, is no edit of any record. What else is known is
/// there to be shown and to meet people of the other side
/// ([`Directory`](crate::link::Directory)); it does not survive being stored in a cell.
#[derive(Clone)]
pub struct Person {
    identity: Identity,
    email: Option<String>,
    name: Option<String>,
}

/// Who somebody is, as it is written to stores.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Identity {
    Id(String),
    Email(String),
}

impl Person {
    /// Somebody with an id of the peer.
    pub fn with_id(id: impl Into<String>) -> Self {
        Self::of(Identity::Id(id.into()))
    }

    /// Somebody known by an e-mail address alone; its letter case does not matter.
    pub fn with_email(email: impl Into<String>) -> Self {
        Self::of(Identity::Email(lower(&email.into())))
    }

    /// The same person with an e-mail address; one known by an address alone keeps that.
    #[must_use]
    pub fn reached_at(mut self, email: impl Into<String>) -> Self {
        self.email = Some(lower(&email.into())).filter(|email| !email.is_empty());
        self
    }

    /// The same person with a name to show.
    #[must_use]
    pub fn called(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into()).filter(|name| !name.is_empty());
        self
    }

    /// The peer's id.
    pub fn id(&self) -> Option<&str> {
        match &self.identity {
            Identity::Id(id) => Some(id),
            Identity::Email(_) => None,
        }
    }

    /// The e-mail address, in lower case.
    pub fn email(&self) -> Option<&str> {
        match &self.identity {
            Identity::Id(_) => self.email.as_deref(),
            Identity::Email(email) => Some(email),
        }
    }

    /// The name, where one is known.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn of(identity: Identity) -> Self {
        Self {
            identity,
            email: None,
            name: None,
        }
    }
}

fn lower(email: &str) -> String {
    email.trim().to_lowercase()
}

impl PartialEq for Person {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Person {}

impl PartialOrd for Person {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Person {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity.cmp(&other.identity)
    }
}

impl Hash for Person {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl fmt::Display for Person {
    /// The name, else the address, else the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.name().or(self.email()).or(self.id());
        f.write_str(shown.unwrap_or_default())
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Identity::Id(id) => write!(f, "Person(id {id})"),
            Identity::Email(email) => write!(f, "Person({email})"),
        }
    }
}

impl Serialize for Person {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.identity.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Person {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Identity::deserialize(deserializer)? {
            Identity::Id(id) => Self::with_id(id),
            Identity::Email(email) => Self::with_email(email),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pain_38_a_person_is_who_they_are_whatever_they_are_called() {
        let ada = Person::with_id("u1");
        let renamed = ada.clone().called("Ada King").reached_at("Ada@Example.org");
        assert_eq!(ada, renamed);
        assert_eq!(renamed.email(), Some("ada@example.org"));
        assert_eq!(
            serde_json::to_string(&ada).unwrap(),
            serde_json::to_string(&renamed).unwrap()
        );
        assert_ne!(ada, Person::with_id("u2"));
        assert_eq!(
            Person::with_email(" Ada@x.org"),
            Person::with_email("ada@X.org")
        );
        assert_ne!(Person::with_email("u1"), ada);
        assert_eq!(renamed.to_string(), "Ada King");
        assert_eq!(ada.to_string(), "u1");
    }
}
