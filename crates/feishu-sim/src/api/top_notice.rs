//! The top notice: one slot per chat (official pages `group/chat/put_top_notice`, `delete_top_notice`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{CHAT_CODES, success};
use crate::{
    chats::{Chat, TopNotice},
    ids::{ChatId, MessageId},
    refusal::Refusal,
    request::Request,
    state::State,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutTopNotice {
    chat_top_notice: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    action_type: Option<String>,
    message_id: Option<String>,
}

/// `"1"` pins a message of this chat. `"2"` pins the announcement and ignores a message id, so the
/// request sample of the official page pins the announcement.
pub(crate) fn put(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let PutTopNotice { chat_top_notice } = request.body()?;
    let invalid = || Refusal::code(232_001);
    let [entry] = chat_top_notice.as_slice() else {
        return Err(invalid());
    };
    let id = manageable(state, request)?;
    let notice = match entry.action_type.as_deref().unwrap_or("2") {
        "2" => TopNotice::Announcement,
        "1" => {
            let message = MessageId::from(entry.message_id.clone().ok_or_else(invalid)?);
            let known = state.messages.get(&message);
            let usable = known.is_some_and(|message| message.chat == id && !message.recalled);
            if !usable {
                return Err(invalid());
            }
            TopNotice::Message(message)
        }
        _ => return Err(invalid()),
    };
    set(state, &id, Some(notice))
}

/// Succeeds also without a top notice.
pub(crate) fn delete(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    if !request.body.is_empty() {
        let Nothing {} = request.body()?;
    }
    let id = manageable(state, request)?;
    set(state, &id, None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The chat, if the caller may manage its top notice.
fn manageable(state: &State, request: &Request) -> Result<ChatId, Refusal> {
    let chat: &Chat = state.enter(request.param("chat_id"), CHAT_CODES)?;
    if state.is_permitted(chat, chat.pin_manage_setting) {
        Ok(chat.id.clone())
    } else {
        Err(Refusal::code(232_014))
    }
}

fn set(state: &mut State, id: &ChatId, notice: Option<TopNotice>) -> Result<Value, Refusal> {
    let chat = state
        .chats
        .get_mut(id)
        .ok_or_else(|| Refusal::code(CHAT_CODES.unknown))?;
    chat.top_notice = notice;
    Ok(success(json!({})))
}
