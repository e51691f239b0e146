//! The files a command was asked to write: the database is a file, and never written over by another,
//! nor one of them twice.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::args::{Args, Command, PlanFiles};
use crate::exit::UsageError;

/// What stands beside the database and belongs to it.
const COMPANIONS: [&str; 5] = ["", "-wal", "-shm", "-journal", "-lock"];

/// Refuses a command line whose database is no file, or that would write over it or over its own output.
pub(crate) fn check(args: &Args) -> Result<()> {
    let text = args.db.to_string_lossy();
    if text == ":memory:" || text.starts_with("file:") {
        let message = format!("--db takes the path of a file, and {text} is none to SQLite");
        return Err(UsageError(message).into());
    }
    let mut database = Vec::new();
    for companion in COMPANIONS {
        let mut file = args.db.as_os_str().to_owned();
        file.push(companion);
        database.push(resolved(Path::new(&file)));
    }
    let mut before: Vec<(&str, PathBuf)> = Vec::new();
    for (flag, file) in of(&args.command) {
        let place = resolved(file);
        let shown = file.display();
        let mut message = None;
        if database.iter().any(|of_it| is_same(of_it, &place)) {
            message = Some(format!(
                "{flag} {shown} would write over the database; name another file"
            ));
        } else if let Some((other, _)) = before.iter().find(|(_, other)| is_same(other, &place)) {
            message = Some(format!(
                "{other} and {flag} name the same file, {shown}; name two"
            ));
        }
        if let Some(message) = message {
            return Err(UsageError(message).into());
        }
        before.push((flag, place));
    }
    Ok(())
}

/// Flags of files that a command writes.
fn of(command: &Command) -> Vec<(&'static str, &Path)> {
    fn plans(files: &PlanFiles) -> [(&'static str, Option<&PathBuf>); 2] {
        [
            ("--plan-out", files.plan_out.as_ref()),
            ("--plan-html", files.plan_html.as_ref()),
        ]
    }
    let mut asked = Vec::new();
    match command {
        Command::Run(files) => asked.extend(plans(files)),
        Command::Plan(what) => {
            asked.extend(plans(&what.files));
            asked.push(("--out", what.out.as_ref()));
        }
        Command::Export(what) => asked.push(("--out", what.out.as_ref())),
        _ => {}
    }
    let asked = asked.into_iter();
    asked
        .filter_map(|(flag, file)| Some((flag, file?.as_path())))
        .collect()
}

/// The path with links followed; of what is not there yet, of its folder.
fn resolved(file: &Path) -> PathBuf {
    if let Ok(there) = file.canonicalize() {
        return there;
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (folder.canonicalize(), file.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => file.to_owned(),
    }
}

/// Whether two paths lead to one file, by another name too.
fn is_same(one: &Path, other: &Path) -> bool {
    if one == other {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) {
            return (one.dev(), one.ino()) == (other.dev(), other.ino());
        }
    }
    false
}
