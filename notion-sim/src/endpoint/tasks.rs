//! Async tasks: taking a request on, and retrieving what came of it.

use serde_json::{Map, Value};

use super::{Answer, Call, flag};
use crate::error::{ApiError, ApiResult};
use crate::model::World;

/// `GET /v1/async_tasks/{task_id}`
pub(crate) fn retrieve(world: &mut World, id: &str, _: &Call<'_>) -> ApiResult<Answer> {
    world.task(id).map(Answer::read)
}

/// Whether a request asks for a task in place of its answer. Only what is done with Markdown may.
pub(super) fn asked_for(body: &Map<String, Value>, has_markdown: bool) -> ApiResult<bool> {
    let asks = flag(body, "allow_async")?.unwrap_or(false);
    if asks && !has_markdown {
        let given = body.get("allow_async");
        return Err(ApiError::body("body.allow_async", "not present", given));
    }
    Ok(asks)
}

/// Turns what a request came to into a task that says so a while later: 202 instead of 200, and a refusal
/// only when it is asked for. What was done is done.
pub(super) fn taken_on(
    world: &mut World,
    operation: &str,
    outcome: ApiResult<Answer>,
) -> ApiResult<Answer> {
    let (result, object, committed) = match outcome {
        Ok(answer) => {
            let result: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            (Ok(result), answer.object, answer.committed)
        }
        Err(error) => (Err(error), None, false),
    };
    Ok(Answer {
        status: 202,
        object,
        committed,
        ..Answer::read(world.take_on(operation, result))
    })
}
