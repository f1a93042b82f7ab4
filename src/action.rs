//! What the bot does: one file per command.
//!
//! An action runs with a [`Permit`], makes its calls, and returns what it did
//! as a value. It never speaks in the chat; only [`crate::dispatch`] does.

use crate::model::action::Action;
use crate::model::change::Top;
use crate::model::outcome::Done;
use crate::policy::Permit;

pub(crate) mod announce;
mod context;
mod pin;
mod replied;
mod undo;
mod unpin;

pub(crate) use context::{Draft, Effect, Failure, Scene, Style};

/// Does what the permit allows.
pub(crate) async fn run(permit: Permit, scene: Scene<'_>) -> Result<Effect, Failure> {
    match permit.into_action() {
        Action::PutMessage(message, hold) => pin::run(Top::Message(message), hold, scene).await,
        Action::PutAnnouncement(hold) => pin::run(Top::Announcement, hold, scene).await,
        Action::DeleteTopNotice => unpin::run(scene).await,
        Action::Announce(source, manner) => Box::pin(announce::run(source, manner, scene)).await,
        Action::Undo(made) => Box::pin(undo::run(&made, scene)).await,
        Action::Expire(made) => Box::pin(undo::expire(&made, scene)).await,
        // The plan goes in the commit that stores the outcome.
        Action::Cancel(_) => Ok(Effect::new(Done::Cancelled)),
    }
}
