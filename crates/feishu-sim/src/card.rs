//! Cards in JSON 2.0 with a header, Markdown, plain text and buttons (official pages of cards in JSON 2.0).

use serde::Deserialize;
use serde_json::{Map, Value, json};

const MAX_ELEMENTS: usize = 200;
const MAX_BUTTON_TEXT: usize = 100;

/// Unknown properties are errors, as on the platform.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    schema: String,
    config: Option<Config>,
    header: Option<Header>,
    body: Body,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "yes")]
    update_multi: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    title: Text,
    #[serde(rename = "template")]
    _template: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    elements: Vec<Element>,
}

#[derive(Deserialize)]
#[serde(tag = "tag", rename_all = "snake_case", deny_unknown_fields)]
enum Element {
    Markdown {
        content: String,
    },
    Div {
        text: Text,
    },
    Button {
        text: Text,
        #[serde(rename = "type")]
        _type: Option<String>,
        #[serde(default)]
        behaviors: Vec<Behavior>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "tag", rename_all = "snake_case", deny_unknown_fields)]
enum Text {
    PlainText { content: String },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Behavior {
    Callback {
        value: Map<String, Value>,
    },
    OpenUrl {
        #[serde(rename = "default_url")]
        _default_url: String,
    },
}

impl Text {
    fn content(&self) -> &str {
        let Self::PlainText { content } = self;
        content
    }
}

/// Returns the first error of a card.
pub(crate) fn check(content: &str) -> Result<(), String> {
    let card: Card = serde_json::from_str(content).map_err(|error| error.to_string())?;
    let long = |element: &Element| match element {
        Element::Button { text, .. } => text.content().chars().count() > MAX_BUTTON_TEXT,
        Element::Markdown { .. } | Element::Div { .. } => false,
    };
    let wrong = [
        (card.schema != "2.0", "schema: only \"2.0\" is simulated"),
        (
            card.config.is_some_and(|config| !config.update_multi),
            "config.update_multi: must be true",
        ),
        (
            card.body.elements.len() > MAX_ELEMENTS,
            "body.elements: more than 200",
        ),
        (
            card.body.elements.iter().any(long),
            "a button's text has more than 100 characters",
        ),
    ];
    let found = wrong.into_iter().find(|(is_wrong, _)| *is_wrong);
    found.map_or(Ok(()), |(_, what)| Err(what.to_owned()))
}

/// The visible text of a card, one part per line.
pub(crate) fn text(content: &str) -> Option<String> {
    let card: Card = serde_json::from_str(content).ok()?;
    let title = card.header.iter().map(|header| header.title.content());
    let parts = card.body.elements.iter().map(|element| match element {
        Element::Markdown { content } => content.as_str(),
        Element::Button { text, .. } | Element::Div { text } => text.content(),
    });
    Some(title.chain(parts).collect::<Vec<_>>().join("\n"))
}

/// The plain form of a card, for callers that do not request the card itself. For version 2 it is
/// only a request to upgrade; for a template it has a line per variable.
pub(crate) fn plain_form(content: &str) -> Value {
    let card: Value = serde_json::from_str(content).unwrap_or_default();
    let line = |text: &Value| json!([{ "tag": "text", "text": text }]);
    if card["schema"] == "2.0" {
        let notice = json!("请升级至最新版本客户端，以查看内容");
        let image = json!([{ "tag": "img", "image_key": "img_v3_simulated" }]);
        return json!({ "title": null, "elements": [image, line(&notice)] });
    }
    let variables = card["data"]["template_variable"].as_object();
    let variables = variables.into_iter().flat_map(Map::values);
    let elements = card["elements"].as_array().into_iter().flatten();
    let texts = elements.map(|element| &element["text"]["content"]);
    let elements = variables.chain(texts.filter(|text| text.is_string()));
    let elements: Vec<Value> = elements.map(line).collect();
    json!({ "title": card["header"]["title"]["content"], "elements": elements })
}

/// The labels of the buttons, in order.
pub(crate) fn buttons(content: &str) -> Vec<String> {
    let buttons = read_buttons(content).into_iter();
    buttons.map(|(label, _)| label).collect()
}

/// The value of the first button with this label and a callback.
pub(crate) fn callback(content: &str, label: &str) -> Option<Value> {
    let buttons = read_buttons(content).into_iter();
    let mut behaviors = buttons
        .filter(|button| button.0 == label)
        .flat_map(|(_, behaviors)| behaviors);
    behaviors.find_map(|behavior| match behavior {
        Behavior::Callback { value } => Some(Value::Object(value)),
        Behavior::OpenUrl { .. } => None,
    })
}

fn read_buttons(content: &str) -> Vec<(String, Vec<Behavior>)> {
    let card: Option<Card> = serde_json::from_str(content).ok();
    let elements = card.map_or_else(Vec::new, |card| card.body.elements);
    let button = |element| match element {
        Element::Button {
            text: Text::PlainText { content },
            behaviors,
            ..
        } => Some((content, behaviors)),
        Element::Markdown { .. } | Element::Div { .. } => None,
    };
    elements.into_iter().filter_map(button).collect()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn card() -> Value {
        json!({
            "schema": "2.0",
            "config": { "update_multi": true },
            "header": { "title": { "tag": "plain_text", "content": "Hello" }, "template": "blue" },
            "body": { "elements": [
                { "tag": "markdown", "content": "**bold**" },
                { "tag": "button", "text": { "tag": "plain_text", "content": "OK" }, "type": "primary",
                  "behaviors": [{ "type": "callback", "value": { "k": "v" } }] },
                { "tag": "button", "text": { "tag": "plain_text", "content": "More" },
                  "behaviors": [{ "type": "open_url", "default_url": "https://example.com" }] },
            ] },
        })
    }

    #[test]
    fn the_documented_card_is_accepted() {
        let card = card().to_string();
        assert_eq!(check(&card), Ok(()));
        assert_eq!(text(&card).as_deref(), Some("Hello\n**bold**\nOK\nMore"));
    }

    #[test]
    fn only_callback_buttons_are_found_by_label() {
        let card = card().to_string();
        assert_eq!(buttons(&card), ["OK", "More"]);
        assert_eq!(callback(&card, "OK"), Some(json!({ "k": "v" })));
        assert_eq!(callback(&card, "More"), None);
        assert_eq!(callback(&card, "No"), None);
        assert_eq!(buttons("no JSON"), Vec::<String>::new());
    }

    #[test]
    fn a_card_needs_only_schema_with_body() {
        let card = json!({ "schema": "2.0", "body": { "elements": [] } }).to_string();
        assert_eq!(check(&card), Ok(()));
        for missing in ["schema", "body"] {
            let mut card = self::card();
            card.as_object_mut().unwrap().remove(missing);
            assert!(check(&card.to_string()).is_err(), "{missing}");
        }
    }

    #[test]
    fn undocumented_properties_are_refused() {
        for (place, value) in [
            ("/schema", json!("1.0")),
            ("/extra", json!(1)),
            ("/config/update_multi", json!(false)),
            ("/config/extra", json!(1)),
            ("/header/extra", json!(1)),
            ("/header/title/tag", json!("markdown")),
            ("/header/title/extra", json!(1)),
            ("/body/extra", json!(1)),
            ("/body/elements/0/tag", json!("action")),
            ("/body/elements/0/extra", json!(1)),
            ("/body/elements/0/content", json!(null)),
            ("/body/elements/1/extra", json!(1)),
            ("/body/elements/1/value", json!({})),
            ("/body/elements/1/text/content", json!("x".repeat(101))),
            ("/body/elements/1/behaviors/0/type", json!("jump")),
            ("/body/elements/1/behaviors/0/extra", json!(1)),
            ("/body/elements/2/behaviors/0/default_url", json!(null)),
            (
                "/body/elements",
                json!(vec![json!({ "tag": "markdown", "content": "" }); 201]),
            ),
        ] {
            let mut card = card();
            let (parent, field) = place.rsplit_once('/').unwrap();
            card.pointer_mut(parent).unwrap()[field] = value;
            assert!(check(&card.to_string()).is_err(), "{place}");
        }
        assert!(check("no JSON").is_err());
    }
}
