//! Two people who go on editing whatever happens to the command: one at the file, one in Notion.
//! Every value they write is written once, so that it can be found again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;

use crate::common::{self, World, rich_text};

/// Pages whose `Notes` both people edit: `page 0` and on.
const SHARED: usize = 60;
/// The first of the pages that the person at the file puts into the trash, and nobody edits.
const TRASHED: std::ops::Range<usize> = 117..120;

/// The same numbers for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % bound as u64).unwrap()
    }
}

/// What the person at the file wrote and was told is written.
#[derive(Default)]
pub(crate) struct Wrote {
    pub(crate) transactions: u64,
    /// The number each row was given last: `Count`, and `Notes` as "sql N".
    pub(crate) last: BTreeMap<String, u64>,
    /// Rows that were made here.
    pub(crate) made: Vec<String>,
    pub(crate) trashed: BTreeSet<String>,
    /// Notes that were not there any more when they came back to the row.
    pub(crate) replaced: Vec<String>,
}

/// A person with a connection of their own, who edits until told to stop.
///
/// They have the patience for so many transactions, told anew for each run: a machine that is slow at
/// runs would otherwise give them time for ever more to do.
pub(crate) struct InSql {
    stop: Arc<AtomicBool>,
    patience: Arc<AtomicU64>,
    thread: JoinHandle<Wrote>,
}

impl InSql {
    pub(crate) fn start(file: PathBuf, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let patience = Arc::new(AtomicU64::new(0));
        let patient = Arc::clone(&patience);
        let thread = std::thread::spawn(move || {
            let mut person = Connection::open(file).unwrap();
            person.busy_timeout(Duration::from_secs(60)).unwrap();
            // Nobody pulls the plug here, and runs should not wait for the disk of a person.
            person.pragma_update(None, "synchronous", "NORMAL").unwrap();
            let (mut random, mut wrote) = (Random(!seed), Wrote::default());
            while !stopped.load(Ordering::Relaxed) {
                if wrote.transactions < patient.load(Ordering::Relaxed) {
                    edit(&mut person, &mut random, &mut wrote);
                }
                // Runs want to write as well, and see a person rather than a flood.
                std::thread::sleep(Duration::from_millis(1 + random.below(6) as u64));
            }
            wrote
        });
        Self {
            stop,
            patience,
            thread,
        }
    }

    /// So many transactions more.
    pub(crate) fn go_on(&self, transactions: u64) {
        self.patience.fetch_add(transactions, Ordering::Relaxed);
    }

    pub(crate) fn stop(self) -> Wrote {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// One transaction: two rows and two columns of each, or a new row, conflicts decided,
/// or a row into the trash.
fn edit(person: &mut Connection, random: &mut Random, wrote: &mut Wrote) {
    wrote.transactions += 1;
    let number = wrote.transactions;
    let notes = format!("sql {number}");
    let edits = person.transaction_with_behavior(TransactionBehavior::Immediate);
    let edits = edits.unwrap();
    match random.below(20) {
        0..3 => {
            let name = format!("new {number}");
            let insert = "INSERT INTO Tasks (Name, Count, Notes) VALUES (?1, ?2, ?3)";
            edits.execute(insert, (&name, number, &notes)).unwrap();
            wrote.made.push(name.clone());
            wrote.last.insert(name, number);
        }
        3 => {
            let decide = "UPDATE conflicts SET resolution = iif(id % 2, 'notion', 'sqlite')";
            edits.execute(decide, []).unwrap();
        }
        4 if wrote.trashed.len() < TRASHED.len() => {
            let name = format!("page {}", TRASHED.start + wrote.trashed.len());
            let trash = "UPDATE Tasks SET _trashed = 1 WHERE Name = ?1";
            assert_eq!(edits.execute(trash, [&name]).unwrap(), 1);
            wrote.trashed.insert(name);
        }
        _ => {
            let rows = TRASHED.start + wrote.made.len();
            for _ in 0..2 {
                let row = random.below(rows);
                let page = format!("page {row}");
                let made = row.checked_sub(TRASHED.start);
                let name = made.map_or(page, |made| wrote.made[made].clone());
                let held = "SELECT coalesce(Notes, '') FROM Tasks WHERE Name = ?1";
                let held: String = edits.query_row(held, [&name], |row| row.get(0)).unwrap();
                let last = wrote.last.insert(name.clone(), number);
                let last = last.map(|last| format!("sql {last}"));
                wrote.replaced.extend(last.filter(|last| *last != held));
                let update = "UPDATE Tasks SET Count = ?2, Notes = ?3 WHERE Name = ?1";
                edits.execute(update, (&name, number, &notes)).unwrap();
            }
        }
    }
    edits.commit().unwrap();
}

/// A person in Notion, and the last value they gave each page.
pub(crate) struct InNotion<'a> {
    world: &'a World,
    written: usize,
    pub(crate) notes: BTreeMap<String, String>,
    pub(crate) days: BTreeMap<String, String>,
    /// Notes that were not there any more when they came back to the page.
    pub(crate) replaced: Vec<String>,
}

impl<'a> InNotion<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self {
            world,
            written: 0,
            notes: BTreeMap::new(),
            days: BTreeMap::new(),
            replaced: Vec::new(),
        }
    }

    /// `Due`, which nobody edits in SQL, of pages that are edited there.
    pub(crate) fn edit_what_only_they_edit(&mut self, random: &mut Random) {
        for _ in 0..8 {
            self.written += 1;
            let name = format!("page {}", random.below(TRASHED.start));
            let day = format!("{}-01-01", 2000 + self.written);
            let due = json!({ "Due": { "date": { "start": day } } });
            self.world.edit(&name, due);
            self.days.insert(name, day);
        }
    }

    /// `Notes`, which are edited in SQL at the same time, while no run lives.
    ///
    /// Pages with a command that was begun are left alone: its request may arrive after this edit,
    /// and what Notion overwrites then nobody can have seen.
    pub(crate) fn edit_what_both_edit(&mut self, random: &mut Random) {
        let begun = "SELECT coalesce(group_concat(body), '') FROM _sync_intents
            WHERE json_extract(body, '$.state') IN ('attempting', 'ambiguous')";
        let begun = self.world.text(begun);
        for _ in 0..20 {
            let name = format!("page {}", random.below(SHARED));
            if begun.contains(&self.world.id(&name)) {
                continue;
            }
            self.written += 1;
            let words = format!("notion {}", self.written);
            let notes = json!({ "Notes": rich_text(&words) });
            let held = common::words(&self.world.page(&name), "Notes");
            self.world.edit(&name, notes);
            let last = self.notes.insert(name, words);
            self.replaced.extend(last.filter(|last| *last != held));
        }
    }
}
