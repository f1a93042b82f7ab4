//! `bombs`: messages that cost a parser much memory or time. The bot has to stay small, and other
//! chats have to keep their latency.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, ensure};
use feishu_sim::MessageId;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::bombs::thrown::{GLANCE, PATIENCE, Thrown};
use crate::fleet::{Crew, Fleet, StoreOptions};
use crate::platform::Platform;
use crate::report::{self, Table};
use crate::time::Limits;
use crate::wire::Connection;
use crate::{events, load};
use cage::Cage;
use kinds::{Bomb, KINDS};
use parcel::Parcel;

mod answers;
mod cage;
mod kinds;
mod parcel;
mod thrown;

/// The configuration of a bot that opens a long connection.
const LONG_CONNECTION: &str = "[feishu]\nreceive = \"long_connection\"\n";

/// What `bombs` is given.
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
    /// Keep jobs in a fresh PostgreSQL database, not in a file.
    #[arg(long)]
    postgres: bool,
    /// The most memory that a bomb may take beyond what the idle bot has, in MiB.
    #[arg(long, default_value_t = 16.0)]
    growth: f64,
    /// The same for many bombs at once.
    #[arg(long, default_value_t = 48.0)]
    growth_of_many: f64,
    /// The memory that the bot has in all, in MiB; the kernel kills it beyond that where control
    /// groups can be used.
    #[arg(long, default_value_t = 128)]
    memory: u32,
    /// How long an acknowledgement, and an answer in another chat, may take meanwhile, in seconds.
    #[arg(long, default_value_t = 5.0)]
    latency: f64,
    /// The run fails if it takes longer.
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What one bomb has come to.
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
    /// Bombs that should have been answered and were not.
    unanswered: usize,
    faults: Vec<String>,
}

/// Throws the bombs, each at a bot of its own.
pub(crate) fn run(
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
) -> anyhow::Result<ExitCode> {
    let cage = Cage::new(options.memory);
    let mut outcomes = Vec::new();
    for bomb in KINDS
        .iter()
        .filter(|bomb| bomb.name.contains(&options.only))
    {
        let outcome = throw(bomb, options, runtime, limits, &cage);
        outcomes.push(outcome.with_context(|| format!("bomb `{}`", bomb.name))?);
    }
    ensure!(!outcomes.is_empty(), "no bomb has such a name");
    report::print(&outcomes, &table(&outcomes, &cage), options.json)?;
    let is_good = outcomes.iter().all(|outcome| outcome.faults.is_empty());
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn throw(
    bomb: &Bomb,
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
    cage: &Cage,
) -> anyhow::Result<Outcome> {
    // The last chat throws none.
    let platform = Platform::start(runtime, bomb.chats + 1, 0)?;
    let folder = load::folder(None)?;
    let thrown = make(bomb, &platform);
    let mut config = None;
    if options.long_connection {
        platform.sim.receive_by_long_connection();
        let file = folder.path().join("noticebot.toml");
        fs::write(&file, LONG_CONNECTION)?;
        config = Some(file);
    }
    let (store, bot) = (
        StoreOptions::of_one(options.postgres),
        (options.bot.as_path(), config.as_deref()),
    );
    let fleet = Fleet::bots(store, runtime, bot, &platform, folder.path())?;
    let address = (!options.long_connection).then(|| fleet.addresses()[0]);
    let measured = fleet.start(limits).and_then(|(mut crew, _)| {
        cage.hold(&crew)?;
        measure((bomb, &thrown), &platform, address, &mut crew, limits)
    });
    let mut outcome = fleet.explain(measured)?;
    outcome.faults = outcome.judged(options);
    Ok(outcome)
}

/// Makes a bomb of messages that are not pushed, as an app without scopes is pushed none.
fn make(bomb: &Bomb, platform: &Platform) -> Vec<Thrown> {
    let scopes = platform
        .sim
        .change_app(|app| std::mem::take(&mut app.scopes));
    let thrown = (bomb.make)(platform);
    platform.sim.change_app(|app| app.scopes = scopes);
    thrown
}

fn measure(
    (bomb, thrown): (&Bomb, &[Thrown]),
    platform: &Platform,
    address: Option<SocketAddr>,
    crew: &mut Crew,
    limits: &Limits,
) -> anyhow::Result<Outcome> {
    let parcels: Vec<_> = thrown
        .iter()
        .map(|bomb| Parcel::pack(platform, &bomb.envelope, address))
        .collect();
    let other = platform.chats.last().context("there is no other chat")?;
    let warm = ask(platform, other, address, limits)?;
    let idle = crew.usage()?;
    let (acks, slowest) = thread::scope(|scope| {
        let bombs: Vec<_> = parcels
            .iter()
            .map(|parcel| scope.spawn(move || parcel.deliver(platform, limits)))
            .collect();
        let mut slowest = warm;
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) || !crew.is_idle() {
            if limits.are_over() || crew.0.iter_mut().any(crate::program::Running::has_ended) {
                break;
            }
            match ask(platform, other, address, limits) {
                Ok(latency) => slowest = slowest.max(latency),
                // It has died, which is found below.
                Err(_) => break,
            }
        }
        let acks: Vec<_> = bombs
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        (acks, slowest)
    });
    ensure!(
        !crew.0.iter_mut().any(crate::program::Running::has_ended),
        "the bot has ended"
    );
    limits.poll(GLANCE, || crew.is_idle().then_some(()));
    let refused = acks.iter().filter(|ack| !matches!(ack, Ok(true))).count();
    let after = crew.usage()?;
    let is_answered = |message: &MessageId| {
        !platform.sim.replies_to(message).is_empty() || !platform.sim.reactions(message).is_empty()
    };
    let asked = thrown.iter().filter_map(|bomb| bomb.asks.as_ref());
    Ok(Outcome {
        bomb: bomb.name,
        events: thrown.len(),
        kib: parcels.iter().map(Parcel::bytes).max().unwrap_or(0) / 1024,
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

/// How long a command took.
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

/// Types a command in the other chat and waits for the bot's reaction.
fn ask(
    platform: &Platform,
    chat: &feishu_sim::ChatId,
    address: Option<SocketAddr>,
    limits: &Limits,
) -> anyhow::Result<Latency> {
    let (began, message) = if let Some(address) = address {
        let (request, message) = events::command_in(platform, chat);
        let began = Instant::now();
        let status = Connection::open(address, PATIENCE)?.exchange(&request)?;
        ensure!(status == 200, "a command was answered {status}");
        (began, message)
    } else {
        let began = Instant::now();
        let message = platform.member_in(chat).say("/pin announcement").id;
        let is_taken = parcel::is_taken(platform, &limits.within(PATIENCE), |push| {
            push.message.as_ref() == Some(&message)
        });
        ensure!(is_taken, "a command was not acknowledged");
        (began, message)
    };
    let ack = began.elapsed();
    let within = limits.within(Duration::from_secs(30));
    within
        .poll(GLANCE, || {
            (!platform.sim.reactions(&message).is_empty()).then_some(())
        })
        .context("a command in another chat was not carried out")?;
    let answer = began.elapsed();
    Ok(Latency { ack, answer })
}

impl Outcome {
    /// What is wrong with it.
    fn judged(&self, options: &Options) -> Vec<String> {
        let mut faults = self.faults.clone();
        let growth = self.peak_mib - self.idle_mib;
        let most = if self.events > 1 {
            options.growth_of_many
        } else {
            options.growth
        };
        if growth > most {
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

fn table(outcomes: &[Outcome], cage: &Cage) -> Table {
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
    table.row(["memory is limited by".to_owned(), cage.to_string()]);
    table
}
