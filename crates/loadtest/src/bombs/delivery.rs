//! Delivers an event to the bot, by HTTP or over a long connection.

use std::net::SocketAddr;
use std::time::Duration;

use feishu_sim::{Attempt, PushRecord, Sent, State};
use serde_json::Value;

use crate::bombs::payload::{POLL_INTERVAL, TIMEOUT};
use crate::events::WEBHOOK;
use crate::http::{self, Connection};
use crate::platform::Platform;
use crate::time::Limits;

/// The wait before an unacknowledged event is sent again.
const REDELIVER_AFTER: Duration = Duration::from_millis(250);
/// How long it is sent again.
const REDELIVERED_FOR: Duration = Duration::from_mins(1);

/// An event that is ready to be sent.
#[derive(Debug)]
pub(super) enum Delivery {
    /// The whole request and its destination.
    Request(SocketAddr, Vec<u8>),
    /// The envelope that the simulator sends over the long connection.
    Envelope(Value),
}

impl Delivery {
    /// For the webhook at this address, or for a long connection.
    pub(super) fn prepare(
        platform: &Platform,
        envelope: &Value,
        address: Option<SocketAddr>,
    ) -> Self {
        let Some(address) = address else {
            return Self::Envelope(envelope.clone());
        };
        let sealed = platform.sim.seal(envelope);
        let request = http::post(WEBHOOK, &sealed.headers, &sealed.body);
        Self::Request(address, request)
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Request(_, request) => request.len(),
            Self::Envelope(envelope) => envelope.to_string().len(),
        }
    }

    /// Sends the event until it is acknowledged, as the platform does; false if it never was. Over
    /// a long connection a late acknowledgement counts, because it waited behind other bombs.
    pub(super) fn deliver(&self, platform: &Platform, limits: &Limits) -> bool {
        let within = limits.within(REDELIVERED_FOR);
        match self {
            Self::Request(address, request) => {
                let acknowledged = || {
                    let status = Connection::open(*address, TIMEOUT)
                        .and_then(|mut connection| connection.exchange(request));
                    matches!(status, Ok(200)).then_some(())
                };
                within.poll(REDELIVER_AFTER, acknowledged).is_some()
            }
            Self::Envelope(envelope) => {
                let id = platform.sim.push_envelope(envelope.clone()).event_id();
                let acknowledged = || {
                    platform.sim.read(|state| {
                        let mut pushes = state.pushes().iter();
                        let push = pushes.find(|push| push.event_id == id)?;
                        let mut attempts = push.attempts.iter();
                        attempts
                            .any(|attempt| attempt.is_taken() || is_late(state, attempt))
                            .then_some(())
                    })
                };
                within.poll(POLL_INTERVAL, acknowledged).is_some()
            }
        }
    }
}

/// Whether the acknowledgement arrived after the platform's deadline.
fn is_late(state: &State, attempt: &Attempt) -> bool {
    let Sent::Frames { message_id, .. } = &attempt.sent else {
        return false;
    };
    let mut acknowledgements = state.acknowledgements().iter();
    acknowledgements.any(|ack| ack.message_id == *message_id && ack.answer.status == 200)
}

/// Waits until the bot has acknowledged the latest push of that kind.
pub(super) fn is_taken(
    platform: &Platform,
    within: &Limits,
    is_meant: impl Fn(&PushRecord) -> bool,
) -> bool {
    let taken = || {
        platform.sim.read(|state| {
            let mut pushes = state.pushes().iter().rev();
            let push = pushes.find(|push| is_meant(push))?;
            push.is_taken().then_some(())
        })
    };
    within.poll(POLL_INTERVAL, taken).is_some()
}
