//! From what happens to events: close changes of one object become one, and what cancels out none.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Hooks, SubscriptionStatus};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::property::Property;
use crate::model::row::Parent;

/// Something that happened and is not told yet.
#[derive(Debug)]
pub(super) struct Gathered {
    /// When it is told.
    due: Timestamp,
    /// When it happened last.
    last: Timestamp,
    kind: &'static str,
    entity: Uuid,
    authors: Vec<Uuid>,
    data: Map<String, Value>,
}

impl World {
    /// Notes something for who subscribed. `data` is what the event tells beside the parent. Costs
    /// nothing while nobody listens.
    pub(crate) fn happened(
        &mut self,
        kind: &'static str,
        entity: Uuid,
        author: Uuid,
        mut data: Value,
    ) {
        if !self.hooks.is_heard() {
            return;
        }
        if let Some(parent) = self.parent_told(kind, entity) {
            data["parent"] = parent;
        }
        let Value::Object(data) = data else { return };
        let wait = match is_gathered(kind) {
            true => SignedDuration::from_secs(self.knobs.webhook_window_seconds.into()),
            false => SignedDuration::ZERO,
        };
        let happened = Gathered {
            due: self.now.checked_add(wait).unwrap_or(self.now),
            last: self.now,
            kind,
            entity,
            authors: vec![author],
            data,
        };
        self.hooks.gather(happened);
    }

    /// Notes that something came into a page or data source, or went.
    pub(crate) fn content_changed(&mut self, parent: &Parent, id: Uuid, author: Uuid) {
        let kind = match self.databases.contains_key(&id) {
            true => "database",
            false => "page",
        };
        let data = json!({"updated_blocks": [{"id": id.to_string(), "type": kind}]});
        match parent {
            Parent::DataSource(source) => {
                self.happened("data_source.content_updated", *source, author, data);
            }
            Parent::Page(page) => self.happened("page.content_updated", *page, author, data),
            Parent::Other(_) | Parent::Workspace => {}
        }
    }

    /// Notes which columns of a data source are others than before.
    pub(crate) fn columns_changed(&mut self, id: Uuid, before: &[Property], author: Uuid) {
        let after = self.data_sources.get(&id).map(|source| &source.schema);
        let after = after.map_or(&[][..], Vec::as_slice);
        let mut told = Vec::new();
        for property in after {
            let old = before.iter().find(|old| old.id == property.id);
            let action = match old {
                None => "created",
                Some(old) if old.to_wire() != property.to_wire() => "updated",
                Some(_) => continue,
            };
            told.push(json!({"id": property.id, "name": property.name(), "action": action}));
        }
        for gone in before {
            if !after.iter().any(|property| property.id == gone.id) {
                told.push(json!({"id": gone.id, "name": null, "action": "deleted"}));
            }
        }
        if !told.is_empty() {
            let data = json!({"updated_properties": told});
            self.happened("data_source.schema_updated", id, author, data);
        }
    }

    /// `data.parent` of an event; uploads have none.
    fn parent_told(&self, kind: &str, entity: Uuid) -> Option<Value> {
        let of = |parent: &Parent| match parent {
            Parent::DataSource(source) => {
                let database = self.database_of(parent).unwrap_or(*source);
                json!({"id": database.to_string(), "type": "database", "data_source_id": source.to_string()})
            }
            Parent::Page(page) => json!({"id": page.to_string(), "type": "page"}),
            Parent::Workspace => json!({"id": self.workspace_told()["id"], "type": "space"}),
            Parent::Other(wire) => json!({"id": wire["block_id"], "type": "block"}),
        };
        let database = |id: Uuid| json!({"id": id.to_string(), "type": "database"});
        match object_of(kind) {
            "page" => self.pages.get(&entity).map(|page| of(&page.row().parent)),
            "database" => self.databases.get(&entity).map(|found| of(&found.parent)),
            "data_source" => {
                let source = self.data_sources.get(&entity);
                source.map(|source| database(source.database))
            }
            "view" => {
                let mut views = self.views.iter();
                let view = views.find(|view| view.id == entity);
                view.map(|view| database(view.database))
            }
            "comment" => {
                let mut comments = self.comments.iter();
                let about = comments.find(|comment| comment.id == entity)?.about;
                let kind = match self.pages.contains_key(&about) {
                    true => "page",
                    false => "block",
                };
                Some(json!({"id": about.to_string(), "type": kind}))
            }
            _ => None,
        }
    }

    /// Id and name of the workspace.
    fn workspace_told(&self) -> Value {
        let bot = self
            .users
            .get(&self.bot)
            .map_or(&Value::Null, |bot| &bot["bot"]);
        json!({"id": bot["workspace_id"], "name": bot["workspace_name"]})
    }

    /// Makes events of what was gathered long enough. What the connection cannot see now is not told.
    pub(crate) fn settle_hooks(&mut self) {
        let now = self.now;
        if !self
            .hooks
            .gathered
            .iter()
            .any(|gathered| gathered.due <= now)
        {
            return;
        }
        let all = std::mem::take(&mut self.hooks.gathered);
        let (mut due, kept): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|gathered| gathered.due <= now);
        self.hooks.gathered = kept;
        due.sort_by_key(|gathered| gathered.due);
        let workspace = self.workspace_told();
        for gathered in due {
            if !self.may_tell(&gathered) {
                continue;
            }
            let told: Vec<(String, String)> = self
                .hooks
                .subscriptions
                .iter()
                .filter(|subscription| subscription.status == SubscriptionStatus::Active)
                .filter(|to| to.event_types.iter().any(|kind| kind == gathered.kind))
                .map(|to| (to.id.clone(), to.api_version.clone()))
                .collect();
            for (subscription, version) in told {
                let mut event = self.event(&gathered, &workspace);
                event["id"] = json!(self.hooks.source.next_uuid().to_string());
                event["subscription_id"] = json!(subscription);
                event["api_version"] = json!(version);
                self.hooks.deliver(gathered.due, &subscription, event);
            }
        }
    }

    /// The event without what depends on who is told.
    fn event(&self, gathered: &Gathered, workspace: &Value) -> Value {
        let authors = gathered.authors.iter().map(|author| {
            let user = self.users.get(author);
            let kind = user.map_or(&Value::Null, |user| &user["type"]);
            json!({"id": author.to_string(), "type": kind})
        });
        json!({
            "timestamp": gathered.last.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "workspace_id": workspace["id"], "workspace_name": workspace["name"],
            "integration_id": self.bot.to_string(), "type": gathered.kind,
            "authors": authors.collect::<Vec<_>>(),
            "entity": {"id": gathered.entity.to_string(), "type": object_of(gathered.kind)},
            "data": gathered.data,
        })
    }

    fn may_tell(&self, gathered: &Gathered) -> bool {
        let id = gathered.entity;
        let above = || gathered.data["parent"]["id"].as_str().and_then(parse_id);
        match object_of(gathered.kind) {
            "page" => self.page(id).is_ok(),
            "database" => self.database(id).is_ok(),
            "data_source" => self.data_source(id).is_ok(),
            "view" => above().is_some_and(|id| self.database(id).is_ok()),
            "comment" => {
                let page = gathered.data.get("page_id").and_then(Value::as_str);
                page.and_then(parse_id)
                    .is_some_and(|page| self.page(page).is_ok())
            }
            _ => true,
        }
    }
}

impl Hooks {
    /// Whether anybody is told what happens.
    pub(crate) fn is_heard(&self) -> bool {
        let mut all = self.subscriptions.iter();
        all.any(|subscription| subscription.status == SubscriptionStatus::Active)
    }

    /// Joins something with what it belongs to, or with what it undoes.
    fn gather(&mut self, new: Gathered) {
        if is_gathered(new.kind) {
            let object = object_of(new.kind);
            let what = &new.kind[object.len() + 1..];
            let undone = match what {
                "deleted" => Some("undeleted"),
                "undeleted" => Some("deleted"),
                _ => None,
            };
            let same = |old: &Gathered| old.entity == new.entity && object_of(old.kind) == object;
            let is = |old: &Gathered, what: &str| old.kind.ends_with(&format!(".{what}"));
            if what == "deleted"
                && self
                    .gathered
                    .iter()
                    .any(|old| same(old) && is(old, "created"))
            {
                // It came and went: of all that there is nothing to tell.
                self.gathered.retain(|old| !same(old));
                return;
            }
            if let Some(undone) = undone
                && let Some(at) = self
                    .gathered
                    .iter()
                    .position(|old| same(old) && is(old, undone))
            {
                self.gathered.remove(at);
                return;
            }
            let mut all = self.gathered.iter_mut();
            let twin = all.find(|old| old.entity == new.entity && old.kind == new.kind);
            if let Some(old) = twin {
                old.last = new.last;
                for author in new.authors {
                    if !old.authors.contains(&author) {
                        old.authors.push(author);
                    }
                }
                for (key, value) in new.data {
                    match (old.data.get_mut(&key), value) {
                        (Some(Value::Array(had)), Value::Array(more)) => {
                            had.retain(|item| !more.contains(item));
                            had.extend(more);
                        }
                        (_, value) => {
                            old.data.insert(key, value);
                        }
                    }
                }
                return;
            }
        }
        self.gathered.push(new);
    }

    /// When there is something to tell next.
    pub(super) fn next_event(&self) -> Option<Timestamp> {
        self.gathered.iter().map(|gathered| gathered.due).min()
    }
}

/// `page` of `page.created`.
fn object_of(kind: &str) -> &str {
    kind.split_once('.').map_or(kind, |(object, _)| object)
}

/// Whether close events of a kind become one.
fn is_gathered(kind: &str) -> bool {
    matches!(object_of(kind), "page" | "database" | "data_source")
        && !matches!(kind, "page.locked" | "page.unlocked")
}
