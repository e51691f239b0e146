//! Plays whole histories over a SQLite file and checks them, from seeds: see `docs/simulation.md`.

mod file;
mod table;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use notion_sync_core::testkit::sim::command::{Asked, Program, USAGE};
use notion_sync_core::testkit::sim::{ReferenceWorld, Setting, World};
use world::SqliteWorld;

/// What the arguments ask for.
struct Arguments {
    /// What every program that simulates takes.
    asked: Asked,
    store: StoreKind,
    /// Where files are made.
    folder: PathBuf,
}

/// Where memory is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StoreKind {
    Memory,
    Sqlite,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!(
                "{message}\nusage: simulate_sqlite {USAGE} [--store memory|sqlite] [--folder DIR]\n\
                 kinds of peers: notion, sql, files, sqlite; replica where the store is in memory"
            );
            return ExitCode::from(2);
        }
    };
    let make = |setting: &Setting| -> Box<dyn World> {
        match arguments.store {
            StoreKind::Memory => Box::new(ReferenceWorld::new(setting)),
            StoreKind::Sqlite => Box::new(
                SqliteWorld::new(setting, &arguments.folder)
                    .unwrap_or_else(|error| panic!("no store file can be made: {error}")),
            ),
        }
    };
    let began = Instant::now();
    arguments.asked.carry_out(&Program {
        make: &make,
        print: &|line| println!("{line}"),
        elapsed: &|| began.elapsed(),
    })
}

/// Takes out what only this program knows.
fn parse(words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut store, mut folder) = (StoreKind::Sqlite, std::env::temp_dir());
    let mut others = Vec::new();
    let mut words = words;
    while let Some(flag) = words.next() {
        let mut value = || words.next().ok_or(format!("{flag} wants a value"));
        match flag.as_str() {
            "--store" => {
                store = match value()?.as_str() {
                    "memory" => StoreKind::Memory,
                    "sqlite" => StoreKind::Sqlite,
                    other => return Err(format!("there is no store {other:?}")),
                }
            }
            "--folder" => folder = value()?.into(),
            _ => others.push(flag),
        }
    }
    if store == StoreKind::Sqlite {
        // The table that lies in the store is one of SQLite then.
        let peer = others.iter().position(|flag| flag == "--peer");
        if let Some(kinds) = peer.and_then(|at| others.get_mut(at + 1)) {
            *kinds = kinds.replace("sqlite", "replica");
        }
    }
    Ok(Arguments {
        asked: Asked::parse(others)?,
        store,
        folder,
    })
}

#[cfg(test)]
mod tests;
