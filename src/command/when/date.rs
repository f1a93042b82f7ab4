//! Days: `明天`, `next monday`, `25号`, `Dec 1st`, `2026-12-01`.

use jiff::civil::Date;

use super::Day;
use super::clock::Period;
use crate::command::number::{split_digits, split_number};
use crate::command::text::{
    fold, is_ascii_word, is_blank, skip_blanks, split_word, strip_folded, strip_word,
};

/// Days relative to today; `今晚` and `明早` include a part of the day.
const DAYS: &[(&str, (u8, Period))] = &[
    ("今天, 今日, today", (0, Period::Any)),
    ("今早, 今早上, 今晨", (0, Period::Morning)),
    ("今午", (0, Period::Noon)),
    ("今晚, 今晚上, 今夜, 当晚, tonight", (0, Period::Evening)),
    ("明天, 明日", (1, Period::Any)),
    ("tomorrow, tomorow, tmr, tmrw", (1, Period::Any)),
    ("tommorow, tommorrow", (1, Period::Any)),
    ("明早, 明早上, 明晨", (1, Period::Morning)),
    ("明午", (1, Period::Noon)),
    ("明晚, 明晚上, 明夜", (1, Period::Evening)),
    ("后天, 后日", (2, Period::Any)),
    ("day after tomorrow", (2, Period::Any)),
    ("the day after tomorrow", (2, Period::Any)),
    ("大后天", (3, Period::Any)),
];

pub(in crate::command) const WEEKDAYS: &[(&str, i8)] = &[
    ("mon, monday", 1),
    ("tue, tues, tuesday", 2),
    ("wed, weds, wednesday", 3),
    ("thu, thur, thurs, thursday", 4),
    ("fri, friday", 5),
    ("sat, saturday", 6),
    ("sun, sunday", 7),
];

/// The week of an English weekday; `coming` means the same as no word.
const ENGLISH_WEEKS: &[(&str, Option<u8>)] = &[
    ("this", Some(0)),
    ("next", Some(1)),
    ("coming, this coming", None),
];

/// The week of a Chinese weekday.
const WEEKS: &[(&str, u8)] = &[("本, 这, 这个", 0), ("下, 下个", 1), ("下下, 下下个", 2)];

pub(in crate::command) const DAYS_OF_WEEK: &[(&str, i8)] = &[
    ("一, 1", 1),
    ("二, 2", 2),
    ("三, 3", 3),
    ("四, 4", 4),
    ("五, 5", 5),
    ("六, 6", 6),
    ("日, 天", 7),
];

/// The month of a day of the month.
const MONTHS: &[(&str, u8)] = &[("本月, 这个月, 这月, 当月", 0), ("下月, 下个月", 1)];
const DAY_OF_MONTH: &str = "号, 日";
const END_OF_MONTH: &str = "月底, 月末, 底, 末";

pub(in crate::command) const MONTH_NAMES: &[(&str, u32)] = &[
    ("jan, january", 1),
    ("feb, february", 2),
    ("mar, march", 3),
    ("apr, april", 4),
    ("may", 5),
    ("jun, june", 6),
    ("jul, july", 7),
    ("aug, august", 8),
    ("sep, sept, september", 9),
    ("oct, october", 10),
    ("nov, november", 11),
    ("dec, december", 12),
];
pub(in crate::command) const ORDINALS: &str = "st, nd, rd, th";

/// Splits off a day, with the part of the day if it includes one.
pub(super) fn split_day(text: &str) -> Option<(Day, Period, &str)> {
    if let Some(((days, period), rest)) = split_word(text, DAYS) {
        return Some((Day::In(days), period, rest));
    }
    let (day, rest) = split_weekday(text)
        .or_else(|| split_chinese_date(text))
        .or_else(|| split_day_of_month(text))
        .or_else(|| split_english_date(text))
        .or_else(|| split_date(text))
        .or_else(|| split_ordinal(text))?;
    Some((day, Period::Any, rest))
}

/// `周五`, `下星期一`, `friday`, `next monday`.
fn split_weekday(text: &str) -> Option<(Day, &str)> {
    if let Some(found) = split_english_weekday(text) {
        return Some(found);
    }
    let (weeks, rest) =
        split_word(text, WEEKS).map_or((None, text), |(weeks, rest)| (Some(weeks), rest));
    let number = strip_word(rest, "周, 星期, 礼拜")?;
    let (weekday, rest) = split_word(number, DAYS_OF_WEEK)?;
    // `周1` is Monday; `周15` and `周1:30` are not weekdays.
    let is_figure = |c: char| fold(c).is_ascii_digit() || fold(c) == ':';
    if number.starts_with(is_figure) && rest.starts_with(is_figure) {
        return None;
    }
    Some((of_week(weeks, weekday), rest))
}

fn split_english_weekday(text: &str) -> Option<(Day, &str)> {
    let (weeks, rest) = split_word(text, ENGLISH_WEEKS)
        .map_or((None, text), |(weeks, rest)| (weeks, skip_blanks(rest)));
    let (weekday, rest) = split_word(rest, WEEKDAYS)?;
    let rest = strip_folded(rest, ".").unwrap_or(rest);
    // `monday next week`
    let behind = split_word(skip_blanks(rest), &[("next week", 1), ("this week", 0)]);
    let (weeks, rest) = match behind {
        Some((later, rest)) if weeks.is_none() => (Some(later), rest),
        _ => (weeks, rest),
    };
    Some((of_week(weeks, weekday), rest))
}

fn of_week(weeks: Option<u8>, weekday: i8) -> Day {
    match weeks {
        Some(weeks) => Day::OfWeek { weeks, weekday },
        None => Day::Weekday(weekday),
    }
}

/// `12月1日`, `2026年12月1号`, `12月1`.
fn split_chinese_date(text: &str) -> Option<(Day, &str)> {
    let (year, rest) = match split_before(text, "年") {
        Some((year, rest)) => (Some(year), skip_blanks(rest)),
        None => (None, text),
    };
    let (month, rest) = split_before(rest, "月")?;
    let (day, rest) = split_number(skip_blanks(rest))?;
    let rest = strip_word(skip_blanks(rest), DAY_OF_MONTH)?;
    Some((date(year, month, day)?, rest))
}

fn split_before<'t>(text: &'t str, unit: &str) -> Option<(u32, &'t str)> {
    let (number, rest) = split_number(text)?;
    let rest = skip_blanks(rest).strip_prefix(unit)?;
    Some((number, rest))
}

/// `25号`, `下个月1号`, `月底`.
fn split_day_of_month(text: &str) -> Option<(Day, &str)> {
    let (months, rest) = match split_word(text, MONTHS) {
        Some((months, rest)) => (Some(months), skip_blanks(rest)),
        None => (None, text),
    };
    if let Some(rest) = strip_word(rest, END_OF_MONTH)
        && (months.is_some() || text.starts_with('月'))
    {
        let months = Some(months.unwrap_or(0));
        return Some((Day::OfMonth { months, day: None }, rest));
    }
    let (day, rest) = split_number(rest)?;
    let rest = strip_word(skip_blanks(rest), DAY_OF_MONTH)?;
    Some((day_of_month(months, day)?, rest))
}

fn day_of_month(months: Option<u8>, day: u32) -> Option<Day> {
    let day = i8::try_from(day)
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let day = Some(day);
    Some(Day::OfMonth { months, day })
}

/// `25th`.
fn split_ordinal(text: &str) -> Option<(Day, &str)> {
    let (day, rest) = split_digits(text)?;
    let rest = strip_word(rest, ORDINALS)?;
    Some((day_of_month(None, day)?, rest))
}

/// `Dec 1`, `December 1st, 2026`, `1 Dec`, `1st of December`.
fn split_english_date(text: &str) -> Option<(Day, &str)> {
    let (month, day, rest) = if let Some((month, rest)) = split_month(text) {
        let (day, rest) = split_day_number(skip_blanks(rest))?;
        (month, day, rest)
    } else {
        let (day, rest) = split_day_number(text)?;
        let rest = skip_blanks(rest);
        let rest = strip_word(rest, "of").map_or(rest, skip_blanks);
        let (month, rest) = split_month(rest)?;
        (month, day, rest)
    };
    let (year, rest) = split_year(rest).map_or((None, rest), |(year, rest)| (Some(year), rest));
    Some((date(year, month, day)?, rest))
}

pub(super) fn split_month(text: &str) -> Option<(u32, &str)> {
    let (month, rest) = split_word(text, MONTH_NAMES)?;
    Some((month, strip_folded(rest, ".").unwrap_or(rest)))
}

/// A day of a month, which no colon makes an hour: `Dec 9:00` has none.
fn split_day_number(text: &str) -> Option<(u32, &str)> {
    let (day, rest) = split_digits(text)?;
    let rest = strip_word(rest, ORDINALS).unwrap_or(rest);
    let is_hour = strip_folded(rest, ":").is_some() || rest.starts_with(is_ascii_word);
    (!is_hour).then_some((day, rest))
}

/// `, 2026` behind a date.
fn split_year(text: &str) -> Option<(u32, &str)> {
    let next = skip_blanks(text.strip_prefix([',', '，']).unwrap_or(text));
    let (year, rest) = split_digits(next)?;
    let is_year = (1000..=9999).contains(&year) && next.len() - rest.len() >= 4;
    let ends = rest.is_empty() || rest.starts_with(|c| is_blank(c) || c == ',' || c == '，');
    (is_year && ends).then_some((year, rest))
}

/// `2026-12-01`, `2026/12/1`, `2026-12-01T`, and without a year `12-01`. In `12/25` only one of the
/// two is a month; which of `12/1` is depends on who writes it.
fn split_date(text: &str) -> Option<(Day, &str)> {
    let (first, rest) = split_digits(text)?;
    let full = ["-", "/", "."].into_iter().find_map(|mark| {
        let (month, rest) = split_digits(strip_folded(rest, mark)?)?;
        let (day, rest) = split_digits(strip_folded(rest, mark)?)?;
        let before_time = strip_folded(rest, "t").filter(|rest| split_digits(rest).is_some());
        Some((date(Some(first), month, day)?, before_time.unwrap_or(rest)))
    });
    let short = || {
        let (day, rest) = split_digits(strip_folded(rest, "-")?)?;
        Some((date(None, first, day)?, rest))
    };
    let slashed = || {
        let (second, rest) = split_digits(strip_folded(rest, "/")?)?;
        let (month, day) = match (first, second) {
            (month @ 1..=12, day @ 13..) | (day @ 13.., month @ 1..=12) => (month, day),
            (month, day) if month == day => (month, day),
            _ => return None,
        };
        let ends = !rest.starts_with(|c| is_ascii_word(c) || fold(c) == '/');
        ends.then_some((date(None, month, day)?, rest))
    };
    full.or_else(short).or_else(slashed)
}

/// `None` if there is no such date; without a year, in no year.
fn date(year: Option<u32>, month: u32, day: u32) -> Option<Day> {
    const LEAP_YEAR: i16 = 2024;
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let Some(year) = year else {
        Date::new(LEAP_YEAR, month, day).ok()?;
        return Some(Day::OfYear { month, day });
    };
    // A two-digit year, `26-12-01`, is ambiguous.
    let year = i16::try_from(year).ok().filter(|year| *year >= 1000)?;
    Date::new(year, month, day).ok().map(Day::Date)
}
