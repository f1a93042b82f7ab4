//! Invalid requests are rejected, and the response reveals nothing.

use std::time::Duration;

use feishu::EncryptKey;
use feishu_sim::{AnnouncementKind::Docx, Endpoint, PushAnswer, Sealed};
use serde_json::{Value, json};

use crate::harness::Bench;
use crate::members;

const BAD_PADDING: &[u8] = br#"{"encrypt":"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8="}"#;

/// A bot, and a valid event that has not been sent yet.
struct Attack {
    bench: Bench,
    good: Value,
}

impl Attack {
    async fn new() -> Self {
        Self::on(Bench::new().await)
    }

    fn on(bench: Bench) -> Self {
        let group = bench.group(Docx);
        let said = bench.say_unpushed(&group, "/pin announcement");
        let good = bench.sim.envelope_for(&said);
        Self { bench, good }
    }

    async fn push(&self, sealed: Sealed) -> PushAnswer {
        self.bench.sim.push_raw(&sealed.headers, sealed.body).await
    }

    /// Signs a body without encrypting it.
    fn sign(&self, body: Vec<u8>) -> Sealed {
        let key = EncryptKey::new(&self.bench.sim.app().encrypt_key.unwrap()).unwrap();
        let timestamp = (self.bench.sim.clock().now_ms() / 1000).to_string();
        let signature = feishu::sign(&key, &timestamp, "7", &body);
        let headers = [
            (feishu::TIMESTAMP_HEADER, timestamp),
            (feishu::NONCE_HEADER, "7".to_owned()),
            (feishu::SIGNATURE_HEADER, signature),
        ];
        let headers = headers
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec();
        Sealed { headers, body }
    }

    async fn push_event(&self, change: impl FnOnce(&mut Value)) -> PushAnswer {
        let mut event = self.good.clone();
        change(&mut event);
        self.push(self.bench.sim.seal(&event)).await
    }

    async fn is_unauthorized(&self, what: &str, headers: &[(String, String)], body: Vec<u8>) {
        let got = self.bench.sim.push_raw(headers, body).await;
        assert_eq!(
            answer(&got),
            (401, r#"{"error":"unauthorized"}"#.to_owned()),
            "{what}"
        );
    }

    /// No request so far had an effect, and the bot still works.
    async fn then_a_good_event_works(self) {
        self.bench.idle().await;
        // After a signed request with a wrong timestamp, the bot reads the platform's time.
        let calls = self.bench.sim.calls();
        assert!(
            calls
                .iter()
                .all(|call| call.endpoint == Some(Endpoint::BotInfo)
                    || call.endpoint == Some(Endpoint::TenantAccessToken)),
            "{}",
            self.bench.sim.conversation()
        );
        assert_eq!(self.push(self.bench.sim.seal(&self.good)).await.status, 200);
        self.bench
            .wait("the pin", |state| {
                state.calls_to(Endpoint::PutTopNotice).next().map(|_| ())
            })
            .await;
        self.bench.finish().await;
    }
}

fn answer(answer: &PushAnswer) -> (u16, String) {
    (answer.status, answer.body.clone())
}

fn without(headers: &[(String, String)], name: &str) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(header, _)| !header.eq_ignore_ascii_case(name))
        .cloned()
        .collect()
}

#[tokio::test]
async fn rule_4_wrong_signatures_get_one_answer() {
    let attack = Attack::new().await;
    let Sealed { headers, body } = attack.bench.sim.seal(&attack.good);
    for (name, value) in [
        (feishu::SIGNATURE_HEADER, "0".repeat(64)),
        (feishu::SIGNATURE_HEADER, "00".to_owned()),
        (feishu::TIMESTAMP_HEADER, "1".to_owned()),
        (feishu::TIMESTAMP_HEADER, "now".to_owned()),
        (feishu::NONCE_HEADER, "another".to_owned()),
    ] {
        let mut changed = without(&headers, name);
        changed.push((name.to_owned(), value));
        attack.is_unauthorized(name, &changed, body.clone()).await;
        attack
            .is_unauthorized(name, &without(&headers, name), body.clone())
            .await;
    }
    let mut tampered = body.clone();
    tampered[20] ^= 1;
    attack.is_unauthorized("tampered", &headers, tampered).await;
    let plain = serde_json::to_vec(&attack.good).unwrap();
    attack
        .is_unauthorized("a plain body", &headers, plain)
        .await;
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn rule_4_unsigned_requests_get_one_answer() {
    let attack = Attack::new().await;
    let sim = &attack.bench.sim;
    let challenge = |token: &str, challenge: &str| json!({ "type": "url_verification", "token": token, "challenge": challenge });
    let token = sim.app().verification_token;
    for (what, body) in [
        ("a good event", sim.seal(&attack.good).body),
        ("a plain event", serde_json::to_vec(&attack.good).unwrap()),
        (
            "a plain challenge",
            challenge(&token, "c").to_string().into_bytes(),
        ),
        (
            "a foreign challenge",
            sim.seal(&challenge("wrong", "c")).body,
        ),
        (
            "a challenge that is too long",
            sim.seal(&challenge(&token, &"c".repeat(5000))).body,
        ),
        ("truncated base64", br#"{"encrypt":"AAA"}"#.to_vec()),
        (
            "no block",
            br#"{"encrypt":"AAECAwQFBgcICQoLDA0ODw=="}"#.to_vec(),
        ),
        ("bad padding", BAD_PADDING.to_vec()),
        ("invalid UTF-8", vec![0xff, 0xfe, b'{']),
        ("nested brackets", vec![b'['; 100_000]),
        ("nothing", Vec::new()),
    ] {
        attack.is_unauthorized(what, &[], body).await;
    }
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn signature_is_valid_for_eight_hours() {
    let any_age = "[worker]\nstale_after = '0s'";
    let attack = Attack::on(Bench::with(|builder| builder, any_age).await);
    let early = attack.bench.sim.seal(&attack.good);
    attack.bench.advance(Duration::from_secs(8 * 60 * 60 + 1));
    assert_eq!(attack.push(early).await.status, 401);
    attack
        .bench
        .sim
        .clock()
        .advance(Duration::from_secs(5 * 60 + 5));
    let ahead = attack.bench.sim.seal(&attack.good);
    assert_eq!(attack.push(ahead).await.status, 401);
    attack.bench.advance_bot(Duration::from_secs(5 * 60 + 5));
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn signed_body_needs_right_app_and_token() {
    let attack = Attack::new().await;
    for (pointer, value) in [
        ("/header/token", json!("wrong")),
        ("/header/token", json!("")),
        ("/header/token", Value::Null),
        ("/header/app_id", json!("cli_ffffffffffffffff")),
        ("/header/app_id", json!("cli_A1b2c3d4e5f60718")),
    ] {
        let got = attack
            .push_event(|event| *event.pointer_mut(pointer).unwrap() = value.clone())
            .await;
        assert_eq!(
            answer(&got),
            (401, r#"{"error":"unauthorized"}"#.to_owned()),
            "{pointer} {value}"
        );
    }
    attack.then_a_good_event_works().await;
}

/// The platform redelivers an event up to four times if the response is not 200.
#[tokio::test]
async fn rule_4_signed_odd_events_are_acknowledged() {
    let attack = Attack::new().await;
    let good = (200, "{}".to_owned());
    for (parent, field) in [
        ("/header", "event_id"),
        ("/header", "event_type"),
        ("/header", "create_time"),
        ("/header", "tenant_key"),
        ("/header", "app_id"),
        ("", "schema"),
        ("", "event"),
        ("/event", "message"),
        ("/event", "sender"),
        ("/event/message", "message_id"),
        ("/event/message", "chat_id"),
        ("/event/message", "chat_type"),
        ("/event/message", "message_type"),
        ("/event/message", "content"),
        ("/event/message", "create_time"),
        ("/event/sender", "sender_type"),
        ("/event/sender", "sender_id"),
    ] {
        for value in [None, Some(json!(null)), Some(json!(7)), Some(json!([{}]))] {
            let got = attack
                .push_event(|event| {
                    let parent = event.pointer_mut(parent).unwrap();
                    match value.clone() {
                        Some(value) => parent[field] = value,
                        None => drop(parent.as_object_mut().unwrap().remove(field)),
                    }
                })
                .await;
            assert_eq!(answer(&got), good, "{parent}/{field} {value:?}");
        }
    }
    for content in [
        "",
        "{",
        "[]",
        "words",
        r#"{"text":7}"#,
        &"[".repeat(100_000),
    ] {
        for message_type in ["text", "post", "interactive", "of_the_future"] {
            let got = attack
                .push_event(|event| {
                    event["event"]["message"]["content"] = json!(content);
                    event["event"]["message"]["message_type"] = json!(message_type);
                })
                .await;
            assert_eq!(answer(&got), good, "{message_type}");
        }
    }
    attack.bench.idle().await;
    let metrics = attack.bench.metrics().await;
    assert!(metrics.contains("noticebot_dead_jobs_total 0"), "{metrics}");
    attack.bench.finish().await;
}

#[tokio::test]
async fn signed_garbage_is_a_bad_request() {
    let attack = Attack::new().await;
    let sealed = |plain: &Value| attack.bench.sim.seal(plain).body;
    let bodies: [(&str, Vec<u8>); 11] = [
        ("truncated base64", br#"{"encrypt":"AAA"}"#.to_vec()),
        ("bad padding", BAD_PADDING.to_vec()),
        ("not base64", br#"{"encrypt":"%%%%"}"#.to_vec()),
        ("not encrypted", serde_json::to_vec(&attack.good).unwrap()),
        ("invalid UTF-8", vec![0xff, 0xfe, b'{']),
        ("nested brackets", vec![b'['; 100_000]),
        ("a number", b"7".to_vec()),
        ("nothing", Vec::new()),
        ("an array", sealed(&json!([{}]))),
        ("an empty object", sealed(&json!({}))),
        (
            "an object that is no event",
            sealed(&json!({ "event": {}, "header": 7 })),
        ),
    ];
    for (what, body) in bodies {
        let sealed = attack.sign(body);
        assert_eq!(attack.push(sealed).await.status, 400, "{what}");
    }
    let deep = attack.bench.sim.seal(&Value::String("x".to_owned()));
    assert_eq!(attack.push(deep).await.status, 400);
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn body_over_one_mebibyte_is_rejected() {
    let attack = Attack::new().await;
    let got = attack
        .bench
        .sim
        .push_raw(&[], vec![b' '; 3 * 1024 * 1024])
        .await;
    assert_eq!(answer(&got), (413, r#"{"error":"too_large"}"#.to_owned()));
    let metrics = attack.bench.metrics().await;
    for line in [
        "noticebot_events_total{result=\"too_large\"} 1",
        "noticebot_events_total{result=\"malformed\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn irrelevant_events_are_acknowledged_but_not_stored() {
    let attack = Attack::new().await;
    for event_type in [
        "im.chat.updated_v1",
        "im.message.message_read_v1",
        "of.the.future_v9",
    ] {
        let got = attack
            .push_event(|event| {
                *event.pointer_mut("/header/event_type").unwrap() = json!(event_type);
            })
            .await;
        assert_eq!(answer(&got), (200, "{}".to_owned()));
    }
    let app = attack.bench.sim.app();
    for event in [
        json!({ "type": "p2p_chat_create", "app_id": app.app_id, "tenant_key": "t" }),
        json!({ "type": "p2p_chat_create" }),
        json!({ "type": "p2p_chat_create", "app_id": null }),
        json!({}),
        json!([]),
        Value::Null,
    ] {
        let v1 = json!({
            "ts": "1502199207.7171419", "uuid": "u", "token": app.verification_token,
            "type": "event_callback", "event": event,
        });
        assert_eq!(
            answer(&attack.push(attack.bench.sim.seal(&v1)).await),
            (200, "{}".to_owned()),
            "{event}"
        );
    }
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn url_challenge_is_answered_without_a_signature() {
    let bench = Bench::new().await;
    let got = bench.sim.check_url().await;
    assert_eq!(got.status, 200);
    assert!(got.body.starts_with(r#"{"challenge":"#), "{}", got.body);
    let challenge = json!({
        "type": "url_verification", "token": bench.sim.app().verification_token, "challenge": "signed",
    });
    let sealed = bench.sim.seal(&challenge);
    let got = bench.sim.push_raw(&sealed.headers, sealed.body).await;
    assert_eq!(answer(&got), (200, r#"{"challenge":"signed"}"#.to_owned()));
    bench.finish().await;
}

#[tokio::test]
async fn challenge_is_answered_with_invalid_credentials() {
    let bench = Bench::new().await;
    bench.sim.set_down(true);
    assert_eq!(bench.sim.check_url().await.status, 200);
    assert_eq!(bench.ask("/readyz").await.0, 200);
    bench.sim.set_down(false);
    bench.finish().await;
}

#[tokio::test]
async fn plaintext_bodies_need_the_verification_token() {
    let bench = Bench::with(|builder| builder.encrypt_key(None), "").await;
    let attack = Attack::on(bench);
    let push = async |event: &Value| {
        attack
            .bench
            .sim
            .push_raw(&[], event.to_string().into_bytes())
            .await
    };
    let mut foreign = attack.good.clone();
    foreign["header"]["token"] = json!("wrong");
    for body in [foreign, json!({ "encrypt": "AAAA" }), json!([]), json!({})] {
        assert_eq!(
            answer(&push(&body).await),
            (401, r#"{"error":"unauthorized"}"#.to_owned()),
            "{body}"
        );
    }
    let metrics = attack.bench.metrics().await;
    for line in [
        "noticebot_events_total{result=\"unauthorized\"} 4",
        "noticebot_events_total{result=\"malformed\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert_eq!(attack.bench.sim.check_url().await.status, 200);
    attack.then_a_good_event_works().await;
}

#[tokio::test]
async fn previous_secrets_are_accepted_during_rotation() {
    let mut bench = Bench::new().await;
    let before = bench.sim.app();
    let (old_key, old_token) = (before.encrypt_key.unwrap(), before.verification_token);
    bench.set("FEISHU_PREVIOUS_ENCRYPT_KEY", &old_key);
    bench.set("FEISHU_PREVIOUS_VERIFICATION_TOKEN", &old_token);
    bench.set("FEISHU_ENCRYPT_KEY", "another key");
    bench.set("FEISHU_VERIFICATION_TOKEN", "another token");
    bench.restart().await;
    let group = bench.group(Docx);
    let counted = async |bench: &Bench, count: u32| {
        let line = format!("\nnoticebot_previous_secrets_total {count}\n");
        assert!(bench.metrics().await.contains(&line), "not {count}");
    };

    // The console still has the old secrets.
    let early = bench.say(&group, "/pin announcement").id;
    bench.reaction(&early).await;
    assert_eq!(bench.sim.check_url().await.status, 200);
    counted(&bench, 3).await;
    // The metric counts other messages, too: at night there may be no commands.
    assert_eq!(bench.say(&group, "good night").answer().await.status, 200);
    counted(&bench, 5).await;
    // The console has the new secrets.
    bench.sim.change_app(|app| {
        app.encrypt_key = Some("another key".to_owned());
        app.verification_token = "another token".to_owned();
    });
    let late = bench.say(&group, "/unpin").id;
    bench.reaction(&late).await;
    assert_eq!(bench.sim.check_url().await.status, 200);
    assert_eq!(bench.say(&group, "hello").answer().await.status, 200);
    counted(&bench, 5).await;

    // After the rotation, the old secrets are rejected.
    bench.set("FEISHU_PREVIOUS_ENCRYPT_KEY", "");
    bench.set("FEISHU_PREVIOUS_VERIFICATION_TOKEN", "");
    bench.restart().await;
    for (key, token) in [
        (old_key.as_str(), "another token"),
        ("another key", old_token.as_str()),
    ] {
        bench.sim.change_app(|app| {
            app.encrypt_key = Some(key.to_owned());
            app.verification_token = token.to_owned();
        });
        let said = bench.say(&group, "/pin announcement");
        assert_eq!(said.answer().await.status, 401);
        assert_eq!(bench.sim.check_url().await.status, 401);
    }
    bench.finish().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_get_404_and_405() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask("/webhook/event").await.0, 405);
    assert_eq!(bench.ask("/").await.0, 404);
    assert_eq!(bench.ask("/metrics").await.0, 404);
    assert_eq!(bench.ask("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(bench.ask("/readyz").await, (200, "ok\n".to_owned()));
    bench.finish().await;
}

#[tokio::test]
async fn a_copied_grant_serves_nobody_else() {
    let bench = members::bench().await;
    bench.granted().await;
    let file = rusqlite::Connection::open(bench.folder.path().join("bot.db")).unwrap();
    file.execute_batch("CREATE TEMP TABLE copy AS SELECT * FROM grants")
        .unwrap();
    let owner = [&bench.owner.open_id];
    file.execute("UPDATE copy SET person = ?1", owner).unwrap();
    let copied = file.execute("INSERT INTO main.grants SELECT * FROM copy", []);
    assert_eq!(copied.unwrap(), 1);
    let group = bench.group(Docx);
    bench.say_as(&bench.owner, &group, "/announce hello");
    bench.link(&bench.owner).await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.cut_off().await;
}
