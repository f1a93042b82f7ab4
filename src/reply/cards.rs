//! What is told by a card: for what can be done about it there is a button.

use feishu::{Card, Toast, ToastKind};
use jiff::tz::TimeZone;

use super::{history, somebody, words};
use crate::button::{Button, Does};
use crate::language::{Bilingual, Language};
use crate::outcome::{History, Outcome, Refusal};
use crate::store::Maker;

/// The most plans that have a button of their own: a card takes 30 KB.
const MOST_BUTTONS: usize = 20;

/// The last changes and the plans. The last change can be taken back, and each
/// plan dropped.
pub(crate) fn history_card(history: &History, language: Language, time_zone: &TimeZone) -> Card {
    let title = Bilingual::new("操作记录", "History");
    let text = history::history(history, language, time_zone);
    let mut card = Card::titled(title.to(language)).markdown(text);
    if let Some(maker) = &history.undoable {
        let label = Bilingual::new("撤销上一次操作", "Undo the last change");
        card = button(
            card,
            label.to(language),
            Does::Undo(maker.clone()),
            language,
        );
    }
    let plans = history.plans.iter().take(MOST_BUTTONS);
    for plan in plans {
        let Some(maker) = plan.maker.clone() else {
            continue;
        };
        let number = plan.number;
        let label = match language {
            Language::Zh => format!("取消第 {number} 项计划"),
            Language::En => format!("Drop plan {number}"),
        };
        card = button(card, &label, Does::Cancel(maker), language);
    }
    card
}

/// An announcement that will be made, and can be dropped until then.
pub(super) fn planned_card(text: String, maker: Maker, language: Language) -> Card {
    let label = Bilingual::new("取消发布", "Do not announce it");
    let card = Card::titled(title_of_plan(language)).markdown(text);
    button(card, label.to(language), Does::CancelThis(maker), language)
}

/// The same, once it is dropped, now or before.
pub(crate) fn plan_dropped(now: bool, name: Option<&str>, language: Language) -> Card {
    let who = somebody(name, language);
    let text = match (now, language) {
        (true, Language::Zh) => format!("{who} 已取消，不会发布。"),
        (true, Language::En) => format!("{who} dropped it; it will not be announced."),
        (false, Language::Zh) => "已经发布或取消，没有什么要取消的了。".to_owned(),
        (false, Language::En) => {
            "It was announced or dropped already; there is nothing left to drop.".to_owned()
        }
    };
    Card::titled(title_of_plan(language)).markdown(text)
}

fn title_of_plan(language: Language) -> &'static str {
    Bilingual::new("定时公告", "Planned announcement").to(language)
}

fn button(card: Card, label: &str, does: Does, language: Language) -> Card {
    card.button(label, Button { does, language }.value())
}

/// What whoever pressed a button is told, in both languages.
pub(crate) fn toast(outcome: &Outcome, reference: &str, time_zone: &TimeZone) -> Toast {
    let kind = match outcome {
        Outcome::Refused(Refusal::NotLast | Refusal::NoSuchPlan) => ToastKind::Warning,
        Outcome::Refused(_) => ToastKind::Error,
        _ => ToastKind::Success,
    };
    let words = |language| words(outcome, language, reference, time_zone);
    Toast {
        kind,
        zh_cn: words(Language::Zh),
        en_us: words(Language::En),
    }
}

/// What whoever pressed a button is told before anything has come of it.
pub(crate) fn toast_before(before: Before) -> Toast {
    let (kind, words) = match before {
        Before::Working => (
            ToastKind::Info,
            Bilingual::new(
                "收到，正在处理，稍后会更新卡片。",
                "Heard; the card will change in a moment.",
            ),
        ),
        Before::TooManyWaiting => (
            ToastKind::Warning,
            Bilingual::new(
                "这个群里等待执行的操作太多了，请稍后再点。",
                "Too much waits in this group; please press it again later.",
            ),
        ),
        Before::UnknownButton => (
            ToastKind::Warning,
            Bilingual::new(
                "这个按钮已经不能用了。发送 `/记录` 可以看到现在的情况。",
                "This button does not work any more. Send `/history` to see how things stand.",
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
