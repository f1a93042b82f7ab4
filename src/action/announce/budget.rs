//! How much is written at once: the calls that write a text take many times its memory, so texts
//! that are long or have many styles take turns.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::{Context, Failure};
use crate::content::Document;
use crate::model::schedule::AnnounceOptions;
use crate::platform::BUDGET;

/// A text that costs less needs no turn.
const SMALL: usize = 200;
/// So many bytes of text take as much memory as a run.
const BYTES_OF_A_RUN: usize = 64;
/// A turn is waited for so long; meanwhile the job takes the place of another.
const PATIENCE: Duration = Duration::from_millis(300);
/// A job that had no turn is tried again after this time.
const PAUSE: Duration = Duration::from_millis(500);

/// What is replaced is read, saved and compared.
pub(super) const FORMER: usize = BUDGET / 3;

/// What it costs to write the document.
pub(super) fn of(document: &Document, options: AnnounceOptions) -> usize {
    let snapshot = options.replace.map_or(0, |_| FORMER);
    snapshot + document.run_count() + document.text_len() / BYTES_OF_A_RUN
}

/// Waits for a turn to write what costs so much, which lasts until it is dropped.
pub(super) async fn turn(
    cost: usize,
    context: Context<'_>,
) -> Result<Option<SemaphorePermit<'_>>, Failure> {
    if cost < SMALL {
        return Ok(None);
    }
    let cost = u32::try_from(cost.min(BUDGET)).unwrap_or(u32::MAX);
    let turn = context.platform.writing.acquire_many(cost);
    match timeout(PATIENCE, turn).await {
        Ok(turn) => Ok(turn.ok()),
        Err(_) => Err(Failure::NotBefore(context.clock.now() + PAUSE)),
    }
}
