//! The platform's settings for clients, and the schedule of reconnects.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// The shortest wait before a reconnect, whatever the platform asks for: a server that accepts and
/// closes connections at once would keep the bot busy.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest interval, whatever the platform asks for.
const LONGEST: Duration = Duration::from_hours(1);

/// The platform's settings for clients (`ClientConfig`). The defaults of the
/// official SDKs apply until it sends any, and replace each invalid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub struct ClientConfig {
    /// The number of attempts after a connection was lost; `None` if unlimited.
    pub reconnect_count: Option<u32>,
    /// The time between two attempts.
    pub reconnect_interval: Duration,
    /// The longest wait before the first attempt.
    pub reconnect_nonce: Duration,
    /// The time between two pings.
    pub ping_interval: Duration,
}

impl ClientConfig {
    /// How long to wait before the next attempt, after `tries` have failed since the
    /// connection was lost. `random`, of the full range, spreads the clients of a server that
    /// went down over the nonce. `None` if the platform allows no more attempts.
    pub fn wait_before_try(&self, tries: u32, random: u32) -> Option<Duration> {
        if self.reconnect_count.is_some_and(|count| tries >= count) {
            return None;
        }
        let wait = if tries == 0 {
            self.reconnect_nonce * random / u32::MAX
        } else {
            self.reconnect_interval
        };
        Some(wait.max(SHORTEST))
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            reconnect_count: None,
            reconnect_interval: Duration::from_mins(2),
            reconnect_nonce: Duration::from_secs(30),
            ping_interval: Duration::from_mins(2),
        }
    }
}

/// All but the count in seconds. An invalid value does not make the others
/// unreadable, nor the address next to them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    #[serde(default)]
    reconnect_count: Value,
    #[serde(default)]
    reconnect_interval: Value,
    #[serde(default)]
    reconnect_nonce: Value,
    #[serde(default)]
    ping_interval: Value,
}

impl From<Wire> for ClientConfig {
    fn from(wire: Wire) -> Self {
        let default = Self::default();
        // A negative count means unlimited.
        let count = wire
            .reconnect_count
            .as_i64()
            .and_then(|count| u64::try_from(count).ok());
        let interval = |value: Value, default| {
            seconds(&value)
                .filter(|value| !value.is_zero())
                .unwrap_or(default)
        };
        Self {
            reconnect_count: count.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
            reconnect_interval: interval(wire.reconnect_interval, default.reconnect_interval),
            reconnect_nonce: seconds(&wire.reconnect_nonce).unwrap_or(default.reconnect_nonce),
            ping_interval: interval(wire.ping_interval, default.ping_interval),
        }
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = u64::try_from(value.as_i64()?).ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn config(json: &str) -> ClientConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn invalid_settings_fall_back_to_the_sdk_defaults() {
        let default = ClientConfig::default();
        for json in [
            "{}",
            r#"{"ReconnectCount":-1,"ReconnectInterval":120,"ReconnectNonce":30,"PingInterval":120}"#,
            r#"{"ReconnectCount":"3","ReconnectInterval":7.5,"ReconnectNonce":{},"PingInterval":[]}"#,
            r#"{"ReconnectCount":null,"ReconnectInterval":0,"ReconnectNonce":-5,"PingInterval":-1,"New":1}"#,
        ] {
            assert_eq!(config(json), default, "{json}");
        }
        let custom = config(
            r#"{"ReconnectCount":3,"ReconnectInterval":7,"ReconnectNonce":0,"PingInterval":9}"#,
        );
        assert_eq!(custom.reconnect_count, Some(3));
        assert_eq!(custom.reconnect_interval, 7 * SECOND);
        assert_eq!(custom.reconnect_nonce, Duration::ZERO);
        assert_eq!(custom.ping_interval, 9 * SECOND);
        let huge = i64::MAX;
        let huge = config(&format!(
            r#"{{"ReconnectCount":{huge},"ReconnectNonce":{huge},"PingInterval":{huge}}}"#
        ));
        assert_eq!(huge.reconnect_count, Some(u32::MAX));
        assert_eq!(
            (huge.reconnect_nonce, huge.ping_interval),
            (LONGEST, LONGEST)
        );
    }

    #[test]
    fn the_first_attempt_is_spread_over_the_nonce() {
        let endless = ClientConfig::default();
        let limited = ClientConfig {
            reconnect_count: Some(2),
            ..endless
        };
        let never = ClientConfig {
            reconnect_count: Some(0),
            ..endless
        };
        for (config, tries, random, expected) in [
            (endless, 0, 0, Some(SECOND)),
            (endless, 0, u32::MAX, Some(30 * SECOND)),
            (endless, 1, u32::MAX, Some(120 * SECOND)),
            (endless, u32::MAX, 0, Some(120 * SECOND)),
            (limited, 0, u32::MAX, Some(30 * SECOND)),
            (limited, 1, 0, Some(120 * SECOND)),
            (limited, 2, 0, None),
            (never, 0, 0, None),
        ] {
            assert_eq!(
                config.wait_before_try(tries, random),
                expected,
                "{tries} {random}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_settings_cause_an_endless_wait(
            count: i64, interval: i64, nonce: i64, ping: i64, tries: u32, random: u32,
        ) {
            let config = config(&format!(
                r#"{{"ReconnectCount":{count},"ReconnectInterval":{interval},
                    "ReconnectNonce":{nonce},"PingInterval":{ping}}}"#
            ));
            let wait = config.wait_before_try(tries, random);
            prop_assert!(wait.is_none_or(|wait| SECOND <= wait && wait <= LONGEST));
            prop_assert!(SECOND <= config.ping_interval && config.ping_interval <= LONGEST);
        }
    }
}
