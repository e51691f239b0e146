//! The merge-join: what both sides show now against what is remembered of them, pair by pair, from
//! sorted digests alone. Says which pairs need a look and counts the rest.
//!
//! Whole sides are two arrays of 32 bytes a record; what is remembered comes page by page.
//! Linear in the rows of all three, and without an allocation for any of them.

use crate::link::{Side, Sides};
use crate::pair::{PairDigests, PairId};
use crate::value::Digest;

/// What a side showed: of each record its pair and its digest, sorted by pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    rows: Vec<(PairId, Digest)>,
    whole: bool,
}

impl Shown {
    /// Everything there is on a side: what is not among it is missing.
    pub fn whole(rows: Vec<(PairId, Digest)>) -> Self {
        Self::sorted(rows, true)
    }

    /// A part of a side: what is not among it counts as unchanged.
    pub fn part(rows: Vec<(PairId, Digest)>) -> Self {
        Self::sorted(rows, false)
    }

    fn sorted(mut rows: Vec<(PairId, Digest)>, whole: bool) -> Self {
        rows.sort_unstable();
        Self { rows, whole }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// How a side of a pair stands against what is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// Neither shown nor remembered.
    Absent,
    /// Shown as it is remembered.
    Same,
    /// Remembered and not shown, by a side of which only a part was.
    Presumed,
    /// Shown, and not as it is remembered.
    Differs,
    /// Shown, and not remembered.
    Appeared,
    /// Remembered and not shown, though everything was.
    Missing,
}

impl Met {
    fn needs_a_look(self) -> bool {
        matches!(self, Self::Differs | Self::Appeared | Self::Missing)
    }
}

/// A pair, and whether it needs a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The pair.
    pub pair: PairId,
    /// How its sides stand.
    pub met: Sides<Met>,
    /// How often a side showed it beyond once.
    pub again: Sides<u32>,
}

impl Look {
    /// Whether a side showed the pair.
    pub fn is_shown(&self, side: Side) -> bool {
        matches!(self.met[side], Met::Same | Met::Differs | Met::Appeared)
    }

    /// Whether something about the pair is not as it is remembered.
    pub fn is_needed(&self) -> bool {
        let quiet = !self.met.left.needs_a_look() && !self.met.right.needs_a_look();
        !quiet || self.again != Sides::new(0, 0)
    }
}

/// How many pairs were met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinCounts {
    /// Pairs of which nothing is to be said.
    pub same: u64,
    /// Pairs that need a look.
    pub looks: u64,
}

impl JoinCounts {
    fn add(&mut self, look: &Look) {
        if look.is_needed() {
            self.looks += 1;
        } else {
            self.same += 1;
        }
    }
}

/// A join under way: it is given what is remembered page by page.
#[derive(Clone, Debug)]
pub struct MergeJoin<'a> {
    rest: Sides<&'a [(PairId, Digest)]>,
    whole: Sides<bool>,
    counts: JoinCounts,
    #[cfg(test)]
    steps: u64,
}

impl<'a> MergeJoin<'a> {
    /// A join of what two sides showed with what is remembered, of which nothing is known yet.
    pub fn new(shown: &'a Sides<Shown>) -> Self {
        Self {
            rest: shown.as_ref().map(|shown| &shown.rows[..]),
            whole: shown.as_ref().map(|shown| shown.whole),
            counts: JoinCounts::default(),
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Takes the next pairs that are remembered, each later than those before, and tells of those
    /// that need a look, in order. A pair out of order counts as one that was not shown.
    pub fn meet(&mut self, remembered: &[PairDigests], mut look: impl FnMut(Look)) {
        self.meet_each(remembered, |met| {
            if met.is_needed() {
                look(met);
            }
        });
    }

    /// As [`MergeJoin::meet`], and tells of the others too.
    pub fn meet_each(&mut self, remembered: &[PairDigests], mut tell: impl FnMut(Look)) {
        for known in remembered {
            self.strangers_before(known.id, &mut tell);
            let (left, left_again) = self.take(Side::Left, known.id, known.seen.left);
            let (right, right_again) = self.take(Side::Right, known.id, known.seen.right);
            let look = Look {
                pair: known.id,
                met: Sides::new(left, right),
                again: Sides::new(left_again, right_again),
            };
            self.counts.add(&look);
            tell(look);
        }
    }

    /// Nothing more is remembered: tells of the pairs that are left, which were only shown.
    pub fn finish(mut self, mut look: impl FnMut(Look)) -> JoinCounts {
        self.strangers_before(PairId(u64::MAX), &mut look);
        self.stranger(PairId(u64::MAX), &mut look);
        self.counts
    }

    /// Pairs before this one that nobody remembers.
    fn strangers_before(&mut self, bound: PairId, look: &mut impl FnMut(Look)) {
        loop {
            let next = |side: Side| self.rest[side].first().map_or(bound, |row| row.0);
            let pair = next(Side::Left).min(next(Side::Right));
            if pair >= bound {
                return;
            }
            self.stranger(pair, look);
        }
    }

    fn stranger(&mut self, pair: PairId, look: &mut impl FnMut(Look)) {
        let (left, left_again) = self.take(Side::Left, pair, None);
        let (right, right_again) = self.take(Side::Right, pair, None);
        if (left, right) == (Met::Absent, Met::Absent) {
            return;
        }
        let stranger = Look {
            pair,
            met: Sides::new(left, right),
            again: Sides::new(left_again, right_again),
        };
        self.counts.add(&stranger);
        look(stranger);
    }

    /// Takes every row of a pair off a side: how it stands, and how many there were beyond one.
    fn take(&mut self, side: Side, pair: PairId, known: Option<Digest>) -> (Met, u32) {
        let mut met = match known {
            None => Met::Absent,
            Some(_) if self.whole[side] => Met::Missing,
            Some(_) => Met::Presumed,
        };
        let mut rows = 0_u32;
        while let Some(((at, digest), rest)) = self.rest[side].split_first()
            && *at == pair
        {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            self.rest[side] = rest;
            rows = rows.saturating_add(1);
            // Shown twice, it differs if it does in one of the two.
            met = match known {
                None => Met::Appeared,
                Some(known) if known == *digest && met != Met::Differs => Met::Same,
                Some(_) => Met::Differs,
            };
        }
        (met, rows.saturating_sub(1))
    }
}

/// The whole join at once. Tells of the pairs that need a look, in order.
pub fn merge_join(
    shown: &Sides<Shown>,
    remembered: &[PairDigests],
    mut look: impl FnMut(Look),
) -> JoinCounts {
    let mut join = MergeJoin::new(shown);
    join.meet(remembered, &mut look);
    join.finish(look)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    type Rows = Vec<(PairId, Digest)>;

    fn digest(number: u8) -> Digest {
        Digest::of(&[number])
    }

    /// Few pairs and fewer digests, so that they meet; some pairs more than once.
    fn rows() -> impl Strategy<Value = Rows> {
        vec((0..12_u64, 0..3_u8), 0..16).prop_map(|rows| {
            let rows = rows.into_iter();
            rows.map(|(pair, number)| (PairId(last_too(pair)), digest(number)))
                .collect()
        })
    }

    /// The largest pair there can be is among them.
    fn last_too(pair: u64) -> u64 {
        if pair == 11 { u64::MAX } else { pair }
    }

    fn remembered() -> impl Strategy<Value = Vec<PairDigests>> {
        let side = || proptest::option::of((0..3_u8).prop_map(digest));
        btree_map(0..12_u64, (side(), side()), 0..12).prop_map(|pairs| {
            let pairs = pairs.into_iter();
            pairs
                .map(|(pair, (left, right))| PairDigests {
                    id: PairId(last_too(pair)),
                    seen: Sides::new(left, right),
                })
                .collect()
        })
    }

    fn shown() -> impl Strategy<Value = Sides<Shown>> {
        let side = || {
            (rows(), any::<bool>()).prop_map(|(rows, whole)| {
                if whole {
                    Shown::whole(rows)
                } else {
                    Shown::part(rows)
                }
            })
        };
        (side(), side()).prop_map(|(left, right)| Sides::new(left, right))
    }

    fn joined(shown: &Sides<Shown>, known: &[PairDigests]) -> (Vec<Look>, JoinCounts) {
        let mut looks = Vec::new();
        let counts = merge_join(shown, known, |look| looks.push(look));
        (looks, counts)
    }

    /// The same by sets: every pair that stands anywhere, each by its definition.
    fn by_sets(shown: &Sides<Shown>, known: &[PairDigests]) -> (Vec<Look>, JoinCounts) {
        let known: BTreeMap<PairId, &PairDigests> = known.iter().map(|row| (row.id, row)).collect();
        let mut all: BTreeSet<PairId> = known.keys().copied().collect();
        for side in Side::BOTH {
            all.extend(shown[side].rows.iter().map(|row| row.0));
        }
        let stands = |pair: PairId, side: Side| {
            let rows: Vec<Digest> = shown[side]
                .rows
                .iter()
                .filter(|row| row.0 == pair)
                .map(|row| row.1)
                .collect();
            let before = known.get(&pair).and_then(|row| row.seen[side]);
            match (before, rows.is_empty(), shown[side].whole) {
                (None, true, _) => Met::Absent,
                (None, false, _) => Met::Appeared,
                (Some(_), true, true) => Met::Missing,
                (Some(_), true, false) => Met::Presumed,
                (Some(before), false, _) if rows.iter().all(|row| *row == before) => Met::Same,
                (Some(_), false, _) => Met::Differs,
            }
        };
        let again = |pair: PairId, side: Side| {
            let rows = shown[side].rows.iter().filter(|row| row.0 == pair).count();
            u32::try_from(rows.saturating_sub(1)).unwrap()
        };
        let mut counts = JoinCounts::default();
        let mut looks = Vec::new();
        for pair in all {
            let look = Look {
                pair,
                met: Sides::from_fn(|side| stands(pair, side)),
                again: Sides::from_fn(|side| again(pair, side)),
            };
            let silent = [Met::Absent, Met::Same, Met::Presumed];
            let quiet = Side::BOTH
                .into_iter()
                .all(|side| silent.contains(&look.met[side]) && look.again[side] == 0);
            if quiet {
                counts.same += 1;
            } else {
                counts.looks += 1;
                looks.push(look);
            }
        }
        (looks, counts)
    }

    proptest! {
        #[test]
        fn p2_the_join_says_of_every_pair_what_sets_say(shown in shown(), known in remembered()) {
            let (looks, counts) = joined(&shown, &known);
            for look in &looks {
                for side in Side::BOTH {
                    let mut rows = shown[side].rows.iter();
                    prop_assert_eq!(look.is_shown(side), rows.any(|row| row.0 == look.pair));
                }
            }
            prop_assert_eq!((looks, counts), by_sets(&shown, &known));
        }

        #[test]
        fn p1_pages_of_any_size_join_as_one(
            shown in shown(), known in remembered(), size in 1..5_usize,
        ) {
            let (mut looks, mut join) = (Vec::new(), MergeJoin::new(&shown));
            for page in known.chunks(size) {
                join.meet(page, |look| looks.push(look));
            }
            let counts = join.finish(|look| looks.push(look));
            prop_assert_eq!((looks, counts), joined(&shown, &known));
        }

        #[test]
        fn p3_the_mirrored_join_is_the_mirror_of_the_join(shown in shown(), known in remembered()) {
            let (looks, counts) = joined(&shown, &known);
            let turned: Vec<PairDigests> = known
                .iter()
                .map(|row| PairDigests { id: row.id, seen: mirror(&row.seen) })
                .collect();
            let (mirrored, same) = joined(&mirror(&shown), &turned);
            let back = mirrored.iter().map(|look| Look {
                pair: look.pair,
                met: mirror(&look.met),
                again: mirror(&look.again),
            });
            prop_assert_eq!((looks, counts), (back.collect::<Vec<_>>(), same));
        }

        /// Whatever a store answers, the join ends and tells of every row that was shown.
        #[test]
        fn p2_memory_out_of_order_loses_no_row(shown in shown(), known in vec(any::<u8>(), 0..9)) {
            let known: Vec<PairDigests> = known
                .iter()
                .map(|pair| PairDigests {
                    id: PairId(u64::from(*pair % 12)),
                    seen: Sides::new(Some(digest(0)), None),
                })
                .collect();
            let (looks, counts) = joined(&shown, &known);
            prop_assert_eq!(counts.looks, looks.len() as u64);
            let told: BTreeSet<PairId> = looks.iter().map(|look| look.pair).collect();
            for row in &shown.right.rows {
                prop_assert!(told.contains(&row.0), "{:?}", row);
            }
        }
    }

    #[test]
    fn what_a_side_showed_is_all_there_whether_it_is_the_whole_or_a_part() {
        let rows: Rows = (0..3).map(|pair| (PairId(pair), digest(0))).collect();
        for of in [Shown::whole, Shown::part] {
            assert_eq!(of(rows.clone()).len(), 3);
            assert!(!of(rows.clone()).is_empty() && of(Vec::new()).is_empty());
            assert_eq!(of(rows.clone()).rows, rows);
        }
    }

    fn mirror<T: Clone>(sides: &Sides<T>) -> Sides<T> {
        Sides::new(sides.right.clone(), sides.left.clone())
    }

    #[test]
    fn twice_as_many_rows_take_twice_as_many_steps() {
        let steps = |n: u64| {
            let rows: Rows = (0..n).map(|pair| (PairId(pair), digest(1))).collect();
            let known: Vec<PairDigests> = (0..n)
                .map(|pair| PairDigests {
                    id: PairId(pair),
                    seen: Sides::new(Some(digest(1)), Some(digest(2))),
                })
                .collect();
            let shown = Sides::new(Shown::whole(rows.clone()), Shown::whole(rows));
            let mut join = MergeJoin::new(&shown);
            join.meet(&known, |look| {
                assert_eq!(look.met, Sides::new(Met::Same, Met::Differs));
            });
            assert_eq!(join.counts, JoinCounts { same: 0, looks: n });
            join.steps
        };
        assert_eq!((steps(1_000), steps(2_000)), (2_000, 4_000));
    }
}
