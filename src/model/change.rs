//! What the bot changes in a chat, as it is remembered: for `/history`, for
//! `/undo`, for what is taken back when its time is over, and for whoever asks
//! later who did it.

use std::time::Duration;

use feishu::{BlockId, MessageId, OpenId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use crate::command::ChangeKind;
use crate::content::{Entry, Snapshot};
use crate::model::job::JobRef;

/// A change can be taken back for this long; then what people wrote is forgotten.
pub(crate) const UNDO_AGE: Duration = Duration::from_hours(7 * 24);

/// What stands at the top of a chat, as far as the bot knows: the platform has
/// no call that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PinnedItem {
    /// The bot has put nothing there yet; somebody may have.
    Unknown,
    /// The bot took off what was there.
    Nothing,
    /// This message.
    Message(MessageId),
    /// The group announcement.
    Announcement,
}

/// A change: what stood before it, as far as it takes to undo it, and what stands since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) before: State,
    pub(crate) after: State,
}

/// What stands in the two places that the bot changes; nothing for a place that the change is not
/// about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top: Option<PinnedItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) announcement: Option<AnnouncementState>,
}

/// What stands in an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnnouncementState {
    /// What others have written, whatever it is.
    Others,
    /// An entry of the bot's, above what others have written or in its place.
    Entry(PlacedEntry),
    /// All of it, as it was saved before it was replaced.
    Body(Snapshot),
    /// What was saved was written again: each block as it was known, and as it is known since.
    Restored(Vec<(BlockId, BlockId)>),
}

/// An entry as it was written, by which it is found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlacedEntry {
    pub(crate) entry: Entry,
    /// From some call on the platform took no mention, and people went by their
    /// names; those before it stand as they are.
    pub(crate) nameless: bool,
    pub(crate) kind: PlacedBlocks,
}

/// The kind of announcement that an entry stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlacedBlocks {
    /// It is found by what it says.
    Doc,
    Docx {
        /// Right below the page.
        blocks: Vec<BlockId>,
    },
}

/// The two things in a chat that the bot changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Top,
    Announcement,
    Both,
}

impl Change {
    /// Another thing stands at the top.
    pub(crate) fn of_top(before: PinnedItem, after: PinnedItem) -> Self {
        Self::default().with_top(Some(before), after)
    }

    /// Another thing stands in the announcement.
    pub(crate) fn of_announcement(before: AnnouncementState, after: AnnouncementState) -> Self {
        let state = |standing| State {
            top: None,
            announcement: Some(standing),
        };
        Self {
            before: state(before),
            after: state(after),
        }
    }

    /// Nothing of the bot's stands in the announcement any more but what was written there again.
    pub(crate) fn restored(blocks: Vec<(BlockId, BlockId)>) -> Self {
        let mut change = Self::default();
        change.after.announcement = Some(if blocks.is_empty() {
            AnnouncementState::Others
        } else {
            AnnouncementState::Restored(blocks)
        });
        change
    }

    /// The same, and another thing stands at the top as well; what stood there before need not be
    /// known.
    pub(crate) fn with_top(mut self, before: Option<PinnedItem>, after: PinnedItem) -> Self {
        self.before.top = before;
        self.after.top = Some(after);
        self
    }

    /// What the change is about; nothing if it is about nothing.
    pub(crate) fn place(&self) -> Option<Place> {
        match (&self.after.top, &self.after.announcement) {
            (Some(_), Some(_)) => Some(Place::Both),
            (Some(_), None) => Some(Place::Top),
            (None, Some(_)) => Some(Place::Announcement),
            (None, None) => None,
        }
    }

    /// What stands at the top since; nothing where that was not changed.
    pub(crate) fn top(&self) -> Option<&PinnedItem> {
        self.after.top.as_ref()
    }
}

/// What came of a job that was to change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeRecord {
    pub(crate) kind: ChangeKind,
    /// Whoever asked for it.
    pub(crate) actor: Option<OpenId>,
    /// The first words of what was written.
    pub(crate) summary: String,
    pub(crate) result: ChangeResult,
    /// The platform's id of the answer that refused it.
    pub(crate) log_id: Option<String>,
    /// What was changed; nothing where it was refused.
    pub(crate) change: Option<Change>,
    /// The change that it took back; where it was refused, the one that cannot
    /// be taken back.
    pub(crate) reverts: Option<ChangeId>,
}

/// Whether a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeResult {
    Done,
    /// It was not, for this reason: a word of [`Refusal::reason`](crate::model::refusal::Refusal::reason).
    Refused(&'static str),
}

impl ChangeResult {
    /// Its word in the table of changes; statements and indexes of both stores name that of `Done`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(reason) => reason,
        }
    }
}

impl ChangeRecord {
    /// Whether it shows that text can be removed from the announcement.
    pub(crate) fn has_removed(&self) -> bool {
        let place = self.change.as_ref().and_then(Change::place);
        matches!(self.kind, ChangeKind::Undo | ChangeKind::Expire)
            && self.result == ChangeResult::Done
            && matches!(place, Some(Place::Announcement | Place::Both))
    }
}

/// A row of the table of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangeId(pub(crate) i64);

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedChange {
    pub(crate) id: ChangeId,
    pub(crate) job_ref: JobRef,
    pub(crate) kind: ChangeKind,
    pub(crate) actor: Option<OpenId>,
    pub(crate) summary: String,
    pub(crate) at: Timestamp,
    pub(crate) undone: bool,
    /// Gone when it is too old to be undone.
    pub(crate) change: Option<Change>,
}
