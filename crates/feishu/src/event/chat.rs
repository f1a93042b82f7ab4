//! Events of chats and of the messages in them.
//!
//! Official pages `group/chat-member/events`, `group/chat/events` and `im-v1/message/events`.

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::ids::{ChatId, MessageId};
use crate::lenient::Json;
use crate::person::Sender;

/// The event type of a bot that was added to a group.
pub const BOT_ADDED: &str = "im.chat.member.bot.added_v1";
/// The event type of a bot that was removed from a group; only that bot receives it.
pub const BOT_DELETED: &str = "im.chat.member.bot.deleted_v1";
/// The event type of a group that was dissolved; not sent if its history is kept.
pub const CHAT_DISBANDED: &str = "im.chat.disbanded_v1";
/// The event type of a message that was recalled.
pub const MESSAGE_RECALLED: &str = "im.message.recalled_v1";

/// The event type of a reaction that was added to a message in a chat of the bot.
pub const REACTION_ADDED: &str = "im.message.reaction.created_v1";

/// The event of [`BOT_ADDED`], [`BOT_DELETED`] and [`CHAT_DISBANDED`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatEvent {
    /// The chat of the event.
    pub chat_id: ChatId,
}

/// A message that was recalled, `im.message.recalled_v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecalled {
    /// The recalled message.
    pub message_id: MessageId,
    /// The chat of the message.
    pub chat_id: ChatId,
}

/// A reaction that was added to a message, `im.message.reaction.created_v1`. The event does not name
/// the chat.
///
/// Official page `im-v1/message-reaction/events/created`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionAdded {
    /// The message.
    pub message_id: MessageId,
    /// Case-sensitive name of the emoji; empty if absent.
    pub emoji_type: String,
    /// The person or app that added it; the type is `user` or `app`. The event does not tell the tenant.
    pub operator: Sender,
    /// When it was added.
    pub action_time: Option<Timestamp>,
}

impl ChatEvent {
    /// Reads the `event` object; `None` without a chat id.
    pub fn read(event: &RawValue) -> Option<Self> {
        Some(Self {
            chat_id: Json::from(event).field("chat_id")?.id()?,
        })
    }
}

impl MessageRecalled {
    /// Reads the `event` object; `None` without a message id or chat id.
    pub fn read(event: &RawValue) -> Option<Self> {
        let [message_id, chat_id] = Json::from(event).fields(["message_id", "chat_id"]);
        Some(Self {
            message_id: message_id?.id()?,
            chat_id: chat_id?.id()?,
        })
    }
}

impl ReactionAdded {
    /// Reads the `event` object; `None` without a message id.
    pub fn read(event: &RawValue) -> Option<Self> {
        let [
            message_id,
            reaction_type,
            operator_type,
            user_id,
            action_time,
        ] = Json::from(event).fields([
            "message_id",
            "reaction_type",
            "operator_type",
            "user_id",
            "action_time",
        ]);
        let emoji_type = reaction_type.and_then(|reaction| reaction.field("emoji_type"));
        Some(Self {
            message_id: message_id?.id()?,
            emoji_type: emoji_type
                .and_then(Json::text)
                .unwrap_or_default()
                .into_owned(),
            operator: Sender::of_reaction(user_id, operator_type),
            action_time: action_time.and_then(Json::time),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn chat_event(event: &Value) -> Option<ChatEvent> {
        ChatEvent::read(&to_raw_value(event).unwrap())
    }

    fn recalled(event: &Value) -> Option<MessageRecalled> {
        MessageRecalled::read(&to_raw_value(event).unwrap())
    }

    #[test]
    fn a_chat_event_has_its_chat() {
        let event = chat_event(&json!({
            "chat_id": "oc_1",
            "operator_id": { "union_id": "on_1", "user_id": null, "open_id": "ou_1" },
            "external": true, "operator_tenant_key": "t1", "name": "Ops",
        }));
        assert_eq!(event.unwrap().chat_id.as_str(), "oc_1");
    }

    #[test]
    fn a_recall_has_its_message_and_chat() {
        let event = recalled(&json!({
            "message_id": "om_1", "chat_id": "oc_1",
            "recall_time": "1615374553482", "recall_type": "group_owner",
        }))
        .unwrap();
        assert_eq!(event.message_id.as_str(), "om_1");
        assert_eq!(event.chat_id.as_str(), "oc_1");
    }

    #[test]
    fn a_reaction_has_its_message_and_person() {
        let read = |event: &Value| ReactionAdded::read(&to_raw_value(event).unwrap());
        let added = read(&json!({
            "message_id": "om_1", "reaction_type": { "emoji_type": "Pin" },
            "operator_type": "user",
            "user_id": { "union_id": "on_1", "user_id": "e3", "open_id": "ou_1" },
            "action_time": "1627641418803",
        }))
        .unwrap();
        assert_eq!(added.message_id.as_str(), "om_1");
        assert_eq!(added.emoji_type, "Pin");
        assert_eq!(added.operator.sender_type, "user");
        assert_eq!(added.operator.id().map(|(_, id)| id), Some("ou_1"));
        assert_eq!(
            added.action_time.unwrap().as_millisecond(),
            1_627_641_418_803
        );
        let by_app = read(&json!({
            "message_id": "om_1", "operator_type": "app", "app_id": "cli_1", "reaction_type": 7,
        }))
        .unwrap();
        assert_eq!((&*by_app.emoji_type, by_app.operator.id()), ("", None));
        assert_eq!(by_app.operator.sender_type, "app");
        assert_eq!(
            read(&json!({ "reaction_type": { "emoji_type": "Pin" } })),
            None
        );
    }

    #[test]
    fn an_event_without_ids_is_none() {
        for event in [
            json!({}),
            json!({ "chat_id": null }),
            json!({ "chat_id": {} }),
            json!([]),
        ] {
            assert_eq!(chat_event(&event), None, "{event}");
        }
        for event in [
            json!({ "message_id": "om_1" }),
            json!({ "chat_id": "oc_1" }),
        ] {
            assert_eq!(recalled(&event), None, "{event}");
        }
    }
}
