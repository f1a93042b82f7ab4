use serde_json::{json, value::to_raw_value};

use super::*;
use crate::Envelope;

fn message() -> serde_json::Value {
    json!({
        "sender": {
            "sender_id": { "union_id": "on_1", "user_id": null, "open_id": "ou_1" },
            "sender_type": "user", "tenant_key": "t1",
        },
        "message": {
            "message_id": "om_1", "root_id": "", "parent_id": "om_0",
            "create_time": "1609073151345", "update_time": "1687343654666",
            "chat_id": "oc_1", "chat_type": "group", "message_type": "text",
            "content": "{\"text\":\"@_user_1 \\u4f60\"}",
            "mentions": [{
                "key": "@_user_1", "name": "Tom", "tenant_key": "t1",
                "id": { "union_id": "on_8", "user_id": "", "open_id": "ou_8" },
            }],
            "user_agent": "unknown fields are ignored",
        },
    })
}

#[test]
fn a_received_message_is_read_in_full() {
    let event = MessageReceived::read(&to_raw_value(&message()).unwrap());
    assert_eq!(event.sender.open_id, Some("ou_1".into()));
    assert_eq!(event.sender.user_id, None);
    assert_eq!(event.message.root_id, None);
    assert_eq!(event.message.parent_id, Some("om_0".into()));
    assert_eq!(event.message.thread_id, None);
    let created = event.message.create_time.map(Timestamp::as_millisecond);
    assert_eq!(created, Some(1_609_073_151_345));
    let [tom] = &event.message.mentions[..] else {
        panic!()
    };
    assert_eq!((&*tom.key, &*tom.name), ("@_user_1", "Tom"));
    assert_eq!(tom.id.open_id, Some("ou_8".into()));
    assert_eq!(tom.id.user_id, None);
}

#[test]
fn the_head_agrees_with_the_whole_message() {
    let raw = to_raw_value(&message()).unwrap();
    agree(&raw);
    let head = MessageHead::read(&raw);
    assert_eq!(head.message_id.as_deref(), Some("om_1"));
    assert!(!head.content.is_empty());
}

fn agree(event: &RawValue) {
    let head = MessageHead::read(event);
    let whole = MessageReceived::read(event);
    assert_eq!(head.sender_type, whole.sender.sender_type);
    let message = whole.message;
    assert_eq!(
        head.message_id.unwrap_or_default(),
        message.message_id.as_str()
    );
    assert_eq!(head.chat_id.unwrap_or_default(), message.chat_id.as_str());
    assert_eq!(head.chat_type, message.chat_type);
    assert_eq!(head.message_type, message.message_type);
    assert_eq!(head.content, message.content);
}

#[test]
fn the_fast_path_agrees_with_the_parts() {
    let check = |change: &dyn Fn(&mut serde_json::Value), is_read: bool| {
        let mut body = json!({
            "schema": "2.0",
            "header": {
                "event_id": "e1", "event_type": MESSAGE_RECEIVE, "app_id": "cli_1", "token": "t",
            },
            "event": message(),
        });
        change(&mut body);
        let body = body.to_string();
        let read = MessageBody::parse(body.as_bytes());
        assert_eq!(read.is_some(), is_read, "{body}");
        let Some(read) = read else { return };
        let Ok(Envelope::Event(envelope)) = Envelope::parse(body.as_bytes()) else {
            panic!("not an event: {body}")
        };
        assert_eq!(envelope.event_type, MESSAGE_RECEIVE);
        assert_eq!(envelope.token, Some(read.token));
        assert_eq!(envelope.app_id, Some(read.app_id));
        let head = MessageHead::read(envelope.event.unwrap());
        assert_eq!(format!("{head:?}"), format!("{:?}", read.head));
    };
    check(&|_| {}, true);
    check(&|body| body["type"] = json!(null), true);
    check(&|body| body["header"]["token"] = json!("\n\"é"), true);
    check(
        &|body| body["event"]["message"]["create_time"] = json!(null),
        true,
    );
    // All else is for the parts to say.
    check(&|body| body["type"] = json!("url_verification"), false);
    check(&|body| body["header"] = json!(null), false);
    check(&|body| body["event"] = json!(null), false);
    check(
        &|body| body["event"]["message"]["content"] = json!(1),
        false,
    );
    for field in ["event_id", "event_type", "app_id", "token"] {
        check(&|body| body["header"][field] = json!(null), false);
    }
    let other = "im.message.message_read_v1";
    check(&|body| body["header"]["event_type"] = json!(other), false);
    assert!(MessageBody::parse(b"\xff").is_none());
}

#[test]
fn only_p2p_is_a_direct_chat() {
    for (wire, direct) in [
        ("p2p", true),
        ("group", false),
        ("topic_group", false),
        ("", false),
    ] {
        assert_eq!(ChatType::from(wire).is_p2p(), direct, "{wire}");
    }
}

#[test]
fn fields_of_another_type_count_as_missing() {
    let odd = [
        json!(null),
        json!(7),
        json!(true),
        json!("word"),
        json!([[{}]]),
        json!({ "deep": [1] }),
    ];
    for (section, fields) in [
        ("sender", &["sender_id", "sender_type", "tenant_key"][..]),
        (
            "message",
            &[
                "message_id",
                "root_id",
                "parent_id",
                "thread_id",
                "create_time",
                "chat_id",
                "chat_type",
                "message_type",
                "content",
                "mentions",
            ],
        ),
    ] {
        for field in fields {
            for value in &odd {
                let mut event = message();
                event[section][field] = value.clone();
                agree(&to_raw_value(&event).unwrap());
                event[section] = value.clone();
                agree(&to_raw_value(&event).unwrap());
                event[section]
                    .as_object_mut()
                    .and_then(|it| it.remove(*field));
                agree(&to_raw_value(&event).unwrap());
            }
        }
    }
    for value in odd {
        agree(&to_raw_value(&value).unwrap());
    }
}

#[test]
fn odd_fields_are_read_where_possible() {
    let mut event = message();
    event["message"]["create_time"] = json!(1_609_073_151_345_i64);
    event["message"]["content"] = json!({ "text": "/pin" });
    event["message"]["mentions"] = json!([
        null, 7, { "key": "" }, { "key": "@_user_1", "id": "ou_7", "name": null },
        { "key": "@_user_2", "id": null, "name": "Li" },
    ]);
    event["sender"]["sender_id"] = json!({ "user_id": 12 });
    let read = MessageReceived::read(&to_raw_value(&event).unwrap());
    assert_eq!(read.sender.user_id, Some("12".into()));
    let message = read.message;
    let created = message.create_time.map(Timestamp::as_millisecond);
    assert_eq!(created, Some(1_609_073_151_345));
    assert_eq!(message.content, r#"{"text":"/pin"}"#);
    let [first, second] = &message.mentions[..] else {
        panic!("{:?}", message.mentions)
    };
    assert_eq!(first.id.open_id, Some("ou_7".into()));
    assert_eq!((&*second.name, &second.id), ("Li", &PersonIds::default()));
}
