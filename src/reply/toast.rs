//! What a person who pressed a button sees.

use feishu::{Toast, ToastKind};
use jiff::tz::TimeZone;

use crate::language::{Bilingual, Language};
use crate::model::outcome::Outcome;
use crate::reply::words;

/// What whoever pressed a button is told, in both languages; nothing where the card shows it.
pub(crate) fn toast(outcome: &Outcome, reference: &str, time_zone: &TimeZone) -> Option<Toast> {
    let kind = match outcome {
        Outcome::AllCommands(_) => return None,
        Outcome::Refused(_) if outcome.is_gone() => ToastKind::Warning,
        Outcome::Refused(_) => ToastKind::Error,
        Outcome::Done(_)
        | Outcome::Help
        | Outcome::HelpInGroup(_)
        | Outcome::Planned(_)
        | Outcome::History(_) => ToastKind::Success,
    };
    let words = |language| words(outcome, language, reference, time_zone);
    Some(Toast {
        kind,
        zh_cn: words(Language::Zh),
        en_us: words(Language::En),
    })
}

/// What whoever pressed a button is told before anything has come of it.
pub(crate) fn toast_before(before: Before) -> Toast {
    let (kind, words) = match before {
        Before::Working => (
            ToastKind::Info,
            Bilingual::new(
                "已收到，正在处理，卡片稍后更新。",
                "Got it. The card will update shortly.",
            ),
        ),
        Before::TooManyWaiting => (
            ToastKind::Warning,
            Bilingual::new(
                "本群等待执行的操作过多，请稍后重试。",
                "Too many requests are queued in this group; try again later.",
            ),
        ),
        Before::UnknownButton => (
            ToastKind::Warning,
            Bilingual::new(
                "该按钮已失效。发送 /记录 查看最新情况。",
                "This button no longer works. Send /history to see the current state.",
            ),
        ),
    };
    Toast {
        kind,
        zh_cn: words.zh.to_owned(),
        en_us: words.en.to_owned(),
    }
}

/// What there is to say of a press before anything has come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It takes longer than the platform waits.
    Working,
    /// As much waits in the chat as may.
    TooManyWaiting,
    /// The button is none of the bot's, or of another release.
    UnknownButton,
}
