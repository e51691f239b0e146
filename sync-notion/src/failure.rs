//! What a failed request means: for a read a [`PeerError`], for a write one of its outcomes.

use notion_sync_client::{Client, Error, ErrorCode, ErrorKind, PageId, Sent as ClientSent};
use notion_sync_core::port::{
    Outcome, PeerError, PeerErrorKind, PlaceId, Rejection, RejectionKind, Sent,
};
use notion_sync_core::record::Key;

/// What to do about an object Notion does not show.
const SHARE: &str = "it does not exist or is not shared; share the page or data source with the \
    connection in Notion, under Connections";

/// A read that failed as a whole. Nothing was changed by it.
pub(crate) fn read(place: &PlaceId, client: &Client, error: Error) -> PeerError {
    let (kind, message) = match error.kind() {
        ErrorKind::Unauthorized => (PeerErrorKind::Unauthorized, unauthorized(client)),
        ErrorKind::Forbidden => (PeerErrorKind::Forbidden, words(&error)),
        ErrorKind::NotFound => (PeerErrorKind::NotFound, SHARE.to_owned()),
        ErrorKind::RateLimited => (PeerErrorKind::Busy, words(&error)),
        ErrorKind::Server if status(&error) == Some(529) => (PeerErrorKind::Busy, words(&error)),
        ErrorKind::Server | ErrorKind::Network | ErrorKind::Timeout => {
            (PeerErrorKind::Unavailable, words(&error))
        }
        ErrorKind::Edge if status(&error) == Some(429) => (PeerErrorKind::Busy, words(&error)),
        ErrorKind::Edge => (PeerErrorKind::Unavailable, words(&error)),
        _ => (PeerErrorKind::Protocol, words(&error)),
    };
    with_source(PeerError::new(place, kind, message), error)
}

/// What became of a write to `key` (`None` for a create) that brought no answer to go by.
pub(crate) fn write(
    place: &PlaceId,
    client: &Client,
    key: Option<&Key>,
    error: Error,
) -> Result<Outcome, PeerError> {
    let reject = |kind| {
        let message = words(&error);
        Ok(Outcome::Rejected(Rejection { kind, message }))
    };
    match error.kind() {
        ErrorKind::Forbidden => reject(RejectionKind::Denied),
        ErrorKind::NotFound => Ok(Outcome::Rejected(Rejection {
            kind: RejectionKind::NotFound,
            message: SHARE.to_owned(),
        })),
        ErrorKind::Conflict => match error.api().map(|api| &api.code) {
            Some(ErrorCode::RowLimitExceeded) => reject(RejectionKind::Denied),
            _ => reject(RejectionKind::Conflict),
        },
        ErrorKind::Rejected if is_put_away(&error) => reject(RejectionKind::Conflict),
        ErrorKind::Rejected | ErrorKind::Invalid => reject(RejectionKind::Invalid),
        ErrorKind::Unauthorized | ErrorKind::RateLimited => Err(read(place, client, error)),
        _ if error.sent() == ClientSent::No => Err(read(place, client, error)),
        _ => {
            let committed = error.committed_resource_id();
            let committed = committed.and_then(|id| id.parse::<PageId>().ok());
            let committed = committed.map(|id| Key::durable(id.to_string()));
            Ok(Outcome::Ambiguous {
                key: key.cloned().or(committed),
            })
        }
    }
}

/// Adds the cause, and with it whether a write may have happened.
pub(crate) fn with_source(mut peer: PeerError, error: Error) -> PeerError {
    peer.retry_after = error.retry_after();
    peer.sent = match error.sent() {
        ClientSent::No => Sent::No,
        ClientSent::Maybe => Sent::Maybe,
    };
    peer.source = Some(Box::new(error));
    peer
}

/// Whether a smaller page may succeed where this one did not (NOTION_API 5: 503 after 60 s).
pub(crate) fn is_too_slow(error: &Error) -> bool {
    matches!(status(error), Some(502..=504)) || error.kind() == ErrorKind::Timeout || {
        use notion_sync_client::TransportErrorKind::TooLarge;
        matches!(error, Error::Transport { source, .. } if source.kind == TooLarge)
    }
}

/// The API has no code for a write to something in the trash or the archive; its words are the only
/// evidence there is (NOTION_API 2.4).
fn is_put_away(error: &Error) -> bool {
    error.api().is_some_and(|api| {
        let message = api.message.to_ascii_lowercase();
        message.contains("is archived")
            || message.contains("in trash")
            || message.contains("in the trash")
    })
}

fn unauthorized(client: &Client) -> String {
    let token = client.token();
    match token.label() {
        Some(label) => format!(
            "Notion does not accept the token in {label} ({}); it may be revoked or of another workspace",
            token.fingerprint()
        ),
        None => format!(
            "Notion does not accept the token ({}); it may be revoked or of another workspace",
            token.fingerprint()
        ),
    }
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::Api(api) => Some(api.status),
        Error::Edge(edge) => Some(edge.status),
        _ => None,
    }
}

/// Notion's reason. Its messages end in the value that was sent; that part is left out.
fn words(error: &Error) -> String {
    const SHOWN: usize = 300;
    let Some(api) = error.api() else {
        return error.to_string();
    };
    let reason = api
        .message
        .split(", instead was")
        .next()
        .unwrap_or_default();
    let reason: String = reason.chars().take(SHOWN).collect();
    let mut text = format!("{} ({}): {reason}", api.code, api.status);
    if let Some(limit) = api.detail("block_limit").next() {
        text.push_str(&format!("; the workspace is at its limit ({limit})"));
    }
    text
}
