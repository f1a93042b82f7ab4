//! The worker: claim, parse, authorize, act, reply.
//!
//! Chats run concurrently and the jobs of one chat in order; the store's claim ensures that. An
//! outcome is stored before the reply is sent, so a job with an outcome only owes its reply. This
//! file claims and releases jobs; `decide` produces their outcome, with a permit from `authorize`;
//! `respond` sends it. `group_event` handles events that are not messages.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use feishu::{Client, Clock, Content, ReceivedMessage};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::action::AnnounceSettings;
use crate::callback::PendingCallbacks;
use crate::command::{Switch, ZoneName};
use crate::config::{ActAs, GroupLists, PolicyConfig, ReplyLanguage, WorkerConfig};
use crate::consent::Members;
use crate::content;
use crate::event::Stored;
use crate::model::job::JobKind;
use crate::platform::Platform;
use crate::store::{Claim, Claimable, Job, Release, Store, StoreError};
use crate::telemetry::{CommandResult, Metrics, Span, Traces, UNKNOWN, Wakeup, within};

mod acknowledge;
mod attempts;
mod authorize;
mod broadcast;
mod callback;
mod consent;
mod decide;
mod delivery;
mod edit;
mod explain;
mod group_event;
mod history;
mod intent;
mod lists;
mod memory_budget;
mod of_group;
mod preview;
mod private;
mod proposal;
mod reaction;
mod readers;
mod record;
mod report;
mod request;
mod respond;
mod retry;
mod schedule;
mod series;
mod settings;
mod trace;

pub(crate) use attempts::Attempts;
pub(crate) use broadcast::delivery_interval;
use memory_budget::MemoryBudget;
pub(crate) use of_group::OfGroup;

/// A job is given up after this many crashes.
const MAX_CRASHES: u32 = 5;
/// Time for jobs in flight to end after a stop; then they are released.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Time to release them. Jobs that are not released are requeued at the next start.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);
/// Deliveries of broadcasts that run at the same time, so that many that are late do not hold up other
/// commands.
const MAX_DELIVERIES: usize = 4;
/// Delay before a failed call of the store is repeated.
const STORE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct Dispatcher {
    pub(crate) store: Store,
    pub(crate) platform: Platform,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
    pub(crate) clock: Clock,
    pub(crate) callbacks: PendingCallbacks,
    /// `None` if the bot acts as itself.
    pub(crate) members: Option<Members>,
    /// The member as whom it acts, in a job whose author is known.
    pub(crate) acting: Option<Client>,
    pub(crate) settings: Arc<DispatcherSettings>,
    /// What the group of the job has set for itself.
    pub(crate) group: OfGroup,
    pub(crate) attempts: Attempts,
}

pub(crate) struct DispatcherSettings {
    pub(crate) policy: PolicyConfig,
    pub(crate) announce: AnnounceSettings,
    /// The configured lists of groups.
    pub(crate) groups: GroupLists,
    /// The time between two deliveries of broadcasts in a tenant.
    pub(crate) delivery_interval: Duration,
    pub(crate) language: ReplyLanguage,
    pub(crate) private_replies: bool,
    pub(crate) reaction_pins: Switch,
    pub(crate) zone: ZoneName,
    pub(crate) time_zone: TimeZone,
    pub(crate) act_as: ActAs,
    pub(crate) worker: WorkerConfig,
}

impl Dispatcher {
    /// Runs jobs until `stop`. Then waits for jobs in flight, and releases those that do not end in
    /// time.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.settings.worker.concurrency));
        let deliveries = Arc::new(Semaphore::new(MAX_DELIVERIES));
        let memory = MemoryBudget::default();
        // They end with the dispatcher if it is dropped.
        let mut in_flight = JoinSet::new();
        let cut_off = CancellationToken::new();
        while let Some((job, mut slot)) = self.next(&slots, &deliveries, &stop).await {
            // Nothing else is claimed until there is memory, so that only one payload waits.
            let Some(memory) = memory.of(job.payload.len(), &stop).await else {
                self.release(&job, Release::Stopped, &stop).await;
                break;
            };
            if job.is_suspect() {
                match self.reserve_all_slots(&job, &slots, &stop).await {
                    Some(others) => slot.merge(others),
                    None => break,
                }
            }
            let (dispatcher, cut_off) = (self.in_tenant_of(&job), cut_off.clone());
            while in_flight.try_join_next().is_some() {}
            // One is free: nothing else acquires them.
            let delivery = job.key.kind.is_of_broadcast().then(|| {
                let deliveries = Arc::clone(&deliveries);
                deliveries.try_acquire_owned()
            });
            in_flight.spawn(async move {
                let store = dispatcher.store.clone();
                Box::pin(dispatcher.run_job(*job, cut_off)).await;
                drop((slot, memory));
                if delivery.is_some() {
                    drop(delivery);
                    // The next delivery may be waiting for this one.
                    store.wake();
                }
            });
        }
        let mut drain = pin!(async { while in_flight.join_next().await.is_some() {} });
        if timeout(DRAIN_TIMEOUT, drain.as_mut()).await.is_err() {
            cut_off.cancel();
            let _ = timeout(RETURN_TIMEOUT, drain).await;
        }
    }

    /// The same dispatcher with the platform as the bot of the job's tenant sees it.
    fn in_tenant_of(&self, job: &Job) -> Self {
        Self {
            platform: self.platform.in_tenant(&job.key.tenant.key),
            ..self.clone()
        }
    }

    /// Claims the next job, with a slot to run it. A stop interrupts the wait, but not the claim: a
    /// claimed job is run.
    async fn next(
        &self,
        slots: &Arc<Semaphore>,
        deliveries: &Semaphore,
        stop: &CancellationToken,
    ) -> Option<(Box<Job>, OwnedSemaphorePermit)> {
        let slot = Arc::clone(slots).acquire_owned();
        let slot = stop.run_until_cancelled(slot).await?.ok()?;
        // Without a ticket, every call of a store app would fail.
        let ticket = self.platform.client.app_ticket_arrived();
        stop.run_until_cancelled(ticket).await?;
        loop {
            let claimable = if deliveries.available_permits() > 0 {
                Claimable::All
            } else {
                Claimable::NoDeliveries
            };
            let due = match self.store.claim(claimable).await {
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
            let reason = tokio::select! {
                reason = self.store.changed() => reason,
                () = due => Wakeup::Due,
                () = stop.cancelled() => return None,
            };
            self.metrics.wakeup(reason);
        }
    }

    /// Waits until no other job runs: this one may crash the bot and must not affect others.
    /// Nothing else is claimed until the returned slots are free. After a stop the job is released
    /// and there are no slots.
    async fn reserve_all_slots(
        &self,
        job: &Job,
        slots: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<OwnedSemaphorePermit> {
        let others =
            u32::try_from(self.settings.worker.concurrency.saturating_sub(1)).unwrap_or(u32::MAX);
        let others = Arc::clone(slots).acquire_many_owned(others);
        let Some(Ok(others)) = stop.run_until_cancelled(others).await else {
            self.release(job, Release::Stopped, stop).await;
            return None;
        };
        tracing::warn!(
            job.reference = job.key.reference(),
            suspicions = job.suspicions,
            crashes = job.crashes,
            "the bot crashed while running this job before; running it alone"
        );
        // If this fails, a crash counts as one with other jobs running.
        let _ = self.store.run_alone(job).await;
        Some(others)
    }

    /// Runs a claimed job and releases it, even after a panic. A job whose lease is lost is left to
    /// its new owner.
    async fn run_job(&self, mut job: Job, cut_off: CancellationToken) {
        let span = tracing::info_span!(
            "job",
            job.reference = job.key.reference(),
            job.origin = job.key.origin,
            trace.id = tracing::field::Empty
        );
        let traced = self.span_of(&job);
        let context = traced.as_ref().map(Span::context);
        if let Some(context) = context {
            job.trace = Some(context);
            span.record("trace.id", context.trace_id());
        }
        let work = async {
            let attempt = self.catch_panic(&job, Box::pin(self.attempt(&job)));
            let attempt = cut_off.run_until_cancelled(attempt);
            let Some(release) = job.lease.run(attempt).await else {
                self.attempts.forget(&job);
                tracing::warn!("the lease was lost; another replica owns the job");
                return None;
            };
            let release = release.unwrap_or(Release::Stopped);
            let label = release.label();
            let given_back = self.release(&job, release, &cut_off);
            let panicked = "the worker panicked while releasing a job";
            if without_panic(given_back, panicked).await.is_none() {
                // Anything but the store might panic again.
                let _ = self.store.release(&job, self.crashed(&job)).await;
            }
            Some(label)
        };
        let release = within(context, Box::pin(work.instrument(span))).await;
        self.end_span(traced, release);
    }

    /// One attempt, with an acknowledgement if it takes long.
    async fn attempt(&self, job: &Job) -> Release {
        let work = self.catch_panic(job, self.work(job));
        self.acknowledge_if_slow(job, Box::pin(work)).await
    }

    /// The result of an attempt, also if it panics.
    async fn catch_panic(&self, job: &Job, work: impl Future<Output = Release>) -> Release {
        let release = without_panic(work, "the worker panicked").await;
        release.unwrap_or_else(|| self.crashed(job))
    }

    fn crashed(&self, job: &Job) -> Release {
        Release::Crashed {
            run_at: self.later(retry::delay(job.crashes)),
        }
    }

    /// Works with the settings of the job's group.
    async fn work(&self, job: &Job) -> Release {
        match self.in_group(&job.chat_key()).await {
            Ok(dispatcher) => Box::pin(dispatcher.work_in_group(job)).await,
            Err(_) => self.retry(job),
        }
    }

    /// Produces the outcome unless it is stored, then sends the reply.
    async fn work_in_group(&self, job: &Job) -> Release {
        if job.key.kind.is_group_event() {
            return self.handle_group_event(job).await;
        }
        if job.key.kind == JobKind::Report {
            return self.report(job).await;
        }
        let with_text;
        let job = if job.key.kind == JobKind::Delivery {
            match self.with_text(job).await {
                Ok(Some(job)) => {
                    with_text = job;
                    &with_text
                }
                Ok(None) => return Release::Done,
                Err(release) => return release,
            }
        } else {
            job
        };
        let stored = match Stored::parse(job.key.kind, &job.payload) {
            Ok(stored) => stored,
            Err(error) => {
                // The error's message may quote the command.
                tracing::error!(at = error.column(), "failed to parse the stored payload");
                return Release::Dead;
            }
        };
        let acting = self.acting_for(&stored);
        let outcome = match &acting {
            Some(dispatcher) => Box::pin(dispatcher.outcome(job, &stored)).await,
            None => self.outcome(job, &stored).await,
        };
        match outcome {
            Ok(Some(outcome)) => self.respond_in_span(job, &stored, &outcome).await,
            Ok(None) => {
                self.metrics.command(UNKNOWN, CommandResult::Ignored);
                Release::Done
            }
            Err(release) => release,
        }
    }

    /// Releases a job. While the store fails, the job stays claimed; after a stop it is requeued at
    /// the next start.
    async fn release(&self, job: &Job, release: Release, cut_off: &CancellationToken) {
        match release {
            Release::Retry { .. } | Release::Crashed { .. } => {
                self.metrics.retry();
            }
            Release::Dead => self.metrics.dead_job(),
            Release::Done
            | Release::Stopped
            | Release::Again { .. }
            | Release::Suspended { .. } => {}
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
        if let Release::Suspended { member, .. } = &release {
            // If this fails, the job continues at the end of its time.
            let _ = self.store.resume_if_granted(member).await;
        }
    }

    fn later(&self, delay: Duration) -> Timestamp {
        self.clock.now() + delay
    }

    /// A retry with back-off.
    fn retry(&self, job: &Job) -> Release {
        let run_at = self.later(retry::delay(job.retries));
        Release::Retry { run_at }
    }

    /// A retry of a failed call; `None` if it would be in vain, or later than `last`.
    fn retry_until(&self, last: Timestamp, job: &Job, error: &feishu::Error) -> Option<Release> {
        let run_at = self.next_try(job, error);
        (may_try_again(error) && run_at <= last).then_some(Release::Retry { run_at })
    }

    /// The time of the next attempt after a failed call.
    fn next_try(&self, job: &Job, error: &feishu::Error) -> Timestamp {
        let asked = error.retry_after().unwrap_or_default();
        self.later(retry::delay(job.retries).max(asked))
    }
}

/// Awaits work; `None`, and a line in the log, if it panics.
async fn without_panic<T>(work: impl Future<Output = T>, panicked: &str) -> Option<T> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    if result.is_err() {
        tracing::error!("{panicked}");
    }
    result.ok()
}

/// Whether to retry a call. Also if the platform rejects the app, because an admin may be fixing
/// that.
fn may_try_again(error: &feishu::Error) -> bool {
    error.is_retryable() || error.is_app_refused()
}

/// The text that may be a command, with placeholders for mentions.
fn text_of(message: &ReceivedMessage) -> Option<String> {
    content::command_text(&Content::read(&message.message_type, &message.content))
}

#[cfg(test)]
mod tests;
