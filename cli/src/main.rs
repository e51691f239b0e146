//! The `notion-sync` command: argument parsing, dispatch, exit codes. The work is done elsewhere.

// `say!` and `tell!` instead, which do not panic where nobody reads.
#![deny(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod output;
mod apply;
mod args;
mod conflicts;
mod connect;
mod demo;
mod doctor;
mod exit;
mod explain;
mod export;
mod forget;
mod plan;
mod resolve;
mod restore;
mod run;
mod runs;
mod status;
mod tables;
mod targets;
mod undo;
mod verify;
mod watch;

use clap::Parser;

use args::{Args, Command};
use exit::Exit;

/// Records are read on one thread and written on another; the system's allocator makes the two
/// wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(&args)),
        Err(error) => {
            tell!("error: the async runtime did not start: {error}");
            Exit::Failed
        }
    };
    exit.into()
}

async fn dispatch(args: &Args) -> Exit {
    carry_out(args).await.unwrap_or_else(|failure| {
        output::fail(args, &failure);
        exit::of_failure(&failure)
    })
}

async fn carry_out(args: &Args) -> anyhow::Result<Exit> {
    targets::check(args)?;
    match &args.command {
        Command::Demo => demo::demo(args).await,
        Command::Run(files) => run::run(args, files).await,
        Command::Watch(what) => watch::watch(args, what).await,
        Command::Plan(what) => plan::plan(args, what).await,
        Command::Apply(what) => apply::apply(args, what).await,
        Command::Status => status::status(args).await,
        Command::Conflicts => conflicts::conflicts(args).await,
        Command::Runs => runs::runs(args).await,
        Command::Undo(what) => undo::undo(args, what).await,
        Command::Restore(what) => restore::restore(args, what).await,
        Command::Explain(what) => explain::explain(args, what).await,
        Command::Export(what) => export::export(args, what).await,
        Command::Doctor(what) => doctor::doctor(args, what).await,
        Command::Forget(what) => forget::forget(args, what).await,
        Command::Verify => verify::verify(args).await,
        Command::Resolve(what) => resolve::resolve(args, what).await,
    }
}
