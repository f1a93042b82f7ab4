//! Presses on buttons of cards, and their callbacks.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::InChat;
use crate::card::{self, Input, Submission};
use crate::ids::MessageId;
use crate::messages::Sender;
use crate::people::Person;
use crate::pressed::Seen;
use crate::push::Push;
use crate::shared::Shared;

/// A press on a button, and its callback.
#[derive(Clone, Debug)]
pub struct Pressed {
    /// `c-…`, with which the app can update the card after its response.
    pub token: String,
    /// The callback.
    pub push: Push,
    shared: Arc<Shared>,
}

impl Pressed {
    /// Waits until the bot has responded or the timeout has passed; returns the visible result.
    pub async fn seen(&self) -> Seen {
        let seen = |state: &crate::State| state.presses.get(&self.token)?.seen.clone();
        self.shared
            .wait_for("the result of a press on a button", seen)
            .await
    }
}

/// All panic if the message is not a card of an app that the person sees in this chat, or if the sender
/// is not a person.
impl InChat {
    /// Presses the first button with this label and a callback, and submits its form without an input if
    /// it has one. Panics if the present card has none.
    pub fn press(&self, card: &MessageId, label: &str) -> Pressed {
        self.submit(card, label, &[])
    }

    /// The same after texts were typed into inputs of the form, each with the name of its input. Panics if
    /// a client would not submit that.
    pub fn submit(&self, card: &MessageId, label: &str, typed: &[(&str, &str)]) -> Pressed {
        self.press_with(card, |content| {
            let button = card::pressable(content, label).unwrap_or_else(|| {
                let text = card::text(content).unwrap_or_default();
                panic!("card {card} has no button \"{label}\" with a callback: {text}")
            });
            action(&button.value, button.submits, typed)
        })
    }

    /// Presses a button with any value, for example a button of an older version of the card or of
    /// another card.
    pub fn press_value(&self, card: &MessageId, value: Value) -> Pressed {
        self.press_with(card, move |content| action_of(content, &value, &[]))
    }

    /// The same after texts were typed, if the card has that button in a form: see [`InChat::submit`].
    pub fn submit_value(&self, card: &MessageId, value: &Value, typed: &[(&str, &str)]) -> Pressed {
        self.press_with(card, |content| action_of(content, value, typed))
    }

    fn press_with(&self, card: &MessageId, action: impl FnOnce(&str) -> Value) -> Pressed {
        let (app, token, envelope) = self.shared.change(|state| {
            let person = self.person();
            let (app, action) = if let Some(message) = state.messages.get(card) {
                let facts = [
                    (message.msg_type == "interactive", "is a card"),
                    (message.sender == Sender::App, "was sent by the app"),
                    (message.chat == self.chat, "is in this chat"),
                    (!message.recalled, "was not recalled"),
                ];
                for (holds, fact) in facts {
                    assert!(
                        holds,
                        "nobody can press message {card} unless it {fact}: {}",
                        message.text()
                    );
                }
                (message.app, action(&message.content))
            } else {
                let mut cards = state.private_cards(person);
                let seen = cards.find(|seen| seen.id == *card && seen.chat == self.chat);
                let Some(seen) = seen else {
                    panic!("there is no message {card}, and no card that only the person sees")
                };
                (state.apps.index(), action(&seen.content))
            };
            state.apps.enter(app);
            let (token, envelope) = state.press(person, (card, &self.chat), &action);
            (app, token, envelope)
        });
        Pressed {
            token,
            push: self.shared.push(app, envelope, None),
            shared: self.shared.clone(),
        }
    }

    fn person(&self) -> &Person {
        match &self.sender {
            Sender::Person(person) => person,
            Sender::App | Sender::OtherBot { .. } => panic!("only people press buttons"),
        }
    }
}

/// The action of the button with this value, whether the card has it or not.
fn action_of(content: &str, value: &Value, typed: &[(&str, &str)]) -> Value {
    let submits = card::pressable_with(content, value).and_then(|button| button.submits);
    action(value, submits, typed)
}

/// The action of the callback (official page of the form container).
fn action(value: &Value, submits: Option<Submission>, typed: &[(&str, &str)]) -> Value {
    let mut action = json!({"value": value, "tag": "button", "timezone": "Asia/Shanghai"});
    let Some(Submission { name, inputs }) = submits else {
        assert!(typed.is_empty(), "the button is not in a form");
        return action;
    };
    for (name, _) in typed {
        let has_input = inputs.iter().any(|input| input.name == *name);
        assert!(has_input, "the form has no input {name}");
    }
    let mut form = Map::new();
    for Input {
        name,
        required,
        max_length,
    } in inputs
    {
        let typed = typed.iter().find(|(typed, _)| *typed == name);
        let text = typed.map_or("", |(_, text)| text);
        assert!(
            !required || !text.is_empty(),
            "the input {name} is required"
        );
        let length = text.chars().count();
        assert!(
            length <= usize::from(max_length),
            "the input {name} holds less"
        );
        form.insert(name, text.into());
    }
    action["form_value"] = form.into();
    action["name"] = name.into();
    action
}
