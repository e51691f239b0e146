//! A few seeds of every profile; many more are played by the example `simulate`.

use super::{Profile, Script, Verdict, simulate_reference};

fn play(seed: u64, profile: Profile) -> Verdict {
    simulate_reference(seed, profile, Script::default())
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
        let verdict = simulate_reference(3, Profile::Calm, script);
        assert_clean(&verdict);
        assert_eq!(
            verdict.tally.faults.get("process died"),
            Some(&1),
            "{point}"
        );
    }
}

#[test]
fn every_profile_has_a_name_that_reads_back() {
    for profile in Profile::ALL {
        assert_eq!(profile.name().parse(), Ok(profile));
    }
    assert!("stormy".parse::<Profile>().is_err());
}
