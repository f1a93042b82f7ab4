//! What an edit is to do, and how far it got.

use feishu::BlockId;

use crate::action::announce::revert::WrittenDocx;
use crate::action::context::{AnnouncementRequest, Context, Failure};
use crate::content::Entry;
use crate::model::change::{ChangeId, PlacedBlocks, PlacedEntry};
use crate::model::progress::{EditProgress, EditReason, EditStep, WriteProgress};

/// A new text for an entry.
#[derive(Clone, Copy)]
pub(in crate::action) struct Rewrite<'a> {
    /// The change that wrote the entry.
    pub(in crate::action) id: ChangeId,
    pub(in crate::action) reason: EditReason,
    pub(in crate::action) from: &'a PlacedEntry,
    pub(in crate::action) to: &'a Entry,
}

impl Rewrite<'_> {
    pub(super) async fn written(
        &self,
        blocks: &[BlockId],
        context: Context<'_>,
    ) -> Result<WrittenDocx, Failure> {
        self.written_as(self.from, blocks, context).await
    }

    pub(super) async fn written_as(
        &self,
        placed: &PlacedEntry,
        blocks: &[BlockId],
        context: Context<'_>,
    ) -> Result<WrittenDocx, Failure> {
        let renames = context.store.restored_since(context.chat(), self.id);
        Ok(WrittenDocx::of(placed, blocks, &renames.await?))
    }

    pub(super) fn progress(&self, step: EditStep) -> EditProgress {
        EditProgress {
            id: self.id,
            reason: self.reason,
            from: self.from.clone(),
            to: self.to.clone(),
            step,
        }
    }

    pub(super) async fn save(&self, step: EditStep, context: Context<'_>) -> Result<(), Failure> {
        let written = WriteProgress::Edit(Box::new(self.progress(step)));
        let request = AnnouncementRequest::OF_REVERT;
        context.save(request, Some(written)).await
    }

    pub(super) fn placed(&self, without_mentions: bool, kind: PlacedBlocks) -> PlacedEntry {
        PlacedEntry {
            entry: self.to.clone(),
            without_mentions,
            kind,
        }
    }
}

/// The step of an earlier attempt.
pub(super) fn begun(context: Context<'_>) -> Option<EditStep> {
    match context.written() {
        Some(WriteProgress::Edit(progress)) => Some(progress.step),
        _ => None,
    }
}
