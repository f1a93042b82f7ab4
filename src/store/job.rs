//! A job from its acceptance to its end.

use feishu::{ReactionId, TenantKey};
use jiff::Timestamp;

use super::broadcast_change::BroadcastChange;
use super::{Lease, StoreError};
use crate::model::change::ChangeRecord;
use crate::model::grant::Member;
use crate::model::job::{ChatKey, JobId, JobKey, JobKind};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::model::settings::{ListChange, SettingChange};
use crate::model::trace::TraceContext;

/// The number of a schedule that members do not see; what it publishes takes the chat's next one.
pub(crate) const UNNUMBERED: u32 = 0;

/// A job to schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSchedule {
    pub(crate) kind: JobKind,
    /// Where it differs from that of the job that schedules it.
    pub(crate) origin: Option<String>,
    /// Its number in the chat. `None`: that of the change of the same origin, or the chat's next one.
    pub(crate) number: Option<u32>,
    pub(crate) due: Timestamp,
    pub(crate) payload: String,
    /// Whether it waits until it is resumed.
    pub(crate) is_paused: bool,
}

impl NewSchedule {
    /// The key of the scheduled job, given the key of the job that schedules it.
    pub(crate) fn key(&self, planner: &JobKey) -> JobKey {
        JobKey {
            tenant: planner.tenant.clone(),
            origin: self.origin.as_ref().unwrap_or(&planner.origin).clone(),
            kind: self.kind,
        }
    }
}

/// The recipient of a throttled answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) chat: ChatKey,
    /// One of the person's ids.
    pub(crate) person: String,
    /// Answers with different reasons are throttled separately.
    pub(crate) reason: &'static str,
}

/// A schedule that gets another payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewrite {
    pub(crate) id: JobId,
    pub(crate) payload: String,
    pub(crate) then: Then,
}

/// What becomes of a schedule that gets another payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It stays as it is.
    Stays,
    /// A proposal that was decided on is due at once.
    Decided,
    /// A series waits until it is resumed.
    Pauses,
    /// A paused series continues.
    Resumes(Timestamp),
}

/// The result of a job, stored in one commit before any reply is sent.
#[derive(Debug, Clone)]
pub(crate) struct Conclusion {
    pub(crate) outcome: Outcome,
    /// The change to record; none if nothing was to be changed.
    pub(crate) record: Option<ChangeRecord>,
    /// The outcome takes the number of the first one.
    pub(crate) schedules: Vec<NewSchedule>,
    /// A schedule to cancel.
    pub(crate) cancels: Option<JobId>,
    /// A schedule to change.
    pub(crate) rewrites: Option<Rewrite>,
    /// A setting of the group to change.
    pub(crate) sets: Option<SettingChange>,
    /// A list that the group joins or leaves.
    pub(crate) list: Option<ListChange>,
    /// What changes about a broadcast.
    pub(crate) broadcast: Option<BroadcastChange>,
}

impl Conclusion {
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            record: None,
            schedules: Vec::new(),
            cancels: None,
            rewrites: None,
            sets: None,
            list: None,
            broadcast: None,
        }
    }

    /// Whether it decides on a proposal.
    pub(super) fn decides(&self) -> bool {
        let rewrite = self.rewrites.as_ref();
        rewrite.is_some_and(|rewrite| rewrite.then == Then::Decided)
    }

    /// Whether a schedule may be due earlier than before.
    pub(super) fn wakes(&self) -> bool {
        let then = self.rewrites.as_ref().map(|rewrite| rewrite.then);
        matches!(then, Some(Then::Decided | Then::Resumes(_))) || !self.schedules.is_empty()
    }

    /// The same where the schedule to cancel or to change is running or over.
    pub(super) fn without_schedule(self) -> Self {
        let cause = if self.decides() {
            Cause::ProposalOver
        } else {
            Cause::NoSuchSchedule
        };
        Self {
            outcome: Outcome::refused(cause),
            record: None,
            ..self
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    New,
    Duplicate,
    /// The chat has reached its limit of open jobs. It is notified once.
    TooManyOfChat,
}

/// Limits on open jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Unfinished jobs in all.
    pub(crate) open: usize,
    /// Unfinished jobs of one chat.
    pub(crate) open_of_chat: usize,
}

/// A job that was running in this many crashes of the bot runs alone.
pub(crate) const SUSPECT: u32 = 2;

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) key: JobKey,
    pub(crate) chat: String,
    pub(crate) payload: String,
    pub(crate) accepted_at: Timestamp,
    pub(crate) started_at: Timestamp,
    pub(crate) retries: u32,
    /// Panics, and crashes of the bot while this was the only running job.
    pub(crate) crashes: u32,
    /// Crashes of the bot while this and other jobs were running.
    pub(crate) suspicions: u32,
    /// Whether an earlier attempt started: one of its calls may have taken effect.
    pub(crate) begun: bool,
    pub(crate) progress: Option<Progress>,
    pub(crate) outcome: Option<Outcome>,
    /// The number of a schedule in its chat.
    pub(crate) number: Option<u32>,
    /// The first attempt to reply; whether it arrived is unknown.
    pub(crate) replying_since: Option<Timestamp>,
    /// The reaction that acknowledged the command.
    pub(crate) acknowledgement: Option<ReactionId>,
    /// Until when it waits, or has waited, for its author's consent.
    pub(crate) suspended_until: Option<Timestamp>,
    /// It has waited, and consent did not come.
    pub(crate) waited_in_vain: bool,
    /// The span that led to the job or, while it runs, that of the attempt.
    pub(crate) trace: Option<TraceContext>,
    /// Work on the job must stop when it expires.
    pub(crate) lease: Lease,
}

impl Job {
    /// Whether it runs alone, because it may be the one that crashes the bot.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspicions >= SUSPECT
    }

    pub(crate) fn is_first_attempt(&self) -> bool {
        self.retries == 0 && !self.begun
    }

    /// Whether it counts as open. A schedule does not: it may wait for a year. Neither do the jobs of a
    /// broadcast, which has a limit of its own.
    pub(super) fn is_counted(&self) -> bool {
        !matches!(
            self.key.kind,
            JobKind::Publish
                | JobKind::Proposal
                | JobKind::Preview
                | JobKind::Expire
                | JobKind::Delivery
                | JobKind::Retraction
                | JobKind::Report
                | JobKind::Supersede
        )
    }

    pub(super) fn owned(&self) -> Owned {
        Owned {
            id: self.id,
            owner: self.lease.owner(),
        }
    }

    pub(crate) fn chat_key(&self) -> ChatKey {
        ChatKey {
            tenant: self.key.tenant.clone(),
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

/// Which jobs may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimable {
    All,
    /// The worker has enough deliveries of broadcasts.
    NoDeliveries,
}

#[derive(Debug)]
pub(crate) enum Claim {
    Job(Box<Job>),
    /// Nothing until then, or until the next change.
    NothingUntil(Option<Timestamp>),
    /// The row could not be read and the job is now dead.
    Unreadable,
}

/// How a worker releases a claimed job.
#[derive(Debug, Clone)]
pub(crate) enum Release {
    /// Executed and answered.
    Done,
    /// Failed for good.
    Dead,
    Retry {
        run_at: Timestamp,
    },
    /// The worker panicked.
    Crashed {
        run_at: Timestamp,
    },
    /// Requeued because the bot stops; a call may be in flight.
    Stopped,
    /// It has more to do at that time.
    Again {
        run_at: Timestamp,
    },
    /// It waits for a member's consent.
    Suspended {
        member: Member,
        until: Timestamp,
    },
}

impl Release {
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Done | Self::Dead)
    }

    /// The name in traces.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Retry { .. } => "retry",
            Self::Crashed { .. } => "crashed",
            Self::Stopped => "stopped",
            Self::Again { .. } => "again",
            Self::Suspended { .. } => "suspended",
        }
    }
}

/// A rate limit that the platform set for an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// Empty if it holds for the app in all tenants.
    pub(crate) tenant: TenantKey,
    pub(crate) api: String,
    pub(crate) until: Timestamp,
}
