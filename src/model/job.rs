//! What a job is and how it is named.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use uuid::Uuid;

/// Names a job for ever: the same event never makes a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobKey {
    /// The app that received the event: two bots in one group see the same
    /// message ids.
    pub(crate) app: String,
    /// The message id; for what is no message the event id.
    pub(crate) origin: String,
    pub(crate) kind: JobKind,
}

/// What is to be done with the origin.
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

impl JobKind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Whether it stands for an event that is no message, so that nobody waits
    /// for an answer.
    pub(crate) fn is_notice(self) -> bool {
        match self {
            Self::Welcome | Self::Left | Self::Recalled => true,
            Self::Command | Self::Overflow | Self::Publish | Self::Expire | Self::Press => false,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    pub(crate) fn from_column(text: &str) -> Option<Self> {
        text.parse().ok()
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
        let parts = [&self.app, &self.origin, self.kind.as_str(), call];
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
pub(crate) struct JobRef {
    /// What the job began with: a message, or an event.
    pub(crate) origin: String,
    /// What was to be done with that.
    pub(crate) kind: JobKind,
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

/// A row of the table of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct JobId(pub(crate) i64);

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Jobs that are not finished; planned work does not count.
    pub(crate) open: usize,
    /// When the oldest of them was taken.
    pub(crate) oldest: Option<Timestamp>,
}
