//! Every law of stores fails for a store that breaks it.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::broken_peer::pause;
use super::{StoreInMemory, store, world};
use crate::link::{LinkId, LinkSpec};
use crate::outbox::IntentState;
use crate::pair::{PairDigests, Standing};
use crate::port::{
    Bookmark, Capabilities, Change, Commit, Committed, Fence, LeaseAsk, OpenMode, Opened, Query,
    Rows, Serial, Store, StoreError,
};
use crate::record::Record;
use crate::testkit::contract::store::{self, Setup};
use crate::testkit::contract::{Colocated, StoreWorld};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    ForgetsReasons,
    IgnoresBookmarks,
    RefusesTheUnknown,
    KnowsOneLink,
    CountsLooks,
    MissesTheBorder,
    ServesAnyPlace,
    CountsTwice,
    IgnoresExpectations,
    BelievesAnyNextId,
    DigestsTheGone,
    ForgetsTheDead,
    ForgetsDecisions,
    CommitsByHalves,
    EndsWithItsProcess,
    LetsAnybodyIn,
    IgnoresFences,
    LeavesOutWhatFollows,
    NeverCompares,
    CallsEverythingClean,
    FailsWithOneEffect,
    ExecutesAnyway,
}

type Law = fn(Setup<'_>);

const CAUGHT: [(&str, Law, Defect); 23] = {
    use Defect::*;
    use store::*;
    macro_rules! table {
        ($($law:ident => $defect:ident),* $(,)?) => { [$((stringify!($law), $law as Law, $defect)),*] };
    }
    table![
        random_histories_read_as_in_the_reference => ForgetsReasons,
        pages_of_any_size_yield_every_row_once_in_order => IgnoresBookmarks,
        a_link_nobody_knows_is_empty => RefusesTheUnknown,
        links_do_not_see_each_other => KnowsOneLink,
        opening_to_read_writes_nothing => CountsLooks,
        a_slice_answers_those_whose_rank_lies_in_it => MissesTheBorder,
        a_link_made_for_other_places_is_refused => ServesAnyPlace,
        the_serial_grows_by_one_with_each_commit => CountsTwice,
        a_commit_that_expects_another_serial_changes_nothing => IgnoresExpectations,
        ids_are_never_handed_out_again => BelievesAnyNextId,
        digests_are_of_what_is_there => DigestsTheGone,
        intents_are_read_until_they_are_final => ForgetsTheDead,
        a_decision_counts_for_the_values_it_was_about => ForgetsDecisions,
        a_commit_dropped_at_any_await_is_whole_or_nothing => CommitsByHalves,
        what_was_committed_survives_the_process => EndsWithItsProcess,
        a_second_taker_waits_until_the_lease_is_given_back => LetsAnybodyIn,
        a_later_fence_ends_an_earlier_one => IgnoresFences,
        a_fence_is_for_one_link => IgnoresFences,
        an_effect_is_done_and_remembered_with_its_commit => LeavesOutWhatFollows,
        an_effect_gives_way_to_a_person_who_was_faster => NeverCompares,
        an_effect_on_an_edited_row_leaves_the_pair_dirty => CallsEverythingClean,
        a_refused_effect_costs_itself => FailsWithOneEffect,
        a_commit_that_fails_has_no_effect => ExecutesAnyway,
    ]
};

#[test]
fn every_law_of_stores_fails_for_a_store_that_breaks_it() {
    let passes = CAUGHT.iter().filter(|(_, law, defect)| {
        let run = || law(&|| Box::new(BrokenWorld::new(*defect)));
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    });
    let passes: Vec<_> = passes.map(|(name, _, defect)| (name, defect)).collect();
    assert_eq!(passes, [], "laws that pass, and the defect they should see");
}

#[test]
fn the_macro_names_the_laws_that_were_seen_to_fail() {
    let source = include_str!("../store/mod.rs");
    let listed = source.split("store:").last().unwrap_or_default();
    let listed = listed
        .split('}')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let caught: Vec<&str> = CAUGHT.iter().map(|(name, ..)| *name).collect();
    assert_eq!(listed.collect::<Vec<_>>(), caught);
}

struct BrokenWorld {
    inner: StoreInMemory,
    broken: Broken,
}

impl BrokenWorld {
    fn new(defect: Defect) -> Self {
        let inner = store(Some(world(Capabilities::local())));
        let broken = Broken {
            store: Arc::new(inner.store.clone()),
            spec: inner.spec(),
            defect,
            numbers: Mutex::default(),
        };
        Self { inner, broken }
    }
}

impl StoreWorld for BrokenWorld {
    fn store(&self) -> &dyn Store {
        &self.broken
    }

    fn reopen(&mut self) -> bool {
        if self.broken.is(Defect::EndsWithItsProcess) {
            *self = Self::new(self.broken.defect);
            return true;
        }
        self.inner.reopen()
    }

    fn spec(&self) -> LinkSpec {
        self.inner.spec()
    }

    fn colocated(&self) -> Option<Colocated<'_>> {
        self.inner.colocated()
    }
}

struct Broken {
    spec: LinkSpec,
    store: Arc<crate::testkit::MemoryStore>,
    defect: Defect,
    numbers: Mutex<Numbers>,
}

#[derive(Default)]
struct Numbers {
    looks: u64,
    said: u64,
    commits: u64,
}

impl Broken {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bend(&self, change: Change) -> Vec<Change> {
        match (self.defect, change) {
            (
                Defect::ForgetsReasons,
                Change::Attend {
                    pair,
                    dirty,
                    standing: Some(standing),
                },
            ) => vec![Change::Attend {
                pair,
                dirty,
                standing: Some(Standing {
                    reason: String::new(),
                    ..standing
                }),
            }],
            (Defect::ForgetsTheDead, Change::Intent(mut intent)) => {
                if intent.state == IntentState::Dead {
                    intent.state = IntentState::Dropped;
                }
                vec![Change::Intent(intent)]
            }
            (Defect::ForgetsDecisions, Change::Conflict(conflict)) => vec![
                Change::CloseConflict {
                    pair: conflict.pair,
                    field: conflict.field.clone(),
                },
                Change::Conflict(conflict),
            ],
            (_, change) => vec![change],
        }
    }

    async fn take(&self, link: &LinkId) -> Result<Fence, StoreError> {
        self.store.break_lease(link);
        let owner = "anybody".to_owned();
        self.store.lease(link, &LeaseAsk::Take { owner }).await
    }
}

#[async_trait]
impl Store for Broken {
    async fn open(&self, spec: &LinkSpec, mode: OpenMode) -> Result<Opened, StoreError> {
        let mut spec = spec.clone();
        if self.is(Defect::ServesAnyPlace) {
            spec.places = self.spec.places.clone();
        }
        let mut opened = self.store.open(&spec, mode).await?;
        let mut numbers = self.numbers();
        match self.defect {
            Defect::CountsLooks => {
                opened.serial.0 += numbers.looks;
                numbers.looks += 1;
            }
            Defect::BelievesAnyNextId => opened.next_id = numbers.said.max(1),
            _ => {}
        }
        Ok(opened)
    }

    async fn lease(&self, link: &LinkId, ask: &LeaseAsk) -> Result<Fence, StoreError> {
        match self.store.lease(link, ask).await {
            Err(StoreError::Busy { .. }) if self.is(Defect::LetsAnybodyIn) => self.take(link).await,
            answer => answer,
        }
    }

    async fn read(
        &self,
        link: &LinkId,
        query: &Query,
        after: Option<Bookmark>,
        limit: u32,
    ) -> Result<Rows, StoreError> {
        let after = after.filter(|_| !self.is(Defect::IgnoresBookmarks));
        let known = LinkId::new("contract");
        if self.is(Defect::RefusesTheUnknown) && *link != known {
            return Err(StoreError::Corrupt("no such link".into()));
        }
        let link = if self.is(Defect::KnowsOneLink) {
            &known
        } else {
            link
        };
        if self.is(Defect::DigestsTheGone) && *query == Query::Digests {
            let pairs = self.store.read(link, &Query::All, after, limit).await?;
            let Rows::Pairs(pairs) = pairs else {
                return Ok(pairs);
            };
            let digests = pairs.iter().map(|pair| PairDigests {
                id: pair.id,
                seen: pair
                    .sides
                    .as_ref()
                    .map(|side| side.shadow.as_ref().map(Record::digest)),
            });
            return Ok(Rows::Digests(digests.collect()));
        }
        let mut query = query.clone();
        if let Query::LiveWithin(_, range) = &mut query
            && let Bound::Included(from) = &range.from
            && self.is(Defect::MissesTheBorder)
        {
            range.from = Bound::Excluded(from.clone());
        }
        self.store.read(link, &query, after, limit).await
    }

    async fn commit(&self, fence: &Fence, mut commit: Commit) -> Result<Committed, StoreError> {
        let changes = commit.changes.into_iter();
        commit.changes = changes.flat_map(|change| self.bend(change)).collect();
        self.numbers().said = commit.next_id;
        self.numbers().commits += 1;
        let commits = self.numbers().commits;
        match self.defect {
            Defect::IgnoresExpectations => commit.expect = None,
            Defect::CommitsByHalves => {
                let rest = commit.changes.split_off(commit.changes.len() / 2);
                let half = Commit {
                    changes: commit.changes,
                    ..Commit::default()
                };
                self.store.commit(fence, half).await?;
                pause().await;
                commit.changes = rest;
            }
            Defect::LeavesOutWhatFollows => {
                commit
                    .effects
                    .iter_mut()
                    .for_each(|effect| effect.then.clear());
            }
            Defect::NeverCompares => {
                for effect in &mut commit.effects {
                    effect.command.holding.clear();
                    let cells = &mut effect.command.cells;
                    cells.iter_mut().for_each(|cell| cell.expected = None);
                }
            }
            Defect::FailsWithOneEffect if commit.effects.len() > 1 => {
                return Err(StoreError::Corrupt("one command was refused".into()));
            }
            _ => {}
        }
        let again = commit.clone();
        let mut committed = match self.store.commit(fence, commit).await {
            Err(StoreError::Fenced) if self.is(Defect::IgnoresFences) => {
                let fence = self.take(&fence.link).await?;
                return self.store.commit(&fence, again).await;
            }
            Err(error) if self.is(Defect::ExecutesAnyway) => {
                let effects = Commit {
                    expect: None,
                    ..again
                };
                self.store.commit(fence, effects).await?;
                return Err(error);
            }
            answer => answer?,
        };
        if self.is(Defect::CountsTwice) {
            committed.serial = Serial(committed.serial.0 + commits);
        }
        if self.is(Defect::CallsEverythingClean) {
            let clean = again.effects.iter().map(|effect| Change::Attend {
                pair: effect.pair,
                dirty: false,
                standing: None,
            });
            let clean = Commit {
                changes: clean.collect(),
                ..Commit::default()
            };
            self.store.commit(fence, clean).await?;
        }
        Ok(committed)
    }
}
