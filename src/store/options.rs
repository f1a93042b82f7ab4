//! What a store is opened with.

use feishu::{Clock, ExtraRoots};

use crate::config::{Config, DatabaseUrl};
use crate::store::job::Bounds;
use crate::telemetry::Metrics;

/// What a store is opened with.
#[derive(Clone)]
pub(crate) struct StoreOptions {
    pub(crate) url: DatabaseUrl,
    /// Only jobs of this app are executed; others in the same database are left untouched.
    pub(crate) app: String,
    pub(crate) bounds: Bounds,
    pub(crate) clock: Clock,
    /// Maximum number of connections to a server.
    pub(crate) connections: usize,
    /// Root certificates for TLS to a server, in addition to the machine's.
    pub(crate) extra_roots: ExtraRoots,
    pub(crate) metrics: Metrics,
    pub(crate) allow_network_file: bool,
}

impl StoreOptions {
    pub(crate) fn from_config(
        config: &Config,
        clock: Clock,
        metrics: &Metrics,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            url: config.store.database_url.url().clone(),
            app: config.feishu.app_id.clone(),
            bounds: Bounds {
                open: config.store.max_open_jobs,
                open_of_chat: config.store.max_open_jobs_per_chat,
            },
            clock,
            connections: config.store.connections,
            extra_roots: config.tls.extra_roots()?,
            metrics: metrics.clone(),
            allow_network_file: config.store.allow_network_file,
        })
    }
}
