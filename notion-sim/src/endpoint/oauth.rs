//! OAuth: a code or a refresh token for tokens, what a token is good for, and its end. Who asks shows the
//! program's credentials; refusals have a shape of their own.

use serde_json::{Map, Value, json};

use super::{Answer, Call, only};
use crate::error::{ApiError, ApiResult};
use crate::model::World;

/// `POST /v1/oauth/token`
pub(crate) fn token(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    match text(call.body, "grant_type")? {
        "authorization_code" => {
            let known = ["grant_type", "code", "redirect_uri", "external_account"];
            only(call.body, &known)?;
            let code = text(call.body, "code")?;
            let redirect_uri = call.body.get("redirect_uri").and_then(Value::as_str);
            let asked = world.access.codes.get(code).map(|code| &code.redirect_uri);
            if let (Some(Some(_)), None) = (asked, redirect_uri) {
                return Err(ApiError::body("body.redirect_uri", "defined", None));
            }
            let used = world.use_code(code);
            let fits = used.is_some_and(|code| code.redirect_uri.as_deref() == redirect_uri);
            if !fits {
                return Err(ApiError::oauth(400, "invalid_grant", None));
            }
        }
        "refresh_token" => {
            only(call.body, &["grant_type", "refresh_token"])?;
            let old = world.renewed_by(text(call.body, "refresh_token")?);
            let old = old.ok_or_else(|| ApiError::oauth(400, "invalid_grant", None))?;
            world.set_token(&old, false);
        }
        _ => return Err(ApiError::oauth(400, "unsupported_grant_type", None)),
    }
    let (token, refresh_token) = world.issue();
    let bot = world.users.get(&world.bot).map(|bot| &bot["bot"]);
    let name = bot.map_or(Value::Null, |bot| bot["workspace_name"].clone());
    let person = world.users.get(&world.person).cloned();
    let owner = match person {
        Some(person) => json!({"type": "user", "user": person}),
        None => json!({"type": "workspace", "workspace": true}),
    };
    let answer = json!({
        "access_token": token, "token_type": "bearer", "refresh_token": refresh_token,
        "bot_id": world.bot.to_string(), "workspace_icon": null, "workspace_name": name,
        "workspace_id": world.workspace().to_string(), "owner": owner, "duplicated_template_id": null,
    });
    Ok(Answer::saved(answer.to_string(), world.bot))
}

/// `POST /v1/oauth/introspect`
pub(crate) fn introspect(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["token"])?;
    let token = text(call.body, "token")?;
    let renewed = world.renewed_by(token);
    let known = renewed.as_deref().unwrap_or(token);
    if !world.is_good(known) {
        return Ok(Answer::read(json!({"active": false}).to_string()));
    }
    let mut answer = json!({
        "active": true, "scope": "read_content insert_content update_content",
    });
    if let Some(issued) = world.access.issued.get(known) {
        answer["iat"] = json!(issued.at.as_millisecond());
    }
    Ok(Answer::read(answer.to_string()))
}

/// `POST /v1/oauth/revoke`: a token that is not known is as good as revoked.
pub(crate) fn revoke(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    only(call.body, &["token"])?;
    let token = text(call.body, "token")?;
    let renewed = world.renewed_by(token);
    let token = renewed.as_deref().unwrap_or(token);
    if world.is_good(token) {
        world.set_token(token, false);
        world.revision += 1;
    }
    Ok(Answer::saved("{}".into(), world.bot))
}

fn text<'b>(body: &'b Map<String, Value>, key: &str) -> ApiResult<&'b str> {
    let given = body.get(key);
    let expected = if given.is_some() {
        "a string"
    } else {
        "defined"
    };
    let text = given.and_then(Value::as_str);
    text.ok_or_else(|| ApiError::body(&format!("body.{key}"), expected, given))
}
