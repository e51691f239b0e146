//! File uploads: what was announced, sent, imported and attached. Their bytes are served by `hosted`.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use super::due::Due;
use crate::clock::{floor_minute, moment_text, push_minute};
use crate::error::{ApiError, ApiResult};
use crate::ids::parse_id;
use crate::value::limit;
use crate::value::media::{self, Medium};
use crate::version::Version;

/// How long an upload waits to be attached.
const WAITS: SignedDuration = SignedDuration::from_hours(1);
/// How long an import takes, once announced.
const IMPORT: SignedDuration = SignedDuration::from_secs(5);

/// How the bytes come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In one request.
    Single,
    /// In this many requests, and one that completes them.
    Parts(u32),
    /// From this address, which is not asked: what lies there was said beforehand.
    External(String),
}

/// How far an upload has come, its expiry left aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Pending,
    Uploaded,
    Expired,
    Failed,
}

/// A file upload.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) id: Uuid,
    /// Exact; the wire shows the minute.
    pub(crate) created: Timestamp,
    /// Exact; the wire shows the minute.
    pub(crate) edited: Timestamp,
    pub(crate) author: Uuid,
    pub(crate) mode: Mode,
    pub(crate) standing: Standing,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) content_length: Option<u64>,
    /// What was sent, by part number; a whole file is part 1.
    pub(crate) parts: BTreeMap<u32, Bytes>,
    /// What came of an import, as the wire says it.
    pub(crate) import: Option<Value>,
    /// Whether it is in a page, block or comment: then it does not expire.
    pub(crate) attached: bool,
}

/// What lies at an address that uploads may be imported from.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}

impl Standing {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Uploaded => "uploaded",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Uploaded, Self::Expired, Self::Failed];
        all.into_iter().find(|standing| standing.as_str() == text)
    }
}

impl Upload {
    /// What was announced, nothing of it sent.
    pub(crate) fn new(id: Uuid, at: Timestamp, author: Uuid, mode: Mode) -> Self {
        Self {
            id,
            created: at,
            edited: at,
            author,
            mode,
            standing: Standing::Pending,
            filename: None,
            content_type: None,
            content_length: None,
            parts: BTreeMap::new(),
            import: None,
            attached: false,
        }
    }

    /// Reads an object as the API shows it. Its bytes are not known.
    pub(crate) fn from_wire(wire: &Value) -> Option<Self> {
        let time = |key: &str| wire[key].as_str()?.parse().ok();
        let text = |key: &str| wire[key].as_str().map(str::to_owned);
        let id = parse_id(wire["id"].as_str()?)?;
        let author = parse_id(wire["created_by"]["id"].as_str().unwrap_or_default());
        let parts = wire["number_of_parts"]["total"].as_u64();
        let mode = match parts.and_then(|total| u32::try_from(total).ok()) {
            Some(total) => Mode::Parts(total),
            None => Mode::Single,
        };
        let mut upload = Self::new(id, time("created_time")?, author.unwrap_or_default(), mode);
        upload.edited = time("last_edited_time").unwrap_or(upload.created);
        upload.standing = Standing::parse(wire["status"].as_str()?)?;
        upload.filename = text("filename");
        upload.content_type = text("content_type");
        upload.content_length = wire["content_length"].as_u64();
        upload.import = wire.get("file_import_result").cloned();
        upload.attached = wire["expiry_time"].is_null();
        Some(upload)
    }

    fn expiry(&self) -> Timestamp {
        let begun = floor_minute(self.created);
        begun.checked_add(WAITS).unwrap_or(begun)
    }

    /// How far it has come at this time.
    pub(crate) fn standing_at(&self, now: Timestamp) -> Standing {
        let waits = matches!(self.standing, Standing::Pending | Standing::Uploaded);
        if waits && !self.attached && now >= self.expiry() {
            Standing::Expired
        } else {
            self.standing
        }
    }

    /// What kind of file it is.
    pub(crate) fn medium(&self) -> Option<&'static Medium> {
        let by_name = self.filename.as_deref().and_then(media::of_name);
        let given = self.content_type.as_deref();
        by_name.or_else(|| given.and_then(media::of_content_type))
    }

    /// All of its bytes.
    pub(crate) fn bytes(&self) -> Bytes {
        let mut parts = self.parts.values();
        match (parts.next(), parts.next()) {
            (Some(only), None) => only.clone(),
            _ => {
                let parts: Vec<&[u8]> = self.parts.values().map(AsRef::as_ref).collect();
                parts.concat().into()
            }
        }
    }

    /// The sum of what was sent.
    pub(crate) fn sent(&self) -> u64 {
        self.parts.values().map(|part| part.len() as u64).sum()
    }

    /// Takes it as sent whole.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        self.standing = Standing::Uploaded;
        self.content_length = Some(self.sent());
        self.edited = now;
    }

    fn fail(&mut self, now: Timestamp, kind: &str, code: &str, message: String) {
        self.standing = Standing::Failed;
        self.edited = now;
        let error = json!({
            "type": kind, "code": code, "message": message, "parameter": null, "status_code": null,
        });
        self.import = Some(json!({
            "type": "error", "error": error, "imported_time": moment_text(now),
        }));
    }
}

impl World {
    /// An upload of the connection.
    pub(crate) fn upload(&self, id: Uuid) -> ApiResult<&Upload> {
        let found = self.uploads.iter().find(|upload| upload.id == id);
        found.ok_or_else(|| no_such_upload(id))
    }

    pub(crate) fn upload_mut(&mut self, id: Uuid) -> Option<&mut Upload> {
        self.uploads.iter_mut().find(|upload| upload.id == id)
    }

    /// Adds an upload. One from elsewhere begins to be imported.
    pub(crate) fn add_upload(&mut self, upload: Upload) {
        if let (Mode::External(_), Standing::Pending) = (&upload.mode, upload.standing) {
            let at = upload.created.checked_add(IMPORT);
            self.later(at.unwrap_or(upload.created), Due::Import(upload.id));
        }
        let (id, author) = (upload.id, upload.author);
        self.uploads.push(upload);
        self.revision += 1;
        self.happened("file_upload.created", id, author, json!({}));
    }

    /// The largest file the workspace takes, in bytes.
    pub(crate) fn upload_limit(&self) -> u64 {
        let bot = self.users.get(&self.bot);
        let limits = bot.map(|bot| &bot["bot"]["workspace_limits"]);
        let limit = limits.and_then(|limits| limits["max_file_upload_size_in_bytes"].as_u64());
        limit.unwrap_or(limit::FREE_FILE_BYTES)
    }

    /// Carries out an import that was announced a while ago.
    pub(crate) fn import(&mut self, id: Uuid) {
        let (now, limit) = (self.now, self.upload_limit());
        let Ok(upload) = self.upload(id) else { return };
        let Mode::External(url) = &upload.mode else {
            return;
        };
        let found = self.outside.get(url).cloned();
        let Some(upload) = self.upload_mut(id) else {
            return;
        };
        match found {
            None => {
                let message = "The file could not be downloaded from the external URL.";
                upload.fail(
                    now,
                    "download_error",
                    "file_upload_download_failed",
                    message.into(),
                );
            }
            Some(found) if found.bytes.len() as u64 > limit => {
                let message = too_large(limit);
                upload.fail(now, "validation_error", "file_upload_invalid_size", message);
            }
            Some(found) => {
                upload.content_type.get_or_insert(found.content_type);
                upload.parts.insert(1, found.bytes);
                upload.finish(now);
                upload.import = Some(json!({
                    "type": "success", "success": {}, "imported_time": moment_text(now),
                }));
            }
        }
        let told = upload.import.clone();
        let (author, kind) = match upload.standing {
            Standing::Failed => (upload.author, "file_upload.upload_failed"),
            _ => (upload.author, "file_upload.completed"),
        };
        self.revision += 1;
        self.happened(kind, id, author, json!({"file_import_result": told}));
    }

    /// Checks that an upload can be put somewhere where only these categories of files fit; anything
    /// fits where none is named.
    pub(crate) fn attachable(&self, id: Uuid, fitting: &[&str]) -> ApiResult<&Upload> {
        let upload = self.upload(id)?;
        let standing = upload.standing_at(self.now);
        if standing != Standing::Uploaded {
            return Err(ApiError::validation(format!(
                "File upload with ID {id} cannot be attached: its status is `{}`, not `uploaded`.",
                standing.as_str()
            )));
        }
        if upload.attached && !self.knobs.uploads_are_reusable {
            return Err(ApiError::validation(format!(
                "File upload with ID {id} cannot be attached: it is in use already."
            )));
        }
        let category = upload
            .medium()
            .map_or("productivity", |medium| medium.category);
        if !fitting.is_empty() && !fitting.contains(&category) {
            return Err(ApiError::validation(format!(
                "File upload with ID {id} has a content type that does not fit here: `{}`.",
                upload.content_type.as_deref().unwrap_or_default()
            )));
        }
        Ok(upload)
    }

    /// Notes that an upload is somewhere, and gives it the form it is kept in there.
    pub(crate) fn attach(&mut self, id: Uuid) -> Value {
        let address = match self.upload(id) {
            Ok(upload) => self.address_of(upload),
            Err(_) => String::new(),
        };
        if let Some(upload) = self.upload_mut(id) {
            upload.attached = true;
        }
        json!({"type": "file", "file": {"url": address}})
    }

    /// Appends an upload's object.
    pub(crate) fn push_upload(&self, out: &mut String, upload: &Upload, version: Version) {
        let (id, now) = (upload.id, self.now);
        let standing = upload.standing_at(now);
        let time = |out: &mut String, name: &str, at: Timestamp| {
            out.push_str(&format!(",\"{name}\":\""));
            push_minute(out, at);
            out.push('"');
        };
        out.push_str(&format!("{{\"object\":\"file_upload\",\"id\":\"{id}\""));
        time(out, "created_time", upload.created);
        let is_person = self
            .users
            .get(&upload.author)
            .is_some_and(|user| user["type"] == "person");
        let kind = if is_person { "person" } else { "bot" };
        out.push_str(&format!(
            ",\"created_by\":{{\"id\":\"{}\",\"type\":\"{kind}\"}}",
            upload.author
        ));
        time(out, "last_edited_time", upload.edited);
        if upload.attached {
            out.push_str(",\"expiry_time\":null");
        } else {
            time(out, "expiry_time", upload.expiry());
        }
        if standing == Standing::Pending {
            let at = format!("{}/v1/file_uploads/{id}", self.base_url);
            out.push_str(&format!(",\"upload_url\":\"{at}/send\""));
            if let Mode::Parts(_) = upload.mode {
                out.push_str(&format!(",\"complete_url\":\"{at}/complete\""));
            }
        }
        let fields = [
            ("in_trash", json!(false)),
            ("status", json!(standing.as_str())),
            ("filename", json!(upload.filename)),
            ("content_type", json!(upload.content_type)),
            ("content_length", json!(upload.content_length)),
        ];
        for (name, value) in fields {
            out.push_str(&format!(",\"{name}\":{value}"));
        }
        if let Mode::Parts(total) = upload.mode {
            let sent = upload.parts.len();
            out.push_str(&format!(
                ",\"number_of_parts\":{{\"total\":{total},\"sent\":{sent}}}"
            ));
        }
        if let Some(import) = &upload.import {
            out.push_str(&format!(",\"file_import_result\":{import}"));
        }
        if version.shows_archived() {
            out.push_str(",\"archived\":false");
        }
        out.push('}');
    }
}

/// 404 for an upload that does not exist.
pub(crate) fn no_such_upload(id: Uuid) -> ApiError {
    let message = format!("Could not find file upload with ID: {id}.");
    ApiError::new(404, "object_not_found", message)
}

/// The words for a file that is larger than it may be.
pub(crate) fn too_large(limit: u64) -> String {
    format!(
        "The file size is not within the allowed limit of {} MiB. Please try again with a new file upload.",
        limit / (1024 * 1024)
    )
}
