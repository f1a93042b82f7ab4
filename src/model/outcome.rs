//! The outcome of a command: an action returns it, the store keeps it and [`crate::reply`] formats
//! it.

use std::collections::BTreeSet;

use feishu::{Medium, Unwritable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{ParseError, PinTarget, Recurrence};
use crate::model::broadcast::Reach;
use crate::model::change::ChangeKind;
use crate::model::job::JobRef;
use crate::model::proposal::{Decided, Previewed, Proposed};
use crate::model::refusal::{BroadcastRefusal, Cause, Refusal, SeriesRefusal, Stage};
use crate::model::rights::{GroupRights, Right};
use crate::model::schedule::AnnounceOptions;
use crate::model::series::PauseReason;
use crate::model::settings::{ListChange, ListsOfGroup, SettingChange, SettingsInForce};

/// The final result of a command. It is stored before the reply is sent, so that a restart in
/// between repeats neither the action nor the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done(Done),
    /// `/help` in a direct chat, or where the group's settings cannot be read.
    Help,
    Scheduled(Scheduled),
    /// Others are asked for approval.
    Proposed(Box<Proposed>),
    /// The author sees it first.
    Previewed(Previewed),
    History(History),
    /// `/help` in a group, with the permissions that its settings give.
    HelpInGroup(GroupHelp),
    /// The button that shows all commands was pressed. Contains the group's permissions where they
    /// are known.
    AllCommands(Option<GroupRights>),
    /// The command failed, in whole or in part, or its effect is unknown.
    Refused(Refusal),
}

/// Whom the reply to an outcome concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// The member who sent the command or pressed the button. The others need not see the reply.
    Author,
    Group,
}

impl Outcome {
    pub(crate) fn readers(&self) -> Readers {
        match self {
            Self::Previewed(_)
            | Self::Done(
                Done::ConsentRequested | Done::AlreadyConsented | Done::ConsentWithdrawn { .. },
            ) => Readers::Author,
            Self::Refused(refusal) if refusal.concerns_only_author() => Readers::Author,
            Self::Done(_)
            | Self::Help
            | Self::Scheduled(_)
            | Self::Proposed(_)
            | Self::History(_)
            | Self::HelpInGroup(_)
            | Self::AllCommands(_)
            | Self::Refused(_) => Readers::Group,
        }
    }

    pub(crate) fn refused(cause: Cause) -> Self {
        Self::Refused(cause.into())
    }

    /// Whether what a button refers to no longer exists.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Refused(Refusal {
                stage: Stage::Whole,
                cause: Cause::NotLatest
                    | Cause::NoSuchSchedule
                    | Cause::Series(SeriesRefusal::PausedAlready | SeriesRefusal::NotPaused)
                    | Cause::CardOutdated
                    | Cause::ProposalOver
                    | Cause::PreviewOver
                    | Cause::Broadcast(BroadcastRefusal::BroadcastOver),
            })
        )
    }

    /// Sets the number that the store gave a schedule.
    pub(crate) fn numbered(mut self, number: u32) -> Self {
        match &mut self {
            Self::Scheduled(scheduled) => scheduled.number = number,
            Self::Proposed(proposed) => proposed.number = number,
            _ => {}
        }
        self
    }

    /// The key by which the reply is throttled: at most once a minute per person, chat and key.
    /// `None` if the reply is always sent.
    pub(crate) fn throttled_as(&self) -> Option<&'static str> {
        let Self::Refused(refusal) = self else {
            return None;
        };
        match (refusal.stage, &refusal.cause) {
            // A series pauses and says so once.
            (Stage::RunNotPublished(_), _) => None,
            (_, Cause::Denied(denied)) => Some(denied.label()),
            (_, Cause::Misunderstood(ParseError::NotACommand { .. })) => Some("not_a_command"),
            // All waiting commands of a member are refused at once. A schedule has its own reply.
            (
                Stage::Whole,
                cause @ (Cause::ConsentMissing { .. }
                | Cause::TooManyAwaitingConsent { .. }
                | Cause::AuthorUnknown
                | Cause::ActsAsBot(_)),
            ) => Some(cause.label()),
            _ => None,
        }
    }

    /// A word for the log: an outcome itself may quote members.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Help | Self::HelpInGroup(_) | Self::AllCommands(_) => "help",
            Self::Scheduled(_) => "scheduled",
            Self::Proposed(_) => "proposed",
            Self::Previewed(_) => "previewed",
            Self::History(_) => "history",
            Self::Refused(refusal) => refusal.label(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    /// The number by which members refer to it; 0 until the store assigns one.
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    pub(crate) at: Timestamp,
    /// Identifies it in the value of a button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_ref: Option<JobRef>,
    /// The first words of its text.
    pub(crate) summary: String,
    pub(crate) options: AnnounceOptions,
    /// The list of groups to send it to; `None` is this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// The rule, if it is posted again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) every: Option<Recurrence>,
}

/// The permissions in a group, for `/help`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupHelp {
    /// The rights of the member who sent the command.
    pub(crate) allowed: Vec<Right>,
    /// The rights of all members.
    pub(crate) rights: GroupRights,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Done {
    Pinned(PinTarget),
    Unpinned,
    /// The text was added above the existing content.
    Announced,
    /// The text replaced the existing content.
    Replaced {
        /// The number of blocks that stay because members wrote or edited them in the meantime.
        edited: usize,
    },
    /// A card was posted and pinned.
    NoticePosted,
    /// The entry has another text.
    Edited,
    /// The card could no longer be changed, so another one took its place.
    NoticeReplaced {
        /// Whether it was pinned, as the former one was.
        pinned: bool,
    },
    /// A scheduled announcement has another text.
    ScheduleEdited,
    /// The announcement was written as plain text, because it had too many formatted runs.
    Unformatted(Box<Done>),
    /// The announcement was written without its media.
    LeftOut {
        done: Box<Done>,
        media: BTreeSet<Medium>,
    },
    /// Lines name some of the pictures and files of the announcement.
    Named {
        done: Box<Done>,
        media: BTreeSet<Medium>,
        why: NotCopied,
    },
    /// A scheduled announcement was published late, because the bot was down or the platform
    /// failed.
    AnnouncedLate {
        /// The number of blocks that stay although the text was to replace them.
        edited: usize,
        /// When it was due.
        due: Timestamp,
        at: Timestamp,
    },
    Undone(UndoResult),
    /// A change was undone that had notified everybody.
    UndoneAndRecalled {
        result: UndoResult,
        /// Whether the message that notified everybody is gone, too.
        recalled: bool,
    },
    /// A change was reverted because its duration had passed.
    Expired {
        /// Kinds of content that could not be restored, only their names, although their restoration
        /// was expected.
        lost: Vec<Unwritable>,
    },
    /// The duration of a change has passed, but the change was reverted or overwritten before.
    Superseded,
    /// A text is being sent to several groups, or that is reverted or repeated. The report shows how
    /// far it is.
    Broadcast {
        step: BroadcastStep,
        groups: usize,
    },
    /// A schedule was canceled.
    Cancelled,
    /// A recurring schedule was paused.
    Paused,
    /// A paused schedule was continued.
    Resumed {
        /// The time of its next run.
        next: Timestamp,
        at: Timestamp,
    },
    /// A proposal was approved or declined. If it was approved, it runs next.
    Decided(Box<Decided>),
    /// The author of a preview wants it, and it runs next.
    PreviewAccepted,
    /// The author of a preview does not want it.
    PreviewDiscarded,
    /// The settings of the group, to be shown.
    Settings(Box<SettingsInForce>),
    /// A setting of the group was changed.
    Set(SettingChange),
    /// The lists that the group is on, to be shown.
    Lists(Box<ListsOfGroup>),
    /// The group joined a list, or left it.
    ListChanged(ListChange),
    /// The member was sent a link to consent to the bot acting as them.
    ConsentRequested,
    /// The member has consented before.
    AlreadyConsented,
    /// The member's consent was deleted.
    ConsentWithdrawn {
        /// Whether the platform confirmed that it ended the consent, too.
        revoked: bool,
    },
}

impl Done {
    /// The same, published late.
    pub(crate) fn late(mut self, due: Timestamp, at: Timestamp) -> Self {
        let published = self.without_losses();
        let edited = match published {
            Self::Announced | Self::NoticePosted => 0,
            Self::Replaced { edited } => *edited,
            _ => return self,
        };
        *published = Self::AnnouncedLate { edited, due, at };
        self
    }

    /// What was done, apart from what the text lost on its way.
    fn without_losses(&mut self) -> &mut Self {
        match self {
            Self::Unformatted(done) | Self::LeftOut { done, .. } | Self::Named { done, .. } => {
                done.without_losses()
            }
            done => done,
        }
    }
}

/// What a job does with a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BroadcastStep {
    Started,
    Reverting,
    /// What failed is tried again.
    Repeated,
}

/// Why a picture or a file is not in the announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotCopied {
    /// The admin has turned it off.
    Off,
    /// Announcements of the old kind contain text only.
    OldKind,
    /// Cards contain text only.
    Card,
    /// There are more of them than an entry may have.
    TooMany,
    /// It is larger than the platform accepts.
    TooLarge,
    /// The app lacks a scope.
    ScopeMissing,
    /// The bot may not read the message or edit the announcement.
    Forbidden,
    /// The storage of the organization is full.
    StorageFull,
    /// The message was recalled.
    MessageGone,
    /// The platform returned another error.
    Refused { code: i64 },
    /// The platform did not respond.
    Unavailable,
}

/// The state after a change was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UndoResult {
    /// The previous message is pinned again.
    MessageOnTop,
    /// The announcement is pinned again.
    AnnouncementOnTop,
    NothingOnTop,
    /// A card was withdrawn.
    NoticeWithdrawn {
        card: WithdrawnCard,
        /// Whether the former top notice was restored.
        top: bool,
    },
    /// The entry was removed from the announcement.
    EntryRemoved,
    /// An entry has its former text again.
    TextRestored,
    /// The entry was no longer in the announcement.
    EntryAlreadyGone,
    /// The content that an entry had replaced was restored.
    ContentRestored {
        /// Kinds of content that could not be restored, only their names.
        lost: Vec<Unwritable>,
    },
}

/// What became of a card that was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WithdrawnCard {
    Recalled,
    /// It could not be recalled, and says that it is no longer valid.
    Marked,
    /// It could not be changed either.
    Left,
}

/// Recent and scheduled changes of a chat, for `/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) asked_at: Timestamp,
    /// The change that `/undo` would revert now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) undoable: Option<JobRef>,
    /// Newest first.
    pub(crate) changes: Vec<HistoryChange>,
    /// Ordered by due time.
    pub(crate) schedules: Vec<HistorySchedule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryChange {
    pub(crate) kind: ChangeKind,
    /// The kind of item that a pin put at the top, unless that was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pinned: Option<PinTarget>,
    /// The member's name, if the platform returns it.
    pub(crate) actor: Option<String>,
    /// Who approved it, if the member lacked the right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approver: Option<Approver>,
    /// The first words of the text; often empty.
    pub(crate) summary: String,
    pub(crate) made_at: Timestamp,
    pub(crate) undone: bool,
    /// The number by which members edit its text, as long as that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<u32>,
    /// The groups that it reached, if it is a broadcast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reach: Option<Reach>,
    /// Who has read the message that notified everybody, if the platform returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read_by: Option<ReadBy>,
}

/// How many people have read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadBy {
    pub(crate) readers: usize,
    /// Whether there are more.
    pub(crate) has_more: bool,
    /// The number of people in the group, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) members: Option<usize>,
}

/// A member who approved a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approver {
    /// If the platform returns it.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistorySchedule {
    /// Identifies the schedule in the value of a button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_ref: Option<JobRef>,
    /// The number by which members refer to it.
    pub(crate) number: u32,
    pub(crate) what: ScheduledChange,
    /// The author's name, if the platform returns it.
    pub(crate) author: Option<String>,
    /// The first words of the text; often empty.
    pub(crate) summary: String,
    pub(crate) due: Timestamp,
    /// The list of groups to send it to; `None` is this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// The rule, if it is posted again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) every: Option<Recurrence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<PauseReason>,
}

/// The effect of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScheduledChange {
    /// A pin expires.
    Unpin,
    Announce,
    /// A card is posted and pinned.
    Notice,
    /// An entry is removed from the announcement.
    RemoveEntry,
    Replace,
    /// The replaced content is restored.
    RestoreContent,
    /// A proposal that nobody has decided on expires.
    Decision(ChangeKind),
}
