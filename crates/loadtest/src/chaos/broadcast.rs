//! One announcement to all groups of a list, and its `/undo`, while the bots are killed.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use feishu_sim::{ChatId, State};
use serde::Serialize;

use super::sender::Sender;
use crate::list;

/// The announced text.
const LINE: &str = "everyone is invited";
/// How often the groups are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// What became of the announcement.
#[derive(Debug, Default, Serialize)]
pub(super) struct Broadcast {
    pub(super) groups: usize,
    /// Groups that had the text once when the report was complete.
    pub(super) posted: usize,
    /// Groups that had it more than once.
    pub(super) twice: usize,
    /// Groups that still had it when the undo was reported.
    pub(super) kept: usize,
    /// Whether the command has one report, and `/undo` its reaction.
    pub(super) is_answered: bool,
    /// What the report said at last about the posts and about the undo.
    pub(super) posts_reported: String,
    pub(super) undo_reported: String,
}

impl Broadcast {
    /// Announces, waits for the report, undoes it, and waits for the report again. Each group that is
    /// done counts as progress, twice.
    pub(super) fn run(sender: &Sender<'_>) -> Self {
        let groups = &sender.platform.list;
        let Some(chat) = groups.first() else {
            return Self::default();
        };
        let watch = Watch { sender, groups };
        let text = format!("/announce --to {} {LINE}", list::NAME);
        let command = sender.say_in(chat, &text);
        let has_text = |state: &State, group: &ChatId| list::occurrences(state, group, LINE) > 0;
        let posts_reported = watch.until(has_text, |state| {
            list::final_report(state, &command, &["posted", "failed"])
        });
        let counts = watch.read(|state, group| list::occurrences(state, group, LINE));
        let undo = sender.say_in(chat, "/undo");
        let undo_reported = watch.until(
            |state, group| !has_text(state, group),
            |state| list::final_report(state, &command, &["reverted"]),
        );
        let kept = watch.read(has_text);
        let sim = &sender.platform.sim;
        let is_answered = sim.read(|state| {
            state.answers_to(&command).len() == 1 && !state.reactions(&undo).is_empty()
        });
        Self {
            groups: groups.len(),
            posted: counts.iter().filter(|count| **count == 1).count(),
            twice: counts.iter().filter(|count| **count > 1).count(),
            kept: kept.into_iter().filter(|is_kept| *is_kept).count(),
            is_answered,
            posts_reported,
            undo_reported,
        }
    }

    pub(super) fn is_good(&self) -> bool {
        let reports =
            |report: &str, what: &str| report.contains(&format!("{} {what}", self.groups));
        self.posted == self.groups
            && self.kept == 0
            && self.is_answered
            && reports(&self.posts_reported, "posted")
            && reports(&self.undo_reported, "reverted")
    }

    pub(super) fn print_violations(&self) -> std::io::Result<()> {
        if self.is_good() {
            return Ok(());
        }
        let mut err = std::io::stderr().lock();
        writeln!(err, "the report on the posts: {}", self.posts_reported)?;
        writeln!(err, "the report on the undo: {}", self.undo_reported)
    }
}

/// Looks at the groups while the bots work.
struct Watch<'a> {
    sender: &'a Sender<'a>,
    groups: &'a [ChatId],
}

impl Watch<'_> {
    /// Waits for a report, and counts the groups that are done meanwhile; empty if the run ended.
    fn until(
        &self,
        is_done: impl Fn(&State, &ChatId) -> bool,
        report: impl Fn(&State) -> Option<String>,
    ) -> String {
        let mut counted = 0;
        let reported = self.sender.limits.poll(POLL_INTERVAL, || {
            let done = self.read(&is_done).into_iter().filter(|done| *done).count();
            let progress = &self.sender.progress.finished;
            progress.fetch_add(done.saturating_sub(counted), Ordering::Relaxed);
            counted = counted.max(done);
            self.sender.platform.sim.read(&report)
        });
        reported.unwrap_or_default()
    }

    fn read<T>(&self, see: impl Fn(&State, &ChatId) -> T) -> Vec<T> {
        let sim = &self.sender.platform.sim;
        let see = |group: &ChatId| sim.read(|state| see(state, group));
        self.groups.iter().map(see).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_once_and_true_reports_are_good() {
        let good = || Broadcast {
            groups: 200,
            posted: 200,
            is_answered: true,
            posts_reported: "200 groups: 200 posted".to_owned(),
            undo_reported: "200 groups: 200 reverted".to_owned(),
            ..Broadcast::default()
        };
        assert!(good().is_good());
        let check = |change: fn(&mut Broadcast)| {
            let mut broadcast = good();
            change(&mut broadcast);
            assert!(!broadcast.is_good(), "{broadcast:?}");
        };
        check(|broadcast| broadcast.posted = 199);
        check(|broadcast| broadcast.kept = 1);
        check(|broadcast| broadcast.is_answered = false);
        check(|broadcast| broadcast.posts_reported = "200 groups: 199 posted, 1 failed".to_owned());
        check(|broadcast| broadcast.undo_reported = String::new());
    }
}
