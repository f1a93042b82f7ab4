//! State shared by the handles, the writer and the checkpointer.

use std::sync::atomic::AtomicUsize;

use feishu::Clock;
use tokio::sync::watch;

use crate::store::job::Bounds;
use crate::store::sqlite::file::names::Unusable;
use crate::store::waker::Waker;
use crate::telemetry::Metrics;

pub(crate) struct Shared {
    pub(crate) app: String,
    pub(crate) clock: Clock,
    /// Unfinished jobs in the table.
    pub(crate) open: AtomicUsize,
    pub(crate) bounds: Bounds,
    pub(crate) metrics: Metrics,
    /// Why the file cannot be used; set once.
    pub(crate) fatal: watch::Sender<Option<Unusable>>,
    /// Woken when there may be a new job to claim.
    pub(in crate::store) claimable: Waker,
}
