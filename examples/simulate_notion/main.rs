//! Plays whole histories in which one side is Notion: the peer, its client and the simulator instead of
//! a reference in memory. See `docs/simulation.md`.

mod glue;
mod place;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use notion_sync_core::testkit::sim::command::{Asked, Program, USAGE};
use notion_sync_core::testkit::sim::{Setting, World};
use world::NotionWorld;

fn main() -> ExitCode {
    let asked = match parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(message) => {
            eprintln!(
                "{message}\nusage: simulate_notion {USAGE}\n\
                 kinds of peers beside Notion: sql, files, replica"
            );
            return ExitCode::from(2);
        }
    };
    let make = |setting: &Setting| -> Box<dyn World> {
        let world = NotionWorld::new(setting);
        Box::new(world.unwrap_or_else(|error| panic!("no simulator can be made: {error}")))
    };
    let began = Instant::now();
    asked.carry_out(&Program {
        make: &make,
        print: &|line| println!("{line}"),
        elapsed: &|| began.elapsed(),
    })
}

/// One side is always Notion.
fn parse(words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut words: Vec<String> = words.collect();
    match words.iter().position(|word| word == "--peer") {
        Some(at) => {
            if let Some(kinds) = words.get_mut(at + 1)
                && !kinds.split(',').any(|kind| kind == "notion")
            {
                kinds.push_str(",notion");
            }
        }
        None => words.extend(["--peer", "notion"].map(str::to_owned)),
    }
    Asked::parse(words)
}

#[cfg(test)]
mod tests;
