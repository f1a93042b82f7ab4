//! The store on a PostgreSQL server, for any number of bots that work as one.
//!
//! A request is a statement, or a short transaction, on one of a few connections;
//! the server commits those together that come together. Each bot holds a lease
//! (see [`replicas`]): what it claims is its own for as long as that lasts, every
//! statement about a claimed job says whose it should be, and whatever a dead bot
//! was at is ready again once its lease is over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use deadpool_postgres::{Object, Pool, PoolError};
use feishu::{BlockId, Clock, ReactionId, Turn};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::error::SqlState;

use super::lease::{Held, InHand};
use super::row::timestamp;
use super::{
    Accepted, Bounds, ChatKey, Claim, Conclusion, Job, JobId, JobKey, Lease, Limited, NewJob,
    Opening, Planned, Progress, Queue, Recipient, Release, StoreError,
};
use crate::change::{ChangeId, Made};
use crate::outcome::{Outcome, Refusal};
use crate::telemetry::Metrics;
use bell::Bell;
pub(crate) use connect::REMEDY as UNREACHABLE;
use connect::{Connector, told};
pub(crate) use inspect::{Inspected, inspect};
use jobs::{Claimed, Owned};
pub(crate) use migrate::Tables;
use replicas::{LEASE, RENEW_EVERY, Renewed};

pub(super) mod bell;
pub(super) mod changes;
pub(super) mod connect;
mod inspect;
mod jobs;
pub(super) mod migrate;
mod replicas;

/// While the server cannot be reached, it is asked again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// A row that cannot be read may be of a later release, whose bots run beside us:
/// it is left to them for a while, again and again for so long.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(2);
const LEFT_FOR: Duration = Duration::from_mins(10);
/// At the stop, the server has so long to hear of it.
const FAREWELL: Duration = Duration::from_millis(500);

/// A handle on the store.
pub(crate) struct PostgresStore {
    pool: Pool,
    app: String,
    clock: Clock,
    bounds: Bounds,
    /// Jobs that are not finished, as last counted, and what this bot changed since.
    open: AtomicUsize,
    bell: Bell,
    lease: Mutex<Arc<Held>>,
    /// Held while a claim is under way: what the server takes for claimed is in hand
    /// only once that is over.
    claiming: tokio::sync::Mutex<()>,
    metrics: Metrics,
}

/// What runs behind the handles.
pub(crate) struct Running {
    store: Arc<PostgresStore>,
    tasks: JoinSet<()>,
}

impl PostgresStore {
    /// Connects to the server, makes the tables or brings them up to date, and
    /// joins the bots that work there.
    ///
    /// # Errors
    ///
    /// Says what to do when the server cannot be reached or refuses.
    pub(super) async fn open(
        server: &tokio_postgres::Config,
        opening: Opening,
    ) -> anyhow::Result<(Arc<Self>, Running)> {
        let connector = Connector::new(server, &opening.extra_roots)?;
        // One connection listens.
        let pool = connector.pool(opening.connections.saturating_sub(1).max(1))?;
        let mut client = connect::first(&pool).await?;
        migrate::migrate(&mut client)
            .await
            .context("bringing the tables of the database up to date")?;
        replicas::take_over(&client, &opening.app).await?;
        let asked_at = Instant::now();
        let owner = replicas::register(&client, &opening.app).await?;
        let queue = jobs::queue(&client, &opening.app).await?;
        drop(client);
        let store = Arc::new(Self {
            pool,
            app: opening.app,
            clock: opening.clock,
            bounds: opening.bounds,
            open: AtomicUsize::new(queue.open),
            bell: Bell::default(),
            lease: Mutex::new(Arc::new(Held::new(owner, asked_at, LEASE))),
            claiming: tokio::sync::Mutex::default(),
            metrics: opening.metrics,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&store).keep_lease());
        let whose = format!("{} {owner}", store.app);
        let listener = Arc::clone(&store);
        tasks.spawn(async move { listener.bell.listen(connector, &whose).await });
        let running = Running {
            store: Arc::clone(&store),
            tasks,
        };
        Ok((store, running))
    }

    pub(crate) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        if self.is_full() {
            return Err(StoreError::Full);
        }
        let client = self.client().await?;
        let (bound, taker) = (self.bounds.open_of_chat, self.lease().owner());
        let taking = jobs::accept(&client, &job, bound, taker, self.now()).await;
        let taking = taking.map_err(failed)?;
        self.open.fetch_add(taking.opened, Ordering::Relaxed);
        // Also for one that stands behind another of its chat: that may have ended before this one
        // could be seen.
        if taking.opened > 0 {
            self.bell.ring();
        }
        Ok(taking.accepted)
    }

    pub(crate) async fn claim(&self) -> Result<Claim, StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        if held.is_over() {
            return Err(StoreError::Lost);
        }
        let client = self.client().await?;
        let row = loop {
            let claimed = jobs::claim(&client, &self.app, held.owner(), self.now()).await;
            match claimed.map_err(failed)? {
                Claimed::Row(row) => break row,
                Claimed::Again => {}
                Claimed::NothingUntil {
                    at,
                    is_anothers_press,
                } => {
                    if is_anothers_press {
                        self.bell.ring_there();
                    }
                    let at = at.map(Timestamp::from_millisecond).transpose();
                    return Ok(Claim::NothingUntil(at.map_err(|_| StoreError::Database)?));
                }
            }
        };
        let (id, first_try) = (JobId(row.id), row.started_at);
        let in_hand = InHand::new(&held, row.id);
        if let Ok(job) = row.read(Lease::Until(Arc::new(in_hand))) {
            return Ok(Claim::Job(Box::new(job)));
        }
        // The error's own words may quote a message, so they are not logged.
        tracing::error!(job.id = id.0, "a job cannot be read");
        let now = self.now();
        let first_try = timestamp(first_try).unwrap_or(now);
        let release = if now < first_try + LEFT_FOR {
            let run_at = now + LEFT_TO_OTHERS;
            Release::Retry { run_at }
        } else {
            Release::Dead
        };
        let owner = held.owner();
        let given_back = jobs::release(&client, Owned { id, owner }, &release, self.now()).await;
        given_back.map_err(failed)?;
        if matches!(release, Release::Dead) {
            self.count_less();
            return Ok(Claim::Unreadable);
        }
        self.bell.ring_here();
        Ok(Claim::NothingUntil(None))
    }

    pub(crate) async fn save_progress(
        &self,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let (client, owned) = (self.client().await?, owned(job)?);
        mine(jobs::save_progress(&client, owned, progress).await)
    }

    pub(crate) async fn progress(&self, job: JobId) -> Result<Option<Progress>, StoreError> {
        let client = self.client().await?;
        let json = jobs::progress(&client, job).await.map_err(failed)?;
        // Progress that cannot be read is not "no progress": it may hold what was replaced.
        json.map(|json| serde_json::from_str(&json))
            .transpose()
            .map_err(|_| StoreError::Database)
    }

    /// All of a conclusion or nothing of it. The outcome that comes back names
    /// the number of what was planned, and says so if there was nothing left to
    /// cancel.
    pub(crate) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        let Conclusion {
            mut outcome,
            mut record,
            plan,
            cancels,
        } = conclusion;
        let (mut client, now) = (self.client().await?, self.now());
        let transaction = client.transaction().await.map_err(failed)?;
        let whose = (&job.key, job.chat.as_str());
        if let Some(plan) = cancels
            && !changes::cancel(&transaction, plan, now)
                .await
                .map_err(failed)?
        {
            outcome = Outcome::Refused(Refusal::NoSuchPlan);
            record = None;
        }
        if let Some(plan) = &plan {
            let number = changes::plan(&transaction, whose, plan).await;
            outcome = outcome.numbered(number.map_err(failed)?);
        }
        if let Some(record) = record {
            let recorded = changes::record(&transaction, whose, &record, now).await;
            recorded.map_err(failed)?;
        }
        mine(jobs::save_outcome(&transaction, owned(job)?, &outcome).await)?;
        transaction.commit().await.map_err(failed)?;
        if plan.is_some() {
            // It may be due before anything that is waited for.
            self.bell.ring();
        }
        Ok(outcome)
    }

    pub(crate) async fn save_replying(&self, job: &Job) -> Result<(), StoreError> {
        let (client, owned) = (self.client().await?, owned(job)?);
        mine(jobs::save_replying(&client, owned, self.now()).await)
    }

    pub(crate) async fn save_heard(
        &self,
        job: &Job,
        reaction: ReactionId,
    ) -> Result<(), StoreError> {
        let (client, owned) = (self.client().await?, owned(job)?);
        mine(jobs::save_heard(&client, owned, reaction.as_str()).await)
    }

    pub(crate) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        let (client, owned) = (self.client().await?, owned(job)?);
        mine(jobs::release(&client, owned, &release, self.now()).await)?;
        // Planned work was never counted.
        let counted = !matches!(job.key.step, super::Step::Publish | super::Step::Expire);
        if matches!(release, Release::Done | Release::Dead) && counted {
            self.count_less();
        }
        self.bell.ring();
        Ok(())
    }

    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        let probed = replicas::probe(&client, self.lease().owner()).await;
        probed.map_err(failed)
    }

    pub(crate) async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        let client = self.client().await?;
        let pruned = jobs::prune(&client, &self.app, before).await;
        pruned.map_err(failed)
    }

    pub(crate) async fn history(&self, chat: ChatKey, count: u32) -> Result<Vec<Made>, StoreError> {
        let client = self.client().await?;
        let history = changes::history(&client, &chat, count).await;
        history.map_err(failed)
    }

    pub(crate) async fn undoable(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        let client = self.client().await?;
        let undoable = changes::undoable(&client, &chat, self.now()).await;
        undoable.map_err(failed)
    }

    pub(crate) async fn latest_top(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        let client = self.client().await?;
        changes::latest_top(&client, &chat).await.map_err(failed)
    }

    pub(crate) async fn restored_since(
        &self,
        chat: ChatKey,
        since: ChangeId,
    ) -> Result<Vec<Vec<(BlockId, BlockId)>>, StoreError> {
        let client = self.client().await?;
        let restored = changes::restored_since(&client, &chat, since).await;
        restored.map_err(failed)
    }

    pub(crate) async fn lets_delete(&self, chat: ChatKey) -> Result<Option<bool>, StoreError> {
        let client = self.client().await?;
        changes::lets_delete(&client, &chat).await.map_err(failed)
    }

    pub(crate) async fn change_of(&self, job: JobKey) -> Result<Option<Made>, StoreError> {
        let client = self.client().await?;
        changes::made_by(&client, &job).await.map_err(failed)
    }

    pub(crate) async fn timed_end(&self, change: ChangeId) -> Result<Option<JobId>, StoreError> {
        let client = self.client().await?;
        changes::timed_end(&client, change).await.map_err(failed)
    }

    pub(crate) async fn planned(&self, chat: ChatKey) -> Result<Vec<Planned>, StoreError> {
        let client = self.client().await?;
        changes::planned(&client, &chat).await.map_err(failed)
    }

    pub(crate) async fn leave(&self, chat: ChatKey) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        let left = changes::leave(&transaction, &chat, self.now()).await;
        left.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    pub(crate) async fn forget_changes(
        &self,
        texts: Timestamp,
        rows: Timestamp,
    ) -> Result<usize, StoreError> {
        let client = self.client().await?;
        let forgotten = changes::forget(&client, &self.app, texts, rows).await;
        forgotten.map_err(failed)
    }

    pub(crate) async fn record_answer(
        &self,
        to: Recipient,
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        let client = self.client().await?;
        let recorded = changes::record_answer(&client, &to, sent_at).await;
        recorded.map_err(failed)
    }

    pub(crate) async fn last_answer(&self, to: Recipient) -> Result<Option<Timestamp>, StoreError> {
        let client = self.client().await?;
        let sent_at = changes::last_answer(&client, &to).await;
        sent_at.map_err(failed)
    }

    pub(crate) async fn save_limit(&self, limited: Limited) -> Result<(), StoreError> {
        let client = self.client().await?;
        let saved = changes::save_limit(&client, &self.app, &limited, self.now()).await;
        saved.map_err(failed)?;
        self.bell.limited();
        Ok(())
    }

    pub(crate) async fn limits(&self) -> Result<Vec<Limited>, StoreError> {
        let client = self.client().await?;
        let limits = changes::limits(&client, &self.app, self.now()).await;
        limits.map_err(failed)
    }

    pub(super) async fn next_turn(&self, window: Duration) -> Result<Turn, StoreError> {
        let client = self.client().await?;
        let turn = changes::next_turn(&client, &self.app, window, self.now()).await;
        turn.map_err(failed)
    }

    pub(crate) async fn queue(&self) -> Result<Queue, StoreError> {
        let client = self.client().await?;
        let queue = jobs::queue(&client, &self.app).await.map_err(failed)?;
        self.open.store(queue.open, Ordering::Relaxed);
        Ok(queue)
    }

    pub(crate) fn open_jobs(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.open_jobs() >= self.bounds.open
    }

    pub(crate) async fn changed(&self) {
        self.bell.rung().await;
    }

    pub(super) async fn limits_changed(&self) {
        self.bell.limits_changed().await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn lease(&self) -> Arc<Held> {
        Arc::clone(&self.lease.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count_less(&self) {
        let one_less = |open: usize| Some(open.saturating_sub(1));
        // It always has one to set.
        let _ = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }

    async fn client(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| {
            match error {
                PoolError::Backend(error) => log(&error, "the database cannot be reached"),
                error => tracing::error!(error = %error, "no connection to the database is free"),
            }
            StoreError::Database
        })
    }

    /// Renews the lease, gets another one where it was lost, and takes over what
    /// dead bots have left behind; for ever.
    async fn keep_lease(self: Arc<Self>) {
        let mut next = Instant::now() + RENEW_EVERY;
        loop {
            sleep_until(next).await;
            next = match self.renew().await {
                Ok(next_end) => {
                    let wait = next_end.unwrap_or(RENEW_EVERY).min(RENEW_EVERY);
                    // The other end may be renewed in this very moment.
                    Instant::now() + wait.max(Duration::from_millis(50))
                }
                Err(StoreError::Closed) => return,
                Err(_) => Instant::now() + PAUSE,
            };
            // What others may have told while nobody listened.
            self.bell.ring_here();
        }
    }

    /// When the next lease of another bot ends, if there is one.
    async fn renew(&self) -> Result<Option<Duration>, StoreError> {
        let held = self.lease();
        let client = self.client().await?;
        let asked_at = Instant::now();
        let renewed = if held.is_over() {
            // Nothing goes on under it any more, also if the others are late.
            held.end();
            replicas::give_up(&client, held.owner())
                .await
                .map_err(failed)?;
            Renewed::Lost
        } else {
            let renewed = replicas::renew(&client, &self.app, held.owner()).await;
            renewed.map_err(failed)?
        };
        let next_end = match renewed {
            Renewed::Held { next_end, bots } => {
                held.renew(asked_at, LEASE);
                self.metrics.replicas(bots);
                next_end
            }
            Renewed::Lost => {
                held.end();
                tracing::warn!("the lease on the jobs was lost, and is taken anew");
                let owner = replicas::register(&client, &self.app).await;
                let anew = Held::new(owner.map_err(failed)?, asked_at, LEASE);
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(anew);
                None
            }
        };
        let taken_over = replicas::take_over(&client, &self.app).await;
        let taken_over = taken_over.map_err(failed)?;
        if taken_over > 0 {
            tracing::warn!(
                jobs = taken_over,
                "jobs of a bot that is gone are taken over"
            );
        }
        drop(client);
        self.put_back().await?;
        self.queue().await?;
        Ok(next_end)
    }

    /// Makes ready again what the server takes for claimed by this bot, and nobody
    /// here has: the answer to a claim got lost, or work was dropped.
    async fn put_back(&self) -> Result<(), StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        let client = self.client().await?;
        let put_back = jobs::put_back(&client, held.owner(), &held.jobs_in_hand()).await;
        let put_back = put_back.map_err(failed)?;
        if put_back > 0 {
            tracing::warn!(jobs = put_back, "jobs that nobody works on are ready again");
        }
        Ok(())
    }
}

impl Running {
    /// Leaves the bots that work there; what was not given back is ready again.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.tasks.shutdown().await;
        let held = self.store.lease();
        held.end();
        let farewell = async {
            let client = self.store.pool.get().await?;
            replicas::give_up(&client, held.owner()).await?;
            anyhow::Ok(())
        };
        // Where it does not hear of it, the lease runs out.
        let left = timeout(FAREWELL, farewell).await;
        self.store.pool.close();
        left.context("the database does not answer")
            .flatten()
            .context("leaving the database")
    }
}

/// Under which name a job was claimed.
fn owned(job: &Job) -> Result<Owned, StoreError> {
    match &job.lease {
        Lease::Until(in_hand) => Ok(Owned::new(job, in_hand.lease().owner())),
        Lease::Sole => Err(StoreError::Lost),
    }
}

/// Whether the job was still ours.
fn mine(updated: Result<bool, tokio_postgres::Error>) -> Result<(), StoreError> {
    if updated.map_err(failed)? {
        return Ok(());
    }
    tracing::warn!("the job is another bot's by now");
    Err(StoreError::Lost)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn failed(error: tokio_postgres::Error) -> StoreError {
    if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) {
        tracing::warn!("the lease on the jobs is over");
        return StoreError::Lost;
    }
    log(&error, "the database refused");
    StoreError::Database
}

fn log(error: &tokio_postgres::Error, what: &str) {
    tracing::error!(error = told(error), "{what}");
}

#[cfg(test)]
mod tests;
