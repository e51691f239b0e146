//! Records as they were last observed, read only when somebody looks.

use notion_sync_core::record::{Key, Rank, Record, Timestamp, Version};

use crate::error::Result;

/// A record as it was last observed, with its content as it is stored: what a digest is made of.
#[derive(Debug, Default)]
pub(super) enum Shadow {
    #[default]
    None,
    /// As stored, not read yet.
    Stored {
        key: Key,
        version: Option<Version>,
        edited_at: Option<Timestamp>,
        rank: Option<Rank>,
        content: String,
    },
    /// Read, or observed in this commit.
    Read { record: Record, content: String },
}

impl Shadow {
    pub(super) fn fresh(record: Record) -> Result<Self> {
        let content = record.content();
        Ok(Self::Read { record, content })
    }

    pub(super) fn record(&mut self) -> Result<Option<&Record>> {
        if let Self::Stored {
            key,
            version,
            edited_at,
            rank,
            content,
        } = self
        {
            let (lifecycle, cells) = serde_json::from_str(content)?;
            *self = Self::Read {
                record: Record {
                    key: key.clone(),
                    lifecycle,
                    version: version.take(),
                    edited_at: *edited_at,
                    rank: rank.take(),
                    cells,
                },
                content: std::mem::take(content),
            };
        }
        Ok(match self {
            Self::Read { record, .. } => Some(record),
            Self::None | Self::Stored { .. } => None,
        })
    }

    pub(super) fn into_record(mut self) -> Result<Option<Record>> {
        self.record()?;
        Ok(match self {
            Self::Read { record, .. } => Some(record),
            Self::None | Self::Stored { .. } => None,
        })
    }

    pub(super) fn content(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Stored { content, .. } | Self::Read { content, .. } => Some(content),
        }
    }

    pub(super) fn edited_at(&self) -> Option<i64> {
        let moment = match self {
            Self::None => None,
            Self::Stored { edited_at, .. } => *edited_at,
            Self::Read { record, .. } => record.edited_at,
        };
        moment.map(|moment| moment.0)
    }

    pub(super) fn rank(&self) -> Option<&str> {
        let rank = match self {
            Self::None => None,
            Self::Stored { rank, .. } => rank.as_ref(),
            Self::Read { record, .. } => record.rank.as_ref(),
        };
        rank.map(Rank::as_str)
    }

    pub(super) fn version(&self) -> Option<&str> {
        let version = match self {
            Self::None => None,
            Self::Stored { version, .. } => version.as_ref(),
            Self::Read { record, .. } => record.version.as_ref(),
        };
        version.map(|version| version.0.as_str())
    }
}
