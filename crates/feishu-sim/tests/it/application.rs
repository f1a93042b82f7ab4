//! What an app is subscribed to, and how many long connections it has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::Fixture;

const VERSIONS: &str = "/open-apis/application/v6/applications/me/app_versions?lang=zh_cn";
const APP: &str = "/open-apis/application/v6/applications/me?lang=zh_cn";
const CONNECTIONS: &str = "/open-apis/event/v1/connection";

#[tokio::test]
async fn the_published_version_follows_a_draft() {
    let fixture = Fixture::new().await;
    let items = fixture.get(VERSIONS).await.json()["data"]["items"].clone();
    let status = |item: &Value| (item["status"].clone(), item["publish_time"] != json!(""));
    assert_eq!(status(&items[0]), (json!(4), false));
    assert_eq!(status(&items[1]), (json!(1), true));
    let events = items[1]["event_infos"].as_array().unwrap();
    let received = json!("im.message.receive_v1");
    assert!(events.iter().any(|event| event["event_type"] == received));
    let callbacks = fixture.get(APP).await.json()["data"]["app"]["callback_info"].clone();
    let pressed = json!("card.action.trigger");
    let subscribed = callbacks["subscribed_callbacks"].as_array().unwrap();
    assert!(subscribed.contains(&pressed), "{callbacks}");

    fixture.sim.change_app(|app| app.published = None);
    let items = fixture.get(VERSIONS).await.json()["data"]["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    let told = |told| {
        move |switches: &mut feishu_sim::Behaviour| switches.subscriptions.callbacks_are_told = told
    };
    fixture.sim.change_behaviour(told(false));
    let app = fixture.get(APP).await.json()["data"]["app"].clone();
    assert_eq!(app["callback_info"], Value::Null);
    fixture.sim.finish();
}

#[tokio::test]
async fn an_app_may_read_only_itself() {
    let fixture = Fixture::new().await;
    let own = fixture.sim.app().app_id;
    for (app, expected) in [
        ("me", (200, 0)),
        (&own, (200, 0)),
        ("cli_f", (400, 210_508)),
    ] {
        let path = format!("/open-apis/application/v6/applications/{app}?lang=en_us");
        assert_eq!(fixture.get(&path).await.outcome(), expected, "{app}");
    }
    let no_language = fixture
        .get("/open-apis/application/v6/applications/me")
        .await;
    assert_eq!(no_language.outcome(), (400, 99_992_402));
    let scope = "application:application:self_manage";
    fixture.sim.change_app(|app| app.scopes.remove(scope));
    for path in [VERSIONS, APP] {
        let refused = fixture.get(path).await;
        assert_eq!(refused.outcome(), (400, 99_991_672));
        assert!(refused.text.contains(scope), "{}", refused.text);
    }
    assert_eq!(fixture.get(CONNECTIONS).await.outcome(), (200, 0));
    fixture.sim.finish();
}

#[tokio::test]
async fn connections_of_all_processes_are_counted() {
    let fixture = Fixture::new().await;
    let online =
        async || fixture.get(CONNECTIONS).await.json()["data"]["online_instance_cnt"].clone();
    assert_eq!(online().await, json!(0));
    fixture
        .sim
        .change_behaviour(|switches| switches.subscriptions.connections_elsewhere = 2);
    assert_eq!(online().await, json!(2));
    fixture.sim.finish();
}

#[tokio::test]
async fn only_subscribed_events_are_pushed() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture.sim.set_webhook("http://127.0.0.1:9/");
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&chat);
    assert!(lin.say("hello").push.is_some());
    fixture.sim.change_app(|app| {
        let published = app.published.as_mut().unwrap();
        published.events = BTreeSet::from(["im.message.recalled_v1".to_owned()]);
    });
    let said = lin.say("hello again");
    assert!(said.push.is_none());
    assert!(lin.recall(&said.id).is_some());
    assert!(lin.remove_bot().is_none());
    fixture.sim.finish();
}
