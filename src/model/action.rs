//! What a member asks for, in full.

use feishu::{MessageId, ReceivedMessage};

use crate::command::{PinTarget, Span};
use crate::content::Document;
use crate::model::change::{ChangeKind, RecordedChange};
use crate::model::refusal::Cause;
use crate::model::rights::Right;
use crate::model::schedule::{AnnounceOptions, SUMMARY, Schedule, ScheduledAction};

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
    Announce(Source, AnnounceOptions),
    /// Take a change back.
    Undo(Box<RecordedChange>),
    /// Take a change back because its time is over.
    Expire(Box<RecordedChange>),
    /// Drop planned work.
    Cancel(Box<Schedule>),
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
        duration: Option<Span>,
        message: &ReceivedMessage,
    ) -> Result<Self, Cause> {
        match (target, replied_to(message)) {
            (PinTarget::Announcement, _) => Ok(Self::PutAnnouncement(duration)),
            (PinTarget::RepliedMessage, Some(target)) => Ok(Self::PutMessage(target, duration)),
            (PinTarget::RepliedMessage, None) => Err(Cause::NotAReply),
        }
    }

    /// What it does, as it is remembered.
    pub(crate) fn kind(&self) -> ChangeKind {
        match self {
            Self::PutMessage(..) | Self::PutAnnouncement(_) => ChangeKind::Pin,
            Self::DeleteTopNotice => ChangeKind::Unpin,
            Self::Announce(_, options) if options.replace.is_some() => ChangeKind::Replace,
            Self::Announce(..) => ChangeKind::Announce,
            Self::Undo(_) => ChangeKind::Undo,
            Self::Expire(_) => ChangeKind::Expire,
            Self::Cancel(_) => ChangeKind::Cancel,
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
            Self::Announce(_, options) => options.top,
            Self::Undo(made) | Self::Expire(made) => made
                .change
                .as_ref()
                .is_some_and(|change| change.top().is_some()),
            Self::Cancel(plan) => match &plan.plan {
                ScheduledAction::Publish { options, .. } => options.top,
                ScheduledAction::Expire { kind, .. } => *kind == ChangeKind::Pin,
            },
        }
    }

    /// The right that a member needs for it: what takes something back needs
    /// the right of what it takes back.
    pub(crate) fn right(&self) -> Right {
        let kind = match self {
            Self::Undo(made) | Self::Expire(made) => made.kind,
            Self::Cancel(plan) => match plan.plan {
                ScheduledAction::Expire { kind, .. } => kind,
                ScheduledAction::Publish { .. } => ChangeKind::Announce,
            },
            Self::PutMessage(..)
            | Self::PutAnnouncement(_)
            | Self::DeleteTopNotice
            | Self::Announce(..) => self.kind(),
        };
        kind.right().unwrap_or(Right::Announce)
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
