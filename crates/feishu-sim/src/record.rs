//! The record of the simulator: every call, every push and every violation.

use std::fmt;

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::ids::{ConnectionId, MessageId};
use crate::receiver::Sealed;

/// A call that reached the platform.
#[derive(Clone, Debug)]
pub struct Call {
    /// When, on the simulator's clock.
    pub at_ms: u64,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// Absent for an unknown route.
    pub endpoint: Option<Endpoint>,
    /// The body as JSON; `Null` when empty, a string when it was not JSON.
    pub body: Value,
    /// HTTP status; absent when no answer was sent.
    pub status: Option<u16>,
    /// `code` of the answer, also where the answer was lost; absent where there was no JSON.
    pub code: Option<i64>,
    /// `X-Tt-Logid` of the answer.
    pub log_id: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if !self.body.is_null() {
            write!(f, " {}", self.body)?;
        }
        match self.status {
            Some(status) => write!(f, " -> {status}")?,
            None => f.write_str(" -> no answer")?,
        }
        match self.code {
            Some(code) => write!(f, " code {code}"),
            None => Ok(()),
        }
    }
}

/// The bot's answer to a push. Over a long connection the status is the acknowledgement's `code`, the
/// only header its `biz_rt`, if it has one, and the body its `data`, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAnswer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl PushAnswer {
    /// The body as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How an attempt to deliver a push went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// By HTTP to the webhook.
    Request {
        /// The webhook.
        url: String,
        /// The request as it was signed.
        sealed: Sealed,
    },
    /// Over a long connection.
    Frames {
        /// The connection that was chosen.
        connection: ConnectionId,
        /// What [`Acknowledgement::message_id`] names.
        message_id: String,
    },
    /// Not at all: the app receives nothing, or no connection was open.
    Nowhere,
}

/// One attempt to deliver a push.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it was made, on the simulator's clock.
    pub sent_ms: u64,
    /// What was sent.
    pub sent: Sent,
    /// When it ended, on the simulator's clock.
    pub at_ms: u64,
    /// The answer, or why there was none.
    pub answer: Result<PushAnswer, String>,
}

impl Attempt {
    /// The bot accepted the event: HTTP 200 in time. The body is ignored.
    pub fn is_taken(&self) -> bool {
        self.answer
            .as_ref()
            .is_ok_and(|answer| answer.status == 200)
    }
}

/// A push and its attempts.
#[derive(Clone, Debug)]
pub struct PushRecord {
    /// `header.event_id`.
    pub event_id: String,
    /// `header.event_type`.
    pub event_type: String,
    /// The message that the event tells of.
    pub message: Option<MessageId>,
    /// The envelope in clear.
    pub envelope: Value,
    /// In order; the last one may still be taken or failed.
    pub attempts: Vec<Attempt>,
}

impl PushRecord {
    /// The bot accepted the event in the end.
    pub fn is_taken(&self) -> bool {
        self.attempts.last().is_some_and(Attempt::is_taken)
    }
}

/// An acknowledgement over a long connection.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    /// When, on the simulator's clock.
    pub at_ms: u64,
    /// Where it came from.
    pub connection: ConnectionId,
    /// The delivery that is acknowledged; every delivery has a name of its own.
    pub message_id: String,
    /// How long the client says that it took, in milliseconds. The official SDK for Node counts
    /// backwards, and the one for Python leaves it out of failures.
    pub biz_rt_ms: Option<i64>,
    /// The answer of the client.
    pub answer: PushAnswer,
}

/// Everything recorded so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) calls: Vec<Call>,
    pub(crate) pushes: Vec<PushRecord>,
    pub(crate) acknowledgements: Vec<Acknowledgement>,
    /// The connections that they came over.
    pub(crate) pings: Vec<ConnectionId>,
    pub(crate) violations: Vec<String>,
}
