//! Pushes: envelopes, sealing, and delivery with the platform's schedule of redeliveries.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::clock::millis;
use crate::crypto;
use crate::ids::MessageId;
use crate::push_client::{NO_RECEIVER, TOO_LATE};
use crate::receiver::{Receiver, Sealed};
use crate::record::{Attempt, PushAnswer, PushRecord, Sent};
use crate::shared::Shared;
use crate::simulator::Simulator;
use crate::state::State;

/// Events that are callbacks: their answer counts, and they come only once.
const CALLBACKS: [&str; 2] = ["card.action.trigger", "url.preview.get"];

/// A push in flight, to wait for its answers.
#[derive(Clone, Debug)]
pub struct Push {
    shared: Arc<Shared>,
    index: usize,
}

impl Push {
    /// Waits for the answer to the first attempt. Panics where there was none or after 10 s.
    pub async fn answer(&self) -> PushAnswer {
        let first = |state: &State| state.pushes()[self.index].attempts.first().cloned();
        let attempt = self.shared.wait_for("the answer to a push", first).await;
        attempt
            .answer
            .unwrap_or_else(|reason| panic!("the push got no answer: {reason}"))
    }

    /// Waits until so many attempts have ended and returns them.
    pub async fn attempts(&self, count: usize) -> Vec<Attempt> {
        let ended = |state: &State| {
            let attempts = &state.pushes()[self.index].attempts;
            (attempts.len() >= count).then(|| attempts.clone())
        };
        self.shared
            .wait_for("attempts to deliver a push", ended)
            .await
    }

    /// Pushes the same envelope again, byte for byte.
    #[must_use]
    pub fn again(&self) -> Self {
        let envelope = self.shared.lock().pushes()[self.index].envelope.clone();
        self.shared.push(envelope, None)
    }

    /// `header.event_id`.
    pub fn event_id(&self) -> String {
        self.shared.lock().pushes()[self.index].event_id.clone()
    }
}

impl Simulator {
    /// Where events go; before this or [`Simulator::receive_by_long_connection`] nothing is pushed.
    pub fn set_webhook(&self, url: &str) {
        let webhook = Receiver::Webhook(url.to_owned());
        self.shared.change(|state| state.receiver = Some(webhook));
    }

    /// The URL check of the developer console: `url_verification`, encrypted where a key is set and
    /// never signed. A good answer is 200 with the same challenge, in clear.
    pub async fn check_url(&self) -> PushAnswer {
        let sealed = self.shared.change(|state| {
            let challenge = state.ids.hex();
            let token = &state.app.verification_token;
            let body = json!({"challenge": challenge, "token": token, "type": "url_verification"});
            let mut sealed = state.seal(&body);
            sealed.headers.retain(|(name, _)| name == "content-type");
            sealed
        });
        self.push_raw(&sealed.headers, sealed.body).await
    }

    /// Pushes the message's event again, byte for byte the same envelope and event id.
    pub fn redeliver(&self, message: &MessageId) -> Push {
        let envelope = self.envelope_for(message);
        self.shared.push(envelope, Some(message.clone()))
    }

    /// Pushes the same message under an event id of its own.
    pub fn deliver_again_under_new_event_id(&self, message: &MessageId) -> Push {
        let mut envelope = self.envelope_for(message);
        envelope["header"]["event_id"] = json!(self.shared.change(|state| state.ids.hex()));
        self.shared.push(envelope, Some(message.clone()))
    }

    /// Pushes any other v2 event or callback.
    pub fn push_event(&self, event_type: &str, event: &Value) -> Push {
        let envelope = self
            .shared
            .change(|state| state.envelope(event_type, event));
        self.shared.push(envelope, None)
    }

    /// Pushes this envelope, whatever is in it.
    pub fn push_envelope(&self, envelope: Value) -> Push {
        self.shared.push(envelope, None)
    }

    /// The envelope of the message's event in clear: as it was pushed, or as it would be.
    pub fn envelope_for(&self, message: &MessageId) -> Value {
        self.shared.change(|state| state.message_envelope(message))
    }

    /// Encrypts and signs an envelope as the platform would at this moment of the simulator's clock.
    pub fn seal(&self, envelope: &Value) -> Sealed {
        self.shared.change(|state| state.seal(envelope))
    }

    /// Sends any headers and bytes to the webhook. Panics where no webhook is set or no answer came.
    pub async fn push_raw(
        &self,
        headers: &[(String, String)],
        body: impl Into<Vec<u8>>,
    ) -> PushAnswer {
        let Some(Receiver::Webhook(url)) = self.read(|state| state.receiver.clone()) else {
            panic!("no webhook is set")
        };
        let sealed = Sealed {
            headers: headers.to_vec(),
            body: body.into(),
        };
        let answer = self.shared.push_client.send(&url, sealed).await;
        answer.unwrap_or_else(|reason| panic!("the push got no answer: {reason}"))
    }
}

impl Shared {
    /// Starts delivering an envelope.
    pub(crate) fn push(self: &Arc<Self>, envelope: Value, message: Option<MessageId>) -> Push {
        let text = |field: &str| {
            envelope["header"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let (event_id, event_type) = (text("event_id"), text("event_type"));
        let record = PushRecord {
            event_id,
            event_type,
            message,
            envelope,
            attempts: Vec::new(),
        };
        let index = self.change(|state| {
            let index = state.record.pushes.len();
            if let Some(message) = record
                .message
                .as_ref()
                .and_then(|id| state.messages.get_mut(id))
            {
                message.push.get_or_insert(index);
            }
            state.record.pushes.push(record);
            index
        });
        let shared = self.clone();
        // Sent in the order in which things happened, whenever the task below comes to run.
        let first = self.change(|state| state.way(index));
        let delivery = async move {
            tokio::select! {
                () = shared.deliver(index, first) => {}
                () = shared.stopped() => {}
            }
        };
        self.tasks.spawn_on(delivery, &self.runtime);
        Push {
            shared: self.clone(),
            index,
        }
    }

    async fn deliver(&self, index: usize, first: Delivery) {
        let is_callback = {
            let event_type = &self.lock().record.pushes[index].event_type;
            CALLBACKS.contains(&event_type.as_str())
        };
        let waits = if is_callback {
            &[][..]
        } else {
            &self.push_client.waits
        };
        let mut way = first;
        for wait in waits.iter().copied().map(Some).chain([None]) {
            let (sent_ms, sent) = (way.at_ms, way.out.sent());
            let answer = self.go(way.out).await;
            let (attempt, clock) = self.change(|state| {
                let attempt = Attempt {
                    sent_ms,
                    sent,
                    at_ms: state.now(),
                    answer,
                };
                state.record.pushes[index].attempts.push(attempt.clone());
                state.show_answer(index, &attempt.answer);
                (attempt, state.clock.clone())
            });
            let Some(wait) = wait.filter(|_| !attempt.is_taken()) else {
                return;
            };
            clock.reach(attempt.at_ms + millis(wait)).await;
            way = self.change(|state| state.way(index));
        }
    }

    async fn go(&self, out: Out) -> Result<PushAnswer, String> {
        match out {
            Out::Webhook(url, sealed) => self.push_client.send(&url, sealed).await,
            Out::LongConnection(_, answer) => {
                let answer = tokio::time::timeout(self.push_client.deadline, answer).await;
                let answer = answer.map_err(|_| TOO_LATE.to_owned())?;
                answer.map_err(|_| "the connection has ended".to_owned())
            }
            Out::Nowhere(reason) => Err(reason),
        }
    }
}

/// An attempt with its start.
struct Delivery {
    at_ms: u64,
    out: Out,
}

/// About to be made by HTTP; sent over a connection and waiting for its answer; or without anywhere
/// to go.
enum Out {
    Webhook(String, Sealed),
    LongConnection(Sent, oneshot::Receiver<PushAnswer>),
    Nowhere(String),
}

impl Out {
    fn sent(&self) -> Sent {
        match self {
            Self::Webhook(url, sealed) => Sent::Request {
                url: url.clone(),
                sealed: sealed.clone(),
            },
            Self::LongConnection(sent, _) => sent.clone(),
            Self::Nowhere(_) => Sent::Nowhere,
        }
    }
}

impl State {
    fn way(&mut self, index: usize) -> Delivery {
        let envelope = self.record.pushes[index].envelope.clone();
        let out = match self.receiver.clone() {
            None => Out::Nowhere(NO_RECEIVER.to_owned()),
            Some(Receiver::Webhook(url)) => Out::Webhook(url, self.seal(&envelope)),
            Some(Receiver::LongConnection) => match self.send_over_connection(&envelope) {
                Ok((sent, answer)) => Out::LongConnection(sent, answer),
                Err(reason) => Out::Nowhere(reason),
            },
        };
        Delivery {
            at_ms: self.now(),
            out,
        }
    }

    /// A v2 envelope with a fresh event id.
    pub(crate) fn envelope(&mut self, event_type: &str, event: &Value) -> Value {
        // Callbacks are dated in microseconds.
        let unit = if CALLBACKS.contains(&event_type) {
            1000
        } else {
            1
        };
        json!({
            "schema": "2.0",
            "header": {
                "event_id": self.ids.hex(),
                "event_type": event_type,
                "create_time": (self.now() * unit).to_string(),
                "token": self.app.verification_token,
                "app_id": self.app.app_id,
                "tenant_key": self.app.tenant_key,
            },
            "event": event,
        })
    }

    /// The envelope that the message was pushed with first, or a fresh one.
    fn message_envelope(&mut self, id: &MessageId) -> Value {
        let Some(message) = self.messages.get(id) else {
            panic!("there is no message {id}")
        };
        if let Some(push) = message.push {
            return self.record.pushes[push].envelope.clone();
        }
        let chat_type = self.chats[&message.chat].mode.event_chat_type();
        let created_ms = message.created_ms;
        let event = message.event(&self.app, chat_type);
        let mut envelope = self.envelope("im.message.receive_v1", &event);
        envelope["header"]["create_time"] = json!(created_ms.to_string());
        envelope
    }

    /// Encrypts and signs with the app's key; without a key the body goes out in clear.
    fn seal(&mut self, envelope: &Value) -> Sealed {
        let mut headers = vec![(
            "content-type".to_owned(),
            "application/json;charset=utf-8".to_owned(),
        )];
        let Some(key) = &self.app.encrypt_key else {
            return Sealed {
                headers,
                body: envelope.to_string().into_bytes(),
            };
        };
        let encrypted = crypto::encrypt(key, rand::random(), envelope.to_string().as_bytes());
        let body = json!({"encrypt": encrypted}).to_string().into_bytes();
        let timestamp = (self.now() / 1000).to_string();
        let nonce = rand::random::<u32>().to_string();
        let signature = crypto::sign(&timestamp, &nonce, key, &body);
        let signed = [("timestamp", timestamp), ("nonce", nonce)];
        headers.extend(signed.map(|(name, value)| (format!("x-lark-request-{name}"), value)));
        headers.push(("x-lark-signature".to_owned(), signature));
        Sealed { headers, body }
    }
}
