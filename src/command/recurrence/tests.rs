use jiff::civil::date;
use jiff::tz;
use proptest::prelude::*;

use super::*;

const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

fn rule(text: &str) -> Recurrence {
    let (rule, rest) = split_recurrence(text).unwrap();
    assert_eq!(rest, "", "{text}");
    rule
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The next times in a zone, as its clocks show them.
fn times(text: &str, after: &str, name: &str, count: usize) -> Vec<String> {
    let (rule, zone) = (rule(text), zone(name));
    let mut time: Timestamp = after.parse().unwrap();
    let mut next = || {
        time = rule.next(time, &zone).unwrap();
        time.to_zoned(zone.clone())
            .strftime("%F %H:%M %:z")
            .to_string()
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn rules_give_the_next_times() {
    for (text, after, expected) in [
        (
            "day 9:00",
            "2026-11-30T09:00+08",
            ["2026-12-01 09:00", "2026-12-02 09:00"],
        ),
        (
            "day 9:00",
            "2026-11-30T08:59:59+08",
            ["2026-11-30 09:00", "2026-12-01 09:00"],
        ),
        (
            "weekday 9:00",
            "2026-12-03T10:00+08",
            ["2026-12-04 09:00", "2026-12-07 09:00"],
        ),
        (
            "mon, thu 9:00",
            "2026-12-01T10:00+08",
            ["2026-12-03 09:00", "2026-12-07 09:00"],
        ),
        (
            "month 1 9:00",
            "2026-12-01T10:00+08",
            ["2027-01-01 09:00", "2027-02-01 09:00"],
        ),
        // A shorter month has it on its last day.
        (
            "month 31 9:00",
            "2028-01-31T10:00+08",
            ["2028-02-29 09:00", "2028-03-31 09:00"],
        ),
        (
            "month last 9:00",
            "2026-11-30T09:00+08",
            ["2026-12-31 09:00", "2027-01-31 09:00"],
        ),
    ] {
        let times = times(text, after, "Asia/Shanghai", 2);
        assert_eq!(
            times,
            expected.map(|time| format!("{time} +08:00")),
            "{text}"
        );
    }
}

#[test]
fn clock_changes_move_a_time_to_the_end_of_a_gap() {
    let new_york = times("day 2:30", "2026-03-07T00:00-05", "America/New_York", 3);
    let expected = [
        "2026-03-07 02:30 -05:00",
        "2026-03-08 03:00 -04:00",
        "2026-03-09 02:30 -04:00",
    ];
    assert_eq!(new_york, expected);
    // Of a repeated time, the first counts.
    let repeated = times("day 1:30", "2026-11-01T00:00-04", "America/New_York", 2);
    assert_eq!(
        repeated,
        ["2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"]
    );
    // There was no 30 December 2011, so two times fall together.
    let apia = times("day 0:00", "2011-12-29T12:00-10", "Pacific/Apia", 2);
    assert_eq!(apia, ["2011-12-31 00:00 +14:00", "2012-01-01 00:00 +14:00"]);
    let skipped = times("day 9:00", "2011-12-29T12:00-10", "Pacific/Apia", 3);
    let expected = [
        "2011-12-31 00:00 +14:00",
        "2011-12-31 09:00 +14:00",
        "2012-01-01 09:00 +14:00",
    ];
    assert_eq!(skipped, expected);
}

/// Every clock change of all zones since 1970, with offsets of whole minutes.
fn transitions() -> Vec<(TimeZone, Timestamp)> {
    let start: Timestamp = "1970-01-02T00:00Z".parse().unwrap();
    let end: Timestamp = "2040-01-01T00:00Z".parse().unwrap();
    let zones = tz::db()
        .available()
        .filter_map(|name| tz::db().get(name.as_str()).ok());
    let of_zone = |zone: TimeZone| {
        let moments: Vec<_> = zone
            .following(start)
            .map(|transition| transition.timestamp())
            .take_while(|moment| *moment < end)
            .filter(|moment| moment.as_second() % 60 == 0)
            .collect();
        moments
            .into_iter()
            .map(move |moment| (zone.clone(), moment))
            .collect::<Vec<_>>()
    };
    zones.flat_map(of_zone).collect()
}

/// The times of a rule between two moments, minute by minute: a time comes when the clock first
/// shows it or a later one.
fn slow_times(
    rule: Recurrence,
    zone: &TimeZone,
    from: Timestamp,
    until: Timestamp,
) -> Vec<Timestamp> {
    let minute = 1.minute();
    let mut latest = zone.to_datetime(from);
    let mut now = from;
    let mut times = Vec::new();
    while now < until {
        now = now.checked_add(minute).unwrap();
        let shown = zone.to_datetime(now);
        if shown <= latest {
            continue;
        }
        let mut date = latest.date();
        let mut is_time = false;
        while date <= shown.date() {
            let hour = i8::try_from(rule.minutes / 60).unwrap();
            let time = date.at(hour, i8::try_from(rule.minutes % 60).unwrap(), 0, 0);
            is_time |= rule.days.contains(date) && latest < time && time <= shown;
            date = date.tomorrow().unwrap();
        }
        if is_time {
            times.push(now);
        }
        latest = shown;
    }
    times
}

fn any_days() -> impl Strategy<Value = Days> {
    prop_oneof![
        Just(Days::Daily),
        (1_u8..127).prop_map(|days| Days::OfWeek(Weekdays(days))),
        (1_i8..=31).prop_map(|day| Days::OfMonth(Some(day))),
        Just(Days::OfMonth(None)),
    ]
}

fn any_rule() -> impl Strategy<Value = Recurrence> {
    (any_days(), 0_u16..1440).prop_map(|(days, minutes)| Recurrence { days, minutes })
}

#[test]
fn all_zones_have_clock_changes_in_the_test() {
    let transitions = transitions();
    assert!(transitions.len() > 20_000, "{}", transitions.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Around clock changes, for a time near them.
    #[test]
    fn times_are_those_of_a_slow_reference(
        index in any::<prop::sample::Index>(),
        days in any_days(),
        minutes_after in -120_i64..=120,
    ) {
        thread_local! {
            static TRANSITIONS: Vec<(TimeZone, Timestamp)> = transitions();
        }
        let (zone, moment) = TRANSITIONS.with(|all| index.get(all).clone());
        let near = zone.to_datetime(moment.checked_add(minutes_after.minutes()).unwrap());
        let minutes = u16::try_from(i32::from(near.hour()) * 60 + i32::from(near.minute())).unwrap();
        let rule = Recurrence { days, minutes };
        let (from, until) = (
            moment.checked_sub(72.hours()).unwrap(),
            moment.checked_add(48.hours()).unwrap(),
        );
        let start = moment.checked_sub(40.hours()).unwrap();
        let mut expected = slow_times(rule, &zone, from, until);
        expected.retain(|time| *time > start);
        let mut found = Vec::new();
        let mut time = start;
        while let Some(next) = rule.next(time, &zone).filter(|next| *next <= until) {
            prop_assert_eq!(rule.latest(next, &zone), Some(next));
            found.push(next);
            time = next;
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_latest_time_is_the_one_before_the_next(
        rule in any_rule(),
        second in 0_i64..2_000_000_000,
        name in prop::sample::select(vec!["Asia/Shanghai", "America/New_York", "Pacific/Apia"]),
    ) {
        let (zone, moment) = (zone(name), Timestamp::from_second(second).unwrap());
        let (latest, next) = (rule.latest(moment, &zone).unwrap(), rule.next(moment, &zone).unwrap());
        prop_assert!(latest <= moment && moment < next);
        prop_assert_eq!(rule.next(latest, &zone), Some(next));
    }

    #[test]
    fn words_mean_the_rule(rule in any_rule()) {
        for language in LANGUAGES {
            let words = rule.in_words(language);
            prop_assert_eq!(split_recurrence(&words), Ok((rule, "")));
        }
    }

    #[test]
    fn any_text_is_read(text in "(every |each |每)?(day|mon|周一|month|月|week)?[ ,、0-9:点]{0,8}.{0,8}") {
        if let Ok((_, rest)) = split_recurrence(&text) {
            prop_assert!(text.ends_with(rest));
        }
    }
}

#[test]
fn the_calendar_ends() {
    let rule = rule("day 9:00");
    assert_eq!(rule.next(Timestamp::MAX, &TimeZone::UTC), None);
    assert_eq!(rule.latest(Timestamp::MIN, &TimeZone::UTC), None);
    assert!(rule.days.contains(date(2026, 1, 1)));
}

fn check_read(cases: &[(&str, &str)]) {
    for (text, en) in cases {
        let found = split_recurrence(text).map(|(rule, rest)| (rule.in_words(Language::En), rest));
        assert_eq!(found, Ok(((*en).to_owned(), "")), "{text}");
    }
}

#[test]
fn recurrences_are_read_as_people_type_them() {
    check_read(&[
        ("9:00", "every day at 9:00"),
        ("day 9:00", "every day at 9:00"),
        ("day at 9", "every day at 9:00"),
        ("day at 9am", "every day at 9:00"),
        ("every day at 18:30", "every day at 18:30"),
        ("9:00 every day", "every day at 9:00"),
        ("daily 9:00", "every day at 9:00"),
        ("morning at 9", "every day at 9:00"),
        ("midnight", "every day at 0:00"),
        ("day at noon", "every day at 12:00"),
        ("weekday 9:00", "every weekday at 9:00"),
        ("weekdays at 9 in the morning", "every weekday at 9:00"),
        ("working day 9:00", "every weekday at 9:00"),
        ("mon-fri 9am", "every weekday at 9:00"),
        ("monday to friday 9:00", "every weekday at 9:00"),
        ("weekend 10:00", "every Saturday and Sunday at 10:00"),
        ("monday 9:00", "every Monday at 9:00"),
        ("Mondays at 9:00", "every Monday at 9:00"),
        ("week on monday at 9:00", "every Monday at 9:00"),
        ("weekly monday 9:00", "every Monday at 9:00"),
        ("mon, thu 9:00", "every Monday and Thursday at 9:00"),
        ("mon,thu 9:00", "every Monday and Thursday at 9:00"),
        ("mon thu 9:00", "every Monday and Thursday at 9:00"),
        (
            "monday and thursday at 9:00",
            "every Monday and Thursday at 9:00",
        ),
        (
            "mon, wed and fri 9:00",
            "every Monday, Wednesday and Friday at 9:00",
        ),
        ("9:00 on mondays", "every Monday at 9:00"),
        (
            "fri-mon 9:00",
            "every Monday, Friday, Saturday and Sunday at 9:00",
        ),
        ("mon-sun 9:00", "every day at 9:00"),
        ("1st 9:00", "every month on the 1st at 9:00"),
        ("22nd of the month 9:00", "every month on the 22nd at 9:00"),
        ("month 1 9:00", "every month on the 1st at 9:00"),
        ("month on the 3rd at 9:00", "every month on the 3rd at 9:00"),
        ("month day 15 at 9:00", "every month on the 15th at 9:00"),
        ("month last 9:00", "every month on the last day at 9:00"),
        (
            "last day of the month 18:00",
            "every month on the last day at 18:00",
        ),
    ]);
}

#[test]
fn chinese_recurrences_are_read_as_people_type_them() {
    check_read(&[
        ("天9点", "every day at 9:00"),
        ("每天9点", "every day at 9:00"),
        ("每天早上9点", "every day at 9:00"),
        ("每天 ９：００", "every day at 9:00"),
        ("每日下午三点半", "every day at 15:30"),
        ("晚8点", "every day at 20:00"),
        ("每晚8点", "every day at 20:00"),
        ("工作日9点", "every weekday at 9:00"),
        ("每个工作日 9:00", "every weekday at 9:00"),
        ("周一到周五 9点", "every weekday at 9:00"),
        ("周一至五 9点", "every weekday at 9:00"),
        ("周末 10点", "every Saturday and Sunday at 10:00"),
        ("周一 9点", "every Monday at 9:00"),
        ("每周一 9:00", "every Monday at 9:00"),
        ("每週一 9點", "every Monday at 9:00"),
        ("每个星期一 9:00", "every Monday at 9:00"),
        ("每周一三点", "every Monday at 3:00"),
        ("每周一9:00", "every Monday at 9:00"),
        ("每周1 9:00", "every Monday at 9:00"),
        (
            "每周一三五 9:00",
            "every Monday, Wednesday and Friday at 9:00",
        ),
        (
            "每周一、三、五 9:00",
            "every Monday, Wednesday and Friday at 9:00",
        ),
        ("每周一、周四 9:00", "every Monday and Thursday at 9:00"),
        ("每周一和周四上午9点", "every Monday and Thursday at 9:00"),
        ("每周一二十点", "every Monday at 20:00"),
        ("每月1日 9:00", "every month on the 1st at 9:00"),
        ("每月1号9点", "every month on the 1st at 9:00"),
        ("每月十五号 9:00", "every month on the 15th at 9:00"),
        ("1号 9:00", "every month on the 1st at 9:00"),
        ("每月最后一天 18:00", "every month on the last day at 18:00"),
        (
            "每個月最後一天 18:00",
            "every month on the last day at 18:00",
        ),
        ("月底 18:00", "every month on the last day at 18:00"),
    ]);
}

#[test]
fn a_text_may_follow() {
    for (text, rest) in [
        ("monday 9:00 Stand-up", " Stand-up"),
        ("mon 9:00 day shift", " day shift"),
        ("9:00 the gate opens", " the gate opens"),
        ("每天9点打卡", "打卡"),
        ("每天9点 周一例会改期", " 周一例会改期"),
        ("每周一 9:00 例会", " 例会"),
        ("month 1 9:00 rent", " rent"),
        ("fri 17:00 weekly report", " weekly report"),
    ] {
        let (_, found) = split_recurrence(text).unwrap();
        assert_eq!(found, rest, "{text}");
    }
}

#[test]
fn other_rules_are_refused() {
    use NoRecurrence::{Unknown, WithoutDay, WithoutHour};
    for (text, expected) in [
        ("lunch", Unknown("lunch")),
        ("2 weeks", Unknown("2 weeks")),
        ("两周 9:00", Unknown("两周")),
        ("hour", Unknown("hour")),
        ("year", Unknown("year")),
        ("other day 9:00", Unknown("other")),
        ("first monday 9:00", Unknown("first")),
        ("feb 30 9:00", Unknown("feb")),
        ("month 32 9:00", Unknown("month 32 9:00")),
        ("monday 25:00", Unknown("monday 25:00")),
        ("monday midnight", Unknown("monday midnight")),
        ("9:00 monday", Unknown("9:00 monday")),
        ("9:00 weekly report", Unknown("9:00 weekly")),
        ("mon 9:00, 18:00", Unknown("mon 9:00, 18:00")),
        ("mon 9:00-10:00", Unknown("mon 9:00-10:00")),
        ("day 9:00 EST", Unknown("day 9:00 EST")),
        ("monday", WithoutHour("monday")),
        ("每天", WithoutHour("每天")),
        ("weekday morning stand-up", WithoutHour("weekday morning")),
        ("week 9:00", WithoutDay("week 9:00")),
        ("每周 9点", WithoutDay("每周 9点")),
        ("每月9点", WithoutDay("每月9点")),
        ("month", WithoutDay("month")),
    ] {
        assert_eq!(split_recurrence(text), Err(expected), "{text}");
    }
}
