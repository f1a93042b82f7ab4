//! How long to wait before another try.

use std::time::Duration;

/// The first wait; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// No wait is longer, unless the platform asks for it.
const LONGEST: Duration = Duration::from_secs(10);

/// The wait after so many tries: doubling, and shortened by up to a half at
/// random, so that jobs which failed together do not come back together.
pub(super) fn delay(tries: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_seconds_and_lose_at_most_a_half_to_chance() {
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
