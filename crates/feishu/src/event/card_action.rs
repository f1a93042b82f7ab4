//! Somebody presses a button of a card.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Sender;
use crate::ids::{ChatId, MessageId, OpenId, TenantKey, UnionId, UserId};
use crate::wire::{optional_id, or_default};

/// The type of the callback that a press on a button makes; it is configured under "callbacks"
/// in the console, and answered with a [`CardAnswer`](crate::CardAnswer).
pub const CARD_ACTION: &str = "card.action.trigger";

/// A button's value of more bytes is none of ours, and stays unread.
const LARGEST_VALUE: usize = 16 * 1024;

/// A press on a button, `card.action.trigger`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireAction")]
pub struct CardAction {
    /// Who pressed it.
    pub operator: Sender,
    /// The button's value, as the card was sent with it; null for one of more than 16 KiB.
    pub value: Value,
    /// The message that is the card.
    pub message_id: Option<MessageId>,
    /// Where it stands.
    pub chat_id: Option<ChatId>,
    /// With it the card can be changed after the answer: for 30 min, twice.
    pub token: Option<String>,
}

impl CardAction {
    /// Reads the event of an envelope of the type [`CARD_ACTION`].
    pub fn parse(event: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(event.get())
    }
}

#[derive(Deserialize)]
struct WireAction {
    operator: WireOperator,
    #[serde(default, deserialize_with = "or_default")]
    action: WireButton,
    #[serde(default, deserialize_with = "or_default")]
    context: WireContext,
    #[serde(default, deserialize_with = "or_default")]
    token: String,
}

#[derive(Deserialize)]
struct WireOperator {
    #[serde(default, deserialize_with = "optional_id")]
    open_id: Option<OpenId>,
    #[serde(default, deserialize_with = "optional_id")]
    union_id: Option<UnionId>,
    #[serde(default, deserialize_with = "optional_id")]
    user_id: Option<UserId>,
    #[serde(default, deserialize_with = "optional_id")]
    tenant_key: Option<TenantKey>,
}

#[derive(Default, Deserialize)]
struct WireButton {
    value: Option<Box<RawValue>>,
}

impl WireButton {
    fn value(&self) -> Value {
        let raw = self.value.as_ref().map(|value| value.get());
        raw.filter(|raw| raw.len() <= LARGEST_VALUE)
            .and_then(|raw| serde_json::from_str(raw).ok())
            .unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
struct WireContext {
    #[serde(default, deserialize_with = "optional_id")]
    open_message_id: Option<MessageId>,
    #[serde(default, deserialize_with = "optional_id")]
    open_chat_id: Option<ChatId>,
}

impl From<WireAction> for CardAction {
    fn from(wire: WireAction) -> Self {
        Self {
            operator: Sender {
                open_id: wire.operator.open_id,
                union_id: wire.operator.union_id,
                user_id: wire.operator.user_id,
                // Bots press no buttons.
                sender_type: "user".to_owned(),
                tenant_key: wire.operator.tenant_key,
            },
            value: wire.action.value(),
            message_id: wire.context.open_message_id,
            chat_id: wire.context.open_chat_id,
            token: Some(wire.token).filter(|token| !token.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(event: &Value) -> Result<CardAction, serde_json::Error> {
        CardAction::parse(&serde_json::value::to_raw_value(event).unwrap())
    }

    #[test]
    fn a_press_is_read_as_the_page_shows_it() {
        let press = parse(&json!({
            "operator": { "tenant_key": "t", "user_id": "u", "open_id": "ou_1", "union_id": "on_1" },
            "token": "c-1",
            "action": { "value": { "k": "v" }, "tag": "button", "timezone": "Asia/Shanghai" },
            "host": "im_message",
            "context": { "open_message_id": "om_1", "open_chat_id": "oc_1" },
        }))
        .unwrap();
        assert_eq!(press.operator.open_id, Some("ou_1".into()));
        assert_eq!(press.operator.tenant_key, Some("t".into()));
        assert_eq!(press.value, json!({ "k": "v" }));
        assert_eq!(press.message_id, Some("om_1".into()));
        assert_eq!(press.chat_id, Some("oc_1".into()));
        assert_eq!(press.token.as_deref(), Some("c-1"));
    }

    #[test]
    fn a_value_that_is_too_large_stays_unread() {
        let press = |value: &Value| parse(&json!({ "operator": {}, "action": { "value": value } }));
        let wide = json!(vec![0; 10_000]);
        assert_eq!(
            press(&json!(vec![0; 1000])).unwrap().value,
            json!(vec![0; 1000])
        );
        assert_eq!(press(&wide).unwrap().value, Value::Null);
    }

    #[test]
    fn what_is_missing_is_unknown_but_somebody_pressed_it() {
        let press = parse(&json!({ "operator": {}, "action": null })).unwrap();
        assert_eq!(
            (press.value, press.chat_id, press.token),
            (Value::Null, None, None)
        );
        assert!(parse(&json!({ "action": { "value": {} } })).is_err());
    }
}
