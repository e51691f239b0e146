//! The hunt for planted bugs as a command.

use super::{Asked, Program};

#[cfg(not(feature = "canary"))]
impl Asked {
    #[allow(
        clippy::unused_self,
        reason = "with the feature it asks what was asked for"
    )]
    pub(super) fn hunt(&self, name: &str, program: &Program<'_>) -> bool {
        (program.print)(&format!("canary {name:?} needs the feature `canary`"));
        false
    }
}

#[cfg(feature = "canary")]
impl Asked {
    /// Plants each bug that was named and plays until a seed catches it.
    pub(super) fn hunt(&self, name: &str, program: &Program<'_>) -> bool {
        use crate::canary::{self, Canary};

        let print = program.print;
        let named = match (name, Canary::by_name(name)) {
            ("all", _) => Canary::ALL.to_vec(),
            (_, Some(canary)) => vec![canary],
            _ => {
                let all = Canary::ALL;
                print(&format!("there is no canary {name:?}; there are {all:?}"));
                return false;
            }
        };
        let mut missed = 0;
        for planted in named {
            canary::plant(Some(planted));
            let told = match self.sweep {
                Some(points) => self.caught_by_sweep(program, points),
                None => self.caught_by_seeds(program),
            };
            match told {
                Ok(told) => print(&format!("{planted:?}: caught by {told}")),
                Err(tried) => {
                    missed += 1;
                    print(&format!("{planted:?}: NOT CAUGHT by {tried}"));
                }
            }
        }
        canary::plant(None);
        missed == 0
    }

    fn caught_by_sweep(&self, program: &Program<'_>, points: u64) -> Result<String, String> {
        let wrong = self.first_wrong(program, points);
        wrong
            .map(|wrong| format!("{:?}", wrong.blow))
            .ok_or_else(|| format!("{points} points"))
    }

    fn caught_by_seeds(&self, program: &Program<'_>) -> Result<String, String> {
        for seed in self.seeds.clone() {
            let verdict = self.play_one(seed, program);
            if let Some(violation) = verdict.violations.first() {
                let (profile, tried) = (verdict.profile, seed - self.seeds.start + 1);
                return Ok(format!(
                    "seed {seed} ({profile}), {tried} tried: {violation}"
                ));
            }
        }
        Err(format!("seeds {:?}", self.seeds))
    }
}
