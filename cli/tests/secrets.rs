//! Tokens and signed addresses stay out of everything that is kept or said.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Said, TOKEN, World, bare, builder, said};
use notion_sync_sim::{Fault, FaultRule};
use serde_json::{Value, json};

const SOURCE: &str = "1b2c3d4e-0000-4000-8000-00000000d001";
const PAGE: &str = "1b2c3d4e-0000-4000-8000-00000000a001";
const SIGNED: &str = "X-Amz-Signature";

/// A workspace that holds a file with a signed address, as a recording shows it.
fn recording(folder: &std::path::Path) {
    let url = "https://prod-files-secure.s3.us-west-2.amazonaws.com/a/b/report.pdf";
    let signed = format!("{url}?X-Amz-Expires=3600&{SIGNED}=0123456789abcdef");
    let file = json!({
        "name": "report.pdf", "type": "file",
        "file": { "url": signed, "expiry_time": "2026-09-04T15:30:00.000Z" },
    });
    let page = json!({
        "object": "page", "id": PAGE, "url": "https://www.notion.so/a", "in_trash": false,
        "created_time": "2026-09-01T09:00:00.000Z", "last_edited_time": "2026-09-04T14:30:00.000Z",
        "parent": { "type": "data_source_id", "data_source_id": SOURCE },
        "properties": {
            "Name": { "id": "title", "type": "title", "title": [] },
            "Count": { "id": "c%3An", "type": "number", "number": 1 },
            "Paper": { "id": "f%3As", "type": "files", "files": [file] },
        },
    });
    let line = json!({
        "seq": 1, "method": "GET", "path": format!("/v1/pages/{PAGE}"), "status": 200,
        "response_body": page,
    });
    std::fs::write(folder.join("a.jsonl"), line.to_string()).unwrap();
}

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    for secret in [TOKEN, SIGNED, "X-Amz-"] {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} in {what}");
    }
}

#[track_caller]
fn clean_words(said: &Said) {
    clean("stdout", said.out.as_bytes());
    clean("stderr", said.err.as_bytes());
}

#[track_caller]
fn clean_files(folder: &std::path::Path) {
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        clean(&path.display().to_string(), &std::fs::read(&path).unwrap());
        files += 1;
    }
    assert!(files > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e11_no_token_and_no_signed_address_in_files_or_words() {
    let tape = tempfile::tempdir().unwrap();
    recording(tape.path());
    let sim = builder().load(tape.path()).start().await.unwrap();
    let page: Value = sim.page(PAGE).unwrap();
    assert!(
        page.to_string().contains(SIGNED),
        "Notion does show it: {page}"
    );
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = bare(folder.path());
        command
            .env("NOTION_TOKEN", TOKEN)
            .args(["--db", "a.sqlite"]);
        command.args(["--base-url", sim.base_url(), "--rate-limit", "off"]);
        let said = said(command.args(["--data-source", SOURCE]).args(words));
        clean_words(&said);
        said
    };
    run(&["plan"]).code(0);
    run(&["plan", "--json"]).code(0);
    run(&["run"]).code(0);
    let file = rusqlite::Connection::open(folder.path().join("a.sqlite")).unwrap();
    let tables = "SELECT \"table\" FROM sync_status";
    let table: String = file.query_row(tables, [], |row| row.get(0)).unwrap();
    let paper = format!("SELECT Paper FROM \"{table}\"");
    let paper: String = file.query_row(&paper, [], |row| row.get(0)).unwrap();
    assert!(
        paper.contains("report.pdf"),
        "the file itself is shown: {paper}"
    );
    file.execute(&format!("UPDATE \"{table}\" SET Count = 2"), [])
        .unwrap();
    run(&["run", "--json"]).code(0);
    sim.edit_as_person(PAGE, &json!({ "Count": { "number": 3 } }))
        .unwrap();
    file.execute(&format!("UPDATE \"{table}\" SET Count = 4"), [])
        .unwrap();
    run(&["plan", "--json", "--save", "plan.json"]).code(0);
    for format in ["text", "markdown", "html"] {
        run(&["plan", "--format", format]).code(0);
        run(&["plan", "--format", format, "--out", format]).code(0);
    }
    let mut apply = bare(folder.path());
    apply
        .env("NOTION_TOKEN", TOKEN)
        .args(["--db", "a.sqlite", "apply", "plan.json"]);
    apply.args(["--base-url", sim.base_url(), "--rate-limit", "off"]);
    clean_words(&said(&mut apply).code(3));
    run(&["run", "--json"]).code(3);
    run(&["conflicts", "--json"]).code(3);
    run(&["status", "--json"]).code(3);
    run(&["run", "--plan-out", "run.json", "--plan-html", "run.html"]).code(3);
    clean_files(folder.path());
    drop(file);
    clean_files(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn e11_what_is_told_of_a_file_tells_no_secret() {
    let tape = tempfile::tempdir().unwrap();
    recording(tape.path());
    let sim = builder().load(tape.path()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = bare(folder.path());
        command
            .env("NOTION_TOKEN", TOKEN)
            .args(["--db", "a.sqlite"]);
        command.args(["--base-url", sim.base_url(), "--rate-limit", "off"]);
        let said = said(command.args(["--data-source", SOURCE]).args(words));
        clean_words(&said);
        said
    };
    run(&["run"]).code(0);
    run(&["explain", PAGE]).code(0).says("Paper: ");
    run(&["explain", "1", "--json"]).code(0).says("report.pdf");
    run(&["doctor"]).code(0);
    run(&["doctor", "--json"]).code(0);
    for format in ["ndjson", "json", "csv"] {
        let rows = ["export", "--format", format];
        run(&rows).code(0).says("report.pdf");
        run(&[&rows[..], &["--out", format]].concat()).code(0);
    }
    let file = rusqlite::Connection::open(folder.path().join("a.sqlite")).unwrap();
    file.execute("UPDATE records SET _trashed = 1", []).unwrap();
    run(&["restore", PAGE, "--json"]).code(0);
    sim.set_token(TOKEN, false);
    for command in ["doctor", "watch"] {
        run(&[command]).code(4);
        run(&[command, "--json"]).code(4);
    }
    clean_files(folder.path());
    sim.set_token(TOKEN, true);
    let words = ["doctor", "explain 1", "restore 1"];
    let echoed = format!("Authorization `Bearer {TOKEN}` is bad, instead was `{SIGNED}`");
    for words in words {
        let refusal = Fault::Status {
            status: 400,
            code: None,
            message: Some(echoed.clone()),
            retry_after: None,
            reason: None,
        };
        sim.inject(FaultRule::next(refusal).times(9));
        let words: Vec<&str> = words.split(' ').collect();
        run(&words);
        sim.clear_faults();
    }
    run(&["forget", "--yes", "--json"]).code(0);
    clean_files(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn e11_failures_tell_no_secret_either() {
    let world = World::pulled(&["one"]).await;
    let failing = |fault: Fault| {
        world.sql("UPDATE Tasks SET Count = coalesce(Count, 0) + 1");
        world.sim.inject(FaultRule::next(fault).method("PATCH"));
        clean_words(&world.run());
        clean_words(&world.say(&["status", "--json"]));
        world.sim.clear_faults();
    };
    failing(Fault::DropAfterCommit);
    failing(Fault::DropBefore);
    failing(Fault::TruncateBody);
    failing(Fault::HtmlEdge { status: 502 });
    // Notion's messages repeat what was sent, and a proxy may echo the token: on writes and reads.
    let quoting = |message: String| Fault::Status {
        status: 400,
        code: None,
        message: Some(message),
        retry_after: None,
        reason: None,
    };
    let quoted = format!("Count should be a number, instead was `{SIGNED}=abc`.");
    let echoed = format!("Authorization `Bearer {TOKEN}` is bad");
    failing(quoting(quoted.clone()));
    for message in [quoted, echoed] {
        world
            .sim
            .inject(FaultRule::next(quoting(message)).path("query"));
        clean_words(&world.run().code(1));
        world.sim.clear_faults();
    }
    world.sim.set_token(TOKEN, false);
    clean_words(&world.run().code(4));
    clean_words(&world.say(&["run", "--json"]).code(4));
    clean_files(world.folder.path());
}
