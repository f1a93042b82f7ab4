//! Actions: parsed commands with everything that they refer to in the chat.

use feishu::{MessageId, OpenId, ReceivedMessage, Sender};
use jiff::Timestamp;

use crate::command::{PinTarget, Span};
use crate::content::Document;
use crate::model::change::{ChangeKind, RecordedChange};
use crate::model::refusal::Cause;
use crate::model::rights::Right;
use crate::model::schedule::{
    AnnounceOptions, EditedPlace, EditedText, SUMMARY, Schedule, ScheduledAction,
};
use crate::model::settings::{ListChange, ListsOfGroup, SettingChange, SettingsInForce};

/// An action that the bot can run once it is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Pin this message to the top of the chat; with a duration, until that has passed.
    PutMessage(MessageId, Option<Span>),
    /// Pin the group announcement, likewise.
    PutAnnouncement(Option<Span>),
    /// Remove the top notice, whatever it is.
    DeleteTopNotice,
    /// Write text into the group announcement.
    Announce(Source, AnnounceOptions),
    /// Change a text that is published, or will be.
    Edit(Box<TextEdit>),
    /// Revert the latest change.
    Undo(Box<ChangeToUndo>),
    /// Revert a change whose duration has passed.
    Expire(Box<RecordedChange>),
    /// Show the settings of the group.
    ShowSettings(Box<SettingsInForce>),
    /// Change one of them.
    Set(SettingChange),
    /// Show the lists that the group is on.
    ShowLists(Box<ListsOfGroup>),
    /// Add the group to a list, or remove it.
    ChangeList(ListChange),
    /// Cancel a scheduled announcement, or the scheduled end of a change.
    Cancel(Box<Schedule>),
    /// Pause a recurring announcement.
    Pause(Box<Schedule>),
    /// Continue a paused announcement, first at that time.
    Resume(Box<Schedule>, Timestamp),
}

/// Another text for something that the bot has published or scheduled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextEdit {
    pub(crate) target: EditTarget,
    pub(crate) document: Document,
}

/// A change to revert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeToUndo {
    pub(crate) change: RecordedChange,
    /// The change whose text it edited, if it did.
    pub(crate) edited: Option<RecordedChange>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EditTarget {
    /// The entry of this change.
    Entry(Box<RecordedChange>),
    /// An announcement that is not due yet.
    Schedule(Box<Schedule>),
}

impl EditTarget {
    fn mentions_all(&self) -> bool {
        matches!(self, Self::Schedule(schedule) if schedule.action.mentions_all())
    }

    /// Whether the text is still known, and was not reverted.
    pub(crate) fn is_editable(&self) -> bool {
        match self {
            Self::Entry(change) => !change.undone && change.change.is_some(),
            Self::Schedule(_) => true,
        }
    }

    /// The text so far, unless it is that of a notice.
    pub(crate) fn document(&self) -> Option<&Document> {
        match self {
            Self::Entry(change) => {
                let (placed, _) = change.change.as_ref()?.entry()?;
                Some(placed.entry.document())
            }
            Self::Schedule(schedule) => match &schedule.action {
                ScheduledAction::Publish { document, .. } => Some(document),
                ScheduledAction::Propose(_)
                | ScheduledAction::Preview(_)
                | ScheduledAction::Expire { .. }
                | ScheduledAction::Supersede { .. } => None,
            },
        }
    }

    fn notice(&self) -> Option<&Document> {
        let Self::Entry(change) = self else {
            return None;
        };
        let notice = change.change.as_ref()?.notice()?;
        Some(notice.entry.document())
    }

    /// The text as it is now, to be changed later; `None` if it is not known.
    pub(crate) fn text(&self) -> Option<EditedText> {
        let document = self.document().or_else(|| self.notice())?.clone();
        Some(match self {
            Self::Entry(change) => EditedText {
                place: EditedPlace::Entry(change.id),
                kind: change.kind,
                document,
            },
            Self::Schedule(schedule) => EditedText {
                place: EditedPlace::Schedule(schedule.job_ref.clone()),
                kind: schedule.action.kind(),
                document,
            },
        })
    }

    /// The number by which members refer to it.
    pub(crate) fn number(&self) -> Option<u32> {
        match self {
            Self::Entry(change) => change.number,
            Self::Schedule(schedule) => Some(schedule.number),
        }
    }
}

/// The source of an announcement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Typed after the command, or read from a message already.
    Document(Document),
    /// The message that the command replied to; it has yet to be read.
    Message(MessageId),
}

impl Action {
    /// The action of `/pin`, typed in `message`.
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

    /// The kind of change under which the action is recorded; `None` if it changes nothing.
    pub(crate) fn kind(&self) -> Option<ChangeKind> {
        Some(match self {
            Self::ShowSettings(_) | Self::ShowLists(_) => return None,
            Self::Set(_) | Self::ChangeList(_) => ChangeKind::Settings,
            Self::PutMessage(..) | Self::PutAnnouncement(_) => ChangeKind::Pin,
            Self::DeleteTopNotice => ChangeKind::Unpin,
            Self::Announce(_, options) => options.kind(),
            Self::Edit(_) => ChangeKind::Edit,
            Self::Undo(_) => ChangeKind::Undo,
            Self::Expire(_) => ChangeKind::Expire,
            Self::Cancel(_) => ChangeKind::Cancel,
            Self::Pause(_) => ChangeKind::Pause,
            Self::Resume(..) => ChangeKind::Resume,
        })
    }

    /// The first words of the text that is written or reverted, or the old and new value of a setting,
    /// for `/history`.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Announce(Source::Document(document), _) => document.first_characters(SUMMARY),
            Self::Edit(edit) => edit.document.first_characters(SUMMARY),
            Self::Undo(undo) => undo.change.summary.clone(),
            Self::Expire(change) => change.summary.clone(),
            Self::Cancel(schedule) | Self::Pause(schedule) | Self::Resume(schedule, _) => {
                schedule.action.summary()
            }
            Self::Set(change) => change.to_string(),
            Self::ChangeList(change) => change.to_string(),
            Self::ShowSettings(_)
            | Self::ShowLists(_)
            | Self::PutMessage(..)
            | Self::PutAnnouncement(_)
            | Self::DeleteTopNotice
            | Self::Announce(Source::Message(_), _) => String::new(),
        }
    }

    /// Whether the action changes the top notice, now or once it is due.
    pub(crate) fn changes_top(&self) -> bool {
        match self {
            Self::PutMessage(..) | Self::PutAnnouncement(_) | Self::DeleteTopNotice => true,
            Self::ShowSettings(_) | Self::ShowLists(_) | Self::Set(_) | Self::ChangeList(_) => {
                false
            }
            Self::Announce(_, options) => options.changes_top(),
            Self::Undo(undo) => undo.change.top().is_some(),
            Self::Expire(change) => change.top().is_some(),
            Self::Cancel(schedule) | Self::Pause(schedule) | Self::Resume(schedule, _) => {
                schedule.action.changes_top()
            }
            Self::Edit(edit) => match &edit.target {
                EditTarget::Entry(_) => false,
                EditTarget::Schedule(schedule) => schedule.action.changes_top(),
            },
        }
    }

    /// Whether it sends a message that mentions everybody, or changes the text of a later one.
    pub(crate) fn mentions_all(&self) -> bool {
        match self {
            Self::Announce(_, options) => options.notify,
            Self::Edit(edit) => edit.target.mentions_all(),
            Self::Resume(schedule, _) => schedule.action.mentions_all(),
            _ => false,
        }
    }

    /// Whether the bot posts a card as itself, before a call that it makes as the member.
    pub(crate) fn posts_card(&self) -> bool {
        matches!(self, Self::Announce(_, options) if options.notice)
    }

    /// Whether the platform sees it: canceling a schedule, for example, changes only the store.
    pub(crate) fn reaches_platform(&self) -> bool {
        match self {
            Self::Cancel(_)
            | Self::Pause(_)
            | Self::Resume(..)
            | Self::ShowSettings(_)
            | Self::ShowLists(_)
            | Self::ChangeList(_)
            | Self::Set(_) => false,
            Self::Edit(edit) => match &edit.target {
                // A card belongs to the bot.
                EditTarget::Entry(change) => change.kind != ChangeKind::Notice,
                EditTarget::Schedule(_) => false,
            },
            // The platform would refuse the pin, but the card is posted before.
            action => !action.posts_card(),
        }
    }

    /// Whether it edits what this member announced without the approval of others, or reverts such
    /// an edit.
    pub(crate) fn edits_own_text(&self, sender: &Sender) -> bool {
        let is_own = |change: &RecordedChange| {
            change.approver.is_none() && is_author(change.actor.as_ref(), sender)
        };
        match self {
            Self::Edit(edit) => match &edit.target {
                EditTarget::Entry(change) => is_own(change),
                EditTarget::Schedule(schedule) => {
                    !schedule.action.is_approved() && is_author(schedule.author.as_ref(), sender)
                }
            },
            Self::Undo(undo) => is_own(&undo.change) && undo.edited.as_ref().is_some_and(is_own),
            _ => false,
        }
    }

    /// The right that a member needs. To revert or cancel a change takes the right of that change.
    pub(crate) fn right(&self) -> Right {
        let kind = match self {
            Self::Undo(undo) => undo.change.revertible_kind(),
            Self::Expire(change) => change.revertible_kind(),
            Self::Cancel(schedule) | Self::Pause(schedule) | Self::Resume(schedule, _) => {
                schedule.action.kind()
            }
            Self::ShowSettings(_) | Self::ShowLists(_) | Self::Set(_) | Self::ChangeList(_) => {
                return Right::Settings;
            }
            Self::PutMessage(..) | Self::PutAnnouncement(_) => ChangeKind::Pin,
            Self::DeleteTopNotice => ChangeKind::Unpin,
            Self::Announce(_, options) => options.kind(),
            Self::Edit(edit) => match &edit.target {
                EditTarget::Entry(change) => change.kind,
                EditTarget::Schedule(schedule) => schedule.action.kind(),
            },
        };
        kind.right().unwrap_or(Right::Announce)
    }
}

/// Whether this is the id of the sender.
pub(crate) fn is_author(author: Option<&OpenId>, sender: &Sender) -> bool {
    let author = author.map(OpenId::as_str);
    author.is_some() && author == sender.id().map(|(_, id)| id)
}

/// The message that a command replied to. In a topic the platform names the topic's first message,
/// whatever message the member replied to.
pub(crate) fn replied_to(message: &ReceivedMessage) -> Option<MessageId> {
    message
        .parent_id
        .clone()
        .or_else(|| message.root_id.clone())
}
