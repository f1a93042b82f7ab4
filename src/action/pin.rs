//! `/pin`: a message, or the announcement, to the top of the chat.
//!
//! The platform keeps one top notice per chat and a second put replaces the
//! first, so a put that is repeated after a lost answer changes nothing.

use feishu::{MessageId, TopNotice};

use super::{Failure, Scene};
use crate::command::PinTarget;
use crate::outcome::{Call, Done};

pub(super) async fn message(message: &MessageId, scene: Scene<'_>) -> Result<Done, Failure> {
    put(TopNotice::Message(message), Call::PutMessage, scene).await?;
    Ok(Done::Pinned(PinTarget::RepliedMessage))
}

pub(super) async fn announcement(scene: Scene<'_>) -> Result<Done, Failure> {
    put(TopNotice::Announcement, Call::PutAnnouncement, scene).await?;
    Ok(Done::Pinned(PinTarget::Announcement))
}

async fn put(notice: TopNotice<'_>, call: Call, scene: Scene<'_>) -> Result<(), Failure> {
    let client = &scene.platform.client;
    client
        .put_top_notice(&scene.message.chat_id, notice)
        .await
        .map_err(|error| Failure::Call(call, error))
}
