//! The task that renews this bot's lease, and does what is due with each renewal.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::replicas::{self, LEASE, RENEW_EVERY, Renewed};
use super::session::Session;
use super::{PostgresStore, queue};
use crate::store::StoreError;
use crate::store::lease::LeaseState;

/// While the server cannot be reached, it is asked again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// A server that takes longer to renew a lease does not answer. Together with the time between two
/// renewals it is the longest until that is known.
const RENEW_TIMEOUT: Duration = Duration::from_secs(2);
/// How long what follows a renewal may take.
const TIDY_TIMEOUT: Duration = Duration::from_secs(3);

impl PostgresStore {
    /// Renews the lease, gets another one where it was lost, and takes over what
    /// dead bots have left behind; for ever.
    pub(super) async fn renew_periodically(self: Arc<Self>) -> anyhow::Result<()> {
        let mut next = Instant::now() + RENEW_EVERY;
        loop {
            sleep_until(next).await;
            next = match self.renew().await {
                Ok(next_end) => {
                    let wait = next_end.unwrap_or(RENEW_EVERY).min(RENEW_EVERY);
                    // The other end may be renewed in this very moment.
                    Instant::now() + wait.max(Duration::from_millis(50))
                }
                Err(_) => Instant::now() + PAUSE,
            };
            // What others may have told while nobody listened.
            self.notifier.notify_local();
        }
    }

    /// When the next lease of another bot ends, if there is one.
    pub(super) async fn renew(&self) -> Result<Option<Duration>, StoreError> {
        let next_end = self.renew_lease().await?;
        // It must not keep the lease from being renewed. What is cut off comes with the next one.
        let tidied = timeout(TIDY_TIMEOUT, self.tidy()).await;
        tidied.unwrap_or(Ok(())).map(|()| next_end)
    }

    /// Also finds out whether the server answers at all: where it does not, every other session is
    /// as useless.
    async fn renew_lease(&self) -> Result<Option<Duration>, StoreError> {
        let session = self.lease_session.get().await?;
        let held = self.lease();
        let asked_at = Instant::now();
        let renewing = timeout(RENEW_TIMEOUT, self.renew_or_release(&session, &held)).await;
        let Ok(renewed) = renewing else {
            tracing::error!("the database does not answer: its sessions are discarded");
            self.lease_session.abandon();
            self.sessions.abandon();
            return Err(StoreError::Database);
        };
        match renewed? {
            Renewed::Extended { next_end, bots } => {
                held.renew(asked_at, LEASE);
                self.metrics.replicas(bots);
                Ok(next_end)
            }
            Renewed::Lost => {
                held.end();
                tracing::warn!("the lease on the jobs was lost, and is taken anew");
                let owner = session.run(replicas::register(&*session, &self.app));
                let anew = LeaseState::new(owner.await?, asked_at, LEASE);
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(anew);
                Ok(None)
            }
        }
    }

    async fn renew_or_release(
        &self,
        session: &Session<'_>,
        held: &LeaseState,
    ) -> Result<Renewed, StoreError> {
        if held.is_over() {
            // Nothing goes on under it any more, also if the others are late.
            held.end();
            let unregistered = replicas::unregister(&**session, held.owner());
            session.run(unregistered).await?;
            return Ok(Renewed::Lost);
        }
        let renewed = replicas::renew(&**session, &self.app, held.owner());
        session.run(renewed).await
    }

    /// Takes over what dead bots have left, gives back what nobody here works on, and counts.
    async fn tidy(&self) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        let taken_over = session.run(replicas::take_over(&*session, &self.app));
        let taken_over = taken_over.await?;
        if taken_over > 0 {
            tracing::warn!(
                jobs = taken_over,
                "jobs of a bot that is gone are taken over"
            );
        }
        drop(session);
        self.requeue_orphaned().await?;
        self.queue().await.map(drop)
    }

    /// Makes ready again what the server takes for claimed by this bot, and nobody
    /// here has: the answer to a claim got lost, or work was dropped.
    async fn requeue_orphaned(&self) -> Result<(), StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        let session = self.sessions.get().await?;
        let claimed = held.claimed_jobs();
        let requeue_orphaned =
            session.run(queue::requeue_orphaned(&*session, held.owner(), &claimed));
        let requeue_orphaned = requeue_orphaned.await?;
        if requeue_orphaned > 0 {
            tracing::warn!(
                jobs = requeue_orphaned,
                "jobs that nobody works on are ready again"
            );
        }
        Ok(())
    }
}
