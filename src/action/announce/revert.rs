//! Removes an entry from the announcement, if members have not edited it, and restores the content
//! that it replaced.

use feishu::{Block, BlockId, BlockType, LegacyBlock, Medium, Operation, TextElement, codes};

use super::budget::{self, Reserved};
use super::creation::BlockCreation;
use super::fill::is_empty_line;
use super::legacy::{
    self, ATTEMPTS, WritePosition, contains_any_line, ensure_not_in_flight, find, find_unedited,
    is_refused, occurrences,
};
use super::page::{block_of, page_of};
use super::{AnnouncementRequest, Context, Failure, page};
use crate::action::announce::common::failed;
use crate::content::{DocxNode, Entry, MediaFile, Snapshot};
use crate::model::change::{ChangeId, PlacedBlocks, PlacedEntry};
use crate::model::progress::{
    Creation, InsertOrder, LegacyCall, PendingRequest, Restoration, WriteProgress,
};
use crate::model::refusal::{Call, Cause};

/// The result of a revert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::action) struct Reverted {
    /// Whether the entry was still in the announcement.
    pub(in crate::action) was_there: bool,
    /// Whether the replaced content was restored.
    pub(in crate::action) content_restored: bool,
    /// The restored blocks: pairs of old and new id. Blocks of a `doc` announcement have none.
    pub(in crate::action) restored: Vec<(BlockId, BlockId)>,
    /// The kinds of pictures and files that could not be copied again.
    pub(in crate::action) named: Vec<Medium>,
}

/// What to do if nothing of the entry is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::action) enum OnMissing {
    /// Restore the replaced content at the top.
    Restore,
    Leave,
}

/// An entry to remove.
#[derive(Clone, Copy)]
pub(in crate::action) struct EntryToRemove<'a> {
    /// The change that wrote it.
    pub(in crate::action) change: ChangeId,
    pub(in crate::action) placed: &'a PlacedEntry,
    /// What an edit that was given up may have made of it.
    pub(in crate::action) edited: Option<&'a PlacedEntry>,
}

/// Removes the entry that a change wrote, and restores the content that it replaced. An entry that a
/// member has edited stays.
pub(in crate::action) async fn revert(
    entry: EntryToRemove<'_>,
    snapshot: Option<&Snapshot>,
    on_missing: OnMissing,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let snapshot = snapshot.filter(|snapshot| !snapshot.is_empty());
    let cost = snapshot.map_or(0, |_| budget::SNAPSHOT);
    let mut memory = budget::reserve(cost, context).await?;
    let replaced = match snapshot {
        Some(snapshot) => Some(Replaced {
            snapshot,
            without_mentions: without_mentions(snapshot, context).await,
            on_missing,
        }),
        None => None,
    };
    match &entry.placed.kind {
        PlacedBlocks::Docx { blocks } => {
            let renames = context.store.restored_since(context.chat(), entry.change);
            let renames = renames.await?;
            let written = WrittenDocx::of(entry.placed, blocks, &renames);
            let mut reverting = DocxRevert {
                renames: &renames,
                memory: &mut memory,
                context,
            };
            match entry.edited {
                Some(edited) => reverting.revert_either(written, edited, replaced).await,
                None => reverting.revert(&written, replaced).await,
            }
        }
        PlacedBlocks::Doc => {
            let blocks = legacy_blocks(entry, context).await?;
            match replaced {
                Some(replaced) => restore_legacy(&blocks, replaced, context).await,
                None => Ok(Reverted {
                    was_there: remove_legacy(&blocks, context).await?,
                    ..Reverted::default()
                }),
            }
        }
    }
}

/// The text of an entry, or the one that an edit that was given up has made of it.
async fn legacy_blocks(
    entry: EntryToRemove<'_>,
    context: Context<'_>,
) -> Result<Vec<LegacyBlock>, Failure> {
    if let Some(edited) = entry.edited {
        let (_, document) = legacy::read(context).await.map_err(moved)?;
        let edited = edited.written().to_legacy();
        if find(&edited, &document).is_some() {
            return Ok(edited);
        }
    }
    Ok(entry.placed.written().to_legacy())
}

/// The content that an entry replaced.
struct Replaced<'a> {
    snapshot: &'a Snapshot,
    /// The same with names instead of mentions, which the platform may reject; `None` if there are
    /// no mentions.
    without_mentions: Option<Snapshot>,
    on_missing: OnMissing,
}

async fn without_mentions(snapshot: &Snapshot, context: Context<'_>) -> Option<Snapshot> {
    if !snapshot.mentions_anybody() {
        return None;
    }
    let names = context.platform.names(context.chat_id).await;
    let without = snapshot.without_mentions(&|id| {
        let name = names.as_ref().and_then(|names| names.get(id));
        format!("@{}", name.map_or(id.as_str(), String::as_str))
    });
    Some(without)
}

/// The new ids of blocks that were restored, for each restoration in order.
pub(super) type Renames = [Vec<(BlockId, BlockId)>];

fn current_id<'b>(id: &'b BlockId, renames: &'b Renames) -> &'b BlockId {
    renames.iter().fold(id, |id, restored| {
        let renamed = restored.iter().find(|(old, _)| old == id);
        renamed.map_or(id, |(_, new)| new)
    })
}

fn with_current_token(file: MediaFile, renames: &Renames) -> MediaFile {
    let token = file.token.map(BlockId::from);
    let token = token.map(|token| current_id(&token, renames).as_str().to_owned());
    MediaFile { token, ..file }
}

/// An entry of a `docx` announcement.
pub(super) struct WrittenDocx {
    /// The texts that each block may have: with mentions, and with names.
    pub(super) forms: Vec<Vec<DocxNode>>,
    /// The ids of the top-level blocks. After a lost response, only those of earlier calls.
    pub(super) ids: Vec<BlockId>,
    pub(super) is_signed: bool,
}

/// What the removal of an entry of a `docx` announcement needs.
struct DocxRevert<'a, 'm, 'c> {
    renames: &'a Renames,
    memory: &'m mut Reserved<'c>,
    context: Context<'c>,
}

impl DocxRevert<'_, '_, '_> {
    /// Removes an entry that an edit may have changed before it was given up.
    async fn revert_either(
        &mut self,
        mut written: WrittenDocx,
        edited: &PlacedEntry,
        replaced: Option<Replaced<'_>>,
    ) -> Result<Reverted, Failure> {
        let PlacedBlocks::Docx { blocks } = &edited.kind else {
            return self.revert(&written, replaced).await;
        };
        let edited = WrittenDocx::of(edited, blocks, self.renames);
        if edited.ids == written.ids {
            // The blocks got other texts, all or some of them.
            written.forms.extend(edited.forms);
            return self.revert(&written, replaced).await;
        }
        // The new blocks were written before the old ones.
        let is_begun = matches!(self.context.written(), Some(WriteProgress::DocxRevert(_)));
        let found = find_docx(&edited, self.context).await;
        match &found {
            Err(Failure::Refused(_)) => {}
            Err(_) => return found.map(|_| Reverted::default()),
            Ok(found) if is_begun || !found.positions.is_empty() => {
                let reverted = self.revert(&edited, replaced).await?;
                self.revert(&written, None).await?;
                return Ok(reverted);
            }
            Ok(_) => {}
        }
        let reverted = self.revert(&written, replaced).await?;
        found.map(|_| reverted)
    }

    async fn revert(
        &mut self,
        entry: &WrittenDocx,
        replaced: Option<Replaced<'_>>,
    ) -> Result<Reverted, Failure> {
        let context = self.context;
        let begun = match context.written() {
            Some(WriteProgress::DocxRevert(restoration)) => Some(restoration),
            _ => None,
        };
        let mut found = find_docx(entry, context).await?;
        let mut reverted = Reverted {
            was_there: begun.is_some() || !found.positions.is_empty(),
            ..Reverted::default()
        };
        if let Some(replaced) = replaced {
            if !reverted.was_there && replaced.on_missing == OnMissing::Leave {
                return Ok(reverted);
            }
            let begun = begun.unwrap_or_else(|| found.restoration(replaced.snapshot, self.renames));
            reverted.content_restored = !begun.missing.is_empty();
            if reverted.content_restored {
                (reverted.restored, reverted.named) =
                    restore_docx(replaced, begun, self.memory, context).await?;
                found = find_docx(entry, context).await?;
            }
        }
        let deletion = page::delete(found.positions, found.revision, context).await;
        deletion.failure.map_or(Ok(reverted), Err)
    }
}

/// The positions of an entry on the page.
pub(super) struct Found {
    pub(super) revision: i64,
    /// All top-level blocks.
    page: Vec<BlockId>,
    pub(super) positions: Vec<usize>,
}

impl Found {
    /// The restoration before its first call. Blocks that are on the page are not restored.
    fn restoration(&self, snapshot: &Snapshot, renames: &Renames) -> Restoration {
        let is_missing = |id: &&BlockId| !self.page.contains(current_id(id, renames));
        Restoration {
            at: self.positions.iter().min().copied().unwrap_or_default(),
            missing: snapshot.ids().filter(is_missing).cloned().collect(),
            creation: Creation::at(self.revision),
        }
    }
}

pub(super) async fn find_docx(entry: &WrittenDocx, context: Context<'_>) -> Result<Found, Failure> {
    let (revision, blocks) = page::read::<Block>(context).await?;
    let page = page_of(&blocks, context.chat_id);
    let ids = entry.ids_on(page, &blocks)?;
    let positions: Vec<usize> = ids
        .iter()
        .filter_map(|id| page.iter().position(|child| child == id))
        .collect();
    // An earlier attempt may have deleted part of the entry.
    let was_tried = !context.job.is_first_attempt();
    let is_whole = (positions.is_empty() || positions.len() == ids.len() || was_tried)
        && (0..ids.len())
            .filter(|position| page.contains(&ids[*position]))
            .all(|position| entry.is_as_written(position, &ids[position], &blocks));
    if !is_whole {
        return Err(Cause::EntryChanged.into());
    }
    Ok(Found {
        revision,
        page: page.to_vec(),
        positions,
    })
}

impl WrittenDocx {
    pub(super) fn of(placed: &PlacedEntry, blocks: &[BlockId], renames: &Renames) -> Self {
        let ids = blocks.iter().map(|id| current_id(id, renames).clone());
        let with_current_files = |entry: &Entry| {
            let current = |_, file| Some(with_current_token(file, renames));
            entry.map_media(current).to_docx()
        };
        Self {
            forms: placed.forms().iter().map(with_current_files).collect(),
            ids: ids.collect(),
            is_signed: placed.entry.is_signed(),
        }
    }

    /// The entry's blocks on the page. Blocks whose ids are unknown are found by their consecutive
    /// texts: these include the signature, so they belong to no other entry.
    pub(super) fn ids_on(&self, page: &[BlockId], blocks: &[Block]) -> Result<Vec<BlockId>, Cause> {
        let length = self.forms.first().map_or(0, Vec::len);
        if self.forms.iter().all(|nodes| nodes.len() == self.ids.len()) {
            return Ok(self.ids.clone());
        }
        if !self.is_signed || self.forms.iter().any(|nodes| nodes.len() != length) {
            return Err(Cause::EntryChanged);
        }
        let is_entry = |ids: &&[BlockId]| {
            ids.starts_with(&self.ids)
                && (0..length).all(|position| self.is_as_written(position, &ids[position], blocks))
        };
        let whole = page.windows(length.max(1)).find(is_entry);
        // Otherwise only the blocks with known ids were written.
        Ok(whole.unwrap_or(&self.ids).to_vec())
    }

    /// Whether a block has the text that was written there.
    pub(super) fn is_as_written(&self, position: usize, id: &BlockId, blocks: &[Block]) -> bool {
        let mut forms = self.forms.iter().filter_map(|nodes| nodes.get(position));
        forms.any(|node| is_as_written(node, id, blocks))
    }
}

/// Restores the replaced content at the start of the entry.
async fn restore_docx(
    replaced: Replaced<'_>,
    begun: Restoration,
    memory: &mut Reserved<'_>,
    context: Context<'_>,
) -> Result<(Vec<(BlockId, BlockId)>, Vec<Medium>), Failure> {
    let nodes = |snapshot: Snapshot| snapshot.retain_ids(&begun.missing).to_docx();
    let named = replaced.without_mentions.map(nodes);
    let restored = nodes(replaced.snapshot.clone());
    let creation = begun.creation.clone();
    let mut writing = BlockCreation::new("restore", begun.at, restored, named, creation);
    let progress = |creation| {
        WriteProgress::DocxRevert(Restoration {
            creation,
            ..begun.clone()
        })
    };
    // Stored before the first call: the position must not depend on the blocks that are written.
    let request = AnnouncementRequest::OF_REVERT;
    let written = progress(begun.creation.clone());
    context.save(request, Some(written)).await?;
    writing.create_blocks(request, &progress, context).await?;
    memory.shrink();
    writing.copy_media(request, &progress, context).await?;
    let named = writing.named_media().map(|(medium, _)| medium).collect();
    let creation = writing.creation;
    Ok((Restoration { creation, ..begun }.restored(), named))
}

/// Whether a block and its children have the text that was written.
fn is_as_written(node: &DocxNode, id: &BlockId, blocks: &[Block]) -> bool {
    let Some(block) = block_of(id.as_str(), blocks) else {
        return false;
    };
    let children: Vec<&BlockId> = match node.block.block_type {
        // The platform may have put an empty line into a cell.
        BlockType::TableCell => {
            let written = |id: &&BlockId| {
                block_of(id.as_str(), blocks).is_none_or(|block| !is_empty_line(block))
            };
            block.children.iter().filter(written).collect()
        }
        _ => block.children.iter().collect(),
    };
    // A cell that is not written yet.
    if node.block.block_type == BlockType::TableCell && children.is_empty() {
        return block.block_type == BlockType::TableCell;
    }
    if let Some(file) = &node.media {
        // A line is in its place if it could not be copied again.
        let line = feishu::TextBlock {
            elements: vec![TextElement::plain(&file.line)],
        };
        if block
            .text
            .as_ref()
            .is_some_and(|text| text.reads_like(&line))
        {
            return block.block_type == BlockType::Text && block.children.is_empty();
        }
        let shown = match (block.block_type, children.as_slice()) {
            (BlockType::View, [only]) => block_of(only.as_str(), blocks),
            _ => Some(block),
        };
        return shown.is_some_and(|shown| {
            shown.block_type == node.block.block_type
                && (file.token.is_none() || shown.file_token == file.token)
        });
    }
    let mut pairs = node.children.iter().zip(&children);
    block.block_type == node.block.block_type
        && block.table_size() == node.block.table_size()
        && match (&block.text, &node.block.text) {
            (Some(current), Some(written)) => current.reads_like(written),
            (current, written) => current == written,
        }
        && children.len() == node.children.len()
        && pairs.all(|(node, id)| is_as_written(node, id, blocks))
}

fn legacy_call(context: Context<'_>) -> LegacyCall {
    match context.written() {
        Some(WriteProgress::LegacyRevert(call)) => call,
        _ => LegacyCall::default(),
    }
}

/// Maps the error of an announcement that was converted to the new kind.
pub(super) fn moved(failure: Failure) -> Failure {
    match failure {
        Failure::Call(Call::ReadAnnouncement, error)
            if error.code() == Some(codes::ANNOUNCEMENT_IS_DOCX) =>
        {
            Cause::AnnouncementMoved.into()
        }
        failure => failure,
    }
}

async fn restore_legacy(
    entry: &[LegacyBlock],
    replaced: Replaced<'_>,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let call = legacy_call(context);
    let (_, document) = legacy::read(context).await.map_err(moved)?;
    let was_there = call.pending.is_some() || find(entry, &document).is_some();
    // A response may have been lost: the content was never replaced, or is restored already.
    let is_there = legacy::contains(replaced.snapshot, &document);
    let leave = replaced.on_missing == OnMissing::Leave && !contains_any_line(entry, &document);
    if !was_there && (is_there || leave) {
        return Ok(Reverted::default());
    }
    let mut writing = legacy::LegacyWrite {
        blocks: replaced.snapshot.to_legacy(),
        blocks_without_mentions: replaced.without_mentions.map(|content| content.to_legacy()),
        position: WritePosition::Entry(entry),
        call,
        short: false,
        request: AnnouncementRequest::OF_REVERT,
        context,
    };
    // A rejection does not mean that deletion is impossible: the replaced content could be deleted.
    writing.run().await.map_err(moved)?;
    Ok(Reverted {
        was_there,
        content_restored: true,
        ..Reverted::default()
    })
}

/// Returns whether the entry was still there.
///
/// No key makes a repeated deletion harmless, so the number of occurrences is stored before each
/// attempt, as for insertions.
async fn remove_legacy(blocks: &[LegacyBlock], context: Context<'_>) -> Result<bool, Failure> {
    let mut pending = legacy_call(context).pending;
    ensure_not_in_flight(pending, context)?;
    let mut attempt = 1;
    loop {
        let (announcement, document) = legacy::read(context).await.map_err(moved)?;
        let seen_before = occurrences(blocks, &document);
        if pending.is_some_and(|pending| seen_before < pending.seen_before) {
            return Ok(true);
        }
        let Some(range) = find_unedited(blocks, &document)? else {
            return Ok(false);
        };
        pending = Some(PendingRequest {
            seen_before,
            sent_at: context.clock.now(),
            order: InsertOrder::default(),
        });
        save_pending(pending, context).await?;
        let delete = [Operation::DeleteContentRange(range)];
        let client = context.client;
        let deleted = client
            .patch_announcement(context.chat_id, announcement.revision, &delete)
            .await;
        let Err(error) = deleted else {
            return Ok(true);
        };
        if !error.may_have_taken_effect() {
            pending = None;
            save_pending(pending, context).await?;
        }
        match failed(Call::WriteAnnouncement)(error) {
            failure if !is_refused(&failure) => return Err(failure),
            _ if attempt < ATTEMPTS => attempt += 1,
            // Some `doc` announcements do not allow deletion.
            _ => return Err(Cause::CannotDelete.into()),
        }
    }
}

async fn save_pending(
    pending: Option<PendingRequest>,
    context: Context<'_>,
) -> Result<(), Failure> {
    let written = WriteProgress::LegacyRevert(LegacyCall {
        pending,
        without_mentions: false,
    });
    context
        .save(AnnouncementRequest::OF_REVERT, Some(written))
        .await
}
