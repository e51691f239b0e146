//! What is kept of a value can be said again in Notion's form, but for what is listed here.
//!
//! Not kept: the colour of an option, which is its property's; what somebody is called, looks like and is
//! reached at, which is no part of a value; the signature of a hosted file's address; where a text was
//! cut without another look; `plain_text` and `href`, which say again what a run says; `.000` seconds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use notion_sync_core::value::{FileSource, Run, RunKind, Style};
use serde_json::{Value as Json, json};

use super::*;

/// A value of Notion's without what is not kept.
fn thinned(kind: &str, value: &Json) -> Json {
    match (kind, value) {
        ("title" | "rich_text", Json::Array(runs)) => {
            let mut thin: Vec<Json> = Vec::new();
            for run in runs {
                let mut run = run.clone();
                let words = match run["type"].as_str() {
                    Some("text") => run["text"]["content"].clone(),
                    Some("equation") => run["equation"]["expression"].clone(),
                    _ => Json::Null,
                };
                if !words.is_null() {
                    let said = [run["plain_text"].take(), run["href"].take()];
                    assert_eq!(said, [words, run["text"]["link"]["url"].clone()], "{run}");
                    let object = run.as_object_mut().unwrap();
                    object.retain(|key, _| key != "plain_text" && key != "href");
                }
                match thin.last_mut() {
                    Some(last) if look(last) == look(&run) && look(&run).is_some() => {
                        let joined = format!("{}{}", words_of(last), words_of(&run));
                        last["text"]["content"] = joined.into();
                    }
                    _ => thin.push(run),
                }
            }
            thin.into()
        }
        ("select" | "status", Json::Object(option)) => {
            json!({ "id": option["id"], "name": option["name"] })
        }
        ("multi_select", Json::Array(options)) => options
            .iter()
            .map(|option| thinned("select", option))
            .collect(),
        ("date", Json::Object(date)) => json!({
            "start": moment_of(&date["start"]),
            "end": moment_of(date.get("end").unwrap_or(&Json::Null)),
        }),
        ("created_time" | "last_edited_time", moment) => moment_of(moment),
        ("people", Json::Array(people)) => people
            .iter()
            .map(|one| thinned("created_by", one))
            .collect(),
        ("created_by" | "last_edited_by", Json::Object(who)) => json!({ "id": who["id"] }),
        ("files", Json::Array(files)) => {
            let thin = files.iter().map(|file| match file["type"].as_str() {
                Some("file") => {
                    let address = file["file"]["url"].as_str().unwrap();
                    let address = address.split('?').next();
                    json!({ "name": file["name"], "type": "file", "file": { "url": address } })
                }
                _ => file.clone(),
            });
            thin.collect()
        }
        ("verification", Json::Object(about)) if about["state"] == "unverified" => Json::Null,
        ("verification", Json::Object(about)) => json!({
            "state": about["state"],
            "date": thinned("date", &about["date"]),
            "verified_by": thinned("created_by", &about["verified_by"]),
        }),
        ("formula" | "rollup", Json::Object(result)) => {
            let kind = result["type"].as_str().unwrap();
            thinned(kind, &result[kind])
        }
        ("button", _) => Json::Null,
        ("unique_id", Json::Object(id)) => match (&id["prefix"], &id["number"]) {
            (_, Json::Null) => Json::Null,
            (Json::String(prefix), number) => format!("{prefix}-{number}").into(),
            (_, number) => number.to_string().into(),
        },
        (_, Json::String(text)) if text.is_empty() => Json::Null,
        (_, other) => other.clone(),
    }
}

/// The words of a run, without which it is its look.
fn look(run: &Json) -> Option<Json> {
    let mut look = run.clone();
    (run["type"] == "text").then(|| look["text"]["content"].take())?;
    Some(look)
}

fn words_of(run: &Json) -> &str {
    run["text"]["content"].as_str().unwrap()
}

fn moment_of(moment: &Json) -> Json {
    match moment.as_str() {
        Some(text) => text.replace(".000", "").replace('Z', "+00:00").into(),
        None => Json::Null,
    }
}

/// A value in Notion's form, from what is kept alone.
fn said_again(kind: &str, value: &Value) -> Json {
    let option = |choice: &Choice| json!({ "id": choice.id, "name": choice.name });
    let who = |person: &Person| json!({ "id": person.id() });
    let date = |date: &DateValue| json!({ "start": date.start.to_string(), "end": date.end.map(|end| end.to_string()) });
    match value {
        Value::Empty
            if matches!(
                kind,
                "title" | "rich_text" | "multi_select" | "people" | "files" | "relation"
            ) =>
        {
            json!([])
        }
        Value::Empty => Json::Null,
        Value::Text(text) => text.as_str().into(),
        Value::RichText(text) => text.runs().iter().map(run).collect(),
        Value::Number(number) => serde_json::from_str(number.as_str()).unwrap(),
        Value::Bool(truth) => (*truth).into(),
        Value::Choice(choice) => option(choice),
        Value::Choices(choices) => choices.iter().map(option).collect(),
        Value::Date(moment) if kind.ends_with("_time") => moment.start.to_string().into(),
        Value::Date(moment) => date(moment),
        Value::References(all) => all
            .iter()
            .map(|one| json!({ "id": one.key().as_str() }))
            .collect(),
        Value::People(people) if kind == "people" => people.iter().map(who).collect(),
        Value::People(people) => who(&people[0]),
        Value::Files(files) => {
            let files = files.iter().map(|file| match &file.source {
                FileSource::External(url) => {
                    json!({ "name": file.name, "type": "external", "external": { "url": url } })
                }
                FileSource::Hosted(url) => {
                    json!({ "name": file.name, "type": "file", "file": { "url": url.as_str() } })
                }
                other => panic!("{other:?}"),
            });
            files.collect()
        }
        Value::Verification(about) => json!({
            "state": about.state.as_str(),
            "date": about.date.as_ref().map(date),
            "verified_by": about.by.as_ref().map(who),
        }),
        Value::Raw(raw) => serde_json::from_str(raw.as_str()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn run(run: &Run) -> Json {
    let Style {
        bold,
        italic,
        strikethrough,
        underline,
        code,
        color,
        link,
    } = &run.style;
    let mut said = match &run.kind {
        RunKind::Text => {
            let link = link.as_ref().map(|link| json!({ "url": link }));
            json!({ "type": "text", "text": { "content": run.text, "link": link } })
        }
        RunKind::Equation => json!({ "type": "equation", "equation": { "expression": run.text } }),
        RunKind::Mention(raw) => serde_json::from_str(raw.as_str()).unwrap(),
        other => panic!("{other:?}"),
    };
    said["annotations"] = json!({
        "bold": bold, "italic": italic, "strikethrough": strikethrough, "underline": underline,
        "code": code, "color": color.as_deref().unwrap_or("default"),
    });
    said
}

/// A value of each kind, and what of it recordings have little of.
fn made_up() -> Vec<(&'static str, Json)> {
    let plain = json!({ "bold": false, "italic": false, "strikethrough": false, "underline": false,
        "code": false, "color": "default" });
    let loud = json!({ "bold": true, "italic": true, "strikethrough": true, "underline": true,
        "code": true, "color": "red_background" });
    let run = |words: &str, link: Option<&str>, looks: &Json| {
        let target = link.map(|link| json!({ "url": link }));
        json!({ "type": "text", "text": { "content": words, "link": target }, "annotations": looks,
            "plain_text": words, "href": link })
    };
    let person = json!({ "object": "user", "id": "u1", "name": "Ada", "avatar_url": null,
        "type": "person", "person": { "email": "ada@x.org" } });
    let words = [
        run("plain ", None, &plain),
        run("and ", None, &plain),
        run("loud", None, &loud),
        run("a link", Some("https://x.org/?a=1"), &plain),
    ];
    let option = json!({ "id": "o1", "name": "High", "color": "red" });
    vec![
        ("title", json!(words)),
        ("number", json!(-0.5)),
        ("checkbox", json!(true)),
        ("select", option.clone()),
        ("status", option.clone()),
        ("multi_select", json!([option])),
        ("url", json!("https://x.org")),
        ("email", json!("a@x.org")),
        ("phone_number", json!("+49 1")),
        (
            "relation",
            json!([{ "id": "1b2c3d4e-0000-4000-8000-00000000a001" }]),
        ),
        ("created_time", json!("2026-06-15T14:30:00.000Z")),
        ("last_edited_time", json!("2026-06-15T14:30:00.000Z")),
        ("created_by", json!({ "object": "user", "id": "u1" })),
        ("last_edited_by", person.clone()),
        ("button", json!({})),
        (
            "rich_text",
            json!([
                words[0], words[1], words[2], words[3],
                { "type": "equation", "equation": { "expression": "e=mc^2" }, "annotations": plain,
                    "plain_text": "e=mc^2", "href": null },
                { "type": "mention", "mention": { "type": "user", "user": person }, "annotations": loud,
                    "plain_text": "@Ada", "href": null },
                { "type": "mention", "mention": { "type": "date", "date": { "start": "2026-06-15",
                    "end": null, "time_zone": "Asia/Tokyo" } }, "annotations": plain,
                    "plain_text": "2026-06-15", "href": null },
            ]),
        ),
        (
            "people",
            json!([person, { "object": "group", "id": "g1", "name": "All" }]),
        ),
        (
            "date",
            json!({ "start": "2026-06-15T14:30:00.000+09:00", "end": "2026-06-16T14:30:00.000+09:00", "time_zone": null }),
        ),
        (
            "files",
            json!([
                { "name": "a", "type": "external", "external": { "url": "https://x.org/a?b=1" } },
                { "name": "b", "type": "file", "file": { "url": "https://s3/b?X-Amz-Signature=s", "expiry_time": "2026-06-15T00:00:00.000Z" } },
            ]),
        ),
        (
            "place",
            json!({ "lat": 47.1, "lon": 15.4, "name": "Here", "address": null, "google_place_id": "x", "aws_place_id": null }),
        ),
        (
            "verification",
            json!({ "state": "verified", "verified_by": person,
            "date": { "start": "2026-06-15T00:00:00.000Z", "end": null, "time_zone": null } }),
        ),
        ("unique_id", json!({ "prefix": "TASK", "number": 42 })),
        ("formula", json!({ "type": "boolean", "boolean": true })),
        (
            "rollup",
            json!({ "type": "array", "function": "show_original", "array": [
            { "type": "rich_text", "rich_text": [run("loud", None, &loud)] },
            { "type": "people", "people": [person] },
        ] }),
        ),
        (
            "rollup",
            json!({ "type": "date", "function": "latest_date", "date": { "start": "2026-06-15", "end": null, "time_zone": null } }),
        ),
    ]
}

/// Values of every page in recorded answers, where there are any.
fn recorded() -> Vec<(String, Json)> {
    let folder = std::env::var_os("NOTION_RECORDINGS").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/recordings").into(),
        PathBuf::from,
    );
    let Ok(sets) = std::fs::read_dir(folder.join("exchanges")) else {
        eprintln!(
            "skipped: no recordings; set NOTION_RECORDINGS to a folder that holds `exchanges/`"
        );
        return Vec::new();
    };
    let mut values = Vec::new();
    for set in sets {
        for file in std::fs::read_dir(set.unwrap().path()).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines() {
                let exchange: Json = serde_json::from_str(line).unwrap();
                see(&exchange["response_body"], &mut values);
            }
        }
    }
    values
}

fn see(answer: &Json, values: &mut Vec<(String, Json)>) {
    match answer {
        Json::Array(items) => items.iter().for_each(|item| see(item, values)),
        Json::Object(object) => {
            let properties = object.get("properties").and_then(Json::as_object);
            if answer["object"] == "page" {
                for property in properties.into_iter().flat_map(|all| all.values()) {
                    let kind = property["type"].as_str().unwrap();
                    values.push((kind.to_owned(), property[kind].clone()));
                }
            }
            object.values().for_each(|inner| see(inner, values));
        }
        _ => {}
    }
}

#[test]
fn what_notion_said_can_be_said_again_from_what_is_kept() {
    let recorded = recorded();
    let made_up = made_up()
        .into_iter()
        .map(|(kind, value)| (kind.to_owned(), value));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (kind, value) in made_up.chain(recorded) {
        let cell = read(&kind, &value.to_string());
        // As it is written to stores.
        let kept: Cell = serde_json::from_str(&serde_json::to_string(&cell).unwrap()).unwrap();
        let kept = match kept {
            Cell::Complete(value) | Cell::Truncated(value) => value,
            // All of it is kept as it came.
            Cell::Unsupported(_) => continue,
            other => panic!("{kind} {value}: {other:?}"),
        };
        assert_eq!(
            said_again(&kind, &kept),
            thinned(&kind, &value),
            "{kind} {kept:?}"
        );
        *seen.entry(kind).or_default() += 1;
    }
    assert!(seen.len() >= 24, "every kind there is: {seen:?}");
}
