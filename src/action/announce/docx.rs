//! Writes an entry into a `docx` announcement: creates blocks at the top. Content to replace is
//! deleted afterwards, so that the announcement is never empty.

use std::collections::HashMap;

use feishu::{BlockId, ReadBlock};

use super::creation::BlockCreation;
use super::page::{self, Deletion};
use super::{AnnouncementRequest, Context, Failure};
use super::{budget, media};
use crate::action::announce::common::{WrittenEntry, refuse_too_large, refuse_unrestorable};
use crate::command::Replace;
use crate::content::{Entry, MediaFile, Snapshot};
use crate::model::change::{PlacedBlocks, PlacedEntry};
use crate::model::progress::{Creation, MediaState, WriteProgress};

/// Writes the entry, continuing from the last attempt.
pub(super) async fn write(
    entry: &Entry,
    revision: i64,
    request: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let mut memory = budget::reserve(budget::cost(request), context).await?;
    let (mut creation, mut snapshot) = match context.written() {
        Some(WriteProgress::Docx { creation, snapshot }) => (creation, snapshot),
        _ => (Creation::at(revision), None),
    };
    let progress = |creation, snapshot| WriteProgress::Docx { creation, snapshot };
    if let (Some(how), None) = (request.options.replace, &snapshot) {
        let (revision, body) = read_body(how, context).await?;
        creation.revision = revision;
        snapshot = Some(body);
        let written = progress(creation.clone(), snapshot.clone());
        context.save(request, Some(written)).await?;
    }
    let without_mentions = entry.mentions_anybody().then(|| entry.without_mentions());
    let named = without_mentions.map(|entry| entry.to_docx());
    let mut writing = BlockCreation::new("docx", 0, entry.to_docx(), named, creation);
    let progress = |creation| progress(creation, snapshot.clone());
    if let Err(failure) = writing.create_blocks(request, &progress, context).await {
        if let Failure::Call(_, error) = &failure
            && error.may_have_taken_effect()
        {
            // If no attempt gets a response, `/undo` searches for the blocks of this call.
            let written = progress(writing.creation.clone());
            context.save(request, Some(written)).await?;
        }
        let (lines, of) = writing.lines();
        return Err(failure.after(lines, of));
    }
    if writing.has_files_to_copy() {
        memory.shrink();
        writing.copy_media(request, &progress, context).await?;
        drop(memory);
        memory = budget::reserve(budget::cost(request), context).await?;
    }
    let blocks = writing.creation.page_blocks.clone();
    let written = WrittenEntry {
        named: writing.named_media().collect(),
        ..WrittenEntry::new(placed(entry, writing.creation))
    };
    let written = match snapshot {
        Some(snapshot) => clear(snapshot, &blocks, written, context).await,
        None => Ok(written),
    };
    drop(memory);
    written
}

/// The entry as it was written, also in part.
pub(super) fn placed(entry: &Entry, creation: Creation) -> PlacedEntry {
    PlacedEntry {
        entry: entry.map_media(|number, file| match creation.media.get(number) {
            Some(MediaState::Named(_)) => None,
            Some(MediaState::Shown { token, .. }) => Some(MediaFile {
                token: Some(token.clone()),
                ..file
            }),
            _ => Some(file),
        }),
        without_mentions: creation.without_mentions,
        kind: PlacedBlocks::Docx {
            blocks: creation.page_blocks,
        },
    }
}

/// The content to replace, after its revision.
async fn read_body(how: Replace, context: Context<'_>) -> Result<(i64, Snapshot), Failure> {
    let (revision, blocks) = page::read::<ReadBlock>(context).await?;
    refuse_too_large(Snapshot::weight_of_docx(&blocks, context.chat_id))?;
    let files = if blocks.iter().any(|block| block.file_token().is_some()) {
        media::copied_before(context).await?
    } else {
        HashMap::new()
    };
    let body = Snapshot::with_files(&blocks, context.chat_id, &files);
    refuse_unrestorable(&body, how)?;
    Ok((revision, body))
}

/// Deletes the content from before the entry. Blocks that a member has edited or written since
/// stay.
async fn clear(
    snapshot: Snapshot,
    own: &[BlockId],
    entry: WrittenEntry,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let (revision, blocks) = page::read::<ReadBlock>(context).await?;
    let current = snapshot.current_docx(&blocks, context.chat_id);
    let saved: Vec<_> = snapshot.top_level().collect();
    let unedited = current.top_level().enumerate();
    let unedited = unedited.filter(|(_, block)| saved.contains(block));
    let positions: Vec<usize> = unedited.map(|(position, _)| position).collect();
    let is_unedited = positions.len() == saved.len();
    let Deletion { deleted, failure } = page::delete(positions, revision, context).await;
    let not_deleted = match failure {
        // It is unknown whether the blocks were deleted.
        Some(Failure::Call(call, error)) if error.may_have_taken_effect() => {
            return Err(Failure::Call(call, error));
        }
        not_deleted => not_deleted,
    };
    let own = current.ids().filter(|id| own.contains(id)).count();
    let edited = current.top_level().count() - deleted - own;
    let is_untouched = not_deleted.is_some() && is_unedited && deleted == 0;
    Ok(WrittenEntry {
        replaced: Some(snapshot).filter(|_| !is_untouched),
        edited,
        not_deleted,
        ..entry
    })
}
