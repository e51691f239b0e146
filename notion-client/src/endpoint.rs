//! Requests as values: what an endpoint is, and the raw one for everything this crate has no type for.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::error::InvalidRequest;
use crate::id::percent_decode;
use crate::json::{DecodeError, Json};
use crate::retry::Safety;

/// The largest body the API takes, read generously: 500 KB (request limits).
pub const MAX_BODY_BYTES: usize = 500 * 1024;

/// A request that knows what it asks for and how to read the answer. It is a plain value: it can be compared, kept and
/// tested without a server, and [`Client::send`](crate::Client::send) executes it.
pub trait Endpoint: Send + Sync {
    /// What the answer means.
    type Output: Send;

    /// The call it makes.
    ///
    /// # Errors
    /// [`InvalidRequest`] when it is not a call the API could accept.
    fn call(&self) -> Result<Call, InvalidRequest>;

    /// Reads the body of a successful answer.
    ///
    /// # Errors
    /// [`DecodeError`] when it does not have the shape it should have.
    fn decode(&self, body: &str) -> Result<Self::Output, DecodeError>;
}

/// A call: method, path below `/v1/`, query and body, without anything secret. `Debug` shows neither query values nor body.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    method: Method,
    path: String,
    query: Vec<(Cow<'static, str>, String)>,
    body: Option<Bytes>,
    safety: Safety,
}

impl Call {
    /// A call that changes something unless its method is `GET`. `path` is below `/v1/`, such as `pages/<id>`.
    ///
    /// # Errors
    /// [`InvalidRequest::Path`] for a path that would leave its place: `..`, also percent-encoded, empty parts, a query.
    pub fn new(method: Method, path: impl Into<String>) -> Result<Self, InvalidRequest> {
        let path = path.into();
        let path = path.strip_prefix('/').unwrap_or(&path);
        let path = path.strip_prefix("v1/").unwrap_or(path).to_owned();
        check_path(&path)?;
        let safety = if method == Method::GET {
            Safety::Read
        } else {
            Safety::Write
        };
        Ok(Self {
            method,
            path,
            query: Vec::new(),
            body: None,
            safety,
        })
    }

    /// A `GET`.
    ///
    /// # Errors
    /// As [`Call::new`].
    pub fn get(path: impl Into<String>) -> Result<Self, InvalidRequest> {
        Self::new(Method::GET, path)
    }

    /// Says that this call changes nothing though it is not a `GET`, as a query: it may then be sent again after faults.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.safety = Safety::Read;
        self
    }

    /// Adds a query parameter, not yet encoded.
    #[must_use]
    pub fn query(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the JSON body.
    ///
    /// # Errors
    /// [`InvalidRequest`] when the value has no JSON form or is larger than [`MAX_BODY_BYTES`].
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Result<Self, InvalidRequest> {
        let body = serde_json::to_vec(body).map_err(|_| InvalidRequest::Body)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(InvalidRequest::TooLarge {
                bytes: body.len(),
                limit: MAX_BODY_BYTES,
            });
        }
        self.body = Some(body.into());
        Ok(self)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path below `/v1/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query parameters, not encoded.
    #[must_use]
    pub fn query_pairs(&self) -> &[(Cow<'static, str>, String)] {
        &self.query
    }

    /// The JSON body.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn safety(&self) -> Safety {
        self.safety
    }

    /// Path and encoded query, as they follow `/v1/`.
    pub(crate) fn path_and_query(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.query)
            .finish();
        format!("{}?{query}", self.path)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.query.iter().map(|(name, _)| name).collect();
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &names)
            .field("body_bytes", &self.body.as_ref().map_or(0, Bytes::len))
            .field("safety", &self.safety)
            .finish()
    }
}

/// Servers and URL parsers resolve dots, also encoded ones, so an id could otherwise reach another endpoint.
fn check_path(path: &str) -> Result<(), InvalidRequest> {
    let bad_character =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '?' | '#' | '\\');
    let bad_part = |part: &str| {
        part.is_empty()
            || percent_decode(part)
                .split(['/', '\\'])
                .any(|inner| matches!(inner, "." | ".."))
    };
    if path.chars().any(bad_character) || path.split('/').any(bad_part) {
        Err(InvalidRequest::Path)
    } else {
        Ok(())
    }
}

/// Any request at all. It keeps authentication, limits, retries and errors, and returns the answer as raw JSON.
///
/// ```
/// use notion_sync_client::{Endpoint, RawRequest, http::Method};
/// let request = RawRequest::new(Method::GET, "custom_emojis").query("name", "party");
/// assert_eq!(request.call()?.path(), "custom_emojis");
/// # Ok::<(), notion_sync_client::InvalidRequest>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRequest {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Json>,
    read_only: bool,
}

impl RawRequest {
    /// A request for a path below `/v1/`, such as `blocks/<id>/children`.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            read_only: false,
        }
    }

    /// Adds a query parameter, not yet encoded.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the JSON body.
    #[must_use]
    pub fn body(mut self, body: Json) -> Self {
        self.body = Some(body);
        self
    }

    /// Says that it changes nothing though it is not a `GET`.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }
}

impl Endpoint for RawRequest {
    type Output = Json;

    fn call(&self) -> Result<Call, InvalidRequest> {
        let mut call = Call::new(self.method.clone(), self.path.as_str())?;
        for (name, value) in &self.query {
            call = call.query(name.clone(), value.as_str());
        }
        if let Some(body) = &self.body {
            call = call.json(body)?;
        }
        Ok(if self.read_only {
            call.read_only()
        } else {
            call
        })
    }

    fn decode(&self, body: &str) -> Result<Json, DecodeError> {
        Json::parse(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_their_place() {
        for path in [
            "pages/../users/me",
            "pages/%2e%2e/users/me",
            "pages/%2E./x",
            "pages/%2e%2e%2fusers",
            "pages/..%5cusers",
            "pages//x",
            "pages/.",
            "pages/x?y=1",
            "pages/x#y",
            "pages/a\\b",
            "pages/a b",
            "",
        ] {
            assert_eq!(Call::get(path).unwrap_err(), InvalidRequest::Path, "{path}");
        }
        for path in ["users/me", "/v1/users/me", "v1/users/me"] {
            assert_eq!(Call::get(path).unwrap().path(), "users/me");
        }
        assert!(Call::get("pages/x/properties/a..b%2F").is_ok());
    }

    #[test]
    fn debug_shows_neither_query_values_nor_body() {
        let request = RawRequest::new(Method::POST, "x")
            .query("q", "s3cret")
            .body(Json::parse("\"s3cret\"").unwrap());
        assert!(!format!("{:?}", request.call().unwrap()).contains("s3cret"));
    }
}
