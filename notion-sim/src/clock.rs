//! The simulator's idea of now, and the text form of its times.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What the simulator takes as the current time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// A clock that stands still until told to move.
    Virtual(Timestamp),
}

impl Clock {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Virtual(at) => *at,
        }
    }

    /// Moves on by `by`; a real clock turns virtual.
    pub fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let moved = self.now().checked_add(by).unwrap_or(Timestamp::MAX);
        *self = Self::Virtual(moved);
    }
}

/// Rounds down to the minute, the granularity of page and data source times.
pub(crate) fn floor_minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(at)
}

/// `2026-09-04T14:30:00.000Z`, rounded down to the minute.
pub(crate) fn minute_text(at: Timestamp) -> String {
    let mut text = String::with_capacity(24);
    push_minute(&mut text, at);
    text
}

/// `2026-09-04T14:30:41.117+00:00`: databases tell the moment, in a form of their own.
pub(crate) fn moment_text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string()
}

/// Appends what [`minute_text`] gives.
pub(crate) fn push_minute(out: &mut String, at: Timestamp) {
    let time = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:00.000Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute()
    );
}

/// The form of the `Date` header of HTTP.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_floored_to_the_minute() {
        let at: Timestamp = "2026-09-04T14:30:41.117Z".parse().unwrap();
        assert_eq!(minute_text(at), "2026-09-04T14:30:00.000Z");
        assert_eq!(minute_text(floor_minute(at)), "2026-09-04T14:30:00.000Z");
        assert_eq!(moment_text(at), "2026-09-04T14:30:41.117+00:00");
        assert_eq!(http_date(at), "Fri, 04 Sep 2026 14:30:41 GMT");
    }

    #[test]
    fn advancing_a_real_clock_makes_it_virtual() {
        let mut clock = Clock::Real;
        clock.advance(Duration::from_secs(5));
        let Clock::Virtual(at) = clock else {
            panic!("still real")
        };
        assert_eq!(clock.now(), at);
    }
}
