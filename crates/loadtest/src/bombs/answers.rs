//! Bombs that lie in what the platform answers.

use feishu_sim::{Endpoint, Foreign};
use serde_json::{Value, json};

use crate::bombs::thrown::Thrown;
use crate::platform::Platform;

/// More than any answer that the bot reads.
const TOO_MUCH: usize = 8 << 20;

/// The next answer of this call.
fn answer(platform: &Platform, endpoint: Endpoint, data: &Value) {
    let body = json!({ "code": 0, "msg": "success", "data": data }).to_string();
    platform
        .sim
        .fault(endpoint, Foreign::json(200, &body).into());
}

/// The owner of this chat says it.
fn say(platform: &Platform, chat: usize, text: &str) -> Thrown {
    let said = platform.owner_in(&platform.chats[chat]).say(text);
    Thrown {
        envelope: platform.sim.envelope_for(&said.id),
        asks: Some(said.id),
    }
}

/// The owner announces a message, which the platform shows like this.
fn announced(platform: &Platform, items: &Value) -> Vec<Thrown> {
    let owner = platform.owner_in(&platform.chats[0]);
    let parent = owner.say("x");
    let reply = owner.reply_to(&parent.id).say("/announce");
    answer(platform, Endpoint::GetMessage, &json!({ "items": items }));
    vec![Thrown {
        envelope: platform.sim.envelope_for(&reply.id),
        asks: Some(reply.id),
    }]
}

/// An announcement of the new kind of so many blocks, each of so many runs of text, replaced.
pub(super) fn replaced_docx(platform: &Platform, blocks: usize, runs: usize) -> Vec<Thrown> {
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

/// The same of the old kind.
pub(super) fn replaced_doc(platform: &Platform, blocks: usize, runs: usize) -> Vec<Thrown> {
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

/// Announcements of 440 lines that people typed, replaced in each chat.
pub(super) fn replaced_each(platform: &Platform) -> Vec<Thrown> {
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
pub(super) fn bundle(platform: &Platform, parts: usize, part: &str, bytes: usize) -> Vec<Thrown> {
    let text = part.repeat(bytes / part.len());
    let content = json!({ "text": text }).to_string();
    let part = json!({ "msg_type": "text", "body": { "content": content } });
    let bundle = json!({ "msg_type": "merge_forward", "body": { "content": "Merged" } });
    let items: Vec<&Value> = std::iter::once(&bundle)
        .chain(std::iter::repeat_n(&part, parts))
        .collect();
    announced(platform, &json!(items))
}

/// A message of more bytes than are read.
pub(super) fn long_message(platform: &Platform) -> Vec<Thrown> {
    let content = json!({ "text": "a".repeat(TOO_MUCH) }).to_string();
    announced(
        platform,
        &json!([{ "msg_type": "text", "body": { "content": content } }]),
    )
}

/// Settings of a chat of more bytes than are read, twice, to commands of all chats.
pub(super) fn long_chats(platform: &Platform) -> Vec<Thrown> {
    for _ in 0..2 * platform.chats.len() {
        let data = json!({ "name": "a".repeat(TOO_MUCH) });
        answer(platform, Endpoint::GetChat, &data);
    }
    let chats = 0..platform.chats.len() - 1;
    chats
        .map(|chat| say(platform, chat, "/announce a"))
        .collect()
}
