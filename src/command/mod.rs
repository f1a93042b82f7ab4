//! What a member can ask for, and how it is written.

mod error;
mod help;
mod number;
mod parse;
mod span;
mod table;
mod text;
mod when;

use serde::{Deserialize, Serialize};

pub use crate::content::Mention;
pub use error::ParseError;
pub use help::{help, readme_table};
pub use parse::{is_candidate, parse};
pub use span::{Span, SpanError};
pub use table::{COMMANDS, CommandRow, Usage};
pub use when::{PlanTimeError, When};

/// One request of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Put something at the top of the chat.
    Pin(PinTarget),
    /// Take off what stands at the top.
    Unpin,
    /// Add to the group announcement.
    Announce {
        /// What to add, mentions already as names; `None` means the message replied to.
        text: Option<String>,
    },
    /// Show the table of commands.
    Help,
}

impl Command {
    /// Which command it is.
    pub fn name(&self) -> CommandName {
        match self {
            Self::Pin(_) => CommandName::Pin,
            Self::Unpin => CommandName::Unpin,
            Self::Announce { .. } => CommandName::Announce,
            Self::Help => CommandName::Help,
        }
    }
}

/// What `/pin` puts at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinTarget {
    /// The message that the command replies to.
    RepliedMessage,
    /// The group announcement.
    Announcement,
}

/// A command without its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandName {
    /// `/pin`
    Pin,
    /// `/unpin`
    Unpin,
    /// `/announce`
    Announce,
    /// `/help`
    Help,
}

impl CommandName {
    /// The English spelling, without the slash; also what logs and metrics call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Announce => "announce",
            Self::Help => "help",
        }
    }
}
