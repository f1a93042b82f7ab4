//! Times as people type them, and the moments that they mean.

use jiff::Zoned;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// Tuesday morning in Shanghai.
const NOW: &str = "2026-12-01T08:00:00+08:00[Asia/Shanghai]";

fn zoned(text: &str) -> Zoned {
    text.parse().unwrap()
}

/// Checks that `typed` before `tail` means the moment `expected` at `now`.
fn check_at(now: &str, typed: &str, tail: &str, expected: &str) {
    let text = format!("{typed}{tail}");
    let (when, rest) = split_when(&text).unwrap_or_else(|bad| panic!("{bad:?} in {text:?}"));
    assert_eq!(rest, tail, "{text:?}");
    let now = zoned(now);
    let moment = when
        .resolve(&now)
        .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let moment = moment.to_zoned(now.time_zone().clone());
    assert_eq!(
        moment.strftime("%F %H:%M").to_string(),
        expected,
        "{text:?}"
    );
}

fn check(typed: &[&str], expected: &str) {
    for typed in typed {
        for tail in ["", " lunch", "\n午饭", "，午饭"] {
            check_at(NOW, typed, tail, expected);
        }
    }
}

fn check_refused(now: &str, typed: &str, expected: ScheduleTimeError) {
    let (when, _) = split_when(typed).unwrap();
    assert_eq!(when.resolve(&zoned(now)), Err(expected), "{typed}");
}

#[test]
fn a_time_of_day_is_the_next_one() {
    check(
        &[
            "9:00",
            "09:00",
            "9：00",
            "０９：００",
            "9点",
            "9 点",
            "9點",
            "9点钟",
            "9点整",
            "9时",
            "九点",
            "9点00分",
            "9am",
            "9 am",
            "9:00am",
            "9:00 AM",
            "9a.m.",
            "上午9点",
            "早上9:00",
            "早9点",
        ],
        "2026-12-01 09:00",
    );
    check(
        &[
            "9:30",
            "9点半",
            "9点30",
            "9点30分",
            "九点三十",
            "九点三十分",
            "9:30 am",
        ],
        "2026-12-01 09:30",
    );
    check(&["9点一刻", "9:15", "九点十五"], "2026-12-01 09:15");
    check(&["9点5分", "九点零五", "9:05"], "2026-12-01 09:05");
    check(
        &["15:00", "3pm", "3 p.m.", "下午3点", "下午 3:00", "下午三点"],
        "2026-12-01 15:00",
    );
    check(
        &["21:05", "晚上9点05", "晚9:05", "9:05 pm"],
        "2026-12-01 21:05",
    );
    check(
        &["12:00", "12pm", "中午12点", "上午12点", "下午12点"],
        "2026-12-01 12:00",
    );
    check(&["中午1点", "13:00"], "2026-12-01 13:00");
    check(&["7:59", "7点59分"], "2026-12-02 07:59");
    check(&["8:00", "8点"], "2026-12-02 08:00");
    check(
        &[
            "0:00",
            "24:00",
            "12am",
            "零点",
            "凌晨12点",
            "晚上12点",
            "24点",
        ],
        "2026-12-02 00:00",
    );
    check(&["晚上12点半", "0:30"], "2026-12-02 00:30");
}

#[test]
fn relative_days_count_from_today() {
    check(
        &[
            "今天 9:00",
            "今天9点",
            "今日九点",
            "today 9:00",
            "TODAY 9am",
            "今早9点",
        ],
        "2026-12-01 09:00",
    );
    check(
        &[
            "明天 9:00",
            "明天9点",
            "明日9:00",
            "明早9点",
            "明天上午 9点",
            "tomorrow 9:00",
            "Tomorrow 9am",
            "ｔｏｍｏｒｒｏｗ　９：００",
        ],
        "2026-12-02 09:00",
    );
    check(&["后天9点", "后天 09:00"], "2026-12-03 09:00");
    check(&["大后天9点"], "2026-12-04 09:00");
    check(
        &[
            "今晚8点",
            "今晚上8点",
            "tonight 8:00",
            "今天晚上8点",
            "今天20:00",
        ],
        "2026-12-01 20:00",
    );
    check(&["明晚8点半"], "2026-12-02 20:30");
    check(&["今晚12点", "今天24:00", "明天0:00"], "2026-12-02 00:00");
}

#[test]
fn weekdays_are_the_next_of_that_name() {
    check(
        &[
            "周五 9:00",
            "周五9点",
            "星期五9点",
            "礼拜五上午9点",
            "friday 9:00",
            "Fri 9am",
            "本周五9点",
            "这周五9点",
        ],
        "2026-12-04 09:00",
    );
    check(
        &["星期一9点", "monday 9:00", "下周一9点", "下个星期一 9:00"],
        "2026-12-07 09:00",
    );
    check(&["周日9点", "星期天9点", "sunday 9:00"], "2026-12-06 09:00");
    check(&["周二9点", "tue 9:00"], "2026-12-01 09:00");
    check(
        &["周二7点", "tuesday 7:00", "下周二7点"],
        "2026-12-08 07:00",
    );
    check(&["下周五9点"], "2026-12-11 09:00");
    check_refused(NOW, "本周一9点", ScheduleTimeError::Passed);
}

#[test]
fn dates_are_parsed_in_every_format() {
    check(
        &[
            "2026-12-05 9:00",
            "2026/12/5 9:00",
            "2026.12.05 9点",
            "2026年12月5日 9:00",
            "2026年12月5号9点",
            "12月5日 9:00",
            "12月5日9点",
            "十二月五日九点",
            "12 月 5 日 9:00",
            "12-05 9:00",
            "12-5 上午9点",
        ],
        "2026-12-05 09:00",
    );
    check(&["12月1日9点"], "2026-12-01 09:00");
}

#[test]
fn dates_long_past_move_to_the_next_year() {
    check(
        &["1月5日9点", "01-05 9:00", "2027-01-05 9:00"],
        "2027-01-05 09:00",
    );
    check(&["5月31日9点"], "2027-05-31 09:00");
    check_refused(NOW, "6月2日9点", ScheduleTimeError::Passed);
    check_refused(NOW, "11-30 9:00", ScheduleTimeError::Passed);
    check_refused(NOW, "2月29日9点", ScheduleTimeError::TooFar);
    let before_leap_year = "2027-12-01T08:00:00+08:00[Asia/Shanghai]";
    check_at(before_leap_year, "2月29日9点", "", "2028-02-29 09:00");
}

#[test]
fn past_and_distant_times_are_rejected() {
    for typed in [
        "今天7:59",
        "today 8:00",
        "2026-12-01 8:00",
        "12月1日 8:00",
        "1999-01-01 9:00",
    ] {
        check_refused(NOW, typed, ScheduleTimeError::Passed);
    }
    check(&["2027-12-01 8:00"], "2027-12-01 08:00");
    for typed in ["2027-12-01 8:01", "2028-01-01 0:00", "9999-12-31 24:00"] {
        check_refused(NOW, typed, ScheduleTimeError::TooFar);
    }
}

#[test]
fn text_after_a_time_is_left() {
    for (text, tail) in [
        ("9:00今晚停电", "今晚停电"),
        ("9:00：早会", "：早会"),
        ("9:00 12:00 lunch", " 12:00 lunch"),
        ("9:00 明天停电", " 明天停电"),
        ("9:00 - lunch", " - lunch"),
        ("9:00--top", "--top"),
        ("9点到公司集合", "到公司集合"),
        ("9:00 pmx", " pmx"),
        ("9点5个人", "5个人"),
        ("9点300人", "300人"),
        ("9点75人", "75人"),
        ("9点lunch", "lunch"),
        ("明天9点 今晚停电", " 今晚停电"),
        ("12-01 9:00 2 people", " 2 people"),
        ("下午3点@_user_2", "@_user_2"),
    ] {
        let (_, rest) = split_when(text).unwrap();
        assert_eq!(rest, tail, "{text}");
    }
}

#[test]
fn invalid_times_are_quoted_as_typed() {
    for (text, typed) in [
        ("", ""),
        ("25:00 lunch", "25:00"),
        ("24:01", "24:01"),
        ("9:60", "9:60"),
        ("9:0 x", "9:0"),
        ("9:005", "9:005"),
        ("9:00:00 x", "9:00:00"),
        ("9:00-10:00 x", "9:00-10:00"),
        ("9点到十点停电 x", "9点到十点停电"),
        ("下午3点-5点 x", "下午3点-5点"),
        ("9:00x y", "9:00x"),
        ("13pm", "13pm"),
        ("0am", "0am"),
        ("9", "9"),
        ("9 lunch", "9"),
        ("9点75分", "9点75分"),
        ("99999999999999999999:00", "99999999999999999999:00"),
        ("凌晨9点", "凌晨9点"),
        ("晚上1点", "晚上1点"),
        ("上午15点", "上午15点"),
        ("lunch time", "lunch"),
        ("明天 25:00 x", "明天 25:00"),
        ("2026-12-019:00", "2026-12-019:00"),
        ("2026-02-30 9:00", "2026-02-30"),
        ("2月30日 9:00", "2月30日"),
        ("13-01 9:00", "13-01"),
        ("26-12-01 9:00", "26-12-01"),
        ("12/01 9:00", "12/01"),
        ("next week 9:00", "next"),
        ("周末9点", "周末9点"),
    ] {
        assert_eq!(split_when(text), Err(NoTime::Unknown(typed)), "{text}");
    }
}

#[test]
fn a_day_without_an_hour_is_rejected() {
    for (text, typed) in [
        ("tomorrow", "tomorrow"),
        ("tomorrow lunch x", "tomorrow"),
        ("tomorrow evening", "tomorrow evening"),
        ("evening x", "evening"),
        ("明天开会 x", "明天"),
        ("明晚 x", "明晚"),
        ("2026-12-01", "2026-12-01"),
        ("Mon, Dec 7 x", "Mon, Dec 7"),
        ("月底交报表", "月底"),
    ] {
        assert_eq!(split_when(text), Err(NoTime::WithoutHour(typed)), "{text}");
    }
}

#[test]
fn times_resolve_across_clock_changes() {
    let spring = "2026-03-07T12:00:00-05:00[America/New_York]";
    check_at(spring, "2:30", "", "2026-03-08 03:30");
    check_at(spring, "tomorrow 3:00", "", "2026-03-08 03:00");
    // 1:30 occurs twice; the first one has passed.
    let autumn = "2026-11-01T01:45:00-04:00[America/New_York]";
    check_at(autumn, "1:30", "", "2026-11-02 01:30");
    check_refused(autumn, "today 1:30", ScheduleTimeError::Passed);
}

#[test]
fn times_survive_serialization() {
    for text in [
        "9:00",
        "明晚12点",
        "friday 9:00",
        "下周五9点",
        "12-01 9:00",
        "2026-12-01 9:00",
    ] {
        let (when, _) = split_when(text).unwrap();
        let json = serde_json::to_string(&when).unwrap();
        assert_eq!(serde_json::from_str::<When>(&json).unwrap(), when, "{json}");
    }
}

fn any_now(years: std::ops::RangeInclusive<i16>) -> impl Strategy<Value = Zoned> {
    let zones = [
        "Asia/Shanghai",
        "America/New_York",
        "Australia/Lord_Howe",
        "UTC",
    ];
    let zone = prop::sample::select(zones.to_vec());
    (years, 1..=12_i8, 1..=28_i8, 0..24_i8, 0..60_i8, zone).prop_map(
        |(year, month, day, hour, minute, zone)| {
            let zone = TimeZone::get(zone).unwrap();
            let now = date(year, month, day).at(hour, minute, 30, 0);
            now.to_zoned(zone).unwrap()
        },
    )
}

/// Parts of times in any order, or any text.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "9",
        "12",
        "0",
        "99",
        "31",
        "2026",
        "9999",
        ":",
        "：",
        "-",
        "/",
        "点",
        "半",
        "分",
        "年",
        "月",
        "日",
        " ",
        "am",
        "pm",
        "上午",
        "晚上",
        "今天",
        "今晚",
        "明天",
        "大后天",
        "下",
        "周",
        "一",
        "二",
        "天",
        "十",
        "tomorrow",
        "friday",
        "２",
    ];
    prop_oneof![
        prop::collection::vec(prop::sample::select(pieces), 0..8)
            .prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_text_is_parsed_at_any_time(text in any_text(), now in any_now(1..=9999)) {
        match split_when(&text) {
            Ok((when, rest)) => {
                prop_assert!(text.ends_with(rest) && rest.len() < text.len());
                if let Ok(moment) = when.resolve(&now) {
                    prop_assert!(moment > now.timestamp());
                }
            }
            Err(NoTime::Unknown(typed) | NoTime::WithoutHour(typed)) => {
                prop_assert!(text.starts_with(typed));
            }
        }
    }

    #[test]
    fn bare_times_are_within_25_hours(hour in 0..24, minute in 0..60, now in any_now(1900..=2100)) {
        let typed = format!("{hour}:{minute:02}");
        let (when, _) = split_when(&typed).unwrap();
        let moment = when.resolve(&now).unwrap();
        let wait = moment.duration_since(now.timestamp());
        prop_assert!(wait.is_positive() && wait.as_hours() <= 25, "{typed} at {now}: {moment}");
    }

    #[test]
    fn without_clock_changes_the_wall_time_is_exact(
        hour in 0..24_i8, minute in 0..60_i8, now in any_now(2000..=2100),
    ) {
        let now = now.with_time_zone(TimeZone::get("Asia/Shanghai").unwrap());
        let (when, _) = split_when(&format!("{hour}点{minute:02}分")).unwrap();
        let moment = when.resolve(&now).unwrap().to_zoned(now.time_zone().clone());
        prop_assert_eq!((moment.hour(), moment.minute()), (hour, minute));
        let wait = moment.timestamp().duration_since(now.timestamp());
        prop_assert!(wait.as_secs() <= 24 * 60 * 60);
    }
}
