//! The store on a PostgreSQL server, shared by any number of replicas.
//!
//! A request is a statement or a short transaction on one of a few connections; the server commits
//! concurrent ones together. Each replica holds a lease (see [`replicas`]) and owns the jobs it
//! claims while the lease lasts. Every statement about a claimed job names the expected owner. When
//! a lease expires, another replica requeues its jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use deadpool_postgres::GenericClient;
use feishu::{Clock, TenantKey, WriteSlot};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::job::{Owned, still_owned};
use super::lease::{ClaimGuard, LeaseState};
use super::row::job;
use super::statement::{Query, Row, Statement, timestamp};
use super::statements::{broadcasts, changes, jobs, lists, schedules, settings};
use super::{
    Accepted, Bounds, Claim, Claimable, Conclusion, Job, Lease, Release, StoreError, StoreOptions,
};
use crate::model::job::{JobId, NewJob, Queue, Tenant};
use crate::model::outcome::Outcome;
use crate::supervision::Background;
use crate::telemetry::{Metrics, Wakeup};
use connect::{Access, Connector};
use executor::ExecuteError;
use notifier::Notifier;
use queue::{Acceptance, Claimed};
use replicas::LEASE;
use session::Sessions;

pub(crate) use inspect::{InspectedServer, inspect};
pub(crate) use migrate::Tables;
pub(crate) use pooler::SHARED_SESSIONS;

pub(super) mod connect;
pub(super) mod executor;
mod inspect;
pub(super) mod migrate;
pub(super) mod notifier;
mod pooler;
mod queue;
mod renewal;
mod replicas;
mod session;
mod start;
mod write_slots;

/// A row that cannot be read may belong to a later release on another replica: it is requeued for
/// that replica for up to ten minutes.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(2);
const LEFT_FOR: SignedDuration = SignedDuration::from_mins(10);
/// How long a stopping replica tries to give its lease back.
const FAREWELL: Duration = Duration::from_millis(500);

pub(crate) struct PostgresStore {
    sessions: Sessions,
    /// A session of its own, so that other requests cannot delay the renewal of the lease.
    lease_session: Sessions,
    app: String,
    clock: Clock,
    bounds: Bounds,
    /// Unfinished jobs: the last count, adjusted by what this replica changed since.
    open: AtomicUsize,
    notifier: Notifier,
    lease: Mutex<Arc<LeaseState>>,
    /// Held during a claim: until it ends, a job that the database assigns to this replica may have
    /// no guard yet.
    claiming: tokio::sync::Mutex<()>,
    metrics: Metrics,
}

pub(crate) struct PostgresTasks {
    store: Arc<PostgresStore>,
    pub(super) tasks: Background,
}

impl PostgresStore {
    /// Connects to the server, creates or migrates the tables, and registers this replica.
    pub(super) async fn open(
        server: &tokio_postgres::Config,
        options: StoreOptions,
    ) -> anyhow::Result<(Arc<Self>, PostgresTasks)> {
        let connector = Connector::new(server, &options.extra_roots, Access::Write)?;
        let mut client = start::first_session(&connector, options.connections).await?;
        migrate::migrate(&mut client)
            .await
            .context("migrating the database")?;
        replicas::take_over(&client, &options.app, options.clock.now()).await?;
        let asked_at = Instant::now();
        let owner = replicas::register(&client, &options.app).await?;
        let queue = executor::only(&client, &jobs::queue(&options.app)).await?;
        drop(client);
        let discarded = Arc::new(Notify::new());
        let sessions = |size| Sessions::new(&connector, size, Arc::clone(&discarded));
        let store = Arc::new(Self {
            // One listens, and one renews the lease.
            sessions: sessions(options.connections.saturating_sub(2).max(1))?,
            lease_session: sessions(1)?,
            app: options.app,
            clock: options.clock,
            bounds: options.bounds,
            open: AtomicUsize::new(queue.open),
            notifier: Notifier::default(),
            lease: Mutex::new(Arc::new(LeaseState::new(owner, asked_at, LEASE))),
            claiming: tokio::sync::Mutex::default(),
            metrics: options.metrics,
        });
        // Opens the lease's session now, so that an unresponsive server is later told apart from
        // one without a free connection. If none is free, the next renewal tries again.
        drop(store.lease_session.get().await);
        let mut tasks = Background::default();
        tasks.spawn("lease", Arc::clone(&store).renew_periodically());
        let sender = format!("{} {owner}", store.app);
        let listener = Arc::clone(&store);
        tasks.spawn("listener", async move {
            listener
                .notifier
                .listen(connector, &sender, &discarded)
                .await;
            Ok(())
        });
        Ok((Arc::clone(&store), PostgresTasks { store, tasks }))
    }

    pub(super) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if self.is_full() {
            return Err(StoreError::Full);
        }
        let (acceptance, is_discarded) = self.accept_once(&job).await?;
        let acceptance = match acceptance {
            // The session failed, not the request. The platform redelivers an event only after 15
            // s.
            Err(StoreError::Database) if is_discarded => self.accept_once(&job).await?.0?,
            acceptance => acceptance?,
        };
        self.open.fetch_add(acceptance.opened, Ordering::Relaxed);
        // Also for a job behind another one of its chat: that one may have ended before this one
        // became visible.
        if acceptance.opened > 0 {
            self.notifier.notify(Wakeup::Accepted);
        }
        Ok(acceptance.accepted)
    }

    /// Accepts a job over one session; also returns whether that session is discarded now.
    async fn accept_once(
        &self,
        job: &NewJob,
    ) -> Result<(Result<Acceptance, StoreError>, bool), StoreError> {
        let session = self.sessions.get().await?;
        let (bound, accepted_by) = (self.bounds.open_of_chat, self.lease().owner());
        let acceptance = queue::accept(&*session, job, bound, accepted_by, self.now());
        let acceptance = session.run(acceptance).await;
        let is_discarded = session.is_discarded();
        session.give_back_after(job.payload.len());
        Ok((acceptance, is_discarded))
    }

    pub(super) async fn claim(&self, claimable: Claimable) -> Result<Claim, StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        if held.is_over() {
            return Err(StoreError::Lost);
        }
        let session = self.sessions.get().await?;
        let row = loop {
            let claimed = queue::claim(&*session, &self.app, held.owner(), claimable, self.now());
            match session.run(claimed).await? {
                Claimed::Row(row) => break row,
                Claimed::Again => {}
                Claimed::NothingUntil {
                    at,
                    is_anothers_press,
                } => {
                    if is_anothers_press {
                        self.notifier.notify_others();
                    }
                    let at = at.map(Timestamp::from_millisecond).transpose();
                    return Ok(Claim::NothingUntil(at.map_err(|_| StoreError::Database)?));
                }
            }
        };
        let (id, first_try) = (JobId(row.get("id")), row.get("started_at"));
        let lease = Lease::Expiring(Arc::new(ClaimGuard::new(&held, id.0)));
        if let Ok(job) = job(&Row::Postgres(&row), lease) {
            session.give_back_after(job.payload.len());
            return Ok(Claim::Job(Box::new(job)));
        }
        // The text of the error may quote a message, so it is not logged.
        tracing::error!(job.id = id.0, "could not read a job");
        let now = self.now();
        let first_try = timestamp(first_try).unwrap_or(now);
        let release = if now.duration_since(first_try) < LEFT_FOR {
            let run_at = now + LEFT_TO_OTHERS;
            Release::Retry { run_at }
        } else {
            Release::Dead
        };
        let owner = held.owner();
        let given_back = jobs::release(Owned { id, owner }, &release, now);
        session
            .run(executor::execute(&*session, &given_back))
            .await?;
        if matches!(release, Release::Dead) {
            self.count_less();
            return Ok(Claim::Unreadable);
        }
        self.notifier.notify_local();
        Ok(Claim::NothingUntil(None))
    }

    /// All of a conclusion or nothing of it: see [`Store::conclude`](crate::store::Store::conclude).
    pub(super) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        let has_schedule = conclusion.wakes() || conclusion.broadcast.is_some();
        let (mut session, now) = (self.sessions.get().await?, self.now());
        let concluding = async {
            let transaction = session.client.transaction().await?;
            let concluded = conclude(&transaction, job, conclusion, now).await?;
            if concluded.is_some() {
                transaction.commit().await?;
            }
            Ok::<_, ExecuteError>(concluded)
        };
        let concluded = session.runner.run(Box::pin(concluding)).await?;
        still_owned(concluded.is_some())?;
        if has_schedule {
            // It may be due before any other job.
            self.notifier.notify(Wakeup::Finished);
        }
        concluded.ok_or(StoreError::Lost)
    }

    pub(super) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        let released = jobs::release(job.owned(), &release, self.now());
        still_owned(self.execute(released).await? > 0)?;
        if release.ends() && job.is_counted() {
            self.count_less();
        }
        self.notifier.notify(Wakeup::Finished);
        Ok(())
    }

    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        let probed = replicas::probe(&*session, self.lease().owner());
        // A replica without a lease claims nothing, so it is not ready.
        session
            .run(probed)
            .await?
            .then_some(())
            .ok_or(StoreError::Lost)
    }

    pub(super) async fn execute(&self, statement: Statement) -> Result<usize, StoreError> {
        let session = self.sessions.get().await?;
        session.run(executor::execute(&*session, &statement)).await
    }

    /// Executes a statement that may end or remove open jobs.
    pub(super) async fn erase(&self, statement: Statement) -> Result<usize, StoreError> {
        let erased = self.execute(statement).await?;
        if erased > 0 {
            // Counts the open jobs anew.
            self.queue().await?;
        }
        Ok(erased)
    }

    /// Executes statements that may end or continue open jobs, all or none.
    pub(super) async fn transact<const N: usize>(
        &self,
        statements: [Statement; N],
    ) -> Result<(), StoreError> {
        let mut session = self.sessions.get().await?;
        let executing = async {
            let transaction = session.client.transaction().await?;
            for statement in &statements {
                executor::execute(&transaction, statement).await?;
            }
            transaction.commit().await
        };
        session.runner.run(executing).await?;
        drop(session);
        // The statements are committed. If this fails, the next renewal of the lease counts.
        let _ = self.queue().await;
        self.notifier.notify(Wakeup::Finished);
        Ok(())
    }

    pub(super) async fn rows<T>(&self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        let session = self.sessions.get().await?;
        session.run(executor::rows(&*session, &query)).await
    }

    pub(super) fn announce_limit(&self) {
        self.notifier.notify_limit();
    }

    pub(super) async fn next_write_slot(
        &self,
        key: TenantKey,
        window: Duration,
    ) -> Result<WriteSlot, StoreError> {
        let app = self.app.clone();
        let tenant = Tenant { app, key };
        let session = self.sessions.get().await?;
        session
            .run(write_slots::next_write_slot(
                &*session,
                &tenant,
                window,
                self.now(),
            ))
            .await
    }

    pub(super) async fn queue(&self) -> Result<Queue, StoreError> {
        let session = self.sessions.get().await?;
        let queue = session
            .run(executor::only(&*session, &jobs::queue(&self.app)))
            .await?;
        self.open.store(queue.open, Ordering::Relaxed);
        Ok(queue)
    }

    pub(super) fn open_jobs(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.open_jobs() >= self.bounds.open
    }

    /// A job may be claimable.
    pub(super) fn wake(&self) {
        self.notifier.notify(Wakeup::Finished);
    }

    pub(super) async fn changed(&self) -> Wakeup {
        self.notifier.notified().await
    }

    pub(super) async fn limits_changed(&self) {
        self.notifier.limits_changed().await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn lease(&self) -> Arc<LeaseState> {
        Arc::clone(&self.lease.lock())
    }

    fn count_less(&self) {
        let one_less = |open: usize| Some(open.saturating_sub(1));
        // The closure always returns a value, so this cannot fail.
        let _ = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

impl PostgresTasks {
    /// Unregisters this replica and requeues its jobs.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.tasks.shutdown().await;
        let held = self.store.lease();
        held.end();
        let farewell = async {
            let session = self.store.lease_session.get().await?;
            let unregistered = replicas::unregister(&*session, held.owner());
            session.run(unregistered).await
        };
        // Without this, the lease expires by itself.
        let left = timeout(FAREWELL, farewell).await;
        self.store.lease_session.close();
        self.store.sessions.close();
        left.context("unregistering from the database: no response")?
            .context("unregistering from the database")?;
        Ok(())
    }

    pub(super) async fn ended(&mut self) -> anyhow::Error {
        self.tasks.ended().await
    }
}

/// Executes a conclusion; `None` if another replica owns the job, and then nothing may be
/// committed.
async fn conclude(
    client: &impl GenericClient,
    job: &Job,
    mut conclusion: Conclusion,
    now: Timestamp,
) -> Result<Option<Outcome>, ExecuteError> {
    for statement in schedules::changes(&conclusion, now) {
        if executor::execute(client, &statement).await? == 0 {
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
        for statement in broadcasts::changes(key, chat, change, now) {
            executor::execute(client, &statement).await?;
        }
    }
    if let Some(change) = sets {
        executor::execute(client, &settings::save(&job.chat_key(), &change, now)).await?;
    }
    if let Some(change) = list {
        executor::execute(client, &lists::save(&job.chat_key(), &change, now)).await?;
    }
    // Before the schedules, which take its number.
    if let Some(record) = record {
        for statement in changes::record(key, chat, &record, now) {
            executor::execute(client, &statement).await?;
        }
    }
    for schedule in &schedules {
        executor::execute(client, &schedules::add(job, schedule)).await?;
    }
    if let Some(first) = schedules.first() {
        let number = schedules::number(&first.key(key));
        outcome = outcome.numbered(executor::only(client, &number).await?);
    }
    let saved = jobs::save_outcome(job.owned(), &outcome);
    let rows = executor::execute(client, &saved).await?;
    Ok((rows > 0).then_some(outcome))
}

#[cfg(test)]
mod tests;
