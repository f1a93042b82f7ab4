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
    },
}
