//! What a job is, from its acceptance to its end.

use feishu::{OpenId, ReactionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Lease, Progress};
use crate::change::Record;
use crate::outcome::Outcome;
use crate::plan::Plan;

/// Names a job for ever: the same event never makes a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobKey {
    /// The app that received the event: two bots in one group see the same
    /// message ids.
    pub(crate) app: String,
    /// The message id; for what is no message the event id.
    pub(crate) origin: String,
    pub(crate) step: Step,
}

/// What is to be done with the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Carry out the command that the message holds.
    Command,
    /// Say that no more commands are taken; the origin is the job at the head of
    /// the chat, so that it is said once while that one stands there.
    Overflow,
    /// Publish an announcement that was planned.
    Publish,
    /// Take back a change whose time is over.
    Expire,
    /// Greet a group; the origin is the group, so that it is greeted once.
    Welcome,
    /// Forget a group that the bot is no longer in.
    Left,
    /// Remember that a message was recalled.
    Recalled,
    /// Do what a button says; the origin is the event of the press.
    Press,
}

impl Step {
    pub(super) const ALL: [Self; 8] = [
        Self::Command,
        Self::Overflow,
        Self::Publish,
        Self::Expire,
        Self::Welcome,
        Self::Left,
        Self::Recalled,
        Self::Press,
    ];

    /// Whether it stands for an event that is no message, so that nobody waits
    /// for an answer.
    pub(crate) fn is_notice(self) -> bool {
        match self {
            Self::Welcome | Self::Left | Self::Recalled => true,
            Self::Command | Self::Overflow | Self::Publish | Self::Expire | Self::Press => false,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Overflow => "overflow",
            Self::Publish => "publish",
            Self::Expire => "expire",
            Self::Welcome => "welcome",
            Self::Left => "left",
            Self::Recalled => "recalled",
            Self::Press => "press",
        }
    }

    pub(super) fn from_column(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

impl JobKey {
    /// The namespace of all ids derived from jobs.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6e6f_7469_6365_5b07_8a6a_6f62_6b65_7973);

    /// The id under which the platform is asked to do a thing at most once.
    ///
    /// It is derived from the key and the name of the `call`, never random, so
    /// that it is the same after a restart.
    pub(crate) fn idempotency_key(&self, call: &str) -> Uuid {
        let parts = [&self.app, &self.origin, self.step.as_str(), call];
        Uuid::new_v5(&Self::NAMESPACE, parts.join("\n").as_bytes())
    }

    /// The short id that people quote: it stands in the log and in replies.
    pub(crate) fn reference(&self) -> String {
        let mut reference = self.idempotency_key("reference").simple().to_string();
        reference.truncate(8);
        reference
    }
}

/// Names, within an app, the job that made a change or a plan, and thus that
/// change or plan: for ever, whatever becomes of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// What the job began with: a message, or an event.
    pub origin: String,
    /// What was to be done with that.
    pub step: Step,
}

/// A job to be queued.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    pub(crate) key: JobKey,
    pub(crate) chat: String,
    pub(crate) payload: String,
}

/// A chat of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatKey {
    pub(crate) app: String,
    pub(crate) chat: String,
}

/// Work for later, with the origin of the job that plans it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPlan {
    pub(crate) step: Step,
    pub(crate) due: Timestamp,
    pub(crate) payload: String,
}

impl NewPlan {
    /// The key of the planned job, which the job with this key plans.
    pub(super) fn key(&self, planner: &JobKey) -> JobKey {
        JobKey {
            step: self.step,
            ..planner.clone()
        }
    }
}

/// Work that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) id: JobId,
    pub(crate) maker: Maker,
    /// By it the chat's members name it.
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    pub(crate) plan: Plan,
    /// Who planned it.
    pub(crate) author: Option<OpenId>,
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
    pub(crate) record: Option<Record>,
    /// What is to be done later.
    pub(crate) plan: Option<NewPlan>,
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
pub(super) const SUSPECT: u32 = 2;

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
    /// The reaction that shows that it was heard.
    pub(crate) heard: Option<ReactionId>,
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

    /// The chat that it belongs to.
    pub(crate) fn chat_key(&self) -> ChatKey {
        ChatKey {
            app: self.key.app.clone(),
            chat: self.chat.clone(),
        }
    }
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

/// A row of the table of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct JobId(pub(super) i64);

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
