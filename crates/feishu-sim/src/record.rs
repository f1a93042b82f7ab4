//! The record of the simulator: every call, every push and every violation.

use std::fmt;

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::ids::{AppIndex, ConnectionId, MessageId};
use crate::receiver::Sealed;

/// A call that reached the platform.
#[derive(Clone, Debug)]
pub struct Call {
    /// When, on the simulator's clock.
    pub at_ms: u64,
    /// The port of the address that it was sent to; see [`crate::Simulator::add_address`].
    pub port: u16,
    /// The app whose secret or token it has; absent if it has none that the platform knows.
    pub app_id: Option<String>,
    /// The open id of the person in whose name it is made; absent for the bot.
    pub operator: Option<String>,
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
    /// `code` of the response, even if the response was lost; `None` without JSON.
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
    /// The body as JSON; `Null` if it is not JSON.
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
        /// The id in [`Acknowledgement::message_id`].
        message_id: String,
    },
    /// Not sent: the app has no receiver, or no connection was open.
    Nowhere,
}

/// One attempt to deliver a push.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The time of the attempt, on the simulator's clock.
    pub sent_ms: u64,
    /// The sent request or frames.
    pub sent: Sent,
    /// When it ended, on the simulator's clock.
    pub at_ms: u64,
    /// The response, or the reason why there was none.
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
    pub(crate) app: AppIndex,
    /// `header.event_id`.
    pub event_id: String,
    /// `header.event_type`.
    pub event_type: String,
    /// The message of the event.
    pub message: Option<MessageId>,
    /// The envelope in clear.
    pub envelope: Value,
    /// In order.
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
    /// The connection.
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
    /// The connection of each ping.
    pub(crate) pings: Vec<ConnectionId>,
    pub(crate) violations: Vec<String>,
}
