//! Exit codes: what a script can rely on.

use notion_sync::client::{self, ErrorKind};
use notion_sync::notion::ResolveError;
use notion_sync::{ReplicaError, Report, RunOutcome};

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, nothing is left.
    Clean,
    /// Done, but conflicts or refusals are left for a person.
    Left,
    /// `--check` found a plan.
    PlanFound,
    /// It failed, or part of it could not be done.
    Failed,
    /// Stopped at once: the credentials were refused.
    Halted,
    /// Stopped on request.
    Cancelled,
    /// The command line cannot be carried out as it stands.
    Usage,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        let code = match exit {
            Exit::Clean => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Left => 3,
            Exit::Halted => 4,
            Exit::PlanFound => 5,
            Exit::Cancelled => 130,
        };
        Self::from(code)
    }
}

/// The command line asks for something that cannot be; the message says what to do instead.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The exit code of a run. Partial is never hidden behind conflicts.
pub(crate) fn of_report(report: &Report) -> Exit {
    match report.outcome {
        RunOutcome::Cancelled => Exit::Cancelled,
        RunOutcome::Halted => Exit::Halted,
        RunOutcome::Partial => Exit::Failed,
        RunOutcome::Clean if report.open_conflicts > 0 || !report.refusals.is_empty() => Exit::Left,
        RunOutcome::Clean => Exit::Clean,
    }
}

/// The exit code of an error.
pub(crate) fn of_failure(failure: &anyhow::Error) -> Exit {
    let unclear = matches!(
        failure.downcast_ref::<ResolveError>(),
        Some(ResolveError::NoId | ResolveError::Several(_) | ResolveError::IsPage)
    );
    let usage = failure.downcast_ref::<UsageError>().is_some()
        || failure.downcast_ref::<client::BuildError>().is_some()
        || failure.downcast_ref::<client::InvalidToken>().is_some();
    if usage || unclear {
        return Exit::Usage;
    }
    let run = failure.downcast_ref::<ReplicaError>();
    // Credentials are also refused where no run has begun: while a data source is looked for.
    let request = failure
        .chain()
        .find_map(|cause| cause.downcast_ref::<client::Error>());
    let refused = run.is_some_and(ReplicaError::is_unauthorized)
        || request.is_some_and(|error| error.kind() == ErrorKind::Unauthorized);
    if refused { Exit::Halted } else { Exit::Failed }
}
