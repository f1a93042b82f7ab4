//! Recurrences: rules such as "every Monday at 9:00", which give the next time.

mod read;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::language::{Bilingual, Language};

pub(super) use read::{NoRecurrence, split_recurrence};

/// Days and a time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    days: Days,
    /// Minutes after midnight of the clock time, less than a day.
    minutes: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Days {
    Daily,
    /// Some days of the week, but not all.
    OfWeek(Weekdays),
    /// A day of the month, from 1 to 31: in a shorter month its last day. `None` is the last day.
    OfMonth(Option<i8>),
}

/// Days of the week: a bit for each day, beginning with Monday.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Weekdays(u8);

impl Weekdays {
    const ALL: Self = Self(0b111_1111);
    const MONDAY_TO_FRIDAY: Self = Self(0b001_1111);
    const WEEKEND: Self = Self(0b110_0000);

    /// From 1, Monday, to 7, Sunday.
    fn with(self, weekday: i8) -> Self {
        Self(self.0 | 1 << (weekday - 1))
    }

    /// From one day to another, possibly over the end of the week.
    fn with_range(self, from: i8, to: i8) -> Self {
        let mut days = self.with(from);
        let mut day = from;
        while day != to {
            day = day % 7 + 1;
            days = days.with(day);
        }
        days
    }

    fn contains(self, weekday: i8) -> bool {
        self.0 & 1 << (weekday - 1) != 0
    }
}

impl Days {
    fn of_week(weekdays: Weekdays) -> Self {
        if weekdays == Weekdays::ALL {
            Self::Daily
        } else {
            Self::OfWeek(weekdays)
        }
    }

    fn contains(self, date: Date) -> bool {
        match self {
            Self::Daily => true,
            Self::OfWeek(days) => days.contains(date.weekday().to_monday_one_offset()),
            Self::OfMonth(day) => {
                let last = date.days_in_month();
                date.day() == day.unwrap_or(last).min(last)
            }
        }
    }
}

/// Days around a moment that contain the times before and after it: two months, and the day that a
/// change of the time zone may skip or repeat.
const DAYS: i32 = 64;

impl Recurrence {
    /// The first time after that moment; `None` at the end of the calendar.
    ///
    /// The time is that of the clock in the zone. A time that a clock change skips moves to the end
    /// of the gap; of a repeated time only the first counts.
    pub fn next(self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = after.to_zoned(zone.clone()).date();
        let mut times = (-1..DAYS).filter_map(|days| self.on(plus(today, days)?, zone));
        times.find(|time| *time > after)
    }

    /// The last time until that moment; `None` at the start of the calendar.
    pub fn latest(self, until: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = until.to_zoned(zone.clone()).date();
        let mut times = (-1..DAYS).filter_map(|days| self.on(plus(today, -days)?, zone));
        times.find(|time| *time <= until)
    }

    /// Its time on that day, if it has one.
    fn on(self, date: Date, zone: &TimeZone) -> Option<Timestamp> {
        if !self.days.contains(date) {
            return None;
        }
        let midnight = DateTime::from_parts(date, Time::midnight());
        let time = midnight
            .checked_add(i64::from(self.minutes).minutes())
            .ok()?;
        first_at(time, zone)
    }

    /// `every Monday and Thursday at 9:00`, `每周一、周四 9:00`.
    pub fn in_words(self, language: Language) -> String {
        let time = format!("{}:{:02}", self.minutes / 60, self.minutes % 60);
        let days = days_in_words(self.days, language);
        match language {
            Language::Zh => format!("{days} {time}"),
            Language::En => format!("{days} at {time}"),
        }
    }
}

fn plus(date: Date, days: i32) -> Option<Date> {
    date.checked_add(days.days()).ok()
}

/// The first moment at which clocks show that time or, if they skip it, a later one.
fn first_at(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let earlier = zone.to_ambiguous_timestamp(time).earlier().ok()?;
    if zone.to_datetime(earlier) == time {
        return Some(earlier);
    }
    // Within a gap, this is before the transition.
    let mut transitions = zone
        .following(earlier)
        .map(|transition| transition.timestamp());
    transitions.find(|end| zone.to_datetime(*end) > time)
}

const WEEKDAYS: [Bilingual; 7] = [
    Bilingual::new("周一", "Monday"),
    Bilingual::new("周二", "Tuesday"),
    Bilingual::new("周三", "Wednesday"),
    Bilingual::new("周四", "Thursday"),
    Bilingual::new("周五", "Friday"),
    Bilingual::new("周六", "Saturday"),
    Bilingual::new("周日", "Sunday"),
];

fn days_in_words(days: Days, language: Language) -> String {
    match (days, language) {
        (Days::Daily, Language::Zh) => "每天".to_owned(),
        (Days::Daily, Language::En) => "every day".to_owned(),
        (Days::OfWeek(Weekdays::MONDAY_TO_FRIDAY), Language::Zh) => "每周一至周五".to_owned(),
        (Days::OfWeek(Weekdays::MONDAY_TO_FRIDAY), Language::En) => "every weekday".to_owned(),
        (Days::OfWeek(days), language) => {
            let names = WEEKDAYS
                .iter()
                .zip(1..)
                .filter(|(_, day)| days.contains(*day));
            let names: Vec<_> = names.map(|(name, _)| name.to(language)).collect();
            match language {
                Language::Zh => format!("每{}", names.join("、")),
                Language::En => format!("every {}", enumerated(&names)),
            }
        }
        (Days::OfMonth(Some(day)), Language::Zh) => format!("每月{day}日"),
        (Days::OfMonth(None), Language::Zh) => "每月最后一天".to_owned(),
        (Days::OfMonth(Some(day)), Language::En) => {
            let ordinal = match day {
                1 | 21 | 31 => "st",
                2 | 22 => "nd",
                3 | 23 => "rd",
                _ => "th",
            };
            format!("every month on the {day}{ordinal}")
        }
        (Days::OfMonth(None), Language::En) => "every month on the last day".to_owned(),
    }
}

fn enumerated(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}

#[cfg(test)]
mod tests;
