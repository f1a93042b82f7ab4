//! The writer thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::file::{self, FileIdentity, Lock, Unusable};
use super::log::Log;
use super::{damage, executor, migrate, queue};
use crate::model::job::{NewJob, Queue};
use crate::model::outcome::Outcome;
use crate::store::sqlite::shared::Shared;
use crate::store::statement::Statement;
use crate::store::statements::{broadcasts, changes, jobs, lists, schedules, settings};
use crate::store::{Accepted, Claim, Claimable, Conclusion, Job, Release, StoreError};
use crate::supervision::Background;
use crate::telemetry::Wakeup;

/// Maximum number of requests in one transaction.
const BATCH: usize = 256;
/// This many new jobs in one batch are a burst and take priority.
const BURST: usize = 8;
/// Deferred claims are executed after this time even during a burst.
const MAX_DEFERRAL: Duration = Duration::from_millis(100);

/// Priority among waiting requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// The platform waits at most three seconds for the response.
    Intake,
    Usual,
    /// Starts new work; deferred during a burst.
    CanWait,
}

/// A request for the next transaction.
pub(super) trait Request: Send {
    fn priority(&self) -> Priority;
    /// Executes the request; it is not committed yet.
    fn perform(&mut self, txn: &mut Txn<'_>) -> rusqlite::Result<()>;
    /// Sends the result to the caller.
    fn answer(self: Box<Self>, committed: bool);
}

/// A request with a result `T`.
pub(super) struct Pending<F, T> {
    priority: Priority,
    work: Option<F>,
    result: Option<T>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Pending<F, T> {
    pub(super) fn new(
        priority: Priority,
        work: F,
        caller: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self {
            priority,
            work: Some(work),
            result: None,
            caller,
        }
    }
}

impl<F, T> Request for Pending<F, T>
where
    F: FnOnce(&mut Txn<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn priority(&self) -> Priority {
        self.priority
    }

    fn perform(&mut self, txn: &mut Txn<'_>) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(txn)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: bool) {
        let result = self.result.filter(|_| committed);
        // If the caller no longer waits, the change is committed all the same.
        let _ = self.caller.send(result.ok_or(StoreError::Database));
    }
}

/// The transaction of a batch, its time, and its effects outside the tables, which apply after the
/// commit.
pub(super) struct Txn<'c> {
    pub(super) connection: &'c Connection,
    pub(super) app: &'c str,
    pub(super) now: Timestamp,
    effects: Effects,
    /// SQLite's `data_version` at the last check, which other processes change.
    version: &'c mut i64,
}

#[derive(Clone, Copy, Default)]
struct Effects {
    opened: usize,
    finished: usize,
    /// The batch contains the periodic check for changes.
    looked: bool,
    /// Another process changed the file, so the count of open jobs is stale.
    recount: bool,
    /// Number of open jobs at the end of the transaction.
    counted: Option<usize>,
    /// Why a job may have become claimable.
    claimable: Option<Wakeup>,
}

impl Txn<'_> {
    /// Executes one request of the batch in a savepoint: an error that concerns only this request,
    /// such as an unreadable row, rolls back this request alone.
    fn with_savepoint(
        &mut self,
        request: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let before = self.effects;
        self.run("SAVEPOINT request")?;
        if let Err(error) = request(self) {
            // A disk or file error fails the whole batch.
            if !is_request_error(&error) {
                return Err(error);
            }
            // The text of the error may quote a message, so it is not logged.
            let code = error.sqlite_error_code();
            tracing::error!(?code, "a request to the store failed");
            self.run("ROLLBACK TO request")?;
            self.effects = before;
        }
        self.run("RELEASE request")
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    pub(super) fn accept(&mut self, job: &NewJob, bound: usize) -> rusqlite::Result<Accepted> {
        let acceptance = queue::accept(self.connection, job, bound, self.now)?;
        self.effects.opened += acceptance.opened;
        if acceptance.first_of_chat {
            self.effects.claimable = Some(Wakeup::Accepted);
        }
        Ok(acceptance.accepted)
    }

    pub(super) fn claim(&mut self, claimable: Claimable) -> rusqlite::Result<Claim> {
        queue::claim(self.connection, self.app, claimable, self.now)?.or_else(|job| {
            // One unreadable row must not block all others.
            tracing::error!(job.id = job.id.0, "could not read a job; marked it as dead");
            self.update(&jobs::release(job, &Release::Dead, self.now))?;
            self.effects.recount = true;
            self.effects.claimable = Some(Wakeup::Finished);
            Ok(Claim::Unreadable)
        })
    }

    /// Recounts the jobs if another process changed the file.
    pub(super) fn look(&mut self) -> rusqlite::Result<()> {
        self.effects.looked = true;
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if std::mem::replace(self.version, version) != version {
            self.effects.recount = true;
            self.effects.claimable = Some(Wakeup::Notified);
        }
        Ok(())
    }

    /// `false` if the job is gone: those of a tenant may be erased while they run.
    pub(super) fn release(&mut self, job: &Job, release: &Release) -> rusqlite::Result<bool> {
        let released = jobs::release(job.owned(), release, self.now);
        let is_owned = executor::execute(self.connection, &released)? > 0;
        self.effects.finished += usize::from(is_owned && release.ends() && job.is_counted());
        self.effects.claimable = Some(Wakeup::Finished);
        Ok(is_owned)
    }

    /// Executes a statement that may end or remove open jobs.
    pub(super) fn erase(&mut self, statement: &Statement) -> rusqlite::Result<usize> {
        self.effects.recount = true;
        self.effects.claimable = Some(Wakeup::Finished);
        executor::execute(self.connection, statement)
    }

    /// All of a conclusion or nothing of it: see [`Store::conclude`](crate::store::Store::conclude).
    /// `None` if the job is gone.
    pub(super) fn conclude(
        &mut self,
        job: &Job,
        mut conclusion: Conclusion,
    ) -> rusqlite::Result<Option<Outcome>> {
        if executor::rows(self.connection, &jobs::is_owned(job.owned()))?.is_empty() {
            return Ok(None);
        }
        // A schedule may be due before any other job.
        if conclusion.wakes() {
            self.effects.claimable = Some(Wakeup::Finished);
        }
        for statement in schedules::changes(&conclusion, self.now) {
            if executor::execute(self.connection, &statement)? == 0 {
                conclusion = conclusion.without_schedule();
            }
        }
        let Conclusion {
            mut outcome,
            record,
            schedules,
            sets,
            list,
            broadcast,
            ..
        } = conclusion;
        let (key, chat) = (&job.key, job.chat.as_str());
        if let Some(change) = &broadcast {
            for statement in broadcasts::changes(key, chat, change, self.now) {
                executor::execute(self.connection, &statement)?;
            }
            self.effects.claimable = Some(Wakeup::Finished);
        }
        if let Some(change) = sets {
            let saved = settings::save(&job.chat_key(), &change, self.now);
            executor::execute(self.connection, &saved)?;
        }
        if let Some(change) = list {
            let saved = lists::save(&job.chat_key(), &change, self.now);
            executor::execute(self.connection, &saved)?;
        }
        // Before the schedules, which take its number.
        for statement in record
            .iter()
            .flat_map(|record| changes::record(key, chat, record, self.now))
        {
            executor::execute(self.connection, &statement)?;
        }
        for schedule in &schedules {
            executor::execute(self.connection, &schedules::add(job, schedule))?;
        }
        if let Some(first) = schedules.first() {
            let number = schedules::number(&first.key(key));
            outcome = outcome.numbered(executor::only(self.connection, &number)?);
        }
        self.update(&jobs::save_outcome(job.owned(), &outcome))?;
        Ok(Some(outcome))
    }

    /// Executes a statement about a claimed job; fails if it is not claimed.
    fn update(&self, job: &Statement) -> rusqlite::Result<()> {
        match executor::execute(self.connection, job)? {
            0 => Err(rusqlite::Error::QueryReturnedNoRows),
            _ => Ok(()),
        }
    }
}

/// Whether an error concerns one request, not the disk or the file.
fn is_request_error(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code().is_none_or(|code| {
        matches!(
            code,
            ErrorCode::Unknown
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange
        )
    })
}

impl Shared {
    /// Makes the file unusable, which stops the bot.
    pub(super) fn fail(&self, reason: Unusable) {
        tracing::error!(error = %reason, "the store became unusable");
        self.fatal.send_replace(Some(reason));
    }

    fn apply(&self, effects: &Effects) {
        if let Some(open) = effects.counted {
            self.open.store(open, Ordering::Relaxed);
        } else {
            // A job that another process requeued may finish before it is counted.
            let open = self.open.load(Ordering::Relaxed) + effects.opened;
            let open = open.saturating_sub(effects.finished);
            self.open.store(open, Ordering::Relaxed);
        }
        if let Some(reason) = effects.claimable {
            self.claimable.wake(reason);
        }
    }
}

/// A database that is open, locked and migrated.
pub(super) struct Opened {
    writer: Connection,
    checkpointer: Connection,
    path: PathBuf,
    lock: Lock,
}

/// Opens the file; also returns the number of open jobs.
pub(super) fn open(
    path: &Path,
    app: &str,
    allow_network: bool,
    now: Timestamp,
) -> anyhow::Result<(Opened, usize)> {
    let path = file::resolve(path)?;
    let network = file::on_network(&path, allow_network)?;
    let lock = Lock::acquire(&path, network)?;
    let mut writer = file::connect_sound(&path)?;
    let queue =
        prepare(&mut writer, &path, app, now).map_err(|error| damage::explained(&path, error))?;
    let opened = Opened {
        writer,
        checkpointer: file::connect(&path)?,
        path,
        lock,
    };
    Ok((opened, queue.open))
}

fn prepare(
    writer: &mut Connection,
    path: &Path,
    app: &str,
    now: Timestamp,
) -> anyhow::Result<Queue> {
    migrate::migrate(writer).with_context(|| format!("migrating `{}`", path.display()))?;
    queue::recover(writer, app, now).context("reading the queue")?;
    // A killed process leaves a log. From here on, a change to the file that is not from a requested
    // checkpoint is by another process.
    writer
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .context("checkpointing the log")?;
    executor::only(writer, &jobs::queue(app)).context("reading the queue")
}

impl Opened {
    /// Starts both threads, which run until all senders of `inbox` are dropped.
    pub(super) fn start(
        self,
        shared: Arc<Shared>,
        inbox: mpsc::Receiver<Box<dyn Request>>,
        threads: &mut Background,
    ) -> anyhow::Result<()> {
        let files = FileIdentity::new(self.path.clone());
        let (log, checkpointer) = Log::watched(
            self.writer,
            self.checkpointer,
            self.path,
            Arc::clone(&shared),
        )?;
        let writer = Writer {
            log,
            files,
            shared,
            version: 0,
        };
        let lock = self.lock;
        threads.spawn_blocking("writer", move || {
            writer.run(inbox);
            Ok(())
        });
        threads.spawn_blocking("checkpointer", move || {
            checkpointer.run(lock);
            Ok(())
        });
        Ok(())
    }
}

struct Writer {
    log: Log,
    files: FileIdentity,
    shared: Arc<Shared>,
    version: i64,
}

impl Writer {
    /// Executes all waiting requests in one transaction, and answers after the commit.
    fn run(mut self, mut inbox: mpsc::Receiver<Box<dyn Request>>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut waiting = Deferred::default();
        while waiting.receive(&mut inbox, &mut batch) {
            let committed = self.transact(&mut batch);
            if let Ok(effects) = &committed {
                self.shared.apply(effects);
            }
            for request in batch.drain(..) {
                request.answer(committed.is_ok());
            }
            match committed {
                Ok(effects) => self.log.maintain(effects.looked),
                Err(error) => self.failed(&error),
            }
        }
        self.log.close();
    }

    fn failed(&mut self, error: &anyhow::Error) {
        if self.shared.fatal.borrow().is_some() {
            return;
        }
        tracing::error!(
            error = format!("{error:#}"),
            "could not commit to the store"
        );
        match damage::cause(error) {
            Some(how) => self.shared.fail(damage::damaged(&self.files.path, &how)),
            // If the log filled the disk, a checkpoint may free space.
            None => self.log.free_space(),
        }
        // SQLite continues to use a deleted log, which the next start would not find.
        let path = &self.files.path;
        if let Some(missing) = self.files.missing().filter(|missing| missing != path)
            && self.log.is_empty()
        {
            self.shared.fail(file::without_log(missing, path));
        }
    }

    fn transact(&mut self, batch: &mut [Box<dyn Request>]) -> anyhow::Result<Effects> {
        if let Some(reason) = &*self.shared.fatal.borrow() {
            anyhow::bail!(reason.clone());
        }
        if let Some(file) = self.files.missing() {
            anyhow::bail!(file::missing_file(file));
        }
        // Rolled back when it is dropped without a successful commit.
        let transaction = self
            .log
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut txn = Txn {
            connection: &transaction,
            app: &self.shared.app,
            now: self.shared.clock.now(),
            effects: Effects::default(),
            version: &mut self.version,
        };
        for request in batch {
            txn.with_savepoint(|txn| request.perform(txn))?;
        }
        let mut effects = txn.effects;
        if effects.recount {
            let queue = executor::only(&transaction, &jobs::queue(&self.shared.app))?;
            effects.counted = Some(queue.open);
        }
        transaction.commit()?;
        Ok(effects)
    }
}

/// Requests deferred during a burst.
#[derive(Default)]
struct Deferred {
    requests: Vec<Box<dyn Request>>,
    since: Option<Instant>,
}

impl Deferred {
    /// Receives the next batch, including deferred requests unless they are deferred again. `false`
    /// once the inbox is closed and nothing remains.
    fn receive(
        &mut self,
        inbox: &mut mpsc::Receiver<Box<dyn Request>>,
        batch: &mut Vec<Box<dyn Request>>,
    ) -> bool {
        batch.append(&mut self.requests);
        if batch.is_empty() {
            inbox.blocking_recv_many(batch, BATCH);
        }
        while batch.len() < BATCH
            && let Ok(request) = inbox.try_recv()
        {
            batch.push(request);
        }
        let intake = batch
            .iter()
            .filter(|request| request.priority() == Priority::Intake);
        let is_burst = intake.count() >= BURST;
        let has_waited = self
            .since
            .is_some_and(|since| since.elapsed() > MAX_DEFERRAL);
        if is_burst && !has_waited {
            self.requests = batch
                .extract_if(.., |request| request.priority() == Priority::CanWait)
                .collect();
            if !self.requests.is_empty() {
                self.since.get_or_insert_with(Instant::now);
            }
        } else {
            self.since = None;
        }
        !batch.is_empty()
    }
}
