//! Actions of people on a chat, and their events (official pages
//! `group/chat-member/events`, `group/chat/events` and `im-v1/message/events`).

use serde_json::{Value, json};

use super::InChat;
use crate::{chats::Chat, ids::MessageId, messages::Sender, push::Push, state::State};

/// Any one of them permits the events of a chat.
const CHAT_EVENTS: [&str; 3] = ["im:chat", "im:chat.members:bot_access", "im:chat:readonly"];
/// Any one of them permits the events of recalls.
const RECALLS: [&str; 2] = ["im:message", "im:message:readonly"];

/// Each returns the push of the event. `None` if nothing changed or no event is sent: there is no
/// receiver, a scope is missing, or the bot is not in the chat.
impl InChat {
    /// Adds the bot to the group.
    pub fn add_bot(&self) -> Option<Push> {
        self.change_chat("im.chat.member.bot.added_v1", |chat| {
            !std::mem::replace(&mut chat.bot_in, true)
        })
    }

    /// Removes the bot from the group; the event is still sent.
    pub fn remove_bot(&self) -> Option<Push> {
        self.change_chat("im.chat.member.bot.deleted_v1", |chat| {
            std::mem::replace(&mut chat.bot_in, false)
        })
    }

    /// Dissolves the group without keeping its history.
    pub fn disband(&self) -> Option<Push> {
        self.change_chat("im.chat.disbanded_v1", |chat| {
            !std::mem::replace(&mut chat.dissolved, true) && chat.bot_in
        })
    }

    /// Recalls a message.
    pub fn recall(&self, message: &MessageId) -> Option<Push> {
        let envelope = self.shared.change(|state| {
            let recalled = state.messages.get_mut(message)?;
            let newly = !std::mem::replace(&mut recalled.recalled, true);
            let chat = state.chats.get(&recalled.chat)?;
            let event = json!({
                "message_id": message.as_str(),
                "chat_id": chat.id.as_str(),
                "recall_time": state.now().to_string(),
                "recall_type": recall_type(&self.sender, &state.messages[message].sender, chat),
            });
            let is_sent = newly && chat.bot_in && state.sends_event(&RECALLS);
            is_sent.then(|| state.envelope("im.message.recalled_v1", &event))
        })?;
        Some(self.shared.push(envelope, None))
    }

    /// Changes the chat; `change` returns whether to send an event.
    fn change_chat(
        &self,
        event_type: &str,
        change: impl FnOnce(&mut Chat) -> bool,
    ) -> Option<Push> {
        let envelope = self.shared.change(|state| {
            let chat = state.chats.get_mut(&self.chat)?;
            let changed = change(chat);
            let event = chat_event(chat, &self.sender, &state.app.tenant_key);
            let is_sent = changed && state.sends_event(&CHAT_EVENTS);
            is_sent.then(|| state.envelope(event_type, &event))
        })?;
        Some(self.shared.push(envelope, None))
    }
}

impl State {
    /// Whether the app receives events that require one of the scopes.
    fn sends_event(&self, any_of: &[&str]) -> bool {
        self.receiver.is_some()
            && self.app.bot_active
            && any_of.iter().any(|scope| self.app.has_scope(scope))
    }
}

/// The shared form of the events of a chat.
fn chat_event(chat: &Chat, operator: &Sender, home: &str) -> Value {
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
