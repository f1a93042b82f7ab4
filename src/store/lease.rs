//! The right to work on claimed jobs, where several bots share a store.
//!
//! A bot holds one lease for all that it works on, and renews it. Once it is
//! over the jobs are another's, so work under it has to stop before: the holder
//! reckons from before it asked for the renewal, by a clock that goes on whatever
//! the machine's time is set to, and stops a little early. (A machine that was
//! suspended is the exception: that clock stood still with it. What such a bot then
//! tells the store is refused, but a call of the platform may go out before.)
//!
//! It also knows which jobs somebody here has in hand. Whatever else the store takes
//! for ours, because the answer to a claim was lost or work was dropped while the
//! lease seemed over, is given back when the lease is renewed.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Work stops so long before the lease ends, as a call that was just made is
/// still on its way then.
const MARGIN: Duration = Duration::from_secs(1);

/// The owner of every job that is claimed in a file, which one process uses at a time.
pub(super) const SOLE_OWNER: i64 = 0;

/// The right to work on the jobs that were claimed under it.
#[derive(Debug, Clone)]
pub(crate) enum Lease {
    /// Nobody else can work on them.
    Sole,
    /// Others may, once it is over.
    Expiring(Arc<ClaimGuard>),
}

/// A lease that has to be renewed.
#[derive(Debug)]
pub(crate) struct LeaseState {
    /// The number of its holder in the database.
    owner: i64,
    good_until: Mutex<Instant>,
    over: CancellationToken,
    /// How often each job is in hand. That is more than once where one was given back
    /// and claimed again before the hand that gave it was empty.
    claimed: Mutex<HashMap<i64, usize>>,
}

/// A job that was claimed under a lease, for as long as somebody has it.
#[derive(Debug)]
pub(crate) struct ClaimGuard {
    lease: Arc<LeaseState>,
    job: i64,
}

impl ClaimGuard {
    pub(super) fn new(lease: &Arc<LeaseState>, job: i64) -> Self {
        *lease.claimed().entry(job).or_default() += 1;
        let lease = Arc::clone(lease);
        Self { lease, job }
    }

    pub(super) fn lease(&self) -> &LeaseState {
        &self.lease
    }
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        let mut claimed = self.lease.claimed();
        match claimed.get_mut(&self.job) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(claimed.remove(&self.job)),
        }
    }
}

impl Lease {
    /// The value of the column `owner` of a job that was claimed under it.
    pub(super) fn owner(&self) -> i64 {
        match self {
            Self::Sole => SOLE_OWNER,
            Self::Expiring(claimed) => claimed.lease.owner,
        }
    }

    /// Works until the lease is over; `None` if it was over first. That is looked
    /// at before every step, so that a bot which was frozen for a while does not
    /// go on where it stopped.
    pub(crate) async fn run<F: Future>(&self, work: F) -> Option<F::Output> {
        let Self::Expiring(claimed) = self else {
            return Some(work.await);
        };
        let held = claimed.lease();
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
    /// A lease that was asked for at `asked_at` and is for so long.
    pub(super) fn new(owner: i64, asked_at: Instant, length: Duration) -> Self {
        Self {
            owner,
            good_until: Mutex::new(asked_at + length - MARGIN),
            over: CancellationToken::new(),
            claimed: Mutex::default(),
        }
    }

    fn claimed(&self) -> MutexGuard<'_, HashMap<i64, usize>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs that somebody here has.
    pub(super) fn claimed_jobs(&self) -> Vec<i64> {
        self.claimed().keys().copied().collect()
    }

    /// The number of its holder in the database.
    pub(super) fn owner(&self) -> i64 {
        self.owner
    }

    /// When work under it has to stop, unless it is renewed.
    pub(super) fn good_until(&self) -> Instant {
        *self
            .good_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// It was renewed, by a request that was made at `asked_at`.
    pub(super) fn renew(&self, asked_at: Instant, length: Duration) {
        let mut good_until = self
            .good_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *good_until = asked_at + length - MARGIN;
    }

    /// It cannot be renewed any more.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// Whether work under it has to stop.
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
    async fn a_job_is_in_hand_until_the_last_hand_is_empty() {
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
    async fn work_stops_when_the_lease_is_over_and_goes_on_while_it_is_renewed() {
        let (lease, held) = lease();
        let work = async {
            for _ in 0..4 {
                tokio::time::sleep(7 * MARGIN).await;
                held.renew(Instant::now(), LENGTH);
            }
            // Nobody renews it now.
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
    async fn it_ends_at_once_when_it_is_taken_away_and_holds_for_ever_where_there_is_nobody_else() {
        let (lease, held) = lease();
        let end = async { held.end() };
        let (done, ()) = tokio::join!(lease.run(std::future::pending::<()>()), end);
        assert_eq!(done, None);
        assert_eq!(lease.run(async { 1 }).await, None);
        assert_eq!(Lease::Sole.run(async { 1 }).await, Some(1));
    }
}
