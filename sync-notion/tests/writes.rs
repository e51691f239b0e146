//! Commands and what becomes of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use notion_sync_core::port::{
    Absence, Call, Cancel, CommandKind, CreateSafety, Lookup, Outcome, Peer, PeerErrorKind,
    RejectionKind, ScanFrom, Sent,
};
use notion_sync_core::record::{Key, Lifecycle};
use notion_sync_core::schema::{FieldType, SchemaChange};
use notion_sync_core::value::{Choice, RichText, Run, RunKind, Style, Value};
use notion_sync_notion::NotionOptions;
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;
use support::{World, builder, done, of, with, world};

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn rich(text: &str) -> Value {
    Value::rich_text(RichText::plain_text(text))
}

async fn option(world: &World, field: &str, name: &str) -> Choice {
    let id = world.field(field).await;
    let schema = world.peer.schema().unwrap();
    let options = schema.field(&id).unwrap().ty.options().unwrap().to_vec();
    options.into_iter().find(|one| one.name == name).unwrap()
}

fn status(status: u16, message: &str) -> Fault {
    Fault::Status {
        status,
        code: None,
        message: (!message.is_empty()).then(|| message.to_owned()),
        retry_after: None,
        reason: None,
    }
}

#[tokio::test]
async fn every_writable_type_reads_back_as_written_and_clears() {
    let world = world().await;
    let high = option(&world, "Pick", "High").await;
    let tags = vec![
        option(&world, "Tags", "Low").await,
        option(&world, "Tags", "High").await,
    ];
    let done_stage = option(&world, "Stage", "Done").await;
    let styled = Value::rich_text(RichText::new([
        Run::plain("plain "),
        Run {
            text: "bold".into(),
            style: Style {
                bold: true,
                color: Some("red".into()),
                ..Style::default()
            },
            kind: RunKind::Text,
        },
        Run {
            text: "link".into(),
            style: Style {
                link: Some("https://example.com/a".into()),
                ..Style::default()
            },
            kind: RunKind::Text,
        },
        Run {
            text: "e=mc^2".into(),
            style: Style::default(),
            kind: RunKind::Equation,
        },
    ]));
    let values = [
        ("Name", rich("A title")),
        ("Text", styled),
        ("Number", number("9007199254740993")),
        ("Done", Value::Bool(true)),
        ("Pick", Value::Choice(high)),
        ("Tags", Value::Choices(tags)),
        ("Stage", Value::Choice(done_stage)),
        (
            "Due",
            date("2026-06-15T14:30:00+09:00/2026-06-16T14:30:00+09:00"),
        ),
        ("Link", Value::text("https://example.com/q?page=2")),
        ("Mail", Value::text("a@example.com")),
        ("Phone", Value::text("+49 30 1")),
    ];
    let receipt = world.create(&values).await;
    let observed = receipt.observed.unwrap();
    let read = world.here(&receipt.key).await;
    assert_eq!(observed, read);
    for (name, value) in &values {
        let field = world.field(name).await;
        assert_eq!(read.cells.complete(&field), Some(value), "{name}");
    }
    for (name, value) in [
        ("Number", number("3")),
        ("Number", number("-0.25")),
        ("Due", date("2026-06-15")),
        ("Due", date("2026-06-15T14:30:00-03:30")),
    ] {
        done(world.patch(&receipt.key, &[(name, value.clone())]).await);
        let field = world.field(name).await;
        let read = world.here(&receipt.key).await;
        assert_eq!(read.cells.complete(&field), Some(&value));
    }
    for (name, _) in &values {
        done(world.patch(&receipt.key, &[(name, Value::Empty)]).await);
        let field = world.field(name).await;
        let read = world.here(&receipt.key).await;
        let cleared = if *name == "Done" {
            Value::Bool(false)
        } else {
            Value::Empty
        };
        assert_eq!(read.cells.complete(&field), Some(&cleared), "{name}");
    }
}

#[tokio::test]
async fn a_patch_sends_only_its_cells_by_property_id() {
    let world = world().await;
    let key = world.row("one");
    done(world.patch(&key, &[("Number", number("3"))]).await);
    let ledger = world.sim.ledger();
    let sent = ledger.iter().rfind(|entry| entry.mutating).unwrap();
    let field = world.field("Number").await;
    assert_eq!(sent.properties, [field.as_str()]);
    assert_eq!(
        world.sim.page(key.as_str()).unwrap()["properties"]["Number"]["number"],
        json!(3)
    );
}

#[tokio::test]
async fn long_and_formatted_texts_survive() {
    let world = world().await;
    let long = rich(&"\u{1f600}x".repeat(3_000));
    let mention_of = world.row("target");
    let key = world.create(&[("Text", long.clone())]).await.key;
    let field = world.field("Text").await;
    assert_eq!(world.here(&key).await.cells.complete(&field), Some(&long));
    let mention = json!({"Text": {"rich_text": [
        {"text": {"content": "see "}},
        {"mention": {"page": {"id": mention_of.as_str()}}},
    ]}});
    world.sim.edit_as_person(key.as_str(), &mention).unwrap();
    let read = world
        .here(&key)
        .await
        .cells
        .complete(&field)
        .unwrap()
        .clone();
    let Value::RichText(text) = &read else {
        panic!("rich text")
    };
    assert!(
        matches!(text.runs()[1].kind, RunKind::Mention(_)),
        "{text:?}"
    );
    let other = world.create(&[("Text", read.clone())]).await.key;
    assert_eq!(world.here(&other).await.cells.complete(&field), Some(&read));
}

#[tokio::test]
async fn markers_are_found_and_only_by_equality() {
    let world = world().await;
    let cancel = Cancel::default();
    let described = world.peer.describe(&Call::new(&cancel)).await.unwrap();
    assert_eq!(described.capabilities.create, CreateSafety::Marker);
    let marker = |text: &str| Value::text(format!("01J{text}"));
    let one = world
        .create(&[("Name", rich("a")), ("Sync id", marker("AAA"))])
        .await;
    world.create(&[("Sync id", marker("aaa"))]).await;
    let found = world
        .find("Sync id", &[marker("AAA"), marker("ZZZ"), Value::Empty])
        .await;
    let keys: Vec<Vec<_>> = found
        .iter()
        .map(|records| records.iter().map(|record| record.key.clone()).collect())
        .collect();
    assert_eq!(keys, [vec![one.key], vec![], vec![]]);
    let many: Vec<Value> = (0..100).map(|at| marker(&at.to_string())).collect();
    assert_eq!(world.find("Name", &many).await.len(), 100);
}

#[tokio::test]
async fn a_marker_field_must_be_a_text_property() {
    for (name, create) in [("Missing", None), ("Number", None), ("Sync id", Some(()))] {
        let world = with(builder(), NotionOptions::default().marker_field(name)).await;
        let cancel = Cancel::default();
        let described = world.peer.describe(&Call::new(&cancel)).await;
        match (described, create) {
            (Ok(_), Some(())) => {}
            (Err(error), None) => {
                assert_eq!(error.kind, PeerErrorKind::Local);
                assert!(error.message.contains(name) && error.message.contains("text property"));
            }
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn pain_29_a_lost_answer_is_ambiguous_and_the_marker_finds_it() {
    let world = world().await;
    let create = |text: &str| [("Sync id", Value::text(text.to_owned()))];
    world.field("Name").await;
    world
        .sim
        .inject(FaultRule::next(Fault::CommitThen503 { with_id: true }).method("POST"));
    let outcome = world
        .command(CommandKind::Create, None, &create("m1"))
        .await
        .unwrap();
    let found = world.find("Sync id", &[Value::text("m1")]).await;
    assert_eq!(
        outcome,
        Outcome::Ambiguous {
            key: Some(found[0][0].key.clone())
        }
    );
    for (fault, marker) in [
        (Fault::CommitThen503 { with_id: false }, "m2"),
        (Fault::DropAfterCommit, "m3"),
        (Fault::TruncateBody, "m4"),
    ] {
        world.sim.inject(FaultRule::next(fault).path("/pages"));
        let outcome = world
            .command(CommandKind::Create, None, &create(marker))
            .await
            .unwrap();
        assert_eq!(outcome, Outcome::Ambiguous { key: None }, "{marker}");
        assert_eq!(
            world.find("Sync id", &[Value::text(marker)]).await[0].len(),
            1
        );
    }
    let key = world.row("one");
    world
        .sim
        .inject(FaultRule::next(Fault::DropAfterCommit).path("/pages"));
    let outcome = world.patch(&key, &[("Done", Value::Bool(true))]).await;
    assert_eq!(outcome, Outcome::Ambiguous { key: Some(key) });
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    let world = world().await;
    let key = world.row("one");
    let edit = [("Done", Value::Bool(true))];
    let kind = |outcome: Outcome| match outcome {
        Outcome::Rejected(rejection) => (rejection.kind, rejection.message),
        other => panic!("not rejected: {other:?}"),
    };
    world.field("Done").await;
    for (fault, expected) in [
        (status(400, ""), RejectionKind::Invalid),
        (
            status(403, "Insufficient permissions for this endpoint."),
            RejectionKind::Denied,
        ),
        (status(404, ""), RejectionKind::NotFound),
        (status(409, ""), RejectionKind::Conflict),
    ] {
        world.sim.inject(fault);
        assert_eq!(kind(world.patch(&key, &edit).await).0, expected);
    }
    world.sim.inject(status(
        400,
        "body failed validation: body.x should be y, instead was `\"s3cret\"`.",
    ));
    assert!(!kind(world.patch(&key, &edit).await).1.contains("s3cret"));
    let gone = Key::durable("1b2c3d4e-0000-4000-8000-00000000ffff");
    let (refused, message) = kind(world.patch(&gone, &edit).await);
    assert_eq!(refused, RejectionKind::NotFound);
    assert!(message.contains("share"));
    let unknown = [("Pick", Value::Choice(Choice::named("Never seen")))];
    assert_eq!(
        kind(world.patch(&key, &unknown).await).0,
        RejectionKind::Invalid
    );
    let computed = [("No", Value::text("TASK-1"))];
    assert_eq!(
        kind(world.patch(&key, &computed).await).0,
        RejectionKind::Invalid
    );
    world.sim.trash_as_person(key.as_str(), true).unwrap();
    assert_eq!(
        kind(world.patch(&key, &edit).await).0,
        RejectionKind::Conflict
    );
    let options = world.sim.page(key.as_str()).unwrap()["properties"]["Done"]["checkbox"].clone();
    assert_eq!(options, json!(false));
}

#[tokio::test]
async fn what_certainly_did_not_arrive_is_an_error_and_not_ambiguous() {
    let world = world().await;
    world.field("Name").await;
    let cells = [("Name", rich("x"))];
    world.sim.inject(Fault::Status {
        status: 429,
        code: None,
        message: None,
        retry_after: Some(42),
        reason: None,
    });
    let error = world
        .command(CommandKind::Create, None, &cells)
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.sent), (PeerErrorKind::Busy, Sent::No));
    assert_eq!(error.retry_after.unwrap().as_secs(), 42);
    world.sim.inject(status(529, ""));
    let error = world
        .command(CommandKind::Create, None, &cells)
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.sent), (PeerErrorKind::Busy, Sent::No));
    world.sim.set_token(world.sim.token(), false);
    let error = world
        .command(CommandKind::Create, None, &cells)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sent),
        (PeerErrorKind::Unauthorized, Sent::No)
    );
    world.sim.set_token(world.sim.token(), true);
    assert_eq!(world.scan(ScanFrom::full()).await.records.len(), 0);
}

#[tokio::test]
async fn trash_and_back_with_an_edit_in_one_request() {
    let world = world().await;
    let key = world.row("one");
    world.field("Name").await;
    let trashed = done(
        world
            .command(CommandKind::Trash, Some(&key), &[])
            .await
            .unwrap(),
    );
    assert_eq!(trashed.observed.unwrap().lifecycle, Lifecycle::Trashed);
    assert_eq!(world.here(&key).await.lifecycle, Lifecycle::Trashed);
    let edit = [("Name", rich("back"))];
    let back = done(
        world
            .command(CommandKind::Untrash, Some(&key), &edit)
            .await
            .unwrap(),
    );
    let record = back.observed.unwrap();
    let name = world.field("Name").await;
    assert_eq!(record.lifecycle, Lifecycle::Live);
    assert_eq!(record.cells.complete(&name).unwrap().display(), "back");
}

#[tokio::test]
async fn fetch_tells_here_from_elsewhere_absent_and_denied() {
    let world = world().await;
    let key = world.row("one");
    assert!(matches!(world.fetch(&key).await, Lookup::Here(_)));
    let other = world
        .sim
        .create_data_source("Other", &json!({"Name": {"title": {}}}))
        .unwrap();
    let moved = Key::durable(world.sim.create_as_person(&other, &json!({})).unwrap());
    let Lookup::Elsewhere(place) = world.fetch(&moved).await else {
        panic!("elsewhere")
    };
    assert_eq!(place.as_str(), format!("notion:{other}"));
    world.sim.share(key.as_str(), false).unwrap();
    assert_eq!(world.fetch(&key).await, Lookup::Absent(Absence::Ambiguous));
    world.sim.inject(status(403, ""));
    assert_eq!(world.fetch(&key).await, Lookup::Denied);
}

#[tokio::test]
async fn schema_changes_keep_every_option() {
    let world = world().await;
    let pick = world.field("Pick").await;
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let version = world.peer.schema().unwrap().version();
    let changes = [
        SchemaChange::AddOptions {
            field: pick.clone(),
            names: vec!["Mid".into(), "High".into()],
        },
        SchemaChange::RenameField {
            field: pick.clone(),
            name: "Choice".into(),
        },
        SchemaChange::AddField {
            name: "Extra".into(),
            ty: FieldType::Number,
        },
        SchemaChange::AddOptions {
            field: pick.clone(),
            names: vec!["HIGH".into()],
        },
    ];
    let outcomes = world.peer.alter(&call, &version, &changes).await.unwrap();
    assert!(
        outcomes[..3]
            .iter()
            .all(|one| matches!(one, Outcome::Done(_))),
        "{outcomes:?}"
    );
    assert!(matches!(outcomes[3], Outcome::Rejected(_)));
    let schema = world.peer.schema().unwrap();
    let field = schema.field(&pick).unwrap();
    assert_eq!(field.name, "Choice");
    let names: Vec<&str> = field
        .ty
        .options()
        .unwrap()
        .iter()
        .map(|one| &*one.name)
        .collect();
    assert_eq!(names, ["High", "Low", "Mid"]);
    assert_eq!(schema.by_name("Extra").unwrap().ty, FieldType::Number);
    let stale = world
        .peer
        .alter(&call, &version, &changes[..1])
        .await
        .unwrap();
    assert_eq!(stale, [Outcome::Stale(None)]);
}

#[tokio::test]
async fn the_title_of_a_collection_is_set_as_it_is_read() {
    let world = world().await;
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let before = world.peer.describe(&call).await.unwrap().schema;
    let change = SchemaChange::SetTitle {
        title: "Called *otherwise*".into(),
    };
    let changes = std::slice::from_ref(&change);
    let (seen, peer) = (before.version(), &world.peer);
    let outcomes = peer.alter(&call, &seen, changes).await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::Done(_)]), "{outcomes:?}");
    let after = world.peer.schema().unwrap();
    assert_eq!(after.title, "Called *otherwise*");
    assert_eq!(after.fields, before.fields);
    let read = world.peer.describe(&call).await.unwrap();
    assert_eq!(read.schema, after);
    // Called so already; and nobody who saw the former schema may set it.
    let again = peer.alter(&call, &after.version(), changes).await.unwrap();
    assert!(matches!(again[..], [Outcome::Done(_)]), "{again:?}");
    let stale = peer.alter(&call, &seen, changes).await.unwrap();
    assert_eq!(stale, [Outcome::Stale(None)]);
}

#[tokio::test]
async fn texts_that_notion_cuts_are_read_whole() {
    let world = world().await;
    let target = world.row("target");
    let key = world.row("many");
    let mention = json!({"mention": {"page": {"id": target.as_str()}}});
    let many = json!({"Text": {"rich_text": vec![mention; 40]}});
    world.sim.edit_as_person(key.as_str(), &many).unwrap();
    let field = world.field("Text").await;
    let runs = |record: &notion_sync_core::record::Record| match record.cells.complete(&field) {
        Some(Value::RichText(text)) => text.runs().len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(runs(&world.here(&key).await), 40);
    let scanned = world.scan(ScanFrom::full()).await.records;
    let scanned = scanned.iter().find(|record| record.key == key).unwrap();
    assert_eq!(scanned, &world.here(&key).await);
    // What a PATCH answers is cut too; then the receipt shows nothing.
    let text = world
        .here(&key)
        .await
        .cells
        .complete(&field)
        .unwrap()
        .clone();
    let receipt = done(world.patch(&key, &[("Text", text)]).await);
    assert!(receipt.observed.is_none());
    assert_eq!(runs(&world.here(&key).await), 40);
}

/// Notion takes a title wherever the page is, and answers with it: that proves nothing of this place.
#[tokio::test]
async fn an_answer_from_a_page_that_moved_away_is_no_observation() {
    let world = world().await;
    let key = world.row("one");
    world.field("Name").await;
    let other = json!({"Name": {"title": {}}});
    let other = world.sim.create_data_source("Other", &other).unwrap();
    world.sim.move_as_person(key.as_str(), &other).unwrap();
    let edit = [("Name", rich("ours"))];
    let receipt = done(
        world
            .command(CommandKind::Patch, Some(&key), &edit)
            .await
            .unwrap(),
    );
    assert_eq!(receipt.observed, None);
    assert!(matches!(world.fetch(&key).await, Lookup::Elsewhere(_)));
}

#[tokio::test]
async fn a_property_that_is_called_like_the_id_of_another_is_not_taken_for_it() {
    let properties = json!({ "Name": { "title": {} }, "title": { "rich_text": {} } });
    let world = of(builder(), NotionOptions::default(), &properties).await;
    let (name, twin) = (world.field("Name").await, world.field("title").await);
    assert_eq!(name.as_str(), "title");
    let made = world
        .create(&[("Name", rich("one")), ("title", rich("a text"))])
        .await;
    let receipt = done(world.patch(&made.key, &[("Name", rich("two"))]).await);
    let record = receipt.observed.unwrap();
    assert_eq!(record.cells.complete(&name), Some(&rich("two")));
    assert_eq!(record.cells.complete(&twin), Some(&rich("a text")));
    let found = world.find("Name", &[rich("two"), rich("a text")]).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0]);

    let rename = |field, name: &str| SchemaChange::RenameField {
        field,
        name: name.to_owned(),
    };
    let cancel = Cancel::default();
    let alter = async |change: SchemaChange| {
        let schema = world
            .peer
            .describe(&Call::new(&cancel))
            .await
            .unwrap()
            .schema;
        let changes = [change];
        let outcomes = world
            .peer
            .alter(&Call::new(&cancel), &schema.version(), &changes)
            .await;
        outcomes.unwrap().remove(0)
    };
    done(alter(rename(name.clone(), "Heading")).await);
    assert_eq!(world.field("Heading").await, name);
    assert_eq!(world.field("title").await, twin);
    done(alter(rename(twin.clone(), "Text")).await);
    let add = SchemaChange::AddField {
        name: "title".into(),
        ty: FieldType::RichText,
    };
    let refused = alter(add).await;
    let Outcome::Rejected(rejection) = &refused else {
        panic!("{refused:?}");
    };
    assert!(
        rejection.message.contains("the id of another property"),
        "{rejection:?}"
    );
}
