//! Laws of calls that end early: dropped by their caller, or asked to stop.

use super::bench::{Bench, Setup, patch};
use crate::port::{
    Atomicity, Batch, Call, Cancel, CommandKind, FieldSet, Outcome, PeerErrorKind, ScanFrom, Sent,
};
use crate::testkit::contract::{AWAITS, command, polled};

/// Whatever await a call is dropped at: every command of it is done whole or not at all, and the
/// peer answers the next calls as if nothing had been.
pub fn a_call_dropped_at_any_await_leaves_nothing_half_done(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let keys = bench.populate(2);
    let before = bench.content_of(&keys[0]);
    bench.done(patch(&keys[1], bench.samples(7)));
    let after = bench.content_of(&keys[1]);
    let cancel = Cancel::default();
    let call = Call::new(&cancel);
    let one = |command| Batch {
        mode: Atomicity::PerCommand,
        commands: vec![command],
    };
    let write = one(patch(&keys[0], bench.samples(7)));
    let create = one(command(CommandKind::Create, None, bench.samples(7)));
    let peer = bench.peer();
    let field = &bench.writable()[0].id;
    let value = [bench.sample(bench.writable()[0], 0)];
    for awaits in 0..AWAITS {
        bench.run(polled(awaits, peer.describe(&call)));
        bench.run(polled(
            awaits,
            peer.scan(&call, &ScanFrom::full(), &FieldSet::All, 1),
        ));
        bench.run(polled(
            awaits,
            peer.fetch(&call, &keys[..1], &FieldSet::All),
        ));
        bench.run(polled(awaits, peer.find(&call, field, &value)));
        bench.run(polled(awaits, peer.apply(&call, &create)));
        bench.run(polled(awaits, peer.apply(&call, &write)));
        let now = bench.content_of(&keys[0]);
        assert!(
            now == before || now == after,
            "half done after {awaits} awaits: {now:?}"
        );
    }
    bench.done(patch(&keys[0], bench.samples(7)));
    bench.settle();
    let scan = bench.scan(ScanFrom::full(), 100);
    assert!(
        scan.seen.len() <= keys.len() + AWAITS,
        "no create happened twice"
    );
    for record in &scan.seen {
        assert_eq!(bench.content(record), after, "{} is whole", record.key);
    }
    let mut now = bench.describe();
    if bench.description.capabilities.lineage.is_none() {
        // A history may begin with the first write.
        now.capabilities.lineage = None;
    }
    assert_eq!(now, bench.description);
}

/// A call whose caller wants to stop is carried out, or fails as cancelled with nothing sent, or
/// says which commands never left.
pub fn a_cancelled_call_is_whole_or_says_so(setup: Setup<'_>) {
    let bench = Bench::new(setup);
    let keys = bench.populate(2);
    let before: Vec<_> = keys.iter().map(|key| bench.content_of(key)).collect();
    let cancel = Cancel::default();
    cancel.cancel();
    let call = Call::new(&cancel);
    let peer = bench.peer();
    let is_cancelled = |kind| assert_eq!(kind, PeerErrorKind::Cancelled);
    if let Err(error) = bench.run(peer.describe(&call)) {
        is_cancelled(error.kind);
    }
    if let Err(error) = bench.run(peer.scan(&call, &ScanFrom::full(), &FieldSet::All, 1)) {
        is_cancelled(error.kind);
    }
    match bench.run(peer.fetch(&call, &keys[..1], &FieldSet::All)) {
        Ok(answers) => assert_eq!(answers.len(), 1),
        Err(error) => is_cancelled(error.kind),
    }
    let most = keys.len().min(bench.can().max_batch as usize);
    let commands = keys[..most].iter().map(|key| patch(key, bench.samples(7)));
    let batch = Batch {
        mode: Atomicity::PerCommand,
        commands: commands.collect(),
    };
    match bench.run(peer.apply(&call, &batch)) {
        Ok(outcomes) => {
            assert_eq!(outcomes.len(), most, "one outcome per command");
            for ((outcome, key), before) in outcomes.iter().zip(&keys).zip(&before) {
                let changed = bench.content_of(key) != *before;
                match outcome {
                    Outcome::Done(_) => assert!(changed, "{key} is said to be done"),
                    Outcome::NotSent => assert!(!changed, "{key} is said not to be sent"),
                    other => panic!("{other:?}"),
                }
            }
        }
        Err(error) => {
            is_cancelled(error.kind);
            assert_eq!(error.sent, Sent::No);
            for (key, before) in keys.iter().zip(&before) {
                assert_eq!(bench.content_of(key), *before);
            }
        }
    }
}
