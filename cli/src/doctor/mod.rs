//! `notion-sync doctor`: what is wrong, and what to do about it. Writes nothing to either side; with
//! `--repair`, mends the file.

mod file;
mod misfits;
mod notion;
mod tables;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::args::{Args, DoctorArgs};
use crate::connect;
use crate::exit::Exit;
use crate::output;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    /// What was looked at: the file, the token, a table.
    about: String,
    /// What was found, in a sentence.
    said: String,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// What was found, in the order it was looked at.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
    /// The token was refused.
    is_halted: bool,
    /// Somebody else writes to the file: told once, and waited for once.
    is_locked: bool,
}

impl Findings {
    fn ok(&mut self, about: &str, said: impl Into<String>) {
        self.push(Level::Ok, about, said.into(), None);
    }

    fn warning(&mut self, about: &str, said: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Warning, about, said.into(), Some(remedy.into()));
    }

    fn problem(&mut self, about: &str, said: impl Into<String>, remedy: impl Into<String>) {
        self.push(Level::Problem, about, said.into(), Some(remedy.into()));
    }

    fn push(&mut self, level: Level, about: &str, said: String, remedy: Option<String>) {
        let about = about.to_owned();
        self.all.push(Finding {
            level,
            about,
            said,
            remedy,
        });
    }

    fn count(&self, level: Level) -> usize {
        let all = self.all.iter();
        all.filter(|finding| finding.level == level).count()
    }
}

pub(crate) async fn doctor(args: &Args, what: &DoctorArgs) -> Result<Exit> {
    connect::check(args)?;
    let mut findings = Findings::default();
    let store = file::look(args, what, &mut findings).await;
    let connection = notion::look_at_token(args, &mut findings).await?;
    if let Some(store) = &store {
        tables::look(store, connection.as_ref(), &mut findings).await?;
    }
    if let Some(connection) = &connection {
        notion::look_at_named(args, connection, store.as_ref(), &mut findings).await?;
    }
    let (problems, warnings) = (
        findings.count(Level::Problem),
        findings.count(Level::Warning),
    );
    if args.json {
        output::print_json(&json!({
            "command": "doctor", "problems": problems, "warnings": warnings,
            "findings": findings.all,
        }));
    } else {
        for finding in &findings.all {
            print(finding);
        }
        say!(
            "\n{}",
            match (problems, warnings) {
                (0, 0) => "Nothing is wrong.".to_owned(),
                (0, _) => format!("Nothing is broken; {warnings} thing(s) to look at."),
                _ => format!("{problems} problem(s), {warnings} thing(s) to look at."),
            }
        );
    }
    Ok(match problems {
        _ if findings.is_halted => Exit::Halted,
        0 => Exit::Clean,
        _ => Exit::Failed,
    })
}

fn print(finding: &Finding) {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Problem => "PROBLEM",
    };
    say!("{level:8} {}: {}", finding.about, finding.said);
    if let Some(remedy) = &finding.remedy {
        say!("         what helps: {remedy}");
    }
}
