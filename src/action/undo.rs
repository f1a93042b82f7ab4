//! `/undo`, and the end of changes with a duration.

use super::announce::{self, BlockRenames, OnMissing, Removal, Reverted};
use super::{Context, Effect, Failure, pin};
use crate::content::Snapshot;
use crate::model::change::{
    AnnouncementState, Change, ChangeKind, PinnedItem, PlacedEntry, RecordedChange,
};
use crate::model::outcome::{Done, UndoResult};
use crate::model::refusal::Cause;

/// Reverts a change, as far as the bot knows the state before it.
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
                on_missing: OnMissing::Restore,
            };
            let taken = announce::revert(&removal, context).await?;
            let undone = match (taken.content_restored, taken.was_there) {
                (true, _) => UndoResult::ContentRestored {
                    lost: snapshot
                        .into_iter()
                        .flat_map(|snapshot| snapshot.lost.iter().copied())
                        .collect(),
                },
                (false, true) => UndoResult::EntryRemoved,
                (false, false) => UndoResult::EntryAlreadyGone,
            };
            let top = match before {
                Some(before) if is_still_pinned(made, context).await? => Some(restored(before)),
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

/// Reverts a change whose duration has passed, unless it was reverted or overwritten before.
pub(super) async fn expire(made: &RecordedChange, context: Context<'_>) -> Result<Effect, Failure> {
    if made.undone {
        return Ok(Effect::new(Done::Superseded));
    }
    // It is kept until its duration has passed, so it cannot be missing.
    let change = made.change.as_ref().ok_or(Cause::Internal)?;
    let change = if let Some((placed, snapshot)) = entry_of(change) {
        let removal = Removal {
            placed,
            snapshot,
            renamed: renamed_since(made, context).await?,
            on_missing: OnMissing::Leave,
        };
        let taken = announce::revert(&removal, context).await?;
        let top = match change.top() {
            Some(_) if is_still_pinned(made, context).await? => Some(PinnedItem::Nothing),
            Some(_) | None => None,
        };
        without_entry(taken, top, context).await?
    } else if let Some(after) = change.top()
        && is_still_pinned(made, context).await?
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

/// The entry that a change written, and the content that it replaced.
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

/// The current ids of blocks: content that was replaced and restored has new ones.
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

/// The change that removed an entry. Pins `top`, if given.
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

/// Whether the item that this change pinned is still pinned, as far as the bot knows: the change
/// was the latest, or `/undo` has restored it.
async fn is_still_pinned(made: &RecordedChange, context: Context<'_>) -> Result<bool, Failure> {
    let top = |made: &RecordedChange| made.change.as_ref().and_then(Change::top).cloned();
    let latest = context.store.latest_top(context.chat()).await?;
    Ok(latest.is_some_and(|latest| {
        latest.id == made.id || (latest.kind == ChangeKind::Undo && top(&latest) == top(made))
    }))
}

/// The item to pin to restore the state before a change.
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
        // The bot cannot know the top notice before its first change.
        PinnedItem::Unknown if now == PinnedItem::Nothing => return Err(Cause::TopUnknown.into()),
        PinnedItem::Unknown | PinnedItem::Nothing => {
            (UndoResult::NothingOnTop, PinnedItem::Nothing)
        }
    };
    pin::apply(&after, context).await?;
    Ok((undone, Change::of_top(now, after)))
}
