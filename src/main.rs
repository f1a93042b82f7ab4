//! The command line and its exit codes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use noticebot::config::{Config, ConfigError};
use noticebot::{Clock, check, telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

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
        /// Also look at the bot's rights in this chat.
        #[arg(long, value_name = "oc_…")]
        chat: Option<String>,
    },
    /// Ask the running bot whether it is well; for containers.
    Healthcheck,
    /// Print the effective configuration, secrets hidden.
    Config,
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
    let config = Config::load(arguments.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match &arguments.verb {
        Verb::Serve => {
            config.validate()?;
            telemetry::init(&config.log)?;
            runtime.block_on(serve(config))?;
            // What the store's threads may still do is not waited for.
            runtime.shutdown_timeout(Duration::from_millis(200));
            Ok(ExitCode::SUCCESS)
        }
        Verb::Check { chat } => {
            config.validate()?;
            let report = runtime.block_on(check::check(config, Clock::system(), chat.as_deref()));
            print(&report.to_string());
            Ok(if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Verb::Healthcheck => {
            runtime.block_on(check::healthcheck(config.server.listen))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Config => {
            print(&config.to_toml()?);
            config.validate()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let serving = noticebot::run(config, Clock::system(), stop.clone());
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
    serving.await
}

#[expect(
    clippy::print_stdout,
    reason = "a command's answer goes to standard output"
)]
fn print(text: &str) {
    println!("{}", text.trim_end());
}

#[expect(clippy::print_stderr, reason = "there may be no log yet")]
fn report(error: &anyhow::Error) {
    eprintln!("noticebot: {error:#}");
}
