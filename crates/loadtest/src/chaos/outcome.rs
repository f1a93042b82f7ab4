//! The report of a chaos run and its verdict.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::broadcast::Broadcast;
use super::checker::Verdict;
use super::grants::Grants;
use crate::report::Table;

/// The longest time from a promotion to the next finished command.
const RECOVERY: Duration = Duration::from_secs(5);
/// How many violations of each kind are printed.
const SHOWN: usize = 5;

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
    /// The longest time from a promotion until all bots are ready and a command is finished.
    pub(super) recovery_ms: f64,
    pub(super) crashes: usize,
    /// All commands and outages happened, and the bots were idle before the time limit.
    pub(super) completed: bool,
    pub(super) pushes: usize,
    pub(super) redelivered: usize,
    pub(super) duplicates: usize,
    pub(super) faults: BTreeMap<&'static str, usize>,
    pub(super) calls: usize,
    /// Calls that were answered with 429 or a code for a rate limit.
    pub(super) calls_limited: usize,
    /// Calls in a chat of one tenant with the token of another.
    pub(super) calls_of_other_tenants: usize,
    /// The tenants of a store app; 0 for a custom app.
    pub(super) tenants: usize,
    /// The tickets that were pushed.
    pub(super) tickets: usize,
    /// Only if the bot acts as members.
    pub(super) grants: Option<Grants>,
    /// Only with a list of groups.
    pub(super) broadcast: Option<Broadcast>,
    /// Requests that no correct client sends.
    pub(super) violations: Vec<String>,
    /// From the next start to readiness, on the database of the run.
    pub(super) ready_ms: f64,
}

impl Report {
    pub(super) fn is_good(&self) -> bool {
        self.verdict.is_good()
            && self.completed
            && self.crashes == 0
            && self.violations.is_empty()
            && self.calls_of_other_tenants == 0
            && self.reused().is_empty()
            && self.broadcast.as_ref().is_none_or(Broadcast::is_good)
            && self.recovery_ms <= RECOVERY.as_secs_f64() * 1000.0
    }

    /// Refresh tokens that were used twice without a reason.
    fn reused(&self) -> &[String] {
        self.grants.as_ref().map_or(&[], |grants| &grants.reused)
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::default();
        let verdict = &self.verdict;
        let mut row = |name: &str, number: usize| table.row([name.to_owned(), number.to_string()]);
        row("commands sent", verdict.sent);
        row("  acknowledged", verdict.acknowledged);
        row("  acted", verdict.acted);
        row("  answered by a reaction", verdict.reacted);
        row("  answered by a reply", verdict.replied);
        for (line, count) in &verdict.replies {
            row(&format!("    {line}"), *count);
        }
        row("  acted without an answer", verdict.silent);
        for (name, found) in verdict.violations() {
            let unsure = name == "lost" && !self.completed;
            let name = if unsure {
                "lost, or not yet done"
            } else {
                name
            };
            row(&name.to_uppercase(), found.len());
        }
        row("tenants", self.tenants);
        row("bots", self.replicas);
        row("kills", self.kills);
        row("graceful restarts", self.restarts);
        row("connection cuts", self.cuts);
        row("failovers", self.failovers);
        row("crashes", self.crashes);
        row("pushes", self.pushes);
        row("  redelivered, unacknowledged", self.redelivered);
        row("  redelivered, acknowledged", self.duplicates);
        row("calls of the bot", self.calls);
        for (name, count) in &self.faults {
            row(&format!("  {name}"), *count);
        }
        row("  rate limited", self.calls_limited);
        row("  with another tenant's token", self.calls_of_other_tenants);
        row("  that no correct client sends", self.violations.len());
        row("tickets pushed", self.tickets);
        if let Some(grants) = &self.grants {
            row("members", grants.members);
            row("  asked for consent", grants.asked);
            row("  grants", grants.given);
            row("  commands that may have waited", verdict.may_have_waited);
            row("renewals of tokens", grants.renewals);
            row("  with a lost answer", grants.renewals_lost);
            row("  repeated after it", grants.reused_after_loss);
            row("  repeated after a kill", grants.reused_after_kill);
            row("REFRESH TOKENS USED TWICE", grants.reused.len());
        }
        if let Some(broadcast) = &self.broadcast {
            row("groups of the list", broadcast.groups);
            row("  with the announcement once", broadcast.posted);
            row("  TWICE", broadcast.twice);
            row("  STILL THERE AFTER THE UNDO", broadcast.kept);
        }
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
                "verdict: timed out"
            },
            verdict,
        ]);
        table
    }

    /// Prints the first violations of each kind to standard error.
    pub(super) fn print_violations(&self) -> std::io::Result<()> {
        let mut err = std::io::stderr().lock();
        let others = [
            ("used twice", self.reused()),
            ("violation", self.violations.as_slice()),
        ];
        for (name, found) in self.verdict.violations().into_iter().chain(others) {
            for one in found.iter().take(SHOWN) {
                writeln!(err, "{name}: {one}")?;
            }
        }
        drop(err);
        let broadcast = self.broadcast.as_ref();
        broadcast.map_or(Ok(()), Broadcast::print_violations)
    }
}
