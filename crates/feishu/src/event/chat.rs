//! What happens to a chat and to the messages in it.
//!
//! Official pages `group/chat-member/events`, `group/chat/events` and `im-v1/message/events`.

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::ids::{ChatId, MessageId, TenantKey};
use crate::lenient::Json;
use crate::person::PersonIds;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatEvent {
    /// Where it happened.
    pub chat_id: ChatId,
    /// Who did it.
    pub operator_id: PersonIds,
    /// The tenant of who did it.
    pub operator_tenant_key: Option<TenantKey>,
    /// Whether people of other tenants may be in the chat.
    pub external: bool,
}

/// A message that was recalled, `im.message.recalled_v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecalled {
    /// Which one.
    pub message_id: MessageId,
    /// Where it stood.
    pub chat_id: ChatId,
    /// When.
    pub recall_time: Option<Timestamp>,
    /// By whom: `message_owner`, `group_owner`, `group_manager` or `enterprise_manager`.
    pub recall_type: Option<String>,
}

impl ChatEvent {
    /// Reads the `event` object; `None` if it does not say where it happened.
    pub fn read(event: &RawValue) -> Option<Self> {
        let [chat_id, operator_id, tenant_key, external] =
            Json::from(event).fields(["chat_id", "operator_id", "operator_tenant_key", "external"]);
        Some(Self {
            chat_id: chat_id?.id()?,
            operator_id: operator_id.map(PersonIds::read).unwrap_or_default(),
            operator_tenant_key: tenant_key.and_then(Json::id),
            external: external.is_some_and(Json::is_true),
        })
    }
}

impl MessageRecalled {
    /// Reads the `event` object; `None` if it does not say which message it was, and where.
    pub fn read(event: &RawValue) -> Option<Self> {
        let [message_id, chat_id, recall_time, recall_type] =
            Json::from(event).fields(["message_id", "chat_id", "recall_time", "recall_type"]);
        Some(Self {
            message_id: message_id?.id()?,
            chat_id: chat_id?.id()?,
            recall_time: recall_time.and_then(Json::time),
            recall_type: recall_type.and_then(Json::id),
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
            json!({ "chat_id": "oc_1", "operator_id": [], "external": "yes", "operator_tenant_key": {} }),
        ] {
            let event = chat_event(&event).unwrap();
            assert_eq!(event.operator_id, PersonIds::default());
            assert_eq!((event.operator_tenant_key, event.external), (None, false));
        }
        for event in [
            json!({ "message_id": "om_1", "chat_id": "oc_1" }),
            json!({ "message_id": "om_1", "chat_id": "oc_1", "recall_time": null, "recall_type": "" }),
            json!({ "message_id": "om_1", "chat_id": "oc_1", "recall_time": "" }),
            json!({ "message_id": "om_1", "chat_id": "oc_1", "recall_time": "soon", "recall_type": [] }),
        ] {
            let event = recalled(&event).unwrap();
            assert_eq!((event.recall_time, event.recall_type), (None, None));
        }
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
