//! Hosted files: the signed addresses that answers give them, and what is served there. The addresses are
//! those of the store that Notion uses; over HTTP they lead to the simulator itself.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::World;
use super::upload::Upload;
use crate::endpoint::parse_query;
use crate::ids::{IdSource, parse_id, percent_decode, percent_encode};

/// Where hosted files are kept.
pub(crate) const STORE: &str = "https://prod-files-secure.s3.us-west-2.amazonaws.com";
/// Where the simulator serves them, below its own address.
pub(crate) const SERVED: &str = "/_files";
/// Seconds that a signature is good for.
const GOOD_FOR: i64 = 3600;

/// Draws signatures, and knows its own again.
#[derive(Debug)]
pub(crate) struct Signer {
    /// What only the simulator knows.
    secret: u64,
    /// Makes every signature differ from the last. Answers are put together from a world that is only
    /// read, so it counts by itself.
    drawn: AtomicU64,
}

/// Why the store refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreRefusal {
    pub(crate) status: u16,
    code: &'static str,
    message: &'static str,
    /// More elements, ready to be written.
    more: String,
}

/// What the store gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

impl Signer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            secret: seed ^ 0x51_6E_A7_0E,
            drawn: AtomicU64::new(0),
        }
    }

    pub(crate) fn to_state(&self) -> Value {
        json!({"secret": self.secret, "drawn": self.drawn.load(Ordering::Relaxed)})
    }

    /// Reads what [`Self::to_state`] wrote; `None` where it is something else.
    pub(crate) fn from_state(state: &Value) -> Option<Self> {
        Some(Self {
            secret: state["secret"].as_u64()?,
            drawn: AtomicU64::new(state["drawn"].as_u64()?),
        })
    }

    /// The query of an address that is signed at this time.
    fn query(&self, path: &str, now: Timestamp) -> String {
        let nonce = self.drawn.fetch_add(1, Ordering::Relaxed);
        let token = IdSource::new(self.secret ^ nonce).next_uuid().simple();
        let date = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let token = token.to_string();
        let signature = self.signature(path, &date, &token);
        format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Date={date}\
             &X-Amz-Expires={GOOD_FOR}&X-Amz-Security-Token={token}&X-Amz-Signature={signature}\
             &X-Amz-SignedHeaders=host&x-id=GetObject"
        )
    }

    /// Not what Amazon computes: nobody but the simulator can tell.
    fn signature(&self, path: &str, date: &str, token: &str) -> String {
        let mut state = self.secret;
        let mut words = String::new();
        for _ in 0..4 {
            for byte in [path, date, token].iter().flat_map(|part| part.bytes()) {
                state = IdSource::new(state ^ u64::from(byte)).next_word();
            }
            words.push_str(&format!("{state:016x}"));
        }
        words
    }
}

impl StoreRefusal {
    fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            more: String::new(),
        }
    }

    /// The body that the store answers with.
    pub(crate) fn to_xml(&self, request_id: &str) -> String {
        let (code, message, more) = (self.code, self.message, &self.more);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             {more}<RequestId>{request_id}</RequestId></Error>"
        )
    }
}

impl World {
    /// Where the bytes of an upload are, unsigned: the form in which files are kept.
    pub(crate) fn address_of(&self, upload: &Upload) -> String {
        let workspace = self.workspace();
        let name = percent_encode(upload.filename.as_deref().unwrap_or("file"));
        format!("{STORE}/{workspace}/{}/{name}", upload.id)
    }

    /// An address as it is kept, of one that an answer gave: without its signature.
    pub(crate) fn kept_address(&self, url: &str) -> String {
        let bare = url.split(['?', '#']).next().unwrap_or(url);
        let own = bare.strip_prefix(&self.base_url);
        match own.and_then(|below| below.strip_prefix(SERVED)) {
            Some(below) => format!("{STORE}{below}"),
            None => bare.to_owned(),
        }
    }

    /// A text whose addresses of hosted files are as they are kept.
    pub(crate) fn kept_text(&self, text: &str) -> String {
        let own = format!("{}{SERVED}/", self.base_url);
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(from) = [STORE, &own].iter().filter_map(|own| rest.find(own)).min() {
            let address = &rest[from..];
            let ends = |c: char| c.is_whitespace() || matches!(c, ')' | '"' | '<' | '>');
            let address = &address[..address.find(ends).unwrap_or(address.len())];
            out.push_str(&rest[..from]);
            out.push_str(&self.kept_address(address));
            rest = &rest[from + address.len()..];
        }
        out.push_str(rest);
        out
    }

    /// Makes a medium whose address leads to a hosted file that file.
    pub(crate) fn host_again(&self, medium: &mut Map<String, Value>) {
        let url = medium.get("external").map(|file| &file["url"]);
        let Some(kept) = url
            .and_then(Value::as_str)
            .map(|url| self.kept_address(url))
        else {
            return;
        };
        let below = kept.strip_prefix(STORE);
        let Some(upload) = below.and_then(|below| self.stored(below)) else {
            return;
        };
        if let (Some(name), Some(own)) = (medium.get_mut("name"), &upload.filename) {
            *name = json!(own);
        }
        medium.remove("external");
        medium.insert("type".into(), json!("file"));
        medium.insert("file".into(), json!({"url": kept}));
    }

    /// Gives a hosted file an address that is signed for an hour; anything else stays as it is.
    pub(crate) fn sign_one(&self, file: &mut Value) {
        if file["type"] != "file" {
            return;
        }
        let url = file["file"]["url"].as_str().unwrap_or_default();
        file["file"] = self.signed(url);
    }

    /// Signs the hosted files among these.
    pub(crate) fn sign(&self, mut files: Value) -> Value {
        for file in files.as_array_mut().into_iter().flatten() {
            self.sign_one(file);
        }
        files
    }

    /// `{url, expiry_time}` of a hosted file.
    pub(crate) fn signed(&self, kept: &str) -> Value {
        let expiry = self.now.checked_add(SignedDuration::from_secs(GOOD_FOR));
        let expiry = expiry.unwrap_or(self.now);
        // What was loaded may carry the signature it was recorded with.
        let kept = kept.split(['?', '#']).next().unwrap_or(kept);
        let below = kept.strip_prefix(STORE);
        let query = self.signer.query(below.unwrap_or(kept), self.now);
        let url = match below.filter(|below| self.serves_itself && self.stored(below).is_some()) {
            Some(below) => format!("{}{SERVED}{below}?{query}", self.base_url),
            None => format!("{kept}?{query}"),
        };
        json!({"url": url, "expiry_time": expiry.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()})
    }

    /// The upload whose bytes lie at this path of the store.
    fn stored(&self, path: &str) -> Option<&Upload> {
        let mut parts = path.trim_start_matches('/').split('/');
        let id = parts.nth(1).and_then(parse_id)?;
        let upload = self.upload(id).ok()?;
        let name = percent_decode(parts.next()?);
        let own = upload.filename.as_deref().unwrap_or("file");
        (name == own && parts.next().is_none()).then_some(upload)
    }

    /// Gives the bytes at a path of the store, if the signature is its own and still good.
    pub(crate) fn fetch(
        &self,
        method: &str,
        path: &str,
        query: &str,
    ) -> Result<Served, StoreRefusal> {
        let query = parse_query(query);
        let find = |name: &str| {
            let found = query.iter().find(|(key, _)| key == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        let (date, given) = (find("X-Amz-Date"), find("X-Amz-Signature"));
        if date.is_empty() || given.is_empty() {
            return Err(StoreRefusal::new(403, "AccessDenied", "Access Denied"));
        }
        let known = self
            .signer
            .signature(path, date, find("X-Amz-Security-Token"));
        let lasts = find("X-Amz-Expires") == GOOD_FOR.to_string();
        let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok();
        let signed = signed.and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let end = signed.and_then(|at| {
            let good_for = SignedDuration::from_secs(GOOD_FOR);
            at.timestamp().checked_add(good_for).ok()
        });
        // The method is signed as well.
        let is_own = method == "GET" && known == given && lasts;
        let Some(end) = end.filter(|_| is_own) else {
            return Err(StoreRefusal::new(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. \
                 Check your key and signing method.",
            ));
        };
        if self.now >= end {
            let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            return Err(StoreRefusal {
                more: format!(
                    "<X-Amz-Expires>{GOOD_FOR}</X-Amz-Expires><Expires>{}</Expires><ServerTime>{}</ServerTime>",
                    time(end),
                    time(self.now)
                ),
                ..StoreRefusal::new(403, "AccessDenied", "Request has expired")
            });
        }
        let missing = || StoreRefusal::new(404, "NoSuchKey", "The specified key does not exist.");
        let upload = self.stored(path).ok_or_else(missing)?;
        let named = upload.content_type.as_deref();
        Ok(Served {
            content_type: named.unwrap_or("application/octet-stream").to_owned(),
            bytes: upload.bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_store_lose_their_signatures_in_a_text() {
        let mut world = World::new(1, "2026-07-04T10:07:01Z".parse().unwrap());
        world.base_url = "http://127.0.0.1:7".into();
        let text = format!(
            "a ![x](http://127.0.0.1:7/_files/w/1/a.png?X=1&Y=2) [b](http://127.0.0.1:7/v1?z)\n\
             <pdf src=\"{STORE}/w/2/b.pdf?X=1\">c?</pdf> {STORE}/w/3/c.pdf?X"
        );
        let kept = format!(
            "a ![x]({STORE}/w/1/a.png) [b](http://127.0.0.1:7/v1?z)\n\
             <pdf src=\"{STORE}/w/2/b.pdf\">c?</pdf> {STORE}/w/3/c.pdf"
        );
        assert_eq!(world.kept_text(&text), kept);
        assert_eq!(world.kept_text(&kept), kept);
    }
}
