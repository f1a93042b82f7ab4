//! The task that renews this replica's lease, followed by periodic cleanup.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::replicas::{self, LEASE, RENEW_EVERY, Renewed};
use super::session::Session;
use super::{PostgresStore, queue};
use crate::store::StoreError;
use crate::store::lease::LeaseState;

/// Delay before a failed renewal is retried.
const PAUSE: Duration = Duration::from_secs(1);
/// Time limit for a renewal. Added to the interval of renewals it is the longest time until an
/// unresponsive server is detected.
const RENEW_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for the cleanup after a renewal.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(3);

impl PostgresStore {
    /// Renews the lease, replaces a lost one, and takes over the jobs of crashed replicas, until it
    /// is cancelled.
    pub(super) async fn renew_periodically(self: Arc<Self>) -> anyhow::Result<()> {
        let mut next = Instant::now() + RENEW_EVERY;
        loop {
            sleep_until(next).await;
            next = match self.renew().await {
                Ok(next_end) => {
                    let wait = next_end.unwrap_or(RENEW_EVERY).min(RENEW_EVERY);
                    // The other lease may be renewed at this moment.
                    Instant::now() + wait.max(Duration::from_millis(50))
                }
                Err(_) => Instant::now() + PAUSE,
            };
            // Notifications may have been missed.
            self.notifier.notify_local();
        }
    }

    /// Returns the time until the next lease of another replica expires, if there is one.
    pub(super) async fn renew(&self) -> Result<Option<Duration>, StoreError> {
        let next_end = self.renew_lease().await?;
        // The cleanup must not delay the next renewal. The rest follows then.
        let cleaned = timeout(CLEANUP_TIMEOUT, self.clean_up()).await;
        cleaned.unwrap_or(Ok(())).map(|()| next_end)
    }

    /// Also detects an unresponsive server, and then discards all sessions.
    async fn renew_lease(&self) -> Result<Option<Duration>, StoreError> {
        let session = self.lease_session.get().await?;
        let held = self.lease();
        let asked_at = Instant::now();
        let renewing = timeout(RENEW_TIMEOUT, self.renew_or_release(&session, &held)).await;
        let Ok(renewed) = renewing else {
            tracing::error!("the database did not respond; discarded its sessions");
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
                tracing::warn!("lost the lease; acquiring a new one");
                let owner = session.run(replicas::register(&*session, &self.app));
                let new_lease = LeaseState::new(owner.await?, asked_at, LEASE);
                *self.lease.lock() = Arc::new(new_lease);
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
            // Work under it has stopped, even if no other replica has taken over.
            held.end();
            let unregistered = replicas::unregister(&**session, held.owner());
            session.run(unregistered).await?;
            return Ok(Renewed::Lost);
        }
        let renewed = replicas::renew(&**session, &self.app, held.owner());
        session.run(renewed).await
    }

    /// Takes over jobs of crashed replicas, requeues orphaned ones, and counts the queue.
    async fn clean_up(&self) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        let taken_over = session.run(replicas::take_over(&*session, &self.app, self.now()));
        let taken_over = taken_over.await?;
        if taken_over > 0 {
            tracing::warn!(jobs = taken_over, "took over jobs of a stopped replica");
        }
        drop(session);
        self.requeue_orphaned().await?;
        self.queue().await.map(drop)
    }

    /// Requeues jobs that the database assigns to this replica and that it does not work on: the
    /// response to a claim was lost, or work was dropped.
    async fn requeue_orphaned(&self) -> Result<(), StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        let session = self.sessions.get().await?;
        let claimed = held.claimed_jobs();
        let requeued = session.run(queue::requeue_orphaned(&*session, held.owner(), &claimed));
        let requeued = requeued.await?;
        if requeued > 0 {
            tracing::warn!(jobs = requeued, "requeued orphaned jobs");
        }
        Ok(())
    }
}
