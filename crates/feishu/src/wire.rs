//! Wire formats of times, numbers in strings, absent ids and levels.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// The level of a heading, 1 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct HeadingLevel(u8);

impl HeadingLevel {
    /// `None` if there is no such level.
    pub fn new(level: u8) -> Option<Self> {
        (1..=9).contains(&level).then_some(Self(level))
    }

    /// 1 to 9.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for HeadingLevel {
    type Error = &'static str;

    fn try_from(level: u8) -> Result<Self, Self::Error> {
        Self::new(level).ok_or("a heading has a level of 1 to 9")
    }
}

impl From<HeadingLevel> for u8 {
    fn from(level: HeadingLevel) -> Self {
        level.0
    }
}

/// Reads unix time in seconds (up to 11 digits), milliseconds (up to 14) or microseconds; the
/// platform's pages show all three for fields of the same name.
pub(crate) fn parse_time(digits: &str) -> Option<Timestamp> {
    let number: i64 = digits.parse().ok()?;
    match digits.len() {
        0..=11 => Timestamp::from_second(number),
        12..=14 => Timestamp::from_millisecond(number),
        _ => Timestamp::from_microsecond(number),
    }
    .ok()
}

/// A string that borrows from the body unless it holds an escape.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// An identifier that may be absent, null or empty, which all mean `None`.
pub(crate) fn optional_id<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let id = Option::<String>::deserialize(deserializer)?;
    Ok(id.filter(|id| !id.is_empty()).map(T::from))
}

/// A value for which null means the same as absence.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A whole number, written as a number or as a string.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(D::Error::custom),
    }
}

/// A span of whole seconds, written as a number or as a string; `None` unless it is positive.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| *seconds > 0.0)?;
    Some(Duration::try_from_secs_f64(seconds.floor()).unwrap_or(Duration::MAX))
}

/// Encodes a whole link, including reserved characters, as the platform requires.
pub(crate) fn percent_encode(link: &str) -> String {
    link.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Percent-encoded pairs, for a form or a query.
pub(crate) fn pairs(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", percent_encode(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_read_in_three_units() {
        let moment = Timestamp::from_second(1_608_725_989).ok();
        for digits in ["1608725989", "1608725989000", "1608725989000000"] {
            assert_eq!(parse_time(digits), moment, "{digits}");
        }
        for junk in ["", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(parse_time(junk), None, "{junk}");
        }
    }

    proptest! {
        #[test]
        fn pairs_are_read_as_they_were_written(one in ".*", other in ".*") {
            let query = pairs(&[("a", &one), ("b", &other)]);
            prop_assert!(query.bytes().all(|byte| byte.is_ascii_graphic()));
            let url = reqwest::Url::parse(&format!("http://host/?{query}")).unwrap();
            let read: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(read, [("a".into(), one.into()), ("b".into(), other.into())]);
        }
    }
}
