//! How far an announcement has come that takes several calls.

use feishu::BlockId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::content::{Document, Snapshot};
use crate::model::schedule::AnnounceOptions;

/// An announcement under way. It may take several calls, and what was written
/// must be told from what was not when an answer is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The whole of it: a message that was replied to may change meanwhile.
    pub(crate) document: Document,
    pub(crate) options: AnnounceOptions,
    /// How far it has come, once a write was tried.
    pub(crate) written: Option<WriteProgress>,
}

impl Progress {
    /// Whether it is about taking something out, not about writing.
    pub(crate) fn is_removal(&self) -> bool {
        matches!(
            self.written,
            Some(WriteProgress::Removal { .. } | WriteProgress::Restoral(_))
        )
    }
}

/// How far an announcement has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WriteProgress {
    /// The `doc` kind, written by one call.
    Legacy {
        /// Set before it is made, until its answer is known.
        pending: Option<Pending>,
        /// Whether people go without a mention.
        nameless: bool,
        /// What it replaces, as it stood when that call was sent.
        snapshot: Option<Snapshot>,
        /// Whether it goes above what it was to replace, as nothing can be
        /// deleted.
        above: bool,
    },
    /// An entry is being taken out of a `doc` one, and what it replaced written again.
    Removal {
        /// Set before the call is sent, until its answer is known.
        pending: Option<Pending>,
        /// Whether people go without a mention.
        nameless: bool,
    },
    /// The `docx` kind.
    Docx {
        #[serde(flatten)]
        creation: Creation,
        /// Whether people go without a mention.
        nameless: bool,
        /// What it replaces.
        snapshot: Option<Snapshot>,
    },
    /// What an entry of a `docx` one replaced is written again.
    Restoral(Restoration),
}

/// Former blocks on their way back into a `docx` announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Restoration {
    /// Before which block right below the page.
    pub(crate) at: usize,
    /// Which blocks, as they were known: those that did not stand any more.
    pub(crate) missing: Vec<BlockId>,
    #[serde(flatten)]
    pub(crate) creation: Creation,
    /// Whether people go without a mention.
    pub(crate) nameless: bool,
}

impl Restoration {
    /// What stands again with all below it: each block as it was known, and as it is known since.
    pub(crate) fn restored(self) -> Vec<(BlockId, BlockId)> {
        let Creation {
            page_blocks, whole, ..
        } = self.creation;
        let pairs = self.missing.into_iter().zip(page_blocks);
        pairs.take(whole).collect()
    }
}

/// How far the planned calls have come that write into a `docx` announcement in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creation {
    /// How many calls were made already.
    pub(crate) calls: usize,
    /// The blocks that they created and later ones write below, in order.
    pub(crate) parents: Vec<BlockId>,
    /// Those that they created right below the page, in order.
    pub(crate) page_blocks: Vec<BlockId>,
    /// So many of these, the first ones, stand with all that is to stand below them.
    pub(crate) whole: usize,
    /// The revision that the last answer named; −1 is the latest.
    pub(crate) revision: i64,
}

impl Creation {
    /// Nothing yet, at this revision.
    pub(crate) fn at(revision: i64) -> Self {
        Self {
            calls: 0,
            parents: Vec::new(),
            page_blocks: Vec::new(),
            whole: 0,
            revision,
        }
    }
}

impl Progress {
    /// Whether a call may have changed the announcement.
    pub(crate) fn may_have_changed(&self) -> bool {
        match &self.written {
            None => false,
            Some(
                WriteProgress::Legacy { pending, .. } | WriteProgress::Removal { pending, .. },
            ) => pending.is_some(),
            Some(WriteProgress::Docx { creation, .. }) => creation.calls > 0,
            Some(WriteProgress::Restoral(_)) => true,
        }
    }
}

/// A chunk that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// How often exactly its paragraphs stood in the announcement before.
    pub(crate) seen_before: usize,
    /// When it was sent.
    pub(crate) sent_at: Timestamp,
    /// Whether the last of its insertions was expected to come out first.
    pub(crate) later_first: bool,
    /// Whether it was to put blocks in order that had come out in reverse.
    pub(crate) repairs: bool,
}
