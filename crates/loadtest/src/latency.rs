//! Exact percentiles of latencies.

use std::time::Duration;

use serde::Serialize;

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// All zero if there are no latencies.
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |permille: usize| {
            // The nearest rank: the smallest value that so many per mille do not exceed.
            let rank = (latencies.len() * permille).div_ceil(1000);
            let latency = latencies.get(rank.saturating_sub(1));
            latency.map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        Self {
            p50: at(500),
            p99: at(990),
            p99_9: at(999),
            max: at(1000),
        }
    }
}

/// The median; zero if there are no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0.0,
        Some(&upper) if values.len() % 2 == 1 => upper,
        Some(&upper) => f64::midpoint(values[middle - 1], upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let check = |millis: Vec<u64>, expected: [f64; 4]| {
            let found = Percentiles::of(millis.into_iter().map(Duration::from_millis).collect());
            let found = [found.p50, found.p99, found.p99_9, found.max];
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        };
        check(vec![], [0.0; 4]);
        check(vec![7], [7.0; 4]);
        check(vec![3, 1, 2], [2.0, 3.0, 3.0, 3.0]);
        check((1..=1000).rev().collect(), [500.0, 990.0, 999.0, 1000.0]);
        check((1..=10_000).collect(), [5000.0, 9900.0, 9990.0, 10_000.0]);
    }

    #[test]
    fn median_is_the_middle_value() {
        let check = |values: &[f64], expected: f64| {
            assert!(
                (median(values.to_vec()) - expected).abs() < 1e-9,
                "{values:?}"
            );
        };
        check(&[], 0.0);
        check(&[4.0], 4.0);
        check(&[9.0, 1.0, 5.0], 5.0);
        check(&[9.0, 1.0, 5.0, 6.0], 5.5);
    }
}
