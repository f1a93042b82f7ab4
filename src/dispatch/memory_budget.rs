//! A memory budget for large jobs: a parsed message takes several times its size.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Smaller jobs, in bytes, do not count. Nearly all are.
const SMALL_JOB: usize = 64 * 1024;
/// Bytes of larger jobs that run at a time: three of the largest events, or more than ten of the
/// longest messages that members can send.
const LARGE_JOBS: usize = 3 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct MemoryBudget(Arc<Semaphore>);

impl Default for MemoryBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_JOBS)))
    }
}

impl MemoryBudget {
    /// Reserves memory for a payload, until the permit is dropped; `None` after a stop.
    pub(super) async fn of(
        &self,
        bytes: usize,
        stop: &CancellationToken,
    ) -> Option<OwnedSemaphorePermit> {
        let permits = if bytes <= SMALL_JOB {
            0
        } else {
            u32::try_from(bytes.min(LARGE_JOBS)).unwrap_or(u32::MAX)
        };
        let memory = Arc::clone(&self.0).acquire_many_owned(permits);
        stop.run_until_cancelled(memory).await?.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn only_large_jobs_wait() {
        let (memory, stop) = (MemoryBudget::default(), CancellationToken::new());
        let take = |bytes| memory.of(bytes, &stop).now_or_never();
        let mut held: Vec<_> = std::iter::from_fn(|| take(1 << 20)).collect();
        assert_eq!(held.len(), 3);
        assert!(take(SMALL_JOB + 1).is_none());
        assert!(take(SMALL_JOB).flatten().is_some());
        held.pop();
        assert!(take(1 << 20).flatten().is_some());
    }

    #[test]
    fn the_largest_job_has_room() {
        let (memory, stop) = (MemoryBudget::default(), CancellationToken::new());
        let largest = memory.of(usize::MAX, &stop).now_or_never();
        assert!(largest.flatten().is_some());
    }

    #[test]
    fn a_stop_ends_the_wait_for_room() {
        let (memory, stop) = (MemoryBudget::default(), CancellationToken::new());
        let _held = memory.of(usize::MAX, &stop).now_or_never();
        let waiting = memory.of(1 << 20, &stop);
        stop.cancel();
        assert!(
            waiting
                .now_or_never()
                .is_some_and(|memory| memory.is_none())
        );
    }
}
