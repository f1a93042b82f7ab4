//! Undocumented forms of events and messages.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault, Foreign, MessageId, Words};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::harness::Bench;

const EN: &str = "[reply]\nlanguage = 'en'";

/// A bot and a group that receive events of any form.
struct Shapes {
    bench: Bench,
    group: ChatId,
}

impl Shapes {
    async fn new() -> Self {
        let bench = Bench::with(|builder| builder, EN).await;
        let group = bench.group(Docx);
        Self { bench, group }
    }

    /// A message that was not pushed, and its event.
    fn unpushed(&self, text: &str) -> (MessageId, Value) {
        let message = self.bench.say_unpushed(&self.group, text);
        let event = self.bench.sim.envelope_for(&message);
        (message, event)
    }

    /// Pushes a changed event of a new message, and expects a 200.
    async fn push(&self, change: impl FnOnce(&mut Value)) -> MessageId {
        let (message, mut event) = self.unpushed("nothing");
        change(&mut event);
        self.deliver(&event).await;
        message
    }

    async fn deliver(&self, event: &Value) {
        let push = self.bench.sim.push_envelope(event.clone());
        assert_eq!(push.answer().await.status, 200, "{event}");
    }

    fn member(&self) -> feishu_sim::InChat {
        let member = self.bench.sim.as_person(&self.bench.member);
        member.in_chat(&self.group)
    }

    fn announcement(&self) -> Vec<String> {
        self.bench.sim.announcement_text(&self.group)
    }
}

fn post(content: &Value) -> impl FnOnce(&mut Value) {
    let content = content.to_string();
    move |event| {
        event["event"]["message"]["message_type"] = json!("post");
        event["event"]["message"]["content"] = json!(content);
    }
}

fn remove(section: &mut Value, field: &str) {
    section.as_object_mut().unwrap().remove(field);
}

fn text(text: &str) -> Value {
    json!([{ "tag": "text", "text": text }])
}

#[tokio::test]
async fn command_is_read_in_every_form_of_post() {
    let shapes = Shapes::new().await;
    let command = "/pin announcement";
    let says = json!({ "title": "", "content": [text(command)] });
    let image = json!([{ "tag": "img", "image_key": "img_1" }]);
    for content in [
        json!({ "zh_cn": { "title": "", "content": [] }, "en_us": says }),
        json!({ "en_us": { "content": [[]] }, "ja_jp": says }),
        json!({ "zh_cn": { "content": [text(" ")] }, "zh_hk": null, "th_th": says }),
        json!({ "zh_cn": { "content": null }, "en_us": says }),
        json!({ "post": { "zh_cn": says } }),
        json!({ "key": 7, "zh_cn": says }),
        json!({ "title": command }),
        json!({ "title": command, "content": null }),
        json!({ "content": [{ "tag": "text", "text": command }] }),
        json!({ "content": [image, text(command)] }),
        json!({ "content": [[{ "tag": "emotion", "emoji_type": "SMILE" }, { "tag": "text", "text": command }]] }),
        json!({ "content": [[{ "tag": "a", "text": command, "href": "https://a.cn" }]] }),
        json!({ "content": [[{ "tag": "md", "text": command }]] }),
        json!({ "content": [[{ "tag": "list", "items": [text(command)] }]] }),
        json!({ "content": [[{ "tag": "ol", "elements": [{ "tag": "li", "text": command }] }]] }),
        json!({ "content": [[{ "tag": "heading", "level": 1, "text": command }]] }),
        json!({ "title": "Please", "content": [text(command)] }),
        json!({ "title": "Please", "content": [image, text(command)] }),
    ] {
        let message = shapes.push(post(&content)).await;
        let reaction = shapes.bench.reaction(&message).await;
        assert_eq!(reaction, "Pin", "{content}");
    }
    shapes.bench.finish().await;
}

#[tokio::test]
async fn quoted_command_is_ignored() {
    let shapes = Shapes::new().await;
    let command = "/pin announcement";
    for content in [
        json!({ "content": [[{ "tag": "quote", "text": command }]] }),
        json!({ "content": [[{ "tag": "code_block", "text": command }]] }),
        json!({ "content": [text("see"), text(command)] }),
    ] {
        shapes.push(post(&content)).await;
    }
    shapes.bench.idle().await;
    assert!(shapes.bench.sim.calls_to(Endpoint::PutTopNotice).is_empty());
    shapes.bench.finish().await;
}

#[tokio::test]
async fn odd_fields_do_not_prevent_a_command() {
    let shapes = Shapes::new().await;
    let changes: [fn(&mut Value); 14] = [
        |event| remove(&mut event["header"], "event_id"),
        |event| event["header"]["create_time"] = json!(1_789_088_400),
        |event| remove(&mut event["event"]["sender"], "sender_type"),
        |event| event["event"]["sender"]["sender_type"] = json!(null),
        |event| remove(&mut event["event"]["message"], "create_time"),
        |event| event["event"]["message"]["create_time"] = json!(1_789_088_400_000_i64),
        |event| event["event"]["message"]["create_time"] = json!("1789088400000000"),
        |event| remove(&mut event["event"]["message"], "chat_type"),
        |event| event["event"]["message"]["chat_type"] = json!("of_the_future"),
        |event| event["event"]["message"]["mentions"] = json!(null),
        |event| event["event"]["message"]["mentions"] = json!([7, { "key": [] }, null]),
        |event| event["event"]["message"]["content"] = json!({ "text": "/pin announcement" }),
        |event| event["event"]["message"]["message_type"] = json!(null),
        |event| event["event"]["message"]["root_id"] = json!({}),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (message, mut event) = shapes.unpushed("/pin announcement");
        change(&mut event);
        shapes.deliver(&event).await;
        shapes.deliver(&event).await;
        assert_eq!(shapes.bench.reaction(&message).await, "Pin", "{number}");
    }
    shapes.bench.idle().await;
    let puts = shapes.bench.sim.calls_to(Endpoint::PutTopNotice).len();
    assert_eq!(puts, changes.len(), "each is done once");
    shapes.bench.finish().await;
}

#[tokio::test]
async fn unreadable_message_to_the_bot_is_answered() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    for content in ["{\"text\":\"/pi", "[]", "{\"text\":null}", "7e"] {
        let message = shapes.member().say(Words::at_bot().text(" /help")).id;
        bench.answer(&message).await;
        let mut event = bench.sim.envelope_for(&message);
        let other = bench.say_unpushed(&shapes.group, "x");
        event["event"]["message"]["message_id"] = json!(other.as_str());
        event["event"]["message"]["content"] = json!(content);
        if content == "7e" {
            event["event"]["message"]["content"] = json!("{\"zh_cn\":{}}");
        }
        shapes.deliver(&event).await;
        let answer = bench.answer(&other).await;
        assert!(
            answer.contains("content of this message cannot be read"),
            "{answer}"
        );
    }
    shapes.bench.finish().await;
}

#[tokio::test]
async fn permission_is_checked_by_any_known_id() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let group = bench.closed_group();
    let said = |who| {
        let scopes = bench.sim.change_app(|app| std::mem::take(&mut app.scopes));
        let said = bench
            .sim
            .as_person(who)
            .in_chat(&group)
            .say("/pin announcement")
            .id;
        bench.sim.change_app(|app| app.scopes = scopes);
        said
    };
    let owner = &bench.owner;
    let say_as = |who| {
        let person = bench.sim.as_person(who).in_chat(&group);
        person.say("/pin announcement").id
    };
    for ids in [&["union_id"][..], &["user_id"], &["union_id", "user_id"]] {
        bench.sim.change_app(|app| app.sender_ids = ids.to_vec());
        let message = say_as(owner);
        assert_eq!(bench.reaction(&message).await, "Pin", "{ids:?}");
        let message = say_as(&bench.member);
        let answer = bench.answer(&message).await;
        assert!(answer.contains("Only the owner and admins"), "{answer}");
        bench.advance(Duration::from_mins(2));
    }
    bench.sim.change_app(|app| app.sender_ids.clear());
    let message = say_as(owner);
    let answer = bench.answer(&message).await;
    assert!(
        answer.contains("Feishu did not identify the sender"),
        "{answer}"
    );
    for ids in [
        json!({}),
        json!(null),
        json!({ "open_id": "", "user_id": null }),
        json!([]),
    ] {
        let message = said(owner);
        let mut event = bench.sim.envelope_for(&message);
        event["event"]["sender"]["sender_id"] = ids.clone();
        shapes.deliver(&event).await;
        let answer = bench.answer(&message).await;
        assert!(
            answer.contains("Feishu did not identify the sender"),
            "{answer}"
        );
    }
    shapes.bench.finish().await;
}

#[tokio::test]
async fn text_of_a_card_is_announced() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let plain = |text: &str| json!({ "tag": "plain_text", "content": text });
    let first = json!({
        "header": { "title": plain("Card one") },
        "elements": [{ "tag": "div", "text": { "tag": "lark_md", "content": "**first** words" } }],
    });
    let second = json!({
        "schema": "2.0", "header": { "title": plain("Card two") },
        "body": { "elements": [{ "tag": "markdown", "content": "second words" }] },
    });
    let template = json!({ "type": "template", "data": {
        "template_id": "AAq", "template_variable": { "a": "third words" },
    } });
    for (card, expected) in [
        (first, &["Card one", "first words"][..]),
        (second, &["Card two", "second words"]),
        (template, &["third words"]),
    ] {
        let card = shapes.member().send("interactive", &card).id;
        let command = bench.reply(&shapes.group, &card, "/announce").id;
        bench.reaction(&command).await;
        let lines = shapes.announcement();
        assert_eq!(lines[..expected.len()], *expected, "{lines:?}");
    }
    let empty = json!({ "schema": "2.0", "body": { "elements": [] } });
    let card = shapes.member().send("interactive", &empty).id;
    let command = bench.reply(&shapes.group, &card, "/announce").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("is a card"), "{answer}");
    shapes.bench.finish().await;
}

#[tokio::test]
async fn card_is_announced_without_the_card_parameter() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let card = json!({
        "header": { "title": { "tag": "plain_text", "content": "Card one" } }, "elements": [],
    });
    let card = shapes.member().send("interactive", &card).id;
    bench.sim.fault(Endpoint::GetMessage, Fault::Nothing);
    bench.sim.fault(Endpoint::GetMessage, Fault::code(230_001));
    let command = bench.reply(&shapes.group, &card, "/announce").id;
    bench.reaction(&command).await;
    assert_eq!(shapes.announcement()[0], "Card one");
    shapes.bench.finish().await;
}

#[tokio::test]
async fn omitted_content_is_named() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let member = shapes.member();
    let post = |words: &str| {
        let sticker = json!([{ "tag": "sticker", "file_key": "f" }]);
        let words = json!([{ "tag": "text", "text": words }]);
        json!({ "content": [words, sticker] })
    };
    let said = member.send("post", &post("/announce dinner"));
    let answer = bench.answer(&said.id).await;
    assert!(answer.contains("Left out: sticker"), "{answer}");
    assert_eq!(shapes.announcement()[0], "dinner");
    let before = shapes.announcement();
    for options in ["", "--replace", "--replace!", "--top"] {
        let said = member.send("post", &post(&format!("/announce {options}")));
        let answer = bench.answer(&said.id).await;
        assert!(
            answer.contains("no text, picture or file"),
            "{options}: {answer}"
        );
    }
    assert_eq!(shapes.announcement(), before);
    for (kind, content) in [
        ("image", json!({})),
        ("folder", json!({ "file_key": "f", "file_name": "a" })),
        ("audio", json!({ "file_key": "f" })),
        ("sticker", json!({ "file_key": "f" })),
    ] {
        let target = member.send(kind, &content).id;
        let command = bench
            .reply(&shapes.group, &target, "/announce --replace")
            .id;
        let answer = bench.answer(&command).await;
        assert!(
            answer.contains("nothing that can be posted"),
            "{kind}: {answer}"
        );
    }
    assert_eq!(shapes.announcement(), before);
    shapes.bench.finish().await;
}

#[tokio::test]
async fn message_of_another_chat_is_not_announced() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let other = bench.group(Docx);
    let secret = bench.say(&other, "secret").id;
    let command = bench.reply(&shapes.group, &secret, "/announce").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("is not in this chat"), "{answer}");
    assert!(
        !shapes
            .announcement()
            .iter()
            .any(|line| line.contains("secret"))
    );
    bench
        .sim
        .fault(Endpoint::PutTopNotice, Fault::code(232_001));
    let command = bench.reply(&shapes.group, &secret, "/pin").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("is not in this chat"), "{answer}");
    shapes.bench.finish().await;
}

#[tokio::test]
async fn rule_11_markdown_in_posts_hides_no_option() {
    let shapes = Shapes::new().await;
    let before = shapes.announcement();
    for typed in [
        "**--tpo** x",
        "`--tpo` x",
        "_--top_ x",
        "[--tpo](http://x.cn) y",
        "~~--tpo~~ x",
        "\\--tpo x",
        "- --top",
        "1. --tpo x",
        "> --tpo x",
        "# --tpo x",
        "x\n- --top",
        "x **--tpo**",
        "> **-at** 9:00 x",
        "- [--repalce](https://x.cn) x",
        "**——置项** 今晚停电",
        "今晚停电 `--限时`",
        "***--every*** day 9:00 x",
        "- - --tpo x",
        "x _--notify_",
    ] {
        let rows = [
            json!([{ "tag": "md", "text": format!("/announce {typed}") }]),
            json!([{ "tag": "text", "text": "/announce " }, { "tag": "md", "text": typed }]),
        ];
        for row in rows {
            let content = json!({ "title": "", "content": [row] });
            let message = shapes.push(post(&content)).await;
            let answer = shapes.bench.answer(&message).await;
            assert!(
                answer.contains("announce -- text") || answer.contains("公告 -- 内容"),
                "{typed}: {answer}"
            );
        }
        let command = shapes
            .bench
            .say(&shapes.group, &format!("/announce {typed}"))
            .id;
        let answer = shapes.bench.answer(&command).await;
        assert!(answer.contains("-- "), "{typed}: {answer}");
    }
    assert_eq!(shapes.announcement(), before);
    shapes.bench.finish().await;
}

/// A response with this `data` to the call that reads a message.
fn shown(data: &Value) -> Fault {
    let body = json!({ "code": 0, "msg": "success", "data": data });
    Fault::Foreign(Foreign::json(200, &body.to_string()))
}

#[tokio::test]
async fn withheld_message_counts_as_recalled() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    for data in [
        json!({ "items": [] }),
        json!({ "items": null }),
        json!({ "items": [null] }),
        json!({}),
    ] {
        let target = bench.say(&shapes.group, "lunch").id;
        bench.sim.fault(Endpoint::GetMessage, shown(&data));
        let command = bench.reply(&shapes.group, &target, "/announce").id;
        let answer = bench.answer(&command).await;
        assert!(
            answer.contains("was recalled or deleted"),
            "{data}: {answer}"
        );
    }
    shapes.bench.finish().await;
}

#[tokio::test]
async fn message_without_a_chat_is_not_announced() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let before = shapes.announcement();
    for chat in [
        None,
        Some(json!(null)),
        Some(json!(7)),
        Some(json!("")),
        Some(json!([])),
    ] {
        let target = bench.say(&shapes.group, "lunch").id;
        let mut item = json!({
            "message_id": "om_1", "msg_type": "text", "deleted": false,
            "body": { "content": r#"{"text":"lunch"}"# },
        });
        if let Some(chat) = &chat {
            item["chat_id"] = chat.clone();
        }
        bench
            .sim
            .fault(Endpoint::GetMessage, shown(&json!({ "items": [item] })));
        let command = bench.reply(&shapes.group, &target, "/announce").id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains("Could not confirm"), "{chat:?}: {answer}");
    }
    assert_eq!(shapes.announcement(), before);
    shapes.bench.finish().await;
}

#[tokio::test]
async fn sender_of_unknown_type_is_a_person() {
    let shapes = Shapes::new().await;
    for sender_type in [
        json!(1),
        json!("USER"),
        json!(" user"),
        json!("User"),
        json!("member"),
    ] {
        let message = shapes
            .push(|event| {
                event["event"]["sender"]["sender_type"] = sender_type.clone();
                event["event"]["message"]["content"] = json!(r#"{"text":"/pin announcement"}"#);
            })
            .await;
        assert_eq!(
            shapes.bench.reaction(&message).await,
            "Pin",
            "{sender_type}"
        );
    }
    for sender_type in ["app", "bot", "Bot", " APP"] {
        let message = shapes
            .push(|event| {
                event["event"]["sender"]["sender_type"] = json!(sender_type);
                event["event"]["message"]["content"] = json!(r#"{"text":"/help"}"#);
            })
            .await;
        // Commands of a group are executed in order.
        let next = shapes.bench.say(&shapes.group, "/pin announcement").id;
        shapes.bench.reaction(&next).await;
        assert!(
            shapes.bench.sim.answers_to(&message).is_empty(),
            "{sender_type}"
        );
    }
    shapes.bench.finish().await;
}

#[tokio::test]
async fn content_is_read_in_any_encoding() {
    let shapes = Shapes::new().await;
    let plain = json!({ "text": "/pin announcement" });
    let once = plain.to_string();
    let twice = json!(once).to_string();
    let thrice = json!(twice).to_string();
    let post = json!({ "title": "", "content": [text("/pin announcement")] });
    for (message_type, content) in [
        ("text", plain.clone()),
        ("text", json!(twice)),
        ("text", json!(thrice)),
        ("post", post.clone()),
        ("post", json!(json!(post.to_string()).to_string())),
    ] {
        let message = shapes
            .push(|event| {
                event["event"]["message"]["message_type"] = json!(message_type);
                event["event"]["message"]["content"] = content.clone();
            })
            .await;
        assert_eq!(shapes.bench.reaction(&message).await, "Pin", "{content}");
    }
    shapes.bench.finish().await;
}

#[tokio::test]
async fn rejected_pin_is_explained_by_the_message() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let refuse = || {
        let fault = Fault::code(232_001);
        bench.sim.fault(Endpoint::PutTopNotice, fault);
    };
    let system = shapes
        .member()
        .send("system", &json!({ "template": "{from_user} left" }))
        .id;
    refuse();
    let command = bench.reply(&shapes.group, &system, "/pin").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("system messages"), "{answer}");
    let topics = bench.sim.add_chat(bench.spec().thread_messages());
    let topic = bench.say(&topics, "dinner").id;
    refuse();
    let command = bench.reply(&topics, &topic, "/pin").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("in a topic"), "{answer}");
    let plain = bench.say(&shapes.group, "dinner").id;
    refuse();
    let command = bench.reply(&shapes.group, &plain, "/pin").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("probably recalled"), "{answer}");
    shapes.bench.finish().await;
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "/pin|/announce x|@_user_1 /undo|oc_1|om_1|user|p2p|post|.*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(
                "[a-z_]{1,8}|text|key|id|open_id|content|title|zh_cn",
                inner,
                0..4
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Replaces fields, sections or the content of the event with arbitrary JSON.
const PLACES: [&str; 22] = [
    "/event",
    "/event/sender",
    "/event/sender/sender_id",
    "/event/sender/sender_id/open_id",
    "/event/sender/sender_type",
    "/event/sender/tenant_key",
    "/event/message",
    "/event/message/message_id",
    "/event/message/root_id",
    "/event/message/parent_id",
    "/event/message/thread_id",
    "/event/message/chat_id",
    "/event/message/chat_type",
    "/event/message/message_type",
    "/event/message/content",
    "/event/message/create_time",
    "/event/message/mentions",
    "/event/message/mentions/0/id",
    "/header/event_id",
    "/header/create_time",
    "/header/tenant_key",
    "/header/event_type",
];

#[tokio::test]
async fn events_of_arbitrary_json_kill_no_job() {
    let shapes = Shapes::new().await;
    let bench = &shapes.bench;
    let mut runner = TestRunner::new(Config::default());
    let commands = ["/announce dinner", "/pin", "/undo", "/history", "/help"];
    for round in 0..6 {
        for (number, place) in PLACES.into_iter().enumerate() {
            let command = commands[(round + number) % commands.len()];
            let said = shapes.member();
            let scopes = bench.sim.change_app(|app| std::mem::take(&mut app.scopes));
            let words = if round % 2 == 0 {
                Words::at_bot().text(" ")
            } else {
                Words::new()
            };
            let message = said.say(words.text(command)).id;
            bench.sim.change_app(|app| app.scopes = scopes);
            let mut event = bench.sim.envelope_for(&message);
            let value = any_json().new_tree(&mut runner).unwrap().current();
            let value = match place {
                // A reply needs a message that exists.
                "/event/message/message_id" if value.is_string() => json!(null),
                // As on the platform, JSON in a string.
                "/event/message/content" if round % 3 == 0 => json!(value.to_string()),
                _ => value,
            };
            match event.pointer_mut(place) {
                Some(field) => *field = value,
                None => continue,
            }
            shapes.deliver(&event).await;
        }
    }
    bench.idle().await;
    let metrics = bench.metrics().await;
    assert!(
        metrics.contains("\nnoticebot_dead_jobs_total 0\n"),
        "{metrics}"
    );
    assert!(!crate::harness::log().contains("the worker panicked"));
    let pin = bench.say(&shapes.group, "/pin announcement").id;
    assert_eq!(bench.reaction(&pin).await, "Pin");
    shapes.bench.finish().await;
}
