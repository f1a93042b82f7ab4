//! `chaos`: members type commands while bots are killed and the platform fails; afterwards every
//! command must have acted once and in order.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use tokio::runtime::Runtime;

use crate::chaos::progress::Progress;
use crate::fleet::{Fleet, StoreOptions};
use crate::platform::{Platform, Setting};
use crate::program::Bot;
use crate::time::Limits;
use crate::{list, load, report};
use broadcast::Broadcast;
use checker::Verdict;
use faults::FaultRates;
use grants::Grants;
use members::Members;
use outages::{Outages, Stats};
use outcome::Report;
use script::Outage;
use sender::{Conversation, Counts, Sender};

mod broadcast;
mod checker;
mod faults;
mod grants;
mod members;
mod observed;
mod outages;
mod outcome;
mod progress;
mod script;
mod sender;
mod tickets;

/// The bot accepts at most 100 open commands per chat; this stays below.
const MOST_PER_CHAT: usize = 90;
/// How often progress is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// The codes of a rate limit.
const RATE_LIMITED: [i64; 3] = [99_991_400, 230_020, 232_019];
/// The codes of a call in a chat of another tenant.
const OTHER_TENANT: [i64; 2] = [232_010, 1_772_002];

/// The options of `chaos`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Number of commands; at most 90 per chat.
    #[arg(long, default_value_t = 300)]
    commands: usize,
    /// Number of kills with SIGKILL.
    #[arg(long, default_value_t = 5)]
    kills: usize,
    /// Number of graceful restarts, one bot after the other: a rolling restart.
    #[arg(long, default_value_t = 0)]
    restarts: usize,
    /// How often all connections to the PostgreSQL server are cut at once.
    #[arg(long, default_value_t = 0, requires = "postgres")]
    cuts: usize,
    /// Number of failovers of the PostgreSQL server, alternating between a crash and a server that
    /// stops answering.
    #[arg(
        long,
        default_value_t = 0,
        requires = "postgres",
        conflicts_with = "cuts"
    )]
    failovers: usize,
    #[command(flatten)]
    store: StoreOptions,
    /// Number of chats, of both announcement kinds alternately.
    #[arg(long, default_value_t = 12)]
    chats: usize,
    /// Test a store app with this number of tenants, which have the chats in turn.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    tenants: Option<u16>,
    /// Let the bot act as the members. Half of them have consented before; the others consent when
    /// they are asked.
    #[arg(long)]
    members: bool,
    /// Send one announcement to a list of this many more groups, and undo it.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with_all = ["tenants", "members"])]
    groups: usize,
    /// Seed of the run; random by default. It is printed.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    fault_rates: FaultRates,
    /// Share of acknowledged pushes that are delivered again.
    #[arg(long, default_value_t = 0.05, value_parser = faults::share)]
    duplicates: f64,
    /// Milliseconds before the first redelivery; the wait then doubles, up to eight times this.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    redeliver_after: u64,
    /// Multiplies the platform's rate limits; 0: no limits.
    #[arg(long, default_value_t = 1)]
    limits_factor: u32,
    /// Folder for the database; by default the one for temporary files.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The run fails after this time.
    #[arg(long, default_value_t = 300)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs, checks and prints the report; the exit code is the verdict.
pub(crate) fn run(
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
) -> anyhow::Result<ExitCode> {
    ensure!(
        (1..=options.chats * MOST_PER_CHAT).contains(&options.commands),
        "`--commands` must be 1 to {MOST_PER_CHAT} per chat"
    );
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    writeln!(std::io::stderr(), "seed {seed}")?;
    let setting = Setting {
        chats: options.chats,
        list: options.groups,
        limits_factor: options.limits_factor,
        tenants: options.tenants.map(usize::from),
        acts_as_members: options.members,
    };
    let platform = Platform::with(runtime, setting)?;
    let folder = load::folder(options.dir.as_ref())?;
    let with_list = if options.groups == 0 {
        None
    } else {
        let base = options.config.as_deref();
        Some(list::config_file(&platform, base, folder.path())?)
    };
    let bot = Bot {
        executable: &options.bot,
        config: with_list.as_deref().or(options.config.as_deref()),
    };
    let fleet = if options.failovers > 0 {
        Fleet::bots_on_pair(options.store, runtime, bot, &platform, folder.path())?
    } else {
        Fleet::bots(options.store, runtime, bot, &platform, folder.path())?
    };
    let run = ChaosRun {
        options,
        seed,
        runtime,
        platform: &platform,
        fleet: &fleet,
        limits,
        progress: Progress::new(&platform.chats),
        counts: Counts::default(),
    };
    let report = fleet.explain(run.execute())?;
    report::print(&report, &report.table(), options.json)?;
    if report.is_good() {
        return Ok(ExitCode::SUCCESS);
    }
    report.print_violations()?;
    let kept = folder.keep();
    writeln!(std::io::stderr(), "database and log: {}", kept.display())?;
    Ok(ExitCode::FAILURE)
}

/// One run.
struct ChaosRun<'a> {
    options: &'a Options,
    seed: u64,
    runtime: &'a Runtime,
    platform: &'a Platform,
    fleet: &'a Fleet,
    limits: &'a Limits,
    progress: Progress,
    counts: Counts,
}

/// What was typed, and what happened meanwhile.
struct Transcript {
    stats: Stats,
    conversations: Vec<Conversation>,
    broadcast: Option<Broadcast>,
}

impl ChaosRun<'_> {
    fn execute(&self) -> anyhow::Result<Report> {
        let began = Instant::now();
        let sender = Sender {
            platform: self.platform,
            bots: self.fleet.addresses(),
            limits: self.limits,
            redeliver_after: Duration::from_millis(self.options.redeliver_after),
            duplicates: self.options.duplicates,
            progress: &self.progress,
            counts: &self.counts,
        };
        let bots = &sender.bots;
        let members = Members::new(self.platform, bots);
        let (typed, faults, tickets, links) = std::thread::scope(|scope| {
            let tickets = scope.spawn(|| tickets::deliver(self.platform, bots, &self.progress));
            let links = scope.spawn(|| members.follow_links(&self.progress));
            let faults = scope.spawn(|| {
                let rates = &self.options.fault_rates;
                rates.inject(self.platform, &self.progress, self.seed)
            });
            let typed = self.type_all(&sender, &members);
            self.progress.is_over.store(true, Ordering::Relaxed);
            (typed, faults.join(), tickets.join(), links.join())
        });
        let typed = typed?;
        let mut report = self.report(began.elapsed(), &typed.stats, &typed.conversations);
        report.broadcast = typed.broadcast;
        report.faults = faults.map_err(panicked)?;
        report.tickets = tickets.map_err(panicked)?;
        if let Some(grants) = &mut report.grants {
            grants.members = members.count();
            grants.asked = links.map_err(panicked)?;
        }
        Ok(report)
    }

    /// Types all commands while the outages happen.
    fn type_all(&self, sender: &Sender<'_>, members: &Members<'_>) -> anyhow::Result<Transcript> {
        let Options {
            commands,
            chats,
            members: acts_as_members,
            ..
        } = *self.options;
        // Commands that wait for consent are overtaken.
        let commands = script::commands(self.seed, commands, chats, acts_as_members);
        let (replicas, _) = self.fleet.start(self.limits)?;
        if self.options.members {
            self.consent_early(sender, members)?;
        }
        std::thread::scope(|scope| {
            let chats = self.platform.chats.iter().zip(&commands).zip(0..);
            let senders: Vec<_> = chats
                .map(|((chat, commands), number)| {
                    let seed = self.seed.wrapping_add(number);
                    scope.spawn(move || sender.type_all(chat, commands, seed))
                })
                .collect();
            let broadcast =
                (self.options.groups > 0).then(|| scope.spawn(|| Broadcast::run(sender)));
            let all_typed = || {
                senders.iter().all(ScopedJoinHandle::is_finished)
                    && broadcast.as_ref().is_none_or(ScopedJoinHandle::is_finished)
            };
            let stats = self.outages().cause_all(replicas, all_typed);
            if stats.is_err() {
                // No bot will acknowledge the commands that are still being typed.
                self.limits.interrupt();
            }
            let ended = senders.into_iter().map(ScopedJoinHandle::join);
            let conversations: Result<Vec<Conversation>, _> = ended.collect();
            let broadcast = broadcast.map(ScopedJoinHandle::join).transpose();
            Ok(Transcript {
                stats: stats?,
                conversations: conversations.map_err(panicked)?,
                broadcast: broadcast.map_err(panicked)?,
            })
        })
    }

    fn outages(&self) -> Outages<'_> {
        let options = self.options;
        Outages {
            seed: self.seed,
            steps: options.commands + 2 * options.groups,
            counts: [
                (Outage::Kill, options.kills),
                (Outage::Restart, options.restarts),
                (Outage::Cut, options.cuts),
                (Outage::FailOver, options.failovers),
            ],
            runtime: self.runtime,
            platform: self.platform,
            fleet: self.fleet,
            limits: self.limits,
            progress: &self.progress,
        }
    }

    /// Waits until half of the members have consented.
    fn consent_early(&self, sender: &Sender<'_>, members: &Members<'_>) -> anyhow::Result<()> {
        for member in members.early() {
            sender.log_in(member);
        }
        let all = || members.early().all(|member| members.has_consented(member));
        let consented = self.limits.poll(POLL_INTERVAL, || all().then_some(()));
        consented.context("waiting for consent: the run is over")
    }

    fn report(&self, took: Duration, stats: &Stats, conversations: &[Conversation]) -> Report {
        let mut verdict = Verdict::default();
        let (histories, calls) = self.platform.sim.read(|state| {
            let histories = observed::collect(state, conversations);
            (histories, state.calls().to_vec())
        });
        let calls_with = |codes: &[i64]| {
            let found = calls
                .iter()
                .filter(|call| call.code.is_some_and(|code| codes.contains(&code)));
            found.count()
        };
        for history in &histories {
            verdict.check(history);
        }
        let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
        Report {
            seed: self.seed,
            seconds: took.as_secs_f64(),
            completed: stats.completed && verdict.sent == self.options.commands,
            verdict,
            replicas: self.fleet.programs.len(),
            kills: stats.kills.len(),
            restarts: stats.restarts,
            cuts: stats.cuts,
            failovers: stats.failovers,
            recovery_ms: stats.recovery.as_secs_f64() * 1000.0,
            crashes: stats.crashes,
            pushes: count(&self.counts.pushes),
            redelivered: count(&self.counts.redelivered),
            duplicates: count(&self.counts.duplicates),
            faults: BTreeMap::new(),
            calls: calls.len(),
            calls_limited: calls_with(&RATE_LIMITED),
            calls_of_other_tenants: calls_with(&OTHER_TENANT),
            tenants: self.options.tenants.unwrap_or_default().into(),
            tickets: 0,
            grants: (self.options.members).then(|| {
                let is_used = |token: &str| self.platform.sim.is_renewal_used(token);
                Grants::of(&calls, &stats.kills, &is_used)
            }),
            broadcast: None,
            violations: self.platform.sim.violations(),
            ready_ms: stats.ready.as_secs_f64() * 1000.0,
        }
    }
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> anyhow::Error {
    anyhow!("a thread of the load test panicked")
}
