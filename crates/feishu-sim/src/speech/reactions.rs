//! Reactions of people and other bots, and their events (official pages
//! `im-v1/message-reaction/events`); and that people read messages.

use serde_json::{Value, json};

use super::InChat;
use crate::{
    ids::MessageId,
    messages::{OtherReaction, Sender},
    push::Push,
    state::State,
};

/// Any one of them permits the events.
const REACTIONS: [&str; 2] = ["im:message.reactions:read", "im:message:readonly"];

impl InChat {
    /// Reads a message of the chat, the first time.
    pub fn read(&self, message: &MessageId) {
        let Sender::Person(person) = &self.sender else {
            return;
        };
        self.shared.change_as(self.app, |state| {
            let now = state.now();
            let known = state.messages.get_mut(message);
            let Some(message) = known.filter(|message| message.chat == self.chat) else {
                return;
            };
            if message.readers.iter().all(|(id, _)| *id != person.open_id) {
                message.readers.push((person.open_id.clone(), now));
            }
        });
    }
}

/// Each returns the push of the event. `None` if nothing changed or no event is sent: there is no
/// receiver, a scope is missing, or the bot is not in the chat.
impl InChat {
    /// Adds a reaction to a message. The same emoji a second time is the same reaction.
    pub fn react(&self, message: &MessageId, emoji_type: &str) -> Option<Push> {
        let reaction = self.reaction(emoji_type);
        self.change_reactions(message, "im.message.reaction.created_v1", |reactions| {
            let is_new = !reactions.contains(&reaction);
            if is_new {
                reactions.push(reaction.clone());
            }
            is_new.then(|| reaction.clone())
        })
    }

    /// Takes a reaction off again.
    pub fn take_off(&self, message: &MessageId, emoji_type: &str) -> Option<Push> {
        let reaction = self.reaction(emoji_type);
        self.change_reactions(message, "im.message.reaction.deleted_v1", |reactions| {
            let index = reactions.iter().position(|known| *known == reaction)?;
            Some(reactions.remove(index))
        })
    }

    fn reaction(&self, emoji_type: &str) -> OtherReaction {
        OtherReaction {
            operator: self.sender.clone(),
            emoji_type: emoji_type.to_owned(),
        }
    }

    fn change_reactions(
        &self,
        message: &MessageId,
        event_type: &str,
        change: impl FnOnce(&mut Vec<OtherReaction>) -> Option<OtherReaction>,
    ) -> Option<Push> {
        let envelopes = self.shared.change_as(self.app, |state| {
            let known = state.messages.get_mut(message);
            let known = known.filter(|message| message.chat == self.chat && !message.recalled);
            let changed = known.and_then(|message| change(&mut message.other_reactions));
            let Some(reaction) = changed else {
                return Vec::new();
            };
            state.for_each_app(|state| state.reaction_event(event_type, message, &reaction))
        });
        self.shared.push_all(self.app, envelopes, None)
    }
}

impl State {
    /// The event of a reaction, if the present app receives it. It names neither the chat nor the
    /// tenant of a person.
    fn reaction_event(
        &mut self,
        event_type: &str,
        message: &MessageId,
        reaction: &OtherReaction,
    ) -> Option<Value> {
        let chat = self.chats.get(&self.messages.get(message)?.chat)?;
        if !chat.has_bot(self.apps.index()) || !self.sends_event(event_type, &REACTIONS) {
            return None;
        }
        let mut event = json!({
            "message_id": message.as_str(),
            "reaction_type": {"emoji_type": reaction.emoji_type},
            "action_time": self.now().to_string(),
        });
        match &reaction.operator {
            Sender::Person(person) => {
                event["operator_type"] = json!("user");
                event["user_id"] = person.ids_among(&self.app().sender_ids);
            }
            Sender::App | Sender::OtherBot { .. } => {
                event["operator_type"] = json!("app");
                event["app_id"] = json!("cli_0000000000000000");
            }
        }
        Some(self.envelope(event_type, &event))
    }
}
