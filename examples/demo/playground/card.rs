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
    /// An input, and a button that submits it.
    Form {
        /// The name of the input.
        input: String,
        placeholder: String,
        max_length: u64,
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
            if element["tag"] == "form" {
                let parts = element["elements"].as_array().map(Vec::as_slice);
                let part = |tag| parts.unwrap_or_default().iter().find(|it| it["tag"] == tag);
                let (input, button) = (part("input").cloned(), part("button").cloned());
                let (input, button) = (input.unwrap_or_default(), button.unwrap_or_default());
                return Part::Form {
                    input: text(&input["name"]),
                    placeholder: text(&input["placeholder"]["content"]),
                    max_length: input["max_length"].as_u64().unwrap_or(1000),
                    label: text(&button["text"]["content"]),
                    value: button["behaviors"][0]["value"].clone(),
                };
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

    /// The value of the first button with this label, and the name of the input that it submits.
    pub(crate) fn value_of(self, name: &str) -> Option<(Value, Option<String>)> {
        self.parts.into_iter().find_map(|part| match part {
            Part::Button { label, value } if label == name => Some((value, None)),
            Part::Form {
                label,
                value,
                input,
                ..
            } if label == name => Some((value, Some(input))),
            Part::Button { .. }
            | Part::Form { .. }
            | Part::Link { .. }
            | Part::Markdown(_)
            | Part::Plain(_) => None,
        })
    }
}
