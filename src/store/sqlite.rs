//! The store in one SQLite file.
//!
//! One thread owns the only connection that writes. It executes all waiting requests in one
//! transaction, commits once (WAL, `synchronous = FULL`: one fsync) and then answers them all.
//! Under load, requests share the cost of a commit, and no request is answered before its data is
//! on disk.
//!
//! It is a thread and not a task because SQLite's calls block.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::job::still_owned;
use super::statement::{Query, Statement};
use super::statements::jobs;
use super::{Accepted, Claim, Claimable, Conclusion, Job, Release, StoreError, StoreOptions};
use crate::model::job::{NewJob, Queue};
use crate::model::outcome::Outcome;
use crate::store::sqlite::shared::Shared;
use crate::store::waker::Waker;
use crate::supervision::Background;
use crate::telemetry::Wakeup;
use writer::{Pending, Priority, Request, Txn};

mod damage;
mod disk_space;
pub(super) mod executor;
pub(super) mod file;
mod log;
pub(super) mod migrate;
mod queue;
mod shared;
mod writer;

pub(crate) use damage::Integrity;
pub(crate) use disk_space::{DiskSpace, disk_space};
pub(crate) use file::{FileState, InspectedFile, Unusable, inspect, resolve};

/// Senders wait while this many requests are queued.
const WAITING_REQUESTS: usize = 1024;
/// How often changes by other processes are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A handle on the store; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    requests: mpsc::Sender<Box<dyn Request>>,
    shared: Arc<Shared>,
}

/// The threads end once all handles are dropped.
pub(crate) struct SqliteTasks {
    pub(super) threads: Background,
    pub(super) looking: Background,
    fatal: watch::Receiver<Option<Unusable>>,
}

impl SqliteStore {
    /// Opens or creates the file, migrates its tables, and requeues orphaned jobs.
    pub(super) async fn open(
        path: PathBuf,
        options: StoreOptions,
    ) -> anyhow::Result<(Self, SqliteTasks)> {
        let (app, allow_network) = (options.app.clone(), options.allow_network_file);
        let now = options.clock.now();
        let opened = spawn_blocking(move || writer::open(&path, &app, allow_network, now));
        let (opened, open) = opened.await??;
        let (fatal, is_fatal) = watch::channel(None);
        let shared = Arc::new(Shared {
            app: options.app,
            clock: options.clock,
            open: AtomicUsize::new(open),
            bounds: options.bounds,
            metrics: options.metrics,
            fatal,
            claimable: Waker::default(),
        });
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let (mut threads, mut looking) = (Background::default(), Background::default());
        opened.start(Arc::clone(&shared), inbox, &mut threads)?;
        let store = Self { requests, shared };
        looking.spawn("look at the file", store.clone().watch_file());
        let tasks = SqliteTasks {
            threads,
            looking,
            fatal: is_fatal,
        };
        Ok((store, tasks))
    }

    pub(super) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if self.is_full() {
            return Err(StoreError::Full);
        }
        let bound = self.shared.bounds.open_of_chat;
        self.request_with(Priority::Intake, move |txn| txn.accept(&job, bound))
            .await
    }

    pub(super) async fn claim(&self, claimable: Claimable) -> Result<Claim, StoreError> {
        self.request_with(Priority::CanWait, move |txn| txn.claim(claimable))
            .await
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the bare method is bound to one lifetime"
    )]
    async fn watch_file(self) -> anyhow::Result<()> {
        let mut pause = interval(LOOK_EVERY);
        loop {
            pause.tick().await;
            // The writer logs why a file cannot be written.
            let _ = self.request_with(Priority::CanWait, |txn| txn.look()).await;
        }
    }

    pub(super) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        let job = job.clone();
        let concluding = self.request(move |txn| txn.conclude(&job, conclusion));
        concluding.await?.ok_or(StoreError::Lost)
    }

    pub(super) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        let job = job.clone();
        let releasing = self.request(move |txn| txn.release(&job, &release));
        still_owned(releasing.await?)
    }

    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        self.request(|txn| queue::probe(txn.connection)).await
    }

    pub(super) async fn queue(&self) -> Result<Queue, StoreError> {
        let query = jobs::queue(&self.shared.app);
        self.request(move |txn| executor::only(txn.connection, &query))
            .await
    }

    pub(super) async fn execute(&self, statement: Statement) -> Result<usize, StoreError> {
        self.request(move |txn| executor::execute(txn.connection, &statement))
            .await
    }

    /// Executes a statement that may end or remove open jobs.
    pub(super) async fn erase(&self, statement: Statement) -> Result<usize, StoreError> {
        self.request(move |txn| txn.erase(&statement)).await
    }

    /// Executes statements that may end or continue open jobs, all or none.
    pub(super) async fn transact<const N: usize>(
        &self,
        statements: [Statement; N],
    ) -> Result<(), StoreError> {
        self.request(move |txn| {
            let mut statements = statements.iter();
            statements.try_for_each(|one| txn.erase(one).map(drop))
        })
        .await
    }

    pub(super) async fn rows<T: Send + 'static>(
        &self,
        query: Query<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.request(move |txn| executor::rows(txn.connection, &query))
            .await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(super) fn open_jobs(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.open_jobs() >= self.shared.bounds.open
    }

    /// A job may be claimable.
    pub(super) fn wake(&self) {
        self.shared.claimable.wake(Wakeup::Finished);
    }

    pub(super) async fn changed(&self) -> Wakeup {
        self.shared.claimable.woken().await
    }

    /// Sends `work` to the writer and waits for the commit.
    async fn request<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Txn<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.request_with(Priority::Usual, work).await
    }

    async fn request_with<T: Send + 'static>(
        &self,
        priority: Priority,
        work: impl FnOnce(&mut Txn<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, answered) = oneshot::channel();
        self.requests
            .send(Box::new(Pending::new(priority, work, caller)))
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl SqliteTasks {
    /// Waits until the file becomes unusable or a thread ends by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        tokio::select! {
            biased;
            failed = unusable(&mut self.fatal) => failed,
            ended = self.threads.ended() => ended,
            ended = self.looking.ended() => ended,
        }
    }

    /// Waits until the writer has ended, which checkpoints the log into the file.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.looking.shutdown().await;
        self.threads.join().await
    }
}

/// Waits until the file is unusable; returns the reason.
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
