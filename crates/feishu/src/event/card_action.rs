//! A press on a button of a card.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::ids::{ChatId, MessageId};
use crate::lenient::Json;
use crate::person::Sender;

/// The type of the callback that a press on a button makes; it is configured under "callbacks"
/// in the console, and answered with a [`CardAnswer`](crate::CardAnswer).
pub const CARD_ACTION: &str = "card.action.trigger";

/// The longest button value in bytes that is read.
const LARGEST_VALUE: usize = 16 * 1024;

/// A press on a button, `card.action.trigger`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardAction {
    /// The person that pressed the button.
    pub operator: Sender,
    /// The value that the card was sent with; null if it has more than 16 KiB.
    pub value: Value,
    /// What was typed into the inputs of a form, by their names; empty if it has more than 16 KiB, or if
    /// the button submits no form.
    pub form: BTreeMap<String, String>,
    /// The message with the card.
    pub message_id: Option<MessageId>,
    /// The chat of that message.
    pub chat_id: Option<ChatId>,
    /// Allows two updates of the card after the answer, within 30 min.
    pub token: Option<String>,
}

impl CardAction {
    /// Reads the event of an envelope of the type [`CARD_ACTION`].
    pub fn read(event: &RawValue) -> Self {
        let event = Json::from(event);
        let [operator, action, context, token] =
            event.fields(["operator", "action", "context", "token"]);
        let [message_id, chat_id] = context.map_or([None; 2], |context| {
            context.fields(["open_message_id", "open_chat_id"])
        });
        let [value, form] =
            action.map_or([None; 2], |action| action.fields(["value", "form_value"]));
        Self {
            operator: operator.map(Sender::of_callback).unwrap_or_default(),
            value: value.map(button_value).unwrap_or_default(),
            form: form.map(typed).unwrap_or_default(),
            message_id: message_id.and_then(Json::id),
            chat_id: chat_id.and_then(Json::id),
            token: token.and_then(Json::non_empty).map(Into::into),
        }
    }
}

/// A value is an object, or its JSON in a string.
fn button_value(value: Json<'_>) -> Value {
    let text = value.string().unwrap_or(value.raw().into());
    if text.len() > LARGEST_VALUE {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_default()
}

/// The strings among the values of a form.
fn typed(form: Json<'_>) -> BTreeMap<String, String> {
    let mut typed = BTreeMap::new();
    if form.raw().len() <= LARGEST_VALUE {
        form.each_field(|name, value| {
            if let Some(text) = value.string() {
                typed.insert(name.to_owned(), text.into_owned());
            }
        });
    }
    typed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(event: &Value) -> CardAction {
        CardAction::read(&serde_json::value::to_raw_value(event).unwrap())
    }

    #[test]
    fn a_press_is_read_as_documented() {
        let press = read(&json!({
            "operator": { "tenant_key": "t", "user_id": "u", "open_id": "ou_1", "union_id": "on_1" },
            "token": "c-1",
            "action": { "value": { "k": "v" }, "tag": "button", "timezone": "Asia/Shanghai" },
            "host": "im_message",
            "context": { "open_message_id": "om_1", "open_chat_id": "oc_1" },
        }));
        assert_eq!(press.operator.open_id, Some("ou_1".into()));
        assert_eq!(press.operator.tenant_key, Some("t".into()));
        assert_eq!(press.value, json!({ "k": "v" }));
        assert_eq!(press.form, BTreeMap::new());
        assert_eq!(press.message_id, Some("om_1".into()));
        assert_eq!(press.chat_id, Some("oc_1".into()));
        assert_eq!(press.token.as_deref(), Some("c-1"));
    }

    #[test]
    fn missing_fields_are_absent() {
        for event in [
            json!({ "operator": {}, "action": null }),
            json!({ "operator": 7, "action": [], "context": "x", "token": {} }),
            json!({}),
            json!(null),
        ] {
            let press = read(&event);
            assert_eq!(press.operator.id(), None, "{event}");
            assert_eq!((press.value, press.chat_id), (Value::Null, None), "{event}");
            assert_eq!((press.message_id, press.token), (None, None), "{event}");
        }
    }

    #[test]
    fn a_value_may_be_json_in_a_string() {
        let press = read(&json!({ "action": { "value": "{\"k\":\"v\"}" } }));
        assert_eq!(press.value, json!({ "k": "v" }));
        let large = json!({ "action": { "value": vec![0; 10_000] } });
        assert_eq!(read(&large).value, Value::Null);
        let press = read(&json!({ "action": { "value": "words" } }));
        assert_eq!(press.value, Value::Null);
    }

    #[test]
    fn a_submitted_form_is_read() {
        let press = read(&json!({ "action": {
            "value": { "k": "v" }, "tag": "button", "timezone": "Asia/Shanghai",
            "form_value": { "reason": "too early", "day": ["1"] }, "name": "submit",
        } }));
        assert_eq!(press.value, json!({ "k": "v" }));
        let typed = [("reason".to_owned(), "too early".to_owned())];
        assert_eq!(press.form, BTreeMap::from(typed));
        for form in [
            json!("x"),
            json!(null),
            json!({ "reason": "x".repeat(20_000) }),
        ] {
            let press = read(&json!({ "action": { "form_value": form } }));
            assert_eq!(press.form, BTreeMap::new());
        }
    }
}
