//! Cards that only one member sees.
//!
//! The platform shows them in ordinary groups, to members whose client is online, and notifies
//! nobody. The call has no idempotency key. If its response is lost, the same card is sent again: one
//! member then sees it twice, which does no harm. The platform allows 40 a second in a group; the
//! commands of a group run one after the other, so the bot sends far fewer.

use feishu::{Card, ChatId, Error, OpenId, ReceivedMessage};

use super::{Dispatcher, may_try_again};
use crate::event::StoredMessage;
use crate::reply::Emoji;
use crate::store::{Job, Release};

impl Dispatcher {
    /// Whether the chat of a message may show cards to one member. In a topic, the card would be
    /// somewhere else in the group.
    pub(super) fn may_answer_privately(&self, message: &ReceivedMessage) -> bool {
        self.settings.private_replies && !message.chat_type.is_p2p() && message.thread_id.is_none()
    }

    /// Shows a card to one member. `false` if the platform refuses it or retries are over; `Err` is a
    /// retry.
    pub(super) async fn try_privately(
        &self,
        job: &Job,
        chat: &ChatId,
        person: &OpenId,
        card: &Card,
    ) -> Result<bool, Release> {
        let shown = self.show_privately(chat, person, card).await;
        shown.or_else(|error| self.retry_with_patience(job, &error).map_or(Ok(false), Err))
    }

    /// Shows a card to one member; `false` if the platform refuses. An error may be temporary.
    pub(super) async fn show_privately(
        &self,
        chat: &ChatId,
        person: &OpenId,
        card: &Card,
    ) -> Result<bool, Error> {
        let client = &self.platform.client;
        match client.send_private_card(chat, person, card).await {
            Ok(_) => Ok(true),
            Err(error) if may_try_again(&error) => Err(error),
            Err(error) => {
                tracing::info!(error = %error, api.log_id = error.log_id(), "the private card was rejected");
                Ok(false)
            }
        }
    }

    /// Answers a command with a reaction and a private card. Returns whether both were possible;
    /// `Err` is a retry. The reaction comes first, because repeating it has no effect.
    pub(super) async fn answer_privately(
        &self,
        job: &Job,
        stored: &StoredMessage,
        emoji: Emoji,
        card: &Card,
    ) -> Result<bool, Release> {
        let message = &stored.event.message;
        let Some(author) = &stored.event.sender.open_id else {
            return Ok(false);
        };
        if !self.react(job, &message.message_id, emoji).await? {
            return Ok(false);
        }
        self.try_privately(job, &message.chat_id, author, card)
            .await
    }
}
