//! Schedules: work stored with its command's message, as the payload of a job that is due later.
//!
//! A proposal is one, too: what a member may not do by themselves waits until somebody who may has
//! decided, which makes it due at once, or until its time is over.

use feishu::{MessageId, OpenId, Sender};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{Recurrence, Replace, Span};
use crate::content::Document;
use crate::model::change::{ChangeId, ChangeKind};
use crate::model::job::{JobId, JobKind, JobRef};
use crate::model::series::{Series, first_origin};

/// The length of a text's summary, in characters.
pub(crate) const SUMMARY: usize = 30;

/// The action to run when it is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScheduledAction {
    /// Write into the announcement.
    Publish {
        /// The text at the time of the command: a message that was replied to may be edited later.
        document: Document,
        options: AnnounceOptions,
        /// Who approved it, if its author lacked the right.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<Box<Sender>>,
        /// The list of groups to send it to; `None` is the group of the command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// Only if it is posted again and again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        series: Option<Box<Series>>,
    },
    /// Wait for a decision.
    Propose(Proposal),
    /// Wait for the author, who sees it first.
    Preview(Preview),
    /// Revert the change of another job of the same message.
    Expire {
        /// The kind of that job: the command itself, or a scheduled announcement.
        made_by: JobKind,
        kind: ChangeKind,
        /// The first words of the reverted text.
        summary: String,
    },
    /// Remove the entry of an earlier run of a series, unless somebody has edited it.
    Supersede {
        /// The job of that run.
        run: JobRef,
        summary: String,
    },
}

/// What a member sees before it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preview {
    pub(crate) action: ProposedAction,
    /// Whether it is then proposed to others.
    pub(crate) ask: bool,
    /// Whether its author wants it.
    pub(crate) is_wanted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    pub(crate) action: ProposedAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<Decision>,
}

/// What a member may propose or preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProposedAction {
    PutMessage {
        message: MessageId,
        duration: Option<Span>,
    },
    PutAnnouncement {
        duration: Option<Span>,
    },
    Announce {
        /// The text at the time of the command, which is what others approve.
        document: Document,
        options: AnnounceOptions,
        /// When to publish it, if not at once.
        due: Option<Timestamp>,
        /// Whether to publish it again and again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every: Option<Recurrence>,
        /// The list of groups to send it to; `None` is the group of the command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    Edit {
        text: Box<EditedText>,
        document: Document,
    },
}

/// The text that an edit is to change, as it was when the edit was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EditedText {
    pub(crate) place: EditedPlace,
    /// The kind of change whose right the edit takes.
    pub(crate) kind: ChangeKind,
    pub(crate) document: Document,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EditedPlace {
    Entry(ChangeId),
    Schedule(JobRef),
}

/// The answer to a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) by: Sender,
    /// Why it was declined, in the words of who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Approved,
    Declined,
}

/// Options of `/announce` and `/notice`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnnounceOptions {
    /// The time after which the entry is removed.
    pub(crate) duration: Option<Span>,
    /// Whether to pin the announcement, too.
    pub(crate) top: bool,
    /// Whether to replace the existing content.
    pub(crate) replace: Option<Replace>,
    /// Whether to send a message that mentions everybody, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) notify: bool,
    /// Whether a card is posted and pinned instead of the announcement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) notice: bool,
    /// When another member than the author last edited the text, before it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edited_at: Option<Timestamp>,
}

impl AnnounceOptions {
    pub(crate) const NONE: Self = Self {
        duration: None,
        top: false,
        replace: None,
        notify: false,
        notice: false,
        edited_at: None,
    };

    pub(crate) fn kind(self) -> ChangeKind {
        if self.notice {
            ChangeKind::Notice
        } else if self.replace.is_some() {
            ChangeKind::Replace
        } else {
            ChangeKind::Announce
        }
    }

    /// Whether the top notice changes as well.
    pub(crate) fn changes_top(self) -> bool {
        self.top || self.notice
    }
}

impl ProposedAction {
    pub(crate) fn kind(&self) -> ChangeKind {
        match self {
            Self::PutMessage { .. } | Self::PutAnnouncement { .. } => ChangeKind::Pin,
            Self::Announce { options, .. } => options.kind(),
            Self::Edit { .. } => ChangeKind::Edit,
        }
    }

    /// The kind of change whose right it takes.
    pub(crate) fn kind_of_right(&self) -> ChangeKind {
        match self {
            Self::Edit { text, .. } => text.kind,
            other => other.kind(),
        }
    }

    pub(crate) fn changes_top(&self) -> bool {
        match self {
            Self::PutMessage { .. } | Self::PutAnnouncement { .. } => true,
            Self::Announce { options, .. } => options.changes_top(),
            Self::Edit { .. } => false,
        }
    }

    /// When it is to be published, if not at once.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self {
            Self::PutMessage { .. } | Self::PutAnnouncement { .. } | Self::Edit { .. } => None,
            Self::Announce { due, .. } => *due,
        }
    }

    pub(crate) fn every(&self) -> Option<Recurrence> {
        match self {
            Self::PutMessage { .. } | Self::PutAnnouncement { .. } | Self::Edit { .. } => None,
            Self::Announce { every, .. } => *every,
        }
    }

    /// The list of groups to send it to, if it is not for the group of the command.
    pub(crate) fn to(&self) -> Option<&str> {
        match self {
            Self::PutMessage { .. } | Self::PutAnnouncement { .. } | Self::Edit { .. } => None,
            Self::Announce { to, .. } => to.as_deref(),
        }
    }

    /// A pin has only a duration.
    pub(crate) fn options(&self) -> AnnounceOptions {
        match self {
            Self::PutMessage { duration, .. } | Self::PutAnnouncement { duration } => {
                AnnounceOptions {
                    duration: *duration,
                    ..AnnounceOptions::NONE
                }
            }
            Self::Announce { options, .. } => *options,
            Self::Edit { .. } => AnnounceOptions::NONE,
        }
    }

    /// The text that it writes.
    pub(crate) fn document(&self) -> Option<&Document> {
        match self {
            Self::PutMessage { .. } | Self::PutAnnouncement { .. } => None,
            Self::Announce { document, .. } | Self::Edit { document, .. } => Some(document),
        }
    }

    /// The first `n` characters of its text on one line.
    pub(crate) fn first_characters(&self, n: usize) -> String {
        let document = self.document();
        document.map_or(String::new(), |document| document.first_characters(n))
    }
}

impl ScheduledAction {
    /// The first words of its text.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Publish { document, .. } => document.first_characters(SUMMARY),
            Self::Propose(Proposal { action, .. }) | Self::Preview(Preview { action, .. }) => {
                action.first_characters(SUMMARY)
            }
            Self::Expire { summary, .. } | Self::Supersede { summary, .. } => summary.clone(),
        }
    }

    /// Whether it changes the top notice once it is due.
    pub(crate) fn changes_top(&self) -> bool {
        match self {
            Self::Publish { options, .. } => options.changes_top(),
            Self::Propose(Proposal { action, .. }) | Self::Preview(Preview { action, .. }) => {
                action.changes_top()
            }
            Self::Expire { kind, .. } => matches!(kind, ChangeKind::Pin | ChangeKind::Notice),
            Self::Supersede { .. } => false,
        }
    }

    /// The kind of change whose right it takes.
    pub(crate) fn kind(&self) -> ChangeKind {
        match self {
            Self::Publish { options, .. } => options.kind(),
            Self::Propose(Proposal { action, .. }) | Self::Preview(Preview { action, .. }) => {
                action.kind_of_right()
            }
            Self::Expire { kind, .. } => *kind,
            Self::Supersede { .. } => ChangeKind::Expire,
        }
    }

    pub(crate) fn proposal(&self) -> Option<&Proposal> {
        match self {
            Self::Propose(proposal) => Some(proposal),
            Self::Publish { .. }
            | Self::Preview(_)
            | Self::Expire { .. }
            | Self::Supersede { .. } => None,
        }
    }

    /// Whether it sends a message that mentions everybody.
    pub(crate) fn mentions_all(&self) -> bool {
        matches!(self, Self::Publish { options, .. } if options.notify)
    }

    /// The series, if it is posted again and again.
    pub(crate) fn series(&self) -> Option<&Series> {
        match self {
            Self::Publish { series, .. } => series.as_deref(),
            Self::Propose(_) | Self::Preview(_) | Self::Expire { .. } | Self::Supersede { .. } => {
                None
            }
        }
    }

    /// The list of groups to send it to, if it is not for the group of the command.
    pub(crate) fn to(&self) -> Option<&str> {
        match self {
            Self::Publish { to, .. } => to.as_deref(),
            Self::Propose(Proposal { action, .. }) | Self::Preview(Preview { action, .. }) => {
                action.to()
            }
            Self::Expire { .. } | Self::Supersede { .. } => None,
        }
    }

    pub(crate) fn preview(&self) -> Option<&Preview> {
        match self {
            Self::Preview(preview) => Some(preview),
            _ => None,
        }
    }

    /// Whether others have approved its text.
    pub(crate) fn is_approved(&self) -> bool {
        matches!(self, Self::Publish { approved_by, .. } if approved_by.is_some())
    }
}

/// A job that is not due yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) id: JobId,
    pub(crate) job_ref: JobRef,
    /// The number by which members refer to it.
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    pub(crate) action: ScheduledAction,
    pub(crate) author: Option<OpenId>,
    /// The payload of the job.
    pub(crate) payload: String,
}

impl Schedule {
    /// Whether a reference to this schedule, or to an earlier run of its series, means it.
    pub(crate) fn is_meant_by(&self, job_ref: &JobRef) -> bool {
        let is_same_series = || first_origin(&self.job_ref.origin) == first_origin(&job_ref.origin);
        self.job_ref == *job_ref
            || (self.job_ref.kind == JobKind::Publish
                && job_ref.kind == JobKind::Publish
                && is_same_series())
    }

    /// Whether this member requested it.
    pub(crate) fn is_of(&self, person: &Sender) -> bool {
        let author = self.author.as_ref().map(OpenId::as_str);
        author.is_some() && author == person.id().map(|(_, id)| id)
    }
}

/// A schedule as stored; its payload has yet to be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleRow {
    pub(crate) id: JobId,
    pub(crate) job_ref: JobRef,
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    /// The payload of the job.
    pub(crate) payload: String,
}
