//! Scans: nothing missed, nothing claimed that was not seen.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use notion_sync_core::port::{
    Call, Cancel, Coverage, FieldSet, Peer, PeerErrorKind, ScanFrom, Scope,
};
use notion_sync_core::record::{Cell, Lifecycle, RankRange, Record};
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;
use notion_sync_notion::NotionOptions;
use notion_sync_sim::{Fault, FaultRule};
use serde_json::json;
use support::{builder, peer, with, world};

fn title(text: &str) -> serde_json::Value {
    json!({"Name": {"title": [{"text": {"content": text}}]}})
}

fn fault(status: u16) -> Fault {
    Fault::Status {
        status,
        code: None,
        message: None,
        retry_after: None,
        reason: None,
    }
}

#[tokio::test]
async fn a_full_scan_is_complete_and_an_incremental_one_a_window() {
    let world = world().await;
    let keys: BTreeSet<_> = (0..250).map(|at| world.row(&format!("Row {at}"))).collect();
    let full = world.scan(ScanFrom::full()).await;
    assert_eq!(full.coverage, Coverage::Complete(Scope::All));
    assert_eq!(full.pages, 3);
    assert_eq!(
        full.records
            .iter()
            .map(|record| record.key.clone())
            .collect::<BTreeSet<_>>(),
        keys
    );
    let cursor = full.cursor.unwrap();
    assert_eq!(cursor.0, "2026-09-04T14:28:00Z");
    world.sim.advance(Duration::from_secs(600));
    let edited = keys.iter().next().unwrap();
    world
        .sim
        .edit_as_person(edited.as_str(), &title("edited"))
        .unwrap();
    let window = world.scan(ScanFrom::since(cursor)).await;
    assert_eq!(window.coverage, Coverage::Window);
    // The rows of the overlap come again; the edited one is among them.
    assert!(window.records.iter().any(|record| record.key == *edited));
    assert_eq!(window.cursor.clone().unwrap().0, "2026-09-04T14:38:00Z");
    world.sim.advance(Duration::from_secs(600));
    let quiet = world.scan(ScanFrom::since(window.cursor.unwrap())).await;
    assert_eq!(quiet.records.len(), 1);
}

#[tokio::test]
async fn pain_03_edits_inside_one_minute_are_never_missed() {
    // Whatever second the scan and the edit fall on, and however late the index shows the edit.
    for (scan_at, lag) in [(0, 0), (1, 30), (29, 60), (58, 59), (59, 60)] {
        let options = NotionOptions::default().index_lag(Duration::from_secs(60));
        let world = with(builder().index_lag(Duration::from_secs(lag)), options).await;
        let key = world.row("before");
        world.sim.advance(Duration::from_secs(19 + 120 + scan_at));
        for delay in [0, 1, 20, 59] {
            let text = format!("edit {scan_at} {lag} {delay}");
            // The edit comes first, and the scan may not see it yet.
            world
                .sim
                .edit_as_person(key.as_str(), &title(&text))
                .unwrap();
            let first = world.scan(ScanFrom::full()).await;
            world.sim.advance(Duration::from_secs(delay));
            let again = format!("{text} again");
            world
                .sim
                .edit_as_person(key.as_str(), &title(&again))
                .unwrap();
            world.sim.advance(Duration::from_secs(lag + 1));
            let window = world.scan(ScanFrom::since(first.cursor.unwrap())).await;
            let seen: Vec<_> = window
                .records
                .iter()
                .filter_map(|record| record.cells.complete(&FieldId::new("title")))
                .map(Value::display)
                .collect();
            assert_eq!(seen, [again]);
        }
    }
}

#[tokio::test]
async fn a_capped_query_goes_on_by_creation_time() {
    let world = with(builder().result_cap(50), NotionOptions::default()).await;
    let mut keys = BTreeSet::new();
    for at in 0..173 {
        keys.insert(world.row(&format!("Row {at}")));
        if at % 20 == 19 {
            world.sim.advance(Duration::from_secs(60));
        }
    }
    let full = world.scan(ScanFrom::full()).await;
    assert_eq!(full.coverage, Coverage::Complete(Scope::All));
    let seen: Vec<_> = full
        .records
        .iter()
        .map(|record| record.key.clone())
        .collect();
    assert_eq!(seen.len(), 173, "the boundary minute is let through once");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), keys);
    let start = world.scan(ScanFrom::since(full.cursor.unwrap())).await;
    assert_eq!(start.coverage, Coverage::Window);
}

#[tokio::test]
async fn a_minute_above_the_cap_proves_nothing() {
    let world = with(builder().result_cap(50), NotionOptions::default()).await;
    for at in 0..80 {
        world.row(&format!("Row {at}"));
    }
    let full = world.scan(ScanFrom::full()).await;
    assert!(
        matches!(full.coverage, Coverage::Partial(_)),
        "{:?}",
        full.coverage
    );
    assert_eq!(full.cursor, None);
}

#[tokio::test]
async fn pain_24_a_struggling_server_is_asked_for_less() {
    let world = world().await;
    for at in 0..120 {
        world.row(&format!("Row {at}"));
    }
    world
        .sim
        .inject(FaultRule::next(fault(504)).path("/query").times(2));
    let full = world.scan(ScanFrom::full()).await;
    assert_eq!(full.records.len(), 120);
    assert_eq!(full.coverage, Coverage::Complete(Scope::All));
    let sizes: Vec<_> = world
        .sim
        .ledger()
        .iter()
        .filter(|entry| entry.path.ends_with("/query"))
        .map(|entry| entry.body.as_ref().unwrap()["page_size"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes, [100, 50, 25, 50, 100]);
    world
        .sim
        .inject(FaultRule::next(fault(502)).path("/query").times(20));
    let error = world.try_scan(ScanFrom::full()).await.err().unwrap();
    assert_eq!(error.kind, PeerErrorKind::Unavailable);
}

#[tokio::test]
async fn pain_09_a_dead_cursor_restarts_once() {
    let world = world().await;
    for at in 0..150 {
        world.row(&format!("Row {at}"));
    }
    let dead = |skip| {
        let fault = Fault::Status {
            status: 400,
            code: Some("validation_error".into()),
            message: Some("The start_cursor provided is invalid: x".into()),
            retry_after: None,
            reason: None,
        };
        FaultRule::next(fault).path("/query").skip(skip)
    };
    world.sim.inject(dead(1));
    let full = world.scan(ScanFrom::full()).await;
    assert_eq!(full.coverage, Coverage::Complete(Scope::All));
    let keys: BTreeSet<_> = full.records.iter().map(|record| &record.key).collect();
    assert_eq!(keys.len(), 150);
    world.sim.inject(dead(1));
    world.sim.inject(dead(2));
    let full = world.scan(ScanFrom::full()).await;
    assert!(matches!(full.coverage, Coverage::Partial(_)));
    assert_eq!(full.cursor, None);
}

#[tokio::test]
async fn a_remembered_schema_saves_the_request_and_none_is_needed_to_read() {
    let world = world().await;
    let key = world.row("one");
    let blind = world.scan(ScanFrom::full()).await;
    assert_eq!(world.sim.ledger().len(), 1);
    let cancel = Cancel::default();
    let described = world.peer.describe(&Call::new(&cancel)).await.unwrap();
    let knowing = world.scan(ScanFrom::full()).await;
    assert_eq!(blind.records, knowing.records);
    let seeded = peer(&world.sim, &world.source, NotionOptions::default())
        .with_schema(described.schema.clone());
    assert_eq!(seeded.schema(), Some(described.schema));
    assert_eq!(knowing.records[0].key, key);
    assert_eq!(knowing.records[0].lifecycle, Lifecycle::Live);
}

#[tokio::test]
async fn a_stale_schema_shows_missing_and_retyped_properties_as_such() {
    let world = world().await;
    world.row("one");
    let number = world.field("Number").await;
    let mut schema = world.peer.schema().unwrap();
    for field in &mut schema.fields {
        if field.id == number {
            field.ty = notion_sync_core::schema::FieldType::Url;
        }
    }
    let mut gone = schema.fields[5].clone();
    gone.id = FieldId::new("gone");
    schema.fields.push(gone);
    let peer = peer(&world.sim, &world.source, NotionOptions::default()).with_schema(schema);
    let world = support::World { peer, ..world };
    let record = world.scan(ScanFrom::full()).await.records.remove(0);
    assert!(matches!(
        record.cells.cell(&number),
        Some(Cell::Unsupported(_))
    ));
    assert_eq!(
        record.cells.cell(&FieldId::new("gone")),
        Some(&Cell::Missing)
    );
}

#[tokio::test]
async fn fields_not_asked_for_are_unread() {
    let world = world().await;
    world.row("one");
    let name = world.field("Name").await;
    let cancel = Cancel::default();
    let only = FieldSet::Only(vec![name.clone()]);
    let page = world
        .peer
        .scan(&Call::new(&cancel), &ScanFrom::full(), &only, 100)
        .await
        .unwrap();
    let [notion_sync_core::port::Sighting::Seen(record)] = page.items.as_slice() else {
        panic!("one row");
    };
    assert_eq!(record.cells.complete(&name).unwrap().display(), "one");
    let due = world.field("Due").await;
    assert_eq!(record.cells.cell(&due), Some(&Cell::Unread));
}

#[tokio::test]
async fn what_stops_a_scan_says_what_to_do() {
    let world = world().await;
    world.sim.share(&world.source, false).unwrap();
    let error = world.try_scan(ScanFrom::full()).await.err().unwrap();
    assert_eq!(error.kind, PeerErrorKind::NotFound);
    assert!(error.to_string().contains("share"));
    world.sim.inject(fault(403));
    let error = world.try_scan(ScanFrom::full()).await.err().unwrap();
    assert_eq!(error.kind, PeerErrorKind::Forbidden);
    world.sim.inject(fault(529));
    let error = world.try_scan(ScanFrom::full()).await.err().unwrap();
    assert_eq!(error.kind, PeerErrorKind::Busy);
    world.sim.set_token(world.sim.token(), false);
    let error = world.try_scan(ScanFrom::full()).await.err().unwrap();
    assert_eq!(error.kind, PeerErrorKind::Unauthorized);
    assert!(error.is_fatal() && error.to_string().contains("TEST_TOKEN"));
    assert!(!format!("{error:?}").contains(world.sim.token()));
}

#[tokio::test]
async fn a_slice_is_past_the_cap_whole_and_in_order() {
    let world = with(builder().result_cap(50), NotionOptions::default()).await;
    for at in 0..173 {
        world.row(&format!("Row {at}"));
        if at % 20 == 19 {
            world.sim.advance(Duration::from_secs(60));
        }
    }
    let full = world.scan(ScanFrom::full()).await;
    let rank = |record: &Record| record.rank.clone().unwrap();
    assert!(full.records.iter().map(rank).is_sorted());
    let border = rank(&full.records[20]);
    let slice = |from, to| {
        let slice = RankRange { from, to };
        let scope = Scope::Slice(slice.clone());
        let since = None;
        (ScanFrom::Start { since, scope }, slice)
    };
    let mut keys = BTreeSet::new();
    for (from, to, rows) in [
        (Bound::Unbounded, Bound::Excluded(border.clone()), 20),
        (
            Bound::Included(border.clone()),
            Bound::Included(border.clone()),
            20,
        ),
        (Bound::Excluded(border), Bound::Unbounded, 133),
    ] {
        let (from, slice) = slice(from, to);
        let scan = world.scan(from).await;
        assert_eq!(scan.coverage, Coverage::Complete(Scope::Slice(slice)));
        assert_eq!(scan.records.len(), rows);
        keys.extend(scan.records.into_iter().map(|record| record.key));
    }
    assert_eq!(keys.len(), 173);
}

#[tokio::test]
async fn past_a_minute_above_the_cap_the_next_one_can_be_read() {
    let world = with(builder().result_cap(50), NotionOptions::default()).await;
    for at in 0..80 {
        world.row(&format!("Row {at}"));
    }
    world.sim.advance(Duration::from_secs(60));
    let late = world.row("late");
    let full = world.scan(ScanFrom::full()).await;
    assert!(matches!(full.coverage, Coverage::Partial(_)));
    let crowd = full.records[0].rank.clone().unwrap();
    let scope = Scope::Slice(RankRange::starting(Bound::Excluded(crowd)));
    let rest = world.scan(ScanFrom::Start { since: None, scope }).await;
    assert!(matches!(rest.coverage, Coverage::Complete(_)));
    assert_eq!(rest.records[0].key, late);
    assert_eq!(rest.records.len(), 1);
}
