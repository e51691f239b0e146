//! When each event is delivered: attempts with growing gaps on the simulated clock, losses, repetitions,
//! and the signature.

use std::fmt::Write as _;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Hooks, Subscription};

/// Minutes between attempts: eight of them, the last a day after the first. Only the number and the day
/// are documented.
const GAPS: [i64; 7] = [1, 4, 25, 90, 240, 360, 720];

/// Something that is to be delivered.
#[derive(Debug)]
pub(super) struct Waiting {
    at: Timestamp,
    id: String,
    pub(super) subscription: String,
    /// From 1.
    attempt: u32,
    body: Value,
    /// A token has one attempt, and no number in it.
    is_event: bool,
}

/// One attempt to tell a subscription something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// To acknowledge it by. The event has an id of its own, the same at each attempt and in repetitions.
    pub id: String,
    /// Whom it is for.
    pub subscription_id: String,
    /// Where it goes, where there is an address.
    pub url: Option<String>,
    /// The header `X-Notion-Signature`: `sha256=` and the HMAC of the body under the verification token.
    pub signature: String,
    /// The JSON body: `{"verification_token"}` first, events then.
    pub body: String,
}

impl Hooks {
    /// Has an event delivered, as far as the weather lets it.
    pub(super) fn deliver(&mut self, at: Timestamp, subscription: &str, event: Value) {
        let weather = self.weather;
        if self.strikes(weather.lost_per_mille) {
            return;
        }
        let at = match self.strikes(weather.late_per_mille) {
            true => self.later(at),
            false => at,
        };
        if self.strikes(weather.twice_per_mille) {
            let again = self.later(at);
            self.wait(again, subscription, event.clone(), true);
        }
        self.wait(at, subscription, event, true);
    }

    /// Has something delivered that is not tried again.
    pub(super) fn deliver_once(&mut self, at: Timestamp, subscription: &str, body: Value) {
        self.wait(at, subscription, body, false);
    }

    fn wait(&mut self, at: Timestamp, subscription: &str, body: Value, is_event: bool) {
        let waiting = Waiting {
            at,
            id: self.source.next_uuid().to_string(),
            subscription: subscription.into(),
            attempt: 1,
            body,
            is_event,
        };
        self.waiting.push(waiting);
    }

    /// Up to a minute later.
    fn later(&mut self, at: Timestamp) -> Timestamp {
        let seconds = (self.source.next_word() % 60).cast_signed() + 1;
        at.checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(at)
    }

    /// Hands out what is due, in the order of its time: one attempt each. Until it is acknowledged, the
    /// next one follows. `posts` chooses between subscriptions with an address and those without.
    pub(crate) fn take_due(
        &mut self,
        now: Timestamp,
        wanted: impl Fn(bool) -> bool,
    ) -> Vec<Delivery> {
        self.waiting.sort_by_key(|waiting| waiting.at);
        let mut out = Vec::new();
        let mut kept = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            let mut all = self.subscriptions.iter();
            let Some(to) = all.find(|to| to.id == waiting.subscription) else {
                continue;
            };
            if waiting.at > now || !wanted(to.url.is_some()) {
                kept.push(waiting);
                continue;
            }
            let mut body = waiting.body.clone();
            if waiting.is_event {
                body["attempt_number"] = json!(waiting.attempt);
            }
            let body = body.to_string();
            out.push(Delivery {
                id: waiting.id.clone(),
                subscription_id: to.id.clone(),
                url: to.url.clone(),
                signature: sign(&to.token, body.as_bytes()),
                body,
            });
            let gap = GAPS.get(waiting.attempt as usize - 1);
            if let (Some(minutes), true) = (gap, waiting.is_event) {
                let gap = SignedDuration::from_mins(*minutes);
                waiting.at = now.checked_add(gap).unwrap_or(Timestamp::MAX);
                waiting.attempt += 1;
                kept.push(waiting);
            }
        }
        self.waiting = kept;
        out
    }

    /// Ends the attempts of a delivery. `false` where there are none to come.
    pub(crate) fn acknowledge(&mut self, id: &str) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.id != id);
        self.waiting.len() < before
    }

    /// When there is something to post next, or an event to make that may be posted.
    pub(crate) fn next_post(&self) -> Option<Timestamp> {
        let posted = |to: &&Subscription| to.url.is_some();
        let ids: Vec<&str> = self
            .subscriptions
            .iter()
            .filter(posted)
            .map(|to| to.id.as_str())
            .collect();
        let waiting = self.waiting.iter();
        let waiting = waiting.filter(|waiting| ids.contains(&waiting.subscription.as_str()));
        let waiting = waiting.map(|waiting| waiting.at).min();
        let event = self.next_event().filter(|_| !ids.is_empty());
        [waiting, event].into_iter().flatten().min()
    }
}

impl Delivery {
    /// The body as bytes.
    pub(super) fn bytes(&self) -> Bytes {
        Bytes::from(self.body.clone())
    }
}

/// `sha256=` and the HMAC-SHA256 of the body in lower-case hex.
fn sign(token: &str, body: &[u8]) -> String {
    let mut out = String::from("sha256=");
    // A key may have any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(token.as_bytes()) {
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(out, "{byte:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        let signed = sign("Jefe", b"what do ya want for nothing?");
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signed, expected);
    }
}
