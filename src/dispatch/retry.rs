//! Exponential back-off.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
/// Maximum delay, unless the platform asks for a longer one.
const LONGEST: Duration = Duration::from_secs(10);

/// The delay doubles with each try, and is shortened by up to a half at random, so that jobs that
/// failed together do not retry together.
pub(super) fn delay(tries: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_to_ten_seconds_with_half_jitter() {
        for (tries, full) in [
            (0, 500),
            (1, 1000),
            (4, 8000),
            (5, 10_000),
            (u32::MAX, 10_000),
        ] {
            let full = Duration::from_millis(full);
            for _ in 0..100 {
                let delay = delay(tries);
                assert!(delay >= full / 2 && delay <= full, "{tries}: {delay:?}");
            }
        }
    }
}
