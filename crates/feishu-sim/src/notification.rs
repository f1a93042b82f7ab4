//! Behaviour of messages of bots that the documentation leaves open.

use std::time::Duration;

/// Messages of bots.
#[derive(Clone, Debug)]
pub struct MessageBehaviour {
    /// The code if the group's setting keeps the bot from mentioning everybody: 230018 or 230035.
    /// `None` if the message is sent all the same, and notifies nobody.
    pub mention_all_refusal: Option<i64>,
    /// The code if a `uuid` is used again. `None` if the answer is the first message.
    pub repeat_refusal: Option<i64>,
    /// The code if the card to update was recalled: 230011 or 230110.
    pub recalled_card: i64,
    /// For how long a bot can recall its messages; the organization decides.
    pub recall_limit: Duration,
}

impl Default for MessageBehaviour {
    fn default() -> Self {
        Self {
            mention_all_refusal: Some(230_018),
            repeat_refusal: None,
            recalled_card: 230_011,
            recall_limit: Duration::from_hours(24),
        }
    }
}
