//! `chaos`: the bot is killed again and again while members type and the platform misbehaves;
//! then the ledger has to be right.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Runtime;

use crate::chaos::progress::Progress;
use crate::fleet::{Crew, Fleet, Loss, StoreOptions};
use crate::platform::Platform;
use crate::program::Running;
use crate::time::Limits;
use crate::{load, report};
use ledger::Verdict;
use outcome::Report;
use script::Blow;
use sender::{Conversation, Counts, Sender};
use weather::Weather;

mod evidence;
mod ledger;
mod outcome;
mod progress;
mod script;
mod sender;
mod weather;

/// The bot takes no more commands of a chat than 100 at a time; this stays clear of that.
const MOST_PER_CHAT: usize = 90;
/// How often it is looked whether the bot is to be killed, or has finished.
const GLANCE: Duration = Duration::from_millis(2);
/// A kill falls up to so long after its moment has come: in the middle of anything.
const JITTER_MS: u64 = 60;
/// A bot that ends by itself so often is not started again.
const MOST_CRASHES: usize = 10;
/// What `chaos` is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How many commands are typed; at most 90 times as many as there are chats.
    #[arg(long, default_value_t = 300)]
    commands: usize,
    /// How often a bot is killed.
    #[arg(long, default_value_t = 5)]
    kills: usize,
    /// How often a bot is stopped in order and started again, one after the other: a rolling restart.
    #[arg(long, default_value_t = 0)]
    restarts: usize,
    /// How often all connections to the PostgreSQL server break at once.
    #[arg(long, default_value_t = 0, requires = "postgres")]
    cuts: usize,
    /// How often the PostgreSQL server is lost and its standby promoted, in turn by a crash and by
    /// a server that only stops answering.
    #[arg(
        long,
        default_value_t = 0,
        requires = "postgres",
        conflicts_with = "cuts"
    )]
    failovers: usize,
    #[command(flatten)]
    store: StoreOptions,
    /// In how many chats, of both kinds in turn.
    #[arg(long, default_value_t = 12)]
    chats: usize,
    /// What the run follows from; by default drawn by lot. It is printed.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    weather: Weather,
    /// Share of acknowledged pushes that are delivered again all the same.
    #[arg(long, default_value_t = 0.05, value_parser = weather::share)]
    duplicates: f64,
    /// Milliseconds before an unanswered push comes again; then twice as long, up to eight times.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    redeliver_after: u64,
    /// The platform's rate limits, multiplied; 0: none.
    #[arg(long, default_value_t = 1)]
    limits_factor: u32,
    /// Where the database goes; by default the folder for temporary files.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The run fails if it takes longer.
    #[arg(long, default_value_t = 300)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs, judges and prints; the exit code says whether the ledger is right.
pub(crate) fn run(
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
) -> anyhow::Result<ExitCode> {
    ensure!(
        (1..=options.chats * MOST_PER_CHAT).contains(&options.commands),
        "there must be commands, and at most {MOST_PER_CHAT} for each chat"
    );
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    writeln!(std::io::stderr(), "seed {seed}")?;
    let platform = Platform::start(runtime, options.chats, options.limits_factor)?;
    let folder = load::folder(options.dir.as_ref())?;
    let bot = (options.bot.as_path(), options.config.as_deref());
    let fleet = if options.failovers > 0 {
        Fleet::bots_on_pair(options.store, runtime, bot, &platform, folder.path())?
    } else {
        Fleet::bots(options.store, runtime, bot, &platform, folder.path())?
    };
    let storm = Storm {
        options,
        seed,
        runtime,
        platform: &platform,
        fleet: &fleet,
        limits,
        progress: Progress::new(&platform.chats),
        counts: Counts::default(),
    };
    let report = fleet.explain(storm.rage())?;
    report::print(&report, &report.table(), options.json)?;
    if report.is_good() {
        return Ok(ExitCode::SUCCESS);
    }
    report.tell_offenders()?;
    let kept = folder.keep();
    writeln!(std::io::stderr(), "database and log: {}", kept.display())?;
    Ok(ExitCode::FAILURE)
}

/// One run.
struct Storm<'a> {
    options: &'a Options,
    seed: u64,
    runtime: &'a Runtime,
    platform: &'a Platform,
    fleet: &'a Fleet,
    limits: &'a Limits,
    progress: Progress,
    counts: Counts,
}

/// What the bots went through.
#[derive(Default)]
struct Suffered {
    kills: usize,
    restarts: usize,
    cuts: usize,
    failovers: usize,
    recovery: Duration,
    crashes: usize,
    completed: bool,
    ready: Duration,
}

impl Storm<'_> {
    fn rage(&self) -> anyhow::Result<Report> {
        let began = Instant::now();
        let wishes = script::wishes(self.seed, self.options.commands, self.options.chats);
        let sender = Sender {
            platform: self.platform,
            bots: self.fleet.addresses(),
            limits: self.limits,
            redeliver_after: Duration::from_millis(self.options.redeliver_after),
            duplicates: self.options.duplicates,
            progress: &self.progress,
            counts: &self.counts,
        };
        let (suffered, conversations, mishaps) = std::thread::scope(|scope| {
            let weather = scope.spawn(|| {
                let weather = &self.options.weather;
                weather.blow(self.platform, &self.progress, self.seed)
            });
            let chats = self.platform.chats.iter().zip(&wishes).zip(0..);
            let talks: Vec<_> = chats
                .map(|((chat, wishes), number)| {
                    let seed = self.seed.wrapping_add(number);
                    let sender = &sender;
                    scope.spawn(move || sender.talk(chat, wishes, seed))
                })
                .collect();
            let suffered = self.torment(&talks);
            if suffered.is_err() {
                // Nobody will ever acknowledge what is still being typed.
                self.limits.interrupt();
            }
            let ended = talks.into_iter().map(ScopedJoinHandle::join);
            let conversations: Result<Vec<Conversation>, _> = ended.collect();
            self.progress.is_over.store(true, Ordering::Relaxed);
            (suffered, conversations, weather.join())
        });
        let panicked = |_| anyhow!("a thread of the load test panicked");
        let conversations = conversations.map_err(panicked)?;
        let mishaps = mishaps.map_err(panicked)?;
        Ok(self.report(began.elapsed(), &suffered?, &conversations, mishaps))
    }

    /// Starts the bots, kills and restarts them at their moments, one at a time, and waits until they
    /// have nothing left to do.
    fn torment(&self, talks: &[ScopedJoinHandle<'_, Conversation>]) -> anyhow::Result<Suffered> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let Options {
            commands,
            kills,
            restarts,
            cuts,
            failovers,
            ..
        } = self.options;
        let counts = [
            (Blow::Kill, *kills),
            (Blow::Restart, *restarts),
            (Blow::Cut, *cuts),
            (Blow::FailOver, *failovers),
        ];
        let moments = script::blows(self.seed, *commands, counts);
        let mut moments = VecDeque::from(moments);
        let (mut crew, _) = self.fleet.start(self.limits)?;
        let (mut suffered, mut next) = (Suffered::default(), 0);
        let came_to_rest = self.limits.poll(GLANCE, || {
            let finished = self.progress.finished.load(Ordering::Relaxed);
            if moments
                .front()
                .is_some_and(|(moment, _)| *moment <= finished)
            {
                let (_, blow) = moments.pop_front()?;
                let jitter = Duration::from_millis(rng.random_range(0..JITTER_MS));
                std::thread::sleep(jitter);
                let whom = match blow {
                    Blow::Kill => rng.random_range(0..crew.0.len()),
                    // One after the other.
                    Blow::Restart | Blow::Cut | Blow::FailOver => next,
                };
                return self
                    .strike(&mut crew, whom, blow, &mut suffered, &mut next)
                    .err()
                    .map(Err);
            }
            if let Some(whom) = crew.0.iter_mut().position(Running::has_ended) {
                suffered.crashes += 1;
                if suffered.crashes > MOST_CRASHES {
                    return Some(Err(anyhow!("a bot ends by itself, again and again")));
                }
                return self.start_again(&mut crew, whom).err().map(Err);
            }
            let all_typed = moments.is_empty() && talks.iter().all(ScopedJoinHandle::is_finished);
            (all_typed && crew.is_idle()).then_some(Ok(()))
        });
        suffered.completed = came_to_rest.transpose()?.is_some() && moments.is_empty();
        drop(crew);
        if suffered.completed {
            (_, suffered.ready) = self.fleet.start(self.limits)?;
        }
        Ok(suffered)
    }

    fn strike(
        &self,
        crew: &mut Crew,
        whom: usize,
        blow: Blow,
        suffered: &mut Suffered,
        next: &mut usize,
    ) -> anyhow::Result<()> {
        match blow {
            Blow::Kill => suffered.kills += 1,
            Blow::Restart => {
                suffered.restarts += 1;
                *next = (whom + 1) % crew.0.len();
                crew.0[whom].terminate()?;
            }
            Blow::Cut => {
                suffered.cuts += 1;
                return self.fleet.cut(self.runtime);
            }
            Blow::FailOver => return self.fail_over(crew, suffered),
        }
        self.start_again(crew, whom)
    }

    /// Has the standby take over, and waits until commands work again.
    fn fail_over(&self, crew: &Crew, suffered: &mut Suffered) -> anyhow::Result<()> {
        let loss = [Loss::Crash, Loss::Freeze][suffered.failovers % 2];
        suffered.failovers += 1;
        let recovery = self.fleet.fail_over(self.runtime, loss, |back| {
            let finished = || self.progress.finished.load(Ordering::Relaxed);
            let before = finished();
            self.limits.poll(GLANCE, || {
                let works = finished() > before || crew.is_idle();
                (crew.is_ready() && works).then_some(())
            });
            back.elapsed()
        })?;
        suffered.recovery = suffered.recovery.max(recovery);
        Ok(())
    }

    /// Kills what still runs, at once and with SIGKILL, and starts it again. Where there are others,
    /// nobody else is hit before it is ready.
    fn start_again(&self, crew: &mut Crew, whom: usize) -> anyhow::Result<()> {
        crew.0[whom].kill();
        crew.0[whom] = self.fleet.programs[whom].start()?;
        if crew.0.len() > 1 {
            crew.0[whom].ready(self.limits)?;
        }
        Ok(())
    }

    fn report(
        &self,
        took: Duration,
        suffered: &Suffered,
        conversations: &[Conversation],
        mishaps: BTreeMap<&'static str, usize>,
    ) -> Report {
        let mut verdict = Verdict::default();
        let (histories, calls, calls_limited) = self.platform.sim.read(|state| {
            let limited = state.calls().iter().filter(|call| {
                call.status == Some(429)
                    || matches!(call.code, Some(99_991_400 | 230_020 | 232_019))
            });
            (
                evidence::collect(state, conversations),
                state.calls().len(),
                limited.count(),
            )
        });
        for history in &histories {
            verdict.judge(history);
        }
        let count = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
        Report {
            seed: self.seed,
            seconds: took.as_secs_f64(),
            completed: suffered.completed && verdict.sent == self.options.commands,
            verdict,
            replicas: self.fleet.programs.len(),
            kills: suffered.kills,
            restarts: suffered.restarts,
            cuts: suffered.cuts,
            failovers: suffered.failovers,
            recovery_ms: suffered.recovery.as_secs_f64() * 1000.0,
            crashes: suffered.crashes,
            pushes: count(&self.counts.pushes),
            redelivered: count(&self.counts.redelivered),
            duplicates: count(&self.counts.duplicates),
            mishaps,
            calls,
            calls_limited,
            violations: self.platform.sim.violations(),
            ready_ms: suffered.ready.as_secs_f64() * 1000.0,
        }
    }
}
