//! The payloads of reactions that pin a message.

use feishu::{ChatId, MessageId, Sender};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::model::rights::Actor;

/// A person added the reaction that pins; the event does not name the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinReaction {
    /// The tenant of the bot.
    pub(crate) home: Option<String>,
    pub(crate) operator: Sender,
    pub(crate) message: MessageId,
    pub(crate) added_at: Option<Timestamp>,
}

/// The same once the message was read. The operator's tenant is known now, if the platform tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReactionPin {
    pub(crate) reaction: PinReaction,
    pub(crate) chat: ChatId,
    /// The message to pin: in a topic its first message, as for `/pin`.
    pub(crate) message: MessageId,
    /// The language of the message.
    pub(crate) language: Language,
}

impl ReactionPin {
    pub(super) fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }

    pub(super) fn added_at(&self) -> Option<Timestamp> {
        self.reaction.added_at
    }

    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor {
            sender: &self.reaction.operator,
            home: self.reaction.home.as_deref(),
            chat: &self.chat,
        }
    }
}
