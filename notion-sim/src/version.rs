//! The `Notion-Version` header: which versions are spoken and how they differ.

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult};

/// A version of the API that the simulator speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V2025_09_03,
    V2026_03_11,
}

const OLDER: [&str; 5] = [
    "2021-05-11",
    "2021-05-13",
    "2021-08-16",
    "2022-02-22",
    "2022-06-28",
];

impl Version {
    /// Reads the header.
    pub(crate) fn parse(header: Option<&str>) -> ApiResult<Self> {
        match header {
            Some("2025-09-03") => Ok(Self::V2025_09_03),
            Some("2026-03-11") => Ok(Self::V2026_03_11),
            None => Err(ApiError::new(
                400,
                "missing_version",
                "Notion-Version header failed validation: Notion-Version header should be defined, instead was `undefined`.",
            )),
            Some(older) if OLDER.contains(&older) => Err(ApiError::validation(format!(
                "Notion-Version header `\"{older}\"` is not simulated: databases have data sources since `\"2025-09-03\"`."
            ))),
            Some(other) => Err(ApiError::validation(format!(
                "Notion-Version header failed validation: Notion-Version header should be `\"2025-09-03\"` or `\"2026-03-11\"`, instead was `\"{other}\"`."
            ))),
        }
    }

    /// Whether objects say `archived` next to `in_trash`.
    pub(crate) fn shows_archived(self) -> bool {
        self == Self::V2025_09_03
    }

    /// The trash flag of a request body; the older version also takes `archived`.
    pub(crate) fn trash_flag(self, body: &Map<String, Value>) -> ApiResult<Option<bool>> {
        if self == Self::V2026_03_11
            && let Some(value) = body.get("archived")
        {
            return Err(ApiError::body("body.archived", "not present", Some(value)));
        }
        for key in ["in_trash", "archived"] {
            match body.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::Bool(flag)) => return Ok(Some(*flag)),
                other => return Err(ApiError::body(&format!("body.{key}"), "a boolean", other)),
            }
        }
        Ok(None)
    }
}
