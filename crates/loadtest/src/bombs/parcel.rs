//! An event on its way to the bot, by HTTP or over a long connection.

use std::net::SocketAddr;
use std::time::Duration;

use feishu_sim::{Attempt, PushRecord, Sent, State};
use serde_json::Value;

use crate::bombs::thrown::{GLANCE, PATIENCE};
use crate::events::WEBHOOK;
use crate::platform::Platform;
use crate::time::Limits;
use crate::wire::{self, Connection};

/// What is not acknowledged is sent again after this time, for so long.
const REDELIVER_AFTER: Duration = Duration::from_millis(250);
const REDELIVERED_FOR: Duration = Duration::from_mins(1);

/// An event, ready to be sent.
#[derive(Debug)]
pub(super) enum Parcel {
    /// The whole request, and where it goes.
    Request(SocketAddr, Vec<u8>),
    /// What the platform sends over the bot's long connection.
    Envelope(Value),
}

impl Parcel {
    /// For the webhook at this address, or for a long connection.
    pub(super) fn pack(platform: &Platform, envelope: &Value, address: Option<SocketAddr>) -> Self {
        let Some(address) = address else {
            return Self::Envelope(envelope.clone());
        };
        let sealed = platform.sim.seal(envelope);
        let request = wire::post(WEBHOOK, &sealed.headers, &sealed.body);
        Self::Request(address, request)
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Request(_, request) => request.len(),
            Self::Envelope(envelope) => envelope.to_string().len(),
        }
    }

    /// Sends the event until it is acknowledged, as the platform does; says whether it was. Over a
    /// long connection a late acknowledgement counts, too: what is late there has waited behind
    /// other bombs.
    pub(super) fn deliver(&self, platform: &Platform, limits: &Limits) -> bool {
        let within = limits.within(REDELIVERED_FOR);
        match self {
            Self::Request(address, request) => {
                let acknowledged = || {
                    let status = Connection::open(*address, PATIENCE)
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
                within.poll(GLANCE, acknowledged).is_some()
            }
        }
    }
}

/// Whether the bot took the event by an acknowledgement that came after the platform's deadline.
fn is_late(state: &State, attempt: &Attempt) -> bool {
    let Sent::Frames { message_id, .. } = &attempt.sent else {
        return false;
    };
    let mut acknowledgements = state.acknowledgements().iter();
    acknowledgements.any(|ack| ack.message_id == *message_id && ack.answer.status == 200)
}

/// Waits until the bot has taken the platform's latest push of that kind.
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
    within.poll(GLANCE, taken).is_some()
}
