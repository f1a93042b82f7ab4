//! The message that a command replied to.

use std::mem::take;

use feishu::codes::Class;
use feishu::{CardForm, Content, Error, Message, MessageId};

use super::{Context, Failure};
use crate::action::announce::common::TEXT_LIMIT;
use crate::model::refusal::{Call, Cause, NotPinnable};

/// Reads the message; of a card the source, or the plain form if that has more text.
pub(super) async fn read(id: &MessageId, context: Context<'_>) -> Result<Message, Failure> {
    let client = &context.platform.client;
    let message = match plain(id, context).await {
        Ok(message) => message.ok_or(Cause::RepliedToIsGone)?,
        Err(error) if error.is_too_large() => {
            return Err(Cause::TextTooLong { limit: TEXT_LIMIT }.into());
        }
        Err(error) => return Err(Failure::Call(Call::ReadMessage, error)),
    };
    match &message.chat_id {
        Some(chat) if chat == context.chat_id => {}
        Some(_) => return Err(Cause::RepliedElsewhere.into()),
        None => return Err(Cause::RepliedToChatMissing.into()),
    }
    let has_card = |message: &Message| message.msg_type == "interactive";
    if !has_card(&message) && !message.parts.iter().any(has_card) {
        return Ok(message);
    }
    // If the platform does not know the parameter, use the plain form.
    let sent = match client.get_message(id, CardForm::AsSent).await {
        Ok(Some(sent)) => sent,
        Err(error) if error.is_retryable() && !error.is_too_large() => {
            return Err(Failure::Call(Call::ReadMessage, error));
        }
        Ok(None) | Err(_) => return Ok(message),
    };
    Ok(more_readable(sent, message))
}

/// The message with plain cards; `None` if it was recalled or deleted.
async fn plain(id: &MessageId, context: Context<'_>) -> Result<Option<Message>, Error> {
    let client = &context.platform.client;
    match client.get_message(id, CardForm::Plain).await {
        Ok(message) => Ok(message.filter(|message| !message.deleted)),
        Err(error) if error.class() == Some(Class::MessageGone) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Chooses for each message the form with readable text.
fn more_readable(mut sent: Message, mut plain: Message) -> Message {
    let says_something = |message: &Message| {
        let content = Content::read(&message.msg_type, &message.content);
        !matches!(content, Content::Card(card) if !card.says_something())
    };
    if sent.parts.len() != plain.parts.len() {
        return plain;
    }
    let parts = take(&mut sent.parts)
        .into_iter()
        .zip(take(&mut plain.parts));
    let parts = parts.map(|(sent, plain)| more_readable(sent, plain));
    let parts = parts.collect();
    let best = if says_something(&sent) && !sent.content.is_empty() {
        sent
    } else {
        plain
    };
    Message { parts, ..best }
}

/// Why the platform does not pin the message, as far as the message shows. The error says only that
/// a parameter is wrong.
pub(super) async fn not_pinnable(id: &MessageId, context: Context<'_>) -> Option<Cause> {
    let Some(message) = plain(id, context).await.ok()? else {
        return Some(Cause::RepliedToIsGone);
    };
    // A message without a chat id may be in this chat.
    let chat = message.chat_id.as_ref();
    if chat.is_some_and(|chat| chat != context.chat_id) {
        return Some(Cause::RepliedElsewhere);
    }
    let why = match message.msg_type.as_str() {
        "system" => NotPinnable::System,
        _ if message.thread_id.is_some() => NotPinnable::InThread,
        _ => return None,
    };
    Some(Cause::NotPinnable(why))
}
