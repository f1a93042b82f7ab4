//! `/unpin`: the top notice taken off, whatever it is.

use super::{Effect, Failure, Scene};
use crate::model::change::{Change, Top};
use crate::model::outcome::Done;
use crate::model::refusal::Call;

pub(super) async fn run(scene: Scene<'_>) -> Result<Effect, Failure> {
    let before = scene.top().await?;
    delete(scene).await?;
    Ok(Effect {
        change: Some(Change::of_top(before, Top::Nothing)),
        ..Effect::new(Done::Unpinned)
    })
}

pub(super) async fn delete(scene: Scene<'_>) -> Result<(), Failure> {
    let client = &scene.platform.client;
    client
        .delete_top_notice(scene.chat_id)
        .await
        .map_err(|error| Failure::Call(Call::DeleteTopNotice, error))
}
