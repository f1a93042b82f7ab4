//! The task that renews this bot's lease, and does what is due with each renewal.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::replicas::{self, LEASE, RENEW_EVERY, Renewed};
use super::session::Session;
use super::{PostgresStore, queue};
use crate::store::StoreError;
use crate::store::lease::Held;

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
    pub(super) async fn keep_lease(self: Arc<Self>) -> anyhow::Result<()> {
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
            self.bell.ring_here();
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
        let renewing = timeout(RENEW_TIMEOUT, self.ask_for_lease(&session, &held)).await;
        let Ok(renewed) = renewing else {
            tracing::error!("the database does not answer: its sessions are discarded");
            self.lease_session.abandon();
            self.sessions.abandon();
            return Err(StoreError::Database);
        };
        match renewed? {
            Renewed::Held { next_end, bots } => {
                held.renew(asked_at, LEASE);
                self.metrics.replicas(bots);
                Ok(next_end)
            }
            Renewed::Lost => {
                held.end();
                tracing::warn!("the lease on the jobs was lost, and is taken anew");
                let owner = session.answer(replicas::register(&*session, &self.app));
                let anew = Held::new(owner.await?, asked_at, LEASE);
                *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(anew);
                Ok(None)
            }
        }
    }

    async fn ask_for_lease(
        &self,
        session: &Session<'_>,
        held: &Held,
    ) -> Result<Renewed, StoreError> {
        if held.is_over() {
            // Nothing goes on under it any more, also if the others are late.
            held.end();
            let given_up = replicas::give_up(&**session, held.owner());
            session.answer(given_up).await?;
            return Ok(Renewed::Lost);
        }
        let renewed = replicas::renew(&**session, &self.app, held.owner());
        session.answer(renewed).await
    }

    /// Takes over what dead bots have left, gives back what nobody here works on, and counts.
    async fn tidy(&self) -> Result<(), StoreError> {
        let session = self.sessions.get().await?;
        let taken_over = session.answer(replicas::take_over(&*session, &self.app));
        let taken_over = taken_over.await?;
        if taken_over > 0 {
            tracing::warn!(
                jobs = taken_over,
                "jobs of a bot that is gone are taken over"
            );
        }
        drop(session);
        self.put_back().await?;
        self.queue().await.map(drop)
    }

    /// Makes ready again what the server takes for claimed by this bot, and nobody
    /// here has: the answer to a claim got lost, or work was dropped.
    async fn put_back(&self) -> Result<(), StoreError> {
        let _claiming = self.claiming.lock().await;
        let held = self.lease();
        let session = self.sessions.get().await?;
        let in_hand = held.jobs_in_hand();
        let put_back = session.answer(queue::put_back(&*session, held.owner(), &in_hand));
        let put_back = put_back.await?;
        if put_back > 0 {
            tracing::warn!(jobs = put_back, "jobs that nobody works on are ready again");
        }
        Ok(())
    }
}
