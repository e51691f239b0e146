//! Replay: recorded exchanges are sent to a simulator of their own, and its answers are held against the
//! recorded ones. What a recording has to be started from is in `seeds`, the comparison in `compare`,
//! what may differ and why in `explain`.

mod compare;
mod explain;
mod read;
mod seeds;
mod send;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use self::compare::Difference;
pub use self::explain::Reason;

/// What became of all recordings of a folder.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Replayed {
    /// One for each file, by name.
    pub files: Vec<ReplayedFile>,
}

/// What became of one recording.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReplayedFile {
    /// Name of the file.
    pub name: String,
    /// One for each line that is not empty, in the order they were sent.
    pub exchanges: Vec<ReplayedExchange>,
}

/// What became of one line of a recording.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReplayedExchange {
    /// Number of the line, from 1.
    pub line: usize,
    /// Method of the request; empty where the line is not an exchange.
    pub method: String,
    /// Path as recorded.
    pub path: String,
    /// How the two answers compare.
    pub verdict: Verdict,
    /// What the simulator answered; `None` where nothing was sent.
    pub answer: Option<ReplayedAnswer>,
}

/// An answer of the simulator.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReplayedAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// How a simulated answer compares with the recorded one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// The same, apart from what no second run could have the same: ids, cursors, signatures, seconds.
    Matched,
    /// Not the same, for a reason that is known.
    Explained(Reason),
    /// Not the same: the first place where they differ.
    Mismatch(Difference),
}

/// How many exchanges came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Answers that are the same.
    pub matched: usize,
    /// Answers that differ for a known reason, those of `not_simulated` left out.
    pub explained: usize,
    /// Requests of operations that are not simulated yet, and requests about what those would have made.
    pub not_simulated: usize,
    /// Answers that differ.
    pub mismatched: usize,
}

impl Counts {
    fn add(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Matched => &mut self.matched,
            Verdict::Explained(Reason::NotSimulated | Reason::FollowsNotSimulated) => {
                &mut self.not_simulated
            }
            Verdict::Explained(_) => &mut self.explained,
            Verdict::Mismatch(_) => &mut self.mismatched,
        } += 1;
    }
}

impl Replayed {
    /// The sum over all files.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let exchanges = self.files.iter().flat_map(|file| &file.exchanges);
        exchanges.for_each(|exchange| counts.add(&exchange.verdict));
        counts
    }
}

impl ReplayedFile {
    /// The sum over this file.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let exchanges = self.exchanges.iter();
        exchanges.for_each(|exchange| counts.add(&exchange.verdict));
        counts
    }
}

/// Replays the `*.jsonl` files of `folder` and of the folders in it, each file to a simulator of its own.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let replayed = notion_sync_sim::replay::folder("recordings")?;
/// println!("{replayed}");
/// assert_eq!(replayed.counts().mismatched, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When a folder or a file cannot be read. What a file holds is never an error: a line that is no exchange
/// has a verdict that says so.
pub fn folder(folder: impl AsRef<Path>) -> std::io::Result<Replayed> {
    let mut paths = Vec::new();
    recordings(folder.as_ref(), &mut paths)?;
    paths.sort();
    let mut replayed = Replayed::default();
    for path in paths {
        let bytes = std::fs::read(&path)?;
        let name = path.strip_prefix(folder.as_ref()).unwrap_or(&path);
        let text = String::from_utf8_lossy(&bytes);
        replayed.files.push(file(&name.to_string_lossy(), &text));
    }
    Ok(replayed)
}

/// Replays one recording: an exchange a line.
#[must_use]
pub fn file(name: &str, text: &str) -> ReplayedFile {
    ReplayedFile {
        name: name.into(),
        exchanges: send::all(read::lines(text)),
    }
}

fn recordings(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link to a folder above would never end.
        if entry.file_type()?.is_dir() {
            recordings(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            found.push(path);
        }
    }
    Ok(())
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>7} {:>9} {:>13} {:>8}",
            self.matched, self.explained, self.not_simulated, self.mismatched
        )
    }
}

/// A table of counts, the sum last.
impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "matched explained not simulated mismatch")?;
        for file in &self.files {
            writeln!(f, "{} {}", file.counts(), file.name)?;
        }
        write!(f, "{} all {} files", self.counts(), self.files.len())
    }
}

impl fmt::Display for ReplayedExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: ", self.line, self.method, self.path)?;
        match &self.verdict {
            Verdict::Matched => f.write_str("matched"),
            Verdict::Explained(reason) => write!(f, "explained: {reason}"),
            Verdict::Mismatch(difference) => write!(f, "mismatch: {difference}"),
        }
    }
}
