//! Reactions that pin a message.
//!
//! The event names no chat, so a first job reads the message, and queues a second one in the chat if
//! the group wants such pins. The second one is a `/pin` without a message of its own: the answer is
//! a reaction, or a card that only the person sees; the group never reads anything.

use feishu::{CardForm, ChatId, Content, Message, Sender};

use super::Dispatcher;
use super::group_event::has_pinned;
use super::intent::Next;
use super::respond::{recipient, release_after};
use crate::action::Failure;
use crate::content;
use crate::event::{PinReaction, ReactionPin};
use crate::language::Language;
use crate::model::action::Action;
use crate::model::job::{ChatKey, JobKey, JobKind, NewJob};
use crate::model::outcome::Outcome;
use crate::reply::{self, Answer};
use crate::store::{Accepted, Job, Release};

impl Dispatcher {
    /// Finds the chat of the message, and queues the pin there.
    pub(super) async fn find_reacted(
        &self,
        job: &Job,
        reaction: PinReaction,
    ) -> Result<(), Release> {
        let client = &self.platform.client;
        let read = client.get_message(&reaction.message, CardForm::Plain).await;
        let message = match read {
            Ok(message) => message.filter(|message| !message.deleted),
            Err(error) => {
                self.retry_call(job, &error)?;
                tracing::warn!("could not read the message with a reaction; it is not pinned");
                return Ok(());
            }
        };
        let Some(message) = message else {
            return Ok(());
        };
        let Some(chat) = message.chat_id.clone() else {
            return Ok(());
        };
        let key = ChatKey {
            tenant: job.key.tenant.clone(),
            chat: chat.to_string(),
        };
        let group = self.in_group(&key).await.map_err(|_| self.retry(job))?;
        if !group.reaction_pins().is_on() {
            return Ok(());
        }
        let operator = self.of_tenant(job, &chat, &reaction).await?;
        let pin = ReactionPin {
            chat,
            language: language(&message),
            message: first_of_topic(message).unwrap_or_else(|| reaction.message.clone()),
            reaction: PinReaction {
                operator,
                ..reaction
            },
        };
        let accepted = self.store.accept(NewJob {
            key: JobKey {
                kind: JobKind::ReactionPin,
                ..job.key.clone()
            },
            chat: key.chat,
            payload: serde_json::to_string(&pin).map_err(|_| Release::Dead)?,
            trace: job.trace,
        });
        match accepted.await {
            Ok(Accepted::New | Accepted::Duplicate) => Ok(()),
            Ok(Accepted::TooManyOfChat) | Err(_) => Err(self.retry(job)),
        }
    }

    /// The operator of the reaction, with the tenant, which only the list of members tells. A group
    /// without people of other tenants needs no list.
    async fn of_tenant(
        &self,
        job: &Job,
        chat: &ChatId,
        reaction: &PinReaction,
    ) -> Result<Sender, Release> {
        let operator = reaction.operator.clone();
        let settings = self.platform.settings(chat, reaction_ids(&operator)).await;
        let group = match settings {
            Ok(settings) => settings.group,
            Err(error) => {
                self.retry_call(job, &error)?;
                return Ok(operator);
            }
        };
        let tenant_key = if group.external {
            self.tenant_of_member(job, chat, &operator).await?
        } else {
            reaction.home.as_deref().map(Into::into)
        };
        Ok(Sender {
            tenant_key,
            ..operator
        })
    }

    /// `None` if the list of members does not tell; the policy then permits nothing.
    async fn tenant_of_member(
        &self,
        job: &Job,
        chat: &ChatId,
        operator: &Sender,
    ) -> Result<Option<feishu::TenantKey>, Release> {
        match self.platform.client.list_members(chat).await {
            Ok(members) => {
                let mut members = members.into_iter();
                let same = members.find(|member| Some(&member.id) == operator.open_id.as_ref());
                Ok(same.and_then(|member| member.tenant_key))
            }
            Err(error) => {
                self.retry_call(job, &error)?;
                Ok(None)
            }
        }
    }

    /// What the reaction asks for. A message that is at the top already, as far as the bot knows, is
    /// pinned again without a record: somebody may have removed it by hand.
    pub(super) async fn requested_by_reaction(
        &self,
        job: &Job,
        pin: &ReactionPin,
    ) -> Result<Next, Failure> {
        let asked_at = pin.reaction.added_at.unwrap_or(job.accepted_at);
        self.refuse_if_expired(job, asked_at).await?;
        tracing::info!(chat.id = pin.chat.as_str(), "pinning by a reaction");
        let action = Action::PutMessage(pin.message.clone(), None);
        let latest = self.store.latest_top(job.chat_key()).await?;
        let is_on_top = latest.is_some_and(|top| has_pinned(&top, &pin.message));
        Ok(if is_on_top {
            Next::Repeat(action)
        } else {
            Next::Authorize(action)
        })
    }

    /// Answers with a reaction to the message, or with a card that only the person sees.
    pub(super) async fn answer_reaction(
        &self,
        job: &Job,
        pin: &ReactionPin,
        outcome: &Outcome,
    ) -> Release {
        let reference = job.key.reference();
        let context = self.reply_context(&reference, self.settings.private_replies);
        let language = self.language_of_reaction(pin);
        let card = match reply::answer_to_one(outcome, language, context) {
            Answer::React { emoji, .. } => {
                let reacted = self.react(job, &pin.message, emoji).await;
                return reacted.err().unwrap_or(Release::Done);
            }
            Answer::Private { card, .. } => card,
            Answer::Say(_) | Answer::Show { .. } | Answer::Nothing => {
                return release_after(outcome);
            }
        };
        let to = recipient(job, pin.actor(), outcome);
        if self.is_throttled(job, to.as_ref()).await {
            return Release::Done;
        }
        let sent_at = self.clock.now();
        if let Some(person) = &pin.reaction.operator.open_id {
            match self.try_privately(job, &pin.chat, person, &card).await {
                Ok(true) => self.record_answer(to, sent_at).await,
                Ok(false) => {}
                Err(retry) => return retry,
            }
        }
        release_after(outcome)
    }
}

fn reaction_ids(operator: &Sender) -> feishu::IdType {
    operator.id().map(|(kind, _)| kind).unwrap_or_default()
}

/// The platform does not pin later messages of a topic.
fn first_of_topic(message: Message) -> Option<feishu::MessageId> {
    message.thread_id.and(message.root_id)
}

fn language(message: &Message) -> Language {
    let content = Content::read(&message.msg_type, &message.content);
    Language::of(&content::command_text(&content).unwrap_or_default())
}
