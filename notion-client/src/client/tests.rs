use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::StatusCode;

use super::*;
use crate::api::{CreatePage, QueryDataSource, RetrieveMe, RetrievePage, UpdatePage};
use crate::endpoint::RawRequest;
use crate::error::{ErrorKind, PagingError};
use crate::json::Json;
use crate::transport::{TransportError, TransportErrorKind};
use crate::write::PropertyWrite;

const ID: &str = "1b2c3d4e-0000-4000-8000-00000000a001";
const SECRET: &str = "ntn_s3cretvalue";

enum Answer {
    Is(u16, &'static [(&'static str, &'static str)], String),
    Fails(TransportErrorKind),
}

fn ok(body: &str) -> Answer {
    Answer::Is(
        200,
        &[("date", "Wed, 21 Oct 2026 07:28:00 GMT")],
        body.to_owned(),
    )
}

fn api(status: u16, code: &str) -> Answer {
    Answer::Is(
        status,
        &[],
        format!(r#"{{"object":"error","status":{status},"code":"{code}","message":"m"}}"#),
    )
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<HttpRequest>>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.seen.lock().unwrap().push(request);
        match self
            .answers
            .lock()
            .unwrap()
            .pop_front()
            .expect("the script is over")
        {
            Answer::Fails(kind) => Err(TransportError::new(kind)),
            Answer::Is(status, pairs, body) => {
                let mut headers = HeaderMap::new();
                for (name, value) in pairs {
                    headers.insert(
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    );
                }
                Ok(HttpResponse {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers,
                    body: Bytes::from(body),
                })
            }
        }
    }
}

/// A sleep is over at once and moves the clock.
#[derive(Clone, Default)]
struct Virtual(Arc<Mutex<Duration>>);

#[async_trait]
impl Timer for Virtual {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

fn client(answers: impl IntoIterator<Item = Answer>) -> (Client, Script, Virtual) {
    let (script, timer) = (Script::default(), Virtual::default());
    script.answers.lock().unwrap().extend(answers);
    let client = Client::builder(Token::new(SECRET).unwrap().labelled("NOTION_TOKEN"))
        .transport(script.clone())
        .timer(timer.clone())
        .jitter_seed(1)
        .build()
        .unwrap();
    (client, script, timer)
}

fn sent(script: &Script) -> usize {
    script.seen.lock().unwrap().len()
}

fn create() -> CreatePage {
    CreatePage::row(ID.parse().unwrap()).set("title", PropertyWrite::title("x"))
}

fn update() -> UpdatePage {
    UpdatePage::new(ID.parse().unwrap()).set("n", PropertyWrite::Number(Some(3.into())))
}

#[tokio::test]
async fn a_request_carries_what_the_api_wants_and_shows_no_secret() {
    let (client, script, _) = client([ok(
        r#"{"object":"user","id":"1b2c3d4e00004000800000000000a001","type":"bot"}"#,
    )]);
    let response = client.send(&RetrieveMe).await.unwrap();
    assert_eq!(response.meta.server_time, Some(1_792_567_680));
    let seen = script.seen.lock().unwrap();
    assert_eq!(seen[0].url, "https://api.notion.com/v1/users/me");
    assert_eq!(seen[0].headers["notion-version"], "2026-03-11");
    assert_eq!(seen[0].headers["authorization"], format!("Bearer {SECRET}"));
    assert!(!seen[0].headers.contains_key("content-type"));
    assert!(!format!("{:?} {:?} {client:?}", seen[0], seen[0].headers).contains("s3cret"));
}

#[tokio::test]
async fn pain_25_refusals_are_obeyed_for_every_method_and_pause_all() {
    let refused = || {
        let body = r#"{"object":"error","status":429,"code":"rate_limited","message":"","additional_data":{"retry_after":"17"}}"#;
        Answer::Is(429, &[("retry-after", "90")], body.to_owned())
    };
    let overload = Answer::Is(
        529,
        &[],
        r#"{"code":"service_overload","additional_data":{"retry_after":"7"}}"#.to_owned(),
    );
    let (client, script, timer) = client([refused(), overload, ok("{}")]);
    let error = client.send(&create()).await.unwrap_err();
    assert_eq!((error.kind(), sent(&script)), (ErrorKind::Decode, 3));
    assert_eq!(timer.now(), Duration::from_secs(97));
    // It was saved, so the caller must know.
    assert_eq!(error.sent(), Sent::Maybe);
}

#[tokio::test]
async fn a_blocked_connection_is_left_alone() {
    let body = r#"{"code":"rate_limited","additional_data":{"rate_limit_reason":"public_api_request_blocked"}}"#;
    let (client, script, timer) =
        client([Answer::Is(429, &[("retry-after", "1")], body.to_owned())]);
    let error = client.send(&RetrieveMe).await.unwrap_err();
    assert_eq!(
        (sent(&script), timer.now(), error.is_retryable()),
        (1, Duration::ZERO, false)
    );
}

#[tokio::test]
async fn pain_10_a_create_that_may_have_arrived_is_sent_once() {
    for (answer, maybe) in [
        (api(500, "internal_server_error"), Sent::Maybe),
        (api(502, "bad_gateway"), Sent::Maybe),
        (api(503, "service_unavailable"), Sent::Maybe),
        (api(504, "gateway_timeout"), Sent::Maybe),
        (api(409, "conflict_error"), Sent::No),
        (api(400, "validation_error"), Sent::No),
        (
            Answer::Is(522, &[("cf-ray", "abc")], "<html>".into()),
            Sent::Maybe,
        ),
        (Answer::Fails(TransportErrorKind::Timeout), Sent::Maybe),
        (Answer::Fails(TransportErrorKind::Broken), Sent::Maybe),
        (Answer::Fails(TransportErrorKind::Body), Sent::Maybe),
        (Answer::Fails(TransportErrorKind::TooLarge), Sent::Maybe),
    ] {
        let (client, script, _) = client([answer]);
        let error = client.send(&create()).await.unwrap_err();
        assert_eq!((error.sent(), sent(&script)), (maybe, 1), "{error}");
    }
    let (client, script, _) = client([
        Answer::Fails(TransportErrorKind::Connect),
        api(401, "unauthorized"),
    ]);
    let error = client.send(&update()).await.unwrap_err();
    assert_eq!((error.sent(), sent(&script)), (Sent::No, 2));
}

#[tokio::test]
async fn reads_are_sent_again_a_bounded_number_of_times() {
    let answers = (0..5).map(|_| api(503, "service_unavailable"));
    let (client, script, _) = client(answers);
    let error = client
        .send(&QueryDataSource::new(ID.parse().unwrap()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.sent(), sent(&script), error.kind()),
        (Sent::No, 5, ErrorKind::Server)
    );
}

#[tokio::test]
async fn pain_29_a_503_after_the_commit_says_what_was_saved() {
    let body = r#"{"object":"error","status":503,"code":"service_unavailable","message":"saved","additional_data":{
        "committed_resource_id":"new","retry_guidance":["Read it.","Do not repeat the write."],"committed_child_ids":["a","b"]}}"#;
    let (client, _, _) = client([Answer::Is(503, &[], body.to_owned())]);
    let error = client.send(&create()).await.unwrap_err();
    assert_eq!(
        (error.committed_resource_id(), error.sent()),
        (Some("new"), Sent::Maybe)
    );
    let error = error.api().unwrap();
    assert_eq!(
        error.retry_guidance(),
        ["Read it.", "Do not repeat the write."]
    );
    assert_eq!(error.committed_child_ids(), ["a", "b"]);
}

#[tokio::test]
async fn e11_a_refusal_that_quotes_a_signed_address_does_not_show_what_signs_it() {
    let body = r#"{"object":"error","status":400,"code":"validation_error",
        "message":"no file at \"https://s3.example/a.png?X-Amz-Signature=s3cret\" was found"}"#;
    let (client, ..) = client([Answer::Is(400, &[], body.into())]);
    let page = RetrievePage::new(ID.parse().unwrap());
    let error = client.send(&page).await.unwrap_err();
    let shown = format!(
        "{error} {error:?} {:?}",
        error.api().map(|api| &api.message)
    );
    assert!(shown.contains("https://s3.example/a.png"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn pain_34_errors_say_what_to_do_and_nothing_secret() {
    let (client, ..) = client([
        api(401, "unauthorized"),
        api(404, "object_not_found"),
        Answer::Is(403, &[("cf-ray", "ray1")], "<html>s3cret body".into()),
        ok("not json"),
        ok(r#"{"object":"page","id":"s3cret"}"#),
        Answer::Is(302, &[], String::new()),
    ]);
    let page = RetrievePage::new(ID.parse().unwrap());
    let mut texts = Vec::new();
    for _ in 0..6 {
        let error = client.send(&page).await.unwrap_err();
        let source = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        let text = format!("{error} {source}");
        assert!(
            !format!("{text} {error:?}").contains("s3cret"),
            "{text} {error:?}"
        );
        texts.push(text);
    }
    assert!(
        texts[0].contains("check the token NOTION_TOKEN (ntn_…, fingerprint"),
        "{}",
        texts[0]
    );
    assert!(
        texts[1].contains("share the page or data source with the connection"),
        "{}",
        texts[1]
    );
    assert!(texts[2].contains("cf-ray ray1"), "{}", texts[2]);
}

#[tokio::test]
async fn pain_07_a_walk_reads_every_page_and_an_early_end_is_an_error() {
    let page = |cursor: &str| {
        ok(&format!(
            r#"{{"object":"list","results":[],"next_cursor":{cursor},"has_more":true}}"#
        ))
    };
    let query = QueryDataSource::new(ID.parse().unwrap());

    let (walker, script, _) = client([page("\"a\""), page("\"b\""), page("null")]);
    let pages: Vec<_> = walker.pages(&query).into_stream().collect().await;
    assert!(pages.len() == 3 && pages.iter().all(Result::is_ok));
    let bodies: Vec<_> = script
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|request| request.body.clone())
        .collect();
    assert_eq!(
        bodies,
        ["{}", r#"{"start_cursor":"a"}"#, r#"{"start_cursor":"b"}"#]
    );

    let (walker, ..) = client([page("\"a\""), page("\"a\"")]);
    let pages: Vec<_> = walker.pages(&query).into_stream().collect().await;
    assert!(
        matches!(pages[2], Err(Error::Paging(PagingError::CursorRepeated))) && pages.len() == 3
    );

    let (walker, ..) = client([page("\"a\""), page("\"b\"")]);
    let pages: Vec<_> = walker
        .pages(&query)
        .page_budget(2)
        .into_stream()
        .collect()
        .await;
    assert!(matches!(
        pages[2],
        Err(Error::Paging(PagingError::PageBudget { pages: 2 }))
    ));
}

#[tokio::test]
async fn filter_properties_are_decoded_once_and_item_paths_kept() {
    let (client, script, _) = client([api(404, "object_not_found"), api(404, "object_not_found")]);
    let page = ID.parse().unwrap();
    let _ = client
        .send(&RetrievePage::new(page).only(["f%5C%5C%3Ap".into()]))
        .await;
    let _ = client
        .send(&RetrieveProperty::new(page, "n%3C%60%40".into()))
        .await;
    let seen = script.seen.lock().unwrap();
    assert!(
        seen[0]
            .url
            .ends_with("?filter_properties%5B%5D=f%5C%5C%3Ap"),
        "{}",
        seen[0].url
    );
    assert!(
        seen[1].url.ends_with("/properties/n%3C%60%40"),
        "{}",
        seen[1].url
    );
}

#[tokio::test]
async fn the_raw_request_keeps_retries_and_returns_the_text() {
    let (client, script, _) = client([api(500, "internal_server_error"), ok(r#"{"a":1.0}"#)]);
    let request = RawRequest::new(http::Method::POST, "views/x/queries")
        .body(Json::parse("{}").unwrap())
        .read_only();
    let response = client.send(&request).await.unwrap();
    assert_eq!(
        (
            response.value.as_str(),
            response.meta.retries,
            sent(&script)
        ),
        (r#"{"a":1.0}"#, 1, 2)
    );
    assert_eq!(
        script.seen.lock().unwrap()[0].headers["content-type"],
        "application/json"
    );
}

#[test]
fn base_urls_must_not_leak_the_token() {
    let build = |url: &str| {
        Client::builder(Token::new("x").unwrap())
            .transport(Script::default())
            .timer(Virtual::default())
            .base_url(url)
            .build()
    };
    for url in [
        "http://127.0.0.1:8080",
        "http://localhost:1/",
        "http://[::1]:9",
        "https://example.com",
    ] {
        assert!(build(url).is_ok(), "{url}");
    }
    assert_eq!(
        build("http://example.com").unwrap_err(),
        BuildError::PlainHttp
    );
    for url in [
        "ftp://x",
        "https://u:p@x.org",
        "https://x.org?y=1",
        "nothing",
    ] {
        assert_eq!(build(url).unwrap_err(), BuildError::BaseUrl, "{url}");
    }
}

#[tokio::test]
async fn pain_01_a_cut_relation_is_read_whole() {
    let page = |cursor: &str| {
        let one = format!(
            r#"{{"object":"property_item","id":"r","type":"relation","relation":{{"id":"{ID}"}}}}"#
        );
        ok(&format!(
            r#"{{"object":"list","type":"property_item","results":[{one}],"next_cursor":{cursor},"property_item":{{"id":"r","type":"relation","relation":{{}}}}}}"#
        ))
    };
    let (client, script, _) = client([page("\"a\""), page("null")]);
    let request = RetrieveProperty::new(ID.parse().unwrap(), "r".into());
    let PropertyValue::Relation(relation) = client.whole_property(&request).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        (relation.pages.len(), relation.has_more, sent(&script)),
        (2, Some(false), 2)
    );
    assert!(
        script.seen.lock().unwrap()[1]
            .url
            .ends_with("?start_cursor=a")
    );
}

#[tokio::test]
async fn pain_30_an_unknown_error_code_is_kept() {
    let (client, ..) = client([
        api(418, "brand_new"),
        Answer::Is(400, &[], r#"{"error":"invalid_client"}"#.into()),
    ]);
    let error = client.send(&RetrieveMe).await.unwrap_err();
    assert_eq!(
        error.api().unwrap().code,
        crate::error::ErrorCode::Unknown("brand_new".into())
    );
    let error = client.send(&RetrieveMe).await.unwrap_err();
    assert_eq!(
        error.api().unwrap().code,
        crate::error::ErrorCode::InvalidClient
    );
}

#[tokio::test]
async fn pain_25_one_refusal_pauses_every_client_of_the_connection() {
    let refused = Answer::Is(
        429,
        &[("retry-after", "40")],
        r#"{"code":"rate_limited"}"#.into(),
    );
    let (script, timer) = (Script::default(), Virtual::default());
    let user = || ok(&format!(r#"{{"object":"user","id":"{ID}"}}"#));
    script.answers.lock().unwrap().extend([refused, user()]);
    let limiter = Limiter::new(RateLimit::Off, Arc::new(timer.clone()));
    let client = || {
        Client::builder(Token::new(SECRET).unwrap())
            .transport(script.clone())
            .timer(timer.clone())
            .limiter(limiter.clone())
            .retry(RetryPolicy::never())
            .build()
            .unwrap()
    };
    let error = client().send(&RetrieveMe).await.unwrap_err();
    assert_eq!(
        (error.retry_after(), timer.now()),
        (Some(Duration::from_secs(40)), Duration::ZERO)
    );
    client().send(&RetrieveMe).await.unwrap();
    assert_eq!(timer.now(), Duration::from_secs(40));
}
