//! Series: announcements that are posted again and again.
//!
//! Each run is a job with an origin of its own, from which its keys derive. A run that ends schedules
//! the next one in the same commit.

use serde::{Deserialize, Serialize};

use crate::command::Recurrence;
use crate::model::refusal::Cause;
use crate::model::rights::Denied;

/// After so many runs in a row that failed, a series pauses.
const MAX_FAILURES: u8 = 3;

/// Between the origin of the first run and the number of another one. No id of a message has it.
const RUN: char = '#';

/// A series, as the job of its next run has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) rule: Recurrence,
    /// The number of the run, from 1.
    pub(crate) run: u32,
    /// The origin of the latest run that posted something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) former: Option<String>,
    /// How many runs in a row have failed.
    #[serde(default)]
    failures: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<PauseReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PauseReason {
    ByMember,
    NoRight,
    AuthorLeft,
    /// Several runs in a row failed.
    Failures,
}

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunResult<'a> {
    /// It posted an entry, at least in part.
    Posted,
    /// It posted nothing, for this reason.
    Refused(&'a Cause),
}

impl Series {
    pub(crate) fn new(rule: Recurrence) -> Self {
        Self {
            rule,
            run: 1,
            former: None,
            failures: 0,
            paused: None,
        }
    }

    /// The series of the next run, after the run with that origin.
    pub(crate) fn after(&self, origin: &str, result: RunResult<'_>) -> Self {
        let next = Self {
            run: self.run.saturating_add(1),
            ..self.clone()
        };
        match result {
            RunResult::Posted => Self {
                former: Some(origin.to_owned()),
                failures: 0,
                ..next
            },
            // The bot was offline.
            RunResult::Refused(Cause::ScheduleTooLate { .. }) => next,
            RunResult::Refused(cause) => {
                let failures = self.failures.saturating_add(1);
                let paused = match cause {
                    Cause::Denied(Denied::NotInGroup) => Some(PauseReason::AuthorLeft),
                    Cause::Denied(_) | Cause::AuthorUnknown => Some(PauseReason::NoRight),
                    _ => (failures >= MAX_FAILURES).then_some(PauseReason::Failures),
                };
                Self {
                    failures,
                    paused,
                    ..next
                }
            }
        }
    }

    pub(crate) fn paused(&self) -> Self {
        Self {
            paused: Some(PauseReason::ByMember),
            ..self.clone()
        }
    }

    pub(crate) fn resumed(&self) -> Self {
        Self {
            failures: 0,
            paused: None,
            ..self.clone()
        }
    }

    /// The origin of this run, given that of another one.
    pub(crate) fn origin(&self, of_another: &str) -> String {
        format!("{}{RUN}{}", first_origin(of_another), self.run)
    }
}

/// The origin of the first run of a series, which is the message of its command.
pub(crate) fn first_origin(origin: &str) -> &str {
    origin.split_once(RUN).map_or(origin, |(first, _)| first)
}

/// The number of the run with this origin.
pub(crate) fn run_of(origin: &str) -> u32 {
    let number = origin.split_once(RUN).and_then(|(_, run)| run.parse().ok());
    number.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Announcement, Command, parse};

    fn series() -> Series {
        let parsed = parse("/announce --every day 9:00 text", &[], false);
        let Ok(Some(Command::Announce(Announcement { every, .. }))) = parsed else {
            panic!("an announcement")
        };
        Series::new(every.unwrap())
    }

    #[test]
    fn runs_have_origins_of_their_own() {
        let second = series().after("om_1", RunResult::Posted);
        assert_eq!(second.origin("om_1"), "om_1#2");
        let third = second.after("om_1#2", RunResult::Posted);
        assert_eq!(third.origin("om_1#2"), "om_1#3");
        assert_eq!(third.former.as_deref(), Some("om_1#2"));
        assert_eq!(first_origin("om_1#3"), "om_1");
        assert_eq!(first_origin("om_1"), "om_1");
        assert_eq!([run_of("om_1"), run_of("om_1#12")], [1, 12]);
    }

    #[test]
    fn failures_pause_a_series() {
        let outside = RunResult::Refused(&Cause::BotOutside);
        let once = series().after("om_1", outside);
        let twice = once.after("om_1#2", outside);
        assert_eq!(twice.paused, None);
        let late = Cause::ScheduleTooLate {
            due: jiff::Timestamp::UNIX_EPOCH,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            twice.after("om_1#3", RunResult::Refused(&late)).paused,
            None
        );
        assert_eq!(twice.after("om_1#3", RunResult::Posted).failures, 0);
        let paused = twice.after("om_1#3", outside);
        assert_eq!(paused.paused, Some(PauseReason::Failures));
        let resumed = paused.resumed();
        assert_eq!((resumed.failures, resumed.paused), (0, None));
        let denied = Cause::Denied(Denied::DenyListed);
        let denied = series().after("om_1", RunResult::Refused(&denied));
        assert_eq!(denied.paused, Some(PauseReason::NoRight));
        let left = Cause::Denied(Denied::NotInGroup);
        let left = series().after("om_1", RunResult::Refused(&left));
        assert_eq!(left.paused, Some(PauseReason::AuthorLeft));
    }
}
