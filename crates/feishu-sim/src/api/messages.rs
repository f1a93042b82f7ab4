//! Reading, sending and replying (official pages `im-v1/message/{get,create,reply}`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChatCodes, success};
use crate::{
    card,
    chats::ChatMode,
    content,
    ids::{ChatId, MessageId},
    limits::{Counted, Limit},
    messages::{Message, NewMessage, Sender},
    refusal::Refusal,
    request::Request,
    state::State,
};

/// The codes of the message APIs; direct chats are welcome.
pub(super) const MESSAGE_CODES: ChatCodes = ChatCodes {
    inactive: 230_006,
    unknown: 230_001,
    other_tenant: 230_027,
    dissolved: 232_009,
    external: 230_013,
    outside: 230_002,
    direct: None,
};
/// A `uuid` holds for one hour.
const UUID_LIFE_MS: u64 = 60 * 60 * 1000;
/// Messages that all bots together may send to one chat, or one bot to one person.
const PER_CHAT: Limit = Limit::per_second(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    receive_id: String,
    msg_type: String,
    content: String,
    uuid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyBody {
    msg_type: String,
    content: String,
    #[serde(default)]
    reply_in_thread: bool,
    uuid: Option<String>,
}

/// Reading a group's message needs a scope of its own, else 230027.
pub(crate) fn get(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let message = known(state, request)?.clone();
    let chat = state.enter(message.chat.as_str(), MESSAGE_CODES)?;
    if chat.mode != ChatMode::Direct
        && state
            .check_scope(&["im:message.group_msg", "im:message.group_msg:readonly"])
            .is_err()
    {
        return Err(Refusal::code(230_027));
    }
    let as_sent = request.query("card_msg_content_type") == Some("user_card_content");
    let show = |message: &Message| {
        let mut object = message.object(&state.apps, request.user_id_type());
        if message.msg_type == "interactive" && !message.recalled && !as_sent {
            object["body"]["content"] = json!(card::plain_form(&message.content).to_string());
        }
        object
    };
    let mut items = vec![show(&message)];
    // Bundles in bundles are listed with their messages, too.
    let mut next = parts_of(&message);
    while let Some((upper, part)) = next.pop() {
        if let Some(part) = state.messages.get(&part) {
            let mut shown = show(part);
            shown["upper_message_id"] = json!(upper.as_str());
            items.push(shown);
            next.extend(parts_of(part));
        }
    }
    Ok(success(json!({ "items": items })))
}

/// The messages of a bundle, each with the bundle's id, the first last.
fn parts_of(bundle: &Message) -> Vec<(MessageId, MessageId)> {
    let parts = bundle.parts.iter().rev();
    parts
        .map(|part| (bundle.id.clone(), part.clone()))
        .collect()
}

/// Sends to a chat, or to a person by `open_id`. Other kinds of receiver are not simulated.
pub(crate) fn create(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let body: Create = request.body()?;
    check(&body.msg_type, &body.content, body.uuid.as_deref())?;
    let chat = match request.query("receive_id_type") {
        Some("chat_id") => ChatId::from(body.receive_id),
        Some("open_id") => direct_chat(state, &body.receive_id)?,
        _ => {
            return Err(Refusal::field(
                "receive_id_type",
                "must be chat_id or open_id",
            ));
        }
    };
    let codes = ChatCodes {
        unknown: 230_034,
        ..MESSAGE_CODES
    };
    let chat = state.enter(chat.as_str(), codes)?;
    state.check_availability(chat, 230_013)?;
    let chat = chat.id.clone();
    let draft = NewMessage {
        chat,
        sender: Sender::App,
        parent: None,
        in_thread: false,
        msg_type: body.msg_type,
        content: body.content,
        mentions: Vec::new(),
    };
    send(state, draft, body.uuid)
}

pub(crate) fn reply(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let body: ReplyBody = request.body()?;
    check(&body.msg_type, &body.content, body.uuid.as_deref())?;
    let parent = known(state, request)?;
    let chat = state.enter(parent.chat.as_str(), MESSAGE_CODES)?;
    state.check_availability(chat, 230_013)?;
    if parent.recalled {
        return Err(Refusal::code(230_011));
    }
    if body.reply_in_thread && chat.mode == ChatMode::Direct {
        return Err(Refusal::code(230_071));
    }
    let draft = NewMessage {
        chat: chat.id.clone(),
        sender: Sender::App,
        parent: Some(parent.id.clone()),
        in_thread: body.reply_in_thread,
        msg_type: body.msg_type,
        content: body.content,
        mentions: Vec::new(),
    };
    send(state, draft, body.uuid)
}

/// The direct chat with a person, which the first message creates.
fn direct_chat(state: &mut State, open_id: &str) -> Result<ChatId, Refusal> {
    let person = state.people.get(open_id);
    let person = person.ok_or_else(|| Refusal::code(230_034))?.clone();
    if person.tenant_key != state.caller {
        return Err(Refusal::code(230_038));
    }
    if state.app().unavailable_to.contains(open_id) {
        return Err(Refusal::code(230_013));
    }
    Ok(state.direct_chat(&person))
}

/// The message of the path.
pub(super) fn known<'a>(state: &'a State, request: &Request) -> Result<&'a Message, Refusal> {
    let id = MessageId::from(request.param("message_id"));
    state
        .messages
        .get(&id)
        .ok_or_else(|| Refusal::code(230_001))
}

/// The shape of a message and the length of its key.
fn check(msg_type: &str, text: &str, uuid: Option<&str>) -> Result<(), Refusal> {
    content::check(msg_type, text)?;
    if uuid.is_some_and(|uuid| uuid.chars().count() > 50) {
        return Err(Refusal::field("uuid", "the max len is 50"));
    }
    Ok(())
}

/// Whether a message notifies everybody, if it may be sent.
fn notifies_all(state: &State, draft: &NewMessage) -> Result<bool, Refusal> {
    let chat = state.chats.get(&draft.chat);
    let Some(chat) = chat.filter(|_| draft.mentions_all()) else {
        return Ok(false);
    };
    let may = state.is_permitted(chat, chat.at_all_permission);
    match state.behaviour.messages.mention_all_refusal {
        Some(code) if !may => Err(Refusal::code(code)),
        _ => Ok(may),
    }
}

/// Sends once per `uuid`: a repetition within an hour returns the first message.
fn send(state: &mut State, draft: NewMessage, uuid: Option<String>) -> Result<Value, Refusal> {
    let uuid = uuid.filter(|uuid| !uuid.is_empty());
    let now = state.now();
    if let Some((_, first)) = uuid.as_ref().and_then(|uuid| {
        let sent = &state.apps.present().sent_uuids;
        sent.get(uuid).filter(|(at, _)| at + UUID_LIFE_MS > now)
    }) {
        if let Some(code) = state.behaviour.messages.repeat_refusal {
            return Err(Refusal::code(code));
        }
        return Ok(success(
            state.messages[first].object(&state.apps, "open_id"),
        ));
    }
    let counted = Counted::MessagesTo(draft.chat.clone());
    state
        .count(&counted, &[PER_CHAT])
        .map_err(|_| Refusal::code(230_020))?;
    let notifies_all = notifies_all(state, &draft)?;
    let id = state.add_message(draft);
    if let Some(message) = state.messages.get_mut(&id) {
        message.notifies_all = notifies_all;
    }
    if let Some(uuid) = uuid {
        let sent = &mut state.apps.present_mut().sent_uuids;
        sent.insert(uuid, (now, id.clone()));
    }
    Ok(success(state.messages[&id].object(&state.apps, "open_id")))
}
