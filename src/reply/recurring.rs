//! Replies about recurring announcements.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Answer;
use crate::command::moment_in_words;
use crate::language::{Bilingual, Language};
use crate::model::refusal::{NextRun, SeriesRefusal};
use crate::model::series::PauseReason;

/// Ways to write a recurrence.
pub(super) const FORMS: [Bilingual; 4] = [
    Bilingual::new("/{} --每 天 9:00 内容", "/{} --every day 9:00 text"),
    Bilingual::new(
        "/{} --每 周一、周四 9:00 内容",
        "/{} --every mon, thu 9:00 text",
    ),
    Bilingual::new("/{} --每 月1日 9:00 内容", "/{} --every month 1 9:00 text"),
    Bilingual::new(
        "/{} --每 月最后一天 18:00 内容",
        "/{} --every month last 18:00 text",
    ),
];

pub(super) const MISSING: Bilingual = Bilingual::new(
    "选项 --每 缺少日期和时刻，未执行。",
    "The option --every needs a day and an hour; nothing was done. ",
);

pub(super) const BAD: Bilingual = Bilingual::new(
    "无法按{}定期发布，未执行。可以每天、每周的某几天或每月的某一天各发布一次，",
    "Could not understand {} as a recurrence; nothing was done. It can be once a day, on days of the week, or on a day of the month. ",
);

pub(super) const WITHOUT_DAY: Bilingual = Bilingual::new(
    "{}没有写明是哪一天，未执行。请补充日期，",
    "{} does not say on which day; nothing was done. Add the day. ",
);

pub(super) const AND_TIME: Bilingual = Bilingual::new(
    "--定时 和 --每 不能同时使用，未执行。只发布一次请用 --定时，定期发布请用 --每。",
    "--at and --every cannot be combined; nothing was done. Use --at to post once, or --every to repeat it.",
);

pub(super) const PAUSED: Bilingual = Bilingual::new("已暂停该计划。", "Paused the schedule.");

/// Not posted, because it was too late.
pub(super) const EXPIRED: Bilingual = Bilingual::new(
    "定期发布的内容原定{} 发布，因机器人离线已过期，未发布。",
    "This was due {}, but the bot was offline and it is too late now, so it was not posted.",
);

pub(super) const NO_CONSENT: Bilingual = Bilingual::new(
    "定期发布的内容未能发布：机器人没有你的授权，无法以你的身份操作。请发送 /授权 完成授权。",
    "What recurs was not posted, because the bot does not have your consent to act as you. Send /login and agree.",
);

pub(super) const FORMER_LEFT: Bilingual = Bilingual::new(
    "新的内容已发布，但上一次的内容未能移除。{}\n如有需要，请手动移除。",
    "The new entry was posted, but the previous one could not be removed. {}\nRemove it manually if needed.",
);

/// The reply after a schedule was resumed.
pub(super) fn resumed(
    next: Timestamp,
    at: Timestamp,
    language: Language,
    time_zone: &TimeZone,
) -> Answer {
    let now = at.to_zoned(time_zone.clone());
    let words = Bilingual::new(
        "已恢复该计划，下次发布：{}。",
        "Resumed the schedule. It will be posted next: {}.",
    );
    Answer::Say(words.fill(language, moment_in_words(next, &now, language)))
}

/// What becomes of the schedule after a run that posted nothing.
pub(super) fn next_run(next: NextRun, language: Language, time_zone: &TimeZone) -> String {
    let NextRun { number, at, due } = next;
    let Some(due) = due else {
        return match language {
            Language::Zh => {
                format!("计划 {number} 已暂停。有权限的成员可发送 /恢复 {number} 恢复。")
            }
            Language::En => format!(
                "Schedule {number} is paused. A member with the permission can send /resume {number}."
            ),
        };
    };
    let due = moment_in_words(due, &at.to_zoned(time_zone.clone()), language);
    match language {
        Language::Zh => format!("计划 {number} 继续，下次发布：{due}。"),
        Language::En => format!("Schedule {number} continues; next: {due}."),
    }
}

/// Why a schedule is paused.
pub(super) fn paused(reason: PauseReason) -> Bilingual {
    match reason {
        PauseReason::ByMember => Bilingual::new("已暂停", "paused"),
        PauseReason::NoRight => Bilingual::new("已暂停：没有权限", "paused: no permission"),
        PauseReason::AuthorLeft => {
            Bilingual::new("已暂停：发布者已不在本群", "paused: its author has left")
        }
        PauseReason::Failures => Bilingual::new("已暂停：连续失败", "paused: it failed repeatedly"),
    }
}

/// Why a series is not paused, resumed or continued.
pub(super) fn refused(refused: SeriesRefusal) -> Bilingual {
    match refused {
        SeriesRefusal::NotRecurring => Bilingual::new(
            "该计划只执行一次，不能暂停或恢复。发送 /记录 查看现有计划。",
            "That schedule runs only once, so it cannot be paused or resumed. Send /history to see the schedules.",
        ),
        SeriesRefusal::PausedAlready => Bilingual::new(
            "该计划已暂停，无需再暂停。",
            "That schedule is paused already.",
        ),
        SeriesRefusal::NotPaused => Bilingual::new(
            "该计划没有暂停，无需恢复。",
            "That schedule is not paused, so there is nothing to resume.",
        ),
    }
}
