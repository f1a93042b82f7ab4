//! `/undo`: the bot's last change in the chat taken back; and what is taken
//! back by itself because its time is over.

use super::announce::{self, IfGone, Removal, Renamed, TakenBack};
use super::{Effect, Failure, Scene, pin};
use crate::content::Former;
use crate::model::change::{Change, Deed, Made, Placed, Standing, Top};
use crate::model::outcome::{Done, Undone};
use crate::model::refusal::Cause;

/// Takes back a change, as far as the bot can know what stood before.
pub(super) async fn run(made: &Made, scene: Scene<'_>) -> Result<Effect, Failure> {
    let Some(change) = &made.change else {
        return Err(Cause::NothingToUndo.into());
    };
    let (undone, change) = match (entry_of(change), &change.before.top) {
        (Some((placed, former)), before) => {
            let removal = Removal {
                placed,
                former,
                renamed: renamed_since(made, scene).await?,
                if_gone: IfGone::Restore,
            };
            let taken = announce::take_back(&removal, scene).await?;
            let undone = match (taken.former_is_back, taken.was_there) {
                (true, _) => Undone::FormerBack {
                    lost: former
                        .into_iter()
                        .flat_map(|former| former.lost.iter().copied())
                        .collect(),
                },
                (false, true) => Undone::EntryOut,
                (false, false) => Undone::EntryWasOut,
            };
            let top = match before {
                Some(before) if stands_since(made, scene).await? => Some(restored(before)),
                Some(_) | None => None,
            };
            (undone, without_entry(taken, top, scene).await?)
        }
        (None, Some(before)) => restore_top(before, scene).await?,
        (None, None) => return Err(Cause::NothingToUndo.into()),
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
    if made.undone {
        return Ok(Effect::new(Done::Superseded));
    }
    // Kept until its time is over, it cannot be missing.
    let change = made.change.as_ref().ok_or(Cause::Internal)?;
    let change = if let Some((placed, former)) = entry_of(change) {
        let removal = Removal {
            placed,
            former,
            renamed: renamed_since(made, scene).await?,
            if_gone: IfGone::Leave,
        };
        let taken = announce::take_back(&removal, scene).await?;
        let top = match change.top() {
            Some(_) if stands_since(made, scene).await? => Some(Top::Nothing),
            Some(_) | None => None,
        };
        without_entry(taken, top, scene).await?
    } else if let Some(after) = change.top()
        && stands_since(made, scene).await?
    {
        pin::bring_about(&Top::Nothing, scene).await?;
        Change::of_top(after.clone(), Top::Nothing)
    } else {
        return Ok(Effect::new(Done::Superseded));
    };
    Ok(Effect {
        change: Some(change),
        takes_back: Some(made.id),
        ..Effect::new(Done::Expired)
    })
}

/// The entry that a change has written, and what it replaced.
fn entry_of(change: &Change) -> Option<(&Placed, Option<&Former>)> {
    let Some(Standing::Entry(placed)) = &change.after.announcement else {
        return None;
    };
    let former = match &change.before.announcement {
        Some(Standing::Body(former)) => Some(former),
        _ => None,
    };
    Some((placed, former))
}

/// The ids that blocks have now: what was replaced and written again since has new ones.
async fn renamed_since(made: &Made, scene: Scene<'_>) -> Result<Renamed, Failure> {
    let restored = scene.store.restored_since(scene.chat(), made.id).await?;
    Ok(Renamed(restored))
}

/// The change by which an entry went, and, if it is not nothing, what stands at
/// the top instead of it.
async fn without_entry(
    taken: TakenBack,
    top: Option<Top>,
    scene: Scene<'_>,
) -> Result<Change, Failure> {
    let mut change = Change::restored(taken.restored);
    if let Some(top) = top {
        pin::bring_about(&top, scene).await?;
        change = change.with_top(None, top);
    }
    Ok(change)
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
        Top::Unknown if now == Top::Nothing => return Err(Cause::TopUnknown.into()),
        Top::Unknown | Top::Nothing => (Undone::NothingOnTop, Top::Nothing),
    };
    pin::bring_about(&after, scene).await?;
    Ok((undone, Change::of_top(now, after)))
}
