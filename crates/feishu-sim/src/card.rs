//! Cards in JSON 2.0 with a header, Markdown, plain text, buttons and forms (official pages of cards in
//! JSON 2.0).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const MAX_ELEMENTS: usize = 200;
const MAX_BUTTON_TEXT: usize = 100;
const MAX_PLACEHOLDER: usize = 100;
/// The range of `max_length` of an input, and its default.
const MAX_INPUT: u16 = 1000;

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
    Form {
        name: String,
        elements: Vec<FormElement>,
    },
}

/// A part of a form. Other parts than an input and a button are not simulated.
#[derive(Deserialize)]
#[serde(tag = "tag", rename_all = "snake_case", deny_unknown_fields)]
enum FormElement {
    Input {
        name: String,
        #[serde(default)]
        required: bool,
        placeholder: Option<Text>,
        #[serde(default = "longest_input")]
        max_length: u16,
        #[serde(rename = "width")]
        _width: Option<String>,
    },
    Button {
        name: String,
        text: Text,
        #[serde(rename = "type")]
        _type: Option<String>,
        form_action_type: FormAction,
        #[serde(default)]
        behaviors: Vec<Behavior>,
    },
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum FormAction {
    Submit,
    Reset,
}

/// A button with a callback, and the inputs that it submits.
pub(crate) struct Pressable {
    label: String,
    pub(crate) value: Value,
    /// In a form.
    pub(crate) submits: Option<Submission>,
}

pub(crate) struct Submission {
    /// The name of the button.
    pub(crate) name: String,
    pub(crate) inputs: Vec<Input>,
}

pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) max_length: u16,
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

    fn into_content(self) -> String {
        let Self::PlainText { content } = self;
        content
    }
}

/// Returns the first error of a card.
pub(crate) fn check(content: &str) -> Result<(), String> {
    let card: Card = serde_json::from_str(content).map_err(|error| error.to_string())?;
    let long = |element: &Element| match element {
        Element::Button { text, .. } => is_longer(text, MAX_BUTTON_TEXT),
        Element::Form { elements, .. } => elements.iter().any(|element| match element {
            FormElement::Button { text, .. } => is_longer(text, MAX_BUTTON_TEXT),
            FormElement::Input { .. } => false,
        }),
        Element::Markdown { .. } | Element::Div { .. } => false,
    };
    let mut names = BTreeSet::new();
    for element in &card.body.elements {
        if let Element::Form { name, elements } = element {
            check_form(name, elements, &mut names)?;
        }
    }
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

fn is_longer(text: &Text, limit: usize) -> bool {
    text.content().chars().count() > limit
}

fn check_form<'a>(
    name: &'a str,
    elements: &'a [FormElement],
    names: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    let mut has_submit = false;
    let mut is_new = names.insert(name) && !name.is_empty();
    for element in elements {
        let name = match element {
            FormElement::Input {
                name,
                placeholder,
                max_length,
                ..
            } => {
                if !(1..=MAX_INPUT).contains(max_length) {
                    return Err("max_length: must be 1 to 1000".to_owned());
                }
                if placeholder
                    .as_ref()
                    .is_some_and(|text| is_longer(text, MAX_PLACEHOLDER))
                {
                    return Err("a placeholder has more than 100 characters".to_owned());
                }
                name
            }
            FormElement::Button {
                name,
                form_action_type,
                ..
            } => {
                has_submit |= *form_action_type == FormAction::Submit;
                name
            }
        };
        is_new &= names.insert(name) && !name.is_empty();
    }
    if !is_new {
        return Err("a name in a form is empty, or not unique".to_owned());
    }
    if !has_submit {
        return Err("a form has no button that submits it".to_owned());
    }
    Ok(())
}

/// The visible text of a card, one part per line.
pub(crate) fn text(content: &str) -> Option<String> {
    let card: Card = serde_json::from_str(content).ok()?;
    let title = card.header.iter().map(|header| header.title.content());
    let parts = card.body.elements.iter().flat_map(|element| match element {
        Element::Markdown { content } => vec![content.as_str()],
        Element::Button { text, .. } | Element::Div { text } => vec![text.content()],
        Element::Form { elements, .. } => elements.iter().filter_map(FormElement::text).collect(),
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

impl FormElement {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Input { placeholder, .. } => placeholder.as_ref().map(Text::content),
            Self::Button { text, .. } => Some(text.content()),
        }
    }
}

/// The labels of the buttons, in order.
pub(crate) fn buttons(content: &str) -> Vec<String> {
    let card: Option<Card> = serde_json::from_str(content).ok();
    let elements = card.map_or_else(Vec::new, |card| card.body.elements);
    let labels = elements.into_iter().flat_map(|element| match element {
        Element::Button { text, .. } => vec![text.into_content()],
        Element::Form { elements, .. } => {
            let labels = elements.into_iter().filter_map(|element| match element {
                FormElement::Button { text, .. } => Some(text.into_content()),
                FormElement::Input { .. } => None,
            });
            labels.collect()
        }
        Element::Markdown { .. } | Element::Div { .. } => Vec::new(),
    });
    labels.collect()
}

/// The first button with this label and a callback.
pub(crate) fn pressable(content: &str, label: &str) -> Option<Pressable> {
    let mut buttons = pressables(content).into_iter();
    buttons.find(|button| button.label == label)
}

/// The names of the inputs that the first button with this label submits.
pub(crate) fn inputs(content: &str, label: &str) -> Vec<String> {
    let submits = pressable(content, label).and_then(|button| button.submits);
    let inputs = submits.map_or_else(Vec::new, |submission| submission.inputs);
    inputs.into_iter().map(|input| input.name).collect()
}

/// The first button that sends this value.
pub(crate) fn pressable_with(content: &str, value: &Value) -> Option<Pressable> {
    let mut buttons = pressables(content).into_iter();
    buttons.find(|button| button.value == *value)
}

fn pressables(content: &str) -> Vec<Pressable> {
    let card: Option<Card> = serde_json::from_str(content).ok();
    let elements = card.map_or_else(Vec::new, |card| card.body.elements);
    let buttons = elements.into_iter().flat_map(|element| match element {
        Element::Button {
            text, behaviors, ..
        } => pressable_button(text, behaviors, None)
            .into_iter()
            .collect(),
        Element::Form { elements, .. } => submitting(elements),
        Element::Markdown { .. } | Element::Div { .. } => Vec::new(),
    });
    buttons.collect()
}

fn pressable_button(
    text: Text,
    behaviors: Vec<Behavior>,
    submits: Option<Submission>,
) -> Option<Pressable> {
    let mut behaviors = behaviors.into_iter();
    let value = behaviors.find_map(|behavior| match behavior {
        Behavior::Callback { value } => Some(Value::Object(value)),
        Behavior::OpenUrl { .. } => None,
    })?;
    Some(Pressable {
        label: text.into_content(),
        value,
        submits,
    })
}

/// The buttons that submit a form.
fn submitting(elements: Vec<FormElement>) -> Vec<Pressable> {
    let inputs = || {
        let inputs = elements.iter().filter_map(|element| match element {
            FormElement::Input {
                name,
                required,
                max_length,
                ..
            } => Some(Input {
                name: name.clone(),
                required: *required,
                max_length: *max_length,
            }),
            FormElement::Button { .. } => None,
        });
        inputs.collect::<Vec<_>>()
    };
    let mut submissions = Vec::new();
    for element in &elements {
        if let FormElement::Button {
            name,
            form_action_type: FormAction::Submit,
            ..
        } = element
        {
            submissions.push(Submission {
                name: name.clone(),
                inputs: inputs(),
            });
        }
    }
    let mut submissions = submissions.into_iter();
    let buttons = elements.into_iter().filter_map(|element| match element {
        FormElement::Button {
            text,
            behaviors,
            form_action_type: FormAction::Submit,
            ..
        } => pressable_button(text, behaviors, submissions.next()),
        FormElement::Button { .. } | FormElement::Input { .. } => None,
    });
    buttons.collect()
}

fn longest_input() -> u16 {
    MAX_INPUT
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
        let value = |label| pressable(&card, label).map(|button| button.value);
        assert_eq!(value("OK"), Some(json!({ "k": "v" })));
        assert_eq!(value("More"), None);
        assert_eq!(value("No"), None);
        assert_eq!(buttons("no JSON"), Vec::<String>::new());
    }

    fn form() -> Value {
        json!({
            "schema": "2.0",
            "body": { "elements": [{
                "tag": "form", "name": "form_1", "elements": [
                    { "tag": "input", "name": "reason", "max_length": 200, "width": "fill",
                      "placeholder": { "tag": "plain_text", "content": "Why?" } },
                    { "tag": "button", "text": { "tag": "plain_text", "content": "No" },
                      "type": "default", "form_action_type": "submit", "name": "submit",
                      "behaviors": [{ "type": "callback", "value": { "k": "v" } }] },
                ],
            }] },
        })
    }

    #[test]
    fn the_documented_form_is_accepted() {
        let card = form().to_string();
        assert_eq!(check(&card), Ok(()));
        assert_eq!(text(&card).as_deref(), Some("Why?\nNo"));
        assert_eq!(buttons(&card), ["No"]);
        let button = pressable(&card, "No").unwrap();
        assert_eq!(button.value, json!({ "k": "v" }));
        let submitted = button.submits.unwrap();
        assert_eq!(submitted.name, "submit");
        let [input] = submitted.inputs.try_into().ok().unwrap();
        assert_eq!(
            (&*input.name, input.max_length, input.required),
            ("reason", 200, false)
        );
    }

    #[test]
    fn undocumented_forms_are_refused() {
        for (place, value) in [
            ("/name", json!("reason")),
            ("/name", json!(null)),
            ("/extra", json!(1)),
            ("/elements", json!([])),
            ("/elements/0/name", json!("submit")),
            ("/elements/0/name", json!("")),
            ("/elements/0/max_length", json!(0)),
            ("/elements/0/max_length", json!(1001)),
            ("/elements/0/placeholder/content", json!("x".repeat(101))),
            ("/elements/0/extra", json!(1)),
            ("/elements/0/tag", json!("form")),
            ("/elements/1/form_action_type", json!("reset")),
            ("/elements/1/form_action_type", json!("send")),
            ("/elements/1/name", json!(null)),
        ] {
            let mut card = form();
            let place = format!("/body/elements/0{place}");
            let (parent, field) = place.rsplit_once('/').unwrap();
            card.pointer_mut(parent).unwrap()[field] = value;
            assert!(check(&card.to_string()).is_err(), "{place}");
        }
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
