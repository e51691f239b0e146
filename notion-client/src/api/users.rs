//! `GET /users/me`, `GET /users/{id}`.

use serde_json::value::RawValue;

use crate::endpoint::{Call, Endpoint};
use crate::error::InvalidRequest;
use crate::id::UserId;
use crate::json::DecodeError;
use crate::object::User;

/// The bot the token belongs to: the way to check a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetrieveMe;

impl Endpoint for RetrieveMe {
    type Output = User;

    fn call(&self) -> Result<Call, InvalidRequest> {
        Call::get("users/me")
    }

    fn decode(&self, body: &str) -> Result<User, DecodeError> {
        decode(body)
    }
}

/// A user. Needs the capability to read user information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetrieveUser {
    /// Who.
    pub id: UserId,
}

impl RetrieveUser {
    /// Asks for this user.
    #[must_use]
    pub fn new(id: UserId) -> Self {
        Self { id }
    }
}

impl Endpoint for RetrieveUser {
    type Output = User;

    fn call(&self) -> Result<Call, InvalidRequest> {
        Call::get(format!("users/{}", self.id))
    }

    fn decode(&self, body: &str) -> Result<User, DecodeError> {
        decode(body)
    }
}

fn decode(body: &str) -> Result<User, DecodeError> {
    let raw: &RawValue =
        serde_json::from_str(body).map_err(|error| DecodeError::json("user", &error))?;
    User::decode(raw)
}
