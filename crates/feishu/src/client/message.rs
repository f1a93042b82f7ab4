//! Messages and reactions.
//!
//! Official pages `im-v1/message/{get,create,reply,patch}`, `im-v1/message-reaction/{create,delete}`, and of
//! `im-v1/message-card` the cards that only certain people see and the delayed update of cards.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Client, OPEN_ID};
use crate::Error;
use crate::card::Card;
use crate::event::{Mention, content_of};
use crate::http::{MAX_TEXT, Request};
use crate::ids::{ChatId, MessageId, OpenId, ReactionId, ThreadId};
use crate::lenient::Json;
use crate::wire::or_default;

/// A message as the API returns it; an event has other fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `None` if absent.
    pub id: Option<MessageId>,
    /// The bundle of forwarded messages that it is in.
    pub upper_id: Option<MessageId>,
    /// Who sent it.
    pub sender: MessageSender,
    /// `None` if absent.
    pub chat_id: Option<ChatId>,
    /// The first message of its topic or of the tree of replies; `None` for that message.
    pub root_id: Option<MessageId>,
    /// The topic that it belongs to.
    pub thread_id: Option<ThreadId>,
    /// `text`, `post`, …
    pub msg_type: String,
    /// Whether it was recalled; then the content is empty.
    pub deleted: bool,
    /// JSON for [`Content::read`](crate::Content::read).
    pub content: String,
    /// At most 500 are kept.
    pub mentions: Vec<Mention>,
    /// The messages of a forwarded bundle and of the bundles in it, in order.
    pub parts: Vec<Message>,
}

/// The sender of a [`Message`]. Names are not on the official page, but reports have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageSender {
    /// A person.
    Person {
        /// The person.
        open_id: OpenId,
        /// The name, if the platform returned it.
        name: Option<String>,
    },
    /// The bot of an app.
    Bot {
        /// The name, if the platform returned it.
        name: Option<String>,
    },
    /// Anybody else, for example an anonymous person.
    Unknown,
}

/// How a card is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardForm {
    /// As plain lines, if the platform can render them; empty for a card of version 2.
    Plain,
    /// As it was sent.
    AsSent,
}

/// The content of a message to send.
pub(super) struct OutgoingContent {
    msg_type: &'static str,
    json: Value,
}

impl OutgoingContent {
    fn card(card: &Card) -> Self {
        Self {
            msg_type: "interactive",
            json: json!(card),
        }
    }

    /// A text whose tags are active.
    pub(super) fn text(text: &str) -> Self {
        Self {
            msg_type: "text",
            json: json!({ "text": text }),
        }
    }
}

impl Client {
    /// Reads a message; `None` if the platform returns none. Group messages also need the
    /// scope `im:message.group_msg`.
    ///
    /// Tokens: tenant; whether user tokens are accepted is not known.
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
        let path = ["im", "v1", "messages", message.as_str()];
        let request = Request::get("get_message", &path).query(query);
        let answer = self.call(request.max_answer(MAX_TEXT)).await?;
        let found: Items = answer.data()?;
        let items = found.items.iter().map(|item| Json::from(item.as_ref()));
        let mut messages = items.filter(|item| item.is_object()).map(Message::read);
        let first = messages.next();
        Ok(first.map(|first| Message {
            parts: messages.collect(),
            ..first
        }))
    }

    /// Sends a card to a chat; in a topic group it opens a topic. Within an hour the platform sends
    /// once per `uuid` (at most 50 characters), whatever the card says. `None` if the answer does
    /// not name the new message.
    ///
    /// Tokens: tenant, user. A message of a member is not one of the bot.
    pub async fn create_message(
        &self,
        chat: &ChatId,
        card: &Card,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        self.create("chat_id", chat.as_str(), OutgoingContent::card(card), uuid)
            .await
    }

    /// Sends a card to a person, in the direct chat with the bot; otherwise like
    /// [`Client::create_message`]. Refused with [`codes::UNAVAILABLE_TO_PERSON`] if the app is not
    /// available to the person.
    ///
    /// Tokens: tenant, user. As for [`Client::create_message`].
    ///
    /// [`codes::UNAVAILABLE_TO_PERSON`]: crate::codes::UNAVAILABLE_TO_PERSON
    pub async fn send_card_to(
        &self,
        person: &OpenId,
        card: &Card,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        self.create(
            "open_id",
            person.as_str(),
            OutgoingContent::card(card),
            uuid,
        )
        .await
    }

    pub(super) async fn create(
        &self,
        id_type: &str,
        receiver: &str,
        content: OutgoingContent,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        let body = json!({
            "receive_id": receiver,
            "msg_type": content.msg_type,
            "content": content.json.to_string(),
            "uuid": uuid,
        });
        self.call(
            Request::post("create_message", &["im", "v1", "messages"])
                .query(&[("receive_id_type", id_type)])
                .body(body),
        )
        .await
        .map(|answer| answer.id("message_id"))
    }

    /// Shows a card in a group to one of its members only, without a notification. Its buttons
    /// work, but it cannot be updated. A member whose client is offline never sees it, and the
    /// answer does not tell. There is no key: a repeated call shows the card again. `None` if the
    /// answer does not name it.
    ///
    /// Refused with [`codes::PRIVATE_CARD_REFUSED`] in groups of topics and in direct chats.
    ///
    /// Tokens: tenant.
    ///
    /// [`codes::PRIVATE_CARD_REFUSED`]: crate::codes::PRIVATE_CARD_REFUSED
    pub async fn send_private_card(
        &self,
        chat: &ChatId,
        member: &OpenId,
        card: &Card,
    ) -> Result<Option<MessageId>, Error> {
        let body = json!({
            "chat_id": chat,
            "open_id": member,
            "msg_type": "interactive",
            "card": card,
        });
        let path = ["ephemeral", "v1", "send"];
        self.call(Request::post("send_private_card", &path).body(body))
            .await
            .map(|answer| answer.id("message_id"))
    }

    /// Deletes a card that one member of a group sees (official page `im-v1/message-card`).
    ///
    /// Tokens: tenant.
    pub async fn delete_private_card(&self, card: &MessageId) -> Result<(), Error> {
        let body = json!({ "message_id": card });
        let path = ["ephemeral", "v1", "delete"];
        self.call(Request::post("delete_private_card", &path).body(body))
            .await
            .map(drop)
    }

    /// Replies with plain text. `uuid` and the returned value are those of
    /// [`Client::create_message`].
    ///
    /// Tokens: tenant, user. As for [`Client::create_message`].
    pub async fn reply(
        &self,
        message: &MessageId,
        text: &str,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        let content = json!({ "text": without_markup(text) }).to_string();
        let body = json!({ "msg_type": "text", "content": content, "uuid": uuid });
        self.reply_with(message, body).await
    }

    /// Replies with a card, otherwise like [`Client::reply`].
    ///
    /// Tokens: tenant, user. As for [`Client::create_message`].
    pub async fn reply_card(
        &self,
        message: &MessageId,
        card: &Card,
        uuid: &str,
    ) -> Result<Option<MessageId>, Error> {
        let content = json!(card).to_string();
        let body = json!({ "msg_type": "interactive", "content": content, "uuid": uuid });
        self.reply_with(message, body).await
    }

    async fn reply_with(
        &self,
        message: &MessageId,
        body: Value,
    ) -> Result<Option<MessageId>, Error> {
        let path = ["im", "v1", "messages", message.as_str(), "reply"];
        self.call(Request::post("reply", &path).body(body))
            .await
            .map(|answer| answer.id("message_id"))
    }

    /// Updates a card after a press on one of its buttons was answered; `token` is the
    /// [`CardAction::token`](crate::CardAction::token) of the press.
    ///
    /// Tokens: tenant.
    pub async fn update_card(&self, token: &str, card: &Card) -> Result<(), Error> {
        let path = ["interactive", "v1", "card", "update"];
        let body = json!({ "token": token, "card": card });
        self.call(Request::post("update_card", &path).body(body))
            .await
            .map(drop)
    }

    /// Replaces a card that the same identity sent, for everybody. It is possible for 14 days, and
    /// not after a recall.
    ///
    /// Refused with [`codes::CARD_TOO_OLD`] after that time.
    ///
    /// Tokens: tenant, user. Each only for cards of its own.
    ///
    /// [`codes::CARD_TOO_OLD`]: crate::codes::CARD_TOO_OLD
    pub async fn patch_card(&self, message: &MessageId, card: &Card) -> Result<(), Error> {
        let path = ["im", "v1", "messages", message.as_str()];
        let body = json!({ "content": json!(card).to_string() });
        self.call(Request::patch("patch_card", &path).body(body))
            .await
            .map(drop)
    }

    /// Adds a reaction; `emoji_type` is case-sensitive.
    ///
    /// Tokens: tenant, user. A reaction of a member is not one of the bot.
    pub async fn add_reaction(
        &self,
        message: &MessageId,
        emoji_type: &str,
    ) -> Result<Option<ReactionId>, Error> {
        let path = ["im", "v1", "messages", message.as_str(), "reactions"];
        let body = json!({ "reaction_type": { "emoji_type": emoji_type } });
        self.call(Request::post("add_reaction", &path).body(body))
            .await
            .map(|answer| answer.id("reaction_id"))
    }

    /// Deletes a reaction that the app has added.
    ///
    /// Tokens: tenant, user. Each only for reactions of its own.
    pub async fn delete_reaction(
        &self,
        message: &MessageId,
        reaction: &ReactionId,
    ) -> Result<(), Error> {
        let message = message.as_str();
        let path = [
            "im",
            "v1",
            "messages",
            message,
            "reactions",
            reaction.as_str(),
        ];
        self.call(Request::delete("delete_reaction", &path))
            .await
            .map(drop)
    }
}

/// Breaks tags up, so that text is not read as a mention or as formatting.
pub(super) fn without_markup(text: &str) -> String {
    // The platform documents no escape; a zero-width space after the bracket breaks the tag unseen.
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
            id,
            upper_id,
            sender,
            chat_id,
            root_id,
            thread_id,
            msg_type,
            message_type,
            deleted,
            body,
            content,
            mentions,
        ] = message.fields([
            "message_id",
            "upper_message_id",
            "sender",
            "chat_id",
            "root_id",
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
            id: id.and_then(Json::id),
            upper_id: upper_id.and_then(Json::id),
            sender: sender.map_or(MessageSender::Unknown, MessageSender::read),
            chat_id: chat_id.and_then(Json::id),
            root_id: root_id.and_then(Json::id),
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

impl MessageSender {
    fn read(sender: Json<'_>) -> Self {
        let [id, id_type, sender_type, name] =
            sender.fields(["id", "id_type", "sender_type", "sender_name"]);
        let name = name.and_then(Json::non_empty).map(Cow::into_owned);
        let sender_type = sender_type.and_then(Json::text).unwrap_or_default();
        let is_open_id = id_type.and_then(Json::text).as_deref() == Some("open_id");
        match (&*sender_type, id.and_then(Json::id)) {
            ("user", Some(open_id)) if is_open_id => Self::Person { open_id, name },
            ("app", _) => Self::Bot { name },
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_person_a_bot_or_unknown() {
        let check = |sender: Value, expected: MessageSender| {
            let text = sender.to_string();
            let read = MessageSender::read(Json::parse(&text).unwrap());
            assert_eq!(read, expected, "{sender}");
        };
        let person = |name: Option<&str>| MessageSender::Person {
            open_id: "ou_1".into(),
            name: name.map(str::to_owned),
        };
        let of_user = json!({ "id": "ou_1", "id_type": "open_id", "sender_type": "user" });
        check(of_user.clone(), person(None));
        let mut named = of_user.clone();
        named["sender_name"] = json!("Lin");
        check(named, person(Some("Lin")));
        let app = json!({ "id": "cli_1", "id_type": "app_id", "sender_type": "app" });
        check(app, MessageSender::Bot { name: None });
        for other in [
            json!({ "id": "u1", "id_type": "user_id", "sender_type": "user" }),
            json!({ "sender_type": "anonymous" }),
            json!({}),
        ] {
            check(other, MessageSender::Unknown);
        }
    }

    #[test]
    fn only_tags_of_feishu_are_broken_up() {
        let check = |text: &str, shown: &str| assert_eq!(without_markup(text), shown);
        check("1 < 2, 好 <3 <a <article> <", "1 < 2, 好 <3 <a <article> <");
        check(
            "<at user_id=\"all\"></at>",
            "<\u{200b}at user_id=\"all\"><\u{200b}/at>",
        );
        check("<AT x <B>x</b>", "<\u{200b}AT x <\u{200b}B>x<\u{200b}/b>");
    }
}
