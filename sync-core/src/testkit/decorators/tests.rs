//! Each decorator does its one thing, and behind all of them a peer keeps its contract.

use std::time::Duration;

use futures::executor::block_on;

use super::{Counting, Faulty, Mishap, Slow, Truncating};
use crate::peer_contract;
use crate::port::{
    Atomicity, Batch, Call, Cancel, Capabilities, Clock, Command, CommandKind, FieldSet, Peer,
    PeerError, PeerErrorKind, Sent,
};
use crate::record::{Cell, Key};
use crate::schema::FieldId;
use crate::testkit::contract::{Deed, PeerWorld, tests::MemoryWorld, tests::world};
use crate::testkit::{MemoryPeer, VirtualClock};
use crate::value::{Choice, Value};

type Stack = Counting<Slow<Faulty<Truncating<MemoryPeer>>, VirtualClock>>;

struct Decorated {
    inner: MemoryWorld,
    peer: Stack,
}

impl PeerWorld for Decorated {
    fn peer(&self) -> &dyn Peer {
        &self.peer
    }

    fn person(&self, deed: &Deed) -> Option<Key> {
        self.inner.person(deed)
    }

    fn advance(&self, span: Duration) {
        self.inner.advance(span);
    }
}

peer_contract!(a_peer_behind_quiet_decorators, || {
    let inner = world(Capabilities::local());
    let faulty = Faulty::new(Truncating::new(inner.peer.clone(), 25));
    let slow = Slow::new(faulty, inner.clock.clone(), Duration::from_millis(30));
    Decorated {
        peer: Counting::new(slow),
        inner,
    }
});

fn create(peer: &impl Peer) -> Result<(), PeerError> {
    let cancel = Cancel::default();
    let command = Command {
        kind: CommandKind::Create,
        key: None,
        cells: Vec::new(),
        holding: Vec::new(),
    };
    let batch = Batch {
        mode: Atomicity::PerCommand,
        commands: vec![command.clone(), command],
    };
    block_on(peer.apply(&Call::new(&cancel), &batch)).map(|_| ())
}

#[test]
fn a_script_of_mishaps_is_followed_call_by_call() {
    let world = world(Capabilities::local());
    let peer = Faulty::new(world.peer.clone());
    let refused = Mishap::Refused(PeerErrorKind::Busy);
    peer.script([
        None,
        Some(Mishap::LostRequest),
        Some(Mishap::LostAnswer),
        Some(refused),
    ]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        let failed = create(&peer).err().map(|error| (error.kind, error.sent));
        seen.push((failed, world.peer.records().len()));
    }
    let lost = Some((PeerErrorKind::Unavailable, Sent::Maybe));
    let busy = Some((PeerErrorKind::Busy, Sent::No));
    assert_eq!(
        seen,
        [(None, 2), (lost, 2), (lost, 4), (busy, 4), (None, 6)]
    );
    assert_eq!(peer.happened(), 3);
}

#[test]
fn a_seed_of_mishaps_is_the_same_each_time() {
    let run = |seed| {
        let world = world(Capabilities::local());
        let peer = Faulty::new(world.peer.clone());
        peer.seed(seed, 300);
        let calls = (0..100).map(|_| create(&peer).err().map(|error| error.kind));
        (calls.collect::<Vec<_>>(), peer.happened())
    };
    let (one, happened) = run(7);
    assert_eq!(run(7).0, one);
    assert_ne!(run(8).0, one);
    assert!((15..45).contains(&happened), "{happened} of 100");
}

#[test]
fn a_call_takes_its_time_on_the_clock_that_tests_own() {
    let world = world(Capabilities::local());
    let peer = Slow::new(
        world.peer.clone(),
        world.clock.clone(),
        Duration::from_secs(3),
    );
    let before = world.clock.elapsed();
    assert!(create(&peer).is_ok());
    assert_eq!(world.clock.elapsed() - before, Duration::from_secs(3));
}

#[test]
fn calls_and_commands_are_counted() {
    let peer = Counting::new(world(Capabilities::local()).peer);
    assert!(create(&peer).is_ok() && create(&peer).is_ok());
    let counts = peer.take();
    assert_eq!(
        (counts.apply, counts.commands, counts.requests()),
        (2, 4, 2)
    );
    assert_eq!(peer.take().requests(), 0);
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let world = world(Capabilities::local());
    let all = ["a", "b", "c"].map(Choice::named).to_vec();
    let key = world
        .peer
        .person_creates(&[("tags", Value::choices(all.clone()))]);
    let peer = Truncating::new(world.peer.clone(), 2);
    let cancel = Cancel::default();
    let keys = [key];
    let read = block_on(peer.fetch(&Call::new(&cancel), &keys, &FieldSet::All));
    let Ok([crate::port::Lookup::Here(record)]) = read.as_deref() else {
        panic!("{read:?}");
    };
    let cut = Cell::Truncated(Value::choices(all[..2].to_vec()));
    assert_eq!(record.cells.cell(&FieldId::new("tags")), Some(&cut));
}
