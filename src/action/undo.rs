//! `/undo`: the bot's last change in the chat taken back; and what is taken
//! back by itself because its time is over.

use super::{Effect, Failure, Scene, pin};
use crate::change::{Change, Made, Place, Top};
use crate::outcome::{Done, Refusal, Undone};

/// Takes back a change, as far as the bot can know what stood before.
pub(super) async fn run(made: &Made, scene: Scene<'_>) -> Result<Effect, Failure> {
    let Some(change) = &made.change else {
        return Err(Refusal::NothingToUndo.into());
    };
    let (undone, change) = match change {
        Change::Top { before, .. } => restore_top(before, scene).await?,
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
    let superseded = Effect::new(Done::Superseded);
    if made.undone {
        return Ok(superseded);
    }
    let change = match &made.change {
        None => return Ok(superseded),
        Some(Change::Top { after, .. }) => {
            let latest = scene.store.latest_change(scene.chat(), Place::Top).await?;
            if latest.is_none_or(|latest| latest.id != made.id) {
                return Ok(superseded);
            }
            pin::bring_about(&Top::Nothing, scene).await?;
            Change::Top {
                before: after.clone(),
                after: Top::Nothing,
            }
        }
    };
    Ok(Effect {
        change: Some(change),
        takes_back: Some(made.id),
        ..Effect::new(Done::Expired)
    })
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
