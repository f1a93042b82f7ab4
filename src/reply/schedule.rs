//! Replies about scheduled announcements.

use feishu::Card;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Answer;
use super::cards::button;
use super::quote::Medium;
use crate::command::moment_in_words;
use crate::language::{Bilingual, Language};
use crate::model::button::ButtonAction;
use crate::model::outcome::Scheduled;
use crate::model::schedule::AnnounceOptions;

/// A card with the schedule and a button to cancel it.
pub(super) fn answer(scheduled: &Scheduled, language: Language, time_zone: &TimeZone) -> Answer {
    let now = scheduled.at.to_zoned(time_zone.clone());
    let due = moment_in_words(scheduled.due, &now, language);
    let number = scheduled.number;
    let words = details(scheduled, &due, Medium::Text, language);
    let or_say = match language {
        Language::Zh => format!("{words}\n如需取消，请发送 /取消 {number}。"),
        Language::En => format!("{words}\nTo cancel it, send /cancel {number}."),
    };
    let Some(job_ref) = scheduled.job_ref.clone() else {
        return Answer::Say(or_say);
    };
    let card = Card::titled(title(language));
    let card = card.markdown(details(scheduled, &due, Medium::Card, language));
    let label = Bilingual::new("取消", "Cancel").to(language);
    let card = Box::new(button(
        card,
        label,
        ButtonAction::CancelThis(job_ref),
        language,
    ));
    Answer::Show { card, or_say }
}

/// The result of a schedule that was due while the bot was offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// Posted late.
    Posted,
    /// Not posted, because it was too late.
    GivenUp,
}

/// The reply for an announcement that was `due` while the bot was offline.
pub(super) fn missed(
    due: Timestamp,
    at: Timestamp,
    missed: Missed,
    language: Language,
    time_zone: &TimeZone,
) -> String {
    let due = moment_in_words(due, &at.to_zoned(time_zone.clone()), language);
    match (missed, language) {
        (Missed::Posted, Language::Zh) => {
            format!("已发布到群公告。原定{due} 发布，因机器人当时离线而延迟。")
        }
        (Missed::Posted, Language::En) => {
            format!("Posted late: it was scheduled for {due}, but the bot was offline then.")
        }
        (Missed::GivenUp, Language::Zh) => {
            format!("定时公告原定{due} 发布，因机器人离线已过期，未发布。如仍需要，请重新发送。")
        }
        (Missed::GivenUp, Language::En) => format!(
            "The announcement was scheduled for {due}, but the bot was offline and it is too late now, so it was not posted. If you still need it, send it again."
        ),
    }
}

/// The card after the announcement was canceled; `now` is false if it was already posted or
/// canceled.
pub(crate) fn schedule_canceled(now: bool, name: Option<&str>, language: Language) -> Card {
    let text = match (now, name.filter(|name| !name.is_empty()), language) {
        (true, Some(name), Language::Zh) => {
            format!("{} 已取消，不会发布。", Medium::Card.quote(name, language))
        }
        (true, Some(name), Language::En) => format!(
            "Canceled by {}; it will not be posted.",
            Medium::Card.quote(name, language)
        ),
        (true, None, Language::Zh) => "已取消，不会发布。".to_owned(),
        (true, None, Language::En) => "Canceled; it will not be posted.".to_owned(),
        (false, _, Language::Zh) => "已发布或已取消，无需再取消。".to_owned(),
        (false, _, Language::En) => "It was already posted or canceled.".to_owned(),
    };
    Card::titled(title(language)).markdown(text)
}

fn title(language: Language) -> &'static str {
    Bilingual::new("定时公告", "Scheduled announcement").to(language)
}

/// The time, the summary and the options, one line each.
fn details(scheduled: &Scheduled, due: &str, medium: Medium, language: Language) -> String {
    let (number, due) = (scheduled.number, medium.heading(due));
    let mut lines = vec![match language {
        Language::Zh => format!("计划 {number}：{due} 发布"),
        Language::En => format!("Scheduled for {due} (schedule {number})"),
    }];
    if !scheduled.summary.is_empty() {
        lines.push(medium.quote(&scheduled.summary, language));
    }
    lines.extend(options(scheduled.options, language));
    lines.join("\n")
}

/// The options of an announcement; `None` if it has none.
fn options(options: AnnounceOptions, language: Language) -> Option<String> {
    let replaces = Bilingual::new("替换原有内容", "replaces the announcement");
    let on_top = Bilingual::new("发布后置顶", "pinned to the top");
    let held = options.duration.map(|duration| {
        let length = duration.in_words(language);
        match language {
            Language::Zh => format!("{length}后移除"),
            Language::En => format!("removed after {length}"),
        }
    });
    let fixed = |is_set: bool, words: Bilingual| is_set.then(|| words.to(language).to_owned());
    let options: Vec<_> = [
        fixed(options.replace.is_some(), replaces),
        held,
        fixed(options.top, on_top),
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
