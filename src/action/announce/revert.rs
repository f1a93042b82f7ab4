//! Removes an entry from the announcement, if members have not edited it, and restores the content
//! that it replaced.

use feishu::{Block, BlockId, ChatId, LegacyBlock, Operation, codes};

use super::calls::plan;
use super::creation::Writing;
use super::legacy::{
    self, ATTEMPTS, Place, contains_any_line, find, is_refused, occurrences, wait_out,
};
use super::{AnnouncementRequest, Context, Failure, budget, page};
use crate::action::announce::common::call;
use crate::content::{Document, DocxNode, Entry, Snapshot};
use crate::model::change::{PlacedBlocks, PlacedEntry};
use crate::model::progress::{Creation, Pending, Restoration, WriteProgress};
use crate::model::refusal::{Call, Cause};
use crate::model::schedule::AnnounceOptions;

/// The result of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::action) struct Reverted {
    pub(in crate::action) was_there: bool,
    /// Whether the replaced content was restored.
    pub(in crate::action) content_restored: bool,
    /// The restored blocks: pairs of old and new id. Blocks of a `doc` announcement have none.
    pub(in crate::action) restored: Vec<(BlockId, BlockId)>,
}

/// The new ids of blocks that were restored, for each restoration in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::action) struct BlockRenames(pub(in crate::action) Vec<Vec<(BlockId, BlockId)>>);

impl BlockRenames {
    /// The current id of a block.
    fn now<'b>(&'b self, id: &'b BlockId) -> &'b BlockId {
        let mut id = id;
        for restored in &self.0 {
            if let Some((_, now)) = restored.iter().find(|(before, _)| before == id) {
                id = now;
            }
        }
        id
    }
}

/// What to do if nothing of the entry is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::action) enum OnMissing {
    /// Restore the replaced content at the top.
    Restore,
    Leave,
}

/// An entry to remove.
pub(in crate::action) struct Removal<'a> {
    pub(in crate::action) placed: &'a PlacedEntry,
    pub(in crate::action) snapshot: Option<&'a Snapshot>,
    pub(in crate::action) renamed: BlockRenames,
    pub(in crate::action) on_missing: OnMissing,
}

/// Removes the entry and restores the content that it replaced. An entry that a member has edited
/// stays.
pub(in crate::action) async fn revert(
    removal: &Removal<'_>,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let placed = removal.placed;
    let snapshot = removal.snapshot.filter(|snapshot| !snapshot.is_empty());
    let cost = snapshot.map_or(0, |_| budget::SNAPSHOT);
    let _turn = budget::turn(cost, context).await?;
    let replaced = match snapshot {
        Some(snapshot) if snapshot.mentions_anybody() => Some(Replaced {
            snapshot,
            unnamed: Some(unnamed(snapshot, context).await),
        }),
        Some(snapshot) => Some(Replaced {
            snapshot,
            unnamed: None,
        }),
        None => None,
    };
    let nameless = placed.nameless.then(|| placed.entry.nameless());
    match &placed.kind {
        PlacedBlocks::Docx { blocks } => {
            let forms = std::iter::once(&placed.entry).chain(&nameless);
            let now = blocks.iter().map(|id| removal.renamed.now(id).clone());
            let written = WrittenDocx {
                forms: forms.map(Entry::to_docx).collect(),
                ids: now.collect(),
                is_signed: placed.entry.is_signed(),
            };
            docx(&written, replaced, removal, context).await
        }
        PlacedBlocks::Doc => {
            let entry = nameless.as_ref().unwrap_or(&placed.entry).to_legacy();
            match replaced {
                Some(replaced) => {
                    restore_legacy(&entry, replaced, removal.on_missing, context).await
                }
                None => Ok(Reverted {
                    was_there: remove_legacy(&entry, context).await?,
                    content_restored: false,
                    restored: Vec::new(),
                }),
            }
        }
    }
}

struct Replaced<'a> {
    snapshot: &'a Snapshot,
    /// The same with names instead of mentions, which the platform may reject.
    unnamed: Option<Snapshot>,
}

async fn unnamed(snapshot: &Snapshot, context: Context<'_>) -> Snapshot {
    let names = context.platform.names(context.chat_id).await;
    snapshot.without_mentions(&|id| match names.as_ref().and_then(|names| names.get(id)) {
        Some(name) => format!("@{name}"),
        None => format!("@{id}"),
    })
}

/// An entry of a `docx` announcement.
struct WrittenDocx {
    /// The texts that each block may have: with mentions, and with names.
    forms: Vec<Vec<DocxNode>>,
    /// The ids of the top-level blocks. After a lost response, only those of earlier calls.
    ids: Vec<BlockId>,
    is_signed: bool,
}

async fn docx(
    entry: &WrittenDocx,
    replaced: Option<Replaced<'_>>,
    removal: &Removal<'_>,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let begun = match context.written() {
        Some(WriteProgress::DocxRevert(restoral)) => Some(restoral),
        _ => None,
    };
    let was_begun = begun.is_some();
    let mut found = find_docx(entry, context).await?;
    let mut taken = Reverted {
        was_there: was_begun || !found.places.is_empty(),
        content_restored: false,
        restored: Vec::new(),
    };
    if let Some(replaced) = replaced {
        if !taken.was_there && removal.on_missing == OnMissing::Leave {
            return Ok(taken);
        }
        let begun = begun.unwrap_or_else(|| found.beginning(replaced.snapshot, &removal.renamed));
        taken.content_restored = !begun.missing.is_empty();
        if taken.content_restored {
            taken.restored = restore_docx(replaced, begun, context).await?;
            found = find_docx(entry, context).await?;
        }
    }
    let deletion = page::delete(found.places, found.revision, context).await;
    deletion.failure.map_or(Ok(taken), Err)
}

/// The positions of an entry on the page.
struct Found {
    revision: i64,
    /// All top-level blocks.
    page: Vec<BlockId>,
    places: Vec<usize>,
}

impl Found {
    /// The state before the first call. Blocks that are on the page are not restored.
    fn beginning(&self, snapshot: &Snapshot, renamed: &BlockRenames) -> Restoration {
        let ids = snapshot.blocks.iter().filter_map(|block| block.id.as_ref());
        let missing = ids.filter(|id| !self.page.contains(renamed.now(id)));
        Restoration {
            at: self.places.iter().min().copied().unwrap_or_default(),
            missing: missing.cloned().collect(),
            creation: Creation::at(self.revision),
            nameless: false,
        }
    }
}

async fn find_docx(entry: &WrittenDocx, context: Context<'_>) -> Result<Found, Failure> {
    let (revision, stands) = page::read::<Block>(context).await?;
    let page = page_of(&stands, context.chat_id);
    let ids = entry.ids_on(page, &stands)?;
    let places: Vec<usize> = ids
        .iter()
        .filter_map(|id| page.iter().position(|child| child == id))
        .collect();
    // An earlier attempt may have deleted part of the entry.
    let tried = !context.job.is_first_attempt();
    let is_whole = (places.is_empty() || places.len() == ids.len() || tried)
        && (0..ids.len())
            .filter(|place| page.contains(&ids[*place]))
            .all(|place| entry.is_as_written(place, &ids[place], &stands));
    if !is_whole {
        return Err(Cause::EntryChanged.into());
    }
    Ok(Found {
        revision,
        page: page.to_vec(),
        places,
    })
}

impl WrittenDocx {
    /// The entry's blocks on the page. Blocks whose ids are unknown are found by their consecutive
    /// texts: these include the signature, so they belong to no other entry.
    fn ids_on(&self, page: &[BlockId], stands: &[Block]) -> Result<Vec<BlockId>, Cause> {
        let length = self.forms.first().map_or(0, Vec::len);
        let has_settings = self.forms.iter().all(|nodes| nodes.len() == self.ids.len());
        if has_settings {
            return Ok(self.ids.clone());
        }
        if !self.is_signed || self.forms.iter().any(|nodes| nodes.len() != length) {
            return Err(Cause::EntryChanged);
        }
        let is_entry = |blocks: &&[BlockId]| {
            blocks.starts_with(&self.ids)
                && (0..length).all(|place| self.is_as_written(place, &blocks[place], stands))
        };
        let whole = page.windows(length.max(1)).find(is_entry);
        // Otherwise only the blocks with known ids were written.
        Ok(whole.map_or_else(|| self.ids.clone(), <[BlockId]>::to_vec))
    }

    /// Whether a block has the text that was written there.
    fn is_as_written(&self, place: usize, id: &BlockId, stands: &[Block]) -> bool {
        let mut forms = self.forms.iter().filter_map(|nodes| nodes.get(place));
        forms.any(|node| is_as_written(node, id, stands))
    }
}

/// Restores the replaced content at the start of the entry.
async fn restore_docx(
    Replaced { snapshot, unnamed }: Replaced<'_>,
    begun: Restoration,
    context: Context<'_>,
) -> Result<Vec<(BlockId, BlockId)>, Failure> {
    let steps = |snapshot: Snapshot| plan(snapshot.retain_ids(&begun.missing).to_docx());
    let mut writing = Writing {
        name: "restore",
        at: begun.at,
        steps: steps(snapshot.clone()),
        nameless_steps: unnamed.map(steps),
        nameless: begun.nameless,
        creation: begun.creation.clone(),
    };
    let so_far = |creation, nameless| Restoration {
        creation,
        nameless,
        ..begun.clone()
    };
    // A removal has no text.
    let draft = AnnouncementRequest {
        document: &Document::default(),
        options: AnnounceOptions::default(),
    };
    // Stored before the first call: the position must not change with what is written.
    context
        .save(draft, Some(WriteProgress::DocxRevert(begun.clone())))
        .await?;
    let written = |creation, nameless| WriteProgress::DocxRevert(so_far(creation, nameless));
    writing.run(draft, written, context).await?;
    Ok(so_far(writing.creation, writing.nameless).restored())
}

/// The top-level blocks. The page block has the chat's id.
fn page_of<'b>(blocks: &'b [Block], chat: &ChatId) -> &'b [BlockId] {
    blocks
        .iter()
        .find(|block| {
            block
                .block_id
                .as_ref()
                .is_some_and(|id| id.as_str() == chat.as_str())
        })
        .map_or(&[], |page| &page.children)
}

/// Whether a block and its children have the text that was written.
fn is_as_written(node: &DocxNode, id: &BlockId, blocks: &[Block]) -> bool {
    let Some(block) = blocks
        .iter()
        .find(|block| block.block_id.as_ref() == Some(id))
    else {
        return false;
    };
    block.block_type == node.block.block_type
        && match (&block.text, &node.block.text) {
            (Some(stands), Some(written)) => stands.reads_like(written),
            (stands, written) => stands == written,
        }
        && block.children.len() == node.children.len()
        && node
            .children
            .iter()
            .zip(&block.children)
            .all(|(node, id)| is_as_written(node, id, blocks))
}

fn so_far_legacy(context: Context<'_>) -> (Option<Pending>, bool) {
    match context.written() {
        Some(WriteProgress::LegacyRevert { pending, nameless }) => (pending, nameless),
        _ => (None, false),
    }
}

/// Maps the error of an announcement that was converted to the new kind.
fn moved(failure: Failure) -> Failure {
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
    Replaced { snapshot, unnamed }: Replaced<'_>,
    on_missing: OnMissing,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let ended = |was_there, content_restored| Reverted {
        was_there,
        content_restored,
        restored: Vec::new(),
    };
    let (pending, nameless) = so_far_legacy(context);
    let (_, document) = legacy::read(context).await.map_err(moved)?;
    let was_there = pending.is_some() || find(entry, &document).is_some();
    // A response may have been lost: the content was never replaced, or is restored already.
    let is_there = legacy::stands(snapshot, &document);
    let leave = on_missing == OnMissing::Leave && !contains_any_line(entry, &document);
    if !was_there && (is_there || leave) {
        return Ok(ended(false, false));
    }
    let draft = AnnouncementRequest {
        document: &Document::default(),
        options: AnnounceOptions::default(),
    };
    let mut writing = legacy::Writing {
        named: snapshot.to_legacy(),
        unnamed: unnamed.map(|snapshot| snapshot.to_legacy()),
        place: Place::Entry(entry),
        pending,
        nameless,
        short: false,
        draft,
        context,
    };
    while let Err(failure) = writing.run().await {
        // The replaced content could be deleted, so the rejection may have another reason and a
        // later attempt may succeed.
        if !is_refused(&failure) || !writing.drop_mentions() {
            return Err(moved(failure));
        }
    }
    Ok(ended(was_there, true))
}

/// Returns whether the entry was still there.
///
/// No key makes a repeated deletion harmless, so the number of occurrences is stored before each
/// attempt, as for insertions.
async fn remove_legacy(blocks: &[LegacyBlock], context: Context<'_>) -> Result<bool, Failure> {
    let chat = context.chat_id;
    let client = &context.platform.client;
    let (mut pending, _) = so_far_legacy(context);
    wait_out(pending, context)?;
    let mut attempt = 1;
    loop {
        let (announcement, document) = legacy::read(context).await.map_err(moved)?;
        let stands = occurrences(blocks, &document);
        if pending.is_some_and(|pending| stands < pending.seen_before) {
            return Ok(true);
        }
        let Some(range) = find(blocks, &document) else {
            return if contains_any_line(blocks, &document) {
                Err(Cause::EntryChanged.into())
            } else {
                Ok(false)
            };
        };
        pending = Some(Pending {
            seen_before: stands,
            sent_at: context.clock.now(),
            later_first: false,
            repairs: false,
        });
        remember(pending, context).await?;
        let delete = [Operation::DeleteContentRange(range)];
        let deleted = client
            .patch_announcement(chat, announcement.revision, &delete)
            .await;
        let Err(error) = deleted else {
            return Ok(true);
        };
        if !error.may_have_taken_effect() {
            pending = None;
            remember(pending, context).await?;
        }
        let failure = call(Call::WriteAnnouncement)(error);
        match failure {
            failure if !is_refused(&failure) => return Err(failure),
            _ if attempt < ATTEMPTS => attempt += 1,
            // Some `doc` announcements do not allow deletion.
            _ => return Err(Cause::CannotDelete.into()),
        }
    }
}

async fn remember(pending: Option<Pending>, context: Context<'_>) -> Result<(), Failure> {
    let draft = AnnouncementRequest {
        document: &Document::default(),
        options: AnnounceOptions::default(),
    };
    let nameless = false;
    let written = WriteProgress::LegacyRevert { pending, nameless };
    context.save(draft, Some(written)).await
}
