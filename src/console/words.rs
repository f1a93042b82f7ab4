//! Words that several pages use.

use crate::language::{Bilingual, Language};
use crate::store::JobState;

pub(super) fn state(state: JobState, language: Language) -> &'static str {
    let state = match state {
        JobState::Ready => Bilingual::new("等待执行", "ready"),
        JobState::Planned => Bilingual::new("已定时", "scheduled"),
        JobState::Suspended => Bilingual::new("等待授权", "waiting for consent"),
        JobState::Paused => Bilingual::new("已暂停", "paused"),
        JobState::Running => Bilingual::new("执行中", "running"),
        JobState::Done => Bilingual::new("已完成", "done"),
        JobState::Dead => Bilingual::new("失败", "failed"),
    };
    state.to(language)
}

/// How urgent a state is, as the class of its badge.
pub(super) fn class(state: JobState) -> &'static str {
    match state {
        JobState::Done => "good",
        JobState::Dead => "bad",
        JobState::Suspended | JobState::Paused => "warn",
        JobState::Ready | JobState::Planned | JobState::Running => "",
    }
}

/// A duration in its largest units, such as `2 h 5 min`.
pub(super) fn duration(seconds: i64, language: Language) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (language, days, hours, minutes) {
        (Language::Zh, 0, 0, 0) => format!("{rest} 秒"),
        (Language::En, 0, 0, 0) => format!("{rest} s"),
        (Language::Zh, 0, 0, _) => format!("{minutes} 分 {rest} 秒"),
        (Language::En, 0, 0, _) => format!("{minutes} min {rest} s"),
        (Language::Zh, 0, _, _) => format!("{hours} 小时 {minutes} 分"),
        (Language::En, 0, _, _) => format!("{hours} h {minutes} min"),
        (Language::Zh, ..) => format!("{days} 天 {hours} 小时"),
        (Language::En, ..) => format!("{days} d {hours} h"),
    }
}

/// A duration in milliseconds, with the unit that suits it.
pub(super) fn milliseconds(value: i64) -> String {
    match value {
        ..1000 => format!("{value} ms"),
        1000..60_000 => format!("{}.{} s", value / 1000, value % 1000 / 100),
        _ => format!("{} min", value / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, zh, en) in [
            (0, "0 秒", "0 s"),
            (61, "1 分 1 秒", "1 min 1 s"),
            (3_600, "1 小时 0 分", "1 h 0 min"),
            (90_061, "1 天 1 小时", "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds, Language::Zh), zh);
            assert_eq!(duration(seconds, Language::En), en);
        }
        assert_eq!(milliseconds(7), "7 ms");
        assert_eq!(milliseconds(1_234), "1.2 s");
        assert_eq!(milliseconds(120_000), "2 min");
    }
}
