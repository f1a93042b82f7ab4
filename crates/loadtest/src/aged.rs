//! `aged`: the latency of a bot on a database with half a year of history.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use feishu_sim::{ChatId, Endpoint, State};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::fleet::{Fleet, StoreOptions};
use crate::latency::Percentiles;
use crate::load::folder;
use crate::platform::{Platform, Setting, tenant_key};
use crate::program::Bot;
use crate::report::{self, Table};
use crate::time::Limits;

mod pages;

/// The longest acceptable request to the store, on average.
const MOST_MS: f64 = 5.0;
/// The requests that are checked.
const BOUND: [&str; 2] = ["claim", "history"];
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// The age in days of the oldest change, and of the oldest finished job or text.
const DAYS: [u64; 2] = [180, 7];

/// The options of `aged`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The bot's binary, preferably a release build.
    #[arg(long, value_name = "PATH")]
    bot: PathBuf,
    #[command(flatten)]
    store: StoreOptions,
    /// Number of changes.
    #[arg(long, default_value_t = 1_000_000)]
    changes: u32,
    /// Number of finished jobs.
    #[arg(long, default_value_t = 100_000)]
    jobs: u32,
    /// Number of chats.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    chats: u32,
    /// Measure a store app with this number of tenants, which have the chats in turn; each round is in
    /// another tenant.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tenants: Option<u32>,
    /// Number of `/history` commands, and of `/pin announcement`.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
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

#[derive(Debug, Serialize)]
struct Report {
    changes: u32,
    jobs: u32,
    chats: u32,
    /// The tenants of a store app; 0 for a custom app.
    tenants: u32,
    /// Requests for tokens of tenants, for each tenant that the commands were typed in.
    tokens_per_tenant: f64,
    ready_ms: f64,
    /// The memory of the bot when it was ready, and at most.
    memory_mib: [f64; 2],
    /// Requests to the store during the commands, from the metrics of the bot.
    requests: Vec<Requests>,
    /// From a command to its answer, as the simulator sees it.
    history: Percentiles,
    pin: Percentiles,
    /// Pages of the console.
    pages: Vec<pages::Page>,
}

/// The requests of one kind.
#[derive(Debug, Serialize)]
struct Requests {
    operation: String,
    count: f64,
    mean_ms: f64,
    /// The percentage within the limit.
    in_time: f64,
}

pub(crate) fn run(options: &Options, runtime: &Runtime, limits: &Limits) -> anyhow::Result<()> {
    let setting = Setting {
        chats: usize::try_from(options.chats)?,
        tenants: options.tenants.map(usize::try_from).transpose()?,
        ..Setting::default()
    };
    let platform = Platform::with(runtime, setting)?;
    let folder = folder(options.dir.as_ref())?;
    let bot = Bot {
        executable: &options.bot,
        config: None,
    };
    let fleet = Fleet::bots(options.store, runtime, bot, &platform, folder.path())?;
    // The first start creates the tables.
    let (replicas, _) = fleet.explain(fleet.start(limits))?;
    replicas.stop()?;
    fleet.execute(runtime, &past(options, &platform, fleet.is_on_server()))?;
    let report = fleet.explain(measure(options, runtime, limits, &platform, &fleet))?;
    report::print(&report, &report.table(), options.json)?;
    for kind in &report.requests {
        let bound = !BOUND.contains(&&*kind.operation) || kind.mean_ms < MOST_MS;
        ensure!(
            bound,
            "`{}` takes at least {MOST_MS} ms on average",
            kind.operation
        );
    }
    for page in &report.pages {
        let bound = page.median_ms < pages::MOST_MS;
        ensure!(
            bound,
            "`{}` takes at least {} ms",
            page.path,
            pages::MOST_MS
        );
    }
    Ok(())
}

fn measure(
    options: &Options,
    runtime: &Runtime,
    limits: &Limits,
    platform: &Platform,
    fleet: &Fleet,
) -> anyhow::Result<Report> {
    let (replicas, ready) = fleet.start(limits)?;
    let [address, ..] = fleet.addresses()[..] else {
        anyhow::bail!("starting the bot: no replica");
    };
    platform
        .sim
        .set_webhook(&format!("http://{address}/webhook/event"));
    if options.tenants.is_some() {
        platform.sim.push_ticket();
    }
    let at_start = replicas.usage()?;
    let (mut history, mut pin) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let chat = &platform.chats[usize::try_from(round)? % platform.chats.len()];
        history.push(answered(runtime, platform, chat, "/history"));
        pin.push(answered(runtime, platform, chat, "/pin announcement"));
    }
    let metrics = replicas.metrics()?;
    let requests = [
        "accept",
        "claim",
        "history",
        "undoable",
        "latest_top",
        "conclude",
    ];
    let requests = requests.iter().map(|name| Requests::read(&metrics, name));
    let at_end = replicas.usage()?;
    let pages = pages::measure(platform, &replicas, options.changes)?;
    let tokens = platform
        .sim
        .calls_to(Endpoint::StoreTenantAccessToken)
        .len();
    let tenants = options.tenants.unwrap_or_default();
    let asking = tenants.min(options.rounds).max(1);
    Ok(Report {
        changes: options.changes,
        jobs: options.jobs,
        chats: options.chats,
        tenants,
        tokens_per_tenant: f64::from(u32::try_from(tokens)?) / f64::from(asking),
        memory_mib: [at_start.rss_mib, at_end.peak_mib],
        ready_ms: ready.as_secs_f64() * 1000.0,
        requests: requests.collect::<anyhow::Result<_>>()?,
        history: Percentiles::of(history),
        pin: Percentiles::of(pin),
        pages,
    })
}

/// Types a command and waits for a reply or reaction.
fn answered(runtime: &Runtime, platform: &Platform, chat: &ChatId, command: &str) -> Duration {
    let typed = Instant::now();
    let said = platform.member_in(chat).say(command).id;
    let seen = |state: &State| {
        let reactions = state.reactions(&said).into_iter();
        let mut all = reactions.chain(state.answers_to(&said));
        all.find(|answer| answer != "OneSecond")
    };
    runtime.block_on(platform.sim.wait_for("an answer", seen));
    typed.elapsed()
}

impl Requests {
    /// Parses them from the metrics of the bot.
    fn read(metrics: &str, operation: &str) -> anyhow::Result<Self> {
        let value = |ending: &str, bucket: &str| {
            let line =
                format!("noticebot_store_seconds_{ending}{{{bucket}operation=\"{operation}\"}} ");
            let found = metrics.lines().find_map(|found| found.strip_prefix(&line));
            let found = found.with_context(|| format!("no metric `{}`", line.trim_end()))?;
            Ok::<f64, anyhow::Error>(found.parse()?)
        };
        let count = value("count", "")?;
        let within = format!("le=\"{}\",", MOST_MS / 1000.0);
        Ok(Self {
            operation: operation.to_owned(),
            count,
            mean_ms: value("sum", "")? / count * 1000.0,
            in_time: value("bucket", &within)? / count * 100.0,
        })
    }
}

impl Report {
    fn table(&self) -> Table {
        let mut table = Table::default();
        table.row(["changes remembered", &self.changes.to_string()]);
        table.row(["jobs finished", &self.jobs.to_string()]);
        table.row(["chats", &self.chats.to_string()]);
        table.row(["tenants", &self.tenants.to_string()]);
        let tokens = format!("{:.2}", self.tokens_per_tenant);
        table.row(["token requests per tenant", &tokens]);
        for (name, memory) in ["RSS at start, MiB", "RSS peak, MiB"]
            .iter()
            .zip(self.memory_mib)
        {
            table.row([(*name).to_owned(), format!("{memory:.1}")]);
        }
        table.row(["ready after, ms", &format!("{:.0}", self.ready_ms)]);
        for kind in &self.requests {
            table.row([
                format!("{}: mean ms", kind.operation),
                format!("{:.2}", kind.mean_ms),
            ]);
            let name = format!("{}: of {} within {MOST_MS} ms", kind.operation, kind.count);
            table.row([name, format!("{:.1} %", kind.in_time)]);
        }
        for (name, times) in [("/history", self.history), ("/pin", self.pin)] {
            table.row([
                format!("{name} answered p50, ms"),
                format!("{:.1}", times.p50),
            ]);
            table.row([
                format!("{name} answered p99, ms"),
                format!("{:.1}", times.p99),
            ]);
        }
        for page in &self.pages {
            let name = format!("{}: median ms", page.path);
            table.row([name, format!("{:.1} ({:.0} KiB)", page.median_ms, page.kib)]);
        }
        table
    }
}

/// Statements that insert half a year of history: six changes in seven succeeded, and texts are kept
/// for the last week only.
fn past(options: &Options, platform: &Platform, on_server: bool) -> String {
    let Options {
        changes,
        jobs,
        chats,
        ..
    } = options;
    let now = platform.sim.clock().now_ms();
    let [kept, of_texts] = DAYS.map(|days| days * DAY_MS);
    let app = &platform.app.app_id;
    let actor = platform.member.open_id.as_str();
    let names = groups(options, platform);
    let schema = if on_server {
        "SET search_path = noticebot;"
    } else {
        ""
    };
    let analyze = if on_server { "ANALYZE;" } else { "" };
    let at = |count: &u32, span: u64| {
        let step = span / u64::from((*count).max(1));
        format!("{now} - CAST({count} - i AS bigint) * {step}")
    };
    let (made_at, finished_at) = (at(changes, kept), at(jobs, of_texts));
    let lately = now - of_texts;
    // In one chat every command was denied.
    let denied = "i % 7 = 0 OR number = 0";
    let change = r#"'{"top":"announcement"}'"#;
    format!(
        "{schema}
         CREATE TEMPORARY TABLE groups_of_past (number integer PRIMARY KEY, tenant text, chat text);
         INSERT INTO groups_of_past VALUES {names};
         BEGIN;
         INSERT INTO tenants (app, tenant, first_seen_at, last_seen_at, changed_at)
         SELECT DISTINCT '{app}', tenant, {now}, {now}, {now} FROM groups_of_past WHERE tenant <> '';
         INSERT INTO changes (app, tenant, chat, origin, job_kind, reference, made_at, actor, kind, result,
             summary, before, after, place)
         SELECT '{app}', tenant, chat, 'om_past_' || i, 'command', '0123abcd', {made_at}, '{actor}', 'pin',
             CASE WHEN {denied} THEN 'denied' ELSE 'done' END,
             CASE WHEN {made_at} > {lately} THEN 'dinner at seven' END,
             CASE WHEN NOT ({denied}) THEN {change} END,
             CASE WHEN NOT ({denied}) THEN {change} END,
             CASE WHEN NOT ({denied}) THEN 'top' END
         FROM {of_changes} JOIN groups_of_past ON number = i % {chats};
         INSERT INTO jobs (app, tenant, origin, kind, chat, state, ordered_at, run_at, started_at, finished_at,
             payload, outcome)
         SELECT '{app}', tenant, 'om_done_' || i, 'command', chat, 'done', {finished_at}, {finished_at},
             {finished_at}, {finished_at}, '', '{{\"done\":\"unpinned\"}}'
         FROM {of_jobs} JOIN groups_of_past ON number = i % {chats};
         COMMIT;
         DROP TABLE groups_of_past;
         {analyze}",
        of_changes = numbers(*changes, on_server),
        of_jobs = numbers(*jobs, on_server),
    )
}

/// The number, tenant and id of each chat, as rows of SQL.
fn groups(options: &Options, platform: &Platform) -> String {
    let tenant = |number: usize| match options.tenants {
        None => String::new(),
        Some(tenants) => tenant_key(number % tenants as usize),
    };
    let chats = platform.chats.iter().enumerate();
    let rows = chats.map(|(number, chat)| format!("({number}, '{}', '{chat}')", tenant(number)));
    rows.collect::<Vec<_>>().join(", ")
}

/// A table `t` with the numbers from 1 in its column `i`.
fn numbers(count: u32, on_server: bool) -> String {
    if on_server {
        return format!("generate_series(1, {count}) AS t(i)");
    }
    format!(
        "(WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < {count})
         SELECT i FROM t) AS t"
    )
}
