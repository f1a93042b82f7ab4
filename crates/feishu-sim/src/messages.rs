//! Messages, and their two forms: in events and in API responses.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::apps::Apps;
use crate::card;
use crate::ids::{AppIndex, ChatId, MessageId};
use crate::links::links;
use crate::people::Person;
use crate::words::Mention;

/// The sender of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A person.
    Person(Person),
    /// The bot of an app of the simulator.
    App,
    /// A bot that is no app of the simulator.
    OtherBot {
        /// Its name.
        name: String,
        /// Its id for the apps of the simulator.
        open_id: String,
    },
}

/// A reaction of an app to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    pub(crate) app: AppIndex,
    /// The id for the call that removes it.
    pub reaction_id: String,
    /// Case-sensitive name of the emoji.
    pub emoji_type: String,
}

/// A reaction of a person or of a bot that is no app of the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherReaction {
    /// The person or bot that added it.
    pub operator: Sender,
    /// Case-sensitive name of the emoji.
    pub emoji_type: String,
}

/// A message, with its later changes.
#[derive(Clone, Debug)]
pub struct Message {
    /// `om_…`.
    pub id: MessageId,
    /// The message's chat.
    pub chat: ChatId,
    pub sender: Sender,
    /// The root of the reply tree or of the thread; only in replies.
    pub root: Option<MessageId>,
    /// The message replied to; in a thread, its root.
    pub parent: Option<MessageId>,
    /// `omt_…`, only in threads.
    pub thread: Option<String>,
    /// `text`, `post`, `image`, …
    pub msg_type: String,
    /// JSON whose form depends on `msg_type`.
    pub content: String,
    /// The mentions in the content.
    pub mentions: Vec<Mention>,
    /// When it was sent, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When its card was last replaced, in milliseconds since the Unix epoch.
    pub updated_ms: Option<u64>,
    /// It was recalled by its sender or an admin.
    pub recalled: bool,
    /// The reactions of apps.
    pub reactions: Vec<Reaction>,
    /// The reactions of people and other bots.
    pub other_reactions: Vec<OtherReaction>,
    /// It mentions everybody, and everybody was notified.
    pub notifies_all: bool,
    /// The messages of a bundle of forwarded messages.
    pub parts: Vec<MessageId>,
    pub(crate) replies: Vec<MessageId>,
    /// The people who have read it, each an open id and when, in milliseconds since the Unix epoch.
    pub(crate) readers: Vec<(String, u64)>,
    /// The app whose bot is the sender, if it is one.
    pub(crate) app: AppIndex,
    /// The tenant of the chat.
    pub(crate) tenant_key: String,
    /// The index of the first push of its event to each app.
    pub(crate) pushes: BTreeMap<AppIndex, usize>,
}

/// Mentions everybody in a text that a bot sends.
const AT_ALL: &str = "<at user_id=\"all\"></at>";

/// A message to be sent.
pub(crate) struct NewMessage {
    pub(crate) chat: ChatId,
    pub(crate) sender: Sender,
    pub(crate) parent: Option<MessageId>,
    /// The reply opens a thread under its parent.
    pub(crate) in_thread: bool,
    pub(crate) msg_type: String,
    pub(crate) content: String,
    pub(crate) mentions: Vec<Mention>,
}

impl NewMessage {
    /// Whether it mentions everybody.
    pub(crate) fn mentions_all(&self) -> bool {
        let content: Value = serde_json::from_str(&self.content).unwrap_or_default();
        let text = content["text"].as_str().unwrap_or_default();
        self.msg_type == "text" && text.contains(AT_ALL)
    }
}

impl Message {
    /// The visible text: a text, the paragraphs of a post or the parts of a card as lines, or
    /// `[msg_type]`.
    pub fn text(&self) -> String {
        let content: Value = serde_json::from_str(&self.content).unwrap_or_default();
        match self.msg_type.as_str() {
            "text" => content["text"]
                .as_str()
                .unwrap_or_default()
                .replace(AT_ALL, "@all"),
            "post" => post_text(&content),
            "interactive" => {
                card::text(&self.content).unwrap_or_else(|| "[interactive]".to_owned())
            }
            other => format!("[{other}]"),
        }
    }

    /// The addresses that it links to, in order.
    pub fn links(&self) -> Vec<String> {
        links(&self.content)
    }

    /// `event` of `im.message.receive_v1`.
    pub(crate) fn event(&self, apps: &Apps, chat_type: &str) -> Value {
        let mut message = self.place();
        message.insert("create_time".to_owned(), json!(self.created_ms.to_string()));
        message.insert("update_time".to_owned(), json!(self.created_ms.to_string()));
        message.insert("chat_type".to_owned(), json!(chat_type));
        message.insert("message_type".to_owned(), json!(self.msg_type));
        message.insert("content".to_owned(), json!(self.content));
        if !self.mentions.is_empty() {
            let mentions: Vec<Value> = self.mentions.iter().map(mention_in_event).collect();
            message.insert("mentions".to_owned(), json!(mentions));
        }
        json!({"sender": self.event_sender(apps), "message": message})
    }

    /// The message object in API responses (official page `im-v1/message/get`).
    pub(crate) fn object(&self, apps: &Apps, user_id_type: &str) -> Value {
        let mut object = self.place();
        let (id, id_type, sender_type) = match &self.sender {
            Sender::Person(person) => (person.id(user_id_type), "open_id", "user"),
            Sender::App => (apps.get(self.app).app.app_id.as_str(), "app_id", "app"),
            Sender::OtherBot { open_id, .. } => (open_id.as_str(), "app_id", "app"),
        };
        let content = if self.recalled {
            "This message was recalled"
        } else {
            &self.content
        };
        let fields = json!({
            "msg_type": self.msg_type,
            "create_time": self.created_ms.to_string(),
            "update_time": self.updated_ms.unwrap_or(self.created_ms).to_string(),
            "deleted": self.recalled,
            "updated": self.updated_ms.is_some(),
            "sender": {
                "id": id, "id_type": id_type, "sender_type": sender_type,
                "tenant_key": self.sender_tenant(),
            },
            "body": {"content": content},
        });
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        if !self.mentions.is_empty() && !self.recalled {
            let mentions: Vec<Value> = self.mentions.iter().map(mention_in_object).collect();
            object.insert("mentions".to_owned(), json!(mentions));
        }
        Value::Object(object)
    }

    /// The ids in both forms, without absent ones.
    fn place(&self) -> Map<String, Value> {
        let mut place = Map::new();
        place.insert("message_id".to_owned(), json!(self.id.as_str()));
        place.insert("chat_id".to_owned(), json!(self.chat.as_str()));
        let optional = [
            ("root_id", self.root.as_ref().map(MessageId::as_str)),
            ("parent_id", self.parent.as_ref().map(MessageId::as_str)),
            ("thread_id", self.thread.as_deref()),
        ];
        for (name, id) in optional {
            if let Some(id) = id {
                place.insert(name.to_owned(), json!(id));
            }
        }
        place
    }

    fn event_sender(&self, apps: &Apps) -> Value {
        let receiver = &apps.present().app;
        let (sender_id, sender_type) = match &self.sender {
            Sender::Person(person) => (person.ids_among(&receiver.sender_ids), "user"),
            Sender::App => {
                let bot = apps.get(self.app).app.bot_open_id_in(&self.tenant_key);
                (json!({"open_id": bot}), "bot")
            }
            Sender::OtherBot { open_id, .. } => (json!({"open_id": open_id}), "bot"),
        };
        json!({"sender_id": sender_id, "sender_type": sender_type, "tenant_key": self.sender_tenant()})
    }

    /// Bots belong to the tenant in which they work.
    fn sender_tenant(&self) -> &str {
        match &self.sender {
            Sender::Person(person) => &person.tenant_key,
            Sender::App | Sender::OtherBot { .. } => &self.tenant_key,
        }
    }
}

fn mention_in_event(mention: &Mention) -> Value {
    let id = json!({"union_id": mention.union_id, "user_id": mention.user_id, "open_id": mention.open_id});
    let mentioned_type = if mention.user_id.is_some() {
        "user"
    } else {
        "bot"
    };
    json!({
        "key": mention.key, "id": id, "mentioned_type": mentioned_type,
        "name": mention.name, "tenant_key": mention.tenant_key,
    })
}

fn mention_in_object(mention: &Mention) -> Value {
    json!({
        "key": mention.key, "id": mention.open_id, "id_type": "open_id",
        "name": mention.name, "tenant_key": mention.tenant_key,
    })
}

/// The lines of a post, received (without locales) or sent (with one object per locale, of which
/// the first is used).
fn post_text(content: &Value) -> String {
    let received = content.get("content");
    let sent = || {
        content
            .as_object()
            .and_then(|locales| locales.values().next()?.get("content"))
    };
    let paragraphs = received.or_else(sent).and_then(Value::as_array);
    let line = |paragraph: &Value| -> String {
        let elements = paragraph.as_array().into_iter().flatten();
        elements
            .filter_map(|el| el["text"].as_str().or(el["user_id"].as_str()))
            .collect()
    };
    let lines: Vec<String> = paragraphs.into_iter().flatten().map(line).collect();
    lines.join("\n")
}
