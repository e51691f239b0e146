//! Async tasks: requests that were taken on, and what came of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::World;
use crate::error::ApiResult;

/// Seconds that clients are asked to wait between two looks.
const POLL: u64 = 2;

/// A request that answers later. What it was to do is done at once; only the answer takes its time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    /// `task_` and 32 hex digits.
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) done: Timestamp,
    /// Method and pattern of the path.
    pub(crate) operation: String,
    /// `{"result": …}` or `{"error": …}`.
    pub(crate) outcome: Value,
}

impl World {
    /// Takes on a request: gives its answer for now. `result` is what the request would have said.
    pub(crate) fn take_on(&mut self, operation: &str, result: ApiResult<Value>) -> String {
        let takes = SignedDuration::from_secs(i64::from(self.knobs.async_task_seconds));
        let outcome = match result {
            Ok(result) => json!({"result": result}),
            Err(error) => json!({"error": error.to_value()}),
        };
        let task = Task {
            id: format!("task_{}", self.ids.next_uuid().simple()),
            created: self.now,
            done: self.now.checked_add(takes).unwrap_or(self.now),
            operation: operation.to_owned(),
            outcome,
        };
        let text = self.task_text(&task, "queued");
        self.tasks.push(task);
        self.revision += 1;
        text
    }

    /// A task as it is now.
    pub(crate) fn task(&self, id: &str) -> ApiResult<String> {
        let found = self.tasks.iter().find(|task| task.id == id);
        let task = found.ok_or_else(|| self.not_found("async_task", id))?;
        let begun = task.done.duration_since(task.created) / 2;
        let status = if self.now < task.done {
            match self.now.duration_since(task.created) < begun {
                true => "queued",
                false => "running",
            }
        } else if task.outcome.get("result").is_some() {
            "succeeded"
        } else {
            "failed"
        };
        Ok(self.task_text(task, status))
    }

    fn task_text(&self, task: &Task, status: &str) -> String {
        let (id, base) = (&task.id, &self.base_url);
        let created = task.created.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
        let mut out = format!(
            "{{\"object\":\"async_task\",\"id\":\"{id}\",\"status\":\"{status}\",\
             \"status_url\":\"{base}/v1/async_tasks/{id}\",\"created_time\":\"{created}\""
        );
        let waits = matches!(status, "queued" | "running");
        if waits {
            out.push_str(&format!(",\"poll_after_seconds\":{POLL}"));
        }
        let operation = Value::from(task.operation.as_str());
        out.push_str(&format!(
            ",\"operation\":{{\"surface\":\"rest\",\"name\":{operation}}}"
        ));
        let outcome = task.outcome.as_object().filter(|_| !waits);
        for (name, value) in outcome.into_iter().flatten() {
            out.push_str(&format!(",\"{name}\":{value}"));
        }
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn world() -> World {
        World::new(1, "2026-07-04T10:07:01.549Z".parse().unwrap())
    }

    /// What a task says after so many milliseconds.
    fn after(world: &mut World, id: &str, millis: i64) -> Value {
        let begun = world.tasks[0].created;
        world.now = begun + SignedDuration::from_millis(millis);
        read(&world.task(id).unwrap())
    }

    #[test]
    fn a_task_is_queued_then_running_then_done() {
        let mut world = world();
        let result = json!({"object": "page_markdown", "markdown": "# Hello"});
        let text = world.take_on("PATCH /v1/pages/:page_id/markdown", Ok(result.clone()));
        let id = read(&text)["id"].as_str().unwrap().to_owned();
        let expected = format!(
            r#"{{"object":"async_task","id":"{id}","status":"queued","status_url":"https://api.notion.com/v1/async_tasks/{id}","created_time":"2026-07-04T10:07:01.549Z","poll_after_seconds":2,"operation":{{"surface":"rest","name":"PATCH /v1/pages/:page_id/markdown"}}}}"#
        );
        assert_eq!(text, expected);
        assert!(id.starts_with("task_") && id.len() == 37);
        assert_eq!(after(&mut world, &id, 999)["status"], "queued");
        assert_eq!(after(&mut world, &id, 1999)["status"], "running");
        let done = after(&mut world, &id, 2000);
        assert_eq!(
            (&done["status"], &done["result"]),
            (&json!("succeeded"), &result)
        );
        assert!(done.get("poll_after_seconds").is_none());
        assert_eq!(world.task("task_0").unwrap_err().status, 404);
    }

    #[test]
    fn a_task_that_fails_says_what_the_request_would_have_said() {
        let mut world = world();
        world.knobs.async_task_seconds = 0;
        let refused = ApiError::validation("no");
        let text = world.take_on("POST /v1/pages", Err(refused));
        let id = read(&text)["id"].as_str().unwrap().to_owned();
        let failed = after(&mut world, &id, 0);
        let error = json!({
            "object": "error", "status": 400, "code": "validation_error", "message": "no",
        });
        assert_eq!(
            (&failed["status"], &failed["error"]),
            (&json!("failed"), &error)
        );
    }
}
