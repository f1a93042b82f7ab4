//! The store in one SQLite file.
//!
//! One thread owns the one connection that writes. It takes every request that
//! waits, runs them in one transaction, commits once (WAL, `synchronous =
//! FULL`: one fsync) and only then answers them all: under load the price of a
//! commit is shared, and no caller hears "taken" before the disk has it.
//!
//! It is a thread and no task because SQLite's calls block; a request costs one
//! wake of it, however many statements it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use feishu::{BlockId, Clock};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};

use super::{
    Accepted, Bounds, ChatKey, Claim, Conclusion, Job, JobId, JobKey, NewJob, Planned, Progress,
    Release, StoreError,
};
use crate::change::{ChangeId, Made};
use crate::outcome::Outcome;

mod changes;
mod file;
mod rows;
mod writer;

pub(crate) use file::{Inspected, inspect};
use writer::{Ask, Request, Turn, Urgency};

/// Requests that wait for the writer beyond this hold their senders up.
const WAITING_REQUESTS: usize = 1024;

/// A handle on the store; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    requests: mpsc::Sender<Box<dyn Request>>,
    shared: Arc<Shared>,
}

/// What handles and writer both look at.
struct Shared {
    clock: Clock,
    /// Jobs that are not finished, as the table holds them.
    open: AtomicUsize,
    bounds: Bounds,
    /// Rung when there may be something new to claim.
    bell: Notify,
}

/// What runs behind the handles. It ends once they are gone;
/// [`Running::close`] waits for that.
pub(crate) struct Running {
    threads: JoinSet<()>,
}

impl SqliteStore {
    /// Opens the file that `url` names (`sqlite://FILE`), makes it if there is
    /// none, brings its tables up to date and makes what was running when the
    /// last process ended ready again.
    ///
    /// # Errors
    ///
    /// Says what to do when another process uses the file, or the file cannot
    /// be opened or written.
    pub(crate) async fn open(
        url: &str,
        bounds: Bounds,
        clock: Clock,
    ) -> anyhow::Result<(Self, Running)> {
        let path = file::path_of(url);
        let (opened, open) = spawn_blocking(move || writer::open(path)).await??;
        let shared = Arc::new(Shared {
            clock,
            open: AtomicUsize::new(open),
            bounds,
            bell: Notify::new(),
        });
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let mut threads = JoinSet::new();
        opened.start(Arc::clone(&shared), inbox, &mut threads);
        Ok((Self { requests, shared }, Running { threads }))
    }

    /// Queues a job; when this returns, the disk has it.
    pub(crate) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if self.is_full() {
            return Err(StoreError::Full);
        }
        let bound = self.shared.bounds.open_of_chat;
        self.ask_as(Urgency::Intake, move |turn| turn.accept(&job, bound))
            .await
    }

    /// Takes the next job that may run: the first of its chat, due, and nothing
    /// else of its chat running.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the bare method is bound to one lifetime"
    )]
    pub(crate) async fn claim(&self) -> Result<Claim, StoreError> {
        self.ask_as(Urgency::CanWait, |turn| turn.claim()).await
    }

    /// Remembers how far an action has come.
    pub(crate) async fn save_progress(
        &self,
        job: JobId,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let progress = rows::to_json(progress);
        self.ask(move |turn| rows::save_progress(turn.connection, job, &progress))
            .await
    }

    /// How far an action has come.
    pub(crate) async fn progress(&self, job: JobId) -> Result<Option<Progress>, StoreError> {
        self.ask(move |turn| rows::progress(turn.connection, job))
            .await
    }

    /// Remembers what came of a job, before anything is said about it; gives
    /// back the outcome as it is remembered.
    pub(crate) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        let job = job.clone();
        self.ask(move |turn| turn.conclude(&job, conclusion)).await
    }

    /// Remembers that a reply is about to be sent.
    pub(crate) async fn save_replying(&self, job: JobId) -> Result<(), StoreError> {
        self.ask(move |turn| rows::save_replying(turn.connection, job, turn.now))
            .await
    }

    /// Gives a claimed job back.
    pub(crate) async fn release(&self, job: JobId, release: Release) -> Result<(), StoreError> {
        self.ask(move |turn| turn.release(job, &release)).await
    }

    /// Writes and commits, to show that it can be done.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(|turn| rows::probe(turn.connection)).await
    }

    /// Forgets what was finished before then; says how many jobs went.
    pub(crate) async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.ask(move |turn| rows::prune(turn.connection, before))
            .await
    }

    /// The last changes of a chat, the newest first.
    pub(crate) async fn history(&self, chat: ChatKey, count: u32) -> Result<Vec<Made>, StoreError> {
        self.ask(move |turn| changes::history(turn.connection, &chat, count))
            .await
    }

    /// The newest change that can still be taken back and was not.
    pub(crate) async fn undoable(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        self.ask(move |turn| changes::undoable(turn.connection, &chat, turn.now))
            .await
    }

    /// The newest change of what stands at the top of a chat, taken back or not.
    pub(crate) async fn latest_top(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        self.ask(move |turn| changes::latest_top(turn.connection, &chat))
            .await
    }

    /// What was written again into a chat's announcement since a change, the
    /// oldest first: each block as it was known, and as it is known since.
    pub(crate) async fn restored_since(
        &self,
        chat: ChatKey,
        since: ChangeId,
    ) -> Result<Vec<Vec<(BlockId, BlockId)>>, StoreError> {
        self.ask(move |turn| changes::restored_since(turn.connection, &chat, since))
            .await
    }

    /// Whether the last try to take something out of the chat's announcement
    /// showed that the platform lets nothing be deleted there.
    pub(crate) async fn refuses_deletion(&self, chat: ChatKey) -> Result<bool, StoreError> {
        self.ask(move |turn| changes::refuses_deletion(turn.connection, &chat))
            .await
    }

    /// The change that the job with this key made.
    pub(crate) async fn change_of(&self, job: JobKey) -> Result<Option<Made>, StoreError> {
        self.ask(move |turn| changes::made_by(turn.connection, &job))
            .await
    }

    /// The planned work that is to take the change back when its time is over.
    pub(crate) async fn timed_end(&self, change: ChangeId) -> Result<Option<JobId>, StoreError> {
        self.ask(move |turn| changes::timed_end(turn.connection, change))
            .await
    }

    /// What is planned in a chat, the next first.
    pub(crate) async fn planned(&self, chat: ChatKey) -> Result<Vec<Planned>, StoreError> {
        self.ask(move |turn| changes::planned(turn.connection, &chat))
            .await
    }

    /// Ends what is planned in a chat that the bot has left, and forgets what
    /// people wrote there.
    pub(crate) async fn leave(&self, chat: ChatKey) -> Result<(), StoreError> {
        self.ask(move |turn| changes::leave(turn.connection, &chat, turn.now))
            .await
    }

    /// Forgets what people wrote in changes made before `texts`, and changes
    /// made before `rows`; says how many rows it touched.
    pub(crate) async fn forget_changes(
        &self,
        texts: Timestamp,
        rows: Timestamp,
    ) -> Result<usize, StoreError> {
        self.ask(move |turn| changes::forget(turn.connection, texts, rows))
            .await
    }

    /// Jobs that are not finished; planned work does not count.
    pub(crate) fn open_jobs(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Whether another job would be refused.
    pub(crate) fn is_full(&self) -> bool {
        self.open_jobs() >= self.shared.bounds.open
    }

    /// Waits until there may be something new to claim.
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
    /// Waits until the writer has ended, which it does once every handle is
    /// gone; the log is emptied into the file then.
    pub(crate) async fn close(mut self, last: SqliteStore) -> anyhow::Result<()> {
        drop(last);
        while let Some(ended) = self.threads.join_next().await {
            ended.context("the store's thread")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
