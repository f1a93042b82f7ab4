//! What can be wrong with a text that is meant as a command.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::CommandName;

/// The text is meant as a command, but is none that can be carried out.
///
/// What the member typed is for the answer only: it stands in no error text, as those are logged.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParseError {
    /// No command has this name.
    #[error("unknown command")]
    UnknownCommand {
        /// What was typed, without the slash.
        name: String,
        /// The nearest name that there is.
        suggestion: Option<String>,
    },
    /// The bot is addressed, but not by a command.
    #[error("no command")]
    NotACommand {
        /// The command that the text may be about.
        suggestion: Option<String>,
    },
    /// The command does not take this.
    #[error("unknown argument of `{}`", command.as_str())]
    UnknownArgument {
        /// The command.
        command: CommandName,
        /// All that was typed after it.
        argument: String,
    },
    /// The command has no such option.
    #[error("unknown option of `{}`", command.as_str())]
    UnknownOption {
        /// The command.
        command: CommandName,
        /// The option with its dashes.
        option: String,
        /// The nearest option that there is, with its dashes.
        suggestion: Option<String>,
    },
    /// An option has text before and behind it.
    #[error("misplaced option of `{}`", command.as_str())]
    MisplacedOption {
        /// The command.
        command: CommandName,
        /// The option with its dashes.
        option: String,
    },
    /// An option is in brackets, formatted, or in a list or a quote.
    #[error("formatted option of `{}`", command.as_str())]
    FormattedOption {
        /// The command.
        command: CommandName,
        /// The option with its dashes.
        option: String,
    },
    /// The text to announce begins with a command.
    #[error("command in the text")]
    CommandInText {
        /// The command with its slash.
        typed: String,
    },
    /// An option was given twice, or two that say the same thing.
    #[error("repeated option of `{}`", command.as_str())]
    RepeatedOption {
        /// The command.
        command: CommandName,
        /// The second one, with its dashes.
        option: String,
    },
    /// `--at` came without a time.
    #[error("missing time")]
    MissingTime,
    /// What follows `--at` is no time.
    #[error("not a time")]
    BadTime {
        /// What was typed in its place.
        typed: String,
    },
    /// What follows `--at` names a day or a part of one, and no hour.
    #[error("time without an hour")]
    MissingHour {
        /// What was typed.
        typed: String,
    },
    /// `--for` came without a length of time.
    #[error("missing length of time of `{}`", command.as_str())]
    MissingSpan {
        /// The command.
        command: CommandName,
    },
    /// This is no length of time.
    #[error("not a length of time of `{}`", command.as_str())]
    BadSpan {
        /// The command.
        command: CommandName,
        /// What was typed in its place.
        typed: String,
    },
    /// The length of time is less than a minute.
    #[error("too short a length of time of `{}`", command.as_str())]
    SpanTooShort {
        /// The command.
        command: CommandName,
        /// The length of time as typed.
        typed: String,
    },
    /// The length of time is more than a year.
    #[error("too long a length of time of `{}`", command.as_str())]
    SpanTooLong {
        /// The command.
        command: CommandName,
        /// The length of time as typed.
        typed: String,
    },
    /// `/announce` came with options but without text. The text of a message alone does not tell
    /// whether it replies to another, so it is not [`parse`](fn@super::parse) that says so.
    #[error("options without a text")]
    MissingText,
    /// `/cancel` came without a number.
    #[error("missing number")]
    MissingNumber,
}
