//! The simulator as a program: flags in, one line out once it listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use notion_sync_sim::replay::Verdict;
use notion_sync_sim::{NotionSim, replay};
use tokio::io::AsyncReadExt;

/// A Notion simulator on loopback.
#[derive(Debug, Parser)]
#[command(name = "notion-sim", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Port of 127.0.0.1 to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Token that requests must carry.
    #[arg(long, default_value = "ntn_simulator")]
    token: String,
    /// Folder of recorded exchanges to start from; may be given several times.
    #[arg(long, value_name = "DIR")]
    load: Vec<PathBuf>,
    /// File to start from if it exists, and to keep up to date.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Requests per window of 60 seconds, or `off`.
    #[arg(long, default_value = "180", value_parser = rate_limit)]
    rate_limit: RateLimit,
    /// Seconds until queries and searches see a change.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    index_lag: f64,
    /// Results a query reaches at most.
    #[arg(long, default_value_t = 10_000)]
    result_cap: usize,
    /// Seed of all identifiers and of everything that is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop when standard input closes.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send recorded exchanges to a simulator and compare what it answers; fails where they differ.
    Replay {
        /// Folder of recorded exchanges (*.jsonl), with the folders in it.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Show every exchange that did not match, and why.
        #[arg(long)]
        verbose: bool,
    },
}

#[derive(Debug, Clone, Copy)]
struct RateLimit(Option<u32>);

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    match text {
        "off" => Ok(RateLimit(None)),
        number => number
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .map(|number| RateLimit(Some(number)))
            .ok_or_else(|| "a number above 0 or `off` is expected".to_owned()),
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Some(Command::Replay { folder, verbose }) => show_replay(folder, *verbose),
        None => run(arguments).await.map(|()| true),
    };
    match result {
        Ok(true) => std::process::ExitCode::SUCCESS,
        Ok(false) => std::process::ExitCode::FAILURE,
        Err(error) => {
            eprintln!("notion-sim: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = NotionSim::builder()
        .port(arguments.port)
        .token(arguments.token)
        .rate_limit(arguments.rate_limit.0)
        .seed(arguments.seed)
        .index_lag(Duration::try_from_secs_f64(arguments.index_lag)?)
        .result_cap(arguments.result_cap);
    for folder in &arguments.load {
        builder = builder.load(folder);
    }
    if let Some(file) = &arguments.state {
        builder = builder.state_file(file);
    }
    let sim = builder.start().await?;
    let report = sim.load_report();
    if !arguments.load.is_empty() {
        eprintln!(
            "loaded {} objects from {} lines, {} skipped",
            report.objects,
            report.lines,
            report.skipped.len()
        );
        for line in &report.skipped {
            eprintln!("  {}:{}: {}", line.file, line.line, line.reason);
        }
    }
    println!("listening on {}", sim.base_url());
    stop_signal(arguments.exit_with_stdin).await?;
    sim.save().await?;
    Ok(())
}

/// Replays a folder. `false` where an answer differs.
fn show_replay(folder: &Path, verbose: bool) -> Result<bool, Box<dyn std::error::Error>> {
    let replayed = replay::folder(folder)?;
    for file in replayed.files.iter().filter(|_| verbose) {
        for exchange in &file.exchanges {
            if exchange.verdict != Verdict::Matched {
                println!("{}:{exchange}", file.name);
            }
        }
    }
    println!("{replayed}");
    Ok(replayed.counts().mismatched == 0)
}

/// Waits until the program should end.
async fn stop_signal(with_stdin: bool) -> std::io::Result<()> {
    let stdin_closed = async {
        if !with_stdin {
            std::future::pending::<()>().await;
        }
        let mut ignored = [0; 1024];
        let mut stdin = tokio::io::stdin();
        while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())?.recv().await;
        Ok(())
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending();
    tokio::select! {
        () = stdin_closed => Ok(()),
        result = terminated => result,
        result = tokio::signal::ctrl_c() => result,
    }
}
