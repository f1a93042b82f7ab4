//! The events that a bot reads, each in full, and of a message also the few fields that tell
//! whether it concerns the bot at all.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::ids::{ChatId, MessageId, OpenId, TenantKey, ThreadId, UnionId, UserId};
use crate::message::MOST_MENTIONS;
use crate::wire::{Text, first, optional_id, or_default, time};

mod card_action;
mod chat;

pub use card_action::{CARD_ACTION, CardAction};
pub use chat::{
    BOT_ADDED, BOT_DELETED, CHAT_DISBANDED, ChatEvent, MESSAGE_RECALLED, MessageRecalled,
};

/// The event type of a received message.
pub const MESSAGE_RECEIVE: &str = "im.message.receive_v1";

/// What intake reads of an `im.message.receive_v1`, borrowed from the body.
#[derive(Debug)]
pub struct MessageHead<'a> {
    /// `user`, or `bot` where the app may read what other bots say.
    pub sender_type: Cow<'a, str>,
    /// The message; by it, not by the event id, repeated deliveries are told.
    pub message_id: Cow<'a, str>,
    /// Where it was said.
    pub chat_id: Cow<'a, str>,
    /// Group or direct chat.
    pub chat_type: ChatType,
    /// `text`, `post`, …
    pub message_type: Cow<'a, str>,
    /// JSON for [`Content::parse`](crate::Content::parse); may be empty if the message was
    /// recalled before the delivery.
    pub content: Cow<'a, str>,
    /// When it was said.
    pub create_time: Timestamp,
}

/// The body of an `im.message.receive_v1`, read in a single pass.
///
/// What [`Envelope`](crate::Envelope) and [`MessageHead`] read in several, this reads too where all
/// is as it nearly always is; for anything else there is no such value, and they are to be asked.
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MessageReceived {
    /// Who said it.
    pub sender: Sender,
    /// What was said.
    pub message: ReceivedMessage,
}

/// Who sent a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WireSender")]
pub struct Sender {
    /// The sender as this app knows them.
    pub open_id: Option<OpenId>,
    /// The sender as all apps of this developer know them.
    pub union_id: Option<UnionId>,
    /// The sender's id in the tenant, for apps that may read it.
    pub user_id: Option<UserId>,
    /// `user` or `bot`.
    pub sender_type: String,
    /// The sender's tenant, which is not always the chat's.
    pub tenant_key: Option<TenantKey>,
}

/// The message of a [`MessageReceived`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReceivedMessage {
    /// The message itself.
    pub message_id: MessageId,
    /// In a reply: the top of the tree of replies; in a topic: its first message.
    #[serde(default, deserialize_with = "optional_id")]
    pub root_id: Option<MessageId>,
    /// In a reply: the message replied to; in a topic: its first message, whatever was replied to.
    #[serde(default, deserialize_with = "optional_id")]
    pub parent_id: Option<MessageId>,
    /// The topic, if the message stands in one.
    #[serde(default, deserialize_with = "optional_id")]
    pub thread_id: Option<ThreadId>,
    /// When it was said.
    #[serde(deserialize_with = "time")]
    pub create_time: Timestamp,
    /// Where it was said.
    pub chat_id: ChatId,
    /// Group or direct chat.
    pub chat_type: ChatType,
    /// `text`, `post`, …
    pub message_type: String,
    /// JSON for [`Content::parse`](crate::Content::parse).
    pub content: String,
    /// Who is mentioned; everyone (`@_all`) is often missing here. At most 500 are kept.
    #[serde(default, deserialize_with = "first::<MOST_MENTIONS, _, _>")]
    pub mentions: Vec<Mention>,
}

/// A mention in a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mention {
    /// The placeholder in the content, `@_user_1`.
    pub key: String,
    /// Who is meant.
    #[serde(default, deserialize_with = "or_default")]
    pub id: PersonIds,
    /// `user` or `bot`; older deliveries do not say.
    #[serde(default, deserialize_with = "optional_id")]
    pub mentioned_type: Option<String>,
    /// The name as it stood when the message was sent.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The tenant of who is meant.
    #[serde(default, deserialize_with = "optional_id")]
    pub tenant_key: Option<TenantKey>,
}

/// The identifiers of one person or bot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PersonIds {
    /// As this app knows them.
    #[serde(default, deserialize_with = "optional_id")]
    pub open_id: Option<OpenId>,
    /// As all apps of this developer know them.
    #[serde(default, deserialize_with = "optional_id")]
    pub union_id: Option<UnionId>,
    /// In the tenant, for apps that may read it.
    #[serde(default, deserialize_with = "optional_id")]
    pub user_id: Option<UserId>,
}

/// Whether a chat has two people or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Text<'_>")]
pub enum ChatType {
    /// A direct chat, `p2p`.
    P2p,
    /// Anything else: `group`, `topic_group` of older models, and what may come.
    Group,
}

impl ChatType {
    /// Whether this is a direct chat.
    pub fn is_p2p(self) -> bool {
        self == Self::P2p
    }
}

impl From<Text<'_>> for ChatType {
    fn from(Text(wire): Text<'_>) -> Self {
        if wire == "p2p" {
            Self::P2p
        } else {
            Self::Group
        }
    }
}

impl<'a> MessageHead<'a> {
    /// Reads the head of the `event` object of an `im.message.receive_v1`.
    pub fn parse(event: &'a RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<WireHead<'a>>(event.get()).map(Self::from)
    }
}

impl<'a> MessageBody<'a> {
    /// Reads a plain body, if it is a received message in every respect.
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
    pub fn parse(event: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(event.get())
    }
}

#[derive(Deserialize)]
struct WireBody<'a> {
    /// A challenge has it, and events of version 1.
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    #[serde(borrow)]
    header: WireHeader<'a>,
    #[serde(borrow)]
    event: WireHead<'a>,
}

#[derive(Deserialize)]
struct WireHeader<'a> {
    /// No event is without one.
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
    chat_type: ChatType,
    #[serde(borrow)]
    message_type: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(deserialize_with = "time")]
    create_time: Timestamp,
}

impl<'a> From<WireHead<'a>> for MessageHead<'a> {
    fn from(WireHead { sender, message }: WireHead<'a>) -> Self {
        Self {
            sender_type: sender.sender_type,
            message_id: message.message_id,
            chat_id: message.chat_id,
            chat_type: message.chat_type,
            message_type: message.message_type,
            content: message.content,
            create_time: message.create_time,
        }
    }
}

#[derive(Deserialize)]
struct WireSender {
    #[serde(default, deserialize_with = "or_default")]
    sender_id: PersonIds,
    sender_type: String,
    #[serde(default, deserialize_with = "optional_id")]
    tenant_key: Option<TenantKey>,
}

impl From<WireSender> for Sender {
    fn from(wire: WireSender) -> Self {
        Self {
            open_id: wire.sender_id.open_id,
            union_id: wire.sender_id.union_id,
            user_id: wire.sender_id.user_id,
            sender_type: wire.sender_type,
            tenant_key: wire.tenant_key,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;
    use crate::Envelope;

    fn message() -> serde_json::Value {
        json!({
            "sender": {
                "sender_id": { "union_id": "on_1", "user_id": null, "open_id": "ou_1" },
                "sender_type": "user", "tenant_key": "t1",
            },
            "message": {
                "message_id": "om_1", "root_id": "", "parent_id": "om_0",
                "create_time": "1609073151345", "update_time": "1687343654666",
                "chat_id": "oc_1", "chat_type": "group", "message_type": "text",
                "content": "{\"text\":\"@_user_1 \\u4f60\"}",
                "mentions": [{
                    "key": "@_user_1", "name": "Tom", "tenant_key": "t1",
                    "id": { "union_id": "on_8", "user_id": "", "open_id": "ou_8" },
                }],
                "user_agent": "unknown fields are ignored",
            },
        })
    }

    #[test]
    fn a_received_message_is_read_in_full_and_empty_ids_count_as_absent() {
        let event = MessageReceived::parse(&to_raw_value(&message()).unwrap()).unwrap();
        assert_eq!(event.sender.open_id, Some("ou_1".into()));
        assert_eq!(event.sender.user_id, None);
        assert_eq!(event.message.root_id, None);
        assert_eq!(event.message.parent_id, Some("om_0".into()));
        assert_eq!(event.message.thread_id, None);
        assert_eq!(
            event.message.create_time.as_millisecond(),
            1_609_073_151_345
        );
        let [tom] = &event.message.mentions[..] else {
            panic!()
        };
        assert_eq!((&*tom.key, &*tom.name), ("@_user_1", "Tom"));
        assert_eq!(tom.id.open_id, Some("ou_8".into()));
        assert_eq!((&tom.id.user_id, &tom.mentioned_type), (&None, &None));
    }

    #[test]
    fn the_head_agrees_with_the_whole_message() {
        let raw = to_raw_value(&message()).unwrap();
        let head = MessageHead::parse(&raw).unwrap();
        let whole = MessageReceived::parse(&raw).unwrap();
        assert_eq!(head.sender_type, whole.sender.sender_type);
        assert_eq!(head.message_id, whole.message.message_id.as_str());
        assert_eq!(head.chat_id, whole.message.chat_id.as_str());
        assert_eq!(head.chat_type, whole.message.chat_type);
        assert_eq!(head.message_type, whole.message.message_type);
        assert_eq!(head.content, whole.message.content);
        assert_eq!(head.create_time, whole.message.create_time);
        assert!(matches!(head.message_id, Cow::Borrowed(_)));
    }

    #[test]
    fn a_body_that_is_read_at_once_is_what_its_parts_say() {
        let check = |change: &dyn Fn(&mut serde_json::Value), is_read: bool| {
            let mut body = json!({
                "schema": "2.0",
                "header": {
                    "event_id": "e1", "event_type": MESSAGE_RECEIVE, "app_id": "cli_1", "token": "t",
                },
                "event": message(),
            });
            change(&mut body);
            let body = body.to_string();
            let read = MessageBody::parse(body.as_bytes());
            assert_eq!(read.is_some(), is_read, "{body}");
            let Some(read) = read else { return };
            let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
                panic!("not an event: {body}")
            };
            assert_eq!(envelope.event_type, MESSAGE_RECEIVE);
            assert_eq!(envelope.token, Some(read.token));
            assert_eq!(envelope.app_id, Some(read.app_id));
            let head = MessageHead::parse(envelope.event.unwrap()).unwrap();
            assert_eq!(format!("{head:?}"), format!("{:?}", read.head));
        };
        check(&|_| {}, true);
        check(&|body| body["type"] = json!(null), true);
        check(&|body| body["header"]["token"] = json!("\n\"é"), true);
        // All else is for the parts to say.
        check(&|body| body["type"] = json!("url_verification"), false);
        check(&|body| body["header"] = json!(null), false);
        check(&|body| body["event"] = json!(null), false);
        check(
            &|body| body["event"]["message"]["content"] = json!(1),
            false,
        );
        for field in ["event_id", "event_type", "app_id", "token"] {
            check(&|body| body["header"][field] = json!(null), false);
        }
        let other = "im.message.message_read_v1";
        check(&|body| body["header"]["event_type"] = json!(other), false);
        assert!(MessageBody::parse(b"\xff").is_none());
    }

    #[test]
    fn only_p2p_is_a_direct_chat() {
        for (wire, direct) in [
            ("p2p", true),
            ("group", false),
            ("topic_group", false),
            ("", false),
        ] {
            assert_eq!(ChatType::from(Text(wire.into())).is_p2p(), direct, "{wire}");
        }
    }

    #[test]
    fn each_field_that_the_head_reads_must_be_there_and_readable() {
        for (section, field) in [
            ("sender", "sender_type"),
            ("message", "message_id"),
            ("message", "chat_id"),
            ("message", "chat_type"),
            ("message", "message_type"),
            ("message", "content"),
            ("message", "create_time"),
        ] {
            let mut event = message();
            event[section][field] = json!(["not a string"]);
            let wrong = to_raw_value(&event).unwrap();
            assert!(MessageHead::parse(&wrong).is_err(), "{field} unreadable");
            event[section].as_object_mut().unwrap().remove(field);
            let missing = to_raw_value(&event).unwrap();
            assert!(MessageHead::parse(&missing).is_err(), "{field} missing");
            assert!(MessageReceived::parse(&missing).is_err(), "{field} missing");
        }
    }
}
