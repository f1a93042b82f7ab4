//! The bot and a simulated Feishu to try, in the browser or in the terminal.
//!
//! `fixture` creates people and groups. `playground` shows them as a page; its bot is a separate
//! process that can be killed. `terminal` shows them as text.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::terminal::Script;

mod fixture;
mod language;
mod playground;
mod settings;
mod terminal;

/// Play with noticebot in a simulated Feishu, in your browser.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    /// The port of the page, on this machine only; 0 takes any that is free.
    #[arg(long, default_value_t = 8088)]
    port: u16,
    /// Do not open the page in a browser.
    #[arg(long)]
    no_open: bool,
    /// Chat in this terminal instead.
    #[arg(long, conflicts_with = "port")]
    terminal: bool,
    /// Type the lines of this file into the terminal's chat, and fail where
    /// the output differs from the file.
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    script: Option<PathBuf>,
    /// Write what is shown into the script instead of comparing it.
    #[arg(long, requires = "script")]
    write: bool,
    /// Show the bot's log on standard error.
    #[arg(long)]
    log: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The role of a process.
#[derive(Subcommand)]
enum Role {
    /// Runs the bot with the configuration in its environment, until standard input is closed.
    #[command(hide = true)]
    Bot,
}

/// Exit code for invalid arguments and for a script that cannot be read.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let script = match arguments.script.take().map(Script::read).transpose() {
        Ok(script) => script,
        Err(error) => {
            report(&error);
            return ExitCode::from(USAGE_ERROR);
        }
    };
    match start(&arguments, script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start(arguments: &Arguments, script: Option<Script>) -> anyhow::Result<()> {
    let log = arguments.log;
    match (&arguments.role, script) {
        (Some(Role::Bot), _) => Box::pin(playground::run_bot()).await,
        (None, Some(script)) => terminal::run_script(script, arguments.write, log).await,
        (None, None) if arguments.terminal => terminal::run_interactive(log).await,
        (None, None) => playground::open(arguments.port, !arguments.no_open, log).await,
    }
}

#[expect(clippy::print_stderr, reason = "the error of a failed run")]
fn report(error: &anyhow::Error) {
    eprintln!("demo: {error:#}");
}
