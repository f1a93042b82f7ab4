//! Taking an entry out of the announcement again, if it still stands there as it
//! was written, and writing what it replaced in its place.

use feishu::{Block, BlockId, ChatId, LegacyBlock, Operation, codes};

use super::calls::plan;
use super::creation::Writing;
use super::legacy::{
    self, ATTEMPTS, Place, find, is_refused, occurrences, stands_partly, wait_out,
};
use super::{AnnouncementRequest, Context, Failure, budget, page};
use crate::action::announce::common::call;
use crate::content::{Document, DocxNode, Entry, Snapshot};
use crate::model::change::{PlacedBlocks, PlacedEntry};
use crate::model::progress::{Creation, Pending, Restoration, WriteProgress};
use crate::model::refusal::{Call, Cause};
use crate::model::schedule::AnnounceOptions;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::action) struct Reverted {
    /// Whether the entry was still there.
    pub(in crate::action) was_there: bool,
    /// Whether what it had replaced was written again.
    pub(in crate::action) former_is_back: bool,
    /// The blocks that were written again: as they were known, and as they are
    /// known since. Those of the `doc` kind are not known.
    pub(in crate::action) restored: Vec<(BlockId, BlockId)>,
}

/// What blocks were called before they were written again, and since, time after time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::action) struct BlockRenames(pub(in crate::action) Vec<Vec<(BlockId, BlockId)>>);

impl BlockRenames {
    /// What the block is called now.
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

/// What to do where nothing of the entry stands there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::action) enum OnMissing {
    /// Write above all what it replaced.
    Restore,
    /// Nothing.
    Leave,
}

/// An entry that is to be taken out.
pub(in crate::action) struct Removal<'a> {
    pub(in crate::action) placed: &'a PlacedEntry,
    /// What it replaced.
    pub(in crate::action) snapshot: Option<&'a Snapshot>,
    pub(in crate::action) renamed: BlockRenames,
    pub(in crate::action) if_gone: OnMissing,
}

/// Takes the entry out and writes in its place what it replaced, if it did.
/// Where a person has changed the entry since, it is theirs and stays.
pub(in crate::action) async fn revert(
    removal: &Removal<'_>,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let placed = removal.placed;
    let snapshot = removal.snapshot.filter(|snapshot| !snapshot.is_empty());
    let cost = snapshot.map_or(0, |_| budget::FORMER);
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
                Some(replaced) => restore_legacy(&entry, replaced, removal.if_gone, context).await,
                None => Ok(Reverted {
                    was_there: remove_legacy(&entry, context).await?,
                    former_is_back: false,
                    restored: Vec::new(),
                }),
            }
        }
    }
}

/// What was replaced.
struct Replaced<'a> {
    snapshot: &'a Snapshot,
    /// The same with names for the mentions that the platform may not take any more.
    unnamed: Option<Snapshot>,
}

async fn unnamed(snapshot: &Snapshot, context: Context<'_>) -> Snapshot {
    let names = context.platform.names(context.chat_id).await;
    snapshot.without_mentions(&|id| match names.as_ref().and_then(|names| names.get(id)) {
        Some(name) => format!("@{name}"),
        None => format!("@{id}"),
    })
}

/// An entry as it was written into a `docx` announcement.
struct WrittenDocx {
    /// What each block may say: with its mentions, and without them.
    forms: Vec<Vec<DocxNode>>,
    /// The blocks right below the page. Where an answer was lost, those of earlier calls only.
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
        Some(WriteProgress::Restoral(restoral)) => Some(restoral),
        _ => None,
    };
    let was_begun = begun.is_some();
    let mut found = find_docx(entry, context).await?;
    let mut taken = Reverted {
        was_there: was_begun || !found.places.is_empty(),
        former_is_back: false,
        restored: Vec::new(),
    };
    if let Some(replaced) = replaced {
        if !taken.was_there && removal.if_gone == OnMissing::Leave {
            return Ok(taken);
        }
        let begun = begun.unwrap_or_else(|| found.beginning(replaced.snapshot, &removal.renamed));
        taken.former_is_back = !begun.missing.is_empty();
        if taken.former_is_back {
            taken.restored = restore_docx(replaced, begun, context).await?;
            found = find_docx(entry, context).await?;
        }
    }
    let deletion = page::delete(found.places, found.revision, context).await;
    deletion.failure.map_or(Ok(taken), Err)
}

/// Where an entry stands on the page.
struct Found {
    revision: i64,
    /// All that stands there.
    page: Vec<BlockId>,
    places: Vec<usize>,
}

impl Found {
    /// Before the first call: what of the former blocks stands already, or still, is left out.
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
    // An earlier attempt may have deleted part of it.
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
    /// The entry's blocks on the page. Those whose ids were never told are found by what they say,
    /// all of them one behind the other: the signature is among them, so they are nobody else's.
    fn ids_on(&self, page: &[BlockId], stands: &[Block]) -> Result<Vec<BlockId>, Cause> {
        let length = self.forms.first().map_or(0, Vec::len);
        let is_told = self.forms.iter().all(|nodes| nodes.len() == self.ids.len());
        if is_told {
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
        // Otherwise only those stand that were told.
        Ok(whole.map_or_else(|| self.ids.clone(), <[BlockId]>::to_vec))
    }

    /// Whether a block says what was written in that place.
    fn is_as_written(&self, place: usize, id: &BlockId, stands: &[Block]) -> bool {
        let mut forms = self.forms.iter().filter_map(|nodes| nodes.get(place));
        forms.any(|node| is_as_written(node, id, stands))
    }
}

/// Writes what was replaced where the entry begins.
async fn restore_docx(
    Replaced { snapshot, unnamed }: Replaced<'_>,
    begun: Restoration,
    context: Context<'_>,
) -> Result<Vec<(BlockId, BlockId)>, Failure> {
    let steps = |snapshot: Snapshot| plan(snapshot.of_ids(&begun.missing).to_docx());
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
    // Taking back has no text of its own.
    let draft = AnnouncementRequest {
        document: &Document::default(),
        options: AnnounceOptions::default(),
    };
    // Before the first call: where it is written must not change with what it
    // writes.
    context
        .save(draft, Some(WriteProgress::Restoral(begun.clone())))
        .await?;
    let written = |creation, nameless| WriteProgress::Restoral(so_far(creation, nameless));
    writing.run(draft, written, context).await?;
    Ok(so_far(writing.creation, writing.nameless).restored())
}

/// What stands right below the page, whose block has the chat's id.
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

/// Whether a block, and what is below it, says what was written.
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
        Some(WriteProgress::Removal { pending, nameless }) => (pending, nameless),
        _ => (None, false),
    }
}

/// Says that the announcement, which was of the old kind, is none any more.
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
    if_gone: OnMissing,
    context: Context<'_>,
) -> Result<Reverted, Failure> {
    let ended = |was_there, former_is_back| Reverted {
        was_there,
        former_is_back,
        restored: Vec::new(),
    };
    let (pending, nameless) = so_far_legacy(context);
    let (_, document) = legacy::read(context).await.map_err(moved)?;
    let was_there = pending.is_some() || find(entry, &document).is_some();
    // It may never have been replaced, or be back already: an answer may have been lost.
    let is_there = legacy::stands(snapshot, &document);
    let leave = if_gone == OnMissing::Leave && !stands_partly(entry, &document);
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
        // What was replaced stood where something could be deleted, so nothing says that it is
        // the deletion which is refused: it may well go another time.
        if !is_refused(&failure) || !writing.drop_mentions() {
            return Err(moved(failure));
        }
    }
    Ok(ended(was_there, true))
}

/// There is no key that makes a repeated deletion harmless, so how often these
/// paragraphs stand is stored before each, as before each insertion. Says
/// whether the entry was there.
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
            return if stands_partly(blocks, &document) {
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
            // Some announcements of the old kind let nothing be deleted.
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
    let written = WriteProgress::Removal { pending, nameless };
    context.save(draft, Some(written)).await
}
