//! Presses on buttons of cards, their responses, and later updates of cards.

use std::{panic::AssertUnwindSafe, time::Duration};

use feishu_sim::{ChatId, Endpoint, MessageId, Person, Pressed, Seen, Simulator, ToastKind};
use serde_json::{Value, json};

use crate::{
    client::{Fixture, Got},
    socket::Socket,
    webhook::Webhook,
};

/// A card with this text, and a button that sends `{"undo": 1}` back for each label.
fn card(text: &str, labels: &[&str]) -> Value {
    let button = |label: &&str| {
        json!({
            "tag": "button", "text": {"tag": "plain_text", "content": label},
            "behaviors": [{"type": "callback", "value": {"undo": 1}}],
        })
    };
    let text = json!({"tag": "markdown", "content": text});
    let elements: Vec<Value> = [text]
        .into_iter()
        .chain(labels.iter().map(button))
        .collect();
    json!({"schema": "2.0", "body": {"elements": elements}})
}

fn answer(toast: Option<&str>, card: Option<&Value>) -> Value {
    let mut answer = json!({});
    if let Some(content) = toast {
        let i18n = json!({"zh_cn": "撤销了", "en_us": content});
        answer["toast"] = json!({"type": "success", "content": content, "i18n": i18n});
    }
    if let Some(card) = card {
        answer["card"] = json!({"type": "raw", "data": card});
    }
    answer
}

fn undone() -> Seen {
    Seen::Toast {
        kind: ToastKind::Success,
        zh_cn: "撤销了".to_owned(),
        en_us: "Undone".to_owned(),
        content: "Undone".to_owned(),
    }
}

/// A fixture, and a card with the button `Undo` in a chat of it.
struct Table {
    fixture: Fixture,
    chat: ChatId,
    card: MessageId,
}

impl Table {
    async fn in_world(fixture: Fixture) -> Self {
        let chat = fixture.chat();
        let body = json!({
            "receive_id": chat.as_str(), "msg_type": "interactive",
            "content": card("Pinned", &["Undo"]).to_string(),
        });
        let path = "/open-apis/im/v1/messages?receive_id_type=chat_id";
        assert_eq!(fixture.post(path, body).await.outcome(), (200, 0));
        let card = fixture.sim.messages(&chat)[0].id.clone();
        Self {
            fixture,
            chat,
            card,
        }
    }

    async fn new() -> Self {
        Self::in_world(Fixture::new().await).await
    }

    fn sim(&self) -> &Simulator {
        &self.fixture.sim
    }

    fn press_by(&self, person: &Person) -> Pressed {
        let person = self.sim().as_person(person).in_chat(&self.chat);
        person.press(&self.card, "Undo")
    }

    fn press(&self) -> Pressed {
        self.press_by(&self.fixture.mia)
    }

    async fn update(&self, token: &str, card: &Value) -> Got {
        let body = json!({"token": token, "card": card});
        let path = "/open-apis/interactive/v1/card/update";
        self.fixture.post(path, body).await
    }
}

#[tokio::test]
async fn a_press_is_answered_by_the_bot() {
    let table = Table::new().await;
    let new = card("Undone", &[]);
    let body = answer(Some("Undone"), Some(&new)).to_string();
    let webhook = Webhook::saying(&[(200, &body)]).await;
    table.sim().set_webhook(&webhook.url);
    assert_eq!(table.sim().buttons(&table.card), ["Undo"]);
    let pressed = table.press();
    let mia = &table.fixture.mia;
    let envelope = table.sim().pushes()[0].envelope.clone();
    let expected = json!({
        "operator": {
            "tenant_key": mia.tenant_key, "user_id": mia.user_id, "open_id": mia.open_id,
            "union_id": mia.union_id,
        },
        "token": pressed.token,
        "action": {"value": {"undo": 1}, "tag": "button", "timezone": "Asia/Shanghai"},
        "host": "im_message",
        "context": {"open_message_id": table.card.as_str(), "open_chat_id": table.chat.as_str()},
    });
    assert_eq!(envelope["event"], expected);
    assert!(pressed.token.starts_with("c-"));
    let header = &envelope["header"];
    assert_eq!(header["event_type"], json!("card.action.trigger"));
    let microseconds = format!("{}000", table.sim().clock().now_ms());
    assert_eq!(header["create_time"], json!(microseconds));

    assert_eq!(pressed.seen().await, undone());
    assert_eq!(
        pressed.push.answer().await.json()["toast"]["type"],
        "success"
    );
    assert_eq!(table.sim().card(&table.card), new);
    assert_eq!(table.sim().buttons(&table.card), Vec::<String>::new());
    let message = &table.sim().messages(&table.chat)[0];
    let now = table.sim().clock().now_ms();
    assert_eq!(
        (&*message.text(), message.updated_ms),
        ("Undone", Some(now))
    );
    let path = format!(
        "/open-apis/im/v1/messages/{}?card_msg_content_type=user_card_content",
        table.card
    );
    let item = table.fixture.get(&path).await.json()["data"]["items"][0].clone();
    assert_eq!(item["updated"], json!(true));
    assert_eq!(item["body"]["content"], json!(new.to_string()));
    table.sim().finish();
}

#[tokio::test]
async fn a_press_comes_over_the_long_connection_too() {
    let table = Table::new().await;
    table.sim().receive_by_long_connection();
    let mut socket = Socket::open(&table.fixture).await;
    let pressed = table.press();
    let frame = socket.frame().await;
    let envelope: Value = serde_json::from_slice(frame.payload()).unwrap();
    assert_eq!(envelope["event"]["token"], json!(pressed.token));
    let new = card("Undone", &["Again"]);
    let body = answer(Some("Undone"), Some(&new));
    socket.send(&frame.ack_data(&body)).await;
    assert_eq!(pressed.seen().await, undone());
    assert_eq!(table.sim().buttons(&table.card), ["Again"]);

    let lin = table.sim().as_person(&table.fixture.lin);
    let again = lin.in_chat(&table.chat).press(&table.card, "Again");
    let frame = socket.frame().await;
    socket.send(&frame.ack_code(500)).await;
    assert_eq!(again.seen().await, Seen::Failed(200_671));
    assert_eq!(table.sim().card(&table.card), new);
    table.sim().finish();
}

#[tokio::test]
async fn a_toast_or_card_may_answer_a_press() {
    let table = Table::new().await;
    let same = card("Pinned", &["Undo"]);
    let bare = json!({"toast": {"type": "warning", "content": "Undone"}});
    let plain = |kind| Seen::Toast {
        kind,
        zh_cn: "Undone".to_owned(),
        en_us: "Undone".to_owned(),
        content: "Undone".to_owned(),
    };
    let rows = [
        (json!({}), Seen::Nothing, false),
        (answer(Some("Undone"), None), undone(), false),
        (bare, plain(ToastKind::Warning), false),
        (answer(None, Some(&same)), Seen::Nothing, true),
    ];
    for (body, seen, updated) in rows {
        let webhook = Webhook::saying(&[(200, &body.to_string())]).await;
        table.sim().set_webhook(&webhook.url);
        assert_eq!(table.press().seen().await, seen, "{body}");
        let message = &table.sim().messages(&table.chat)[0];
        assert_eq!(message.updated_ms.is_some(), updated, "{body}");
    }
    table.sim().finish();
}

#[tokio::test]
async fn an_invalid_press_answer_is_a_violation() {
    let table = Table::new().await;
    let with = |place: &str, value: Value| {
        let mut body = answer(Some("Undone"), Some(&card("Undone", &[])));
        let (parent, field) = place.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[field] = value;
        body.to_string()
    };
    let rows = [
        (String::new(), 200_672),
        ("null".to_owned(), 200_672),
        (json!({"msg": "success"}).to_string(), 200_672),
        (with("/toast/type", json!("loud")), 200_672),
        (with("/toast/type", json!("Success")), 200_672),
        (with("/toast/content", json!(null)), 200_672),
        (with("/toast/extra", json!(1)), 200_672),
        (with("/toast/i18n/zh", json!("撤销了")), 200_672),
        (with("/card/type", json!("template")), 200_672),
        (with("/card/extra", json!(1)), 200_672),
        (with("/card/data", json!("{}")), 200_673),
        (with("/card/data/schema", json!("1.0")), 200_673),
        (with("/card/data/extra", json!(1)), 200_673),
    ];
    for (number, (body, code)) in rows.iter().enumerate() {
        let webhook = Webhook::saying(&[(200, body)]).await;
        table.sim().set_webhook(&webhook.url);
        assert_eq!(table.press().seen().await, Seen::Failed(*code), "{body}");
        assert_eq!(table.sim().violations().len(), number + 1, "{body}");
    }
    assert_eq!(table.sim().card(&table.card), card("Pinned", &["Undo"]));
}

#[tokio::test]
async fn who_pressed_sees_why_no_answer_counted() {
    let table = Table::new().await;
    let failed = async |code| {
        assert_eq!(table.press().seen().await, Seen::Failed(code));
    };
    failed(200_340).await;
    table.sim().receive_by_long_connection();
    failed(200_342).await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    table.sim().set_webhook(&url);
    failed(200_342).await;
    let long = "x".repeat(31 << 10);
    let long = answer(Some("Undone"), Some(&card(&long, &[]))).to_string();
    let webhook = Webhook::saying(&[(500, "{}"), (302, "{}"), (200, &long)]).await;
    table.sim().set_webhook(&webhook.url);
    for code in [200_671, 200_671, 200_673] {
        failed(code).await;
    }
    table.sim().finish();
}

#[tokio::test]
async fn any_value_can_be_pressed() {
    let table = Table::new().await;
    let (first, second) = (card("One", &[]), card("Two", &[]));
    let [first, second] = [first, second].map(|card| answer(None, Some(&card)).to_string());
    let webhook = Webhook::saying(&[(200, &first), (200, &second)]).await;
    table.sim().set_webhook(&webhook.url);
    let mia = table
        .sim()
        .as_person(&table.fixture.mia)
        .in_chat(&table.chat);
    let pressed = mia.press_value(&table.card, json!("of another app"));
    let sent = table.sim().pushes()[0].envelope["event"]["action"]["value"].clone();
    assert_eq!(sent, json!("of another app"));
    assert_eq!(pressed.seen().await, Seen::Nothing);
    let replay = pressed.push.again();
    assert_eq!(replay.answer().await.body, second);
    assert_eq!(replay.event_id(), pressed.push.event_id());
    assert_eq!(table.sim().messages(&table.chat)[0].text(), "One");
    table.sim().finish();
}

#[tokio::test]
async fn a_form_is_submitted_with_its_button() {
    let table = Table::new().await;
    let sim = table.sim();
    let form = json!({
        "schema": "2.0",
        "body": { "elements": [{ "tag": "form", "name": "form_1", "elements": [
            { "tag": "input", "name": "reason", "max_length": 5 },
            { "tag": "button", "text": {"tag": "plain_text", "content": "No"},
              "form_action_type": "submit", "name": "submit",
              "behaviors": [{"type": "callback", "value": {"k": "v"}}] },
        ]}]},
    });
    let body = answer(None, Some(&form)).to_string();
    let webhook = Webhook::saying(&[(200, &body)]).await;
    sim.set_webhook(&webhook.url);
    table.press().seen().await;
    let mia = sim.as_person(&table.fixture.mia).in_chat(&table.chat);
    mia.submit(&table.card, "No", &[("reason", "late")]);
    mia.press(&table.card, "No");
    let action = |at: usize| sim.pushes()[at].envelope["event"]["action"].clone();
    let expected = json!({
        "value": {"k": "v"}, "tag": "button", "timezone": "Asia/Shanghai", "name": "submit",
        "form_value": {"reason": "late"},
    });
    assert_eq!(action(1), expected);
    assert_eq!(action(2)["form_value"], json!({"reason": ""}));
    assert_eq!(
        sim.read(|state| state.inputs(&table.card, "No")),
        ["reason"]
    );
    for typed in [[("reason", "too long")], [("other", "late")]] {
        let press = AssertUnwindSafe(|| mia.submit(&table.card, "No", &typed));
        std::panic::catch_unwind(press).unwrap_err();
    }
    sim.finish();
}

#[tokio::test]
async fn what_is_no_button_cannot_be_pressed() {
    let table = Table::new().await;
    let lin = table.sim().as_person(&table.fixture.lin);
    let here = lin.in_chat(&table.chat);
    let text = here.say("hello").id;
    let own = here.send("interactive", &card("Mine", &["Undo"])).id;
    let elsewhere = lin.in_chat(&table.fixture.chat());
    let bot = table.sim().as_bot("weather").in_chat(&table.chat);
    let none = MessageId::from("om_none");
    let refused = |part: &str, press: &dyn Fn() -> Pressed| {
        let panic = std::panic::catch_unwind(AssertUnwindSafe(press)).unwrap_err();
        let message = panic.downcast_ref::<String>().cloned();
        let message =
            message.or_else(|| panic.downcast_ref().map(|text: &&str| (*text).to_owned()));
        let message = message.unwrap();
        assert!(message.contains(part), "{message} has no {part}");
    };
    refused("no button \"Redo\"", &|| here.press(&table.card, "Redo"));
    refused("there is no message", &|| here.press(&none, "Undo"));
    refused("is a card", &|| here.press_value(&text, json!({})));
    refused("by the app", &|| here.press(&own, "Undo"));
    refused("in this chat", &|| elsewhere.press(&table.card, "Undo"));
    refused("only people", &|| bot.press(&table.card, "Undo"));
    here.recall(&table.card);
    refused("was not recalled", &|| here.press(&table.card, "Undo"));
    assert_eq!(table.sim().card(&text), Value::Null);
    assert_eq!(table.sim().pushes().len(), 0);
}

#[tokio::test]
async fn an_answered_card_can_be_updated_twice() {
    let (table, webhook) = (Table::new().await, Webhook::answering(&[]).await);
    table.sim().set_webhook(&webhook.url);
    let (one, two) = (card("One", &[]), card("Two", &["Undo"]));
    let refused = (400, 99_992_402);
    let pressed = table.press();
    assert_eq!(pressed.seen().await, Seen::Nothing);
    // The same update once more is a second use.
    for _ in 0..2 {
        assert_eq!(table.update(&pressed.token, &one).await.outcome(), (200, 0));
        assert_eq!(table.sim().card(&table.card), one);
    }
    let third = table.update(&pressed.token, &two).await;
    assert_eq!(third.outcome(), refused);
    let violation = &third.json()["error"]["field_violations"][0];
    assert_eq!(violation["field"], json!("token"));
    assert_eq!(table.sim().card(&table.card), one);

    let mia = table
        .sim()
        .as_person(&table.fixture.mia)
        .in_chat(&table.chat);
    let pressed = mia.press_value(&table.card, json!({}));
    pressed.seen().await;
    let minutes = |minutes| table.sim().clock().advance(Duration::from_mins(minutes));
    minutes(29);
    assert_eq!(table.update(&pressed.token, &two).await.outcome(), (200, 0));
    minutes(1);
    assert_eq!(table.update(&pressed.token, &one).await.outcome(), refused);
    assert_eq!(table.update("c-none", &one).await.outcome(), refused);
    assert_eq!(table.sim().card(&table.card), two);
    assert_eq!(table.sim().calls_to(Endpoint::UpdateCard).len(), 6);
    table.sim().finish();
}

#[tokio::test]
async fn card_updates_are_as_strict_as_sending() {
    let (table, webhook) = (Table::new().await, Webhook::answering(&[]).await);
    table.sim().set_webhook(&webhook.url);
    let token = &table.press().token;
    let refused = (400, 99_992_402);
    let long = card(&"x".repeat(31 << 10), &[]);
    assert_eq!(table.update(token, &long).await.outcome(), refused);
    table.sim().finish();
    let mut odd = card("One", &[]);
    odd["colour"] = json!("red");
    let path = "/open-apis/interactive/v1/card/update";
    let bodies = [
        json!({"token": token, "card": odd}),
        json!({"token": token, "card": card("One", &[]).to_string()}),
        json!({"token": token, "card": card("One", &[]), "uuid": "1"}),
        json!({"card": card("One", &[])}),
    ];
    for (number, body) in bodies.iter().enumerate() {
        let got = table.fixture.post(path, body.clone()).await;
        assert_eq!(got.outcome(), refused, "{body}");
        assert_eq!(table.sim().violations().len(), number + 1, "{body}");
    }
    // None of them was a use.
    for _ in 0..2 {
        let got = table.update(token, &card("One", &[])).await;
        assert_eq!(got.outcome(), (200, 0));
    }
    let mut fixture = table.fixture;
    fixture.token.clear();
    let got = fixture.post(path, json!({})).await;
    assert_eq!(got.outcome(), (400, 99_991_661));
}

#[tokio::test]
async fn an_update_before_the_answer_is_a_violation() {
    let table = Table::new().await;
    table.sim().receive_by_long_connection();
    let mut socket = Socket::open(&table.fixture).await;
    let new = card("Undone", &[]);
    let token = table.press().token;
    let frame = socket.frame().await;
    let early = table.update(&token, &new).await;
    assert_eq!(early.outcome(), (400, 99_992_402));
    let violations = table.sim().violations();
    assert_eq!(violations.len(), 1);
    assert!(violations[0].contains("no response yet"), "{violations:?}");
    assert_eq!(table.sim().card(&table.card), card("Pinned", &["Undo"]));

    let ack = frame.ack_data(&json!({}));
    let (updated, ()) = tokio::join!(table.update(&token, &new), socket.send(&ack));
    assert_eq!(updated.outcome(), (200, 0));
    assert_eq!(table.sim().violations().len(), 1);
}

#[tokio::test]
async fn an_unanswered_press_allows_updates_after_its_deadline() {
    let builder = Simulator::builder().push_deadline(Duration::from_millis(30));
    let table = Table::in_world(Fixture::with(builder).await).await;
    table.sim().receive_by_long_connection();
    let mut socket = Socket::open(&table.fixture).await;
    let pressed = table.press();
    let frame = socket.frame().await;
    assert_eq!(pressed.seen().await, Seen::Failed(200_341));
    let late = answer(Some("Undone"), None);
    socket.send(&frame.ack_data(&late)).await;
    socket.ping().await;
    assert_eq!(pressed.seen().await, Seen::Failed(200_341));
    let new = card("Undone", &[]);
    let updated = table.update(&pressed.token, &new).await;
    assert_eq!(updated.outcome(), (200, 0));
    assert_eq!(table.sim().card(&table.card), new);
    table.sim().finish();
}

#[tokio::test]
async fn a_press_fails_without_the_callback() {
    let table = Table::new().await;
    let webhook = Webhook::saying(&[(200, "{}")]).await;
    table.sim().set_webhook(&webhook.url);
    table.sim().change_app(|app| {
        let published = app.published.as_mut().unwrap();
        published.callbacks.remove("card.action.trigger");
    });
    assert_eq!(table.press().seen().await, Seen::Failed(200_340));
    table.sim().finish();
}
