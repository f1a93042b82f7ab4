//! The cards of the bot.

use serde_json::Value;

/// The parts of a card that the bot uses.
pub(crate) struct Card {
    pub(crate) title: String,
    /// The name of the header's color.
    pub(crate) template: String,
    pub(crate) parts: Vec<Part>,
}

pub(crate) enum Part {
    Markdown(String),
    Plain(String),
    Button {
        label: String,
        /// The value sent to the bot.
        value: Value,
    },
    /// A button that opens a page.
    Link {
        label: String,
        url: String,
    },
}

impl Card {
    pub(crate) fn read(card: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let elements = card["body"]["elements"].as_array();
        let parts = elements.into_iter().flatten().map(|element| {
            if element["tag"] == "div" {
                return Part::Plain(text(&element["text"]["content"]));
            }
            if element["tag"] != "button" {
                return Part::Markdown(text(&element["content"]));
            }
            let label = text(&element["text"]["content"]);
            let behaviors = element["behaviors"].as_array().map(Vec::as_slice);
            let field = |name| {
                behaviors
                    .unwrap_or_default()
                    .iter()
                    .find_map(|it| it.get(name))
            };
            match field("default_url") {
                Some(url) => Part::Link {
                    label,
                    url: text(url),
                },
                None => Part::Button {
                    label,
                    value: field("value").cloned().unwrap_or_default(),
                },
            }
        });
        Self {
            title: text(&card["header"]["title"]["content"]),
            template: text(&card["header"]["template"]),
            parts: parts.collect(),
        }
    }

    /// The value of the first button with this label.
    pub(crate) fn value_of(self, name: &str) -> Option<Value> {
        self.parts.into_iter().find_map(|part| match part {
            Part::Button { label, value } if label == name => Some(value),
            Part::Button { .. } | Part::Link { .. } | Part::Markdown(_) | Part::Plain(_) => None,
        })
    }
}
