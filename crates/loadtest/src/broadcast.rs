//! `broadcast`: how long commands of other groups take while an announcement is sent to many groups.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use feishu_sim::MessageId;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::events::{self, Event};
use crate::fleet::{Fleet, StoreOptions};
use crate::latency::Percentiles;
use crate::list;
use crate::load::{self, LoopMode, Pace, done_commands};
use crate::platform::{Platform, Setting};
use crate::program::Bot;
use crate::report::{self, Table};
use crate::time::Limits;

/// How many times as long the slowest hundredth of commands may take.
const MOST: f64 = 2.0;
/// One command of so many is an announcement; the others are pins.
const ANNOUNCED_EVERY: usize = 10;
/// The announced text.
const LINE: &str = "everyone is invited";
/// The time between two groups, with the documented limits.
const INTERVAL: Duration = Duration::from_millis(500);
/// The share of a broadcast during which commands are sent.
const SHARE: f64 = 0.9;
/// Half of it before and half of it after, so that other load on the machine matters less.
const HALF: f64 = SHARE / 2.0;
/// How often the end of commands is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The options of `broadcast`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary, preferably a release build.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    /// A configuration file for the bot.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOptions,
    /// Number of groups that get the announcement.
    #[arg(long, default_value_t = 200)]
    groups: u32,
    /// Number of other groups, which send the commands.
    #[arg(long, default_value_t = 50)]
    chats: usize,
    /// Commands a second.
    #[arg(long, value_name = "R", default_value_t = 10.0)]
    rate: f64,
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

/// From a command to its reaction, in milliseconds.
#[derive(Debug, Serialize)]
struct Report {
    groups: u32,
    commands: usize,
    /// All commands, without and with a broadcast.
    all: [Percentiles; 2],
    /// Only announcements, which use the same limits of the platform.
    announcements: [Percentiles; 2],
    /// The 99th percentile of all commands with a broadcast, relative to that without.
    ratio: f64,
}

pub(crate) fn run(options: &Options, runtime: &Runtime, limits: &Limits) -> anyhow::Result<()> {
    let setting = Setting {
        chats: options.chats,
        list: usize::try_from(options.groups)?,
        limits_factor: 1,
        ..Setting::default()
    };
    let platform = Platform::with(runtime, setting)?;
    let folder = load::folder(options.dir.as_ref())?;
    let config = list::config_file(&platform, options.config.as_deref(), folder.path())?;
    let fleet = bots(options, runtime, &platform, (&config, folder.path()))?;
    let measurement = Measurement {
        options,
        platform: &platform,
        fleet: &fleet,
        limits,
    };
    let report = fleet.explain(measurement.run())?;
    report::print(&report, &report.table(), options.json)?;
    ensure!(
        report.ratio <= MOST,
        "the slowest hundredth of commands takes more than {MOST} times as long"
    );
    Ok(())
}

fn bots(
    options: &Options,
    runtime: &Runtime,
    platform: &Platform,
    (config, folder): (&Path, &Path),
) -> anyhow::Result<Fleet> {
    let bot = Bot {
        executable: &options.bot,
        config: Some(config),
    };
    Fleet::bots(options.store, runtime, bot, platform, folder)
}

struct Measurement<'a> {
    options: &'a Options,
    platform: &'a Platform,
    fleet: &'a Fleet,
    limits: &'a Limits,
}

/// The times of one phase.
struct Phase {
    all: Vec<Duration>,
    announcements: Vec<Duration>,
}

impl Phase {
    fn and(mut self, other: Self) -> Self {
        self.all.extend(other.all);
        self.announcements.extend(other.announcements);
        self
    }
}

impl Measurement<'_> {
    fn run(&self) -> anyhow::Result<Report> {
        let (replicas, _) = self.fleet.start(self.limits)?;
        let before = self.send_commands("before", HALF)?;
        let command = self.announce()?;
        let with = self.send_commands("during", SHARE)?;
        let report = |words: &[&str]| {
            let sim = &self.platform.sim;
            sim.read(|state| list::final_report(state, &command, words))
        };
        let ended_early = report(&["posted", "failed"]).is_some();
        ensure!(!ended_early, "the broadcast ended before the commands");
        let ended = self
            .limits
            .poll(POLL_INTERVAL, || report(&["posted", "failed"]));
        let ended = ended.context("waiting for the report: the run is over")?;
        let all_posted = ended.contains(&format!("{} posted", self.options.groups));
        ensure!(all_posted, "the broadcast failed: {ended}");
        let without = before.and(self.send_commands("after", HALF)?);
        replicas.stop()?;
        let commands = without.all.len() + with.all.len();
        let all = [without.all, with.all].map(Percentiles::of);
        Ok(Report {
            groups: self.options.groups,
            commands,
            all,
            announcements: [without.announcements, with.announcements].map(Percentiles::of),
            ratio: all[1].p99 / all[0].p99.max(f64::MIN_POSITIVE),
        })
    }

    /// Starts the broadcast.
    fn announce(&self) -> anyhow::Result<MessageId> {
        let [chat, ..] = &self.platform.list[..] else {
            anyhow::bail!("`--groups` must be at least 1");
        };
        let text = format!("/announce --to {} {LINE}", list::NAME);
        let (request, message) = events::said_in(self.platform, chat, &text);
        let event = Event {
            request,
            command: Some(message.clone()),
        };
        let sent = self.send(&[event], LoopMode::Answered);
        ensure!(sent.len() == 1, "the broadcast was not acknowledged");
        Ok(message)
    }

    /// Sends commands of the other groups for a share of the time that a broadcast takes, and waits
    /// until they are done.
    fn send_commands(&self, name: &str, share: f64) -> anyhow::Result<Phase> {
        let rate = self.options.rate;
        let seconds = (INTERVAL * self.options.groups).as_secs_f64() * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of commands"
        )]
        let count = (rate * seconds) as usize;
        let events: Vec<Event> = (0..count)
            .map(|number| self.command(name, number))
            .collect();
        let is_announcement = |command: &MessageId| {
            let mut announced = events.iter().step_by(ANNOUNCED_EVERY);
            announced.any(|event| event.command.as_ref() == Some(command))
        };
        let sent = self.send(&events, LoopMode::Due(rate));
        let announced: Vec<_> = sent
            .iter()
            .filter(|(command, _)| is_announcement(command))
            .cloned()
            .collect();
        let all_done = || {
            let done = done_commands(self.platform, &sent);
            (done.len() == count).then_some(done)
        };
        let all = self.limits.poll(POLL_INTERVAL, all_done);
        Ok(Phase {
            all: all.context("waiting for the commands: the run is over")?,
            announcements: done_commands(self.platform, &announced),
        })
    }

    fn command(&self, name: &str, number: usize) -> Event {
        let chat = &self.platform.chats[number % self.platform.chats.len()];
        let text = if number.is_multiple_of(ANNOUNCED_EVERY) {
            format!("/announce {name} {number}")
        } else {
            "/pin announcement".to_owned()
        };
        let (request, message) = events::said_in(self.platform, chat, &text);
        Event {
            request,
            command: Some(message),
        }
    }

    /// Returns the acknowledged commands, with the time at which each was due.
    fn send(&self, events: &[Event], mode: LoopMode) -> Vec<(MessageId, u64)> {
        let pace = Pace {
            connections: 8,
            mode,
        };
        let clock = self.platform.sim.clock();
        let addresses = self.fleet.addresses();
        load::send(events, &addresses, pace, &clock, self.limits).commands
    }
}

impl Report {
    fn table(&self) -> Table {
        let mut table = Table::default();
        table.row(["", "without", "with a broadcast"]);
        table.row(["groups", "", &self.groups.to_string()]);
        table.row(["commands", "", &self.commands.to_string()]);
        for (name, [without, with]) in [
            ("commands", &self.all),
            ("announcements", &self.announcements),
        ] {
            for (what, without, with) in [
                ("p50", without.p50, with.p50),
                ("p99", without.p99, with.p99),
                ("max", without.max, with.max),
            ] {
                let cells = [without, with].map(|millis| format!("{millis:.0}"));
                let [without, with] = cells;
                table.row([format!("{name} {what}, ms"), without, with]);
            }
        }
        table.row(["p99, ratio", "", &format!("{:.2}", self.ratio)]);
        table
    }
}
