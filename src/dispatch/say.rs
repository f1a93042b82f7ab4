//! Telling the author what came of a command: a reaction, or one reply.

use std::time::Duration;

use feishu::{Card, MessageId, ReceivedMessage};
use jiff::Timestamp;

use super::{Dispatcher, may_try_again, text_of};
use crate::config::ReplyLanguage;
use crate::event::Stored;
use crate::language::Language;
use crate::outcome::{Outcome, Refusal};
use crate::policy::Actor;
use crate::reply::{self, Answer};
use crate::store::{Job, Release, StoreError};

/// A reaction is tried for this long, then said in words: meanwhile the chat
/// waits.
const REACTION_PATIENCE: Duration = Duration::from_secs(30);
/// The platform forgets the `uuid` of a message after an hour; a reply of
/// unknown fate is not sent again so near to that.
pub(super) const REPLY_KEY_AGE: Duration = Duration::from_mins(50);

/// Within this time of a denial, further ones to the same person in the same chat
/// stay unsaid.
const DENIAL_PAUSE: Duration = Duration::from_mins(1);

/// What a reply consists of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Card(&'a Card),
}

/// Whether the platform does not take what was sent, and never will.
fn is_refused(error: &feishu::Error) -> bool {
    error.code().is_some() && !may_try_again(error)
}

/// How a job ends once its outcome was told: what was given up shows as such.
pub(super) fn told(outcome: &Outcome) -> Release {
    match outcome {
        Outcome::Refused(Refusal::Internal | Refusal::Unreachable { .. }) => Release::Dead,
        _ => Release::Done,
    }
}

fn is_denial(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(Refusal::Denied(_)))
}

/// Why the author was not told.
#[derive(Debug)]
pub(super) enum Unsaid {
    Call(feishu::Error),
    Store,
    /// An earlier attempt may have told; the platform no longer knows.
    MaybeSaid,
}

impl From<feishu::Error> for Unsaid {
    fn from(error: feishu::Error) -> Self {
        Self::Call(error)
    }
}

impl From<StoreError> for Unsaid {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

impl Dispatcher {
    /// Says what came of the command, unless it is a denial that its author has
    /// just heard. A reply that was begun is brought to its end.
    pub(super) async fn tell(&self, job: &Job, stored: &Stored, outcome: &Outcome) -> Release {
        let actor = stored.actor();
        let message = match stored {
            Stored::Press(press) => return self.answer_press(job, press, outcome).await,
            Stored::Message(message) => &message.event.message,
        };
        if self.has_heard(job, actor, outcome).await {
            return Release::Done;
        }
        let told_at = self.clock.now();
        let release = self.say(job, message, outcome).await;
        if matches!(release, Release::Done) {
            self.remember(job, actor, outcome, told_at).await;
        }
        release
    }

    /// Whether this is a denial, and whom it is for was denied a moment ago. One
    /// that was begun to be said is brought to its end.
    pub(super) async fn has_heard(&self, job: &Job, actor: Actor<'_>, outcome: &Outcome) -> bool {
        let Some(open_id) = actor.sender.open_id.clone() else {
            return false;
        };
        if !is_denial(outcome) || job.replying_since.is_some() {
            return false;
        }
        // Where that is not known, hearing it twice does no harm.
        let last = self.store.last_denial(job.chat_key(), open_id).await;
        let age = |told_at: Timestamp| self.clock.now().duration_since(told_at).unsigned_abs();
        let heard = matches!(last, Ok(Some(told_at)) if age(told_at) < DENIAL_PAUSE);
        if heard {
            tracing::info!("the author was denied a moment ago and is not told again");
        }
        heard
    }

    /// The outcome was said to whom it is for.
    pub(super) async fn remember(
        &self,
        job: &Job,
        actor: Actor<'_>,
        outcome: &Outcome,
        told_at: Timestamp,
    ) {
        let open_id = actor.sender.open_id.clone().filter(|_| is_denial(outcome));
        let Some(open_id) = open_id else { return };
        let remembered = self.store.remember_denial(job.chat_key(), open_id, told_at);
        if remembered.await.is_err() {
            tracing::warn!("that a denial was told is not remembered");
        }
    }

    /// Says what came of the command.
    async fn say(&self, job: &Job, message: &ReceivedMessage, outcome: &Outcome) -> Release {
        let language = match self.language {
            ReplyLanguage::Auto => Language::of(&text_of(message).unwrap_or_default()),
            ReplyLanguage::Zh => Language::Zh,
            ReplyLanguage::En => Language::En,
        };
        let text = match reply::answer(
            outcome,
            language,
            &job.key.reference(),
            &self.style.time_zone,
        ) {
            Answer::Nothing => return Release::Done,
            Answer::Say(text) => text,
            Answer::Show { card, or_say } => {
                let content = Content::Card(&card);
                match self.reply(job, &message.message_id, content).await {
                    Ok(()) => return Release::Done,
                    Err(Unsaid::Call(error)) if is_refused(&error) => {
                        tracing::warn!(error = %error, api.log_id = error.log_id(), "the card was refused");
                        or_say
                    }
                    Err(unsaid) => return self.unsaid(job, unsaid),
                }
            }
            Answer::React { emoji, or_say } => {
                let client = &self.platform.client;
                let added = client
                    .add_reaction(&message.message_id, emoji.as_str())
                    .await;
                let Err(error) = added else {
                    return Release::Done;
                };
                let run_at = self.next_try(job, &error);
                if may_try_again(&error) && run_at <= job.started_at + REACTION_PATIENCE {
                    return Release::Retry { run_at };
                }
                // Reactions may be switched off in the group.
                tracing::warn!(error = %error, api.log_id = error.log_id(), "the reaction was refused");
                or_say
            }
        };
        let said = self.reply(job, &message.message_id, Content::Text(&text));
        match said.await {
            Err(unsaid) => self.unsaid(job, unsaid),
            Ok(()) => told(outcome),
        }
    }

    /// Replies once: a repeat under the same `uuid` changes nothing, as long as
    /// the platform remembers it.
    pub(super) async fn reply(
        &self,
        job: &Job,
        message: &MessageId,
        content: Content<'_>,
    ) -> Result<(), Unsaid> {
        match job.replying_since {
            Some(since) if self.clock.now() > since + REPLY_KEY_AGE => {
                return Err(Unsaid::MaybeSaid);
            }
            Some(_) => {}
            None => self.store.save_replying(job).await?,
        }
        let client = &self.platform.client;
        // A card that was refused is followed by words, which are another reply.
        match content {
            Content::Text(text) => {
                let uuid = job.key.idempotency_key("reply").to_string();
                client.reply(message, text, &uuid).await?;
            }
            Content::Card(card) => {
                let uuid = job.key.idempotency_key("card").to_string();
                client.reply_card(message, card, &uuid).await?;
            }
        }
        Ok(())
    }

    /// The words did not arrive: again later, or never.
    pub(super) fn unsaid(&self, job: &Job, unsaid: Unsaid) -> Release {
        match unsaid {
            Unsaid::Store => return self.retry(job),
            Unsaid::MaybeSaid => tracing::warn!(
                "whether the author was told is unknown, and too long ago to say it again"
            ),
            Unsaid::Call(error) => {
                let run_at = self.next_try(job, &error);
                let since = job.replying_since.unwrap_or_else(|| self.clock.now());
                let last = since + self.give_up_after.min(REPLY_KEY_AGE);
                if may_try_again(&error) && run_at <= last {
                    return Release::Retry { run_at };
                }
                tracing::error!(error = %error, api.log_id = error.log_id(), "the author could not be told");
            }
        }
        Release::Dead
    }
}
