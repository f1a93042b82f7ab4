//! Rows as both databases give them, and what they mean.

use anyhow::Context as _;
use feishu::{OpenId, ReactionId};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Job, Lease};
use crate::model::change::{Change, ChangeId, Made, Place, State};
use crate::model::job::{JobId, JobKey, Maker, NewJob, Step};
use crate::model::plan::WaitingPlan;

/// What the column `undone` says besides 0.
pub(super) const UNDONE: i64 = 1;
pub(super) const CANNOT_BE_UNDONE: i64 = 2;
/// How many of the last changes can be taken back.
pub(super) const UNDO_DEPTH: u32 = 20;

/// A row of the table of jobs.
pub(super) struct JobRow {
    pub(super) id: i64,
    pub(super) app: String,
    pub(super) origin: String,
    pub(super) step: String,
    pub(super) chat: String,
    pub(super) payload: String,
    pub(super) place: i64,
    pub(super) started_at: i64,
    pub(super) retries: u32,
    pub(super) crashes: u32,
    pub(super) suspicions: u32,
    pub(super) begun: bool,
    pub(super) progress: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) replying_since: Option<i64>,
    pub(super) heard: Option<String>,
}

impl JobRow {
    pub(super) fn read(self, lease: Lease) -> anyhow::Result<Job> {
        let step = Step::from_column(&self.step);
        Ok(Job {
            id: JobId(self.id),
            key: JobKey {
                app: self.app,
                origin: self.origin,
                step: step.with_context(|| format!("unknown step `{}`", self.step))?,
            },
            chat: self.chat,
            payload: self.payload,
            accepted_at: timestamp(self.place)?,
            started_at: timestamp(self.started_at)?,
            retries: self.retries,
            crashes: self.crashes,
            suspicions: self.suspicions,
            begun: self.begun,
            progress: from_json(self.progress.as_deref())?,
            outcome: from_json(self.outcome.as_deref())?,
            replying_since: self.replying_since.map(timestamp).transpose()?,
            heard: self.heard.map(ReactionId::from),
            lease,
        })
    }
}

/// A row of the table of changes.
pub(super) struct ChangeRow {
    pub(super) id: i64,
    pub(super) origin: String,
    pub(super) step: String,
    pub(super) made_at: i64,
    pub(super) actor: Option<String>,
    pub(super) deed: String,
    pub(super) summary: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) undone: i64,
}

impl ChangeRow {
    /// `None` for what only a later release knows.
    pub(super) fn read(self) -> Option<Made> {
        let state = |json: Option<String>| -> Option<State> {
            // What a later release wrote cannot be taken back by this one.
            serde_json::from_str(&json?).ok()
        };
        let change = state(self.before).zip(state(self.after));
        Some(Made {
            id: ChangeId(self.id),
            maker: maker(self.origin, &self.step)?,
            deed: self.deed.parse().ok()?,
            actor: self.actor.map(OpenId::from),
            summary: self.summary.unwrap_or_default(),
            at: timestamp(self.made_at).ok()?,
            undone: self.undone == UNDONE,
            change: change.map(|(before, after)| Change { before, after }),
        })
    }
}

/// What a row of the table of jobs says of planned work.
pub(super) struct PlanRow {
    pub(super) id: i64,
    pub(super) origin: String,
    pub(super) step: String,
    pub(super) number: u32,
    pub(super) place: i64,
    pub(super) payload: String,
}

impl PlanRow {
    /// `None` for one that cannot be read, which is found out when it is due.
    pub(super) fn read(self) -> Option<WaitingPlan> {
        Some(WaitingPlan {
            id: JobId(self.id),
            maker: maker(self.origin, &self.step)?,
            number: self.number,
            due: timestamp(self.place).ok()?,
            payload: self.payload,
        })
    }
}

fn maker(origin: String, step: &str) -> Option<Maker> {
    let step = Step::from_column(step)?;
    Some(Maker { origin, step })
}

/// The word to a chat that has too much waiting, as an answer to the message
/// that was one too many; `head` is the job that stands first there.
pub(super) fn overflow(job: &NewJob, head: i64) -> NewJob {
    let origin = format!("{}/{head}", job.chat);
    let app = job.key.app.clone();
    NewJob {
        key: JobKey {
            app,
            origin,
            step: Step::Overflow,
        },
        ..job.clone()
    }
}

/// The word for a place in the table of changes.
pub(super) fn place_column(place: Place) -> &'static str {
    match place {
        Place::Top => "top",
        Place::Announcement => "announcement",
        Place::Both => "both",
    }
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "these types have string keys only and cannot fail"
    )]
    serde_json::to_string(value).expect("a progress and an outcome are JSON")
}

fn from_json<T: DeserializeOwned>(json: Option<&str>) -> anyhow::Result<Option<T>> {
    Ok(json.map(serde_json::from_str).transpose()?)
}

pub(super) fn timestamp(milliseconds: i64) -> Result<Timestamp, jiff::Error> {
    Timestamp::from_millisecond(milliseconds)
}
