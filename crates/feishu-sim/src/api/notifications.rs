//! The people who have read a message, and recalls by bots (official pages
//! `im-v1/message/{read_users,delete}`).

use serde_json::{Value, json};

use super::messages::{MESSAGE_CODES, known};
use super::{page, page_bounds, success};
use crate::clock::millis;
use crate::messages::{Message, Sender};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::state::State;

const READABLE_FOR_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Only of the bot's own messages, in groups of one tenant.
pub(crate) fn read_users(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    if !state.app().bot_active {
        return Err(Refusal::code(MESSAGE_CODES.inactive));
    }
    let Some(id_type) = request.query("user_id_type") else {
        return Err(Refusal::field("user_id_type", "is required"));
    };
    let message = known(state, request)?;
    if !is_own(state, message) {
        return Err(Refusal::code(230_012));
    }
    if state.now() > message.created_ms + READABLE_FOR_MS {
        return Err(Refusal::code(230_033));
    }
    if message.recalled {
        return Err(Refusal::code(230_110));
    }
    if state.enter(message.chat.as_str(), MESSAGE_CODES)?.external {
        return Err(Refusal::code(230_027));
    }
    let (readers, next) = page(&message.readers, page_bounds(request, 20, 100)?);
    let people = readers
        .iter()
        .filter_map(|(open_id, at)| Some((state.people.get(open_id)?, at)));
    let items: Vec<Value> = people
        .map(|(person, at)| {
            json!({
                "user_id_type": id_type, "user_id": person.id(id_type),
                "timestamp": at.to_string(), "tenant_key": person.tenant_key,
            })
        })
        .collect();
    Ok(success(json!({
        "items": items, "has_more": next.is_some(), "page_token": next.unwrap_or_default(),
    })))
}

/// Only the bot's own messages; the messages of others that an admin may recall are not simulated.
pub(crate) fn recall(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let message = known(state, request)?;
    state.enter(message.chat.as_str(), MESSAGE_CODES)?;
    if !is_own(state, message) {
        return Err(Refusal::code(230_026));
    }
    if message.recalled {
        return Err(Refusal::code(230_110));
    }
    if state.now() > message.created_ms + millis(state.behaviour.messages.recall_limit) {
        return Err(Refusal::code(230_009));
    }
    let id = message.id.clone();
    if let Some(message) = state.messages.get_mut(&id) {
        message.recalled = true;
    }
    Ok(success(json!({})))
}

pub(super) fn is_own(state: &State, message: &Message) -> bool {
    message.sender == Sender::App && message.app == state.apps.index()
}
