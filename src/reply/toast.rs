//! Toasts, which the person who pressed a button sees.

use feishu::{Toast, ToastKind};

use crate::language::{Bilingual, Language};
use crate::model::outcome::Outcome;
use crate::reply::{ReplyContext, words};

/// The toast for an outcome; `None` if the card shows it.
pub(crate) fn toast(outcome: &Outcome, context: ReplyContext<'_>) -> Option<Toast> {
    let kind = match outcome {
        Outcome::AllCommands(_) => return None,
        Outcome::Refused(_) if outcome.is_gone() => ToastKind::Warning,
        Outcome::Refused(_) => ToastKind::Error,
        Outcome::Done(_)
        | Outcome::Help
        | Outcome::HelpInGroup(_)
        | Outcome::Scheduled(_)
        | Outcome::Proposed(_)
        | Outcome::Previewed(_)
        | Outcome::History(_) => ToastKind::Success,
    };
    let words = |language| words(outcome, language, context);
    Some(Toast {
        kind,
        zh_cn: words(Language::Zh),
        en_us: words(Language::En),
    })
}

pub(crate) fn early_toast(early: EarlyToast) -> Toast {
    let (kind, words) = match early {
        EarlyToast::Working => (
            ToastKind::Info,
            Bilingual::new(
                "已收到，正在处理，卡片稍后更新。",
                "Got it. The card will update shortly.",
            ),
        ),
        EarlyToast::TooManyWaiting => (
            ToastKind::Warning,
            Bilingual::new(
                "本群等待执行的操作过多，请稍后重试。",
                "Too many requests are queued in this group; try again later.",
            ),
        ),
        EarlyToast::UnknownButton => (
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

/// The state of a button press whose outcome is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EarlyToast {
    /// Takes longer than the platform waits.
    Working,
    /// The chat's queue is full.
    TooManyWaiting,
    /// Not a button of the bot, or one of another release.
    UnknownButton,
}
