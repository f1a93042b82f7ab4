//! Changes to a chat and their records, which `/history`, `/undo`, scheduled ends and the audit
//! read.

use std::time::Duration;

use feishu::{BlockId, MessageId, OpenId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use crate::command::ChangeKind;
use crate::content::{Entry, Snapshot};
use crate::model::job::JobRef;

/// A change can be undone for this long. After that, texts that members wrote are erased.
pub(crate) const UNDO_AGE: Duration = Duration::from_hours(7 * 24);

/// The top notice of a chat, as far as the bot knows: the platform has no call that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PinnedItem {
    /// The bot has not changed the top notice yet; a member may have.
    Unknown,
    /// The bot removed the top notice.
    Nothing,
    Message(MessageId),
    Announcement,
}

/// A change: the state before it, as far as `/undo` needs it, and the state after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) before: State,
    pub(crate) after: State,
}

/// The state of the places that a change affects; `None` for a place that it does not affect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top: Option<PinnedItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) announcement: Option<AnnouncementState>,
    /// The message that notified everybody of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notification: Option<MessageId>,
    /// The list of groups that a broadcast went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broadcast: Option<String>,
    /// A card of the bot in the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notice: Option<Box<PostedNotice>>,
}

/// A card with a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PostedNotice {
    pub(crate) message: MessageId,
    pub(crate) entry: Entry,
    /// Whether the platform rejected mentions, so that names were written instead.
    pub(crate) without_mentions: bool,
}

/// The content of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnnouncementState {
    /// Only content that the bot did not write.
    OtherContent,
    /// An entry of the bot, above other content or instead of it.
    Entry(PlacedEntry),
    /// The whole content, saved before it was replaced.
    Body(Snapshot),
    /// Saved blocks were restored: pairs of old and new id, of blocks and of the files in them.
    Restored(Vec<(BlockId, BlockId)>),
}

/// An entry as it was written. The bot compares it with the announcement to find the entry again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlacedEntry {
    pub(crate) entry: Entry,
    /// Whether the platform rejected mentions, so that names were written instead. Calls before the
    /// rejected one keep their mentions.
    pub(crate) without_mentions: bool,
    pub(crate) kind: PlacedBlocks,
}

impl PlacedEntry {
    /// The forms that its lines may have: with mentions, and with names.
    pub(crate) fn forms(&self) -> Vec<Entry> {
        let named = self.without_mentions.then(|| self.entry.without_mentions());
        [self.entry.clone()].into_iter().chain(named).collect()
    }

    /// As one call wrote it.
    pub(crate) fn written(&self) -> Entry {
        if self.without_mentions {
            self.entry.without_mentions()
        } else {
            self.entry.clone()
        }
    }
}

/// How to find an entry, which depends on the kind of announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlacedBlocks {
    /// Found by its text.
    Doc,
    Docx {
        /// The entry's blocks at the top level of the page.
        blocks: Vec<BlockId>,
    },
}

/// The places in a chat that the bot can change. A card counts as a text like the announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Top,
    Announcement,
    Both,
}

impl State {
    pub(crate) fn entry(&self) -> Option<&PlacedEntry> {
        match &self.announcement {
            Some(AnnouncementState::Entry(entry)) => Some(entry),
            _ => None,
        }
    }
}

impl Change {
    pub(crate) fn of_top(before: PinnedItem, after: PinnedItem) -> Self {
        Self::default().with_top(Some(before), after)
    }

    pub(crate) fn of_announcement(before: AnnouncementState, after: AnnouncementState) -> Self {
        let mut change = Self::default();
        change.before.announcement = Some(before);
        change.after.announcement = Some(after);
        change
    }

    /// An entry got another text.
    pub(crate) fn of_edit(before: PlacedEntry, after: PlacedEntry) -> Self {
        Self::of_announcement(
            AnnouncementState::Entry(before),
            AnnouncementState::Entry(after),
        )
    }

    /// An entry was removed, and these blocks were restored: pairs of old and new id.
    pub(crate) fn restored(blocks: Vec<(BlockId, BlockId)>) -> Self {
        let mut change = Self::default();
        change.after.announcement = Some(if blocks.is_empty() {
            AnnouncementState::OtherContent
        } else {
            AnnouncementState::Restored(blocks)
        });
        change
    }

    /// Adds a change of the top notice. With `before` unknown it cannot be undone separately.
    pub(crate) fn with_top(mut self, before: Option<PinnedItem>, after: PinnedItem) -> Self {
        self.before.top = before;
        self.after.top = Some(after);
        self
    }

    /// A card was posted, or got another text.
    pub(crate) fn of_notice(before: Option<PostedNotice>, after: PostedNotice) -> Self {
        let mut change = Self::default();
        change.before.notice = before.map(Box::new);
        change.after.notice = Some(Box::new(after));
        change
    }

    /// A text was sent to the groups of a list.
    pub(crate) fn of_broadcast(list: String) -> Self {
        let mut change = Self::default();
        change.after.broadcast = Some(list);
        change
    }

    /// The card that the change posted; `None` if it edited one.
    pub(crate) fn notice(&self) -> Option<&PostedNotice> {
        let notice = self.after.notice.as_deref();
        notice.filter(|_| self.before.notice.is_none())
    }

    /// The card before and after the change edited it.
    pub(crate) fn edited_notice(&self) -> Option<(&PostedNotice, &PostedNotice)> {
        let (before, after) = (&self.before.notice, &self.after.notice);
        before.as_deref().zip(after.as_deref())
    }

    /// Adds the message that notified everybody, if it is known.
    pub(crate) fn with_notification(mut self, message: Option<MessageId>) -> Self {
        self.after.notification = message;
        self
    }

    /// The places that the change affects; `None` if there are none.
    pub(crate) fn place(&self) -> Option<Place> {
        let has_text = self.after.announcement.is_some() || self.after.notice.is_some();
        match (&self.after.top, has_text) {
            (Some(_), true) => Some(Place::Both),
            (Some(_), false) => Some(Place::Top),
            (None, true) => Some(Place::Announcement),
            (None, false) => None,
        }
    }

    /// The entry that the change wrote, and the content that it replaced; `None` if it edited an
    /// entry.
    pub(crate) fn entry(&self) -> Option<(&PlacedEntry, Option<&Snapshot>)> {
        let entry = self.after.entry()?;
        match &self.before.announcement {
            Some(AnnouncementState::Entry(_)) => None,
            Some(AnnouncementState::Body(snapshot)) => Some((entry, Some(snapshot))),
            _ => Some((entry, None)),
        }
    }

    /// The entry before and after the change edited it.
    pub(crate) fn edited_entry(&self) -> Option<(&PlacedEntry, &PlacedEntry)> {
        self.before.entry().zip(self.after.entry())
    }

    /// The new top notice; `None` if the change does not affect it.
    pub(crate) fn top(&self) -> Option<&PinnedItem> {
        self.after.top.as_ref()
    }
}

/// The record of a job that was to change something, successful or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeRecord {
    pub(crate) kind: ChangeKind,
    /// The member who requested the change.
    pub(crate) actor: Option<OpenId>,
    /// Who decided on the member's proposal.
    pub(crate) approver: Option<OpenId>,
    /// The first words of the text that was written or reverted.
    pub(crate) summary: String,
    pub(crate) result: ChangeResult,
    /// Why it was declined, in the words of who did.
    pub(crate) reason: Option<String>,
    /// The platform's log id of the response that refused the change.
    pub(crate) log_id: Option<String>,
    /// `None` if nothing can have been changed.
    pub(crate) change: Option<Change>,
    /// The change that was reverted or, after a refusal, the one that can never be reverted.
    pub(crate) reverts: Option<ChangeId>,
    /// The change whose text was edited, or got its former text back.
    pub(crate) edited: Option<EditedChange>,
}

/// A change whose text a later job has edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditedChange {
    pub(crate) id: ChangeId,
    /// Its state from now on; `None` if the edit was given up, so that the text is unknown.
    pub(crate) after: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeResult {
    Done,
    /// The reason, from [`Refusal::reason`](crate::model::refusal::Refusal::reason).
    Refused(&'static str),
}

impl ChangeResult {
    /// The value in the table of changes. Statements and indexes of both databases contain the one
    /// of `Done`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(reason) => reason,
        }
    }
}

impl ChangeRecord {
    /// Whether its text can be edited, so that it has a number.
    pub(crate) fn is_editable(&self) -> bool {
        let change = self.change.as_ref();
        change.is_some_and(|change| change.entry().is_some() || change.notice().is_some())
    }

    /// Whether the record proves that text can be deleted from the announcement.
    pub(crate) fn has_removed(&self) -> bool {
        let change = self.change.as_ref();
        matches!(self.kind, ChangeKind::Undo | ChangeKind::Expire)
            && self.result == ChangeResult::Done
            && change.is_some_and(|change| change.after.announcement.is_some())
    }
}

/// The id of a row of the table of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeId(pub(crate) i64);

/// A row of the table of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedChange {
    pub(crate) id: ChangeId,
    pub(crate) job_ref: JobRef,
    pub(crate) kind: ChangeKind,
    pub(crate) actor: Option<OpenId>,
    pub(crate) approver: Option<OpenId>,
    pub(crate) summary: String,
    pub(crate) at: Timestamp,
    pub(crate) undone: bool,
    /// The number by which members refer to it; only for a text that can be edited.
    pub(crate) number: Option<u32>,
    /// The change whose text it edited.
    pub(crate) edits: Option<ChangeId>,
    /// Erased once the change is too old to be undone.
    pub(crate) change: Option<Change>,
}

impl RecordedChange {
    /// The kind of change whose right it takes to revert it.
    pub(crate) fn revertible_kind(&self) -> ChangeKind {
        let change = self.change.as_ref();
        match change.and_then(Change::edited_notice) {
            Some(_) => ChangeKind::Notice,
            None => self.kind,
        }
    }

    /// The list of groups that it went to, if it is a broadcast.
    pub(crate) fn broadcast(&self) -> Option<&str> {
        self.change.as_ref()?.after.broadcast.as_deref()
    }

    /// The new top notice; `None` if the change does not affect it or was erased.
    pub(crate) fn top(&self) -> Option<&PinnedItem> {
        self.change.as_ref()?.top()
    }
}
