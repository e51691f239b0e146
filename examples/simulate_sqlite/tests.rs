//! A handful of histories over a file; many more are played by the program itself.

use std::path::Path;

use notion_sync_core::testkit::sim::{
    Blow, Kind, Outcome, Pairs, Profile, Script, Setting, Verdict, World, busy, simulate,
};

use super::world::SqliteWorld;
use super::{StoreKind, parse};

fn make(setting: &Setting) -> Box<dyn World> {
    Box::new(SqliteWorld::new(setting, &std::env::temp_dir()).unwrap())
}

fn between(kinds: &[Kind]) -> Pairs {
    Pairs::of(kinds).unwrap()
}

fn play(seed: u64, profile: Profile, pairs: &Pairs) -> Verdict {
    simulate(seed, profile, pairs, &make, Script::default())
}

fn assert_clean(verdict: &Verdict) {
    let Verdict {
        seed,
        profile,
        violations,
        ..
    } = verdict;
    assert_eq!(
        violations,
        &[] as &[String],
        "--seeds {seed} --profile {profile}"
    );
}

#[test]
fn e8_e2_p4_histories_between_notion_and_a_table_of_the_stores_file_break_no_law() {
    let pairs = between(&[Kind::Notion, Kind::Replica]);
    for (seed, profile) in [(1, Profile::Crashy), (2, Profile::Hostile)] {
        let verdict = play(seed, profile, &pairs);
        assert_clean(&verdict);
        let tally = verdict.tally;
        assert!(tally.events >= 200 && tally.commands > 20, "{tally:?}");
        assert!(tally.faults.contains_key("process died"), "{tally:?}");
    }
}

#[test]
fn e8_e2_p4_histories_between_two_places_outside_of_the_file_break_no_law() {
    let pairs = between(&[Kind::Notion, Kind::Sql]);
    assert_clean(&play(3, Profile::Crashy, &pairs));
}

#[test]
fn a_seed_played_twice_over_files_leaves_one_trace() {
    let pairs = between(&[Kind::Files, Kind::Replica]);
    let verdict = play(4, Profile::Lossy, &pairs);
    assert_eq!(play(4, Profile::Lossy, &pairs), verdict);
}

/// All points of the busy history are swept by the program, `--sweep`.
#[test]
fn e6_a_crash_at_an_input_or_output_leads_to_the_outcome_of_no_crash() {
    let pairs = between(&[Kind::Notion, Kind::Replica]);
    let play = |blow| busy(0, &pairs, &make, blow, false);
    let calm: Outcome = play(None);
    assert_clean(&calm.verdict);
    for blow in [Blow::Dies(40), Blow::Torn(150)] {
        let struck = play(Some(blow));
        assert_clean(&struck.verdict);
        assert_eq!(struck.difference(&calm), None, "{blow:?}");
    }
}

#[test]
fn a_table_of_sqlite_needs_a_store_of_sqlite() {
    let parse = |text: &str| parse(text.split(' ').map(str::to_owned));
    let asked = parse("--peer sqlite,notion --folder here").unwrap();
    assert!(asked.store == StoreKind::Sqlite && asked.folder == Path::new("here"));
    let refused = parse("--store memory --peer sqlite").err();
    let sentence = "there is no kind of peer \"sqlite\"";
    assert_eq!(refused.as_deref(), Some(sentence));
}
