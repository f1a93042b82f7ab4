//! `compare`: baseline and bot alternately, in the same run and each alone on one core.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Runtime;

use crate::events::{self, Event};
use crate::fleet::Fleet;
use crate::latency::median;
use crate::load::{self, LoopMode, Pace, Report, Trial};
use crate::platform::Platform;
use crate::program::{self, Bot, Program};
use crate::report::{self, Table};
use crate::time::Limits;

/// The options of `compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary, preferably a release build.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Number of rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages without a command per round.
    #[arg(long, default_value_t = 30_000)]
    events: usize,
    /// Commands per round.
    #[arg(long, default_value_t = 3_000)]
    commands: usize,
    /// Number of chats.
    #[arg(long, default_value_t = 200)]
    chats: usize,
    /// Number of connections that are kept open.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// The core of the program under test.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// The core of generator and simulator.
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// Folder for the databases; by default the one for temporary files.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Time limit of the run.
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The four measurements, with a report per round.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    baseline: Vec<Report>,
    chatter: Vec<Report>,
    /// The baseline, sent to like the commands.
    baseline_waiting: Vec<Report>,
    commands: Vec<Report>,
    /// Medians of the bot's events a second, divided by those of the baseline.
    chatter_ratio: f64,
    commands_ratio: f64,
    /// The median of the baseline's CPU time per event, divided by that of the bot: the same
    /// comparison, less sensitive to a busy machine.
    chatter_cpu_ratio: f64,
}

pub(crate) fn run(options: &Options, runtime: &Runtime, limits: &Limits) -> anyhow::Result<()> {
    program::pin_this_process(options.generator_core)?;
    let platform = Platform::start(runtime, options.chats, 0)?;
    let chatter = events::seal(&platform, options.events, 0);
    let commands = events::seal(&platform, options.commands, 100);
    let mut found = Comparison::default();
    for _ in 0..options.rounds {
        if limits.is_over() {
            break;
        }
        let round = |is_bot, events: &[Event], mode| {
            round(options, &platform, is_bot, events, mode, limits)
        };
        let spin = LoopMode::AnsweredSpinning;
        found.baseline.push(round(false, &chatter, spin)?);
        found.chatter.push(round(true, &chatter, spin)?);
        // The simulator, which works on what commands call for, is on the generator's core.
        let wait = LoopMode::Answered;
        found.baseline_waiting.push(round(false, &chatter, wait)?);
        found.commands.push(round(true, &commands, wait)?);
    }
    let rate = |reports: &[Report]| middle(reports, |report| report.events_per_second);
    let cpu = |reports: &[Report]| middle(reports, |report| report.cpu_seconds_per_10_000);
    found.chatter_ratio = rate(&found.chatter) / rate(&found.baseline);
    found.commands_ratio = rate(&found.commands) / rate(&found.baseline_waiting);
    found.chatter_cpu_ratio = cpu(&found.baseline) / cpu(&found.chatter);
    report::print(&found, &found.table(), options.json)
}

/// One program, newly started on a new database.
fn round(
    options: &Options,
    platform: &Platform,
    is_bot: bool,
    events: &[Event],
    mode: LoopMode,
    limits: &Limits,
) -> anyhow::Result<Report> {
    let folder = load::folder(options.dir.as_ref())?;
    let program = if is_bot {
        let database = folder.path().join("noticebot.db");
        let bot = Bot {
            executable: &options.bot,
            config: options.config.as_deref(),
        };
        Program::bot(
            bot,
            platform,
            &format!("sqlite://{}", database.display()),
            folder.path().join("noticebot.log"),
        )?
    } else {
        Program::baseline(platform, folder.path())?
    };
    platform.sim.clear_calls();
    let fleet = Fleet::of(program.on_core(options.core));
    let trial = Trial {
        fleet: &fleet,
        platform,
        events,
        pace: Pace {
            connections: options.connections,
            mode,
        },
        slow: 0,
        rest: Duration::ZERO,
        limits,
    };
    fleet.explain(trial.run())
}

fn middle(reports: &[Report], value: impl Fn(&Report) -> f64) -> f64 {
    median(reports.iter().map(value).collect())
}

impl Comparison {
    fn table(&self) -> Table {
        let all = [
            &self.baseline,
            &self.chatter,
            &self.baseline_waiting,
            &self.commands,
        ];
        let mut table = Table::default();
        table.row([
            "medians",
            "baseline",
            "bot, chatter",
            "baseline, waiting",
            "bot, commands",
        ]);
        let mut row = |name: &str, places: usize, value: fn(&Report) -> f64| {
            let cells = all.map(|reports| format!("{:.places$}", middle(reports, value)));
            table.row([name.to_owned()].into_iter().chain(cells));
        };
        row("events a second", 0, |report| report.events_per_second);
        row("ack p50, ms", 2, |report| report.ack_ms.p50);
        row("ack p99, ms", 2, |report| report.ack_ms.p99);
        row("CPU seconds per 10,000", 3, |report| {
            report.cpu_seconds_per_10_000
        });
        let ratio = |ratio: f64| format!("{ratio:.2}");
        let [chatter, commands] = [self.chatter_ratio, self.commands_ratio].map(ratio);
        table.row(["events, baseline = 1", "1.00", &chatter, "1.00", &commands]);
        let cpu = ratio(self.chatter_cpu_ratio);
        table.row(["baseline's CPU over the bot's", "1.00", &cpu, "", ""]);
        let limited = all.map(|reports| {
            let limited = reports
                .iter()
                .filter(|report| report.generator_was_the_limit);
            format!("{} of {}", limited.count(), reports.len())
        });
        let name = "rounds limited by the generator".to_owned();
        table.row([name].into_iter().chain(limited));
        table
    }
}
