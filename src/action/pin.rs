//! `/pin`: a message, or the announcement, to the top of the chat.
//!
//! The platform keeps one top notice per chat and a second put replaces the
//! first, so a put that is repeated after a lost answer changes nothing.

use feishu::{TopNotice, codes};

use super::{Effect, Failure, Scene, replied, unpin};
use crate::command::{PinTarget, Span};
use crate::model::change::{Change, Top};
use crate::model::outcome::Done;
use crate::model::refusal::Call;

pub(super) async fn run(
    after: Top,
    hold: Option<Span>,
    scene: Scene<'_>,
) -> Result<Effect, Failure> {
    let before = scene.top().await?;
    let target = if matches!(after, Top::Announcement) {
        PinTarget::Announcement
    } else {
        PinTarget::RepliedMessage
    };
    bring_about(&after, scene).await?;
    Ok(Effect {
        change: Some(Change::of_top(before, after)),
        until: scene.until(hold),
        ..Effect::new(Done::Pinned(target))
    })
}

/// Makes this stand at the top.
pub(super) async fn bring_about(top: &Top, scene: Scene<'_>) -> Result<(), Failure> {
    let (notice, call) = match top {
        Top::Message(message) => (TopNotice::Message(message), Call::PutMessage),
        Top::Announcement => (TopNotice::Announcement, Call::PutAnnouncement),
        Top::Nothing | Top::Unknown => return unpin::delete(scene).await,
    };
    let put = scene
        .platform
        .client
        .put_top_notice(scene.chat_id, notice)
        .await;
    let Err(error) = put else { return Ok(()) };
    if let (Top::Message(message), Some(codes::CHAT_INVALID_PARAMETER)) = (top, error.code())
        && let Some(refusal) = replied::not_pinnable(message, scene).await
    {
        return Err(refusal.into());
    }
    Err(Failure::Call(call, error))
}
