//! The command line and its exit codes.

use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use noticebot::admin::{Admin, Audit, JobFilter, JobState};
use noticebot::check::{self, CheckOptions};
use noticebot::config::{Config, ConfigError, Sources, chat_id};
use noticebot::healthcheck::healthcheck;
use noticebot::panel::{Reorder, SyncOptions, sync_by_hand};
use noticebot::setup::{Ask, Dialog, OutputFormat, SetUp, SetupError, SetupOptions};
use noticebot::{Clock, printable, telemetry};
use reqwest::Url;
use strum::VariantArray as _;
use tokio_util::sync::CancellationToken;

use signals::Signals;

mod signals;
mod terminal;

/// A bot for Feishu and Lark groups: members pin messages and post to the group announcement by
/// typing commands.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file; `NOTICEBOT_CONFIG` can also name it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// File with environment variables; `NOTICEBOT_ENV_FILE` can also name it. The environment
    /// itself wins. `setup` writes this file, by default `.env`.
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the bot.
    Serve,
    /// Create the app by scanning a QR code, write its settings, and check them.
    Setup(Setup),
    /// Check the whole set-up and print each problem with its remedy.
    Check {
        /// Also test this request URL, as the developer console does.
        #[arg(long, value_name = "https://…/webhook/event", value_parser = parse_url)]
        url: Option<Url>,
        /// For a store app: the tenant whose scopes and groups are checked.
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
        /// Also check one group: the bot's permissions there, and who may use it.
        #[arg(long, value_name = "oc_…", value_parser = chat_id)]
        chat: Option<String>,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Check that the running bot is ready, for container health checks.
    Healthcheck,
    /// Print the effective configuration, with secrets hidden.
    Config,
    /// Manage the commands that members see when they type `/`.
    #[command(subcommand)]
    Commands(Commands),
    /// List and change the jobs in the store, also while the bot runs.
    #[command(subcommand)]
    Jobs(Jobs),
    /// List the changes that members requested, oldest first.
    Audit {
        /// Only changes in this tenant of a store app.
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
        /// Only changes in this chat.
        #[arg(long, value_name = "oc_…", value_parser = chat_id)]
        chat: Option<String>,
        /// Only changes since then: a duration such as `7d`, or a date.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        since: String,
        /// Include the first words of each text.
        #[arg(long = "text")]
        with_text: bool,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// List the tenants of a store app, and erase their data.
    #[command(subcommand)]
    Tenants(Tenants),
    /// Copy the store to a new file, also while the bot runs.
    Backup {
        /// File to create: a database for SQLite, a `psql` script for PostgreSQL.
        file: PathBuf,
    },
}

#[derive(clap::Args)]
struct Setup {
    /// Add to this app instead of creating one.
    #[arg(long, value_name = "cli_…", value_parser = app_id)]
    app_id: Option<String>,
    /// Open the page at Lark.
    #[arg(long)]
    lark: bool,
    /// Replace what the file already sets, without asking.
    #[arg(long)]
    force: bool,
    /// Print one JSON object per step, and ask nothing.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Commands {
    /// Make the `/` panel match the bot's commands, as the bot does when it starts.
    Sync {
        /// Only print what would be changed.
        #[arg(long)]
        dry_run: bool,
        /// Also restore the order, by removing commands and adding them again.
        #[arg(long)]
        reorder: bool,
        /// For a store app: the tenant whose token is used.
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
    },
}

#[derive(Subcommand)]
enum Jobs {
    /// List jobs, newest first.
    List {
        /// Only jobs in this state; by default all except done.
        #[arg(long = "state", value_name = "STATE", value_parser = job_state())]
        states: Vec<JobState>,
        /// Only jobs of this tenant of a store app.
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
        /// Only jobs of this chat.
        #[arg(long, value_name = "oc_…", value_parser = chat_id)]
        chat: Option<String>,
        /// Maximum number of jobs.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Show one job.
    Show {
        /// The job's number, or the reference in logs and replies.
        job: String,
        /// Include message texts.
        #[arg(long)]
        text: bool,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print a job with its event as JSON to share, with ids and texts replaced.
    Dump {
        /// The job's number or reference.
        job: String,
        /// Include message texts.
        #[arg(long)]
        with_text: bool,
    },
    /// Retry a failed job, or run a waiting one now.
    Retry {
        /// The job's number or reference.
        job: String,
    },
    /// Cancel a job.
    Drop {
        /// The job's number or reference.
        job: String,
    },
}

#[derive(Subcommand)]
enum Tenants {
    /// List tenants, by the time of their first event.
    List {
        /// Print one JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Show one tenant.
    Show {
        /// The tenant's key.
        #[arg(value_name = "KEY")]
        tenant: String,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Erase everything that the store holds of a tenant.
    Forget {
        /// The tenant's key.
        #[arg(value_name = "KEY")]
        tenant: String,
    },
}

/// Exit code for wrong usage or configuration.
const MISUSE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            let setup = error.downcast_ref::<SetupError>();
            if error.is::<ConfigError>() || setup.is_some_and(|error| error.is_misuse) {
                ExitCode::from(MISUSE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let is_setup = matches!(arguments.verb, Verb::Setup(_));
    let config = Config::load(Sources {
        config: arguments.config.as_deref(),
        env_file: arguments.env_file.as_deref(),
        default_env_file: is_setup.then_some(Path::new(".env")),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match arguments.verb {
        Verb::Serve => {
            let config = config?;
            config.validate()?;
            let log = telemetry::init(&config.log)?;
            let served = runtime.block_on(serve(config));
            // A thread of the store may hang; do not wait for it.
            runtime.shutdown_timeout(Duration::from_millis(200));
            drop(log);
            served.map(|()| ExitCode::SUCCESS)
        }
        Verb::Setup(setup) => runtime.block_on(run_setup(&config?, setup)),
        Verb::Check {
            url,
            tenant,
            chat,
            json,
        } => {
            let options = CheckOptions { tenant, chat, url };
            runtime.block_on(run_check(config, &options, json))
        }
        Verb::Healthcheck => {
            runtime.block_on(healthcheck(config?.server.listen))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Config => {
            let config = config?;
            print(&config.to_toml()?)?;
            config.validate()?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Tenants(tenants) => runtime.block_on(run_tenants(&config?, tenants)),
        Verb::Commands(commands) => runtime.block_on(run_commands(&config?, commands)),
        Verb::Jobs(jobs) => runtime.block_on(run_jobs(&config?, jobs)),
        Verb::Audit {
            tenant,
            chat,
            since,
            with_text,
            json,
        } => {
            let audit = Audit {
                tenant,
                chat,
                since,
                with_text,
                json,
            };
            runtime.block_on(run_audit(&config?, &audit))
        }
        Verb::Backup { file } => runtime.block_on(run_backup(&config?, &file)),
    }
}

/// An invalid configuration is reported as a finding, with its own exit code.
async fn run_check(
    config: Result<Config, ConfigError>,
    options: &CheckOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let valid = config.and_then(|config| config.validate().map(|()| config));
    let (report, code) = match valid {
        Ok(config) => {
            let report = check::check(&config, Clock::system(), options).await;
            let code = exit_code(report.is_good());
            (report, code)
        }
        Err(error) => (check::misconfigured(&error), ExitCode::from(MISUSE)),
    };
    print(&if json {
        report.to_json()?
    } else {
        report.to_string()
    })?;
    Ok(code)
}

/// A signal ends the set-up where nothing is lost.
async fn run_setup(config: &Config, setup: Setup) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let options = SetupOptions {
        app_id: setup.app_id,
        lark: setup.lark,
        force: setup.force,
        env_file: config.env_file.clone().unwrap_or_default(),
        format: if setup.json {
            OutputFormat::Json
        } else {
            let columns = terminal::columns();
            OutputFormat::Text { columns }
        },
    };
    let can_ask = !setup.json && terminal::has_person();
    let dialog = Dialog {
        out: &mut io::stdout(),
        ask: can_ask.then(|| Box::new(terminal::ask) as Ask<'_>),
    };
    // A signal during its question ends the program.
    let prepared = SetUp::prepare(config, &options, dialog)?;
    let mut signals = Signals::new()?;
    let mut running = std::pin::pin!(prepared.run(Clock::system(), &stop));
    let is_good = tokio::select! {
        done = running.as_mut() => done?,
        () = signals.received() => {
            stop.cancel();
            running.await?
        }
    };
    Ok(exit_code(is_good))
}

fn exit_code(is_good: bool) -> ExitCode {
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn app_id(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("cli_").unwrap_or_default();
    let is_id = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id
        .then(|| text.to_owned())
        .ok_or_else(|| "expected an App ID, `cli_…`".to_owned())
}

fn job_state() -> impl TypedValueParser<Value = JobState> {
    let names = JobState::VARIANTS.iter().map(|state| state.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<JobState>())
}

fn parse_url(text: &str) -> Result<Url, String> {
    let good = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = Url::parse(text).ok().filter(good);
    url.ok_or_else(|| {
        "expected an address such as `https://bot.example.com/webhook/event`".to_owned()
    })
}

async fn run_commands(config: &Config, commands: Commands) -> anyhow::Result<ExitCode> {
    let Commands::Sync {
        dry_run,
        reorder,
        tenant,
    } = commands;
    let options = SyncOptions {
        tenant,
        dry_run,
        reorder: if reorder {
            Reorder::Always
        } else {
            Reorder::WhenAdding
        },
    };
    let (report, is_complete) = sync_by_hand(config, Clock::system(), &options).await?;
    print(&report)?;
    Ok(exit_code(is_complete))
}

async fn run_jobs(config: &Config, jobs: Jobs) -> anyhow::Result<ExitCode> {
    let mut admin = Admin::open(config, Clock::system()).await?;
    print(&match jobs {
        Jobs::List {
            states,
            tenant,
            chat,
            limit,
            json,
        } => {
            let filter = JobFilter {
                states,
                tenant,
                chat,
                before: None,
                limit,
            };
            admin.list_jobs(filter, json).await?
        }
        Jobs::Show { job, text, json } => admin.show_job(&job, text, json).await?,
        Jobs::Dump { job, with_text } => admin.dump_job(&job, with_text).await?,
        Jobs::Retry { job } => admin.retry_job(&job).await?,
        Jobs::Drop { job } => admin.drop_job(&job).await?,
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn run_backup(config: &Config, file: &Path) -> anyhow::Result<ExitCode> {
    let mut admin = Admin::open(config, Clock::system()).await?;
    print(&admin.back_up(file).await?)?;
    Ok(ExitCode::SUCCESS)
}

async fn run_tenants(config: &Config, tenants: Tenants) -> anyhow::Result<ExitCode> {
    let admin = Admin::open(config, Clock::system()).await?;
    print(&match tenants {
        Tenants::List { json } => admin.list_tenants(json).await?,
        Tenants::Show { tenant, json } => admin.show_tenant(&tenant, json).await?,
        Tenants::Forget { tenant } => admin.forget_tenant(&tenant).await?,
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn run_audit(config: &Config, audit: &Audit) -> anyhow::Result<ExitCode> {
    let admin = Admin::open(config, Clock::system()).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let shown = admin.audit(audit, &mut out).await;
    match shown.map_err(anyhow::Error::downcast::<std::io::Error>) {
        Ok(()) => unless_pipe_closed(out.flush())?,
        Err(Ok(unwritten)) => unless_pipe_closed(Err(unwritten))?,
        Err(Err(other)) => return Err(other),
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut signals = Signals::new()?;
    let serving = noticebot::run(config, Clock::system(), stop.clone());
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => return ended,
        () = signals.received() => {}
    }
    // Further signals change nothing: a graceful stop takes at most five seconds.
    stop.cancel();
    serving.await
}

fn print(text: &str) -> anyhow::Result<()> {
    unless_pipe_closed(writeln!(std::io::stdout(), "{}", text.trim_end()))
}

/// A reader that closes the pipe has seen enough.
fn unless_pipe_closed(result: std::io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints why the program ends. The log may not be set up yet, and standard error may be closed.
fn report(error: &anyhow::Error) {
    let mut out = io::stderr().lock();
    for line in format!("noticebot: {error:#}").lines() {
        let _ = writeln!(out, "{}", printable(line));
    }
}
