//! Profiles: how rough the world of a history is.

use std::fmt;
use std::str::FromStr;

/// How rough the world is. Rates are per thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Profile {
    /// Nothing fails; people edit before, between and during runs. Budgets of requests are checked.
    Calm,
    /// Answers and requests get lost, arrive late, are refused.
    Lossy,
    /// Processes die at any input or output, commits fail, two processes race for the lease.
    Crashy,
    /// Queries are late, capped, truncated; records stop being shown; clocks jump.
    Lagging,
    /// All of it.
    Hostile,
}

/// How often what goes wrong, per thousand occasions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strain {
    /// A call that only reads fails.
    pub(super) read_fails: u64,
    /// A command meets a fault.
    pub(super) write_fails: u64,
    /// A page of a scan or a direct read shows less than there is.
    pub(super) shows_less: u64,
    /// A commit or a read of the store fails.
    pub(super) store_fails: u64,
    /// A call has its effect, and the caller is told that it failed.
    pub(super) tears: u64,
    /// The process dies, at each input or output.
    pub(super) dies: u64,
    /// A person does something, at each input or output.
    pub(super) meanwhile: u64,
    /// Two processes run at once, per run.
    pub(super) races: u64,
    /// The weather changes (lag, caps, hidden records, clocks), per event.
    pub(super) weather: u64,
}

impl Profile {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Calm,
        Self::Lossy,
        Self::Crashy,
        Self::Lagging,
        Self::Hostile,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Lossy => "lossy",
            Self::Crashy => "crashy",
            Self::Lagging => "lagging",
            Self::Hostile => "hostile",
        }
    }

    pub(super) fn strain(self) -> Strain {
        let calm = Strain {
            meanwhile: 10,
            ..Strain::default()
        };
        match self {
            Self::Calm => calm,
            Self::Lossy => Strain {
                read_fails: 10,
                write_fails: 150,
                ..calm
            },
            Self::Crashy => Strain {
                store_fails: 4,
                tears: 2,
                dies: 10,
                races: 200,
                ..calm
            },
            Self::Lagging => Strain {
                shows_less: 80,
                weather: 60,
                ..calm
            },
            Self::Hostile => Strain {
                read_fails: 5,
                write_fails: 80,
                shows_less: 40,
                store_fails: 2,
                tears: 1,
                dies: 5,
                races: 100,
                weather: 40,
                meanwhile: 20,
            },
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|profile| profile.name() == name);
        known.ok_or_else(|| format!("there is no profile {name:?}"))
    }
}
