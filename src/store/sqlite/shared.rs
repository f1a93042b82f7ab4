//! What the handles, the writer and the threads beside it share.

use std::sync::atomic::AtomicUsize;

use feishu::Clock;
use tokio::sync::{Notify, watch};

use crate::store::job::Bounds;
use crate::store::sqlite::file::names::Unusable;
use crate::telemetry::Metrics;

/// What handles and writer both look at.
pub(crate) struct Shared {
    pub(crate) app: String,
    pub(crate) clock: Clock,
    /// Jobs that are not finished, as the table holds them.
    pub(crate) open: AtomicUsize,
    pub(crate) bounds: Bounds,
    pub(crate) metrics: Metrics,
    /// Why nothing can be written any more.
    pub(crate) fatal: watch::Sender<Option<Unusable>>,
    /// Rung when there may be something new to claim.
    pub(crate) claimable: Notify,
}
