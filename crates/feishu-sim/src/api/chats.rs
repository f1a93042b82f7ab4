//! A chat's information and members (official pages `group/chat/get-chat` and `group/chat-member`).

use serde_json::{Value, json};

use super::{CHAT_CODES, ChatCodes, page, page_bounds, success};
use crate::{
    chats::{Chat, ChatMode},
    ids::ChatId,
    refusal::Refusal,
    request::Request,
    state::State,
};

const READ_CODES: ChatCodes = ChatCodes {
    unknown: 232_006,
    direct: None,
    ..CHAT_CODES
};

/// A caller outside the chat sees only its name, avatar, member count and status.
pub(crate) fn get(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    if !state.app().bot_active {
        return Err(Refusal::code(READ_CODES.inactive));
    }
    let id = ChatId::from(request.param("chat_id"));
    let chat = state
        .chats
        .get(&id)
        .ok_or_else(|| Refusal::code(READ_CODES.unknown))?;
    if chat.external && !state.app().external_chats {
        return Err(Refusal::code(READ_CODES.external));
    }
    let mut data = json!({
        "avatar": "https://p3-lark-file.byteimg.com/simulated.png",
        "name": chat.name,
        "user_count": chat.members.len().to_string(),
        "chat_status": if chat.dissolved { "dissolved" } else { "normal" },
    });
    if state.is_in(chat) {
        let seen_by_members = settings(state, chat, request.user_id_type());
        if let (Some(data), Value::Object(fields)) = (data.as_object_mut(), seen_by_members) {
            data.extend(fields);
        }
    }
    Ok(success(data))
}

/// Everything that only members see; absent fields are left out.
fn settings(state: &State, chat: &Chat, user_id_type: &str) -> Value {
    let managers: Vec<&str> = chat
        .managers
        .iter()
        .map(|person| person.id(user_id_type))
        .collect();
    let bots: Vec<&str> = chat
        .bot_is_manager
        .then_some(state.apps.get(chat.home_app).app.app_id.as_str())
        .into_iter()
        .collect();
    let mut data = json!({
        "description": "",
        "i18n_names": {"zh_cn": chat.name, "en_us": chat.name, "ja_jp": chat.name},
        "add_member_permission": "all_members",
        "share_card_permission": "allowed",
        "edit_permission": chat.edit_permission.wire(),
        "user_manager_id_list": managers,
        "bot_manager_id_list": bots,
        "chat_mode": match chat.mode {
            ChatMode::Group | ChatMode::Threads => "group",
            ChatMode::Topic => "topic",
            ChatMode::Direct => "p2p",
        },
        "chat_type": "private",
        "chat_tag": "inner",
        "join_message_visibility": "all_members",
        "leave_message_visibility": "all_members",
        "membership_approval": "no_approval_required",
        "moderation_permission": "all_members",
        "external": chat.external,
        "tenant_key": chat.tenant_key,
        "bot_count": chat.bot_count().to_string(),
        "restricted_mode_setting": {
            "status": false,
            "screenshot_has_permission_setting": "all_members",
            "download_has_permission_setting": "all_members",
            "message_has_permission_setting": "all_members",
        },
        "urgent_setting": "all_members",
        "video_conference_setting": "all_members",
        "hide_member_count_setting": "all_members",
    });
    if let Some(owner) = &chat.owner {
        data["owner_id_type"] = json!(user_id_type);
        data["owner_id"] = json!(owner.id(user_id_type));
    }
    if let Some(who) = chat.pin_manage_setting {
        data["pin_manage_setting"] = json!(who.wire());
    }
    if let Some(who) = chat.at_all_permission {
        data["at_all_permission"] = json!(who.wire());
    }
    match chat.mode {
        ChatMode::Group => data["group_message_type"] = json!("chat"),
        ChatMode::Threads => data["group_message_type"] = json!("thread"),
        ChatMode::Topic | ChatMode::Direct => {}
    }
    data
}

pub(crate) fn is_in_chat(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let id = ChatId::from(request.param("chat_id"));
    let chat = state
        .chats
        .get(&id)
        .ok_or_else(|| Refusal::code(READ_CODES.unknown))?;
    Ok(success(json!({"is_in_chat": state.is_in(chat)})))
}

/// The groups that the caller is in (official page `group/chat/list`); direct chats are not listed.
pub(crate) fn list(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    if !state.app().bot_active {
        return Err(Refusal::code(READ_CODES.inactive));
    }
    let bounds = page_bounds(request, 20, 100)?;
    let is_listed = |(_, chat): &(&ChatId, &Chat)| {
        let is_of_tenant = chat.external || chat.tenant_key == state.caller;
        is_of_tenant && state.is_in(chat) && !matches!(chat.mode, ChatMode::Direct)
    };
    let mut chats: Vec<_> = state.chats.iter().filter(is_listed).collect();
    chats.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    let (chats, next) = page(&chats, bounds);
    let items: Vec<Value> = chats
        .iter()
        .map(|(id, chat)| {
            json!({
                "chat_id": id.as_str(), "name": chat.name, "external": chat.external,
                "avatar": "https://p3-lark-file.byteimg.com/simulated.png", "description": "",
                "chat_status": if chat.dissolved { "dissolved" } else { "normal" },
            })
        })
        .collect();
    Ok(success(json!({
        "items": items, "has_more": next.is_some(), "page_token": next.unwrap_or_default(),
    })))
}

/// People only; bots are not listed.
pub(crate) fn members(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let bounds = page_bounds(request, 20, 100)?;
    let chat = state.enter(request.param("chat_id"), READ_CODES)?;
    let id_type = request.query("member_id_type").unwrap_or("open_id");
    let (members, next) = page(&chat.members, bounds);
    let items: Vec<Value> = members
        .iter()
        .map(|person| {
            json!({
                "member_id_type": id_type, "member_id": person.id(id_type),
                "name": person.name, "tenant_key": person.tenant_key,
            })
        })
        .collect();
    let data = json!({
        "items": items, "has_more": next.is_some(), "page_token": next.unwrap_or_default(),
        "member_total": chat.members.len(),
    });
    Ok(success(data))
}
