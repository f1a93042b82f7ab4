//! A memory budget for writes. Building the calls takes many times the memory of the text, so long
//! texts and those with many styles wait for each other.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::{Context, Failure};
use crate::content::Document;
use crate::model::schedule::AnnounceOptions;
use crate::platform::BUDGET;

/// Texts that cost less do not wait.
const SMALL: usize = 200;
/// Bytes of text that take as much memory as one run.
const BYTES_OF_A_RUN: usize = 64;
/// How long a job waits while it blocks a worker slot.
const PATIENCE: Duration = Duration::from_millis(300);
/// The delay before a job tries again.
const PAUSE: Duration = Duration::from_millis(500);

/// Replaced content is read, saved and compared.
pub(super) const SNAPSHOT: usize = BUDGET / 3;

/// The cost of writing the document, in runs of text.
pub(super) fn cost(document: &Document, options: AnnounceOptions) -> usize {
    let snapshot = options.replace.map_or(0, |_| SNAPSHOT);
    snapshot + document.run_count() + document.text_len() / BYTES_OF_A_RUN
}

/// Reserves memory for a write of this cost, until the permit is dropped.
pub(super) async fn reserve(
    cost: usize,
    context: Context<'_>,
) -> Result<Option<SemaphorePermit<'_>>, Failure> {
    if cost < SMALL {
        return Ok(None);
    }
    let cost = u32::try_from(cost.min(BUDGET)).unwrap_or(u32::MAX);
    let permit = context.platform.writing.acquire_many(cost);
    match timeout(PATIENCE, permit).await {
        Ok(permit) => Ok(permit.ok()),
        Err(_) => Err(Failure::NotBefore(context.clock.now() + PAUSE)),
    }
}
