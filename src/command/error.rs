//! Errors in a command that a member typed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{CommandName, Setting};

/// A text that is meant as a command and cannot be parsed.
///
/// The error texts are logged, so they omit what the member typed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParseError {
    #[error("unknown command")]
    UnknownCommand {
        /// Without the slash.
        name: String,
        suggestion: Option<String>,
    },
    /// A message to the bot that is not a command.
    #[error("no command")]
    NotACommand { suggestion: Option<String> },
    #[error("unknown argument of `{}`", command.as_str())]
    UnknownArgument {
        command: CommandName,
        argument: String,
    },
    #[error("unknown option of `{}`", command.as_str())]
    UnknownOption {
        command: CommandName,
        /// With its dashes.
        option: String,
        /// The nearest option, with its dashes.
        suggestion: Option<String>,
    },
    /// An option in the middle of the text.
    #[error("misplaced option of `{}`", command.as_str())]
    MisplacedOption {
        command: CommandName,
        /// With its dashes.
        option: String,
    },
    /// An option in brackets, formatted, or in a list or a quote.
    #[error("formatted option of `{}`", command.as_str())]
    FormattedOption {
        command: CommandName,
        /// With its dashes.
        option: String,
    },
    #[error("command in the text of `{}`", command.as_str())]
    CommandInText {
        command: CommandName,
        /// With its slash.
        typed: String,
    },
    /// An option twice, or two options with the same meaning.
    #[error("repeated option of `{}`", command.as_str())]
    RepeatedOption {
        command: CommandName,
        /// The second one, with its dashes.
        option: String,
    },
    /// `--at` without a time.
    #[error("missing time of `{}`", command.as_str())]
    MissingTime { command: CommandName },
    /// `--at` with an invalid time.
    #[error("not a time of `{}`", command.as_str())]
    BadTime { command: CommandName, typed: String },
    /// `--at` with a day or a part of the day, but without an hour.
    #[error("time of `{}` without an hour", command.as_str())]
    MissingHour { command: CommandName, typed: String },
    /// `--every` with an invalid rule.
    #[error("not a recurrence of `{}`", command.as_str())]
    Recurrence {
        command: CommandName,
        error: RecurrenceError,
    },
    /// `--for` without a duration.
    #[error("missing duration of `{}`", command.as_str())]
    MissingSpan { command: CommandName },
    #[error("not a duration of `{}`", command.as_str())]
    BadSpan { command: CommandName, typed: String },
    #[error("too short a duration of `{}`", command.as_str())]
    SpanTooShort { command: CommandName, typed: String },
    #[error("too long a duration of `{}`", command.as_str())]
    SpanTooLong { command: CommandName, typed: String },
    /// `--to` without the name of a list.
    #[error("missing name of a list of `{}`", command.as_str())]
    MissingList { command: CommandName },
    /// `--to` with something that cannot be the name of a list.
    #[error("not the name of a list of `{}`", command.as_str())]
    BadList { command: CommandName, typed: String },
    /// A command without the text that it needs, such as `/announce` with options only.
    /// [`parse`](fn@super::parse) does not know whether the message is a reply, so the caller reports
    /// that.
    #[error("no text of `{}`", command.as_str())]
    MissingText { command: CommandName },
    /// `/settings` with the name of a setting and no value.
    #[error("missing value of a setting")]
    MissingSetting { setting: Setting },
    /// `/settings groups NAME` does not say what to do.
    #[error("neither join nor leave")]
    JoinOrLeave { list: String },
    #[error("not a value of a setting")]
    BadSetting { setting: Setting, typed: String },
    /// `/cancel`, for example, without a number.
    #[error("missing number of `{}`", command.as_str())]
    MissingNumber { command: CommandName },
}

/// What is wrong with `--every`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurrenceError {
    /// There is no rule.
    Missing,
    /// It is not a rule, or not a supported one.
    Unknown { typed: String },
    /// It has no hour.
    WithoutHour { typed: String },
    /// It has a week or a month, but no day.
    WithoutDay { typed: String },
    /// There is also `--at`.
    AndTime,
}

impl ParseError {
    /// The same error in the text of another command than `/announce`.
    pub(super) fn in_text_of(mut self, name: CommandName) -> Self {
        if let Self::UnknownOption { command, .. }
        | Self::MisplacedOption { command, .. }
        | Self::FormattedOption { command, .. }
        | Self::CommandInText { command, .. }
        | Self::RepeatedOption { command, .. }
        | Self::MissingTime { command }
        | Self::BadTime { command, .. }
        | Self::MissingHour { command, .. }
        | Self::MissingList { command }
        | Self::BadList { command, .. }
        | Self::Recurrence { command, .. }
        | Self::MissingText { command }
        | Self::MissingSpan { command }
        | Self::BadSpan { command, .. }
        | Self::SpanTooShort { command, .. }
        | Self::SpanTooLong { command, .. } = &mut self
        {
            *command = name;
        }
        self
    }
}
