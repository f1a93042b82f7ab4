//! The bots under test: one on a file, or several replicas on a PostgreSQL database.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use rusqlite::Connection;
use test_servers::Database;
use tokio::runtime::Runtime;

use crate::platform::Platform;
use crate::program::{Bot, Program, Running};
use crate::time::Limits;
use crate::usage::Usage;
pub(crate) use pair::Loss;
use pair::Pair;

mod pair;

/// The database, and the number of bots on it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct StoreOptions {
    /// Use a new PostgreSQL database, not a file: on the server that `NOTICEBOT_TEST_POSTGRES_URL`
    /// names, or on one that is started for this run.
    #[arg(long)]
    postgres: bool,
    /// Number of replicas on that database.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    replicas: u8,
}

impl StoreOptions {
    pub(crate) const fn of_one(postgres: bool) -> Self {
        Self {
            postgres,
            replicas: 1,
        }
    }
}

/// The programs under test and their database.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) programs: Vec<Program>,
    store: Store,
    /// The URL of the database.
    url: String,
}

#[derive(Debug)]
enum Store {
    File,
    Server(Database),
    Pair(Box<Mutex<Pair>>),
}

/// The running programs.
#[derive(Debug)]
pub(crate) struct Replicas(pub(crate) Vec<Running>);

impl Fleet {
    /// One program without a database.
    pub(crate) fn of(program: Program) -> Self {
        Self {
            programs: vec![program],
            store: Store::File,
            url: String::new(),
        }
    }

    /// Bots with their files and logs in `folder`.
    pub(crate) fn bots(
        options: StoreOptions,
        runtime: &Runtime,
        bot: Bot<'_>,
        platform: &Platform,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        ensure!(
            options.postgres || options.replicas == 1,
            "`--replicas` needs `--postgres`"
        );
        if options.postgres {
            let database = runtime.block_on(Database::create_durable())?;
            let store = Store::Server(database);
            return Self::on(store, options.replicas, bot, platform, folder);
        }
        Self::on(Store::File, 1, bot, platform, folder)
    }

    /// Bots on a primary that can fail over to its standby.
    pub(crate) fn bots_on_pair(
        options: StoreOptions,
        runtime: &Runtime,
        bot: Bot<'_>,
        platform: &Platform,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let store = Store::Pair(Box::new(Mutex::new(Pair::start(runtime)?)));
        Self::on(store, options.replicas, bot, platform, folder)
    }

    fn on(
        store: Store,
        replicas: u8,
        bot: Bot<'_>,
        platform: &Platform,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let url = store.url(folder);
        let bots = (1..=replicas).map(|number| {
            let log = folder.join(format!("noticebot-{number}.log"));
            Program::bot(bot, platform, &url, log)
        });
        Ok(Self {
            programs: bots.collect::<anyhow::Result<_>>()?,
            store,
            url,
        })
    }

    /// Loses the primary, promotes its standby, and starts another standby once `recovered`, which
    /// gets the time of the promotion, has returned.
    pub(crate) fn fail_over<T>(
        &self,
        runtime: &Runtime,
        loss: Loss,
        recovered: impl FnOnce(Instant) -> T,
    ) -> anyhow::Result<T> {
        let Store::Pair(pair) = &self.store else {
            anyhow::bail!("failing over: no standby");
        };
        let mut pair = pair.lock().unwrap_or_else(PoisonError::into_inner);
        let promoted_at = pair.fail_over(runtime, loss)?;
        let result = recovered(promoted_at);
        pair.replace_standby(runtime)?;
        Ok(result)
    }

    pub(crate) fn is_on_server(&self) -> bool {
        !matches!(self.store, Store::File)
    }

    /// The size of the write-ahead log of a file, in MiB; `None` on a server.
    pub(crate) fn log_mib(&self) -> Option<f64> {
        let file = self.url.strip_prefix("sqlite://")?;
        let length = std::fs::metadata(format!("{file}-wal")).map_or(0, |log| log.len());
        #[expect(clippy::cast_precision_loss, reason = "no log has 2^52 bytes")]
        Some(length as f64 / f64::from(1 << 20))
    }

    /// Runs statements on the database.
    pub(crate) fn execute(&self, runtime: &Runtime, statements: &str) -> anyhow::Result<()> {
        match &self.store {
            Store::File => {
                let file = self.url.trim_start_matches("sqlite://");
                Ok(Connection::open(file)?.execute_batch(statements)?)
            }
            Store::Server(database) => Ok(runtime.block_on(database.execute(statements))?),
            Store::Pair(pair) => {
                let pair = pair.lock().unwrap_or_else(PoisonError::into_inner);
                pair.execute(runtime, statements)
            }
        }
    }

    /// Terminates all connections to the database.
    pub(crate) fn cut(&self, runtime: &Runtime) -> anyhow::Result<()> {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.execute(runtime, others)
    }

    /// The addresses that receive events.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |program: &Program| program.address;
        self.programs.iter().map(address).collect()
    }

    /// Starts all programs and waits until they are ready; returns the time of the slowest.
    pub(crate) fn start(&self, limits: &Limits) -> anyhow::Result<(Replicas, Duration)> {
        let started: anyhow::Result<Vec<Running>> =
            self.programs.iter().map(Program::start).collect();
        let mut replicas = Replicas(started?);
        let mut longest = Duration::ZERO;
        for running in &mut replicas.0 {
            longest = longest.max(running.ready(limits)?);
        }
        Ok((replicas, longest))
    }

    /// Adds the ends of the programs' logs to an error.
    pub(crate) fn explain<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| {
            let log_tail = self.programs.iter().map(Program::log_tail);
            let log_tail = log_tail.collect::<Vec<_>>().join("\n");
            anyhow!("{error:#}\n{log_tail}")
        })
    }
}

impl Store {
    fn url(&self, folder: &Path) -> String {
        match self {
            Self::File => format!("sqlite://{}", folder.join("noticebot.db").display()),
            Self::Server(database) => database.url(),
            Self::Pair(pair) => pair.lock().unwrap_or_else(PoisonError::into_inner).url(),
        }
    }
}

impl Replicas {
    pub(crate) fn is_ready(&self) -> bool {
        self.0.iter().all(Running::is_ready)
    }

    /// No job is open; each replica counts the jobs of all.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.iter().all(Running::is_idle)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.iter_mut().any(Running::has_ended)
    }

    /// The metrics of the first replica.
    pub(crate) fn metrics(&self) -> anyhow::Result<String> {
        let metrics = self.0.first().and_then(Running::metrics);
        metrics.context("reading the metrics of the bot")
    }

    /// Requests a path of the first replica's admin listener; returns the status and the text.
    pub(crate) fn ask_admin(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let first = self.0.first().context("no replica")?;
        first.ask_admin(path)
    }

    /// Stops all of them gracefully.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.0.into_iter().try_for_each(Running::stop)
    }

    /// The sum over all replicas.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let mut sum = Usage::default();
        for running in &self.0 {
            sum = sum.and(&running.usage()?);
        }
        Ok(sum)
    }
}
