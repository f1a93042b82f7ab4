//! The worker: claim, parse, authorise, act, reply.
//!
//! Chats run beside each other, one chat in order; the store's claim sees to
//! that. An outcome is stored before a word is said about it, and a job that has
//! one only owes its reply. This file moves jobs; `decide` brings about their
//! outcome, with the leave from `authorise`; `say` puts it into the chat. Events
//! that are no messages go their own short way, in `notice`.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use feishu::{Clock, Content, ReceivedMessage};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::action::AnnounceSettings;
use crate::callback::PendingCallbacks;
use crate::config::{PolicyConfig, ReplyLanguage, WorkerConfig};
use crate::content;
use crate::event::Stored;
use crate::platform::Platform;
use crate::store::{Claim, Job, Release, Store, StoreError};
use crate::telemetry::{CommandResult, Metrics, UNKNOWN};

mod attempts;
mod authorise;
mod decide;
mod explain;
mod heard;
mod intent;
mod memory_budget;
mod notice;
mod press;
mod record;
mod request;
mod retry;
mod say;

pub(crate) use attempts::Attempts;
use memory_budget::MemoryBudget;

/// A job whose worker died this often is given up.
const MAX_CRASHES: u32 = 5;
/// Work in flight gets this long when the bot stops; then it returns to the
/// queue.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Returning it takes no longer than this; what is not returned then is ready
/// again at the next start.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);
/// While the store fails, it is asked again after this time.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Everything that work needs.
pub(crate) struct Dispatcher {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    pub(crate) callbacks: PendingCallbacks,
    pub(crate) settings: Settings,
    pub(crate) attempts: Attempts,
}

/// What the configuration says about work.
pub(crate) struct Settings {
    pub(crate) policy: PolicyConfig,
    pub(crate) announce: AnnounceSettings,
    pub(crate) language: ReplyLanguage,
    pub(crate) worker: WorkerConfig,
}

impl Dispatcher {
    /// Works until `stop`; then lets what is in flight end, or puts it back.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.settings.worker.concurrency));
        let room = MemoryBudget::default();
        let in_flight = TaskTracker::new();
        let cut_off = CancellationToken::new();
        while let Some((job, mut slot)) = self.next(&slots, &stop).await {
            // Nothing else is claimed until there is room, so that only one payload waits.
            let Some(room) = room.of(job.payload.len(), &stop).await else {
                self.give_back(&job, Release::Stopped, &stop).await;
                break;
            };
            if job.is_suspect() {
                match self.expect_alone(&job, &slots, &stop).await {
                    Some(others) => slot.merge(others),
                    None => break,
                }
            }
            let (dispatcher, cut_off) = (Arc::clone(&self), cut_off.clone());
            in_flight.spawn(async move {
                Box::pin(dispatcher.carry(*job, cut_off)).await;
                drop((slot, room));
            });
        }
        in_flight.close();
        if timeout(DRAIN_TIMEOUT, in_flight.wait()).await.is_err() {
            cut_off.cancel();
            let _ = timeout(RETURN_TIMEOUT, in_flight.wait()).await;
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
                    self.metrics.dead_job();
                    continue;
                }
                Ok(Claim::NothingUntil(due)) => due,
                Err(_) => {
                    stop.run_until_cancelled(sleep(STORE_PAUSE)).await?;
                    continue;
                }
            };
            let due = async {
                match due {
                    Some(due) => self.clock.sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.store.changed() => {}
                () = due => {}
                () = stop.cancelled() => return None,
            }
        }
    }

    /// Waits until nothing but this job is worked on: it may be what brings the bot down, and is to
    /// take nobody along. Until these slots are given back nothing else is claimed. After a stop
    /// there are none, and the job is put back.
    async fn expect_alone(
        &self,
        job: &Job,
        slots: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<OwnedSemaphorePermit> {
        let others =
            u32::try_from(self.settings.worker.concurrency.saturating_sub(1)).unwrap_or(u32::MAX);
        let others = Arc::clone(slots).acquire_many_owned(others);
        let Some(Ok(others)) = stop.run_until_cancelled(others).await else {
            self.give_back(job, Release::Stopped, stop).await;
            return None;
        };
        tracing::warn!(
            job.reference = job.key.reference(),
            suspicions = job.suspicions,
            crashes = job.crashes,
            "the bot died at this job before, so it runs alone"
        );
        // Where that is not stored, a crash counts as one in company.
        let _ = self.store.run_alone(job).await;
        Some(others)
    }

    /// Works on a claimed job and gives it back, whatever happens to it, a panic included. Once it
    /// is another bot's, it is left where it stands.
    async fn carry(&self, job: Job, cut_off: CancellationToken) {
        let span = tracing::info_span!(
            "job",
            job.reference = job.key.reference(),
            job.origin = job.key.origin
        );
        let work = async {
            let attempt = self.or_crashed(&job, Box::pin(self.attempt(&job)));
            let attempt = cut_off.run_until_cancelled(attempt);
            let Some(release) = job.lease.run(attempt).await else {
                self.attempts.forget(&job);
                return tracing::warn!("the lease is over, and the job is left to others");
            };
            let release = release.unwrap_or(Release::Stopped);
            let given_back = AssertUnwindSafe(self.give_back(&job, release, &cut_off));
            if given_back.catch_unwind().await.is_err() {
                tracing::error!("the worker panicked while it gave a job back");
                // Nothing but the store is left to ask.
                let _ = self.store.release(&job, self.crashed(&job)).await;
            }
        };
        work.instrument(span).await;
    }

    /// One attempt. A command that takes long gets a reaction while the work goes on.
    async fn attempt(&self, job: &Job) -> Release {
        let work = self.or_crashed(job, self.work(job));
        self.show_wait(job, Box::pin(work)).await
    }

    /// What becomes of a job that is worked on so, also where that panics.
    async fn or_crashed(&self, job: &Job, work: impl Future<Output = Release>) -> Release {
        let release = AssertUnwindSafe(work).catch_unwind().await;
        release.unwrap_or_else(|_| {
            tracing::error!("the worker panicked");
            self.crashed(job)
        })
    }

    fn crashed(&self, job: &Job) -> Release {
        Release::Crashed {
            run_at: self.later(retry::delay(job.crashes)),
        }
    }

    /// Acts unless that is done, then says what came of it.
    async fn work(&self, job: &Job) -> Release {
        if job.key.kind.is_notice() {
            return self.take_notice(job).await;
        }
        let stored = match Stored::parse(job.key.kind, &job.payload) {
            Ok(stored) => stored,
            Err(error) => {
                // The error's own words may quote the message.
                tracing::error!(at = error.column(), "what is stored cannot be read");
                return Release::Dead;
            }
        };
        match self.outcome(job, &stored).await {
            Ok(Some(outcome)) => self.tell(job, &stored, &outcome).await,
            Ok(None) => {
                self.metrics.command(UNKNOWN, CommandResult::Ignored);
                Release::Done
            }
            Err(release) => release,
        }
    }

    /// While the store fails, the job stays ours; after a stop it is made ready
    /// again at the next start.
    async fn give_back(&self, job: &Job, release: Release, cut_off: &CancellationToken) {
        match release {
            Release::Retry { .. } | Release::Crashed { .. } => {
                self.metrics.retry();
            }
            Release::Dead => self.metrics.dead_job(),
            Release::Done | Release::Stopped => {}
        }
        if !matches!(release, Release::Retry { .. }) {
            self.attempts.forget(job);
        }
        while let Err(StoreError::Database) = self.store.release(job, release.clone()).await {
            if cut_off.is_cancelled() {
                return;
            }
            sleep(STORE_PAUSE).await;
        }
    }

    fn later(&self, delay: Duration) -> Timestamp {
        self.clock.now() + delay
    }

    /// Put back for a failure that says nothing about when it will be over.
    fn retry(&self, job: &Job) -> Release {
        let run_at = self.later(retry::delay(job.retries));
        Release::Retry { run_at }
    }

    /// When to make a failed call again.
    fn next_try(&self, job: &Job, error: &feishu::Error) -> Timestamp {
        let asked = error.retry_after().unwrap_or_default();
        self.later(retry::delay(job.retries).max(asked))
    }
}

/// Whether a call that failed so may be made again: also where the platform
/// refuses the app, because its admin may be mending that.
fn may_try_again(error: &feishu::Error) -> bool {
    error.is_retryable() || error.is_app_refused()
}

/// The text that may be a command, mentions still as placeholders.
fn text_of(message: &ReceivedMessage) -> Option<String> {
    content::command_text(&Content::read(&message.message_type, &message.content))
}

#[cfg(test)]
mod tests;
