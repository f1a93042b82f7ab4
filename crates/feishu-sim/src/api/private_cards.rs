//! Cards that one member of a group sees (official page `im-v1/message-card`, "only visible to certain
//! people").
//!
//! The page refers to the generic error codes, and does not say which of them mean what.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChatCodes, success};
use crate::chats::{Chat, ChatMode};
use crate::content;
use crate::ids::{ChatId, MessageId};
use crate::limits::{Counted, Limit};
use crate::messages::Sender;
use crate::private_card::PrivateCard;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::state::State;

/// Codes of the generic table whose text fits.
const CODES: ChatCodes = ChatCodes {
    inactive: 11_205,
    unknown: 11_213,
    other_tenant: 10_034,
    dissolved: 11_237,
    external: 11_239,
    outside: 10_030,
    direct: Some(18_053),
};
/// Cards for the members of one group.
const PER_CHAT: Limit = Limit::per_second(40);

/// Other ids of the person are not simulated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    chat_id: String,
    open_id: String,
    msg_type: String,
    card: Value,
}

pub(crate) fn send(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let body: Send = request.body()?;
    if body.msg_type != "interactive" {
        let what = format!("message type `{}`", body.msg_type);
        return Err(Refusal::field("msg_type", "must be interactive").violating(what));
    }
    let content = body.card.to_string();
    content::check("interactive", &content)
        .map_err(|refusal| Refusal::code(11_246).instead_of(refusal))?;
    let chat = state.enter(&body.chat_id, CODES)?;
    check(state, chat, &body.open_id)?;
    let chat = chat.id.clone();
    let counted = Counted::PrivateCardsIn(chat.clone());
    state
        .count(&counted, &[PER_CHAT])
        .map_err(|_| Refusal::code(11_233))?;
    let card = PrivateCard {
        id: state.ids.prefixed("om_").into(),
        answers: answered(state, &chat, &body.open_id),
        chat,
        open_id: body.open_id,
        content,
        deleted: false,
        created_ms: state.now(),
    };
    let data = if state.behaviour.private_cards.are_named {
        json!({"message_id": card.id.as_str()})
    } else {
        json!({})
    };
    if !state.offline.contains(&card.open_id) {
        state.apps.present_mut().private_cards.push(card);
    }
    Ok(success(data))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    message_id: String,
}

/// A card that does not exist, or not any longer, is refused with the generic code for that.
pub(crate) fn delete(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let body: Delete = request.body()?;
    let cards = &mut state.apps.present_mut().private_cards;
    let mut cards = cards.iter_mut().filter(|card| !card.deleted);
    let card = cards.find(|card| card.id.as_str() == body.message_id);
    card.ok_or(Refusal::code(11_200))?.deleted = true;
    Ok(success(json!({})))
}

fn answered(state: &State, chat: &ChatId, open_id: &str) -> Option<MessageId> {
    let reacted = state.apps.present().reacted.get(chat)?;
    let message = state.messages.get(reacted)?;
    let is_theirs = matches!(&message.sender, Sender::Person(person) if person.open_id == open_id);
    is_theirs.then(|| reacted.clone())
}

/// Whether this person can see a card in this chat.
fn check(state: &State, chat: &Chat, open_id: &str) -> Result<(), Refusal> {
    let rules = &state.behaviour.private_cards;
    let is_ordinary = match chat.mode {
        ChatMode::Group => true,
        ChatMode::Threads => rules.are_shown_in_threads,
        ChatMode::Topic | ChatMode::Direct => false,
    };
    let refusals = [
        (!is_ordinary, 18_053),
        (!state.people.contains_key(open_id), 11_101),
        (!chat.has_member(open_id), rules.outsider),
        (
            state.app().unavailable_to.contains(open_id),
            rules.unavailable,
        ),
    ];
    let refusal = refusals.into_iter().find(|(refused, _)| *refused);
    refusal.map_or(Ok(()), |(_, code)| Err(Refusal::code(code)))
}
