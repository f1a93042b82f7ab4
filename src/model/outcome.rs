//! What came of a command: the value that an action returns, the store keeps
//! and [`crate::reply`] puts into words.

use std::collections::BTreeSet;

use feishu::{Medium, Unwritable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{ParseError, PinTarget};
use crate::model::change::ChangeKind;
use crate::model::job::JobRef;
use crate::model::refusal::{Cause, Refusal, Stage};
use crate::model::rights::{GroupRights, Right};
use crate::model::schedule::AnnounceOptions;

/// The end of one command. Stored before anything is said about it, so that a
/// restart between the act and the answer repeats neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The platform answered code 0.
    Done(Done),
    /// The table of commands was asked for.
    Help,
    /// It will be announced later.
    Planned(Scheduled),
    /// The last changes were asked for.
    History(History),
    /// The same in a group, whose settings say who may do what.
    HelpInGroup(GroupHelp),
    /// All commands were asked for, on a card of help; where it is known, who may use them.
    AllCommands(Option<GroupRights>),
    /// It was not done, or not known to be, and this is why.
    Refused(Refusal),
}

impl Outcome {
    /// Nothing was done.
    pub(crate) fn refused(cause: Cause) -> Self {
        Self::Refused(cause.into())
    }

    /// Whether what a button was to take back or drop is there no more.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Refused(Refusal {
                stage: Stage::Whole,
                cause: Cause::NotLast | Cause::NoSuchPlan,
            })
        )
    }

    /// The same, with the number that the store gave the plan.
    pub(crate) fn numbered(self, number: u32) -> Self {
        match self {
            Self::Planned(scheduled) => Self::Planned(Scheduled {
                number,
                ..scheduled
            }),
            other => other,
        }
    }

    /// The reason under which the answer is throttled: sent in words at most once a minute to one
    /// person in one chat. `None` if it is always sent.
    pub(crate) fn throttled_as(&self) -> Option<&'static str> {
        let Self::Refused(refusal) = self else {
            return None;
        };
        match &refusal.cause {
            Cause::Denied(denied) => Some(denied.label()),
            Cause::Misunderstood(ParseError::NotACommand { .. }) => Some("not_a_command"),
            _ => None,
        }
    }

    /// What kind it is, in a word for the log: an outcome itself may quote what
    /// a member typed.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Help | Self::HelpInGroup(_) | Self::AllCommands(_) => "help",
            Self::Planned(_) => "planned",
            Self::History(_) => "history",
            Self::Refused(refusal) => refusal.label(),
        }
    }
}

/// An announcement that is scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    /// By it the chat's members name it; 0 until the store gives one.
    pub(crate) number: u32,
    /// When it is due.
    pub(crate) due: Timestamp,
    /// When it was scheduled.
    pub(crate) at: Timestamp,
    /// By it a button names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_ref: Option<JobRef>,
    /// Its first words.
    pub(crate) summary: String,
    /// Its options.
    pub(crate) options: AnnounceOptions,
}

/// What a member can do in a group, and what everybody can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupHelp {
    /// The rights of the member who asks.
    pub(crate) allowed: Vec<Right>,
    /// Those of everybody.
    pub(crate) rights: GroupRights,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Done {
    /// This stands at the top of the chat now.
    Pinned(PinTarget),
    /// The top notice was taken off.
    Unpinned,
    /// The text stands above what stood in the announcement.
    Announced,
    /// The text stands in the place of what stood in the announcement.
    Replaced {
        /// So many blocks that people typed or changed meanwhile stand there, too.
        others: usize,
    },
    /// An announcement was made, but without formatting, as its text had too much of it.
    Unformatted(Box<Done>),
    /// An announcement was made without what is no text.
    LeftOut {
        /// What was done.
        done: Box<Done>,
        /// What is not in the announcement.
        media: BTreeSet<Medium>,
    },
    /// An announcement was made later than planned.
    AnnouncedLate {
        /// When it was due.
        due: Timestamp,
        /// When it was done.
        at: Timestamp,
    },
    /// The last change was taken back.
    Undone(UndoResult),
    /// Something was taken back because its time was over.
    Expired,
    /// Its time is over, but it was taken back or replaced already.
    Superseded,
    /// Planned work was dropped.
    Cancelled,
}

/// What taking back a change has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UndoResult {
    /// The message from before is at the top again.
    MessageOnTop,
    /// The announcement is at the top again.
    AnnouncementOnTop,
    /// Nothing is at the top any more.
    NothingOnTop,
    /// The entry was taken out of the announcement.
    EntryOut,
    /// The entry did not stand in the announcement any more.
    EntryWasOut,
    /// What an entry had replaced stands in the announcement again.
    FormerBack {
        /// The things of which only the names have come back.
        lost: Vec<Unwritable>,
    },
}

/// What the bot did lately in a chat, and what it is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// When it was asked for.
    pub(crate) asked_at: Timestamp,
    /// What would be taken back now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) undoable: Option<JobRef>,
    /// The newest first.
    pub(crate) changes: Vec<HistoryChange>,
    /// The next first.
    pub(crate) plans: Vec<HistorySchedule>,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryChange {
    /// What was done.
    pub(crate) kind: ChangeKind,
    /// What a pin has put at the top, as long as that is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pinned: Option<PinTarget>,
    /// The name of who asked for it, where the platform tells it.
    pub(crate) actor: Option<String>,
    /// The first words of what was written; often none.
    pub(crate) summary: String,
    /// When.
    pub(crate) made_at: Timestamp,
    /// Whether it was taken back since.
    pub(crate) undone: bool,
}

/// A change that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistorySchedule {
    /// By it a button names the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_ref: Option<JobRef>,
    /// By it the chat's members name the plan.
    pub(crate) number: u32,
    /// What is planned: a publication, or the end of what was done for a time.
    pub(crate) what: ScheduledChange,
    /// The name of who planned it, where the platform tells it.
    pub(crate) author: Option<String>,
    /// The first words of what it is about; often none.
    pub(crate) summary: String,
    /// When it is due.
    pub(crate) due: Timestamp,
}

/// What can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScheduledChange {
    /// What a pin has put at the top is taken off.
    Unpin,
    /// Something is announced.
    Announce,
    /// An entry is taken out of the announcement.
    EntryOut,
    /// The announcement is replaced.
    Replace,
    /// What stood in the announcement before it was replaced comes back.
    FormerBack,
}
