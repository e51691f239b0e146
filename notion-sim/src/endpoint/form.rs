//! `multipart/form-data`: the bodies that files are sent in, read whole.

use std::convert::Infallible;

use bytes::Bytes;
use futures::FutureExt;

use crate::error::{ApiError, ApiResult};

/// A body in parts.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Vec<Field>,
}

/// One part of it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Form {
    /// Reads a body. One of another content type has no parts.
    pub(crate) fn read(content_type: Option<&str>, body: Bytes) -> ApiResult<Self> {
        let Some(boundary) = content_type.and_then(|text| multer::parse_boundary(text).ok()) else {
            return Ok(Self::default());
        };
        // All of it is there already, so reading never waits.
        fields(boundary, body)
            .now_or_never()
            .and_then(Result::ok)
            .map(|fields| Self { fields })
            .ok_or_else(|| ApiError::new(400, "invalid_request", "Error parsing multipart body."))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The first part that is none of these.
    pub(crate) fn other_than(&self, known: &[&str]) -> Option<&Field> {
        let mut fields = self.fields.iter();
        fields.find(|field| !known.contains(&field.name.as_str()))
    }
}

impl Field {
    /// What it says, as far as refusals quote it.
    pub(crate) fn text(&self) -> String {
        const QUOTED: usize = 100;
        let part = &self.bytes[..self.bytes.len().min(QUOTED)];
        String::from_utf8_lossy(part).into_owned()
    }
}

async fn fields(boundary: String, body: Bytes) -> multer::Result<Vec<Field>> {
    let body = futures::stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = multer::Multipart::new(body, boundary);
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let content_type = part.content_type().map(ToString::to_string);
        fields.push(Field {
            name,
            file_name,
            content_type,
            bytes: part.bytes().await?,
        });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=x";

    #[test]
    fn parts_are_read_byte_by_byte() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"part_number\"\r\n\r\n2\r\n\
            --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\
            Content-Type: text/plain\r\n\r\n\0\xFF\r\n--\r\n--x--\r\n";
        let form = Form::read(Some(KIND), Bytes::from_static(body)).unwrap();
        assert_eq!(form.field("part_number").unwrap().bytes, "2");
        let file = form.field("file").unwrap();
        assert_eq!(&file.bytes[..], b"\0\xFF\r\n--");
        assert_eq!(file.file_name.as_deref(), Some("a.bin"));
        assert_eq!(file.content_type.as_deref(), Some("text/plain"));
        let other = form.other_than(&["file"]).unwrap();
        assert_eq!(
            (other.name.as_str(), other.text().as_str()),
            ("part_number", "2")
        );
    }

    #[test]
    fn what_ends_too_early_is_refused_and_json_has_no_parts() {
        let refused = Form::read(Some(KIND), Bytes::from_static(b"--x\r\nContent-"));
        assert_eq!(refused.unwrap_err().code, "invalid_request");
        let none = Form::read(Some("application/json"), Bytes::from_static(b"{}")).unwrap();
        assert!(none.field("file").is_none());
    }
}
