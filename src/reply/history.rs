//! What the bot did, and what it is going to do.

use jiff::tz::TimeZone;

use super::quoted;
use crate::change::Deed;
use crate::command::{PinTarget, moment_in_words};
use crate::language::{Bilingual, Language};
use crate::outcome::{FutureChange, History, PastChange, PlannedChange};

/// The last changes and the first `most` plans, a line each.
pub(super) fn history(
    history: &History,
    most: usize,
    language: Language,
    time_zone: &TimeZone,
) -> String {
    if history.changes.is_empty() && history.plans.is_empty() {
        let nothing = Bilingual::new(
            "我在这里还没有做过改动，也没有计划。",
            "I have done nothing here yet, and nothing is planned.",
        );
        return nothing.to(language).to_owned();
    }
    let now = history.asked_at.to_zoned(time_zone.clone());
    let moment = |moment| moment_in_words(moment, &now, language);
    let mut lines = Vec::new();
    if !history.plans.is_empty() {
        lines.push(Bilingual::new("计划：", "Planned:").to(language).to_owned());
        let plans = history.plans.iter().take(most);
        lines.extend(plans.map(|plan| planned(plan, &moment(plan.due), language)));
        let others = history.plans.len().saturating_sub(most);
        lines.extend((others > 0).then(|| more(others, language)));
        let first = history.plans.first();
        lines.extend(first.map(|plan| cancel(plan.number, language)));
    }
    if !history.changes.is_empty() {
        let title = Bilingual::new("最近的操作：", "Recent changes:");
        lines.push(title.to(language).to_owned());
        let changes = history.changes.iter();
        lines.extend(changes.map(|change| made(change, &moment(change.made_at), language)));
    }
    lines.join("\n")
}

fn cancel(number: u32, language: Language) -> String {
    match language {
        Language::Zh => format!("要取消第 {number} 项，请发送 `/取消 {number}`。"),
        Language::En => format!("To drop number {number}, send `/cancel {number}`."),
    }
}

fn more(others: usize, language: Language) -> String {
    match language {
        Language::Zh => format!("还有 {others} 项计划，发送 `/记录` 可以全部看到。"),
        Language::En => format!("And {others} more; send `/history` to see them all."),
    }
}

fn planned(plan: &FutureChange, due: &str, language: Language) -> String {
    let what = match plan.what {
        PlannedChange::Unpin => Bilingual::new("撤下置顶", "take off what is at the top"),
        PlannedChange::Announce => Bilingual::new("发布公告", "announce"),
        PlannedChange::EntryOut => {
            Bilingual::new("撤下公告中的内容", "take this out of the announcement")
        }
        PlannedChange::Replace => Bilingual::new("替换公告", "replace the announcement"),
        PlannedChange::FormerBack => Bilingual::new(
            "恢复替换前的公告",
            "bring back what the announcement said before this",
        ),
    };
    let what = with_summary(what.to(language), &plan.summary, language);
    let author = somebody(plan.author.as_deref(), language);
    // No mark of a list: in the Markdown of a card those are counted anew.
    let number = plan.number;
    match language {
        Language::Zh => format!("（{number}）{due}，{what}（由{author}安排）"),
        Language::En => format!("({number}) {due}: {what} (planned by {author})"),
    }
}

fn made(change: &PastChange, at: &str, language: Language) -> String {
    let what = with_summary(deed(change).to(language), &change.summary, language);
    let actor = match change.deed {
        Deed::Expire | Deed::Recalled => String::new(),
        Deed::Pin | Deed::Unpin | Deed::Announce | Deed::Replace | Deed::Undo | Deed::Cancel => {
            let gap = Bilingual::new("", " ").to(language);
            let actor = somebody(change.actor.as_deref(), language);
            // No blank follows a Chinese comma.
            format!("{}{gap}", actor.trim_start())
        }
    };
    let undone = if change.undone {
        Bilingual::new("（已撤销）", " (taken back)").to(language)
    } else {
        ""
    };
    match language {
        Language::Zh => format!("· {at}，{actor}{what}{undone}"),
        Language::En => format!("· {at}: {actor}{what}{undone}"),
    }
}

fn deed(change: &PastChange) -> Bilingual {
    match (change.deed, change.pinned) {
        (Deed::Pin, Some(PinTarget::RepliedMessage)) => {
            Bilingual::new("置顶了一条消息", "put a message at the top")
        }
        (Deed::Pin, Some(PinTarget::Announcement)) => {
            Bilingual::new("置顶了群公告", "put the announcement at the top")
        }
        (Deed::Pin, None) => Bilingual::new("设置了置顶", "put something at the top"),
        (Deed::Unpin, _) => Bilingual::new("撤下了置顶", "took off what was at the top"),
        (Deed::Announce, _) => Bilingual::new("发布了公告", "announced"),
        (Deed::Replace, _) => Bilingual::new("替换了公告", "replaced the announcement"),
        (Deed::Undo, _) => Bilingual::new("撤销了一次改动", "took a change back"),
        (Deed::Expire, _) => {
            Bilingual::new("到期，已自动撤下", "its time was over, so I took it down")
        }
        (Deed::Cancel, _) => Bilingual::new("取消了一项计划", "dropped a plan"),
        (Deed::Recalled, _) => {
            Bilingual::new("置顶的消息被撤回了", "the message at the top was recalled")
        }
    }
}

fn with_summary(what: &str, summary: &str, language: Language) -> String {
    if summary.is_empty() {
        return what.to_owned();
    }
    let colon = Bilingual::new("：", ": ").to(language);
    format!("{what}{colon}{}", quoted(summary))
}

pub(super) fn somebody(name: Option<&str>, language: Language) -> String {
    match name {
        Some(name) if !name.is_empty() => match language {
            // A blank parts a name, whatever it is written in, from the characters around it.
            Language::Zh => format!(" {} ", quoted(name)),
            Language::En => quoted(name),
        },
        Some(_) | None => Bilingual::new("一位成员", "a member")
            .to(language)
            .to_owned(),
    }
}
