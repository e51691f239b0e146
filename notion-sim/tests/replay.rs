//! Recorded exchanges sent again: what came out how, and that no recording is too broken for a verdict.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/recordings.rs"]
mod recordings;

use std::process::Command;

use notion_sync_sim::replay::{self, Reason, Verdict};
use recordings::recordings;
use serde_json::{Value, json};

/// Answers that are as recorded today. Raise it when more are.
const MATCHED: usize = 504;

#[test]
fn recorded_exchanges_are_answered_as_they_were() {
    let Some(folder) = recordings() else { return };
    let replayed = replay::folder(folder).unwrap();
    println!("{replayed}");
    for file in &replayed.files {
        for exchange in &file.exchanges {
            if let Verdict::Mismatch(_) = exchange.verdict {
                println!("{}:{exchange}", file.name);
            }
        }
    }
    assert_eq!(replayed.counts().mismatched, 0);
    let matched = replayed.counts().matched;
    assert!(
        matched >= MATCHED,
        "{matched} answers are as recorded, {MATCHED} were"
    );
}

const PARENT: &str = "1b2c3d4e00004000800000000000a001";
const MADE: &str = "1b2c3d4e-0000-4000-8000-00000000a002";
const BOT: &str = "1b2c3d4e-0000-4000-8000-00000000b001";

/// A page is made, read, and its children are asked for.
fn small_recording(title_read: &str) -> String {
    let page = |title: &str| {
        let user = json!({"object": "user", "id": BOT});
        let time = "2026-07-04T09:08:00.000Z";
        json!({
            "object": "page", "id": MADE, "created_time": time, "last_edited_time": time,
            "created_by": user, "last_edited_by": user, "cover": null, "icon": null,
            "parent": {"type": "page_id", "page_id": "1b2c3d4e-0000-4000-8000-00000000a001"},
            "in_trash": false, "is_archived": false, "is_locked": false, "public_url": null,
            "properties": {"title": {"id": "title", "type": "title", "title": [{
                "type": "text", "text": {"content": title, "link": null}, "plain_text": title, "href": null,
                "annotations": {
                    "bold": false, "italic": false, "strikethrough": false, "underline": false,
                    "code": false, "color": "default",
                },
            }]}},
            "url": format!("https://app.notion.com/p/Hello-{}", MADE.replace('-', "")),
            "request_id": "244699b7-1725-445a-8075-73a55a26a099",
        })
    };
    let line = |method: &str, path: String, request: Value, answer: Value| {
        json!({
            "method": method, "path": path, "query": "", "notion_version": "2026-03-11",
            "request_body": request, "status": 200, "response_body": answer,
        })
        .to_string()
    };
    let create = json!({
        "parent": {"page_id": PARENT}, "properties": {"title": [{"text": {"content": "Hello"}}]},
    });
    [
        line("POST", "/v1/pages".into(), create, page("Hello")),
        line(
            "GET",
            format!("/v1/pages/{MADE}"),
            Value::Null,
            page(title_read),
        ),
        line(
            "POST",
            "/v1/blocks/meeting_notes/query".into(),
            Value::Null,
            json!({"results": []}),
        ),
        "[]".into(),
    ]
    .join("\n")
}

#[test]
fn a_made_page_is_found_again_under_the_id_it_has_here() {
    let replayed = replay::file("small", &small_recording("Hello"));
    let verdicts: Vec<_> = replayed
        .exchanges
        .iter()
        .map(|e| e.verdict.clone())
        .collect();
    let expected = [
        Verdict::Matched,
        Verdict::Matched,
        Verdict::Explained(Reason::NotSimulated),
        Verdict::Explained(Reason::NotAnExchange),
    ];
    assert_eq!(verdicts, expected);
    let answer = replayed.exchanges[1].answer.as_ref().unwrap();
    assert_ne!(answer.body["id"], MADE);
}

#[test]
fn another_answer_than_recorded_is_told_with_its_place() {
    let replayed = replay::file("small", &small_recording("Goodbye"));
    let Verdict::Mismatch(difference) = &replayed.exchanges[1].verdict else {
        panic!("{}", replayed.exchanges[1]);
    };
    assert_eq!(difference.path, "$.properties.title.title[0].plain_text");
    assert_eq!(difference.recorded, Some(json!("Goodbye")));
    assert_eq!(difference.simulated, Some(json!("Hello")));
}

#[test]
fn what_no_simulator_can_answer_alike_is_explained() {
    let recording = small_recording("Hello");
    for (changed, reason) in [
        (
            recording.replace("2026-03-11", "2022-06-28"),
            Reason::OtherVersion,
        ),
        (
            recording.replace("\"status\":200", "\"status\":503"),
            Reason::ServiceInTrouble,
        ),
        (
            recording.replace("/v1/pages\"", "/v1/blocks/meeting_notes\""),
            Reason::NotSimulated,
        ),
    ] {
        let replayed = replay::file("small", &changed);
        assert_eq!(replayed.exchanges[0].verdict, Verdict::Explained(reason));
        assert_eq!(replayed.counts().mismatched, 0, "{:?}", replayed.exchanges);
    }
}

/// A page, then the same with a later edit and a page in it that no request made.
#[test]
fn a_search_may_list_what_others_edited_in_between() {
    let sub_page = "1b2c3d4e-0000-4000-8000-00000000a003";
    let recorded = small_recording("Hello");
    let line: Value = serde_json::from_str(recorded.lines().next().unwrap()).unwrap();
    let page = |id: &str, made: &str, edited: &str| {
        let mut page = line["response_body"].clone();
        page.as_object_mut().unwrap().remove("request_id");
        page["id"] = json!(id);
        page["created_time"] = json!(made);
        page["last_edited_time"] = json!(edited);
        page["url"] = json!(format!(
            "https://www.notion.so/Hello-{}",
            id.replace('-', "")
        ));
        page
    };
    let search = |results: Vec<Value>| {
        json!({
            "method": "POST", "path": "/v1/search", "query": "", "notion_version": "2026-03-11",
            "request_body": {}, "status": 200, "response_body": {
                "object": "list", "results": results, "next_cursor": null, "has_more": false,
                "type": "page_or_data_source", "page_or_data_source": {},
                "request_id": line["response_body"]["request_id"],
            },
        })
    };
    let (before, at) = ("2026-07-04T09:08:00.000Z", "2026-07-04T09:09:00.000Z");
    let verdict = |made: &str, parent: &str| {
        let mut inner = page(sub_page, made, at);
        inner["parent"] = json!({"type": "page_id", "page_id": parent});
        let (first, then) = (page(MADE, before, before), page(MADE, before, at));
        let lines = [search(vec![first]), search(vec![then, inner])].map(|line| line.to_string());
        let mut replayed = replay::file("small", &lines.join("\n"));
        replayed.exchanges.remove(1).verdict
    };
    assert_eq!(
        verdict(at, MADE),
        Verdict::Explained(Reason::EditedElsewhere)
    );
    // Nothing tells of an edit where the other one was made before, or elsewhere.
    for unexplained in [verdict(before, MADE), verdict(at, BOT)] {
        assert!(
            matches!(unexplained, Verdict::Mismatch(_)),
            "{unexplained:?}"
        );
    }
}

#[test]
fn what_was_never_made_here_is_not_asked_for() {
    let notes = "1b2c3d4e-0000-4000-8000-00000000f001";
    let made = json!({
        "method": "POST", "path": "/v1/blocks/meeting_notes", "status": 200, "request_body": {},
        "response_body": {"object": "block", "id": notes},
    });
    let read = json!({
        "method": "GET", "path": format!("/v1/blocks/{notes}"), "status": 200,
        "response_body": {"object": "block", "id": notes},
    });
    let replayed = replay::file("small", &format!("{made}\n{read}"));
    let verdicts: Vec<_> = replayed
        .exchanges
        .iter()
        .map(|e| e.verdict.clone())
        .collect();
    let (first, second) = (Reason::NotSimulated, Reason::FollowsNotSimulated);
    assert_eq!(verdicts, [first, second].map(Verdict::Explained));
    assert!(
        replayed
            .exchanges
            .iter()
            .all(|exchange| exchange.answer.is_none())
    );
    assert_eq!(replayed.counts().not_simulated, 2);
}

#[test]
fn the_program_fails_where_an_answer_differs() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let run = |title: &str| {
        std::fs::write(inner.join("small.jsonl"), small_recording(title)).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_notion-sim"));
        let out = program
            .arg("replay")
            .arg(folder.path())
            .arg("--verbose")
            .output()
            .unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    };
    let (code, told) = run("Hello");
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("mismatch:"), "{told}");
    let (code, told) = run("Goodbye");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("small.jsonl:2 GET /v1/pages/"), "{told}");
    assert!(
        told.contains("recorded \"Goodbye\", simulated \"Hello\""),
        "{told}"
    );
}

/// The words of a splitmix64 sequence.
struct Words(u64);

impl Words {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

/// Puts something odd into the place of something, however deep.
fn spoil(words: &mut Words, value: &mut Value) {
    let deeper = words.below(8) > 0;
    match value {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let at = words.below(fields.len());
            fields
                .values_mut()
                .nth(at)
                .into_iter()
                .for_each(|inner| spoil(words, inner));
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = words.below(items.len());
            spoil(words, &mut items[at]);
        }
        _ => {
            let odd = [
                json!(null),
                json!(-7),
                json!(true),
                json!("é"),
                json!([]),
                json!({}),
                json!(["é"]),
                json!({"results": [{"id": 1}]}),
                json!({"id": MADE, "object": "page"}),
            ];
            *value = odd[words.below(odd.len())].clone();
        }
    }
}

/// Lines are lost, out of order, cut short, or hold something odd.
fn broken(words: &mut Words, text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=words.below(12) {
        if lines.is_empty() {
            break;
        }
        let (at, other) = (words.below(lines.len()), words.below(lines.len()));
        match words.below(5) {
            0 => {
                lines.remove(at);
            }
            1 => lines.swap(at, other),
            2 => {
                let mut end = words.below(lines[at].len());
                while !lines[at].is_char_boundary(end) {
                    end -= 1;
                }
                lines[at].truncate(end);
            }
            3 => {
                // Without its number it stays where it is.
                lines[at] = lines[at].replacen("\"seq\"", "\"was\"", 1);
                lines.swap(at, other);
            }
            _ => {
                let Ok(mut line) = serde_json::from_str::<Value>(&lines[at]) else {
                    continue;
                };
                spoil(words, &mut line);
                lines[at] = line.to_string();
            }
        }
    }
    lines.join("\n")
}

#[test]
fn broken_recordings_give_verdicts() {
    let mut known = vec![small_recording("Hello")];
    if let Some(folder) = recordings() {
        let mut paths = Vec::new();
        for one in std::fs::read_dir(folder).unwrap() {
            let files = std::fs::read_dir(one.unwrap().path()).unwrap();
            paths.extend(files.map(|file| file.unwrap().path()));
        }
        paths.sort();
        known.extend(
            paths
                .iter()
                .map(|path| std::fs::read_to_string(path).unwrap()),
        );
    }
    let mut odd = 0;
    for seed in 0..500 {
        let mut words = Words(seed);
        let text = broken(&mut words, &known[seed as usize % known.len()]);
        let replayed = replay::file("broken", &text);
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        assert_eq!(replayed.exchanges.len(), lines, "seed {seed}");
        let not_understood = Verdict::Explained(Reason::NotAnExchange);
        let odd_here = replayed
            .exchanges
            .iter()
            .filter(|e| e.verdict == not_understood);
        odd += odd_here.count();
    }
    assert!(odd > 100, "only {odd} lines were broken");
}
