//! `load`: one program under test, one stream of events, and what it cost.

use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::events;
use crate::fleet::{Fleet, StoreOptions};
use crate::platform::Platform;
use crate::program::Program;
use crate::report;
use crate::time::Limits;

pub(crate) use drive::{PUSH_DEADLINE, Pace, Turn};
pub(crate) use trial::{Report, Trial};

mod drive;
mod slow;
mod trial;

/// What `load` is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary; best a release build.
    #[arg(long, value_name = "PATH", required_unless_present = "yardstick")]
    bot: Option<PathBuf>,
    /// Measure the yardstick instead of a bot.
    #[arg(long, conflicts_with_all = ["bot", "config"])]
    yardstick: bool,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE", requires = "bot")]
    config: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOptions,
    /// How many events to send.
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// How many of a hundred events are commands.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    commands: u8,
    /// Over how many chats the events go.
    #[arg(long, default_value_t = 200, value_parser = at_least_one)]
    chats: usize,
    /// How many connections are kept open.
    #[arg(long, default_value_t = 32, value_parser = at_least_one)]
    connections: usize,
    /// Events a second in open loop; without it the loop is closed.
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// So many connections beside them that are idle or send a byte a second.
    #[arg(long, value_name = "N", default_value_t = 0)]
    slow: usize,
    /// The platform's rate limits, multiplied; 0: none.
    #[arg(long, default_value_t = 0)]
    limits_factor: u32,
    /// So many seconds after the last command, SQLite's write-ahead log is measured again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    rest: u64,
    /// Keep the programs under test on this core.
    #[arg(long, value_name = "CORE")]
    core: Option<usize>,
    /// Where the database goes; by default the folder for temporary files.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The run ends after this time, whatever is left.
    #[arg(long, default_value_t = 900)]
    pub(crate) seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(crate) fn run(options: &Options, runtime: &Runtime, limits: &Limits) -> anyhow::Result<()> {
    let platform = Platform::start(runtime, options.chats, options.limits_factor)?;
    let folder = folder(options.dir.as_ref())?;
    let mut fleet = match &options.bot {
        None => Fleet::of(Program::yardstick(&platform, folder.path())?),
        Some(bot) => {
            let bot = (bot.as_path(), options.config.as_deref());
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
            turn: options.rate.map_or(Turn::Answered, Turn::Due),
        },
        slow: options.slow,
        rest: std::time::Duration::from_secs(options.rest),
        limits,
    };
    let report = fleet.explain(trial.run())?;
    report::print(&report, &report.table(), options.json)
}

/// The folder for one run's files, gone with the value.
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
