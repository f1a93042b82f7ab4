//! A primary and a standby behind one address, which change places.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use test_servers::{Database, Proxy, Server};
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// How often it is asked whether the standby has caught up.
const GLANCE: Duration = Duration::from_millis(20);
/// How long that may take.
const CATCH_UP: Duration = Duration::from_secs(30);
/// By then, sessions that were open have read that a commit waits for the standby.
const SETTINGS_READ: Duration = Duration::from_millis(300);

/// Every commit that is acknowledged is on both servers.
#[derive(Debug)]
pub(crate) struct Pair {
    primary: Server,
    standby: Server,
    proxy: Proxy,
    database: Database,
}

/// How a primary goes away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// Its connections end.
    Crash,
    /// It stops where it is, and nobody ends its connections.
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

    /// The database behind the address that always leads to the primary.
    pub(crate) fn url(&self) -> String {
        self.database.url_at(&[self.proxy.address()])
    }

    /// Runs statements on the primary.
    pub(crate) fn execute(&self, runtime: &Runtime, statements: &str) -> anyhow::Result<()> {
        Ok(runtime.block_on(self.database.execute(statements))?)
    }

    /// Loses the primary and promotes the standby; says when its database was back.
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

    /// Gives the promoted server a standby of its own, so that it can be lost, too.
    pub(crate) fn replace_standby(&mut self, runtime: &Runtime) -> anyhow::Result<()> {
        let next = self.standby.standby()?;
        self.primary = std::mem::replace(&mut self.standby, next);
        runtime.block_on(self.follow())
    }

    /// Has each commit wait for the standby, and waits until it has all that were made before.
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
            ensure!(begun.elapsed() < CATCH_UP, "the standby does not catch up");
            sleep(GLANCE).await;
        }
        Ok(())
    }
}
