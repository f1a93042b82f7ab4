//! The names of the commands.

use serde::{Deserialize, Serialize};

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
    /// `/undo`
    Undo,
    /// `/history`
    History,
    /// `/cancel`
    Cancel,
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
            Self::Undo => "undo",
            Self::History => "history",
            Self::Cancel => "cancel",
            Self::Help => "help",
        }
    }
}
