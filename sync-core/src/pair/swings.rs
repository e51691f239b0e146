//! Fields that are written back and forth: what was last written to each side of them. A few bytes
//! in the base of a pair that was edited, forgotten after a day; no history.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::link::{Side, Sides};
use crate::record::Timestamp;
use crate::schema::FieldId;
use crate::value::{Digest, Value};

/// One per field that was written not long ago.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Swings(Vec<Swing>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Swing {
    field: FieldId,
    /// What the last write to each side replaced, and by what.
    last: Sides<Option<[Digest; 2]>>,
    /// The side that was written to last.
    to: Side,
    /// Writes in a row that went back and forth.
    writes: u32,
    /// When it was first seen to go the other way, or the only write was.
    since: Timestamp,
}

impl Swings {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a write that was seen to have arrived, and forgets what is older than `within`.
    pub(super) fn note(
        &mut self,
        field: &FieldId,
        to: Side,
        [before, after]: [&Value; 2],
        now: Timestamp,
        within: Duration,
    ) {
        self.0.retain(|swing| swing.is_recent(now, within));
        let write = Some([Digest::of_json(before), Digest::of_json(after)]);
        let Some(swing) = self.0.iter_mut().find(|swing| swing.field == *field) else {
            return self.0.push(Swing::first(field, to, write, now));
        };
        if swing.last[to] == write {
            swing.writes += 1;
            swing.to = to;
            return;
        }
        // Something new. Where the other side was written to just before, it may be the way back:
        // the next write shows whether it is.
        let other = to.other();
        let before = swing.last[other].filter(|_| swing.to == other);
        *swing = Swing::first(field, to, write, now);
        if before.is_some() {
            swing.last[other] = before;
            swing.writes = 2;
        }
    }

    /// How often the field was written back and forth already, if this write would go on with it.
    pub(super) fn writes(
        &self,
        field: &FieldId,
        to: Side,
        [before, after]: [&Value; 2],
        now: Timestamp,
        within: Duration,
    ) -> u32 {
        let swing = self.0.iter().find(|swing| swing.field == *field);
        let swing = swing.filter(|swing| swing.is_recent(now, within));
        let goes_on = |swing: &&Swing| {
            let last = swing.last[to];
            last.is_some_and(|last| last == [Digest::of_json(before), Digest::of_json(after)])
        };
        swing.filter(goes_on).map_or(0, |swing| swing.writes)
    }
}

impl Swing {
    fn first(field: &FieldId, to: Side, write: Option<[Digest; 2]>, now: Timestamp) -> Self {
        let mut last = Sides::default();
        last[to] = write;
        Self {
            field: field.clone(),
            last,
            to,
            writes: 1,
            since: now,
        }
    }

    /// A moment in the future was told by a clock that has jumped back since.
    fn is_recent(&self, now: Timestamp, within: Duration) -> bool {
        self.since <= now && now.since(self.since) < within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn play(writes: &[(Side, &str, &str)]) -> Swings {
        let mut swings = Swings::default();
        for (at, (to, before, after)) in (0_i64..).zip(writes) {
            let values = [&Value::text(*before), &Value::text(*after)];
            swings.note(&FieldId::new("f"), *to, values, Timestamp(at), DAY);
        }
        swings
    }

    fn next(swings: &Swings, (to, before, after): (Side, &str, &str), now: i64) -> u32 {
        let values = [&Value::text(before), &Value::text(after)];
        swings.writes(&FieldId::new("f"), to, values, Timestamp(now), DAY)
    }

    #[test]
    fn pain_11_only_the_same_writes_in_turn_count_as_back_and_forth() {
        use Side::{Left as L, Right as R};
        let (forth, back) = ((R, "a", "b"), (L, "b", "a"));
        assert_eq!(next(&play(&[]), forth, 9), 0);
        assert_eq!(
            next(&play(&[forth]), back, 9),
            0,
            "an edit that is answered"
        );
        assert_eq!(next(&play(&[forth, back]), forth, 9), 2);
        assert_eq!(next(&play(&[forth, back, forth]), back, 9), 3);
        assert_eq!(next(&play(&[forth, back, forth, back]), forth, 9), 4);

        // The same value put back over and over, where edits do not flow.
        assert_eq!(next(&play(&[forth, forth, forth]), forth, 9), 3);

        // One person who cannot decide, on one side; and two who write something new each time.
        let toggled = play(&[(R, "a", "b"), (R, "b", "a"), (R, "a", "b"), (R, "b", "a")]);
        assert_eq!(next(&toggled, (R, "a", "b"), 9), 0);
        let answers = play(&[(R, "a", "b"), (L, "b", "c"), (R, "c", "d"), (L, "d", "e")]);
        assert_eq!(next(&answers, (R, "e", "f"), 9), 0);
        let ends = play(&[forth, back, forth, (L, "b", "c")]);
        assert_eq!(next(&ends, (R, "c", "a"), 9), 0, "something else ends it");
    }

    #[test]
    fn p14_what_is_a_day_old_counts_no_more_and_is_forgotten() {
        let (forth, back) = ((Side::Right, "a", "b"), (Side::Left, "b", "a"));
        let mut swings = play(&[forth, back, forth]);
        let day = 24 * 3_600_000;
        assert_eq!(next(&swings, back, day), 3, "it went back at 1");
        assert_eq!(next(&swings, back, day + 1), 0);
        assert_eq!(next(&swings, back, -1), 0, "the clock was wrong");
        let values = [&Value::text("x"), &Value::text("y")];
        swings.note(
            &FieldId::new("g"),
            Side::Left,
            values,
            Timestamp(day + 1),
            DAY,
        );
        assert_eq!(swings.0.len(), 1);
    }
}
