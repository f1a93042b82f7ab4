//! The commands that members type, and their parser.

mod announcement;
mod arguments;
mod change_kind;
mod command_name;
mod edit;
mod error;
mod help;
mod input;
mod moment;
mod name;
mod number;
mod options;
mod parse;
mod recurrence;
mod setting;
mod span;
mod spec;
mod table;
mod text;
mod when;

use serde::{Deserialize, Serialize};

pub use crate::content::Mention;
pub use crate::language::Language;
pub use announcement::{Announcement, Replace, reject_formatted_options};
pub use change_kind::ChangeKind;
pub use command_name::CommandName;
pub use edit::Edit;
pub use error::{ParseError, RecurrenceError};
pub use help::readme_table;
pub use moment::{day_in_words, moment_in_words, time_in_words};
pub use parse::{announced_part, is_candidate, parse};
pub use recurrence::Recurrence;
pub use setting::{
    Choice, ListChange, Setting, SettingSpec, SettingValue, SettingsCommand, Switch, ZoneName,
};
pub use span::{Span, SpanError};
pub use spec::{AttachedValue, CommandSpec, OptionName, Scope, Usage};
pub use text::fold_name;
pub use when::{ScheduleTimeError, When};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Pin {
        target: PinTarget,
        /// `None` keeps the pin until it is removed.
        duration: Option<Span>,
        /// Whether somebody else has to approve it first.
        ask: bool,
    },
    Unpin,
    Announce(Announcement),
    /// Posts a text as a card and pins that.
    Notice(Announcement),
    /// Changes a text that the bot has published, or will.
    Edit(Edit),
    Undo,
    History,
    /// Cancels the schedule with this number.
    Cancel(u32),
    /// Pauses the recurring schedule with this number.
    Pause(u32),
    /// Continues it.
    Resume(u32),
    /// Shows or changes the bot's settings in the group.
    Settings(SettingsCommand),
    /// Asks the member to consent to the bot acting as them.
    Login,
    /// Withdraws that consent.
    Logout,
    Help,
}

impl Command {
    pub fn name(&self) -> CommandName {
        match self {
            Self::Pin { .. } => CommandName::Pin,
            Self::Unpin => CommandName::Unpin,
            Self::Announce(_) => CommandName::Announce,
            Self::Notice(_) => CommandName::Notice,
            Self::Edit(_) => CommandName::Edit,
            Self::Undo => CommandName::Undo,
            Self::History => CommandName::History,
            Self::Cancel(_) => CommandName::Cancel,
            Self::Pause(_) => CommandName::Pause,
            Self::Resume(_) => CommandName::Resume,
            Self::Settings(_) => CommandName::Settings,
            Self::Login => CommandName::Login,
            Self::Logout => CommandName::Logout,
            Self::Help => CommandName::Help,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinTarget {
    /// The message that the command replies to.
    RepliedMessage,
    /// The group announcement.
    Announcement,
}

#[cfg(test)]
mod tests;
