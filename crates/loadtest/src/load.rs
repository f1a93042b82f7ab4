//! `load`: sends a stream of events to one program, and measures it.

use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::events;
use crate::fleet::{Fleet, StoreOptions};
use crate::platform::Platform;
use crate::program::{Bot, Program};
use crate::report;
use crate::time::Limits;

pub(crate) use drive::{LoopMode, PUSH_DEADLINE, Pace, send};
pub(crate) use trial::{Report, Trial, done_commands};

mod drive;
mod slow;
mod trial;

/// The options of `load`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary, preferably a release build.
    #[arg(long, value_name = "PATH", required_unless_present = "baseline")]
    bot: Option<PathBuf>,
    /// Measure the baseline instead of a bot.
    #[arg(long, conflicts_with_all = ["bot", "config"])]
    baseline: bool,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE", requires = "bot")]
    config: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOptions,
    /// Number of events.
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// Percentage of events that are commands.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    commands: u8,
    /// Number of chats.
    #[arg(long, default_value_t = 200, value_parser = at_least_one)]
    chats: usize,
    /// Number of connections that are kept open.
    #[arg(long, default_value_t = 32, value_parser = at_least_one)]
    connections: usize,
    /// Events a second in an open loop; without it the loop is closed.
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// Number of additional connections that are idle or send a byte a second.
    #[arg(long, value_name = "N", default_value_t = 0)]
    slow: usize,
    /// Multiplies the platform's rate limits; 0: no limits.
    #[arg(long, default_value_t = 0)]
    limits_factor: u32,
    /// Seconds after the last command until SQLite's write-ahead log is measured again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    rest: u64,
    /// Pin the programs under test to this core.
    #[arg(long, value_name = "CORE")]
    core: Option<usize>,
    /// Folder for the database; by default the one for temporary files.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Time limit of the run.
    #[arg(long, default_value_t = 900)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options, runtime: &Runtime, limits: &Limits) -> anyhow::Result<()> {
    let platform = Platform::start(runtime, options.chats, options.limits_factor)?;
    let folder = folder(options.dir.as_ref())?;
    let mut fleet = match &options.bot {
        None => Fleet::of(Program::baseline(&platform, folder.path())?),
        Some(bot) => {
            let bot = Bot {
                executable: bot,
                config: options.config.as_deref(),
            };
            Fleet::bots(options.store, runtime, bot, &platform, folder.path())?
        }
    };
    if let Some(core) = options.core {
        let pinned = |program: Program| program.on_core(core);
        fleet.programs = fleet.programs.into_iter().map(pinned).collect();
    }
    let trial = Trial {
        fleet: &fleet,
        platform: &platform,
        events: &events::seal(&platform, options.events, options.commands.into()),
        pace: Pace {
            connections: options.connections,
            mode: options.rate.map_or(LoopMode::Answered, LoopMode::Due),
        },
        slow: options.slow,
        rest: std::time::Duration::from_secs(options.rest),
        limits,
    };
    let report = fleet.explain(trial.run())?;
    report::print(&report, &report.table(), options.json)
}

/// A folder for the files of a run, deleted on drop.
pub(crate) fn folder(parent: Option<&PathBuf>) -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("loadtest-");
    match parent {
        None => builder.tempdir(),
        Some(parent) => builder.tempdir_in(parent),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}
