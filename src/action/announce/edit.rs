//! Gives an entry another text, if members have not edited it.
//!
//! In a `docx` announcement, blocks get other texts where both texts have the same structure, so
//! that ids, comments and positions stay. Otherwise the new blocks are written before the old ones,
//! which are deleted afterwards. In a `doc` announcement one call replaces the entry.
//!
//! Everything derives from the former and the new text, so each attempt makes the same calls.

use feishu::{Block, BlockChange, BlockId, BlockUpdate, TextBlock, UpdateBlocks};
use serde_json::json;

use super::creation::{BlockCreation, LATEST, OVER_LENGTH, OVER_MENTIONS, has_code};
use super::fill::Wanted;
use super::legacy::{self, LegacyWrite, WritePosition, is_refused};
use super::revert::{Found, WrittenDocx, block_of, find_docx, moved, page_of};
use super::{AnnouncementRequest, Context, Failure, page};
use crate::action::announce::common::failed;
use crate::action::context::Effect;
use crate::content::{DocxNode, Entry};
use crate::model::change::{Change, ChangeId, EditedChange, PlacedBlocks, PlacedEntry, State};
use crate::model::outcome::Done;
use crate::model::progress::{
    Creation, EditProgress, EditReason, EditStep, LegacyCall, WriteProgress,
};
use crate::model::refusal::{Call, Cause};

/// Maximum number of blocks per call.
const UPDATES: usize = 200;

/// A new text for an entry.
#[derive(Clone, Copy)]
pub(in crate::action) struct Rewrite<'a> {
    /// The change that wrote the entry.
    pub(in crate::action) id: ChangeId,
    pub(in crate::action) reason: EditReason,
    pub(in crate::action) from: &'a PlacedEntry,
    pub(in crate::action) to: &'a Entry,
}

/// An entry after it was rewritten.
pub(in crate::action) struct Rewritten {
    pub(in crate::action) entry: PlacedEntry,
    /// Why blocks with the former text were not deleted.
    pub(in crate::action) not_deleted: Option<Failure>,
}

impl From<PlacedEntry> for Rewritten {
    fn from(entry: PlacedEntry) -> Self {
        let not_deleted = None;
        Self { entry, not_deleted }
    }
}

/// Gives the entry its new text, continuing from the last attempt.
pub(in crate::action) async fn rewrite(
    rewrite: Rewrite<'_>,
    context: Context<'_>,
) -> Result<Rewritten, Failure> {
    match &rewrite.from.kind {
        PlacedBlocks::Doc => rewrite_legacy(rewrite, context).await.map(Rewritten::from),
        PlacedBlocks::Docx { blocks } => {
            let written = rewrite.written(blocks, context).await?;
            let old = written.forms.first().map_or(&[][..], Vec::as_slice);
            let earlier = begun(context);
            if !matches!(earlier, Some(EditStep::Replace { .. }))
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

/// Undoes an edit that may have had no effect, or only part of it: then `before` is still there.
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
    let found = find_docx(&written, context).await?;
    let deletion = page::delete(found.positions, found.revision, context).await;
    deletion.failure.map_or(Ok(()), Err)
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
    let (without_mentions, kind) = match step {
        EditStep::Update { without_mentions } => (without_mentions, from.kind.clone()),
        EditStep::Replace { creation, .. } => {
            let blocks = creation.page_blocks;
            (creation.without_mentions, PlacedBlocks::Docx { blocks })
        }
        EditStep::Legacy(LegacyCall { pending: None, .. }) => return None,
        EditStep::Legacy(call) => (call.without_mentions, PlacedBlocks::Doc),
    };
    let after = PlacedEntry {
        entry: to,
        without_mentions,
        kind,
    };
    Some(Effect {
        change: Some(Change::of_edit(from, after)),
        // It stays as it is, because nobody knows which text is there.
        edited: Some(EditedChange {
            id,
            after: State::default(),
        }),
        ..Effect::new(Done::Edited)
    })
}

impl Rewrite<'_> {
    async fn written(
        &self,
        blocks: &[BlockId],
        context: Context<'_>,
    ) -> Result<WrittenDocx, Failure> {
        self.written_as(self.from, blocks, context).await
    }

    async fn written_as(
        &self,
        placed: &PlacedEntry,
        blocks: &[BlockId],
        context: Context<'_>,
    ) -> Result<WrittenDocx, Failure> {
        let renames = context.store.restored_since(context.chat(), self.id);
        Ok(WrittenDocx::of(placed, blocks, &renames.await?))
    }

    fn progress(&self, step: EditStep) -> EditProgress {
        EditProgress {
            id: self.id,
            reason: self.reason,
            from: self.from.clone(),
            to: self.to.clone(),
            step,
        }
    }

    async fn save(&self, step: EditStep, context: Context<'_>) -> Result<(), Failure> {
        let written = WriteProgress::Edit(Box::new(self.progress(step)));
        let request = AnnouncementRequest::OF_REVERT;
        context.save(request, Some(written)).await
    }

    fn placed(&self, without_mentions: bool, kind: PlacedBlocks) -> PlacedEntry {
        PlacedEntry {
            entry: self.to.clone(),
            without_mentions,
            kind,
        }
    }
}

/// The step of an earlier attempt.
fn begun(context: Context<'_>) -> Option<EditStep> {
    match context.written() {
        Some(WriteProgress::Edit(progress)) => Some(progress.step),
        _ => None,
    }
}

/// Whether only texts differ. Entries with containers, such as tables, are written anew.
fn have_same_structure(old: &[DocxNode], new: &[DocxNode]) -> bool {
    old.len() == new.len()
        && !old.iter().any(Wanted::has_container)
        && old.iter().zip(new).all(|(old, new)| {
            let is_same = match (&old.block.text, &new.block.text) {
                (Some(_), Some(_)) => old.block.block_type == new.block.block_type,
                _ => old.block == new.block,
            };
            is_same && have_same_structure(&old.children, &new.children)
        })
}

/// Gives blocks their new texts.
async fn update(
    rewrite: Rewrite<'_>,
    written: &WrittenDocx,
    context: Context<'_>,
) -> Result<PlacedEntry, Failure> {
    let earlier = begun(context);
    let mut without_mentions = match earlier {
        Some(EditStep::Update { without_mentions }) => without_mentions,
        _ => false,
    };
    let (_, blocks) = page::read::<Block>(context).await?;
    let page = page_of(&blocks, context.chat_id);
    if !written.ids.iter().any(|id| page.contains(id)) {
        return Err(Cause::EntryGone.into());
    }
    let updated = WrittenDocx {
        forms: vec![
            rewrite.to.to_docx(),
            rewrite.to.without_mentions().to_docx(),
        ],
        ids: written.ids.clone(),
        is_signed: false,
    };
    let is_unedited = |(position, id): (usize, &BlockId)| {
        page.contains(id)
            && (written.is_as_written(position, id, &blocks)
                || earlier.is_some() && updated.is_as_written(position, id, &blocks))
    };
    if !written.ids.iter().enumerate().all(is_unedited) {
        return Err(Cause::EntryChanged.into());
    }
    loop {
        rewrite
            .save(EditStep::Update { without_mentions }, context)
            .await?;
        let form = &updated.forms[usize::from(without_mentions)];
        match send_texts(written, form, &blocks, without_mentions, context).await {
            Err(Failure::Call(_, error))
                if has_code(&error, &OVER_MENTIONS) && !without_mentions =>
            {
                without_mentions = rewrite.to.mentions_anybody();
                if !without_mentions {
                    return Err(failed(Call::WriteAnnouncement)(error));
                }
            }
            Err(failure) => return Err(failure),
            Ok(()) => break,
        }
    }
    let blocks = written.ids.clone();
    Ok(rewrite.placed(without_mentions, PlacedBlocks::Docx { blocks }))
}

/// Sends the texts that differ from the former ones.
async fn send_texts(
    written: &WrittenDocx,
    form: &[DocxNode],
    blocks: &[Block],
    without_mentions: bool,
    context: Context<'_>,
) -> Result<(), Failure> {
    let mut texts = Vec::new();
    for (position, id) in written.ids.iter().enumerate() {
        let former: Vec<&DocxNode> = written
            .forms
            .iter()
            .filter_map(|nodes| nodes.get(position))
            .collect();
        if let Some(new) = form.get(position) {
            collect_texts(&former, new, id, blocks, &mut texts);
        }
    }
    let kind = if without_mentions { "names" } else { "texts" };
    for (number, texts) in texts.chunks(UPDATES).enumerate() {
        let key = format!("edit {kind} {number}");
        let updates: Vec<_> = texts.iter().map(|(id, text)| text_of(id, text)).collect();
        let sent = match send(&updates, &key, context).await {
            Err(error) if has_code(&error, &OVER_LENGTH) => match in_short_runs(texts) {
                Some(short) => send(&short, &format!("{key} short"), context).await,
                None => Err(error),
            },
            sent => sent,
        };
        sent.map_err(failed(Call::WriteAnnouncement))?;
    }
    Ok(())
}

/// Collects the texts of a node and its children that differ from the former ones, with the ids of
/// their blocks.
fn collect_texts(
    former: &[&DocxNode],
    new: &DocxNode,
    id: &BlockId,
    blocks: &[Block],
    texts: &mut Vec<(BlockId, TextBlock)>,
) {
    if let Some(text) = &new.block.text {
        let reads_like = |node: &&DocxNode| {
            let former = node.block.text.as_ref();
            former.is_some_and(|former| former.reads_like(text))
        };
        if !former.iter().all(reads_like) {
            texts.push((id.clone(), text.clone()));
        }
    }
    let children = block_of(id.as_str(), blocks).map_or(&[][..], |block| &block.children);
    for (position, (new, id)) in new.children.iter().zip(children).enumerate() {
        let former: Vec<&DocxNode> = former
            .iter()
            .filter_map(|node| node.children.get(position))
            .collect();
        collect_texts(&former, new, id, blocks, texts);
    }
}

fn text_of(id: &BlockId, text: &TextBlock) -> BlockUpdate {
    BlockUpdate {
        block_id: id.clone(),
        change: BlockChange::TextElements(json!(text.elements)),
    }
}

/// The same texts with long runs split; `None` if there are none.
fn in_short_runs(texts: &[(BlockId, TextBlock)]) -> Option<Vec<BlockUpdate>> {
    let paragraphs: Vec<Block> = texts
        .iter()
        .map(|(_, text)| Block::paragraph(text.elements.clone()))
        .collect();
    let short = feishu::with_short_docx_runs(&paragraphs)?;
    let updates = texts
        .iter()
        .zip(short)
        .map(|((id, _), mut short)| BlockUpdate {
            block_id: id.clone(),
            change: BlockChange::TextElements(short["text"]["elements"].take()),
        });
    Some(updates.collect())
}

async fn send(
    updates: &[BlockUpdate],
    key: &str,
    context: Context<'_>,
) -> Result<Option<i64>, feishu::Error> {
    let update = UpdateBlocks {
        updates,
        revision_id: LATEST,
        client_token: &context.job.key.idempotency_key(key).to_string(),
    };
    let client = context.client;
    client.update_docx_blocks(context.chat_id, update).await
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
    let creation = writing.creation;
    let blocks = creation.page_blocks;
    let entry = rewrite.placed(creation.without_mentions, PlacedBlocks::Docx { blocks });
    let not_deleted = match remove(written, context).await {
        Err(Failure::Refused(cause)) => Some(Failure::Refused(cause)),
        // It is unknown whether the blocks were deleted, or they may be at the next attempt.
        Err(failure) => return Err(failure),
        Ok(()) => None,
    };
    Ok(Rewritten { entry, not_deleted })
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
