//! The upgraded announcement (official pages `group/upgraded-group-announcement`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChatCodes, authors, page, page_bounds, success};
use crate::{
    chats::{Announcement, Chat},
    docx::{Document, FirstLine, Place},
    docx_block::{Content, NewBlock},
    docx_media::Origin,
    docx_text::Element,
    docx_update::BlockRequest,
    ids::{ChatId, Ids},
    limits::{Counted, Limit},
    refusal::Refusal,
    request::{Request, rate_limited},
    state::State,
};

const DOCX_CODES: ChatCodes = ChatCodes {
    inactive: 1_772_025,
    unknown: 1_770_002,
    other_tenant: 1_772_002,
    dissolved: 1_772_001,
    external: 1_772_004,
    outside: 1_772_003,
    direct: Some(1_772_001),
};
/// The limit of children per call.
const MAX_CHILDREN: usize = 50;
/// The limit of updates per call.
const MAX_UPDATES: usize = 200;
/// The limit of files per call.
const MAX_FILES: usize = 20;
/// The limit of edits per announcement.
const EDITS: Limit = Limit::per_second(3);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateChildren {
    children: Vec<NewBlock>,
    index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteChildren {
    start_index: i64,
    end_index: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchUpdate {
    requests: Vec<BlockRequest>,
}

/// Works for both kinds of announcement.
pub(crate) fn get(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let chat = state.enter(request.param("chat_id"), DOCX_CODES)?;
    let (kind, metadata) = match &chat.announcement {
        Announcement::Doc(document) => ("doc", &document.metadata),
        Announcement::Docx(document) => ("docx", &document.metadata),
    };
    let (created_s, updated_s) = (metadata.created_ms / 1000, metadata.updated_ms / 1000);
    let (owner, modifier) = authors(state, chat, &metadata.editor, request.user_id_type());
    Ok(success(json!({
        "revision_id": metadata.revision,
        "create_time": created_s, "update_time": updated_s,
        "create_time_v2": created_s.to_string(), "update_time_v2": updated_s.to_string(),
        "owner_id": owner.0, "owner_id_type": owner.1,
        "modifier_id": modifier.0, "modifier_id_type": modifier.1,
        "announcement_type": kind,
    })))
}

pub(crate) fn blocks(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let read = readable(state, request)?;
    let ids = read.ids(request.param("chat_id"));
    let page = page_of(read, &ids, request)?;
    let id = ChatId::from(request.param("chat_id").to_owned());
    let (document, _, (ids, now)) = parts(state, &id)?;
    document.add_late_lines(ids, now);
    Ok(page)
}

pub(crate) fn children(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let document = readable(state, request)?;
    let ids = document
        .children(request.param("block_id"))
        .ok_or_else(|| Refusal::code(1_770_002))?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    page_of(document, &ids, request)
}

pub(crate) fn block(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let document = readable(state, request)?;
    let block = document
        .block(request.param("block_id"))
        .ok_or_else(|| Refusal::code(1_770_002))?;
    Ok(success(json!({"block": block})))
}

pub(crate) fn create_children(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let CreateChildren { children, index } = request.body()?;
    if children.len() > MAX_CHILDREN {
        return Err(Refusal::field("children", "the max len is 50"));
    }
    if children.is_empty() {
        return Err(Refusal::field("children", "the min len is 1"));
    }
    let index = match index {
        None | Some(-1) => None,
        Some(index) => Some(usize::try_from(index).map_err(|_| Refusal::code(1_770_001))?),
    };
    let contents: Vec<Content> = children
        .into_iter()
        .map(NewBlock::check)
        .collect::<Result<_, _>>()?;
    if let Some(most) = state.behaviour.longest_run
        && let Some(place) = contents.iter().position(|block| block.longest_run() > most)
    {
        let field = format!("children[{place}].text.elements.text_run.content");
        return Err(Refusal::field(&field, &format!("the max len is {most}")));
    }
    let images = contents.iter().filter(|content| content.is_image());
    if images.count() > MAX_FILES {
        return Err(Refusal::code(1_770_035));
    }
    if let Some(most) = state.behaviour.docx.largest_new_table
        && contents.iter().any(|content| content.is_table_over(most))
    {
        return Err(Refusal::code(1_770_001));
    }
    if state.behaviour.docx.only_listed_fields && contents.iter().any(Content::is_beyond_pages) {
        return Err(Refusal::code(1_770_001));
    }
    let elements = contents.iter().flat_map(Content::elements);
    check_mentions(state, request.user_id_type(), elements)?;
    write(state, request, |state, id, revision| {
        let (document, lines, source) = parts(state, id)?;
        let (parent, place) = (request.param("block_id"), Place { index, revision });
        let children = document.create(parent, place, contents, lines, source)?;
        Ok(json!({"children": children, "revision_id": document.metadata.revision}))
    })
}

pub(crate) fn batch_update(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let BatchUpdate { mut requests } = request.body()?;
    if requests.len() > MAX_UPDATES {
        return Err(Refusal::field("requests", "the max len is 200"));
    }
    let elements = requests.iter().flat_map(BlockRequest::elements);
    if let Some(most) = state.behaviour.longest_run
        && elements.clone().any(|element| element.units() > most)
    {
        return Err(Refusal::field(
            "requests",
            &format!("the max len is {most}"),
        ));
    }
    check_mentions(state, request.user_id_type(), elements)?;
    let files = requests
        .iter_mut()
        .filter(|update| update.token().is_some());
    let files: Vec<&mut BlockRequest> = files.collect();
    if files.len() > MAX_FILES {
        return Err(Refusal::code(1_770_035));
    }
    for update in files {
        let uploaded = update
            .token()
            .and_then(|token| state.medias.uploaded.get(token));
        update.origin = uploaded.map(|media| Origin {
            block: media.block.clone(),
            name: media.name.clone(),
        });
    }
    write(state, request, |state, id, revision| {
        let (document, lines, source) = parts(state, id)?;
        let blocks = document.update(requests, revision, lines, source)?;
        Ok(json!({"blocks": blocks, "revision_id": document.metadata.revision}))
    })
}

pub(crate) fn delete_children(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let DeleteChildren {
        start_index,
        end_index,
    } = request.body()?;
    let (Ok(start), Ok(end)) = (usize::try_from(start_index), usize::try_from(end_index)) else {
        return Err(Refusal::code(1_770_001));
    };
    write(state, request, |state, id, revision| {
        let now = state.now();
        let document = document(state.chats.get_mut(id))?;
        document.delete(request.param("block_id"), start..end, revision, now)?;
        Ok(json!({"revision_id": document.metadata.revision}))
    })
}

/// Checks membership, kind, permission and the limit of edits, then applies the effect. A repeated
/// client token returns the first response and has no second effect.
fn write(
    state: &mut State,
    request: &Request,
    effect: impl FnOnce(&mut State, &ChatId, i64) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let revision = request.number("revision_id", -1, -1, i64::MAX)?;
    let chat = state.enter(request.param("chat_id"), DOCX_CODES)?;
    let Announcement::Docx(document_now) = &chat.announcement else {
        return Err(Refusal::code(1_772_006));
    };
    if !state.is_permitted(chat, Some(chat.edit_permission)) {
        let code = if state.behaviour.docx_denial_is_forbidden {
            1_770_032
        } else {
            1_772_005
        };
        return Err(Refusal::code(code));
    }
    let token = request
        .query("client_token")
        .filter(|token| !token.is_empty());
    if let Some(first) = token.and_then(|token| document_now.replays.get(token)) {
        return Ok(success(first.clone()));
    }
    let id = chat.id.clone();
    state
        .count(&Counted::Edits(id.clone()), &[EDITS])
        .map_err(rate_limited)?;
    let token = token.map_or_else(|| state.ids.hex(), str::to_owned);
    let mut data = effect(state, &id, revision)?;
    data["client_token"] = json!(token);
    let editor = state.editor();
    let document = document(state.chats.get_mut(&id))?;
    document.metadata.editor = editor;
    document.replays.insert(token, data.clone());
    Ok(success(data))
}

/// The document of a chat, with what new blocks need: their first line, and a source of ids and time.
fn parts<'a>(
    state: &'a mut State,
    chat: &ChatId,
) -> Result<(&'a mut Document, FirstLine, (&'a mut Ids, u64)), Refusal> {
    let (now, lines) = (state.now(), state.behaviour.docx.first_line);
    let State { chats, ids, .. } = state;
    Ok((document(chats.get_mut(chat))?, lines, (ids, now)))
}

fn document(chat: Option<&mut Chat>) -> Result<&mut Document, Refusal> {
    match chat.map(|chat| &mut chat.announcement) {
        Some(Announcement::Docx(document)) => Ok(document),
        Some(Announcement::Doc(_)) | None => Err(Refusal::code(1_772_001)),
    }
}

/// The document. Only its newest revision can be read.
fn readable<'a>(state: &'a State, request: &Request) -> Result<&'a Document, Refusal> {
    let revision = request.number("revision_id", -1, -1, i64::MAX)?;
    let chat = state.enter(request.param("chat_id"), DOCX_CODES)?;
    let Announcement::Docx(document) = &chat.announcement else {
        return Err(Refusal::code(1_772_006));
    };
    let newest = i64::try_from(document.metadata.revision).unwrap_or(i64::MAX);
    if revision == -1 || revision == newest {
        return Ok(document);
    }
    Err(Refusal::code(if revision < newest {
        1_770_021
    } else {
        1_770_001
    }))
}

fn page_of(document: &Document, ids: &[&str], request: &Request) -> Result<Value, Refusal> {
    let (ids, next) = page(ids, page_bounds(request, 500, 500)?);
    let items = document.show(ids.iter().copied());
    let mut data = json!({"items": items, "has_more": next.is_some()});
    if let Some(next) = next {
        data["page_token"] = json!(next);
    }
    Ok(success(data))
}

/// At most 100 people, 50 documents and 30 reminders in one write, and only people of the tenant.
fn check_mentions<'e>(
    state: &State,
    id_type: &str,
    elements: impl Iterator<Item = &'e Element> + Clone,
) -> Result<(), Refusal> {
    let people = elements.clone().filter_map(Element::person);
    let documents = elements.clone().filter(|element| element.is_document());
    let reminders = elements.filter(|element| element.is_reminder());
    if people.clone().count() > 100 || documents.count() > 50 || reminders.count() > 30 {
        return Err(Refusal::code(1_770_034));
    }
    let mut people = people;
    if people.all(|id| state.is_colleague(id_type, id)) {
        Ok(())
    } else {
        Err(Refusal::code(1_770_001))
    }
}
