//! The legacy announcement (official pages `group/chat-announcement/{get,patch}`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{CHAT_CODES, authors, success};
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
    let chat = state.enter(request.param("chat_id"), CHAT_CODES)?;
    let Announcement::Doc(document) = &chat.announcement else {
        return Err(Refusal::code(232_097));
    };
    let metadata = &document.metadata;
    let (owner, modifier) = authors(state, chat, &metadata.editor, request.user_id_type());
    Ok(success(json!({
        "content": document.content().to_string(),
        "revision": metadata.revision.to_string(),
        "create_time": (metadata.created_ms / 1000).to_string(),
        "update_time": (metadata.updated_ms / 1000).to_string(),
        "owner_id_type": owner.1, "owner_id": owner.0,
        "modifier_id_type": modifier.1, "modifier_id": modifier.0,
    })))
}

pub(crate) fn patch(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let PatchAnnouncement { revision, requests } = request.body()?;
    let revision: u64 = revision.parse().map_err(|_| Refusal::code(232_001))?;
    let batch = read(&requests.ok_or_else(|| Refusal::code(232_001))?)?;
    let chat = state.enter(request.param("chat_id"), CHAT_CODES)?;
    let id = chat.id.clone();
    if matches!(chat.announcement, Announcement::Docx(_)) {
        return Err(Refusal::code(232_097));
    }
    if !state.is_permitted(chat, Some(chat.edit_permission)) {
        return Err(Refusal::code(232_002));
    }
    let deletes = batch
        .iter()
        .any(|operation| matches!(operation, Operation::Delete(_)));
    if deletes && state.behaviour.legacy_deletes_refused {
        return Err(failed(95_020, "checkDeleteContentRange fail"));
    }
    check_blocks(state, &batch)?;
    let now = state.now();
    let later_first = state.behaviour.legacy_later_insert_first;
    let editor = state.editor();
    let document = document(state, &id)?;
    document.apply(revision, batch, later_first, now)?;
    document.metadata.editor = editor;
    Ok(success(json!({})))
}

/// People of other tenants and runs that are too long make an insertion an error.
fn check_blocks(state: &State, batch: &[Operation]) -> Result<(), Refusal> {
    let inserted = || {
        batch.iter().flat_map(|operation| match operation {
            Operation::Insert(_, blocks) => blocks.as_slice(),
            Operation::Title(_) | Operation::Delete(_) => &[],
        })
    };
    let mut people = inserted().flat_map(Block::people);
    if !people.all(|open_id| state.is_colleague("open_id", open_id)) {
        return Err(failed(95_020, "no permission for person"));
    }
    match state.behaviour.longest_run {
        Some(most) if inserted().any(|block| block.longest_run() > most) => {
            let description = format!("the max len of a textRun is {most}");
            Err(Refusal::field("requests", &description))
        }
        _ => Ok(()),
    }
}

fn document<'a>(state: &'a mut State, id: &ChatId) -> Result<&'a mut Document, Refusal> {
    match state.chats.get_mut(id).map(|chat| &mut chat.announcement) {
        Some(Announcement::Doc(document)) => Ok(document),
        Some(Announcement::Docx(_)) | None => Err(Refusal::code(232_003)),
    }
}
