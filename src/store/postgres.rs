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
use feishu::{BlockId, Clock, ReactionId, WriteSlot};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::lease::{Held, InHand};
use super::row::timestamp;
use super::{
    Accepted, Bounds, Claim, Conclusion, Job, Lease, Limited, Opening, Recipient, Release,
    StoreError,
};
use crate::model::change::{ChangeId, Made};
use crate::model::job::{ChatKey, JobId, JobKey, NewJob, Queue, Step};
use crate::model::outcome::Outcome;
use crate::model::plan::WaitingPlan;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::supervision::Background;
use crate::telemetry::Metrics;
use bell::Bell;
use connect::{Access, Connector};
use jobs::{Claimed, Owned, Taking};
use replicas::LEASE;
use session::Sessions;

pub(crate) use inspect::{Inspected, inspect};
pub(crate) use migrate::Tables;
pub(crate) use pooler::SHARED_SESSIONS;

pub(super) mod bell;
pub(super) mod changes;
pub(super) mod connect;
mod inspect;
mod jobs;
mod keep;
pub(super) mod migrate;
mod pooler;
mod replicas;
mod session;
mod start;

/// A row that cannot be read may be of a later release, whose bots run beside us:
/// it is left to them for a while, again and again for so long.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(2);
const LEFT_FOR: Duration = Duration::from_mins(10);
/// At the stop, the server has so long to hear of it.
const FAREWELL: Duration = Duration::from_millis(500);

/// A handle on the store.
pub(crate) struct PostgresStore {
    sessions: Sessions,
    /// One, so that nothing else keeps the lease from being renewed.
    lease_session: Sessions,
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
    pub(super) tasks: Background,
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
        let connector = Connector::new(server, &opening.extra_roots, Access::Write)?;
        let mut client = start::first_session(&connector, opening.connections).await?;
        migrate::migrate(&mut client)
            .await
            .context("bringing the tables of the database up to date")?;
        replicas::take_over(&client, &opening.app).await?;
        let asked_at = Instant::now();
        let owner = replicas::register(&client, &opening.app).await?;
        let queue = jobs::queue(&client, &opening.app).await?;
        drop(client);
        let discarded = Arc::new(Notify::new());
        let sessions = |size| Sessions::new(&connector, size, Arc::clone(&discarded));
        let store = Arc::new(Self {
            // One listens, and one renews the lease.
            sessions: sessions(opening.connections.saturating_sub(2).max(1))?,
            lease_session: sessions(1)?,
            app: opening.app,
            clock: opening.clock,
            bounds: opening.bounds,
            open: AtomicUsize::new(queue.open),
            bell: Bell::default(),
            lease: Mutex::new(Arc::new(Held::new(owner, asked_at, LEASE))),
            claiming: tokio::sync::Mutex::default(),
            metrics: opening.metrics,
        });
        // From now on a server that does not answer is told from one that takes no connection. Where
        // there is none to be had, it is tried again with each renewal.
        drop(store.lease_session.get().await);
        let mut tasks = Background::default();
        tasks.spawn("lease", Arc::clone(&store).keep_lease());
        let whose = format!("{} {owner}", store.app);
        let listener = Arc::clone(&store);
        tasks.spawn("listener", async move {
            listener.bell.listen(connector, &whose, &discarded).await;
            Ok(())
        });
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
        let (taking, is_discarded) = self.take(&job).await?;
        let taking = match taking {
            // The session failed, not the request, and the platform repeats an event only after 15 s.
            Err(StoreError::Database) if is_discarded => self.take(&job).await?.0?,
            taking => taking?,
        };
        self.open.fetch_add(taking.opened, Ordering::Relaxed);
        // Also for one that stands behind another of its chat: that may have ended before this one
        // could be seen.
        if taking.opened > 0 {
            self.bell.ring();
        }
        Ok(taking.accepted)
    }

    /// Takes a job over one session; also whether that session is discarded by now.
    async fn take(&self, job: &NewJob) -> Result<(Result<Taking, StoreError>, bool), StoreError> {
        let session = self.sessions.get().await?;
        let (bound, taker) = (self.bounds.open_of_chat, self.lease().owner());
        let taking = jobs::accept(&*session, job, bound, taker, self.now());
        let taking = session.answer(taking).await;
        let is_discarded = session.is_discarded();
        session.give_back_after(job.payload.len());
        Ok((taking, is_discarded))
    }

    pub(crate) async fn claim(&self) -> Result<Claim, StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        if held.is_over() {
            return Err(StoreError::Lost);
        }
        let session = self.sessions.get().await?;
        let row = loop {
            let claimed = jobs::claim(&*session, &self.app, held.owner(), self.now());
            match session.answer(claimed).await? {
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
            session.give_back_after(job.payload.len());
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
        let owned = Owned { id, owner };
        let given_back = jobs::release(&*session, owned, &release, self.now());
        session.answer(given_back).await?;
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
        let (session, owned) = (self.sessions.get().await?, owned(job)?);
        let saved = jobs::save_progress(&*session, owned, progress);
        mine(session.answer(saved).await)
    }

    pub(crate) async fn progress(&self, job: JobId) -> Result<Option<Progress>, StoreError> {
        let session = self.sessions.get().await?;
        let json = session.answer(jobs::progress(&*session, job)).await?;
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
        let (mut session, now, owned) = (self.sessions.get().await?, self.now(), owned(job)?);
        let whose = (&job.key, job.chat.as_str());
        let (client, judge) = session.parts();
        let concluding = async {
            let transaction = client.transaction().await?;
            if let Some(plan) = cancels
                && !changes::cancel(&transaction, plan, now).await?
            {
                outcome = Outcome::refused(Cause::NoSuchPlan);
                record = None;
            }
            if let Some(plan) = &plan {
                outcome = outcome.numbered(changes::plan(&transaction, whose, plan).await?);
            }
            if let Some(record) = record {
                changes::record(&transaction, whose, &record, now).await?;
            }
            let is_ours = jobs::save_outcome(&transaction, owned, &outcome).await?;
            if is_ours {
                transaction.commit().await?;
            }
            Ok((outcome, is_ours))
        };
        let (outcome, is_ours) = judge.answer(concluding).await?;
        mine(Ok(is_ours))?;
        if plan.is_some() {
            // It may be due before anything that is waited for.
            self.bell.ring();
        }
        Ok(outcome)
    }

    pub(crate) async fn run_alone(&self, job: &Job) -> Result<(), StoreError> {
        let (session, owned) = (self.sessions.get().await?, owned(job)?);
        let saved = jobs::run_alone(&*session, owned);
        mine(session.answer(saved).await)
    }

    pub(crate) async fn save_replying(&self, job: &Job) -> Result<(), StoreError> {
        let (session, owned) = (self.sessions.get().await?, owned(job)?);
        let saved = jobs::save_replying(&*session, owned, self.now());
        mine(session.answer(saved).await)
    }

    pub(crate) async fn save_heard(
        &self,
        job: &Job,
        reaction: ReactionId,
    ) -> Result<(), StoreError> {
        let (session, owned) = (self.sessions.get().await?, owned(job)?);
        let saved = jobs::save_heard(&*session, owned, reaction.as_str());
        mine(session.answer(saved).await)
    }

    pub(crate) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        let (session, owned) = (self.sessions.get().await?, owned(job)?);
        let released = jobs::release(&*session, owned, &release, self.now());
        mine(session.answer(released).await)?;
        // Planned work was never counted.
        let counted = !matches!(job.key.step, Step::Publish | Step::Expire);
        if matches!(release, Release::Done | Release::Dead) && counted {
            self.count_less();
        }
        self.bell.ring();
        Ok(())
    }

    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        let probed = replicas::probe(&*session, self.lease().owner());
        // Without a lease nothing is claimed: that is not ready.
        session
            .answer(probed)
            .await?
            .then_some(())
            .ok_or(StoreError::Lost)
    }

    pub(crate) async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(jobs::prune(&*session, &self.app, before))
            .await
    }

    pub(crate) async fn history(&self, chat: ChatKey, count: u32) -> Result<Vec<Made>, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::history(&*session, &chat, count))
            .await
    }

    pub(crate) async fn undoable(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::undoable(&*session, &chat, self.now()))
            .await
    }

    pub(crate) async fn latest_top(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        let session = self.sessions.get().await?;
        session.answer(changes::latest_top(&*session, &chat)).await
    }

    pub(crate) async fn restored_since(
        &self,
        chat: ChatKey,
        since: ChangeId,
    ) -> Result<Vec<Vec<(BlockId, BlockId)>>, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::restored_since(&*session, &chat, since))
            .await
    }

    pub(crate) async fn save_lets_delete(
        &self,
        chat: ChatKey,
        lets_delete: bool,
    ) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::save_lets_delete(&*session, &chat, lets_delete))
            .await
    }

    pub(crate) async fn lets_delete(&self, chat: ChatKey) -> Result<Option<bool>, StoreError> {
        let session = self.sessions.get().await?;
        session.answer(changes::lets_delete(&*session, &chat)).await
    }

    pub(crate) async fn change_of(&self, job: JobKey) -> Result<Option<Made>, StoreError> {
        let session = self.sessions.get().await?;
        session.answer(changes::made_by(&*session, &job)).await
    }

    pub(crate) async fn timed_end(&self, change: ChangeId) -> Result<Option<JobId>, StoreError> {
        let session = self.sessions.get().await?;
        session.answer(changes::timed_end(&*session, change)).await
    }

    pub(crate) async fn planned(&self, chat: ChatKey) -> Result<Vec<WaitingPlan>, StoreError> {
        let session = self.sessions.get().await?;
        session.answer(changes::planned(&*session, &chat)).await
    }

    pub(crate) async fn leave(&self, chat: ChatKey) -> Result<(), StoreError> {
        let mut session = self.sessions.get().await?;
        let (client, judge) = session.parts();
        let leaving = async {
            let transaction = client.transaction().await?;
            changes::leave(&transaction, &chat, self.now()).await?;
            transaction.commit().await
        };
        judge.answer(leaving).await
    }

    pub(crate) async fn forget_changes(
        &self,
        texts: Timestamp,
        rows: Timestamp,
    ) -> Result<usize, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::forget(&*session, &self.app, texts, rows))
            .await
    }

    pub(crate) async fn record_answer(
        &self,
        to: Recipient,
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        let recorded = changes::record_answer(&*session, &to, sent_at);
        session.answer(recorded).await
    }

    pub(crate) async fn last_answer(&self, to: Recipient) -> Result<Option<Timestamp>, StoreError> {
        let session = self.sessions.get().await?;
        session.answer(changes::last_answer(&*session, &to)).await
    }

    pub(crate) async fn save_limit(&self, limited: Limited) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::save_limit(
                &*session,
                &self.app,
                &limited,
                self.now(),
            ))
            .await?;
        self.bell.limited();
        Ok(())
    }

    pub(crate) async fn limits(&self) -> Result<Vec<Limited>, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::limits(&*session, &self.app, self.now()))
            .await
    }

    pub(super) async fn next_turn(&self, window: Duration) -> Result<WriteSlot, StoreError> {
        let session = self.sessions.get().await?;
        session
            .answer(changes::next_turn(&*session, &self.app, window, self.now()))
            .await
    }

    pub(crate) async fn queue(&self) -> Result<Queue, StoreError> {
        let session = self.sessions.get().await?;
        let queue = session.answer(jobs::queue(&*session, &self.app)).await?;
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
}

impl Running {
    /// Leaves the bots that work there; what was not given back is ready again.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.tasks.shutdown().await;
        let held = self.store.lease();
        held.end();
        let farewell = async {
            let session = self.store.lease_session.get().await?;
            let given_up = replicas::give_up(&*session, held.owner());
            session.answer(given_up).await
        };
        // Where it does not hear of it, the lease runs out.
        let left = timeout(FAREWELL, farewell).await;
        self.store.lease_session.close();
        self.store.sessions.close();
        left.context("the database does not answer")?
            .context("leaving the database")?;
        Ok(())
    }

    /// Waits until a task ends by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        self.tasks.ended().await
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
fn mine(updated: Result<bool, StoreError>) -> Result<(), StoreError> {
    if updated? {
        return Ok(());
    }
    tracing::warn!("the job is another bot's by now");
    Err(StoreError::Lost)
}

#[cfg(test)]
mod tests;
