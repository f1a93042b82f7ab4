//! Broadcasts: announcements that one command sends to several groups. Each group is a delivery.

use feishu::{ChatId, MessageId, OpenId, Sender};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::language::Language;
use crate::model::job::JobRef;
use crate::model::refusal::Refusal;

/// A broadcast as stored. It is named after the job that started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broadcast {
    /// The chat of the command.
    pub(crate) chat: ChatId,
    /// The message of the command.
    pub(crate) message: MessageId,
    /// The name of the list.
    pub(crate) list: String,
    /// The message with its text and options, from which the jobs of all deliveries are made; empty
    /// once it was erased.
    pub(crate) payload: String,
    pub(crate) report: ReportState,
}

/// The message that reports on a broadcast.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReportState {
    /// The card, once it was sent.
    pub(crate) card: Option<MessageId>,
    /// Whether the platform refused the card, so that a text follows at the end.
    pub(crate) is_refused: bool,
    /// The number of finished deliveries that the card shows.
    pub(crate) shown: usize,
}

/// A broadcast to one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) chat: ChatId,
    pub(crate) state: DeliveryState,
    /// Why it failed, or could not be reverted.
    pub(crate) refusal: Option<Refusal>,
    /// The name of the group, once it is known.
    pub(crate) name: Option<String>,
    /// The short id of the job that posted it, or that reverted it.
    pub(crate) reference: String,
    /// The origin of the job that posts it.
    pub(crate) posted_by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum DeliveryState {
    /// It will be posted.
    Waiting,
    Posted,
    /// A part of it was posted, or that is unknown.
    Partly,
    /// Nothing was posted.
    Failed,
    /// It will be reverted.
    Reverting,
    Reverted,
    /// It could not be reverted.
    Kept,
    /// It was not posted, because the broadcast was undone before.
    Canceled,
}

impl DeliveryState {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Reverting)
    }

    /// Whether `/undo` has something to revert or to prevent.
    pub(crate) fn is_revertible(self) -> bool {
        matches!(self, Self::Waiting | Self::Posted | Self::Partly)
    }

    /// What a retry makes of it, if it failed.
    pub(crate) fn retried(self) -> Option<Self> {
        match self {
            Self::Failed => Some(Self::Waiting),
            Self::Kept => Some(Self::Reverting),
            _ => None,
        }
    }
}

/// What a run of a series has posted in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostedRun {
    /// The origin of the run, which is a broadcast.
    pub(crate) run: String,
    /// The origin of the job that posted it in the group.
    pub(crate) posted_by: String,
}

/// The payload of the job that posts to one group. The text is stored with the broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryPayload {
    pub(crate) broadcast: JobRef,
}

/// The payload of the job that reverts a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retraction {
    pub(crate) broadcast: JobRef,
    /// The group.
    pub(crate) chat: ChatId,
    /// The member who undid the broadcast.
    pub(crate) by: Sender,
    /// The tenant of the bot.
    pub(crate) home: Option<String>,
    pub(crate) asked_at: Timestamp,
    pub(crate) language: Language,
}

/// The payload of the job that reports on a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportPayload {
    pub(crate) broadcast: JobRef,
    pub(crate) language: Language,
}

/// What a broadcast has done so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) broadcast: JobRef,
    pub(crate) list: String,
    /// Whether it was undone.
    pub(crate) is_undone: bool,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Report {
    pub(crate) fn count(&self, is: impl Fn(DeliveryState) -> bool) -> usize {
        let states = self.deliveries.iter().map(|delivery| delivery.state);
        states.filter(|state| is(*state)).count()
    }

    pub(crate) fn finished(&self) -> usize {
        self.count(DeliveryState::is_final)
    }

    pub(crate) fn is_final(&self) -> bool {
        self.finished() == self.deliveries.len()
    }
}

/// How many groups a broadcast has reached, for `/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) list: String,
    pub(crate) posted: usize,
    pub(crate) groups: usize,
}

/// The author's id as it is compared and counted.
pub(crate) fn author_of(sender: &Sender) -> Option<OpenId> {
    sender.id().map(|(_, id)| OpenId::from(id))
}
