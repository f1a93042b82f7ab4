//! Every sentence that the bot says, in Chinese and in English.
//!
//! A sentence says what happened and what to do about it. Words of a member are quoted through
//! `quoted`, as a reply is a text message, in which markup would come alive.

mod cards;
mod codes;
mod history;
mod message;
mod misunderstood;
mod replace;
mod rights;
mod undo;
mod welcome;

use feishu::Card;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::{CommandName, PinTarget, PlanTimeError, help, moment_in_words};
use crate::language::{Bilingual, Language};
use crate::outcome::{Call, Done, Outcome, PlatformRefusal, Refusal, Undone};
use crate::text::on_one_line;

use cards::planned_card;
pub(crate) use cards::{Before, history_card, plan_dropped, toast, toast_before};
use history::somebody;
use misunderstood::{misunderstood, simplest_form};
pub(crate) use rights::group_rights;
pub(crate) use welcome::welcome;

/// How an outcome is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// By a reaction on the command's message, so that the group stays quiet.
    React {
        /// The reaction.
        emoji: Emoji,
        /// What to say where reacting is refused.
        or_say: String,
    },
    /// In words.
    Say(String),
    /// By a card, on which something can be done about it.
    Show {
        /// The card.
        card: Box<Card>,
        /// What to say where it is refused.
        or_say: String,
    },
    /// Not at all.
    Nothing,
}

/// The reactions of the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emoji {
    /// Something stands at the top now.
    Pin,
    /// Something was announced.
    Loudspeaker,
    /// Anything else is done.
    Done,
    /// It takes a moment.
    OneSecond,
    /// It was refused, for a reason that its author was told a moment ago.
    CrossMark,
}

impl Emoji {
    /// Feishu's name of it, case and all (official pages `im-v1/message-reaction`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "Pin",
            Self::Loudspeaker => "Loudspeaker",
            Self::Done => "DONE",
            Self::OneSecond => "OneSecond",
            Self::CrossMark => "CrossMark",
        }
    }
}

/// Tells an outcome. `reference` is the command's own, under which the log has the details;
/// `time_zone` is that of all moments in words.
pub fn answer(
    outcome: &Outcome,
    language: Language,
    reference: &str,
    time_zone: &TimeZone,
) -> Answer {
    match outcome {
        Outcome::Done(Done::Expired | Done::Superseded) => Answer::Nothing,
        Outcome::Done(Done::Undone(Undone::FormerBack { lost })) if !lost.is_empty() => {
            Answer::Say(replace::former_back_but(lost, language))
        }
        Outcome::Done(Done::Undone(undone)) => {
            Answer::Say(taken_back(undone).to(language).to_owned())
        }
        Outcome::Done(Done::AnnouncedLate { due, at }) => {
            Answer::Say(announced_late(*due, *at, language, time_zone))
        }
        Outcome::Done(Done::Replaced { others }) if *others > 0 => {
            Answer::Say(replace::replaced_beside(*others, language))
        }
        Outcome::Done(Done::Unformatted(done)) => {
            let done = Outcome::Done(Done::clone(done));
            unformatted(answer(&done, language, reference, time_zone), language)
        }
        Outcome::Done(Done::LeftOut { done, media }) => {
            let done = Outcome::Done(Done::clone(done));
            let done = answer(&done, language, reference, time_zone);
            with_words(done, &message::left_out(media, language), language)
        }
        Outcome::Done(done) => {
            let (emoji, words) = success(done);
            Answer::React {
                emoji,
                or_say: words.to(language).to_owned(),
            }
        }
        Outcome::History(history) => {
            let or_say = history::history(history, usize::MAX, language, time_zone);
            let nothing_to_press = history.undoable.is_none() && history.plans.is_empty();
            // What a card has no room for is told in full.
            if nothing_to_press || history.plans.len() > cards::MOST_PLANS {
                return Answer::Say(or_say);
            }
            let card = Box::new(history_card(history, language, time_zone));
            Answer::Show { card, or_say }
        }
        Outcome::Help => Answer::Say(help(language)),
        Outcome::Planned {
            number,
            due,
            at,
            maker,
        } => {
            let or_say = planned(*number, (*due, *at), language, time_zone);
            let Some(maker) = maker.clone() else {
                return Answer::Say(or_say);
            };
            let card = Box::new(planned_card(or_say.clone(), maker, language));
            Answer::Show { card, or_say }
        }
        Outcome::HelpInGroup(rights) => Answer::Say(format!(
            "{}\n\n{}",
            help(language),
            rights::group_rights(rights, language)
        )),
        Outcome::Refused(refusal) => Answer::Say(refused(refusal, language, reference, time_zone)),
    }
}

/// An outcome in words, whichever way it is told.
pub(crate) fn words(
    outcome: &Outcome,
    language: Language,
    reference: &str,
    time_zone: &TimeZone,
) -> String {
    match answer(outcome, language, reference, time_zone) {
        Answer::React { or_say, .. } | Answer::Show { or_say, .. } => or_say,
        Answer::Say(words) => words,
        Answer::Nothing => String::new(),
    }
}

/// What was to be done and was not, before the sentence that says why.
fn but(refusal: &Refusal) -> Bilingual {
    match refusal {
        Refusal::NotPublished(_) => Bilingual::new(
            "到了发布公告的时间，但没有发布成功。",
            "It was time for the planned announcement, but I could not make it. ",
        ),
        Refusal::NotOnTop(_) => Bilingual::new(
            "内容已加在群公告里，但置顶这一步出了问题：",
            "Your text is in the announcement, but something went wrong after that. ",
        ),
        Refusal::NotReplaced(_) => replace::BUT_NOT_DELETED,
        _ => Bilingual::new(
            "时间到了，我本该撤下之前的内容。",
            "It was time to take down what I had put up. ",
        ),
    }
}

/// The reason between what was not done and what is left to do.
fn framed(refusal: &Refusal, cause: &Refusal, reason: &str, language: Language) -> String {
    // That one says itself that it was planned.
    if matches!(cause, Refusal::PlanTooLate { .. }) {
        return reason.to_owned();
    }
    // The command, sent again, would do something else.
    let instead = match refusal {
        Refusal::NotTakenBack(_) => Bilingual::new(
            "\n需要的话请手动撤下。",
            "\nTake it down by hand if need be.",
        ),
        Refusal::NotOnTop(_) => Bilingual::new(
            "\n内容不必重发；要再试一次，请发送 `/置顶 公告`。",
            "\nThere is no need to send the text again: to put the announcement at the top later, send `/pin announcement`.",
        ),
        _ => Bilingual::new("", ""),
    };
    format!(
        "{}{reason}{}",
        but(refusal).to(language),
        instead.to(language)
    )
}

fn announced_late(
    due: Timestamp,
    at: Timestamp,
    language: Language,
    time_zone: &TimeZone,
) -> String {
    let due = moment_in_words(due, &at.to_zoned(time_zone.clone()), language);
    match language {
        Language::Zh => format!("已发布到群公告。原定{due}，当时我不在，所以晚了。"),
        Language::En => {
            format!("Announced late: it was planned for {due}, and I was away then.")
        }
    }
}

fn plan_too_late(
    due: Timestamp,
    at: Timestamp,
    language: Language,
    time_zone: &TimeZone,
) -> String {
    let due = moment_in_words(due, &at.to_zoned(time_zone.clone()), language);
    match language {
        Language::Zh => {
            format!("原定{due}，那时我不在，现在已经太晚，所以没有发布。如果还需要，请再发送一次。")
        }
        Language::En => format!(
            "It was planned for {due}; I was away then and it is too late now, so I did not announce it. If you still want it, please send it again."
        ),
    }
}

fn too_many_plans(limit: usize, language: Language) -> String {
    match language {
        Language::Zh => format!(
            "这个群里最多同时安排 {limit} 项，已经满了。请先取消不要的：`/记录` 会列出它们，并说明怎样取消。"
        ),
        Language::En => format!(
            "This group already has {limit} plans, and that is the most. Drop one first: `/history` lists them and says how."
        ),
    }
}

fn planned(
    number: u32,
    (due, at): (Timestamp, Timestamp),
    language: Language,
    time_zone: &TimeZone,
) -> String {
    let due = moment_in_words(due, &at.to_zoned(time_zone.clone()), language);
    match language {
        Language::Zh => {
            format!("好的，将在{due} 发布。如不想发布，请发送 `/取消 {number}`。")
        }
        Language::En => {
            format!("Planned for {due}. To drop it, send `/cancel {number}`.")
        }
    }
}

/// The same answer in words, with the reason why the formatting is gone.
fn unformatted(done: Answer, language: Language) -> Answer {
    let words = Bilingual::new(
        "格式太多，已按纯文本发布。",
        "It had too much formatting, so it was announced as plain text.",
    );
    with_words(done, words.to(language), language)
}

/// The same answer in words, and more words behind it.
fn with_words(done: Answer, more: &str, language: Language) -> Answer {
    let (Answer::Say(words) | Answer::React { or_say: words, .. }) = done else {
        return done;
    };
    let gap = Bilingual::new("", " ").to(language);
    Answer::Say(format!("{words}{gap}{more}"))
}

fn success(done: &Done) -> (Emoji, Bilingual) {
    match done {
        Done::Pinned(PinTarget::RepliedMessage) => (
            Emoji::Pin,
            Bilingual::new(
                "好了，那条消息已置顶。",
                "Done: that message is at the top now.",
            ),
        ),
        Done::Pinned(PinTarget::Announcement) => (
            Emoji::Pin,
            Bilingual::new(
                "好了，群公告已置顶。",
                "Done: the announcement is at the top now.",
            ),
        ),
        Done::Unpinned => (
            Emoji::Done,
            Bilingual::new(
                "好了，置顶已撤下。",
                "Done: nothing is at the top any more.",
            ),
        ),
        Done::Replaced { .. } => (Emoji::Loudspeaker, replace::REPLACED),
        // The others are told in other ways, or not at all.
        Done::Cancelled
        | Done::Undone(_)
        | Done::AnnouncedLate { .. }
        | Done::Unformatted(_)
        | Done::LeftOut { .. }
        | Done::Expired
        | Done::Superseded => (
            Emoji::Done,
            Bilingual::new("好了，计划已取消。", "Done: the plan is dropped."),
        ),
        Done::Announced => (
            Emoji::Loudspeaker,
            Bilingual::new(
                "好了，内容已加在群公告最前面。",
                "Done: your text now comes first in the announcement.",
            ),
        ),
    }
}

/// The platform has no call that reads the top notice, so what people changed by hand in between
/// cannot be known; the words say so.
fn taken_back(undone: &Undone) -> Bilingual {
    match undone {
        Undone::MessageOnTop => Bilingual::new(
            "已撤销，置顶恢复为之前那条消息。（有人手动改过置顶的话，我看不到。）",
            "Taken back: the earlier message is at the top, as before. (I cannot see changes made by hand in between.)",
        ),
        Undone::AnnouncementOnTop => Bilingual::new(
            "已撤销，置顶恢复为群公告。（有人手动改过置顶的话，我看不到。）",
            "Taken back: the announcement is at the top, as before. (I cannot see changes made by hand in between.)",
        ),
        Undone::EntryOut => Bilingual::new(
            "已撤销，那条内容已从群公告中撤下。",
            "Taken back: the text is out of the announcement again.",
        ),
        Undone::EntryWasOut => Bilingual::new(
            "那条内容已经不在群公告里了，没有什么要撤的。",
            "The text is no longer in the announcement, so there was nothing to take out.",
        ),
        Undone::FormerBack { .. } => replace::FORMER_BACK,
        Undone::NothingOnTop => Bilingual::new(
            "已撤销，现在没有置顶。（如果之前有人手动置顶过什么，我看不到。）",
            "Taken back: nothing is at the top now. (I cannot see what somebody may have put there by hand before.)",
        ),
    }
}

fn refused(refusal: &Refusal, language: Language, reference: &str, time_zone: &TimeZone) -> String {
    let mut words = reason(refusal, language, time_zone);
    if !refusal.is_slip() {
        words.push('\n');
        words.push_str(&trace(refusal, language, reference));
    }
    words
}

fn reason(refusal: &Refusal, language: Language, time_zone: &TimeZone) -> String {
    let words = match refusal {
        Refusal::Misunderstood(error) => return misunderstood(error, language),
        Refusal::NeedsGroup(command) => return needs_group(*command, language),
        Refusal::TextTooLong { limit } => return text_too_long(*limit, language),
        Refusal::TooManyLines { limit } => return too_many_lines(*limit, language),
        Refusal::Partly { lines, of, cause } => {
            let gap = Bilingual::new("", " ").to(language);
            let rest = reason(cause, language, time_zone);
            return format!("{}{gap}{rest}", partly(*lines, *of, language));
        }
        Refusal::Platform(refusal) => return platform(refusal, language),
        Refusal::Unreachable {
            unchanged: true, ..
        } => NOT_CARRIED_OUT,
        Refusal::Unreachable { call, .. } => unreachable(*call),
        Refusal::Internal => Bilingual::new(
            "抱歉，我这边出了问题。请先看看命令是否已经生效，没有的话再发一次；若一直如此，请把下面的编号告诉机器人的管理员。",
            "Sorry, something went wrong on my side. Please check whether the command took effect, and send it again if not; if this keeps happening, give the bot's admin this reference.",
        ),
        Refusal::CannotPlan(PlanTimeError::Passed) => Bilingual::new(
            "这个时间已经过去了，所以什么也没做。请换一个还没到的时间：`/公告 --定时 明天9点 内容`。",
            "That time has passed, so I did nothing. Choose one in the future: `/announce --at tomorrow 9:00 text`.",
        ),
        Refusal::CannotPlan(PlanTimeError::TooFar) => Bilingual::new(
            "这个时间太远了，最多只能提前一年，所以什么也没做。请换一个一年之内的时间：`/公告 --定时 12月1日 9:00 内容`。",
            "That time is more than a year ahead, so I did nothing. Choose one within a year: `/announce --at 12-01 9:00 text`.",
        ),
        Refusal::NotAReply => Bilingual::new(
            "要置顶哪条消息？请回复那条消息并发送 `/置顶`；要置顶群公告，请发送 `/置顶 公告`。",
            "Which message? Reply to it with `/pin`; for the announcement, send `/pin announcement`.",
        ),
        Refusal::NothingToAnnounce => Bilingual::new(
            "要发布什么？请发送 `/公告 内容`，或回复一条消息并发送 `/公告`。",
            "Announce what? Send `/announce text`, or reply to a message with `/announce`.",
        ),
        Refusal::OnlyMedia => message::ONLY_MEDIA,
        Refusal::RepliedToHasNoText => message::REPLIED_TO_HAS_NO_TEXT,
        Refusal::RepliedToIsCard => message::REPLIED_TO_IS_CARD,
        Refusal::RepliedToIsForward => message::REPLIED_TO_IS_FORWARD,
        Refusal::RepliedElsewhere => message::REPLIED_ELSEWHERE,
        Refusal::NotPinnable(why) => message::not_pinnable(*why),
        Refusal::ChatUntold => message::CHAT_UNTOLD,
        Refusal::Unreadable => message::UNREADABLE,
        Refusal::RepliedToIsGone => Bilingual::new(
            "你回复的消息已被撤回或删除。请换一条还在的消息来回复。",
            "The message that you replied to was recalled or deleted. Reply to one that is still there.",
        ),
        Refusal::TooLate { begun } => too_late(*begun),
        Refusal::TooManyWaiting => Bilingual::new(
            "这个群里等待执行的命令太多了，这条和后面的命令我先不接。请等前面的执行完再发送。",
            "Too many commands are waiting in this group, so for now I take neither this one nor any more. Please send it again once the others are done.",
        ),
        Refusal::NotReplaced(cause) if **cause == Refusal::CannotDelete => {
            replace::NOTHING_CAN_BE_DELETED
        }
        Refusal::CannotWriteBack { things } => return replace::cannot_write_back(things, language),
        Refusal::FormerTooLong { limit } => return replace::former_too_long(*limit, language),
        Refusal::Unclear => replace::UNCLEAR,
        Refusal::NotTakenBack(cause)
        | Refusal::NotPublished(cause)
        | Refusal::NotOnTop(cause)
        | Refusal::NotReplaced(cause) => {
            let rest = reason(cause, language, time_zone);
            return framed(refusal, cause, &rest, language);
        }
        Refusal::PlanTooLate { due, at } => return plan_too_late(*due, *at, language, time_zone),
        Refusal::TooManyPlans { limit } => return too_many_plans(*limit, language),
        Refusal::EntryChanged => undo::ENTRY_CHANGED,
        Refusal::CannotDelete => undo::CANNOT_DELETE,
        Refusal::CannotHold => undo::CANNOT_HOLD,
        Refusal::Disordered => undo::DISORDERED,
        Refusal::AnnouncementMoved => undo::ANNOUNCEMENT_MOVED,
        Refusal::NothingToUndo => undo::NOTHING_TO_UNDO,
        Refusal::TopUnknown => undo::TOP_UNKNOWN,
        Refusal::NoSuchPlan => undo::NO_SUCH_PLAN,
        Refusal::NotLast => undo::NOT_LAST,
        Refusal::BotOutside => Bilingual::new(
            "我不在这个群里，飞书没有告诉我本群的设置，所以什么也没做。请把我加进群后再发送一次。",
            "I am not in this group, so Feishu does not tell me its settings, and I did nothing. Add me to the group and send it again.",
        ),
        Refusal::Denied(denied) => rights::denial(*denied),
    };
    words.to(language).to_owned()
}

fn too_late(begun: bool) -> Bilingual {
    if begun {
        Bilingual::new(
            "我执行这条命令时中断了，无法确认是否已经完成。请看一下群里现在的样子；如果没有完成而且还需要，请再发送一次。",
            "I was interrupted while I carried this out, and cannot confirm whether it was done. Please look at the group; if it was not done and you still want it, send it again.",
        )
    } else {
        Bilingual::new(
            "我刚才不在，轮到这条命令时已经太晚，所以没有执行。如果还需要，请再发送一次。",
            "I was away, and when this command's turn came it was too late, so I did not carry it out. If you still want it, please send it again.",
        )
    }
}

fn needs_group(command: CommandName, language: Language) -> String {
    let form = simplest_form(command, language);
    match language {
        Language::Zh => format!("这里是单聊。请把我加进群，再到群里发送 {form}。"),
        Language::En => format!("This is a direct chat. Add me to a group and send {form} there."),
    }
}

fn text_too_long(limit: usize, language: Language) -> String {
    match language {
        Language::Zh => format!(
            "内容太长了：一次最多 {limit} 个字符，表情算两个。请写得短一些，或分成几条发布。"
        ),
        Language::En => format!(
            "The text is too long: {limit} characters at most, and an emoji counts as two. Shorten it, or announce it in several parts."
        ),
    }
}

fn too_many_lines(limit: usize, language: Language) -> String {
    match language {
        Language::Zh => {
            format!("行数太多了：一次最多 {limit} 行。请分成几条发布，或写进一篇文档再发布链接。")
        }
        Language::En => format!(
            "That is too many lines: {limit} at most. Announce them in several parts, or write a document and announce its link."
        ),
    }
}

fn partly(lines: usize, of: usize, language: Language) -> String {
    match language {
        Language::Zh => format!(
            "群公告里只写进了 {of} 行中的 {lines} 行；再发一次之前，请先到群公告里把它们删掉。"
        ),
        Language::En => format!(
            "Only {lines} of {of} lines are in the announcement; delete them there before you send it again."
        ),
    }
}

fn platform(refusal: &PlatformRefusal, language: Language) -> String {
    let failed = failed(refusal.call).to(language);
    let why = match refusal.bot {
        Some(standing) => rights::bot_standing(standing).to(language).to_owned(),
        None => codes::explain(refusal, language),
    };
    let gap = Bilingual::new("", " ").to(language);
    format!("{failed}{gap}{why}")
}

/// What did not come about. Whether an earlier try did is not known here, so nothing is said of it.
fn failed(call: Call) -> Bilingual {
    match call {
        Call::PutMessage => Bilingual::new(
            "没能置顶那条消息。",
            "I could not put that message at the top.",
        ),
        Call::PutAnnouncement => Bilingual::new(
            "没能置顶群公告。",
            "I could not put the announcement at the top.",
        ),
        Call::DeleteTopNotice => {
            Bilingual::new("没能撤下置顶。", "I could not take the top notice off.")
        }
        Call::ReadAnnouncement => Bilingual::new(
            "没能读取群公告，所以没有继续。",
            "I could not read the announcement, so I went no further.",
        ),
        Call::WriteAnnouncement => {
            Bilingual::new("没能修改群公告。", "I could not change the announcement.")
        }
        Call::ReadChat => Bilingual::new(
            "没能读取本群的设置，所以没有继续；这不是你的问题。",
            "I could not read this group's settings, so I went no further; that is not your fault.",
        ),
        Call::ReadMessage => Bilingual::new(
            "没能读取你回复的消息，所以没有继续。",
            "I could not read the message that you replied to, so I went no further.",
        ),
        Call::Token => Bilingual::new(
            "没能登录飞书，所以没有继续；这不是你的问题。",
            "I could not sign in to Feishu, so I went no further; that is not your fault.",
        ),
    }
}

/// The call decides only where to look: any call may follow one whose effect is unknown.
/// Where no call can have changed anything.
const NOT_CARRIED_OUT: Bilingual = Bilingual::new(
    "飞书一直无法连通或要求暂停调用，命令未执行，没有任何改动。请过几分钟再发一次。",
    "Feishu could not be reached or asked the bot to wait, so the command was not carried out and nothing was changed. Send it again in a few minutes.",
);

fn unreachable(call: Call) -> Bilingual {
    match call {
        Call::PutMessage | Call::PutAnnouncement => Bilingual::new(
            "我一直没能连通飞书，不确定置顶是否成功。请看一眼群聊顶部，没有的话再发一次。",
            "I could not get through to Feishu, so I cannot confirm that it is at the top. Please look, and send the command again if it is not.",
        ),
        Call::DeleteTopNotice => Bilingual::new(
            "我一直没能连通飞书，不确定置顶是否已撤下。请看一眼群聊顶部，还在的话再发一次。",
            "I could not get through to Feishu, so I cannot confirm that the top notice is gone. Please look, and send the command again if it is still there.",
        ),
        Call::ReadAnnouncement | Call::WriteAnnouncement => Bilingual::new(
            "我一直没能连通飞书，不确定群公告是否已修改成功。请打开群公告看一眼，没有成功的话再发一次。",
            "I could not get through to Feishu, so I cannot confirm that the announcement was changed. Please look there, and send the command again if it was not.",
        ),
        Call::ReadChat | Call::ReadMessage | Call::Token => Bilingual::new(
            "我一直没能连通飞书，不确定命令是否生效。请先看一眼，没有生效的话过一会儿再发一次。",
            "I could not get through to Feishu, so I cannot confirm that anything was done. Please look first, and send the command again a little later if it was not.",
        ),
    }
}

/// The last line of a failure: what the platform's support and the bot's admin ask for.
fn trace(refusal: &Refusal, language: Language, reference: &str) -> String {
    let (code_is, log_id_is, reference_is, comma) = match language {
        Language::Zh => ("错误码：", "日志号：", "编号：", "，"),
        Language::En => ("code: ", "log id: ", "reference: ", ", "),
    };
    let code = refusal.code().map(|code| format!("{code_is}{code}"));
    let log_id = refusal
        .log_id()
        .map(|log_id| format!("{log_id_is}{log_id}"));
    let reference = format!("{reference_is}{reference}");
    let parts: Vec<_> = code.into_iter().chain(log_id).chain([reference]).collect();
    parts.join(comma)
}

/// A member's words in a reply or on a card: on one line, and nothing in them mentions anybody,
/// leads anywhere, or ends the quotation.
fn quoted(words: &str) -> String {
    let words = on_one_line(words).replace('<', "＜").replace('`', "｀");
    format!("`{}`", words.replace("](", "] ("))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use crate::outcome::NotPinnable;

    use super::codes::tests::every_code;
    use super::misunderstood::tests::every_mistake;
    use super::replace::tests::{UNWRITABLE, every_replacement};
    use super::rights::tests::RESERVED;
    use super::undo::tests::every_refused_undo;
    use super::*;
    use crate::change::Deed;
    use crate::command::{ParseError, parse};
    use crate::outcome::{FutureChange, History, PastChange, PlannedChange};
    use crate::policy::{BotStanding, Denied, GroupRights, GroupSetting, Reserved, Right, WhoMay};
    use crate::store::{Maker, Step};

    const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

    const CALLS: [Call; 8] = [
        Call::PutMessage,
        Call::PutAnnouncement,
        Call::DeleteTopNotice,
        Call::ReadAnnouncement,
        Call::WriteAnnouncement,
        Call::ReadChat,
        Call::ReadMessage,
        Call::Token,
    ];

    fn platform_refusal(call: Call, code: i64) -> Refusal {
        Refusal::Platform(PlatformRefusal {
            fields: vec![],
            meaning: None,
            call,
            code,
            log_id: Some("202609110000".to_owned()),
            missing_scopes: vec![],
            bot: None,
        })
    }

    const SETTINGS: [GroupSetting; 2] =
        [GroupSetting::PinManageSetting, GroupSetting::EditPermission];

    /// A refusal of the bot for a right that the member has.
    fn bot_refused(standing: BotStanding) -> Refusal {
        let (call, code) = match standing {
            BotStanding::Barred(GroupSetting::EditPermission)
            | BotStanding::Untold(GroupSetting::EditPermission) => {
                (Call::WriteAnnouncement, 1_772_005)
            }
            BotStanding::Barred(GroupSetting::PinManageSetting)
            | BotStanding::Untold(GroupSetting::PinManageSetting)
            | BotStanding::Open
            | BotStanding::Admin => (Call::PutMessage, 232_014),
        };
        Refusal::Platform(PlatformRefusal {
            fields: vec![],
            meaning: None,
            call,
            code,
            log_id: Some("202609110000".to_owned()),
            missing_scopes: vec![],
            bot: Some(standing),
        })
    }

    /// Help in a group where everybody may pin, but few announce.
    fn help_in_group() -> Outcome {
        let few = WhoMay::OwnerAndAdmins(Reserved::BySetting(GroupSetting::EditPermission));
        Outcome::HelpInGroup(GroupRights {
            rights: vec![
                (Right::Pin, WhoMay::AllMembers),
                (Right::Unpin, WhoMay::AllMembers),
                (Right::Announce, few),
            ],
            exceptions: false,
            external: false,
        })
    }

    /// A call that can be answered with the code.
    fn call_of(code: i64) -> Call {
        match code {
            ..230_000 => Call::Token,
            230_111 | 232_014 | 99_992_354 => Call::PutMessage,
            230_000..=230_999 => Call::ReadMessage,
            232_004 | 232_006 => Call::ReadChat,
            _ => Call::WriteAnnouncement,
        }
    }

    /// An hour of 2026-12-01.
    fn moment(hour: i64) -> Timestamp {
        let midnight: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        midnight + jiff::SignedDuration::from_hours(hour)
    }

    fn maker() -> Maker {
        Maker {
            origin: "om_1".to_owned(),
            step: Step::Command,
        }
    }

    fn every_history() -> [Outcome; 2] {
        let change = |(number, (deed, pinned))| PastChange {
            deed,
            pinned,
            actor: (number % 2 == 0).then(|| "Mei".to_owned()),
            summary: if number % 2 == 0 { "dinner" } else { "" }.to_owned(),
            made_at: moment(8) - jiff::SignedDuration::from_hours(i64::from(number) * 12),
            undone: number == 0,
        };
        let plan = |(number, what)| FutureChange {
            maker: Some(maker()),
            number,
            what,
            author: Some("Li".to_owned()),
            summary: "dinner".to_owned(),
            due: moment(20 * i64::from(number)),
        };
        let plans = [
            PlannedChange::Announce,
            PlannedChange::Unpin,
            PlannedChange::EntryOut,
            PlannedChange::Replace,
            PlannedChange::FormerBack,
        ];
        let pins = [PinTarget::RepliedMessage, PinTarget::Announcement];
        let pins = pins.map(|target| (Deed::Pin, Some(target)));
        let deeds = Deed::ALL.map(|deed| (deed, None)).into_iter().chain(pins);
        let history = |changes: Vec<PastChange>, plans| {
            Outcome::History(History {
                asked_at: moment(9),
                undoable: changes.first().map(|_| maker()),
                changes,
                plans,
            })
        };
        [
            history(Vec::new(), Vec::new()),
            history(
                (0..).zip(deeds).map(change).collect(),
                (1..).zip(plans).map(plan).collect(),
            ),
        ]
    }

    fn every_success() -> Vec<Done> {
        vec![
            Done::Pinned(PinTarget::RepliedMessage),
            Done::Pinned(PinTarget::Announcement),
            Done::Unpinned,
            Done::Announced,
            Done::Unformatted(Box::new(Done::Announced)),
            Done::Unformatted(Box::new(Done::Replaced { others: 1 })),
            Done::LeftOut {
                done: Box::new(Done::Announced),
                media: [feishu::Medium::Image].into(),
            },
            Done::LeftOut {
                done: Box::new(Done::Replaced { others: 0 }),
                media: [
                    feishu::Medium::Image,
                    feishu::Medium::Video,
                    feishu::Medium::File,
                    feishu::Medium::Audio,
                    feishu::Medium::Sticker,
                    feishu::Medium::Other,
                ]
                .into(),
            },
            Done::AnnouncedLate {
                due: moment(9),
                at: moment(12),
            },
            Done::Cancelled,
            Done::Undone(Undone::MessageOnTop),
            Done::Undone(Undone::AnnouncementOnTop),
            Done::Undone(Undone::NothingOnTop),
            Done::Undone(Undone::EntryOut),
            Done::Undone(Undone::EntryWasOut),
            Done::Undone(Undone::FormerBack { lost: Vec::new() }),
            Done::Undone(Undone::FormerBack {
                lost: UNWRITABLE.to_vec(),
            }),
            Done::Replaced { others: 0 },
            Done::Replaced { others: 1 },
            Done::Replaced { others: 3 },
        ]
    }

    /// Every refusal that is about a message.
    fn every_message() -> [Refusal; 9] {
        [
            Refusal::OnlyMedia,
            Refusal::RepliedToHasNoText,
            Refusal::RepliedToIsCard,
            Refusal::RepliedToIsForward,
            Refusal::RepliedElsewhere,
            Refusal::NotPinnable(NotPinnable::System),
            Refusal::NotPinnable(NotPinnable::InThread),
            Refusal::ChatUntold,
            Refusal::Unreadable,
        ]
    }

    fn two_scopes_missing() -> Refusal {
        let scopes = ["im:chat", "im:chat.announcement:read"].map(str::to_owned);
        Refusal::Platform(PlatformRefusal {
            fields: vec![],
            meaning: None,
            call: Call::ReadAnnouncement,
            code: 99_991_672,
            log_id: None,
            missing_scopes: scopes.into(),
            bot: None,
        })
    }

    fn every_meaning() -> impl Iterator<Item = Refusal> {
        use crate::outcome::Meaning;
        let meanings = [
            (230_027, Some(Meaning::OtherTenant)),
            (99_991_668, Some(Meaning::TokenKind)),
            (10_003, Some(Meaning::UnknownApp)),
            (10_014, Some(Meaning::WrongSecret)),
            (10_014, Some(Meaning::AppDisabled)),
            (99_992_402, None),
        ];
        meanings.into_iter().map(|(code, meaning)| {
            Refusal::Platform(PlatformRefusal {
                fields: vec!["children[0].text".to_owned()],
                meaning,
                call: call_of(code),
                code,
                log_id: None,
                missing_scopes: vec![],
                bot: None,
            })
        })
    }

    /// Every outcome that reads differently from the others.
    fn every_outcome() -> Vec<Outcome> {
        let mut refused: Vec<_> = every_mistake()
            .into_iter()
            .map(Refusal::Misunderstood)
            .collect();
        refused.extend(every_message());
        refused.extend([
            Refusal::NeedsGroup(CommandName::Pin),
            Refusal::NotAReply,
            Refusal::NothingToAnnounce,
            Refusal::RepliedToIsGone,
            Refusal::TextTooLong { limit: 20_000 },
            Refusal::TooManyLines { limit: 450 },
            Refusal::Partly {
                lines: 50,
                of: 120,
                cause: Box::new(Refusal::Unreachable {
                    call: Call::WriteAnnouncement,
                    log_id: None,
                    unchanged: false,
                }),
            },
            Refusal::TooLate { begun: false },
            Refusal::TooLate { begun: true },
            Refusal::TooManyWaiting,
            Refusal::NotTakenBack(Box::new(Refusal::BotOutside)),
            Refusal::NotPublished(Box::new(Refusal::BotOutside)),
            Refusal::NotOnTop(Box::new(Refusal::BotOutside)),
            Refusal::EntryChanged,
            Refusal::CannotDelete,
            Refusal::CannotHold,
            Refusal::Disordered,
            Refusal::AnnouncementMoved,
            Refusal::TooManyPlans { limit: 100 },
            Refusal::PlanTooLate {
                due: moment(9),
                at: moment(22),
            },
            Refusal::BotOutside,
            Refusal::Denied(Denied::DenyListed),
            Refusal::Denied(Denied::OtherTenant),
            Refusal::Denied(Denied::Unidentified),
            Refusal::Internal,
            Refusal::Unreachable {
                call: Call::PutMessage,
                log_id: None,
                unchanged: true,
            },
        ]);
        refused.extend(every_replacement());
        refused.extend(every_refused_undo());
        let passed = [PlanTimeError::Passed, PlanTimeError::TooFar];
        refused.extend(passed.map(Refusal::CannotPlan));
        refused.extend(RESERVED.map(|reserved| Refusal::Denied(Denied::Reserved(reserved))));
        refused.extend(SETTINGS.map(|setting| bot_refused(BotStanding::Barred(setting))));
        refused.extend(SETTINGS.map(|setting| bot_refused(BotStanding::Untold(setting))));
        refused.extend([BotStanding::Open, BotStanding::Admin].map(bot_refused));
        let log_id = || Some("202609110000".to_owned());
        refused.extend(CALLS.map(|call| Refusal::Unreachable {
            call,
            log_id: log_id(),
            unchanged: false,
        }));
        refused.extend(CALLS.map(|call| platform_refusal(call, 232_001)));
        refused.extend(every_code().map(|code| platform_refusal(call_of(code), code)));
        refused.push(two_scopes_missing());
        refused.extend(every_meaning());
        let planned = Outcome::Planned {
            number: 3,
            due: moment(33),
            at: moment(9),
            maker: Some(maker()),
        };
        let helps = [Outcome::Help, help_in_group(), planned];
        let helps = helps.into_iter().chain(every_history());
        let done = every_success().into_iter().map(Outcome::Done).chain(helps);
        done.chain(refused.into_iter().map(Outcome::Refused))
            .collect()
    }

    fn words(outcome: &Outcome, language: Language) -> String {
        let words = super::words(outcome, language, "5f2c9a1e", &TimeZone::UTC);
        assert!(!words.is_empty(), "{outcome:?} is told in no words");
        words
    }

    #[test]
    fn every_answer_reads_as_reviewed() {
        let mut all = String::new();
        for outcome in every_outcome() {
            let reaction = match answer(&outcome, Language::En, "5f2c9a1e", &TimeZone::UTC) {
                Answer::React { emoji, .. } => format!(" [{}]", emoji.as_str()),
                Answer::Show { .. } => " [card]".to_owned(),
                Answer::Say(_) | Answer::Nothing => String::new(),
            };
            writeln!(
                all,
                "# {}{reaction}",
                serde_json::to_string(&outcome).unwrap()
            )
            .unwrap();
            for language in LANGUAGES {
                writeln!(all, "{}", words(&outcome, language)).unwrap();
            }
            writeln!(all).unwrap();
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("answers", all));
    }

    #[test]
    fn each_answer_is_in_the_language_asked_for() {
        for outcome in every_outcome() {
            let (zh, en) = (words(&outcome, Language::Zh), words(&outcome, Language::En));
            assert_eq!(Language::of(&zh), Language::Zh, "{zh}");
            if !matches!(outcome, Outcome::Help | Outcome::HelpInGroup(_)) {
                assert_eq!(Language::of(&en), Language::En, "{en}");
            }
        }
    }

    #[test]
    fn commands_that_an_answer_recommends_are_commands() {
        for outcome in every_outcome() {
            for language in LANGUAGES {
                let words = words(&outcome, language);
                // Between backticks stands every second piece.
                let literals = words.split('`').skip(1).step_by(2);
                let unknown = ["/pni", "/weather"];
                for literal in literals
                    .filter(|literal| literal.starts_with('/') && !unknown.contains(literal))
                {
                    assert!(
                        matches!(parse(literal, &[], false), Ok(Some(_))),
                        "{literal} in {words}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_failure_ends_with_what_the_support_and_the_admin_ask_for() {
        let refused = Outcome::Refused(platform_refusal(Call::PutMessage, 232_014));
        let zh = "\n错误码：232014，日志号：202609110000，编号：5f2c9a1e";
        assert!(words(&refused, Language::Zh).ends_with(zh));
        let en = "\ncode: 232014, log id: 202609110000, reference: 5f2c9a1e";
        assert!(words(&refused, Language::En).ends_with(en));
        for outcome in every_outcome() {
            let Outcome::Refused(refusal) = &outcome else {
                continue;
            };
            for language in LANGUAGES {
                let words = words(&outcome, language);
                let has_reference = words.ends_with("5f2c9a1e");
                assert_ne!(has_reference, refusal.is_slip(), "{words}");
            }
        }
    }

    #[test]
    fn nobody_is_told_you_may_not_when_something_cannot_be_read() {
        for call in [Call::ReadChat, Call::ReadMessage] {
            for code in every_code() {
                let refused = Outcome::Refused(platform_refusal(call, code));
                let (zh, en) = (words(&refused, Language::Zh), words(&refused, Language::En));
                assert!(!en.to_lowercase().contains("you may not"), "{en}");
                assert!(!zh.contains("你没有") && !zh.contains("你不能"), "{zh}");
            }
        }
    }

    #[test]
    fn quoted_words_stay_on_one_line() {
        assert_eq!(
            quoted("a\r\nb\u{2029}\u{202e}c\u{1b}"),
            "`a b \\u{202e}c\\u{1b}`"
        );
    }

    #[test]
    fn no_markup_of_a_member_comes_alive_in_an_answer() {
        let error = ParseError::UnknownArgument {
            command: CommandName::Pin,
            argument: "<at user_id=\"all\"></at>[here](https://e.cn)".to_owned(),
        };
        let refused = Outcome::Refused(Refusal::Misunderstood(error));
        for language in LANGUAGES {
            let said = words(&refused, language);
            assert!(!said.contains('<') && !said.contains("]("), "{said}");
        }
    }
}
