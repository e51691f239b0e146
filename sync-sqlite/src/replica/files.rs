//! Files as people read and write them in a cell: `[{"name":"plan.pdf","url":"https://…"}]`.

use notion_sync_core::value::{Digest, FileRef, FileSource};
use serde::{Deserialize, Serialize};

/// A file as it stands in a cell. Exactly one of the places is there.
#[derive(Serialize)]
pub(super) struct ShownFile<'a> {
    name: &'a str,
    /// The address somebody wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    /// The address under which the source knows a file it hosts. It opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted: Option<&'a str>,
    /// Digest of bytes that are kept elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
}

impl<'a> From<&'a FileRef> for ShownFile<'a> {
    fn from(file: &'a FileRef) -> Self {
        let mut shown = Self {
            name: &file.name,
            url: None,
            hosted: None,
            blob: None,
        };
        match &file.source {
            FileSource::External(url) => shown.url = Some(url),
            FileSource::Hosted(url) => shown.hosted = Some(url.as_str()),
            FileSource::Blob(digest) => shown.blob = Some(digest.to_text()),
            _ => {}
        }
        shown
    }
}

/// A file as somebody wrote it: an address alone, or an object.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WrittenFile {
    Address(String),
    Object(WrittenObject),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenObject {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    hosted: Option<String>,
    #[serde(default)]
    blob: Option<String>,
}

impl WrittenFile {
    /// The file; `None` if it says not, or not in one way, where it is.
    pub(super) fn into_file(self) -> Option<FileRef> {
        let file = match self {
            Self::Address(url) => return Some(FileRef::external(last(&url), url)),
            Self::Object(file) => file,
        };
        let called = |place: &str| file.name.clone().unwrap_or_else(|| last(place));
        match (&file.url, &file.hosted, &file.blob) {
            (Some(url), None, None) => Some(FileRef::external(called(url), url)),
            (None, Some(hosted), None) => Some(FileRef::hosted(called(hosted), hosted)),
            (None, None, Some(blob)) => Some(FileRef::blob(called(blob), Digest::parse(blob)?)),
            _ => None,
        }
    }
}

/// The last part of an address, to call a file by.
fn last(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<FileRef> {
        serde_json::from_str::<WrittenFile>(json).ok()?.into_file()
    }

    #[test]
    fn an_address_alone_is_a_file_called_by_its_last_part() {
        let written = read(r#""https://x.org/a/plan.pdf?v=2""#).unwrap();
        assert_eq!(
            written,
            FileRef::external("plan.pdf", "https://x.org/a/plan.pdf?v=2")
        );
        assert_eq!(read(r#""https://x.org""#).unwrap().name, "x.org");
    }

    #[test]
    fn what_is_shown_reads_back_as_it_is() {
        for file in [
            FileRef::external("Plan", "https://x.org/?p=1"),
            FileRef::hosted("a.png", "https://s3/a.png?X-Amz-Signature=s"),
            FileRef::blob("b.bin", Digest::of(b"b")),
        ] {
            let shown = serde_json::to_string(&ShownFile::from(&file)).unwrap();
            assert_eq!(read(&shown), Some(file), "{shown}");
        }
    }

    #[test]
    fn a_file_is_in_one_place() {
        for odd in [
            "{}",
            r#"{"name":"x"}"#,
            r#"{"url":"https://a","hosted":"https://b"}"#,
            r#"{"url":"https://a","size":3}"#,
            "3",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
