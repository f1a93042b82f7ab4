//! `/undo`: the bot's last change in the chat taken back; and what is taken
//! back by itself because its time is over.

use super::announce::{self, BlockRenames, OnMissing, Removal, Reverted};
use super::{Context, Effect, Failure, pin};
use crate::content::Snapshot;
use crate::model::change::{
    AnnouncementState, Change, ChangeKind, PinnedItem, PlacedEntry, RecordedChange,
};
use crate::model::outcome::{Done, UndoResult};
use crate::model::refusal::Cause;

/// Takes back a change, as far as the bot can know what stood before.
pub(super) async fn run(made: &RecordedChange, context: Context<'_>) -> Result<Effect, Failure> {
    let Some(change) = &made.change else {
        return Err(Cause::NothingToUndo.into());
    };
    let (undone, change) = match (entry_of(change), &change.before.top) {
        (Some((placed, snapshot)), before) => {
            let removal = Removal {
                placed,
                snapshot,
                renamed: renamed_since(made, context).await?,
                if_gone: OnMissing::Restore,
            };
            let taken = announce::revert(&removal, context).await?;
            let undone = match (taken.former_is_back, taken.was_there) {
                (true, _) => UndoResult::FormerBack {
                    lost: snapshot
                        .into_iter()
                        .flat_map(|snapshot| snapshot.lost.iter().copied())
                        .collect(),
                },
                (false, true) => UndoResult::EntryOut,
                (false, false) => UndoResult::EntryWasOut,
            };
            let top = match before {
                Some(before) if stands_since(made, context).await? => Some(restored(before)),
                Some(_) | None => None,
            };
            (undone, without_entry(taken, top, context).await?)
        }
        (None, Some(before)) => restore_top(before, context).await?,
        (None, None) => return Err(Cause::NothingToUndo.into()),
    };
    Ok(Effect {
        change: Some(change),
        reverts: Some(made.id),
        ..Effect::new(Done::Undone(undone))
    })
}

/// Takes back a change, unless that was done already or another has come in
/// its place.
pub(super) async fn expire(made: &RecordedChange, context: Context<'_>) -> Result<Effect, Failure> {
    if made.undone {
        return Ok(Effect::new(Done::Superseded));
    }
    // Kept until its time is over, it cannot be missing.
    let change = made.change.as_ref().ok_or(Cause::Internal)?;
    let change = if let Some((placed, snapshot)) = entry_of(change) {
        let removal = Removal {
            placed,
            snapshot,
            renamed: renamed_since(made, context).await?,
            if_gone: OnMissing::Leave,
        };
        let taken = announce::revert(&removal, context).await?;
        let top = match change.top() {
            Some(_) if stands_since(made, context).await? => Some(PinnedItem::Nothing),
            Some(_) | None => None,
        };
        without_entry(taken, top, context).await?
    } else if let Some(after) = change.top()
        && stands_since(made, context).await?
    {
        pin::apply(&PinnedItem::Nothing, context).await?;
        Change::of_top(after.clone(), PinnedItem::Nothing)
    } else {
        return Ok(Effect::new(Done::Superseded));
    };
    Ok(Effect {
        change: Some(change),
        reverts: Some(made.id),
        ..Effect::new(Done::Expired)
    })
}

/// The entry that a change has written, and what it replaced.
fn entry_of(change: &Change) -> Option<(&PlacedEntry, Option<&Snapshot>)> {
    let Some(AnnouncementState::Entry(placed)) = &change.after.announcement else {
        return None;
    };
    let snapshot = match &change.before.announcement {
        Some(AnnouncementState::Body(snapshot)) => Some(snapshot),
        _ => None,
    };
    Some((placed, snapshot))
}

/// The ids that blocks have now: what was replaced and written again since has new ones.
async fn renamed_since(
    made: &RecordedChange,
    context: Context<'_>,
) -> Result<BlockRenames, Failure> {
    let restored = context
        .store
        .restored_since(context.chat(), made.id)
        .await?;
    Ok(BlockRenames(restored))
}

/// The change by which an entry went, and, if it is not nothing, what stands at
/// the top instead of it.
async fn without_entry(
    taken: Reverted,
    top: Option<PinnedItem>,
    context: Context<'_>,
) -> Result<Change, Failure> {
    let mut change = Change::restored(taken.restored);
    if let Some(top) = top {
        pin::apply(&top, context).await?;
        change = change.with_top(None, top);
    }
    Ok(change)
}

/// Whether what this change put at the top stands there now, as far as the bot
/// knows: it was the last one, or `/undo` has brought it back since.
async fn stands_since(made: &RecordedChange, context: Context<'_>) -> Result<bool, Failure> {
    let top = |made: &RecordedChange| made.change.as_ref().and_then(Change::top).cloned();
    let latest = context.store.latest_top(context.chat()).await?;
    Ok(latest.is_some_and(|latest| {
        latest.id == made.id || (latest.kind == ChangeKind::Undo && top(&latest) == top(made))
    }))
}

/// What to bring about so that what was there before stands at the top again.
fn restored(before: &PinnedItem) -> PinnedItem {
    match before {
        PinnedItem::Message(_) | PinnedItem::Announcement => before.clone(),
        PinnedItem::Unknown | PinnedItem::Nothing => PinnedItem::Nothing,
    }
}

async fn restore_top(
    before: &PinnedItem,
    context: Context<'_>,
) -> Result<(UndoResult, Change), Failure> {
    let now = context.top().await?;
    let (undone, after) = match before {
        PinnedItem::Message(_) => (UndoResult::MessageOnTop, before.clone()),
        PinnedItem::Announcement => (UndoResult::AnnouncementOnTop, before.clone()),
        // What stood there before the bot's first change, it cannot know.
        PinnedItem::Unknown if now == PinnedItem::Nothing => return Err(Cause::TopUnknown.into()),
        PinnedItem::Unknown | PinnedItem::Nothing => {
            (UndoResult::NothingOnTop, PinnedItem::Nothing)
        }
    };
    pin::apply(&after, context).await?;
    Ok((undone, Change::of_top(now, after)))
}
