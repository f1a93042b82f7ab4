//! Presses on buttons of cards, and their callbacks.

use std::sync::Arc;

use serde_json::Value;

use super::InChat;
use crate::card;
use crate::ids::MessageId;
use crate::messages::{Message, Sender};
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

/// Both panic if the message is not a card of an app, is in another chat or was recalled, or if
/// the sender is not a person.
impl InChat {
    /// Presses the first button with this label and a callback. Panics if the present card has
    /// none.
    pub fn press(&self, card: &MessageId, label: &str) -> Pressed {
        self.press_with(card, |message| {
            card::callback(&message.content, label).unwrap_or_else(|| {
                let text = message.text();
                panic!("card {card} has no button \"{label}\" with a callback: {text}")
            })
        })
    }

    /// Presses a button with any value, for example a button of an older version of the card or of
    /// another card.
    pub fn press_value(&self, card: &MessageId, value: Value) -> Pressed {
        self.press_with(card, |_| value)
    }

    fn press_with(&self, card: &MessageId, value: impl FnOnce(&Message) -> Value) -> Pressed {
        let (app, token, envelope) = self.shared.change(|state| {
            let person = self.person();
            let Some(message) = state.messages.get(card) else {
                panic!("there is no message {card}")
            };
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
            let (app, value) = (message.app, value(message));
            state.apps.enter(app);
            let (token, envelope) = state.press(person, card, &value);
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
