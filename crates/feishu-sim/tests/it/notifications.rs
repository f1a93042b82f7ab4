//! Messages that mention everybody, who has read them, and recalls.

use std::time::Duration;

use feishu_sim::{ChatId, MessageId, WhoMay};
use serde_json::{Value, json};

use crate::client::{Fixture, Got};

const DAY: Duration = Duration::from_hours(24);

impl Fixture {
    async fn mention_all(&self, chat: &ChatId, uuid: &str) -> Got {
        let text = r#"<at user_id="all"></at> lunch"#;
        let body = json!({
            "receive_id": chat.as_str(), "msg_type": "text", "uuid": uuid,
            "content": json!({"text": text}).to_string(),
        });
        self.post("/open-apis/im/v1/messages?receive_id_type=chat_id", body)
            .await
    }

    /// Sends one, and returns its id.
    async fn notification(&self, chat: &ChatId) -> MessageId {
        assert_eq!(self.mention_all(chat, "u1").await.outcome(), (200, 0));
        self.sim.messages(chat).pop().unwrap().id
    }

    async fn readers(&self, message: &MessageId, rest: &str) -> Got {
        self.get(&format!(
            "/open-apis/im/v1/messages/{message}/read_users?user_id_type=open_id{rest}"
        ))
        .await
    }

    async fn recall(&self, message: &MessageId) -> Got {
        self.call(
            "DELETE",
            &format!("/open-apis/im/v1/messages/{message}"),
            None,
        )
        .await
    }

    /// Lets time pass, after which the token is another one.
    async fn wait(&mut self, time: Duration) {
        self.sim.clock().advance(time);
        self.token = String::new();
        self.token = self.fresh_token().await;
    }
}

#[tokio::test]
async fn the_group_decides_who_mentions_everybody() {
    let fixture = Fixture::new().await;
    let sim = &fixture.sim;
    let chat = fixture.chat();
    let message = fixture.notification(&chat).await;
    assert_eq!(sim.messages(&chat)[0].text(), "@all lunch");
    assert!(sim.messages(&chat)[0].notifies_all);
    sim.change_chat(&chat, |chat| {
        chat.at_all_permission = Some(WhoMay::OnlyOwner);
    });
    let got = fixture.mention_all(&chat, "u2").await;
    assert_eq!(got.outcome(), (400, 230_018));
    sim.change_behaviour(|behaviour| behaviour.messages.mention_all_refusal = None);
    assert_eq!(fixture.mention_all(&chat, "u2").await.code(), 0);
    assert!(!sim.messages(&chat)[1].notifies_all);
    sim.change_chat(&chat, |chat| chat.bot_is_manager = true);
    assert_eq!(fixture.mention_all(&chat, "u3").await.code(), 0);
    assert!(sim.messages(&chat)[2].notifies_all);
    // A repetition is the first message or a refusal.
    let again = fixture.mention_all(&chat, "u1").await.json();
    assert_eq!(again["data"]["message_id"], json!(message.as_str()));
    sim.change_behaviour(|behaviour| behaviour.messages.repeat_refusal = Some(230_001));
    let again = fixture.mention_all(&chat, "u1").await;
    assert_eq!(again.outcome(), (400, 230_001));
    assert_eq!(sim.messages(&chat).len(), 3);
}

#[tokio::test]
async fn readers_come_in_pages() {
    let fixture = Fixture::new().await;
    let (sim, chat) = (&fixture.sim, fixture.chat());
    let message = fixture.notification(&chat).await;
    for person in [&fixture.lin, &fixture.mia, &fixture.lin] {
        sim.as_person(person).in_chat(&chat).read(&message);
    }
    let reader = |open_id: &str| {
        json!({
            "user_id_type": "open_id", "user_id": open_id,
            "timestamp": sim.clock().now_ms().to_string(), "tenant_key": sim.app().tenant_key,
        })
    };
    let mut token = String::new();
    for (person, has_more) in [(&fixture.lin, true), (&fixture.mia, false)] {
        let rest = format!("&page_size=1{token}");
        let got = fixture.readers(&message, &rest).await.json();
        assert_eq!(got["data"]["items"], json!([reader(&person.open_id)]));
        assert_eq!(got["data"]["has_more"], Value::Bool(has_more));
        let next = got["data"]["page_token"].as_str().unwrap();
        token = format!("&page_token={next}");
    }
}

#[tokio::test]
async fn readers_are_refused_in_this_order() {
    let mut fixture = Fixture::new().await;
    let chat = fixture.chat();
    let message = fixture.notification(&chat).await;
    let of_lin = fixture.sim.as_person(&fixture.lin);
    let foreign = of_lin.in_chat(&chat).say("hello").id;
    assert_eq!(
        fixture.readers(&message, "&page_size=101").await.code(),
        99_992_402
    );
    fixture.wait(7 * DAY).await;
    assert_eq!(fixture.readers(&message, "").await.code(), 0);
    fixture.sim.change_chat(&chat, |chat| chat.bot_in = false);
    assert_eq!(fixture.readers(&message, "").await.code(), 230_002);
    of_lin.in_chat(&chat).recall(&message);
    assert_eq!(fixture.readers(&message, "").await.code(), 230_110);
    fixture.wait(DAY).await;
    assert_eq!(fixture.readers(&message, "").await.code(), 230_033);
    of_lin.in_chat(&chat).recall(&foreign);
    assert_eq!(fixture.readers(&foreign, "").await.code(), 230_012);
}

#[tokio::test]
async fn a_bot_recalls_its_own_messages() {
    let mut fixture = Fixture::new().await;
    let chat = fixture.chat();
    let message = fixture.notification(&chat).await;
    let of_lin = fixture.sim.as_person(&fixture.lin);
    let foreign = of_lin.in_chat(&chat).say("hello").id;
    assert_eq!(fixture.recall(&foreign).await.outcome(), (400, 230_026));
    assert_eq!(fixture.recall(&message).await.outcome(), (200, 0));
    assert!(fixture.sim.messages(&chat)[0].recalled);
    assert_eq!(fixture.recall(&message).await.outcome(), (400, 230_110));
    let other = fixture.chat();
    fixture.mention_all(&other, "u2").await;
    let late = fixture.sim.messages(&other).pop().unwrap().id;
    fixture.wait(2 * DAY).await;
    assert_eq!(fixture.recall(&late).await.outcome(), (400, 230_009));
}

impl Fixture {
    async fn patch_card(&self, message: &MessageId, text: &str) -> Got {
        let content = json!({
            "schema": "2.0", "config": { "update_multi": true },
            "body": { "elements": [{ "tag": "markdown", "content": text }] },
        });
        let path = format!("/open-apis/im/v1/messages/{message}");
        let body = json!({ "content": content.to_string() });
        self.call("PATCH", &path, Some(body)).await
    }
}

#[tokio::test]
async fn a_bot_updates_its_own_cards() {
    let mut fixture = Fixture::new().await;
    let chat = fixture.chat();
    let content = json!({"schema": "2.0", "body": {"elements": []}}).to_string();
    let body = json!({
        "receive_id": chat.as_str(), "msg_type": "interactive", "content": content,
    });
    let path = "/open-apis/im/v1/messages?receive_id_type=chat_id";
    assert_eq!(fixture.post(path, body).await.code(), 0);
    let card = fixture.sim.messages(&chat).pop().unwrap().id;
    for text in ["one", "two", "three", "four", "five"] {
        assert_eq!(fixture.patch_card(&card, text).await.outcome(), (200, 0));
        assert_eq!(fixture.sim.messages(&chat)[0].text(), text);
    }
    assert_eq!(
        fixture.patch_card(&card, "six").await.outcome(),
        (400, 230_020)
    );
    fixture.wait(14 * DAY).await;
    assert_eq!(fixture.patch_card(&card, "six").await.outcome(), (200, 0));
    fixture.wait(Duration::from_secs(1)).await;
    assert_eq!(
        fixture.patch_card(&card, "seven").await.outcome(),
        (400, 230_031)
    );
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .recall(&card);
    assert_eq!(
        fixture.patch_card(&card, "seven").await.outcome(),
        (400, 230_011)
    );
    fixture
        .sim
        .change_behaviour(|behaviour| behaviour.messages.recalled_card = 230_110);
    assert_eq!(fixture.patch_card(&card, "seven").await.code(), 230_110);
}
