//! The state of the platform, as owned values for tests.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde_json::Value;

use crate::chats::TopNotice;
use crate::endpoint::Endpoint;
use crate::ids::{ChatId, ConnectionId, MessageId};
use crate::long_connections::{
    ClientConfig, ConnectionCommand, Fragmentation, HandshakeRefusal, LongConnections,
};
use crate::medias::Media;
use crate::messages::Message;
use crate::receiver::Receiver;
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

    /// See [`crate::State::announced_media`].
    pub fn announced_media(&self, chat: &ChatId) -> Vec<Option<Media>> {
        self.read(|state| state.announced_media(chat))
    }

    /// The key of a picture for messages, whose content this is.
    pub fn add_image(&self, bytes: impl Into<Bytes>) -> String {
        self.change(|state| state.add_image(bytes.into()))
    }

    /// The key of a file or a video for messages, whose content this is.
    pub fn add_file(&self, bytes: impl Into<Bytes>) -> String {
        self.change(|state| state.add_file(bytes.into()))
    }

    /// How many bytes of files connections took.
    pub fn sent_bytes(&self) -> u64 {
        self.read(|state| state.sent_bytes.load(Ordering::Relaxed))
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
        self.change(|state| state.record.calls.clear());
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

    /// Ends a test. Panics with the conversation if there are violations.
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
    /// Delivers events over the open long connections instead of a webhook.
    pub fn receive_by_long_connection(&self) {
        let receiver = Some(Receiver::LongConnection);
        self.change(|state| state.apps.present_mut().receiver = receiver);
    }

    /// See [`State::connections`].
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.read(State::connections)
    }

    /// See [`State::acknowledgements`].
    pub fn acknowledgements(&self) -> Vec<Acknowledgement> {
        self.read(|state| state.acknowledgements().to_vec())
    }

    /// Sets the client configuration in endpoints and pongs.
    pub fn set_client_config(&self, config: ClientConfig) {
        self.change_connections(|connections| {
            connections.config = config;
            connections.pong = Some(config);
        });
    }

    /// Omits the client configuration from pongs.
    pub fn send_empty_pongs(&self) {
        self.change_connections(|connections| connections.pong = None);
    }

    /// Refuses the next handshake. Refusals are queued.
    pub fn refuse_handshake(&self, refusal: HandshakeRefusal) {
        self.change_connections(|connections| connections.refusals.push_back(refusal));
    }

    /// Splits later events into `sum` parts and sends those in `order`, counted
    /// from 0, in that order. Panics if `order` has an invalid part.
    pub fn cut_events(&self, sum: usize, order: &[usize]) {
        assert!(!order.is_empty() && order.iter().all(|seq| *seq < sum));
        let fragmentation = Fragmentation {
            sum,
            order: order.to_vec(),
        };
        self.change_connections(|connections| connections.fragmentation = fragmentation);
    }

    /// Sends a close frame and closes. Panics, like the next four, if the connection is not open.
    pub fn kick(&self, connection: &ConnectionId) {
        self.order(connection, ConnectionCommand::Kick);
    }

    /// Closes without a close frame.
    pub fn hang_up(&self, connection: &ConnectionId) {
        self.order(connection, ConnectionCommand::HangUp);
    }

    /// Keeps the connection open without reading or writing.
    pub fn fall_silent(&self, connection: &ConnectionId) {
        self.order(connection, ConnectionCommand::Silence);
    }

    /// Sends any binary message.
    pub fn send_bytes(&self, connection: &ConnectionId, bytes: impl Into<Vec<u8>>) {
        self.order(connection, ConnectionCommand::Frames(vec![bytes.into()]));
    }

    /// Sends any text message.
    pub fn send_text(&self, connection: &ConnectionId, text: &str) {
        self.order(connection, ConnectionCommand::Text(text.to_owned()));
    }

    fn order(&self, connection: &ConnectionId, order: ConnectionCommand) {
        self.read(|state| {
            let connections = &state.apps.present().long_connections;
            connections.order(connection, order);
        });
    }

    fn change_connections(&self, change: impl FnOnce(&mut LongConnections)) {
        self.change(|state| change(&mut state.apps.present_mut().long_connections));
    }
}
