//! `compare`: yardstick and bot in turns, in the same run and each alone on one core.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Runtime;

use crate::events::{self, Event};
use crate::fleet::Fleet;
use crate::latency::median;
use crate::load::{self, Pace, Report, Trial, Turn};
use crate::platform::Platform;
use crate::program::{self, Program};
use crate::report::{self, Table};
use crate::time::Limits;

/// What `compare` is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary; best a release build.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How often each is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Chatter of each round.
    #[arg(long, default_value_t = 30_000)]
    events: usize,
    /// Commands of each round.
    #[arg(long, default_value_t = 3_000)]
    commands: usize,
    /// Over how many chats the events go.
    #[arg(long, default_value_t = 200)]
    chats: usize,
    /// How many connections are kept open.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// The core of the program under test.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// The core of generator and pretend platform.
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// Where the databases go; by default the folder for temporary files.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The run ends after this time, whatever is left.
    #[arg(long, default_value_t = 600)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The four things that are measured, a report per round.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    yardstick: Vec<Report>,
    chatter: Vec<Report>,
    /// The yardstick, as commands are sent.
    yardstick_waiting: Vec<Report>,
    commands: Vec<Report>,
    /// Medians of the bot's events a second, over those of the yardstick in the same manner.
    chatter_ratio: f64,
    commands_ratio: f64,
    /// The median of the yardstick's CPU time per event, over that of the bot: the same question,
    /// and a busy machine disturbs it less.
    chatter_cpu_ratio: f64,
}

/// Measures and prints.
pub(crate) fn run(options: &Options, runtime: &Runtime, limits: &Limits) -> anyhow::Result<()> {
    program::pin_this_process(options.generator_core)?;
    let platform = Platform::start(runtime, options.chats, 0)?;
    let chatter = events::seal(&platform, options.events, 0);
    let commands = events::seal(&platform, options.commands, 100);
    let mut found = Comparison::default();
    for _ in 0..options.rounds {
        if limits.are_over() {
            break;
        }
        let round = |is_bot, events: &[Event], turn| {
            round(options, &platform, is_bot, events, turn, limits)
        };
        let spin = Turn::AnsweredSpinning;
        found.yardstick.push(round(false, &chatter, spin)?);
        found.chatter.push(round(true, &chatter, spin)?);
        // The pretend platform, which works on what commands call for, is on the generator's core.
        let wait = Turn::Answered;
        found.yardstick_waiting.push(round(false, &chatter, wait)?);
        found.commands.push(round(true, &commands, wait)?);
    }
    let rate = |reports: &[Report]| middle(reports, |report| report.events_per_second);
    let cpu = |reports: &[Report]| middle(reports, |report| report.cpu_seconds_per_10_000);
    found.chatter_ratio = rate(&found.chatter) / rate(&found.yardstick);
    found.commands_ratio = rate(&found.commands) / rate(&found.yardstick_waiting);
    found.chatter_cpu_ratio = cpu(&found.yardstick) / cpu(&found.chatter);
    report::print(&found, &found.table(), options.json)
}

/// One program, freshly started on a fresh database.
fn round(
    options: &Options,
    platform: &Platform,
    is_bot: bool,
    events: &[Event],
    turn: Turn,
    limits: &Limits,
) -> anyhow::Result<Report> {
    let folder = load::folder(options.dir.as_ref())?;
    let program = if is_bot {
        let database = folder.path().join("noticebot.db");
        Program::bot(
            &options.bot,
            options.config.as_deref(),
            platform,
            &format!("sqlite://{}", database.display()),
            folder.path().join("noticebot.log"),
        )?
    } else {
        Program::yardstick(platform, folder.path())?
    };
    platform.sim.clear_calls();
    let fleet = Fleet::of(program.on_core(options.core));
    let trial = Trial {
        fleet: &fleet,
        platform,
        events,
        pace: Pace {
            connections: options.connections,
            turn,
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
            &self.yardstick,
            &self.chatter,
            &self.yardstick_waiting,
            &self.commands,
        ];
        let mut table = Table::default();
        table.row([
            "medians",
            "yardstick",
            "bot, chatter",
            "yardstick, waiting",
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
        table.row(["events, yardstick = 1", "1.00", &chatter, "1.00", &commands]);
        let cpu = ratio(self.chatter_cpu_ratio);
        table.row(["yardstick's CPU over the bot's", "1.00", &cpu, "", ""]);
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
