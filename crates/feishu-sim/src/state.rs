//! The state of the platform, and read access to it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::app::App;
use crate::apps::{Apps, Registration};
use crate::card;
use crate::chats::{Announcement, Chat, TopNotice};
use crate::clock::SimClock;
use crate::edit::Edit;
use crate::endpoint::Endpoint;
use crate::faults::{Behaviour, Fault, Faults};
use crate::grants::AccessToken;
use crate::ids::{AppIndex, ChatId, Ids, MessageId};
use crate::limits::Limiter;
use crate::medias::{Media, Medias};
use crate::messages::{Message, Reaction, Sender};
use crate::people::Person;
use crate::pressed::Press;
use crate::record::{Call, PushRecord, Record};
use crate::registrations::Registrations;
use crate::request::SentFile;

/// The platform's state, for [`crate::Simulator::read`] and [`crate::Simulator::wait_for`].
#[derive(Debug)]
pub struct State {
    pub(crate) clock: SimClock,
    pub(crate) ids: Ids,
    /// The address of the simulator.
    pub(crate) authority: String,
    pub(crate) apps: Apps,
    /// Of apps that people create.
    pub(crate) registrations: Registrations,
    /// Whether the present call names its app.
    pub(crate) is_app_named: bool,
    /// The tenant of the token of the present call.
    pub(crate) caller: String,
    /// The person in whose name the present call is made; `None` for the bot.
    pub(crate) operator: Option<AccessToken>,
    pub(crate) people: HashMap<String, Person>,
    pub(crate) other_bots: HashMap<String, String>,
    pub(crate) chats: HashMap<ChatId, Chat>,
    pub(crate) messages: HashMap<MessageId, Message>,
    pub(crate) medias: Medias,
    /// The answer to the present call.
    pub(crate) sent_file: Option<SentFile>,
    /// Bytes of files that connections took.
    pub(crate) sent_bytes: Arc<AtomicU64>,
    /// The open ids of people whose client is offline.
    pub(crate) offline: HashSet<String>,
    /// By token.
    pub(crate) presses: HashMap<String, Press>,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) behaviour: Behaviour,
    /// Envelopes of events that the present call causes.
    pub(crate) to_push: Vec<(AppIndex, Value)>,
    pub(crate) record: Record,
}

impl State {
    pub(crate) fn new(clock: SimClock, limiter: Limiter, first: Registration, ids: Ids) -> Self {
        Self {
            clock,
            ids,
            authority: String::new(),
            apps: Apps::new(first),
            registrations: Registrations::default(),
            is_app_named: false,
            caller: String::new(),
            operator: None,
            people: HashMap::new(),
            other_bots: HashMap::new(),
            chats: HashMap::new(),
            messages: HashMap::new(),
            medias: Medias::default(),
            sent_file: None,
            sent_bytes: Arc::default(),
            offline: HashSet::new(),
            presses: HashMap::new(),
            limiter,
            faults: Faults::default(),
            behaviour: Behaviour::default(),
            to_push: Vec::new(),
            record: Record::default(),
        }
    }

    /// The settings of the present app.
    pub(crate) fn app(&self) -> &App {
        &self.apps.present().app
    }

    /// Whether the message is one of the present app.
    pub(crate) fn is_own(&self, message: &Message) -> bool {
        message.sender == Sender::App && message.app == self.apps.index()
    }

    /// Collects the envelopes for all apps, each made while that app is present.
    pub(crate) fn for_each_app(
        &mut self,
        mut envelope: impl FnMut(&mut Self) -> Option<Value>,
    ) -> Vec<(AppIndex, Value)> {
        let present = self.apps.index();
        let mut envelopes = Vec::new();
        for app in self.apps.indices() {
            self.apps.enter(app);
            envelopes.extend(envelope(self).map(|envelope| (app, envelope)));
        }
        self.apps.enter(present);
        envelopes
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Whether the id is that of a person of the caller's tenant.
    pub(crate) fn is_colleague(&self, id_type: &str, id: &str) -> bool {
        let person = match id_type {
            "open_id" => self.people.get(id),
            _ => self.people.values().find(|person| person.id(id_type) == id),
        };
        person.is_some_and(|person| person.tenant_key == self.caller)
    }

    pub fn chat(&self, id: &ChatId) -> Option<&Chat> {
        self.chats.get(id)
    }

    pub fn message(&self, id: &MessageId) -> Option<&Message> {
        self.messages.get(id)
    }

    /// The top notice of a chat.
    pub fn top_notice(&self, chat: &ChatId) -> Option<&TopNotice> {
        self.chats.get(chat)?.top_notice.as_ref()
    }

    /// The announcement's blocks as text, without the last empty line of a legacy document.
    pub fn announcement_text(&self, chat: &ChatId) -> Vec<String> {
        match self.chats.get(chat).map(|chat| &chat.announcement) {
            None => Vec::new(),
            Some(Announcement::Doc(document)) => document.lines(|open_id| self.name_of(open_id)),
            Some(Announcement::Docx(document)) => document.lines(|open_id| self.name_of(open_id)),
        }
    }

    /// The announcement in the form of the API: legacy content, or blocks under `items`.
    pub fn announcement_document(&self, chat: &ChatId) -> Value {
        match self.chats.get(chat).map(|chat| &chat.announcement) {
            None => Value::Null,
            Some(Announcement::Doc(document)) => document.content(),
            Some(Announcement::Docx(document)) => json!({"items": document.all_blocks()}),
        }
    }

    /// The pictures and files of an upgraded announcement, in reading order; `None` for a block that is
    /// still empty.
    pub fn announced_media(&self, chat: &ChatId) -> Vec<Option<Media>> {
        let Some(Announcement::Docx(document)) =
            self.chats.get(chat).map(|chat| &chat.announcement)
        else {
            return Vec::new();
        };
        let tokens = document.all_blocks().into_iter().filter_map(|block| {
            let media = block.get("image").or_else(|| block.get("file"))?;
            Some(media["token"].as_str().unwrap_or_default().to_owned())
        });
        tokens
            .map(|token| self.medias.uploaded.get(&token).cloned())
            .collect()
    }

    /// The content of a picture or file: by its key in messages, or by its token in announcements.
    pub fn file(&self, key: &str) -> Option<Bytes> {
        let Medias {
            resources,
            uploaded,
        } = &self.medias;
        let of_message = resources.get(key);
        let file = of_message.or_else(|| uploaded.get(key).map(|media| &media.bytes));
        file.cloned()
    }

    /// How the platform behaves where it is not documented.
    pub fn behaviour(&self) -> &Behaviour {
        &self.behaviour
    }

    /// The revision of the announcement; docx begins at 1, doc at 0.
    pub fn announcement_revision(&self, chat: &ChatId) -> u64 {
        match self.chats.get(chat).map(|chat| &chat.announcement) {
            None => 0,
            Some(Announcement::Doc(document)) => document.metadata.revision,
            Some(Announcement::Docx(document)) => document.metadata.revision,
        }
    }

    /// The app's reactions to the message, in order.
    pub fn reactions(&self, message: &MessageId) -> Vec<String> {
        let reactions = self
            .messages
            .get(message)
            .map(|message| message.reactions.as_slice());
        let own = |reaction: &&Reaction| reaction.app == self.apps.index();
        let own = reactions.unwrap_or_default().iter().filter(own);
        own.map(|reaction| reaction.emoji_type.clone()).collect()
    }

    /// Texts of the app's replies to the message, in order.
    pub fn replies_to(&self, message: &MessageId) -> Vec<String> {
        let replies = self
            .messages
            .get(message)
            .map(|message| message.replies.as_slice());
        let replies = replies
            .unwrap_or_default()
            .iter()
            .filter_map(|id| self.messages.get(id));
        replies
            .filter(|reply| self.is_own(reply))
            .map(Message::text)
            .collect()
    }

    /// The present content of a card; `Null` if the message is not a card.
    pub fn card(&self, message: &MessageId) -> Value {
        let content = self.card_content(message);
        content.map_or(Value::Null, |content| {
            serde_json::from_str(content).unwrap_or_default()
        })
    }

    /// The labels of the card's buttons in order; empty if the message is not a card.
    pub fn buttons(&self, message: &MessageId) -> Vec<String> {
        self.card_content(message)
            .map_or_else(Vec::new, card::buttons)
    }

    /// The names of the inputs that the first button with this label submits.
    pub fn inputs(&self, message: &MessageId, label: &str) -> Vec<String> {
        self.card_content(message)
            .map_or_else(Vec::new, |content| card::inputs(content, label))
    }

    /// The chat's messages, in order.
    pub fn messages(&self, chat: &ChatId) -> impl Iterator<Item = &Message> {
        let ids = self.chats.get(chat).map(|chat| chat.messages.as_slice());
        ids.unwrap_or_default()
            .iter()
            .filter_map(|id| self.messages.get(id))
    }

    /// The queued faults of the endpoint, in order.
    pub fn faults_to_come(&self, endpoint: Endpoint) -> impl Iterator<Item = &Fault> {
        self.faults.to_come(endpoint)
    }

    /// The remaining time of [`crate::Simulator::rate_limit`] at the endpoint.
    pub fn rate_limited_for(&self, endpoint: Endpoint) -> Option<Duration> {
        let left_ms = self
            .faults
            .limited_until_ms(endpoint)?
            .checked_sub(self.now())?;
        (left_ms > 0).then(|| Duration::from_millis(left_ms))
    }

    /// All calls, in order.
    pub fn calls(&self) -> &[Call] {
        &self.record.calls
    }

    /// Calls to one endpoint, in order.
    pub fn calls_to(&self, endpoint: Endpoint) -> impl Iterator<Item = &Call> {
        self.record
            .calls
            .iter()
            .filter(move |call| call.endpoint == Some(endpoint))
    }

    /// All pushes, in order.
    pub fn pushes(&self) -> &[PushRecord] {
        &self.record.pushes
    }

    /// Requests that no correct client sends.
    pub fn violations(&self) -> &[String] {
        &self.record.violations
    }

    /// The messages, calls, pushes and violations so far, as readable text.
    pub fn conversation(&self) -> String {
        let mut lines = vec!["messages:".to_owned()];
        let mut chats: Vec<&Chat> = self.chats.values().collect();
        chats.sort_by(|a, b| a.name.cmp(&b.name));
        for chat in chats {
            let messages = self.messages(&chat.id);
            lines
                .extend(messages.map(|message| format!("  {}: {}", chat.name, self.line(message))));
        }
        lines.extend(self.apps.present().private_cards.iter().map(|card| {
            let name = self.name_of(&card.open_id);
            format!("  only for {name}: {}", card.text())
        }));
        lines.push("pushes:".to_owned());
        lines.extend(self.record.pushes.iter().map(push_line));
        lines.push("calls:".to_owned());
        lines.extend(self.record.calls.iter().map(|call| format!("  {call}")));
        lines.push("violations:".to_owned());
        lines.extend(
            self.record
                .violations
                .iter()
                .map(|violation| format!("  {violation}")),
        );
        lines.join("\n")
    }

    fn card_content(&self, message: &MessageId) -> Option<&str> {
        let message = self.messages.get(message)?;
        (message.msg_type == "interactive").then_some(&message.content)
    }

    pub(crate) fn name_of(&self, open_id: &str) -> String {
        self.people
            .get(open_id)
            .map_or(open_id, |person| &person.name)
            .to_owned()
    }

    fn line(&self, message: &Message) -> String {
        let sender = match &message.sender {
            Sender::Person(person) => &person.name,
            Sender::App => &self.apps.get(message.app).app.bot_name,
            Sender::OtherBot { name, .. } => name,
        };
        format!(
            "{sender}: {} {}",
            message.text(),
            self.reactions(&message.id).join(" ")
        )
    }
}

fn push_line(push: &PushRecord) -> String {
    let answers: Vec<String> = push
        .attempts
        .iter()
        .map(|attempt| match &attempt.answer {
            Ok(answer) => format!("{} {}", answer.status, answer.body),
            Err(reason) => reason.clone(),
        })
        .collect();
    format!(
        "  {} {}: {}",
        push.event_type,
        push.event_id,
        answers.join(", ")
    )
}

impl State {
    /// Edits a chat's announcement; no effect if there is no such chat.
    pub(crate) fn edit_by_hand(&mut self, chat: &ChatId, edit: Edit) {
        let now = self.now();
        let Self { chats, ids, .. } = self;
        match chats.get_mut(chat).map(|chat| &mut chat.announcement) {
            Some(Announcement::Doc(document)) => document.edit_by_hand(edit, now),
            Some(Announcement::Docx(document)) => document.edit_by_hand(edit, ids, now),
            None => {}
        }
    }
}
