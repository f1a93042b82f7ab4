//! What a job is, from its acceptance to its end.

use feishu::ReactionId;
use jiff::Timestamp;

use super::{Lease, StoreError};
use crate::model::change::ChangeRecord;
use crate::model::job::{ChatKey, JobId, JobKey, JobKind};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;

/// Work for later, with the origin of the job that plans it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSchedule {
    pub(crate) kind: JobKind,
    pub(crate) due: Timestamp,
    pub(crate) payload: String,
}

impl NewSchedule {
    /// The key of the planned job, which the job with this key plans.
    pub(crate) fn key(&self, planner: &JobKey) -> JobKey {
        JobKey {
            kind: self.kind,
            ..planner.clone()
        }
    }
}

/// Somebody who gets an answer that is throttled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) chat: ChatKey,
    /// One of their ids.
    pub(crate) person: String,
    /// What the answer is about: different answers are throttled apart.
    pub(crate) reason: &'static str,
}

/// The end of a job's work, stored in one commit before a word is said.
#[derive(Debug, Clone)]
pub(crate) struct Conclusion {
    pub(crate) outcome: Outcome,
    /// What is remembered of it beyond the job; nothing for what was to change
    /// nothing.
    pub(crate) record: Option<ChangeRecord>,
    /// What is to be done later.
    pub(crate) plan: Option<NewSchedule>,
    /// Planned work that is dropped by it.
    pub(crate) cancels: Option<JobId>,
}

impl Conclusion {
    /// Nothing but an outcome.
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            record: None,
            plan: None,
            cancels: None,
        }
    }
}

/// Whether a job was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    New,
    Duplicate,
    /// As many jobs of the chat wait as may; it is told so, once.
    TooManyOfChat,
}

/// How much is taken at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Unfinished jobs in all; beyond that nothing is taken.
    pub(crate) open: usize,
    /// Unfinished jobs of one chat.
    pub(crate) open_of_chat: usize,
}

/// A job at which the bot died this often is worked on alone.
pub(crate) const SUSPECT: u32 = 2;

/// A job that its worker has claimed.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) key: JobKey,
    pub(crate) chat: String,
    pub(crate) payload: String,
    pub(crate) accepted_at: Timestamp,
    pub(crate) started_at: Timestamp,
    pub(crate) retries: u32,
    /// How often it brought its worker down: by a panic, or by the death of a bot that worked on
    /// nothing else.
    pub(crate) crashes: u32,
    /// How often the bot died while it worked on this job and on others.
    pub(crate) suspicions: u32,
    /// Whether an attempt was begun before: a call of it may have taken effect.
    pub(crate) begun: bool,
    pub(crate) progress: Option<Progress>,
    pub(crate) outcome: Option<Outcome>,
    /// When its reply was sent first; whether it arrived is not known.
    pub(crate) replying_since: Option<Timestamp>,
    /// The reaction that shows that it was acknowledgement.
    pub(crate) acknowledgement: Option<ReactionId>,
    /// As long as it holds, the job is this worker's.
    pub(crate) lease: Lease,
}

impl Job {
    /// Whether it is worked on alone, as it may be what brings the bot down.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspicions >= SUSPECT
    }

    /// Whether no attempt was made before.
    pub(crate) fn is_first_attempt(&self) -> bool {
        self.retries == 0 && !self.begun
    }

    /// Whether it counts as open. A schedule does not: it may wait for a year.
    pub(super) fn is_counted(&self) -> bool {
        !matches!(self.key.kind, JobKind::Publish | JobKind::Expire)
    }

    pub(super) fn owned(&self) -> Owned {
        Owned {
            id: self.id,
            owner: self.lease.owner(),
        }
    }

    /// The chat that it belongs to.
    pub(crate) fn chat_key(&self) -> ChatKey {
        ChatKey {
            app: self.key.app.clone(),
            chat: self.chat.clone(),
        }
    }
}

/// A claimed job and the replica that runs it. Statements about the job change nothing once another
/// replica owns it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned {
    pub(super) id: JobId,
    pub(super) owner: i64,
}

/// Fails unless a statement about a claimed job has found it.
pub(super) fn still_owned(found: bool) -> Result<(), StoreError> {
    if found {
        return Ok(());
    }
    tracing::warn!("another replica owns the job by now");
    Err(StoreError::Lost)
}

/// What there was to claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// This one, now running.
    Job(Box<Job>),
    /// Nothing before then, or before the next change.
    NothingUntil(Option<Timestamp>),
    /// A row that could not be read; it is dead now.
    Unreadable,
}

/// The ways a claimed job leaves its worker.
#[derive(Debug, Clone)]
pub(crate) enum Release {
    /// All is done and said.
    Done,
    /// It cannot be done, and everything that can be said was.
    Dead,
    /// To be tried again, then.
    Retry { run_at: Timestamp },
    /// The worker panicked under it.
    Crashed { run_at: Timestamp },
    /// Put back, because the bot stops; a call may be under way.
    Stopped,
}

impl Release {
    /// Whether the job is over.
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Done | Self::Dead)
    }
}

/// An API that asked to be left alone until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) api: String,
    pub(crate) until: Timestamp,
}
