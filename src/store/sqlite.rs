//! The store in one SQLite file.
//!
//! One thread owns the one connection that writes. It takes every request that
//! waits, runs them in one transaction, commits once (WAL, `synchronous =
//! FULL`: one fsync) and only then answers them all: under load the price of a
//! commit is shared, and no caller hears "taken" before the disk has it.
//!
//! It is a thread and no task because SQLite's calls block; a request costs one
//! wake of it, however many statements it takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use feishu::{BlockId, ReactionId};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::row::to_json;
use super::{Accepted, Claim, Conclusion, Job, Limited, Opening, Recipient, Release, StoreError};
use crate::model::change::{ChangeId, Made};
use crate::model::job::{ChatKey, JobId, JobKey, NewJob, Queue};
use crate::model::outcome::Outcome;
use crate::model::plan::WaitingPlan;
use crate::model::progress::Progress;
use crate::store::sqlite::shared::Shared;
use crate::supervision::Background;
use writer::{Ask, Request, Turn, Urgency};

pub(super) mod changes;
mod damage;
pub(super) mod file;
mod log;
mod room;
pub(super) mod rows;
mod shared;
mod writer;

pub(crate) use damage::Soundness;
pub(crate) use file::{Inspected, State, Unusable, inspect, resolve};
pub(crate) use room::{Room, room};

/// Requests that wait for the writer beyond this hold their senders up.
const WAITING_REQUESTS: usize = 1024;
/// How often it is looked whether an admin's command has changed the file.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A handle on the store; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    requests: mpsc::Sender<Box<dyn Request>>,
    shared: Arc<Shared>,
}

/// What runs behind the handles. The threads end once these are gone.
pub(crate) struct Running {
    pub(super) threads: Background,
    pub(super) looking: Background,
    fatal: watch::Receiver<Option<Unusable>>,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none, brings its tables up to date
    /// and makes what was running when the last process ended ready again.
    ///
    /// # Errors
    ///
    /// Says what to do when another process uses the file, or the file cannot
    /// be opened or written.
    pub(super) async fn open(path: PathBuf, opening: Opening) -> anyhow::Result<(Self, Running)> {
        let (app, allow_network) = (opening.app.clone(), opening.allow_network_file);
        let now = opening.clock.now();
        let opened = spawn_blocking(move || writer::open(&path, &app, allow_network, now));
        let (opened, open) = opened.await??;
        let (fatal, is_fatal) = watch::channel(None);
        let shared = Arc::new(Shared {
            app: opening.app,
            clock: opening.clock,
            open: AtomicUsize::new(open),
            bounds: opening.bounds,
            metrics: opening.metrics,
            fatal,
            bell: Notify::new(),
        });
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let (mut threads, mut looking) = (Background::default(), Background::default());
        opened.start(Arc::clone(&shared), inbox, &mut threads)?;
        let store = Self { requests, shared };
        looking.spawn("look at the file", store.clone().look_again_and_again());
        let running = Running {
            threads,
            looking,
            fatal: is_fatal,
        };
        Ok((store, running))
    }

    pub(crate) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if self.is_full() {
            return Err(StoreError::Full);
        }
        let bound = self.shared.bounds.open_of_chat;
        self.ask_as(Urgency::Intake, move |turn| turn.accept(&job, bound))
            .await
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the bare method is bound to one lifetime"
    )]
    pub(crate) async fn claim(&self) -> Result<Claim, StoreError> {
        self.ask_as(Urgency::CanWait, |turn| turn.claim()).await
    }

    /// Takes note of what other processes change in the file.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the bare method is bound to one lifetime"
    )]
    async fn look_again_and_again(self) -> anyhow::Result<()> {
        let mut pause = interval(LOOK_EVERY);
        loop {
            pause.tick().await;
            // While the file cannot be written, its writer says so.
            let _ = self.ask_as(Urgency::CanWait, |turn| turn.look()).await;
        }
    }

    pub(crate) async fn save_progress(
        &self,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let (job, progress) = (job.id, to_json(progress));
        self.ask(move |turn| rows::save_progress(turn.connection, job, &progress))
            .await
    }

    pub(crate) async fn progress(&self, job: JobId) -> Result<Option<Progress>, StoreError> {
        self.ask(move |turn| rows::progress(turn.connection, job))
            .await
    }

    pub(crate) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        let job = job.clone();
        self.ask(move |turn| turn.conclude(&job, conclusion)).await
    }

    pub(crate) async fn run_alone(&self, job: &Job) -> Result<(), StoreError> {
        let job = job.id;
        self.ask(move |turn| rows::run_alone(turn.connection, job))
            .await
    }

    pub(crate) async fn save_replying(&self, job: &Job) -> Result<(), StoreError> {
        let job = job.id;
        self.ask(move |turn| rows::save_replying(turn.connection, job, turn.now))
            .await
    }

    pub(crate) async fn save_heard(
        &self,
        job: &Job,
        reaction: ReactionId,
    ) -> Result<(), StoreError> {
        let job = job.id;
        self.ask(move |turn| rows::save_heard(turn.connection, job, reaction.as_str()))
            .await
    }

    pub(crate) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        let job = job.id;
        self.ask(move |turn| turn.release(job, &release)).await
    }

    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(|turn| rows::probe(turn.connection)).await
    }

    pub(crate) async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.ask(move |turn| rows::prune(turn.connection, turn.app, before))
            .await
    }

    pub(crate) async fn history(&self, chat: ChatKey, count: u32) -> Result<Vec<Made>, StoreError> {
        self.ask(move |turn| changes::history(turn.connection, &chat, count))
            .await
    }

    pub(crate) async fn undoable(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        self.ask(move |turn| changes::undoable(turn.connection, &chat, turn.now))
            .await
    }

    pub(crate) async fn latest_top(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        self.ask(move |turn| changes::latest_top(turn.connection, &chat))
            .await
    }

    pub(crate) async fn restored_since(
        &self,
        chat: ChatKey,
        since: ChangeId,
    ) -> Result<Vec<Vec<(BlockId, BlockId)>>, StoreError> {
        self.ask(move |turn| changes::restored_since(turn.connection, &chat, since))
            .await
    }

    pub(crate) async fn save_lets_delete(
        &self,
        chat: ChatKey,
        lets_delete: bool,
    ) -> Result<(), StoreError> {
        self.ask(move |turn| changes::save_lets_delete(turn.connection, &chat, lets_delete))
            .await
    }

    pub(crate) async fn lets_delete(&self, chat: ChatKey) -> Result<Option<bool>, StoreError> {
        self.ask(move |turn| changes::lets_delete(turn.connection, &chat))
            .await
    }

    pub(crate) async fn change_of(&self, job: JobKey) -> Result<Option<Made>, StoreError> {
        self.ask(move |turn| changes::made_by(turn.connection, &job))
            .await
    }

    pub(crate) async fn timed_end(&self, change: ChangeId) -> Result<Option<JobId>, StoreError> {
        self.ask(move |turn| changes::timed_end(turn.connection, change))
            .await
    }

    pub(crate) async fn planned(&self, chat: ChatKey) -> Result<Vec<WaitingPlan>, StoreError> {
        self.ask(move |turn| changes::planned(turn.connection, &chat))
            .await
    }

    pub(crate) async fn leave(&self, chat: ChatKey) -> Result<(), StoreError> {
        self.ask(move |turn| changes::leave(turn.connection, &chat, turn.now))
            .await
    }

    pub(crate) async fn forget_changes(
        &self,
        texts: Timestamp,
        rows: Timestamp,
    ) -> Result<usize, StoreError> {
        self.ask(move |turn| changes::forget(turn.connection, turn.app, texts, rows))
            .await
    }

    pub(crate) async fn record_answer(
        &self,
        to: Recipient,
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.ask(move |turn| changes::record_answer(turn.connection, &to, sent_at))
            .await
    }

    pub(crate) async fn last_answer(&self, to: Recipient) -> Result<Option<Timestamp>, StoreError> {
        self.ask(move |turn| changes::last_answer(turn.connection, &to))
            .await
    }

    pub(crate) async fn save_limit(&self, limited: Limited) -> Result<(), StoreError> {
        self.ask(move |turn| changes::save_limit(turn.connection, turn.app, &limited))
            .await
    }

    pub(crate) async fn limits(&self) -> Result<Vec<Limited>, StoreError> {
        self.ask(|turn| changes::limits(turn.connection, turn.app, turn.now))
            .await
    }

    pub(crate) async fn queue(&self) -> Result<Queue, StoreError> {
        self.ask(|turn| rows::queue(turn.connection, turn.app))
            .await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) fn open_jobs(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.open_jobs() >= self.shared.bounds.open
    }

    pub(crate) async fn changed(&self) {
        self.shared.bell.notified().await;
    }

    /// Has the writer do it, and waits for the commit.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask_as(Urgency::Usual, work).await
    }

    async fn ask_as<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl FnOnce(&mut Turn<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, answered) = oneshot::channel();
        self.requests
            .send(Box::new(Ask::new(urgency, work, caller)))
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Running {
    /// Waits until the file cannot be used any more, or a thread ends by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        tokio::select! {
            biased;
            failed = unusable(&mut self.fatal) => failed,
            ended = self.threads.ended() => ended,
            ended = self.looking.ended() => ended,
        }
    }

    /// Waits until the writer has ended; the log is emptied into the file then.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.looking.shutdown().await;
        self.threads.join().await
    }
}

/// Why the file cannot be used any more, once that is so.
async fn unusable(fatal: &mut watch::Receiver<Option<Unusable>>) -> anyhow::Error {
    let reason = fatal.wait_for(Option::is_some).await;
    let reason = reason.ok().and_then(|reason| reason.clone());
    match reason {
        Some(reason) => reason.into(),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
