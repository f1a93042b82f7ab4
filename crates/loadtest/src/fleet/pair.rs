//! A primary and a standby behind one address, which swap roles on a failover.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use test_servers::{Database, Proxy, Server};
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// How often replication is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Timeout for the standby to catch up.
const CATCH_UP: Duration = Duration::from_secs(30);
/// By then, open sessions have read that commits wait for the standby.
const SETTINGS_READ: Duration = Duration::from_millis(300);

/// Synchronous replication: every acknowledged commit is on both servers.
#[derive(Debug)]
pub(crate) struct Pair {
    primary: Server,
    standby: Server,
    proxy: Proxy,
    database: Database,
}

/// How a primary is lost.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// Its connections end.
    Crash,
    /// It is frozen, and its connections stay open.
    Freeze,
}

impl Pair {
    pub(crate) fn start(runtime: &Runtime) -> anyhow::Result<Self> {
        let primary = Server::primary()?;
        let database = runtime.block_on(Database::create_on(&primary))?;
        let proxy = runtime.block_on(Proxy::open(primary.address()))?;
        let standby = primary.standby()?;
        let pair = Self {
            primary,
            standby,
            proxy,
            database,
        };
        runtime.block_on(pair.follow())?;
        Ok(pair)
    }

    /// The database at the address of the current primary.
    pub(crate) fn url(&self) -> String {
        self.database.url_at(&[self.proxy.address()])
    }

    /// Runs statements on the primary.
    pub(crate) fn execute(&self, runtime: &Runtime, statements: &str) -> anyhow::Result<()> {
        Ok(runtime.block_on(self.database.execute(statements))?)
    }

    /// Loses the primary and promotes the standby; returns the time of the promotion.
    pub(crate) fn fail_over(&mut self, runtime: &Runtime, loss: Loss) -> anyhow::Result<Instant> {
        match loss {
            Loss::Crash => self.primary.kill()?,
            Loss::Freeze => {
                self.primary.freeze()?;
                self.proxy.silence();
            }
        }
        let database = self.database.on_standby(&self.standby);
        runtime
            .block_on(database.execute("SELECT pg_promote()"))
            .context("promoting the standby")?;
        self.proxy.lead_to(self.standby.address());
        self.database = database;
        Ok(Instant::now())
    }

    /// Starts a standby for the promoted server.
    pub(crate) fn replace_standby(&mut self, runtime: &Runtime) -> anyhow::Result<()> {
        let next = self.standby.standby()?;
        self.primary = std::mem::replace(&mut self.standby, next);
        runtime.block_on(self.follow())
    }

    /// Turns on synchronous replication and waits until the standby has caught up.
    async fn follow(&self) -> anyhow::Result<()> {
        let synchronous = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        self.database.execute(synchronous).await?;
        self.database.execute("SELECT pg_reload_conf()").await?;
        sleep(SETTINGS_READ).await;
        let written = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint";
        let written = self.database.number(written).await?;
        let followed = format!(
            "SELECT count(*) FROM pg_stat_replication
             WHERE sync_state = 'sync' AND flush_lsn - '0/0'::pg_lsn >= {written}"
        );
        let begun = Instant::now();
        while self.database.number(&followed).await? == 0 {
            ensure!(
                begun.elapsed() < CATCH_UP,
                "waiting for the standby: not caught up in time"
            );
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }
}
