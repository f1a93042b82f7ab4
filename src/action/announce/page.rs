//! Reads and deletes the top-level blocks of a `docx` announcement.

use std::ops::Range;

use feishu::{Block, BlockId, ChatId, DeleteChildren, Error, codes};
use serde::de::DeserializeOwned;

use super::{Context, Failure};
use crate::action::announce::common::failed;
use crate::model::refusal::Call;

/// Attempts to read while members keep editing.
const ATTEMPTS: usize = 3;

/// All blocks in the platform's order, and their revision.
pub(super) async fn read<B: DeserializeOwned>(
    context: Context<'_>,
) -> Result<(i64, Vec<B>), Failure> {
    let (chat, client) = (context.chat_id, context.client);
    let mut attempt = 1;
    loop {
        let revision = revision(context).await?;
        match client.list_docx_blocks(chat, revision).await {
            Ok(blocks) => return Ok((revision, blocks)),
            Err(error) => refuse_unless_outdated(error, &mut attempt)?,
        }
    }
}

/// The ids of the top-level blocks, and their revision; without their texts, which may be too long
/// to be read.
pub(super) async fn read_top_level(context: Context<'_>) -> Result<(i64, Vec<BlockId>), Failure> {
    let (chat, client) = (context.chat_id, context.client);
    let page = BlockId::new(chat.as_str());
    let mut attempt = 1;
    loop {
        let revision = revision(context).await?;
        match client.get_docx_block(chat, &page, revision).await {
            Ok(page) => return Ok((revision, page.children)),
            Err(error) => refuse_unless_outdated(error, &mut attempt)?,
        }
    }
}

/// One block; `None` if it is not there.
pub(super) async fn read_block(
    id: &BlockId,
    revision: i64,
    context: Context<'_>,
) -> Result<Option<Block>, Failure> {
    let client = context.client;
    match client.get_docx_block(context.chat_id, id, revision).await {
        Ok(block) => Ok(Some(block)),
        Err(error) if error.code() == Some(codes::DOCX_NOT_FOUND) => Ok(None),
        Err(error) => Err(failed(Call::ReadAnnouncement)(error)),
    }
}

async fn revision(context: Context<'_>) -> Result<i64, Failure> {
    let announcement = context.client.get_docx_announcement(context.chat_id).await;
    let announcement = announcement.map_err(failed(Call::ReadAnnouncement))?;
    Ok(announcement.revision_id)
}

/// Counts an attempt during which a member edited the announcement.
fn refuse_unless_outdated(error: Error, attempt: &mut usize) -> Result<(), Failure> {
    if error.code() == Some(codes::DOCX_OUTDATED) && *attempt < ATTEMPTS {
        *attempt += 1;
        return Ok(());
    }
    Err(failed(Call::ReadAnnouncement)(error))
}

/// The result of deleting blocks.
pub(super) struct Deletion {
    pub(super) deleted: usize,
    /// Why the rest was not deleted.
    pub(super) failure: Option<Failure>,
}

/// Deletes the blocks at these positions of the top level.
///
/// From the bottom up, all at the revision that was read, so that edits in the meantime do not
/// change which blocks are meant.
pub(super) async fn delete(positions: Vec<usize>, revision: i64, context: Context<'_>) -> Deletion {
    let chat = context.chat_id;
    let mut deleted = 0;
    for range in ranges(positions).into_iter().rev() {
        let name = format!("remove {revision} {}..{}", range.start, range.end);
        let deletion = DeleteChildren {
            parent: &BlockId::new(chat.as_str()),
            range: range.clone(),
            revision_id: revision,
            client_token: &context.job.key.idempotency_key(&name).to_string(),
        };
        let client = context.client;
        if let Err(error) = client.delete_docx_children(chat, deletion).await {
            let failure = Some(failed(Call::WriteAnnouncement)(error));
            return Deletion { deleted, failure };
        }
        deleted += range.len();
    }
    let failure = None;
    Deletion { deleted, failure }
}

/// Merges positions into ranges, in order.
fn ranges(mut positions: Vec<usize>) -> Vec<Range<usize>> {
    positions.sort_unstable();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for position in positions {
        match runs.last_mut() {
            Some(run) if run.end == position => run.end += 1,
            _ => runs.push(position..position + 1),
        }
    }
    runs
}

/// The top-level blocks. The page block has the chat's id.
pub(super) fn page_of<'b>(blocks: &'b [Block], chat: &ChatId) -> &'b [BlockId] {
    let page = block_of(chat.as_str(), blocks);
    page.map_or(&[], |page| &page.children)
}

pub(super) fn block_of<'b>(id: &str, blocks: &'b [Block]) -> Option<&'b Block> {
    let has_id = |block: &&Block| {
        block
            .block_id
            .as_ref()
            .is_some_and(|own| own.as_str() == id)
    };
    blocks.iter().find(has_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_merged_into_ranges() {
        assert_eq!(ranges(vec![4, 0, 1, 5, 7]), [0..2, 4..6, 7..8]);
        assert!(ranges(Vec::new()).is_empty());
    }
}
