//! `/notice`: posts a text as a card and pins that.
//!
//! The card is a message of the bot, also where it acts as members, because only its sender can
//! change it. The platform sends a message once per `uuid`, for an hour. So the time of the first
//! call is stored before it, and the card after it; a call whose effect is unknown is not repeated
//! after that hour.

use std::collections::BTreeSet;

use feishu::codes::{self, Class};
use feishu::{Error, MessageId, TopNotice};

use super::announce::{self, NotSent, noting_losses};
use super::{AnnouncementRequest, Context, Effect, Failure, pin};
use crate::content::{Document, Entry};
use crate::model::action::Source;
use crate::model::change::{
    Change, ChangeKind, EditedChange, PinnedItem, PostedNotice, RecordedChange, State,
};
use crate::model::job::MESSAGE_KEY_AGE;
use crate::model::outcome::{Done, NotCopied, UndoResult, WithdrawnCard};
use crate::model::progress::{
    EditReason, NoticeEdit, NoticeProgress, NotificationProgress, Progress, WriteProgress,
};
use crate::model::refusal::{Call, Cause, NotPosted};
use crate::model::schedule::{AnnounceOptions, SUMMARY};
use crate::reply;

/// The maximum size of a request with a card is 30 KB.
const MAX_SIZE: usize = 29_000;

pub(super) async fn run(
    source: Source,
    options: AnnounceOptions,
    context: Context<'_>,
) -> Result<Effect, Failure> {
    let document = announce::document_to_write(source, options, context).await?;
    refuse_too_long(&document, context)?;
    let request = AnnouncementRequest {
        document: &document,
        options,
    };
    let before = context.top().await?;
    let entry = announce::entry(request, context);
    let notice = post(&entry, None, request, context).await?;
    let on_top = put_on_top(&notice.message, context).await;
    let mut change = Change::of_notice(None, notice.clone());
    if on_top.is_ok() {
        change = change.with_top(Some(before), PinnedItem::Message(notice.message));
    }
    let mut not_notified: Option<NotSent> = None;
    if options.notify {
        match announce::notify(request, context).await {
            Ok(message) => change = change.with_notification(message),
            Err(not_sent) => not_notified = Some(not_sent),
        }
    }
    let effect = Effect {
        written: Some((ChangeKind::Notice, document.first_characters(SUMMARY))),
        change: Some(change),
        expires_at: context
            .expires_at(options.duration)
            .filter(|_| on_top.is_ok()),
        ..Effect::new(noting(Done::NoticePosted, &document))
    };
    announce::finish(effect, None, on_top.err(), not_notified)
}

/// Adds what the card lacks of the message.
fn noting(done: Done, document: &Document) -> Done {
    let media: BTreeSet<_> = document.media().map(|file| file.medium).collect();
    if media.is_empty() {
        return noting_losses(done, document);
    }
    let done = Done::Named {
        done: Box::new(done),
        media,
        why: NotCopied::Card,
    };
    noting_losses(done, document)
}

/// Refuses a text that does not fit on a card.
pub(super) fn refuse_too_long(document: &Document, context: Context<'_>) -> Result<(), Cause> {
    let card = reply::notice_card(&announce::entry(announce::unedited(document), context));
    // The card is a text in the request.
    let text = serde_json::to_string(&card).and_then(|card| serde_json::to_string(&card));
    match text {
        Ok(text) if text.len() <= MAX_SIZE => Ok(()),
        _ => Err(Cause::Notice(NotPosted::TooLong)),
    }
}

/// The effect of a notice that was given up after its card was posted.
pub(super) fn partial_effect(progress: &Progress, context: Context<'_>) -> Option<Effect> {
    let notice = match &progress.written {
        Some(WriteProgress::Notice(notice)) => notice,
        Some(WriteProgress::NoticeEdit(edit)) => return partial_edit(edit),
        _ => return None,
    };
    // An edit that was given up is repeated by hand.
    if notice.replaces.is_some() {
        return None;
    }
    let message = notice.sent.as_ref()?.message()?.clone();
    let notification = progress.notification.as_ref();
    let notification = notification.and_then(NotificationProgress::message);
    let request = AnnouncementRequest {
        document: &progress.document,
        options: progress.options,
    };
    let posted = PostedNotice {
        message,
        entry: announce::entry(request, context),
        without_mentions: notice.without_mentions,
    };
    let change = Change::of_notice(None, posted).with_notification(notification.cloned());
    let summary = progress.document.first_characters(SUMMARY);
    Some(Effect {
        change: Some(change),
        written: Some((ChangeKind::Notice, summary)),
        ..Effect::new(Done::NoticePosted)
    })
}

/// The effect of an edit that was given up, if it may have one.
fn partial_edit(edit: &NoticeEdit) -> Option<Effect> {
    // An undo that was given up is repeated by the next one.
    if edit.reason == EditReason::Undo || !edit.is_pending {
        return None;
    }
    let after = PostedNotice {
        entry: edit.to.clone(),
        ..edit.from.clone()
    };
    Some(Effect {
        change: Some(Change::of_notice(Some(edit.from.clone()), after)),
        edited: Some(EditedChange {
            id: edit.id,
            after: None,
        }),
        ..Effect::new(Done::Edited)
    })
}

/// Gives a card another text. A card that was recalled, or is too old to be changed, is replaced by
/// another one, which is pinned if the former one was.
pub(super) async fn edit(
    recorded: &RecordedChange,
    document: &Document,
    context: Context<'_>,
) -> Result<Effect, Failure> {
    let change = recorded.change.as_ref().ok_or(Cause::NotEditable)?;
    let from = change.notice().ok_or(Cause::NotEditable)?;
    announce::refuse_too_long(document, context)?;
    refuse_too_long(document, context)?;
    let to = from
        .entry
        .edited(document, announce::date(context.asked_at, context));
    let edit = NoticeEdit {
        id: recorded.id,
        reason: EditReason::Edit,
        from: from.clone(),
        to,
        is_pending: false,
    };
    let updated = update(edit, context).await?;
    let done = match (updated.is_new, &updated.top) {
        (false, _) => Done::Edited,
        (true, top) => Done::NoticeReplaced {
            pinned: top.is_some(),
        },
    };
    let effect = Effect {
        change: Some(updated.change(from.clone())),
        edited: Some(updated.edited(recorded, change)),
        ..Effect::new(noting(done, document))
    };
    announce::finish(effect, None, updated.not_on_top, None)
}

/// Gives a card the text from before an edit, and what the signature said.
pub(super) async fn undo_edit(
    recorded: &RecordedChange,
    edited: &RecordedChange,
    (before, after): (&PostedNotice, &PostedNotice),
    context: Context<'_>,
) -> Result<Effect, Failure> {
    let change = edited.change.as_ref().ok_or(Cause::NothingToUndo)?;
    let from = change.notice().unwrap_or(after);
    let edit = NoticeEdit {
        id: edited.id,
        reason: EditReason::Undo,
        from: from.clone(),
        to: before.entry.clone(),
        is_pending: false,
    };
    let updated = update(edit, context).await?;
    let effect = Effect {
        change: Some(updated.change(after.clone())),
        edited: Some(updated.edited(edited, change)),
        reverts: Some(recorded.id),
        ..Effect::new(Done::Undone(UndoResult::TextRestored))
    };
    announce::finish(effect, None, updated.not_on_top, None)
}

/// Pins `top`, if given, and recalls the card. Where that is not possible, the card says that it is no
/// longer valid.
pub(super) async fn withdraw(
    notice: &PostedNotice,
    top: Option<PinnedItem>,
    context: Context<'_>,
) -> Result<(UndoResult, Change), Failure> {
    let is_restored = top.is_some();
    let change = match top {
        Some(top) => {
            pin::apply(&top, context).await?;
            Change::of_top(PinnedItem::Message(notice.message.clone()), top)
        }
        None => Change::default(),
    };
    let result = UndoResult::NoticeWithdrawn {
        card: recall(notice, context).await?,
        top: is_restored,
    };
    Ok((result, change))
}

async fn recall(notice: &PostedNotice, context: Context<'_>) -> Result<WithdrawnCard, Failure> {
    let client = &context.platform.client;
    let error = match client.recall_message(&notice.message).await {
        Ok(()) => return Ok(WithdrawnCard::Recalled),
        Err(error) => error,
    };
    if error.class() == Some(Class::MessageGone) {
        return Ok(WithdrawnCard::Recalled);
    }
    if !is_refused(&error) {
        return Err(Failure::Call(Call::UpdateNotice, error));
    }
    tracing::warn!(error = %error, api.log_id = error.log_id(), "could not recall a notice");
    let card = reply::withdrawn_card(&notice.entry);
    match client.patch_card(&notice.message, &card).await {
        Ok(()) => Ok(WithdrawnCard::Marked),
        Err(error) if error.class() == Some(Class::MessageGone) => Ok(WithdrawnCard::Recalled),
        Err(error) if is_refused(&error) => Ok(WithdrawnCard::Left),
        Err(error) => Err(Failure::Call(Call::UpdateNotice, error)),
    }
}

/// Whether the platform refuses the call for good.
fn is_refused(error: &Error) -> bool {
    error.code().is_some() && !error.is_retryable() && !error.is_app_refused()
}

/// A card after an edit.
struct Updated {
    notice: PostedNotice,
    /// Whether it is another message than before.
    is_new: bool,
    /// The top notice before it was pinned; `None` if it was not pinned.
    top: Option<PinnedItem>,
    not_on_top: Option<Failure>,
}

impl Updated {
    fn change(&self, before: PostedNotice) -> Change {
        let change = Change::of_notice(Some(before), self.notice.clone());
        match &self.top {
            Some(top) => change.with_top(Some(top.clone()), self.pinned()),
            None => change,
        }
    }

    fn pinned(&self) -> PinnedItem {
        PinnedItem::Message(self.notice.message.clone())
    }

    fn edited(&self, recorded: &RecordedChange, change: &Change) -> EditedChange {
        let mut after = State {
            notice: Some(Box::new(self.notice.clone())),
            ..change.after.clone()
        };
        if self.top.is_some() {
            after.top = Some(self.pinned());
        }
        EditedChange {
            id: recorded.id,
            after: Some(after),
        }
    }
}

async fn update(mut edit: NoticeEdit, context: Context<'_>) -> Result<Updated, Failure> {
    let is_posted = match context.written() {
        Some(WriteProgress::NoticeEdit(earlier)) => {
            edit.is_pending = earlier.is_pending;
            false
        }
        Some(WriteProgress::Notice(_)) => true,
        _ => false,
    };
    if !is_posted && let Some(notice) = update_in_place(&mut edit, context).await? {
        return Ok(Updated {
            notice,
            is_new: false,
            top: None,
            not_on_top: None,
        });
    }
    let request = AnnouncementRequest::OF_REVERT;
    let notice = post(&edit.to, Some(edit.reason), request, context).await?;
    let top = top_of(&edit.from, context).await?;
    let put = match &top {
        Some(_) => put_on_top(&notice.message, context).await,
        None => Ok(()),
    };
    Ok(Updated {
        notice,
        is_new: true,
        top: top.filter(|_| put.is_ok()),
        not_on_top: put.err(),
    })
}

/// `None` if the platform no longer changes the card.
async fn update_in_place(
    edit: &mut NoticeEdit,
    context: Context<'_>,
) -> Result<Option<PostedNotice>, Failure> {
    let client = &context.platform.client;
    let mut notice = PostedNotice {
        entry: edit.to.clone(),
        ..edit.from.clone()
    };
    let was_pending = std::mem::replace(&mut edit.is_pending, true);
    save_edit(edit, context).await?;
    loop {
        let card = card(&edit.to, notice.without_mentions);
        let Err(error) = client.patch_card(&notice.message, &card).await else {
            return Ok(Some(notice));
        };
        if !was_pending && !error.may_have_taken_effect() {
            edit.is_pending = false;
            save_edit(edit, context).await?;
        }
        let is_gone = error.class() == Some(Class::MessageGone);
        if is_gone || error.code() == Some(codes::CARD_TOO_OLD) {
            return Ok(None);
        }
        if notice.without_mentions || !may_reject_mentions(&error, &edit.to) {
            return Err(Failure::Call(Call::UpdateNotice, error));
        }
        notice.without_mentions = true;
        edit.is_pending = true;
        save_edit(edit, context).await?;
    }
}

async fn save_edit(edit: &NoticeEdit, context: Context<'_>) -> Result<(), Failure> {
    let written = WriteProgress::NoticeEdit(Box::new(edit.clone()));
    let request = AnnouncementRequest::OF_REVERT;
    context.save(request, Some(written)).await
}

/// The top notice, as far as the bot knows, if the card was pinned until now or until its recall.
async fn top_of(
    notice: &PostedNotice,
    context: Context<'_>,
) -> Result<Option<PinnedItem>, Failure> {
    let card = PinnedItem::Message(notice.message.clone());
    let latest = context.store.latest_top(context.chat()).await?;
    Ok(latest.and_then(|latest| {
        let Change { before, after } = latest.change?;
        let is_recalled = latest.kind == ChangeKind::Recalled && before.top == Some(card.clone());
        after.top.filter(|top| is_recalled || *top == card)
    }))
}

/// Posts a card, unless an earlier attempt did.
async fn post(
    entry: &Entry,
    replaces: Option<EditReason>,
    request: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<PostedNotice, Failure> {
    let now = context.clock.now();
    let mut progress = match context.written() {
        Some(WriteProgress::Notice(progress)) => progress,
        _ => NoticeProgress {
            replaces,
            without_mentions: false,
            sent: None,
        },
    };
    let is_repeated = match &progress.sent {
        Some(NotificationProgress::Sent { message }) => {
            return posted(entry, &progress, message.clone());
        }
        Some(NotificationProgress::Pending { since }) if now > *since + MESSAGE_KEY_AGE => {
            return Err(Cause::Notice(NotPosted::Unclear).into());
        }
        Some(NotificationProgress::Pending { .. }) => true,
        None => {
            progress.sent = Some(NotificationProgress::Pending { since: now });
            save(&progress, request, context).await?;
            false
        }
    };
    let mut sent = send(entry, &progress, context).await;
    if let Err(error) = &sent
        && !progress.without_mentions
        && may_reject_mentions(error, entry)
    {
        progress.without_mentions = true;
        save(&progress, request, context).await?;
        sent = send(entry, &progress, context).await;
    }
    let error = match sent {
        Ok(message) => {
            let message_sent = message.clone();
            progress.sent = Some(NotificationProgress::Sent { message });
            save(&progress, request, context).await?;
            return posted(entry, &progress, message_sent);
        }
        Err(error) => error,
    };
    if is_repeated && !error.is_retryable() {
        // What the platform answers to a `uuid` that it knows is not documented.
        tracing::warn!(
            error = %error,
            api.log_id = error.log_id(),
            "a card that may have been posted before was refused"
        );
        return Err(Cause::Notice(NotPosted::Unclear).into());
    }
    if !is_repeated && !error.may_have_taken_effect() {
        progress.sent = None;
        save(&progress, request, context).await?;
    }
    Err(Failure::Call(Call::PostNotice, error))
}

/// The platform may not name the card, and then it cannot be pinned.
fn posted(
    entry: &Entry,
    progress: &NoticeProgress,
    message: Option<MessageId>,
) -> Result<PostedNotice, Failure> {
    Ok(PostedNotice {
        message: message.ok_or(Cause::Notice(NotPosted::Unclear))?,
        entry: entry.clone(),
        without_mentions: progress.without_mentions,
    })
}

async fn save(
    progress: &NoticeProgress,
    request: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<(), Failure> {
    let written = WriteProgress::Notice(progress.clone());
    context.save(request, Some(written)).await
}

async fn send(
    entry: &Entry,
    progress: &NoticeProgress,
    context: Context<'_>,
) -> Result<Option<MessageId>, Error> {
    let call = if progress.without_mentions {
        "notice with names"
    } else {
        "notice"
    };
    let uuid = context.job.key.idempotency_key(call).to_string();
    let card = card(entry, progress.without_mentions);
    let client = &context.platform.client;
    client.create_message(context.chat_id, &card, &uuid).await
}

fn card(entry: &Entry, without_mentions: bool) -> feishu::Card {
    if without_mentions {
        reply::notice_card(&entry.without_mentions())
    } else {
        reply::notice_card(entry)
    }
}

/// Whether the reason of a refusal may be a mention of a person whom the bot cannot see. No page
/// names the code.
fn may_reject_mentions(error: &Error, entry: &Entry) -> bool {
    let is_possible = matches!(
        error.code(),
        Some(codes::CARD_REFUSED | codes::MESSAGE_INVALID_PARAMETER)
    );
    is_possible && entry.mentions_anybody()
}

async fn put_on_top(message: &MessageId, context: Context<'_>) -> Result<(), Failure> {
    let notice = TopNotice::Message(message);
    let put = context.client.put_top_notice(context.chat_id, notice).await;
    put.map_err(|error| Failure::Call(Call::PutMessage, error))
}
