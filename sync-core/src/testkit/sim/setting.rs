//! Settings: what of a world is left to the seed, and what the caller allows.

use std::str::FromStr;
use std::time::Duration;

use super::world::World;
use crate::link::Sides;
use crate::testkit::Entropy;

/// What a place is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Like Notion, see [`MemoryPeer::notion_like`](crate::testkit::MemoryPeer::notion_like).
    Notion,
    /// Like a table, see [`MemoryPeer::sql_like`](crate::testkit::MemoryPeer::sql_like), outside of
    /// the store.
    Sql,
    /// A table inside the store, which executes its commands.
    Replica,
    /// Like files, see [`MemoryPeer::file_like`](crate::testkit::MemoryPeer::file_like).
    Files,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "notion" => Ok(Self::Notion),
            "sql" => Ok(Self::Sql),
            "replica" => Ok(Self::Replica),
            "files" => Ok(Self::Files),
            _ => Err(format!("there is no kind of peer {name:?}")),
        }
    }
}

/// Which kinds of places meet in histories. At least two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs(Vec<(u64, Sides<Kind>)>);

const fn pair(left: Kind, right: Kind) -> Sides<Kind> {
    Sides { left, right }
}

/// All pairs, and how often each is drawn.
const PAIRS: [(u64, Sides<Kind>); 5] = [
    (6, pair(Kind::Notion, Kind::Replica)),
    (3, pair(Kind::Notion, Kind::Sql)),
    (3, pair(Kind::Notion, Kind::Files)),
    (2, pair(Kind::Sql, Kind::Files)),
    (2, pair(Kind::Files, Kind::Replica)),
];

/// The pairs of busy histories, a seed each in turn.
const BUSY: [Sides<Kind>; 5] = [
    pair(Kind::Notion, Kind::Replica),
    pair(Kind::Files, Kind::Replica),
    pair(Kind::Notion, Kind::Sql),
    pair(Kind::Sql, Kind::Files),
    pair(Kind::Files, Kind::Notion),
];

impl Default for Pairs {
    /// All there are.
    fn default() -> Self {
        Self(PAIRS.to_vec())
    }
}

impl Pairs {
    /// The pairs that have all of these kinds; `None` where no pair has.
    pub fn of(kinds: &[Kind]) -> Option<Self> {
        let has_all = |pair: &Sides<Kind>| kinds.iter().all(|kind| has(pair, *kind));
        let pairs = PAIRS.into_iter().filter(|(_, pair)| has_all(pair));
        let pairs: Vec<_> = pairs.collect();
        (!pairs.is_empty()).then_some(Self(pairs))
    }

    fn allows(&self, pair: &Sides<Kind>) -> bool {
        let mut pairs = self.0.iter();
        pairs.any(|(_, known)| has(known, pair.left) && has(known, pair.right))
    }
}

fn has(pair: &Sides<Kind>, kind: Kind) -> bool {
    pair.left == kind || pair.right == kind
}

/// What the world of a history is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What the two places are like.
    pub kinds: Sides<Kind>,
    /// How late the index of a place like Notion is.
    pub lag: Duration,
    /// Whether creates carry a marker.
    pub marker: bool,
    /// How many records a page of a place like Notion holds, where that offers slices.
    pub page: Option<u32>,
}

impl Setting {
    /// The setting that a seed's entropy leads to.
    pub(super) fn draw(pairs: &Pairs, entropy: &mut Entropy) -> Self {
        let kinds = entropy.weighted(&pairs.0).unwrap_or(PAIRS[0].1);
        let kinds = if entropy.chance(500) {
            kinds.swap()
        } else {
            kinds
        };
        let lag = Duration::from_secs(entropy.pick(&[0, 30, 60]).copied().unwrap_or(0));
        let marker = entropy.chance(850);
        // Large enough for several pages, small enough for a history.
        let sliced = entropy.chance(400);
        let page = sliced.then(|| entropy.pick(&[3, 5, 8]).copied().unwrap_or(5));
        Self {
            kinds,
            lag,
            marker,
            page,
        }
    }

    /// The setting of a busy history. Creates carry a marker: without one a lost create waits for a
    /// person, who is not part of these histories.
    pub(super) fn busy(pairs: &Pairs, seed: u64) -> Self {
        let allowed: Vec<_> = BUSY.into_iter().filter(|pair| pairs.allows(pair)).collect();
        let many = allowed.len().max(1) as u64;
        let nth = usize::try_from(seed % many).unwrap_or(0);
        Self {
            kinds: allowed.get(nth).copied().unwrap_or(BUSY[0]),
            lag: Duration::from_secs(30 * (seed / many % 3)),
            marker: true,
            page: None,
        }
    }
}

/// Makes the world of a setting.
pub type MakeWorld<'a> = dyn Fn(&Setting) -> Box<dyn World> + Sync + 'a;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_all_kinds_that_were_asked_for() {
        assert_eq!(Pairs::of(&[]), Some(Pairs::default()));
        let of_replicas = Pairs::of(&[Kind::Replica]);
        let busy = |seed| {
            of_replicas
                .as_ref()
                .map(|pairs| Setting::busy(pairs, seed).kinds)
        };
        assert_eq!(busy(0), Some(Sides::new(Kind::Notion, Kind::Replica)));
        assert_eq!(busy(1), Some(Sides::new(Kind::Files, Kind::Replica)));
        assert_eq!(busy(2), busy(0));
        assert_eq!(Pairs::of(&[Kind::Sql, Kind::Replica]), None);
    }
}
