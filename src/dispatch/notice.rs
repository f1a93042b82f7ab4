//! Events that are no messages: the bot comes into a group or leaves it, a
//! message is recalled. Nobody waits for an answer to them, so what fails ends
//! in the log.

use std::time::Duration;

use feishu::codes::Class;
use feishu::{AppId, Chat, ChatId, Error, IdType, MessageId};

use super::say::REPLY_KEY_AGE;
use super::{Dispatcher, MAX_CRASHES};
use crate::config::ReplyLanguage;
use crate::event::Notice;
use crate::language::Language;
use crate::model::change::{
    Change, ChangeKind, ChangeRecord, ChangeResult, PinnedItem, RecordedChange,
};
use crate::model::outcome::{Done, Outcome};
use crate::model::rights::MissingCapability;
use crate::platform::Settings;
use crate::store::{Conclusion, Job, Release};
use crate::welcome;
use crate::{policy, reply};

/// What the bot lacks is asked for so long; then the group is greeted without
/// it, because commands may wait behind.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

impl Dispatcher {
    /// Acts on the event.
    pub(super) async fn take_notice(&self, job: &Job) -> Release {
        if job.crashes >= MAX_CRASHES {
            tracing::error!(crashes = job.crashes, "the job is given up");
            return Release::Dead;
        }
        let taken = match Notice::parse(&job.payload) {
            Ok(Notice::Added) => self.welcome(job).await,
            Ok(Notice::Left) => self.leave(job).await,
            Ok(Notice::Recalled(message)) => self.recalled(job, message).await,
            Err(error) => {
                tracing::error!(at = error.column(), "the stored event cannot be read");
                Err(Release::Dead)
            }
        };
        taken.err().unwrap_or(Release::Done)
    }

    /// Greets the group.
    async fn welcome(&self, job: &Job) -> Result<(), Release> {
        let now = self.clock.now();
        if job
            .replying_since
            .is_some_and(|since| now > since + REPLY_KEY_AGE)
        {
            tracing::warn!(
                "whether the group was greeted is unknown, and too long ago to do it again"
            );
            return Ok(());
        }
        let chat = ChatId::from(job.chat.as_str());
        let Some(lacks) = self.lacks(job, &chat).await? else {
            tracing::info!(
                chat.id = chat.as_str(),
                "the bot is not in the group that it was to greet"
            );
            return Ok(());
        };
        let card = reply::welcome(&lacks, self.languages());
        if job.replying_since.is_none() {
            let saved = self.store.save_replying(job).await;
            saved.map_err(|_| self.retry(job))?;
        }
        // The same whatever the card says: a group is greeted once, also when
        // its settings change between two tries.
        let uuid = job.key.idempotency_key("welcome").to_string();
        let client = &self.platform.client;
        match client.create_message(&chat, &card, &uuid).await {
            Ok(_) => tracing::info!(
                chat.id = chat.as_str(),
                lacks = lacks.len(),
                "the group is greeted"
            ),
            Err(error) => {
                self.judge_call(job, &error)?;
                tracing::warn!(chat.id = chat.as_str(), "the group could not be greeted");
            }
        }
        Ok(())
    }

    fn languages(&self) -> &'static [Language] {
        match self.settings.language {
            ReplyLanguage::Auto => &[Language::Zh, Language::En],
            ReplyLanguage::Zh => &[Language::Zh],
            ReplyLanguage::En => &[Language::En],
        }
    }

    /// What the bot lacks in the group; `None` if it is not there any more.
    async fn lacks(
        &self,
        job: &Job,
        chat: &ChatId,
    ) -> Result<Option<Vec<MissingCapability>>, Release> {
        let mut lacks = Vec::new();
        match self.platform.read_settings(chat, IdType::OpenId).await {
            Ok(Settings { group, .. }) if policy::is_told(&group) => {
                let bot = AppId::from(job.key.app.as_str());
                lacks.extend(welcome::barred_by(&group, &bot));
            }
            Ok(_) => return Ok(None),
            Err(error) => lacks.extend(self.scopes(job, error)?.map(MissingCapability::Settings)),
        }
        match self.platform.client.get_docx_announcement(chat).await {
            Ok(info) => self.platform.remember_kind(chat, info.kind),
            Err(error) => lacks.extend(
                self.scopes(job, error)?
                    .map(MissingCapability::AnnouncementKind),
            ),
        }
        Ok(Some(lacks))
    }

    /// The scopes for want of which a look failed. Other refusals are told when
    /// a command meets them.
    fn scopes(&self, job: &Job, error: Error) -> Result<Option<Vec<String>>, Release> {
        let run_at = self.next_try(job, &error);
        if error.is_retryable() && run_at <= job.started_at + LOOK_PATIENCE {
            return Err(Release::Retry { run_at });
        }
        tracing::warn!(error = %error, api.log_id = error.log_id(), "a look at the group failed");
        let missing = error.is_scope_missing();
        Ok(match error {
            Error::Api(api) if missing => Some(api.missing_scopes.into_vec()),
            Error::Api(_)
            | Error::Transport { .. }
            | Error::InvalidResponse { .. }
            | Error::Waiting { .. }
            | Error::BaseUrl(_)
            | Error::HttpClient(_) => None,
        })
    }

    /// Cancels what is scheduled in a group that the bot is no longer in, and
    /// erases the texts that were written there.
    async fn leave(&self, job: &Job) -> Result<(), Release> {
        let chat = ChatId::from(job.chat.as_str());
        self.platform.forget(&chat);
        // The event may come hours late, and the bot may be back by then.
        match self.platform.read_settings(&chat, IdType::OpenId).await {
            Ok(Settings { group, .. }) if !is_outside(&group) => {
                tracing::info!(chat.id = job.chat, "the bot is in the group again");
                return Ok(());
            }
            Err(error) if !is_definitely_outside(&error) => {
                self.judge_call(job, &error)?;
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

    /// Remembers that what the bot put on top is gone, if it was this message.
    async fn recalled(&self, job: &Job, message: MessageId) -> Result<(), Release> {
        let unstored = |_| self.retry(job);
        let latest = self.store.latest_top(job.chat_key()).await;
        let Some(top) = latest.map_err(unstored)?.filter(|top| puts(top, &message)) else {
            return Ok(());
        };
        let conclusion = Conclusion {
            record: Some(ChangeRecord {
                kind: ChangeKind::Recalled,
                actor: None,
                summary: String::new(),
                result: ChangeResult::Done,
                log_id: None,
                change: Some(Change::of_top(
                    PinnedItem::Message(message),
                    PinnedItem::Nothing,
                )),
                reverts: None,
            }),
            cancels: self.store.timed_end(top.id).await.map_err(unstored)?,
            ..Conclusion::of(Outcome::Done(Done::Unpinned))
        };
        self.store
            .conclude(job, conclusion)
            .await
            .map_err(unstored)?;
        tracing::info!(chat.id = job.chat, "what stood at the top was recalled");
        Ok(())
    }
}

/// Whether the group is dissolved, or describes itself as it does to bots outside it.
fn is_outside(group: &Chat) -> bool {
    let dissolved = |status: &str| status.starts_with("dissolved");
    !policy::is_told(group) || group.chat_status.as_deref().is_some_and(dissolved)
}

/// Any other error leaves the question open.
fn is_definitely_outside(error: &Error) -> bool {
    error.class() == Some(Class::ChatGone)
}

/// Whether by this change, which was not taken back, the message stands on top.
fn puts(change: &RecordedChange, message: &MessageId) -> bool {
    let top = change.change.as_ref().and_then(Change::top);
    !change.undone && matches!(top, Some(PinnedItem::Message(top)) if top == message)
}
