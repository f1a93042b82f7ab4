//! The only source of time: the machine's clock or one that a test sets, corrected by the dates of the
//! platform's answers.
//!
//! Times of people and of the platform are by the platform's clock, so every time that is compared
//! with them comes from [`Clock::now`]. Waits for a duration use the machine's clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use correction::Correction;

mod correction;

/// The longest timer: timers stop while the machine is suspended, and do not notice that the wall
/// clock is set.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Returns the time and waits for it. Clones share the time.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    correction: Arc<Correction>,
}

/// Sets the [`Clock`] that it was created with.
#[derive(Clone, Debug)]
pub struct ClockHand(watch::Sender<Timestamp>);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(watch::Receiver<Timestamp>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self::of(Source::System)
    }

    /// A clock that stays at `start` until its hand moves it.
    pub fn manual(start: Timestamp) -> (Self, ClockHand) {
        let (hand, face) = watch::channel(start);
        (Self::of(Source::Manual(face)), ClockHand(hand))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            correction: Arc::default(),
        }
    }

    /// The same clock without the correction.
    #[must_use]
    pub fn uncorrected(&self) -> Self {
        Self::of(self.source.clone())
    }

    /// The current time by the platform's clock, or by the machine's while that is unknown.
    pub fn now(&self) -> Timestamp {
        let machine = self.machine_now();
        machine
            .checked_add(self.correction.applied())
            .unwrap_or(machine)
    }

    /// The current time by the machine's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    pub fn machine_now(&self) -> Timestamp {
        match &self.source {
            Source::System => Timestamp::now(),
            Source::Manual(face) => *face.borrow(),
        }
    }

    /// How far the platform's clock is ahead of the machine's; `None` until it is known.
    pub fn offset(&self) -> Option<SignedDuration> {
        self.correction.offset()
    }

    /// Whether an answer has confirmed the offset within the last minute.
    pub fn is_confirmed(&self) -> bool {
        self.correction.is_confirmed(self.machine_now())
    }

    /// Whether the machine's clock was set, or the machine suspended, since the last call.
    /// If so, the offset is no longer confirmed.
    pub fn was_set(&self) -> bool {
        let is_manual = matches!(self.source, Source::Manual(_));
        self.correction.was_set(self.machine_now(), is_manual)
    }

    /// Updates the correction from the `date` of an answer, in whole seconds by the platform's
    /// clock, and the times of the exchange by the machine's.
    pub(crate) fn observe(&self, date: Timestamp, sent_at: Timestamp, received_at: Timestamp) {
        self.correction.observe(date, sent_at, received_at);
    }

    /// Waits until the clock shows at least `deadline`.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        let mut corrected = self.correction.changes();
        let mut source = self.source.clone();
        loop {
            if let Source::Manual(face) = &mut source {
                face.borrow_and_update();
            }
            let left = deadline.duration_since(self.now());
            let left = Duration::try_from(left).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = source.pass(left) => {}
                // The sender lives in `self`.
                _ = corrected.changed() => {}
            }
        }
    }

    /// Waits for `duration` from the call, independent of corrections.
    pub async fn sleep(&self, duration: Duration) {
        let deadline = later(self.machine_now(), duration);
        if let Source::Manual(face) = &self.source {
            let reached = face.clone().wait_for(|now| *now >= deadline).await.is_ok();
            return if !reached {
                // The hand was dropped, so the clock does not move any further.
                std::future::pending::<()>().await;
            };
        }
        let begun = Instant::now();
        // Checked against the wall clock, too: timers stop while the machine is suspended.
        while begun.elapsed() < duration && self.machine_now() < deadline {
            let left = duration.saturating_sub(begun.elapsed());
            tokio::time::sleep(left.min(LONGEST_WAIT)).await;
        }
    }
}

impl Source {
    /// Waits until `left` may have passed.
    async fn pass(&mut self, left: Duration) {
        match self {
            Self::System => tokio::time::sleep(left.min(LONGEST_WAIT)).await,
            Self::Manual(face) => {
                if face.changed().await.is_err() {
                    // The hand was dropped, so the clock does not move any further.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl ClockHand {
    /// Moves the clock forward and wakes its sleepers.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = later(*now, by));
    }

    /// Sets the clock, possibly backwards.
    pub fn set(&self, to: Timestamp) {
        self.0.send_replace(to);
    }
}

/// `by` after `from`, or the end of time.
fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_in_time() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        let sleeper = clock.sleep(Duration::from_secs(10));
        let waiter = clock.sleep_until(later(Timestamp::UNIX_EPOCH, Duration::from_secs(10)));
        let mut both = std::pin::pin!(async { tokio::join!(sleeper, waiter) });
        assert!(futures_util::poll!(both.as_mut()).is_pending());

        hand.advance(Duration::from_secs(9));
        let early = tokio::time::timeout(Duration::from_millis(5), &mut both).await;
        assert!(early.is_err(), "woke a second too early");

        hand.advance(Duration::from_secs(1));
        both.await;
        assert_eq!(clock.now().as_second(), 10);
    }

    #[test]
    fn the_hand_sets_any_time() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        hand.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        hand.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }

    #[tokio::test(start_paused = true)]
    async fn long_waits_check_the_wall_clock() {
        let clock = Clock::system();
        // Timers run ahead of the wall clock here, as they fall behind it after a suspension.
        let due = later(clock.now(), Duration::from_millis(20));
        clock.sleep_until(due).await;
        assert!(clock.now() >= due);
        let mut source = Source::System;
        let begun = Instant::now();
        source.pass(Duration::from_hours(24)).await;
        assert_eq!(begun.elapsed(), LONGEST_WAIT);
        let begun = Instant::now();
        clock.sleep(Duration::from_hours(1)).await;
        assert_eq!(begun.elapsed(), Duration::from_hours(1));
    }

    #[tokio::test]
    async fn corrections_wake_waiting_tasks() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let (clock, _hand) = Clock::manual(start);
        let mut due = std::pin::pin!(clock.sleep_until(later(start, 10 * MINUTE)));
        let mut passed = std::pin::pin!(clock.sleep(10 * MINUTE));
        assert!(futures_util::poll!(due.as_mut()).is_pending());
        clock.observe(later(start, 20 * MINUTE), start, start);
        due.await;
        assert!(futures_util::poll!(passed.as_mut()).is_pending());
    }

    #[test]
    fn clones_share_the_correction() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let (clock, hand) = Clock::manual(start);
        let clone = clock.clone();
        clock.observe(later(start, 20 * MINUTE), start, start);
        assert_eq!(clone.now().duration_since(start).as_mins(), 20);
        assert_eq!(clone.machine_now(), start);
        assert_eq!(clock.uncorrected().now(), start);
        assert!(clone.is_confirmed() && !clone.was_set());
        hand.set(later(start, MINUTE));
        assert!(!clone.was_set());
        hand.set(start);
        assert!(clone.was_set() && !clone.was_set() && !clone.is_confirmed());
    }
}
