//! The list of bombs.

use serde_json::{Value, json};

use super::answers;
use crate::bombs::payload::Payload;
use crate::platform::Platform;

/// A kind of bomb.
pub(super) struct Bomb {
    pub(super) name: &'static str,
    /// The number of chats that send it.
    pub(super) chats: usize,
    pub(super) make: fn(&Platform) -> Vec<Payload>,
    /// Limit of the memory growth in MiB, if it is smaller than that of the options.
    pub(super) growth: f64,
}

/// A body of so many bytes is nearly 1 MiB once encrypted.
const LARGEST: usize = 770_000;

pub(super) const KINDS: &[Bomb] = &[
    one("49,000 pairs of stars", |p| text(p, "**a**b", 294_000)),
    one("16,000 pairs of stars", |p| text(p, "**a**b", 96_000)),
    one("1,000 pairs of stars", |p| text(p, "**a**b", 6_000)),
    one("tildes", |p| text(p, "~~", LARGEST)),
    one("brackets", |p| text(p, "[a](", 100_000)),
    one("links", |p| text(p, "[a](https://a.cn)", 100_000)),
    one("addresses", |p| text(p, "https://a.cn ", 100_000)),
    one("ticks", |p| text(p, "`a`b", 60_000)),
    one("quotes", |p| text(p, "> ", 100_000)),
    one("list markers", |p| text(p, "- a\n", LARGEST / 2)),
    one("one long line", |p| text(p, "a", LARGEST)),
    one("one long word to the bot", |p| direct(p, "a", LARGEST)),
    one("brackets to the bot", |p| direct(p, "[a](", LARGEST)),
    one("short words to the bot", |p| direct(p, "a ", LARGEST)),
    one("a long name after a slash", |p| {
        let text = format!("/{}", "a".repeat(LARGEST));
        let content = json!({ "text": text }).to_string();
        vec![said(p, 0, "text", &content, Value::Null, false)]
    }),
    one("Chinese", |p| text(p, "停", 300_000)),
    one("backslashes", |p| text(p, "\\*", 100_000)),
    one("blank lines", |p| text(p, "\n", LARGEST / 3)),
    one("a post of 20,000 elements", |p| {
        post(p, r#"{"tag":"text","text":"a"},"#, 20_000)
    }),
    one("a post of empty objects", |p| post(p, "{},", 200_000)),
    one("a post of empty paragraphs", |p| post(p, "{}],[", 150_000)),
    one("a post within the limit", |p| {
        post(p, r#"{"tag":"text","text":"a","style":["bold"]},"#, 600)
    }),
    one("a post of deep lists", |p| {
        vec![said(p, 0, "post", &"[".repeat(LARGEST), Value::Null, false)]
    }),
    one("40,000 mentions", mentions),
    one("a press with a large value", press),
    one("a card", |p| {
        let card = format!(r#"{{"elements":[{}1]}}"#, "[],".repeat(200_000));
        vec![said(p, 0, "interactive", &card, Value::Null, false)]
    }),
    one("a reply to a bomb", |p| replies(p, "**a**b", 96_000)),
    one("a reply to one long line", |p| replies(p, "a", 700_000)),
    one("a message of 8 MiB", answers::long_message),
    one("a bundle of 100 messages", |p| {
        answers::bundle(p, 100, "**a**b", 18_000)
    }),
    one("a bundle of 100 long messages", |p| {
        answers::bundle(p, 100, "a", 80_000)
    }),
    one("a bundle of 20,000 messages", |p| {
        answers::bundle(p, 20_000, "*a* b", 5)
    }),
    one("replacing 440 blocks of 3 runs", |p| {
        answers::replaced_docx(p, 440, 3)
    }),
    one("replacing 5,000 blocks", |p| {
        answers::replaced_docx(p, 5_000, 1)
    }),
    one("replacing 400 blocks of 80 runs", |p| {
        answers::replaced_docx(p, 400, 80)
    }),
    of_two("replacing 440 old lines of 3 runs", |p| {
        answers::replaced_doc(p, 440, 3)
    }),
    of_two("replacing 10,000 old lines", |p| {
        answers::replaced_doc(p, 10_000, 1)
    }),
    of_two("replacing 100 old lines of 200 runs", |p| {
        answers::replaced_doc(p, 100, 200)
    }),
    streamed("a picture of 20 MiB", 1, |p| answers::pictures(p, 20 << 20)),
    streamed("a file of 100 MiB", 1, |p| answers::files(p, 100 << 20)),
    streamed("4 groups with pictures of 20 MiB", 4, |p| {
        answers::pictures(p, 20 << 20)
    }),
    many("16 groups with chats of 8 MiB", 16, answers::long_chats),
    many("16 groups replacing 440 lines", 16, answers::replaced_each),
    many("24 groups with 20 KB each", 24, |p| {
        each(p, "**a**b", 20_000)
    }),
    many("16 groups with 100 KB each", 16, |p| {
        each(p, "**a**b", 96_000)
    }),
    many("64 bodies of 1 MiB", 64, |p| each(p, "a", LARGEST)),
    many("64 texts of 1,000 runs", 64, |p| each(p, "**a**b", 3_000)),
];

const fn one(name: &'static str, make: fn(&Platform) -> Vec<Payload>) -> Bomb {
    many(name, 1, make)
}

/// Sent in the second of two chats, which has the legacy kind of announcement.
const fn of_two(name: &'static str, make: fn(&Platform) -> Vec<Payload>) -> Bomb {
    many(name, 2, make)
}

const fn many(name: &'static str, chats: usize, make: fn(&Platform) -> Vec<Payload>) -> Bomb {
    Bomb {
        name,
        chats,
        make,
        growth: f64::INFINITY,
    }
}

/// Content that passes through the bot in small parts.
const fn streamed(name: &'static str, chats: usize, make: fn(&Platform) -> Vec<Payload>) -> Bomb {
    Bomb {
        growth: 8.0,
        ..many(name, chats, make)
    }
}

/// One announcement that repeats this part.
fn text(platform: &Platform, part: &str, bytes: usize) -> Vec<Payload> {
    vec![announce(platform, 0, part, bytes)]
}

/// One announcement per chat that repeats this part.
fn each(platform: &Platform, part: &str, bytes: usize) -> Vec<Payload> {
    let chats = 0..platform.chats.len() - 1;
    chats
        .map(|chat| announce(platform, chat, part, bytes))
        .collect()
}

fn announce(platform: &Platform, chat: usize, part: &str, bytes: usize) -> Payload {
    let text = format!("/announce {}", part.repeat(bytes / part.len()));
    let content = json!({ "text": text }).to_string();
    said(platform, chat, "text", &content, Value::Null, true)
}

/// A message in a direct chat, where the bot answers every message.
fn direct(platform: &Platform, part: &str, bytes: usize) -> Vec<Payload> {
    let said = platform.owner_in(&platform.chats[0]).say("x");
    let mut envelope = platform.sim.envelope_for(&said.id);
    let message = &mut envelope["event"]["message"];
    message["chat_type"] = json!("p2p");
    message["content"] = json!(json!({ "text": part.repeat(bytes / part.len()) }).to_string());
    vec![Payload {
        envelope,
        asks: Some(said.id),
    }]
}

fn post(platform: &Platform, part: &str, count: usize) -> Vec<Payload> {
    let command = r#"{"tag":"text","text":"/announce a"}"#;
    let content = format!(
        r#"{{"content":[[{command}],[{}{{}}]]}}"#,
        part.repeat(count)
    );
    vec![said(platform, 0, "post", &content, Value::Null, true)]
}

fn mentions(platform: &Platform) -> Vec<Payload> {
    let mentions: Vec<Value> = (0..40_000).map(|_| json!({ "key": "@_user_1" })).collect();
    let content = json!({ "text": "/announce @_user_1 hello" }).to_string();
    vec![said(platform, 0, "text", &content, json!(mentions), true)]
}

/// A message of a member with this content.
fn said(
    platform: &Platform,
    chat: usize,
    message_type: &str,
    content: &str,
    mentions: Value,
    asks: bool,
) -> Payload {
    let said = platform.owner_in(&platform.chats[chat]).say("/announce x");
    let mut envelope = platform.sim.envelope_for(&said.id);
    let message = &mut envelope["event"]["message"];
    message["message_type"] = json!(message_type);
    message["content"] = json!(content);
    message["mentions"] = mentions;
    Payload {
        envelope,
        asks: asks.then_some(said.id),
    }
}

fn press(platform: &Platform) -> Vec<Payload> {
    let said = platform.owner_in(&platform.chats[0]).say("x");
    let mut envelope = platform.sim.envelope_for(&said.id);
    envelope["header"]["event_type"] = json!("card.action.trigger");
    envelope["event"] = json!({
        "operator": { "open_id": platform.owner.open_id },
        "action": { "value": { "noticebot": vec![0; 300_000] } },
        "context": { "open_chat_id": platform.chats[0].as_str() },
    });
    vec![Payload {
        envelope,
        asks: None,
    }]
}

/// A command in reply to the bomb.
fn replies(platform: &Platform, part: &str, bytes: usize) -> Vec<Payload> {
    let owner = platform.owner_in(&platform.chats[0]);
    let bomb = owner.say(part.repeat(bytes / part.len()));
    let reply = owner.reply_to(&bomb.id).say("/announce");
    vec![Payload {
        envelope: platform.sim.envelope_for(&reply.id),
        asks: Some(reply.id),
    }]
}
