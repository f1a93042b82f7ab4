//! Rows of the admin store.

use jiff::Timestamp;
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::model::change::ChangeKind;
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::model::trace::TraceContext;
use crate::store::row::{UNDONE, trace};
use crate::store::statement::{Row, Unreadable};

/// Which jobs to show.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// In any state if empty.
    pub states: Vec<JobState>,
    /// Its key.
    pub tenant: Option<String>,
    pub chat: Option<String>,
    /// Only jobs with a lower id.
    pub before: Option<i64>,
    /// The newest ones, up to this many.
    pub limit: u32,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobState {
    /// It waits for earlier jobs or for a retry.
    Ready,
    /// It is scheduled for later; `ready` in the database.
    Planned,
    /// It waits for a member's consent.
    Suspended,
    /// A recurring schedule that waits until it is resumed.
    Paused,
    /// A worker executes it.
    Running,
    /// It was executed or dropped.
    Done,
    /// It failed.
    Dead,
}

impl JobState {
    /// Also the value of the column `state`, except for `Planned`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A job, without texts unless requested.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobSummary {
    pub(crate) id: i64,
    /// The short id in the log and in replies.
    pub(crate) reference: String,
    pub(crate) state: JobState,
    pub(crate) kind: String,
    /// The tenant key; none for a custom app.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) tenant: String,
    pub(crate) chat: String,
    pub(crate) origin: String,
    /// The number of a schedule in its chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<u32>,
    /// When it was accepted; for a schedule, when it is due.
    pub(crate) ordered_at: Timestamp,
    /// The next attempt.
    pub(crate) run_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) retries: u32,
    pub(crate) crashes: u32,
    /// The label of its outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<&'static str>,
    /// Error code and log id of the platform's response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log_id: Option<String>,
    /// The id of its trace, if traces are recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    /// Why it failed.
    #[serde(skip)]
    pub(crate) cause: Option<Box<Cause>>,
    /// Texts, only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<JobText>,
}

/// Texts of members, and fields that may quote them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobText {
    pub(crate) payload: String,
    pub(crate) progress: Option<String>,
    pub(crate) outcome: Option<String>,
}

/// Length of a reference.
pub(crate) const REFERENCE: usize = 8;

/// A row of the table `jobs`.
pub(crate) struct JobRow {
    /// Without the texts.
    pub(crate) summary: JobSummary,
    pub(crate) text: JobText,
}

impl JobRow {
    pub(crate) const COLUMNS: &str = "id, tenant, origin, reference, kind, chat, state, number, ordered_at, \
        run_at, started_at, finished_at, retries, crashes, payload, progress, outcome, trace";

    pub(in crate::store) fn read(row: &Row<'_>) -> Result<Self, Unreadable> {
        // A time that cannot be read must not hide the job.
        let time = |column| row.time(column).unwrap_or(Timestamp::UNIX_EPOCH);
        let text = JobText {
            payload: row.get("payload")?,
            progress: row.get("progress")?,
            outcome: row.get("outcome")?,
        };
        let number: Option<i64> = row.get("number")?;
        let state: String = row.get("state")?;
        let outcome = text.outcome();
        let cause = match &outcome {
            Some(Outcome::Refused(refusal)) => Some(&refusal.cause),
            _ => None,
        };
        let summary = JobSummary {
            id: row.get("id")?,
            reference: row.get("reference")?,
            state: state.parse().unwrap_or(JobState::Done),
            kind: row.get("kind")?,
            tenant: row.get("tenant")?,
            chat: row.get("chat")?,
            origin: row.get("origin")?,
            number: number.and_then(|number| number.try_into().ok()),
            ordered_at: time("ordered_at"),
            run_at: time("run_at"),
            started_at: row.time_if_any("started_at")?,
            finished_at: row.time_if_any("finished_at")?,
            retries: row.count("retries")?,
            crashes: row.count("crashes")?,
            outcome: outcome.as_ref().map(Outcome::label),
            code: cause.and_then(Cause::code),
            log_id: cause.and_then(Cause::log_id).map(str::to_owned),
            trace: trace(row)?.map(TraceContext::trace_id),
            cause: cause.cloned().map(Box::new),
            text: None,
        };
        Ok(Self { summary, text })
    }

    /// Distinguishes schedules from other ready jobs.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        let job = &mut self.summary;
        if job.state == JobState::Ready && job.number.is_some() && job.ordered_at > now {
            job.state = JobState::Planned;
        }
        self
    }

    /// How the job can be requeued.
    pub(crate) fn retry(&self) -> Result<Retry, CannotChange> {
        match self.summary.state {
            JobState::Running => Err(CannotChange::Running),
            JobState::Done => Err(CannotChange::Done),
            JobState::Planned => Err(CannotChange::Planned),
            JobState::Paused => Err(CannotChange::Paused),
            JobState::Ready | JobState::Suspended => Ok(Retry::Sooner),
            // A job that only owes its reply must not be executed again.
            JobState::Dead => Ok(match self.text.outcome() {
                None => Retry::Again,
                Some(Outcome::Refused(refusal)) if refusal.is_given_up() => Retry::Again,
                Some(_) => Retry::Answer,
            }),
        }
    }

    /// Whether the job can be dropped.
    pub(crate) fn check_drop(&self) -> Result<(), CannotChange> {
        match self.summary.state {
            JobState::Running => Err(CannotChange::Running),
            JobState::Done => Err(CannotChange::Done),
            JobState::Ready | JobState::Planned | JobState::Suspended
                if self.text.has_written() =>
            {
                Err(CannotChange::HalfDone)
            }
            _ => Ok(()),
        }
    }
}

impl JobText {
    /// `None` also for an outcome that only a later release can read.
    fn outcome(&self) -> Option<Outcome> {
        serde_json::from_str(self.outcome.as_deref()?).ok()
    }

    /// Whether the job has started to write an announcement, so that only its progress knows the
    /// previous content. Unreadable progress may belong to such a job.
    fn has_written(&self) -> bool {
        let progress = self.progress.as_deref();
        progress.is_some_and(|json| {
            serde_json::from_str::<Progress>(json).map_or(true, |read| read.written.is_some())
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// It was waiting, and now runs at once.
    Sooner,
    /// It is executed again, from its saved progress.
    Again,
    /// It was executed; only its reply is sent again.
    Answer,
}

/// Why a job cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotChange {
    #[error("no such job: `noticebot jobs list` lists all jobs")]
    Unknown,
    #[error("the job is running: wait until it ends, or stop the bot")]
    Running,
    #[error(
        "the job is scheduled for later, so there is nothing to retry: `noticebot jobs drop` cancels it"
    )]
    Planned,
    #[error(
        "the schedule is paused: `/resume` in the chat continues it, and `noticebot jobs drop` cancels it"
    )]
    Paused,
    #[error("the job is done, and its payload has been erased")]
    Done,
    #[error(
        "the job has written part of an announcement, and the replaced content would be lost: wait until it ends within `worker.give_up_after`, then revert it with `/undo`; `noticebot jobs retry` retries it now"
    )]
    HalfDone,
    #[error(
        "the job's text has become a change, which `/undo` in the chat reverts: send the command again instead"
    )]
    Changed,
}

/// A row of the table `changes`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuditRow {
    #[serde(skip)]
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    /// The short id in the log and in replies.
    pub(crate) reference: String,
    /// The tenant key; none for a custom app.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) tenant: String,
    pub(crate) chat: String,
    /// The author's open id; none for automatic changes.
    pub(crate) actor: Option<String>,
    /// The open id of the member who decided on the author's proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) approver: Option<String>,
    pub(crate) deed: String,
    /// `done`, or the reason of the refusal.
    pub(crate) result: String,
    /// Why it was declined, in the words of who did, only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The log id of the platform's refusal.
    pub(crate) log_id: Option<String>,
    /// `top`, `announcement` or `both`.
    pub(crate) place: Option<String>,
    /// Whether it was reverted.
    pub(crate) undone: bool,
    pub(crate) message: String,
    /// The first words of the text while they are kept, only on request; or the old and new value of a
    /// setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
}

impl AuditRow {
    pub(crate) const COLUMNS: &str = "id, tenant, origin, reference, made_at, chat, actor, approver, kind, result, \
        reason, log_id, summary, place, undone";

    pub(in crate::store) fn read(row: &Row<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("id")?,
            // A time that cannot be read must not hide the change.
            at: row.time("made_at").unwrap_or(Timestamp::UNIX_EPOCH),
            reference: row.get("reference")?,
            tenant: row.get("tenant")?,
            chat: row.get("chat")?,
            actor: row.get("actor")?,
            approver: row.get("approver")?,
            deed: row.get("kind")?,
            result: row.get("result")?,
            reason: row.get("reason")?,
            log_id: row.get("log_id")?,
            place: row.get("place")?,
            undone: row.get::<i64>("undone")? == UNDONE,
            message: row.get("origin")?,
            summary: row.get("summary")?,
        })
    }

    /// Removes the words of members; the values of a setting are not among them.
    pub(crate) fn without_text(self) -> Self {
        let is_setting = self.deed == ChangeKind::Settings.as_str();
        Self {
            summary: self.summary.filter(|_| is_setting),
            reason: None,
            ..self
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct AuditFilter {
    /// Its key.
    pub(crate) tenant: Option<String>,
    pub(crate) chat: Option<String>,
    pub(crate) since: Timestamp,
    /// Only rows after this id.
    pub(crate) after: i64,
    pub(crate) limit: u32,
    pub(crate) with_text: bool,
}
