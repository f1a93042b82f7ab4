//! Announcements of what people post beside texts: forwarded messages, cards, and messages that are
//! not typed.

use std::time::Duration;

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{AnnouncementKind, ChatId, Endpoint, InChat, MessageId, State, Words};
use serde_json::{Value, json};

use crate::harness::Bench;

const SETTINGS: &str = "[announce]\nsignature = false\n[reply]\nlanguage = 'en'";

async fn bench() -> Bench {
    Bench::with(|builder| builder, SETTINGS).await
}

fn member(bench: &Bench, group: &ChatId) -> InChat {
    bench.sim.as_person(&bench.member).in_chat(group)
}

fn owner(bench: &Bench, group: &ChatId) -> InChat {
    bench.sim.as_person(&bench.owner).in_chat(group)
}

/// Announces a message as a reply to it.
async fn announced(bench: &Bench, group: &ChatId, message: &MessageId) -> Vec<String> {
    let command = bench.reply(group, message, "/announce").id;
    bench.idle_in_steps_of(Duration::from_secs(1)).await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.sim.announcement_text(group)
}

/// The answer to an announcement of a message.
async fn refused(bench: &Bench, group: &ChatId, message: &MessageId) -> String {
    let command = bench.reply(group, message, "/announce").id;
    let replied = |state: &State| state.answers_to(&command).first().cloned();
    bench.wait("the answer", replied).await
}

#[tokio::test]
async fn forwarded_messages_are_quotes_with_authors() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let first = member(&bench, &group).say("one\ntwo").id;
    let list = owner(&bench, &group).say("- a\n- b").id;
    let file = json!({ "file_key": "f", "file_name": "plan.pdf" });
    let file = owner(&bench, &group).send("file", &file).id;
    let image = member(&bench, &group).image().id;
    let bundle = member(&bench, &group).forward(&[first, list, file, image]);
    let command = bench.reply(&group, &bundle.id, "/announce").id;
    let answer = bench.answer(&command).await;
    assert!(answer.contains("Left out: image, file"), "{answer}");
    let expected = [
        "@Mei: one",
        "two",
        "",
        "@Olga",
        "a",
        "b",
        "",
        "@Olga: [file] plan.pdf",
        "",
        "@Mei: [image]",
    ];
    assert_eq!(bench.sim.announcement_text(&group), expected);
    let document = bench.sim.announcement_document(&group).to_string();
    assert!(document.contains(&bench.member.open_id), "{document}");
    bench.finish().await;
}

#[tokio::test]
async fn forwards_in_forwards_follow_in_order() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let [one, two, three] = ["1", "2", "3"].map(|words| member(&bench, &group).say(words).id);
    let inner = owner(&bench, &group).forward(&[two]).id;
    let bundle = member(&bench, &group).forward(&[one, inner, three]).id;
    let expected = [
        "@Mei: 1",
        "",
        "@Olga: [chat history]",
        "",
        "› @Mei: 2",
        "",
        "@Mei: 3",
    ];
    assert_eq!(announced(&bench, &group, &bundle).await, expected);
    bench.finish().await;
}

#[tokio::test]
async fn deep_forwards_end() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let mut message = member(&bench, &group).say("deep").id;
    let shallow = member(&bench, &group).say("shallow").id;
    for _ in 0..20 {
        message = member(&bench, &group)
            .forward(&[shallow.clone(), message])
            .id;
    }
    let lines = announced(&bench, &group, &message).await;
    assert!(!lines.concat().contains("deep"), "{lines:?}");
    assert_eq!(lines.concat().matches("shallow").count(), 6, "{lines:?}");
    bench.finish().await;
}

#[tokio::test]
async fn forward_without_text_is_refused() {
    let bench = bench().await;
    let group = bench.group(Docx);
    let image = member(&bench, &group).image().id;
    let bundle = member(&bench, &group).forward(&[image]).id;
    let empty = member(&bench, &group).forward(&[]).id;
    for bundle in [bundle, empty] {
        let answer = refused(&bench, &group, &bundle).await;
        assert!(answer.contains("a forwarded chat history"), "{answer}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn untyped_messages_say_what_they_are() {
    let bench = bench().await;
    for (kind, content, expected) in [
        (
            "location",
            json!({ "name": "Hall 3", "longitude": "1", "latitude": "2" }),
            "[location] Hall 3",
        ),
        (
            "video_chat",
            json!({ "topic": "Standup" }),
            "[video meeting] Standup",
        ),
        (
            "share_calendar_event",
            json!({ "summary": "Party" }),
            "[calendar event] Party",
        ),
        (
            "calendar",
            json!({ "summary": "Party" }),
            "[calendar event] Party",
        ),
        (
            "general_calendar",
            json!({ "summary": "Party" }),
            "[calendar event] Party",
        ),
        (
            "vote",
            json!({ "topic": "Lunch?", "options": ["A", "B"] }),
            "[poll] Lunch?\nA\nB",
        ),
        (
            "todo",
            json!({ "task_id": "t", "summary": { "title": "", "content": [[{ "tag": "text", "text": "Tidy" }]] } }),
            "[task] Tidy",
        ),
        (
            "system",
            json!({ "template": "{from_user} invited {to_chatters} to this chat.",
                "from_user": ["Lin"], "to_chatters": ["Kai", "Wu"] }),
            "[system message] Lin invited Kai, Wu to this chat.",
        ),
        (
            "share_user",
            json!({ "user_id": bench.owner.open_id }),
            "[contact card] @Olga",
        ),
    ] {
        let group = bench.group(Docx);
        let message = member(&bench, &group).send(kind, &content).id;
        let lines = announced(&bench, &group, &message).await;
        assert_eq!(lines.join("\n"), expected, "{kind}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn messages_without_text_are_refused_by_kind() {
    let bench = bench().await;
    let group = bench.group(Docx);
    for (kind, content, expected) in [
        ("share_chat", json!({ "chat_id": "oc_1" }), "group card"),
        (
            "share_user",
            json!({ "user_id": "ou_unknown" }),
            "contact card",
        ),
        ("hongbao", json!({ "text": "[红包]" }), "red packet"),
        ("location", json!({ "name": "" }), "location"),
        ("hologram", json!({ "key": "k" }), "hologram"),
    ] {
        let message = member(&bench, &group).send(kind, &content).id;
        let answer = refused(&bench, &group, &message).await;
        assert!(answer.contains(expected), "{kind}: {answer}");
    }
    bench.finish().await;
}

/// The writing calls, and the announcement after them, without ids.
fn written(bench: &Bench, group: &ChatId) -> Value {
    let calls = bench.sim.calls();
    let writes = calls.iter().filter(|call| {
        matches!(
            call.endpoint,
            Some(
                Endpoint::CreateChildren
                    | Endpoint::UpdateBlocks
                    | Endpoint::DeleteChildren
                    | Endpoint::GetMessageResource
                    | Endpoint::UploadMedia
                    | Endpoint::PatchDocAnnouncement
            )
        )
    });
    let writes = writes.map(|call| {
        let mut body = call.body.clone();
        // The operations are JSON in strings; parsed, they are easier to read.
        let operations = body.get_mut("requests").and_then(Value::as_array_mut);
        for operation in operations.into_iter().flatten() {
            if let Some(inner) = operation.as_str().map(serde_json::from_str) {
                *operation = inner.unwrap();
                let payload = operation["insertBlocksRequest"]["payload"].clone();
                operation["insertBlocksRequest"]["payload"] =
                    serde_json::from_str(payload.as_str().unwrap()).unwrap();
            }
        }
        without_ids(&mut body, bench);
        json!({ "call": format!("{:?}", call.endpoint.unwrap()), "body": body })
    });
    json!({
        "calls": writes.collect::<Vec<_>>(),
        "announcement": bench.sim.announcement_text(group),
    })
}

fn without_ids(value: &mut Value, bench: &Bench) {
    match value {
        Value::Object(object) => {
            object.remove("revision");
            for (key, value) in object {
                match key.as_str() {
                    "block_id" | "token" if *value != json!("") => *value = json!("…"),
                    "user_id" | "openId" => {
                        let is_member = *value == json!(bench.member.open_id);
                        *value = json!(if is_member { "Mei" } else { "Olga" });
                    }
                    _ => without_ids(value, bench),
                }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(|value| without_ids(value, bench)),
        _ => {}
    }
}

async fn snapshot(
    name: &str,
    kind: AnnouncementKind,
    bench: &Bench,
    message: impl Fn(&ChatId) -> MessageId,
) {
    let group = bench.group(kind);
    let message = message(&group);
    bench.sim.clear_calls();
    let command = bench.reply(&group, &message, "/announce").id;
    bench.idle_in_steps_of(Duration::from_secs(1)).await;
    let mut written = written(bench, &group);
    if let Some(answer) = bench.sim.answers_to(&command).first() {
        written["answer"] = json!(answer);
    }
    insta::assert_json_snapshot!(format!("{name}_{kind:?}"), written);
}

#[tokio::test]
async fn what_a_post_with_a_table_becomes() {
    let bench = bench().await;
    for kind in [Docx, Doc] {
        snapshot("post", kind, &bench, |group| {
            let paragraphs = [
                Words::from("今晚值班"),
                Words::from("| 时间 | 负责人 |"),
                Words::from("|---|---|"),
                Words::new().text("| 20:00 | ").at(&bench.owner).text(" |"),
                Words::new().text("| ").bold("22:00").text(" | 小林 |"),
                Words::new().code("SHELL", "sync\npoweroff"),
            ];
            member(&bench, group).post("通知", paragraphs).id
        })
        .await;
    }
    bench.finish().await;
}

/// Two pictures, a file, a table and code.
fn poster(bench: &Bench, group: &ChatId) -> MessageId {
    let [one, two] = ["1", "2"].map(|bytes| bench.sim.add_image(bytes));
    let film = bench.sim.add_file("3");
    let paragraphs = [
        Words::from("今晚值班").image(&one),
        Words::from("| 时间 | 负责人 |"),
        Words::from("|---|---|"),
        Words::from("| 20:00 | 小林 |"),
        Words::new().image(&two).text("步骤："),
        Words::new().code("SHELL", "sync\npoweroff"),
        Words::new().video(&film),
    ];
    member(bench, group).post("通知", paragraphs).id
}

#[tokio::test]
async fn what_a_post_with_files_becomes() {
    let bench = bench().await;
    for kind in [Docx, Doc] {
        snapshot("post_with_files", kind, &bench, |group| {
            poster(&bench, group)
        })
        .await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn what_a_card_with_pictures_becomes() {
    let bench = bench().await;
    let [one, two] = ["1", "2"].map(|bytes| bench.sim.add_image(bytes));
    let card = json!({
        "schema": "2.0",
        "header": { "title": { "tag": "plain_text", "content": "Party" } },
        "body": { "elements": [
            { "tag": "img", "img_key": one, "alt": { "tag": "plain_text", "content": "" } },
            { "tag": "markdown", "content": "Tonight\n```\nlet x = 1;\n```" },
            { "tag": "table", "columns": [
                { "name": "who", "display_name": "Who", "data_type": "text" },
                { "name": "brings", "display_name": "Brings", "data_type": "text" } ],
              "rows": [{ "who": "Lin", "brings": "cake" }] },
            { "tag": "img", "img_key": two, "alt": { "tag": "plain_text", "content": "" } },
        ] },
    });
    for kind in [Docx, Doc] {
        snapshot("card_with_pictures", kind, &bench, |group| {
            member(&bench, group).send("interactive", &card).id
        })
        .await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn what_a_forward_with_files_becomes() {
    let bench = bench().await;
    for kind in [Docx, Doc] {
        snapshot("forward_with_files", kind, &bench, |group| {
            let poster = poster(&bench, group);
            let plan = owner(&bench, group).file("计划.pdf", "4").id;
            member(&bench, group).forward(&[poster, plan]).id
        })
        .await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn what_a_forward_becomes() {
    let bench = bench().await;
    for kind in [Docx, Doc] {
        snapshot("forward", kind, &bench, |group| {
            let one = member(&bench, group).say("一起吃饭？\n**12点**").id;
            let two = owner(&bench, group).say("好").id;
            member(&bench, group).forward(&[one, two]).id
        })
        .await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn what_a_card_becomes() {
    let bench = bench().await;
    let card = json!({
        "schema": "2.0",
        "header": { "title": { "tag": "plain_text", "content": "Power cut" } },
        "body": { "elements": [
            { "tag": "markdown", "content": "Tonight **22:00**\n- Hall 3\n- Hall 4" },
            { "tag": "table", "columns": [
                { "name": "who", "display_name": "Who", "data_type": "text" },
                { "name": "till", "display_name": "Until", "data_type": "text" } ],
              "rows": [{ "who": "Lin", "till": "23:00" }] },
            { "tag": "button", "text": { "tag": "plain_text", "content": "OK" },
              "behaviors": [{ "type": "callback", "value": {} }] },
        ] },
    });
    for kind in [Docx, Doc] {
        snapshot("card", kind, &bench, |group| {
            member(&bench, group).send("interactive", &card).id
        })
        .await;
    }
    bench.finish().await;
}
