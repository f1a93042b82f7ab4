//! Reads a recurrence off the start of a text: days and a time of the day, in any order.

use super::{Days, Recurrence, Weekdays};
use crate::command::number::{split_digits, split_number};
use crate::command::text::{
    first_word, fold, is_ascii_word, is_cjk, is_dash, skip_blanks, split_word, strip_folded,
    strip_word,
};
use crate::command::when::{
    ClockTime, DAYS_OF_WEEK, MONTH_NAMES, ORDINALS, Period, RANGE_WORDS, WEEKDAYS, ends_word,
    minutes, split_clock, split_period, split_time_word,
};

/// What was typed instead of a recurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum NoRecurrence<'t> {
    Unknown(&'t str),
    WithoutHour(&'t str),
    /// A week or a month.
    WithoutDay(&'t str),
}

/// A word before a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connective {
    At,
    Every,
    Other,
}

const CONNECTIVES: &[(&str, Connective)] = &[
    ("at, @", Connective::At),
    ("every, each, 每, 每个, 每逢", Connective::Every),
    ("on, the, of, in the, 逢, 的", Connective::Other),
];

/// Days that one word names.
const NAMED: &[(&str, Days)] = &[
    ("day, days, daily, everyday, 天, 日", Days::Daily),
    (
        "weekday, weekdays, workday, workdays, working day, working days, business day, business days, 工作日, 个工作日, 平日",
        Days::OfWeek(Weekdays::MONDAY_TO_FRIDAY),
    ),
    (
        "weekend, weekends, 周末, 个周末, 双休日",
        Days::OfWeek(Weekdays::WEEKEND),
    ),
    (
        "last day, 最后一天, 最后1天, 月底, 月末",
        Days::OfMonth(None),
    ),
];

const PLURALS: &[(&str, i8)] = &[
    ("mondays", 1),
    ("tuesdays", 2),
    ("wednesdays", 3),
    ("thursdays", 4),
    ("fridays", 5),
    ("saturdays", 6),
    ("sundays", 7),
];

const WEEK: &str = "week, weekly";
const CHINESE_WEEK: &str = "周, 星期, 礼拜, 个星期, 个礼拜";
const MONTH: &str = "month, monthly, 月, 个月";
const LAST_DAY: &str = "last day, last, end, 最后一天, 最后1天, 底, 末, 月底, 月末";
const OF_THE_MONTH: &str = "of the month, of each month, of every month, of month";
const DAY_OF_MONTH: &str = "号, 日";
const LIST_WORDS: &str = "and, 和, 及, 与, 跟";

/// The parts parsed so far.
#[derive(Debug, Default)]
struct Parts {
    days: Option<Days>,
    /// Whether a week or a month was named without a day.
    lacks_day: bool,
    period: Period,
    clock: Option<ClockTime>,
}

/// Splits off the longest recurrence. A time without days is daily.
pub(in crate::command) fn split_recurrence(
    text: &str,
) -> Result<(Recurrence, &str), NoRecurrence<'_>> {
    let mut parts = Parts::default();
    let mut rest = text;
    while let Some(after) = parts.take(rest) {
        rest = after;
    }
    let typed = |end: &str| text[..text.len() - end.len()].trim_end();
    match parts.recurrence() {
        Some(recurrence) => match parts.split_more(rest) {
            Some(end) => Err(NoRecurrence::Unknown(typed(end))),
            None => Ok((recurrence, rest)),
        },
        None if parts.lacks_day && (parts.clock.is_some() || ends(rest)) => {
            Err(NoRecurrence::WithoutDay(typed(rest)))
        }
        None if parts.clock.is_none() && parts.days.is_some() && ends(rest) => {
            Err(NoRecurrence::WithoutHour(typed(rest)))
        }
        None => {
            let next = skip_blanks(rest);
            // `2 weeks`
            let next = split_number(next).map_or(next, |(_, after)| skip_blanks(after));
            Err(NoRecurrence::Unknown(typed(
                &next[first_word(next).len()..],
            )))
        }
    }
}

/// Whether nothing follows that may belong to a recurrence.
fn ends(rest: &str) -> bool {
    let continues = |c| matches!(fold(c), ':' | '/' | '-' | '~');
    let next = skip_blanks(rest);
    !rest.starts_with(continues) && split_number(next).is_none() && split_weekday(next).is_none()
}

impl Parts {
    /// Splits off what may belong to the recurrence and is not supported: a second time, for example.
    fn split_more<'t>(&self, rest: &'t str) -> Option<&'t str> {
        let next = skip_blanks(rest);
        // `fri 17:00 weekly report`
        let is_text = self.days.is_some() && strip_word(next, "daily, weekly, monthly").is_some();
        let time_word = split_time_word(rest).filter(|_| !is_text);
        time_word.or_else(|| {
            let next = next
                .strip_prefix(is_list_mark)
                .or_else(|| strip_word(next, LIST_WORDS))?;
            let (clock, end) = split_clock(skip_blanks(next))?;
            (!clock.is_bare && ends_word(end)).then_some(end)
        })
    }

    /// Parses one part; returns what follows it.
    fn take<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let is_first = !self.lacks_day
            && self.days.is_none()
            && self.clock.is_none()
            && self.period == Period::Any;
        let mut start = if is_first {
            skip_blanks(text)
        } else {
            skip_blanks(text.strip_prefix(is_list_mark).unwrap_or(text))
        };
        let mut before = None;
        loop {
            let found = self
                .take_days(start, before)
                .or_else(|| self.take_clock(start, before))
                .or_else(|| self.take_period(start));
            if found.is_some() {
                return found;
            }
            let (connective, rest) = split_word(start, CONNECTIVES)?;
            // `every` decides, as in `on every Monday`.
            before = before
                .filter(|word| *word == Connective::Every)
                .or(Some(connective));
            start = skip_blanks(rest);
        }
    }

    fn take_days<'t>(&mut self, text: &'t str, before: Option<Connective>) -> Option<&'t str> {
        if self.days.is_some() {
            return None;
        }
        let found = match (self.clock, before) {
            (None, _) | (_, Some(Connective::Every)) => split_days(text),
            // Other days after a time may begin the text.
            (Some(_), Some(_)) => split_english_weekdays(text),
            (Some(_), None) => None,
        };
        let found = found.filter(|(_, rest)| self.clock.is_none() || ends_word(rest));
        if let Some((days, rest)) = found {
            (self.days, self.lacks_day) = (Some(days), false);
            return Some(rest);
        }
        if self.lacks_day || self.clock.is_some() {
            return None;
        }
        let rest = strip_word(text, WEEK)
            .or_else(|| strip_word(text, CHINESE_WEEK))
            .or_else(|| strip_word(text, MONTH))?;
        self.lacks_day = true;
        Some(rest)
    }

    fn take_clock<'t>(&mut self, text: &'t str, before: Option<Connective>) -> Option<&'t str> {
        if self.clock.is_some() {
            return None;
        }
        let (clock, rest) = split_clock(text)?;
        let before_period = || {
            let next = skip_blanks(rest);
            split_period(next).is_some_and(|(_, after)| ends_word(after))
        };
        // `一早` is not an hour.
        let may_be_bare = !text.starts_with(is_cjk)
            && (before == Some(Connective::At) || self.period != Period::Any || before_period());
        if clock.is_bare && !may_be_bare {
            return None;
        }
        self.clock = Some(clock);
        Some(rest)
    }

    fn take_period<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if self.period != Period::Any {
            return None;
        }
        let (period, rest) = split_period(text)?;
        if self.clock.is_some() && !ends_word(rest) {
            return None;
        }
        self.period = period;
        Some(rest)
    }

    fn recurrence(&self) -> Option<Recurrence> {
        if self.lacks_day {
            return None;
        }
        let noon = (self.period == Period::Noon).then_some(ClockTime::NOON);
        let minutes = minutes(self.clock.or(noon)?, self.period)?;
        let days = self.days.unwrap_or(Days::Daily);
        match (days, minutes) {
            (_, 0..1440) => Some(Recurrence { days, minutes }),
            // The end of each day is the start of the next.
            (Days::Daily, _) => Some(Recurrence { days, minutes: 0 }),
            _ => None,
        }
    }
}

fn split_days(text: &str) -> Option<(Days, &str)> {
    let named = split_word(text, NAMED).map(|(days, rest)| match days {
        Days::OfMonth(_) => (days, skip_of_the_month(rest)),
        _ => (days, rest),
    });
    named
        .or_else(|| split_english_weekdays(text))
        .or_else(|| split_chinese_weekdays(text))
        .or_else(|| split_month_and_day(text))
        .or_else(|| {
            let (day, rest) = split_day_with_unit(text)?;
            Some((Days::OfMonth(Some(day)), skip_of_the_month(rest)))
        })
}

/// `month 1`, `month on the 1st`, `月1日`, `月最后一天`.
fn split_month_and_day(text: &str) -> Option<(Days, &str)> {
    let next = skip_blanks(strip_word(text, MONTH)?);
    let next = strip_word(next, "on the, on, the, 的").map_or(next, skip_blanks);
    if let Some(rest) = strip_word(next, LAST_DAY) {
        return Some((Days::OfMonth(None), rest));
    }
    let next = strip_word(next, "day").map_or(next, skip_blanks);
    let (day, rest) = split_day_with_unit(next).or_else(|| {
        let (day, rest) = split_digits(next)?;
        let continues = |c| is_ascii_word(c) || matches!(fold(c), ':' | '.' | '-' | '点' | '时');
        let ends = !rest.starts_with(continues) && !rest.trim_start().starts_with(['点', '點']);
        ends.then_some((day_of_month(day)?, rest))
    })?;
    Some((Days::OfMonth(Some(day)), rest))
}

/// `1st`, `15号`.
fn split_day_with_unit(text: &str) -> Option<(i8, &str)> {
    let ordinal = || {
        let (day, rest) = split_digits(text)?;
        Some((day, strip_word(rest, ORDINALS)?))
    };
    let chinese = || {
        let (day, rest) = split_number(text)?;
        Some((day, strip_word(skip_blanks(rest), DAY_OF_MONTH)?))
    };
    let (day, rest) = ordinal().or_else(chinese)?;
    Some((day_of_month(day)?, rest))
}

fn day_of_month(day: u32) -> Option<i8> {
    let day = i8::try_from(day).ok()?;
    (1..=31).contains(&day).then_some(day)
}

/// A month with a name makes a date, which comes once a year.
fn skip_of_the_month(rest: &str) -> &str {
    let next = skip_blanks(rest);
    let of = strip_word(next, OF_THE_MONTH);
    of.filter(|_| split_word(next, MONTH_NAMES).is_none())
        .unwrap_or(rest)
}

/// `mon`, `mon, thu`, `monday and thursday`, `mon-fri`.
fn split_english_weekdays(text: &str) -> Option<(Days, &str)> {
    let (first, mut rest) = split_weekday(text)?;
    let mut days = Weekdays::default().with(first);
    let mut last = first;
    loop {
        let next = skip_blanks(rest);
        let (is_range, next) = if let Some(after) = split_range_mark(next) {
            (true, skip_blanks(after))
        } else {
            let after = next.strip_prefix(is_list_mark);
            let next = skip_blanks(after.unwrap_or(next));
            let next = strip_word(next, LIST_WORDS).map_or(next, skip_blanks);
            (
                false,
                strip_word(next, "on, every").map_or(next, skip_blanks),
            )
        };
        let Some((weekday, after)) = split_weekday(next) else {
            return Some((Days::of_week(days), rest));
        };
        days = if is_range {
            days.with_range(last, weekday)
        } else {
            days.with(weekday)
        };
        (last, rest) = (weekday, after);
    }
}

fn is_list_mark(c: char) -> bool {
    matches!(fold(c), ',' | '、' | '/' | '&' | '+')
}

fn split_weekday(text: &str) -> Option<(i8, &str)> {
    let (weekday, rest) = split_word(text, WEEKDAYS).or_else(|| split_word(text, PLURALS))?;
    Some((weekday, strip_folded(rest, ".").unwrap_or(rest)))
}

fn split_range_mark(text: &str) -> Option<&str> {
    let mark = text.strip_prefix(|c| is_dash(c) || fold(c) == '~');
    mark.or_else(|| strip_word(text, RANGE_WORDS))
        .or_else(|| strip_word(text, "through, thru"))
}

/// `周一`, `周一、周四`, `周一三五`, `周一至周五`, `周1、3`.
fn split_chinese_weekdays(text: &str) -> Option<(Days, &str)> {
    let (first, mut rest) = split_numbered_weekday(strip_word(text, CHINESE_WEEK)?)?;
    let mut days = Weekdays::default().with(first);
    let mut last = first;
    loop {
        let next = skip_blanks(rest);
        let range = split_range_mark(next);
        let listed = next
            .strip_prefix(is_list_mark)
            .or_else(|| strip_word(next, LIST_WORDS));
        let marked = range.or(listed).map(skip_blanks);
        let next = marked.unwrap_or(rest);
        let named = strip_word(next, CHINESE_WEEK);
        let is_marked = marked.is_some() || named.is_some();
        let number = named.unwrap_or(next);
        let found = split_numbered_weekday(number);
        // `周一三五`, but not the figure in `周一1点`.
        let found = found.filter(|_| is_marked || number.starts_with(is_cjk));
        let Some((weekday, after)) = found else {
            return Some((Days::of_week(days), rest));
        };
        days = if range.is_some() {
            days.with_range(last, weekday)
        } else {
            days.with(weekday)
        };
        (last, rest) = (weekday, after);
    }
}

/// The number of a weekday that is not the start of an hour: `三` in `周一三五`, but not in `周一三点`.
fn split_numbered_weekday(text: &str) -> Option<(i8, &str)> {
    let (weekday, rest) = split_word(text, DAYS_OF_WEEK)?;
    let is_figure = text.starts_with(|c| fold(c).is_ascii_digit());
    let continues = |c| match fold(c) {
        '点' | '时' | '十' | '号' => true,
        c => is_figure && (c == ':' || c.is_ascii_digit()),
    };
    (!rest.starts_with(continues)).then_some((weekday, rest))
}
