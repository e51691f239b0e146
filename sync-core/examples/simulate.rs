//! Plays whole histories between reference peers and checks them, from seeds: see
//! `docs/simulation.md`.

use std::process::ExitCode;
use std::time::Instant;

use notion_sync_core::testkit::sim::command::{Asked, Program, USAGE};
use notion_sync_core::testkit::sim::{ReferenceWorld, Setting, World};

/// Histories are made of small things that live shortly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[allow(
    clippy::disallowed_methods,
    reason = "the rate is measured by the clock on the wall; no history depends on it"
)]
fn main() -> ExitCode {
    let asked = match Asked::parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(message) => {
            eprintln!("{message}\nusage: simulate {USAGE}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    asked.carry_out(&Program {
        make: &|setting: &Setting| -> Box<dyn World> { Box::new(ReferenceWorld::new(setting)) },
        print: &|line| println!("{line}"),
        elapsed: &|| began.elapsed(),
    })
}
