//! Async tasks: retrieve.

use super::{Answer, Call};
use crate::error::ApiResult;
use crate::model::World;

/// `GET /v1/async_tasks/{task_id}`
pub(crate) fn retrieve(world: &mut World, id: &str, _: &Call<'_>) -> ApiResult<Answer> {
    world.task(id).map(Answer::read)
}
