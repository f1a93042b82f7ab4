//! The texts of all replies, in Chinese and English.
//!
//! A reply says what happened and what to do about it. Text messages do not render Markdown, so
//! only cards contain any. Members' words are quoted with `quote`, which neutralizes markup.

mod answer;
mod broadcast;
mod cards;
mod codes;
mod consent;
mod done;
mod edit;
mod failures;
mod help;
mod history;
mod incomplete;
mod member_codes;
mod message;
mod misunderstood;
mod notice;
mod notification;
mod preview;
mod private;
mod proposal;
mod punctuation;
mod quote;
mod recurring;
mod refusals;
mod replace;
mod report;
mod rights;
mod schedule;
mod settings;
mod toast;
mod undo;
mod welcome;

use jiff::tz::TimeZone;

use crate::config::ActAs;
use crate::language::Language;
use crate::model::outcome::{Outcome, Readers};
use crate::model::refusal::Cause;
use crate::model::rights::GroupRights;
use quote::TextFormat;

pub(crate) use answer::{Answer, Emoji};
pub(crate) use consent::{consent_card, consent_text};
pub(crate) use help::all_commands;
pub(crate) use history::history_card;
pub(crate) use notice::{notice_card, withdrawn_card};
pub(crate) use notification::notification;
pub(crate) use preview::{PreviewShown, preview_card, preview_not_shown, preview_over};
pub(crate) use proposal::{proposal_decided, proposal_over};
pub(crate) use report::{about_group, report_card, report_in_words};
pub(crate) use schedule::schedule_canceled;
pub(crate) use settings::settings_card;
pub(crate) use toast::{EarlyToast, early_toast, toast};
pub(crate) use welcome::welcome;

/// What replies depend on apart from the outcome and the language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyContext<'a> {
    /// Identifies the command in the log.
    pub(crate) reference: &'a str,
    /// The time zone of moments.
    pub(crate) time_zone: &'a TimeZone,
    pub(crate) act_as: ActAs,
    /// Whether the chat may show cards to one member.
    pub(crate) private: bool,
}

/// The reply to an outcome.
pub(crate) fn answer(outcome: &Outcome, language: Language, context: ReplyContext<'_>) -> Answer {
    let answer = public(outcome, language, context);
    match (outcome.readers(), answer) {
        (Readers::Author, Answer::Say(words)) if context.private => {
            private::answer(words, outcome, language)
        }
        (_, answer) => answer,
    }
}

/// The reply to somebody who has sent no message: a reaction after a success, otherwise a card that
/// only they see, even if it concerns others, too.
pub(crate) fn answer_to_one(
    outcome: &Outcome,
    language: Language,
    context: ReplyContext<'_>,
) -> Answer {
    match answer(outcome, language, context) {
        Answer::Say(words) if context.private => private::answer(words, outcome, language),
        answer => answer,
    }
}

/// The reply as everybody in the chat sees it.
fn public(outcome: &Outcome, language: Language, context: ReplyContext<'_>) -> Answer {
    let time_zone = context.time_zone;
    match outcome {
        Outcome::Done(done) => done::done(done, language, time_zone),
        Outcome::History(history) => history::answer(history, language, time_zone),
        Outcome::Help => help::answer(None, language),
        Outcome::HelpInGroup(group) => help::answer(Some(group), language),
        Outcome::AllCommands(rights) => {
            Answer::Say(help::all_in_text(rights.as_ref(), context.act_as, language))
        }
        Outcome::Scheduled(scheduled) => schedule::answer(scheduled, language, time_zone),
        Outcome::Proposed(proposed) => proposal::answer(proposed, language, time_zone),
        // Its card needs the text, which the outcome does not have.
        Outcome::Previewed(_) => Answer::Nothing,
        Outcome::Refused(refusal) => Answer::Say(refusals::refused(
            refusal,
            language,
            context.reference,
            time_zone,
        )),
    }
}

/// The permissions in a group, one line for the commands with the same audience.
pub(crate) fn group_rights(rights: &GroupRights, language: Language) -> Vec<String> {
    rights::group_rights(rights, TextFormat::Text, language)
}

/// Why a command failed and what to do about it, for failures of the platform or of the bot. The text
/// quotes no member.
pub(crate) fn failure(cause: &Cause, language: Language) -> Option<String> {
    match cause {
        Cause::Platform(refusal) => Some(failures::platform(refusal, language)),
        Cause::Internal => Some(failures::INTERNAL.to(language).to_owned()),
        Cause::Unreachable {
            unchanged: true, ..
        } => Some(failures::NOTHING_CHANGED.to(language).to_owned()),
        Cause::Unreachable { call, .. } => {
            Some(failures::unreachable(*call).to(language).to_owned())
        }
        _ => None,
    }
}

/// The text of the reply to an outcome, even if it is a card or a reaction.
pub(crate) fn words(outcome: &Outcome, language: Language, context: ReplyContext<'_>) -> String {
    answer(outcome, language, context).into_words()
}

#[cfg(test)]
pub(crate) mod tests;
