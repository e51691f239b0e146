//! A handful of histories with Notion; many more are played by the program itself.

use notion_sync_core::testkit::sim::{
    Kind, Pairs, Profile, Script, Setting, Verdict, World, simulate,
};

use super::world::NotionWorld;

fn make(setting: &Setting) -> Box<dyn World> {
    Box::new(NotionWorld::new(setting).unwrap())
}

fn play(seed: u64, profile: Profile, with: Kind) -> Verdict {
    let pairs = Pairs::of(&[Kind::Notion, with]).unwrap();
    simulate(seed, profile, &pairs, &make, Script::default())
}

#[test]
fn e8_e2_p4_histories_between_notion_and_others_break_no_law() {
    for (seed, profile, with) in [
        (1, Profile::Crashy, Kind::Replica),
        (2, Profile::Hostile, Kind::Replica),
        (3, Profile::Lagging, Kind::Sql),
        (4, Profile::Lossy, Kind::Files),
    ] {
        let verdict = play(seed, profile, with);
        let none: &[String] = &[];
        assert_eq!(
            verdict.violations, none,
            "--seeds {seed} --profile {profile}"
        );
        let tally = verdict.tally;
        assert!(tally.events >= 200 && tally.commands > 20, "{tally:?}");
    }
}

#[test]
fn a_seed_played_twice_leaves_one_trace() {
    let verdict = play(5, Profile::Lossy, Kind::Replica);
    assert_eq!(play(5, Profile::Lossy, Kind::Replica), verdict);
}
