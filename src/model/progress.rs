//! The progress of an announcement that takes several calls.

use feishu::{BlockId, MessageId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::content::{Document, Entry, Snapshot};
use crate::model::change::{ChangeId, PlacedEntry, PostedNotice};
use crate::model::outcome::NotCopied;
use crate::model::schedule::AnnounceOptions;

/// An announcement in progress. If a response is lost, the progress tells which blocks may have
/// been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The full text: a message that was replied to may be edited in the meantime.
    pub(crate) document: Document,
    pub(crate) options: AnnounceOptions,
    /// `None` before the first write.
    pub(crate) written: Option<WriteProgress>,
    /// `None` before the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notification: Option<NotificationProgress>,
}

/// The progress of a message of the bot: the one that mentions everybody, or a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotificationProgress {
    /// It may have been sent, at this time or later.
    Pending { since: Timestamp },
    /// It was sent; the answer may not name it.
    Sent { message: Option<MessageId> },
}

impl NotificationProgress {
    /// The message, if it was sent and is known.
    pub(crate) fn message(&self) -> Option<&MessageId> {
        match self {
            Self::Pending { .. } => None,
            Self::Sent { message } => message.as_ref(),
        }
    }
}

impl Progress {
    /// Whether an earlier entry is being removed or edited, which its command names again.
    pub(crate) fn concerns_earlier(&self) -> bool {
        match &self.written {
            Some(
                WriteProgress::LegacyRevert(_)
                | WriteProgress::DocxRevert(_)
                | WriteProgress::Edit(_)
                | WriteProgress::NoticeEdit(_),
            ) => true,
            Some(WriteProgress::Notice(notice)) => notice.replaces.is_some(),
            _ => false,
        }
    }

    /// Whether `/edit` gives an entry another text.
    pub(crate) fn edits(&self) -> bool {
        match &self.written {
            Some(WriteProgress::Edit(edit)) => edit.reason == EditReason::Edit,
            Some(WriteProgress::NoticeEdit(edit)) => edit.reason == EditReason::Edit,
            Some(WriteProgress::Notice(notice)) => notice.replaces == Some(EditReason::Edit),
            _ => false,
        }
    }

    /// Whether a call may have changed the announcement.
    pub(crate) fn may_have_changed(&self) -> bool {
        match &self.written {
            None => false,
            Some(WriteProgress::Legacy { call, .. } | WriteProgress::LegacyRevert(call)) => {
                call.pending.is_some()
            }
            Some(WriteProgress::Docx { creation, .. }) => creation.calls > 0,
            Some(WriteProgress::NoticeEdit(edit)) => edit.is_pending,
            Some(
                WriteProgress::DocxRevert(_) | WriteProgress::Edit(_) | WriteProgress::Notice(_),
            ) => true,
        }
    }
}

/// The calls that were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WriteProgress {
    /// Writes into a `doc` announcement.
    Legacy {
        #[serde(flatten)]
        call: LegacyCall,
        /// The content that it replaces, as read before the call.
        snapshot: Option<Snapshot>,
        /// Whether the text goes above the content that it should replace, because deletion is not
        /// possible.
        cannot_delete: bool,
    },
    /// Removes an entry of a `doc` announcement and restores the content that it replaced.
    LegacyRevert(LegacyCall),
    /// Writes into a `docx` announcement.
    Docx {
        #[serde(flatten)]
        creation: Creation,
        /// The content that it replaces.
        snapshot: Option<Snapshot>,
    },
    /// Restores the content that an entry of a `docx` announcement replaced.
    DocxRevert(Restoration),
    /// Gives an entry another text.
    Edit(Box<EditProgress>),
    /// Posts a card.
    Notice(NoticeProgress),
    /// Gives a card another text.
    NoticeEdit(Box<NoticeEdit>),
}

/// A card that gets another text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoticeEdit {
    /// The change that posted the card.
    pub(crate) id: ChangeId,
    pub(crate) reason: EditReason,
    pub(crate) from: PostedNotice,
    pub(crate) to: Entry,
    /// Whether a call may have changed the card.
    pub(crate) is_pending: bool,
}

/// The progress of posting a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoticeProgress {
    /// Why, if it takes the place of an earlier card.
    pub(crate) replaces: Option<EditReason>,
    /// Whether names are written instead of mentions, which the platform rejected.
    pub(crate) without_mentions: bool,
    /// `None` if it was certainly not sent.
    pub(crate) sent: Option<NotificationProgress>,
}

/// The progress of giving an entry another text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EditProgress {
    /// The change that wrote the entry.
    pub(crate) id: ChangeId,
    pub(crate) reason: EditReason,
    pub(crate) from: PlacedEntry,
    pub(crate) to: Entry,
    pub(crate) step: EditStep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EditReason {
    Edit,
    /// An edit is undone.
    Undo,
}

/// The calls that give an entry another text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EditStep {
    /// Blocks of a `docx` announcement get other texts.
    Update {
        /// Whether names are written instead of mentions, which the platform rejected.
        without_mentions: bool,
    },
    /// Blocks of a `docx` announcement are written before those of the entry.
    Replace {
        /// The index at the top level of the page at which the blocks are inserted.
        at: usize,
        creation: Creation,
    },
    /// The call to a `doc` announcement.
    Legacy(LegacyCall),
}

/// The progress of restoring replaced blocks in a `docx` announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restoration {
    /// The index at the top level of the page at which the blocks are inserted.
    pub(crate) at: usize,
    /// The old ids of the blocks to restore: those that the page lacks.
    pub(crate) missing: Vec<BlockId>,
    #[serde(flatten)]
    pub(crate) creation: Creation,
}

impl Restoration {
    /// The blocks that are restored with all their children, and the files in them: pairs of old and
    /// new id.
    pub(crate) fn restored(self) -> Vec<(BlockId, BlockId)> {
        let Creation {
            page_blocks,
            whole,
            media,
            ..
        } = self.creation;
        let tokens = media.into_iter().filter_map(|state| match state {
            MediaState::Shown {
                token,
                before: Some(before),
            } => Some((BlockId::from(before), BlockId::from(token))),
            _ => None,
        });
        let pairs = self.missing.into_iter().zip(page_blocks);
        pairs.take(whole).chain(tokens).collect()
    }
}

/// The progress of a sequence of calls that create blocks in a `docx` announcement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creation {
    /// The number of calls that succeeded.
    pub(crate) calls: usize,
    /// The blocks they created that are parents in later calls, in order.
    pub(crate) parents: Vec<BlockId>,
    /// The blocks they created at the top level of the page, in order.
    pub(crate) page_blocks: Vec<BlockId>,
    /// The number of leading `page_blocks` whose children are all written.
    pub(crate) whole: usize,
    /// The revision in the last response; −1 is the latest.
    pub(crate) revision: i64,
    /// Whether names are written instead of mentions, which the platform rejected.
    pub(crate) without_mentions: bool,
    /// The pictures and files, in order; empty before the first is copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) media: Vec<MediaState>,
    /// Why lines are written in place of the blocks of pictures and files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lines_instead: Option<NotCopied>,
    /// The number of attempts to copy any of them that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) media_failures: u32,
}

/// How far a picture or a file was copied into its block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaState {
    /// The block is empty.
    Empty,
    /// It was uploaded for the block, which does not show it yet.
    Uploaded { token: String },
    /// The block shows it.
    Shown {
        token: String,
        /// The token of the copy that it restores.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// It cannot be copied, and its block is still there.
    Refused(NotCopied),
    /// Its empty block is being deleted.
    Deleting(NotCopied),
    /// Its empty block was deleted.
    Deleted(NotCopied),
    /// A line in place of its block names it.
    Named(NotCopied),
    /// A member deleted its block.
    Gone,
}

impl MediaState {
    /// Whether no call has shown the file yet.
    pub(crate) fn is_before_effect(&self) -> bool {
        matches!(self, Self::Empty | Self::Uploaded { .. })
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Shown { .. } | Self::Named(_) | Self::Gone)
    }

    /// Why a line is in its place.
    pub(crate) fn not_copied(&self) -> Option<NotCopied> {
        match self {
            Self::Named(why) => Some(*why),
            _ => None,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde wants"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Creation {
    pub(crate) fn at(revision: i64) -> Self {
        Self {
            revision,
            ..Self::default()
        }
    }
}

/// The progress of the one call that writes into a `doc` announcement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegacyCall {
    /// Set from before the call until its result is known.
    pub(crate) pending: Option<PendingRequest>,
    /// Whether names are written instead of mentions, which the platform rejected.
    pub(crate) without_mentions: bool,
}

/// A request to a `doc` announcement whose result may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingRequest {
    /// The number of occurrences of its paragraphs in the announcement before the request.
    pub(crate) seen_before: usize,
    pub(crate) sent_at: Timestamp,
    #[serde(flatten)]
    pub(crate) order: InsertOrder,
}

/// The order of the insertions of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InsertOrder {
    /// Whether the platform is expected to put the last insertion first.
    pub(crate) later_first: bool,
    /// Whether the request rewrites blocks that came out in reverse order.
    pub(crate) repairs: bool,
}
