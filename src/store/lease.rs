//! The lease under which a replica works on its claimed jobs.
//!
//! A replica holds one lease for all its jobs and renews it. After the lease expires, other
//! replicas take the jobs over, so work must stop before that. The holder counts from before it
//! requested the renewal, on a monotonic clock, and stops [`MARGIN`] early. (That clock does not
//! advance while the machine is suspended. The store rejects what such a replica writes, but a call
//! to the platform may still be sent.)
//!
//! The lease state also knows which jobs are being worked on. Other jobs that the database assigns
//! to this replica are orphaned: the response to a claim was lost, or work was dropped while the
//! lease seemed expired. They are requeued with the next renewal.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Work stops this long before the lease expires, because the last call may still be in flight.
const MARGIN: Duration = Duration::from_secs(1);

/// The owner of every claimed job in a file: only one process uses a file.
pub(super) const SOLE_OWNER: i64 = 0;

/// Permission to work on a claimed job.
#[derive(Debug, Clone)]
pub(crate) enum Lease {
    /// No other process can claim the job.
    Sole,
    /// Another replica takes the job over after the lease expires.
    Expiring(Arc<ClaimGuard>),
}

/// A lease that must be renewed, and the jobs claimed under it.
#[derive(Debug)]
pub(crate) struct LeaseState {
    /// The id of the replica.
    owner: i64,
    good_until: Mutex<Instant>,
    over: CancellationToken,
    /// Guards per job: more than one if a job was released and claimed again before the first guard
    /// was dropped.
    claimed: Mutex<HashMap<i64, usize>>,
}

/// Marks a job as worked on until it is dropped.
#[derive(Debug)]
pub(crate) struct ClaimGuard {
    lease: Arc<LeaseState>,
    job: i64,
}

impl ClaimGuard {
    pub(super) fn new(lease: &Arc<LeaseState>, job: i64) -> Self {
        *lease.claimed.lock().entry(job).or_default() += 1;
        let lease = Arc::clone(lease);
        Self { lease, job }
    }

    pub(super) fn lease(&self) -> &LeaseState {
        &self.lease
    }
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        let mut claimed = self.lease.claimed.lock();
        match claimed.get_mut(&self.job) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(claimed.remove(&self.job)),
        }
    }
}

impl Lease {
    /// The value of the column `owner`.
    pub(super) fn owner(&self) -> i64 {
        match self {
            Self::Sole => SOLE_OWNER,
            Self::Expiring(claimed) => claimed.lease.owner,
        }
    }

    /// Runs `work` until the lease expires; `None` if it expires first.
    pub(crate) async fn run<F: Future>(&self, work: F) -> Option<F::Output> {
        let Self::Expiring(claimed) = self else {
            return Some(work.await);
        };
        let held = claimed.lease();
        // Checked before every poll, so that a process that was suspended does not continue.
        let (mut work, mut over) = (pin!(work), pin!(held.over.cancelled()));
        poll_fn(|context| {
            if held.is_over() || over.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }
}

impl LeaseState {
    /// A lease requested at `asked_at`.
    pub(super) fn new(owner: i64, asked_at: Instant, length: Duration) -> Self {
        Self {
            owner,
            good_until: Mutex::new(asked_at + length - MARGIN),
            over: CancellationToken::new(),
            claimed: Mutex::default(),
        }
    }

    pub(super) fn claimed_jobs(&self) -> Vec<i64> {
        self.claimed.lock().keys().copied().collect()
    }

    pub(super) fn owner(&self) -> i64 {
        self.owner
    }

    pub(super) fn good_until(&self) -> Instant {
        *self.good_until.lock()
    }

    pub(super) fn renew(&self, asked_at: Instant, length: Duration) {
        *self.good_until.lock() = asked_at + length - MARGIN;
    }

    pub(super) fn end(&self) {
        self.over.cancel();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled() || Instant::now() >= self.good_until()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(9);

    fn lease() -> (Lease, Arc<LeaseState>) {
        let held = Arc::new(LeaseState::new(1, Instant::now(), LENGTH));
        (Lease::Expiring(Arc::new(ClaimGuard::new(&held, 7))), held)
    }

    #[tokio::test]
    async fn job_is_claimed_until_its_last_guard_drops() {
        let (first, held) = lease();
        let copy = first.clone();
        drop(first);
        let again = ClaimGuard::new(&held, 7);
        drop(copy);
        assert_eq!(held.claimed_jobs(), [7]);
        drop(again);
        assert_eq!(held.claimed_jobs(), [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_continues_only_while_the_lease_is_renewed() {
        let (lease, held) = lease();
        let work = async {
            for _ in 0..4 {
                tokio::time::sleep(7 * MARGIN).await;
                held.renew(Instant::now(), LENGTH);
            }
            // From here on, nothing renews it.
            loop {
                tokio::time::sleep(MARGIN / 2).await;
            }
        };
        let begun = Instant::now();
        assert_eq!(lease.run(work).await, None::<()>);
        let lasted = begun.elapsed();
        assert_eq!(lasted, 4 * 7 * MARGIN + 8 * MARGIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_lease_stops_work() {
        let (lease, held) = lease();
        let end = async { held.end() };
        let (done, ()) = tokio::join!(lease.run(std::future::pending::<()>()), end);
        assert_eq!(done, None);
        assert_eq!(lease.run(async { 1 }).await, None);
    }

    #[tokio::test]
    async fn a_sole_lease_never_expires() {
        assert_eq!(Lease::Sole.run(async { 1 }).await, Some(1));
    }
}
