//! A world with its link open, and the short forms the laws are written in.

use std::future::Future;
use std::ops::Bound;

use crate::link::{LinkId, LinkSpec, Side};
use crate::pair::{PairId, PairState, SideState};
use crate::port::{
    Bookmark, Change, Commit, Committed, Effect, Fence, LeaseAsk, OpenMode, Opened, Query, Rows,
    Serial, Store, StoreError,
};
use crate::record::{Cell, Key, Lifecycle, Rank, RankRange, Record};
use crate::schema::FieldId;
use crate::testkit::contract::StoreWorld;
use crate::value::Value;

/// Makes a fresh world with an empty store.
pub type Setup<'a> = &'a dyn Fn() -> Box<dyn StoreWorld>;

/// More rows than any law makes.
pub(super) const ALL: u32 = 10_000;

pub(super) struct Bench {
    pub(super) world: Box<dyn StoreWorld>,
    pub(super) spec: LinkSpec,
}

impl Bench {
    /// A world whose link is not open yet.
    pub(super) fn new(setup: Setup<'_>) -> Self {
        let world = setup();
        Self {
            spec: world.spec(),
            world,
        }
    }

    /// A world whose link is open and leased.
    pub(super) fn opened(setup: Setup<'_>) -> (Self, Fence) {
        let bench = Self::new(setup);
        let fence = bench.begin();
        (bench, fence)
    }

    /// Opens the link and takes its lease.
    pub(super) fn begin(&self) -> Fence {
        self.open(OpenMode::Write);
        self.take("contract").expect("the lease is free")
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.world.store()
    }

    pub(super) fn link(&self) -> &LinkId {
        &self.spec.id
    }

    pub(super) fn run<T>(&self, task: impl Future<Output = T>) -> T {
        let mut answer = None;
        let task = async { answer = Some(task.await) };
        self.world.drive(Box::pin(task));
        answer.expect("the world drives a task to its end")
    }

    pub(super) fn open(&self, mode: OpenMode) -> Opened {
        let opened = self.run(self.store().open(&self.spec, mode));
        opened.expect("the store opens")
    }

    pub(super) fn lease(&self, ask: &LeaseAsk) -> Result<Fence, StoreError> {
        self.run(self.store().lease(self.link(), ask))
    }

    pub(super) fn take(&self, owner: &str) -> Result<Fence, StoreError> {
        self.lease(&LeaseAsk::Take {
            owner: owner.into(),
        })
    }

    pub(super) fn try_commit(
        &self,
        fence: &Fence,
        commit: Commit,
    ) -> Result<Committed, StoreError> {
        self.run(self.store().commit(fence, commit))
    }

    pub(super) fn commit(&self, fence: &Fence, changes: Vec<Change>) -> Serial {
        let commit = Commit {
            changes,
            ..Commit::default()
        };
        let committed = self.try_commit(fence, commit);
        committed.expect("the commit goes through").serial
    }

    pub(super) fn effects(&self, fence: &Fence, effects: Vec<Effect>) -> Committed {
        let commit = Commit {
            effects,
            ..Commit::default()
        };
        let committed = self.try_commit(fence, commit);
        committed.expect("the commit goes through")
    }

    pub(super) fn read(&self, query: &Query, after: Option<Bookmark>, limit: u32) -> Rows {
        let rows = self.run(self.store().read(self.link(), query, after, limit));
        sorted(rows.expect("the query is answered"))
    }

    pub(super) fn pair(&self, pair: PairId) -> PairState {
        match self.read(&Query::Pairs(vec![pair]), None, ALL) {
            Rows::Pairs(mut pairs) if pairs.len() == 1 => pairs.remove(0),
            other => panic!("not one pair: {other:?}"),
        }
    }

    /// All that can be read of the link: equal when nothing changed.
    pub(super) fn everything(&self) -> (Opened, Vec<Rows>) {
        let rows = queries(&self.spec);
        let rows = rows.iter().map(|query| self.read(query, None, ALL));
        (self.open(OpenMode::Read), rows.collect())
    }

    /// A live record of a pair, seen on a side with this text in every mapped field.
    pub(super) fn seen(&self, pair: PairId, side: Side, text: &str) -> Change {
        let fields = self.spec.mapping.fields.iter();
        let cells = fields.map(|field| {
            let cell = Cell::Complete(Value::text(text));
            (field.ids[side].clone(), cell)
        });
        let record = Record {
            key: key(side, pair),
            lifecycle: Lifecycle::Live,
            version: None,
            edited_at: None,
            rank: rank(pair),
            cells: cells.collect(),
        };
        Change::Observe {
            pair,
            side,
            state: SideState::seen(record),
            dirty: true,
        }
    }

    pub(super) fn fields(&self, side: Side) -> Vec<FieldId> {
        let fields = self.spec.mapping.fields.iter();
        fields.map(|field| field.ids[side].clone()).collect()
    }
}

/// The key of a pair's record on a side.
pub(super) fn key(side: Side, pair: PairId) -> Key {
    let mark = match side {
        Side::Left => 'l',
        Side::Right => 'r',
    };
    Key::durable(format!("{mark}{}", pair.0))
}

/// Where a pair's records stand: two pairs share a place, and of every fourth it is not known.
pub(super) fn rank(pair: PairId) -> Option<Rank> {
    (!pair.0.is_multiple_of(4)).then(|| Rank::new((pair.0 / 2).to_string()))
}

/// Pairs the laws work on.
pub(super) fn pairs() -> impl Iterator<Item = PairId> {
    (1..6).map(PairId)
}

/// Every query, over the pairs the laws work on.
pub(super) fn queries(spec: &LinkSpec) -> Vec<Query> {
    let mut queries = vec![
        Query::Pairs(pairs().chain([PairId(99), PairId(2)]).collect()),
        Query::All,
        Query::Digests,
        Query::Dirty,
        Query::Standing,
        Query::Intents { dead: false },
        Query::Intents { dead: true },
        Query::Conflicts,
        Query::Waits,
        Query::Journal(None),
        Query::Runs,
    ];
    for side in Side::BOTH {
        let mut keys: Vec<Key> = pairs().map(|pair| key(side, pair)).collect();
        keys.reverse();
        keys.push(Key::durable(spec.id.as_str()));
        queries.extend([
            Query::Heads(side, keys),
            Query::Live(side),
            Query::LiveUnranked(side),
            Query::LiveWithin(side, within(Bound::Unbounded, Bound::Unbounded)),
            Query::LiveWithin(side, within(Bound::Included("1"), Bound::Excluded("3"))),
            Query::LiveWithin(side, within(Bound::Excluded("1"), Bound::Included("3"))),
            Query::DeletesSince(side, crate::record::Timestamp(4)),
        ]);
    }
    queries
}

/// A range of ranks.
pub(super) fn within(from: Bound<&str>, to: Bound<&str>) -> RankRange {
    RankRange {
        from: from.map(Rank::new),
        to: to.map(Rank::new),
    }
}

/// Within a pair, conflicts come in any order.
pub(super) fn sorted(mut rows: Rows) -> Rows {
    if let Rows::Conflicts(conflicts) = &mut rows {
        conflicts.sort_by(|a, b| (a.pair, &a.field).cmp(&(b.pair, &b.field)));
    }
    rows
}
