//! `/announce`: writes text into the group announcement.
//!
//! A group has one of two kinds of announcement, with separate calls. The kind is read and cached;
//! if the platform reports the other kind, it is read again, once.
//!
//! An announcement may take several calls, and any response may be lost. `docx` has a key for that
//! (`client_token`): repeating a call has no effect. `doc` has none, and its revision is no lock,
//! because the platform rebases. So before each write the number of occurrences of its paragraphs
//! is stored, and after a lost response they are counted again.
//!
//! Replaced content is saved before it is deleted, and kept as long as the change can be undone.

use feishu::codes::{self, Class};
use feishu::{
    AnnouncementKind, Content, Error, Message, MessageId, MessageKind, OpenId, PostElement,
};
use jiff::Timestamp;

use super::{AnnouncementRequest, Context, Effect, Failure, pin, replied};
use crate::action::announce::common::{LINE_LIMIT, TEXT_LIMIT, WrittenEntry};
use crate::action::announce::reading::read_announced;
use crate::command::Mention;
use crate::content::{Document, Entry, Signature, Unfit};
use crate::model::action::Source;
use crate::model::change::{Change, PinnedItem, PlacedBlocks, PlacedEntry};
use crate::model::job::JobKind;
use crate::model::outcome::{Done, UndoResult};
use crate::model::progress::{NotificationProgress, Progress, WriteProgress};
use crate::model::refusal::{Call, Cause, Stage, Unfinished};
use crate::model::schedule::AnnounceOptions;
use crate::text::plain_name;

mod blocks;
mod budget;
mod calls;
pub(crate) mod common;
mod creation;
mod docx;
mod edit;
mod fill;
mod forward;
mod legacy;
mod media;
mod notify;
mod page;
mod reading;
mod revert;

pub(super) use common::{noting_lines, noting_losses};
pub(super) use edit::{Rewrite, rewrite, unwrite};
pub(super) use notify::{NotSent, send as notify};
pub(crate) use reading::{read, refusal};
pub(super) use revert::{EntryToRemove, OnMissing, Reverted, revert};

pub(super) async fn run(
    source: Source,
    options: AnnounceOptions,
    context: Context<'_>,
) -> Result<Effect, Failure> {
    let document = document_to_write(source, options, context).await?;
    let request = AnnouncementRequest {
        document: &document,
        options,
    };
    if context.written().is_none() && is_new(context.job.key.kind) {
        refuse_duration(options, context).await?;
    }
    let entry = entry(request, context);
    let top_before = if options.top {
        Some(context.top().await?)
    } else {
        None
    };
    let written = write(&entry, request, context).await?;
    let (mut effect, not_deleted) = written.effect(request, context);
    let mut not_on_top = None;
    if options.top {
        match pin::apply(&PinnedItem::Announcement, context).await {
            Ok(()) => {
                let change = effect.change.take();
                effect.change =
                    change.map(|change| change.with_top(top_before, PinnedItem::Announcement));
            }
            Err(cause) => not_on_top = Some(cause),
        }
    }
    let mut not_notified = None;
    if options.notify {
        match notify::send(request, context).await {
            Ok(message) => {
                let change = effect.change.take();
                effect.change = change.map(|change| change.with_notification(message));
            }
            Err(not_sent) => not_notified = Some(not_sent),
        }
    }
    finish(effect, not_deleted, not_on_top, not_notified)
}

/// Whether nothing about the job was checked before, unlike for one that was scheduled.
fn is_new(kind: JobKind) -> bool {
    matches!(kind, JobKind::Command | JobKind::Delivery)
}

/// Reports what was not done after the announcement was written.
pub(super) fn finish(
    effect: Effect,
    not_deleted: Option<Failure>,
    not_on_top: Option<Failure>,
    not_notified: Option<NotSent>,
) -> Result<Effect, Failure> {
    let is_unclear = not_notified.as_ref().map(|not_sent| not_sent.is_unclear);
    let unfinished = Unfinished {
        not_replaced: not_deleted.is_some(),
        not_on_top: not_on_top.is_some(),
        not_notified: is_unclear == Some(false),
        maybe_notified: is_unclear == Some(true),
        of_notice: effect
            .change
            .as_ref()
            .is_some_and(|change| change.after.notice.is_some()),
    };
    // Members can see what was deleted, so another cause is reported first; but one that a retry may
    // cure comes before all others.
    let not_notified = not_notified.map(|not_sent| not_sent.cause);
    let causes = [not_on_top, not_notified, not_deleted];
    let mut causes: Vec<_> = causes.into_iter().flatten().collect();
    causes.sort_by_key(|cause| !cause.is_temporary());
    match causes.into_iter().next() {
        Some(cause) => Err(Failure::incomplete(
            Stage::Incomplete(unfinished),
            cause,
            effect,
        )),
        None => Ok(effect),
    }
}

/// The effect of an announcement that was given up, if it may have one: enough to remove the entry,
/// to restore what it replaced, or to know the new ids of restored blocks.
pub(super) fn partial_effect(progress: &Progress, context: Context<'_>) -> Option<Effect> {
    let request = AnnouncementRequest {
        document: &progress.document,
        options: progress.options,
    };
    let entry = entry(request, context);
    let (placed, replaced, may_be_written) = match progress.written.clone()? {
        WriteProgress::Docx { creation, snapshot } => {
            // Nothing is deleted before all calls have succeeded.
            let may_be_written =
                snapshot.is_none() || creation.calls == calls::plan(entry.to_docx()).len();
            (docx::placed(&entry, creation), snapshot, may_be_written)
        }
        WriteProgress::Legacy { call, snapshot, .. } => {
            let may_be_written = call.pending.is_some();
            let placed = PlacedEntry {
                entry,
                without_mentions: call.without_mentions,
                kind: PlacedBlocks::Doc,
            };
            (placed, snapshot, may_be_written)
        }
        WriteProgress::DocxRevert(restoration) => {
            return Some(Effect {
                change: Some(Change::restored(restoration.restored())),
                ..Effect::new(Done::Undone(UndoResult::ContentRestored {
                    lost: Vec::new(),
                }))
            });
        }
        WriteProgress::LegacyRevert(_)
        | WriteProgress::Notice(_)
        | WriteProgress::NoticeEdit(_) => return None,
        WriteProgress::Edit(edit) => return edit::partial_effect(*edit),
    };
    // Without saved content, `/undo` searches for the entry by its signature.
    if !may_be_written || (replaced.is_none() && !placed.entry.is_signed()) {
        return None;
    }
    let written = WrittenEntry {
        replaced,
        ..WrittenEntry::new(placed)
    };
    let mut effect = written.effect(request, context).0;
    let notification = progress.notification.as_ref();
    let message = notification.and_then(NotificationProgress::message);
    let change = effect.change.take();
    effect.change = change.map(|change| change.with_notification(message.cloned()));
    Some(effect)
}

/// The same as [`document`], which is stored: a message that was replied to may be edited or recalled
/// before the next attempt.
pub(super) async fn document_to_write(
    source: Source,
    options: AnnounceOptions,
    context: Context<'_>,
) -> Result<Document, Failure> {
    let is_message = matches!(source, Source::Message(_));
    let document = document(source, context).await?;
    if is_message {
        let request = AnnouncementRequest {
            document: &document,
            options,
        };
        context.save(request, None).await?;
    }
    Ok(document)
}

/// The text to announce, within the limits of an announcement.
pub(super) async fn document(source: Source, context: Context<'_>) -> Result<Document, Failure> {
    let document = match source {
        Source::Document(document) => document,
        Source::Message(message) => document_of(&message, context).await?,
    };
    refuse_too_long(&document, context)?;
    Ok(document)
}

/// Refuses a text beyond the limits of an announcement.
pub(super) fn refuse_too_long(document: &Document, context: Context<'_>) -> Result<(), Cause> {
    if feishu::utf16_len(&document.to_plain_text()) > TEXT_LIMIT {
        return Err(Cause::TextTooLong { limit: TEXT_LIMIT });
    }
    if entry(unedited(document), context).line_count() > LINE_LIMIT {
        return Err(Cause::TooManyLines { limit: LINE_LIMIT });
    }
    Ok(())
}

/// Refuses a duration if the text could not be removed again.
pub(super) async fn refuse_duration(
    options: AnnounceOptions,
    context: Context<'_>,
) -> Result<(), Failure> {
    if options.duration.is_none()
        || context.store.can_delete_text(context.chat()).await? != Some(false)
    {
        return Ok(());
    }
    // The group may have been converted to the new kind.
    match detect(context).await? {
        WriteTarget::Doc => Err(Cause::CannotExpire.into()),
        WriteTarget::Docx { .. } => Ok(()),
    }
}

async fn write(
    entry: &Entry,
    request: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let mut target = target(context).await?;
    let mut switched = false;
    loop {
        let written = match target {
            WriteTarget::Doc => {
                let _memory = budget::reserve(budget::cost(request), context).await?;
                legacy::write(entry, request, context).await
            }
            WriteTarget::Docx { revision } => docx::write(entry, revision, request, context).await,
        };
        match written {
            Err(Failure::Call(_, error)) if !switched && is_other_kind(&error) => {
                switched = true;
                context.platform.forget_kind(context.chat_id);
                target = detect(context).await?;
            }
            written => return written,
        }
    }
}

/// The kind of announcement to write into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteTarget {
    Doc,
    Docx { revision: i64 },
}

pub(super) async fn is_old_kind(context: Context<'_>) -> Result<bool, Failure> {
    Ok(target(context).await? == WriteTarget::Doc)
}

fn is_other_kind(error: &Error) -> bool {
    error.class() == Some(Class::OtherAnnouncementKind)
}

async fn target(context: Context<'_>) -> Result<WriteTarget, Failure> {
    match (context.written(), context.platform.kind(context.chat_id)) {
        // Continue with the kind of the first write.
        (Some(WriteProgress::Docx { creation, .. }), _) => Ok(WriteTarget::Docx {
            revision: creation.revision,
        }),
        (Some(WriteProgress::Legacy { .. }), _) | (None, Some(AnnouncementKind::Doc)) => {
            Ok(WriteTarget::Doc)
        }
        _ => detect(context).await,
    }
}

/// Reads the kind of the group's announcement. The `docx` call works for both.
async fn detect(context: Context<'_>) -> Result<WriteTarget, Failure> {
    let chat = context.chat_id;
    let client = context.client;
    let failed = |error| Failure::Call(Call::ReadAnnouncement, error);
    let (kind, revision) = match client.get_docx_announcement(chat).await {
        Ok(info) => (info.kind, info.revision_id),
        // That call has its own scope. If only the scope of the old kind is granted, the old call
        // shows whether it is the old kind.
        Err(error) if error.is_scope_missing() => match client.get_announcement(chat).await {
            Ok(_) => (AnnouncementKind::Doc, 0),
            Err(old)
                if old.code() != Some(codes::ANNOUNCEMENT_IS_DOCX) && !old.is_scope_missing() =>
            {
                return Err(failed(old));
            }
            Err(_) => return Err(failed(error)),
        },
        Err(error) => return Err(failed(error)),
    };
    context.platform.remember_kind(chat, kind);
    Ok(match kind {
        AnnouncementKind::Doc => WriteTarget::Doc,
        AnnouncementKind::Docx => WriteTarget::Docx { revision },
    })
}

/// A request for this text without options.
pub(super) fn unedited(document: &Document) -> AnnouncementRequest<'_> {
    let options = AnnounceOptions::NONE;
    AnnouncementRequest { document, options }
}

/// The entry, signed with the author and date of the command, which are the same in each attempt.
pub(super) fn entry(request: AnnouncementRequest<'_>, context: Context<'_>) -> Entry {
    let edited_at = request.options.edited_at;
    let signature = context.settings.signature.then(|| Signature {
        author: context.sender.open_id.clone(),
        date: date(context.asked_at, context),
        edited: edited_at.map(|at| date(at, context)),
    });
    Entry::new(request.document, signature)
}

/// A point in time, as displayed in a signature.
pub(super) fn date(at: Timestamp, context: Context<'_>) -> String {
    let at = at.to_zoned(context.time_zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The text of the message that the command replied to.
async fn document_of(message: &MessageId, context: Context<'_>) -> Result<Document, Failure> {
    let message = replied::read(message, context).await?;
    let me = match message.mentions.as_slice() {
        [] => None,
        // Without its own id, the bot treats a mention of itself like any other.
        _ => context.platform.me().await.ok(),
    };
    let mentions = |message: &Message| -> Vec<Mention> {
        let mentions = message.mentions.iter();
        mentions
            .map(|mention| Mention::new(mention, me.as_ref()))
            .collect()
    };
    if !message.parts.is_empty() {
        return forward::document(&message, &mentions, context).await;
    }
    let content = Content::read(&message.msg_type, &message.content);
    let empty = match content {
        Content::Card(_) => Cause::RepliedToIsCard,
        Content::Forward => Cause::RepliedToIsForward,
        Content::Words(kind, _) => Cause::RepliedToKind { kind },
        Content::Other if !is_common(&message.msg_type) => Cause::RepliedToUnknown {
            kind: plain_name(&message.msg_type).chars().take(40).collect(),
        },
        _ => Cause::RepliedToHasNoText,
    };
    let mut mentions = mentions(&message);
    mentions.extend(person_on_card(&content, context).await);
    let read = read_announced(content, mentions, &context.platform.reading).await;
    let read = match &message.id {
        Some(id) => read.map(|document| document.of_message(id, context.language)),
        None => read,
    };
    read.map_err(|unfit| match unfit {
        Unfit::Empty | Unfit::OnlyMedia => empty.into(),
        unfit => refusal(unfit, Cause::Internal).into(),
    })
}

/// Whether a message of this type normally has text.
fn is_common(msg_type: &str) -> bool {
    matches!(msg_type, "" | "text" | "post" | "interactive")
}

/// The person whose card was sent, if the group has that person.
async fn person_on_card(content: &Content, context: Context<'_>) -> Option<Mention> {
    let Content::Words(MessageKind::PersonCard, card) = content else {
        return None;
    };
    let [PostElement::At { user_id, .. }] = card.paragraphs.first()?.as_slice() else {
        return None;
    };
    let open_id = OpenId::new(user_id);
    let names = context.platform.names(context.chat_id).await?;
    Some(Mention {
        key: user_id.clone(),
        name: names.get(&open_id)?.clone(),
        open_id: Some(open_id),
        is_me: false,
    })
}
