//! A few seeds of every profile; many more are played by the example `simulate`.

use super::{
    Blow, Outcome, Pairs, Profile, ReferenceWorld, Script, Setting, Verdict, World, busy, simulate,
};

fn make(setting: &Setting) -> Box<dyn World> {
    Box::new(ReferenceWorld::new(setting))
}

fn play(seed: u64, profile: Profile) -> Verdict {
    simulate(seed, profile, &Pairs::default(), &make, Script::default())
}

fn busy_reference(seed: u64, blow: Option<Blow>) -> Outcome {
    busy(seed, &Pairs::default(), &make, blow, false)
}

fn assert_clean(verdict: &Verdict) {
    let Verdict {
        seed,
        profile,
        violations,
        ..
    } = verdict;
    assert!(
        violations.is_empty(),
        "--seeds {seed}..{} --profile {profile}: {violations:#?}",
        seed + 1
    );
}

#[test]
fn e8_e2_p4_p6_p8_p15_histories_of_every_profile_break_no_law() {
    for profile in Profile::ALL {
        for seed in 0..6 {
            let verdict = play(seed, profile);
            assert_clean(&verdict);
            assert!(verdict.tally.events >= 200, "{}", verdict.tally.events);
        }
    }
}

#[test]
fn a_seed_played_twice_leaves_one_trace() {
    for profile in [Profile::Calm, Profile::Hostile] {
        assert_eq!(play(77, profile), play(77, profile));
        assert_ne!(play(77, profile).trace, play(78, profile).trace);
    }
}

/// Every call of a peer or store has two such points: before it has an effect, and after.
#[test]
fn e6_a_process_that_dies_at_an_input_or_output_breaks_no_law() {
    for point in (1..1_000).step_by(111) {
        let script = Script {
            dies_at: Some(point),
            ..Script::default()
        };
        let verdict = simulate(3, Profile::Calm, &Pairs::default(), &make, script);
        assert_clean(&verdict);
        assert_eq!(
            verdict.tally.faults.get("process died"),
            Some(&1),
            "{point}"
        );
    }
}

/// All points of the busy history are swept by the example, `--sweep`.
#[test]
fn e6_a_crash_at_any_input_or_output_leads_to_the_outcome_of_no_crash() {
    for seed in [0, 4] {
        let calm = busy_reference(seed, None);
        assert_eq!(calm.verdict.violations, [] as [String; 0]);
        assert!(calm.verdict.tally.events >= 200);
        let mut struck = (0, 0);
        for at in (7..calm.points.min(1_000)).step_by(61) {
            for blow in [Blow::Dies(at), Blow::Torn(at)] {
                let outcome = busy_reference(seed, Some(blow));
                assert_eq!(outcome.verdict.violations, [] as [String; 0], "{blow:?}");
                assert_eq!(outcome.difference(&calm), None, "{blow:?}");
                let met = |fault| outcome.verdict.tally.faults.contains_key(fault);
                struck.0 += u32::from(met("process died"));
                struck.1 += u32::from(met("told that it failed"));
            }
        }
        assert!(struck.0 > 10 && struck.1 > 5, "{struck:?}");
    }
}

#[test]
fn every_profile_has_a_name_that_reads_back() {
    for profile in Profile::ALL {
        assert_eq!(profile.name().parse(), Ok(profile));
    }
    assert!("stormy".parse::<Profile>().is_err());
}
