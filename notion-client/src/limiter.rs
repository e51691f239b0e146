//! Keeping inside Notion's request window: a pure core ([`Window`]) and the queue that clients share ([`Limiter`]).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::oneshot;

use crate::timer::Timer;

/// How many requests may start in how long. Notion counts per connection in windows of 60 s, which may be spent in one burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimit {
    /// No limit on this side; the server's refusals still pause everyone.
    Off,
    /// At most `requests` in any `period`.
    Window {
        /// The number of requests; 0 counts as 1.
        requests: u32,
        /// The length of the window.
        period: Duration,
    },
}

impl RateLimit {
    /// 180 per minute: all plans below Business.
    pub const STANDARD: Self = Self::Window {
        requests: 180,
        period: Duration::from_secs(60),
    };
    /// 600 per minute: Business and Enterprise.
    pub const BUSINESS: Self = Self::Window {
        requests: 600,
        period: Duration::from_secs(60),
    };
}

impl Default for RateLimit {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// The answer of [`Window::admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The request may start now, and has been counted.
    Go,
    /// Not before this time is over; nothing was counted.
    Wait(Duration),
}

/// A sliding window over a clock that is passed in. Any interval of the period's length holds at most the limit, and a
/// window that was idle may be spent at once.
#[derive(Clone, Debug)]
pub struct Window {
    limit: RateLimit,
    admitted: VecDeque<Duration>,
    paused_until: Duration,
}

impl Window {
    /// An idle window.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            admitted: VecDeque::new(),
            paused_until: Duration::ZERO,
        }
    }

    /// Asks to start one request at `now`. Time must not go back; a reading that does counts as the latest one.
    pub fn admit(&mut self, now: Duration) -> Admission {
        let now = self.admitted.back().map_or(now, |last| now.max(*last));
        if now < self.paused_until {
            return Admission::Wait(self.paused_until - now);
        }
        let RateLimit::Window { requests, period } = self.limit else {
            return Admission::Go;
        };
        // One at `t` and one at `t + period` lie in different windows.
        while self
            .admitted
            .front()
            .is_some_and(|first| *first + period <= now)
        {
            self.admitted.pop_front();
        }
        if let Some(first) = self.admitted.front()
            && self.admitted.len() >= requests.max(1) as usize
        {
            return Admission::Wait(*first + period - now);
        }
        self.admitted.push_back(now);
        Admission::Go
    }

    /// Lets nothing start before `until`. A pause is never shortened.
    pub fn pause_until(&mut self, until: Duration) {
        self.paused_until = self.paused_until.max(until);
    }
}

/// One window for all clients of a connection. Cloning shares it. First come, first served; a waiter that is dropped
/// leaves the queue and takes nothing with it.
#[derive(Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

struct Shared {
    timer: Arc<dyn Timer>,
    state: Mutex<State>,
}

struct State {
    window: Window,
    next_ticket: u64,
    /// Who waits, in order. Only the first one looks at the clock; the others wait for their signal.
    queue: VecDeque<Waiter>,
}

struct Waiter {
    ticket: u64,
    signal: Option<oneshot::Sender<()>>,
}

impl Limiter {
    /// A limiter on this clock. Clients that share it must measure time with the same clock.
    #[must_use]
    pub fn new(limit: RateLimit, timer: Arc<dyn Timer>) -> Self {
        let state = State {
            window: Window::new(limit),
            next_ticket: 0,
            queue: VecDeque::new(),
        };
        Self {
            shared: Arc::new(Shared {
                timer,
                state: Mutex::new(state),
            }),
        }
    }

    /// Returns when one request may start, which is then counted.
    pub async fn acquire(&self) {
        let (place, mut turn) = self.enter();
        loop {
            if let Some(signal) = turn.take() {
                // A dropped sender cannot happen while the place is held; treating it as a turn is harmless.
                let _ = signal.await;
            }
            let admission = self
                .shared
                .state()
                .admit_first(place.ticket, self.shared.timer.now());
            match admission {
                Some(Admission::Go) => return,
                Some(Admission::Wait(wait)) => self.shared.timer.sleep(wait).await,
                None => turn = Some(self.shared.state().signal_for(place.ticket)),
            }
        }
    }

    /// How much longer a pause lasts; zero when there is none.
    #[must_use]
    pub fn paused_for(&self) -> Duration {
        let now = self.shared.timer.now();
        self.shared.state().window.paused_until.saturating_sub(now)
    }

    /// Lets nothing of any sharer start before `wait` is over.
    pub fn pause(&self, wait: Duration) {
        let until = self.shared.timer.now().saturating_add(wait);
        self.shared.state().window.pause_until(until);
    }

    fn enter(&self) -> (Place<'_>, Option<oneshot::Receiver<()>>) {
        let mut state = self.shared.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back(Waiter {
            ticket,
            signal: None,
        });
        let turn = (state.queue.len() > 1).then(|| state.signal_for(ticket));
        (
            Place {
                shared: &self.shared,
                ticket,
            },
            turn,
        )
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state();
        f.debug_struct("Limiter")
            .field("limit", &state.window.limit)
            .field("waiting", &state.queue.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // No code that can panic runs under this lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `None` when somebody else is first.
    fn admit_first(&mut self, ticket: u64, now: Duration) -> Option<Admission> {
        (self.queue.front()?.ticket == ticket).then(|| self.window.admit(now))
    }

    fn signal_for(&mut self, ticket: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let first = self
            .queue
            .front()
            .is_some_and(|waiter| waiter.ticket == ticket);
        match self.queue.iter_mut().find(|waiter| waiter.ticket == ticket) {
            Some(waiter) if !first => waiter.signal = Some(sender),
            // Already first: dropping the sender wakes the receiver at once.
            _ => drop(sender),
        }
        receiver
    }
}

/// A place in the queue; leaving it, by success or by being dropped, calls the next one.
struct Place<'a> {
    shared: &'a Shared,
    ticket: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.queue.retain(|waiter| waiter.ticket != self.ticket);
        if let Some(signal) = state
            .queue
            .front_mut()
            .and_then(|waiter| waiter.signal.take())
        {
            let _ = signal.send(());
        }
    }
}

#[cfg(test)]
mod tests;
