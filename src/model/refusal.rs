//! Refusals: why a command failed, in whole or in part.

use feishu::{MessageKind, Unwritable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::command::{CommandName, ParseError, ScheduleTimeError};
use crate::model::rights::Denied;
use crate::model::settings::Setting;

mod broadcast;
mod platform;
mod stage;

pub(crate) use broadcast::BroadcastRefusal;
pub(crate) use platform::{Call, Meaning, PlatformRefusal};
pub(crate) use stage::{NextRun, Stage, Unfinished};

/// A command that failed, in whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default, skip_serializing_if = "Stage::is_whole")]
    pub(crate) stage: Stage,
    pub(crate) cause: Cause,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// The text is a command with invalid arguments.
    Misunderstood(ParseError),
    /// The time is valid, but nothing can be scheduled for it.
    CannotSchedule(ScheduleTimeError),
    /// The command was sent in a direct chat and needs a group.
    NeedsGroup(CommandName),
    /// `/pin` was not a reply to a message.
    NotAReply,
    /// `/announce` came without text and was not a reply.
    NothingToAnnounce,
    /// `/announce` came with a picture or a file and no text.
    OnlyMedia,
    /// `/announce` replied to a message without text (a picture, a file).
    RepliedToHasNoText,
    /// `/announce` replied to a message of a kind that has no text.
    RepliedToKind { kind: MessageKind },
    /// `/announce` replied to a message of a kind that the bot does not know.
    RepliedToUnknown {
        /// The platform's name of it.
        kind: String,
    },
    /// `/announce` replied to a card whose text the platform does not return.
    RepliedToIsCard,
    /// `/announce` replied to a bundle of forwarded messages without text.
    RepliedToIsForward,
    /// The message replied to is in another chat.
    RepliedElsewhere,
    /// The platform did not return the chat of the message replied to.
    RepliedToChatMissing,
    /// The platform does not pin messages of this kind.
    NotPinnable(NotPinnable),
    /// The platform did not send the chat of the command.
    ChatIdMissing,
    /// The message mentions the bot and its content cannot be parsed.
    Unreadable,
    /// The message replied to was recalled or deleted.
    RepliedToIsGone,
    /// The text is longer than one announcement may be.
    TextTooLong {
        /// In UTF-16 code units.
        limit: usize,
    },
    /// The text has more lines than one announcement may have.
    TooManyLines { limit: usize },
    /// The command expired in the queue.
    TooLate {
        /// Whether an attempt was interrupted before, so that its effect is unknown.
        begun: bool,
    },
    /// The queue of the chat is full.
    TooManyWaiting,
    /// The bot is not in the group, so the platform does not return the group's settings.
    BotOutside,
    /// The member lacks the permission in this group.
    Denied(Denied),
    /// The platform returned an error that a retry does not fix.
    Platform(PlatformRefusal),
    /// The platform did not respond, or asked to wait, for longer than `worker.give_up_after`.
    Unreachable {
        call: Call,
        /// The platform's log id of the last response.
        log_id: Option<String>,
        /// Whether certainly no call changed anything.
        unchanged: bool,
    },
    /// No recent change of the bot in this chat can be undone.
    NothingToUndo,
    /// The top notice before the bot removed it is unknown.
    TopUnknown,
    /// A member has edited the entry, so the bot does not remove it.
    EntryChanged,
    /// The entry to edit is no longer in the announcement.
    EntryGone,
    /// Pictures or files of an entry could not be copied again, so its text stays.
    FilesNotCopied,
    /// `/edit` neither replied to the command of an announcement nor named a number.
    NothingNamedToEdit,
    /// `/edit` named a number, and replied to the command of another announcement.
    TwoNamedToEdit,
    /// What `/edit` named is no text of the bot's, or no longer one that it can edit.
    NotEditable,
    /// The platform does not allow deleting from this announcement.
    CannotDelete,
    /// The entry was written with its parts in the wrong order, and deletion is not possible.
    Disordered,
    /// An announcement with a duration was refused, because deletion is known not to be possible.
    CannotExpire,
    /// The announcement was converted to the new kind after the entry was written.
    AnnouncementMoved,
    /// The chat has the maximum number of scheduled announcements.
    TooManySchedules { limit: usize },
    /// A scheduled announcement is later than `worker.plan_grace`.
    ScheduleTooLate {
        due: Timestamp,
        /// When it was claimed.
        at: Timestamp,
    },
    /// The announcement contains things that could not be restored, so it is not replaced.
    CannotRestore { things: Vec<Unwritable> },
    /// The announcement is too long to save, so it is not replaced.
    SnapshotTooLong {
        /// In blocks.
        limit: usize,
    },
    /// The announcement is larger than the maximum response size.
    AnnouncementTooLong,
    /// A response was lost and a member has edited the announcement since, so it is unknown whether
    /// it was replaced.
    Unclear,
    /// A message that mentions everybody may have been sent, and the platform would send it again.
    NotificationUnclear,
    /// No card was posted, or that is unknown.
    Notice(NotPosted),
    /// The chat has no schedule with that number.
    NoSuchSchedule,
    /// A series cannot be paused, resumed or continued.
    #[strum(transparent)]
    Series(SeriesRefusal),
    /// The change of a button was undone already, or is no longer the latest.
    NotLatest,
    /// The settings card of a button no longer shows the present value, or is of another group.
    CardOutdated,
    /// The bot's admin has set it for this group.
    SettingFixed(Setting),
    /// A proposal was decided or withdrawn before, or its time is over.
    ProposalOver,
    /// The group has the maximum number of open proposals.
    TooManyProposals { limit: usize },
    /// Somebody with the right declined a proposal.
    Declined {
        /// Their name, if the platform returns it.
        by: Option<String>,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The author of a proposal tried to approve it.
    OwnProposal,
    /// A member asked for approval, and nobody else may give it.
    NobodyToAsk,
    /// The text was changed after somebody asked to edit it.
    TextChanged,
    /// A preview was published or discarded before, or its time is over.
    PreviewOver,
    /// The preview is of somebody else.
    NotYourPreview,
    /// Nobody decided on a proposal in time.
    NotApproved,
    /// What concerns announcements to several groups.
    #[strum(transparent)]
    Broadcast(BroadcastRefusal),
    /// While `/undo` waited for consent, another command changed something.
    NewerChange,
    /// The member has not consented to the bot acting as them.
    ConsentMissing {
        /// Whether the member refused, rather than let the time pass.
        declined: bool,
    },
    /// The member has the maximum number of commands that wait for consent.
    TooManyAwaitingConsent { limit: usize },
    /// The command is about acting as the member, and the bot acts as itself.
    ActsAsBot(CommandName),
    /// The member has not consented, so there is nothing to withdraw.
    NoConsent,
    /// The platform did not send the open id of the member to act as.
    AuthorUnknown,
    /// A bug in the bot. The log has the details under the command's reference.
    Internal,
}

impl Refusal {
    /// A word for the log.
    pub(crate) fn label(&self) -> &'static str {
        match self.stage {
            Stage::Whole => self.cause.label(),
            stage => stage.into(),
        }
    }

    /// The reason in the table of changes. Unlike the label, it is the same for scheduled and
    /// immediate work.
    pub(crate) fn reason(&self) -> &'static str {
        match self.stage {
            Stage::NotReverted
            | Stage::NotPublished
            | Stage::RunNotPublished(_)
            | Stage::FormerRunLeft => self.cause.label(),
            _ => self.label(),
        }
    }

    /// Whether only the author has to know: nothing was changed, and the author can do something
    /// about it. A failure concerns the group, because it may have had an effect, or because others
    /// have to help and read the reference. So does the end of a schedule.
    pub(crate) fn concerns_only_author(&self) -> bool {
        self.stage == Stage::Whole
            && !self.cause.is_failure()
            && !matches!(
                self.cause,
                Cause::TooManyWaiting
                    | Cause::BotOutside
                    | Cause::ChatIdMissing
                    | Cause::Disordered
                    | Cause::AuthorUnknown
                    | Cause::Declined { .. }
                    | Cause::NotApproved
                    | Cause::Denied(Denied::Unidentified)
            )
    }

    /// Whether nothing was done because of a fault of the bot or the platform, so that an admin may
    /// retry the job.
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
    /// A word for the log and the table of changes.
    pub(crate) fn label(&self) -> &'static str {
        self.into()
    }

    /// Marks the effect as unknown, because an earlier call changed something.
    pub(crate) fn with_unknown_effect(mut self) -> Self {
        if let Self::Unreachable { unchanged, .. } = &mut self {
            *unchanged = false;
        }
        self
    }

    /// Whether undoing the change will fail for this reason every time.
    pub(crate) fn is_final_for_undo(&self) -> bool {
        matches!(
            self,
            Self::EntryChanged
                | Self::EntryGone
                | Self::CannotDelete
                | Self::AnnouncementMoved
                | Self::TopUnknown
        )
    }

    /// Whether an entry of a series stays, because somebody has edited or moved it.
    pub(crate) fn leaves_entry(&self) -> bool {
        matches!(
            self,
            Self::EntryChanged | Self::EntryGone | Self::AnnouncementMoved
        )
    }

    /// The platform's error code.
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Platform(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// Why a member declined a proposal, in their words.
    pub(crate) fn reason_given(&self) -> Option<&str> {
        match self {
            Self::Declined { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    /// The platform's log id.
    pub(crate) fn log_id(&self) -> Option<&str> {
        match self {
            Self::Platform(refusal) => refusal.log_id.as_deref(),
            Self::Unreachable { log_id, .. } => log_id.as_deref(),
            _ => None,
        }
    }

    /// Whether the log may help the bot's admin to find the cause. Other refusals are complete
    /// explanations.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Platform(_)
                | Self::Unreachable { .. }
                | Self::Internal
                | Self::Unclear
                | Self::NotificationUnclear
                | Self::Notice(NotPosted::Unclear)
                | Self::TooLate { .. }
                | Self::ScheduleTooLate { .. }
        )
    }
}

impl From<BroadcastRefusal> for Cause {
    fn from(refusal: BroadcastRefusal) -> Self {
        Self::Broadcast(refusal)
    }
}

/// Why a series is not paused, resumed or continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SeriesRefusal {
    /// The schedule runs once.
    NotRecurring,
    /// It is paused already.
    PausedAlready,
    /// It is not paused.
    NotPaused,
}

/// Why a card was not posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPosted {
    /// `/notice` came without text and was not a reply.
    NoText,
    /// The text is too long for a card.
    TooLong,
    /// A card may have been posted, and the platform would post it again.
    Unclear,
}

/// Why a message cannot be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotPinnable {
    /// A system message.
    System,
    /// A reply in a topic.
    InThread,
}
