//! The simulated Feishu with its people and groups, and the bot in the same process.

use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::Simulator;
use jiff::Timestamp;
use noticebot::config::{Config, GroupLists};
use noticebot::{Clock, ClockHand, Server, telemetry};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::fixture::Fixture;
use crate::settings::{self, CALL_TIMEOUT};

/// The interval at which the metrics of the bot are read.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// How far manual clocks move in one interval.
const TICK: Duration = Duration::from_millis(250);
/// Manual clocks are at a multiple of ten minutes when a line is typed, so that dates do not depend
/// on how long the bot took.
const STEP_MS: u64 = 10 * 60 * 1000;

/// The clock of the bot and the simulator.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// The system clock.
    Real,
    /// A clock that jumps, so that nothing waits.
    Manual,
}

/// The simulator and a bot.
pub(crate) struct Environment {
    pub(crate) sim: Simulator,
    pub(crate) fixture: Fixture,
    hand: Option<ClockHand>,
    bot: Bot,
    /// The number of retries when the bot was last idle.
    retries: u64,
}

impl Environment {
    pub(crate) async fn start(time: Time, log: bool) -> anyhow::Result<Self> {
        let builder = Simulator::builder();
        let (sim, clock, hand) = match time {
            Time::Real => (
                builder.follow_system_clock().start().await?,
                Clock::system(),
                None,
            ),
            Time::Manual => {
                let sim = builder.start().await?;
                let now = i64::try_from(sim.clock().now_ms())?;
                let (clock, hand) = Clock::manual(Timestamp::from_millisecond(now)?);
                (sim, clock, Some(hand))
            }
        };
        // The bot receives no events for messages before its start.
        let fixture = Fixture::small(&sim);
        let bot = Bot::start(&sim, fixture.lists(), clock, log).await?;
        sim.set_webhook(&bot.webhook);
        Ok(Self {
            sim,
            fixture,
            hand,
            bot,
            retries: 0,
        })
    }

    /// Waits until the bot has no open jobs and no scheduled one is due.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let snapshot = self.bot.snapshot().await?;
            if snapshot.open_jobs == 0
                && snapshot.open_deliveries == 0
                && !self.bot.is_due(self.sim.clock().now_ms())?
            {
                self.retries = snapshot.retries;
                self.advance_to_step();
                return Ok(());
            }
            // Manual clocks are stopped until the bot waits for a retry or the next group of a
            // broadcast. Otherwise its decisions
            // would depend on the load of the machine.
            let is_delivering = snapshot.open_jobs == 0;
            if snapshot.retries > self.retries || is_delivering {
                self.advance(TICK);
                // Time for the retry itself.
                tokio::time::sleep(9 * POLL_INTERVAL).await;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Shuts the bot and the simulator down.
    pub(crate) async fn shutdown(mut self) -> anyhow::Result<()> {
        self.bot.stop.cancel();
        while let Some(ended) = self.bot.tasks.join_next().await {
            ended??;
        }
        self.sim.shutdown().await;
        Ok(())
    }

    fn advance_to_step(&self) {
        let past = self.sim.clock().now_ms() % STEP_MS;
        self.advance(Duration::from_millis(STEP_MS - past));
    }

    /// Moves manual clocks.
    fn advance(&self, time: Duration) {
        if let Some(hand) = &self.hand {
            self.sim.clock().advance(time);
            hand.advance(time);
        }
    }
}

/// A running bot with a temporary database.
struct Bot {
    webhook: String,
    metrics: String,
    http: reqwest::Client,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    folder: TempDir,
}

const DATABASE: &str = "noticebot.db";

impl Bot {
    async fn start(
        sim: &Simulator,
        groups: GroupLists,
        clock: Clock,
        log: bool,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite://{}", folder.path().join(DATABASE).display());
        let anywhere = || "127.0.0.1:0".to_owned();
        let variables = settings::variables(sim, [anywhere(), anywhere()], database);
        let mut config = Config::read(None, &variables.into_iter().collect())?;
        config.feishu.timeout = CALL_TIMEOUT;
        config.groups = groups;
        if log {
            telemetry::init(&config.log)?;
        }
        let server = Server::bind(config, clock).await?;
        let stop = CancellationToken::new();
        let webhook = format!("http://{}/webhook/event", server.public_address()?);
        let metrics = format!("http://{}/metrics", server.admin_address()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(stop.clone()));
        Ok(Self {
            webhook,
            metrics,
            http: reqwest::Client::builder()
                .tls_certs_only([])
                .no_proxy()
                .build()?,
            stop,
            tasks,
            folder,
        })
    }

    /// Whether a scheduled job is due, such as a proposal that was decided on. The metric of open jobs
    /// does not count these.
    fn is_due(&self, now_ms: u64) -> anyhow::Result<bool> {
        let database = rusqlite::Connection::open(self.folder.path().join(DATABASE))?;
        let due = "SELECT count(*) FROM jobs WHERE number IS NOT NULL
             AND (state = 'running' OR state = 'ready' AND ordered_at <= ?1)";
        let now_ms = i64::try_from(now_ms)?;
        let count: i64 = database.query_row(due, [now_ms], |row| row.get(0))?;
        Ok(count > 0)
    }

    async fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let answer = self.http.get(&self.metrics).send().await;
        let text = answer.context("the bot does not respond")?.text().await?;
        let number = |name: &str| {
            let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
            text.lines().find_map(value)
        };
        Ok(Snapshot {
            open_jobs: number("noticebot_open_jobs")
                .context("the metric noticebot_open_jobs is missing")?,
            open_deliveries: number("noticebot_open_deliveries")
                .context("the metric noticebot_open_deliveries is missing")?,
            retries: number("noticebot_retries_total").unwrap_or(0),
        })
    }
}

/// Metrics of the bot.
struct Snapshot {
    open_jobs: u64,
    open_deliveries: u64,
    retries: u64,
}
