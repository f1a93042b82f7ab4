//! The worker: claim, parse, authorise, act, reply. The one place where an
//! error becomes a decision: try again, say no, or give up.
//!
//! Chats run beside each other, one chat in order; the store's claim sees to
//! that. An outcome is stored before a word is said about it, and a job that has
//! one only owes its reply.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use feishu::{Clock, Content, ReceivedMessage};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::action::{self, Action, Failure, Scene, Style};
use crate::command::{self, Mention};
use crate::config::{PolicyConfig, ReplyLanguage};
use crate::content;
use crate::event::StoredMessage;
use crate::language::Language;
use crate::outcome::{Call, Outcome, PlatformRefusal, Refusal};
use crate::platform::Platform;
use crate::policy::{self, Actor, Permit, Ruling};
use crate::reply::{self, Answer, Emoji};
use crate::store::{Claim, Job, JobId, Release, Store, StoreError};
use crate::telemetry::{CommandResult, Metrics};

mod retry;

/// A job whose worker died this often is given up.
const MAX_CRASHES: u32 = 5;
/// Work in flight gets this long when the bot stops; then it returns to the
/// queue.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// A command that waits longer is shown to have been heard.
const PATIENCE: Duration = Duration::from_secs(3);
/// While the store fails, it is asked again after this time.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// "Operator can NOT be out of the chat."
const OUT_OF_CHAT: i64 = 232_011;
/// The platform forgets the `uuid` of a message after an hour; a reply of
/// unknown fate is not sent again so near to that.
const REPLY_KEY_AGE: Duration = Duration::from_mins(50);

/// Everything that work needs.
pub(crate) struct Dispatcher {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) policy: PolicyConfig,
    pub(crate) style: Style,
    pub(crate) language: ReplyLanguage,
    pub(crate) give_up_after: Duration,
    pub(crate) concurrency: usize,
}

impl Dispatcher {
    /// Works until `stop`; then lets what is in flight end, or puts it back.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.concurrency));
        let in_flight = TaskTracker::new();
        let cut_off = CancellationToken::new();
        while let Some((job, slot)) = self.next(&slots, &stop).await {
            let (dispatcher, cut_off) = (Arc::clone(&self), cut_off.clone());
            in_flight.spawn(async move {
                dispatcher.carry(*job, cut_off).await;
                drop(slot);
            });
        }
        in_flight.close();
        if timeout(DRAIN_TIMEOUT, in_flight.wait()).await.is_err() {
            cut_off.cancel();
            in_flight.wait().await;
        }
    }

    /// The next job and a slot to work on it, whenever there are both. A stop
    /// interrupts the waiting but not the claim: what is claimed is worked on.
    async fn next(
        &self,
        slots: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<(Box<Job>, OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots).acquire_owned();
        let slot = stop.run_until_cancelled(slot).await?.ok()?;
        loop {
            let due = match self.store.claim().await {
                Ok(Claim::Job(job)) => return Some((job, slot)),
                Ok(Claim::Unreadable) => {
                    self.metrics.command(CommandResult::Dead);
                    continue;
                }
                Ok(Claim::NothingUntil(due)) => due,
                Err(_) => {
                    stop.run_until_cancelled(tokio::time::sleep(STORE_PAUSE))
                        .await?;
                    continue;
                }
            };
            let due = async {
                match due {
                    Some(due) => self.clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.store.changed() => {}
                () = due => {}
                () = stop.cancelled() => return None,
            }
        }
    }

    /// Works on a claimed job and gives it back, whatever happens to it.
    async fn carry(&self, job: Job, cut_off: CancellationToken) {
        let span = tracing::info_span!(
            "job",
            job.reference = job.key.reference(),
            job.origin = job.key.origin
        );
        let work = AssertUnwindSafe(self.work(&job).instrument(span.clone())).catch_unwind();
        let release = tokio::select! {
            release = work => release.unwrap_or_else(|_| {
                let _entered = span.enter();
                tracing::error!("the worker panicked");
                Release::Crashed { run_at: self.later(retry::delay(job.crashes)) }
            }),
            () = cut_off.cancelled() => Release::Stopped,
        };
        self.show_patience(&job, &release).await;
        self.give_back(job.id, release, &cut_off).await;
    }

    /// While the store fails, the job stays ours; after a stop it is made ready
    /// again at the next start.
    async fn give_back(&self, job: JobId, release: Release, cut_off: &CancellationToken) {
        if let Some(result) = match release {
            Release::Retry { .. } | Release::Crashed { .. } => Some(CommandResult::Retried),
            Release::Dead => Some(CommandResult::Dead),
            Release::Done | Release::Stopped => None,
        } {
            self.metrics.command(result);
        }
        while let Err(StoreError::Database(_)) = self.store.release(job, release.clone()).await {
            if cut_off.is_cancelled() {
                return;
            }
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    /// One attempt at a job: act unless that is done, then say what came of it.
    async fn work(&self, job: &Job) -> Release {
        let message = match StoredMessage::parse(&job.payload) {
            Ok(message) => message,
            Err(error) => {
                // The error's own words may quote the message.
                tracing::error!(at = error.column(), "the stored message cannot be read");
                return Release::Dead;
            }
        };
        let outcome = match self.outcome(job, &message).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                self.metrics.command(CommandResult::Ignored);
                return Release::Done;
            }
            Err(release) => return release,
        };
        self.say(job, &message.event.message, &outcome).await
    }

    /// What came of the job: as stored, or as it comes out now. `None` if the
    /// message is not for us.
    async fn outcome(
        &self,
        job: &Job,
        message: &StoredMessage,
    ) -> Result<Option<Outcome>, Release> {
        if let Some(outcome) = &job.outcome {
            return Ok(Some(outcome.clone()));
        }
        let decided = if job.crashes >= MAX_CRASHES {
            tracing::error!(crashes = job.crashes, "the job is given up");
            Ok(Some(Outcome::Refused(Refusal::Internal)))
        } else {
            self.decide(job, message).await
        };
        let outcome = match decided {
            Ok(None) => return Ok(None),
            Ok(Some(outcome)) => outcome,
            Err(failure) => Outcome::Refused(self.judge(job, failure)?),
        };
        self.store
            .save_outcome(job.id, &outcome)
            .await
            .map_err(|_| Release::Retry {
                run_at: self.later(retry::delay(job.retries)),
            })?;
        self.metrics.command(match outcome {
            Outcome::Done(_) | Outcome::Help => CommandResult::Done,
            Outcome::Refused(_) => CommandResult::Refused,
        });
        tracing::info!(outcome = outcome.label(), "the command is decided");
        Ok(Some(outcome))
    }

    /// Shows that a command which has to wait was heard, once: when the wait
    /// passes three seconds.
    async fn show_patience(&self, job: &Job, release: &Release) {
        let (Release::Retry { run_at }, None) = (release, &job.outcome) else {
            return;
        };
        let passes = job.started_at + PATIENCE;
        if !(self.clock.now()..*run_at).contains(&passes) {
            return;
        }
        let shown = self
            .platform
            .client
            .add_reaction(&job.key.origin.as_str().into(), Emoji::OneSecond.as_str())
            .await;
        if let Err(error) = shown {
            tracing::debug!(error = %error, "the wait could not be shown");
        }
    }

    /// Parse, authorise, act.
    async fn decide(&self, job: &Job, stored: &StoredMessage) -> Result<Option<Outcome>, Failure> {
        let message = &stored.event.message;
        let Some(text) = text_of(message) else {
            return Ok(None);
        };
        let mentions = self.mentions(message).await?;
        let command = match command::parse(&text, &mentions, message.chat_type.is_p2p()) {
            Ok(Some(command)) => command,
            Ok(None) => return Ok(None),
            Err(error) => return Err(Refusal::Misunderstood(error).into()),
        };
        tracing::info!(command.name = command.name().as_str(), chat.id = %message.chat_id, "a command is worked on");
        let Some(action) = Action::plan(command, message)? else {
            return Ok(Some(Outcome::Help));
        };
        let permit = self.authorise(stored, action).await?;
        let scene = Scene {
            platform: &self.platform,
            store: &self.store,
            clock: &self.clock,
            job,
            sender: &stored.event.sender,
            message,
            style: &self.style,
        };
        let done = action::run(permit, scene).await?;
        Ok(Some(Outcome::Done(done)))
    }

    async fn mentions(&self, message: &ReceivedMessage) -> Result<Vec<Mention>, Failure> {
        if message.mentions.is_empty() {
            return Ok(Vec::new());
        }
        let me = self
            .platform
            .me()
            .await
            .map_err(|error| Failure::Call(Call::Token, error))?;
        let mention = |mention: &feishu::Mention| Mention {
            key: mention.key.clone(),
            name: mention.name.clone(),
            is_me: mention.id.open_id.as_ref() == Some(me),
        };
        Ok(message.mentions.iter().map(mention).collect())
    }

    /// A denial by remembered settings is looked at again with fresh ones: they
    /// may have been changed to let this very command through.
    async fn authorise(&self, stored: &StoredMessage, action: Action) -> Result<Permit, Failure> {
        let actor = Actor {
            sender: &stored.event.sender,
            home: stored.tenant_key.as_deref(),
        };
        let denied = |denied| Failure::Refused(Refusal::Denied(denied));
        let request = match policy::consider(&self.policy, actor, action).map_err(denied)? {
            Ruling::Permitted(permit) => return Ok(permit),
            Ruling::Open(request) => request,
        };
        let unread = |error| Failure::Call(Call::ReadChat, error);
        let chat = &stored.event.message.chat_id;
        let settings = self.platform.settings(chat).await.map_err(unread)?;
        if settings.group.edit_permission.is_none() {
            // Whoever is not in the chat is told its name and little else.
            return Err(Refusal::Platform(PlatformRefusal {
                call: Call::ReadChat,
                code: OUT_OF_CHAT,
                log_id: None,
                missing_scopes: Vec::new(),
            })
            .into());
        }
        let (reason, request) = match request.decide(&self.policy, &settings.group) {
            Ok(permit) => return Ok(permit),
            Err(refused) => refused,
        };
        if settings.fresh {
            return Err(denied(reason));
        }
        let settings = self.platform.settings_anew(chat).await.map_err(unread)?;
        request
            .decide(&self.policy, &settings.group)
            .map_err(|(reason, _)| denied(reason))
    }

    /// Whether a failure is the end, and then why, or when to try again.
    fn judge(&self, job: &Job, failure: Failure) -> Result<Refusal, Release> {
        let (call, error) = match failure {
            Failure::Refused(refusal) => return Ok(refusal),
            Failure::NotBefore(run_at) => return Err(Release::Retry { run_at }),
            Failure::Store => {
                return Err(Release::Retry {
                    run_at: self.later(retry::delay(job.retries)),
                });
            }
            Failure::Call(call, error) => (call, error),
        };
        tracing::warn!(call = ?call, error = %error, api.log_id = error.log_id(), retries = job.retries, "a call failed");
        let log_id = error.log_id().map(str::to_owned);
        if error.is_retryable() {
            let wait = retry::delay(job.retries).max(error.retry_after().unwrap_or_default());
            let run_at = self.later(wait);
            if run_at <= job.started_at + self.give_up_after {
                return Err(Release::Retry { run_at });
            }
            return Ok(Refusal::Unreachable { call, log_id });
        }
        let feishu::Error::Api(api) = error else {
            return Ok(Refusal::Internal);
        };
        Ok(Refusal::Platform(PlatformRefusal {
            call,
            code: api.code,
            log_id,
            missing_scopes: api.missing_scopes,
        }))
    }

    /// Tells the author what came of the command.
    async fn say(&self, job: &Job, message: &ReceivedMessage, outcome: &Outcome) -> Release {
        let language = match self.language {
            ReplyLanguage::Auto => Language::of(&text_of(message).unwrap_or_default()),
            ReplyLanguage::Zh => Language::Zh,
            ReplyLanguage::En => Language::En,
        };
        let said = match reply::answer(outcome, language, &job.key.reference()) {
            Answer::React { emoji, or_say } => {
                match self
                    .platform
                    .client
                    .add_reaction(&message.message_id, emoji.as_str())
                    .await
                {
                    Ok(_) => Ok(()),
                    Err(error) if error.is_retryable() => Err(Unsaid::Call(error)),
                    // Reactions may be switched off in the group.
                    Err(error) => {
                        tracing::warn!(error = %error, api.log_id = error.log_id(), "the reaction was refused");
                        self.reply(job, message, &or_say).await
                    }
                }
            }
            Answer::Say(text) => self.reply(job, message, &text).await,
        };
        match (said, outcome) {
            (Err(unsaid), _) => self.unsaid(job, unsaid),
            (Ok(()), Outcome::Refused(Refusal::Internal | Refusal::Unreachable { .. })) => {
                Release::Dead
            }
            (Ok(()), _) => Release::Done,
        }
    }

    /// Replies once: a repeat under the same `uuid` changes nothing, as long as
    /// the platform remembers it.
    async fn reply(&self, job: &Job, message: &ReceivedMessage, text: &str) -> Result<(), Unsaid> {
        match job.replying_since {
            Some(since) if self.clock.now() > since + REPLY_KEY_AGE => {
                return Err(Unsaid::MaybeSaid);
            }
            Some(_) => {}
            None => self.store.save_replying(job.id).await?,
        }
        let uuid = job.key.idempotency_key("reply").to_string();
        self.platform
            .client
            .reply(&message.message_id, text, &uuid)
            .await?;
        Ok(())
    }

    /// The words did not arrive: again later, or never.
    fn unsaid(&self, job: &Job, unsaid: Unsaid) -> Release {
        let pause = retry::delay(job.retries);
        match unsaid {
            Unsaid::Store => {
                return Release::Retry {
                    run_at: self.later(pause),
                };
            }
            Unsaid::Call(error) => {
                let run_at = self.later(pause.max(error.retry_after().unwrap_or_default()));
                let last = job.replying_since.unwrap_or(job.started_at) + REPLY_KEY_AGE;
                if error.is_retryable() && run_at <= last {
                    return Release::Retry { run_at };
                }
                tracing::error!(error = %error, api.log_id = error.log_id(), "the author could not be told");
            }
            Unsaid::MaybeSaid => {
                tracing::warn!(
                    "whether the author was told is unknown, and too long ago to say it again"
                );
            }
        }
        Release::Dead
    }

    fn later(&self, delay: Duration) -> Timestamp {
        self.clock.now() + delay
    }
}

/// Why the author was not told.
#[derive(Debug)]
enum Unsaid {
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

/// The text of a message, mentions still as placeholders.
fn text_of(message: &ReceivedMessage) -> Option<String> {
    let content = Content::parse(&message.message_type, &message.content).ok()?;
    content::plain_text(&content)
}
