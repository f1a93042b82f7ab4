//! Taking an entry out of the announcement again, if it still stands there as it
//! was written.

use std::ops::Range;

use feishu::{Block, BlockId, ChatId, DeleteChildren, LegacyBlock, LegacyDocument, Operation};

use super::legacy::{occurrences, wait_out};
use super::{Failure, IS_DOCX, Scene, UPDATE_FAILED, call, read_document};
use crate::change::Placed;
use crate::content::{Document, DocxNode, Entry};
use crate::outcome::{Call, Refusal};
use crate::plan::Manner;
use crate::store::{Pending, Written};

/// How often a deletion is tried while the platform says that the update failed.
const ATTEMPTS: usize = 3;

/// Whether the entry was still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::action) enum Removed {
    Now,
    /// Nothing of it stands there any more.
    Before,
}

/// Takes the entry out. Where a person has changed it since, it is theirs and
/// stays.
pub(in crate::action) async fn remove(
    placed: &Placed,
    scene: Scene<'_>,
) -> Result<Removed, Failure> {
    let nameless = placed.nameless.then(|| placed.entry.nameless());
    if let Some(blocks) = &placed.blocks {
        let forms = std::iter::once(&placed.entry).chain(&nameless);
        let forms: Vec<_> = forms.map(Entry::to_docx).collect();
        from_docx(&forms, blocks, scene).await
    } else {
        let entry = nameless.as_ref().unwrap_or(&placed.entry);
        from_legacy(&entry.to_legacy(), scene).await
    }
}

/// `forms` are what each block may say: with its mentions, and without them.
async fn from_docx(
    forms: &[Vec<DocxNode>],
    ids: &[BlockId],
    scene: Scene<'_>,
) -> Result<Removed, Failure> {
    let chat = &scene.message.chat_id;
    let client = &scene.platform.client;
    let read = call(Call::ReadAnnouncement);
    let revision = match client.get_docx_announcement(chat).await {
        Ok(announcement) => announcement.revision_id,
        Err(error) => return Err(read(error)),
    };
    let stands = client
        .list_docx_blocks(chat, revision)
        .await
        .map_err(call(Call::ReadAnnouncement))?;
    // Where an answer named no ids, nothing can be told.
    if forms.iter().any(|nodes| nodes.len() != ids.len()) {
        return Err(Refusal::EntryChanged.into());
    }
    let page = page(&stands, chat);
    let places: Vec<usize> = ids
        .iter()
        .filter_map(|id| page.iter().position(|child| child == id))
        .collect();
    if places.is_empty() {
        return Ok(Removed::Before);
    }
    // An earlier attempt may have deleted part of it.
    let tried = scene.job.retries > 0 || scene.job.crashes > 0;
    let is_whole = (places.len() == ids.len() || tried)
        && (0..ids.len())
            .filter(|place| page.contains(&ids[*place]))
            .all(|place| {
                let mut forms = forms.iter().map(|nodes| &nodes[place]);
                forms.any(|node| is_as_written(node, &ids[place], &stands))
            });
    if !is_whole {
        return Err(Refusal::EntryChanged.into());
    }
    // From the bottom up, all at the revision that was read: whatever people
    // type meanwhile, these are the blocks that are meant.
    for range in runs(places).into_iter().rev() {
        let name = format!("remove {revision} {}..{}", range.start, range.end);
        let deletion = DeleteChildren {
            parent: &BlockId::new(chat.as_str()),
            range,
            revision_id: revision,
            client_token: &scene.job.key.idempotency_key(&name).to_string(),
        };
        client
            .delete_docx_children(chat, deletion)
            .await
            .map_err(call(Call::WriteAnnouncement))?;
    }
    Ok(Removed::Now)
}

/// What stands right below the page, whose block has the chat's id.
fn page<'b>(blocks: &'b [Block], chat: &ChatId) -> &'b [BlockId] {
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

/// Places as ranges of neighbours, in order.
fn runs(mut places: Vec<usize>) -> Vec<Range<usize>> {
    places.sort_unstable();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// There is no key that makes a repeated deletion harmless, so how often these
/// paragraphs stand is stored before each, as before each insertion.
async fn from_legacy(blocks: &[LegacyBlock], scene: Scene<'_>) -> Result<Removed, Failure> {
    let chat = &scene.message.chat_id;
    let client = &scene.platform.client;
    let mut pending = match scene.written() {
        Some(Written::Removal { pending }) => pending,
        Some(Written::Legacy { .. } | Written::Docx { .. }) | None => None,
    };
    wait_out(pending, scene)?;
    let mut attempt = 1;
    loop {
        let announcement = match client.get_announcement(chat).await {
            Ok(announcement) => announcement,
            Err(error) if error.code() == Some(IS_DOCX) => {
                return Err(Refusal::AnnouncementMoved.into());
            }
            Err(error) => return Err(call(Call::ReadAnnouncement)(error)),
        };
        let document = read_document(&announcement)?;
        let stands = occurrences(blocks, &document);
        if pending.is_some_and(|pending| stands < pending.seen_before) {
            return Ok(Removed::Now);
        }
        let Some(range) = find(blocks, &document) else {
            return if stands_partly(blocks, &document) {
                Err(Refusal::EntryChanged.into())
            } else {
                Ok(Removed::Before)
            };
        };
        pending = Some(Pending {
            seen_before: stands,
            sent_at: scene.clock.now(),
        });
        remember(pending, scene).await?;
        let delete = [Operation::DeleteContentRange(range)];
        match client
            .patch_announcement(chat, announcement.revision, &delete)
            .await
        {
            Ok(()) => return Ok(Removed::Now),
            Err(error) if error.code() == Some(UPDATE_FAILED) && attempt < ATTEMPTS => attempt += 1,
            // Some announcements of the old kind let nothing be deleted.
            Err(error) if error.code() == Some(UPDATE_FAILED) => {
                return Err(Refusal::CannotDelete.into());
            }
            Err(error) => {
                if !error.may_have_taken_effect() {
                    remember(None, scene).await?;
                }
                return Err(call(Call::WriteAnnouncement)(error));
            }
        }
    }
}

async fn remember(pending: Option<Pending>, scene: Scene<'_>) -> Result<(), Failure> {
    let nothing = (&Document::default(), Manner::default());
    scene
        .save(nothing, Some(Written::Removal { pending }))
        .await
}

/// Whether a line of the entry that says something is still there.
fn stands_partly(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    document.blocks.iter().any(|placed| {
        placed.text.as_ref().is_some_and(|text| !text.is_empty())
            && blocks.iter().any(|block| placed.holds(block))
    })
}

/// Where the first run of exactly these blocks stands, with the line break
/// after it if something follows.
pub(super) fn find(blocks: &[LegacyBlock], document: &LegacyDocument) -> Option<Range<u64>> {
    let count = blocks.len().max(1);
    let (at, run) = document
        .blocks
        .windows(count)
        .enumerate()
        .find(|(_, run)| {
            run.iter()
                .zip(blocks)
                .all(|(placed, block)| placed.holds(block))
        })?;
    let start = run.first()?.range.as_ref()?.start;
    let end = run.last()?.range.as_ref()?.end;
    let something_follows = at + count < document.blocks.len();
    Some(start..end + u64::from(something_follows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_deleted_by_runs_of_neighbours() {
        assert_eq!(runs(vec![4, 0, 1, 5, 7]), [0..2, 4..6, 7..8]);
        assert!(runs(Vec::new()).is_empty());
    }
}
