//! Actions of people and other bots in a chat: messages, replies, edits of the announcement by hand,
//! and their events.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    app::App,
    chats::{Announcement, Chat, ChatMode, ChatSpec},
    edit::Edit,
    ids::{AppIndex, ChatId, MessageId},
    messages::{Message, NewMessage, Sender},
    people::Person,
    push::Push,
    record::PushAnswer,
    shared::Shared,
    simulator::Simulator,
    state::State,
    words::{Mentions, Words},
};

mod events;
mod press;
mod reactions;

pub use press::Pressed;

/// A person or another bot.
#[derive(Clone, Debug)]
pub struct Speaker {
    shared: Arc<Shared>,
    app: AppIndex,
    sender: Sender,
}

/// A person or another bot in a chat, possibly replying to a message.
#[derive(Clone, Debug)]
pub struct InChat {
    shared: Arc<Shared>,
    /// The app whose bot is mentioned, added and removed.
    app: AppIndex,
    sender: Sender,
    chat: ChatId,
    parent: Option<MessageId>,
}

/// A sent message, and the push of its event.
#[derive(Clone, Debug)]
pub struct Said {
    /// The message.
    pub id: MessageId,
    /// `None` if no event is sent: there is no receiver, a scope is missing, or the bot is not in the
    /// chat.
    pub push: Option<Push>,
}

impl Said {
    /// Waits for the bot's response to the first push. Panics if there was no push.
    pub async fn answer(&self) -> PushAnswer {
        let Some(push) = &self.push else {
            panic!("message {} was not pushed", self.id)
        };
        push.answer().await
    }
}

impl Simulator {
    /// Acts as a person.
    pub fn as_person(&self, person: &Person) -> Speaker {
        Speaker {
            shared: self.shared.clone(),
            app: self.app,
            sender: Sender::Person(person.clone()),
        }
    }

    /// Acts as another bot. The same name is the same bot.
    pub fn as_bot(&self, name: &str) -> Speaker {
        let open_id = self.change(|state| {
            let known = state.other_bots.get(name).cloned();
            known.unwrap_or_else(|| {
                let open_id = state.ids.prefixed("ou_");
                state.other_bots.insert(name.to_owned(), open_id.clone());
                open_id
            })
        });
        Speaker {
            shared: self.shared.clone(),
            app: self.app,
            sender: Sender::OtherBot {
                name: name.to_owned(),
                open_id,
            },
        }
    }
}

impl Speaker {
    /// Enters a chat. Membership is not checked.
    pub fn in_chat(&self, chat: &ChatId) -> InChat {
        InChat {
            shared: self.shared.clone(),
            app: self.app,
            sender: self.sender.clone(),
            chat: chat.clone(),
            parent: None,
        }
    }
}

impl InChat {
    /// Replies to this message.
    #[must_use]
    pub fn reply_to(&self, message: &MessageId) -> Self {
        Self {
            parent: Some(message.clone()),
            ..self.clone()
        }
    }

    /// Sends a text message.
    pub fn say(&self, words: impl Into<Words>) -> Said {
        let words = words.into();
        self.compose("text", |mentions| json!({"text": words.to_text(mentions)}))
    }

    /// Sends a rich text message; each item is a paragraph.
    pub fn post(
        &self,
        title: &str,
        paragraphs: impl IntoIterator<Item = impl Into<Words>>,
    ) -> Said {
        let paragraphs: Vec<Words> = paragraphs.into_iter().map(Into::into).collect();
        self.compose("post", |mentions| {
            let content: Value = paragraphs
                .iter()
                .map(|words| words.to_paragraph(mentions))
                .collect();
            json!({"title": title, "content": content})
        })
    }

    /// Sends a picture.
    pub fn image(&self) -> Said {
        self.send("image", &json!({"image_key": "img_v3_simulated"}))
    }

    /// Sends a picture with this content.
    pub fn picture(&self, bytes: impl Into<Bytes>) -> Said {
        let key = self.shared.change(|state| state.add_image(bytes.into()));
        self.send("image", &json!({ "image_key": key }))
    }

    /// Sends a file.
    pub fn file(&self, name: &str, bytes: impl Into<Bytes>) -> Said {
        let key = self.shared.change(|state| state.add_file(bytes.into()));
        self.send("file", &json!({ "file_key": key, "file_name": name }))
    }

    /// Forwards these messages as one, whose content is not JSON.
    pub fn forward(&self, messages: &[MessageId]) -> Said {
        let said = self.send("merge_forward", &Value::Null);
        self.shared.change(|state| {
            if let Some(bundle) = state.messages.get_mut(&said.id) {
                "Merged and Forwarded Message".clone_into(&mut bundle.content);
                bundle.parts = messages.to_vec();
            }
        });
        said
    }

    /// Sends a message of any other type.
    pub fn send(&self, msg_type: &str, content: &Value) -> Said {
        self.compose(msg_type, |_| content.clone())
    }

    /// Rewrites the announcement in the client, one text per paragraph.
    pub fn edit_announcement(&self, paragraphs: impl IntoIterator<Item = impl Into<String>>) {
        let paragraphs: Vec<String> = paragraphs.into_iter().map(Into::into).collect();
        self.shared.change(|state| {
            let now = state.now();
            let State { chats, ids, .. } = state;
            match chats.get_mut(&self.chat).map(|chat| &mut chat.announcement) {
                Some(Announcement::Doc(document)) => document.write_by_hand(&paragraphs, ids, now),
                Some(Announcement::Docx(document)) => document.write_by_hand(&paragraphs, ids, now),
                None => {}
            }
        });
    }

    /// Replaces a docx announcement by the blocks of another document, as the API lists them.
    pub fn load_announcement(&self, blocks: &[Value]) {
        self.shared.change(|state| {
            let now = state.now();
            if let Some(Announcement::Docx(document)) = state
                .chats
                .get_mut(&self.chat)
                .map(|chat| &mut chat.announcement)
            {
                document.load(blocks, now);
            }
        });
    }

    /// Edits one block of the announcement in the client.
    pub fn edit(&self, edit: Edit) {
        self.shared
            .change(|state| state.edit_by_hand(&self.chat, edit));
    }

    fn compose(&self, msg_type: &str, content: impl FnOnce(&mut Mentions<'_>) -> Value) -> Said {
        let (id, envelopes) = self.shared.change_as(self.app, |state| {
            let mut mentions = Mentions {
                app: state.app(),
                tenant_key: state.chats.get(&self.chat).map(|chat| &*chat.tenant_key),
                list: Vec::new(),
            };
            let content = content(&mut mentions).to_string();
            let draft = NewMessage {
                chat: self.chat.clone(),
                sender: self.sender.clone(),
                parent: self.parent.clone(),
                in_thread: false,
                msg_type: msg_type.to_owned(),
                content,
                mentions: mentions.list,
            };
            let id = state.add_message(draft);
            let envelopes = state.for_each_app(|state| state.envelope_to_push(&id));
            (id, envelopes)
        });
        let push = self.shared.push_all(self.app, envelopes, Some(&id));
        Said { id, push }
    }
}

impl State {
    /// The key of a picture for messages.
    pub(crate) fn add_image(&mut self, bytes: Bytes) -> String {
        let key = self.ids.prefixed("img_v3_");
        self.medias.resources.insert(key.clone(), bytes);
        key
    }

    /// The key of a file for messages.
    pub(crate) fn add_file(&mut self, bytes: Bytes) -> String {
        let key = self.ids.prefixed("file_v3_");
        self.medias.resources.insert(key.clone(), bytes);
        key
    }

    pub(crate) fn add_chat(&mut self, spec: ChatSpec) -> ChatId {
        let id = ChatId::from(self.ids.prefixed("oc_"));
        let home = &self.app().tenant_key;
        let chat = spec.build(id.clone(), self.apps.index(), home, self.now());
        self.chats.insert(id.clone(), chat);
        id
    }

    /// The direct chat of a person and the bot, created on first use.
    pub(crate) fn direct_chat(&mut self, person: &Person) -> ChatId {
        if let Some(chat) = self.apps.present().direct.get(&person.open_id) {
            return chat.clone();
        }
        let chat = self.add_chat(ChatSpec::direct(person));
        let direct = &mut self.apps.present_mut().direct;
        direct.insert(person.open_id.clone(), chat.clone());
        chat
    }

    /// The envelope of a new message's event, if one is sent.
    fn envelope_to_push(&mut self, id: &MessageId) -> Option<Value> {
        let app = self.app();
        self.apps.present().receiver.as_ref()?;
        let message = self.messages.get(id)?;
        let chat = self.chats.get(&message.chat)?;
        if !chat.has_bot(self.apps.index())
            || chat.dissolved
            || !app.bot_active
            || !app.receives("im.message.receive_v1")
            || !reaches_bot(app, chat, message)
        {
            return None;
        }
        let event = message.event(&self.apps, chat.mode.event_chat_type());
        Some(self.envelope("im.message.receive_v1", &event))
    }
}

/// Whether the app's scopes permit the event (official page `im-v1/message/events/receive`).
fn reaches_bot(app: &App, chat: &Chat, message: &Message) -> bool {
    let has = |scope: &str| app.has_scope(scope) || app.has_scope(&format!("{scope}:readonly"));
    let mentioned = message
        .mentions
        .iter()
        .any(|mention| mention.open_id == app.bot_open_id_in(&chat.tenant_key));
    let from_other_bots = "im:message.group_at_msg.include_bot:readonly";
    match message.sender {
        Sender::App => false,
        Sender::OtherBot { .. } => mentioned && app.has_scope(from_other_bots),
        Sender::Person(_) if chat.mode == ChatMode::Direct => has("im:message.p2p_msg"),
        Sender::Person(_) => {
            let at = has("im:message.group_at_msg") || app.has_scope(from_other_bots);
            has("im:message.group_msg") || (mentioned && at)
        }
    }
}

impl State {
    /// Adds a message to its chat. In a thread, root and parent are the thread's first message,
    /// whichever message was replied to (official page `im-v1/message/events/receive`).
    pub(crate) fn add_message(&mut self, draft: NewMessage) -> MessageId {
        let id = MessageId::from(self.ids.prefixed("om_"));
        let chat = self.chats.get(&draft.chat);
        let threaded = chat.is_some_and(|chat| chat.mode.is_threaded());
        let tenant_key = chat.map(|chat| chat.tenant_key.clone());
        let fresh_thread = (threaded || draft.in_thread).then(|| self.ids.prefixed("omt_"));
        let (mut root, mut parent, mut thread) = (None, None, None);
        match draft
            .parent
            .as_ref()
            .and_then(|parent| self.messages.get_mut(parent))
        {
            None if threaded => thread = fresh_thread,
            None => {}
            Some(target) => {
                if target.thread.is_none() {
                    target.thread = fresh_thread;
                }
                thread.clone_from(&target.thread);
                root = target.root.clone().or_else(|| Some(target.id.clone()));
                parent = if thread.is_some() {
                    root.clone()
                } else {
                    Some(target.id.clone())
                };
                target.replies.push(id.clone());
            }
        }
        let message = Message {
            id: id.clone(),
            chat: draft.chat,
            sender: draft.sender,
            root,
            parent,
            thread,
            msg_type: draft.msg_type,
            content: draft.content,
            mentions: draft.mentions,
            created_ms: self.now(),
            updated_ms: None,
            recalled: false,
            reactions: Vec::new(),
            other_reactions: Vec::new(),
            parts: Vec::new(),
            replies: Vec::new(),
            readers: Vec::new(),
            notifies_all: false,
            app: self.apps.index(),
            tenant_key: tenant_key.unwrap_or_default(),
            pushes: BTreeMap::new(),
        };
        if let Some(chat) = self.chats.get_mut(&message.chat) {
            chat.messages.push(id.clone());
        }
        self.messages.insert(id.clone(), message);
        id
    }
}
