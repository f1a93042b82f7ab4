//! A bomb on its way: the platform, the bot, and how long it is waited for.

use std::time::Duration;

use feishu_sim::MessageId;
use serde_json::Value;

/// How often it is looked whether the bot has finished.
pub(crate) const GLANCE: Duration = Duration::from_millis(20);

/// The platform waits so long for an acknowledgement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A bomb on its way.
#[derive(Debug)]
pub(crate) struct Thrown {
    pub(crate) envelope: Value,
    /// The message that has to be answered.
    pub(crate) asks: Option<MessageId>,
}
