//! Messages and reactions.
//!
//! Official pages `im-v1/message/{get,create,reply}`, `im-v1/message-reaction/{create,delete}` and the
//! delayed update of cards.

use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Client, OPEN_ID};
use crate::Error;
use crate::card::Card;
use crate::event::{Mention, content_of};
use crate::http::Request;
use crate::ids::{ChatId, MessageId, ReactionId, ThreadId};
use crate::lenient::Json;
use crate::wire::or_default;

/// A message as the platform shows it when asked, which is not how an event shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it stands; `None` if the platform does not say.
    pub chat_id: Option<ChatId>,
    /// The topic that it stands in.
    pub thread_id: Option<ThreadId>,
    /// `text`, `post`, …
    pub msg_type: String,
    /// Whether it was recalled; then there is no content.
    pub deleted: bool,
    /// JSON for [`Content::read`](crate::Content::read).
    pub content: String,
    /// Who is mentioned in it.
    pub mentions: Vec<Mention>,
    /// Of several messages that were forwarded as one: each of them, in order.
    pub parts: Vec<Message>,
}

/// How a card is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardForm {
    /// As plain lines, as far as the platform can; nothing of a card of version 2.
    Plain,
    /// As it was sent.
    AsSent,
}

impl Client {
    /// Reads a message; `None` if the platform shows none. Group messages also need the
    /// scope `im:message.group_msg`.
    pub async fn get_message(
        &self,
        message: &MessageId,
        cards: CardForm,
    ) -> Result<Option<Message>, Error> {
        let query = [OPEN_ID, ("card_msg_content_type", "user_card_content")];
        let query = match cards {
            CardForm::Plain => &query[..1],
            CardForm::AsSent => &query[..],
        };
        let answer = self
            .call(Request {
                endpoint: "get_message",
                method: Method::GET,
                path: &["im", "v1", "messages", message.as_str()],
                query,
                body: None,
            })
            .await?;
        let found: Items = answer.data()?;
        let items = found.items.iter().map(|item| Json::from(item.as_ref()));
        let mut messages = items.filter(|item| item.is_object()).map(Message::read);
        let first = messages.next();
        Ok(first.map(|first| Message {
            parts: messages.collect(),
            ..first
        }))
    }

    /// Sends a card to a chat; in a topic group it opens a topic. The same `uuid` (at most 50
    /// characters) sends once within an hour, whatever the card then says.
    /// What was done stays done if the answer does not name the new message.
    pub async fn create_message(
        &self,
        chat: &ChatId,
        card: &Card,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        self.call(Request {
            endpoint: "create_message",
            method: Method::POST,
            path: &["im", "v1", "messages"],
            query: &[("receive_id_type", "chat_id")],
            body: Some(json!({
                "receive_id": chat,
                "msg_type": "interactive",
                "content": json!(card).to_string(),
                "uuid": uuid,
            })),
        })
        .await
        .map(|answer| answer.id("message_id"))
    }

    /// Replies with plain text. The same `uuid` (at most 50 characters) sends once within an hour.
    /// What was done stays done if the answer does not name the new message.
    pub async fn reply(
        &self,
        message: &MessageId,
        text: &str,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        let content = json!({ "text": without_markup(text) });
        self.reply_with(message, ("text", &content), uuid).await
    }

    /// Replies with a card, like [`Client::reply`] otherwise.
    pub async fn reply_card(
        &self,
        message: &MessageId,
        card: &Card,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        self.reply_with(message, ("interactive", &json!(card)), uuid)
            .await
    }

    async fn reply_with(
        &self,
        message: &MessageId,
        (msg_type, content): (&str, &Value),
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        let content = content.to_string();
        self.call(Request {
            endpoint: "reply",
            method: Method::POST,
            path: &["im", "v1", "messages", message.as_str(), "reply"],
            query: &[],
            body: Some(json!({ "msg_type": msg_type, "content": content, "uuid": uuid })),
        })
        .await
        .map(|answer| answer.id("message_id"))
    }

    /// Changes a card whose button was pressed, after the press was answered, by the
    /// [token](crate::CardAction::token) of the press.
    pub async fn update_card(&self, token: &str, card: &Card) -> Result<(), Error> {
        self.call(Request {
            endpoint: "update_card",
            method: Method::POST,
            path: &["interactive", "v1", "card", "update"],
            query: &[],
            body: Some(json!({ "token": token, "card": card })),
        })
        .await
        .map(drop)
    }

    /// Adds a reaction; the names of emoji are case-sensitive.
    pub async fn add_reaction(
        &self,
        message: &MessageId,
        emoji_type: &str,
    ) -> Result<Option<ReactionId>, Error> {
        self.call(Request {
            endpoint: "add_reaction",
            method: Method::POST,
            path: &["im", "v1", "messages", message.as_str(), "reactions"],
            query: &[],
            body: Some(json!({ "reaction_type": { "emoji_type": emoji_type } })),
        })
        .await
        .map(|answer| answer.id("reaction_id"))
    }

    /// Removes a reaction of the app's own.
    pub async fn delete_reaction(
        &self,
        message: &MessageId,
        reaction: &ReactionId,
    ) -> Result<(), Error> {
        let (message, reaction) = (message.as_str(), reaction.as_str());
        self.call(Request {
            endpoint: "delete_reaction",
            method: Method::DELETE,
            path: &["im", "v1", "messages", message, "reactions", reaction],
            query: &[],
            body: None,
        })
        .await
        .map(drop)
    }
}

/// Keeps text from being read as a mention or as formatting. The platform documents no escape, so
/// a zero-width space after the bracket, which nobody sees, breaks the tag.
fn without_markup(text: &str) -> String {
    const TAGS: [&str; 5] = ["at", "b", "i", "u", "s"];
    let mut parts = text.split('<');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name = part.strip_prefix('/').unwrap_or(part);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric());
        let name = &name[..end.unwrap_or(name.len())];
        plain.push('<');
        if TAGS.iter().any(|tag| name.eq_ignore_ascii_case(tag)) {
            plain.push('\u{200b}');
        }
        plain.push_str(part);
    }
    plain
}

#[derive(Deserialize)]
struct Items {
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<Box<RawValue>>,
}

impl Message {
    fn read(message: Json<'_>) -> Self {
        let [
            chat_id,
            thread_id,
            msg_type,
            message_type,
            deleted,
            body,
            content,
            mentions,
        ] = message.fields([
            "chat_id",
            "thread_id",
            "msg_type",
            "message_type",
            "deleted",
            "body",
            "content",
            "mentions",
        ]);
        let content = body.and_then(|body| body.field("content")).or(content);
        Self {
            chat_id: chat_id.and_then(Json::id),
            thread_id: thread_id.and_then(Json::id),
            msg_type: msg_type
                .or(message_type)
                .and_then(Json::text)
                .unwrap_or_default()
                .into_owned(),
            deleted: deleted.is_some_and(Json::is_true),
            content: content_of(content).into_owned(),
            mentions: mentions.map(Mention::read_all).unwrap_or_default(),
            parts: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_feishu_would_read_as_markup_is_broken_up() {
        let check = |text: &str, shown: &str| assert_eq!(without_markup(text), shown);
        check("1 < 2, 好 <3 <a <article> <", "1 < 2, 好 <3 <a <article> <");
        check(
            "<at user_id=\"all\"></at>",
            "<\u{200b}at user_id=\"all\"><\u{200b}/at>",
        );
        check("<AT x <B>x</b>", "<\u{200b}AT x <\u{200b}B>x<\u{200b}/b>");
    }
}
