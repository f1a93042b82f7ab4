//! Replies to refused commands: the cause and the remedy.

use std::fmt::Display;

use jiff::tz::TimeZone;

use super::misunderstood::misunderstood;
use super::{
    broadcast, consent, edit, failures, incomplete, message, notice, preview, proposal, recurring,
    replace, rights, schedule, settings, undo,
};
use crate::command::ScheduleTimeError;
use crate::language::{Bilingual, Language};
use crate::model::refusal::{Cause, Refusal, Stage};

/// The cause and the remedy; for failures also the reference for the log.
pub(super) fn refused(
    refusal: &Refusal,
    language: Language,
    reference: &str,
    time_zone: &TimeZone,
) -> String {
    let mut words = without_trace(refusal, language, time_zone);
    if refusal.cause.is_failure() {
        words.push('\n');
        words.push_str(&failures::trace(&refusal.cause, language, reference));
    }
    words
}

/// The same without the reference.
pub(super) fn without_trace(refusal: &Refusal, language: Language, time_zone: &TimeZone) -> String {
    let reason = reason(&refusal.cause, language, time_zone);
    let words = at_stage(refusal, reason, language);
    let Stage::RunNotPublished(next) = refusal.stage else {
        return words;
    };
    let words = match refusal.cause {
        Cause::ScheduleTooLate { due, at } => {
            schedule::missed(recurring::EXPIRED, due, at, language, time_zone)
        }
        _ => words,
    };
    format!(
        "{words}\n{}",
        recurring::next_run(next, language, time_zone)
    )
}

/// Adds what was done before the failure.
fn at_stage(refusal: &Refusal, reason: String, language: Language) -> String {
    match (refusal.stage, &refusal.cause) {
        // That text already says that it was scheduled.
        (Stage::Whole, _) | (_, Cause::ScheduleTooLate { .. }) => reason,
        (Stage::Incomplete(unfinished), Cause::CannotDelete)
            if unfinished.is_only_replacement() =>
        {
            replace::NOTHING_CAN_BE_DELETED.to(language).to_owned()
        }
        (Stage::RunNotPublished(_), Cause::ConsentMissing { .. }) => {
            recurring::NO_CONSENT.to(language).to_owned()
        }
        (Stage::NotPublished, Cause::ConsentMissing { .. }) => {
            consent::NOT_POSTED.to(language).to_owned()
        }
        (_, Cause::ConsentMissing { .. }) => {
            let reason = consent::MISSING_PARTWAY.to(language).to_owned();
            staged(refusal.stage, reason, language)
        }
        (stage, _) => staged(stage, reason, language),
    }
}

fn staged(stage: Stage, reason: String, language: Language) -> String {
    match stage {
        Stage::Whole => reason,
        Stage::Partly { lines, of } => partly(lines, of, &reason, language),
        Stage::NotReverted => NOT_REMOVED.fill(language, reason),
        Stage::NotPublished | Stage::RunNotPublished(_) => NOT_POSTED.fill(language, reason),
        Stage::FormerRunLeft => recurring::FORMER_LEFT.fill(language, reason),
        Stage::Incomplete(unfinished) => incomplete::in_words(unfinished, &reason, language),
        Stage::FormerTextLeft => edit::FORMER_TEXT_LEFT.fill(language, reason),
    }
}

fn reason(cause: &Cause, language: Language, time_zone: &TimeZone) -> String {
    let fill = |words: Bilingual, with: &dyn Display| words.fill(language, with);
    let words = match cause {
        Cause::Misunderstood(error) => return misunderstood(error, language),
        Cause::NeedsGroup(command) => return fill(NEEDS_GROUP, &command.simplest_form(language)),
        Cause::TextTooLong { limit } => return TEXT_TOO_LONG.fill(language, limit),
        Cause::TooManyLines { limit } => return TOO_MANY_LINES.fill(language, limit),
        Cause::Platform(refusal) => return failures::platform(refusal, language),
        Cause::Unreachable {
            unchanged: true, ..
        } => failures::NOTHING_CHANGED,
        Cause::Unreachable { call, .. } => failures::unreachable(*call),
        Cause::Internal => failures::INTERNAL,
        Cause::CannotSchedule(error) => cannot_schedule(*error),
        Cause::NotAReply => NOT_A_REPLY,
        Cause::NothingToAnnounce => NOTHING_TO_ANNOUNCE,
        Cause::Notice(refused) => notice::refused(*refused),
        Cause::OnlyMedia => message::ONLY_MEDIA,
        Cause::RepliedToHasNoText => message::REPLIED_TO_HAS_NO_TEXT,
        Cause::RepliedToKind { kind } => return message::without_text(*kind, language),
        Cause::RepliedToUnknown { kind } => return message::UNKNOWN_KIND.fill(language, kind),
        Cause::RepliedToIsCard => message::REPLIED_TO_IS_CARD,
        Cause::RepliedToIsForward => message::REPLIED_TO_IS_FORWARD,
        Cause::RepliedElsewhere => message::REPLIED_ELSEWHERE,
        Cause::RepliedToChatMissing => message::REPLIED_TO_UNPLACED,
        Cause::NotPinnable(why) => message::not_pinnable(*why),
        Cause::ChatIdMissing => message::CHAT_NOT_REPORTED,
        Cause::Unreadable => message::UNREADABLE,
        Cause::RepliedToIsGone => REPLIED_TO_IS_GONE,
        Cause::TooLate { begun } => too_late(*begun),
        Cause::TooManyWaiting => TOO_MANY_WAITING,
        Cause::CannotRestore { things } => return replace::cannot_restore(things, language),
        Cause::SnapshotTooLong { limit } => return fill(replace::TOO_LONG_TO_BACK_UP, limit),
        Cause::AnnouncementTooLong => replace::TOO_LONG_TO_READ,
        Cause::Unclear => replace::UNCLEAR,
        Cause::NotificationUnclear => incomplete::NOTIFICATION_UNCLEAR,
        Cause::ScheduleTooLate { due, at } => {
            return schedule::missed(schedule::EXPIRED, *due, *at, language, time_zone);
        }
        Cause::TooManySchedules { limit } => return TOO_MANY_SCHEDULES.fill(language, limit),
        Cause::EntryChanged => undo::ENTRY_CHANGED,
        Cause::EntryGone => edit::ENTRY_GONE,
        Cause::FilesNotCopied => edit::FILES_NOT_COPIED,
        Cause::NothingNamedToEdit => edit::NOTHING_NAMED,
        Cause::TwoNamedToEdit => edit::TWO_NAMED,
        Cause::NotEditable => edit::NOT_EDITABLE,
        Cause::CannotDelete => undo::CANNOT_DELETE,
        Cause::CannotExpire => undo::CANNOT_EXPIRE,
        Cause::Disordered => undo::DISORDERED,
        Cause::AnnouncementMoved => undo::ANNOUNCEMENT_MOVED,
        Cause::NothingToUndo => undo::NOTHING_TO_UNDO,
        Cause::TopUnknown => undo::TOP_UNKNOWN,
        Cause::NoSuchSchedule => undo::NO_SUCH_SCHEDULE,
        Cause::Series(refused) => recurring::refused(*refused),
        Cause::NotLatest => undo::NOT_LAST,
        Cause::NewerChange => undo::NEWER,
        Cause::CardOutdated => settings::CARD_OUTDATED,
        Cause::SettingFixed(setting) => {
            return settings::FIXED.fill(language, setting.spec().name.to(language));
        }
        Cause::ProposalOver
        | Cause::TooManyProposals { .. }
        | Cause::Declined { .. }
        | Cause::OwnProposal
        | Cause::NobodyToAsk
        | Cause::TextChanged
        | Cause::NotApproved => return proposal::refused(cause, language),
        Cause::PreviewOver => preview::OVER,
        Cause::NotYourPreview => preview::NOT_YOURS,
        Cause::Broadcast(refusal) => return broadcast::refused(refusal, language),
        Cause::BotOutside => BOT_OUTSIDE,
        Cause::ConsentMissing { declined } => consent::missing(*declined),
        Cause::TooManyAwaitingConsent { limit } => return fill(consent::TOO_MANY_WAITING, limit),
        Cause::ActsAsBot(command) => return consent::not_needed(*command, language),
        Cause::NoConsent => consent::NONE,
        Cause::AuthorUnknown => consent::AUTHOR_UNKNOWN,
        Cause::Denied(denied) => rights::denial(*denied),
    };
    words.to(language).to_owned()
}

const NOT_A_REPLY: Bilingual = Bilingual::new(
    "请指定要置顶的消息：回复该消息并发送 /置顶；置顶群公告请发送 /置顶 公告。",
    "Which message should be pinned? Reply to it with /pin; to pin the announcement, send /pin announcement.",
);

const NOTHING_TO_ANNOUNCE: Bilingual = Bilingual::new(
    "缺少公告内容。请发送 /公告 内容，或回复一条消息并发送 /公告。",
    "There is no text to announce. Send /announce text, or reply to a message with /announce.",
);

const REPLIED_TO_IS_GONE: Bilingual = Bilingual::new(
    "所回复的消息已被撤回或删除。请回复仍存在的消息。",
    "The message you replied to was recalled or deleted. Reply to one that still exists.",
);

const TOO_MANY_WAITING: Bilingual = Bilingual::new(
    "本群等待执行的命令过多，此命令及后续命令暂不接收。请稍后重新发送。",
    "Too many commands are queued in this group, so this one and later ones are not accepted for now. Send it again when the others are done.",
);

const BOT_OUTSIDE: Bilingual = Bilingual::new(
    "机器人不在本群，无法读取本群设置，未执行。请先将机器人添加到群，再重新发送。",
    "The bot is not in this group and cannot read its settings, so nothing was done. Add the bot to the group and send the command again.",
);

const NEEDS_GROUP: Bilingual = Bilingual::new(
    "该命令只能在群里使用。请将机器人添加到群，再在群里发送 {}。",
    "This command works in groups only. Add the bot to a group and send {} there.",
);

const TEXT_TOO_LONG: Bilingual = Bilingual::new(
    "内容过长，最多 {} 个字符（表情按两个计算）。请缩短，或分多次发布。",
    "The text is too long: the limit is {} characters, and an emoji counts as two. Shorten it, or post it in parts.",
);

const TOO_MANY_LINES: Bilingual = Bilingual::new(
    "行数过多，最多 {} 行。请分多次发布，或写成文档后发布链接。",
    "The text has too many lines: the limit is {}. Post it in parts, or put it in a document and post the link.",
);

const TOO_MANY_SCHEDULES: Bilingual = Bilingual::new(
    "本群的计划已达上限（{} 项）。请先取消不需要的计划，发送 /记录 查看。",
    "This group has reached the limit of {} schedules. Cancel one first; send /history to see them.",
);

// In the stages, `{}` is the cause of the failure.

const NOT_REMOVED: Bilingual = Bilingual::new(
    "到期未能自动移除。{}\n如有需要，请手动移除。",
    "The scheduled removal failed. {}\nRemove it manually if needed.",
);

const NOT_POSTED: Bilingual = Bilingual::new(
    "定时发布的内容未能发布。{}",
    "What was scheduled was not posted. {}",
);

fn cannot_schedule(error: ScheduleTimeError) -> Bilingual {
    match error {
        ScheduleTimeError::Passed => Bilingual::new(
            "该时间已过，未执行。请改用未来的时间，例如 --定时 明天9点。",
            "That time has passed, so nothing was done. Use a time in the future, for example --at tomorrow 9:00.",
        ),
        ScheduleTimeError::TooFar => Bilingual::new(
            "最多提前一年，未执行。请改用一年内的时间，例如 --定时 12月1日 9:00。",
            "That time is more than a year ahead, so nothing was done. Use an earlier time, for example --at 12-01 9:00.",
        ),
        ScheduleTimeError::Contradiction => Bilingual::new(
            "所写的两个日期不一致（例如日期与星期不符），未执行。请核对后重新发送，例如 --定时 12月1日 9:00。",
            "The day was given twice and the two do not match, so nothing was done. Check the date and send it again, for example --at 12-01 9:00.",
        ),
    }
}

fn too_late(begun: bool) -> Bilingual {
    if begun {
        Bilingual::new(
            "执行过程中断，无法确认是否完成。请查看群内结果，未完成时请重新发送。",
            "The bot was interrupted while it ran this command, so the result is unknown. Check the group, and send the command again if it was not done.",
        )
    } else {
        Bilingual::new(
            "机器人离线过久，该命令已过期，未执行。如仍需要，请重新发送。",
            "The bot was offline for too long, so this command expired and was not run. If you still need it, send it again.",
        )
    }
}

fn partly(lines: usize, of: usize, reason: &str, language: Language) -> String {
    match language {
        Language::Zh => format!(
            "群公告只写入了 {of} 行中的 {lines} 行。重新发送前，请先在群公告中删除这些内容。{reason}"
        ),
        Language::En => format!(
            "Only {lines} of {of} lines were posted; delete them from the announcement before you send it again. {reason}"
        ),
    }
}
