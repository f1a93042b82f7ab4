#![doc = include_str!("../README.md")]

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::time::Limits;

mod aged;
mod bombs;
mod chaos;
mod compare;
mod events;
mod fleet;
mod latency;
mod load;
mod platform;
mod program;
mod report;
mod time;
mod usage;
mod wire;
mod yardstick;

/// Measure a noticebot under load, or prove that nothing is lost while it is killed.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Send events to a bot and measure it.
    Load(load::Options),
    /// Measure bot and yardstick in turns, each on one core.
    Compare(compare::Options),
    /// Serve the straightforward handler that the bot is compared with.
    Yardstick(yardstick::Options),
    /// Measure a bot on a store with a long past.
    Aged(aged::Options),
    /// Send messages that cost much memory or time, and bound what they cost.
    Bombs(bombs::Options),
    /// Kill the bot and let the platform misbehave, then prove the ledger.
    Chaos(chaos::Options),
}

fn main() -> ExitCode {
    match start(Arguments::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to be told if standard error is closed.
            writeln!(std::io::stderr(), "loadtest: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn start(verb: Verb) -> anyhow::Result<ExitCode> {
    // One thread: it carries the pretend platform, whose state has one lock anyway.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let limits = |runtime: &Runtime, seconds| Limits::new(runtime, seconds);
    match verb {
        Verb::Load(options) => {
            let limits = limits(&runtime, options.seconds)?;
            load::run(&options, &runtime, &limits)?;
        }
        Verb::Aged(options) => {
            let limits = limits(&runtime, options.seconds)?;
            aged::run(&options, &runtime, &limits)?;
        }
        Verb::Compare(options) => {
            let limits = limits(&runtime, options.seconds)?;
            compare::run(&options, &runtime, &limits)?;
        }
        Verb::Yardstick(options) => runtime.block_on(yardstick::serve(options))?,
        Verb::Bombs(options) => {
            let limits = limits(&runtime, options.seconds)?;
            return bombs::run(&options, &runtime, &limits);
        }
        Verb::Chaos(options) => {
            let limits = limits(&runtime, options.seconds)?;
            return chaos::run(&options, &runtime, &limits);
        }
    }
    Ok(ExitCode::SUCCESS)
}
