//! Work that was planned: stored with the message of the command that planned
//! it, as the payload of a job whose time has yet to come.

use feishu::OpenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{Replace, Span};
use crate::content::Document;
use crate::model::change::ChangeKind;
use crate::model::job::{JobId, JobKind, JobRef};

/// So many characters stand for a text in `/history`.
pub(crate) const SUMMARY: usize = 30;

/// What is to be done later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScheduledAction {
    /// Write this into the announcement.
    Publish {
        /// As it stood when the command was given: a message that was replied to
        /// may change until then.
        document: Document,
        options: AnnounceOptions,
    },
    /// Take back what another job of the same message did.
    Expire {
        /// Which job: the command itself, or the publication that it planned.
        made_by: JobKind,
        /// What it did.
        kind: ChangeKind,
        /// The first words of what is taken back.
        summary: String,
    },
}

/// How an announcement is to be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnnounceOptions {
    /// How long it is to stand.
    pub(crate) duration: Option<Span>,
    /// Whether the announcement is put at the top, too.
    pub(crate) top: bool,
    /// Whether it comes in the place of what stands there.
    pub(crate) replace: Option<Replace>,
}

impl ScheduledAction {
    /// The first words of what it is about.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Publish { document, .. } => document.first_characters(SUMMARY),
            Self::Expire { summary, .. } => summary.clone(),
        }
    }
}

/// Work that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) id: JobId,
    pub(crate) job_ref: JobRef,
    /// By it the chat's members name it.
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    pub(crate) plan: ScheduledAction,
    /// Who planned it.
    pub(crate) author: Option<OpenId>,
}

/// A scheduled announcement, or the end of a change, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleRow {
    pub(crate) id: JobId,
    pub(crate) job_ref: JobRef,
    /// Its number in the chat.
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    /// What intake stored.
    pub(crate) payload: String,
}
