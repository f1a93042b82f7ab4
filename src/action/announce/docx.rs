//! Writes an entry into a `docx` announcement: creates blocks at the top. Content to replace is
//! deleted afterwards, so that the announcement is never empty.

use feishu::{BlockId, ReadBlock};

use super::calls::plan;
use super::creation::Writing;
use super::page::{self, Deletion};
use super::{AnnouncementRequest, Context, Failure};
use crate::action::announce::common::{WrittenEntry, refuse_too_large, refuse_unrestorable};
use crate::content::{Entry, Snapshot, SnapshotBlock};
use crate::model::change::{AnnouncementState, PlacedBlocks, PlacedEntry};
use crate::model::progress::{Creation, WriteProgress};

/// Writes the entry, continuing from the last attempt.
pub(super) async fn write(
    entry: &Entry,
    revision: i64,
    draft: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let (mut creation, nameless, mut snapshot) = match context.written() {
        Some(WriteProgress::Docx {
            creation,
            nameless,
            snapshot,
        }) => (creation, nameless, snapshot),
        _ => (Creation::at(revision), false, None),
    };
    if let (Some(how), None) = (draft.options.replace, &snapshot) {
        let (revision, blocks) = page::read::<ReadBlock>(context).await?;
        refuse_too_large(Snapshot::weight_of_docx(&blocks, context.chat_id))?;
        let body = Snapshot::of_docx(&blocks, context.chat_id);
        refuse_unrestorable(&body, how)?;
        creation.revision = revision;
        snapshot = Some(body);
        let written = WriteProgress::Docx {
            creation: creation.clone(),
            nameless,
            snapshot: snapshot.clone(),
        };
        context.save(draft, Some(written)).await?;
    }
    let nameless_entry = entry.names_anybody().then(|| entry.nameless());
    let mut writing = Writing {
        name: "docx",
        at: 0,
        steps: plan(entry.to_docx()),
        nameless_steps: nameless_entry.map(|entry| plan(entry.to_docx())),
        nameless,
        creation,
    };
    let so_far = |creation, nameless| WriteProgress::Docx {
        creation,
        nameless,
        snapshot: snapshot.clone(),
    };
    if let Err(failure) = writing.run(draft, so_far, context).await {
        if let Failure::Call(_, error) = &failure
            && error.may_have_taken_effect()
        {
            // If no attempt gets a response, `/undo` searches for the blocks of this call.
            let written = so_far(writing.creation.clone(), writing.nameless);
            context.save(draft, Some(written)).await?;
        }
        let (stand, of) = writing.lines();
        return Err(failure.after(stand, of));
    }
    let placed = PlacedEntry {
        entry: entry.clone(),
        nameless: writing.nameless,
        kind: PlacedBlocks::Docx {
            blocks: writing.creation.page_blocks.clone(),
        },
    };
    let Some(snapshot) = snapshot else {
        return Ok(WrittenEntry::above(placed));
    };
    clear(snapshot, &writing.creation.page_blocks, placed, context).await
}

/// Deletes the content from before the entry. Blocks that a member has edited or written since
/// stay.
async fn clear(
    snapshot: Snapshot,
    own: &[BlockId],
    placed: PlacedEntry,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let (revision, blocks) = page::read::<ReadBlock>(context).await?;
    let stands = snapshot.current_docx(&blocks, context.chat_id).blocks;
    let is_former = |place: &usize| snapshot.blocks.contains(&stands[*place]);
    let places: Vec<usize> = (0..stands.len()).filter(is_former).collect();
    let all_stand = places.len() == snapshot.blocks.len();
    let Deletion { deleted, failure } = page::delete(places, revision, context).await;
    let left = match failure {
        // It is unknown whether the blocks were deleted.
        Some(Failure::Call(call, error)) if error.may_have_taken_effect() => {
            return Err(Failure::Call(call, error));
        }
        left => left,
    };
    let is_own = |block: &&SnapshotBlock| block.id.as_ref().is_some_and(|id| own.contains(id));
    let others = stands.len() - deleted - stands.iter().filter(is_own).count();
    let is_untouched = left.is_some() && all_stand && deleted == 0;
    let before = if is_untouched {
        AnnouncementState::OtherContent
    } else {
        AnnouncementState::Body(snapshot)
    };
    Ok(WrittenEntry {
        placed,
        before,
        others,
        left,
    })
}
