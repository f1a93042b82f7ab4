//! `--notify`: a message of the bot that mentions everybody, after the announcement was written.
//!
//! The platform sends it once per `uuid`, for an hour. So the time of the first call is stored before
//! it, and the message after it; a call whose effect is unknown is not repeated after that hour.

use feishu::MessageId;

use super::{AnnouncementRequest, Context, Failure};
use crate::model::job::MESSAGE_KEY_AGE;
use crate::model::progress::NotificationProgress;
use crate::model::refusal::{Call, Cause};
use crate::reply;

/// Why the message was not sent.
pub(in crate::action) struct NotSent {
    pub(in crate::action) cause: Failure,
    /// Whether it may have been sent nevertheless.
    pub(in crate::action) is_unclear: bool,
}

impl NotSent {
    fn unclear(cause: impl Into<Failure>) -> Self {
        Self {
            cause: cause.into(),
            is_unclear: true,
        }
    }
}

/// Sends the message, unless an earlier attempt did; returns it, if the platform names it.
///
/// The bot sends it as itself, also where it acts as members: only the sender learns who has read it.
pub(in crate::action) async fn send(
    request: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<Option<MessageId>, NotSent> {
    let now = context.clock.now();
    let pending_since = match context.notification() {
        Some(NotificationProgress::Sent { message }) => return Ok(message),
        Some(NotificationProgress::Pending { since }) if now > since + MESSAGE_KEY_AGE => {
            return Err(NotSent::unclear(Cause::NotificationUnclear));
        }
        Some(NotificationProgress::Pending { since }) => Some(since),
        None => None,
    };
    let save = async |progress| {
        let saving = context.save_notification(request, progress).await;
        saving.map_err(|cause| NotSent {
            cause,
            is_unclear: pending_since.is_some(),
        })
    };
    if pending_since.is_none() {
        save(Some(NotificationProgress::Pending { since: now })).await?;
    }
    let text = reply::notification(request.document, request.options.notice, context.language);
    let uuid = context.job.key.idempotency_key("notify").to_string();
    let client = &context.platform.client;
    let error = match client.mention_all(context.chat_id, &text, &uuid).await {
        Ok(message) => {
            let progress = NotificationProgress::Sent {
                message: message.clone(),
            };
            let saving = context.save_notification(request, Some(progress)).await;
            return saving.map(|()| message).map_err(NotSent::unclear);
        }
        Err(error) => error,
    };
    if pending_since.is_some() && !error.is_retryable() {
        // What the platform answers to a `uuid` that it knows is not documented.
        tracing::warn!(
            error = %error,
            api.log_id = error.log_id(),
            "a message that may have been sent before was refused"
        );
        return Err(NotSent::unclear(Cause::NotificationUnclear));
    }
    let is_unclear = pending_since.is_some() || error.may_have_taken_effect();
    if !is_unclear {
        save(None).await?;
    }
    Err(NotSent {
        cause: Failure::Call(Call::Notify, error),
        is_unclear,
    })
}
