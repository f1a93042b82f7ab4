//! What the pages show and change.

use std::net::SocketAddr;
use std::sync::Arc;

use feishu::{Client, Clock, ExtraRoots};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::store::ConsoleStore;
use crate::config::Config;
use crate::consent::Grants;
use crate::model::job::Tenant;
use crate::store::Store;

/// Open pages that are updated; each renders and reads for itself.
const STREAMS: usize = 16;

/// The settings of the bot, and who may see them.
pub(crate) struct ConsoleSettings {
    pub(crate) config: Config,
    access: Access,
    extra_roots: ExtraRoots,
}

impl ConsoleSettings {
    /// For a console on a listener at this address.
    pub(crate) fn new(config: Config, listens_at: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self {
            access: Access::new(&config.server, listens_at),
            extra_roots: config.tls.extra_roots()?,
            config,
        })
    }
}

/// The parts of the bot that the console uses.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) client: Client,
    pub(crate) grants: Option<Grants>,
    /// Whether the long connection is open, if there is one.
    pub(crate) socket: Option<watch::Receiver<bool>>,
    pub(crate) stop: CancellationToken,
}

pub(crate) struct Console {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) zone: TimeZone,
    pub(super) access: Access,
    /// The bot's own, for what it knows without reading.
    pub(super) bot_store: Store,
    pub(super) store: ConsoleStore,
    pub(super) client: Client,
    pub(super) grants: Option<Grants>,
    pub(super) socket: Option<watch::Receiver<bool>>,
    pub(super) started_at: Timestamp,
    pub(super) streams: Arc<Semaphore>,
    /// One check at a time.
    pub(super) checking: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
}

impl Console {
    pub(crate) fn new(settings: ConsoleSettings, parts: Parts) -> Self {
        let ConsoleSettings {
            config,
            access,
            extra_roots,
        } = settings;
        let url = config.store.database_url.url().clone();
        Self {
            zone: config.reply.time_zone().unwrap_or(TimeZone::UTC),
            started_at: parts.clock.now(),
            config,
            access,
            store: ConsoleStore::new(url, extra_roots),
            clock: parts.clock,
            bot_store: parts.store,
            client: parts.client,
            grants: parts.grants,
            socket: parts.socket,
            streams: Arc::new(Semaphore::new(STREAMS)),
            checking: Arc::new(Semaphore::new(1)),
            stop: parts.stop,
        }
    }

    /// Closes what idle pages leave open, until the stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        self.store.close_idle(stop).await;
    }

    pub(super) fn app(&self) -> &str {
        &self.config.feishu.app_id
    }

    pub(super) fn tenant(&self, key: &str) -> Tenant {
        Tenant {
            app: self.app().to_owned(),
            key: key.into(),
        }
    }

    pub(super) fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }
}
