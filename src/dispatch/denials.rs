//! Who was told lately that they may not, so that nobody is told at every try.

use std::time::Duration;

use feishu::{ChatId, OpenId};
use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::policy::Actor;

/// Within this time of a denial, further ones to the same person in the same
/// chat stay unsaid.
const PAUSE: Duration = Duration::from_mins(1);
/// The most people that are remembered; those forgotten are told once more.
const REMEMBERED: usize = 10_000;

/// The denials of the last minute. They are forgotten at a stop.
pub(crate) struct Denials {
    told: Cache<(ChatId, OpenId), Timestamp>,
}

impl Denials {
    pub(crate) fn new() -> Self {
        let told = Cache::new(REMEMBERED);
        Self { told }
    }

    /// Whether the author of this message was told within the minute before
    /// `now`.
    pub(super) fn is_recent(&self, actor: Actor<'_>, now: Timestamp) -> bool {
        author(actor)
            .and_then(|author| self.told.get(&author))
            .is_some_and(|told| now.duration_since(told).unsigned_abs() < PAUSE)
    }

    /// The author of this message has been told.
    pub(super) fn remember(&self, actor: Actor<'_>, now: Timestamp) {
        if let Some(author) = author(actor) {
            self.told.insert(author, now);
        }
    }
}

fn author(actor: Actor<'_>) -> Option<(ChatId, OpenId)> {
    let open_id = actor.sender.open_id.clone()?;
    Some((actor.chat.clone(), open_id))
}
