//! Reading a time off the start of a text: days, parts of the day and times of day in any order.

use super::clock::{ClockTime, Period, minutes, split_clock, split_period};
use super::date::{split_day, split_month};
use super::{Day, When};
use crate::command::number::split_number;
use crate::command::span::split_span;
use crate::command::text::{
    LONGEST_NAME, first_word, fold, folded_start, is_ascii_word, is_blank, is_cjk, is_dash,
    skip_blanks, split_word, strip_folded, strip_word,
};
use crate::command::when::words::{
    CHINESE_TIME_WORDS, CONNECTIVES, LATER, LONG_WORDS, RANGE_WORDS, TIME_WORDS,
};

const MINUTES_OF_DAY: u64 = 24 * 60;

/// The parts of a time parsed so far.
#[derive(Debug, Default)]
struct Parts {
    day: Option<Day>,
    /// A second name of that day.
    also: Option<Day>,
    /// Whether the last part was a day.
    ends_with_day: bool,
    period: Period,
    clock: Option<ClockTime>,
    /// Minutes from now.
    later: Option<u64>,
}

/// What was typed instead of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum NoTime<'t> {
    Unknown(&'t str),
    /// A day or a part of the day.
    WithoutHour(&'t str),
}

/// Splits off the longest time.
pub(in crate::command) fn split_when(text: &str) -> Result<(When, &str), NoTime<'_>> {
    let mut parts = Parts::default();
    let mut rest = text;
    while let Some(after) = parts.take(rest) {
        rest = after;
    }
    let typed = |end: &str| text[..text.len() - end.len()].trim_end();
    let next = skip_blanks(rest);
    let Some(when) = parts.when() else {
        // `2026-12-019:00` has no day, `Sat/Sun` two.
        let continues = |c| matches!(fold(c), ':' | '/' | '-' | '~');
        let ends = !rest.starts_with(continues) && split_number(next).is_none();
        if parts.lacks_hour() && ends {
            return Err(NoTime::WithoutHour(typed(rest)));
        }
        let end = if parts.clock.is_some() {
            rest
        } else {
            // `Feb 30`
            let next = split_month(next).map_or(next, |(_, day)| skip_blanks(day));
            &next[first_word(next).len()..]
        };
        return Err(NoTime::Unknown(typed(end)));
    };
    match split_time_word(rest) {
        Some(end) => Err(NoTime::Unknown(typed(end))),
        None => Ok((when, rest)),
    }
}

impl Parts {
    /// Parses one part; returns what follows it.
    fn take<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let is_first = self.day.is_none() && self.clock.is_none() && self.period == Period::Any;
        let gap = if is_first {
            text
        } else {
            text.strip_prefix([',', '，', '、']).unwrap_or(text)
        };
        let start = skip_blanks(gap);
        let found = self
            .take_at(start, false)
            .or_else(|| self.take_bracketed_day(start));
        found.or_else(|| {
            let (is_at, rest) = split_word(start, CONNECTIVES)?;
            self.take_at(skip_blanks(rest), is_at)
                .or_else(|| self.take_ordinal(start, rest))
        })
    }

    /// Parses one part at the start of `text`; `is_at` says that an "at" precedes it.
    fn take_at<'t>(&mut self, text: &'t str, is_at: bool) -> Option<&'t str> {
        self.take_day(text)
            .or_else(|| self.take_clock(text, is_at))
            .or_else(|| self.take_period(text))
    }

    fn take_day<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if self.later.is_some() {
            return None;
        }
        let is_first = self.day.is_none() && self.clock.is_none();
        if let Some((minutes, rest)) = split_later(text).filter(|_| is_first) {
            match u8::try_from(minutes / MINUTES_OF_DAY) {
                Ok(days) if minutes % MINUTES_OF_DAY == 0 && self.period == Period::Any => {
                    self.day = Some(Day::In(days));
                    self.later = Some(minutes);
                }
                _ if self.period == Period::Any => self.later = Some(minutes),
                _ => return None,
            }
            return Some(rest);
        }
        let (day, period, rest) = split_day(text)?;
        if !self.may_end_before(text, rest)
            || !(period == Period::Any || self.period == Period::Any)
        {
            return None;
        }
        if !self.add_day(day) {
            return None;
        }
        if period != Period::Any {
            self.period = period;
        }
        Some(rest)
    }

    /// Adds a day: the first one, or a second name right after it, `Mon, Dec 7`. Two weekdays
    /// cannot name the same day.
    fn add_day(&mut self, day: Day) -> bool {
        let is_weekday = |day| matches!(day, Day::Weekday(_));
        match self.day {
            None => self.day = Some(day),
            Some(_) if self.also.is_some() || !self.ends_with_day => return false,
            Some(first) if is_weekday(first) && is_weekday(day) => return false,
            Some(first) if is_weekday(first) => {
                self.day = Some(day);
                self.also = Some(first);
            }
            Some(_) => self.also = Some(day),
        }
        self.ends_with_day = true;
        true
    }

    /// `(Mon)` after a date, `（12月7日）` after a weekday.
    fn take_bracketed_day<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let inner = text.strip_prefix(['(', '（'])?;
        let (day, period, rest) = split_day(skip_blanks(inner))?;
        let rest = skip_blanks(rest).strip_prefix([')', '）'])?;
        let fits = self.day.is_some() && self.later.is_none() && period == Period::Any;
        (fits && self.add_day(day)).then_some(rest)
    }

    /// `on the 25th` after a time; without the "on" it may begin the text.
    fn take_ordinal<'t>(&mut self, start: &str, rest: &'t str) -> Option<&'t str> {
        let is_on = strip_folded(start, "on").is_some() && self.clock.is_some();
        let (day, _, after) = split_day(skip_blanks(rest)).filter(|_| is_on)?;
        (self.day.is_none() && matches!(day, Day::OfMonth { .. })).then(|| {
            self.day = Some(day);
            after
        })
    }

    fn take_clock<'t>(&mut self, text: &'t str, is_at: bool) -> Option<&'t str> {
        let is_later = self.later.is_some() && self.day.is_none();
        if self.clock.is_some() || is_later {
            return None;
        }
        let (clock, rest) = split_clock(text)?;
        // `一早` is not an hour.
        let may_be_bare = !text.starts_with(is_cjk)
            && (is_at || self.period != Period::Any || is_hour_of_day(rest));
        if clock.is_bare && !may_be_bare {
            return None;
        }
        self.clock = Some(clock);
        self.ends_with_day = false;
        Some(rest)
    }

    fn take_period<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if self.period != Period::Any || (self.later.is_some() && self.day.is_none()) {
            return None;
        }
        let (period, rest) = split_period(text)?;
        if !self.may_end_before(text, rest) {
            return None;
        }
        self.period = period;
        self.ends_with_day = false;
        Some(rest)
    }

    /// Whether a day or a part of the day ends before `rest`. After a time of day it must be a
    /// separate word: `9:00 明天 停电`, but in `9:00 明天停电` and `9:00 Friday's lunch` it begins the
    /// text.
    fn may_end_before(&self, text: &str, rest: &str) -> bool {
        if self.clock.is_none() {
            return true;
        }
        // `the 3rd floor`
        let is_ordinal = matches!(split_day(text), Some((Day::OfMonth { .. }, _, _)))
            && text.starts_with(is_ascii_word)
            && !rest.is_empty()
            && !text[..text.len() - rest.len()].contains(is_cjk);
        !is_ordinal && ends_word(rest)
    }

    /// Whether only a day or a part of the day was given.
    fn lacks_hour(&self) -> bool {
        self.clock.is_none() && (self.day.is_some() || self.period != Period::Any)
    }

    fn when(&self) -> Option<When> {
        let clock = self
            .clock
            .or((self.period == Period::Noon).then_some(ClockTime::NOON));
        let (day, minutes) = match (clock, self.later) {
            (None, Some(later)) => (Day::FromNow(u32::try_from(later).ok()?), 0),
            (None, None) => return None,
            (Some(clock), _) => (
                self.day.unwrap_or(Day::Unnamed),
                minutes(clock, self.period)?,
            ),
        };
        let also = self.also;
        Some(When { day, also, minutes })
    }
}

/// Whether a word ends before `rest`.
pub(in crate::command) fn ends_word(rest: &str) -> bool {
    let Some(next) = rest.chars().next() else {
        return true;
    };
    !(next.is_alphanumeric() || matches!(fold(next), '\'' | '’' | '_' | '/')) || is_blank(next)
}

/// Whether `rest` makes an hour of a plain number: `8 tonight`, `9 in the morning`.
fn is_hour_of_day(rest: &str) -> bool {
    let next = skip_blanks(rest);
    let next = strip_word(next, "in the, at").map_or(next, skip_blanks);
    let is_day = split_day(next)
        .is_some_and(|(day, _, after)| matches!(day, Day::In(_)) && ends_word(after));
    is_day || split_period(next).is_some_and(|(_, after)| ends_word(after))
}

/// `in 30 minutes`, `2 hours later`, `半小时后`, in minutes.
fn split_later(text: &str) -> Option<(u64, &str)> {
    if let Some(rest) = strip_word(text, "in, after, 过") {
        let (minutes, rest) = split_span(skip_blanks(rest))?;
        let after = strip_word(skip_blanks(rest), LATER).unwrap_or(rest);
        return Some((minutes, after));
    }
    let (minutes, rest) = split_span(text)?;
    let after = strip_word(skip_blanks(rest), LATER)?;
    Some((minutes, after))
}

/// Splits off an unknown word that may belong to the time before it.
pub(in crate::command) fn split_time_word(text: &str) -> Option<&str> {
    let next = skip_blanks(text.strip_prefix([',', '，']).unwrap_or(text));
    let end = |word: &str| &next[word.len()..];
    if let Some(rest) = strip_word(next, TIME_WORDS).filter(|rest| ends_word(rest)) {
        return Some(rest);
    }
    let chinese = strip_word(next, CHINESE_TIME_WORDS)
        .or_else(|| split_day(next).map(|(_, _, rest)| rest))
        .or_else(|| split_period(next).map(|(_, rest)| rest));
    let is_chinese = next.starts_with(is_cjk);
    if let Some(rest) = chinese.filter(|rest| is_chinese && ends_word(rest)) {
        return Some(rest);
    }
    let word = first_word(next);
    let is_offset = word.starts_with(['+', '＋']) || strip_folded(word, "(utc").is_some();
    let range = strip_word(next, RANGE_WORDS)
        .or_else(|| next.strip_prefix(is_dash))
        .and_then(|rest| split_clock(skip_blanks(rest.trim_start_matches(is_dash))));
    if let Some((_, rest)) = range.filter(|(clock, _)| !clock.is_bare) {
        return Some(rest);
    }
    let letters =
        word.trim_end_matches(|c: char| fold(c).is_ascii_punctuation() && fold(c) != '\'');
    let letters = folded_start(letters, LONGEST_NAME);
    let is_misspelt = letters.len() > 5
        && LONG_WORDS
            .split(", ")
            .any(|known| strsim::damerau_levenshtein(known, &letters) == 1);
    (is_offset && word.chars().nth(1).is_some_and(is_ascii_word) || is_misspelt).then(|| end(word))
}
