//! `/undo`, and the end of changes with a duration.

use std::collections::BTreeSet;

use feishu::codes::Class;
use feishu::{Medium, MessageId, Unwritable};

use super::announce::{self, EntryToRemove, OnMissing, Reverted};
use super::{Context, Effect, Failure, edit, notice, pin};
use crate::content::Snapshot;
use crate::model::action::ChangeToUndo;
use crate::model::change::{Change, ChangeKind, PinnedItem, RecordedChange};
use crate::model::outcome::{Done, UndoResult};
use crate::model::refusal::Cause;

/// Reverts a change, as far as the bot knows the state before it.
pub(super) async fn run(undo: &ChangeToUndo, context: Context<'_>) -> Result<Effect, Failure> {
    let ChangeToUndo {
        change: recorded,
        edited,
    } = undo;
    let change = recorded.change.as_ref().ok_or(Cause::NothingToUndo)?;
    if let Some(entries) = change.edited_entry() {
        let edited = edited.as_ref().ok_or(Cause::NothingToUndo)?;
        return edit::undo(recorded, edited, entries, context).await;
    }
    if let Some(notices) = change.edited_notice() {
        let edited = edited.as_ref().ok_or(Cause::NothingToUndo)?;
        return notice::undo_edit(recorded, edited, notices, context).await;
    }
    let notification = change.after.notification.as_ref();
    let (result, reverting) = match (change.entry(), &change.before.top) {
        (None, before) if let Some(posted) = change.notice() => {
            let top = match before {
                Some(before) if is_still_pinned(recorded, context).await? => Some(restored(before)),
                Some(_) | None => None,
            };
            notice::withdraw(posted, top, context).await?
        }
        (Some((entry, snapshot)), before) => {
            let on_missing = OnMissing::Restore;
            let entry = EntryToRemove {
                change: recorded.id,
                placed: entry,
                edited: None,
            };
            let reverted = announce::revert(entry, snapshot, on_missing, context).await?;
            let top = match before {
                Some(before) if is_still_pinned(recorded, context).await? => Some(restored(before)),
                Some(_) | None => None,
            };
            let result = undo_result(&reverted, snapshot);
            (result, without_entry(reverted, top, context).await?)
        }
        (None, Some(before)) => restore_top(before, context).await?,
        (None, None) => return Err(Cause::NothingToUndo.into()),
    };
    let done = match notification {
        Some(message) => Done::UndoneAndRecalled {
            result,
            recalled: recall(message, context).await,
        },
        None => Done::Undone(result),
    };
    Ok(Effect {
        change: Some(reverting),
        reverts: Some(recorded.id),
        ..Effect::new(done)
    })
}

/// Recalls the message that notified everybody; returns whether it is gone. The change is undone in
/// either case: the organization decides for how long messages can be recalled.
async fn recall(message: &MessageId, context: Context<'_>) -> bool {
    match context.platform.client.recall_message(message).await {
        Ok(()) => true,
        Err(error) if error.class() == Some(Class::MessageGone) => true,
        Err(error) => {
            tracing::warn!(
                error = %error,
                api.log_id = error.log_id(),
                "could not recall the message that mentions everybody"
            );
            false
        }
    }
}

fn undo_result(reverted: &Reverted, snapshot: Option<&Snapshot>) -> UndoResult {
    match (reverted.content_restored, reverted.was_there) {
        (true, _) => UndoResult::ContentRestored {
            lost: lost(reverted, snapshot).into_iter().collect(),
        },
        (false, true) => UndoResult::EntryRemoved,
        (false, false) => UndoResult::EntryAlreadyGone,
    }
}

/// The kinds of content that were restored as their names only.
fn lost(reverted: &Reverted, snapshot: Option<&Snapshot>) -> BTreeSet<Unwritable> {
    let files = reverted.named.iter().map(|medium| match medium {
        Medium::Image => Unwritable::Image,
        _ => Unwritable::File,
    });
    let saved = snapshot.iter().flat_map(|snapshot| &snapshot.lost);
    saved.copied().chain(files).collect()
}

/// Reverts a change whose duration has passed, unless it was reverted or overwritten before.
pub(super) async fn expire(
    recorded: &RecordedChange,
    context: Context<'_>,
) -> Result<Effect, Failure> {
    if recorded.undone {
        return Ok(Effect::new(Done::Superseded));
    }
    // It is kept until its duration has passed, so it cannot be missing.
    let change = recorded.change.as_ref().ok_or(Cause::Internal)?;
    let mut files_lost = Vec::new();
    let reverting = if let Some((entry, snapshot)) = change.entry() {
        let on_missing = OnMissing::Leave;
        // An edit that was given up did not change the record, but perhaps the announcement.
        let edit = context
            .store
            .latest_edit(context.chat(), recorded.id)
            .await?;
        let edit = edit.and_then(|edit| edit.change);
        let edited = edit.as_ref().and_then(Change::edited_entry);
        let edited = edited.filter(|(_, edited)| !edited.entry.reads_like(&entry.entry));
        let entry = EntryToRemove {
            change: recorded.id,
            placed: entry,
            edited: edited.map(|(_, edited)| edited),
        };
        let reverted = announce::revert(entry, snapshot, on_missing, context).await?;
        if !reverted.named.is_empty() {
            files_lost.extend(lost(&reverted, snapshot));
        }
        let top = match change.top() {
            Some(_) if is_still_pinned(recorded, context).await? => Some(PinnedItem::Nothing),
            Some(_) | None => None,
        };
        without_entry(reverted, top, context).await?
    } else if let Some(after) = change.top()
        && is_still_pinned(recorded, context).await?
    {
        pin::apply(&PinnedItem::Nothing, context).await?;
        Change::of_top(after.clone(), PinnedItem::Nothing)
    } else {
        return Ok(Effect::new(Done::Superseded));
    };
    Ok(Effect {
        change: Some(reverting),
        reverts: Some(recorded.id),
        ..Effect::new(Done::Expired { lost: files_lost })
    })
}

/// The change that removed an entry. Pins `top`, if given.
async fn without_entry(
    reverted: Reverted,
    top: Option<PinnedItem>,
    context: Context<'_>,
) -> Result<Change, Failure> {
    let change = Change::restored(reverted.restored);
    let Some(top) = top else { return Ok(change) };
    pin::apply(&top, context).await?;
    Ok(change.with_top(None, top))
}

/// Whether the item that this change pinned is still pinned, as far as the bot knows: the change
/// was the latest, an edit has pinned another card instead, or `/undo` has restored it.
async fn is_still_pinned(recorded: &RecordedChange, context: Context<'_>) -> Result<bool, Failure> {
    let latest = context.store.latest_top(context.chat()).await?;
    Ok(latest.is_some_and(|latest| {
        let is_restored = latest.kind == ChangeKind::Undo && latest.top() == recorded.top();
        let is_edited = latest.edits == Some(recorded.id);
        latest.id == recorded.id || is_edited || is_restored
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
    let (result, after) = match before {
        PinnedItem::Message(_) => (UndoResult::MessageOnTop, before.clone()),
        PinnedItem::Announcement => (UndoResult::AnnouncementOnTop, before.clone()),
        // The bot cannot know the top notice before its first change.
        PinnedItem::Unknown if now == PinnedItem::Nothing => return Err(Cause::TopUnknown.into()),
        PinnedItem::Unknown | PinnedItem::Nothing => {
            (UndoResult::NothingOnTop, PinnedItem::Nothing)
        }
    };
    pin::apply(&after, context).await?;
    Ok((result, Change::of_top(now, after)))
}
