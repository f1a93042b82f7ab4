//! What a store is opened with.

use feishu::{Clock, ExtraRoots};

use crate::config::DatabaseUrl;
use crate::store::job::Bounds;
use crate::telemetry::Metrics;

/// What a store is opened with.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) url: DatabaseUrl,
    /// The app whose jobs are worked on; others in the same database are left
    /// alone.
    pub(crate) app: String,
    pub(crate) bounds: Bounds,
    pub(crate) clock: Clock,
    /// The most connections to a server.
    pub(crate) connections: usize,
    /// Whom TLS to a server trusts beside the machine's authorities.
    pub(crate) extra_roots: ExtraRoots,
    pub(crate) metrics: Metrics,
    /// Whether a file may be on a network file system.
    pub(crate) allow_network_file: bool,
}
