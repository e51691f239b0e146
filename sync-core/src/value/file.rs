//! A file by name and place; never with a signature that expires.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::Digest;

/// A file attached to a record. The bytes are elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRef {
    /// The name people see; may be empty.
    pub name: String,
    /// Where the bytes are.
    pub source: FileSource,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileSource {
    /// At an address somebody wrote; kept as written.
    External(String),
    /// With the peer, which hands out addresses that expire.
    Hosted(HostedUrl),
    /// Bytes with this digest, wherever the program keeps them.
    Blob(Digest),
}

/// The address of a file that a peer hosts, without query and fragment: what signs it and expires
/// is never kept, so two readings of one file are equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct HostedUrl(String);

impl HostedUrl {
    /// Takes an address as the peer hands it out and drops everything from `?` or `#` on.
    pub fn new(url: &str) -> Self {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        Self(url[..end].to_owned())
    }

    /// The address. It names the file; it does not open it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FileRef {
    /// A file at an address somebody wrote.
    pub fn external(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self::new(name, FileSource::External(url.into()))
    }

    /// A file the peer hosts, at the address it hands out.
    pub fn hosted(name: impl Into<String>, url: &str) -> Self {
        Self::new(name, FileSource::Hosted(HostedUrl::new(url)))
    }

    /// A file known by its bytes.
    pub fn blob(name: impl Into<String>, digest: Digest) -> Self {
        Self::new(name, FileSource::Blob(digest))
    }

    fn new(name: impl Into<String>, source: FileSource) -> Self {
        Self {
            name: name.into(),
            source,
        }
    }
}

impl fmt::Display for FileRef {
    /// The name, else the source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), &self.source) {
            ("", FileSource::External(url)) => f.write_str(url),
            ("", FileSource::Hosted(url)) => f.write_str(url.as_str()),
            ("", FileSource::Blob(digest)) => fmt::Display::fmt(digest, f),
            (name, _) => f.write_str(name),
        }
    }
}

impl fmt::Debug for HostedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for HostedUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pain_32_a_signature_cannot_be_kept_and_another_one_is_no_change() {
        let read = |signature| FileRef::hosted("a.png", &format!("https://s3/x/a.png{signature}"));
        let first = read("?X-Amz-Expires=3600&X-Amz-Signature=abc");
        assert_eq!(first, read("?X-Amz-Signature=def#page"));
        assert_ne!(first, FileRef::hosted("a.png", "https://s3/y/a.png"));
        for shown in [
            serde_json::to_string(&first).unwrap(),
            format!("{first:?} {first}"),
        ] {
            assert!(!shown.contains("X-Amz"), "{shown}");
        }
        let smuggled = r#"{"name":"a","source":{"hosted":"https://s3/a?X-Amz-Signature=abc"}}"#;
        let read: FileRef = serde_json::from_str(smuggled).unwrap();
        assert!(!format!("{read:?}").contains("X-Amz"));
        let external = FileRef::external("list", "https://example.org/?page=2");
        let json = serde_json::to_string(&external).unwrap();
        assert!(
            json.contains("page=2"),
            "an address a person wrote stays whole"
        );
    }
}
