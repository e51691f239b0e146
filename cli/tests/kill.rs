//! The command killed at any moment, over and over, while people go on editing on both sides: what
//! it began is finished once, and only once, and every value somebody wrote is there or kept.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod people;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::{MARKER, Said, World, words};
use people::{InNotion, InSql, Random, Wrote};
use serde_json::{Value, json};

/// Pages at the start.
const PAGES: usize = 120;
/// Kills in a round beside the one during the first pull.
const KILLS: usize = 6;
/// People on both sides may change more than half of the rows between two runs.
const FLAGS: [&str; 5] = ["run", "--marker-field", MARKER, "--approve", "all-changed"];

fn rounds() -> u64 {
    let rounds = std::env::var("KILL_ROUNDS").ok();
    rounds.map_or(3, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn e06_killed_at_any_moment_while_people_edit_nothing_is_lost_and_no_page_is_made_twice() {
    let mut sum = Sum::default();
    for seed in 1..=rounds() {
        round(seed, &mut sum).await;
    }
    eprintln!("{sum:?}");
    assert!(sum.killed >= rounds(), "too few runs lived: {sum:?}");
    assert!(sum.edits > 50 * rounds(), "nobody edited: {sum:?}");
    assert!(sum.sent > 50 * rounds(), "little was sent: {sum:?}");
}

/// What was seen over all rounds.
#[derive(Debug, Default)]
struct Sum {
    killed: u64,
    /// Transactions of the person at the file.
    edits: u64,
    rows_made: u64,
    /// Writes of runs to Notion whose cells were looked at.
    sent: u64,
    /// Values that only a conflict or the journal keeps.
    kept_aside: u64,
}

/// One story with one file.
async fn round(seed: u64, sum: &mut Sum) {
    let mut random = Random(seed);
    let names: Vec<String> = (0..PAGES).map(|row| format!("page {row}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(&names).await;
    // During the first pull, when there is no write to count by.
    sum.killed += u64::from(kill_after(&world, 0, random.below(40), || ()).await);
    run(&world).code(0);
    assert_eq!(world.text("SELECT count(*) FROM Tasks"), PAGES.to_string());

    let at_file = InSql::start(world.file(), seed);
    let mut in_notion = InNotion::new(&world);
    for _ in 0..KILLS {
        let writes = 1 + random.below(40);
        let later = random.below(12);
        at_file.go_on(50);
        let meanwhile = || in_notion.edit_what_only_they_edit(&mut random);
        sum.killed += u64::from(kill_after(&world, writes, later, meanwhile).await);
        sum.sent += nothing_half_seen(&world, seed);
        in_notion.edit_what_both_edit(&mut random);
    }
    let wrote = at_file.stop();
    sum.edits += wrote.transactions;
    sum.rows_made += wrote.made.len() as u64;

    for _ in 0..2 {
        let last = run(&world);
        assert!(matches!(last.code, Some(0 | 3)), "seed {seed}: {last:#?}");
    }
    sum.sent += nothing_half_seen(&world, seed);
    let check = world.text("SELECT group_concat(integrity_check) FROM pragma_integrity_check");
    assert_eq!(check, "ok", "seed {seed}");
    each_page_once(&world, &wrote, seed);
    both_sides_agree(&world, seed);
    sum.kept_aside += every_value_is_there_or_kept(&world, &wrote, &in_notion, seed);

    world.sim.clear_ledger();
    run(&world);
    assert_eq!(world.writes(), [], "seed {seed}: nothing is left to do");
}

fn run(world: &World) -> Said {
    world.say(&FLAGS)
}

/// Kills a run once it has made so many writes, and a little later; says whether it still lived.
/// Halfway there, something else happens.
async fn kill_after(world: &World, writes: usize, later: usize, meanwhile: impl FnOnce()) -> bool {
    world.sim.clear_ledger();
    let mut command = world.command(&FLAGS);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_for(world, writes / 2, &mut child).await;
    meanwhile();
    wait_for(world, writes, &mut child).await;
    // A request sees many moments between two writes: sent, answered, noted, settled.
    tokio::time::sleep(Duration::from_micros(500) * u32::try_from(later).unwrap()).await;
    let alive = !is_over(&mut child);
    // SIGKILL, on Unix.
    let _ = child.kill();
    child.wait().unwrap();
    alive
}

/// Until a run has made so many writes, or is over.
async fn wait_for(world: &World, writes: usize, child: &mut Child) {
    while world.writes().len() < writes && !is_over(child) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn is_over(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

/// The person at the file always writes `Notes` and `Count` together: no request carries one of
/// them from before and one from after. Gives how many were looked at.
fn nothing_half_seen(world: &World, seed: u64) -> u64 {
    let mut ids = BTreeMap::new();
    let mut looked_at = 0;
    for page in world.sim.pages(&world.data_source).unwrap() {
        for name in ["Name", "Notes", "Count"] {
            ids.insert(name, page["properties"][name]["id"].clone());
        }
    }
    for entry in world.writes() {
        let Some(body) = &entry.body else { continue };
        let sent = |name: &str| {
            let by_id = body["properties"].get(ids[name].as_str().unwrap());
            by_id.or_else(|| body["properties"].get(name)).cloned()
        };
        let (Some(notes), Some(count)) = (sent("Notes"), sent("Count")) else {
            continue;
        };
        let notes = notes["rich_text"][0]["text"]["content"].as_str();
        let count = count["number"].as_u64().map(|count| format!("sql {count}"));
        assert_eq!(notes, count.as_deref(), "seed {seed}: half seen: {body}");
        looked_at += 1;
    }
    looked_at
}

/// Each page of the start and each row made here is one page, with one marker.
fn each_page_once(world: &World, wrote: &Wrote, seed: u64) {
    let pages = world.sim.pages(&world.data_source).unwrap();
    let mut expected: Vec<String> = (0..PAGES).map(|row| format!("page {row}")).collect();
    expected.extend(wrote.made.iter().cloned());
    expected.sort();
    let mut found: Vec<String> = pages.iter().map(|page| words(page, "Name")).collect();
    found.sort();
    assert_eq!(found, expected, "seed {seed}: pages lost or made twice");
    let mut markers: Vec<String> = pages.iter().map(|page| words(page, MARKER)).collect();
    markers.retain(|marker| !marker.is_empty());
    markers.sort();
    markers.dedup();
    assert_eq!(markers.len(), wrote.made.len(), "seed {seed}: markers");
    for page in &pages {
        let trashed = wrote.trashed.contains(&words(page, "Name"));
        assert_eq!(page["in_trash"], json!(trashed), "seed {seed}: {page}");
    }
}

/// Row by row and cell by cell the same, except where a conflict is open.
fn both_sides_agree(world: &World, seed: u64) {
    let person = world.person();
    let open: Vec<(String, String)> = query(&person, "SELECT _id, field FROM conflicts");
    let mut rows: BTreeMap<(String, String), String> = BTreeMap::new();
    for name in ["Name", "Notes", "Count", "Due", "_trashed"] {
        let cells = format!("SELECT _id, coalesce(CAST({name} AS TEXT), '') FROM Tasks");
        let cells: Vec<(String, String)> = query(&person, &cells);
        rows.extend(
            cells
                .into_iter()
                .map(|(id, cell)| ((id, name.to_owned()), cell)),
        );
    }
    let mut pages = BTreeMap::new();
    for page in world.sim.pages(&world.data_source).unwrap() {
        let id = page["id"].as_str().unwrap().to_owned();
        let mut cell = |name: &str, cell: String| pages.insert((id.clone(), name.to_owned()), cell);
        cell("Name", words(&page, "Name"));
        cell("Notes", words(&page, "Notes"));
        let count = &page["properties"]["Count"]["number"];
        cell(
            "Count",
            count.as_i64().map(|n| n.to_string()).unwrap_or_default(),
        );
        let due = &page["properties"]["Due"]["date"]["start"];
        cell("Due", due.as_str().unwrap_or_default().to_owned());
        cell(
            "_trashed",
            u8::from(page["in_trash"] == json!(true)).to_string(),
        );
    }
    for conflict in &open {
        assert_ne!(
            rows.remove(conflict),
            pages.remove(conflict),
            "seed {seed}: {conflict:?}"
        );
    }
    assert_eq!(rows, pages, "seed {seed}");
}

/// The last value that a person gave a cell is what it holds; where both sides gave one, the other
/// value is in a conflict or in the journal, as is every value that made room for one of the other
/// side. Gives how many values only those keep.
fn every_value_is_there_or_kept(
    world: &World,
    wrote: &Wrote,
    in_notion: &InNotion<'_>,
    seed: u64,
) -> u64 {
    let person = world.person();
    let rows: Vec<(String, String)> = query(&person, "SELECT Name, coalesce(Notes, '') FROM Tasks");
    let rows: BTreeMap<String, String> = rows.into_iter().collect();
    let counts: Vec<(String, String)> = query(
        &person,
        "SELECT Name, coalesce(CAST(Count AS TEXT), '') FROM Tasks",
    );
    let counts: BTreeMap<String, String> = counts.into_iter().collect();
    let kept: Vec<(String, String)> = query(
        &person,
        "SELECT concat(left_value, ' ', right_value), '' FROM _sync_conflicts
         UNION ALL SELECT body, '' FROM _sync_journal",
    );
    let is_kept = |value: &str| {
        let quoted = format!("\"{value}\"");
        kept.iter().any(|(text, _)| text.contains(&quoted))
    };
    let mut aside = 0;
    for (name, number) in &wrote.last {
        let value = format!("sql {number}");
        assert_eq!(counts[name], number.to_string(), "seed {seed}: {name}");
        if !in_notion.notes.contains_key(name) {
            assert_eq!(rows[name], value, "seed {seed}: {name}");
        } else if rows[name] != value && words(&world.page(name), "Notes") != value {
            assert!(is_kept(&value), "seed {seed}: {value:?} of {name} is lost");
            aside += 1;
        }
    }
    for (name, value) in &in_notion.notes {
        if rows[name] != *value && words(&world.page(name), "Notes") != *value {
            assert!(is_kept(value), "seed {seed}: {value:?} of {name} is lost");
            aside += 1;
        }
    }
    // Whoever came back to a cell and found another value there: theirs was not dropped unseen.
    for value in wrote.replaced.iter().chain(&in_notion.replaced) {
        assert!(
            is_kept(value),
            "seed {seed}: {value:?} was replaced and is lost"
        );
        aside += 1;
    }
    for (name, day) in &in_notion.days {
        let held = world.page(name)["properties"]["Due"]["date"]["start"].clone();
        assert_eq!(held, Value::from(day.as_str()), "seed {seed}: {name}");
    }
    aside
}

fn query(person: &rusqlite::Connection, sql: &str) -> Vec<(String, String)> {
    let mut statement = person.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
