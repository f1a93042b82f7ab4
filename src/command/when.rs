//! Times as members type them: `9:00`, `明天9点`, `friday 3pm`.
//!
//! The parsed time is relative; [`When::resolve`] computes the moment.

mod clock;
mod date;
mod read;
mod words;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(super) use clock::{ClockTime, Period, minutes, split_clock, split_period};
pub(super) use date::{DAYS_OF_WEEK, MONTH_NAMES, ORDINALS, WEEKDAYS};
pub(super) use read::{NoTime, ends_word, split_time_word, split_when};
pub(super) use words::RANGE_WORDS;

/// A time of day, with or without a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    day: Day,
    /// A second name of the same day, which must match: `Mon, Dec 7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    also: Option<Day>,
    /// Minutes after midnight of the clock time. From 1440 on: in the night after the day.
    minutes: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Day {
    /// No day: the next one on which that time has not passed.
    Unnamed,
    /// Days after today.
    In(u8),
    /// The next such weekday, including today; 1 is Monday, 7 is Sunday.
    Weekday(i8),
    /// The weekday in this week or a later one. Weeks begin on Monday.
    OfWeek {
        weeks: u8,
        weekday: i8,
    },
    /// The next such day of a month, or the one in `months` months; `day: None` is the last day.
    OfMonth {
        months: Option<u8>,
        day: Option<i8>,
    },
    /// A date without a year.
    OfYear {
        month: i8,
        day: i8,
    },
    Date(Date),
    /// Minutes from now.
    FromNow(u32),
}

/// Why a valid time cannot be used for a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleTimeError {
    #[error("the time has passed")]
    Passed,
    #[error("the time is more than a year ahead")]
    TooFar,
    /// The day was given twice and differs: `Tue, Dec 7` where that is a Monday.
    #[error("the names of the day contradict each other")]
    Contradiction,
}

const MINUTES_OF_DAY: u16 = 24 * 60;

impl When {
    /// The moment that this time means at `now`, in the time zone of `now`.
    ///
    /// A time without a day, or with a weekday, is the next one. Any other day must not have
    /// passed; a date without a year is in this year, or in the next one if it passed more than
    /// half a year ago.
    ///
    /// A time skipped by a clock change moves forward by the same amount (`2:30` becomes `3:30`); a
    /// repeated time is the first of the two.
    pub fn resolve(self, now: &Zoned) -> Result<Timestamp, ScheduleTimeError> {
        let moment = self.moment(now).ok_or(ScheduleTimeError::TooFar)?;
        if !self.also.is_none_or(|day| self.is_on(day, moment, now)) {
            return Err(ScheduleTimeError::Contradiction);
        }
        // At the end of the calendar there is no limit.
        let last = now.checked_add(1.year());
        if moment <= now.timestamp() {
            Err(ScheduleTimeError::Passed)
        } else if last.is_ok_and(|last| moment > last.timestamp()) {
            Err(ScheduleTimeError::TooFar)
        } else {
            Ok(moment)
        }
    }

    /// Whether the moment is on the other given day.
    fn is_on(self, day: Day, moment: Timestamp, now: &Zoned) -> bool {
        match day {
            Day::Weekday(weekday) => {
                let date = moment.to_zoned(now.time_zone().clone()).date();
                // In the night after the day the date is already the next one.
                let days = i32::from(self.minutes / MINUTES_OF_DAY);
                after(date, -days)
                    .is_some_and(|date| date.weekday().to_monday_one_offset() == weekday)
            }
            day => Self { day, ..self }.moment(now) == Some(moment),
        }
    }

    /// The moment of the day and the time; `None` beyond the end of the calendar.
    fn moment(self, now: &Zoned) -> Option<Timestamp> {
        let today = now.date();
        let on = |date: Date, minutes| on(date, minutes, now);
        let ahead = |moment: &Timestamp| *moment > now.timestamp();
        match self.day {
            Day::Unnamed => {
                let minutes = self.minutes % MINUTES_OF_DAY;
                let mut moments = (0..=2).filter_map(|days| on(after(today, days)?, minutes));
                moments.find(ahead)
            }
            Day::In(days) => on(after(today, days.into())?, self.minutes),
            Day::Weekday(weekday) => {
                let dates = (0..=14).filter_map(|days| after(today, days));
                let named = dates.filter(|date| date.weekday().to_monday_one_offset() == weekday);
                let mut moments = named.filter_map(|date| on(date, self.minutes));
                moments.find(ahead)
            }
            Day::OfWeek { weeks, weekday } => {
                let since_monday = today.weekday().to_monday_zero_offset();
                let days = i32::from(weeks) * 7 + i32::from(weekday) - 1 - i32::from(since_monday);
                on(after(today, days)?, self.minutes)
            }
            Day::OfMonth { months, day } => {
                let in_month = |months: i32| on(in_month(today, months, day)?, self.minutes);
                match months {
                    Some(months) => in_month(months.into()),
                    None => (0..=12).filter_map(in_month).find(ahead),
                }
            }
            Day::OfYear { month, day } => {
                let in_year = |year| on(Date::new(year, month, day).ok()?, self.minutes);
                let recent = now.checked_sub(6.months()).ok()?.timestamp();
                in_year(today.year())
                    .filter(|moment| *moment > recent)
                    .or_else(|| in_year(today.year().checked_add(1)?))
            }
            Day::Date(date) => on(date, self.minutes),
            Day::FromNow(minutes) => {
                let later = now.timestamp().checked_add(i64::from(minutes).minutes());
                later.ok()
            }
        }
    }
}

/// A day in the month that is `months` after the month of `date`; `None` if that month is too
/// short.
fn in_month(date: Date, months: i32, day: Option<i8>) -> Option<Date> {
    let month = date.first_of_month().checked_add(months.months()).ok()?;
    match day {
        Some(day) => Date::new(month.year(), month.month(), day).ok(),
        None => Some(month.last_of_month()),
    }
}

fn after(date: Date, days: i32) -> Option<Date> {
    date.checked_add(days.days()).ok()
}

fn on(date: Date, minutes: u16, now: &Zoned) -> Option<Timestamp> {
    let midnight = DateTime::from_parts(date, Time::midnight());
    let time = midnight.checked_add(i64::from(minutes).minutes()).ok()?;
    let moment = now.time_zone().to_timestamp(time).ok()?;
    Some(moment)
}

#[cfg(test)]
mod tests;
