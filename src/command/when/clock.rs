//! The time of day: `9:00`, `3pm`, `下午三点半`, `half past nine`, `noon`.

use crate::command::number::{split_digit, split_number};
use crate::command::text::{
    fold, is_dash, runs_on, skip_blanks, split_word, strip_folded, strip_word,
};

/// A part of the day.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum Period {
    /// Not given.
    #[default]
    Any,
    SmallHours,
    Morning,
    Noon,
    Afternoon,
    Evening,
    Am,
    Pm,
}

/// A time on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) struct ClockTime {
    hour: u32,
    minute: u32,
    /// `am` or `pm`, which overrides another part of the day.
    half: Option<Period>,
    /// A plain number, which is an hour only in context.
    pub(in crate::command) is_bare: bool,
}

impl ClockTime {
    pub(in crate::command) const NOON: Self = Self::named(12);
    /// The end of the day.
    const MIDNIGHT: Self = Self::named(24);

    /// An hour that a part of the day does not change.
    const fn named(hour: u32) -> Self {
        Self {
            half: Some(Period::Any),
            ..Self::at(hour, 0)
        }
    }

    const fn at(hour: u32, minute: u32) -> Self {
        Self {
            hour,
            minute,
            half: None,
            is_bare: false,
        }
    }
}

const PERIODS: &[(&str, Period)] = &[
    ("凌晨", Period::SmallHours),
    ("清晨, 早晨, 早上, 早, 上午", Period::Morning),
    ("morning, in the morning", Period::Morning),
    ("中午, 午间", Period::Noon),
    ("下午, 傍晚, afternoon, in the afternoon", Period::Afternoon),
    ("晚上, 晚间, 夜里, 夜间, 晚", Period::Evening),
    ("evening, in the evening, night, at night", Period::Evening),
    ("am, a.m.", Period::Am),
    ("pm, p.m.", Period::Pm),
];

const HALVES: &[(&str, Period)] = &[("am, a.m., a.m", Period::Am), ("pm, p.m., p.m", Period::Pm)];

const NAMED: &[(&str, ClockTime)] = &[
    ("noon, midday, 正午", ClockTime::NOON),
    ("midnight, 午夜", ClockTime::MIDNIGHT),
];

const QUARTERS: &[(&str, u32)] = &[("半", 30), ("一刻", 15), ("三刻", 45), ("整, 钟", 0)];

/// From one.
const HOURS_IN_WORDS: &str =
    "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve";

/// Minutes relative to the hour that follows.
const PAST: &[(&str, i32)] = &[
    ("half past", 30),
    ("quarter past, a quarter past", 15),
    ("quarter to, a quarter to", -15),
];

pub(in crate::command) fn split_period(text: &str) -> Option<(Period, &str)> {
    split_word(text, PERIODS)
}

pub(in crate::command) fn split_clock(text: &str) -> Option<(ClockTime, &str)> {
    if let Some((clock, rest)) = split_word(text, NAMED) {
        let is_word = !rest.starts_with(is_apostrophe);
        return is_word.then_some((clock, rest));
    }
    let (clock, rest) = match split_past(text) {
        Some(found) => found,
        None => split_hour_and_minute(text)?,
    };
    let typed = &text[..text.len() - rest.len()];
    if runs_on(typed, rest) || continues(rest) {
        return None;
    }
    Some((clock, rest))
}

/// `half past nine`.
fn split_past(text: &str) -> Option<(ClockTime, &str)> {
    let (past, rest) = split_word(text, PAST)?;
    let (hour, rest) = split_hour(skip_blanks(rest))?;
    let (half, rest) = split_half(rest);
    let minutes = i32::try_from(hour).ok()? * 60 + past;
    let minutes = u32::try_from(minutes).ok()?;
    let clock = ClockTime {
        half,
        ..ClockTime::at(minutes / 60, minutes % 60)
    };
    Some((clock, rest))
}

fn split_hour_and_minute(text: &str) -> Option<(ClockTime, &str)> {
    let (hour, after) = split_hour(text)?;
    if let Some((minute, rest)) = split_chinese_minute(after) {
        return Some((ClockTime::at(hour, minute), rest));
    }
    let minute = strip_folded(after, ":").and_then(split_two_digits);
    let (minute, rest) = minute.map_or((None, after), |(minute, rest)| (Some(minute), rest));
    let (half, rest) = split_half(rest);
    let oclock = strip_word(skip_blanks(rest), "o'clock, o’clock, oclock");
    let (is_whole, rest) = oclock.map_or((false, rest), |rest| (true, rest));
    let (late_half, rest) = match half {
        Some(half) => (Some(half), rest),
        None => split_half(rest),
    };
    // Neither `9:0`, `9:` nor the start of a longer number.
    let is_broken = minute.is_none() && strip_folded(rest, ":").is_some();
    if is_broken || is_figure(rest) {
        return None;
    }
    let clock = ClockTime {
        hour,
        minute: minute.unwrap_or(0),
        half: late_half,
        is_bare: minute.is_none() && late_half.is_none() && !is_whole,
    };
    Some((clock, rest))
}

/// Whether a number continues: `9.5`, `9,000`, `9-10`, `9/10`, `9%`.
fn is_figure(rest: &str) -> bool {
    let mut chars = rest.chars();
    let mark = chars
        .next()
        .is_some_and(|c| matches!(fold(c), '.' | ',' | '/' | '%' | '+'));
    mark && chars.next().is_some_and(|c| fold(c).is_ascii_digit())
}

fn is_apostrophe(c: char) -> bool {
    matches!(fold(c), '\'' | '’')
}

fn split_hour(text: &str) -> Option<(u32, &str)> {
    let in_words = || {
        let mut words = (1..).zip(HOURS_IN_WORDS.split(", "));
        words.find_map(|(hour, word)| Some((hour, strip_word(text, word)?)))
    };
    split_number(text).or_else(in_words)
}

fn split_half(text: &str) -> (Option<Period>, &str) {
    match split_word(skip_blanks(text), HALVES) {
        Some((half, rest)) if !rest.starts_with(is_apostrophe) => (Some(half), rest),
        _ => (None, text),
    }
}

/// Whether seconds or the end of a range follow.
fn continues(rest: &str) -> bool {
    let marks = [":", "-", "–", "—", "~", "到", "至"];
    let after = marks.iter().find_map(|mark| strip_folded(rest, mark));
    let after = after.map(|after| after.trim_start_matches(is_dash));
    after.and_then(split_number).is_some()
}

/// `点半`, `点30分`, `点三十`. A single digit needs `分`, or it belongs to the text.
fn split_chinese_minute(text: &str) -> Option<(u32, &str)> {
    let rest = strip_word(skip_blanks(text), "点, 时")?;
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

fn split_two_digits(text: &str) -> Option<(u32, &str)> {
    let (tens, rest) = split_digit(text)?;
    let (units, rest) = split_digit(rest)?;
    Some((tens * 10 + units, rest))
}

/// Minutes after midnight; `None` if the time does not exist in that part of the day.
pub(in crate::command) fn minutes(clock: ClockTime, period: Period) -> Option<u16> {
    let ClockTime {
        hour, minute, half, ..
    } = clock;
    let period = half.unwrap_or(period);
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
        // Midnight ends the evening. `今晚1点` is ambiguous.
        (Period::Any, 24) if minute == 0 => 24,
        (Period::Evening, 12 | 24) => 24,
        (_, _) => return None,
    };
    u16::try_from(hour * 60 + minute)
        .ok()
        .filter(|_| minute < 60)
}
