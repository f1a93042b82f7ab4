//! Bounds of numbers and durations. Within them no arithmetic of the bot overflows.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Config, Problem};

/// The platform redelivers an event for up to 7 h 05 min.
const REDELIVERY: Duration = Duration::from_hours(8);
const YEAR: Duration = Duration::from_hours(365 * 24);
const MILLION: u64 = 1_000_000;

struct Bound<T> {
    key: &'static str,
    range: RangeInclusive<T>,
    value: fn(&Config) -> T,
}

/// The bound of a key, whose value is converted to a type if one is given.
macro_rules! bound {
    ($section:ident.$key:ident $(as $type:ty)?, $range:expr) => {
        Bound {
            key: concat!(stringify!($section), ".", stringify!($key)),
            range: $range,
            value: |config| config.$section.$key $(as $type)?,
        }
    };
}

/// Every number; config/default.toml states the same bounds.
const NUMBERS: &[Bound<u64>] = &[
    bound!(feishu.limits_factor as u64, 1..=MILLION),
    bound!(server.max_connections as u64, 1..=MILLION),
    // One connection listens, and a request that waits for another may not hold the last.
    bound!(store.connections as u64, 3..=10_000),
    bound!(store.max_open_jobs as u64, 1..=MILLION),
    bound!(store.max_open_jobs_per_chat as u64, 1..=MILLION),
    bound!(worker.concurrency as u64, 1..=MILLION),
    bound!(audit.keep_days as u64, 1..=36_500),
];

/// Every duration; config/default.toml states the same bounds.
const DURATIONS: &[Bound<Duration>] = &[
    bound!(feishu.timeout, Duration::from_millis(1)..=YEAR),
    bound!(server.signature_max_age, Duration::from_secs(1)..=YEAR),
    bound!(store.keep_finished, REDELIVERY..=YEAR),
    bound!(worker.give_up_after, Duration::from_millis(1)..=YEAR),
    bound!(worker.stale_after, Duration::ZERO..=YEAR),
    bound!(worker.plan_grace, Duration::from_secs(1)..=YEAR),
    bound!(
        worker.consent_wait,
        Duration::from_mins(1)..=Duration::from_hours(1)
    ),
];

pub(super) fn is_duration(key: &str) -> bool {
    DURATIONS.iter().any(|bound| bound.key == key)
}

/// A problem for each number and duration out of its bounds.
pub(super) fn find(config: &Config) -> Vec<Problem> {
    let numbers = NUMBERS
        .iter()
        .filter_map(|bound| bound.problem(config, "a number", u64::to_string));
    let durations = DURATIONS
        .iter()
        .filter_map(|bound| bound.problem(config, "a duration", text));
    numbers
        .chain(durations)
        .chain(keep_finished(config))
        .collect()
}

impl<T: PartialOrd> Bound<T> {
    fn problem(&self, config: &Config, kind: &str, text: fn(&T) -> String) -> Option<Problem> {
        let value = (self.value)(config);
        (!self.range.contains(&value)).then(|| {
            Problem::new(
                format!("`{}` is {}", self.key, text(&value)),
                format!("set it to {kind} {}", self.range_text(text)),
            )
        })
    }

    fn range_text(&self, text: fn(&T) -> String) -> String {
        let (least, most) = (text(self.range.start()), text(self.range.end()));
        format!("from {least} to {most}")
    }
}

fn keep_finished(config: &Config) -> Option<Problem> {
    let (keep, age) = (config.store.keep_finished, config.server.signature_max_age);
    // A job that is forgotten while its event can still be redelivered would run twice.
    (keep < age && keep >= REDELIVERY).then(|| {
        let (keep, age) = (text(&keep), text(&age));
        Problem::new(
            format!("`store.keep_finished` is {keep}, shorter than `server.signature_max_age`"),
            format!("set it to {age} or longer, or a command could run twice"),
        )
    })
}

/// A duration in the notation of the configuration file.
fn text(duration: &Duration) -> String {
    if *duration == YEAR {
        return "365d".to_owned();
    }
    humantime_serde::re::humantime::format_duration(*duration).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::DEFAULT_TOML;
    use crate::config::defaults::defaults;

    fn bounds() -> BTreeMap<&'static str, String> {
        let numbers = NUMBERS
            .iter()
            .map(|bound| (bound.key, bound.range_text(u64::to_string)));
        let durations = DURATIONS
            .iter()
            .map(|bound| (bound.key, bound.range_text(text)));
        numbers.chain(durations).collect()
    }

    #[test]
    fn default_file_states_every_bound() {
        let stated: Vec<_> = DEFAULT_TOML
            .lines()
            .zip(DEFAULT_TOML.lines().skip(1))
            .filter(|(_, key)| key.contains(" = "))
            .collect();
        let mut bounds = bounds();
        for (section, keys) in defaults() {
            for (key, default) in keys.as_table().unwrap() {
                let is_length = default.as_str().is_some_and(|text| {
                    humantime_serde::re::humantime::parse_duration(text).is_ok()
                });
                if !default.is_integer() && !is_length {
                    continue;
                }
                let name = format!("{section}.{key}");
                let bound = bounds.remove(name.as_str());
                let bound = bound.unwrap_or_else(|| panic!("`{name}` has no bounds"));
                let line = format!("{key} = ");
                let (comment, _) = stated.iter().find(|(_, of)| of.starts_with(&line)).unwrap();
                let words = format!(" F{}", &bound[1..]);
                assert!(comment.contains(&words), "{name}: {words}");
            }
        }
        assert!(bounds.is_empty(), "{bounds:?}");
    }
}
