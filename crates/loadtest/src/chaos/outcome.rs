//! What a chaos run has shown, and whether it is good.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::ledger::Verdict;
use crate::report::Table;

/// After a failover, commands work again within this time.
const RECOVERY: Duration = Duration::from_secs(5);
/// Of each kind of offender so many are shown.
const SHOWN: usize = 5;

/// What a run has shown.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) seconds: f64,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
    pub(super) replicas: usize,
    pub(super) kills: usize,
    pub(super) restarts: usize,
    pub(super) cuts: usize,
    pub(super) failovers: usize,
    /// From a promotion until all bots are ready and the next command is finished, at most.
    pub(super) recovery_ms: f64,
    /// How often a bot ended by itself.
    pub(super) crashes: usize,
    /// All was typed, every kill fell, and the bot came to rest before the time was up.
    pub(super) completed: bool,
    pub(super) pushes: usize,
    pub(super) redelivered: usize,
    pub(super) duplicates: usize,
    pub(super) mishaps: BTreeMap<&'static str, usize>,
    pub(super) calls: usize,
    /// Calls that were answered with 429 or a code that means the same.
    pub(super) calls_limited: usize,
    /// Requests that no correct client makes.
    pub(super) violations: Vec<String>,
    /// From start to ready on the database that the run left behind.
    pub(super) ready_ms: f64,
}

impl Report {
    pub(super) fn is_good(&self) -> bool {
        self.verdict.is_good()
            && self.completed
            && self.crashes == 0
            && self.violations.is_empty()
            && self.recovery_ms <= RECOVERY.as_secs_f64() * 1000.0
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::default();
        let verdict = &self.verdict;
        let mut row = |name: &str, number: usize| table.row([name.to_owned(), number.to_string()]);
        row("commands sent", verdict.sent);
        row("  acknowledged", verdict.acknowledged);
        row("  acted", verdict.acted);
        row("  success shown by a reaction", verdict.reacted);
        row("  author told by a reply", verdict.told);
        for (line, count) in &verdict.replies {
            row(&format!("    {line}"), *count);
        }
        row("  acted without a word", verdict.silent);
        for (name, offenders) in verdict.offences() {
            let unsure = name == "lost" && !self.completed;
            let name = if unsure {
                "lost, or not yet done"
            } else {
                name
            };
            row(&name.to_uppercase(), offenders.len());
        }
        row("bots", self.replicas);
        row("kills", self.kills);
        row("orderly restarts", self.restarts);
        row("all connections cut", self.cuts);
        row("failovers", self.failovers);
        row("ended by itself", self.crashes);
        row("pushes", self.pushes);
        row("  come again unacknowledged", self.redelivered);
        row("  come again nevertheless", self.duplicates);
        row("calls of the bot", self.calls);
        for (name, count) in &self.mishaps {
            row(&format!("  {name}"), *count);
        }
        row("  refused by a rate limit", self.calls_limited);
        row("  no correct client makes", self.violations.len());
        if self.failovers > 0 {
            table.row([
                "longest recovery, ms".to_owned(),
                format!("{:.0}", self.recovery_ms),
            ]);
        }
        table.row([
            "ready after, ms".to_owned(),
            format!("{:.0}", self.ready_ms),
        ]);
        table.row(["seconds".to_owned(), format!("{:.1}", self.seconds)]);
        let verdict = if self.is_good() { "good" } else { "BAD" };
        table.row([
            if self.completed {
                "verdict"
            } else {
                "verdict: not completed in time"
            },
            verdict,
        ]);
        table
    }

    /// Names the first offenders on standard error.
    pub(super) fn tell_offenders(&self) -> std::io::Result<()> {
        let mut err = std::io::stderr().lock();
        let violations = ("violation", self.violations.as_slice());
        for (name, offenders) in self.verdict.offences().into_iter().chain([violations]) {
            for offender in offenders.iter().take(SHOWN) {
                writeln!(err, "{name}: {offender}")?;
            }
        }
        Ok(())
    }
}
