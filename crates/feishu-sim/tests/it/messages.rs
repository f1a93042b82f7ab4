//! Messages, replies, threads and reactions.

use std::time::Duration;

use feishu_sim::{ChatId, MessageId, RateLimits, Simulator, Words};
use serde_json::{Value, json};

use crate::client::{Fixture, Got};

impl Fixture {
    async fn reply(&self, message: &MessageId, body: Value) -> Got {
        self.post(&format!("/open-apis/im/v1/messages/{message}/reply"), body)
            .await
    }

    async fn read_message(&self, message: &MessageId) -> Got {
        self.get(&format!("/open-apis/im/v1/messages/{message}"))
            .await
    }

    pub(crate) async fn react(&self, message: &MessageId, emoji: &str) -> Got {
        let body = json!({"reaction_type": {"emoji_type": emoji}});
        self.post(
            &format!("/open-apis/im/v1/messages/{message}/reactions"),
            body,
        )
        .await
    }

    fn hello(&self, chat: &ChatId) -> MessageId {
        self.sim.as_person(&self.lin).in_chat(chat).say("hello").id
    }
}

fn text(text: &str) -> Value {
    json!({"msg_type": "text", "content": json!({"text": text}).to_string()})
}

fn with_uuid(words: &str, uuid: &str) -> Value {
    let mut body = text(words);
    body["uuid"] = json!(uuid);
    body
}

#[tokio::test]
async fn a_message_is_read_in_the_api_shape() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let id = fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .say(Words::new().at(&fixture.mia).text(" hi"))
        .id;
    let got = fixture.read_message(&id).await.json();
    let now = fixture.sim.clock().now_ms().to_string();
    let tenant = fixture.sim.app().tenant_key;
    let expected = json!([{
        "message_id": id.as_str(), "chat_id": chat.as_str(), "msg_type": "text",
        "create_time": now, "update_time": now, "deleted": false, "updated": false,
        "sender": {"id": fixture.lin.open_id, "id_type": "open_id", "sender_type": "user", "tenant_key": tenant},
        "body": {"content": r#"{"text":"@_user_1 hi"}"#},
        "mentions": [{
            "key": "@_user_1", "id": fixture.mia.open_id, "id_type": "open_id", "name": "Mia",
            "tenant_key": tenant,
        }],
    }]);
    assert_eq!(got["data"]["items"], expected);
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .recall(&id);
    let got = fixture.read_message(&id).await.json();
    assert_eq!(got["data"]["items"][0]["deleted"], json!(true));
    let content = &got["data"]["items"][0]["body"]["content"];
    assert!(!content.as_str().unwrap().contains("@_user_1"));
}

#[tokio::test]
async fn reading_a_group_message_needs_its_own_scope() {
    let fixture = Fixture::new().await;
    let (group, direct) = (fixture.chat(), fixture.sim.direct_chat(&fixture.lin));
    let (in_group, in_direct) = (fixture.hello(&group), fixture.hello(&direct));
    fixture
        .sim
        .change_app(|app| app.scopes.remove("im:message.group_msg"));
    assert_eq!(
        fixture.read_message(&in_group).await.outcome(),
        (400, 230_027)
    );
    assert_eq!(fixture.read_message(&in_direct).await.outcome(), (200, 0));
    assert_eq!(
        fixture
            .read_message(&MessageId::from("om_none"))
            .await
            .outcome(),
        (400, 230_001)
    );
}

#[tokio::test]
async fn a_reply_stands_under_its_message() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let id = fixture.hello(&chat);
    let got = fixture.reply(&id, text("done")).await.json();
    let data = &got["data"];
    assert_eq!(
        (&data["root_id"], &data["parent_id"]),
        (&json!(id.as_str()), &json!(id.as_str()))
    );
    assert_eq!(data["sender"]["id"], json!(fixture.sim.app().app_id));
    assert_eq!(data["sender"]["sender_type"], json!("app"));
    assert_eq!(fixture.sim.replies_to(&id), ["done"]);
    let post = json!({"zh_cn": {"title": "", "content": [[{"tag": "text", "text": "a"}], [{"tag": "text", "text": "b"}]]}});
    let body = json!({"msg_type": "post", "content": post.to_string()});
    assert_eq!(fixture.reply(&id, body).await.code(), 0);
    assert_eq!(fixture.sim.replies_to(&id), ["done", "a\nb"]);
    assert_eq!(fixture.sim.messages(&chat).len(), 3);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_uuid_sends_one_message_an_hour() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let id = fixture.hello(&chat);
    let first = fixture.reply(&id, with_uuid("done", "key")).await;
    let again = fixture.reply(&id, with_uuid("else", "key")).await;
    assert_eq!((first.status, &first.text), (200, &again.text));
    assert_eq!(fixture.sim.replies_to(&id), ["done"]);
    fixture.sim.clock().advance(Duration::from_hours(1));
    // The token expired meanwhile as little as the message did.
    assert_eq!(fixture.reply(&id, with_uuid("late", "key")).await.code(), 0);
    assert_eq!(fixture.sim.replies_to(&id), ["done", "late"]);
    let long = "x".repeat(51);
    assert_eq!(
        fixture.reply(&id, with_uuid("no", &long)).await.outcome(),
        (400, 99_992_402)
    );
    assert_eq!(
        fixture
            .reply(&id, with_uuid("yes", &long[..50]))
            .await
            .code(),
        0
    );
}

#[tokio::test]
async fn five_messages_a_second_go_to_one_chat() {
    let fixture = Fixture::new().await;
    let (chat, other) = (fixture.chat(), fixture.chat());
    let id = fixture.hello(&chat);
    for _ in 0..5 {
        assert_eq!(fixture.reply(&id, text("x")).await.code(), 0);
    }
    assert_eq!(
        fixture.reply(&id, text("x")).await.outcome(),
        (400, 230_020)
    );
    assert_eq!(
        fixture
            .reply(&fixture.hello(&other), text("x"))
            .await
            .code(),
        0
    );
    fixture.sim.clock().advance(Duration::from_secs(1));
    assert_eq!(fixture.reply(&id, text("x")).await.code(), 0);
}

#[tokio::test]
async fn replies_are_refused_where_they_cannot_go() {
    let fixture = Fixture::with(Simulator::builder().rate_limits(RateLimits::Off)).await;
    let chat = fixture.chat();
    let id = fixture.hello(&chat);
    fixture.sim.change_chat(&chat, |chat| chat.bot_in = false);
    assert_eq!(
        fixture.reply(&id, text("x")).await.outcome(),
        (400, 230_002)
    );
    fixture.sim.change_chat(&chat, |chat| chat.bot_in = true);
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .recall(&id);
    assert_eq!(
        fixture.reply(&id, text("x")).await.outcome(),
        (400, 230_011)
    );
    assert_eq!(
        fixture
            .reply(&MessageId::from("om_none"), text("x"))
            .await
            .outcome(),
        (400, 230_001)
    );
    fixture.sim.finish();

    let id = fixture.hello(&chat);
    let post = json!({"title": "no locale", "content": []});
    let wrong = [
        json!({"msg_type": "text", "content": "not json"}),
        json!({"msg_type": "text", "content": r#"{"txt":"x"}"#}),
        json!({"msg_type": "text", "content": r#"{"text":""}"#}),
        json!({"msg_type": "post", "content": post.to_string()}),
        json!({"msg_type": "sticker", "content": "{}"}),
    ];
    for body in wrong {
        let before = fixture.sim.violations().len();
        assert_eq!(
            fixture.reply(&id, body.clone()).await.outcome(),
            (400, 230_001),
            "{body}"
        );
        assert_eq!(fixture.sim.violations().len(), before + 1, "{body}");
    }
    let long = "x".repeat(151 << 10);
    assert_eq!(
        fixture.reply(&id, text(&long)).await.outcome(),
        (400, 230_025)
    );
    assert_eq!(fixture.sim.replies_to(&id), Vec::<String>::new());
}

#[tokio::test]
async fn messages_go_to_chats_or_people() {
    let fixture = Fixture::new().await;
    let (chat, direct) = (fixture.chat(), fixture.sim.direct_chat(&fixture.lin));
    let send = async |kind: &str, id: &str| {
        let mut body = text("news");
        body["receive_id"] = json!(id);
        fixture
            .post(
                &format!("/open-apis/im/v1/messages?receive_id_type={kind}"),
                body,
            )
            .await
            .outcome()
    };
    assert_eq!(send("chat_id", chat.as_str()).await, (200, 0));
    assert_eq!(send("open_id", &fixture.lin.open_id).await, (200, 0));
    assert_eq!(send("chat_id", "oc_none").await, (400, 230_034));
    assert_eq!(send("thread_id", "omt_1").await, (400, 99_992_402));
    assert_eq!(fixture.sim.messages(&chat)[0].text(), "news");
    assert_eq!(fixture.sim.messages(&direct)[0].text(), "news");
}

#[tokio::test]
async fn only_documented_cards_are_accepted() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let send = async |card: &Value| {
        let body = json!({
            "receive_id": chat.as_str(), "msg_type": "interactive", "content": card.to_string(),
        });
        let path = "/open-apis/im/v1/messages?receive_id_type=chat_id";
        fixture.post(path, body).await.outcome()
    };
    let mut card = json!({
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": "Hello"}},
        "body": {"elements": [{"tag": "markdown", "content": "**there**"}]},
    });
    assert_eq!(send(&card).await, (200, 0));
    let message = &fixture.sim.messages(&chat)[0];
    assert_eq!(
        (&*message.msg_type, &*message.text()),
        ("interactive", "Hello\n**there**")
    );
    fixture.sim.finish();
    card["body"]["elements"][0]["colour"] = json!("red");
    assert_eq!(send(&card).await, (400, 230_099));
    assert_eq!(fixture.sim.violations().len(), 1);
    assert_eq!(fixture.sim.messages(&chat).len(), 1);
}

#[tokio::test]
async fn thread_replies_point_to_the_first_message() {
    let fixture = Fixture::new().await;
    let place = |id: &MessageId| {
        let message = &fixture.sim.envelope_for(id)["event"]["message"];
        ["root_id", "parent_id", "thread_id"].map(|name| message[name].as_str().map(str::to_owned))
    };
    for spec in [fixture.group().topic(), fixture.group().thread_messages()] {
        let chat = fixture.sim.add_chat(spec);
        let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
        let root = lin.say("topic").id;
        let [_, _, thread] = place(&root);
        assert!(thread.as_ref().unwrap().starts_with("omt_"));
        let first = lin.reply_to(&root).say("one").id;
        let second = lin.reply_to(&first).say("/pin").id;
        let expected = [Some(root.to_string()), Some(root.to_string()), thread];
        assert_eq!(
            (place(&first), place(&second)),
            (expected.clone(), expected)
        );
    }
    let chat = fixture.chat();
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    let root = lin.say("plain").id;
    let first = lin.reply_to(&root).say("one").id;
    let second = lin.reply_to(&first).say("two").id;
    assert_eq!(
        place(&second),
        [Some(root.to_string()), Some(first.to_string()), None]
    );
    let mut body = text("in a thread");
    body["reply_in_thread"] = json!(true);
    let data = fixture.reply(&root, body).await.json()["data"].clone();
    assert!(data["thread_id"].as_str().unwrap().starts_with("omt_"));
}

#[tokio::test]
async fn reactions_count_once_per_exact_name() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let id = fixture.hello(&chat);
    let first = fixture.react(&id, "Pin").await.json()["data"].clone();
    let again = fixture.react(&id, "Pin").await.json()["data"].clone();
    assert_eq!(first["reaction_id"], again["reaction_id"]);
    assert_eq!(first["operator"]["operator_type"], json!("app"));
    assert_eq!(fixture.react(&id, "DONE").await.code(), 0);
    assert_eq!(fixture.sim.reactions(&id), ["Pin", "DONE"]);
    assert_eq!(fixture.react(&id, "pin").await.outcome(), (400, 231_001));
    let path = |reaction: &str| format!("/open-apis/im/v1/messages/{id}/reactions/{reaction}");
    let reaction = first["reaction_id"].as_str().unwrap();
    assert_eq!(
        fixture.call("DELETE", &path(reaction), None).await.code(),
        0
    );
    assert_eq!(
        fixture
            .call("DELETE", &path(reaction), None)
            .await
            .outcome(),
        (400, 231_010)
    );
    assert_eq!(fixture.sim.reactions(&id), ["DONE"]);
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .recall(&id);
    assert_eq!(fixture.react(&id, "Pin").await.outcome(), (400, 230_110));
    assert_eq!(
        fixture
            .react(&MessageId::from("om_none"), "Pin")
            .await
            .outcome(),
        (400, 231_003)
    );
    fixture.sim.finish();
}
