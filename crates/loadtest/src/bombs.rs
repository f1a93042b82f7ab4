//! `bombs`: messages that are expensive to parse. The bot must stay within its memory limit, and
//! commands in other chats must stay fast.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, ensure};
use feishu_sim::MessageId;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::bombs::payload::{POLL_INTERVAL, Payload, TIMEOUT};
use crate::fleet::{Fleet, Replicas, StoreOptions};
use crate::http::Connection;
use crate::platform::Platform;
use crate::program::Bot;
use crate::report::{self, Table};
use crate::time::Limits;
use crate::{events, load};
use delivery::Delivery;
use kinds::{Bomb, KINDS};
use memory_limit::MemoryLimit;

mod answers;
mod delivery;
mod kinds;
mod memory_limit;
mod payload;

/// The configuration of a bot that opens a long connection.
const LONG_CONNECTION: &str = "[feishu]\nreceive = \"long_connection\"\n";

/// The options of `bombs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    /// Only bombs whose name contains this.
    #[arg(long, value_name = "WORD", default_value = "")]
    only: String,
    /// Send events over a long connection, not to the webhook.
    #[arg(long)]
    long_connection: bool,
    /// Use a new PostgreSQL database, not a file.
    #[arg(long)]
    postgres: bool,
    /// Limit of the memory growth over the idle bot for one bomb, in MiB.
    #[arg(long, default_value_t = 16.0)]
    growth: f64,
    /// Limit of the memory growth for many bombs at once, in MiB.
    #[arg(long, default_value_t = 48.0)]
    growth_of_many: f64,
    /// Limit of the total memory, in MiB; enforced by the kernel if control groups can be used.
    #[arg(long, default_value_t = 128)]
    memory: u32,
    /// Limit of an acknowledgement and of an answer in another chat meanwhile, in seconds.
    #[arg(long, default_value_t = 5.0)]
    latency: f64,
    /// The run fails after this time.
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The result of one bomb.
#[derive(Debug, Serialize)]
struct Outcome {
    bomb: &'static str,
    events: usize,
    kib: usize,
    idle_mib: f64,
    peak_mib: f64,
    after_mib: f64,
    /// The slowest acknowledgement of another chat's command.
    ack_ms: u128,
    /// The slowest answer to another chat's command.
    answer_ms: u128,
    /// Commands without an answer.
    unanswered: usize,
    faults: Vec<String>,
}

/// Sends each bomb to a bot of its own.
pub(crate) fn run(
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
) -> anyhow::Result<ExitCode> {
    let memory_limit = MemoryLimit::new(options.memory);
    let mut outcomes = Vec::new();
    for bomb in KINDS
        .iter()
        .filter(|bomb| bomb.name.contains(&options.only))
    {
        let outcome = send(bomb, options, runtime, limits, &memory_limit);
        outcomes.push(outcome.with_context(|| format!("bomb `{}`", bomb.name))?);
    }
    ensure!(
        !outcomes.is_empty(),
        "selecting bombs: no name contains `--only`"
    );
    report::print(&outcomes, &table(&outcomes, &memory_limit), options.json)?;
    let is_good = outcomes.iter().all(|outcome| outcome.faults.is_empty());
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn send(
    bomb: &Bomb,
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
    memory_limit: &MemoryLimit,
) -> anyhow::Result<Outcome> {
    // The last chat sends none.
    let platform = Platform::start(runtime, bomb.chats + 1, 0)?;
    let folder = load::folder(None)?;
    let payloads = make(bomb, &platform);
    let mut config = None;
    if options.long_connection {
        platform.sim.receive_by_long_connection();
        let file = folder.path().join("noticebot.toml");
        fs::write(&file, LONG_CONNECTION)?;
        config = Some(file);
    }
    let store = StoreOptions::of_one(options.postgres);
    let bot = Bot {
        executable: &options.bot,
        config: config.as_deref(),
    };
    let fleet = Fleet::bots(store, runtime, bot, &platform, folder.path())?;
    let address = (!options.long_connection).then(|| fleet.addresses()[0]);
    let measured = fleet.start(limits).and_then(|(mut replicas, _)| {
        memory_limit.apply(&replicas)?;
        measure(bomb, &payloads, &platform, address, &mut replicas, limits)
    });
    let mut outcome = fleet.explain(measured)?;
    outcome.faults = outcome.checked(bomb, options);
    Ok(outcome)
}

/// Creates the messages of a bomb. They are not pushed yet: an app without scopes receives no
/// events.
fn make(bomb: &Bomb, platform: &Platform) -> Vec<Payload> {
    let scopes = platform
        .sim
        .change_app(|app| std::mem::take(&mut app.scopes));
    let payloads = (bomb.make)(platform);
    platform.sim.change_app(|app| app.scopes = scopes);
    payloads
}

fn measure(
    bomb: &Bomb,
    payloads: &[Payload],
    platform: &Platform,
    address: Option<SocketAddr>,
    replicas: &mut Replicas,
    limits: &Limits,
) -> anyhow::Result<Outcome> {
    let deliveries: Vec<_> = payloads
        .iter()
        .map(|bomb| Delivery::prepare(platform, &bomb.envelope, address))
        .collect();
    let other = platform
        .chats
        .last()
        .context("selecting another chat: none left")?;
    let ask = || ask(platform, other, address, limits);
    let warm = ask()?;
    let idle = replicas.usage()?;
    let (refused, busy) = thread::scope(|scope| {
        let bombs: Vec<_> = deliveries
            .iter()
            .map(|delivery| scope.spawn(move || delivery.deliver(platform, limits)))
            .collect();
        let busy = slowest_answer(ask, replicas, limits);
        let acks = bombs.into_iter().map(thread::ScopedJoinHandle::join);
        let refused = acks.filter(|ack| !matches!(ack, Ok(true))).count();
        (refused, busy)
    });
    let slowest = busy.map_or(warm, |busy| warm.max(busy));
    ensure!(!replicas.has_ended(), "sending a bomb: the bot ended");
    limits.poll(POLL_INTERVAL, || replicas.is_idle().then_some(()));
    let after = replicas.usage()?;
    let is_answered = |message: &MessageId| {
        !platform.sim.answers_to(message).is_empty() || !platform.sim.reactions(message).is_empty()
    };
    let asked = payloads.iter().filter_map(|bomb| bomb.asks.as_ref());
    Ok(Outcome {
        bomb: bomb.name,
        events: payloads.len(),
        kib: deliveries.iter().map(Delivery::bytes).max().unwrap_or(0) / 1024,
        idle_mib: idle.rss_mib,
        peak_mib: after.peak_mib,
        after_mib: after.rss_mib,
        ack_ms: slowest.ack.as_millis(),
        answer_ms: slowest.answer.as_millis(),
        unanswered: asked.filter(|message| !is_answered(message)).count(),
        faults: (refused > 0)
            .then(|| format!("{refused} events were not acknowledged"))
            .into_iter()
            .collect(),
    })
}

/// The maximum latency of commands that are sent one after the other for a second, or until the
/// bot is idle again. Ends early if the bot has ended.
fn slowest_answer(
    ask: impl Fn() -> anyhow::Result<Latency>,
    replicas: &mut Replicas,
    limits: &Limits,
) -> Option<Latency> {
    let mut slowest: Option<Latency> = None;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) || !replicas.is_idle() {
        if limits.is_over() || replicas.has_ended() {
            break;
        }
        let Ok(latency) = ask() else { break };
        slowest = Some(slowest.map_or(latency, |slowest| slowest.max(latency)));
    }
    slowest
}

/// The latency of a command.
#[derive(Clone, Copy, Debug)]
struct Latency {
    ack: Duration,
    answer: Duration,
}

impl Latency {
    fn max(self, other: Self) -> Self {
        Self {
            ack: self.ack.max(other.ack),
            answer: self.answer.max(other.answer),
        }
    }
}

/// Types a command in the other chat and waits for the reaction.
fn ask(
    platform: &Platform,
    chat: &feishu_sim::ChatId,
    address: Option<SocketAddr>,
    limits: &Limits,
) -> anyhow::Result<Latency> {
    let (began, message) = if let Some(address) = address {
        let (request, message) = events::command_in(platform, chat);
        let began = Instant::now();
        let status = Connection::open(address, TIMEOUT)?.exchange(&request)?;
        ensure!(status == 200, "sending a command: status {status}");
        (began, message)
    } else {
        let began = Instant::now();
        let message = platform.member_in(chat).say("/pin announcement").id;
        let is_taken = delivery::is_taken(platform, &limits.within(TIMEOUT), |push| {
            push.message.as_ref() == Some(&message)
        });
        ensure!(is_taken, "sending a command: not acknowledged");
        (began, message)
    };
    let ack = began.elapsed();
    let within = limits.within(Duration::from_secs(30));
    within
        .poll(POLL_INTERVAL, || {
            (!platform.sim.reactions(&message).is_empty()).then_some(())
        })
        .context("waiting for a command in another chat: no reaction")?;
    let answer = began.elapsed();
    Ok(Latency { ack, answer })
}

impl Outcome {
    /// The limits that it exceeds.
    fn checked(&self, bomb: &Bomb, options: &Options) -> Vec<String> {
        let mut faults = self.faults.clone();
        let growth = self.peak_mib - self.idle_mib;
        let most = if self.events > 1 {
            options.growth_of_many
        } else {
            options.growth
        };
        if growth > most.min(bomb.growth) {
            faults.push(format!("{growth:.1} MiB more than idle"));
        }
        if self.peak_mib > f64::from(options.memory) {
            faults.push(format!("{:.1} MiB in all", self.peak_mib));
        }
        let slowest = self.ack_ms.max(self.answer_ms);
        if slowest > Duration::from_secs_f64(options.latency).as_millis() {
            faults.push(format!("another chat waited {slowest} ms"));
        }
        if self.unanswered > 0 {
            faults.push(format!("{} commands were not answered", self.unanswered));
        }
        faults
    }
}

fn table(outcomes: &[Outcome], memory_limit: &MemoryLimit) -> Table {
    let mut table = Table::default();
    table.row([
        "bomb",
        "events",
        "KiB each",
        "idle MiB",
        "peak MiB",
        "after MiB",
        "ack ms",
        "answer ms",
        "",
    ]);
    for outcome in outcomes {
        let mib = |mib: f64| format!("{mib:.1}");
        let verdict = match &outcome.faults[..] {
            [] => "ok".to_owned(),
            faults => format!("FAILED: {}", faults.join("; ")),
        };
        table.row([
            outcome.bomb.to_owned(),
            outcome.events.to_string(),
            outcome.kib.to_string(),
            mib(outcome.idle_mib),
            mib(outcome.peak_mib),
            mib(outcome.after_mib),
            outcome.ack_ms.to_string(),
            outcome.answer_ms.to_string(),
            verdict,
        ]);
    }
    table.row(["memory is limited by".to_owned(), memory_limit.to_string()]);
    table
}
