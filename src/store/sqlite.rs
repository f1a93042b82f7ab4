//! The store in one SQLite file.
//!
//! One task owns the one connection that writes. It takes every request that
//! waits, runs them in one transaction, commits once (WAL, `synchronous =
//! FULL`: one fsync) and only then answers them all: under load the price of a
//! commit is shared, and no caller hears "taken" before the disk has it.
//!
//! Checkpoints move pages from the log to the file and take ten times as long
//! as a commit, so a second connection does them, beside the writer.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use feishu::Clock;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::{Accepted, Bounds, Claim, JobId, NewJob, Progress, Release, StoreError};
use crate::outcome::Outcome;

mod file;
mod rows;

pub(crate) use file::{Inspected, inspect};
use file::{Watched, connect, finish, lock, own, path_of};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// The most requests in one transaction.
const BATCH: usize = 256;
/// Requests that wait for the writer beyond this hold their senders up.
const WAITING_REQUESTS: usize = 1024;
/// A checkpoint is made after this many transactions.
const CHECKPOINT_EVERY: usize = 1000;

/// A handle on the store; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    /// Jobs that are not finished, as the table holds them.
    open: AtomicUsize,
    bounds: Bounds,
    /// Rung when there may be something new to claim.
    bell: Notify,
}

/// What runs behind the handles. Dropped, it ends; [`Running::close`] ends it
/// in order.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    // Held for its lock: one process per file.
    _lock: File,
}

struct Request {
    operation: Operation,
    answer: Caller,
}

type Caller = oneshot::Sender<Result<Answer, StoreError>>;

enum Operation {
    Accept(NewJob),
    Claim,
    SaveProgress(JobId, String),
    SaveOutcome(JobId, String),
    SaveReplying(JobId),
    Release(JobId, Release),
    Probe,
    Prune { before: Timestamp },
}

enum Answer {
    Accepted(Accepted),
    Claimed(Claim),
    Pruned(u64),
    Done,
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
        let file = path_of(url);
        let lock = lock(&file)?;
        drop(own(&file)?);
        let mut connection = connect(&file).await?;
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .with_context(|| format!("bringing the tables of `{}` up to date", file.display()))?;
        rows::recover(&mut connection)
            .await
            .context("reading the queue")?;
        let open = rows::count_open(&mut connection)
            .await
            .context("reading the queue")?;

        let shared = Arc::new(Shared {
            clock,
            open: AtomicUsize::new(open),
            bounds,
            bell: Notify::new(),
        });
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let store = Self {
            requests,
            shared: Arc::clone(&shared),
        };
        let (checkpoint_due, due) = watch::channel(());
        let beside = connect(&file).await?;
        let mut tasks = JoinSet::new();
        let file = Watched::new(file)?;
        let writer = Writer {
            connection,
            file,
            shared,
            checkpoint_due,
        };
        tasks.spawn(writer.run(inbox));
        tasks.spawn(checkpoint(beside, due));
        Ok((store, Running { tasks, _lock: lock }))
    }

    /// Queues a job; when this returns, the disk has it.
    pub(crate) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if self.is_full() {
            return Err(StoreError::Full);
        }
        match self.ask(Operation::Accept(job)).await? {
            Answer::Accepted(accepted) => Ok(accepted),
            _ => Err(StoreError::Closed),
        }
    }

    /// Takes the next job that may run: the first of its chat, due, and nothing
    /// else of its chat running.
    pub(crate) async fn claim(&self) -> Result<Claim, StoreError> {
        match self.ask(Operation::Claim).await? {
            Answer::Claimed(claim) => Ok(claim),
            _ => Err(StoreError::Closed),
        }
    }

    /// Remembers how far an action has come.
    pub(crate) async fn save_progress(
        &self,
        job: JobId,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        self.tell(Operation::SaveProgress(job, rows::to_json(progress)))
            .await
    }

    /// Remembers what came of a job, before anything is said about it.
    pub(crate) async fn save_outcome(
        &self,
        job: JobId,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        self.tell(Operation::SaveOutcome(job, rows::to_json(outcome)))
            .await
    }

    /// Remembers that a reply is about to be sent.
    pub(crate) async fn save_replying(&self, job: JobId) -> Result<(), StoreError> {
        self.tell(Operation::SaveReplying(job)).await
    }

    /// Gives a claimed job back.
    pub(crate) async fn release(&self, job: JobId, release: Release) -> Result<(), StoreError> {
        self.tell(Operation::Release(job, release)).await
    }

    /// Writes and commits, to show that it can be done.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        self.tell(Operation::Probe).await
    }

    /// Forgets what was finished before then; says how many jobs went.
    pub(crate) async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        match self.ask(Operation::Prune { before }).await? {
            Answer::Pruned(count) => Ok(count),
            _ => Err(StoreError::Closed),
        }
    }

    /// Jobs that are not finished.
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

    async fn tell(&self, operation: Operation) -> Result<(), StoreError> {
        self.ask(operation).await.map(drop)
    }

    async fn ask(&self, operation: Operation) -> Result<Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = Request { operation, answer };
        self.requests
            .send(request)
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Running {
    /// Ends the writer once every handle is gone and empties the log into the
    /// file.
    pub(crate) async fn close(mut self, last: SqliteStore) -> anyhow::Result<()> {
        drop(last);
        while let Some(ended) = self.tasks.join_next().await {
            ended.context("the store's task")?;
        }
        Ok(())
    }
}

/// The one that writes.
struct Writer {
    connection: SqliteConnection,
    file: Watched,
    shared: Arc<Shared>,
    checkpoint_due: watch::Sender<()>,
}

impl Writer {
    /// One transaction for all that waits, answers after the commit.
    async fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut since_checkpoint = 0;
        while inbox.recv_many(&mut batch, BATCH).await > 0 {
            let (operations, callers) = std::mem::take(&mut batch)
                .into_iter()
                .map(|request| (request.operation, request.answer))
                .unzip();
            self.answer(operations, callers).await;
            since_checkpoint += 1;
            if since_checkpoint >= CHECKPOINT_EVERY {
                since_checkpoint = 0;
                self.checkpoint_due.send_replace(());
            }
        }
        finish(self.connection).await;
    }

    async fn answer(&mut self, operations: Vec<Operation>, callers: Vec<Caller>) {
        match self.transact(operations).await {
            Ok((answers, ripple)) => {
                self.shared.apply(&ripple);
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // A caller that no longer waits has lost nothing: the row stands.
                    let _ = caller.send(Ok(answer));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "the store could not commit");
                // Where the log has filled the disk, emptying it may make room.
                self.checkpoint_due.send_replace(());
                let error = Arc::new(error);
                for caller in callers {
                    let _ = caller.send(Err(StoreError::Database(Arc::clone(&error))));
                }
            }
        }
    }

    async fn transact(
        &mut self,
        operations: Vec<Operation>,
    ) -> Result<(Vec<Answer>, Ripple), sqlx::Error> {
        if !self.file.is_there() {
            let path = self.file.path.display();
            return Err(sqlx::Error::Io(std::io::Error::other(format!(
                "`{path}` was moved, deleted or replaced: put it back, or restart the bot"
            ))));
        }
        let committed = self.perform_all(operations).await;
        if committed.is_err() {
            // A failed commit may or may not have ended the transaction.
            // Plain statements, because sqlx's own count of transactions does
            // not survive one that SQLite ended by itself.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        }
        committed
    }

    async fn perform_all(
        &mut self,
        operations: Vec<Operation>,
    ) -> Result<(Vec<Answer>, Ripple), sqlx::Error> {
        let now = self.shared.clock.now();
        let bound = self.shared.bounds.open_of_chat;
        let connection = &mut self.connection;
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *connection)
            .await?;
        let mut answers = Vec::with_capacity(operations.len());
        let mut ripple = Ripple::default();
        for operation in operations {
            answers.push(perform(connection, operation, (now, bound), &mut ripple).await?);
        }
        sqlx::query("COMMIT").execute(connection).await?;
        Ok((answers, ripple))
    }
}

/// What a committed transaction changes outside the table.
#[derive(Default)]
struct Ripple {
    opened: usize,
    finished: usize,
    /// Whether something may have become claimable.
    claimable: bool,
}

impl Shared {
    fn apply(&self, ripple: &Ripple) {
        self.open.fetch_add(ripple.opened, Ordering::Relaxed);
        self.open.fetch_sub(ripple.finished, Ordering::Relaxed);
        if ripple.claimable {
            self.bell.notify_one();
        }
    }
}

async fn perform(
    connection: &mut SqliteConnection,
    operation: Operation,
    (now, bound): (Timestamp, usize),
    ripple: &mut Ripple,
) -> Result<Answer, sqlx::Error> {
    Ok(match operation {
        Operation::Accept(job) => {
            let taking = rows::accept(connection, &job, bound, now).await?;
            ripple.opened += taking.opened;
            ripple.claimable |= taking.first_of_chat;
            Answer::Accepted(taking.accepted)
        }
        Operation::Claim => {
            let claim = rows::claim(connection, now).await?;
            if matches!(claim, Claim::Unreadable) {
                ripple.finished += 1;
            }
            Answer::Claimed(claim)
        }
        Operation::SaveProgress(job, progress) => {
            rows::save_progress(connection, job, &progress).await?;
            Answer::Done
        }
        Operation::SaveOutcome(job, outcome) => {
            rows::save_outcome(connection, job, &outcome).await?;
            Answer::Done
        }
        Operation::SaveReplying(job) => {
            rows::save_replying(connection, job, now).await?;
            Answer::Done
        }
        Operation::Release(job, release) => {
            rows::release(connection, job, &release, now).await?;
            if matches!(release, Release::Done | Release::Dead) {
                ripple.finished += 1;
            }
            ripple.claimable = true;
            Answer::Done
        }
        Operation::Probe => {
            rows::probe(connection, now).await?;
            Answer::Done
        }
        Operation::Prune { before } => Answer::Pruned(rows::prune(connection, before).await?),
    })
}

/// Checkpoints whenever one is due, until the writer is gone.
async fn checkpoint(mut connection: SqliteConnection, mut due: watch::Receiver<()>) {
    while due.changed().await.is_ok() {
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
            .execute(&mut connection)
            .await
        {
            tracing::warn!(error = %error, "the store's log could not be checkpointed");
        }
    }
    finish(connection).await;
}

#[cfg(test)]
mod tests;
