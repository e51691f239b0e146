//! A person and the engine writing at the same time.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{World, rows};
use notion_sync_core::link::Side;
use notion_sync_core::pair::PairId;
use notion_sync_core::port::{Effect, Outcome};
use notion_sync_core::value::Value;

#[test]
fn edits_while_commits_run_are_all_captured_and_commits_never_are() {
    let mut world = World::new();
    let (pair, row) = world.pull("one", "0");
    let path = world.path();
    let person = std::thread::spawn(move || {
        let person = rusqlite::Connection::open(path).unwrap();
        person
            .busy_timeout(std::time::Duration::from_secs(60))
            .unwrap();
        for number in 1..=100 {
            person
                .execute(
                    "UPDATE tasks SET Note = ?1, Done = 1 - Done",
                    [number.to_string()],
                )
                .unwrap();
        }
    });
    for number in 1..=100_i64 {
        let outcomes = world.commit(
            Vec::new(),
            vec![Effect {
                pair: PairId(pair),
                side: Side::Right,
                command: world.patch(
                    row,
                    "Price",
                    Some(Value::Number((number - 1).into())),
                    Value::Number(number.into()),
                ),
                then: Vec::new(),
            }],
        );
        assert!(matches!(outcomes[0], Outcome::Done(_)), "{outcomes:?}");
    }
    person.join().unwrap();
    let person = world.person();
    assert_eq!(
        rows(
            &person,
            "SELECT col, count(*) FROM _sync_capture GROUP BY col ORDER BY col"
        ),
        ["Done|100", "Note|100"]
    );
    assert_eq!(
        rows(&person, "SELECT Price, Note, Done FROM tasks"),
        ["100|100|0"]
    );
    assert_eq!(
        rows(&person, "SELECT \"column\", current FROM changes"),
        ["Note|100"]
    );
}
