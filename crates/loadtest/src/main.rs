#![doc = include_str!("../README.md")]

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::time::Limits;

mod aged;
mod baseline;
mod bombs;
mod broadcast;
mod chaos;
mod compare;
mod events;
mod fleet;
mod http;
mod latency;
mod list;
mod load;
mod platform;
mod program;
mod report;
mod time;
mod usage;

/// Measure a noticebot under load, or check that no command is lost while it is killed.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send events to a bot and measure latency, throughput and memory.
    Load(load::Options),
    /// Measure bot and baseline alternately, each on one core.
    Compare(compare::Options),
    /// Serve the baseline: a minimal webhook handler that the bot is compared with.
    Baseline(baseline::Options),
    /// Measure a bot on a database with half a year of history.
    Aged(aged::Options),
    /// Send messages that are expensive to parse, and check memory and latency.
    Bombs(bombs::Options),
    /// Measure the commands of other groups while an announcement is sent to many groups.
    Broadcast(broadcast::Options),
    /// Kill the bot and inject platform faults, then check that every command acted once, in order.
    Chaos(chaos::Options),
}

fn main() -> ExitCode {
    match start(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed.
            writeln!(std::io::stderr(), "loadtest: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> anyhow::Result<ExitCode> {
    // One thread: it runs the simulator, whose state has one lock anyway.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let limits = |runtime: &Runtime, seconds| Limits::new(runtime, seconds);
    match command {
        Command::Load(options) => {
            let limits = limits(&runtime, options.seconds)?;
            load::run(&options, &runtime, &limits)?;
        }
        Command::Aged(options) => {
            let limits = limits(&runtime, options.seconds)?;
            aged::run(&options, &runtime, &limits)?;
        }
        Command::Broadcast(options) => {
            let limits = limits(&runtime, options.seconds)?;
            broadcast::run(&options, &runtime, &limits)?;
        }
        Command::Compare(options) => {
            let limits = limits(&runtime, options.seconds)?;
            compare::run(&options, &runtime, &limits)?;
        }
        Command::Baseline(options) => runtime.block_on(baseline::serve(options))?,
        Command::Bombs(options) => {
            let limits = limits(&runtime, options.seconds)?;
            return bombs::run(&options, &runtime, &limits);
        }
        Command::Chaos(options) => {
            let limits = limits(&runtime, options.seconds)?;
            return chaos::run(&options, &runtime, &limits);
        }
    }
    Ok(ExitCode::SUCCESS)
}
