//! Custom emojis: list.

use serde_json::json;

use super::{Answer, Call, id_paging};
use crate::error::{ApiError, ApiResult};
use crate::model::World;

/// `GET /v1/custom_emojis`, all or the one of a name.
pub(crate) fn list(world: &mut World, call: &Call<'_>) -> ApiResult<Answer> {
    let paging = id_paging(call.query)?;
    let wanted = call.query.iter().find(|(key, _)| key == "name");
    let fits = |name: &str| wanted.is_none_or(|(_, wanted)| wanted == name);
    let shown: Vec<_> = world
        .emojis
        .iter()
        .filter(|emoji| fits(&emoji.name))
        .collect();
    let begin = match paging.start {
        None => 0,
        Some(start) => shown
            .iter()
            .position(|emoji| emoji.id == start)
            .ok_or_else(|| {
                ApiError::validation(format!("The start_cursor provided is invalid: {start}"))
            })?,
    };
    let end = shown.len().min(begin + paging.page_size);
    let results: Vec<String> = shown[begin..end]
        .iter()
        .map(|emoji| emoji.to_wire().to_string())
        .collect();
    let next = json!(shown.get(end).map(|emoji| emoji.id.to_string()));
    Ok(Answer::read(format!(
        "{{\"object\":\"list\",\"type\":\"custom_emoji\",\"results\":[{}],\"has_more\":{},\"next_cursor\":{next}}}",
        results.join(","),
        !next.is_null()
    )))
}
