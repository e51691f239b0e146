//! What happens on its own: things begun by a request that are done a while later, on the simulated clock.

use jiff::Timestamp;
use uuid::Uuid;

use super::World;
use super::template::Application;

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// An upload is fetched from where it lies.
    Import(Uuid),
    /// A template is put into a page.
    Template(Application),
}

impl World {
    /// Has something done at this time.
    pub(crate) fn later(&mut self, at: Timestamp, due: Due) {
        // What is due at the same time is done in the order in which it was begun.
        let place = self.waiting.partition_point(|(other, _)| *other <= at);
        self.waiting.insert(place, (at, due));
    }

    /// Sets the time, and does what was due by then, each at its own time.
    pub(crate) fn catch_up(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.waiting.front()
            && *at <= now
            && let Some((at, due)) = self.waiting.pop_front()
        {
            self.now = at;
            self.settle_hooks();
            match due {
                Due::Import(upload) => self.import(upload),
                Due::Template(application) => self.apply(&application),
            }
        }
        self.now = now;
        self.settle_hooks();
    }
}
