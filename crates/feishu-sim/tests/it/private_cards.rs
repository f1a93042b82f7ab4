//! Cards that one member sees, and direct messages by open id.

use std::time::Duration;

use feishu_sim::{ChatId, Person};
use serde_json::{Value, json};

use crate::client::{Fixture, Got};

fn card(link: &str) -> Value {
    json!({
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": "Hello"}},
        "body": {"elements": [{"tag": "markdown", "content": format!("[Open]({link})")}]},
    })
}

impl Fixture {
    async fn show(&self, chat: &ChatId, person: &Person) -> Got {
        let body = json!({
            "chat_id": chat.as_str(), "open_id": person.open_id, "msg_type": "interactive",
            "card": card("https://example.com/a"),
        });
        self.post("/open-apis/ephemeral/v1/send", body).await
    }

    async fn write_to(&self, open_id: &str) -> Got {
        let body = json!({
            "receive_id": open_id, "msg_type": "interactive",
            "content": card("https://example.com/b").to_string(),
        });
        let path = "/open-apis/im/v1/messages?receive_id_type=open_id";
        self.post(path, body).await
    }
}

#[tokio::test]
async fn a_private_card_is_seen_by_one() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let got = fixture.show(&chat, &fixture.lin).await;
    assert_eq!(got.outcome(), (200, 0));
    let cards = fixture.sim.private_cards(&fixture.lin);
    assert_eq!(cards.len(), 1);
    let id = cards[0].id.as_str();
    assert_eq!(got.json()["data"], json!({"message_id": id}));
    assert_eq!(
        (&cards[0].chat, &*cards[0].text()),
        (&chat, "Hello\n[Open](https://example.com/a)")
    );
    assert_eq!(cards[0].links(), ["https://example.com/a"]);
    assert_eq!(fixture.sim.private_cards(&fixture.mia), []);
    assert!(fixture.sim.messages(&chat).is_empty());
    let read = fixture
        .get(&format!("/open-apis/im/v1/messages/{id}"))
        .await;
    assert_eq!(read.outcome(), (400, 230_001));
    fixture.sim.finish();
}

#[tokio::test]
async fn private_cards_need_an_ordinary_group() {
    let fixture = Fixture::new().await;
    let sim = &fixture.sim;
    let threads = sim.add_chat(fixture.group().thread_messages());
    let others = [
        threads.clone(),
        sim.add_chat(fixture.group().topic()),
        sim.direct_chat(&fixture.lin),
    ];
    for chat in &others {
        let got = fixture.show(chat, &fixture.lin).await;
        assert_eq!(got.outcome(), (400, 18_053));
        assert_eq!(got.json()["msg"], "chat can not be thread");
    }
    sim.change_behaviour(|behaviour| behaviour.private_cards.are_shown_in_threads = true);
    assert_eq!(fixture.show(&threads, &fixture.lin).await.code(), 0);
    let outside = sim.add_chat(fixture.group().without_bot());
    assert_eq!(fixture.show(&outside, &fixture.lin).await.code(), 10_030);
    let unknown = ChatId::from("oc_none");
    assert_eq!(fixture.show(&unknown, &fixture.lin).await.code(), 11_213);
    sim.finish();
}

#[tokio::test]
async fn private_cards_reach_only_available_members() {
    let fixture = Fixture::new().await;
    let sim = &fixture.sim;
    let chat = fixture.chat();
    let guest = sim.add_person("Guest");
    assert_eq!(fixture.show(&chat, &guest).await.outcome(), (400, 11_206));
    sim.change_app(|app| app.unavailable_to.insert(fixture.mia.open_id.clone()));
    assert_eq!(
        fixture.show(&chat, &fixture.mia).await.outcome(),
        (400, 230_013)
    );
    sim.change_behaviour(|behaviour| {
        behaviour.private_cards.outsider = 18_053;
        behaviour.private_cards.unavailable = 11_225;
        behaviour.private_cards.are_named = false;
    });
    assert_eq!(fixture.show(&chat, &guest).await.code(), 18_053);
    assert_eq!(fixture.show(&chat, &fixture.mia).await.code(), 11_225);
    assert_eq!(
        fixture.show(&chat, &fixture.lin).await.json()["data"],
        json!({})
    );
    sim.set_online(&fixture.lin, false);
    assert_eq!(fixture.show(&chat, &fixture.lin).await.code(), 0);
    assert_eq!(sim.private_cards(&fixture.lin).len(), 1);
    sim.set_online(&fixture.lin, true);
    assert_eq!(fixture.show(&chat, &fixture.lin).await.code(), 0);
    assert_eq!(sim.private_cards(&fixture.lin).len(), 2);
    sim.finish();
}

#[tokio::test]
async fn forty_private_cards_a_second_are_shown() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    for _ in 0..40 {
        assert_eq!(fixture.show(&chat, &fixture.lin).await.code(), 0);
    }
    assert_eq!(fixture.show(&chat, &fixture.mia).await.code(), 11_233);
    let other = fixture.chat();
    assert_eq!(fixture.show(&other, &fixture.mia).await.code(), 0);
    fixture.sim.clock().advance(Duration::from_secs(1));
    assert_eq!(fixture.show(&chat, &fixture.mia).await.code(), 0);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_first_direct_message_opens_the_chat() {
    let fixture = Fixture::new().await;
    let sim = &fixture.sim;
    let (lin, mia) = (&fixture.lin, &fixture.mia);
    assert_eq!(fixture.write_to(&lin.open_id).await.outcome(), (200, 0));
    let messages = sim.direct_messages(lin);
    assert_eq!(messages[0].chat, sim.direct_chat(lin));
    assert_eq!(sim.links_for(lin), ["https://example.com/b"]);
    assert!(sim.links_for(mia).is_empty());

    assert_eq!(fixture.write_to("ou_none").await.outcome(), (400, 230_034));
    let guest = sim.add_person_of("another_tenant", "Guest");
    assert_eq!(fixture.write_to(&guest.open_id).await.code(), 230_038);
    sim.change_app(|app| {
        let both = [&lin.open_id, &mia.open_id].map(Clone::clone);
        app.unavailable_to.extend(both);
    });
    for person in [lin, mia] {
        assert_eq!(
            fixture.write_to(&person.open_id).await.outcome(),
            (400, 230_013)
        );
    }
    let body = json!({"msg_type": "text", "content": json!({"text": "x"}).to_string()});
    let path = format!("/open-apis/im/v1/messages/{}/reply", messages[0].id);
    assert_eq!(fixture.post(&path, body).await.code(), 230_013);
    sim.finish();
}

#[tokio::test]
async fn a_private_card_is_deleted_once() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    assert_eq!(fixture.show(&chat, &fixture.lin).await.code(), 0);
    let card = fixture.sim.private_cards(&fixture.lin).pop().unwrap();
    let body = json!({"message_id": card.id.as_str()});
    let path = "/open-apis/ephemeral/v1/delete";
    let deleted = fixture.post(path, body.clone()).await;
    assert_eq!(deleted.outcome(), (200, 0));
    assert_eq!(fixture.sim.private_cards(&fixture.lin), []);
    assert_eq!(fixture.post(path, body).await.code(), 11_200);
    fixture.sim.finish();
}
