//! The events that a bot reads, and the few fields of a message that decide whether it concerns the
//! bot.
//!
//! No reader here fails: a field that is missing, null or of another type is absent.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::ids::{ChatId, MessageId, ThreadId};
use crate::lenient::Json;
use crate::message::MOST_MENTIONS;
use crate::person::{PersonIds, Sender};

mod app;
mod card_action;
mod chat;
#[cfg(test)]
mod tests;
mod user_token;

pub use app::{APP_OPEN, APP_STATUS_CHANGE, APP_UNINSTALLED, AppEvent};
pub use card_action::{CARD_ACTION, CardAction};
pub use chat::{
    BOT_ADDED, BOT_DELETED, CHAT_DISBANDED, ChatEvent, MESSAGE_RECALLED, MessageRecalled,
    REACTION_ADDED, ReactionAdded,
};
pub use user_token::{RevokedTokens, USER_TOKEN_REVOKED, UserTokenRevoked};
/// The event type of a received message.
pub const MESSAGE_RECEIVE: &str = "im.message.receive_v1";

/// The fields of an `im.message.receive_v1` that intake needs, borrowed from the body.
#[derive(Debug)]
pub struct MessageHead<'a> {
    /// `user`, or `bot` if the app may read messages of other bots; empty if absent.
    pub sender_type: Cow<'a, str>,
    /// Identifies repeated deliveries; the event id does not.
    pub message_id: Option<Cow<'a, str>>,
    /// The chat of the message.
    pub chat_id: Option<Cow<'a, str>>,
    /// Whether it is a group or a direct chat.
    pub chat_type: ChatType,
    /// `text`, `post`, …; empty if absent.
    pub message_type: Cow<'a, str>,
    /// JSON for [`Content::read`](crate::Content::read); may be empty if the message was
    /// recalled before the delivery.
    pub content: Cow<'a, str>,
}

/// The body of an `im.message.receive_v1`, read in a single pass.
///
/// This is a fast path for bodies in which all fields are as documented. For any other body there
/// is no such value; use [`Envelope`](crate::Envelope) and [`MessageHead`].
#[derive(Debug)]
pub struct MessageBody<'a> {
    /// The verification token, as the sender knows it.
    pub token: Cow<'a, str>,
    /// The app that the event is for.
    pub app_id: Cow<'a, str>,
    /// The message.
    pub head: MessageHead<'a>,
}

/// A received message, `im.message.receive_v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageReceived {
    /// The author.
    pub sender: Sender,
    /// The message itself.
    pub message: ReceivedMessage,
}

/// The message of a [`MessageReceived`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Empty if absent.
    pub message_id: MessageId,
    /// In a reply the root of the tree of replies, in a topic its first message.
    pub root_id: Option<MessageId>,
    /// In a reply the message replied to, in a topic always its first message.
    pub parent_id: Option<MessageId>,
    /// The topic of the message.
    pub thread_id: Option<ThreadId>,
    /// When it was sent.
    pub create_time: Option<Timestamp>,
    /// Empty if absent.
    pub chat_id: ChatId,
    /// Whether it is a group or a direct chat.
    pub chat_type: ChatType,
    /// `text`, `post`, …; empty if absent.
    pub message_type: String,
    /// JSON for [`Content::read`](crate::Content::read).
    pub content: String,
    /// The mentions, at most 500; `@_all` is often missing here.
    pub mentions: Vec<Mention>,
}

/// A mention in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The placeholder in the content, `@_user_1`.
    pub key: String,
    /// The ids of the mentioned person.
    pub id: PersonIds,
    /// The name at the time of the message.
    pub name: String,
}

/// The type of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatType {
    /// A direct chat, `p2p`.
    P2p,
    /// Anything else: `group`, `topic_group` of older models, and future types.
    Group,
}

impl ChatType {
    /// True for a direct chat.
    pub fn is_p2p(self) -> bool {
        self == Self::P2p
    }
}

impl From<&str> for ChatType {
    fn from(wire: &str) -> Self {
        if wire == "p2p" {
            Self::P2p
        } else {
            Self::Group
        }
    }
}

impl<'a> MessageHead<'a> {
    /// Reads the head of the `event` object of an `im.message.receive_v1`.
    pub fn read(event: &'a RawValue) -> Self {
        let [sender, message] = Json::from(event).fields(["sender", "message"]);
        let sender_type = sender.and_then(|sender| sender.field("sender_type"));
        let [message_id, chat_id, chat_type, message_type, content] =
            message.map_or([None; 5], |message| {
                message.fields([
                    "message_id",
                    "chat_id",
                    "chat_type",
                    "message_type",
                    "content",
                ])
            });
        Self {
            sender_type: sender_type.and_then(Json::text).unwrap_or_default(),
            message_id: message_id.and_then(Json::id).map(Cow::Owned),
            chat_id: chat_id.and_then(Json::id).map(Cow::Owned),
            chat_type: chat_type_of(chat_type),
            message_type: message_type.and_then(Json::text).unwrap_or_default(),
            content: content_of(content),
        }
    }
}

/// Every chat that is not `p2p` is a group.
fn chat_type_of(json: Option<Json<'_>>) -> ChatType {
    let wire = json.and_then(Json::text).unwrap_or_default();
    ChatType::from(&*wire)
}

/// The content is JSON in a string; plain JSON is accepted, too.
pub(crate) fn content_of(json: Option<Json<'_>>) -> Cow<'_, str> {
    let raw = |json: Json<'_>| json.is_object() || json.is_array();
    match json {
        Some(json) if raw(json) => Cow::Borrowed(json.raw()),
        json => json.and_then(Json::text).unwrap_or_default(),
    }
}

impl<'a> MessageBody<'a> {
    /// `None` if the body is not a received message with all fields as documented.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let body: WireBody<'a> = serde_json::from_str(str::from_utf8(body).ok()?).ok()?;
        let header = body.header;
        (body.kind.is_none() && header.event_type == MESSAGE_RECEIVE).then(|| Self {
            token: header.token,
            app_id: header.app_id,
            head: body.event.into(),
        })
    }
}

impl MessageReceived {
    /// Reads the whole `event` object of an `im.message.receive_v1`.
    pub fn read(event: &RawValue) -> Self {
        let [sender, message] = Json::from(event).fields(["sender", "message"]);
        Self {
            sender: sender.map(Sender::of_message).unwrap_or_default(),
            message: ReceivedMessage::read(message),
        }
    }
}

impl ReceivedMessage {
    fn read(message: Option<Json<'_>>) -> Self {
        let [
            message_id,
            root_id,
            parent_id,
            thread_id,
            create_time,
            chat_id,
            chat_type,
            message_type,
            content,
            mentions,
        ] = message.map_or([None; 10], |message| {
            message.fields([
                "message_id",
                "root_id",
                "parent_id",
                "thread_id",
                "create_time",
                "chat_id",
                "chat_type",
                "message_type",
                "content",
                "mentions",
            ])
        });
        let untold = String::new;
        Self {
            message_id: MessageId::new(message_id.and_then(Json::id).unwrap_or_else(untold)),
            root_id: root_id.and_then(Json::id),
            parent_id: parent_id.and_then(Json::id),
            thread_id: thread_id.and_then(Json::id),
            create_time: create_time.and_then(Json::time),
            chat_id: ChatId::new(chat_id.and_then(Json::id).unwrap_or_else(untold)),
            chat_type: chat_type_of(chat_type),
            message_type: message_type
                .and_then(Json::text)
                .unwrap_or_default()
                .into_owned(),
            content: content_of(content).into_owned(),
            mentions: mentions.map(Mention::read_all).unwrap_or_default(),
        }
    }
}

impl Mention {
    /// The mentions of an event or of a fetched message, without those that have no placeholder.
    pub(crate) fn read_all(mentions: Json<'_>) -> Vec<Self> {
        let mut read = Vec::new();
        mentions.each_item(|mention| {
            if read.len() == MOST_MENTIONS {
                return;
            }
            let [key, id, name] = mention.fields(["key", "id", "name"]);
            let Some(key) = key.and_then(Json::non_empty) else {
                return;
            };
            read.push(Self {
                key: key.into_owned(),
                id: id.map(PersonIds::read).unwrap_or_default(),
                name: name.and_then(Json::text).unwrap_or_default().into_owned(),
            });
        });
        read
    }
}

#[derive(Deserialize)]
struct WireBody<'a> {
    /// Only challenges and events of version 1 have it.
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    #[serde(borrow)]
    header: WireHeader<'a>,
    #[serde(borrow)]
    event: WireHead<'a>,
}

#[derive(Deserialize)]
struct WireHeader<'a> {
    /// Required in every event.
    #[serde(borrow, rename = "event_id")]
    _event_id: Cow<'a, str>,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    app_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireHead<'a> {
    #[serde(borrow)]
    sender: WireHeadSender<'a>,
    #[serde(borrow)]
    message: WireHeadMessage<'a>,
}

#[derive(Deserialize)]
struct WireHeadSender<'a> {
    #[serde(borrow)]
    sender_type: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireHeadMessage<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    chat_id: Cow<'a, str>,
    #[serde(borrow)]
    chat_type: Cow<'a, str>,
    #[serde(borrow)]
    message_type: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

impl<'a> From<WireHead<'a>> for MessageHead<'a> {
    fn from(WireHead { sender, message }: WireHead<'a>) -> Self {
        Self {
            sender_type: sender.sender_type,
            message_id: Some(message.message_id),
            chat_id: Some(message.chat_id),
            chat_type: ChatType::from(&*message.chat_type),
            message_type: message.message_type,
            content: message.content,
        }
    }
}
