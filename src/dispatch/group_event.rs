//! Group events: the bot is added to a group or removed, a message is recalled or gets a reaction.
//! Nobody expects a reply, so errors are only logged.

use std::time::Duration;

use feishu::codes::Class;
use feishu::{AppId, Chat, ChatId, Error, IdType, MessageId};

use super::{Dispatcher, MAX_CRASHES};
use crate::config::ActAs;
use crate::event::GroupEvent;
use crate::model::change::{
    Change, ChangeKind, ChangeRecord, ChangeResult, PinnedItem, RecordedChange,
};
use crate::model::outcome::{Done, Outcome};
use crate::model::rights::MissingCapability;
use crate::platform::ChatSettings;
use crate::store::{Conclusion, Job, Release};
use crate::welcome;
use crate::{policy, reply};

/// How long to retry the checks for the welcome card. Then it is sent without them, because
/// commands may be queued behind it.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

impl Dispatcher {
    pub(super) async fn handle_group_event(&self, job: &Job) -> Release {
        if job.crashes >= MAX_CRASHES {
            tracing::error!(crashes = job.crashes, "the job is given up");
            return Release::Dead;
        }
        let handled = match GroupEvent::parse(&job.payload) {
            Ok(GroupEvent::Added) => self.welcome(job).await,
            Ok(GroupEvent::Left) => self.leave(job).await,
            Ok(GroupEvent::Recalled(message)) => self.recalled(job, message).await,
            Ok(GroupEvent::Reacted(reaction)) => self.find_reacted(job, *reaction).await,
            Err(error) => {
                tracing::error!(at = error.column(), "failed to parse the stored event");
                Err(Release::Dead)
            }
        };
        handled.err().unwrap_or(Release::Done)
    }

    /// Sends the welcome card.
    async fn welcome(&self, job: &Job) -> Result<(), Release> {
        if self.may_repeat_reply(job) {
            tracing::warn!("the welcome card may have been sent, and is too old to repeat");
            return Ok(());
        }
        let chat = ChatId::from(job.chat.as_str());
        let Some(missing) = self.missing(job, &chat).await? else {
            tracing::info!(
                chat.id = chat.as_str(),
                "the bot is not in the group; no welcome card was sent"
            );
            return Ok(());
        };
        let card = reply::welcome(&missing, self.settings.act_as, self.language().of_group());
        if job.replying_since.is_none() {
            let saved = self.store.save_replying(job).await;
            saved.map_err(|_| self.retry(job))?;
        }
        // The same key for any content: the card is sent once, even if the group's settings change
        // between two attempts.
        let uuid = job.key.idempotency_key("welcome").to_string();
        let client = &self.platform.client;
        match client.create_message(&chat, &card, &uuid).await {
            Ok(_) => tracing::info!(
                chat.id = chat.as_str(),
                missing = missing.len(),
                "the welcome card was sent"
            ),
            Err(error) => {
                self.retry_call(job, &error)?;
                tracing::warn!(chat.id = chat.as_str(), "failed to send the welcome card");
            }
        }
        Ok(())
    }

    /// The bot's missing capabilities; `None` if it is no longer in the group.
    async fn missing(
        &self,
        job: &Job,
        chat: &ChatId,
    ) -> Result<Option<Vec<MissingCapability>>, Release> {
        let mut missing = Vec::new();
        match self.platform.read_settings(chat, IdType::OpenId).await {
            Ok(ChatSettings { group, .. }) if policy::has_settings(&group) => {
                // A bot that acts as the member needs no permission of its own.
                if self.settings.act_as == ActAs::Bot {
                    let bot = AppId::from(job.key.tenant.app.as_str());
                    missing.extend(welcome::barred_by(&group, &bot));
                }
            }
            Ok(_) => return Ok(None),
            Err(error) => missing.extend(self.scopes(job, error)?.map(MissingCapability::Settings)),
        }
        match self.platform.client.get_docx_announcement(chat).await {
            Ok(info) => self.platform.remember_kind(chat, info.kind),
            Err(error) => missing.extend(
                self.scopes(job, error)?
                    .map(MissingCapability::AnnouncementKind),
            ),
        }
        Ok(Some(missing))
    }

    /// The missing scopes, if these are the reason. Other errors are reported when a command meets
    /// them.
    fn scopes(&self, job: &Job, error: Error) -> Result<Option<Vec<String>>, Release> {
        let run_at = self.next_try(job, &error);
        if error.is_retryable() && run_at <= job.started_at + LOOK_PATIENCE {
            return Err(Release::Retry { run_at });
        }
        tracing::warn!(error = %error, api.log_id = error.log_id(), "failed to check the bot's permissions in the group");
        let missing = error.is_scope_missing();
        Ok(match error {
            Error::Api(api) if missing => Some(api.missing_scopes.into_vec()),
            _ => None,
        })
    }

    /// Cancels the schedules of a group that the bot has left, and erases its texts.
    async fn leave(&self, job: &Job) -> Result<(), Release> {
        let chat = ChatId::from(job.chat.as_str());
        self.platform.forget(&chat);
        // The event may arrive hours late, and the bot may have been added again.
        match self.platform.read_settings(&chat, IdType::OpenId).await {
            Ok(ChatSettings { group, .. }) if !is_outside(&group) => {
                tracing::info!(chat.id = job.chat, "the bot was added to the group again");
                return Ok(());
            }
            Err(error) if !is_definitely_outside(&error) => {
                self.retry_call(job, &error)?;
                tracing::error!(
                    chat.id = job.chat,
                    "could not determine whether the bot left the group; its schedules are kept"
                );
                return Ok(());
            }
            Ok(_) | Err(_) => {}
        }
        let left = self.store.leave(job.chat_key()).await;
        left.map_err(|_| self.retry(job))?;
        tracing::info!(chat.id = job.chat, "the bot has left the group");
        Ok(())
    }

    /// Ends the command in the message if it waits for its author, and records that the pinned message
    /// was recalled, if the bot pinned it.
    async fn recalled(&self, job: &Job, message: MessageId) -> Result<(), Release> {
        let unstored = |_| self.retry(job);
        let withdrawn = self.store.withdraw(&job.key.tenant, &message).await;
        if withdrawn.map_err(unstored)? {
            tracing::info!("a waiting command was recalled");
        }
        let latest = self.store.latest_top(job.chat_key()).await;
        let Some(top) = latest
            .map_err(unstored)?
            .filter(|top| has_pinned(top, &message))
        else {
            return Ok(());
        };
        // An edit may post a notice again, which ends at the same time.
        let cancels = match top.kind {
            ChangeKind::Notice | ChangeKind::Edit => None,
            _ => self.store.timed_end(top.id).await.map_err(unstored)?,
        };
        let conclusion = Conclusion {
            record: Some(ChangeRecord {
                kind: ChangeKind::Recalled,
                actor: None,
                approver: None,
                summary: String::new(),
                result: ChangeResult::Done,
                reason: None,
                log_id: None,
                change: Some(Change::of_top(
                    PinnedItem::Message(message),
                    PinnedItem::Nothing,
                )),
                reverts: None,
                edited: None,
            }),
            cancels,
            ..Conclusion::of(Outcome::Done(Done::Unpinned))
        };
        self.store
            .conclude(job, conclusion)
            .await
            .map_err(unstored)?;
        tracing::info!(chat.id = job.chat, "the pinned message was recalled");
        Ok(())
    }
}

/// Whether the group is dissolved, or describes itself as it does to bots outside it.
fn is_outside(group: &Chat) -> bool {
    let dissolved = |status: &str| status.starts_with("dissolved");
    !policy::has_settings(group) || group.chat_status.as_deref().is_some_and(dissolved)
}

/// Any other error leaves the question open.
fn is_definitely_outside(error: &Error) -> bool {
    error.class() == Some(Class::ChatGone)
}

/// Whether this change pinned the message and was not undone.
pub(super) fn has_pinned(change: &RecordedChange, message: &MessageId) -> bool {
    !change.undone && matches!(change.top(), Some(PinnedItem::Message(top)) if top == message)
}
