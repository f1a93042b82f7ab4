//! Counts the commands that are finished.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use feishu_sim::{ChatId, MessageId, State};

use crate::platform::Platform;

/// The finished commands, as the simulator sees them.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Commands with a reaction or a reply.
    pub(crate) finished: AtomicUsize,
    by_chat: HashMap<ChatId, AtomicUsize>,
    /// No more faults are injected.
    pub(crate) is_over: AtomicBool,
}

impl Progress {
    pub(crate) fn new(chats: &[ChatId]) -> Self {
        let none = |chat: &ChatId| (chat.clone(), AtomicUsize::default());
        Self {
            by_chat: chats.iter().map(none).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn finished_in(&self, chat: &ChatId) -> usize {
        let count = self.by_chat.get(chat);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn count(&self, platform: &Platform, message: String) {
        let id = MessageId::from(message);
        let chat = |state: &State| self.by_chat.get(&state.message(&id)?.chat);
        // The direct chats of members do not count.
        if let Some(count) = platform.sim.read(chat) {
            self.finished.fetch_add(1, Ordering::Relaxed);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
