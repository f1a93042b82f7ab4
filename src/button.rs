//! Buttons on the bot's cards: what they say when they are pressed, and who
//! waits for an answer then.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use feishu::CardAnswer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::language::Language;
use crate::store::Maker;

/// A button, as its value comes back from the platform.
///
/// It names a change or a plan by the job that made it, so that it means the
/// same for ever; whether that can still be taken back is found out when it is
/// pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Button {
    pub(crate) does: Does,
    /// The language of the card that it is on.
    pub(crate) language: Language,
}

/// What pressing it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Does {
    /// Take back this change; on a card of the history.
    Undo(Maker),
    /// Drop this plan; on a card of the history.
    Cancel(Maker),
    /// Drop this plan; on the card that tells of it.
    CancelThis(Maker),
    /// Show all commands; on a card of help.
    ShowCommands,
}

/// Tells the bot's own buttons from those of other cards of the app.
const KEY: &str = "noticebot";

impl Button {
    /// The value that the card carries.
    pub(crate) fn value(&self) -> Value {
        json!({ KEY: self })
    }

    /// Reads the value of a button that was pressed; `None` if it is none of the
    /// bot's, or of another release.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value.get(KEY)?).ok()
    }
}

/// The most presses that wait at once. Each keeps a place among what a long
/// connection may leave unanswered, and events need places, too.
const MOST_WAITING: usize = 32;

/// Presses whose answer the platform waits for.
///
/// Whoever took the press waits a moment for whoever works on it, in the same
/// process as a rule. Where nobody waits any more, the card is changed later.
#[derive(Clone, Default)]
pub(crate) struct Presses {
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<CardAnswer>>>>,
}

/// Waits for the answer to a press; dropped, it waits no more.
pub(crate) struct Expected<'a> {
    presses: &'a Presses,
    origin: String,
    answer: oneshot::Receiver<CardAnswer>,
}

impl Presses {
    /// From now on an answer to the press with this origin is waited for;
    /// `None` if that is so already, or too many wait.
    pub(crate) fn expect(&self, origin: &str) -> Option<Expected<'_>> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.len() >= MOST_WAITING {
            return None;
        }
        let Entry::Vacant(place) = waiting.entry(origin.to_owned()) else {
            return None;
        };
        place.insert(sender);
        Some(Expected {
            presses: self,
            origin: origin.to_owned(),
            answer,
        })
    }

    /// Hands an answer to whoever waits for it; gives it back if nobody does.
    pub(crate) fn answer(&self, origin: &str, answer: CardAnswer) -> Result<(), CardAnswer> {
        match self.lock().remove(origin) {
            Some(sender) => sender.send(answer),
            None => Err(answer),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<CardAnswer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected<'_> {
    /// The answer; `None` if there is none by then.
    pub(crate) async fn until(mut self, over: Instant) -> Option<CardAnswer> {
        match timeout_at(over, &mut self.answer).await {
            Ok(answer) => answer.ok(),
            Err(_) => self.give_up(),
        }
    }

    /// Waits no more. Whoever brings an answer from now on keeps it; one that was
    /// brought in this very moment counts.
    fn give_up(mut self) -> Option<CardAnswer> {
        self.answer.close();
        self.answer.try_recv().ok()
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        // An answer that is on its way already is given back by the closed channel.
        self.answer.close();
        self.presses.lock().remove(&self.origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Step;

    fn button(does: fn(Maker) -> Does) -> Button {
        let maker = Maker {
            origin: "om_1".to_owned(),
            step: Step::Publish,
        };
        Button {
            does: does(maker),
            language: Language::Zh,
        }
    }

    #[test]
    fn a_value_is_read_back_and_foreign_ones_are_not() {
        for does in [Does::Undo, Does::Cancel, Does::CancelThis, |_| {
            Does::ShowCommands
        }] {
            let button = button(does);
            assert_eq!(Button::read(&button.value()), Some(button));
        }
        let wire = json!({ "noticebot": {
            "does": { "undo": { "origin": "om_1", "step": "publish" } }, "language": "zh",
        } });
        assert_eq!(button(Does::Undo).value(), wire);
        for foreign in [
            json!(null),
            json!("undo"),
            json!({ "k": "v" }),
            json!({ "noticebot": { "does": "explode", "language": "zh" } }),
        ] {
            assert_eq!(Button::read(&foreign), None, "{foreign}");
        }
    }

    #[tokio::test]
    async fn an_answer_reaches_whoever_waits_and_comes_back_if_nobody_does() {
        let presses = Presses::default();
        let answer = CardAnswer::default;
        assert!(presses.answer("e1", answer()).is_err());
        let expected = presses.expect("e1").unwrap();
        assert!(presses.expect("e1").is_none(), "the same press again");
        assert!(presses.answer("e2", answer()).is_err());
        presses.answer("e1", answer()).unwrap();
        assert_eq!(expected.until(Instant::now()).await, Some(answer()));
        let expected = presses.expect("e1").unwrap();
        presses.answer("e1", answer()).unwrap();
        assert_eq!(expected.give_up(), Some(answer()), "it was just brought");
        let expected = presses.expect("e1").unwrap();
        assert_eq!(expected.until(Instant::now()).await, None);
        drop(presses.expect("e1"));
        assert!(presses.answer("e1", answer()).is_err());
        assert!(presses.lock().is_empty());
    }

    #[test]
    fn so_many_presses_wait_and_no_more() {
        let presses = Presses::default();
        let origins = (0..MOST_WAITING).map(|number| number.to_string());
        let mut waiting: Vec<_> = origins.map(|origin| presses.expect(&origin)).collect();
        assert!(waiting.iter().all(Option::is_some));
        assert!(presses.expect("one too many").is_none());
        drop(waiting.pop());
        assert!(presses.expect("another").is_some());
    }
}
