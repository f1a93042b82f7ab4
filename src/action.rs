//! Actions: one file per command.
//!
//! An action needs a [`Permit`], makes its calls and returns what it did as a value. It never sends
//! a reply; only [`crate::dispatch`] does.

use crate::content::{Document, Entry};
use crate::model::action::{Action, Source};
use crate::model::change::PinnedItem;
use crate::model::outcome::Done;
use crate::model::progress::{Progress, WriteProgress};
use crate::model::schedule::AnnounceOptions;
use crate::policy::Permit;

pub(crate) mod announce;
mod context;
mod edit;
mod notice;
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
        Action::Announce(source, options) if options.notice => {
            Box::pin(notice::run(source, options, context)).await
        }
        Action::Announce(source, options) => {
            Box::pin(announce::run(source, options, context)).await
        }
        Action::Edit(edit) => Box::pin(edit::run(*edit, context)).await,
        Action::Undo(undo) => Box::pin(undo::run(&undo, context)).await,
        Action::Expire(change) => Box::pin(undo::expire(&change, context)).await,
        // The commit that stores the outcome changes the setting.
        Action::Set(change) => Ok(Effect::new(Done::Set(change))),
        Action::ShowSettings(settings) => Ok(Effect::new(Done::Settings(settings))),
        Action::ChangeList(change) => Ok(Effect::new(Done::ListChanged(change))),
        Action::ShowLists(lists) => Ok(Effect::new(Done::Lists(lists))),
        // The commit that stores the outcome removes the schedule.
        Action::Cancel(_) => Ok(Effect::new(Done::Cancelled)),
        Action::Pause(_) => Ok(Effect::new(Done::Paused)),
        Action::Resume(_, next) => {
            let at = context.clock.now();
            Ok(Effect::new(Done::Resumed { next, at }))
        }
    }
}

/// The text to publish later, if that is possible with these options.
pub(crate) async fn text_to_publish(
    source: Source,
    options: AnnounceOptions,
    context: Context<'_>,
) -> Result<Document, Failure> {
    if !options.notice {
        announce::refuse_duration(options, context).await?;
    }
    let document = announce::document(source, context).await?;
    if options.notice {
        notice::refuse_too_long(&document, context)?;
    }
    Ok(document)
}

/// The entry that would be published now.
pub(crate) fn entry_to_publish(
    document: &Document,
    options: AnnounceOptions,
    context: Context<'_>,
) -> Entry {
    announce::entry(AnnouncementRequest { document, options }, context)
}

/// Whether the group has an announcement of the old kind, which contains text only. `false` if that
/// cannot be found out.
pub(crate) async fn is_old_kind(context: Context<'_>) -> bool {
    announce::is_old_kind(context).await.unwrap_or(false)
}

/// The effect of an action that was given up, if it may have one.
pub(crate) fn partial_effect(progress: &Progress, context: Context<'_>) -> Option<Effect> {
    match &progress.written {
        Some(WriteProgress::Notice(_) | WriteProgress::NoticeEdit(_)) => {
            notice::partial_effect(progress, context)
        }
        _ => announce::partial_effect(progress, context),
    }
}
