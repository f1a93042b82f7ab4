//! Card callbacks whose answer the platform waits for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use feishu::CardAnswer;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The most presses that wait at once. Each keeps a place among what a long
/// connection may leave unanswered, and events need places, too.
const MOST_WAITING: usize = 32;

/// Presses whose answer the platform waits for.
///
/// Whoever took the press waits a moment for whoever works on it, in the same
/// process as a rule. Where nobody waits any more, the card is changed later.
#[derive(Clone, Default)]
pub(crate) struct PendingCallbacks {
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<CardAnswer>>>>,
}

/// Waits for the answer to a press; dropped, it waits no more.
pub(crate) struct PendingCallback<'a> {
    callbacks: &'a PendingCallbacks,
    origin: String,
    answer: oneshot::Receiver<CardAnswer>,
}

impl PendingCallbacks {
    /// From now on an answer to the press with this origin is waited for;
    /// `None` if that is so already, or too many wait.
    pub(crate) fn expect(&self, origin: &str) -> Option<PendingCallback<'_>> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.len() >= MOST_WAITING {
            return None;
        }
        let Entry::Vacant(place) = waiting.entry(origin.to_owned()) else {
            return None;
        };
        place.insert(sender);
        Some(PendingCallback {
            callbacks: self,
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

    pub(crate) fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<CardAnswer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingCallback<'_> {
    /// The answer; `None` if there is none by then.
    pub(crate) async fn until(mut self, over: Instant) -> Option<CardAnswer> {
        match timeout_at(over, &mut self.answer).await {
            Ok(answer) => answer.ok(),
            Err(_) => self.give_up(),
        }
    }

    /// Waits no more. Whoever brings an answer from now on keeps it; one that was
    /// brought in this very moment counts.
    pub(crate) fn give_up(mut self) -> Option<CardAnswer> {
        self.answer.close();
        self.answer.try_recv().ok()
    }
}

impl Drop for PendingCallback<'_> {
    fn drop(&mut self) {
        // An answer that is on its way already is given back by the closed channel.
        self.answer.close();
        self.callbacks.lock().remove(&self.origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_reaches_whoever_waits_and_comes_back_if_nobody_does() {
        let callbacks = PendingCallbacks::default();
        let answer = CardAnswer::default;
        assert!(callbacks.answer("e1", answer()).is_err());
        let expected = callbacks.expect("e1").unwrap();
        assert!(callbacks.expect("e1").is_none(), "the same press again");
        assert!(callbacks.answer("e2", answer()).is_err());
        callbacks.answer("e1", answer()).unwrap();
        assert_eq!(expected.until(Instant::now()).await, Some(answer()));
        let expected = callbacks.expect("e1").unwrap();
        callbacks.answer("e1", answer()).unwrap();
        assert_eq!(expected.give_up(), Some(answer()), "it was just brought");
        let expected = callbacks.expect("e1").unwrap();
        assert_eq!(expected.until(Instant::now()).await, None);
        drop(callbacks.expect("e1"));
        assert!(callbacks.answer("e1", answer()).is_err());
        assert!(callbacks.lock().is_empty());
    }

    #[test]
    fn so_many_presses_wait_and_no_more() {
        let callbacks = PendingCallbacks::default();
        let origins = (0..MOST_WAITING).map(|number| number.to_string());
        let mut waiting: Vec<_> = origins.map(|origin| callbacks.expect(&origin)).collect();
        assert!(waiting.iter().all(Option::is_some));
        assert!(callbacks.expect("one too many").is_none());
        drop(waiting.pop());
        assert!(callbacks.expect("another").is_some());
    }
}
