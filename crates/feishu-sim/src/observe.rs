//! What a test sees of the platform, as values of its own.

use serde_json::Value;

use crate::{
    chats::TopNotice,
    endpoint::Endpoint,
    ids::{ChatId, MessageId},
    messages::Message,
    record::{Call, PushRecord},
    simulator::Simulator,
};

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
