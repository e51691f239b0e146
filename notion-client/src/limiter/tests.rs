use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::task::noop_waker;
use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Starts requests as soon as the window lets them, the next one `gap` after the last; returns the starts.
fn run(window: &mut Window, gaps: impl IntoIterator<Item = Duration>) -> Vec<Duration> {
    let (mut now, mut starts) = (MINUTE * 10, Vec::new());
    for gap in gaps {
        now += gap;
        while let Admission::Wait(wait) = window.admit(now) {
            assert!(!wait.is_zero(), "a wait must make progress");
            now += wait;
        }
        starts.push(now);
    }
    starts
}

proptest! {
    #[test]
    fn pain_25_any_window_holds_at_most_the_limit(
        limit in 1_u32..40,
        gaps in prop::collection::vec(0_u64..20_000, 1..300),
        pauses in prop::collection::vec((0_u64..300, 0_u64..90), 0..4),
    ) {
        let mut window = Window::new(RateLimit::Window { requests: limit, period: MINUTE });
        for (at, long) in &pauses {
            window.pause_until(MINUTE * 10 + Duration::from_secs(at + long));
        }
        let starts = run(&mut window, gaps.into_iter().map(Duration::from_millis));
        for pair in starts.windows(limit as usize + 1) {
            prop_assert!(pair[limit as usize] - pair[0] >= MINUTE);
        }
    }

    #[test]
    fn pain_25_an_idle_window_is_spent_at_once(limit in 100_u32..700, used in 0_usize..100) {
        let mut window = Window::new(RateLimit::Window { requests: limit, period: MINUTE });
        run(&mut window, vec![Duration::from_millis(7); used]);
        let idle = MINUTE * 20;
        for _ in 0..100 {
            prop_assert_eq!(window.admit(idle), Admission::Go);
        }
    }
}

#[test]
fn a_pause_holds_everyone_and_is_never_shortened() {
    let mut window = Window::new(RateLimit::Off);
    window.pause_until(MINUTE);
    window.pause_until(Duration::from_secs(1));
    assert_eq!(window.admit(Duration::ZERO), Admission::Wait(MINUTE));
    assert_eq!(window.admit(MINUTE), Admission::Go);
}

/// A clock that moves by hand; a sleep is over once the clock has passed it and it is polled again.
#[derive(Default)]
struct Hand(Mutex<Duration>);

impl Hand {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait]
impl Timer for Hand {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now() + duration;
        futures::future::poll_fn(|_| {
            if self.now() >= until {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

#[test]
fn waiters_go_in_order_and_a_dropped_one_leaves_no_gap() {
    let timer = Arc::new(Hand::default());
    let limit = RateLimit::Window {
        requests: 1,
        period: MINUTE,
    };
    let limiter = Limiter::new(limit, timer.clone());
    let mut waiters: Vec<Option<BoxFuture<'_, ()>>> =
        (0..5).map(|_| Some(limiter.acquire().boxed())).collect();
    let mut order = Vec::new();
    let poll = |waiters: &mut [Option<BoxFuture<'_, ()>>], order: &mut Vec<usize>, at: usize| {
        let mut context = Context::from_waker(std::task::Waker::noop());
        if waiters[at]
            .as_mut()
            .is_some_and(|waiter| waiter.as_mut().poll(&mut context).is_ready())
        {
            order.push(at);
            waiters[at] = None;
        }
    };
    // Places are taken at the first poll; later ones come from the back, so that only the queue can make the order.
    (0..5).for_each(|at| poll(&mut waiters, &mut order, at));
    assert_eq!(order, [0]);
    // One that is next, and one in the middle.
    waiters[1] = None;
    waiters[3] = None;
    for _ in 0..3 {
        timer.advance(MINUTE);
        (0..10)
            .rev()
            .for_each(|at| poll(&mut waiters, &mut order, at % 5));
    }
    assert_eq!(order, [0, 2, 4]);
    assert!(limiter.shared.state().queue.is_empty());
}

#[test]
fn a_pause_reaches_those_who_wait_already() {
    let timer = Arc::new(Hand::default());
    let limiter = Limiter::new(RateLimit::Off, timer.clone());
    limiter.pause(Duration::from_secs(5));
    let other = limiter.clone();
    let waker = noop_waker();
    let mut context = Context::from_waker(&waker);
    let mut waiter = pin!(limiter.acquire());
    assert!(waiter.as_mut().poll(&mut context).is_pending());
    other.pause(Duration::from_secs(90));
    timer.advance(Duration::from_secs(5));
    assert!(waiter.as_mut().poll(&mut context).is_pending());
    timer.advance(Duration::from_secs(85));
    assert!(waiter.as_mut().poll(&mut context).is_ready());
}

#[test]
fn tickets_are_unique() {
    let limiter = Limiter::new(RateLimit::Off, Arc::new(Hand::default()));
    let places: Vec<_> = (0..4).map(|_| limiter.enter().0).collect();
    assert_eq!(
        places
            .iter()
            .map(|place| place.ticket)
            .collect::<HashSet<_>>()
            .len(),
        4
    );
}
