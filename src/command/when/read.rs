//! Reading a time off the start of a text.

use jiff::civil::Date;

use super::{Day, When};
use crate::command::number::{split_digit, split_digits, split_number};
use crate::command::text::{first_word, runs_on, skip_blanks, split_word, strip_folded};

/// A part of the day that says which half of the clock an hour is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    /// No part was named.
    Any,
    SmallHours,
    Morning,
    Noon,
    Afternoon,
    Evening,
    Am,
    Pm,
}

const PERIODS: &[(&str, Period)] = &[
    ("凌晨", Period::SmallHours),
    ("清晨", Period::Morning),
    ("早晨", Period::Morning),
    ("早上", Period::Morning),
    ("早", Period::Morning),
    ("上午", Period::Morning),
    ("中午", Period::Noon),
    ("下午", Period::Afternoon),
    ("傍晚", Period::Afternoon),
    ("晚上", Period::Evening),
    ("晚", Period::Evening),
];

const HALVES: &[(&str, Period)] = &[
    ("am", Period::Am),
    ("a.m.", Period::Am),
    ("pm", Period::Pm),
    ("p.m.", Period::Pm),
];

/// Days by their distance; `今晚`, `明早` name a part of the day too.
const DAYS: &[(&str, (u8, Period))] = &[
    ("今天", (0, Period::Any)),
    ("今日", (0, Period::Any)),
    ("今早", (0, Period::Morning)),
    ("今早上", (0, Period::Morning)),
    ("今晚", (0, Period::Evening)),
    ("今晚上", (0, Period::Evening)),
    ("明天", (1, Period::Any)),
    ("明日", (1, Period::Any)),
    ("明早", (1, Period::Morning)),
    ("明早上", (1, Period::Morning)),
    ("明晚", (1, Period::Evening)),
    ("明晚上", (1, Period::Evening)),
    ("后天", (2, Period::Any)),
    ("大后天", (3, Period::Any)),
    ("today", (0, Period::Any)),
    ("tonight", (0, Period::Evening)),
    ("tomorrow", (1, Period::Any)),
];

const WEEKDAYS: &[(&str, i8)] = &[
    ("mon", 1),
    ("monday", 1),
    ("tue", 2),
    ("tues", 2),
    ("tuesday", 2),
    ("wed", 3),
    ("wednesday", 3),
    ("thu", 4),
    ("thur", 4),
    ("thurs", 4),
    ("thursday", 4),
    ("fri", 5),
    ("friday", 5),
    ("sat", 6),
    ("saturday", 6),
    ("sun", 7),
    ("sunday", 7),
];

/// Which week a Chinese day of the week is in, if that is said.
const WEEKS: &[(&str, u8)] = &[("本", 0), ("这", 0), ("这个", 0), ("下", 1), ("下个", 1)];
const WEEK: &[(&str, ())] = &[("周", ()), ("星期", ()), ("礼拜", ())];
const DAYS_OF_WEEK: &[(&str, i8)] = &[
    ("一", 1),
    ("二", 2),
    ("三", 3),
    ("四", 4),
    ("五", 5),
    ("六", 6),
    ("日", 7),
    ("天", 7),
];

const HOUR: &[(&str, ())] = &[("点", ()), ("點", ()), ("时", ())];
const QUARTERS: &[(&str, u32)] = &[("半", 30), ("一刻", 15), ("三刻", 45), ("整", 0), ("钟", 0)];

/// Splits a time off the text, as far as it goes; otherwise what was typed in its place.
pub(in crate::command) fn split_when(text: &str) -> Result<(When, &str), &str> {
    let (day, period, rest) = split_day(text).unwrap_or((Day::Unnamed, Period::Any, text));
    let clock = skip_blanks(rest);
    let found = split_clock(clock, period);
    let found = found.map(|(minutes, rest)| (When { day, minutes }, rest));
    let typed = text.len() - clock.len() + first_word(clock).len();
    found.ok_or(text[..typed].trim_end())
}

fn split_day(text: &str) -> Option<(Day, Period, &str)> {
    if let Some(((days, period), rest)) = split_word(text, DAYS) {
        return Some((Day::In(days), period, rest));
    }
    let (day, rest) = split_weekday(text)
        .or_else(|| split_chinese_date(text))
        .or_else(|| split_date(text))?;
    Some((day, Period::Any, rest))
}

/// `周五`, `下星期一`, `friday`.
fn split_weekday(text: &str) -> Option<(Day, &str)> {
    if let Some((weekday, rest)) = split_word(text, WEEKDAYS) {
        return Some((Day::Weekday(weekday), rest));
    }
    let (weeks, rest) =
        split_word(text, WEEKS).map_or((None, text), |(weeks, rest)| (Some(weeks), rest));
    let ((), rest) = split_word(rest, WEEK)?;
    let (weekday, rest) = split_word(rest, DAYS_OF_WEEK)?;
    let day = match weeks {
        Some(weeks) => Day::OfWeek { weeks, weekday },
        None => Day::Weekday(weekday),
    };
    Some((day, rest))
}

/// `12月1日`, `2026年12月1号`.
fn split_chinese_date(text: &str) -> Option<(Day, &str)> {
    let (year, rest) = match split_before(text, "年") {
        Some((year, rest)) => (Some(year), skip_blanks(rest)),
        None => (None, text),
    };
    let (month, rest) = split_before(rest, "月")?;
    let (day, rest) = split_number(skip_blanks(rest))?;
    let rest = skip_blanks(rest);
    let rest = rest
        .strip_prefix('日')
        .or_else(|| rest.strip_prefix('号'))?;
    Some((date(year, month, day)?, rest))
}

fn split_before<'t>(text: &'t str, unit: &str) -> Option<(u32, &'t str)> {
    let (number, rest) = split_number(text)?;
    let rest = skip_blanks(rest).strip_prefix(unit)?;
    Some((number, rest))
}

/// `2026-12-01`, `2026/12/1`, and without a year only `12-01`: which of `12/1` is the month
/// depends on who writes it.
fn split_date(text: &str) -> Option<(Day, &str)> {
    let (first, rest) = split_digits(text)?;
    let full = ["-", "/", "."].into_iter().find_map(|mark| {
        let (month, rest) = split_digits(strip_folded(rest, mark)?)?;
        let (day, rest) = split_digits(strip_folded(rest, mark)?)?;
        Some((date(Some(first), month, day)?, rest))
    });
    full.or_else(|| {
        let (day, rest) = split_digits(strip_folded(rest, "-")?)?;
        Some((date(None, first, day)?, rest))
    })
}

/// `None` if there is no such date, in any year if it has none.
fn date(year: Option<u32>, month: u32, day: u32) -> Option<Day> {
    const LEAP_YEAR: i16 = 2024;
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let Some(year) = year else {
        Date::new(LEAP_YEAR, month, day).ok()?;
        return Some(Day::OfYear { month, day });
    };
    // `26-12-01` is no year that anybody means.
    let year = i16::try_from(year).ok().filter(|year| *year >= 1000)?;
    Date::new(year, month, day).ok().map(Day::Date)
}

/// A time of day, in minutes after midnight.
fn split_clock(text: &str, period: Period) -> Option<(u16, &str)> {
    let (period, text) = match split_word(text, PERIODS) {
        Some((found, rest)) if period == Period::Any => (found, skip_blanks(rest)),
        Some(_) | None => (period, text),
    };
    let (hour, rest) = split_number(text)?;
    let (minute, period, rest) = match split_chinese_minute(rest) {
        Some((minute, rest)) => (minute, period, rest),
        None => split_minute(rest, period)?,
    };
    let typed = &text[..text.len() - rest.len()];
    if runs_on(typed, rest) || goes_on(rest) {
        return None;
    }
    Some((minutes(hour, minute, period)?, rest))
}

/// Whether seconds follow, or the end of a stretch of time: neither is text.
fn goes_on(rest: &str) -> bool {
    let marks = [":", "-", "–", "—", "~", "到", "至"];
    let after = marks.iter().find_map(|mark| strip_folded(rest, mark));
    after.and_then(split_number).is_some()
}

/// `点半`, `点30分`, `点三十`: one digit needs its `分`, or it counts what follows.
fn split_chinese_minute(text: &str) -> Option<(u32, &str)> {
    let ((), rest) = split_word(skip_blanks(text), HOUR)?;
    if let Some(found) = split_word(rest, QUARTERS) {
        return Some(found);
    }
    let Some((minute, after)) = split_number(rest) else {
        return Some((0, rest));
    };
    if let Some(after) = after.strip_prefix('分') {
        return Some((minute, after));
    }
    let figures = rest.chars().count() - after.chars().count();
    Some(if figures > 1 && minute < 60 {
        (minute, after)
    } else {
        (0, rest)
    })
}

/// `:30`, `:30 pm`, `pm`; without any of them a number is no time.
fn split_minute(text: &str, period: Period) -> Option<(u32, Period, &str)> {
    let minute = strip_folded(text, ":").and_then(split_two_digits);
    let (minute, rest) = minute.map_or((None, text), |(minute, rest)| (Some(minute), rest));
    let half = split_word(skip_blanks(rest), HALVES).filter(|_| period == Period::Any);
    match (minute, half) {
        (minute, Some((half, rest))) => Some((minute.unwrap_or(0), half, rest)),
        (Some(minute), None) => Some((minute, period, rest)),
        (None, None) => None,
    }
}

fn split_two_digits(text: &str) -> Option<(u32, &str)> {
    let (tens, rest) = split_digit(text)?;
    let (units, rest) = split_digit(rest)?;
    Some((tens * 10 + units, rest))
}

/// Minutes after midnight; `None` if no clock shows that time in that part of the day.
fn minutes(hour: u32, minute: u32, period: Period) -> Option<u16> {
    let hour = match (period, hour) {
        (Period::Any, 0..=23)
        | (Period::SmallHours, 0..=6)
        | (Period::Morning, 0..=12)
        | (Period::Noon, 10..=14)
        | (Period::Afternoon | Period::Evening, 13..=23)
        | (Period::Afternoon | Period::Pm, 12)
        | (Period::Am, 1..=11) => hour,
        (Period::SmallHours | Period::Am, 12) => 0,
        (Period::Noon, 1 | 2)
        | (Period::Afternoon | Period::Pm, 1..=11)
        | (Period::Evening, 5..=11) => hour + 12,
        // Midnight is the end of an evening. What `今晚1点` means, nobody knows.
        (Period::Any, 24) if minute == 0 => 24,
        (Period::Evening, 12 | 24) => 24,
        (_, _) => return None,
    };
    u16::try_from(hour * 60 + minute)
        .ok()
        .filter(|_| minute < 60)
}
