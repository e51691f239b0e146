//! Sending a recording, exchange by exchange, to a simulator that starts where the recording did.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::compare::{Difference, Names, ids_in};
use super::explain::{self, Reason};
use super::read::{Line, Recorded};
use super::seeds::Seeds;
use super::{ReplayedAnswer, ReplayedExchange, Verdict};
use crate::clock::Clock;
use crate::front::{Inbound, Simulation};
use crate::limiter::Limiter;
use crate::load;
use crate::model::World;
use crate::version::Version;

const TOKEN: &str = "ntn_replay";

/// Sends all of them, in order.
pub(super) fn all(lines: Vec<Line>) -> Vec<ReplayedExchange> {
    let exchanges: Vec<&Recorded> = lines.iter().filter_map(Line::exchange).collect();
    let mut replay = Replay::new(&exchanges);
    lines.iter().map(|line| replay.line(line)).collect()
}

struct Replay {
    simulation: Simulation,
    names: Names,
    now: Timestamp,
    /// What operations that are not simulated would have made.
    missing: BTreeSet<Uuid>,
    /// What they would have changed.
    untouched: BTreeSet<Uuid>,
}

impl Replay {
    fn new(exchanges: &[&Recorded]) -> Self {
        let first = exchanges.iter().find_map(|exchange| time_of(exchange));
        let now = first.unwrap_or(Timestamp::UNIX_EPOCH);
        let seeds = Seeds::of(exchanges);
        let mut world = World::new(1, now);
        world.users.retain(|id, _| *id == world.bot);
        load::load_objects(&mut world, &seeds.objects, seeds.bot);
        let bot = world.bot;
        let unseen = json!({
            "object": "user", "id": bot.to_string(), "name": null, "avatar_url": null, "type": "bot", "bot": {},
        });
        let user = world.users.entry(bot).or_insert(unseen);
        if let Some(name) = &seeds.bot_name {
            user["name"] = json!(name);
        }
        world.knobs.search_shows_trashed_sources = exchanges.iter().any(|exchange| {
            exchange.path == "/v1/search" && explain::shows_trashed_source(&exchange.answer)
        });
        // What was recorded as done is done.
        world.knobs.async_task_seconds = 0;
        let mut names = Names::default();
        seeds.ids().chain([bot]).for_each(|id| names.same(id));
        Self {
            simulation: Simulation::new(world, Clock::Virtual(now), Limiter::default(), TOKEN, 1),
            names,
            now,
            missing: BTreeSet::new(),
            untouched: BTreeSet::new(),
        }
    }

    fn line(&mut self, line: &Line) -> ReplayedExchange {
        let recorded = match line {
            Line::Exchange(recorded) => recorded,
            Line::Odd(line) => {
                return ReplayedExchange {
                    line: *line,
                    method: String::new(),
                    path: String::new(),
                    verdict: Verdict::Explained(Reason::NotAnExchange),
                    answer: None,
                };
            }
        };
        let (verdict, answer) = self.exchange(recorded);
        if answer.is_none() || verdict == Verdict::Explained(Reason::BodyNotLoaded) {
            self.miss(&recorded.answer);
        }
        if answer.is_none() {
            let ids = ids_in(&recorded.path).map(|(_, id)| id);
            self.untouched.extend(ids);
        }
        ReplayedExchange {
            line: recorded.line,
            method: recorded.method.clone(),
            path: recorded.path.clone(),
            verdict,
            answer,
        }
    }

    fn exchange(&mut self, recorded: &Recorded) -> (Verdict, Option<ReplayedAnswer>) {
        if recorded.route().is_some_and(|route| !route.is_simulated()) {
            return (Verdict::Explained(Reason::NotSimulated), None);
        }
        if recorded.succeeded() && Version::parse(Some(&recorded.version)).is_err() {
            return (Verdict::Explained(Reason::OtherVersion), None);
        }
        if recorded.status == 429 || recorded.status >= 500 {
            return (Verdict::Explained(Reason::ServiceInTrouble), None);
        }
        if self.is_about_missing(recorded) {
            return (Verdict::Explained(Reason::FollowsNotSimulated), None);
        }
        if let Some(time) = time_of(recorded) {
            self.now = self.now.max(time);
            self.simulation.clock = Clock::Virtual(self.now);
        }
        let answer = self.send(recorded);
        let verdict = self.judge(recorded, &answer);
        (verdict, Some(answer))
    }

    fn send(&mut self, recorded: &Recorded) -> ReplayedAnswer {
        let body = match &recorded.request {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            body => self.names.translate(body).to_string(),
        };
        // A recording tells no headers; the parts of a body tell what parts them.
        let boundary = body.strip_prefix("--").and_then(|rest| rest.lines().next());
        let boundary = boundary.map(str::to_owned);
        let token = match recorded.status {
            401 => "ntn_refused",
            _ => TOKEN,
        };
        let path = recorded.path.split('/');
        let path: Vec<String> = path.map(|part| self.names.translate_text(part)).collect();
        let query = recorded.query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| match pair.split_once('=') {
            Some((key, value)) => format!("{key}={}", self.names.translate_text(value)),
            None => pair.to_owned(),
        });
        let out = self.simulation.respond(&Inbound {
            method: recorded.method.clone(),
            path: path.join("/"),
            query: query.collect::<Vec<_>>().join("&"),
            authorization: Some(format!("Bearer {token}")),
            notion_version: Some(recorded.version.clone()),
            content_type: boundary.map(|text| format!("multipart/form-data; boundary={text}")),
            body: body.into(),
        });
        ReplayedAnswer {
            status: out.status,
            body: serde_json::from_slice(&out.body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&out.body).into_owned())),
        }
    }

    /// Whether it is about something that was there before the recording and is the same on both sides.
    fn is_about_seeded(&self, recorded: &Recorded) -> bool {
        let mut ids = ids_in(&recorded.path).chain(ids_in(&recorded.query));
        ids.any(|(_, id)| self.names.is_same(id))
    }

    /// Whether all that differs is whether something has children that were to be made there.
    fn lacks_children(&self, recorded: &Recorded, differences: &[Difference]) -> bool {
        let mut ids = ids_in(&recorded.path);
        ids.any(|(_, id)| self.untouched.contains(&id))
            && differences
                .iter()
                .all(|difference| difference.path == "$.has_children")
    }

    fn judge(&mut self, recorded: &Recorded, answer: &ReplayedAnswer) -> Verdict {
        if recorded.status != answer.status {
            let told = json!([answer.status, answer.body["message"]]);
            return Verdict::Mismatch(Difference {
                path: "$status".into(),
                recorded: Some(json!(recorded.status)),
                simulated: Some(told),
            });
        }
        let translated = self.names.translate(&recorded.answer);
        let (mended, why) = explain::mended(&self.names, recorded, &translated, &answer.body);
        let simulated = mended.as_ref().unwrap_or(&answer.body);
        self.names.learn(&recorded.answer, simulated);
        let mut differences = self.names.compare(&recorded.answer, simulated);
        if differences.is_empty() {
            return match why {
                _ if recorded.status == 401 => Verdict::Explained(Reason::TokenOfRecording),
                Some(why) => Verdict::Explained(why),
                None => Verdict::Matched,
            };
        }
        if self.lacks_children(recorded, &differences) {
            return Verdict::Explained(Reason::FollowsNotSimulated);
        }
        if explain::lists_a_body(recorded) && self.is_about_seeded(recorded) {
            return Verdict::Explained(Reason::BodyNotLoaded);
        }
        match explain::reason(&self.names, &recorded.answer, simulated) {
            Some(reason) => Verdict::Explained(reason),
            None => Verdict::Mismatch(differences.swap_remove(0)),
        }
    }

    /// Whether it asks for something that was never made here.
    fn is_about_missing(&self, recorded: &Recorded) -> bool {
        let mut texts = vec![recorded.path.clone(), recorded.query.clone()];
        if !recorded.request.is_null() {
            texts.push(recorded.request.to_string());
        }
        let mut ids = texts.iter().flat_map(|text| ids_in(text));
        ids.any(|(_, id)| self.missing.contains(&id) && !self.names.knows(id))
    }

    fn miss(&mut self, answer: &Value) {
        match answer {
            Value::Object(fields) => {
                for key in ["id", "discussion_id"] {
                    // An id of a task has a word before it.
                    let ids = ids_in(answer[key].as_str().unwrap_or_default());
                    let unknown = ids.map(|(_, id)| id).filter(|id| !self.names.knows(*id));
                    self.missing.extend(unknown);
                }
                fields.values().for_each(|inner| self.miss(inner));
            }
            Value::Array(items) => items.iter().for_each(|item| self.miss(item)),
            _ => {}
        }
    }
}

impl Line {
    fn exchange(&self) -> Option<&Recorded> {
        match self {
            Self::Exchange(recorded) => Some(recorded),
            Self::Odd(_) => None,
        }
    }
}

/// The latest time that the answer tells of its objects: it was given then, or a little later.
fn time_of(recorded: &Recorded) -> Option<Timestamp> {
    let answer = &recorded.answer;
    let objects = answer["results"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([answer]);
    let fields = ["created_time", "last_edited_time"];
    objects
        .flat_map(|object| fields.map(|field| object[field].as_str()))
        .filter_map(|text| text?.parse().ok())
        .max()
}
