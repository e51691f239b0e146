//! Answers no simulator gives: odd rows, circles, broken successes, no connection.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::Mutex;

use notion_sync_client::bytes::Bytes;
use notion_sync_client::http::{HeaderMap, StatusCode};
use notion_sync_client::{
    Client, HttpRequest, HttpResponse, RateLimit, RetryPolicy, Token, Transport, TransportError,
    TransportErrorKind,
};
use notion_sync_core::port::{
    Atomicity, Batch, Call, Cancel, Command, CommandKind, Coverage, FieldSet, Next, Outcome, Peer,
    PeerErrorKind, ScanFrom, Sent, Sighting,
};
use notion_sync_core::record::{Cell, Key, Lifecycle};
use notion_sync_core::schema::FieldId;
use notion_sync_notion::{NotionOptions, NotionPeer};

const SOURCE: &str = "1b2c3d4e-0000-4000-8000-00000000a001";

/// Answers in turn; without one left there is no connection.
struct Script(Mutex<VecDeque<String>>);

#[async_trait::async_trait]
impl Transport for Script {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        match self.0.lock().unwrap().pop_front() {
            Some(body) => Ok(HttpResponse {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: Bytes::from(body),
            }),
            None => Err(TransportError::new(TransportErrorKind::Connect)),
        }
    }
}

fn peer(answers: &[String]) -> NotionPeer {
    let client = Client::builder(Token::new("ntn_test").unwrap())
        .transport(Script(Mutex::new(answers.iter().cloned().collect())))
        .rate_limit(RateLimit::Off)
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    NotionPeer::new(client, SOURCE.parse().unwrap(), NotionOptions::default())
}

fn page(number: u32, extra: &str) -> String {
    format!(
        r#"{{"object":"page","id":"1b2c3d4e-0000-4000-8000-00000000b{number:03}","created_time":"2026-09-01T09:00:00.000Z","last_edited_time":"2026-09-01T09:00:00.000Z","parent":{{"type":"data_source_id","data_source_id":"{SOURCE}"}},"url":"https://www.notion.so/x","properties":{{"Name":{{"id":"title","type":"title","title":[]}},"N":{{"id":"n","type":"number","number":{number}}}}}{extra}}}"#
    )
}

fn list(rows: &[String], next: Option<&str>) -> String {
    let next = next.map_or("null".to_owned(), |next| format!("\"{next}\""));
    format!(
        r#"{{"object":"list","results":[{}],"next_cursor":{next}}}"#,
        rows.join(",")
    )
}

#[tokio::test]
async fn every_row_costs_at_most_itself() {
    let rows = [
        page(1, ""),
        r#"{"object":"page","id":"1b2c3d4e-0000-4000-8000-00000000b002"}"#.to_owned(),
        r#"{"object":"page","id":"1b2c3d4e-0000-4000-8000-00000000b003","url":"x"}"#.to_owned(),
        r#"{"object":"hologram"}"#.to_owned(),
        "7".to_owned(),
        format!(r#"{{"object":"data_source","id":"{SOURCE}","title":[],"properties":{{}}}}"#),
        page(4, r#","in_trash":true"#),
        page(5, r#","is_archived":true"#),
        page(6, "").replace(r#""number":6"#, r#""number":"six""#),
        page(7, "").replace(r#"{"id":"n","type":"number","number":7}"#, "[]"),
    ];
    let peer = peer(&[list(&rows, None)]);
    let cancel = Cancel::default();
    let scan = peer
        .scan(&Call::new(&cancel), &ScanFrom::full(), &FieldSet::All, 100)
        .await
        .unwrap();
    let (mut seen, mut bad) = (Vec::new(), Vec::new());
    for item in scan.items {
        match item {
            Sighting::Seen(record) => seen.push(record),
            Sighting::Bad(item) => bad.push(item.key.map(|key| key.to_string())),
            Sighting::Tombstone(..) => panic!("Notion has no tombstones"),
        }
    }
    let id = |number| Some(format!("1b2c3d4e-0000-4000-8000-00000000b{number:03}"));
    assert_eq!(bad, [id(2), id(3), None, None]);
    let lifecycles: Vec<_> = seen.iter().map(|record| record.lifecycle).collect();
    use Lifecycle::{Archived, Live, Trashed};
    assert_eq!(lifecycles, [Live, Trashed, Archived, Live, Live]);
    let number = FieldId::new("n");
    for odd in &seen[3..] {
        assert!(
            matches!(odd.cells.cell(&number), Some(Cell::Unsupported(_))),
            "{odd:?}"
        );
    }
    // Without a server's clock the next scan must not skip anything.
    let Next::End { coverage, cursor } = scan.next else {
        panic!("the end")
    };
    assert!(matches!(coverage, Coverage::Complete(_)));
    assert_eq!(cursor, None);
}

#[tokio::test]
async fn pain_09_a_walk_in_circles_ends_and_proves_nothing() {
    let answers: Vec<String> = (0..20)
        .map(|at| list(&[page(at, "")], Some("same")))
        .collect();
    let peer = peer(&answers);
    let cancel = Cancel::default();
    let mut from = ScanFrom::full();
    for _ in 0..10 {
        let scan = peer
            .scan(&Call::new(&cancel), &from, &FieldSet::All, 100)
            .await
            .unwrap();
        match scan.next {
            Next::More(token) => from = ScanFrom::Next(token),
            Next::End { coverage, cursor } => {
                assert!(matches!(coverage, Coverage::Partial(_)));
                assert_eq!(cursor, None);
                return;
            }
        }
    }
    panic!("the walk goes on");
}

fn schema() -> String {
    format!(
        r#"{{"object":"data_source","id":"{SOURCE}","title":[],"properties":{{"Name":{{"id":"title","name":"Name","type":"title","title":{{}}}}}}}}"#
    )
}

fn trash(key: &Key) -> Batch {
    Batch {
        mode: Atomicity::PerCommand,
        commands: vec![Command {
            holding: Vec::new(),
            kind: CommandKind::Trash,
            key: Some(key.clone()),
            cells: Vec::new(),
        }],
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_ambiguous() {
    let key = Key::durable("1b2c3d4e-0000-4000-8000-00000000b001");
    let cancel = Cancel::default();
    let odd = peer(&[schema(), r#"{"object":"hologram"}"#.to_owned()]);
    let outcomes = odd.apply(&Call::new(&cancel), &trash(&key)).await.unwrap();
    assert_eq!(
        outcomes,
        [Outcome::Ambiguous {
            key: Some(key.clone())
        }]
    );
    // A connection that may write and not read is answered with the id alone.
    let partial = r#"{"object":"page","id":"1b2c3d4e-0000-4000-8000-00000000b001"}"#.to_owned();
    let blind = peer(&[schema(), partial]);
    let outcomes = blind
        .apply(&Call::new(&cancel), &trash(&key))
        .await
        .unwrap();
    let Outcome::Done(receipt) = &outcomes[0] else {
        panic!("{outcomes:?}")
    };
    assert_eq!((&receipt.key, &receipt.observed), (&key, &None));
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let key = Key::durable("1b2c3d4e-0000-4000-8000-00000000b001");
    let peer = peer(&[schema()]);
    let cancel = Cancel::default();
    let error = peer
        .apply(&Call::new(&cancel), &trash(&key))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.sent),
        (PeerErrorKind::Unavailable, Sent::No)
    );
    cancel.cancel();
    let error = peer
        .apply(&Call::new(&cancel), &trash(&key))
        .await
        .unwrap_err();
    assert_eq!(error.kind, PeerErrorKind::Cancelled);
}

#[tokio::test]
async fn a_data_source_in_the_trash_is_not_an_empty_one() {
    let trashed = schema().replace(r#""title":[]"#, r#""in_trash":true,"title":[]"#);
    let peer = peer(&[trashed]);
    let cancel = Cancel::default();
    let error = peer.describe(&Call::new(&cancel)).await.unwrap_err();
    assert_eq!(error.kind, PeerErrorKind::NotFound);
    assert!(error.message.contains("restore"));
}
