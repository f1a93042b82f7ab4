//! The bots under test: one on a file, or several that work as one on a PostgreSQL database.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use rusqlite::Connection;
use test_servers::Database;
use tokio::runtime::Runtime;

use crate::platform::Platform;
use crate::program::{Program, Running};
use crate::time::Limits;
use crate::usage::Usage;
pub(crate) use pair::Loss;
use pair::Pair;

mod pair;

/// Where jobs are kept, and by how many.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct StoreOptions {
    /// Keep jobs in a fresh PostgreSQL database, not in a file: on the server that
    /// `NOTICEBOT_TEST_POSTGRES_URL` names, or on one that is started for this run.
    #[arg(long)]
    postgres: bool,
    /// How many bots share that database.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    replicas: u8,
}

impl StoreOptions {
    /// For one bot.
    pub(crate) const fn of_one(postgres: bool) -> Self {
        Self {
            postgres,
            replicas: 1,
        }
    }
}

/// How to start them, each the same every time.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) programs: Vec<Program>,
    /// Kept for as long as they need it.
    store: Store,
    /// The database as the bots name it.
    url: String,
}

/// Where their database is.
#[derive(Debug)]
enum Store {
    File,
    Server(Database),
    Pair(Box<Mutex<Pair>>),
}

/// Those that run.
#[derive(Debug)]
pub(crate) struct Crew(pub(crate) Vec<Running>);

impl Fleet {
    /// One program that stands for itself.
    pub(crate) fn of(program: Program) -> Self {
        Self {
            programs: vec![program],
            store: Store::File,
            url: String::new(),
        }
    }

    /// The bots, with their files and logs in `folder`.
    pub(crate) fn bots(
        options: StoreOptions,
        runtime: &Runtime,
        bot: (&Path, Option<&Path>),
        platform: &Platform,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        ensure!(
            options.postgres || options.replicas == 1,
            "several bots share a PostgreSQL database: add `--postgres`"
        );
        if options.postgres {
            let database = runtime.block_on(Database::create_durable())?;
            let url = database.url();
            let store = Store::Server(database);
            return Self::on(options, (store, url), bot, platform, folder);
        }
        let url = format!("sqlite://{}", folder.join("noticebot.db").display());
        Self::on(options, (Store::File, url), bot, platform, folder)
    }

    /// The same, on a primary that can fail over to its standby.
    pub(crate) fn bots_on_pair(
        options: StoreOptions,
        runtime: &Runtime,
        bot: (&Path, Option<&Path>),
        platform: &Platform,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let pair = Pair::start(runtime)?;
        let url = pair.url();
        let store = Store::Pair(Box::new(Mutex::new(pair)));
        Self::on(options, (store, url), bot, platform, folder)
    }

    fn on(
        options: StoreOptions,
        (store, url): (Store, String),
        (executable, config): (&Path, Option<&Path>),
        platform: &Platform,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let bots = (1..=options.replicas).map(|number| {
            let log = folder.join(format!("noticebot-{number}.log"));
            Program::bot(executable, config, platform, &url, log)
        });
        Ok(Self {
            programs: bots.collect::<anyhow::Result<_>>()?,
            store,
            url,
        })
    }

    /// Loses the primary, promotes its standby, and gives that another standby once `recovered`
    /// returns; nothing where they are on no pair. `recovered` is told when the database was back.
    pub(crate) fn fail_over<T>(
        &self,
        runtime: &Runtime,
        loss: Loss,
        recovered: impl FnOnce(Instant) -> T,
    ) -> anyhow::Result<T> {
        let Store::Pair(pair) = &self.store else {
            anyhow::bail!("there is no standby to fail over to");
        };
        let mut pair = pair.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pair.fail_over(runtime, loss)?;
        let seen = recovered(at);
        pair.replace_standby(runtime)?;
        Ok(seen)
    }

    /// Their database is one of a server.
    pub(crate) fn is_on_server(&self) -> bool {
        !matches!(self.store, Store::File)
    }

    /// The size of the write-ahead log of their file, in MiB; none on a server.
    pub(crate) fn log_mib(&self) -> Option<f64> {
        let file = self.url.strip_prefix("sqlite://")?;
        let length = std::fs::metadata(format!("{file}-wal")).map_or(0, |log| log.len());
        #[expect(clippy::cast_precision_loss, reason = "no log has 2^52 bytes")]
        Some(length as f64 / f64::from(1 << 20))
    }

    /// Runs statements on their database, beside them.
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

    /// Breaks all connections to their database, whatever is under way on them.
    pub(crate) fn cut(&self, runtime: &Runtime) -> anyhow::Result<()> {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.execute(runtime, others)
    }

    /// Where they take events.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let address = |program: &Program| program.address;
        self.programs.iter().map(address).collect()
    }

    /// Starts all of them and waits until they are ready; says how long the last one took.
    pub(crate) fn start(&self, limits: &Limits) -> anyhow::Result<(Crew, Duration)> {
        let started: anyhow::Result<Vec<Running>> =
            self.programs.iter().map(Program::start).collect();
        let mut crew = Crew(started?);
        let mut longest = Duration::ZERO;
        for running in &mut crew.0 {
            longest = longest.max(running.ready(limits)?);
        }
        Ok((crew, longest))
    }

    /// Adds the ends of the programs' logs to an error, for whoever looks why it failed.
    pub(crate) fn explain<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        result.map_err(|error| {
            let last_words = self.programs.iter().map(Program::last_words);
            let last_words = last_words.collect::<Vec<_>>().join("\n");
            anyhow!("{error:#}\n{last_words}")
        })
    }
}

impl Crew {
    /// All of them are ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.iter().all(Running::is_ready)
    }

    /// They have no job left that is not finished; each of them knows of all.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.iter().all(Running::is_idle)
    }

    /// The first one's metrics.
    pub(crate) fn metrics(&self) -> anyhow::Result<String> {
        let metrics = self.0.first().and_then(Running::metrics);
        metrics.context("the bot does not tell its metrics")
    }

    /// Has all of them end in order.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.0.into_iter().try_for_each(Running::stop)
    }

    /// What they have used so far, all together.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let mut sum = Usage::default();
        for running in &self.0 {
            sum = sum.and(&running.usage()?);
        }
        Ok(sum)
    }
}
