//! Commits: effects beside people's edits, pending changes, conflicts, crashes.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, link, refusal, rows};
use futures::executor::block_on;
use notion_sync_core::conflict::{Conflict, Resolution};
use notion_sync_core::link::{Side, Sides};
use notion_sync_core::pair::{PairId, Presence, RecordState, SideState, Standing};
use notion_sync_core::port::*;
use notion_sync_core::record::Timestamp;
use notion_sync_core::schema::FieldId;
use notion_sync_core::value::Value;

fn effect(pair: u64, command: Command, then: Vec<Change>) -> Effect {
    Effect {
        pair: PairId(pair),
        side: Side::Right,
        command,
        then,
    }
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

#[test]
fn a_first_pull_fills_the_row_and_both_shadows_and_is_no_edit() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "3");
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT _id, Name, Price, Done, Stage, Tags, Due, Total, _trashed FROM tasks"
        ),
        ["page-1|one|3|0|Todo||2026-06-15|42|0"]
    );
    let state = world.pair(pair);
    assert_eq!(state.sides.right.key.unwrap().as_str(), row.to_string());
    assert_eq!(state.sides.right.presence, Presence::Present);
    assert!(!state.dirty);
    let source = world.source(pair, "one", "3");
    assert_eq!(state.base.unwrap(), world.image(&source).1);
    assert_eq!(rows(&person, "SELECT * FROM _sync_capture"), [""; 0]);
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
    assert_eq!(rows(&person, "SELECT applying FROM _sync_gate"), ["0"]);
    assert_eq!(
        rows(
            &person,
            "SELECT base IS NULL, layout IS NULL FROM _sync_pairs"
        ),
        ["1|0"],
        "the base is stored short"
    );
}

#[test]
fn p08_an_effect_gives_way_to_a_person_who_was_faster() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "3");
    world
        .person()
        .execute_batch("UPDATE tasks SET Price = 5")
        .unwrap();
    let stale = world.patch(row, "Price", Some(number("3")), number("4"));
    let fine = world.patch(row, "Note", Some(Value::Empty), Value::text("hello"));
    let attend = |pair| Change::Attend {
        pair: PairId(pair),
        dirty: false,
        standing: None,
    };
    let outcomes = world.commit(
        Vec::new(),
        vec![
            effect(
                pair,
                stale,
                vec![attend(pair), Change::Forget(PairId(pair))],
            ),
            effect(pair, fine, vec![attend(pair)]),
        ],
    );
    let Outcome::Stale(Some(current)) = &outcomes[0] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(
        current.cells.complete(&FieldId::new("Price")),
        Some(&number("5"))
    );
    assert!(matches!(outcomes[1], Outcome::Done(_)));
    assert_eq!(
        rows(&world.person(), "SELECT Price, Note FROM tasks"),
        ["5|hello"]
    );
    // The shadow shows the person's edit now, so the planner has to look although the feed's
    // record will equal it.
    assert!(world.pair(pair).dirty);
    assert_eq!(
        rows(
            &world.person(),
            "SELECT \"column\", base, current FROM changes"
        ),
        ["Price|3|5"]
    );
}

/// What was settled with it would differ from what the row shows: an edit that nobody made, and a
/// conflict with the next one on the other side.
#[test]
fn e03_a_new_row_that_shows_more_than_was_written_is_looked_at_again() {
    let world = World::new();
    let create = |pair: u64, fields: &[(&str, Value)]| {
        let cells = fields.iter().map(|(field, desired)| CellChange {
            field: FieldId::new(*field),
            expected: None,
            desired: desired.clone(),
        });
        let command = Command {
            holding: Vec::new(),
            kind: CommandKind::Create,
            key: None,
            cells: cells.collect(),
        };
        let attend = Change::Attend {
            pair: PairId(pair),
            dirty: false,
            standing: None,
        };
        effect(pair, command, vec![attend])
    };
    let name = ("Name", Value::text("one"));
    let outcomes = world.commit(
        Vec::new(),
        vec![
            // An empty checkbox is one that is not ticked.
            create(1, std::slice::from_ref(&name)),
            create(2, &[name.clone(), ("Done", Value::Bool(false))]),
        ],
    );
    let done = |outcome: &Outcome| matches!(outcome, Outcome::Done(_));
    assert!(outcomes.iter().all(done), "{outcomes:?}");
    assert!(world.pair(1).dirty);
    assert!(!world.pair(2).dirty);
}

#[test]
fn e13_a_refused_effect_costs_itself_only() {
    let mut world = World::new();
    let (first, _) = world.pull("one", "3");
    let (second, row) = world.pull("two", "4");
    let mut twin = world.patch(row, "_id", None, Value::text("page-1"));
    twin.cells.push(CellChange {
        field: FieldId::new("Note"),
        expected: None,
        desired: Value::text("half"),
    });
    let wrong = world.patch(row, "Price", None, Value::text("x"));
    let fine = world.patch(1, "Price", None, number("9"));
    let outcomes = world.commit(
        Vec::new(),
        vec![
            effect(second, twin, Vec::new()),
            effect(second, wrong, Vec::new()),
            effect(first, fine, Vec::new()),
        ],
    );
    assert!(matches!(outcomes[0], Outcome::Rejected(_)), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Rejected(_)), "{outcomes:?}");
    assert!(matches!(outcomes[2], Outcome::Done(_)), "{outcomes:?}");
    assert_eq!(
        rows(&world.person(), "SELECT _id, Note, Price FROM tasks"),
        ["page-1||9", "page-2||4"]
    );
}

#[test]
fn an_edit_is_pending_until_its_base_is_settled() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "3");
    let person = world.person();
    person
        .execute_batch("UPDATE tasks SET Price = 5, Note = 'n'")
        .unwrap();
    let (seen, cursor, _) = world.scan(None);
    let observe = Change::Observe {
        pair: PairId(pair),
        side: Side::Right,
        state: SideState::seen(seen[0].clone()),
        dirty: true,
    };
    world.commit(vec![observe], Vec::new());
    // The edit lands between observation and settlement.
    person
        .execute_batch("UPDATE tasks SET Note = 'later'")
        .unwrap();
    let mut base = world.pair(pair).base.unwrap();
    for (name, value) in [("p1", number("5")), ("n1", Value::text("n"))] {
        let field = world.mapping.field(&FieldId::new(name)).unwrap().clone();
        base.settle(&field, Sides::new(value.clone(), value));
    }
    let settle = Change::Settle {
        pair: PairId(pair),
        base: base.clone(),
    };
    let mut memory = LinkMemory::default();
    memory.sides.right.cursor = Some(cursor.clone());
    world.commit(vec![settle, Change::Memory(Box::new(memory))], Vec::new());
    assert_eq!(world.pair(pair).base, Some(base));
    assert_eq!(
        rows(
            &person,
            "SELECT _row, \"column\", base, current FROM changes"
        ),
        [format!("{row}|Note|n|later")]
    );
    let (again, _, _) = world.scan(Some(&cursor));
    assert_eq!(again.len(), 1, "the later edit comes with the next scan");
    assert_eq!(rows(&person, "SELECT count(*) FROM _sync_capture"), ["1"]);
    person.execute_batch("UPDATE tasks SET Note = 'n'").unwrap();
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
}

#[test]
fn an_inserted_row_stays_pending_until_it_is_settled() {
    let mut world = World::new();
    let person = world.person();
    person
        .execute_batch(
            "INSERT INTO tasks(Name, Price) VALUES ('mine', 1); UPDATE tasks SET Price = 2",
        )
        .unwrap();
    assert_eq!(
        rows(&person, "SELECT kind, \"column\", current FROM changes"),
        ["insert||mine"]
    );
    let (seen, _, _) = world.scan(None);
    person
        .execute_batch("UPDATE tasks SET Name = 'mine too'")
        .unwrap();
    let pair = PairId(world.next);
    world.next += 1;
    let mut base = notion_sync_core::pair::Base::default();
    for (name, value) in [("title", Value::text("mine")), ("p1", number("2"))] {
        let field = world.mapping.field(&FieldId::new(name)).unwrap().clone();
        base.settle(&field, Sides::new(value.clone(), value));
    }
    let observe = Change::Observe {
        pair,
        side: Side::Right,
        state: SideState::seen(seen[0].clone()),
        dirty: true,
    };
    world.commit(vec![observe, Change::Settle { pair, base }], Vec::new());
    assert_eq!(
        rows(
            &person,
            "SELECT kind, \"column\", base, current FROM changes"
        ),
        ["update|Name|mine|mine too"]
    );
    assert_eq!(world.pair(pair.0).base.unwrap().fields().len(), 2);
}

fn conflict(pair: u64) -> Conflict {
    Conflict {
        pair: PairId(pair),
        field: FieldId::new("p1"),
        base: Some(Sides::new(number("3"), number("3"))),
        values: Sides::new(number("4"), number("5")),
        opened_at: Timestamp(1_750_000_000_000),
        resolution: None,
    }
}

fn conflicts(world: &World) -> Vec<Conflict> {
    match block_on(world.store.read(&link(), &Query::Conflicts, None, 10)).unwrap() {
        Rows::Conflicts(conflicts) => conflicts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn people_read_and_resolve_conflicts_in_sql() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "3");
    world.commit(vec![Change::Conflict(conflict(pair))], Vec::new());
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT \"table\", _row, _id, title, field, base, notion, sqlite, opened_at, resolution FROM conflicts"
        ),
        [format!(
            "tasks|{row}|page-1|one|Price|3|4|5|2025-06-15T15:06:40Z|"
        )]
    );
    assert_eq!(
        refusal(&person, "UPDATE conflicts SET resolution = 'both'"),
        "resolution is 'notion' or 'sqlite'"
    );
    for other in [
        "notion = '7'",
        "title = 'x'",
        "_id = 'x'",
        "\"table\" = 'x'",
    ] {
        let both = format!("UPDATE conflicts SET resolution = 'sqlite', {other}");
        let sentence = "only resolution can be edited here";
        assert_eq!(refusal(&person, &both), sentence, "{other}");
    }
    assert!(!world.pair(pair).dirty);
    person
        .execute_batch("UPDATE conflicts SET resolution = 'notion' WHERE field = 'Price'")
        .unwrap();
    assert!(world.pair(pair).dirty);
    assert_eq!(
        conflicts(&world)[0].resolution,
        Some(Resolution::Keep(Side::Left))
    );
    let mut again = conflict(pair);
    world.commit(vec![Change::Conflict(again.clone())], Vec::new());
    again.resolution = Some(Resolution::Keep(Side::Left));
    assert_eq!(conflicts(&world), [again], "said about these values");
    let mut later = conflict(pair);
    later.values.right = number("6");
    world.commit(vec![Change::Conflict(later.clone())], Vec::new());
    assert_eq!(
        conflicts(&world),
        [later],
        "nobody decided about a later edit"
    );
    let resolve = Change::Resolve {
        pair: PairId(pair),
        field: FieldId::new("p1"),
        resolution: Resolution::Keep(Side::Right),
    };
    world.commit(vec![resolve], Vec::new());
    assert_eq!(
        rows(&person, "SELECT resolution FROM conflicts"),
        ["sqlite"]
    );
    let both = Resolution::Write {
        side: Side::Left,
        value: number("6"),
    };
    let resolve = Change::Resolve {
        pair: PairId(pair),
        field: FieldId::new("p1"),
        resolution: both.clone(),
    };
    world.commit(vec![resolve], Vec::new());
    assert_eq!(conflicts(&world)[0].resolution, Some(both));
    assert_eq!(
        rows(&person, "SELECT resolution FROM conflicts"),
        ["a value for both"]
    );
    world.commit(
        vec![Change::CloseConflict {
            pair: PairId(pair),
            field: FieldId::new("p1"),
        }],
        Vec::new(),
    );
    assert!(conflicts(&world).is_empty());
}

#[test]
fn standings_runs_and_journal_are_told() {
    let mut world = World::new();
    let (pair, _) = world.pull("one", "3");
    let at = Timestamp(1_750_000_000_000);
    let entry = |kind, at: i64| {
        Change::Journal(JournalEntry {
            run: RunId(Timestamp(1)),
            at: Timestamp(at),
            pair: PairId(pair),
            side: Side::Right,
            field: (kind == CommandKind::Patch).then(|| FieldId::new("title")),
            kind,
            rule: "R05".into(),
            before: None,
            after: None,
            source: None,
            settled: None,
        })
    };
    world.commit(
        vec![
            Change::Attend {
                pair: PairId(pair),
                dirty: false,
                standing: Some(Standing {
                    state: RecordState::Parked,
                    reason: "no such option".into(),
                }),
            },
            entry(CommandKind::Trash, 10),
            entry(CommandKind::Trash, 20),
            entry(CommandKind::Patch, 20),
            Change::Run(RunRecord {
                id: RunId(at),
                ended_at: at,
                outcome: "partial".into(),
                settled: 1,
                conflicts: 0,
                refused: 0,
                undoes: None,
            }),
        ],
        Vec::new(),
    );
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT parked, blocked, last_outcome, last_run_at FROM sync_status"
        ),
        ["1|0|partial|2025-06-15T15:06:40Z"]
    );
    assert_eq!(
        rows(&person, "SELECT _row, _id, state, reason FROM sync_rows"),
        ["1|page-1|parked|no such option"]
    );
    let read = |query: Query| block_on(world.store.read(&link(), &query, None, 10)).unwrap();
    assert_eq!(
        read(Query::DeletesSince(Side::Right, Timestamp(15))),
        Rows::Count(1)
    );
    assert_eq!(
        read(Query::DeletesSince(Side::Left, Timestamp(0))),
        Rows::Count(0)
    );
    let Rows::Journal(journal) = read(Query::Journal(None)) else {
        panic!("no journal");
    };
    assert_eq!(journal[0].kind, CommandKind::Patch);
    let Rows::Pairs(standing) = read(Query::Standing) else {
        panic!("no pairs");
    };
    assert_eq!(standing.len(), 1);
}

#[test]
fn e06_a_commit_that_fails_leaves_nothing_and_a_good_one_survives_reopening() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "3");
    let before = block_on(world.store.open(&world.spec, OpenMode::Read)).unwrap();
    let patch = world.patch(row, "Price", None, number("4"));
    let moved = Commit {
        expect: Some(Serial(77)),
        ..Commit::default()
    };
    assert!(matches!(
        block_on(world.store.commit(&world.fence, moved)),
        Err(StoreError::SerialMoved)
    ));
    // An id out of range fails late, after the row was written.
    let late = Change::Attend {
        pair: PairId(u64::MAX),
        dirty: true,
        standing: None,
    };
    let failing = Commit {
        effects: vec![effect(pair, patch.clone(), vec![late])],
        ..Commit::default()
    };
    assert!(block_on(world.store.commit(&world.fence, failing)).is_err());
    let after = block_on(world.store.open(&world.spec, OpenMode::Read)).unwrap();
    assert_eq!(before, after);
    assert_eq!(rows(&world.person(), "SELECT Price FROM tasks"), ["3"]);
    assert_eq!(
        rows(&world.person(), "SELECT applying FROM _sync_gate"),
        ["0"]
    );

    let state = world.pair(pair);
    let World {
        dir,
        store,
        replica,
        ..
    } = world;
    drop((store, replica));
    let world = World::at(dir);
    assert_eq!(world.pair(pair), state);
    assert_eq!(world.next, before.next_id);
}

#[test]
fn what_the_peer_writes_itself_is_no_edit_of_a_person() {
    let mut world = World::new();
    world.pull("one", "3");
    let cancel = Cancel::default();
    let batch = Batch {
        mode: Atomicity::PerCommand,
        commands: vec![world.patch(1, "Price", Some(number("3")), number("4"))],
    };
    let outcomes = block_on(world.replica.apply(&Call::new(&cancel), &batch)).unwrap();
    assert!(matches!(outcomes[0], Outcome::Done(_)));
    let person = world.person();
    assert_eq!(rows(&person, "SELECT Price FROM tasks"), ["4"]);
    assert_eq!(rows(&person, "SELECT * FROM _sync_capture"), [""; 0]);
    assert_eq!(rows(&person, "SELECT * FROM changes"), [""; 0]);
}
