//! Replies about scheduled announcements.

use feishu::Card;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Answer;
use super::cards::button;
use super::punctuation::labeled;
use super::quote::TextFormat;
use crate::command::moment_in_words;
use crate::language::{Bilingual, Language};
use crate::model::button::ButtonAction;
use crate::model::outcome::Scheduled;
use crate::model::schedule::{AnnounceOptions, ProposedAction};

/// A card with the schedule and a button to cancel it.
pub(super) fn answer(scheduled: &Scheduled, language: Language, time_zone: &TimeZone) -> Answer {
    let now = scheduled.at.to_zoned(time_zone.clone());
    let due = moment_in_words(scheduled.due, &now, language);
    let number = scheduled.number;
    let words = details(scheduled, &due, TextFormat::Text, language);
    let or_say = match (language, scheduled.every) {
        (Language::Zh, None) => format!("{words}\n如需取消，请发送 /取消 {number}。"),
        (Language::En, None) => format!("{words}\nTo cancel it, send /cancel {number}."),
        (Language::Zh, Some(_)) => {
            format!("{words}\n如需取消，请发送 /取消 {number}；如需暂停，请发送 /暂停 {number}。")
        }
        (Language::En, Some(_)) => {
            format!("{words}\nTo cancel it, send /cancel {number}; to pause it, /pause {number}.")
        }
    };
    let Some(job_ref) = scheduled.job_ref.clone() else {
        return Answer::Say(or_say);
    };
    let card = Card::titled(title(language));
    let card = card.markdown(details(scheduled, &due, TextFormat::Card, language));
    let label = Bilingual::new("取消", "Cancel").to(language);
    let card = Box::new(button(
        card,
        label,
        ButtonAction::CancelThis(job_ref),
        language,
    ));
    Answer::Show { card, or_say }
}

pub(super) const POSTED_LATE: Bilingual = Bilingual::new(
    "已发布。原定{} 发布，因机器人当时离线而延迟。",
    "Posted late: it was scheduled for {}, but the bot was offline then.",
);

/// Not posted, because it was too late.
pub(super) const EXPIRED: Bilingual = Bilingual::new(
    "定时内容原定{} 发布，因机器人离线已过期，未发布。如仍需要，请重新发送。",
    "This was scheduled for {}, but the bot was offline and it is too late now, so it was not posted. If you still need it, send it again.",
);

/// The reply, with the template `result`, for an announcement that was `due` while the bot was
/// offline.
pub(super) fn missed(
    result: Bilingual,
    due: Timestamp,
    at: Timestamp,
    language: Language,
    time_zone: &TimeZone,
) -> String {
    let now = at.to_zoned(time_zone.clone());
    result.fill(language, moment_in_words(due, &now, language))
}

/// The card after the announcement was canceled; `now` is false if it was already posted or
/// canceled.
pub(crate) fn schedule_canceled(now: bool, name: Option<&str>, language: Language) -> Card {
    let by = name.filter(|name| !name.is_empty());
    let plain = |zh, en| Bilingual::new(zh, en).to(language).to_owned();
    let text = match (now, by) {
        (true, Some(name)) => {
            let words = Bilingual::new(
                "{} 已取消，不会发布。",
                "Canceled by {}; it will not be posted.",
            );
            words.fill(language, TextFormat::Card.quote(name, language))
        }
        (true, None) => plain("已取消，不会发布。", "Canceled; it will not be posted."),
        (false, _) => plain(
            "已发布或已取消，无需再取消。",
            "It was already posted or canceled.",
        ),
    };
    Card::titled(title(language)).markdown(text)
}

fn title(language: Language) -> &'static str {
    Bilingual::new("定时发布", "Scheduled").to(language)
}

/// The time, the summary and the options, one line each.
fn details(scheduled: &Scheduled, due: &str, format: TextFormat, language: Language) -> String {
    let number = scheduled.number;
    let mut lines = match (scheduled.every, language) {
        (None, Language::Zh) => vec![format!("计划 {number}：{} 发布", format.heading(due))],
        (None, Language::En) => vec![format!(
            "Scheduled for {} (schedule {number})",
            format.heading(due)
        )],
        (Some(every), Language::Zh) => vec![
            format!(
                "计划 {number}：{} 发布",
                format.heading(&every.in_words(language))
            ),
            format!("首次发布：{due}"),
        ],
        (Some(every), Language::En) => vec![
            format!(
                "To be posted {} (schedule {number})",
                format.heading(&every.in_words(language))
            ),
            format!("First: {due}"),
        ],
    };
    if !scheduled.summary.is_empty() {
        lines.push(format.quote(&scheduled.summary, language));
    }
    if let Some(list) = &scheduled.to {
        let list = format.quote(list, language);
        lines.push(labeled(LIST.to(language), &list, language));
    }
    lines.extend(options(scheduled.options, language));
    lines.join("\n")
}

const LIST: Bilingual = Bilingual::new("发到群列表", "List of groups");

/// When and where something will be posted that waits for its author or for others, and with which
/// options, one line each.
pub(super) fn plan(
    action: &ProposedAction,
    groups: Option<usize>,
    now: &Zoned,
    format: TextFormat,
    language: Language,
) -> Vec<String> {
    let due = action.due().map(|due| {
        let label = Bilingual::new("发布时间", "To be posted").to(language);
        let every = action.every().map(|rule| rule.in_words(language));
        let due = every.unwrap_or_else(|| moment_in_words(due, now, language));
        labeled(label, &due, language)
    });
    let list = action.to().map(|list| {
        let list = format.quote(list, language);
        let counted = Bilingual::new("（{} 个群）", " ({} groups)");
        let groups = groups.map(|groups| counted.fill(language, groups));
        let list = list + &groups.unwrap_or_default();
        labeled(LIST.to(language), &list, language)
    });
    let options = options(action.options(), language);
    due.into_iter().chain(list).chain(options).collect()
}

/// The options of an announcement; `None` if it has none.
fn options(options: AnnounceOptions, language: Language) -> Option<String> {
    let replaces = Bilingual::new("替换原有内容", "replaces the announcement");
    let on_top = Bilingual::new("发布后置顶", "pinned to the top");
    let notifies = Bilingual::new("发布后 @所有人", "mentions everyone");
    let removed = if options.notice {
        Bilingual::new("{}后取消置顶", "unpinned after {}")
    } else {
        Bilingual::new("{}后移除", "removed after {}")
    };
    let duration = options.duration.map(|span| span.in_words(language));
    let fixed = |is_set: bool, words: Bilingual| is_set.then(|| words.to(language).to_owned());
    let options: Vec<_> = [
        fixed(options.replace.is_some(), replaces),
        duration.map(|duration| removed.fill(language, duration)),
        fixed(options.top, on_top),
        fixed(options.notify, notifies),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (title, comma) = match language {
        Language::Zh => ("选项：", "，"),
        Language::En => ("Options: ", ", "),
    };
    (!options.is_empty()).then(|| format!("{title}{}", options.join(comma)))
}
