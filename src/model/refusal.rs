//! Why a command was not carried out.

use feishu::{ApiError, Unwritable, codes};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::command::{CommandName, ParseError, PlanTimeError};
use crate::model::rights::{BotPermission, Denied};

/// A command that was not carried out, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What is left undone.
    #[serde(default, skip_serializing_if = "Stage::is_whole")]
    pub(crate) stage: Stage,
    /// Why.
    pub(crate) cause: Cause,
}

/// What of a command was not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Stage {
    /// All of it.
    #[default]
    Whole,
    /// Part of an announcement stands; then it could not go on.
    Partly {
        /// So many lines stand.
        lines: usize,
        /// So many were to stand.
        of: usize,
    },
    /// The announcement was made, but not put at the top.
    NotOnTop,
    /// The announcement was made, but what it was to replace stands below it.
    NotReplaced,
    /// Both; the cause is why it is not at the top.
    #[strum(serialize = "not_replaced")]
    NotReplacedNorOnTop,
    /// A planned announcement was due, and could not be made.
    NotPublished,
    /// Something was to be taken back because its time was over, and could not
    /// be.
    NotTakenBack,
}

impl Stage {
    fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
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
    /// `/announce` came with a picture or a file and no text.
    OnlyMedia,
    /// `/announce` replied to a message that holds no text (a picture, a file).
    RepliedToHasNoText,
    /// `/announce` replied to a card of which the platform tells no words.
    RepliedToIsCard,
    /// `/announce` replied to a bundle of forwarded messages without text.
    RepliedToIsForward,
    /// The message replied to stands in another chat.
    RepliedElsewhere,
    /// The platform did not say in which chat the message replied to stands.
    RepliedToUnplaced,
    /// The platform puts no message of this kind at the top.
    NotPinnable(NotPinnable),
    /// The platform did not say in which chat the command was typed.
    ChatUntold,
    /// The message is for the bot and could not be read.
    Unreadable,
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
        /// Whether no call can have changed anything.
        unchanged: bool,
    },
    /// Nothing that the bot did lately in this chat can be taken back.
    NothingToUndo,
    /// What stood at the top before the bot took it off is not known.
    TopUnknown,
    /// A person has changed the entry since, so it is not the bot's to remove.
    EntryChanged,
    /// The platform does not let anything be deleted from this announcement.
    CannotDelete,
    /// The entry stands, but its parts came out in the wrong order, and nothing
    /// can be deleted.
    Disordered,
    /// Nothing can be deleted, known before something is announced for a time.
    CannotHold,
    /// The announcement is of the new kind now, and the entry was written into
    /// the old one.
    AnnouncementMoved,
    /// As much is planned in the chat as may be.
    TooManyPlans {
        /// The most.
        limit: usize,
    },
    /// Planned work was due so long ago that nobody expects it any more.
    PlanTooLate {
        /// When it was due.
        due: Timestamp,
        /// When its turn came.
        at: Timestamp,
    },
    /// The announcement holds things that could not be brought back, so it is
    /// not replaced.
    CannotWriteBack {
        /// Which ones.
        things: Vec<Unwritable>,
    },
    /// The announcement is too long to be saved, so it is not replaced.
    FormerTooLong {
        /// The most blocks that are saved.
        limit: usize,
    },
    /// The announcement holds more than is read.
    AnnouncementTooLong,
    /// An answer was lost, and somebody has changed the announcement since, so
    /// that nothing tells whether it was replaced.
    Unclear,
    /// No planned work of this chat has that number any more.
    NoSuchPlan,
    /// What a button was to take back was taken back already, or is not the last
    /// change any more.
    NotLast,
    /// A fault of the bot's own; the log holds the details under the
    /// command's reference.
    Internal,
}

impl Refusal {
    /// What kind it is, in a word for the log.
    pub(crate) fn label(&self) -> &'static str {
        match self.stage {
            Stage::Whole => self.cause.label(),
            stage => stage.into(),
        }
    }

    /// What the table of changes says: why, whatever it was that was to be done.
    pub(crate) fn reason(&self) -> &'static str {
        match self.stage {
            Stage::NotTakenBack | Stage::NotPublished => self.cause.label(),
            _ => self.label(),
        }
    }

    /// Whether the whole command failed for a fault of the bot's or the platform's, so that an
    /// admin may retry it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.stage == Stage::Whole
            && matches!(self.cause, Cause::Unreachable { .. } | Cause::Internal)
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        let stage = Stage::Whole;
        Self { stage, cause }
    }
}

impl Cause {
    /// What kind it is, in a word.
    pub(crate) fn label(&self) -> &'static str {
        self.into()
    }

    /// The same where something else was changed already.
    pub(crate) fn unsure(mut self) -> Self {
        if let Self::Unreachable { unchanged, .. } = &mut self {
            *unchanged = false;
        }
        self
    }

    /// Whether a change that could not be taken back for this reason never can.
    pub(crate) fn is_final_for_undo(&self) -> bool {
        matches!(
            self,
            Self::EntryChanged | Self::CannotDelete | Self::AnnouncementMoved | Self::TopUnknown
        )
    }

    /// The platform's code of the answer behind it.
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Platform(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// The platform's id of the answer behind it.
    pub(crate) fn log_id(&self) -> Option<&str> {
        match self {
            Self::Platform(refusal) => refusal.log_id.as_deref(),
            Self::Unreachable { log_id, .. } => log_id.as_deref(),
            _ => None,
        }
    }

    /// Whether something failed that the bot's admin may have to look up in the log. Other
    /// refusals say all there is to know.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Platform(_)
            | Self::Unreachable { .. }
            | Self::Internal
            | Self::Unclear
            | Self::TooLate { .. }
            | Self::PlanTooLate { .. } => true,
            Self::Misunderstood(_)
            | Self::CannotPlan(_)
            | Self::NeedsGroup(_)
            | Self::NotAReply
            | Self::NothingToAnnounce
            | Self::OnlyMedia
            | Self::RepliedToIsCard
            | Self::RepliedToIsForward
            | Self::RepliedElsewhere
            | Self::RepliedToUnplaced
            | Self::NotPinnable(_)
            | Self::ChatUntold
            | Self::Unreadable
            | Self::RepliedToHasNoText
            | Self::RepliedToIsGone
            | Self::TextTooLong { .. }
            | Self::TooManyLines { .. }
            | Self::TooManyWaiting
            | Self::BotOutside
            | Self::Denied(_)
            | Self::NothingToUndo
            | Self::TopUnknown
            | Self::EntryChanged
            | Self::CannotDelete
            | Self::Disordered
            | Self::CannotHold
            | Self::AnnouncementMoved
            | Self::TooManyPlans { .. }
            | Self::CannotWriteBack { .. }
            | Self::FormerTooLong { .. }
            | Self::AnnouncementTooLong
            | Self::NoSuchPlan
            | Self::NotLast => false,
        }
    }
}

/// Why a message cannot be at the top of its chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPinnable {
    /// Nobody sent it: the platform itself tells something.
    System,
    /// It is a reply in a topic.
    InThread,
}

/// An answer of the platform with a code other than 0 that trying again does
/// not mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformRefusal {
    /// The call that was refused.
    pub(crate) call: Call,
    /// The platform's error code.
    pub(crate) code: i64,
    /// The platform's id of the answer, for its support.
    pub(crate) log_id: Option<String>,
    /// The scopes that the app lacks, as the platform named them.
    pub(crate) missing_scopes: Vec<String>,
    /// The fields of the request that the platform named as the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<String>,
    /// Which of its code's meanings it has, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meaning: Option<Meaning>,
    /// What the group's settings say of the bot, where they may be the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bot: Option<BotPermission>,
}

/// The meaning of a code that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Meaning {
    /// The message or its people belong to another tenant.
    OtherTenant,
    /// The call takes no token of this kind.
    TokenKind,
    /// There is no such app.
    UnknownApp,
    /// The secret is wrong.
    WrongSecret,
    /// The app is not in use.
    AppDisabled,
}

impl Meaning {
    /// The platform's own words decide, then what is known of the group.
    pub(crate) fn of(api: &ApiError, is_external: bool) -> Option<Self> {
        let msg = api.msg.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| msg.contains(word));
        match api.code {
            codes::MESSAGE_FORBIDDEN => {
                let other = says(&["tenant", "external", "cross"]);
                let scope = !api.missing_scopes.is_empty() || says(&["scope"]);
                (other || (is_external && !scope)).then_some(Self::OtherTenant)
            }
            codes::USER_TOKEN_INVALID => api.is_token_kind_unsupported().then_some(Self::TokenKind),
            codes::UNKNOWN_APP => {
                says(&["app not", "no such app", "app_id", "app id", "not exist"])
                    .then_some(Self::UnknownApp)
            }
            codes::APP_UNAUTHORIZED if says(&["secret"]) => Some(Self::WrongSecret),
            codes::APP_UNAUTHORIZED => {
                says(&["unauthorized", "unavailable", "disabled", "not enabled"])
                    .then_some(Self::AppDisabled)
            }
            _ => None,
        }
    }
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
}

impl Call {
    /// Whether it changes nothing on the platform.
    pub(crate) fn is_read(self) -> bool {
        match self {
            Self::ReadAnnouncement | Self::ReadChat | Self::ReadMessage => true,
            Self::PutMessage
            | Self::PutAnnouncement
            | Self::DeleteTopNotice
            | Self::WriteAnnouncement => false,
        }
    }
}
