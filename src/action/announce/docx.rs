//! Writing an entry into a `docx` announcement: blocks created at the top and,
//! where they come in the place of what stood there, that deleted afterwards,
//! so that the announcement is never empty.

use feishu::{BlockId, ReadBlock};

use super::creation::Writing;
use super::page::{self, Deletion};
use super::plan::plan;
use super::{Draft, Failure, Scene};
use crate::action::announce::common::{Stand, expect_light, expect_writable};
use crate::content::{Entry, Former, FormerBlock};
use crate::model::change::{Placed, PlacedKind, Standing};
use crate::model::progress::{Creation, Written};

/// Writes the entry from where the last attempt stopped.
pub(super) async fn write(
    entry: &Entry,
    revision: i64,
    draft: Draft<'_>,
    scene: Scene<'_>,
) -> Result<Stand, Failure> {
    let (mut creation, nameless, mut former) = match scene.written() {
        Some(Written::Docx {
            creation,
            nameless,
            former,
        }) => (creation, nameless, former),
        _ => (Creation::at(revision), false, None),
    };
    if let (Some(how), None) = (draft.manner.replace, &former) {
        let (revision, blocks) = page::read::<ReadBlock>(scene).await?;
        expect_light(Former::weight_of_docx(&blocks, scene.chat_id))?;
        let body = Former::of_docx(&blocks, scene.chat_id);
        expect_writable(&body, how)?;
        creation.revision = revision;
        former = Some(body);
        let written = Written::Docx {
            creation: creation.clone(),
            nameless,
            former: former.clone(),
        };
        scene.save(draft, Some(written)).await?;
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
    let so_far = |creation, nameless| Written::Docx {
        creation,
        nameless,
        former: former.clone(),
    };
    if let Err(failure) = writing.run(draft, so_far, scene).await {
        if let Failure::Call(_, error) = &failure
            && error.may_have_taken_effect()
        {
            // Should the answer never come, `/undo` looks for what the call may have written.
            let written = so_far(writing.creation.clone(), writing.nameless);
            scene.save(draft, Some(written)).await?;
        }
        let (stand, of) = writing.lines();
        return Err(failure.after(stand, of));
    }
    let placed = Placed {
        entry: entry.clone(),
        nameless: writing.nameless,
        kind: PlacedKind::Docx {
            blocks: writing.creation.page_blocks.clone(),
        },
    };
    let Some(former) = former else {
        return Ok(Stand::above(placed));
    };
    clear(former, &writing.creation.page_blocks, placed, scene).await
}

/// Deletes what stood before the entry came. What a person has changed or typed
/// since is theirs and stays.
async fn clear(
    former: Former,
    own: &[BlockId],
    placed: Placed,
    scene: Scene<'_>,
) -> Result<Stand, Failure> {
    let (revision, blocks) = page::read::<ReadBlock>(scene).await?;
    let stands = former.now_in_docx(&blocks, scene.chat_id).blocks;
    let is_former = |place: &usize| former.blocks.contains(&stands[*place]);
    let places: Vec<usize> = (0..stands.len()).filter(is_former).collect();
    let all_stand = places.len() == former.blocks.len();
    let Deletion { deleted, failure } = page::delete(places, revision, scene).await;
    let left = match failure {
        // Nobody knows whether that is gone.
        Some(Failure::Call(call, error)) if error.may_have_taken_effect() => {
            return Err(Failure::Call(call, error));
        }
        left => left,
    };
    let is_own = |block: &&FormerBlock| block.id.as_ref().is_some_and(|id| own.contains(id));
    let others = stands.len() - deleted - stands.iter().filter(is_own).count();
    let is_untouched = left.is_some() && all_stand && deleted == 0;
    let before = if is_untouched {
        Standing::Others
    } else {
        Standing::Body(former)
    };
    Ok(Stand {
        placed,
        before,
        others,
        left,
    })
}
