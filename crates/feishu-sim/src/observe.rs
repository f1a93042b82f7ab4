//! What a test sees of the platform, as values of its own.

use serde_json::Value;

use crate::chats::TopNotice;
use crate::endpoint::Endpoint;
use crate::ids::{ChatId, ConnectionId, MessageId};
use crate::long_connections::{ClientConfig, Cut, HandshakeRefusal, Order};
use crate::messages::Message;
use crate::record::{Acknowledgement, Call, PushRecord};
use crate::simulator::Simulator;
use crate::state::State;

impl Simulator {
    /// See [`crate::State::top_notice`].
    pub fn top_notice(&self, chat: &ChatId) -> Option<TopNotice> {
        self.read(|state| state.top_notice(chat).cloned())
    }

    /// See [`crate::State::announcement_text`].
    pub fn announcement_text(&self, chat: &ChatId) -> Vec<String> {
        self.read(|state| state.announcement_text(chat))
    }

    /// See [`crate::State::announcement_document`].
    pub fn announcement_document(&self, chat: &ChatId) -> Value {
        self.read(|state| state.announcement_document(chat))
    }

    /// See [`crate::State::announcement_revision`].
    pub fn announcement_revision(&self, chat: &ChatId) -> u64 {
        self.read(|state| state.announcement_revision(chat))
    }

    /// See [`crate::State::reactions`].
    pub fn reactions(&self, message: &MessageId) -> Vec<String> {
        self.read(|state| state.reactions(message))
    }

    /// See [`crate::State::replies_to`].
    pub fn replies_to(&self, message: &MessageId) -> Vec<String> {
        self.read(|state| state.replies_to(message))
    }

    /// See [`crate::State::card`].
    pub fn card(&self, message: &MessageId) -> Value {
        self.read(|state| state.card(message))
    }

    /// See [`crate::State::buttons`].
    pub fn buttons(&self, message: &MessageId) -> Vec<String> {
        self.read(|state| state.buttons(message))
    }

    /// See [`crate::State::messages`].
    pub fn messages(&self, chat: &ChatId) -> Vec<Message> {
        self.read(|state| state.messages(chat).cloned().collect())
    }

    /// See [`crate::State::calls`].
    pub fn calls(&self) -> Vec<Call> {
        self.read(|state| state.calls().to_vec())
    }

    /// See [`crate::State::calls_to`].
    pub fn calls_to(&self, endpoint: Endpoint) -> Vec<Call> {
        self.read(|state| state.calls_to(endpoint).cloned().collect())
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.shared.change(|state| state.record.calls.clear());
    }

    /// See [`crate::State::pushes`].
    pub fn pushes(&self) -> Vec<PushRecord> {
        self.read(|state| state.pushes().to_vec())
    }

    /// See [`crate::State::violations`].
    pub fn violations(&self) -> Vec<String> {
        self.read(|state| state.violations().to_vec())
    }

    /// See [`crate::State::conversation`].
    pub fn conversation(&self) -> String {
        self.read(crate::state::State::conversation)
    }

    /// Ends a test: panics, with the conversation, if the client broke the protocol.
    pub fn finish(&self) {
        self.read(|state| {
            let violations = state.violations();
            assert!(
                violations.is_empty(),
                "violations: {violations:#?}\n{}",
                state.conversation()
            );
        });
    }
}

impl Simulator {
    /// Lets events come over the long connections that are open, in place of a webhook.
    pub fn receive_by_long_connection(&self) {
        self.shared
            .change(|state| state.receiver = Some(crate::receiver::Receiver::LongConnection));
    }

    /// See [`State::connections`].
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.read(State::connections)
    }

    /// See [`State::acknowledgements`].
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        self.read(|state| state.acknowledgements().to_vec())
    }

    /// What endpoints and pongs tell the clients from now on.
    pub fn set_client_config(&self, config: ClientConfig) {
        self.shared.change(|state| {
            state.long_connections.config = config;
            state.long_connections.pong = Some(config);
        });
    }

    /// Leaves settings out of pongs from now on.
    pub fn send_empty_pongs(&self) {
        self.shared
            .change(|state| state.long_connections.pong = None);
    }

    /// Refuses the next handshake; several are used up in order.
    pub fn refuse_handshake(&self, refusal: HandshakeRefusal) {
        self.shared
            .change(|state| state.long_connections.refusals.push_back(refusal));
    }

    /// Cuts events into `sum` parts from now on and sends those of them that `order` names, counted
    /// from 0, in that order. Panics where there is no such part.
    pub fn cut_events(&self, sum: usize, order: &[usize]) {
        assert!(!order.is_empty() && order.iter().all(|seq| *seq < sum));
        let cut = Cut {
            sum,
            order: order.to_vec(),
        };
        self.shared.change(|state| state.long_connections.cut = cut);
    }

    /// Says goodbye to a client and hangs up. Panics, as the next four do, where the connection is
    /// not open.
    pub fn kick(&self, connection: &ConnectionId) {
        self.order(connection, Order::Kick);
    }

    /// Hangs up without a word.
    pub fn hang_up(&self, connection: &ConnectionId) {
        self.order(connection, Order::HangUp);
    }

    /// Keeps the connection open and half dead: nothing is sent and nothing is read any more.
    pub fn fall_silent(&self, connection: &ConnectionId) {
        self.order(connection, Order::Silence);
    }

    /// Sends any binary message.
    pub fn send_bytes(&self, connection: &ConnectionId, bytes: impl Into<Vec<u8>>) {
        self.order(connection, Order::Frames(vec![bytes.into()]));
    }

    /// Sends any text message.
    pub fn send_text(&self, connection: &ConnectionId, text: &str) {
        self.order(connection, Order::Text(text.to_owned()));
    }

    fn order(&self, connection: &ConnectionId, order: Order) {
        self.read(|state| state.long_connections.order(connection, order));
    }
}
