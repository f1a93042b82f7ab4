//! What came of a command: the value that an action returns, the store keeps
//! and [`crate::reply`] puts into words.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{CommandName, ParseError, PinTarget, PlanTimeError};
use crate::policy::{BotStanding, Denied, GroupRights};

/// The end of one command. Stored before anything is said about it, so that a
/// restart between the act and the answer repeats neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The platform answered code 0.
    Done(Done),
    /// The table of commands was asked for.
    Help,
    /// It will be done then.
    Planned {
        /// By it the chat's members name the plan; 0 until the store gives one.
        number: u32,
        /// When it is due.
        due: Timestamp,
    },
    /// The same in a group, whose settings say who may do what.
    HelpInGroup(GroupRights),
    /// It was not done, or not known to be, and this is why.
    Refused(Refusal),
}

impl Outcome {
    /// The same, with the number that the store gave the plan.
    pub(crate) fn numbered(self, number: u32) -> Self {
        match self {
            Self::Planned { due, .. } => Self::Planned { number, due },
            other => other,
        }
    }

    /// What kind it is, in a word for the log: an outcome itself may quote what
    /// a member typed.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Help | Self::HelpInGroup(_) => "help",
            Self::Planned { .. } => "planned",
            Self::Refused(refusal) => match refusal {
                Refusal::Misunderstood(_) => "misunderstood",
                Refusal::CannotPlan(_) => "cannot_plan",
                Refusal::NeedsGroup(_) => "needs_group",
                Refusal::NotAReply => "not_a_reply",
                Refusal::NothingToAnnounce => "nothing_to_announce",
                Refusal::RepliedToHasNoText => "replied_to_has_no_text",
                Refusal::RepliedToIsGone => "replied_to_is_gone",
                Refusal::TextTooLong { .. } => "text_too_long",
                Refusal::TooManyLines { .. } => "too_many_lines",
                Refusal::Partly { .. } => "partly",
                Refusal::TooLate { .. } => "too_late",
                Refusal::TooManyWaiting => "too_many_waiting",
                Refusal::BotOutside => "bot_outside",
                Refusal::Denied(_) => "denied",
                Refusal::Platform(_) => "platform",
                Refusal::Unreachable { .. } => "unreachable",
                Refusal::NoSuchPlan => "no_such_plan",
                Refusal::Internal => "internal",
            },
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// This stands at the top of the chat now.
    Pinned(PinTarget),
    /// The top notice was taken off.
    Unpinned,
    /// The text stands above what stood in the announcement.
    Announced,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The text is a command, but not one that can be carried out.
    Misunderstood(ParseError),
    /// The time was understood, but nothing can be planned for it.
    CannotPlan(PlanTimeError),
    /// The command needs a group and came in a direct chat.
    NeedsGroup(CommandName),
    /// `/pin` was not a reply to a message.
    NotAReply,
    /// `/announce` came without text and was not a reply.
    NothingToAnnounce,
    /// `/announce` replied to a message that holds no text (a picture, a file).
    RepliedToHasNoText,
    /// The message replied to was recalled or deleted.
    RepliedToIsGone,
    /// The text is longer than an announcement takes at once.
    TextTooLong {
        /// The most that is taken, in UTF-16 code units.
        limit: usize,
    },
    /// The text has more lines than an announcement takes at once.
    TooManyLines {
        /// The most that are taken.
        limit: usize,
    },
    /// Part of an announcement stands; then it could not go on.
    Partly {
        /// So many lines stand.
        lines: usize,
        /// So many were to stand.
        of: usize,
        /// What kept the rest out.
        cause: Box<Refusal>,
    },
    /// The command's turn came too late.
    TooLate {
        /// Whether it was begun before the bot was interrupted: then nobody
        /// knows whether it was done.
        begun: bool,
    },
    /// As many commands of this chat wait as one chat may have.
    TooManyWaiting,
    /// The bot is not in the group, so its settings are not told.
    BotOutside,
    /// This member may not do it in this group.
    Denied(Denied),
    /// The platform said no.
    Platform(PlatformRefusal),
    /// The platform did not answer, or asked to wait, for longer than
    /// `worker.give_up_after`.
    Unreachable {
        /// The call that was tried.
        call: Call,
        /// The platform's id of its last answer, if it gave one.
        log_id: Option<String>,
    },
    /// No planned work of this chat has that number any more.
    NoSuchPlan,
    /// A fault of the bot's own; the log holds the details under the
    /// command's reference.
    Internal,
}

/// An answer of the platform with a code other than 0 that trying again does
/// not mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformRefusal {
    /// The call that was refused.
    pub call: Call,
    /// The platform's error code.
    pub code: i64,
    /// The platform's id of the answer, for its support.
    pub log_id: Option<String>,
    /// The scopes that the app lacks, as the platform named them.
    pub missing_scopes: Vec<String>,
    /// What the group's settings say of the bot, where they may be the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotStanding>,
}

/// The call that failed, as far as the explanation depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Putting a message on top.
    PutMessage,
    /// Putting the announcement on top.
    PutAnnouncement,
    /// Taking the top notice off.
    DeleteTopNotice,
    /// Reading the announcement.
    ReadAnnouncement,
    /// Writing the announcement.
    WriteAnnouncement,
    /// Reading the group's settings.
    ReadChat,
    /// Reading the message that was replied to.
    ReadMessage,
    /// Getting an access token.
    Token,
}
