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
    Button {
        label: String,
        /// The value sent to the bot; `None` if the button opens a page.
        value: Option<Value>,
    },
}

impl Card {
    pub(crate) fn read(card: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let elements = card["body"]["elements"].as_array();
        let parts = elements.into_iter().flatten().map(|element| {
            if element["tag"] == "button" {
                let behaviors = element["behaviors"].as_array();
                let mut values = behaviors
                    .into_iter()
                    .flatten()
                    .filter_map(|behavior| behavior.get("value"));
                Part::Button {
                    label: text(&element["text"]["content"]),
                    value: values.next().cloned(),
                }
            } else {
                Part::Markdown(text(&element["content"]))
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
            Part::Button { label, value } if label == name => value,
            Part::Button { .. } | Part::Markdown(_) => None,
        })
    }
}
