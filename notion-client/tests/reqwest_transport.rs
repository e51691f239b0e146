//! The transport over reqwest, against a hand-written server on the loopback.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(all(feature = "reqwest", feature = "tokio"))]

use notion_sync_client::api::{RetrieveMe, UpdatePage};
use notion_sync_client::{
    Client, Error, ErrorKind, ReqwestOptions, ReqwestTransport, RetryPolicy, Sent, Token,
    TransportErrorKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers every connection with these bytes and closes it.
async fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(&answer).await;
        }
    });
    format!("http://{address}")
}

fn client(base: String, max_body: usize) -> Client {
    let mut options = ReqwestOptions::default();
    options.max_body = max_body;
    Client::builder(Token::new("ntn_x").unwrap())
        .transport(ReqwestTransport::new(options))
        .base_url(base)
        .retry(RetryPolicy::never())
        .build()
        .unwrap()
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn update() -> UpdatePage {
    UpdatePage::trash("1b2c3d4e00004000800000000000a001".parse().unwrap())
}

fn transport_kind(error: &Error) -> Option<TransportErrorKind> {
    match error {
        Error::Transport { source, .. } => Some(source.kind),
        _ => None,
    }
}

#[tokio::test]
async fn an_answer_comes_through() {
    let user = r#"{"object":"user","id":"1b2c3d4e00004000800000000000a001"}"#;
    let base = server(answer("200 OK", user)).await;
    assert!(client(base, 1000).send(&RetrieveMe).await.is_ok());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_arrives() {
    let base = server(answer("200 OK", &"x".repeat(2000))).await;
    let error = client(base, 1000).send(&update()).await.unwrap_err();
    assert_eq!(
        (transport_kind(&error), error.sent()),
        (Some(TransportErrorKind::TooLarge), Sent::Maybe)
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_may_have_done_its_work() {
    let base = server(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".to_vec()).await;
    let error = client(base, 1000).send(&update()).await.unwrap_err();
    assert_eq!(
        (transport_kind(&error), error.sent()),
        (Some(TransportErrorKind::Body), Sent::Maybe)
    );
}

#[tokio::test]
async fn a_connection_that_closes_without_an_answer_may_have_done_its_work() {
    let base = server(Vec::new()).await;
    let error = client(base, 1000).send(&update()).await.unwrap_err();
    assert_eq!(
        (transport_kind(&error), error.sent()),
        (Some(TransportErrorKind::Broken), Sent::Maybe)
    );
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(base, 1000).send(&update()).await.unwrap_err();
    assert_eq!(
        (transport_kind(&error), error.sent()),
        (Some(TransportErrorKind::Connect), Sent::No)
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let base = server(answer("302 Found\r\nlocation: http://127.0.0.1:1/", "")).await;
    let error = client(base, 1000).send(&RetrieveMe).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Edge);
}
