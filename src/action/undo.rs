//! `/undo`: the bot's last change in the chat taken back; and what is taken
//! back by itself because its time is over.

use super::announce::{self, Removed};
use super::{Effect, Failure, Scene, pin};
use crate::change::{Change, Deed, Made, Top};
use crate::outcome::{Done, Refusal, Undone};

/// Takes back a change, as far as the bot can know what stood before.
pub(super) async fn run(made: &Made, scene: Scene<'_>) -> Result<Effect, Failure> {
    let (undone, change) = match &made.change {
        Some(Change::Top { before, .. }) => restore_top(before, scene).await?,
        Some(Change::Entry { placed, top_before }) => {
            let undone = match announce::remove(placed, scene).await? {
                Removed::Now => Undone::EntryOut,
                Removed::Before => Undone::EntryWasOut,
            };
            let top = match top_before {
                Some(before) if stands_since(made, scene).await? => Some(restored(before)),
                Some(_) | None => None,
            };
            if let Some(top) = &top {
                pin::bring_about(top, scene).await?;
            }
            (undone, Change::EntryGone { top })
        }
        Some(Change::EntryGone { .. }) | None => return Err(Refusal::NothingToUndo.into()),
    };
    Ok(Effect {
        change: Some(change),
        takes_back: Some(made.id),
        ..Effect::new(Done::Undone(undone))
    })
}

/// Takes back a change, unless that was done already or another has come in
/// its place.
pub(super) async fn expire(made: &Made, scene: Scene<'_>) -> Result<Effect, Failure> {
    let change = match &made.change {
        _ if made.undone => None,
        // Kept until its time is over, it cannot be missing.
        None => return Err(Refusal::Internal.into()),
        Some(Change::EntryGone { .. }) => None,
        Some(Change::Top { after, .. }) => {
            if stands_since(made, scene).await? {
                pin::bring_about(&Top::Nothing, scene).await?;
                Some(Change::Top {
                    before: after.clone(),
                    after: Top::Nothing,
                })
            } else {
                None
            }
        }
        Some(Change::Entry { placed, top_before }) => {
            announce::remove(placed, scene).await?;
            let top = match top_before {
                Some(_) if stands_since(made, scene).await? => Some(Top::Nothing),
                Some(_) | None => None,
            };
            if let Some(top) = &top {
                pin::bring_about(top, scene).await?;
            }
            Some(Change::EntryGone { top })
        }
    };
    let Some(change) = change else {
        return Ok(Effect::new(Done::Superseded));
    };
    Ok(Effect {
        change: Some(change),
        takes_back: Some(made.id),
        ..Effect::new(Done::Expired)
    })
}

/// Whether what this change put at the top stands there now, as far as the bot
/// knows: it was the last one, or `/undo` has brought it back since.
async fn stands_since(made: &Made, scene: Scene<'_>) -> Result<bool, Failure> {
    let top = |made: &Made| made.change.as_ref().and_then(Change::top).cloned();
    let latest = scene.store.latest_top(scene.chat()).await?;
    Ok(latest.is_some_and(|latest| {
        latest.id == made.id || (latest.deed == Deed::Undo && top(&latest) == top(made))
    }))
}

/// What to bring about so that what was there before stands at the top again.
fn restored(before: &Top) -> Top {
    match before {
        Top::Message(_) | Top::Announcement => before.clone(),
        Top::Unknown | Top::Nothing => Top::Nothing,
    }
}

async fn restore_top(before: &Top, scene: Scene<'_>) -> Result<(Undone, Change), Failure> {
    let now = scene.top().await?;
    let (undone, after) = match before {
        Top::Message(_) => (Undone::MessageOnTop, before.clone()),
        Top::Announcement => (Undone::AnnouncementOnTop, before.clone()),
        // What stood there before the bot's first change, it cannot know.
        Top::Unknown if now == Top::Nothing => return Err(Refusal::TopUnknown.into()),
        Top::Unknown | Top::Nothing => (Undone::NothingOnTop, Top::Nothing),
    };
    pin::bring_about(&after, scene).await?;
    Ok((undone, Change::Top { before: now, after }))
}
