//! The one source of time: the system's clock, or one that is set by hand.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// Tells the time and waits for it. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

/// Moves the [`Clock`] that it was made with.
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
        Self(Source::System)
    }

    /// A clock that stands at `start` until its hand is moved.
    pub fn manual(start: Timestamp) -> (Self, ClockHand) {
        let (hand, face) = watch::channel(start);
        (Self(Source::Manual(face)), ClockHand(hand))
    }

    /// The present moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everything else is given"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(face) => *face.borrow(),
        }
    }

    /// Waits until the clock shows at least `deadline`.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &self.0 {
            Source::System => {
                let left = deadline.duration_since(self.now());
                tokio::time::sleep(left.try_into().unwrap_or(Duration::ZERO)).await;
            }
            Source::Manual(face) => {
                if face.clone().wait_for(|now| *now >= deadline).await.is_err() {
                    // The hand is gone, so that moment never comes.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Waits for `duration`, counted from the call.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        let deadline = later(self.now(), duration);
        self.sleep_until(deadline)
    }
}

impl ClockHand {
    /// Moves the clock forward and wakes who waited for that.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = later(*now, by));
    }

    /// Sets the clock, backwards too.
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

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_when_the_hand_has_moved_far_enough() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        let sleeper = clock.sleep(Duration::from_secs(10));
        tokio::pin!(sleeper);

        hand.advance(Duration::from_secs(9));
        let early = tokio::time::timeout(Duration::from_millis(5), &mut sleeper).await;
        assert!(early.is_err(), "woke a second too early");

        hand.advance(Duration::from_secs(1));
        sleeper.await;
        assert_eq!(clock.now().as_second(), 10);
    }

    #[test]
    fn the_hand_sets_any_time_and_stops_at_the_end_of_time() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        hand.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        hand.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }

    #[tokio::test]
    async fn the_system_clock_does_not_wait_for_the_past() {
        let clock = Clock::system();
        clock.sleep_until(Timestamp::UNIX_EPOCH).await;
        assert!(clock.now() > Timestamp::UNIX_EPOCH);
    }
}
