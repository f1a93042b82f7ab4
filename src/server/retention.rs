//! What a bot does beside its work: it forgets what is old.

use std::time::Duration;

use feishu::Clock;
use tokio_util::sync::CancellationToken;

use crate::model::change::UNDO_AGE;
use crate::store::Store;

/// How often what is old enough is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// How long what is over is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    pub(super) finished: Duration,
    pub(super) changes: Duration,
}

/// Forgets what is over once it is old enough, in portions until none is left.
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
    // A portion may take long, and is of no use to anybody who waits for the stop.
    stop.run_until_cancelled(Box::pin(forget)).await;
}
