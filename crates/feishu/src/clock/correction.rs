//! The offset of the platform's clock from the machine's, from the `Date` of its answers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// The largest offset that is ignored: dates have whole seconds, and answers take time.
const NEGLIGIBLE: SignedDuration = SignedDuration::from_secs(5);
/// The largest difference, beyond the duration of the exchange, of observations that agree.
const JITTER: SignedDuration = SignedDuration::from_secs(3);
/// A longer exchange is ignored.
const LONGEST_EXCHANGE: SignedDuration = SignedDuration::from_secs(15);
/// How many observations the offset is the median of.
const REMEMBERED: usize = 5;
/// How long a confirmation is valid.
const CONFIRMED_FOR: Duration = Duration::from_mins(1);
/// How far wall clock and timer may drift apart between two calls.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);
/// The range of plausible dates: 2020-01-01 to 2100-01-01.
const PLAUSIBLE: std::ops::Range<i64> = 1_577_836_800..4_102_444_800;

/// The estimated offset.
#[derive(Debug)]
pub(super) struct Correction {
    offset: watch::Sender<Option<SignedDuration>>,
    learned: Mutex<Learned>,
}

#[derive(Debug)]
struct Learned {
    /// The latest observations that agree.
    agreeing: Vec<SignedDuration>,
    /// One that disagrees. A second one like it replaces the others.
    outlier: Option<SignedDuration>,
    /// When the offset was confirmed, by the machine's clock.
    confirmed_at: Option<Timestamp>,
    /// The last check for a clock that was set.
    looked: Option<(Timestamp, Instant)>,
}

impl Default for Correction {
    fn default() -> Self {
        Self {
            offset: watch::Sender::new(None),
            learned: Mutex::new(Learned {
                agreeing: Vec::new(),
                outlier: None,
                confirmed_at: None,
                looked: None,
            }),
        }
    }
}

impl Correction {
    pub(super) fn offset(&self) -> Option<SignedDuration> {
        *self.offset.borrow()
    }

    /// The offset that is added to the machine's clock.
    pub(super) fn applied(&self) -> SignedDuration {
        self.offset()
            .filter(|offset| offset.abs() > NEGLIGIBLE)
            .unwrap_or_default()
    }

    pub(super) fn changes(&self) -> watch::Receiver<Option<SignedDuration>> {
        self.offset.subscribe()
    }

    pub(super) fn is_confirmed(&self, now: Timestamp) -> bool {
        let learned = self.learned.lock();
        let age = |at: Timestamp| now.duration_since(at).unsigned_abs();
        learned.outlier.is_none()
            && learned
                .confirmed_at
                .is_some_and(|at| age(at) <= CONFIRMED_FOR)
    }

    /// A manual clock counts as set only if it went back.
    pub(super) fn was_set(&self, now: Timestamp, is_manual: bool) -> bool {
        let mut learned = self.learned.lock();
        let look = (now, Instant::now());
        let Some((before, then)) = learned.looked.replace(look) else {
            return false;
        };
        let moved = now.duration_since(before);
        let was_set = if is_manual {
            moved.is_negative()
        } else {
            let passed = SignedDuration::try_from(then.elapsed()).unwrap_or(SignedDuration::MAX);
            moved.saturating_sub(passed).abs() > DRIFT
        };
        if was_set {
            learned.confirmed_at = None;
        }
        was_set
    }

    pub(super) fn observe(&self, date: Timestamp, sent_at: Timestamp, received_at: Timestamp) {
        let exchange = received_at.duration_since(sent_at);
        let is_usable = !exchange.is_negative()
            && exchange <= LONGEST_EXCHANGE
            && PLAUSIBLE.contains(&date.as_second());
        if !is_usable {
            return;
        }
        // Assumed half-way through the exchange, in the middle of the second of the date.
        let middle = exchange / 2;
        let here = received_at.duration_since(Timestamp::UNIX_EPOCH) - middle;
        let there = date.duration_since(Timestamp::UNIX_EPOCH) + SignedDuration::from_millis(500);
        let observed = there - here;
        let offset = {
            let mut learned = self.learned.lock();
            learned.take(observed, JITTER + middle);
            learned.confirmed_at = Some(received_at);
            learned.offset()
        };
        self.offset.send_if_modified(|known| {
            let is_new = *known != offset;
            *known = offset;
            is_new
        });
    }
}

impl Learned {
    fn take(&mut self, observed: SignedDuration, tolerance: SignedDuration) {
        let agrees = |known: SignedDuration| (observed - known).abs() <= tolerance;
        if self.offset().is_none_or(agrees) {
            self.outlier = None;
        } else if self.outlier.is_some_and(agrees) {
            // The machine's clock was set, so earlier observations are useless.
            self.agreeing.clear();
            self.outlier = None;
        } else {
            self.outlier = Some(observed);
            return;
        }
        if self.agreeing.len() == REMEMBERED {
            self.agreeing.remove(0);
        }
        self.agreeing.push(observed);
    }

    /// The median of those that agree.
    fn offset(&self) -> Option<SignedDuration> {
        let mut sorted = self.agreeing.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Seconds that the platform is ahead, after answers as the seconds that each is ahead and took.
    fn learned(answers: &[(i64, i64)]) -> Option<i64> {
        let correction = Correction::default();
        let mut now = 1_800_000_000;
        for (ahead, took) in answers {
            correction.observe(at(now + ahead), at(now - took), at(now));
            now += 60;
        }
        correction.offset().map(|offset| offset.as_secs())
    }

    #[test]
    fn the_offset_is_the_median_of_agreeing_answers() {
        let check = |answers: &[(i64, i64)], expected: Option<i64>| {
            assert_eq!(learned(answers), expected, "{answers:?}");
        };
        check(&[], None);
        check(&[(-1200, 0)], Some(-1199));
        check(&[(0, 0), (1, 0), (-1, 0), (2, 0), (0, 0)], Some(0));
        check(&[(1200, 2)], Some(1201));
        // One answer that is far off changes nothing, a second one like it does.
        check(&[(0, 0), (900, 0)], Some(0));
        check(&[(0, 0), (900, 0), (0, 0), (900, 0)], Some(0));
        check(&[(0, 0), (0, 0), (900, 0), (901, 0)], Some(901));
        check(&[(0, 0), (900, 0), (-900, 0)], Some(0));
        // Neither slow answers nor dates that no answer can have.
        check(&[(900, 16)], None);
        check(&[(900, -1)], None);
        check(&[(-1_800_000_000, 0)], None);
        check(&[(4_000_000_000, 0)], None);
    }

    #[test]
    fn seconds_of_difference_are_not_applied() {
        let correction = Correction::default();
        assert_eq!(correction.applied(), SignedDuration::ZERO);
        let now = at(1_800_000_000);
        correction.observe(at(1_800_000_003), now, now);
        assert_eq!(correction.applied(), SignedDuration::ZERO);
        let correction = Correction::default();
        correction.observe(at(1_800_000_060), now, now);
        assert_eq!(correction.applied().as_secs(), 60);
    }

    #[test]
    fn a_confirmation_lasts_a_minute() {
        let correction = Correction::default();
        let now = at(1_800_000_000);
        assert!(!correction.is_confirmed(now));
        correction.observe(now, now, now);
        assert!(correction.is_confirmed(now));
        assert!(correction.is_confirmed(at(1_800_000_060)));
        assert!(!correction.is_confirmed(at(1_800_000_061)));
        assert!(!correction.is_confirmed(at(1_799_999_000)));
        // While two answers disagree nothing is confirmed.
        correction.observe(at(1_800_000_900), now, now);
        assert!(!correction.is_confirmed(now));
    }
}
