//! Jobs and their identifiers.

use std::time::Duration;

use feishu::TenantKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

use crate::model::trace::TraceContext;

/// An app in a tenant. Nothing that is stored for one is visible to another: two bots in one group
/// receive the same message ids, and the platform does not promise that ids differ between tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tenant {
    pub(crate) app: String,
    /// [`TenantKey::OWN`] for a custom app.
    pub(crate) key: TenantKey,
}

impl Tenant {
    /// The tenant of a custom app.
    pub(crate) fn own(app: impl Into<String>) -> Self {
        Self {
            app: app.into(),
            key: TenantKey::OWN,
        }
    }
}

/// Identifies a job. It is unique and permanent: the same event never creates a second job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobKey {
    pub(crate) tenant: Tenant,
    /// The message id; for other events the event id.
    pub(crate) origin: String,
    pub(crate) kind: JobKind,
}

/// The kind of work that a job does.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobKind {
    /// Run the command in the message.
    Command,
    /// Reply that the queue of the chat is full. The origin is the oldest open job of the chat, so
    /// the reply is sent once per such job.
    Overflow,
    /// Publish a scheduled announcement.
    Publish,
    /// Run what others have approved, or report that they have not.
    Proposal,
    /// Run what its author has seen first and wants, or forget it.
    Preview,
    /// Revert a change whose duration has passed.
    Expire,
    /// Remove the entry of the run of a series before the one of the origin.
    Supersede,
    /// Send the welcome card. The origin is the group, so it is sent once.
    Welcome,
    /// Clean up after the bot has left a group.
    Left,
    /// Record that a message was recalled.
    Recalled,
    /// Run the action of a button. The origin is the event of the callback.
    Press,
    /// Find the chat of a message to which somebody added the reaction that pins. It waits in a
    /// queue of its own for each person, which the chat column names.
    Reaction,
    /// Pin that message. The origin is the same as before.
    ReactionPin,
    /// Post a broadcast to one group.
    Delivery,
    /// Revert a delivery.
    Retraction,
    /// Report on a broadcast. It waits in a queue of its own, which the chat column names.
    Report,
}

impl JobKind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Whether the job handles an event that is not a request, so that no member expects a reply.
    pub(crate) fn is_group_event(self) -> bool {
        matches!(
            self,
            Self::Welcome | Self::Left | Self::Recalled | Self::Reaction
        )
    }

    /// Whether it is the part of a broadcast that concerns one group. It replies to nobody: the report
    /// has its result.
    pub(crate) fn is_of_broadcast(self) -> bool {
        matches!(self, Self::Delivery | Self::Retraction)
    }

    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    pub(crate) fn from_column(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The platform forgets the `uuid` of a message after an hour. Close to that, a message that may
/// have been sent is not sent again.
pub(crate) const MESSAGE_KEY_AGE: Duration = Duration::from_mins(50);

impl JobKey {
    /// The namespace of all UUIDs that are derived from jobs.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6e6f_7469_6365_5b07_8a6a_6f62_6b65_7973);

    /// A UUID by which the platform recognizes a repeated `call`.
    ///
    /// Derived from the key, never random, so that it is the same after a restart.
    pub(crate) fn idempotency_key(&self, call: &str) -> Uuid {
        let Tenant { app, key } = &self.tenant;
        let parts = [app, key.as_str(), &self.origin, self.kind.as_str(), call];
        Uuid::new_v5(&Self::NAMESPACE, parts.join("\n").as_bytes())
    }

    /// The short id in logs and replies, which members quote in reports.
    pub(crate) fn reference(&self) -> String {
        let mut reference = self.idempotency_key("reference").simple().to_string();
        reference.truncate(8);
        reference
    }
}

/// Identifies a job within a tenant, and by that the change or schedule that the job created. It
/// stays valid after the job's row is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobRef {
    /// The message id or event id.
    pub(crate) origin: String,
    pub(crate) kind: JobKind,
}

impl From<&JobKey> for JobRef {
    fn from(key: &JobKey) -> Self {
        Self {
            origin: key.origin.clone(),
            kind: key.kind,
        }
    }
}

/// A job to be queued.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    pub(crate) key: JobKey,
    pub(crate) chat: String,
    pub(crate) payload: String,
    /// What led to it; `None` unless traces are recorded.
    pub(crate) trace: Option<TraceContext>,
}

/// A chat of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatKey {
    pub(crate) tenant: Tenant,
    pub(crate) chat: String,
}

/// The id of a row of the table of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct JobId(pub(crate) i64);

/// The size of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Unfinished jobs, without scheduled ones that are not due.
    pub(crate) open: usize,
    /// Unfinished jobs of broadcasts.
    pub(crate) deliveries: usize,
    /// When the oldest of them was accepted.
    pub(crate) oldest: Option<Timestamp>,
}
