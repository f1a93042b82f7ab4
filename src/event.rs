//! Converts events of the platform into jobs, and reads the jobs' payloads.

use std::borrow::Cow;

use feishu::{
    BOT_ADDED, BOT_DELETED, CARD_ACTION, CHAT_DISBANDED, CardAction, ChatEvent, ChatId, Content,
    EventEnvelope, MESSAGE_RECALLED, MESSAGE_RECEIVE, MessageHead, MessageId, MessageRecalled,
    MessageReceived, OpenId, REACTION_ADDED, ReactionAdded, Sender,
};
use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::command;
use crate::content::{self, Mention};
use crate::model::broadcast::Retraction;
use crate::model::button::{Button, LONGEST_REASON, REASON};
use crate::model::job::{JobKey, JobKind, JobRef, NewJob, Tenant};
use crate::model::rights::Actor;
use crate::model::schedule::{Schedule, ScheduleRow, ScheduledAction, Verdict};
use crate::model::series::Series;
use crate::reply::Emoji;

mod reaction;

pub(crate) use reaction::{PinReaction, ReactionPin};

#[derive(Debug)]
pub(crate) enum Event {
    /// A message that may contain a command, or another event that needs an action.
    Candidate(NewJob),
    /// A press on one of the bot's buttons. Its result is the response to the platform.
    Press(NewJob),
    UnknownButton,
    /// A person's reaction that pins a message, in groups that want that.
    Reaction(NewJob),
    Ignored(Ignored),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ignored {
    /// An event of a type that the bot does not handle.
    OtherEvent,
    /// A message from this bot or another.
    FromBot,
    /// A message without a command.
    Chatter,
    /// An event without the id of its chat or message.
    Partial,
}

impl Event {
    /// Reads only the fields that decide; the worker reads the rest. An event without a required id
    /// is ignored, because it would not have one in the next delivery either. `me` is `None` until
    /// the bot knows its own id.
    pub(crate) fn read(
        envelope: &EventEnvelope<'_>,
        tenant: &Tenant,
        me: Option<&OpenId>,
    ) -> Result<Self, serde_json::Error> {
        let event = envelope.event.unwrap_or(RawValue::NULL);
        let about = match &*envelope.event_type {
            MESSAGE_RECEIVE => return Self::read_message(envelope, event, tenant, me),
            CARD_ACTION => return Self::read_press(envelope, event, tenant),
            REACTION_ADDED => return Self::read_reaction(envelope, event, tenant),
            BOT_ADDED => ChatEvent::read(event).map(|chat| (chat.chat_id, GroupEvent::Added)),
            BOT_DELETED | CHAT_DISBANDED => {
                ChatEvent::read(event).map(|chat| (chat.chat_id, GroupEvent::Left))
            }
            MESSAGE_RECALLED => MessageRecalled::read(event)
                .map(|recalled| (recalled.chat_id, GroupEvent::Recalled(recalled.message_id))),
            _ => return Ok(Self::Ignored(Ignored::OtherEvent)),
        };
        let Some((chat, group_event)) = about else {
            return Ok(Self::Ignored(Ignored::Partial));
        };
        let chat = chat.as_str();
        let (kind, origin) = match &group_event {
            // A bot that was added twice sends one welcome.
            GroupEvent::Added => (JobKind::Welcome, chat.to_owned()),
            GroupEvent::Left => (JobKind::Left, identity(envelope, event)),
            GroupEvent::Recalled(_) => (JobKind::Recalled, identity(envelope, event)),
            GroupEvent::Reacted(_) => (JobKind::Reaction, identity(envelope, event)),
        };
        new_job(tenant, kind, origin, chat, &group_event).map(Self::Candidate)
    }

    fn read_message(
        envelope: &EventEnvelope<'_>,
        event: &RawValue,
        tenant: &Tenant,
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
        // A reply needs the id.
        let Some(message_id) = head.message_id else {
            return Ok(Self::Ignored(Ignored::Partial));
        };
        // One message may come under several event ids (page of the event).
        let origin = message_id.into_owned();
        let chat = head.chat_id.unwrap_or_default();
        let message = Received::new(envelope, event);
        new_job(tenant, JobKind::Command, origin, &chat, &message).map(Self::Candidate)
    }

    fn read_press(
        envelope: &EventEnvelope<'_>,
        event: &RawValue,
        tenant: &Tenant,
    ) -> Result<Self, serde_json::Error> {
        let press = CardAction::read(event);
        let (Some(_), Some(chat)) = (Button::read(&press.value), press.chat_id) else {
            return Ok(Self::UnknownButton);
        };
        // Each press is a job: a member who was denied may be permitted later.
        let origin = identity(envelope, event);
        let press = Received::new(envelope, event);
        new_job(tenant, JobKind::Press, origin, chat.as_str(), &press).map(Self::Press)
    }

    /// Reads a reaction. Its emoji decides whether it concerns the bot, so that no other is stored.
    fn read_reaction(
        envelope: &EventEnvelope<'_>,
        event: &RawValue,
        tenant: &Tenant,
    ) -> Result<Self, serde_json::Error> {
        let Some(added) = ReactionAdded::read(event) else {
            return Ok(Self::Ignored(Ignored::Partial));
        };
        if added.operator.sender_type != "user" {
            return Ok(Self::Ignored(Ignored::FromBot));
        }
        if added.emoji_type != Emoji::Pin.as_str() {
            return Ok(Self::Ignored(Ignored::Chatter));
        }
        let Some((_, person)) = added.operator.id() else {
            return Ok(Self::Ignored(Ignored::Partial));
        };
        // The same reaction may come under several event ids, as a message may.
        let origin = match added.action_time {
            Some(time) => format!("{} {person} {}", added.message_id, time.as_millisecond()),
            None => identity(envelope, event),
        };
        let queue = person.to_owned();
        let reaction = PinReaction {
            home: envelope.tenant_key.as_deref().map(str::to_owned),
            operator: added.operator,
            message: added.message_id,
            added_at: added.action_time,
        };
        let reacted = GroupEvent::Reacted(Box::new(reaction));
        new_job(tenant, JobKind::Reaction, origin, &queue, &reacted).map(Self::Reaction)
    }
}

fn new_job(
    tenant: &Tenant,
    kind: JobKind,
    origin: String,
    chat: &str,
    payload: &impl Serialize,
) -> Result<NewJob, serde_json::Error> {
    Ok(NewJob {
        key: JobKey {
            tenant: tenant.clone(),
            origin,
            kind,
        },
        chat: chat.to_owned(),
        payload: serde_json::to_string(payload)?,
        trace: None,
    })
}

/// The same for every delivery of an event: its id, or else a hash of its content.
fn identity(envelope: &EventEnvelope<'_>, event: &RawValue) -> String {
    if let Some(id) = &envelope.event_id {
        return id.clone().into_owned();
    }
    let created_at = envelope.create_time.map_or(0, Timestamp::as_microsecond);
    let content = format!("{} {created_at} {}", envelope.event_type, event.get());
    format!(
        "event-{}",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, content.as_bytes())
    )
}

impl Ignored {
    /// `None` if the message may contain a command.
    pub(crate) fn of(head: &MessageHead<'_>) -> Option<Self> {
        // Any other sender type counts as a person.
        let sender_type = head.sender_type.trim();
        let is_bot = |kind: &&str| sender_type.eq_ignore_ascii_case(kind);
        if ["app", "bot"].iter().any(is_bot) {
            return Some(Self::FromBot);
        }
        (!may_be_command(head)).then_some(Self::Chatter)
    }
}

/// The payload of an event that is not a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GroupEvent {
    /// The bot was added to the group.
    Added,
    /// The bot was removed from the group, or the group was dissolved.
    Left,
    /// This message was recalled.
    Recalled(MessageId),
    /// A person added the reaction that pins.
    Reacted(Box<PinReaction>),
}

impl GroupEvent {
    pub(crate) fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }
}

/// The payload of a message or a press: the JSON that the platform sent.
#[derive(Debug, Serialize, Deserialize)]
struct Received<'a> {
    #[serde(borrow)]
    tenant_key: Option<Cow<'a, str>>,
    /// When the platform first sent the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(borrow)]
    event: &'a RawValue,
    /// Only in the payload of the scheduled job.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduledAction>,
    /// Only in the payload of jobs for one group of a broadcast.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryTarget>,
}

/// The group of a delivery, which is not that of the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryTarget {
    pub(crate) chat: ChatId,
    pub(crate) broadcast: JobRef,
}

impl<'a> Received<'a> {
    fn new(envelope: &EventEnvelope<'a>, event: &'a RawValue) -> Self {
        Self {
            tenant_key: envelope.tenant_key.clone(),
            sent_at: envelope.create_time,
            event,
            schedule: None,
            delivery: None,
        }
    }
}

/// A request of a member.
#[derive(Debug)]
pub(crate) enum Stored {
    Message(Box<StoredMessage>),
    Press(Box<StoredCallback>),
    Reaction(Box<ReactionPin>),
    Retraction(Box<Retraction>),
}

impl Stored {
    pub(crate) fn parse(kind: JobKind, payload: &str) -> Result<Self, serde_json::Error> {
        match kind {
            JobKind::Press => {
                StoredCallback::parse(payload).map(|press| Self::Press(Box::new(press)))
            }
            JobKind::ReactionPin => {
                ReactionPin::parse(payload).map(|reaction| Self::Reaction(Box::new(reaction)))
            }
            JobKind::Retraction => serde_json::from_str(payload)
                .map(|retraction| Self::Retraction(Box::new(retraction))),
            _ => StoredMessage::parse(payload).map(|message| Self::Message(Box::new(message))),
        }
    }

    pub(crate) fn asked_at(&self, accepted_at: Timestamp) -> Timestamp {
        match self {
            Self::Message(message) => message.asked_at(accepted_at),
            Self::Press(_) => accepted_at,
            Self::Reaction(reaction) => reaction.added_at().unwrap_or(accepted_at),
            Self::Retraction(retraction) => retraction.asked_at,
        }
    }

    pub(crate) fn actor(&self) -> Actor<'_> {
        match self {
            Self::Message(message) => message.actor(),
            Self::Press(press) => press.actor(),
            Self::Reaction(reaction) => reaction.actor(),
            Self::Retraction(retraction) => Actor {
                sender: &retraction.by,
                home: retraction.home.as_deref(),
                chat: &retraction.chat,
            },
        }
    }

    /// The member whose rights count: who approved the request, if its author lacks the right.
    pub(crate) fn authority(&self) -> Actor<'_> {
        match self {
            Self::Message(message) => message.authority(),
            Self::Press(_) | Self::Reaction(_) | Self::Retraction(_) => self.actor(),
        }
    }

    /// The series of which this is a run.
    pub(crate) fn series(&self) -> Option<&Series> {
        match self {
            Self::Message(message) => message.schedule.as_ref()?.series(),
            Self::Press(_) | Self::Reaction(_) | Self::Retraction(_) => None,
        }
    }

    /// Who decided on the request, which was a proposal.
    pub(crate) fn decider(&self) -> Option<&Sender> {
        match self {
            Self::Message(message) => message.decision().map(|(_, by)| by),
            Self::Press(_) | Self::Reaction(_) | Self::Retraction(_) => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct StoredCallback {
    tenant_key: Option<String>,
    pub(crate) button: Button,
    pub(crate) operator: Sender,
    pub(crate) chat_id: ChatId,
    /// The message of the card.
    pub(crate) message_id: Option<MessageId>,
    /// Permits changes to the card for half an hour.
    pub(crate) token: Option<String>,
    /// What was typed into the input of [`REASON`].
    pub(crate) reason: Option<String>,
}

impl StoredCallback {
    fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        let received: Received<'_> = serde_json::from_str(payload)?;
        let press = CardAction::read(received.event);
        let unreadable = || serde_json::Error::custom("not a button of the bot");
        Ok(Self {
            tenant_key: received.tenant_key.map(Cow::into_owned),
            button: Button::read(&press.value).ok_or_else(unreadable)?,
            operator: press.operator,
            chat_id: press.chat_id.ok_or_else(unreadable)?,
            message_id: press.message_id,
            token: press.token,
            reason: press.form.get(REASON).and_then(|typed| reason(typed)),
        })
    }

    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor {
            sender: &self.operator,
            home: self.tenant_key.as_deref(),
            chat: &self.chat_id,
        }
    }
}

#[derive(Debug)]
pub(crate) struct StoredMessage {
    /// The tenant of the bot.
    tenant_key: Option<String>,
    sent_at: Option<Timestamp>,
    pub(crate) event: MessageReceived,
    /// Only in the scheduled job.
    pub(crate) schedule: Option<ScheduledAction>,
    /// Only in jobs for one group of a broadcast. `event` names this group, too.
    pub(crate) delivery: Option<DeliveryTarget>,
}

impl StoredMessage {
    pub(crate) fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        let received: Received<'_> = serde_json::from_str(payload)?;
        let mut event = MessageReceived::read(received.event);
        if let Some(target) = &received.delivery {
            event.message.chat_id = target.chat.clone();
        }
        Ok(Self {
            tenant_key: received.tenant_key.map(Cow::into_owned),
            sent_at: received.sent_at,
            event,
            schedule: received.schedule,
            delivery: received.delivery,
        })
    }

    /// When the platform first sent the message, or else when the bot accepted it. The message's own
    /// time may be earlier: a client that is offline sends messages later.
    pub(crate) fn asked_at(&self, accepted_at: Timestamp) -> Timestamp {
        let typed_at = self.event.message.create_time;
        let asked_at = self.sent_at.into_iter().chain(typed_at).max();
        asked_at.unwrap_or(accepted_at)
    }

    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor {
            sender: &self.event.sender,
            home: self.tenant_key.as_deref(),
            chat: &self.event.message.chat_id,
        }
    }

    /// The member whose rights count: see [`Stored::authority`].
    pub(crate) fn authority(&self) -> Actor<'_> {
        match self.decision() {
            Some((Verdict::Approved, by)) => Actor {
                sender: by,
                ..self.actor()
            },
            _ => self.actor(),
        }
    }

    fn decision(&self) -> Option<(Verdict, &Sender)> {
        match self.schedule.as_ref()? {
            ScheduledAction::Publish { approved_by, .. } => {
                Some((Verdict::Approved, approved_by.as_deref()?))
            }
            ScheduledAction::Propose(proposal) => {
                let decision = proposal.decision.as_ref()?;
                Some((decision.verdict, &decision.by))
            }
            ScheduledAction::Preview(_)
            | ScheduledAction::Expire { .. }
            | ScheduledAction::Supersede { .. } => None,
        }
    }

    /// The payload of the scheduled job of the message in `payload`.
    pub(crate) fn with_schedule(
        payload: &str,
        schedule: ScheduledAction,
    ) -> Result<String, serde_json::Error> {
        let mut received: Received<'_> = serde_json::from_str(payload)?;
        received.schedule = Some(schedule);
        serde_json::to_string(&received)
    }

    /// The payload of the same message for one group of a broadcast.
    pub(crate) fn with_delivery(
        payload: &str,
        target: DeliveryTarget,
    ) -> Result<String, serde_json::Error> {
        let mut received: Received<'_> = serde_json::from_str(payload)?;
        received.delivery = Some(target);
        serde_json::to_string(&received)
    }
}

/// The words of a member on one line; `None` if there are none.
fn reason(typed: &str) -> Option<String> {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let reason: String = words
        .join(" ")
        .chars()
        .take(LONGEST_REASON.into())
        .collect();
    (!reason.is_empty()).then_some(reason)
}

/// `None` if the payload cannot be read, which is reported when the job is due.
pub(crate) fn schedule(row: ScheduleRow) -> Option<Schedule> {
    let stored = StoredMessage::parse(&row.payload).ok()?;
    Some(Schedule {
        id: row.id,
        job_ref: row.job_ref,
        number: row.number,
        due: row.due,
        action: stored.schedule?,
        author: stored.event.sender.id().map(|(_, id)| id.into()),
        payload: row.payload,
    })
}

/// Whether a message is for others, whom it mentions first. Until the bot knows its own id, only the
/// worker can decide this.
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
    // A message that was recalled before its delivery has no content.
    if head.content.is_empty() {
        return false;
    }
    let content = Content::read(&head.message_type, &head.content);
    match content::command_text(&content) {
        Some(text) => command::is_candidate(&text, None, head.chat_type.is_p2p()),
        None => is_unreadable(head),
    }
}

/// Whether a typed message has content of an unknown form.
fn is_unreadable(head: &MessageHead<'_>) -> bool {
    is_typed(&head.message_type)
        && Content::read(&head.message_type, &head.content) == Content::Other
}

pub(crate) fn is_typed(message_type: &str) -> bool {
    matches!(message_type, "text" | "post" | "")
}

/// Whether the message mentions anybody, possibly the bot.
fn may_be_addressed(head: &MessageHead<'_>, event: &RawValue) -> bool {
    head.chat_type.is_p2p() || !MessageReceived::read(event).message.mentions.is_empty()
}

#[cfg(test)]
mod tests {
    use feishu::Envelope;
    use serde_json::{Value, json};

    use super::*;

    fn tenant() -> Tenant {
        Tenant::own("cli_1")
    }

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
        Event::read(&envelope, &tenant(), me.map(OpenId::from).as_ref()).unwrap()
    }

    #[test]
    fn other_events_become_jobs() {
        let group = json!({ "chat_id": "oc_1", "operator_id": {}, "external": false });
        let recall = json!({ "chat_id": "oc_1", "message_id": "om_1" });
        for (event_type, event, kind, origin, payload) in [
            (
                BOT_ADDED,
                &group,
                JobKind::Welcome,
                "oc_1",
                GroupEvent::Added,
            ),
            (BOT_DELETED, &group, JobKind::Left, "e1", GroupEvent::Left),
            (
                CHAT_DISBANDED,
                &group,
                JobKind::Left,
                "e1",
                GroupEvent::Left,
            ),
            (
                MESSAGE_RECALLED,
                &recall,
                JobKind::Recalled,
                "e1",
                GroupEvent::Recalled("om_1".into()),
            ),
        ] {
            let Event::Candidate(job) = read(event_type, event) else {
                panic!("no job: {event_type}");
            };
            let key = JobKey {
                tenant: tenant(),
                origin: origin.to_owned(),
                kind,
            };
            assert_eq!((job.key, &*job.chat), (key, "oc_1"), "{event_type}");
            assert_eq!(
                GroupEvent::parse(&job.payload).unwrap(),
                payload,
                "{event_type}"
            );
        }
    }

    #[test]
    fn only_peoples_pins_are_reactions() {
        let reaction = |emoji: &str, operator: &str, time: &str| {
            json!({
                "message_id": "om_1", "reaction_type": { "emoji_type": emoji },
                "operator_type": operator, "user_id": { "open_id": "ou_1" }, "action_time": time,
            })
        };
        let job = |event: &Value| match read(REACTION_ADDED, event) {
            Event::Reaction(job) => Some(job),
            _ => None,
        };
        let first = job(&reaction("Pin", "user", "1627641418803")).unwrap();
        assert_eq!((first.key.kind, &*first.chat), (JobKind::Reaction, "ou_1"));
        let later = job(&reaction("Pin", "user", "1627641418804")).unwrap();
        assert_ne!(first.key, later.key);
        let again = job(&reaction("Pin", "user", "1627641418803")).unwrap();
        assert_eq!(first.key, again.key);
        for (emoji, operator) in [
            ("DONE", "user"),
            ("pin", "user"),
            ("Pin", "app"),
            ("Pin", ""),
        ] {
            assert!(
                job(&reaction(emoji, operator, "1")).is_none(),
                "{emoji} {operator}"
            );
        }
        assert!(job(&json!({ "reaction_type": { "emoji_type": "Pin" } })).is_none());
    }

    #[test]
    fn messages_to_others_are_ignored() {
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
    fn events_without_a_chat_are_ignored() {
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
    fn event_without_an_id_is_hashed() {
        let event = |header: Value, operator: &str| {
            let body = json!({
                "schema": "2.0", "header": header,
                "event": { "chat_id": "oc_1", "operator_id": { "open_id": operator } },
            });
            let body = body.to_string();
            let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
                panic!("no event: {body}");
            };
            match Event::read(&envelope, &tenant(), None) {
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
    fn unknown_event_types_are_ignored() {
        let read = read("im.chat.updated_v1", &json!({ "chat_id": 1 }));
        assert!(matches!(read, Event::Ignored(Ignored::OtherEvent)));
    }
}
