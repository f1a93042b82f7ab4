//! Files of messages (official page `im-v1/message/get-message-resource`) and of documents (official
//! pages `drive-v1/media/**`).

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chats::{Announcement, Chat};
use crate::ids::MessageId;
use crate::limits::{Counted, Limit};
use crate::medias::{Media, MediaRoute};
use crate::multipart::{Part, adler32, parts};
use crate::refusal::Refusal;
use crate::request::{Request, SentFile, rate_limited};
use crate::state::State;

/// The largest file that a call uploads.
const MAX_UPLOAD: usize = 20 * 1024 * 1024;
/// The largest resource of a message that is sent.
const MAX_RESOURCE: usize = 100 * 1024 * 1024;
const MAX_NAME: usize = 250;
const UPLOADS: [Limit; 2] = [Limit::per_second(5), Limit::per_day(10_000)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    drive_route_token: String,
}

/// Sends a file of a message. The bot has to be in the chat.
pub(crate) fn resource(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let id = MessageId::from(request.param("message_id"));
    let kind = request.query("type").unwrap_or_default();
    if !["image", "file"].contains(&kind) {
        return Err(Refusal::code(234_001).violating("type is neither image nor file"));
    }
    let message = state.messages.get(&id);
    let message = message.ok_or_else(|| Refusal::code(234_001))?;
    let chat = state.chats.get(&message.chat);
    let is_in = chat.is_some_and(|chat| chat.tenant_key == state.caller && state.is_in(chat));
    let key = request.param("file_key");
    let refusals = [
        (!is_in, 234_004),
        (message.recalled, 230_110),
        (
            matches!(
                &*message.msg_type,
                "merge_forward" | "interactive" | "sticker"
            ),
            234_043,
        ),
        (!message.content.contains(&format!("\"{key}\"")), 234_003),
        (key.starts_with("img_") != (kind == "image"), 234_001),
    ];
    if let Some((_, code)) = refusals.into_iter().find(|(refused, _)| *refused) {
        return Err(Refusal::code(code));
    }
    let bytes = state.medias.resource(key);
    if bytes.len() > MAX_RESOURCE {
        return Err(Refusal::code(234_037));
    }
    send(state, request, bytes)
}

/// Sends a file of a document to a caller who is in its chat.
pub(crate) fn download(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let media = state.medias.uploaded.get(request.param("file_token"));
    let media = media.ok_or_else(|| Refusal::code(1_061_003))?.clone();
    let chat = chat_of(state, &media.block).ok_or_else(|| Refusal::code(1_061_003))?;
    if !state.is_in(chat) {
        return Err(Refusal::code(1_061_004));
    }
    send(state, request, media.bytes)
}

/// Answers with a file or the range of it that the request names.
fn send(state: &mut State, request: &Request, bytes: Bytes) -> Result<Value, Refusal> {
    let (bytes, range) = match &request.range {
        None => (bytes, None),
        Some(range) => {
            let (start, end) =
                range_of(range, bytes.len()).ok_or_else(|| Refusal::code(234_001))?;
            let told = format!("bytes {start}-{}/{}", end - 1, bytes.len());
            (bytes.slice(start..end), Some(told))
        }
    };
    let broken = &mut state.behaviour.media.broken_downloads;
    let is_broken = *broken > 0;
    *broken = broken.saturating_sub(1);
    state.sent_file = Some(SentFile {
        is_broken,
        bytes,
        range,
        length_is_told: state.behaviour.media.length_is_told,
        sent: state.sent_bytes.clone(),
    });
    Ok(Value::Null)
}

/// The start and the end of `bytes=start-end`, of which the last may be missing.
fn range_of(range: &str, length: usize) -> Option<(usize, usize)> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: usize = start.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(length),
    };
    (start < end).then_some((start, end))
}

/// Uploads a file of at most 20 MiB for a block.
pub(crate) fn upload(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let form = Form::read(request)?;
    let name = form.text("file_name")?;
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(Refusal::code(1_061_008));
    }
    let bytes = form.bytes("file")?.clone();
    let size: usize = form.text("size")?.parse().map_err(|_| params())?;
    if size > MAX_UPLOAD {
        return Err(Refusal::code(1_061_043));
    }
    if size != bytes.len() {
        return Err(Refusal::code(1_062_009).violating("size is not that of the file"));
    }
    let checksum = form.optional("checksum");
    if checksum.is_some_and(|sum| sum != adler32(&bytes).to_string()) {
        return Err(Refusal::code(1_062_008));
    }
    let wanted = match &*form.text("parent_type")? {
        "docx_image" => 27,
        "docx_file" => 23,
        _ => return Err(params()),
    };
    let block = form.text("parent_node")?;
    let Some(chat) = chat_of(state, &block) else {
        return Err(Refusal::code(1_061_044));
    };
    let id = chat.id.clone();
    let shown = match &chat.announcement {
        Announcement::Docx(document) => document.block(&block),
        Announcement::Doc(_) => None,
    };
    if shown.is_none_or(|shown| shown["block_type"] != wanted) {
        return Err(Refusal::code(1_061_044));
    }
    let extra = match form.optional("extra") {
        Some(extra) => Some(serde_json::from_str::<Extra>(&extra).map_err(|_| params())?),
        None => None,
    };
    let is_routed = match state.behaviour.media.route {
        MediaRoute::None => true,
        MediaRoute::ChatId => extra.is_some_and(|extra| extra.drive_route_token == id.as_str()),
        MediaRoute::Never => false,
    };
    if !is_routed {
        return Err(Refusal::code(1_061_044));
    }
    let may_edit = state.is_in(chat) && state.is_permitted(chat, Some(chat.edit_permission));
    if !may_edit || chat.tenant_key != state.caller {
        return Err(Refusal::code(1_061_004));
    }
    let uploads = state.medias.uploaded.values();
    if uploads
        .filter(|media| media.block == block)
        .any(|media| media.served >= request.began)
    {
        return Err(Refusal::code(1_061_045));
    }
    let counted = Counted::Uploads(state.caller());
    state
        .count(&counted, &UPLOADS)
        .map_err(|exceeded| Refusal {
            status: 400,
            ..rate_limited(exceeded)
        })?;
    let token = state.ids.prefixed("boxcn");
    let media = Media {
        name,
        bytes,
        block,
        served: state.record.calls.len(),
    };
    state.medias.uploaded.insert(token.clone(), media);
    Ok(json!({"code": 0, "msg": "Success", "data": {"file_token": token}}))
}

fn params() -> Refusal {
    Refusal::code(1_061_002).violating("a malformed upload")
}

/// The chat whose announcement has a block.
fn chat_of<'a>(state: &'a State, block: &str) -> Option<&'a Chat> {
    state.chats.values().find(|chat| match &chat.announcement {
        Announcement::Docx(document) => document.block(block).is_some(),
        Announcement::Doc(_) => false,
    })
}

struct Form(Vec<Part>);

impl Form {
    fn read(request: &Request) -> Result<Self, Refusal> {
        const FIELDS: [&str; 7] = [
            "file_name",
            "parent_type",
            "parent_node",
            "size",
            "checksum",
            "extra",
            "file",
        ];
        let content_type = request.content_type.as_deref().unwrap_or_default();
        let parts = parts(content_type, &request.body).ok_or_else(params)?;
        let known = |part: &Part| FIELDS.contains(&part.name.as_str());
        if !parts.iter().all(known) {
            return Err(params());
        }
        Ok(Self(parts))
    }

    fn bytes(&self, name: &str) -> Result<&Bytes, Refusal> {
        let part = self.0.iter().find(|part| part.name == name);
        Ok(&part.ok_or_else(params)?.content)
    }

    /// The Python SDK sends empty parts for what its caller leaves out.
    fn optional(&self, name: &str) -> Option<String> {
        self.text(name).ok().filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Result<String, Refusal> {
        let part = self.0.iter().find(|part| part.name == name);
        let bytes = &part.ok_or_else(|| Refusal::code(1_061_002))?.content;
        String::from_utf8(bytes.to_vec()).map_err(|_| params())
    }
}
