//! Pushes: envelopes, sealing, and delivery with the platform's schedule of redeliveries.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::clock::millis;
use crate::crypto;
use crate::ids::{AppIndex, ChatId, MessageId};
use crate::push_client::{NO_RECEIVER, TOO_LATE};
use crate::receiver::{Receiver, Sealed};
use crate::record::{Attempt, PushAnswer, PushRecord, Sent};
use crate::shared::Shared;
use crate::simulator::Simulator;
use crate::state::State;

/// Callbacks, which are pushed once and whose response has an effect.
const CALLBACKS: [&str; 2] = ["card.action.trigger", "url.preview.get"];

/// A push in flight.
#[derive(Clone, Debug)]
pub struct Push {
    shared: Arc<Shared>,
    index: usize,
}

impl Push {
    /// Waits for the response to the first attempt. Panics if there was none, or after 10 s.
    pub async fn answer(&self) -> PushAnswer {
        let first = |state: &State| state.pushes()[self.index].attempts.first().cloned();
        let attempt = self.shared.wait_for("the response to a push", first).await;
        attempt
            .answer
            .unwrap_or_else(|reason| panic!("the push got no response: {reason}"))
    }

    /// Waits until this many attempts have ended, and returns them.
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
        let (app, envelope) = {
            let state = self.shared.lock();
            let push = &state.pushes()[self.index];
            (push.app, push.envelope.clone())
        };
        self.shared.push(app, envelope, None)
    }

    /// `header.event_id`.
    pub fn event_id(&self) -> String {
        self.shared.lock().pushes()[self.index].event_id.clone()
    }
}

impl Simulator {
    /// Pushes events to this URL. Without it or [`Simulator::receive_by_long_connection`] nothing is
    /// pushed.
    pub fn set_webhook(&self, url: &str) {
        let webhook = Receiver::Webhook(url.to_owned());
        self.change(|state| state.apps.present_mut().receiver = Some(webhook));
    }

    /// The URL check of the developer console: `url_verification`, encrypted if a key is set, and not
    /// signed. The expected response is 200 with the challenge, unencrypted.
    pub async fn check_url(&self) -> PushAnswer {
        let sealed = self.change(|state| {
            let challenge = state.ids.hex();
            let token = &state.app().verification_token;
            let body = json!({"challenge": challenge, "token": token, "type": "url_verification"});
            let mut sealed = state.seal(&body);
            sealed.headers.retain(|(name, _)| name == "content-type");
            sealed
        });
        self.push_raw(&sealed.headers, sealed.body).await
    }

    /// Pushes the same envelope of the message's event again.
    pub fn redeliver(&self, message: &MessageId) -> Push {
        let envelope = self.envelope_for(message);
        self.shared.push(self.app, envelope, Some(message.clone()))
    }

    /// Pushes the message's event with a new event id.
    pub fn deliver_again_under_new_event_id(&self, message: &MessageId) -> Push {
        let mut envelope = self.envelope_for(message);
        envelope["header"]["event_id"] = json!(self.change(|state| state.ids.hex()));
        self.shared.push(self.app, envelope, Some(message.clone()))
    }

    /// Pushes any other v2 event or callback.
    pub fn push_event(&self, event_type: &str, event: &Value) -> Push {
        let envelope = self.change(|state| state.envelope(event_type, event));
        self.shared.push(self.app, envelope, None)
    }

    /// Pushes any envelope.
    pub fn push_envelope(&self, envelope: Value) -> Push {
        self.shared.push(self.app, envelope, None)
    }

    /// The unencrypted envelope of the message's event, whether it was pushed or not.
    pub fn envelope_for(&self, message: &MessageId) -> Value {
        self.change(|state| state.message_envelope(message))
    }

    /// Encrypts and signs an envelope with the time of the simulator's clock.
    pub fn seal(&self, envelope: &Value) -> Sealed {
        self.change(|state| state.seal(envelope))
    }

    /// Sends any headers and bytes to the webhook. Panics without a webhook or a response.
    pub async fn push_raw(
        &self,
        headers: &[(String, String)],
        body: impl Into<Vec<u8>>,
    ) -> PushAnswer {
        let Some(Receiver::Webhook(url)) = self.read(|state| state.apps.present().receiver.clone())
        else {
            panic!("no webhook is set")
        };
        let sealed = Sealed {
            headers: headers.to_vec(),
            body: body.into(),
        };
        let answer = self.shared.push_client.send(&url, sealed).await;
        answer.unwrap_or_else(|reason| panic!("the push got no response: {reason}"))
    }
}

impl Shared {
    /// Starts delivering envelopes to their apps; returns the push to the app `of`.
    pub(crate) fn push_all(
        self: &Arc<Self>,
        of: AppIndex,
        envelopes: Vec<(AppIndex, Value)>,
        message: Option<&MessageId>,
    ) -> Option<Push> {
        let mut own = None;
        for (app, envelope) in envelopes {
            let push = self.push(app, envelope, message.cloned());
            if app == of {
                own = Some(push);
            }
        }
        own
    }

    /// Starts delivering an envelope to an app.
    pub(crate) fn push(
        self: &Arc<Self>,
        app: AppIndex,
        envelope: Value,
        message: Option<MessageId>,
    ) -> Push {
        let text = |v2: &Value, v1: &Value| {
            let text = v2.as_str().or(v1.as_str());
            text.unwrap_or_default().to_owned()
        };
        let header = &envelope["header"];
        let event_id = text(&header["event_id"], &envelope["uuid"]);
        let event_type = text(&header["event_type"], &envelope["event"]["type"]);
        let record = PushRecord {
            app,
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
                message.pushes.entry(app).or_insert(index);
            }
            state.record.pushes.push(record);
            index
        });
        let shared = self.clone();
        // Sent before the task below runs, in the order of the events.
        let first = self.change_as(app, |state| state.start_attempt(index));
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

    /// Starts delivering the events that a call has caused.
    pub(crate) fn push_caused(self: &Arc<Self>) {
        let caused = self.change(|state| std::mem::take(&mut state.to_push));
        for (app, envelope) in caused {
            self.push(app, envelope, None);
        }
    }

    async fn deliver(&self, index: usize, first: Delivery) {
        let (app, is_callback) = {
            let push = &self.lock().record.pushes[index];
            (push.app, CALLBACKS.contains(&push.event_type.as_str()))
        };
        let waits = if is_callback {
            &[][..]
        } else {
            &self.push_client.waits
        };
        let mut delivery = first;
        for wait in waits.iter().copied().map(Some).chain([None]) {
            let (sent_ms, sent) = (delivery.at_ms, delivery.channel.sent());
            let answer = self.receive_answer(delivery.channel).await;
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
            delivery = self.change_as(app, |state| state.start_attempt(index));
        }
    }

    async fn receive_answer(&self, channel: Channel) -> Result<PushAnswer, String> {
        match channel {
            Channel::Webhook(url, sealed) => self.push_client.send(&url, sealed).await,
            Channel::LongConnection(_, answer) => {
                let answer = tokio::time::timeout(self.push_client.deadline, answer).await;
                let answer = answer.map_err(|_| TOO_LATE.to_owned())?;
                answer.map_err(|_| "the connection has ended".to_owned())
            }
            Channel::Nowhere(reason) => Err(reason),
        }
    }
}

/// An attempt with its start.
struct Delivery {
    at_ms: u64,
    channel: Channel,
}

/// The channel of an attempt.
enum Channel {
    Webhook(String, Sealed),
    LongConnection(Sent, oneshot::Receiver<PushAnswer>),
    Nowhere(String),
}

impl Channel {
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
    fn start_attempt(&mut self, index: usize) -> Delivery {
        let push = &self.record.pushes[index];
        let (envelope, name) = (push.envelope.clone(), push.event_type.as_str());
        let is_wanted = !CALLBACKS.contains(&name) || self.app().takes_callback(name);
        let receiver = self.apps.present().receiver.clone();
        let channel = match receiver.filter(|_| is_wanted) {
            None => Channel::Nowhere(NO_RECEIVER.to_owned()),
            Some(Receiver::Webhook(url)) => Channel::Webhook(url, self.seal(&envelope)),
            Some(Receiver::LongConnection) => match self.send_over_connection(&envelope) {
                Ok((sent, answer)) => Channel::LongConnection(sent, answer),
                Err(reason) => Channel::Nowhere(reason),
            },
        };
        Delivery {
            at_ms: self.now(),
            channel,
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
                "token": self.app().verification_token,
                "app_id": self.app().app_id,
                "tenant_key": self.tenant_of(event),
            },
            "event": event,
        })
    }

    /// The tenant of the chat or person that an event names, or else the app's own.
    fn tenant_of(&self, event: &Value) -> &str {
        let places = [
            &event["chat_id"],
            &event["message"]["chat_id"],
            &event["context"]["open_chat_id"],
        ];
        let id = places.into_iter().find_map(Value::as_str);
        let chat = id.and_then(|id| self.chats.get(&ChatId::from(id)));
        let person = event["open_id"].as_str().and_then(|id| self.people.get(id));
        let tenant = chat.map(|chat| &chat.tenant_key);
        let tenant = tenant.or(person.map(|person| &person.tenant_key));
        tenant.unwrap_or(&self.app().tenant_key)
    }

    /// The envelope of the message's first push, or a new one.
    fn message_envelope(&mut self, id: &MessageId) -> Value {
        let Some(message) = self.messages.get(id) else {
            panic!("there is no message {id}")
        };
        if let Some(push) = message.pushes.get(&self.apps.index()) {
            return self.record.pushes[*push].envelope.clone();
        }
        let chat_type = self.chats[&message.chat].mode.event_chat_type();
        let created_ms = message.created_ms;
        let event = message.event(&self.apps, chat_type);
        let mut envelope = self.envelope("im.message.receive_v1", &event);
        envelope["header"]["create_time"] = json!(created_ms.to_string());
        envelope
    }

    /// Encrypts and signs with the app's key; without a key the body is not encrypted.
    fn seal(&mut self, envelope: &Value) -> Sealed {
        let mut headers = vec![(
            "content-type".to_owned(),
            "application/json;charset=utf-8".to_owned(),
        )];
        let Some(key) = &self.app().encrypt_key else {
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
