//! The thread that writes.

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
use crate::model::refusal::Cause;
use crate::store::sqlite::shared::Shared;
use crate::store::statements::{changes, jobs, schedules};
use crate::store::{Accepted, Claim, Conclusion, Job, Release, StoreError};
use crate::supervision::Background;

/// The most requests in one transaction.
const BATCH: usize = 256;
/// So many new jobs in one batch are a burst: they are taken in first.
const BURST: usize = 8;
/// New work is begun after this time, whatever comes in.
const BURST_PATIENCE: Duration = Duration::from_millis(100);

/// How a request stands to the others that wait with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// The platform waits for the answer, three seconds at most.
    Intake,
    Usual,
    /// It begins new work, which is better begun when a burst is over.
    CanWait,
}

/// Something to do in the next transaction.
pub(super) trait Request: Send {
    fn priority(&self) -> Priority;
    /// Does it; whether it lasts is not known yet.
    fn perform(&mut self, txn: &mut Txn<'_>) -> rusqlite::Result<()>;
    /// Tells the caller, once it is known.
    fn answer(self: Box<Self>, committed: bool);
}

/// A request that comes to a `T`.
pub(super) struct Pending<F, T> {
    priority: Priority,
    work: Option<F>,
    came_to: Option<T>,
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
            came_to: None,
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
            self.came_to = Some(work(txn)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, committed: bool) {
        let came_to = self.came_to.filter(|_| committed);
        // A caller that no longer waits has lost nothing: the row stands.
        let _ = self.caller.send(came_to.ok_or(StoreError::Database));
    }
}

/// What a request works with: the transaction, its time, and what it changes
/// outside the table once it is committed.
pub(super) struct Txn<'c> {
    pub(super) connection: &'c Connection,
    pub(super) app: &'c str,
    pub(super) now: Timestamp,
    effects: Effects,
    /// What SQLite says of changes by others; as it was when it was looked at last.
    version: &'c mut i64,
}

#[derive(Clone, Copy, Default)]
struct Effects {
    opened: usize,
    finished: usize,
    /// It is the regular look at the file, once a second.
    looked: bool,
    /// Another process has changed the file, so that counting goes astray.
    recount: bool,
    /// How many are open, counted at the end of the transaction.
    counted: Option<usize>,
    /// Whether something may have become claimable.
    claimable: bool,
}

impl Txn<'_> {
    /// Performs one request of the batch. An error of its own, such as a row that
    /// cannot be read, undoes this request and no other.
    fn alone(
        &mut self,
        request: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let before = self.effects;
        let run = |sql| self.connection.prepare_cached(sql)?.execute([]).map(drop);
        run("SAVEPOINT request")?;
        if let Err(error) = request(self) {
            // A failing disk or file concerns the whole batch.
            if !is_own(&error) {
                return Err(error);
            }
            // The error's own words may quote a message, so they are not logged.
            let code = error.sqlite_error_code();
            tracing::error!(?code, "one request to the store failed");
            let run = |sql| self.connection.prepare_cached(sql)?.execute([]).map(drop);
            run("ROLLBACK TO request")?;
            self.effects = before;
        }
        let run = |sql| self.connection.prepare_cached(sql)?.execute([]).map(drop);
        run("RELEASE request")
    }

    pub(super) fn accept(&mut self, job: &NewJob, bound: usize) -> rusqlite::Result<Accepted> {
        let taking = queue::accept(self.connection, job, bound, self.now)?;
        self.effects.opened += taking.opened;
        self.effects.claimable |= taking.first_of_chat;
        Ok(taking.accepted)
    }

    pub(super) fn claim(&mut self) -> rusqlite::Result<Claim> {
        queue::claim(self.connection, self.app, self.now)?.or_else(|job| {
            // One row that cannot be read must not block all others.
            tracing::error!(job.id = job.id.0, "a job cannot be read and is given up");
            let dead = jobs::release(job, &Release::Dead, self.now);
            executor::execute(self.connection, &dead)?;
            self.effects.recount = true;
            self.effects.claimable = true;
            Ok(Claim::Unreadable)
        })
    }

    /// Counts the jobs again if another process has changed the file.
    pub(super) fn look(&mut self) -> rusqlite::Result<()> {
        self.effects.looked = true;
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if std::mem::replace(self.version, version) != version {
            self.effects.recount = true;
            self.effects.claimable = true;
        }
        Ok(())
    }

    pub(super) fn release(&mut self, job: &Job, release: &Release) -> rusqlite::Result<()> {
        let released = jobs::release(job.owned(), release, self.now);
        executor::execute(self.connection, &released)?;
        self.effects.finished += usize::from(release.ends() && job.is_counted());
        self.effects.claimable = true;
        Ok(())
    }

    /// All of a conclusion or nothing of it: see [`Store::conclude`](crate::store::Store::conclude).
    pub(super) fn conclude(
        &mut self,
        job: &Job,
        conclusion: Conclusion,
    ) -> rusqlite::Result<Outcome> {
        let Conclusion {
            mut outcome,
            mut record,
            plan,
            cancels,
        } = conclusion;
        let (key, chat) = (&job.key, job.chat.as_str());
        if let Some(plan) = cancels
            && executor::execute(self.connection, &schedules::cancel(plan, self.now))? == 0
        {
            outcome = Outcome::refused(Cause::NoSuchPlan);
            record = None;
        }
        if let Some(plan) = plan {
            executor::execute(self.connection, &schedules::plan(key, chat, &plan))?;
            let number = schedules::number(&plan.key(key));
            outcome = outcome.numbered(executor::only(self.connection, &number)?);
            // It may be due before anything that is waited for.
            self.effects.claimable = true;
        }
        for statement in record
            .iter()
            .flat_map(|record| changes::record(key, chat, record, self.now))
        {
            executor::execute(self.connection, &statement)?;
        }
        let saved = jobs::save_outcome(job.owned(), &outcome);
        match executor::execute(self.connection, &saved)? {
            0 => Err(rusqlite::Error::QueryReturnedNoRows),
            _ => Ok(outcome),
        }
    }
}

/// Whether an error is about one request, and not about the disk or the file.
fn is_own(error: &rusqlite::Error) -> bool {
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
    /// Ends the bot: nothing is written to the file any more.
    pub(super) fn fail(&self, reason: Unusable) {
        tracing::error!(error = %reason, "the store cannot go on");
        self.fatal.send_replace(Some(reason));
    }

    fn apply(&self, effects: &Effects) {
        if let Some(open) = effects.counted {
            self.open.store(open, Ordering::Relaxed);
        } else {
            // A job that another process put back may finish before it is counted.
            let open = self.open.load(Ordering::Relaxed) + effects.opened;
            let open = open.saturating_sub(effects.finished);
            self.open.store(open, Ordering::Relaxed);
        }
        if effects.claimable {
            self.claimable.notify_one();
        }
    }
}

/// A database that is open and up to date, and ours alone.
pub(super) struct Opened {
    writer: Connection,
    checkpointer: Connection,
    path: PathBuf,
    lock: Lock,
}

/// Opens the file; also says how many jobs wait in it.
pub(super) fn open(
    path: &Path,
    app: &str,
    allow_network: bool,
    now: Timestamp,
) -> anyhow::Result<(Opened, usize)> {
    let path = file::resolve(path)?;
    let network = file::on_network(&path, allow_network)?;
    let lock = Lock::take(&path, network)?;
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
    migrate::migrate(writer)
        .with_context(|| format!("bringing the tables of `{}` up to date", path.display()))?;
    queue::recover(writer, app, now).context("reading the queue")?;
    executor::only(writer, &jobs::queue(app)).context("reading the queue")
}

impl Opened {
    /// Both threads run until every sender of `inbox` is gone.
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
    /// One transaction for all that waits, answers after the commit.
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
        tracing::error!(error = format!("{error:#}"), "the store could not commit");
        match damage::cause(error) {
            Some(how) => self.shared.fail(damage::damaged(&self.files.path, &how)),
            // Where the log has filled the disk, emptying it may make room.
            None => self.log.free_space(),
        }
        // SQLite goes on with a deleted log, which the next start would not find.
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
        // Dropped without a commit, or after one that failed, it is rolled back.
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
            txn.alone(|txn| request.perform(txn))?;
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

/// Requests that were put off for a burst.
#[derive(Default)]
struct Deferred {
    requests: Vec<Box<dyn Request>>,
    since: Option<Instant>,
}

impl Deferred {
    /// The next batch: what waits in the inbox, and what was put off, unless it
    /// is put off again. `false` once there is nothing and will be nothing.
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
            .is_some_and(|since| since.elapsed() > BURST_PATIENCE);
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
