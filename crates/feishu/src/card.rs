//! Cards: messages with a header and parts below each other.
//!
//! Official pages of cards in JSON 2.0, which need a client of version 7.20 or later.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use serde_json::json;

/// A card in the platform's JSON 2.0, built part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    title: String,
    elements: Vec<CardElement>,
}

/// A part of a card's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "tag", rename_all = "snake_case")]
enum CardElement {
    Markdown { content: String },
}

impl Card {
    /// A card with this title, plain text, and nothing below it yet.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            elements: Vec::new(),
        }
    }

    /// Adds a part in the platform's Markdown; a line break stays one.
    #[must_use]
    pub fn markdown(mut self, content: impl Into<String>) -> Self {
        let content = content.into();
        self.elements.push(CardElement::Markdown { content });
        self
    }
}

impl Serialize for Card {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let title = json!({ "tag": "plain_text", "content": self.title });
        let mut card = serializer.serialize_struct("Card", 4)?;
        card.serialize_field("schema", "2.0")?;
        // Only a card that says so can be changed later.
        card.serialize_field("config", &json!({ "update_multi": true }))?;
        card.serialize_field("header", &json!({ "title": title, "template": "blue" }))?;
        card.serialize_field("body", &json!({ "elements": self.elements }))?;
        card.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_written_as_the_page_shows_it() {
        let card = Card::titled("Hello")
            .markdown("`/pin`\n**so**")
            .markdown("你好");
        let wire = json!({
            "schema": "2.0",
            "config": { "update_multi": true },
            "header": {
                "title": { "tag": "plain_text", "content": "Hello" },
                "template": "blue",
            },
            "body": { "elements": [
                { "tag": "markdown", "content": "`/pin`\n**so**" },
                { "tag": "markdown", "content": "你好" },
            ] },
        });
        assert_eq!(serde_json::to_value(&card).unwrap(), wire);
    }
}
