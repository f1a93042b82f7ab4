//! Schedules: work stored with its command's message, as the payload of a job that is due later.

use feishu::OpenId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::command::{Replace, Span};
use crate::content::Document;
use crate::model::change::ChangeKind;
use crate::model::job::{JobId, JobKind, JobRef};

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
    },
    /// Revert the change of another job of the same message.
    Expire {
        /// The kind of that job: the command itself, or a scheduled announcement.
        made_by: JobKind,
        kind: ChangeKind,
        /// The first words of the reverted text.
        summary: String,
    },
}

/// Options of `/announce`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnnounceOptions {
    /// The time after which the entry is removed.
    pub(crate) duration: Option<Span>,
    /// Whether to pin the announcement, too.
    pub(crate) top: bool,
    /// Whether to replace the existing content.
    pub(crate) replace: Option<Replace>,
}

impl AnnounceOptions {
    pub(crate) const NONE: Self = Self {
        duration: None,
        top: false,
        replace: None,
    };
}

impl ScheduledAction {
    /// The first words of its text.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Publish { document, .. } => document.first_characters(SUMMARY),
            Self::Expire { summary, .. } => summary.clone(),
        }
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
