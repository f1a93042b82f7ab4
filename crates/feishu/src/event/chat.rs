//! What happens to a chat and to the messages in it.
//!
//! Official pages `group/chat-member/events`, `group/chat/events` and `im-v1/message/events`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::PersonIds;
use crate::ids::{ChatId, MessageId, TenantKey};
use crate::wire::{optional_id, optional_time, or_default};

/// The event type of a bot that was added to a group.
pub const BOT_ADDED: &str = "im.chat.member.bot.added_v1";
/// The event type of a bot that was removed from a group; only that bot is told.
pub const BOT_DELETED: &str = "im.chat.member.bot.deleted_v1";
/// The event type of a group that was dissolved; none is sent where its history is kept.
pub const CHAT_DISBANDED: &str = "im.chat.disbanded_v1";
/// The event type of a message that was recalled.
pub const MESSAGE_RECALLED: &str = "im.message.recalled_v1";

/// What [`BOT_ADDED`], [`BOT_DELETED`] and [`CHAT_DISBANDED`] tell. The field `name` is left out:
/// the pages disagree on whose name it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChatEvent {
    /// Where it happened.
    pub chat_id: ChatId,
    /// Who did it.
    #[serde(default, deserialize_with = "or_default")]
    pub operator_id: PersonIds,
    /// The tenant of who did it.
    #[serde(default, deserialize_with = "optional_id")]
    pub operator_tenant_key: Option<TenantKey>,
    /// Whether people of other tenants may be in the chat.
    #[serde(default, deserialize_with = "or_default")]
    pub external: bool,
}

/// A message that was recalled, `im.message.recalled_v1`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessageRecalled {
    /// Which one.
    pub message_id: MessageId,
    /// Where it stood.
    pub chat_id: ChatId,
    /// When.
    #[serde(default, deserialize_with = "optional_time")]
    pub recall_time: Option<Timestamp>,
    /// By whom: `message_owner`, `group_owner`, `group_manager` or `enterprise_manager`.
    #[serde(default, deserialize_with = "optional_id")]
    pub recall_type: Option<String>,
}

impl ChatEvent {
    /// Reads the `event` object.
    pub fn parse(event: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(event.get())
    }
}

impl MessageRecalled {
    /// Reads the `event` object.
    pub fn parse(event: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(event.get())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn chat_event(event: &Value) -> Result<ChatEvent, serde_json::Error> {
        ChatEvent::parse(&to_raw_value(event).unwrap())
    }

    fn recalled(event: &Value) -> Result<MessageRecalled, serde_json::Error> {
        MessageRecalled::parse(&to_raw_value(event).unwrap())
    }

    #[test]
    fn a_chat_event_is_read_with_its_operator() {
        let event = chat_event(&json!({
            "chat_id": "oc_1",
            "operator_id": { "union_id": "on_1", "user_id": null, "open_id": "ou_1" },
            "external": true, "operator_tenant_key": "t1", "name": "Ops",
            "i18n_names": { "zh_cn": "运维", "en_us": "Ops", "ja_jp": "" },
        }))
        .unwrap();
        assert_eq!(event.chat_id.as_str(), "oc_1");
        assert_eq!(event.operator_id.open_id, Some("ou_1".into()));
        assert_eq!(event.operator_tenant_key, Some("t1".into()));
        assert!(event.external);
    }

    #[test]
    fn a_recall_is_read_with_its_time_and_kind() {
        let event = recalled(&json!({
            "message_id": "om_1", "chat_id": "oc_1",
            "recall_time": "1615374553482", "recall_type": "group_owner",
        }))
        .unwrap();
        assert_eq!(event.message_id.as_str(), "om_1");
        assert_eq!(event.chat_id.as_str(), "oc_1");
        let time = event.recall_time.map(Timestamp::as_millisecond);
        assert_eq!(time, Some(1_615_374_553_482));
        assert_eq!(event.recall_type.as_deref(), Some("group_owner"));
    }

    #[test]
    fn all_but_the_ids_may_be_absent_null_or_empty() {
        for event in [
            json!({ "chat_id": "oc_1" }),
            json!({ "chat_id": "oc_1", "operator_id": null, "external": null, "operator_tenant_key": "" }),
        ] {
            let event = chat_event(&event).unwrap();
            assert_eq!(event.operator_id, PersonIds::default());
            assert_eq!((event.operator_tenant_key, event.external), (None, false));
        }
        for event in [
            json!({ "message_id": "om_1", "chat_id": "oc_1" }),
            json!({ "message_id": "om_1", "chat_id": "oc_1", "recall_time": null, "recall_type": "" }),
            json!({ "message_id": "om_1", "chat_id": "oc_1", "recall_time": "" }),
        ] {
            let event = recalled(&event).unwrap();
            assert_eq!((event.recall_time, event.recall_type), (None, None));
        }
        for event in [
            json!({}),
            json!({ "chat_id": null }),
            json!({ "chat_id": 1 }),
        ] {
            assert!(chat_event(&event).is_err(), "{event}");
        }
        for event in [
            json!({ "message_id": "om_1" }),
            json!({ "chat_id": "oc_1" }),
        ] {
            assert!(recalled(&event).is_err(), "{event}");
        }
    }
}
