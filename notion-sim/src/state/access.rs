//! What OAuth gave out, and async tasks, as parts of the document.

use serde_json::{Value, json};

use super::{StateError, items, text, time};
use crate::model::World;
use crate::model::oauth::{Code, Issued};
use crate::model::task::Task;

pub(super) fn dump(world: &World, document: &mut Value) {
    let access = &world.access;
    let codes = access.codes.iter().map(|(code, given)| {
        json!({"code": code, "at": given.at.to_string(), "redirect_uri": given.redirect_uri})
    });
    let issued = access.issued.iter().map(|(token, issued)| {
        json!({"token": token, "at": issued.at.to_string(), "refresh_token": issued.refresh_token})
    });
    document["oauth"] = json!({
        "client_id": access.client.id, "client_secret": access.client.secret,
        "codes": codes.collect::<Vec<_>>(), "issued": issued.collect::<Vec<_>>(),
    });
    let tasks = world.tasks.iter().map(|task| {
        json!({
            "id": task.id, "created": task.created.to_string(), "done": task.done.to_string(),
            "operation": task.operation, "outcome": task.outcome,
        })
    });
    document["tasks"] = tasks.collect();
}

/// Reads them from a document. One from before there were any has none.
pub(super) fn restore(world: &mut World, document: &Value) -> Result<(), StateError> {
    if let Some(oauth) = document.get("oauth") {
        world.access.client.id = text(oauth, "client_id");
        world.access.client.secret = text(oauth, "client_secret");
        for wire in items(oauth, "codes") {
            let code = Code {
                at: time(wire, "at")?,
                redirect_uri: wire["redirect_uri"].as_str().map(str::to_owned),
            };
            world.access.codes.insert(text(wire, "code"), code);
        }
        for wire in items(oauth, "issued") {
            let issued = Issued {
                at: time(wire, "at")?,
                refresh_token: text(wire, "refresh_token"),
            };
            world.access.issued.insert(text(wire, "token"), issued);
        }
    }
    for wire in items(document, "tasks") {
        world.tasks.push(Task {
            id: text(wire, "id"),
            created: time(wire, "created")?,
            done: time(wire, "done")?,
            operation: text(wire, "operation"),
            outcome: wire["outcome"].clone(),
        });
    }
    Ok(())
}
