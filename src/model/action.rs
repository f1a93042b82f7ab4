//! What a member asks for, in full.

use feishu::{MessageId, ReceivedMessage};

use crate::command::{PinTarget, Span};
use crate::content::Document;
use crate::model::change::{Deed, Made};
use crate::model::plan::{Manner, Plan, Planned, SUMMARY};
use crate::model::refusal::Cause;
use crate::model::rights::Right;

/// A command with everything that it names in the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put this message on top, for so long.
    PutMessage(MessageId, Option<Span>),
    /// Put the group announcement on top, for so long.
    PutAnnouncement(Option<Span>),
    /// Take the top notice off.
    DeleteTopNotice,
    /// Add to the announcement.
    Announce(Source, Manner),
    /// Take a change back.
    Undo(Box<Made>),
    /// Take a change back because its time is over.
    Expire(Box<Made>),
    /// Drop planned work.
    Cancel(Box<Planned>),
}

/// Where an announcement's text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was typed behind the command, or taken from a message already.
    Document(Document),
    /// It stands in the message that the command replied to.
    Message(MessageId),
}

impl Action {
    /// What `/pin`, typed in `message`, asks for.
    pub(crate) fn pin(
        target: PinTarget,
        hold: Option<Span>,
        message: &ReceivedMessage,
    ) -> Result<Self, Cause> {
        match (target, replied_to(message)) {
            (PinTarget::Announcement, _) => Ok(Self::PutAnnouncement(hold)),
            (PinTarget::RepliedMessage, Some(target)) => Ok(Self::PutMessage(target, hold)),
            (PinTarget::RepliedMessage, None) => Err(Cause::NotAReply),
        }
    }

    /// What it does, as it is remembered.
    pub(crate) fn deed(&self) -> Deed {
        match self {
            Self::PutMessage(..) | Self::PutAnnouncement(_) => Deed::Pin,
            Self::DeleteTopNotice => Deed::Unpin,
            Self::Announce(_, manner) if manner.replace.is_some() => Deed::Replace,
            Self::Announce(..) => Deed::Announce,
            Self::Undo(_) => Deed::Undo,
            Self::Expire(_) => Deed::Expire,
            Self::Cancel(_) => Deed::Cancel,
        }
    }

    /// The first words of what it writes, or of what it takes back.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Announce(Source::Document(document), _) => document.first_characters(SUMMARY),
            Self::Undo(made) | Self::Expire(made) => made.summary.clone(),
            Self::Cancel(plan) => plan.plan.summary(),
            Self::PutMessage(..)
            | Self::PutAnnouncement(_)
            | Self::DeleteTopNotice
            | Self::Announce(Source::Message(_), _) => String::new(),
        }
    }

    /// Whether it changes what stands at the top of the chat, or plans to.
    pub(crate) fn touches_top(&self) -> bool {
        match self {
            Self::PutMessage(..) | Self::PutAnnouncement(_) | Self::DeleteTopNotice => true,
            Self::Announce(_, manner) => manner.top,
            Self::Undo(made) | Self::Expire(made) => made
                .change
                .as_ref()
                .is_some_and(|change| change.top().is_some()),
            Self::Cancel(plan) => match &plan.plan {
                Plan::Publish { manner, .. } => manner.top,
                Plan::Expire { deed, .. } => *deed == Deed::Pin,
            },
        }
    }

    /// The right that a member needs for it: what takes something back needs
    /// the right of what it takes back.
    pub(crate) fn right(&self) -> Right {
        let deed = match self {
            Self::Undo(made) | Self::Expire(made) => made.deed,
            Self::Cancel(plan) => match plan.plan {
                Plan::Expire { deed, .. } => deed,
                Plan::Publish { .. } => Deed::Announce,
            },
            Self::PutMessage(..)
            | Self::PutAnnouncement(_)
            | Self::DeleteTopNotice
            | Self::Announce(..) => self.deed(),
        };
        deed.right().unwrap_or(Right::Announce)
    }
}

/// The message that a command replied to. In a topic the platform names the
/// topic's first message here, whatever the member tapped "reply" on.
pub(crate) fn replied_to(message: &ReceivedMessage) -> Option<MessageId> {
    message
        .parent_id
        .clone()
        .or_else(|| message.root_id.clone())
}
