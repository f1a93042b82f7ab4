//! A memory budget for writes. Building the calls takes many times the memory of the text, so long
//! texts and those with many styles wait for each other.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::{AnnouncementRequest, Context, Failure};
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
pub(super) fn cost(AnnouncementRequest { document, options }: AnnouncementRequest<'_>) -> usize {
    let snapshot = options.replace.map_or(0, |_| SNAPSHOT);
    snapshot + document.run_count() + document.text_len() / BYTES_OF_A_RUN
}

/// The share that a write keeps while it copies files: its texts are in memory, but no calls are
/// built.
const SHARE_WHILE_COPYING: usize = 8;

/// Memory that is reserved until this is dropped.
pub(super) struct Reserved<'a>(Option<SemaphorePermit<'a>>);

impl Reserved<'_> {
    /// Lets others use what is not needed while files are copied, which may take long.
    pub(super) fn shrink(&mut self) {
        if let Some(permit) = &mut self.0 {
            let released = permit.num_permits() - permit.num_permits() / SHARE_WHILE_COPYING;
            drop(permit.split(released));
        }
    }
}

/// Reserves memory for a write of this cost.
pub(super) async fn reserve(cost: usize, context: Context<'_>) -> Result<Reserved<'_>, Failure> {
    if cost < SMALL {
        return Ok(Reserved(None));
    }
    let cost = u32::try_from(cost.min(BUDGET)).unwrap_or(u32::MAX);
    let permit = context.platform.writing.acquire_many(cost);
    match timeout(PATIENCE, permit).await {
        Ok(permit) => Ok(Reserved(permit.ok())),
        Err(_) => Err(Failure::NotBefore(context.clock.now() + PAUSE)),
    }
}
