//! A moment as people write it: `明天（12月1日 周二）9:00`, `tomorrow, Tue 1 Dec, 9:00`.

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, Unit, Zoned};

use crate::language::{Bilingual, Language};

/// The moment in words relative to `now`, in the time zone of `now`.
///
/// Always includes the date, and the year if it differs from that of `now`.
pub fn moment_in_words(moment: Timestamp, now: &Zoned, language: Language) -> String {
    let moment = moment.to_zoned(now.time_zone().clone());
    let (day, time) = (day_in_words(&moment, now, language), time_in_words(&moment));
    match language {
        Language::Zh => format!("{day}{time}"),
        Language::En => format!("{day}, {time}"),
    }
}

/// The time of the day alone.
pub fn time_in_words(moment: &Zoned) -> String {
    moment.strftime("%-H:%M").to_string()
}

/// The day of a moment: `明天（12月1日 周二）`, `tomorrow, Tue 1 Dec`.
pub fn day_in_words(moment: &Zoned, now: &Zoned, language: Language) -> String {
    let date = moment.date();
    let near = near_day(date, now.date()).map(|word| word.to(language));
    let other_year = date.year() != now.year();
    match language {
        Language::Zh => {
            let year = if other_year { "%Y年" } else { "" };
            let day = moment.strftime(&format!("{year}%-m月%-d日")).to_string();
            let weekday = weekday_zh(date.weekday());
            match near {
                Some(near) => format!("{near}（{day} {weekday}）"),
                None => format!("{day}（{weekday}）"),
            }
        }
        Language::En => {
            let year = if other_year { " %Y" } else { "" };
            let day = moment.strftime(&format!("%a %-d %b{year}")).to_string();
            match near {
                Some(near) => format!("{near}, {day}"),
                None => day,
            }
        }
    }
}

/// Yesterday, today or tomorrow.
fn near_day(date: Date, today: Date) -> Option<Bilingual> {
    let distance = today.until((Unit::Day, date)).ok()?.get_days();
    match distance {
        -1 => Some(Bilingual::new("昨天", "yesterday")),
        0 => Some(Bilingual::new("今天", "today")),
        1 => Some(Bilingual::new("明天", "tomorrow")),
        _ => None,
    }
}

fn weekday_zh(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "周一",
        Weekday::Tuesday => "周二",
        Weekday::Wednesday => "周三",
        Weekday::Thursday => "周四",
        Weekday::Friday => "周五",
        Weekday::Saturday => "周六",
        Weekday::Sunday => "周日",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(moment: &str, zh: &str, en: &str) {
        let now: Zoned = "2026-11-30T08:00:00+08:00[Asia/Shanghai]".parse().unwrap();
        let moment: Timestamp = moment.parse().unwrap();
        assert_eq!(moment_in_words(moment, &now, Language::Zh), zh);
        assert_eq!(moment_in_words(moment, &now, Language::En), en);
    }

    #[test]
    fn moments_are_written_in_both_languages() {
        for (moment, zh, en) in [
            (
                "2026-12-01T09:00+08",
                "明天（12月1日 周二）9:00",
                "tomorrow, Tue 1 Dec, 9:00",
            ),
            (
                "2026-11-30T13:05Z",
                "今天（11月30日 周一）21:05",
                "today, Mon 30 Nov, 21:05",
            ),
            (
                "2026-11-30T16:00Z",
                "明天（12月1日 周二）0:00",
                "tomorrow, Tue 1 Dec, 0:00",
            ),
            (
                "2026-11-29T09:30+08",
                "昨天（11月29日 周日）9:30",
                "yesterday, Sun 29 Nov, 9:30",
            ),
            (
                "2026-12-02T09:00+08",
                "12月2日（周三）9:00",
                "Wed 2 Dec, 9:00",
            ),
            (
                "2026-11-28T09:00+08",
                "11月28日（周六）9:00",
                "Sat 28 Nov, 9:00",
            ),
            (
                "2027-01-01T09:00+08",
                "2027年1月1日（周五）9:00",
                "Fri 1 Jan 2027, 9:00",
            ),
            (
                "2025-12-25T09:00+08",
                "2025年12月25日（周四）9:00",
                "Thu 25 Dec 2025, 9:00",
            ),
        ] {
            check(moment, zh, en);
        }
    }
}
