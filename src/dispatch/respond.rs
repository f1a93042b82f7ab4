//! Responds to a command: with a reaction, or one reply.

use std::time::Duration;

use feishu::{Card, MessageId};
use jiff::Timestamp;

use super::{Dispatcher, may_try_again};
use crate::event::{Stored, StoredMessage};
use crate::language::Language;
use crate::model::job::{JobKind, MESSAGE_KEY_AGE};
use crate::model::outcome::Outcome;
use crate::model::rights::Actor;
use crate::reply::{self, Answer, Emoji, ReplyContext};
use crate::store::{Job, Recipient, Release, StoreError};

/// Reactions and private cards are retried for this long, then replaced by a text: the chat's queue
/// is blocked meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// The interval at which a throttled reply is sent as text.
const THROTTLE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy)]
pub(super) enum ReplyContent<'a> {
    Text(&'a str),
    Card(&'a Card),
}

/// Whether the platform rejects the content.
pub(super) fn is_refused(error: &feishu::Error) -> bool {
    error.code().is_some() && !may_try_again(error)
}

/// The release of a job whose reply was sent. One that was given up counts as dead, so that an
/// admin can retry it.
pub(super) fn release_after(outcome: &Outcome) -> Release {
    match outcome {
        Outcome::Refused(refusal) if refusal.is_given_up() => Release::Dead,
        _ => Release::Done,
    }
}

/// The throttling key of a reply, if it is throttled.
pub(super) fn recipient(job: &Job, actor: Actor<'_>, outcome: &Outcome) -> Option<Recipient> {
    let (_, person) = actor.sender.id()?;
    Some(Recipient {
        chat: job.chat_key(),
        person: person.to_owned(),
        reason: outcome.throttled_as()?,
    })
}

/// Why a reply was not sent.
#[derive(Debug)]
pub(super) enum ReplyError {
    Call(feishu::Error),
    Store,
    /// An earlier attempt may have sent it, and the platform has forgotten the `uuid`.
    MaybeSent,
}

impl ReplyError {
    /// Whether the platform rejects the content.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Call(error) if is_refused(error))
    }
}

impl From<feishu::Error> for ReplyError {
    fn from(error: feishu::Error) -> Self {
        Self::Call(error)
    }
}

impl From<StoreError> for ReplyError {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

impl Dispatcher {
    /// Responds to a command or callback, with only a reaction if the text is throttled. A started
    /// reply is always finished.
    pub(super) async fn respond(&self, job: &Job, stored: &Stored, outcome: &Outcome) -> Release {
        let message = match stored {
            Stored::Press(press) => return self.answer_press(job, press, outcome).await,
            Stored::Reaction(pin) => return self.answer_reaction(job, pin, outcome).await,
            // The report has its result.
            Stored::Retraction(_) => return Release::Done,
            Stored::Message(_) if job.key.kind == JobKind::Delivery => return Release::Done,
            Stored::Message(message) => message,
        };
        let to = recipient(job, stored.actor(), outcome);
        if self.is_throttled(job, to.as_ref()).await {
            let message = &message.event.message.message_id;
            let reacted = self.react(job, message, Emoji::CrossMark).await;
            return reacted.err().unwrap_or(Release::Done);
        }
        let sent_at = self.clock.now();
        let release = self.send_answer(job, message, outcome).await;
        if matches!(release, Release::Done) {
            self.record_answer(to, sent_at).await;
        }
        release
    }

    /// Whether the same reply was sent to the same person recently. A started reply is not
    /// throttled.
    pub(super) async fn is_throttled(&self, job: &Job, to: Option<&Recipient>) -> bool {
        let Some(to) = to.filter(|_| job.replying_since.is_none()) else {
            return false;
        };
        // If the store fails, a repeated reply does no harm.
        let last = self.store.last_answer(to.clone()).await;
        let age = |sent_at: Timestamp| self.clock.now().duration_since(sent_at).unsigned_abs();
        let is_throttled = matches!(last, Ok(Some(sent_at)) if age(sent_at) < THROTTLE);
        if is_throttled {
            tracing::info!(reason = to.reason, "the reply is throttled");
        }
        is_throttled
    }

    /// Starts the throttling interval.
    pub(super) async fn record_answer(&self, to: Option<Recipient>, sent_at: Timestamp) {
        let Some(to) = to else { return };
        if self.store.record_answer(to, sent_at).await.is_err() {
            tracing::warn!("failed to record a throttled reply");
        }
    }

    /// Returns whether the reaction was added. `Err` is a retry.
    pub(super) async fn react(
        &self,
        job: &Job,
        message: &MessageId,
        emoji: Emoji,
    ) -> Result<bool, Release> {
        let client = &self.platform.client;
        let added = client.add_reaction(message, emoji.as_str()).await;
        Ok(self.reacted(job, added)?.is_some())
    }

    /// What the platform answered to a reaction; `None` if it refuses or retries are over. `Err` is a
    /// retry.
    pub(super) fn reacted<T>(
        &self,
        job: &Job,
        added: Result<T, feishu::Error>,
    ) -> Result<Option<T>, Release> {
        let error = match added {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => error,
        };
        if let Some(retry) = self.retry_with_patience(job, &error) {
            return Err(retry);
        }
        // Reactions may be disabled in the group.
        tracing::warn!(error = %error, api.log_id = error.log_id(), "the reaction was rejected");
        Ok(None)
    }

    /// A retry of a call that a text can replace; `None` if it is time for the text.
    pub(super) fn retry_with_patience(&self, job: &Job, error: &feishu::Error) -> Option<Release> {
        self.retry_until(job.started_at + PATIENCE, job, error)
    }

    /// `private` is whether the chat may show cards to one member.
    pub(super) fn reply_context<'a>(
        &'a self,
        reference: &'a str,
        private: bool,
    ) -> ReplyContext<'a> {
        ReplyContext {
            reference,
            time_zone: self.time_zone(),
            act_as: self.settings.act_as,
            private,
        }
    }

    async fn send_answer(&self, job: &Job, stored: &StoredMessage, outcome: &Outcome) -> Release {
        if let Outcome::Previewed(previewed) = outcome {
            return self.show_preview(job, stored, previewed).await;
        }
        let message = &stored.event.message;
        let language = self.language_of(message);
        let reference = job.key.reference();
        let context = self.reply_context(&reference, self.may_answer_privately(message));
        let text = match reply::answer(outcome, language, context) {
            Answer::Nothing => return Release::Done,
            Answer::Say(text) => text,
            Answer::Show { card, or_say } => {
                let content = ReplyContent::Card(&card);
                match self.reply(job, &message.message_id, content).await {
                    Ok(()) => return Release::Done,
                    Err(ReplyError::Call(error)) if is_refused(&error) => {
                        tracing::warn!(error = %error, api.log_id = error.log_id(), "the card was rejected");
                        or_say
                    }
                    Err(reply_failed) => return self.reply_failed(job, reply_failed),
                }
            }
            Answer::Private {
                card,
                emoji,
                or_say,
            } => match self.answer_privately(job, stored, emoji, &card).await {
                Ok(true) => return Release::Done,
                Ok(false) => or_say,
                Err(retry) => return retry,
            },
            Answer::React { emoji, or_say } => {
                match self.react(job, &message.message_id, emoji).await {
                    Ok(true) => return Release::Done,
                    Ok(false) => or_say,
                    Err(retry) => return retry,
                }
            }
        };
        let text = self.naming_group(stored, text, language).await;
        let sent = self.reply(job, &message.message_id, ReplyContent::Text(&text));
        match sent.await {
            Err(reply_failed) => self.reply_failed(job, reply_failed),
            Ok(()) => release_after(outcome),
        }
    }

    /// Names the group of a broadcast that a text is about, which is sent to the group of the command.
    async fn naming_group(
        &self,
        stored: &StoredMessage,
        text: String,
        language: Language,
    ) -> String {
        if stored.delivery.is_none() {
            return text;
        }
        let actor = stored.actor();
        let settings = self.platform.settings(actor.chat, actor.id_type()).await;
        let name = settings.ok().map(|settings| settings.group.name.clone());
        let name = name.filter(|name| !name.trim().is_empty());
        let name = name.as_deref().unwrap_or(actor.chat.as_str());
        reply::about_group(name, &text, language)
    }

    /// Whether a reply may have been sent that would be sent again.
    pub(super) fn may_repeat_reply(&self, job: &Job) -> bool {
        let is_forgotten = |since| self.clock.now() > since + MESSAGE_KEY_AGE;
        job.replying_since.is_some_and(is_forgotten)
    }

    /// Sends a reply once: repeating it with the same `uuid` has no effect, as long as the platform
    /// remembers it.
    pub(super) async fn reply(
        &self,
        job: &Job,
        message: &MessageId,
        content: ReplyContent<'_>,
    ) -> Result<(), ReplyError> {
        if self.may_repeat_reply(job) {
            return Err(ReplyError::MaybeSent);
        }
        if job.replying_since.is_none() {
            self.store.save_replying(job).await?;
        }
        let client = &self.platform.client;
        // A rejected card is followed by a text, which is another reply.
        match content {
            ReplyContent::Text(text) => {
                let uuid = job.key.idempotency_key("reply").to_string();
                client.reply(message, text, &uuid).await?;
            }
            ReplyContent::Card(card) => {
                let uuid = job.key.idempotency_key("card").to_string();
                client.reply_card(message, card, &uuid).await?;
            }
        }
        Ok(())
    }

    /// Retries a failed reply, or gives it up.
    pub(super) fn reply_failed(&self, job: &Job, reply_failed: ReplyError) -> Release {
        match reply_failed {
            ReplyError::Store => return self.retry(job),
            ReplyError::MaybeSent => {
                tracing::warn!("the reply may have been sent, and is too old to repeat");
            }
            ReplyError::Call(error) => {
                let since = job.replying_since.unwrap_or_else(|| self.clock.now());
                let last = since + self.settings.worker.give_up_after.min(MESSAGE_KEY_AGE);
                if let Some(retry) = self.retry_until(last, job, &error) {
                    return retry;
                }
                tracing::error!(error = %error, api.log_id = error.log_id(), "failed to send the reply");
            }
        }
        Release::Dead
    }
}
