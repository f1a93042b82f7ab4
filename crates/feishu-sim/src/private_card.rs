//! A card that one member of a group sees.

use crate::card;
use crate::ids::{ChatId, MessageId};
use crate::links::links;

/// A card that one member of a group has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateCard {
    /// `om_…`; no other call accepts it.
    pub id: MessageId,
    /// The group.
    pub chat: ChatId,
    /// The person who sees it.
    pub open_id: String,
    /// The card as JSON.
    pub content: String,
    /// The person's message in the group to which the app had reacted last: the one that the card
    /// answers, if it is an answer.
    pub answers: Option<MessageId>,
    /// Whether the app has deleted it, so that nobody sees it.
    pub deleted: bool,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub created_ms: u64,
}

impl PrivateCard {
    /// The visible text, one part per line.
    pub fn text(&self) -> String {
        card::text(&self.content).unwrap_or_default()
    }

    /// The labels of its buttons, in order.
    pub fn buttons(&self) -> Vec<String> {
        card::buttons(&self.content)
    }

    /// The addresses that it links to, in order.
    pub fn links(&self) -> Vec<String> {
        links(&self.content)
    }
}
