//! What can happen to us: the one door from the platform's events into the bot.

use std::borrow::Cow;

use feishu::{Content, EventEnvelope, MESSAGE_RECEIVE, MessageHead, MessageReceived};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::command;
use crate::content;
use crate::plan::Plan;
use crate::store::{JobKey, NewJob, Step};

/// An event, as far as intake looks at it.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message that may hold a command: to be stored.
    Candidate(NewJob),
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
}

/// An event of a known type whose fields are not as the platform documents.
#[derive(Debug, thiserror::Error)]
#[error("the event cannot be read")]
pub(crate) struct Malformed(#[from] serde_json::Error);

impl Event {
    /// Looks at as few fields as decide; the rest is read by the worker.
    pub(crate) fn read(envelope: &EventEnvelope<'_>, app_id: &str) -> Result<Self, Malformed> {
        if envelope.event_type != MESSAGE_RECEIVE {
            return Ok(Self::Ignored(Ignored::OtherEvent));
        }
        let event = envelope.event.unwrap_or(RawValue::NULL);
        let head = MessageHead::parse(event)?;
        if let Some(ignored) = Ignored::of(&head)? {
            return Ok(Self::Ignored(ignored));
        }
        let message = Received {
            tenant_key: envelope.tenant_key.clone(),
            event,
            plan: None,
        };
        Ok(Self::Candidate(NewJob {
            key: JobKey {
                app: app_id.to_owned(),
                // The event's page asks to tell messages apart by their own id:
                // one message may come under several event ids.
                origin: head.message_id.clone().into_owned(),
                step: Step::Command,
            },
            chat: head.chat_id.clone().into_owned(),
            payload: serde_json::to_string(&message)?,
        }))
    }
}

impl Ignored {
    /// Why a message leads to nothing; `None` if it may hold a command.
    pub(crate) fn of(head: &MessageHead<'_>) -> Result<Option<Self>, Malformed> {
        if head.sender_type != "user" {
            return Ok(Some(Self::FromBot));
        }
        Ok((!may_be_command(head)?).then_some(Self::Chatter))
    }
}

/// What is stored of a received message: the platform's own text of it.
#[derive(Debug, Serialize, Deserialize)]
struct Received<'a> {
    #[serde(borrow)]
    tenant_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: &'a RawValue,
    /// What the message has planned, in the payload of that job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
}

/// A stored message, read in full.
#[derive(Debug)]
pub(crate) struct StoredMessage {
    /// The tenant that the bot works for.
    pub(crate) tenant_key: Option<String>,
    pub(crate) event: MessageReceived,
    /// What the message has planned, in a job that carries that out.
    pub(crate) plan: Option<Plan>,
}

impl StoredMessage {
    /// Reads what intake stored.
    pub(crate) fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        let received: Received<'_> = serde_json::from_str(payload)?;
        Ok(Self {
            tenant_key: received.tenant_key.map(Cow::into_owned),
            event: MessageReceived::parse(received.event)?,
            plan: received.plan,
        })
    }

    /// The payload of a job that carries out what the message in `payload` has
    /// planned.
    pub(crate) fn with_plan(payload: &str, plan: Plan) -> Result<String, serde_json::Error> {
        let mut received: Received<'_> = serde_json::from_str(payload)?;
        received.plan = Some(plan);
        serde_json::to_string(&received)
    }
}

fn may_be_command(head: &MessageHead<'_>) -> Result<bool, serde_json::Error> {
    // A message that was recalled before it was pushed has no content.
    if head.content.is_empty() {
        return Ok(false);
    }
    let content = Content::parse(&head.message_type, &head.content)?;
    let text = content::command_text(&content);
    Ok(text.is_some_and(|text| command::is_candidate(&text, head.chat_type.is_p2p())))
}
