//! An event of a bomb.

use std::time::Duration;

use feishu_sim::MessageId;
use serde_json::Value;

/// How often the state of the bot is polled.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Timeout of an acknowledgement.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) envelope: Value,
    /// The message that the bot has to answer.
    pub(crate) asks: Option<MessageId>,
}
