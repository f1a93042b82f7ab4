//! Gives an entry another text, if members have not edited it.
//!
//! In a `docx` announcement, blocks get other texts where both texts have the same structure, so
//! that ids, comments and positions stay. Otherwise the new blocks are written before the old ones,
//! which are deleted afterwards. In a `doc` announcement one call replaces the entry.
//!
//! Everything derives from the former and the new text, so each attempt makes the same calls.

use feishu::{Block, BlockId, Medium};

use super::creation::BlockCreation;
use super::legacy::{self, LegacyWrite, WritePosition, is_refused};
use super::page::page_of;
use super::revert::{Found, WrittenDocx, find_docx, moved};
use super::{AnnouncementRequest, Context, Failure, docx, page};
use crate::action::context::Effect;
use crate::model::change::{Change, EditedChange, PlacedBlocks, PlacedEntry};
use crate::model::outcome::{Done, NotCopied};
use crate::model::progress::{
    Creation, EditProgress, EditReason, EditStep, LegacyCall, WriteProgress,
};
use crate::model::refusal::Cause;
pub(in crate::action) use request::Rewrite;
use request::begun;
use update::{have_same_structure, update};

mod request;
mod update;

/// An entry after it was rewritten.
pub(in crate::action) struct Rewritten {
    pub(in crate::action) entry: PlacedEntry,
    /// Why blocks with the former text were not deleted.
    pub(in crate::action) not_deleted: Option<Failure>,
    /// The pictures and files that are named by lines.
    pub(in crate::action) named: Vec<(Medium, NotCopied)>,
}

impl From<PlacedEntry> for Rewritten {
    fn from(entry: PlacedEntry) -> Self {
        Self {
            entry,
            not_deleted: None,
            named: Vec::new(),
        }
    }
}

/// Gives the entry its new text, continuing from the last attempt.
pub(in crate::action) async fn rewrite(
    rewrite: Rewrite<'_>,
    context: Context<'_>,
) -> Result<Rewritten, Failure> {
    match &rewrite.from.kind {
        PlacedBlocks::Doc => {
            let entry = rewrite_legacy(rewrite, context).await?;
            let media = rewrite.to.media();
            Ok(Rewritten {
                named: media
                    .map(|file| (file.medium, NotCopied::OldKind))
                    .collect(),
                ..Rewritten::from(entry)
            })
        }
        PlacedBlocks::Docx { blocks } => {
            let written = rewrite.written(blocks, context).await?;
            let old = written.forms.first().map_or(&[][..], Vec::as_slice);
            let earlier = begun(context);
            let mut files = rewrite.from.entry.media();
            if !matches!(earlier, Some(EditStep::Replace { .. }))
                && files.all(|file| file.token.is_some())
                && written.ids.len() == old.len()
                && have_same_structure(old, &rewrite.to.to_docx())
            {
                update(rewrite, &written, context)
                    .await
                    .map(Rewritten::from)
            } else {
                replace(rewrite, &written, earlier, context).await
            }
        }
    }
}

/// Undoes an edit that was given up, which may have had no effect, or only part of it: then `before`
/// is still there.
pub(in crate::action) async fn unwrite(
    rewrite: Rewrite<'_>,
    before: &PlacedEntry,
    context: Context<'_>,
) -> Result<Rewritten, Failure> {
    let was_begun = begun(context).is_some();
    match &before.kind {
        _ if was_begun => {}
        PlacedBlocks::Doc => {
            let (_, document) = legacy::read(context).await.map_err(moved)?;
            let find = |entry: &PlacedEntry| legacy::find(&entry.written().to_legacy(), &document);
            if find(before).is_some() && find(rewrite.from).is_none() {
                return Ok(before.clone().into());
            }
        }
        PlacedBlocks::Docx { blocks } => {
            let written = rewrite.written_as(before, blocks, context).await?;
            if let Ok(Found { positions, .. }) = find_docx(&written, context).await
                && !positions.is_empty()
                && positions.len() == written.ids.len()
            {
                remove_others(rewrite, &written.ids, context).await?;
                return Ok(before.clone().into());
            }
        }
    }
    self::rewrite(rewrite, context).await
}

/// Deletes the blocks of an edit that was given up before it deleted the former text.
async fn remove_others(
    rewrite: Rewrite<'_>,
    kept: &[BlockId],
    context: Context<'_>,
) -> Result<(), Failure> {
    let PlacedBlocks::Docx { blocks } = &rewrite.from.kind else {
        return Ok(());
    };
    let written = rewrite.written(blocks, context).await?;
    if written.ids.iter().any(|id| kept.contains(id)) {
        return Ok(());
    }
    remove(&written, context).await
}

/// The effect of an edit that was given up, if it may have one.
pub(super) fn partial_effect(progress: EditProgress) -> Option<Effect> {
    let EditProgress {
        id,
        reason,
        from,
        to,
        step,
    } = progress;
    // An undo that was given up is repeated by the next one.
    if reason == EditReason::Undo {
        return None;
    }
    let placed = |without_mentions, kind| PlacedEntry {
        entry: to.clone(),
        without_mentions,
        kind,
    };
    let after = match step {
        EditStep::Update { without_mentions } => placed(without_mentions, from.kind.clone()),
        EditStep::Replace { creation, .. } => docx::placed(&to, creation),
        EditStep::Legacy(LegacyCall { pending: None, .. }) => return None,
        EditStep::Legacy(call) => placed(call.without_mentions, PlacedBlocks::Doc),
    };
    Some(Effect {
        change: Some(Change::of_edit(from, after)),
        edited: Some(EditedChange { id, after: None }),
        ..Effect::new(Done::Edited)
    })
}

/// Writes the new blocks before the old ones, then deletes these.
async fn replace(
    rewrite: Rewrite<'_>,
    written: &WrittenDocx,
    earlier: Option<EditStep>,
    context: Context<'_>,
) -> Result<Rewritten, Failure> {
    let (at, creation) = if let Some(EditStep::Replace { at, creation }) = earlier {
        (at, creation)
    } else {
        let found = find_docx(written, context).await?;
        let at = found.positions.iter().min().copied();
        (at.ok_or(Cause::EntryGone)?, Creation::at(found.revision))
    };
    // Stored before the first call: the position must not depend on the blocks that are written.
    let creation_so_far = creation.clone();
    let step = |creation| EditStep::Replace { at, creation };
    rewrite.save(step(creation_so_far), context).await?;
    let named = rewrite.to.mentions_anybody();
    let named = named.then(|| rewrite.to.without_mentions().to_docx());
    let mut writing = BlockCreation::new("edit", at, rewrite.to.to_docx(), named, creation);
    let progress = |creation| WriteProgress::Edit(Box::new(rewrite.progress(step(creation))));
    let request = AnnouncementRequest::OF_REVERT;
    writing.run(request, progress, context).await?;
    if writing.loses_files() {
        let (revision, blocks) = page::read::<Block>(context).await?;
        let page = page_of(&blocks, context.chat_id);
        let new = &writing.creation.page_blocks;
        let positions = (0..page.len()).filter(|position| new.contains(&page[*position]));
        let deletion = page::delete(positions.collect(), revision, context).await;
        return Err(deletion.failure.unwrap_or(Cause::FilesNotCopied.into()));
    }
    let named = writing.named_media().collect();
    let entry = docx::placed(rewrite.to, writing.creation);
    let not_deleted = match remove(written, context).await {
        Err(Failure::Refused(cause)) => Some(Failure::Refused(cause)),
        // It is unknown whether the blocks were deleted, or they may be at the next attempt.
        Err(failure) => return Err(failure),
        Ok(()) => None,
    };
    Ok(Rewritten {
        entry,
        not_deleted,
        named,
    })
}

async fn remove(written: &WrittenDocx, context: Context<'_>) -> Result<(), Failure> {
    let found = find_docx(written, context).await?;
    let deletion = page::delete(found.positions, found.revision, context).await;
    deletion.failure.map_or(Ok(()), Err)
}

async fn rewrite_legacy(
    rewrite: Rewrite<'_>,
    context: Context<'_>,
) -> Result<PlacedEntry, Failure> {
    let call = match begun(context) {
        Some(EditStep::Legacy(call)) => call,
        _ => LegacyCall::default(),
    };
    let former = rewrite.from.written().to_legacy();
    let progress = rewrite.progress(EditStep::Legacy(call));
    let named = rewrite.to.mentions_anybody();
    let mut writing = LegacyWrite {
        blocks: rewrite.to.to_legacy(),
        blocks_without_mentions: named.then(|| rewrite.to.without_mentions().to_legacy()),
        position: WritePosition::Edited(&former, &progress),
        call,
        short: false,
        request: AnnouncementRequest::OF_REVERT,
        context,
    };
    match writing.run().await {
        // Some `doc` announcements do not allow deletion.
        Err(failure) if is_refused(&failure) => Err(Cause::CannotDelete.into()),
        ended => ended.map_err(moved),
    }?;
    Ok(rewrite.placed(writing.call.without_mentions, PlacedBlocks::Doc))
}
