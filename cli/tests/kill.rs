//! The command killed at any moment, over and over: what it began is finished once, and only once.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{MARKER, World, rich_text, words};
use serde_json::json;

/// Pages at the start; half of the edits are to these.
const PAGES: usize = 120;
const CREATES: usize = 200;
const EDITS: usize = 100;
/// Kills in a round, before the last run is left alone.
const KILLS: usize = 6;

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % bound as u64).unwrap()
    }
}

fn rounds() -> u64 {
    let rounds = std::env::var("KILL_ROUNDS").ok();
    rounds.map_or(5, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn e06_killed_at_any_moment_both_sides_agree_and_no_page_is_made_twice() {
    let mut kills = 0;
    for seed in 1..=rounds() {
        kills += round(seed).await;
    }
    eprintln!("{kills} processes were killed");
    assert!(
        kills as u64 >= rounds(),
        "too few runs were alive to be killed: {kills}"
    );
}

/// One story with one file; gives how many processes were really killed.
async fn round(seed: u64) -> usize {
    let mut random = Random(seed);
    let names: Vec<String> = (0..PAGES).map(|row| format!("page {row}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(&names).await;
    let mut killed = 0;
    // During the first pull, when there is no write to count by.
    killed += usize::from(kill_after(&world, 0, random.below(40)).await);
    run(&world);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), PAGES.to_string());

    let mut person = world.person();
    let edits = person.transaction().unwrap();
    for row in 0..CREATES {
        let insert = "INSERT INTO Tasks (Name, Count, Notes) VALUES (?1, ?2, 'made here')";
        edits.execute(insert, (format!("new {row}"), row)).unwrap();
    }
    for row in 0..EDITS {
        let update = "UPDATE Tasks SET Count = ?2, Notes = 'edited' WHERE Name = ?1";
        edits
            .execute(update, (format!("page {row}"), 1_000 + row))
            .unwrap();
    }
    edits.commit().unwrap();
    drop(person);
    for row in 0..20 {
        let done =
            json!({ "Done": { "checkbox": true }, "Pick": { "select": { "name": "High" } } });
        world.edit(&format!("page {}", 5 * row), done);
    }
    for _ in 0..KILLS {
        let writes = 1 + random.below((CREATES + EDITS) / KILLS);
        let later = random.below(12);
        killed += usize::from(kill_after(&world, writes, later).await);
    }
    // Somebody goes on in Notion while the command lies dead.
    world.edit("page 119", json!({ "Notes": rich_text("meanwhile") }));
    run(&world);
    agree(&world, seed);
    world.sim.clear_ledger();
    run(&world);
    assert_eq!(
        world.writes(),
        Vec::new(),
        "seed {seed}: nothing is left to do"
    );
    killed
}

const FLAGS: [&str; 3] = ["run", "--marker-field", MARKER];

fn run(world: &World) {
    world.say(&FLAGS).code(0);
}

/// Kills a run once it has made so many writes, and a little later; says whether it still lived.
async fn kill_after(world: &World, writes: usize, later: usize) -> bool {
    world.sim.clear_ledger();
    let mut command = world.command(&FLAGS);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child: Child = command.spawn().unwrap();
    let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
    while world.writes().len() < writes && !ended(&mut child) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // A request sees many moments between two writes: sent, answered, noted, settled.
    tokio::time::sleep(Duration::from_micros(500) * u32::try_from(later).unwrap()).await;
    let alive = !ended(&mut child);
    // SIGKILL, on Unix.
    let _ = child.kill();
    child.wait().unwrap();
    alive
}

/// Row by row and page by page: the same, and each once.
fn agree(world: &World, seed: u64) {
    let person = world.person();
    let check: String = person
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok", "seed {seed}");

    let pages = world.sim.pages(&world.data_source).unwrap();
    let mut by_id = BTreeMap::new();
    let (mut by_name, mut markers) = (BTreeMap::new(), BTreeMap::new());
    for page in &pages {
        assert_eq!(page["in_trash"], json!(false), "seed {seed}");
        *by_name.entry(words(page, "Name")).or_insert(0) += 1;
        let marker = words(page, MARKER);
        if !marker.is_empty() {
            *markers.entry(marker).or_insert(0) += 1;
        }
        let properties = &page["properties"];
        let row = (
            words(page, "Name"),
            properties["Count"]["number"].as_i64(),
            words(page, "Notes"),
            properties["Done"]["checkbox"].as_bool().unwrap(),
            properties["Pick"]["select"]["name"]
                .as_str()
                .map(str::to_owned),
        );
        by_id.insert(page["id"].as_str().unwrap().to_owned(), row);
    }
    let twice: Vec<_> = by_name.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: made twice: {twice:?}");
    assert!(markers.values().all(|count| *count == 1), "seed {seed}");
    assert_eq!(pages.len(), PAGES + CREATES, "seed {seed}");
    assert_eq!(
        markers.len(),
        CREATES,
        "seed {seed}: each create has its marker"
    );

    let select = "SELECT _id, Name, Count, coalesce(Notes, ''), coalesce(Done, 0), Pick FROM Tasks WHERE _trashed = 0";
    let mut statement = person.prepare(select).unwrap();
    let rows: Vec<(String, _)> = statement
        .query_map([], |row| {
            let cells = (
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            );
            Ok((row.get(0)?, cells))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(rows.len(), pages.len(), "seed {seed}");
    let rows: BTreeMap<String, _> = rows.into_iter().collect();
    assert_eq!(rows, by_id, "seed {seed}");

    for row in 0..EDITS {
        let cells = rows.values().find(|cells| cells.0 == format!("page {row}"));
        let cells = cells.unwrap();
        assert_eq!(
            (cells.1, cells.2.as_str()),
            (Some(1_000 + row as i64), "edited")
        );
        assert_eq!(
            cells.3,
            row % 5 == 0,
            "seed {seed}: the edit in Notion is kept"
        );
    }
}
