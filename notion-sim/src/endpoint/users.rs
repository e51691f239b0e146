//! Users: the connection itself, one user, all users.

use serde_json::json;
use uuid::Uuid;

use super::{Answer, Call, Paging, list_open, push_list_end};
use crate::error::ApiResult;
use crate::model::World;
use crate::query::cursor::Position;

/// `GET /v1/users/me`
pub(crate) fn me(world: &World) -> ApiResult<Answer> {
    let bot = world.users.get(&world.bot).cloned();
    Ok(Answer::read(bot.unwrap_or_else(|| json!({})).to_string()))
}

/// `GET /v1/users/{id}`
pub(crate) fn retrieve(world: &mut World, id: Uuid, _: &Call<'_>) -> ApiResult<Answer> {
    let user = world.users.get(&id);
    user.map(|user| Answer::read(user.to_string()))
        .ok_or_else(|| world.not_found("user", &id.to_string()))
}

/// `GET /v1/users`
pub(crate) fn list(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    let paging = Paging::from_query(call.query)?;
    let begin = match &paging.start_cursor {
        None => 0,
        Some(cursor) => match world.resume("users", cursor)? {
            Position::Offset(at) => at,
            Position::After(_) => 0,
        },
    };
    // Users known by reference only are not listed. People come before connections.
    let of = |person: bool| {
        let full = world.users.values();
        full.filter(move |user| user["type"].is_string() && (user["type"] == "person") == person)
    };
    let full = || of(true).chain(of(false));
    let total = full().count();
    let listed: Vec<String> = full()
        .skip(begin)
        .take(paging.page_size)
        .map(ToString::to_string)
        .collect();
    let end = begin + listed.len();
    let mut out = list_open(1024);
    out.push_str(&listed.join(","));
    let cursor = (end < total).then(|| world.issue_cursor("users", Position::Offset(end)));
    push_list_end(&mut out, cursor.as_deref(), "user", None);
    Ok(Answer::read(out))
}
