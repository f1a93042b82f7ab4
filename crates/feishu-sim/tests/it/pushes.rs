//! Pushes: content, receivers and redeliveries.

use std::time::Duration;

use aes::Aes256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use feishu_sim::{Person, Push, Sent, Simulator, Words};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{client::Fixture, webhook::Webhook};

/// Opens `{"encrypt":…}` the documented way.
fn open(encrypt_key: &str, body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    let sealed = STANDARD.decode(body["encrypt"].as_str().unwrap()).unwrap();
    let key: [u8; 32] = Sha256::digest(encrypt_key).into();
    let iv: [u8; 16] = sealed[..16].try_into().unwrap();
    let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &iv.into());
    serde_json::from_slice(&cipher.decrypt_padded_vec::<Pkcs7>(&sealed[16..]).unwrap()).unwrap()
}

fn signature(parts: [&[u8]; 4]) -> String {
    Sha256::digest(parts.concat())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

#[tokio::test]
async fn a_push_is_signed_over_its_encrypted_bytes() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let said = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .say("hello");
    assert_eq!(said.answer().await.status, 200);
    let (headers, body) = webhook.log.lock().unwrap().got[0].clone();
    let header = |name: &str| headers[name].as_bytes();
    let key = fixture.sim.app().encrypt_key.unwrap();
    let (timestamp, nonce) = (
        header("x-lark-request-timestamp"),
        header("x-lark-request-nonce"),
    );
    assert_eq!(
        timestamp,
        (fixture.sim.clock().now_ms() / 1000).to_string().as_bytes()
    );
    assert_eq!(
        header("x-lark-signature"),
        signature([timestamp, nonce, key.as_bytes(), &body]).as_bytes()
    );
    assert_eq!(open(&key, &body), fixture.sim.envelope_for(&said.id));
}

#[tokio::test]
async fn without_an_encrypt_key_pushes_are_plain() {
    let builder = Simulator::builder()
        .encrypt_key(None)
        .verification_token("vt")
        .app_secret("s");
    let (fixture, webhook) = (Fixture::with(builder).await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let said = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .say("hello");
    said.answer().await;
    let (headers, body) = webhook.log.lock().unwrap().got[0].clone();
    assert!(!headers.contains_key("x-lark-signature"));
    let envelope: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(envelope["header"]["token"], json!("vt"));
}

#[tokio::test]
async fn the_url_check_is_encrypted_but_unsigned() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    fixture.sim.check_url().await;
    let (headers, body) = webhook.log.lock().unwrap().got[0].clone();
    assert!(!headers.contains_key("x-lark-signature"));
    let app = fixture.sim.app();
    let check = open(&app.encrypt_key.unwrap(), &body);
    assert_eq!(check["type"], json!("url_verification"));
    assert_eq!(check["token"], json!(app.verification_token));
}

#[tokio::test]
async fn the_envelope_has_the_documented_shape() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    let first = lin.say("look").id;
    let words = Words::at_bot()
        .text(" /announce ")
        .at(&fixture.mia)
        .text(" ")
        .at_all()
        .link("t", "http://u")
        .bold("b");
    let id = lin.reply_to(&first).say(words).id;
    let envelope = fixture.sim.envelope_for(&id);
    let app = fixture.sim.app();
    let now = fixture.sim.clock().now_ms().to_string();
    let sender = json!({"open_id": fixture.lin.open_id, "union_id": fixture.lin.union_id, "user_id": fixture.lin.user_id});
    let mia = json!({"open_id": fixture.mia.open_id, "union_id": fixture.mia.union_id, "user_id": fixture.mia.user_id});
    let bot = json!({"open_id": app.bot_open_id, "union_id": null, "user_id": null});
    let expected = json!({
        "schema": "2.0",
        "header": {
            "event_id": envelope["header"]["event_id"], "event_type": "im.message.receive_v1",
            "create_time": now, "token": app.verification_token, "app_id": app.app_id,
            "tenant_key": app.tenant_key,
        },
        "event": {
            "sender": {"sender_id": sender, "sender_type": "user", "tenant_key": app.tenant_key},
            "message": {
                "message_id": id.as_str(), "root_id": first.as_str(), "parent_id": first.as_str(),
                "create_time": now, "update_time": now, "chat_id": chat.as_str(), "chat_type": "group",
                "message_type": "text",
                "content": r#"{"text":"@_user_1 /announce @_user_2 @_all[t](http://u)b"}"#,
                "mentions": [
                    {"key": "@_user_1", "id": bot, "mentioned_type": "bot", "name": "noticebot",
                     "tenant_key": app.tenant_key},
                    {"key": "@_user_2", "id": mia, "mentioned_type": "user", "name": "Mia",
                     "tenant_key": app.tenant_key},
                ],
            },
        },
    });
    assert_eq!(envelope, expected);
}

#[tokio::test]
async fn a_post_arrives_without_locales() {
    let fixture = Fixture::new().await;
    let lines = [
        Words::at_bot().text(" /announce"),
        Words::new().bold("now").image("img_1"),
    ];
    let id = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .post("Title", lines)
        .id;
    let envelope = fixture.sim.envelope_for(&id);
    let content: Value =
        serde_json::from_str(envelope["event"]["message"]["content"].as_str().unwrap()).unwrap();
    let expected = json!({"title": "Title", "content": [
        [{"tag": "at", "user_id": "@_user_1", "user_name": "noticebot", "style": []},
         {"tag": "text", "text": " /announce", "style": []}],
        [{"tag": "text", "text": "now", "style": ["bold"]}, {"tag": "img", "image_key": "img_1"}],
    ]});
    assert_eq!(content, expected);
}

#[tokio::test]
async fn scopes_with_membership_decide_which_events_arrive() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let (chat, direct) = (fixture.chat(), fixture.sim.direct_chat(&fixture.lin));
    let reached = |scopes: &[&str]| {
        fixture.sim.change_app(|app| {
            app.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        });
        let lin = fixture.sim.as_person(&fixture.lin);
        let other = fixture.sim.as_bot("weather").in_chat(&chat);
        [
            lin.in_chat(&chat).say("/pin"),
            lin.in_chat(&chat).say(Words::at_bot().text("/pin")),
            lin.in_chat(&direct).say("/help"),
            other.say("/pin"),
            other.say(Words::at_bot().text("/pin")),
        ]
        .map(|said| said.push.is_some())
    };
    assert_eq!(reached(&[]), [false; 5]);
    assert_eq!(
        reached(&["im:message.group_msg"]),
        [true, true, false, false, false]
    );
    assert_eq!(
        reached(&["im:message.group_at_msg:readonly"]),
        [false, true, false, false, false]
    );
    assert_eq!(
        reached(&["im:message.p2p_msg"]),
        [false, false, true, false, false]
    );
    assert_eq!(
        reached(&["im:message.group_at_msg.include_bot:readonly"]),
        [false, true, false, false, true]
    );
    fixture.sim.change_chat(&chat, |chat| chat.bot_in = false);
    assert_eq!(reached(&["im:message.group_msg"]), [false; 5]);
}

/// The type of the pushed event, and the event.
fn pushed(fixture: &Fixture, push: Option<&Push>) -> Option<(String, Value)> {
    let id = push?.event_id();
    let pushes = fixture.sim.pushes();
    let record = pushes.iter().find(|record| record.event_id == id)?;
    Some((record.event_type.clone(), record.envelope["event"].clone()))
}

#[tokio::test]
async fn joining_or_leaving_a_group_is_an_event() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let chat = fixture.sim.add_chat(fixture.group().without_bot());
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    let event = json!({
        "chat_id": chat.as_str(), "external": false, "name": "Ops",
        "operator_id": {
            "open_id": fixture.lin.open_id, "union_id": fixture.lin.union_id, "user_id": fixture.lin.user_id,
        },
        "operator_tenant_key": fixture.sim.app().tenant_key,
        "i18n_names": {"zh_cn": "Ops", "en_us": "Ops", "ja_jp": "Ops"},
    });
    let of = |event_type: &str| Some((event_type.to_owned(), event.clone()));
    assert_eq!(pushed(&fixture, lin.remove_bot().as_ref()), None);
    let added = lin.add_bot();
    assert_eq!(
        pushed(&fixture, added.as_ref()),
        of("im.chat.member.bot.added_v1")
    );
    assert_eq!(pushed(&fixture, lin.add_bot().as_ref()), None);
    assert_eq!(
        pushed(&fixture, lin.remove_bot().as_ref()),
        of("im.chat.member.bot.deleted_v1")
    );
    lin.add_bot();
    assert_eq!(
        pushed(&fixture, lin.disband().as_ref()),
        of("im.chat.disbanded_v1")
    );
    let added = added.unwrap();
    let again = added.again();
    assert_eq!(again.answer().await.status, 200);
    assert_eq!(again.event_id(), added.event_id());
}

#[tokio::test]
async fn a_recall_names_its_operator() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let kai = fixture.sim.add_person("Kai");
    let chat = fixture.sim.add_chat(fixture.group().admin(&kai));
    let recalled_by = |person: &Person| {
        let mia = fixture.sim.as_person(&fixture.mia).in_chat(&chat);
        let message = mia.say("oops").id;
        let operator = fixture.sim.as_person(person).in_chat(&chat);
        let push = operator.recall(&message);
        assert!(operator.recall(&message).is_none());
        let (event_type, event) = pushed(&fixture, push.as_ref())?;
        assert_eq!(event_type, "im.message.recalled_v1");
        assert_eq!(event["message_id"], json!(message.as_str()));
        assert_eq!(event["chat_id"], json!(chat.as_str()));
        let now = fixture.sim.clock().now_ms().to_string();
        assert_eq!(event["recall_time"], json!(now));
        event["recall_type"].as_str().map(str::to_owned)
    };
    assert_eq!(recalled_by(&fixture.mia).as_deref(), Some("message_owner"));
    assert_eq!(recalled_by(&fixture.lin).as_deref(), Some("group_owner"));
    assert_eq!(recalled_by(&kai).as_deref(), Some("group_manager"));
    fixture
        .sim
        .change_app(|app| app.scopes.remove("im:message"));
    assert_eq!(recalled_by(&fixture.mia), None);
}

#[tokio::test]
async fn a_reaction_names_its_message_and_operator() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let chat = fixture.chat();
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    let message = lin.say("lunch").id;
    let added = pushed(&fixture, lin.react(&message, "Pin").as_ref());
    let event = |operator: Value| {
        let mut event = json!({
            "message_id": message.as_str(),
            "reaction_type": {"emoji_type": "Pin"},
            "action_time": fixture.sim.clock().now_ms().to_string(),
        });
        event
            .as_object_mut()
            .unwrap()
            .extend(operator.as_object().unwrap().clone());
        event
    };
    let by_lin = event(json!({
        "operator_type": "user",
        "user_id": {
            "open_id": fixture.lin.open_id, "union_id": fixture.lin.union_id, "user_id": fixture.lin.user_id,
        },
    }));
    let of = |action: &str, event: &Value| {
        Some((format!("im.message.reaction.{action}_v1"), event.clone()))
    };
    assert_eq!(added, of("created", &by_lin));
    assert!(lin.react(&message, "Pin").is_none(), "the same reaction");
    let off = lin.take_off(&message, "Pin");
    assert_eq!(pushed(&fixture, off.as_ref()), of("deleted", &by_lin));
    assert!(lin.take_off(&message, "Pin").is_none());
    let bot = fixture.sim.as_bot("Other").in_chat(&chat);
    let by_bot = pushed(&fixture, bot.react(&message, "Pin").as_ref());
    let app = json!({"operator_type": "app", "app_id": "cli_0000000000000000"});
    assert_eq!(by_bot, of("created", &event(app)));
    fixture
        .sim
        .change_app(|app| app.scopes.remove("im:message.reactions:read"));
    assert!(lin.react(&message, "Pin").is_none(), "without a scope");
}

#[tokio::test]
async fn a_failed_push_follows_the_documented_schedule() {
    let (fixture, webhook) = (
        Fixture::new().await,
        Webhook::answering(&[500, 503, 404, 302, 401]).await,
    );
    fixture.sim.set_webhook(&webhook.url);
    let start = fixture.sim.clock().now_ms();
    let said = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .say("hello");
    let push = said.push.unwrap();
    assert_eq!(push.answer().await.status, 500);
    for (attempts, wait_s) in [(2, 15), (3, 300), (4, 3600), (5, 21_600)] {
        fixture.sim.clock().advance(Duration::from_secs(wait_s));
        push.attempts(attempts).await;
    }
    let attempts = push.attempts(5).await;
    let at_s: Vec<u64> = attempts
        .iter()
        .map(|attempt| (attempt.at_ms - start) / 1000)
        .collect();
    assert_eq!(at_s, [0, 15, 315, 3915, 25_515]);
    assert!(!attempts.iter().any(feishu_sim::Attempt::is_taken));
    let ids: Vec<Value> = {
        let key = fixture.sim.app().encrypt_key.unwrap();
        let log = webhook.log.lock().unwrap();
        log.got
            .iter()
            .map(|(_, body)| open(&key, body)["header"]["event_id"].clone())
            .collect()
    };
    assert_eq!(ids, vec![json!(push.event_id()); 5]);
}

#[tokio::test]
async fn a_taken_push_does_not_come_again() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[500]).await);
    fixture.sim.set_webhook(&webhook.url);
    let chat = fixture.chat();
    let first = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .say("one")
        .push
        .unwrap();
    first.answer().await;
    fixture.sim.clock().advance(Duration::from_secs(15));
    assert!(first.attempts(2).await[1].is_taken());
    fixture.sim.clock().advance(Duration::from_hours(9));
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .say("two")
        .answer()
        .await;
    assert_eq!(first.attempts(2).await.len(), 2);
    assert!(
        fixture
            .sim
            .pushes()
            .iter()
            .all(feishu_sim::PushRecord::is_taken)
    );
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_a_failure() {
    let fixture =
        Fixture::with(Simulator::builder().push_deadline(Duration::from_millis(30))).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    fixture
        .sim
        .set_webhook(&format!("http://{}", listener.local_addr().unwrap()));
    let push = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .say("hello")
        .push
        .unwrap();
    assert_eq!(
        push.attempts(1).await[0].answer,
        Err("no answer in time".to_owned())
    );
}

#[tokio::test]
async fn every_attempt_is_recorded_with_its_time() {
    let webhook = Webhook::answering(&[503]).await;
    let waits = [Duration::from_secs(2)];
    let fixture = Fixture::with(Simulator::builder().redelivery_waits(waits)).await;
    fixture.sim.set_webhook(&webhook.url);
    let started = fixture.sim.clock().now_ms();
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&fixture.chat());
    let push = lin.say("hello").push.unwrap();
    push.attempts(1).await;
    fixture.sim.clock().advance(waits[0]);
    let attempts = push.attempts(2).await;
    let got = webhook.log.lock().unwrap().got.clone();
    for (attempt, (_, body)) in attempts.iter().zip(&got) {
        let Sent::Request { url, sealed } = &attempt.sent else {
            panic!("{:?}", attempt.sent)
        };
        assert_eq!((url, sealed.body.as_slice()), (&webhook.url, body.as_ref()));
    }
    let times: Vec<u64> = attempts.iter().map(|attempt| attempt.sent_ms).collect();
    assert_eq!(times, [started, started + 2000]);
}

#[tokio::test]
async fn redelivery_ends_after_the_last_wait() {
    let webhook = Webhook::answering(&[503, 503]).await;
    let waits = [Duration::from_secs(2)];
    let fixture = Fixture::with(Simulator::builder().redelivery_waits(waits)).await;
    fixture.sim.set_webhook(&webhook.url);
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&fixture.chat());
    let push = lin.say("hello").push.unwrap();
    push.attempts(1).await;
    fixture.sim.clock().advance(waits[0]);
    push.attempts(2).await;
    fixture.sim.clock().advance(Duration::from_hours(10));
    // Had it been delivered again, this would be the third request or later.
    lin.say("next").answer().await;
    assert_eq!(push.attempts(2).await.len(), 2);
    assert_eq!(webhook.log.lock().unwrap().got.len(), 3);
}

#[tokio::test]
async fn duplicates_come_on_demand() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[]).await);
    fixture.sim.set_webhook(&webhook.url);
    let said = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .say("hello");
    let same = fixture.sim.redeliver(&said.id);
    let fresh = fixture.sim.deliver_again_under_new_event_id(&said.id);
    for push in [&same, &fresh] {
        assert_eq!(push.answer().await.status, 200);
    }
    let original = said.push.unwrap().event_id();
    assert_eq!(same.event_id(), original);
    assert_ne!(fresh.event_id(), original);
    let pushes = fixture.sim.pushes();
    assert_eq!(pushes[0].envelope, pushes[1].envelope);
    assert_eq!(pushes[0].envelope["event"], pushes[2].envelope["event"]);
}

#[tokio::test]
async fn any_bytes_can_be_pushed() {
    let (fixture, webhook) = (Fixture::new().await, Webhook::answering(&[401]).await);
    fixture.sim.set_webhook(&webhook.url);
    let said = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&fixture.chat())
        .say("hello");
    said.answer().await;
    let sealed = fixture.sim.seal(&fixture.sim.envelope_for(&said.id));
    let names: Vec<&str> = sealed
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let expected = [
        "content-type",
        "x-lark-request-timestamp",
        "x-lark-request-nonce",
        "x-lark-signature",
    ];
    assert_eq!(names, expected);
    let answer = fixture
        .sim
        .push_raw(&[("x-odd".to_owned(), "1".to_owned())], &b"\xff"[..])
        .await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(webhook.log.lock().unwrap().got[1].1.as_ref(), b"\xff");
    let other = fixture
        .sim
        .push_event("im.chat.disbanded_v1", &json!({"chat_id": "oc_1"}));
    assert_eq!(other.answer().await.status, 200);
}
