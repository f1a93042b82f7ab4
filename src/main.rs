//! The command line and its exit codes.

use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use noticebot::admin::{self, Admin, Audit, JobList};
use noticebot::check::{self, Questions};
use noticebot::config::{Config, ConfigError, chat_id};
use noticebot::healthcheck::healthcheck;
use noticebot::{Clock, printable, telemetry};
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use signals::Signals;

mod signals;

/// Members of a Feishu or Lark group pin messages and write the group
/// announcement by typing commands.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file; `NOTICEBOT_CONFIG` names it too.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the bot.
    Serve,
    /// Say whether the bot can do its job, and what to mend if not.
    Check {
        /// Also try the request URL as the developer console has it.
        #[arg(long, value_name = "https://…/webhook/event", value_parser = web_address)]
        url: Option<Url>,
        /// Also look at a group: what the bot may do there, and who may have it done.
        #[arg(long, value_name = "oc_…", value_parser = chat_id)]
        chat: Option<String>,
        /// As a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Ask the running bot whether it is well; for containers.
    Healthcheck,
    /// Print the effective configuration, secrets hidden.
    Config,
    /// Look at the commands and plans in the store, also while the bot runs.
    #[command(subcommand)]
    Jobs(Jobs),
    /// Show who had the bot do what, the oldest first.
    Audit {
        /// Only in this chat.
        #[arg(long, value_name = "oc_…", value_parser = chat_id)]
        chat: Option<String>,
        /// From then on: a length of time such as `7d`, or a date.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        since: String,
        /// With the first words of what was written.
        #[arg(long)]
        text: bool,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Write all that the store holds into a new file, also while the bot runs.
    Backup {
        /// For SQLite a database, for PostgreSQL statements for `psql`.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum Jobs {
    /// List jobs, the newest first.
    List {
        /// Only in this state; by default in any but done.
        #[arg(long, value_enum)]
        state: Vec<JobState>,
        /// Only of this chat.
        #[arg(long, value_name = "oc_…", value_parser = chat_id)]
        chat: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show all that is known of a job.
    Show {
        /// Its number, or the short id that stands in logs and replies.
        job: String,
        /// With what people wrote.
        #[arg(long)]
        text: bool,
        /// As a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Carry a job out again that was given up, or now instead of later.
    Retry {
        /// Its number, or its short id.
        job: String,
    },
    /// End a job without carrying it out.
    Drop {
        /// Its number, or its short id.
        job: String,
    },
}

/// How a job stands.
#[derive(Clone, Copy, ValueEnum)]
enum JobState {
    Ready,
    Planned,
    Running,
    Done,
    Dead,
}

impl From<JobState> for admin::JobState {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Ready => Self::Ready,
            JobState::Planned => Self::Planned,
            JobState::Running => Self::Running,
            JobState::Done => Self::Done,
            JobState::Dead => Self::Dead,
        }
    }
}

/// Bad usage or configuration.
const MISUSE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            if error.is::<ConfigError>() {
                ExitCode::from(MISUSE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(arguments.config.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match &arguments.verb {
        Verb::Serve => {
            let config = config?;
            config.validate()?;
            let log = telemetry::init(&config.log)?;
            let served = runtime.block_on(serve(config));
            // Threads of the store that are still at work are not waited for.
            runtime.shutdown_timeout(Duration::from_millis(200));
            drop(log);
            served.map(|()| ExitCode::SUCCESS)
        }
        Verb::Check { url, chat, json } => {
            let questions = Questions {
                chat: chat.clone(),
                url: url.clone(),
            };
            runtime.block_on(look(config, &questions, *json))
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
        Verb::Jobs(jobs) => runtime.block_on(on_jobs(&config?, jobs)),
        Verb::Audit {
            chat,
            since,
            text,
            json,
        } => {
            let audit = Audit {
                chat: chat.clone(),
                since: since.clone(),
                with_text: *text,
                json: *json,
            };
            runtime.block_on(show_audit(&config?, &audit))
        }
        Verb::Backup { file } => {
            let config = config?;
            let backed_up = async {
                let mut admin = Admin::open(&config, Clock::system()).await?;
                admin.back_up(file).await
            };
            print(&runtime.block_on(backed_up)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Settings that cannot be worked with are a finding like others, but for the exit code.
async fn look(
    config: Result<Config, ConfigError>,
    questions: &Questions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let valid = config.and_then(|config| config.validate().map(|()| config));
    let (report, code) = match valid {
        Ok(config) => {
            let report = check::check(&config, Clock::system(), questions).await;
            let code = if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
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

fn web_address(text: &str) -> Result<Url, String> {
    let good = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = Url::parse(text).ok().filter(good);
    url.ok_or_else(|| "it is no address such as `https://bot.example.com/webhook/event`".to_owned())
}

async fn on_jobs(config: &Config, jobs: &Jobs) -> anyhow::Result<ExitCode> {
    let mut admin = Admin::open(config, Clock::system()).await?;
    print(&match jobs {
        Jobs::List {
            state,
            chat,
            limit,
            json,
        } => {
            let list = JobList {
                states: state.iter().copied().map(Into::into).collect(),
                chat: chat.clone(),
                limit: *limit,
            };
            admin.list_jobs(&list, *json).await?
        }
        Jobs::Show { job, text, json } => admin.show_job(job, *text, *json).await?,
        Jobs::Retry { job } => admin.retry_job(job).await?,
        Jobs::Drop { job } => admin.drop_job(job).await?,
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn show_audit(config: &Config, audit: &Audit) -> anyhow::Result<ExitCode> {
    let admin = Admin::open(config, Clock::system()).await?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let shown = admin.audit(audit, &mut out).await;
    match shown.map_err(anyhow::Error::downcast::<std::io::Error>) {
        Ok(()) => written(out.flush())?,
        Err(Ok(unwritten)) => written(Err(unwritten))?,
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
    // Further signals change nothing: a stop in order takes five seconds at most.
    stop.cancel();
    serving.await
}

fn print(text: &str) -> anyhow::Result<()> {
    written(writeln!(std::io::stdout(), "{}", text.trim_end()))
}

/// Whoever reads our answer may have seen enough.
fn written(result: std::io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says why the program ends. There may be no log yet, and nobody who reads.
fn report(error: &anyhow::Error) {
    let mut out = io::stderr().lock();
    for line in format!("noticebot: {error:#}").lines() {
        let _ = writeln!(out, "{}", printable(line));
    }
}
