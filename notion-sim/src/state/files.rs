//! File uploads, their bytes, custom emojis, templates and what is still to be done as parts of the
//! document.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{StateError, flag, id, items, missing, text, time};
use crate::ids::parse_id;
use crate::model::World;
use crate::model::due::Due;
use crate::model::emoji::CustomEmoji;
use crate::model::hosted::Signer;
use crate::model::template::{Application, Template};
use crate::model::upload::{Mode, Outside, Standing, Upload};

/// Adds them to a document.
pub(super) fn dump(world: &World, document: &mut Value) {
    document["uploads"] = world.uploads.iter().map(dump_upload).collect();
    let outside = world.outside.iter().map(|(url, outside)| {
        json!({
            "url": url, "content_type": outside.content_type, "bytes": STANDARD.encode(&outside.bytes),
        })
    });
    document["outside"] = outside.collect();
    document["emojis"] = world.emojis.iter().map(CustomEmoji::to_wire).collect();
    let waiting = world.waiting.iter().map(|(at, due)| {
        let mut wire = dump_due(due);
        wire["at"] = json!(at.to_string());
        wire
    });
    document["waiting"] = waiting.collect();
    let templates = world.templates.iter().map(|template| {
        json!({
            "page": template.page.to_string(), "data_source": template.data_source.to_string(),
            "is_default": template.is_default,
        })
    });
    document["templates"] = templates.collect();
    document["signer"] = world.signer.to_state();
}

/// Reads them from a document. One from before there were any has none.
pub(super) fn restore(world: &mut World, document: &Value) -> Result<(), StateError> {
    for wire in items(document, "uploads") {
        world.uploads.push(restore_upload(wire)?);
    }
    for wire in items(document, "outside") {
        let outside = Outside {
            content_type: text(wire, "content_type"),
            bytes: bytes(&wire["bytes"])?,
        };
        world.outside.insert(text(wire, "url"), outside);
    }
    for wire in items(document, "emojis") {
        world.emojis.push(CustomEmoji {
            id: id(wire, "id")?,
            name: text(wire, "name"),
            url: text(wire, "url"),
        });
    }
    for wire in items(document, "waiting") {
        world
            .waiting
            .push_back((time(wire, "at")?, restore_due(wire)?));
    }
    for wire in items(document, "templates") {
        world.templates.push(Template {
            page: id(wire, "page")?,
            data_source: id(wire, "data_source")?,
            is_default: flag(wire, "is_default"),
        });
    }
    if let Some(signer) = document.get("signer") {
        world.signer = Signer::from_state(signer).ok_or_else(|| missing("signer"))?;
    }
    Ok(())
}

fn dump_due(due: &Due) -> Value {
    match due {
        Due::Import(upload) => json!({"import": upload.to_string()}),
        Due::Template(application) => json!({
            "template": application.template.to_string(), "page": application.page.to_string(),
            "erases": application.erases, "named": application.named, "zone": application.zone,
        }),
    }
}

fn restore_due(wire: &Value) -> Result<Due, StateError> {
    if let Some(upload) = wire["import"].as_str().and_then(parse_id) {
        return Ok(Due::Import(upload));
    }
    let named = items(wire, "named").filter_map(|name| Some(name.as_str()?.to_owned()));
    Ok(Due::Template(Application {
        template: id(wire, "template")?,
        page: id(wire, "page")?,
        erases: flag(wire, "erases"),
        named: named.collect(),
        zone: text(wire, "zone"),
    }))
}

fn dump_upload(upload: &Upload) -> Value {
    let mode = match &upload.mode {
        Mode::Single => json!("single_part"),
        Mode::Parts(total) => json!(total),
        Mode::External(url) => json!({"url": url}),
    };
    let parts = upload.parts.iter();
    let parts: Map<String, Value> = parts
        .map(|(number, bytes)| (number.to_string(), json!(STANDARD.encode(bytes))))
        .collect();
    json!({
        "id": upload.id.to_string(), "author": upload.author.to_string(),
        "created": upload.created.to_string(), "edited": upload.edited.to_string(), "mode": mode,
        "status": upload.standing.as_str(), "filename": upload.filename,
        "content_type": upload.content_type, "content_length": upload.content_length, "parts": parts,
        "import": upload.import, "attached": upload.attached,
    })
}

fn restore_upload(wire: &Value) -> Result<Upload, StateError> {
    let wrong = |field| move || missing(field);
    let mode = match &wire["mode"] {
        Value::Object(external) => {
            let url = external.get("url").and_then(Value::as_str);
            Mode::External(url.ok_or_else(wrong("mode"))?.to_owned())
        }
        Value::Number(total) => {
            let total = total.as_u64().and_then(|total| u32::try_from(total).ok());
            Mode::Parts(total.ok_or_else(wrong("mode"))?)
        }
        _ => Mode::Single,
    };
    let author: Uuid = id(wire, "author")?;
    let mut upload = Upload::new(id(wire, "id")?, time(wire, "created")?, author, mode);
    upload.edited = time(wire, "edited")?;
    let standing = wire["status"].as_str().and_then(Standing::parse);
    upload.standing = standing.ok_or_else(wrong("status"))?;
    upload.filename = wire["filename"].as_str().map(str::to_owned);
    upload.content_type = wire["content_type"].as_str().map(str::to_owned);
    upload.content_length = wire["content_length"].as_u64();
    upload.import = wire
        .get("import")
        .filter(|import| !import.is_null())
        .cloned();
    upload.attached = flag(wire, "attached");
    for (number, part) in wire["parts"].as_object().into_iter().flatten() {
        let number = number.parse().map_err(|_| missing("parts"))?;
        upload.parts.insert(number, bytes(part)?);
    }
    Ok(upload)
}

fn bytes(wire: &Value) -> Result<Bytes, StateError> {
    let bytes = wire.as_str().and_then(|text| STANDARD.decode(text).ok());
    bytes.map(Bytes::from).ok_or_else(|| missing("bytes"))
}
