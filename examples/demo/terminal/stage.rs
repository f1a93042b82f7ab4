//! The pretend Feishu with its people and groups, and the bot in the same process.

use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::Simulator;
use jiff::Timestamp;
use noticebot::config::Config;
use noticebot::{Clock, ClockHand, Server, telemetry};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::fixture::Fixture;
use crate::settings::{self, CALL_TIMEOUT};

/// How often the bot is asked whether it is done.
const GLANCE: Duration = Duration::from_millis(2);
/// What passes on clocks set by hand between two such questions.
const TICK: Duration = Duration::from_millis(250);
/// Manual clocks are at a multiple of this, ten minutes, when a line is
/// typed, so that no date depends on how long the bot took.
const TURN_MS: u64 = 10 * 60 * 1000;

/// How time passes for the bot and the pretend Feishu.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// As for everybody.
    Real,
    /// In jumps, so that nobody waits.
    ByHand,
}

/// Everything that a conversation needs.
pub(crate) struct Stage {
    pub(crate) sim: Simulator,
    pub(crate) fixture: Fixture,
    hand: Option<ClockHand>,
    bot: Bot,
    /// How often the bot had put something off when it was last done.
    put_off: u64,
}

impl Stage {
    /// Starts everything.
    pub(crate) async fn set(time: Time, log: bool) -> anyhow::Result<Self> {
        let builder = Simulator::builder();
        let (sim, clock, hand) = match time {
            Time::Real => (
                builder.follow_system_clock().start().await?,
                Clock::system(),
                None,
            ),
            Time::ByHand => {
                let sim = builder.start().await?;
                let now = i64::try_from(sim.clock().now_ms())?;
                let (clock, hand) = Clock::manual(Timestamp::from_millisecond(now)?);
                (sim, clock, Some(hand))
            }
        };
        // What is said before the bot comes, nobody tells it.
        let fixture = Fixture::small(&sim);
        let bot = Bot::start(&sim, clock, log).await?;
        sim.set_webhook(&bot.webhook);
        Ok(Self {
            sim,
            fixture,
            hand,
            bot,
            put_off: 0,
        })
    }

    /// Waits until the bot has done what was said to it.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            let snapshot = self.bot.snapshot().await?;
            if snapshot.open_jobs == 0 {
                self.put_off = snapshot.put_off;
                self.pass_turn();
                return Ok(());
            }
            // Until the bot has chosen to wait, manual clocks are stopped:
            // what it chooses must not depend on how busy this machine is.
            if snapshot.put_off > self.put_off {
                self.pass(TICK);
                // Time for what comes after the wait.
                tokio::time::sleep(9 * GLANCE).await;
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Stops the bot in order.
    pub(crate) async fn strike(mut self) -> anyhow::Result<()> {
        self.bot.stop.cancel();
        while let Some(ended) = self.bot.tasks.join_next().await {
            ended??;
        }
        self.sim.shutdown().await;
        Ok(())
    }

    fn pass_turn(&self) {
        let past = self.sim.clock().now_ms() % TURN_MS;
        self.pass(Duration::from_millis(TURN_MS - past));
    }

    /// Lets time pass that does not pass by itself.
    fn pass(&self, time: Duration) {
        if let Some(hand) = &self.hand {
            self.sim.clock().advance(time);
            hand.advance(time);
        }
    }
}

/// A bot at work, with a database that lives as long as it does.
struct Bot {
    webhook: String,
    metrics: String,
    http: reqwest::Client,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Bot {
    async fn start(sim: &Simulator, clock: Clock, log: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = format!("sqlite://{}", folder.path().join("noticebot.db").display());
        let anywhere = || "127.0.0.1:0".to_owned();
        let variables = settings::variables(sim, [anywhere(), anywhere()], database);
        let mut config = Config::read(None, &variables.into_iter().collect())?;
        config.feishu.timeout = CALL_TIMEOUT;
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
            _folder: folder,
        })
    }

    async fn snapshot(&self) -> anyhow::Result<Snapshot> {
        let answer = self.http.get(&self.metrics).send().await;
        let text = answer.context("the bot does not answer")?.text().await?;
        let number = |name: &str| {
            let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
            text.lines().find_map(value)
        };
        Ok(Snapshot {
            open_jobs: number("noticebot_open_jobs").context("the bot does not count its jobs")?,
            put_off: number("noticebot_retries_total").unwrap_or(0),
        })
    }
}

/// The bot's metrics at one moment.
struct Snapshot {
    open_jobs: u64,
    /// How often it put something off, to try it again later.
    put_off: u64,
}
