//! What is told by a card: for what can be done about it there is a button.

use feishu::{Card, Toast, ToastKind};
use jiff::tz::TimeZone;

use super::{history, somebody, words};
use crate::button::{Button, Does};
use crate::language::{Bilingual, Language};
use crate::outcome::{History, Outcome, Refusal};
use crate::store::Maker;

/// The most plans that a card lists, each with a button of its own: a card takes
/// 30 KB.
pub(super) const MOST_PLANS: usize = 20;

/// The last changes and the first plans. The last change can be taken back, and
/// each of the plans dropped.
pub(crate) fn history_card(history: &History, language: Language, time_zone: &TimeZone) -> Card {
    let title = Bilingual::new("操作记录", "History");
    let text = history::history(history, MOST_PLANS, language, time_zone);
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
    let plans = history.plans.iter().take(MOST_PLANS);
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pulldown_cmark::{Event, Parser, Tag};

    use super::*;
    use crate::change::Deed;
    use crate::outcome::{FutureChange, PastChange, PlannedChange};
    use crate::store::Step;

    const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

    fn maker(number: u32) -> Maker {
        Maker {
            origin: format!("om_{number:032}"),
            step: Step::Publish,
        }
    }

    /// Ten changes, and plans with these numbers, by a member of this name.
    fn history_of(plans: impl IntoIterator<Item = u32>, name: &str, summary: &str) -> History {
        let now: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        let change = |_| PastChange {
            deed: Deed::Announce,
            pinned: None,
            actor: Some(name.to_owned()),
            summary: summary.to_owned(),
            made_at: now,
            undone: true,
        };
        let plan = |number| FutureChange {
            maker: Some(maker(number)),
            number,
            what: PlannedChange::FormerBack,
            author: Some(name.to_owned()),
            summary: summary.to_owned(),
            due: now,
        };
        History {
            asked_at: now,
            undoable: Some(maker(0)),
            changes: (0..10).map(change).collect(),
            plans: plans.into_iter().map(plan).collect(),
        }
    }

    /// What stands in the first part of a card.
    fn text(card: &Card) -> String {
        let card = serde_json::to_value(card).unwrap();
        let content = card["body"]["elements"][0]["content"].as_str();
        content.unwrap().to_owned()
    }

    #[test]
    fn plans_keep_their_numbers_in_the_markdown_of_a_card() {
        let history = history_of([1, 4, 3], "Mei", "dinner");
        for language in LANGUAGES {
            let text = text(&history_card(&history, language, &TimeZone::UTC));
            // A list would be numbered by whoever shows it.
            let listed =
                Parser::new(&text).find(|event| matches!(event, Event::Start(Tag::List(_))));
            assert_eq!(listed, None, "{text}");
        }
    }

    #[test]
    fn a_name_and_a_summary_are_no_more_than_words_on_a_card() {
        let words = "`[here](https://e.cn) ![](k) **b** `<at id=all></at>` x``";
        let history = history_of([1], words, words);
        let dropped = plan_dropped(true, Some(words), Language::En);
        let cards = LANGUAGES.map(|language| history_card(&history, language, &TimeZone::UTC));
        for card in cards.iter().chain([&dropped]) {
            let text = text(card);
            let alive = Parser::new(&text).find(|event| {
                let is_mark = |tag: &Tag<'_>| !matches!(tag, Tag::Paragraph);
                matches!(event, Event::Start(tag) if is_mark(tag))
                    || matches!(event, Event::InlineHtml(_) | Event::Html(_))
            });
            assert_eq!(alive, None, "{text}");
        }
    }

    #[test]
    fn a_card_is_never_too_large_to_be_sent() {
        let name = "长".repeat(64);
        let history = history_of(1..=200, &name, &"公".repeat(30));
        for language in LANGUAGES {
            let card = history_card(&history, language, &TimeZone::UTC);
            let length = serde_json::to_string(&card).unwrap().len();
            assert!(length < 30_000, "{length}");
        }
    }
}
