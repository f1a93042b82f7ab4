//! Actions of people on a chat, and their events (official pages
//! `group/chat-member/events`, `group/chat/events` and `im-v1/message/events`).

use serde_json::{Value, json};

use super::InChat;
use crate::{
    chats::Chat,
    ids::{ChatId, MessageId},
    messages::Sender,
    push::Push,
    state::State,
};

/// Any one of them permits the events of a chat.
const CHAT_EVENTS: [&str; 3] = ["im:chat", "im:chat.members:bot_access", "im:chat:readonly"];
/// Any one of them permits the events of recalls.
const RECALLS: [&str; 2] = ["im:message", "im:message:readonly"];

/// Each returns the push of the event. `None` if nothing changed or no event is sent: there is no
/// receiver, a scope is missing, or the bot is not in the chat.
impl InChat {
    /// Adds the bot to the group.
    pub fn add_bot(&self) -> Option<Push> {
        self.set_bot(true, "im.chat.member.bot.added_v1")
    }

    /// Removes the bot from the group; the event is still sent.
    pub fn remove_bot(&self) -> Option<Push> {
        self.set_bot(false, "im.chat.member.bot.deleted_v1")
    }

    /// Dissolves the group without keeping its history.
    pub fn disband(&self) -> Option<Push> {
        let envelopes = self.shared.change_as(self.app, |state| {
            let Some(chat) = state.chats.get_mut(&self.chat) else {
                return Vec::new();
            };
            if std::mem::replace(&mut chat.dissolved, true) {
                return Vec::new();
            }
            state.for_each_app(|state| {
                let is_in = state.chats[&self.chat].has_bot(state.apps.index());
                is_in.then(|| state.chat_event("im.chat.disbanded_v1", &self.chat, &self.sender))?
            })
        });
        self.shared.push_all(self.app, envelopes, None)
    }

    /// Recalls a message.
    pub fn recall(&self, message: &MessageId) -> Option<Push> {
        let envelopes = self.shared.change_as(self.app, |state| {
            let recalled = state.messages.get_mut(message);
            let newly = recalled.is_some_and(|one| !std::mem::replace(&mut one.recalled, true));
            if !newly {
                return Vec::new();
            }
            state.for_each_app(|state| state.recall_event(message, &self.sender))
        });
        self.shared.push_all(self.app, envelopes, None)
    }

    fn set_bot(&self, is_in: bool, event_type: &str) -> Option<Push> {
        let envelope = self.shared.change_as(self.app, |state| {
            let chat = state.chats.get_mut(&self.chat)?;
            let is_changed = chat.set_bot(self.app, is_in);
            is_changed.then(|| state.chat_event(event_type, &self.chat, &self.sender))?
        })?;
        Some(self.shared.push(self.app, envelope, None))
    }
}

impl State {
    /// Whether the app receives this event, which requires one of the scopes.
    pub(super) fn sends_event(&self, event_type: &str, any_of: &[&str]) -> bool {
        let app = self.app();
        self.apps.present().receiver.is_some()
            && app.bot_active
            && app.receives(event_type)
            && any_of.iter().any(|scope| app.has_scope(scope))
    }

    /// An event of a chat, if the present app receives it.
    fn chat_event(&mut self, event_type: &str, chat: &ChatId, operator: &Sender) -> Option<Value> {
        let event = chat_event(self.chats.get(chat)?, operator);
        let is_sent = self.sends_event(event_type, &CHAT_EVENTS);
        is_sent.then(|| self.envelope(event_type, &event))
    }

    /// The event of a recalled message, if the present app receives it.
    fn recall_event(&mut self, id: &MessageId, operator: &Sender) -> Option<Value> {
        let message = self.messages.get(id)?;
        let chat = self.chats.get(&message.chat)?;
        let event = json!({
            "message_id": id.as_str(),
            "chat_id": chat.id.as_str(),
            "recall_time": self.now().to_string(),
            "recall_type": recall_type(operator, &message.sender, chat),
        });
        let event_type = "im.message.recalled_v1";
        let is_sent = chat.has_bot(self.apps.index()) && self.sends_event(event_type, &RECALLS);
        is_sent.then(|| self.envelope(event_type, &event))
    }
}

/// The shared form of the events of a chat.
fn chat_event(chat: &Chat, operator: &Sender) -> Value {
    let home = chat.tenant_key.as_str();
    let (operator_id, tenant_key) = match operator {
        Sender::Person(person) => (person.ids(), person.tenant_key.as_str()),
        Sender::OtherBot { open_id, .. } => (json!({"open_id": open_id}), home),
        Sender::App => (json!({}), home),
    };
    json!({
        "chat_id": chat.id.as_str(),
        "operator_id": operator_id,
        "external": chat.external,
        "operator_tenant_key": tenant_key,
        "name": chat.name,
        "i18n_names": {"zh_cn": chat.name, "en_us": chat.name, "ja_jp": chat.name},
    })
}

fn recall_type(operator: &Sender, author: &Sender, chat: &Chat) -> &'static str {
    let owns = |person| chat.owner.as_ref() == Some(person);
    match operator {
        _ if operator == author => "message_owner",
        Sender::Person(person) if owns(person) => "group_owner",
        Sender::Person(person) if !chat.managers.contains(person) => "enterprise_manager",
        Sender::Person(_) | Sender::OtherBot { .. } | Sender::App => "group_manager",
    }
}
