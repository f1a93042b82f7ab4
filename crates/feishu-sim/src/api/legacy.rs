//! The legacy announcement (official pages `group/chat-announcement/{get,patch}`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{CHAT_DOOR, success};
use crate::{
    chats::Announcement,
    ids::ChatId,
    legacy::Document,
    legacy_block::Block,
    legacy_operation::{Operation, read},
    refusal::Refusal,
    refusal::failed,
    request::Request,
    state::State,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchAnnouncement {
    revision: String,
    requests: Option<Vec<String>>,
}

pub(crate) fn get(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let chat = state.enter(request.param("chat_id"), CHAT_DOOR)?;
    let Announcement::Doc(document) = &chat.announcement else {
        return Err(Refusal::code(232_097));
    };
    let kind = request.user_id_type();
    let app = || (state.app.app_id.as_str(), "app_id");
    let owner = chat
        .owner
        .as_ref()
        .map_or_else(app, |owner| (owner.id(kind), kind));
    let modifier = if document.edited_by_bot { app() } else { owner };
    Ok(success(json!({
        "content": document.content().to_string(),
        "revision": document.revision().to_string(),
        "create_time": (document.created_ms / 1000).to_string(),
        "update_time": (document.updated_ms / 1000).to_string(),
        "owner_id_type": owner.1, "owner_id": owner.0,
        "modifier_id_type": modifier.1, "modifier_id": modifier.0,
    })))
}

pub(crate) fn patch(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let PatchAnnouncement { revision, requests } = request.body()?;
    let revision: u64 = revision.parse().map_err(|_| Refusal::code(232_001))?;
    let batch = read(&requests.ok_or_else(|| Refusal::code(232_001))?)?;
    let chat = state.enter(request.param("chat_id"), CHAT_DOOR)?;
    let id = chat.id.clone();
    if matches!(chat.announcement, Announcement::Docx(_)) {
        return Err(Refusal::code(232_097));
    }
    if !chat.lets_bot(Some(chat.edit_permission)) {
        return Err(Refusal::code(232_002));
    }
    let deletes = batch
        .iter()
        .any(|operation| matches!(operation, Operation::Delete(_)));
    if deletes && state.behaviour.legacy_deletes_refused {
        return Err(failed(95_020, "checkDeleteContentRange fail"));
    }
    check_people(state, &batch)?;
    check_runs(state, &batch)?;
    let now = state.now();
    let later_first = state.behaviour.legacy_later_insert_first;
    document(state, &id)?.apply(revision, batch, later_first, now)?;
    Ok(success(json!({})))
}

/// People outside the tenant make the insertion an error.
fn check_people(state: &State, batch: &[Operation]) -> Result<(), Refusal> {
    let blocks = batch.iter().filter_map(|operation| match operation {
        Operation::Insert(_, blocks) => Some(blocks),
        Operation::Title(_) | Operation::Delete(_) => None,
    });
    let mut people = blocks.flatten().flat_map(Block::people);
    if people.all(|open_id| state.is_colleague("open_id", open_id)) {
        Ok(())
    } else {
        Err(failed(95_020, "no permission for person"))
    }
}

fn check_runs(state: &State, batch: &[Operation]) -> Result<(), Refusal> {
    let Some(most) = state.behaviour.longest_run else {
        return Ok(());
    };
    let blocks = batch.iter().filter_map(|operation| match operation {
        Operation::Insert(_, blocks) => Some(blocks),
        Operation::Title(_) | Operation::Delete(_) => None,
    });
    if blocks.flatten().all(|block| block.longest_run() <= most) {
        return Ok(());
    }
    Err(Refusal::field(
        "requests",
        &format!("the max len of a textRun is {most}"),
    ))
}

fn document<'a>(state: &'a mut State, id: &ChatId) -> Result<&'a mut Document, Refusal> {
    match state.chats.get_mut(id).map(|chat| &mut chat.announcement) {
        Some(Announcement::Doc(document)) => Ok(document),
        Some(Announcement::Docx(_)) | None => Err(Refusal::code(232_003)),
    }
}
