//! Replies to successful commands.

use jiff::tz::TimeZone;

use super::punctuation::GAP;
use super::{
    Answer, Emoji, broadcast, cards, consent, message, notice, preview, proposal, recurring,
    replace, schedule, settings,
};
use crate::command::PinTarget;
use crate::language::{Bilingual, Language};
use crate::model::outcome::{Done, UndoResult};

/// A reaction if that says enough, otherwise a text or a card.
pub(super) fn done(done: &Done, language: Language, time_zone: &TimeZone) -> Answer {
    let say = |words: Bilingual| Answer::Say(words.to(language).to_owned());
    let (emoji, words) = match done {
        Done::Pinned(PinTarget::RepliedMessage) => (
            Emoji::Pin,
            Bilingual::new("已置顶该消息。", "Pinned the message to the top."),
        ),
        Done::Pinned(PinTarget::Announcement) => (
            Emoji::Pin,
            Bilingual::new("已置顶群公告。", "Pinned the announcement to the top."),
        ),
        Done::Unpinned => (Emoji::Done, UNPINNED),
        Done::Announced => (
            Emoji::Loudspeaker,
            Bilingual::new("已发布到群公告。", "Posted to the announcement."),
        ),
        Done::Replaced { edited: 0 } => (Emoji::Loudspeaker, replace::REPLACED),
        Done::Replaced { edited } => {
            return Answer::Say(replace::replaced_with_edits(*edited, language));
        }
        Done::NoticePosted => (Emoji::Pin, notice::POSTED),
        Done::NoticeReplaced { pinned } => {
            return Answer::Say(notice::replaced(*pinned, language));
        }
        Done::Edited => (Emoji::Done, Bilingual::new("已修改。", "Changed the text.")),
        Done::ScheduleEdited => (
            Emoji::Done,
            Bilingual::new(
                "已修改，将按原定时间发布新内容。",
                "Changed; the new text will be posted at the scheduled time.",
            ),
        ),
        Done::Unformatted(announced) => {
            let announced = self::done(announced, language, time_zone);
            return with_words(announced, UNFORMATTED.to(language), language);
        }
        Done::LeftOut { done, media } => {
            let announced = self::done(done, language, time_zone);
            return with_words(announced, &message::left_out(media, language), language);
        }
        Done::Named { done, media, why } => {
            let announced = self::done(done, language, time_zone);
            return with_words(announced, &message::named(media, *why, language), language);
        }
        Done::AnnouncedLate { edited, due, at } => {
            let late = schedule::missed(schedule::POSTED_LATE, *due, *at, language, time_zone);
            return late_answer(late, *edited, language);
        }
        Done::Cancelled => (
            Emoji::Done,
            Bilingual::new("已取消该计划。", "Canceled the schedule."),
        ),
        Done::Broadcast { step, groups } => return broadcast::done(*step, *groups, language),
        Done::Paused => (Emoji::Done, recurring::PAUSED),
        Done::Resumed { next, at } => return recurring::resumed(*next, *at, language, time_zone),
        Done::Decided(decided) => return say(proposal::decided(decided.verdict)),
        Done::PreviewAccepted | Done::PreviewDiscarded => return say(preview::chosen(done)),
        Done::Settings(shown) => return settings::answer(shown, language),
        Done::Set(change) => {
            let (emoji, or_say) = (Emoji::Done, settings::done(change, language));
            return Answer::React { emoji, or_say };
        }
        Done::Lists(lists) => return Answer::Say(broadcast::lists(lists, language)),
        Done::ListChanged(change) => return broadcast::list_done(change, language),
        Done::Undone(undone) => return undone_answer(undone_in_words(undone, language), language),
        Done::UndoneAndRecalled { result, recalled } => {
            let undone = undone_and_recalled(result, *recalled, language);
            return undone_answer(undone, language);
        }
        Done::ConsentRequested => return say(consent::REQUESTED),
        Done::AlreadyConsented => return say(consent::GIVEN),
        Done::ConsentWithdrawn { revoked } => return say(consent::withdrawn(*revoked)),
        Done::Expired { lost } if !lost.is_empty() => {
            return Answer::Say(replace::expired_except(lost, language));
        }
        Done::Expired { .. } | Done::Superseded => return Answer::Nothing,
    };
    Answer::React {
        emoji,
        or_say: words.to(language).to_owned(),
    }
}

/// The reply to a replacement that was published late; so many blocks of others stay.
fn late_answer(late: String, edited: usize, language: Language) -> Answer {
    let late = Answer::Say(late);
    match edited {
        0 => late,
        _ => with_words(late, &replace::kept(edited, language), language),
    }
}

fn undone_answer(or_say: String, language: Language) -> Answer {
    let card = Box::new(cards::undone(&or_say, language));
    Answer::Show { card, or_say }
}

fn undone_and_recalled(undone: &UndoResult, recalled: bool, language: Language) -> String {
    let notification = if recalled { RECALLED } else { NOT_RECALLED };
    let (gap, notification) = (GAP.to(language), notification.to(language));
    let undone = undone_in_words(undone, language);
    format!("{undone}{gap}{notification}")
}

const UNPINNED: Bilingual = Bilingual::new("已取消置顶。", "Removed the top notice.");

const RECALLED: Bilingual = Bilingual::new(
    "@所有人 的消息也已撤回。",
    "The message that mentions everyone was recalled, too.",
);

const NOT_RECALLED: Bilingual = Bilingual::new(
    "@所有人 的消息未能撤回，可能已超过可撤回的时间，群主和群管理员可以手动撤回。",
    "The message that mentions everyone could not be recalled, perhaps because it is too old; the owner and admins can recall it manually.",
);

const UNFORMATTED: Bilingual = Bilingual::new(
    "格式过多，已按纯文本发布。",
    "It had too much formatting, so it was posted as plain text.",
);

/// Turns an answer into text and appends `more`.
fn with_words(announced: Answer, more: &str, language: Language) -> Answer {
    let (Answer::Say(words) | Answer::React { or_say: words, .. }) = announced else {
        return announced;
    };
    Answer::Say(format!("{words}{}{more}", GAP.to(language)))
}

/// The platform has no call that reads the top notice, so manual changes in between are unknown,
/// and the text says so.
fn undone_in_words(undone: &UndoResult, language: Language) -> String {
    let words = match undone {
        UndoResult::MessageOnTop => Bilingual::new(
            "已撤销，置顶已恢复为之前的消息。（期间手动更改的置顶无法识别。）",
            "Reverted: the previous message is pinned to the top again. (The bot cannot see manual changes made in between.)",
        ),
        UndoResult::AnnouncementOnTop => Bilingual::new(
            "已撤销，置顶已恢复为群公告。（期间手动更改的置顶无法识别。）",
            "Reverted: the announcement is pinned to the top again. (The bot cannot see manual changes made in between.)",
        ),
        UndoResult::NothingOnTop => Bilingual::new(
            "已撤销，已取消置顶。（此前手动设置的置顶无法恢复。）",
            "Reverted: nothing is pinned to the top now. (The bot cannot restore what was pinned manually before.)",
        ),
        UndoResult::NoticeWithdrawn { card, top } => {
            return notice::withdrawn(*card, *top, language);
        }
        UndoResult::EntryRemoved => Bilingual::new(
            "已撤销，该内容已从群公告中移除。",
            "Reverted: the text was removed from the announcement.",
        ),
        UndoResult::TextRestored => Bilingual::new(
            "已撤销，该内容已恢复为修改前的内容。",
            "Reverted: the text is as it was before the edit.",
        ),
        UndoResult::EntryAlreadyGone => Bilingual::new(
            "该内容已不在群公告中，无需撤销。",
            "The text is no longer in the announcement; there was nothing to revert.",
        ),
        UndoResult::ContentRestored { lost } if !lost.is_empty() => {
            return replace::restored_except(lost, language);
        }
        UndoResult::ContentRestored { .. } => replace::RESTORED,
    };
    words.to(language).to_owned()
}
