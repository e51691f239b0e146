//! Webhooks: who is told, what is gathered into events, when each is delivered. Nothing here has a socket
//! but `post`.

pub(crate) mod control;
mod deliver;
mod event;
pub(crate) mod post;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::deliver::Delivery;
use self::deliver::Waiting;
use self::event::Gathered;
use crate::error::ApiError;
use crate::ids::IdSource;
use crate::sim::SimError;

/// Every kind of event there is something to tell of.
const KINDS: [&str; 27] = [
    "page.created",
    "page.deleted",
    "page.undeleted",
    "page.moved",
    "page.content_updated",
    "page.properties_updated",
    "page.locked",
    "page.unlocked",
    "database.created",
    "database.deleted",
    "database.undeleted",
    "database.moved",
    "data_source.created",
    "data_source.deleted",
    "data_source.undeleted",
    "data_source.moved",
    "data_source.content_updated",
    "data_source.schema_updated",
    "comment.created",
    "comment.updated",
    "comment.deleted",
    "view.created",
    "view.updated",
    "view.deleted",
    "file_upload.created",
    "file_upload.completed",
    "file_upload.upload_failed",
];

/// Whether a subscription is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SubscriptionStatus {
    /// Its token was sent and did not come back yet.
    PendingVerification,
    /// It is told what happens.
    Active,
    /// What happens meanwhile is never told.
    Paused,
}

/// Someone who wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Subscription {
    /// Its id, `subscription_id` of what it is told.
    pub id: String,
    /// Where deliveries go; without one they are collected.
    pub url: Option<String>,
    /// Kinds of events, such as `page.created`.
    pub event_types: Vec<String>,
    /// `2025-09-03` or `2026-03-11`; events are the same.
    pub api_version: String,
    /// Whether it is told anything.
    pub status: SubscriptionStatus,
    #[serde(skip)]
    token: String,
}

/// How unreliable deliveries are, in thousandths, drawn from the seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WebhookWeather {
    /// Events that are never delivered.
    pub lost_per_mille: u32,
    /// Events that are delivered once more, up to a minute later.
    pub twice_per_mille: u32,
    /// Events that come up to a minute late, so that others overtake them.
    pub late_per_mille: u32,
}

/// Subscriptions, and everything on its way to them. None of it is in a state file.
#[derive(Debug)]
pub(crate) struct Hooks {
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) weather: WebhookWeather,
    gathered: Vec<Gathered>,
    waiting: Vec<Waiting>,
    /// For ids, tokens and chance.
    source: IdSource,
}

impl Hooks {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            subscriptions: Vec::new(),
            weather: WebhookWeather::default(),
            gathered: Vec::new(),
            waiting: Vec::new(),
            source: IdSource::new(seed ^ 0x400c),
        }
    }

    /// Adds a subscription, and sends it its token. Gives its id.
    pub(crate) fn subscribe(
        &mut self,
        now: jiff::Timestamp,
        url: Option<&str>,
        event_types: &[String],
        api_version: &str,
    ) -> Result<String, SimError> {
        if let Some(url) = url {
            post::check(url).map_err(ApiError::validation)?;
        }
        check_kinds(event_types)?;
        if !["2025-09-03", "2026-03-11"].contains(&api_version) {
            let message = "`api_version` should be `2025-09-03` or `2026-03-11`";
            return Err(ApiError::validation(message).into());
        }
        let token = [self.source.next_word(), self.source.next_word()];
        let subscription = Subscription {
            id: self.source.next_uuid().to_string(),
            url: url.map(str::to_owned),
            event_types: event_types.to_vec(),
            api_version: api_version.into(),
            status: SubscriptionStatus::PendingVerification,
            token: format!("secret_{:016x}{:016x}", token[0], token[1]),
        };
        let id = subscription.id.clone();
        self.subscriptions.push(subscription);
        self.send_token(now, &id)?;
        Ok(id)
    }

    /// Sends a subscription its token, for the first time or again.
    pub(crate) fn send_token(&mut self, now: jiff::Timestamp, id: &str) -> Result<(), SimError> {
        let token = self.subscription(id)?.token.clone();
        self.deliver_once(now, id, json!({"verification_token": token}));
        Ok(())
    }

    /// Makes a subscription active for who shows its token.
    pub(crate) fn verify(&mut self, id: &str, token: &str) -> Result<(), SimError> {
        let subscription = self.subscription(id)?;
        if subscription.token != token {
            let message = "that is not the verification token of the subscription";
            return Err(ApiError::validation(message).into());
        }
        subscription.status = SubscriptionStatus::Active;
        Ok(())
    }

    /// Pauses a subscription, or goes on with one that was verified.
    pub(crate) fn pause(&mut self, id: &str, paused: bool) -> Result<(), SimError> {
        let subscription = self.subscription(id)?;
        if subscription.status == SubscriptionStatus::PendingVerification {
            let message = "the subscription is not verified yet: send back its token first";
            return Err(ApiError::validation(message).into());
        }
        subscription.status = match paused {
            true => SubscriptionStatus::Paused,
            false => SubscriptionStatus::Active,
        };
        Ok(())
    }

    /// Changes which events a subscription is told of.
    pub(crate) fn set_kinds(&mut self, id: &str, kinds: &[String]) -> Result<(), SimError> {
        check_kinds(kinds)?;
        self.subscription(id)?.event_types = kinds.to_vec();
        Ok(())
    }

    /// Ends a subscription, with what is on its way to it.
    pub(crate) fn unsubscribe(&mut self, id: &str) -> Result<(), SimError> {
        self.subscription(id)?;
        self.subscriptions
            .retain(|subscription| subscription.id != id);
        self.waiting.retain(|waiting| waiting.subscription != id);
        Ok(())
    }

    fn subscription(&mut self, id: &str) -> Result<&mut Subscription, SimError> {
        let mut all = self.subscriptions.iter_mut();
        let found = all.find(|subscription| subscription.id == id);
        found.ok_or_else(|| {
            ApiError::new(404, "object_not_found", "there is no such subscription").into()
        })
    }

    /// Whether this happens by the seed.
    fn strikes(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.source.next_word() % 1000 < u64::from(per_mille)
    }
}

fn check_kinds(kinds: &[String]) -> Result<(), SimError> {
    match kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        Some(kind) => {
            let message = format!("`{kind}` is not an event that is told here");
            Err(ApiError::validation(message).into())
        }
        None => Ok(()),
    }
}
