//! The texts of all replies, in Chinese and English.
//!
//! A reply says what happened and what to do about it. Text messages do not render Markdown, so
//! only cards contain any. Members' words are quoted with `quote`, which neutralizes markup.

mod answer;
mod cards;
mod codes;
mod consent;
mod done;
mod failures;
mod help;
mod history;
mod message;
mod misunderstood;
mod punctuation;
mod quote;
mod refusals;
mod replace;
mod rights;
mod schedule;
mod toast;
mod undo;
mod welcome;

use jiff::tz::TimeZone;

use crate::language::Language;
use crate::model::outcome::Outcome;
use crate::model::rights::GroupRights;
use quote::TextFormat;

pub(crate) use answer::{Answer, Emoji};
pub(crate) use help::all_commands;
pub(crate) use history::history_card;
pub(crate) use schedule::schedule_canceled;
pub(crate) use toast::{EarlyToast, early_toast, toast};
pub(crate) use welcome::welcome;

/// The reply to an outcome. `reference` identifies the command in the log; moments are shown in
/// `time_zone`.
pub(crate) fn answer(
    outcome: &Outcome,
    language: Language,
    reference: &str,
    time_zone: &TimeZone,
) -> Answer {
    match outcome {
        Outcome::Done(done) => done::done(done, language, time_zone),
        Outcome::History(history) => history::answer(history, language, time_zone),
        Outcome::Help => help::answer(None, language),
        Outcome::HelpInGroup(group) => help::answer(Some(group), language),
        Outcome::AllCommands(rights) => Answer::Say(help::all_in_text(rights.as_ref(), language)),
        Outcome::Scheduled(scheduled) => schedule::answer(scheduled, language, time_zone),
        Outcome::Refused(refusal) => {
            Answer::Say(refusals::refused(refusal, language, reference, time_zone))
        }
    }
}

/// The permissions in a group, one line for the commands with the same audience.
pub(crate) fn group_rights(rights: &GroupRights, language: Language) -> Vec<String> {
    rights::group_rights(rights, TextFormat::Text, language)
}

/// The text of the reply to an outcome, even if it is a card or a reaction.
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

#[cfg(test)]
mod tests;
