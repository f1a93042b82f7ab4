//! Actions: one file per command.
//!
//! An action needs a [`Permit`], makes its calls and returns what it did as a value. It never sends
//! a reply; only [`crate::dispatch`] does.

use crate::model::action::Action;
use crate::model::change::PinnedItem;
use crate::model::outcome::Done;
use crate::policy::Permit;

pub(crate) mod announce;
mod context;
mod edit;
mod pin;
mod replied;
mod undo;
mod unpin;

pub(crate) use context::{AnnounceSettings, AnnouncementRequest, Context, Effect, Failure};

pub(crate) async fn run(permit: Permit, context: Context<'_>) -> Result<Effect, Failure> {
    match permit.into_action() {
        Action::PutMessage(message, duration) => {
            pin::run(PinnedItem::Message(message), duration, context).await
        }
        Action::PutAnnouncement(duration) => {
            pin::run(PinnedItem::Announcement, duration, context).await
        }
        Action::DeleteTopNotice => unpin::run(context).await,
        Action::Announce(source, options) => {
            Box::pin(announce::run(source, options, context)).await
        }
        Action::Edit(edit) => Box::pin(edit::run(*edit, context)).await,
        Action::Undo(change) => Box::pin(undo::run(&change, context)).await,
        Action::Expire(change) => Box::pin(undo::expire(&change, context)).await,
        // The commit that stores the outcome changes the setting.
        Action::Set(change) => Ok(Effect::new(Done::Set(change))),
        Action::ShowSettings(settings) => Ok(Effect::new(Done::Settings(settings))),
        // The commit that stores the outcome removes the schedule.
        Action::Cancel(_) => Ok(Effect::new(Done::Cancelled)),
    }
}
