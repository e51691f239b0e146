//! OAuth: from a person's consent to tokens, their renewal and their end; and custom emojis, which are
//! only read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/document.rs"]
mod document;
mod support;

use std::time::Duration;

use document::check;
use notion_sync_sim::OAuthClient;
use serde_json::{Value, json};
use support::{Api, Reply, api, builder, ids};

impl Api {
    async fn as_client(&self, path: &str, client: &OAuthClient, body: Value) -> Reply {
        let url = format!("{}{path}", self.sim.base_url());
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(url);
        let request = request
            .basic_auth(&client.id, Some(&client.secret))
            .header("Notion-Version", self.version)
            .header("content-type", "application/json")
            .body(body.to_string());
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        check("POST", path, status, &body);
        Reply {
            status,
            body,
            headers,
        }
    }

    async fn oauth(&self, what: &str, body: Value) -> Reply {
        let client = self.sim.oauth_client();
        self.as_client(&format!("/v1/oauth/{what}"), &client, body)
            .await
    }

    /// Tokens for a consent that was just given.
    async fn tokens(&self) -> Value {
        let code = self.sim.authorize(None);
        let body = json!({"grant_type": "authorization_code", "code": code});
        self.oauth("token", body).await.ok()
    }

    /// What the API says to a token.
    async fn status_for(&self, token: &Value) -> u16 {
        let request = self.request("GET", "/v1/users/me");
        let bearer = format!("Bearer {}", token.as_str().unwrap());
        let request = request.build().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .get(request.url().clone())
            .header("Notion-Version", self.version)
            .header("authorization", bearer);
        request.send().await.unwrap().status().as_u16()
    }
}

/// A refusal as OAuth has it, its request id aside.
fn refusal(mut reply: Reply) -> (u16, Value) {
    let body = reply.body.as_object_mut().unwrap();
    assert!(body.remove("request_id").is_some_and(|id| id.is_string()));
    (reply.status, reply.body)
}

#[tokio::test]
async fn a_code_becomes_a_token_that_can_be_renewed_and_revoked() {
    let api = api().await;
    let first = api.tokens().await;
    let me = api.get("/v1/users/me").await.ok();
    assert_eq!(first["bot_id"], me["id"]);
    assert_eq!(first["workspace_id"], me["bot"]["workspace_id"]);
    assert_eq!(first["owner"]["user"]["type"], "person");
    assert_eq!(api.status_for(&first["access_token"]).await, 200);
    let renew = json!({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]});
    let second = api.oauth("token", renew.clone()).await.ok();
    assert_eq!(api.status_for(&first["access_token"]).await, 401);
    assert_eq!(api.status_for(&second["access_token"]).await, 200);
    let used = refusal(api.oauth("token", renew).await);
    assert_eq!(used, (400, json!({"error": "invalid_grant"})));

    let token = json!({"token": second["access_token"]});
    let known = api.oauth("introspect", token.clone()).await.ok();
    assert_eq!(
        (&known["active"], &known["iat"]),
        (&json!(true), &json!(1_788_532_241_000_u64))
    );
    let gone = api.oauth("revoke", token.clone()).await.ok();
    assert!(gone["request_id"].is_string());
    assert_eq!(api.oauth("introspect", token).await.ok()["active"], false);
    assert_eq!(api.status_for(&second["access_token"]).await, 401);
    let late = json!({"grant_type": "refresh_token", "refresh_token": second["refresh_token"]});
    assert_eq!(refusal(api.oauth("token", late).await).0, 400);
}

#[tokio::test]
async fn a_code_is_good_once_for_ten_minutes_and_for_its_own_address() {
    let api = api().await;
    let exchange = |code: &str, uri: Option<&str>| {
        let mut body = json!({"grant_type": "authorization_code", "code": code});
        if let Some(uri) = uri {
            body["redirect_uri"] = json!(uri);
        }
        body
    };
    let bad = (400, json!({"error": "invalid_grant"}));
    let code = api.sim.authorize(None);
    api.oauth("token", exchange(&code, None)).await.ok();
    assert_eq!(
        refusal(api.oauth("token", exchange(&code, None)).await),
        bad
    );

    let (here, there) = (Some("https://a.example/cb"), Some("https://b.example/cb"));
    let code = api.sim.authorize(here);
    let silent = refusal(api.oauth("token", exchange(&code, None)).await);
    let words =
        "body failed validation: body.redirect_uri should be defined, instead was `undefined`.";
    assert_eq!(
        silent,
        (
            400,
            json!({"error": "invalid_request", "error_description": words})
        )
    );
    api.oauth("token", exchange(&code, here)).await.ok();
    let code = api.sim.authorize(here);
    assert_eq!(
        refusal(api.oauth("token", exchange(&code, there)).await),
        bad
    );

    let code = api.sim.authorize(None);
    api.sim.advance(Duration::from_secs(600));
    assert_eq!(
        refusal(api.oauth("token", exchange(&code, None)).await),
        bad
    );
}

#[tokio::test]
async fn who_is_no_client_and_what_is_no_grant_is_refused_in_oauths_shape() {
    let api = api().await;
    let mut client = api.sim.oauth_client();
    client.secret.push('x');
    let body = json!({"grant_type": "authorization_code", "code": "a"});
    let stranger = api
        .as_client("/v1/oauth/token", &client, body.clone())
        .await;
    assert_eq!(refusal(stranger), (401, json!({"error": "invalid_client"})));
    // A token is not what opens this door.
    let bearer = api.post("/v1/oauth/token", body).await;
    assert_eq!(refusal(bearer), (401, json!({"error": "invalid_client"})));
    let odd = api.oauth("token", json!({"grant_type": "password"})).await;
    assert_eq!(
        refusal(odd),
        (400, json!({"error": "unsupported_grant_type"}))
    );
    let empty = api.oauth("introspect", json!({})).await;
    let words = "body failed validation: body.token should be defined, instead was `undefined`.";
    let expected = json!({"error": "invalid_request", "error_description": words});
    assert_eq!(refusal(empty), (400, expected));
}

#[tokio::test]
async fn tokens_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let first = support::with(builder().state_file(&file)).await;
    let tokens = first.tokens().await;
    let client = first.sim.oauth_client();
    first.sim.save().await.unwrap();
    drop(first);
    let second = support::with(builder().seed(2).state_file(&file)).await;
    assert_eq!(second.sim.oauth_client(), client);
    assert_eq!(second.status_for(&tokens["access_token"]).await, 200);
    let renew = json!({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]});
    second.oauth("token", renew).await.ok();
}

#[tokio::test]
async fn custom_emojis_are_found_by_their_whole_name() {
    let api = api().await;
    let made = ["party", "parrot", "party2"].map(|name| {
        api.sim
            .create_emoji(name, &format!("https://emojis.example/{name}.png"))
    });
    let list = async |query: &str| {
        let list = api.get(&format!("/v1/custom_emojis?{query}")).await;
        check("GET", "/v1/custom_emojis", list.status, &list.body);
        list.ok()
    };
    let all = list("").await;
    assert_eq!(ids(&all), made);
    assert_eq!(
        all["results"][0],
        json!({"id": made[0], "name": "party", "url": "https://emojis.example/party.png"})
    );
    assert!(all.get("custom_emoji").is_none());
    assert_eq!(ids(&list("name=party").await), made[..1]);
    let part = list("page_size=2").await;
    assert_eq!(part["next_cursor"], made[2].as_str());
    assert_eq!(
        ids(&list(&format!("start_cursor={}", made[2])).await),
        made[2..]
    );
}
