//! The control routes under `/_sim/`: the same powers an embedding program has, over HTTP and
//! without a token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::clock::{Clock, http_date};
use crate::endpoint::parse_query;
use crate::faults::FaultRule;
use crate::front::{Fate, Inbound, Outbound, Simulation};
use crate::generate;
use crate::hook;
use crate::limiter::Limiter;
use crate::shared::Shared;
use crate::sim::{SimError, edit_as_person, id_of};
use crate::sim::{files, people};
use crate::state;

type Reply = Result<Value, SimError>;

/// Whether a request is for these routes.
pub(crate) fn is_meant(request: &Inbound) -> bool {
    request.path.starts_with("/_sim/")
}

/// Whether a request asks for the state file to be written, which takes a while.
pub(crate) fn asks_to_save(request: &Inbound) -> bool {
    request.method == "POST" && request.path == "/_sim/save"
}

/// Answers a control request. Control requests are not in the ledger and meet no faults. Where one asks
/// to save, `saved` says what came of it: nothing where there is nowhere to save to.
pub(crate) fn respond(
    shared: &Shared,
    request: &Inbound,
    saved: Option<std::io::Result<bool>>,
) -> Outbound {
    let saved = saved.or_else(|| asks_to_save(request).then_some(Ok(false)));
    let mut simulation = shared.lock();
    let before = simulation.world.revision;
    let now = simulation.tick();
    let reply = match saved {
        Some(Ok(written)) => Ok(json!({"saved": shared.has_file(), "written": written})),
        Some(Err(error)) => Err(refusal(500, &error.to_string())),
        None => {
            let reply = carry_out(&mut simulation, request);
            if reply.is_ok() && request.method == "POST" {
                // Clock, tokens and settings are part of the state that is kept.
                simulation.world.revision += 1;
            }
            reply
        }
    };
    shared.ring(&simulation, before);
    let (status, body) = match reply {
        Ok(body) => (200, body),
        Err(error) => (
            error.status,
            json!({"object": "error", "status": error.status, "code": error.code, "message": error.message}),
        ),
    };
    Outbound {
        status,
        content_type: "application/json; charset=utf-8".into(),
        date: http_date(now),
        request_id: None,
        retry_after: None,
        cf_ray: None,
        body: body.to_string().into(),
        delay: Duration::ZERO,
        fate: Fate::Send,
    }
}

fn refusal(status: u16, message: &str) -> SimError {
    SimError {
        status,
        code: "control_error".into(),
        message: message.into(),
    }
}

fn carry_out(simulation: &mut Simulation, request: &Inbound) -> Reply {
    let body: Value = if request.body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(&request.body)
            .map_err(|error| refusal(400, &format!("the body is not JSON: {error}")))?
    };
    let what = request.path.trim_start_matches("/_sim/");
    match (request.method.as_str(), what) {
        ("GET", "state") => Ok(state::dump(simulation)),
        ("GET", "ledger") => ledger(simulation, &request.query),
        ("DELETE", "ledger") => {
            simulation.ledger.clear();
            Ok(json!({}))
        }
        ("GET", "clock") => Ok(clock(simulation)),
        ("POST", "clock") => set_clock(simulation, &body),
        ("POST", "faults") => add_faults(simulation, body),
        ("DELETE", "faults") => {
            simulation.faults.clear();
            Ok(json!({}))
        }
        ("POST", "edit") => {
            let edited = edit_as_person(simulation, &body)?;
            let what = match body.get("data_source_id") {
                Some(_) => "data_source_id",
                None => "page_id",
            };
            Ok(json!({what: edited}))
        }
        ("POST", "share") => {
            let id = id_of(body["id"].as_str().unwrap_or_default())?;
            let shared = body["shared"]
                .as_bool()
                .ok_or_else(|| refusal(400, "`shared` should be a boolean"))?;
            simulation.world.share(id, shared);
            Ok(json!({"id": id.to_string(), "shared": shared}))
        }
        ("POST", "outside") => {
            let text = |key: &str| body[key].as_str();
            let bytes = text("base64").map(|text| STANDARD.decode(text).map_err(drop));
            let (Some(url), Some(content_type), Some(Ok(bytes))) =
                (text("url"), text("content_type"), bytes)
            else {
                let needs = "`url` and `content_type` should be strings, `base64` the bytes";
                return Err(refusal(400, needs));
            };
            let length = bytes.len();
            files::host(&mut simulation.world, url, content_type, bytes.into());
            Ok(json!({"url": url, "content_length": length}))
        }
        ("POST", "emojis") => {
            let (Some(name), Some(url)) = (body["name"].as_str(), body["url"].as_str()) else {
                return Err(refusal(400, "`name` and `url` should be strings"));
            };
            let id = files::create_emoji(&mut simulation.world, name, url);
            Ok(json!({"id": id}))
        }
        ("POST", "templates") => {
            let source = body["data_source_id"].as_str().unwrap_or_default();
            let id = people::create_template(&mut simulation.world, source, &body)?;
            Ok(json!({"id": id}))
        }
        ("GET", "oauth") => {
            let client = &simulation.world.access.client;
            Ok(json!({"client_id": client.id, "client_secret": client.secret}))
        }
        ("POST", "oauth") => {
            let code = simulation.world.authorize(body["redirect_uri"].as_str());
            Ok(json!({"code": code}))
        }
        ("POST", "settings") => settings(simulation, &body),
        ("POST", "token") => {
            let (Some(token), Some(valid)) = (body["token"].as_str(), body["valid"].as_bool())
            else {
                return Err(refusal(
                    400,
                    "`token` should be a string, `valid` a boolean",
                ));
            };
            simulation.world.set_token(token, valid);
            Ok(json!({"valid": valid}))
        }
        ("POST", "generate") => {
            let title = body["data_source_title"].as_str().unwrap_or("Generated");
            let rows = body["rows"]
                .as_u64()
                .and_then(|rows| usize::try_from(rows).ok());
            let rows = rows.ok_or_else(|| refusal(400, "`rows` should be a number"))?;
            match body.get("properties").and_then(Value::as_str) {
                None | Some("mixed16") => {
                    let id = generate::mixed16(simulation, title, rows)?;
                    Ok(json!({"data_source_id": id, "rows": rows}))
                }
                Some(other) => Err(refusal(
                    400,
                    &format!("`{other}` is not a known kind of rows"),
                )),
            }
        }
        (method, what) => what
            .strip_prefix("webhooks")
            .and_then(|rest| hook::control::carry_out(simulation, method, rest, &body))
            .unwrap_or_else(|| Err(refusal(404, "there is no such control route"))),
    }
}

fn ledger(simulation: &Simulation, query: &str) -> Reply {
    let query = parse_query(query);
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, v)| v);
    let mutating = find("mutating").is_some_and(|value| value == "true");
    let since = find("since").and_then(|seq| seq.parse().ok()).unwrap_or(0);
    Ok(json!({"entries": simulation.ledger.entries(mutating, since)}))
}

fn clock(simulation: &Simulation) -> Value {
    let mode = match simulation.clock {
        Clock::Real => "real",
        Clock::Virtual(_) => "virtual",
    };
    json!({"now": simulation.world.now.to_string(), "mode": mode})
}

fn set_clock(simulation: &mut Simulation, body: &Value) -> Reply {
    if let Some(now) = body["now"].as_str() {
        let now = now
            .parse()
            .map_err(|_| refusal(400, "`now` should be an RFC 3339 time"))?;
        simulation.clock = Clock::Virtual(now);
    } else if let Some(seconds) = body["advance_seconds"].as_f64() {
        let by = Duration::try_from_secs_f64(seconds)
            .map_err(|_| refusal(400, "`advance_seconds` should be a positive number"))?;
        simulation.clock.advance(by);
    } else if body["mode"] == "real" {
        simulation.clock = Clock::Real;
    } else {
        return Err(refusal(400, "give `now`, `advance_seconds` or `mode`"));
    }
    simulation.tick();
    Ok(clock(simulation))
}

/// Changes `rate_limit` (a number or `"off"`), `limits`, `index_lag_seconds`, `result_cap`,
/// `max_file_upload_bytes` and `knobs`.
fn settings(simulation: &mut Simulation, body: &Value) -> Reply {
    let object = body
        .as_object()
        .ok_or_else(|| refusal(400, "an object is expected"))?;
    for (name, value) in object {
        let wrong = || {
            refusal(
                400,
                &format!("`{name}` is not a setting, or not of this type"),
            )
        };
        match (name.as_str(), value) {
            ("rate_limit", Value::String(off)) if off == "off" => {
                simulation.limiter.set_per_token(None);
            }
            ("rate_limit", value) => {
                let limit = value.as_u64().and_then(|limit| u32::try_from(limit).ok());
                simulation
                    .limiter
                    .set_per_token(Some(limit.ok_or_else(wrong)?));
            }
            ("limits", value) => {
                let limits = serde_json::from_value(value.clone()).map_err(|_| wrong())?;
                simulation.limiter = Limiter::new(limits);
            }
            ("index_lag_seconds", value) => {
                let lag = value.as_f64().ok_or_else(wrong)?;
                let lag = SignedDuration::try_from_secs_f64(lag).map_err(|_| wrong())?;
                simulation.set_index_lag(lag);
            }
            ("result_cap", value) => {
                let cap = value.as_u64().and_then(|cap| usize::try_from(cap).ok());
                simulation.world.result_cap = cap.ok_or_else(wrong)?.max(1);
            }
            ("max_file_upload_bytes", value) => {
                let bytes = value.as_u64().ok_or_else(wrong)?;
                files::set_upload_limit(&mut simulation.world, bytes);
            }
            ("knobs", value) => {
                let knobs = serde_json::from_value(value.clone()).map_err(|_| wrong())?;
                simulation.set_knobs(knobs);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(json!({
        "limits": simulation.limiter.limits(),
        "index_lag_seconds": simulation.world.index_lag.as_secs_f64(),
        "result_cap": simulation.world.result_cap,
        "max_file_upload_bytes": simulation.world.upload_limit(),
        "knobs": simulation.world.knobs,
    }))
}

fn add_faults(simulation: &mut Simulation, body: Value) -> Reply {
    let list = match body {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("rules") {
            Some(Value::Array(list)) => list,
            _ => vec![Value::Object(object)],
        },
        other => vec![other],
    };
    let rules: Vec<FaultRule> = serde_json::from_value(Value::Array(list))
        .map_err(|error| refusal(400, &format!("not a list of fault rules: {error}")))?;
    let count = rules.len();
    for rule in rules {
        simulation.inject(rule);
    }
    Ok(json!({"added": count}))
}
