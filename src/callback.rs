//! Passes the response to a card callback from the worker to the request that waits for it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use feishu::CardAnswer;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// A long connection limits unanswered messages, and events need some of them, too.
const MAX_WAITING: usize = 32;

/// Callbacks with waiting requests. If a request no longer waits, the worker updates the card
/// instead.
#[derive(Clone, Default)]
pub(crate) struct PendingCallbacks {
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<CardAnswer>>>>,
}

/// A waiting request. Dropping it ends the wait.
pub(crate) struct PendingCallback<'a> {
    callbacks: &'a PendingCallbacks,
    origin: String,
    answer: oneshot::Receiver<CardAnswer>,
}

impl PendingCallbacks {
    /// Registers a request. `None` if one with this origin already waits, or too many do.
    pub(crate) fn expect(&self, origin: &str) -> Option<PendingCallback<'_>> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.len() >= MAX_WAITING {
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

    /// # Errors
    ///
    /// Returns the answer if no request waits for it.
    pub(crate) fn answer(&self, origin: &str, answer: CardAnswer) -> Result<(), CardAnswer> {
        match self.waiting.lock().remove(origin) {
            Some(sender) => sender.send(answer),
            None => Err(answer),
        }
    }
}

impl PendingCallback<'_> {
    /// `None` if there is no answer by the deadline.
    pub(crate) async fn until(mut self, deadline: Instant) -> Option<CardAnswer> {
        match timeout_at(deadline, &mut self.answer).await {
            Ok(answer) => answer.ok(),
            Err(_) => self.give_up(),
        }
    }

    /// Ends the wait. An answer that was already sent is still returned.
    pub(crate) fn give_up(mut self) -> Option<CardAnswer> {
        self.answer.close();
        self.answer.try_recv().ok()
    }
}

impl Drop for PendingCallback<'_> {
    fn drop(&mut self) {
        // The closed channel returns an answer that is being sent to its sender.
        self.answer.close();
        self.callbacks.waiting.lock().remove(&self.origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answer_is_returned_if_no_request_waits() {
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
        assert_eq!(
            expected.give_up(),
            Some(answer()),
            "sent before the wait ended"
        );
        let expected = callbacks.expect("e1").unwrap();
        assert_eq!(expected.until(Instant::now()).await, None);
        drop(callbacks.expect("e1"));
        assert!(callbacks.answer("e1", answer()).is_err());
        assert!(callbacks.waiting.lock().is_empty());
    }

    #[test]
    fn waiting_requests_are_limited() {
        let callbacks = PendingCallbacks::default();
        let origins = (0..MAX_WAITING).map(|number| number.to_string());
        let mut waiting: Vec<_> = origins.map(|origin| callbacks.expect(&origin)).collect();
        assert!(waiting.iter().all(Option::is_some));
        assert!(callbacks.expect("one too many").is_none());
        drop(waiting.pop());
        assert!(callbacks.expect("another").is_some());
    }
}
