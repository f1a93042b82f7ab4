//! `/pin`: pins a message, or the announcement, to the top of the chat.
//!
//! The platform keeps one top notice per chat and a second call replaces the first, so repeating a
//! call after a lost response has no effect.

use feishu::{TopNotice, codes};

use super::{Context, Effect, Failure, replied, unpin};
use crate::command::{PinTarget, Span};
use crate::model::change::{Change, PinnedItem};
use crate::model::outcome::Done;
use crate::model::refusal::Call;

pub(super) async fn run(
    after: PinnedItem,
    duration: Option<Span>,
    context: Context<'_>,
) -> Result<Effect, Failure> {
    let before = context.top().await?;
    let target = if matches!(after, PinnedItem::Announcement) {
        PinTarget::Announcement
    } else {
        PinTarget::RepliedMessage
    };
    apply(&after, context).await?;
    Ok(Effect {
        change: Some(Change::of_top(before, after)),
        expires_at: context.expires_at(duration),
        ..Effect::new(Done::Pinned(target))
    })
}

/// Pins an item, or removes the top notice.
pub(super) async fn apply(top: &PinnedItem, context: Context<'_>) -> Result<(), Failure> {
    let (notice, call) = match top {
        PinnedItem::Message(message) => (TopNotice::Message(message), Call::PutMessage),
        PinnedItem::Announcement => (TopNotice::Announcement, Call::PutAnnouncement),
        PinnedItem::Nothing | PinnedItem::Unknown => return unpin::delete(context).await,
    };
    let put = context.client.put_top_notice(context.chat_id, notice).await;
    let Err(error) = put else { return Ok(()) };
    if let (PinnedItem::Message(message), Some(codes::CHAT_INVALID_PARAMETER)) = (top, error.code())
        && let Some(refusal) = replied::not_pinnable(message, context).await
    {
        return Err(refusal.into());
    }
    Err(Failure::Call(call, error))
}
