//! Deletes old data periodically.

use std::time::Duration;

use feishu::Clock;
use tokio_util::sync::CancellationToken;

use crate::model::change::UNDO_AGE;
use crate::store::Store;

const FORGET_EVERY: Duration = Duration::from_hours(1);

/// How long finished jobs and changes are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    pub(super) finished: Duration,
    pub(super) changes: Duration,
}

/// Deletes expired rows in portions until none is left, every hour.
pub(super) async fn forget(
    store: Store,
    clock: Clock,
    retention: Retention,
    stop: CancellationToken,
) {
    let forget = async {
        loop {
            let now = clock.now();
            let finished = now - retention.finished;
            while matches!(store.prune(finished).await, Ok(1..)) {}
            let (texts, rows) = (now - UNDO_AGE, now - retention.changes);
            while matches!(store.forget_changes(texts, rows).await, Ok(1..)) {}
            clock.sleep(FORGET_EVERY).await;
        }
    };
    // A portion may take long, so a stop cancels it.
    stop.run_until_cancelled(Box::pin(forget)).await;
}
