//! Bombs in the answers of the platform.

use feishu_sim::{Endpoint, Foreign, InChat, MessageId};
use serde_json::{Value, json};

use crate::bombs::payload::Payload;
use crate::platform::Platform;

/// More bytes than the bot reads of any answer.
const TOO_MUCH: usize = 8 << 20;

/// Sets the next answer of a call.
fn answer(platform: &Platform, endpoint: Endpoint, data: &Value) {
    let body = json!({ "code": 0, "msg": "success", "data": data }).to_string();
    platform
        .sim
        .fault(endpoint, Foreign::json(200, &body).into());
}

/// A message of the owner in this chat.
fn say(platform: &Platform, chat: usize, text: &str) -> Payload {
    let said = platform.owner_in(&platform.chats[chat]).say(text);
    Payload {
        envelope: platform.sim.envelope_for(&said.id),
        asks: Some(said.id),
    }
}

/// The owner announces a message that the platform returns as these items.
fn announced(platform: &Platform, items: &Value) -> Vec<Payload> {
    let owner = platform.owner_in(&platform.chats[0]);
    let parent = owner.say("x");
    let reply = owner.reply_to(&parent.id).say("/announce");
    answer(platform, Endpoint::GetMessage, &json!({ "items": items }));
    vec![Payload {
        envelope: platform.sim.envelope_for(&reply.id),
        asks: Some(reply.id),
    }]
}

/// Pictures of so many bytes, announced in each chat.
pub(super) fn pictures(platform: &Platform, bytes: usize) -> Vec<Payload> {
    announced_each(platform, |owner| owner.picture(vec![1; bytes]).id)
}

/// Files of so many bytes, announced in each chat.
pub(super) fn files(platform: &Platform, bytes: usize) -> Vec<Payload> {
    announced_each(platform, |owner| owner.file("film.mov", vec![1; bytes]).id)
}

/// The owner of each chat announces a message of theirs.
fn announced_each(platform: &Platform, message: impl Fn(&InChat) -> MessageId) -> Vec<Payload> {
    let (_, chats) = platform
        .chats
        .split_last()
        .unwrap_or((&platform.chats[0], &[]));
    let announced = chats.iter().map(|chat| {
        let owner = platform.owner_in(chat);
        let reply = owner.reply_to(&message(&owner)).say("/announce");
        Payload {
            envelope: platform.sim.envelope_for(&reply.id),
            asks: Some(reply.id),
        }
    });
    announced.collect()
}

/// Replaces a docx announcement of `blocks` blocks with `runs` runs of text each.
pub(super) fn replaced_docx(platform: &Platform, blocks: usize, runs: usize) -> Vec<Payload> {
    let chat = platform.chats[0].as_str();
    let run = json!({ "text_run": { "content": "a", "text_element_style": {} } });
    let ids = (0..blocks).map(|number| format!("block{number}"));
    let ids: Vec<String> = ids.collect();
    let page = json!({ "block_id": chat, "block_type": 1, "children": ids, "page": {} });
    let blocks = ids.iter().map(|id| {
        json!({
            "block_id": id, "block_type": 2, "parent_id": chat,
            "text": { "elements": vec![&run; runs], "style": {} },
        })
    });
    let items: Vec<Value> = std::iter::once(page).chain(blocks).collect();
    let data = json!({ "items": items, "has_more": false });
    answer(platform, Endpoint::ListBlocks, &data);
    vec![say(platform, 0, "/announce --replace a")]
}

/// Replaces a legacy announcement of `blocks` paragraphs with `runs` runs of text each.
pub(super) fn replaced_doc(platform: &Platform, blocks: usize, runs: usize) -> Vec<Payload> {
    let run = json!({ "type": "textRun", "textRun": { "text": "a", "style": {} } });
    let paragraph = json!({
        "type": "paragraph",
        "paragraph": {
            "elements": vec![run; runs],
            "location": { "zoneId": "0", "startIndex": 1, "endIndex": 2 },
        },
    });
    let content = json!({ "body": { "blocks": vec![paragraph; blocks] } });
    let data = json!({ "content": content.to_string(), "revision": "1" });
    answer(platform, Endpoint::GetDocAnnouncement, &data);
    vec![say(platform, 1, "/announce --replace a")]
}

/// Replaces an announcement of 440 typed lines in each chat.
pub(super) fn replaced_each(platform: &Platform) -> Vec<Payload> {
    let chats = 0..platform.chats.len() - 1;
    let replaced = chats.map(|chat| {
        let lines = (0..440).map(|number| format!("line {number} of what people typed here"));
        platform
            .owner_in(&platform.chats[chat])
            .edit_announcement(lines);
        say(platform, chat, "/announce --replace a")
    });
    replaced.collect()
}

/// A bundle of forwarded messages.
pub(super) fn bundle(platform: &Platform, parts: usize, part: &str, bytes: usize) -> Vec<Payload> {
    let text = part.repeat(bytes / part.len());
    let content = json!({ "text": text }).to_string();
    let part = json!({ "msg_type": "text", "body": { "content": content } });
    let bundle = json!({ "msg_type": "merge_forward", "body": { "content": "Merged" } });
    let items: Vec<&Value> = std::iter::once(&bundle)
        .chain(std::iter::repeat_n(&part, parts))
        .collect();
    announced(platform, &json!(items))
}

/// A message with more bytes than the bot reads.
pub(super) fn long_message(platform: &Platform) -> Vec<Payload> {
    let content = json!({ "text": "a".repeat(TOO_MUCH) }).to_string();
    announced(
        platform,
        &json!([{ "msg_type": "text", "body": { "content": content } }]),
    )
}

/// Chat settings with more bytes than the bot reads, twice, for commands in all chats.
pub(super) fn long_chats(platform: &Platform) -> Vec<Payload> {
    for _ in 0..2 * platform.chats.len() {
        let data = json!({ "name": "a".repeat(TOO_MUCH) });
        answer(platform, Endpoint::GetChat, &data);
    }
    let chats = 0..platform.chats.len() - 1;
    chats
        .map(|chat| say(platform, chat, "/announce a"))
        .collect()
}
