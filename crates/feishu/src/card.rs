//! Cards: messages with a header and a body of parts, and the answer to a press on a
//! button.
//!
//! Official pages of cards in JSON 2.0, which need a client of version 7.20 or later, and of the
//! callback `card.action.trigger`.

use serde::{Serialize, Serializer, ser::SerializeMap as _, ser::SerializeStruct as _};
use serde_json::{Value, json};

/// A card in the platform's JSON 2.0, built part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    title: String,
    elements: Vec<CardElement>,
}

/// A part of a card's body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CardElement {
    Markdown { content: String },
    Plain { content: String },
    Button { label: String, value: Value },
    Link { label: String, url: String },
    Form(Box<InputForm>),
}

/// An input and a button that submits what was typed: the press has it in
/// [`CardAction::form`](crate::CardAction::form).
///
/// Official pages of the form container and the input in cards in JSON 2.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputForm {
    /// Under which the press has what was typed; unique in the card.
    pub input: String,
    /// Shown while the input is empty. One that is too long is cut.
    pub placeholder: String,
    /// The longest text in characters, up to 1000.
    pub max_length: u16,
    /// The label of the button. One that is too long is cut.
    pub label: String,
    /// The value of the button, as of [`Card::button`].
    pub value: Value,
}

impl Card {
    /// The longest label in characters.
    pub const LABEL_LIMIT: usize = 100;

    /// A card with this title, in plain text, and an empty body.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            elements: Vec::new(),
        }
    }

    /// Adds a part in the platform's Markdown, which keeps line breaks.
    #[must_use]
    pub fn markdown(mut self, content: impl Into<String>) -> Self {
        let content = content.into();
        self.elements.push(CardElement::Markdown { content });
        self
    }

    /// Adds a part in plain text, which keeps line breaks.
    #[must_use]
    pub fn plain(mut self, content: impl Into<String>) -> Self {
        let content = content.into();
        self.elements.push(CardElement::Plain { content });
        self
    }

    /// Adds a button; a press sends the value, a JSON object, back in a
    /// [`CardAction`](crate::CardAction). A label that is too long is cut.
    #[must_use]
    pub fn button(mut self, label: &str, value: Value) -> Self {
        let label = cut(label);
        self.elements.push(CardElement::Button { label, value });
        self
    }

    /// Adds a form.
    #[must_use]
    pub fn form(mut self, form: InputForm) -> Self {
        self.elements.push(CardElement::Form(Box::new(form)));
        self
    }

    /// Adds a button that opens an address, without a callback. A label that is too long is cut.
    #[must_use]
    pub fn link(mut self, label: &str, url: impl Into<String>) -> Self {
        let (label, url) = (cut(label), url.into());
        self.elements.push(CardElement::Link { label, url });
        self
    }
}

fn cut(label: &str) -> String {
    label.chars().take(Card::LABEL_LIMIT).collect()
}

impl Serialize for Card {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let title = json!({ "tag": "plain_text", "content": self.title });
        let elements: Vec<Value> = self.elements.iter().map(CardElement::to_value).collect();
        let mut card = serializer.serialize_struct("Card", 4)?;
        card.serialize_field("schema", "2.0")?;
        // Only a card with this setting can be updated later.
        card.serialize_field("config", &json!({ "update_multi": true }))?;
        card.serialize_field("header", &json!({ "title": title, "template": "blue" }))?;
        card.serialize_field("body", &json!({ "elements": elements }))?;
        card.end()
    }
}

impl CardElement {
    fn to_value(&self) -> Value {
        match self {
            Self::Markdown { content } => json!({ "tag": "markdown", "content": content }),
            Self::Plain { content } => json!({
                "tag": "div",
                "text": { "tag": "plain_text", "content": content },
            }),
            Self::Button { label, value } => json!({
                "tag": "button",
                "text": { "tag": "plain_text", "content": label },
                "type": "default",
                "behaviors": [{ "type": "callback", "value": value }],
            }),
            Self::Link { label, url } => json!({
                "tag": "button",
                "text": { "tag": "plain_text", "content": label },
                "type": "primary",
                "behaviors": [{ "type": "open_url", "default_url": url }],
            }),
            Self::Form(form) => form.to_value(),
        }
    }
}

impl InputForm {
    /// All parts of a form need names that are unique in the card.
    fn to_value(&self) -> Value {
        let name = &self.input;
        json!({
            "tag": "form",
            "name": format!("{name}_form"),
            "elements": [
                {
                    "tag": "input",
                    "name": name,
                    "placeholder": { "tag": "plain_text", "content": cut(&self.placeholder) },
                    "max_length": self.max_length,
                    "width": "fill",
                },
                {
                    "tag": "button",
                    "name": format!("{name}_submit"),
                    "text": { "tag": "plain_text", "content": cut(&self.label) },
                    "type": "default",
                    "form_action_type": "submit",
                    "behaviors": [{ "type": "callback", "value": self.value }],
                },
            ],
        })
    }
}

/// The answer to a press on a button, due within three seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardAnswer {
    /// Displayed briefly to the operator.
    pub toast: Option<Toast>,
    /// Replaces the card for everybody.
    pub card: Option<Card>,
}

/// A short message to the operator of a button, in their language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// Its look.
    pub kind: ToastKind,
    /// The Chinese text.
    pub zh_cn: String,
    /// The text for readers of any other language.
    pub en_us: String,
}

/// The look of a toast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToastKind {
    /// Neutral.
    Info,
    /// Done.
    Success,
    /// Not done, and nothing is wrong.
    Warning,
    /// Failed.
    Error,
}

impl Serialize for CardAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_map(None)?;
        if let Some(Toast { kind, zh_cn, en_us }) = &self.toast {
            let i18n = json!({ "zh_cn": zh_cn, "en_us": en_us });
            let toast = json!({ "type": kind, "content": en_us, "i18n": i18n });
            answer.serialize_entry("toast", &toast)?;
        }
        if let Some(card) = &self.card {
            answer.serialize_entry("card", &json!({ "type": "raw", "data": card }))?;
        }
        answer.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_written_as_documented() {
        let card = Card::titled("Hello")
            .markdown("`/pin`\n**so**")
            .button("OK", json!({ "k": "v" }))
            .link("Open", "https://example.com");
        let wire = json!({
            "schema": "2.0",
            "config": { "update_multi": true },
            "header": {
                "title": { "tag": "plain_text", "content": "Hello" },
                "template": "blue",
            },
            "body": { "elements": [
                { "tag": "markdown", "content": "`/pin`\n**so**" },
                {
                    "tag": "button", "text": { "tag": "plain_text", "content": "OK" },
                    "type": "default",
                    "behaviors": [{ "type": "callback", "value": { "k": "v" } }],
                },
                {
                    "tag": "button", "text": { "tag": "plain_text", "content": "Open" },
                    "type": "primary",
                    "behaviors": [{ "type": "open_url", "default_url": "https://example.com" }],
                },
            ] },
        });
        assert_eq!(serde_json::to_value(&card).unwrap(), wire);
    }

    #[test]
    fn a_form_is_written_as_documented() {
        let card = Card::titled("").form(InputForm {
            input: "reason".to_owned(),
            placeholder: "Reason".to_owned(),
            max_length: 200,
            label: "Decline".to_owned(),
            value: json!({ "k": "v" }),
        });
        let wire = json!([{
            "tag": "form",
            "name": "reason_form",
            "elements": [
                {
                    "tag": "input", "name": "reason", "max_length": 200, "width": "fill",
                    "placeholder": { "tag": "plain_text", "content": "Reason" },
                },
                {
                    "tag": "button", "name": "reason_submit", "type": "default",
                    "text": { "tag": "plain_text", "content": "Decline" },
                    "form_action_type": "submit",
                    "behaviors": [{ "type": "callback", "value": { "k": "v" } }],
                },
            ],
        }]);
        let card = serde_json::to_value(&card).unwrap();
        assert_eq!(card["body"]["elements"], wire);
    }

    #[test]
    fn a_long_label_is_cut() {
        let card = Card::titled("").button(&"长".repeat(200), json!({}));
        let wire = serde_json::to_value(&card).unwrap();
        let label = wire["body"]["elements"][0]["text"]["content"].as_str();
        assert_eq!(label.unwrap().chars().count(), Card::LABEL_LIMIT);
    }

    #[test]
    fn an_answer_holds_what_there_is_to_say() {
        let check = |answer: &CardAnswer, wire: Value| {
            assert_eq!(serde_json::to_value(answer).unwrap(), wire);
        };
        let mut answer = CardAnswer::default();
        check(&answer, json!({}));
        answer.toast = Some(Toast {
            kind: ToastKind::Success,
            zh_cn: "好了".to_owned(),
            en_us: "Done".to_owned(),
        });
        let toast = json!({
            "type": "success", "content": "Done",
            "i18n": { "zh_cn": "好了", "en_us": "Done" },
        });
        check(&answer, json!({ "toast": toast }));
        let card = Card::titled("x");
        let raw = json!({ "type": "raw", "data": card });
        answer.card = Some(card);
        check(&answer, json!({ "toast": toast, "card": raw }));
    }
}
