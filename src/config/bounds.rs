//! Bounds of numbers and durations. Within them no arithmetic of the bot overflows.

use std::time::Duration;

use super::{Config, Problem};

/// The platform redelivers an event for up to 7 h 05 min.
const REDELIVERY: Duration = Duration::from_hours(8);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// A number of the configuration.
struct Count {
    key: &'static str,
    least: u64,
    most: u64,
    of: fn(&Config) -> u64,
}

/// A duration of the configuration.
struct Length {
    key: &'static str,
    least: Duration,
    most: Duration,
    of: fn(&Config) -> Duration,
}

/// Every number; config/default.toml states the same bounds.
const COUNTS: &[Count] = &[
    count("feishu.limits_factor", 1, 1_000_000, |config| {
        u64::from(config.feishu.limits_factor)
    }),
    count("server.max_connections", 1, 1_000_000, |config| {
        config.server.max_connections as u64
    }),
    // One connection listens, and a request that waits for another may not hold the last.
    count("store.connections", 3, 10_000, |config| {
        config.store.connections as u64
    }),
    count("store.max_open_jobs", 1, 1_000_000, |config| {
        config.store.max_open_jobs as u64
    }),
    count("store.max_open_jobs_per_chat", 1, 1_000_000, |config| {
        config.store.max_open_jobs_per_chat as u64
    }),
    count("worker.concurrency", 1, 1_000_000, |config| {
        config.worker.concurrency as u64
    }),
    count("audit.keep_days", 1, 36_500, |config| {
        u64::from(config.audit.keep_days)
    }),
];

/// Every duration; config/default.toml states the same bounds.
const LENGTHS: &[Length] = &[
    length("feishu.timeout", Duration::from_millis(1), |config| {
        config.feishu.timeout
    }),
    length(
        "server.signature_max_age",
        Duration::from_secs(1),
        |config| config.server.signature_max_age,
    ),
    length("store.keep_finished", REDELIVERY, |config| {
        config.store.keep_finished
    }),
    length("worker.give_up_after", Duration::from_millis(1), |config| {
        config.worker.give_up_after
    }),
    length("worker.stale_after", Duration::ZERO, |config| {
        config.worker.stale_after
    }),
    length("worker.plan_grace", Duration::from_secs(1), |config| {
        config.worker.plan_grace
    }),
];

const fn count(key: &'static str, least: u64, most: u64, of: fn(&Config) -> u64) -> Count {
    Count {
        key,
        least,
        most,
        of,
    }
}

const fn length(key: &'static str, least: Duration, of: fn(&Config) -> Duration) -> Length {
    let most = YEAR;
    Length {
        key,
        least,
        most,
        of,
    }
}

/// Whether a key takes a duration.
pub(super) fn is_duration(key: &str) -> bool {
    LENGTHS.iter().any(|length| length.key == key)
}

/// Every number and duration out of its bounds.
pub(super) fn find(config: &Config) -> Vec<Problem> {
    let counts = COUNTS.iter().filter_map(|count| {
        let number = (count.of)(config);
        let within = (count.least..=count.most).contains(&number);
        (!within).then(|| {
            Problem::new(
                format!("`{}` is {number}", count.key),
                format!("set it to a number {}", count.bounds()),
            )
        })
    });
    let lengths = LENGTHS.iter().filter_map(|length| {
        let duration = (length.of)(config);
        let within = (length.least..=length.most).contains(&duration);
        (!within).then(|| {
            Problem::new(
                format!("`{}` is {}", length.key, text(duration)),
                format!("set it to a duration {}", length.bounds()),
            )
        })
    });
    counts.chain(lengths).chain(keep_finished(config)).collect()
}

/// A finished job that is forgotten while its event can come again would run twice.
fn keep_finished(config: &Config) -> Option<Problem> {
    let (keep, age) = (config.store.keep_finished, config.server.signature_max_age);
    (keep < age && keep >= REDELIVERY).then(|| {
        Problem::new(
            format!(
                "`store.keep_finished` is {}, shorter than `server.signature_max_age`",
                text(keep)
            ),
            format!(
                "set it to {} or longer, or a command could run twice",
                text(age)
            ),
        )
    })
}

impl Count {
    fn bounds(&self) -> String {
        format!("from {} to {}", self.least, self.most)
    }
}

impl Length {
    fn bounds(&self) -> String {
        format!("from {} to {}", text(self.least), text(self.most))
    }
}

/// A duration as the configuration file has it.
fn text(duration: Duration) -> String {
    if duration == YEAR {
        return "365d".to_owned();
    }
    humantime_serde::re::humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::DEFAULT_TOML;
    use crate::config::defaults::defaults;

    fn bounds() -> BTreeMap<&'static str, String> {
        let counts = COUNTS.iter().map(|count| (count.key, count.bounds()));
        let lengths = LENGTHS.iter().map(|length| (length.key, length.bounds()));
        counts.chain(lengths).collect()
    }

    #[test]
    fn the_default_file_states_every_bound() {
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
