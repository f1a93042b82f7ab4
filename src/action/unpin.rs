//! `/unpin`: the top notice taken off, whatever it is.

use super::{Failure, Scene};
use crate::outcome::{Call, Done};

pub(super) async fn run(scene: Scene<'_>) -> Result<Done, Failure> {
    let client = &scene.platform.client;
    client
        .delete_top_notice(&scene.message.chat_id)
        .await
        .map_err(|error| Failure::Call(Call::DeleteTopNotice, error))?;
    Ok(Done::Unpinned)
}
