//! Rows and statements of both databases.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::job::{JobKey, Step};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::store::row;

/// Which jobs to show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// In one of these states; in any if there is none.
    pub(crate) states: Vec<State>,
    pub(crate) chat: Option<String>,
    /// The newest ones, at most so many.
    pub(crate) limit: u32,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for its turn, or to be tried again.
    Ready,
    /// It waits for its time.
    Planned,
    /// It is worked on.
    Running,
    /// It is carried out, or was dropped.
    Done,
    /// It was given up.
    Dead,
}

impl State {
    pub(crate) fn of(column: &str, number: Option<u32>, place: Timestamp, now: Timestamp) -> Self {
        match column {
            "ready" if number.is_some() && place > now => Self::Planned,
            "ready" => Self::Ready,
            "running" => Self::Running,
            "dead" => Self::Dead,
            _ => Self::Done,
        }
    }

    /// Its word, also in the table of jobs, where planned work is ready.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// A job, without what people wrote.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobView {
    pub(crate) id: i64,
    /// The short id that stands in the log and in replies.
    pub(crate) reference: String,
    pub(crate) state: State,
    #[serde(rename = "kind")]
    pub(crate) step: String,
    pub(crate) chat: String,
    pub(crate) origin: String,
    /// By it the chat's members name planned work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<u32>,
    /// When it was taken; for planned work, when it is due.
    #[serde(rename = "ordered_at")]
    pub(crate) place: Timestamp,
    /// When it is tried next.
    pub(crate) run_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) retries: u32,
    pub(crate) crashes: u32,
    /// What came of it, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'static str>,
    /// The platform's code and its id of the answer that refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log_id: Option<String>,
    /// What was received, and what came of it in full: with what people wrote. Only
    /// where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<Text>,
}

/// What people wrote, and what may quote it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Text {
    pub(crate) payload: String,
    pub(crate) progress: Option<String>,
    pub(crate) outcome: Option<String>,
}

/// A reference has so many digits.
pub(crate) const REFERENCE: usize = 8;

/// A row of the table of jobs, as either database gives it.
pub(crate) struct RawJob {
    pub(crate) id: i64,
    pub(crate) app: String,
    pub(crate) origin: String,
    pub(crate) step: String,
    pub(crate) chat: String,
    pub(crate) state: String,
    pub(crate) number: Option<u32>,
    pub(crate) place: i64,
    pub(crate) run_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) retries: u32,
    pub(crate) crashes: u32,
    pub(crate) payload: String,
    pub(crate) progress: Option<String>,
    pub(crate) outcome: Option<String>,
}

impl RawJob {
    pub(crate) fn view(self, with_text: bool, now: Timestamp) -> JobView {
        let moment = |milliseconds| row::timestamp(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let outcome: Option<Outcome> = self
            .outcome
            .as_deref()
            .and_then(|json| serde_json::from_str(json).ok());
        let cause = match &outcome {
            Some(Outcome::Refused(refusal)) => Some(&refusal.cause),
            _ => None,
        };
        let code = cause.and_then(Cause::code);
        let log_id = cause.and_then(Cause::log_id).map(str::to_owned);
        let place = moment(self.place);
        JobView {
            id: self.id,
            reference: self.reference(),
            state: State::of(&self.state, self.number, place, now),
            number: self.number,
            place,
            run_at: moment(self.run_at),
            started_at: self.started_at.map(moment),
            finished_at: self.finished_at.map(moment),
            retries: self.retries,
            crashes: self.crashes,
            outcome: outcome.as_ref().map(Outcome::label),
            code,
            log_id,
            text: with_text.then_some(Text {
                payload: self.payload,
                progress: self.progress,
                outcome: self.outcome,
            }),
            step: self.step,
            chat: self.chat,
            origin: self.origin,
        }
    }

    /// Nothing for a step that only a later release knows.
    pub(crate) fn reference(&self) -> String {
        let step = Step::from_column(&self.step);
        let key = step.map(|step| JobKey {
            app: self.app.clone(),
            origin: self.origin.clone(),
            step,
        });
        key.map_or_else(String::new, |key| key.reference())
    }

    /// Whether an announcement was begun, so that only its progress knows what stood
    /// there before. What only a later release can read may be one.
    pub(crate) fn has_written(&self) -> bool {
        let progress = self.progress.as_deref();
        progress.is_some_and(|json| {
            serde_json::from_str::<Progress>(json).map_or(true, |read| read.written.is_some())
        })
    }

    /// How to put it back into the queue, if that can be done.
    pub(crate) fn retry(&self, now: Timestamp) -> Result<Retry, CannotChange> {
        match self.state.as_str() {
            "running" => Err(CannotChange::Running),
            "done" => Err(CannotChange::Done),
            "ready" if self.number.is_some() && self.place > now.as_millisecond() => {
                Err(CannotChange::Planned)
            }
            "ready" => Ok(Retry::Sooner),
            _ => {
                let outcome = self.outcome.as_deref();
                let outcome: Option<Outcome> =
                    outcome.and_then(|json| serde_json::from_str(json).ok());
                // What only owes its answer must not be done again.
                Ok(match outcome {
                    None => Retry::Anew,
                    Some(Outcome::Refused(refusal)) if refusal.is_given_up() => Retry::Anew,
                    Some(_) => Retry::Answer,
                })
            }
        }
    }
}

/// How a job is put back into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Retry {
    /// It waits already, and is tried now.
    Sooner,
    /// It is carried out again, from where it stopped.
    Anew,
    /// It is carried out, and only its answer is given again.
    Answer,
}

/// Why a job stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotChange {
    #[error("there is no such job: `noticebot jobs list` shows those that there are")]
    Unknown,
    #[error("the job is being worked on: wait until it is not, or stop the bot")]
    Running,
    #[error(
        "the job is planned for later, and nothing that would be tried again: `noticebot jobs drop` drops it"
    )]
    Planned,
    #[error("the job is done, and what was asked for is not kept any more")]
    Done,
    #[error(
        "the job is in the middle of an announcement, and what that replaces would be lost: it ends by itself within `worker.give_up_after`, then `/undo` takes it back; `noticebot jobs retry` tries it now"
    )]
    HalfDone,
    #[error(
        "what the job had written is a change by now, which `/undo` in the chat takes back: have the command sent again instead"
    )]
    Changed,
}

/// A row of the table of changes, without texts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuditRow {
    #[serde(skip)]
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    /// The short id that stands in the log and in replies.
    pub(crate) reference: String,
    pub(crate) chat: String,
    /// The open id of whoever asked for it; none for what happened by itself.
    pub(crate) actor: Option<String>,
    pub(crate) deed: String,
    /// `done`, or why it was refused.
    pub(crate) result: String,
    /// The platform's id of the answer that refused it.
    pub(crate) log_id: Option<String>,
    /// `top`, `announcement` or `both`.
    pub(crate) place: Option<String>,
    /// Whether it was taken back since.
    pub(crate) undone: bool,
    pub(crate) message: String,
    /// The first words of what was written, as long as they are kept and where they
    /// were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
}

/// A row of the table of changes, as either database gives it.
pub(crate) struct RawChange {
    pub(crate) id: i64,
    pub(crate) origin: String,
    pub(crate) reference: String,
    pub(crate) made_at: i64,
    pub(crate) chat: String,
    pub(crate) actor: Option<String>,
    pub(crate) deed: String,
    pub(crate) result: String,
    pub(crate) log_id: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) undone: i64,
}

impl RawChange {
    pub(crate) fn view(self, with_text: bool) -> AuditRow {
        AuditRow {
            id: self.id,
            at: row::timestamp(self.made_at).unwrap_or(Timestamp::UNIX_EPOCH),
            reference: self.reference,
            chat: self.chat,
            actor: self.actor,
            deed: self.deed,
            result: self.result,
            log_id: self.log_id,
            place: self.place,
            undone: self.undone == row::UNDONE,
            message: self.origin,
            summary: self.summary.filter(|_| with_text),
        }
    }
}

/// Which changes to show, the oldest first.
#[derive(Debug, Clone)]
pub(crate) struct AuditFilter {
    pub(crate) chat: Option<String>,
    pub(crate) since: Timestamp,
    /// Only those behind this row.
    pub(crate) after: i64,
    pub(crate) limit: u32,
    pub(crate) with_text: bool,
}

/// Puts a job back into the queue: the first value is now, the second the job.
pub(crate) fn retry_sql(schema: &str, how: Retry) -> String {
    // A job that was tried before is not too old for another try.
    let changes = match how {
        Retry::Sooner => "run_at = $1",
        Retry::Anew => {
            "state = 'ready', run_at = $1, finished_at = NULL, started_at = NULL,
             retries = 1, crashes = 0, suspicions = 0, outcome = NULL, replying_since = NULL"
        }
        Retry::Answer => {
            "state = 'ready', run_at = $1, finished_at = NULL, started_at = NULL,
             retries = 1, crashes = 0, suspicions = 0, replying_since = NULL"
        }
    };
    format!("UPDATE {schema}.jobs SET {changes} WHERE id = $2 AND state IN ('ready', 'dead')")
}

/// A job that is carried out again has not failed yet: the value is the job.
pub(crate) fn forget_failure_sql(schema: &str) -> String {
    format!(
        "DELETE FROM {schema}.changes
         WHERE (app, origin, step) = (SELECT app, origin, step FROM {schema}.jobs WHERE id = $1)
           AND after IS NULL AND undone = 0"
    )
}

/// Whether what a job had written is a change, which `/undo` knows: the value is the
/// job.
pub(crate) fn is_change_sql(schema: &str) -> String {
    format!(
        "SELECT 1 FROM {schema}.changes
         WHERE (app, origin, step) = (SELECT app, origin, step FROM {schema}.jobs WHERE id = $1)
           AND (after IS NOT NULL OR undone <> 0)"
    )
}

/// Ends a job that is as far as it was seen to be: the first value is now, the second
/// the job, the third its progress.
pub(crate) fn drop_sql(schema: &str) -> String {
    format!(
        "UPDATE {schema}.jobs SET state = 'done', payload = '', progress = NULL,
             outcome = NULL, finished_at = $1
         WHERE id = $2 AND state IN ('ready', 'dead') AND progress IS NOT DISTINCT FROM $3"
    )
}
