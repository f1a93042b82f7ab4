//! One measurement: start, send, wait until idle, stop, report.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use feishu_sim::{Endpoint, MessageId};
use serde::Serialize;

use super::drive::{self, Answers, Pace};
use super::slow::{self, Slow};
use crate::events::Event;
use crate::fleet::{Fleet, Replicas};
use crate::latency::Percentiles;
use crate::platform::Platform;
use crate::report::Table;
use crate::time::Limits;
use crate::usage::Usage;

/// A generator that uses a larger share of its cores may have limited the result.
const BUSY: f64 = 0.9;
/// How often idleness is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How often memory is read while events are sent.
const READING: Duration = Duration::from_millis(250);
/// How many readings are reported.
const READINGS_SHOWN: usize = 10;

/// Readings while events are sent.
#[derive(Default)]
struct Readings {
    /// Memory in MiB.
    meanwhile: Vec<f64>,
    /// The longest log in MiB.
    log_peak: Option<f64>,
}

pub(crate) struct Trial<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) platform: &'a Platform,
    pub(crate) events: &'a [Event],
    pub(crate) pace: Pace,
    /// Number of idle or slow connections.
    pub(crate) slow: usize,
    /// How long the bot is idle before its log is measured.
    pub(crate) rest: Duration,
    pub(crate) limits: &'a Limits,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    program: &'static str,
    replicas: usize,
    /// From start to the first 200 of `/readyz`.
    ready_ms: f64,
    events: usize,
    statuses: BTreeMap<String, usize>,
    seconds: f64,
    pub(crate) events_per_second: f64,
    pub(crate) ack_ms: Percentiles,
    /// From sending a command to the reaction; absent without commands.
    command_ms: Option<Percentiles>,
    /// Finished commands a second, from the first command to the last reaction; absent without
    /// commands.
    commands_per_second: Option<f64>,
    /// Acknowledged commands without a reaction at the end.
    commands_open: usize,
    /// From the next start to readiness on the database of the run: after a kill, and after a
    /// graceful stop; absent without commands.
    ready_again_ms: Option<[f64; 2]>,
    rss_mib: Memory,
    /// The write-ahead log of a SQLite file; absent without commands.
    log_mib: Option<LogSize>,
    /// Absent without slow connections.
    slow: Option<Slow>,
    pub(crate) cpu_seconds_per_10_000: f64,
    /// Cores that generator and simulator used while sending.
    generator_cores: f64,
    /// The generator used nearly all its cores, so the program may be faster than shown.
    pub(crate) generator_was_the_limit: bool,
}

#[derive(Debug, Serialize)]
struct LogSize {
    peak: f64,
    /// After the idle time.
    end: f64,
}

#[derive(Debug, Serialize)]
struct Memory {
    start: f64,
    peak: f64,
    end: f64,
    /// At most ten readings, spread evenly over the time of sending.
    meanwhile: Vec<f64>,
}

impl Trial<'_> {
    pub(crate) fn run(&self) -> anyhow::Result<Report> {
        let (mut running, ready) = self.fleet.start(self.limits)?;
        let (before, own_before) = (running.usage()?, Usage::of("self")?);
        let (answers, readings, slow) = self.send(&running)?;
        let Readings {
            meanwhile,
            mut log_peak,
        } = readings;
        let own_after = Usage::of("self")?;
        let ended = running.has_ended();
        ensure!(!ended, "running under load: a program ended");
        if !answers.commands.is_empty() {
            let idle = || {
                log_peak = longer(log_peak, self.fleet.log_mib());
                running.is_idle().then_some(())
            };
            self.limits.poll(POLL_INTERVAL, idle);
        }
        let after = running.usage()?;
        let log_mib = self.rested(log_peak.filter(|_| !answers.commands.is_empty()));
        drop(running);
        let ready_again_ms = if answers.commands.is_empty() {
            None
        } else {
            let (killed, after_kill) = self.fleet.start(self.limits)?;
            for running in killed.0 {
                running.stop()?;
            }
            let (_, after_stop) = self.fleet.start(self.limits)?;
            Some([after_kill, after_stop].map(|time| time.as_secs_f64() * 1000.0))
        };

        let count = ratio(answers.statuses.values().sum());
        let seconds = answers.took.as_secs_f64();
        let done = done_commands(self.platform, &answers.commands);
        let commands_per_second = rate(self.platform, &answers.commands);
        let generator_cores = (own_after.cpu_seconds - own_before.cpu_seconds) / seconds;
        Ok(Report {
            program: self.fleet.programs[0].name,
            replicas: self.fleet.programs.len(),
            commands_per_second,
            ready_ms: ready.as_secs_f64() * 1000.0,
            events: answers.statuses.values().sum(),
            events_per_second: count / seconds,
            seconds,
            commands_open: answers.commands.len() - done.len(),
            command_ms: (!answers.commands.is_empty()).then(|| Percentiles::of(done)),
            ready_again_ms,
            statuses: answers.statuses,
            ack_ms: Percentiles::of(answers.latencies),
            rss_mib: Memory {
                start: before.rss_mib,
                // The kernel updates its own peak only now and then.
                peak: meanwhile.iter().copied().fold(after.peak_mib, f64::max),
                end: after.rss_mib,
                meanwhile: thinned(&meanwhile),
            },
            log_mib,
            slow: (self.slow > 0).then_some(slow),
            cpu_seconds_per_10_000: (after.cpu_seconds - before.cpu_seconds) * 10_000.0 / count,
            generator_cores,
            generator_was_the_limit: match answers.empty_reads {
                Some(in_vain) => in_vain < 1.0 - BUSY,
                None => generator_cores > BUSY * ratio(cores()),
            },
        })
    }

    /// Leaves the bot idle, within the time limit.
    fn rested(&self, peak: Option<f64>) -> Option<LogSize> {
        let peak = peak?;
        let began = Instant::now();
        self.limits
            .poll(READING, || (began.elapsed() >= self.rest).then_some(()));
        Some(LogSize {
            peak,
            end: self.fleet.log_mib()?,
        })
    }

    /// Sends the events while reading the memory and driving slow connections.
    fn send(&self, running: &Replicas) -> anyhow::Result<(Answers, Readings, Slow)> {
        let is_over = AtomicBool::new(false);
        let addresses = self.fleet.addresses();
        let slow = slow::open(addresses[0], self.slow)?;
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut readings = Readings::default();
                while !is_over.load(Ordering::Relaxed) {
                    let memory = running.usage().map(|usage| usage.rss_mib);
                    readings.meanwhile.extend(memory);
                    readings.log_peak = longer(readings.log_peak, self.fleet.log_mib());
                    std::thread::sleep(READING);
                }
                readings
            });
            let slow = scope.spawn(|| slow::drive(slow, &is_over));
            let clock = self.platform.sim.clock();
            let answers = drive::send(self.events, &addresses, self.pace, &clock, self.limits);
            is_over.store(true, Ordering::Relaxed);
            let panicked = |_| anyhow!("a thread of the load test panicked");
            let readings = reader.join().map_err(panicked)?;
            Ok((answers, readings, slow.join().map_err(panicked)?))
        })
    }
}

/// Finished commands a second, from the first command to the last reaction.
fn rate(platform: &Platform, sent: &[(MessageId, u64)]) -> Option<f64> {
    let began = sent.iter().map(|(_, sent_ms)| *sent_ms).min()?;
    let (done, last) = platform.sim.read(|state| {
        let calls = state.calls_to(Endpoint::AddReaction);
        let done = calls.filter(|call| call.code == Some(0));
        done.fold((0, began), |(done, last), call| {
            (done + 1, last.max(call.at_ms))
        })
    });
    let took = Duration::from_millis(last - began).as_secs_f64();
    Some(ratio(done) / took.max(0.001))
}

/// The time of each command until the reaction.
pub(crate) fn done_commands(platform: &Platform, sent: &[(MessageId, u64)]) -> Vec<Duration> {
    let reacted: HashMap<String, u64> = platform.sim.read(|state| {
        let calls = state.calls_to(Endpoint::AddReaction);
        let done = calls.filter(|call| call.code == Some(0));
        // `/open-apis/im/v1/messages/{message_id}/reactions`
        done.filter_map(|call| Some((call.path.split('/').nth(5)?.to_owned(), call.at_ms)))
            .collect()
    });
    sent.iter()
        .filter_map(|(command, sent_ms)| {
            let done_ms = reacted.get(command.as_str())?;
            Some(Duration::from_millis(done_ms.saturating_sub(*sent_ms)))
        })
        .collect()
}

fn longer(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[expect(clippy::cast_precision_loss, reason = "no count here reaches 2^52")]
fn ratio(count: usize) -> f64 {
    count as f64
}

/// At most ten readings, spread evenly, including the last.
fn thinned(readings: &[f64]) -> Vec<f64> {
    let shown = readings.len().min(READINGS_SHOWN);
    (1..=shown)
        .filter_map(|number| readings.get(number * readings.len() / shown - 1))
        .copied()
        .collect()
}

impl Report {
    pub(super) fn table(&self) -> Table {
        let mut table = Table::default();
        table.row(["program", self.program]);
        if self.replicas > 1 {
            table.row(["replicas".to_owned(), self.replicas.to_string()]);
        }
        table.row([
            "ready after, ms".to_owned(),
            format!("{:.0}", self.ready_ms),
        ]);
        table.row(["events".to_owned(), self.events.to_string()]);
        for (status, count) in &self.statuses {
            table.row([format!("  answered {status}"), count.to_string()]);
        }
        table.row(["seconds".to_owned(), format!("{:.2}", self.seconds)]);
        table.row([
            "events a second".to_owned(),
            format!("{:.0}", self.events_per_second),
        ]);
        percentiles(&mut table, "ack", &self.ack_ms);
        if let Some(command) = &self.command_ms {
            percentiles(&mut table, "command", command);
            let rate = self.commands_per_second.unwrap_or_default();
            table.row(["commands done a second".to_owned(), format!("{rate:.0}")]);
            table.row([
                "commands without reaction".to_owned(),
                self.commands_open.to_string(),
            ]);
        }
        if let Some([after_kill, after_stop]) = self.ready_again_ms {
            let row = |how: &str| format!("ready again after a {how}, ms");
            table.row([row("kill"), format!("{after_kill:.0}")]);
            table.row([row("stop"), format!("{after_stop:.0}")]);
        }
        self.memory(&mut table);
        let cpu = format!("{:.3}", self.cpu_seconds_per_10_000);
        table.row(["CPU seconds per 10,000 events".to_owned(), cpu]);
        table.row([
            "cores used by the generator".to_owned(),
            format!("{:.2}", self.generator_cores),
        ]);
        if let Some(slow) = &self.slow {
            table.row(["slow connections".to_owned(), slow.connections.to_string()]);
            table.row(["  never closed".to_owned(), slow.still_open.to_string()]);
            let last = format!("{:.1}", slow.last_closed_after_seconds);
            table.row(["  the last closed after, s".to_owned(), last]);
        }
        if self.generator_was_the_limit {
            table.row(["THE GENERATOR WAS THE BOTTLENECK"]);
        }
        table
    }

    fn memory(&self, table: &mut Table) {
        for (when, mib) in [
            ("start", self.rss_mib.start),
            ("peak", self.rss_mib.peak),
            ("end", self.rss_mib.end),
        ] {
            table.row([format!("RSS at {when}, MiB"), format!("{mib:.1}")]);
        }
        if let Some(log) = &self.log_mib {
            for (when, mib) in [("at its peak", log.peak), ("after the rest", log.end)] {
                table.row([format!("SQLite's log {when}, MiB"), format!("{mib:.1}")]);
            }
        }
        if let [first, .., last] = self.rss_mib.meanwhile[..] {
            let both = format!("{first:.1} … {last:.1}");
            table.row(["  meanwhile, first and last".to_owned(), both]);
        }
    }
}

fn percentiles(table: &mut Table, what: &str, percentiles: &Percentiles) {
    for (name, millis) in [
        ("p50", percentiles.p50),
        ("p99", percentiles.p99),
        ("p99.9", percentiles.p99_9),
        ("max", percentiles.max),
    ] {
        table.row([format!("{what} {name}, ms"), format!("{millis:.2}")]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinned_readings_keep_the_last() {
        let check = |count: u32, expected: &[u32]| {
            let readings: Vec<f64> = (1..=count).map(f64::from).collect();
            let expected: Vec<f64> = expected.iter().copied().map(f64::from).collect();
            assert_eq!(format!("{:?}", thinned(&readings)), format!("{expected:?}"));
        };
        check(0, &[]);
        check(3, &[1, 2, 3]);
        check(20, &[2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
        check(25, &[2, 5, 7, 10, 12, 15, 17, 20, 22, 25]);
    }
}
