//! Webhooks from an embedding program.

use super::{NotionSim, SimError};
use crate::hook::{Delivery, Subscription, WebhookWeather};

impl NotionSim {
    /// Subscribes to kinds of events, such as `page.created`; gives the subscription's id. Its first
    /// delivery brings the verification token: events follow once [`NotionSim::verify`] has it back.
    /// Deliveries go to `url`, an `http://` address on loopback, if there is one and the simulator
    /// listens; else [`NotionSim::deliveries`] has them.
    ///
    /// # Errors
    /// When `url` is not on loopback, or a kind is not known.
    pub fn subscribe(&self, url: Option<&str>, event_types: &[&str]) -> Result<String, SimError> {
        let kinds: Vec<String> = event_types.iter().map(|kind| (*kind).to_owned()).collect();
        self.with(|simulation| {
            let now = simulation.world.now;
            let hooks = &mut simulation.world.hooks;
            hooks.subscribe(now, url, &kinds, "2026-03-11")
        })
    }

    /// Shows a subscription's token, as a person does in Notion's settings: it is active then.
    ///
    /// # Errors
    /// When it is not the token, or there is no such subscription.
    pub fn verify(&self, subscription: &str, token: &str) -> Result<(), SimError> {
        self.with(|simulation| simulation.world.hooks.verify(subscription, token))
    }

    /// Pauses a subscription, or lets it go on. What happens meanwhile is never told.
    ///
    /// # Errors
    /// When it is not verified yet, or there is no such subscription.
    pub fn pause(&self, subscription: &str, paused: bool) -> Result<(), SimError> {
        self.with(|simulation| simulation.world.hooks.pause(subscription, paused))
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// When there is no such subscription.
    pub fn unsubscribe(&self, subscription: &str) -> Result<(), SimError> {
        self.with(|simulation| simulation.world.hooks.unsubscribe(subscription))
    }

    /// All subscriptions.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.with(|simulation| simulation.world.hooks.subscriptions.clone())
    }

    /// What is due and is not posted somewhere, in the order of its time. Each counts as an attempt:
    /// without [`NotionSim::acknowledge`] up to seven more follow, as the clock moves.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.with(|simulation| {
            let world = &mut simulation.world;
            let (now, pushes) = (world.now, world.serves_itself);
            let due = |has_url| !(has_url && pushes);
            world.hooks.take_due(now, due)
        })
    }

    /// Ends the attempts of a delivery, as an answer of status 200 would. `false` where none would follow.
    pub fn acknowledge(&self, delivery: &Delivery) -> bool {
        self.with(|simulation| simulation.world.hooks.acknowledge(&delivery.id))
    }

    /// Sets how unreliable deliveries of coming events are.
    pub fn set_webhook_weather(&self, weather: WebhookWeather) {
        self.with(|simulation| simulation.world.hooks.weather = weather);
    }
}
