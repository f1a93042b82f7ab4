//! `/unpin`: removes the top notice.

use super::{Context, Effect, Failure};
use crate::model::change::{Change, PinnedItem};
use crate::model::outcome::Done;
use crate::model::refusal::Call;

pub(super) async fn run(context: Context<'_>) -> Result<Effect, Failure> {
    let before = context.top().await?;
    delete(context).await?;
    Ok(Effect {
        change: Some(Change::of_top(before, PinnedItem::Nothing)),
        ..Effect::new(Done::Unpinned)
    })
}

pub(super) async fn delete(context: Context<'_>) -> Result<(), Failure> {
    let client = context.client;
    client
        .delete_top_notice(context.chat_id)
        .await
        .map_err(|error| Failure::Call(Call::DeleteTopNotice, error))
}
