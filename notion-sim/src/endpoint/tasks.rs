//! Async tasks: taking a request on, and retrieving what came of it.

use serde_json::Value;

use super::{Answer, Call};
use crate::error::ApiResult;
use crate::model::World;

/// `GET /v1/async_tasks/{task_id}`
pub(crate) fn retrieve(world: &mut World, id: &str, _: &Call<'_>) -> ApiResult<Answer> {
    world.task(id).map(Answer::read)
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
