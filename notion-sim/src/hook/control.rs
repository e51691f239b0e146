//! The control routes below `/_sim/webhooks`.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::front::Simulation;
use crate::sim::SimError;

type Reply = Result<Value, SimError>;

/// Carries out a request; `rest` is what stands behind `/_sim/webhooks`. `None` where there is no such
/// route.
pub(crate) fn carry_out(
    simulation: &mut Simulation,
    method: &str,
    rest: &str,
    body: &Value,
) -> Option<Reply> {
    let now = simulation.world.now;
    let pushes = simulation.world.serves_itself;
    let hooks = &mut simulation.world.hooks;
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    Some(match (method, parts.as_slice()) {
        ("GET", []) => Ok(json!({"webhooks": hooks.subscriptions})),
        ("POST", []) => kinds(&body["event_types"]).and_then(|kinds| {
            let version = body["api_version"].as_str().unwrap_or("2026-03-11");
            let id = hooks.subscribe(now, body["url"].as_str(), &kinds, version)?;
            Ok(json!({"id": id}))
        }),
        ("POST", ["weather"]) => serde_json::from_value(body.clone())
            .map(|weather| {
                hooks.weather = weather;
                json!(hooks.weather)
            })
            .map_err(|error| ApiError::validation(error.to_string()).into()),
        ("POST", ["deliveries"]) => {
            let due = hooks.take_due(now, |has_url| !(has_url && pushes));
            Ok(json!({"deliveries": due}))
        }
        ("POST", ["deliveries", id, "ack"]) => Ok(json!({"acknowledged": hooks.acknowledge(id)})),
        ("POST", [id]) => change(simulation, id, body),
        ("DELETE", [id]) => hooks.unsubscribe(id).map(|()| json!({})),
        ("POST", [id, "verify"]) => {
            let token = body["verification_token"].as_str().unwrap_or_default();
            hooks
                .verify(id, token)
                .map(|()| json!({"status": "active"}))
        }
        ("POST", [id, "resend"]) => hooks.send_token(now, id).map(|()| json!({})),
        _ => return None,
    })
}

fn change(simulation: &mut Simulation, id: &str, body: &Value) -> Reply {
    let hooks = &mut simulation.world.hooks;
    if body.get("event_types").is_some() {
        hooks.set_kinds(id, &kinds(&body["event_types"])?)?;
    }
    if let Some(paused) = body["paused"].as_bool() {
        hooks.pause(id, paused)?;
    }
    let mut all = hooks.subscriptions.iter();
    Ok(json!(all.find(|subscription| subscription.id == id)))
}

fn kinds(given: &Value) -> Result<Vec<String>, SimError> {
    serde_json::from_value(given.clone())
        .map_err(|_| ApiError::validation("`event_types` should be a list of strings").into())
}
