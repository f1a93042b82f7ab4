//! Durations: `2h`, `1h30m`, `30 min`, `两小时`, `1 天 3 小时`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::number::{split_digit, split_number};
use super::text::{is_blank, runs_on, skip_blanks, split_word, strip_folded, strip_word};
use crate::language::{Bilingual, Language};

/// In minutes.
const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
const YEAR: u64 = 365 * DAY;

/// A duration in whole minutes, from one minute to 365 days.
///
/// A day is 24 hours, also across clock changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Span {
    minutes: u64,
}

/// A duration outside the range of a [`Span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpanError {
    /// Less than a minute.
    #[error("shorter than a minute")]
    TooShort,
    /// More than a year.
    #[error("longer than a year")]
    TooLong,
}

impl TryFrom<u64> for Span {
    type Error = SpanError;

    /// From minutes.
    fn try_from(minutes: u64) -> Result<Self, SpanError> {
        match minutes {
            0 => Err(SpanError::TooShort),
            1..=YEAR => Ok(Self { minutes }),
            _ => Err(SpanError::TooLong),
        }
    }
}

impl From<Span> for u64 {
    /// In minutes.
    fn from(span: Span) -> Self {
        span.minutes
    }
}

impl Span {
    pub fn duration(self) -> Duration {
        Duration::from_mins(self.minutes)
    }

    /// `1 天 3 小时`, `1 day 3 hours`. Weeks are used only for whole weeks.
    pub fn in_words(self, language: Language) -> String {
        let minutes = self.minutes;
        let parts = if minutes.is_multiple_of(WEEK) {
            vec![(minutes / WEEK, Bilingual::new("周", "week"))]
        } else {
            vec![
                (minutes / DAY, Bilingual::new("天", "day")),
                (minutes % DAY / HOUR, Bilingual::new("小时", "hour")),
                (minutes % HOUR, Bilingual::new("分钟", "minute")),
            ]
        };
        let parts = parts.into_iter().filter(|&(count, _)| count > 0);
        let words = parts.map(|(count, unit)| {
            let plural = match language {
                Language::En if count > 1 => "s",
                Language::En | Language::Zh => "",
            };
            format!("{count} {}{plural}", unit.to(language))
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Names of units, with and without `个`, and their lengths.
const UNITS: &[(&str, u64)] = &[
    ("m, min, mins, minute, minutes, 分, 分钟", 1),
    ("h, hr, hrs, hour, hours, 小时, 个小时, 钟头, 个钟头", HOUR),
    ("d, day, days, 天, 日", DAY),
    ("w, wk, wks, week, weeks", WEEK),
    ("周, 星期, 个星期, 礼拜, 个礼拜", WEEK),
];

/// Splits off the longest duration, in minutes.
///
/// Smaller units may follow larger ones: `1h30m`. After a blank a part counts only if no text is
/// joined to it: `1 天 3 小时 text`, but in `1天 2小时后停电` the text begins with the `2`.
pub(super) fn split_span(text: &str) -> Option<(u64, &str)> {
    let SpanPart {
        mut minutes,
        mut unit,
        mut rest,
    } = split_part(text)?;
    while let Some(part) = next_part(rest, unit) {
        minutes += part.minutes;
        (unit, rest) = (part.unit, part.rest);
    }
    let typed = &text[..text.len() - rest.len()];
    (!runs_on(typed, rest)).then_some((minutes, rest))
}

/// A number with its unit.
struct SpanPart<'t> {
    minutes: u64,
    unit: u64,
    rest: &'t str,
}

fn next_part(text: &str, larger: u64) -> Option<SpanPart<'_>> {
    if larger > 1
        && let Some(rest) = text.strip_prefix('半').filter(|rest| ends_part(rest))
    {
        let (minutes, unit) = (larger / 2, 0);
        return Some(SpanPart {
            minutes,
            unit,
            rest,
        });
    }
    let next = skip_blanks(text);
    let apart = next.len() < text.len();
    let part = strip_word(next, "and, 又, 零").map_or(next, skip_blanks);
    split_part(part)
        .filter(|part| part.unit < larger)
        .filter(|part| !apart || ends_part(part.rest))
}

/// Whether no text is joined to a part: in `1天 2小时后停电`, `2小时` begins the text.
fn ends_part(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() && !is_blank(c)) || split_span(rest).is_some()
}

fn split_part(text: &str) -> Option<SpanPart<'_>> {
    let (thousandths, rest) = split_amount(text)?;
    let (unit, rest) = split_word(skip_blanks(rest), UNITS)?;
    let minutes = thousandths * unit / 1000;
    // Fractions of a minute are not supported.
    (thousandths * unit)
        .is_multiple_of(1000)
        .then_some(SpanPart {
            minutes,
            unit,
            rest,
        })
}

/// English numerals, in thousandths.
const AMOUNTS: &[(&str, u64)] = &[
    ("a, an, one", 1000),
    ("two", 2000),
    ("three", 3000),
    ("four", 4000),
    ("five", 5000),
    ("six", 6000),
    ("seven", 7000),
    ("eight", 8000),
    ("nine", 9000),
    ("ten", 10_000),
    ("half a, half an", 500),
    ("one and a half", 1500),
    ("two and a half", 2500),
];

/// Splits off a number of units, in thousandths: `2`, `1.25`, `半`, `两个半`, `half an`.
fn split_amount(text: &str) -> Option<(u64, &str)> {
    if let Some(rest) = text.strip_prefix('半') {
        return Some((500, rest));
    }
    if let Some(found) = split_word(text, AMOUNTS) {
        return Some(found);
    }
    let (number, rest) = split_number(text)?;
    let whole = u64::from(number) * 1000;
    if let Some(rest) = strip_folded(rest, "个半") {
        return Some((whole + 500, rest));
    }
    let fraction = strip_folded(rest, ".").and_then(split_fraction);
    Some(match fraction {
        Some((thousandths, rest)) => (whole + thousandths, rest),
        None => (whole, rest),
    })
}

/// Splits off up to three digits, as thousandths.
fn split_fraction(text: &str) -> Option<(u64, &str)> {
    let (mut value, mut rest) = split_digit(text).map(|(digit, rest)| (u64::from(digit), rest))?;
    let mut scale = 100;
    while let Some((digit, after)) = split_digit(rest).filter(|_| scale > 1) {
        (value, rest, scale) = (value * 10 + u64::from(digit), after, scale / 10);
    }
    Some((value * scale, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(texts: &[&str], minutes: u64, tail: &str) {
        for text in texts {
            let whole = format!("{text}{tail}");
            assert_eq!(split_span(&whole), Some((minutes, tail)), "{whole:?}");
        }
    }

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        for tail in ["", " lunch", "\n午饭", "，午饭"] {
            check(
                &["1m", "1 min", "１Ｍ", "1 minute", "1分", "一分钟"],
                1,
                tail,
            );
            check(
                &[
                    "2h",
                    "2H",
                    "02h",
                    "2 h",
                    "2 hrs",
                    "2 hours",
                    "2小时",
                    "2 小时",
                    "2个小时",
                    "两小时",
                    "两个小时",
                    "二小时",
                    "2钟头",
                    "120分钟",
                    "2.0h",
                    "two hours",
                    "2小時",
                    "兩個小時",
                ],
                2 * HOUR,
                tail,
            );
            check(
                &[
                    "30m",
                    "30 min",
                    "30 mins",
                    "30分钟",
                    "三十分钟",
                    "半小时",
                    "半个小时",
                    "半个钟头",
                    "half an hour",
                    "0.5h",
                ],
                30,
                tail,
            );
            check(
                &["2d", "2 days", "2天", "2日", "两天", "二 天"],
                2 * DAY,
                tail,
            );
            check(
                &[
                    "1w",
                    "1 week",
                    "1周",
                    "一周",
                    "1星期",
                    "一个星期",
                    "一礼拜",
                    "7d",
                ],
                WEEK,
                tail,
            );
            check(&["10天", "十天"], 10 * DAY, tail);
        }
    }

    #[test]
    fn smaller_units_may_follow_larger_ones() {
        for tail in ["", " lunch", "：午饭"] {
            check(
                &[
                    "1h30m",
                    "1h 30m",
                    "1 hour 30 min",
                    "1小时30分钟",
                    "1小时30分",
                    "1小时 30分钟",
                    "一小时三十分钟",
                    "一个半小时",
                    "1个半小时",
                    "1.5h",
                    "1.5小时",
                    "1小时半",
                    "90m",
                ],
                90,
                tail,
            );
            check(
                &["1d3h", "1 天 3 小时", "1 day 3 hours", "一天三小时"],
                DAY + 3 * HOUR,
                tail,
            );
            check(&["1w2d3h4m"], WEEK + 2 * DAY + 3 * HOUR + 4, tail);
            check(&["1天半", "一天半", "1.5 days"], DAY + DAY / 2, tail);
            check(
                &["1.25h", "１．２５小时", "1 hour and 15 minutes"],
                75,
                tail,
            );
            check(&["0.75h"], 45, tail);
        }
    }

    #[test]
    fn text_after_a_duration_is_left() {
        for (text, minutes, tail) in [
            ("2d 3 people", 2 * DAY, " 3 people"),
            ("2d 3 days left", 2 * DAY, " 3 days left"),
            ("2h 2h", 2 * HOUR, " 2h"),
            ("30m 1h", 30, " 1h"),
            ("2天今晚停电", 2 * DAY, "今晚停电"),
            ("2h今晚停电", 2 * HOUR, "今晚停电"),
            ("2天半价", 2 * DAY, "半价"),
            ("1天 2小时后停电", DAY, " 2小时后停电"),
            ("2天9:00", 2 * DAY, "9:00"),
            ("2h. More", 2 * HOUR, ". More"),
            ("1h @_user_1", HOUR, " @_user_1"),
        ] {
            assert_eq!(split_span(text), Some((minutes, tail)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_durations() {
        for text in [
            "",
            "2",
            "h",
            "2x",
            "2hx",
            "2hourss",
            "1h30",
            "2h3x",
            "1.5m",
            "1.001h",
            "-2h",
            "2 month",
            "2个月",
            "3年",
            "半",
            "一下",
            ".5h",
            "今晚",
            "2 @_user_1",
        ] {
            assert_eq!(split_span(text), None, "{text}");
        }
    }

    #[test]
    fn spans_range_from_a_minute_to_a_year() {
        assert_eq!(Span::try_from(0), Err(SpanError::TooShort));
        assert_eq!(Span::try_from(YEAR + 1), Err(SpanError::TooLong));
        for text in [
            "53w",
            "366d",
            "99999999999999999999w",
            "999999999999d23h59m",
        ] {
            let (minutes, _) = split_span(text).unwrap();
            assert_eq!(Span::try_from(minutes), Err(SpanError::TooLong), "{text}");
        }
        for minutes in [1, YEAR] {
            assert_eq!(u64::from(Span::try_from(minutes).unwrap()), minutes);
        }
        let json = serde_json::to_string(&Span::try_from(120).unwrap()).unwrap();
        assert_eq!(json, "120");
        assert!(serde_json::from_str::<Span>("0").is_err());
    }

    #[test]
    fn spans_are_written_in_both_languages() {
        for (minutes, zh, en) in [
            (1, "1 分钟", "1 minute"),
            (30, "30 分钟", "30 minutes"),
            (120, "2 小时", "2 hours"),
            (DAY + 3 * HOUR, "1 天 3 小时", "1 day 3 hours"),
            (WEEK, "1 周", "1 week"),
            (2 * WEEK, "2 周", "2 weeks"),
            (10 * DAY, "10 天", "10 days"),
            (YEAR, "365 天", "365 days"),
            (
                DAY + HOUR + 1,
                "1 天 1 小时 1 分钟",
                "1 day 1 hour 1 minute",
            ),
        ] {
            let span = Span::try_from(minutes).unwrap();
            assert_eq!(span.in_words(Language::Zh), zh);
            assert_eq!(span.in_words(Language::En), en);
            assert_eq!(span.duration(), Duration::from_secs(minutes * 60));
        }
    }

    proptest! {
        #[test]
        fn written_spans_parse_to_the_same_span(minutes in 1..=YEAR) {
            let span = Span::try_from(minutes).unwrap();
            for language in [Language::Zh, Language::En] {
                for tail in ["", " text", "\n9:00"] {
                    let text = span.in_words(language) + tail;
                    prop_assert_eq!(split_span(&text), Some((minutes, tail)), "{}", text);
                }
            }
        }

        #[test]
        fn any_text_is_parsed(text in "[0-9０-９半一十两个小时天周hmdw. ]{0,12}|.*") {
            if let Some((_, rest)) = split_span(&text) {
                prop_assert!(text.ends_with(rest) && rest.len() < text.len());
            }
        }
    }
}
