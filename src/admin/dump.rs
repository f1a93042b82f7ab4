//! `noticebot jobs dump`: a job as JSON that can be shared and read by a test.

use serde_json::{Map, Value, json};

use super::stand_ins::StandIns;
use crate::command::{self, Command};
use crate::content::{self, Mention};
use crate::event::{GroupEvent, Stored, StoredMessage};
use crate::model::broadcast::{DeliveryPayload, ReportPayload};
use crate::model::job::JobKind;
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::store::JobRecord;

/// Whether texts of members are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    Included,
    Replaced,
}

/// The job with stand-ins for ids, and for texts unless they are included. Its fields are the columns
/// of the table; the three that hold JSON are objects.
pub(super) fn fixture(job: &JobRecord, texts: Texts) -> Result<Value, serde_json::Error> {
    let kind = JobKind::from_column(&job.kind);
    let mut stand_ins = StandIns::new(texts == Texts::Included, command_of(&job.payload));
    let Value::Object(columns) = serde_json::to_value(job)? else {
        return Ok(Value::Null);
    };
    let mut fixture = Map::new();
    for (name, value) in columns {
        let value = match (name.as_str(), &value) {
            ("payload", Value::String(text)) => {
                let is_readable = |value: &Value| reads_payload(kind, value);
                stand_ins.json(text, &is_readable)
            }
            ("progress", Value::String(text)) => stand_ins.json(text, &reads::<Progress>),
            ("outcome", Value::String(text)) => stand_ins.json(text, &reads::<Outcome>),
            ("kind" | "state" | "reference", _) => value,
            (_, Value::String(text)) => stand_ins.column(text),
            _ => value,
        };
        fixture.insert(name, value);
    }
    Ok(json!({
        "noticebot": env!("CARGO_PKG_VERSION"),
        "texts": if texts == Texts::Included { "included" } else { "replaced" },
        "job": fixture,
    }))
}

fn reads<T: serde::de::DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

/// Whether the worker can read it as the payload of such a job.
pub(super) fn reads_payload(kind: Option<JobKind>, value: &Value) -> bool {
    let payload = value.to_string();
    match kind {
        None => false,
        Some(JobKind::Delivery) => reads::<DeliveryPayload>(value),
        Some(JobKind::Report) => reads::<ReportPayload>(value),
        Some(JobKind::Overflow) => true,
        Some(kind) if kind.is_group_event() => GroupEvent::parse(&payload).is_ok(),
        Some(kind) => Stored::parse(kind, &payload).is_ok(),
    }
}

/// The parts of a message that are its command, so that the text can be replaced without them.
fn command_of(payload: &str) -> Vec<String> {
    let Ok(stored) = StoredMessage::parse(payload) else {
        return Vec::new();
    };
    let message = &stored.event.message;
    let content = feishu::Content::read(&message.message_type, &message.content);
    let Some(text) = content::command_text(&content) else {
        return Vec::new();
    };
    // Which mention is the bot is unknown here.
    let mentions = message.mentions.iter().map(|mention| Mention {
        is_me: true,
        ..Mention::new(mention, None)
    });
    let mentions: Vec<Mention> = mentions.collect();
    let published = match command::parse(&text, &mentions, message.chat_type.is_p2p()) {
        Ok(Some(Command::Announce(it) | Command::Notice(it))) => it.text,
        Ok(Some(Command::Edit(it))) => Some(it.text),
        Ok(Some(Command::Help) | None) | Err(_) => return names_of_commands(&text),
        Ok(Some(_)) => None,
    };
    let parts = match published {
        Some(range) => [text.get(..range.start), text.get(range.end..)],
        None => [Some(text.as_str()), None],
    };
    let parts = parts.into_iter().flatten().map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// The words that are a command alone.
fn names_of_commands(text: &str) -> Vec<String> {
    let is_command = |word: &&str| {
        word.starts_with(['/', '／']) && matches!(command::parse(word, &[], false), Ok(Some(_)))
    };
    let words = text.split_whitespace().filter(is_command);
    words.map(str::to_owned).take(1).collect()
}
