//! What can happen to us: the one door from the platform's events into the bot.

use std::borrow::Cow;

use feishu::{
    BOT_ADDED, BOT_DELETED, CARD_ACTION, CHAT_DISBANDED, CardAction, ChatEvent, ChatId, Content,
    EventEnvelope, MESSAGE_RECALLED, MESSAGE_RECEIVE, MessageHead, MessageId, MessageRecalled,
    MessageReceived, OpenId, Sender,
};
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::command;
use crate::content::{self, Mention};
use crate::model::button::Button;
use crate::model::job::{JobKey, JobKind, NewJob};
use crate::model::rights::Actor;
use crate::model::schedule::{Schedule, ScheduleRow, ScheduledAction};

/// An event, as far as intake looks at it.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message that may hold a command, or another event to act on: to be
    /// stored.
    Candidate(NewJob),
    /// A press on one of the bot's buttons: to be stored, and answered with what
    /// comes of it.
    Press(NewJob),
    /// A press on a button that the bot does not know.
    UnknownButton,
    /// Nothing that leads to an action; the word is for metrics.
    Ignored(Ignored),
}

/// Why an event leads to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ignored {
    /// An event that the bot has no use for.
    OtherEvent,
    /// A message of this bot or another.
    FromBot,
    /// A message without a command.
    Chatter,
    /// An event that does not say what it is about.
    Partial,
}

impl Event {
    /// Looks at as few fields as decide; the rest is read by the worker. An event that lacks what
    /// the bot needs is ignored: it would be no better the next time. `me` is the bot, as far as it
    /// knows itself.
    ///
    /// # Errors
    ///
    /// When a job cannot be written as JSON.
    pub(crate) fn read(
        envelope: &EventEnvelope<'_>,
        app_id: &str,
        me: Option<&OpenId>,
    ) -> Result<Self, serde_json::Error> {
        let event = envelope.event.unwrap_or(RawValue::NULL);
        let about = match &*envelope.event_type {
            MESSAGE_RECEIVE => return Self::read_message(envelope, event, app_id, me),
            CARD_ACTION => return Self::read_press(envelope, event, app_id),
            BOT_ADDED => ChatEvent::read(event).map(|chat| (chat.chat_id, Notice::Added)),
            BOT_DELETED | CHAT_DISBANDED => {
                ChatEvent::read(event).map(|chat| (chat.chat_id, Notice::Left))
            }
            MESSAGE_RECALLED => MessageRecalled::read(event)
                .map(|recalled| (recalled.chat_id, Notice::Recalled(recalled.message_id))),
            _ => return Ok(Self::Ignored(Ignored::OtherEvent)),
        };
        let Some((chat, notice)) = about else {
            return Ok(Self::Ignored(Ignored::Partial));
        };
        let job = notice.job(&chat, &identity(envelope, event), app_id)?;
        Ok(Self::Candidate(job))
    }

    fn read_message(
        envelope: &EventEnvelope<'_>,
        event: &RawValue,
        app_id: &str,
        me: Option<&OpenId>,
    ) -> Result<Self, serde_json::Error> {
        let head = MessageHead::read(event);
        if let Some(ignored) = Ignored::of(&head) {
            return Ok(Self::Ignored(ignored));
        }
        let is_for_others = if is_unreadable(&head) {
            !may_be_addressed(&head, event)
        } else {
            is_for_others(&head, event, me)
        };
        if is_for_others {
            return Ok(Self::Ignored(Ignored::Chatter));
        }
        // Nobody can be answered without it.
        let Some(message_id) = head.message_id else {
            return Ok(Self::Ignored(Ignored::Partial));
        };
        let message = Received::new(envelope, event);
        Ok(Self::Candidate(NewJob {
            key: JobKey {
                app: app_id.to_owned(),
                // The event's page asks to tell messages apart by their own id:
                // one message may come under several event ids.
                origin: message_id.into_owned(),
                kind: JobKind::Command,
            },
            chat: head.chat_id.unwrap_or_default().into_owned(),
            payload: serde_json::to_string(&message)?,
        }))
    }

    fn read_press(
        envelope: &EventEnvelope<'_>,
        event: &RawValue,
        app_id: &str,
    ) -> Result<Self, serde_json::Error> {
        let press = CardAction::read(event);
        let (Some(_), Some(chat)) = (Button::read(&press.value), press.chat_id) else {
            return Ok(Self::UnknownButton);
        };
        Ok(Self::Press(NewJob {
            key: JobKey {
                app: app_id.to_owned(),
                // Not what the button names: who was refused may be let later.
                origin: identity(envelope, event),
                kind: JobKind::Press,
            },
            chat: chat.as_str().to_owned(),
            payload: serde_json::to_string(&Received::new(envelope, event))?,
        }))
    }
}

/// What is the same in every delivery of an event: its id. An event without one is delivered again
/// with the same words, so those identify it.
fn identity(envelope: &EventEnvelope<'_>, event: &RawValue) -> String {
    if let Some(id) = &envelope.event_id {
        return id.clone().into_owned();
    }
    let made_at = envelope.create_time.map_or(0, Timestamp::as_microsecond);
    let words = format!("{} {made_at} {}", envelope.event_type, event.get());
    format!(
        "event-{}",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, words.as_bytes())
    )
}

impl Ignored {
    /// Why a message leads to nothing; `None` if it may hold a command.
    pub(crate) fn of(head: &MessageHead<'_>) -> Option<Self> {
        // Who is not said to be a bot is taken for a person.
        let sender_type = head.sender_type.trim();
        let is_bot = |kind: &&str| sender_type.eq_ignore_ascii_case(kind);
        if ["app", "bot"].iter().any(is_bot) {
            return Some(Self::FromBot);
        }
        (!may_be_command(head)).then_some(Self::Chatter)
    }
}

/// What is stored of an event that is no message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notice {
    /// The bot was added to the group.
    Added,
    /// The bot was removed from the group, or the group was dissolved.
    Left,
    /// This message was recalled.
    Recalled(MessageId),
}

impl Notice {
    /// Reads what intake stored.
    pub(crate) fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }

    fn job(
        &self,
        chat: &ChatId,
        event_id: &str,
        app_id: &str,
    ) -> Result<NewJob, serde_json::Error> {
        let (kind, origin) = match self {
            Self::Added => (JobKind::Welcome, chat.as_str()),
            Self::Left => (JobKind::Left, event_id),
            Self::Recalled(_) => (JobKind::Recalled, event_id),
        };
        Ok(NewJob {
            key: JobKey {
                app: app_id.to_owned(),
                origin: origin.to_owned(),
                kind,
            },
            chat: chat.as_str().to_owned(),
            payload: serde_json::to_string(self)?,
        })
    }
}

/// What is stored of a message or a press: the platform's own text of it.
#[derive(Debug, Serialize, Deserialize)]
struct Received<'a> {
    #[serde(borrow)]
    tenant_key: Option<Cow<'a, str>>,
    /// When the platform first sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(borrow)]
    event: &'a RawValue,
    /// What the message has planned, in the payload of that job.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<ScheduledAction>,
}

impl<'a> Received<'a> {
    fn new(envelope: &EventEnvelope<'a>, event: &'a RawValue) -> Self {
        Self {
            tenant_key: envelope.tenant_key.clone(),
            sent_at: envelope.create_time,
            event,
            plan: None,
        }
    }
}

/// What somebody asks for, read in full.
#[derive(Debug)]
pub(crate) enum Stored {
    Message(Box<StoredMessage>),
    Press(Box<StoredCallback>),
}

impl Stored {
    /// Reads what intake stored for a step.
    pub(crate) fn parse(kind: JobKind, payload: &str) -> Result<Self, serde_json::Error> {
        match kind {
            JobKind::Press => {
                StoredCallback::parse(payload).map(|press| Self::Press(Box::new(press)))
            }
            _ => StoredMessage::parse(payload).map(|message| Self::Message(Box::new(message))),
        }
    }

    /// When it was asked for.
    pub(crate) fn asked_at(&self, accepted_at: Timestamp) -> Timestamp {
        match self {
            Self::Message(message) => message.asked_at(accepted_at),
            Self::Press(_) => accepted_at,
        }
    }

    /// Who asks for it, and where.
    pub(crate) fn actor(&self) -> Actor<'_> {
        match self {
            Self::Message(message) => message.actor(),
            Self::Press(press) => press.actor(),
        }
    }
}

/// A stored press, read in full.
#[derive(Debug)]
pub(crate) struct StoredCallback {
    tenant_key: Option<String>,
    pub(crate) button: Button,
    pub(crate) operator: Sender,
    pub(crate) chat_id: ChatId,
    /// The card.
    pub(crate) message_id: Option<MessageId>,
    /// With it the card can be changed for half an hour.
    pub(crate) token: Option<String>,
}

impl StoredCallback {
    fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        let received: Received<'_> = serde_json::from_str(payload)?;
        let press = CardAction::read(received.event);
        let unreadable = || serde_json::Error::custom("no button of ours");
        Ok(Self {
            tenant_key: received.tenant_key.map(Cow::into_owned),
            button: Button::read(&press.value).ok_or_else(unreadable)?,
            operator: press.operator,
            chat_id: press.chat_id.ok_or_else(unreadable)?,
            message_id: press.message_id,
            token: press.token,
        })
    }

    /// Who pressed it, and where.
    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor {
            sender: &self.operator,
            home: self.tenant_key.as_deref(),
            chat: &self.chat_id,
        }
    }
}

/// A stored message, read in full.
#[derive(Debug)]
pub(crate) struct StoredMessage {
    /// The tenant that the bot works for.
    tenant_key: Option<String>,
    sent_at: Option<Timestamp>,
    pub(crate) event: MessageReceived,
    /// What the message has planned, in a job that carries that out.
    pub(crate) plan: Option<ScheduledAction>,
}

impl StoredMessage {
    /// Reads what intake stored.
    pub(crate) fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        let received: Received<'_> = serde_json::from_str(payload)?;
        Ok(Self {
            tenant_key: received.tenant_key.map(Cow::into_owned),
            sent_at: received.sent_at,
            event: MessageReceived::read(received.event),
            plan: received.plan,
        })
    }

    /// When it was asked for: when the platform first sent the message, or where it does not say,
    /// when it came. A client without a network gives a message the time at which it was typed, and
    /// sends it later.
    pub(crate) fn asked_at(&self, accepted_at: Timestamp) -> Timestamp {
        let typed_at = self.event.message.create_time;
        let asked_at = self.sent_at.into_iter().chain(typed_at).max();
        asked_at.unwrap_or(accepted_at)
    }

    /// Who sent it, and where.
    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor {
            sender: &self.event.sender,
            home: self.tenant_key.as_deref(),
            chat: &self.event.message.chat_id,
        }
    }

    /// The payload of a job that carries out what the message in `payload` has
    /// planned.
    pub(crate) fn with_plan(
        payload: &str,
        plan: ScheduledAction,
    ) -> Result<String, serde_json::Error> {
        let mut received: Received<'_> = serde_json::from_str(payload)?;
        received.plan = Some(plan);
        serde_json::to_string(&received)
    }
}

/// What a job that waits for its time is to do. `None` for one that cannot be read, which is found
/// out when it is due.
pub(crate) fn planned(waiting: ScheduleRow) -> Option<Schedule> {
    let stored = StoredMessage::parse(&waiting.payload).ok()?;
    Some(Schedule {
        id: waiting.id,
        job_ref: waiting.job_ref,
        number: waiting.number,
        due: waiting.due,
        plan: stored.plan?,
        author: stored.event.sender.id().map(|(_, id)| id.into()),
    })
}

/// Whether a message mentions others first and not this bot, so that it is not for it. As long as
/// the bot does not know its own id, the worker finds out.
fn is_for_others(head: &MessageHead<'_>, event: &RawValue, me: Option<&OpenId>) -> bool {
    let Some(me) = me else { return false };
    let mentions = MessageReceived::read(event).message.mentions;
    let mention = |mention| Mention::new(mention, Some(me));
    let mentions: Vec<_> = mentions.iter().map(mention).collect();
    let content = Content::read(&head.message_type, &head.content);
    let text = content::command_text(&content);
    !text.is_some_and(|text| command::is_candidate(&text, Some(&mentions), head.chat_type.is_p2p()))
}

fn may_be_command(head: &MessageHead<'_>) -> bool {
    // A message that was recalled before it was pushed has no content.
    if head.content.is_empty() {
        return false;
    }
    let content = Content::read(&head.message_type, &head.content);
    match content::command_text(&content) {
        Some(text) => command::is_candidate(&text, None, head.chat_type.is_p2p()),
        None => is_unreadable(head),
    }
}

/// Whether a message that somebody typed says nothing that can be read.
fn is_unreadable(head: &MessageHead<'_>) -> bool {
    is_typed(&head.message_type)
        && Content::read(&head.message_type, &head.content) == Content::Other
}

/// Whether messages of this type are what people type.
pub(crate) fn is_typed(message_type: &str) -> bool {
    matches!(message_type, "text" | "post" | "")
}

/// Whether somebody is mentioned who may be the bot.
fn may_be_addressed(head: &MessageHead<'_>, event: &RawValue) -> bool {
    head.chat_type.is_p2p() || !MessageReceived::read(event).message.mentions.is_empty()
}

#[cfg(test)]
mod tests {
    use feishu::Envelope;
    use serde_json::{Value, json};

    use super::*;

    fn read(event_type: &str, event: &Value) -> Event {
        read_as(None, event_type, event)
    }

    fn read_as(me: Option<&str>, event_type: &str, event: &Value) -> Event {
        let body = json!({
            "schema": "2.0",
            "header": { "event_id": "e1", "event_type": event_type, "create_time": "1608725989000" },
            "event": event,
        });
        let body = body.to_string();
        let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
            panic!("no event: {body}");
        };
        Event::read(&envelope, "cli_1", me.map(OpenId::from).as_ref()).unwrap()
    }

    #[test]
    fn events_that_are_no_messages_become_jobs_of_their_own() {
        let group = json!({ "chat_id": "oc_1", "operator_id": {}, "external": false });
        let recall = json!({ "chat_id": "oc_1", "message_id": "om_1" });
        for (event_type, event, kind, origin, notice) in [
            (BOT_ADDED, &group, JobKind::Welcome, "oc_1", Notice::Added),
            (BOT_DELETED, &group, JobKind::Left, "e1", Notice::Left),
            (CHAT_DISBANDED, &group, JobKind::Left, "e1", Notice::Left),
            (
                MESSAGE_RECALLED,
                &recall,
                JobKind::Recalled,
                "e1",
                Notice::Recalled("om_1".into()),
            ),
        ] {
            let Event::Candidate(job) = read(event_type, event) else {
                panic!("no job: {event_type}");
            };
            let key = JobKey {
                app: "cli_1".to_owned(),
                origin: origin.to_owned(),
                kind,
            };
            assert_eq!((job.key, &*job.chat), (key, "oc_1"), "{event_type}");
            assert_eq!(Notice::parse(&job.payload).unwrap(), notice, "{event_type}");
        }
    }

    #[test]
    fn a_message_to_others_is_stored_only_while_the_bot_does_not_know_itself() {
        let said = |text: &str, open_id: &str| {
            json!({
                "sender": { "sender_id": { "open_id": "ou_1" }, "sender_type": "user" },
                "message": {
                    "message_id": "om_1", "chat_id": "oc_1", "chat_type": "group",
                    "create_time": "1608725989000", "message_type": "text",
                    "content": json!({ "text": text }).to_string(),
                    "mentions": [{ "key": "@_user_1", "id": { "open_id": open_id }, "name": "X" }],
                },
            })
        };
        for (text, open_id, me, expected) in [
            ("@_user_1 hello", "ou_li", None, true),
            ("@_user_1 hello", "ou_li", Some("ou_bot"), false),
            ("@_user_1 /pin", "ou_li", Some("ou_bot"), false),
            ("@_user_1 hello", "ou_bot", Some("ou_bot"), true),
            ("/pin @_user_1", "ou_li", Some("ou_bot"), true),
            ("hello @_user_1", "ou_bot", None, false),
        ] {
            let read = read_as(me, MESSAGE_RECEIVE, &said(text, open_id));
            let is_stored = matches!(read, Event::Candidate(_));
            assert_eq!(is_stored, expected, "{text} {open_id} {me:?}");
        }
    }

    #[test]
    fn an_event_that_does_not_say_where_is_ignored() {
        for event_type in [BOT_ADDED, BOT_DELETED, CHAT_DISBANDED, MESSAGE_RECALLED] {
            for event in [
                json!({}),
                json!(null),
                json!([7]),
                json!({ "message_id": "om_1" }),
            ] {
                let read = read(event_type, &event);
                let is_ignored = matches!(read, Event::Ignored(Ignored::Partial));
                assert!(is_ignored, "{event_type} {event}");
            }
        }
    }

    #[test]
    fn an_event_without_an_id_is_known_by_its_words() {
        let event = |header: Value, operator: &str| {
            let body = json!({
                "schema": "2.0", "header": header,
                "event": { "chat_id": "oc_1", "operator_id": { "open_id": operator } },
            });
            let body = body.to_string();
            let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
                panic!("no event: {body}");
            };
            match Event::read(&envelope, "cli_1", None) {
                Ok(Event::Candidate(job)) => job.key.origin,
                other => panic!("{other:?}"),
            }
        };
        let header = |time: &str| json!({ "event_type": BOT_DELETED, "create_time": time });
        let first = event(header("1608725989000"), "ou_1");
        assert_eq!(event(header("1608725989000"), "ou_1"), first);
        assert_ne!(event(header("1608725989000"), "ou_2"), first);
        assert_ne!(event(header("1608725999000"), "ou_1"), first);
    }

    #[test]
    fn what_the_bot_has_no_use_for_is_ignored_unread() {
        let read = read("im.chat.updated_v1", &json!({ "chat_id": 1 }));
        assert!(matches!(read, Event::Ignored(Ignored::OtherEvent)));
    }
}
