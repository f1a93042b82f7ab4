//! The commands in the `/` panel.

use std::time::Duration;

use feishu_sim::Simulator;
use serde_json::{Value, json};

use crate::client::Fixture;

const PATH: &str = "/open-apis/application/v7/app_slash_commands";

async fn fixture() -> Fixture {
    let builder = Simulator::builder()
        .grant("application:app_slash_command:read")
        .grant("application:app_slash_command:write");
    Fixture::with(builder).await
}

fn body(name: &str) -> Value {
    json!({"command": name, "description": {"default_value": name, "i18n": {"zh_cn": "说明"}}})
}

#[tokio::test]
async fn commands_are_created_changed_and_deleted() {
    let fixture = fixture().await;
    let created = fixture.post(PATH, body("pin")).await.json()["data"].clone();
    let id = created["command_id"].as_str().unwrap();
    let at = (fixture.sim.clock().now_ms() / 1000).to_string();
    let listed = fixture.get(PATH).await.json()["data"]["items"].clone();
    assert_eq!(listed, json!([created]));
    assert_eq!(created["create_time"], json!(at));
    assert_eq!(created["description"]["i18n"], json!({"zh_cn": "说明"}));

    let one = format!("{PATH}/{id}");
    let changed = json!({"description": {"default_value": "new"}});
    let changed = fixture.call("PATCH", &one, Some(changed)).await.json()["data"].clone();
    assert_eq!(changed["description"], json!({"default_value": "new"}));
    assert_eq!(fixture.call("DELETE", &one, None).await.outcome(), (200, 0));
    assert_eq!(fixture.sim.panel(), []);
    let again = fixture.call("DELETE", &one, None).await;
    assert_eq!(again.outcome(), (400, 99_992_402));
    fixture.sim.finish();
}

#[tokio::test]
async fn commands_are_refused_with_their_codes() {
    let fixture = fixture().await;
    fixture.post(PATH, body("pin")).await;
    let twice = fixture.post(PATH, body("pin")).await;
    assert_eq!(twice.outcome(), (400, 40_000_000));
    assert!(
        twice.text.contains("command already exists"),
        "{}",
        twice.text
    );
    let mut icon = body("unpin");
    icon["icon"] = json!({"icon_key": "unknown"});
    assert_eq!(fixture.post(PATH, icon).await.outcome(), (400, 40_000_031));
    for number in 1..100 {
        let created = fixture.post(PATH, body(&format!("c{number}"))).await;
        assert_eq!(created.outcome(), (200, 0), "{number}");
    }
    assert_eq!(fixture.post(PATH, body("more")).await.code(), 40_000_000);
    let scope = "application:app_slash_command:write";
    fixture.sim.change_app(|app| app.scopes.remove(scope));
    assert_eq!(fixture.post(PATH, body("x")).await.code(), 99_991_672);
    fixture.sim.finish();

    fixture
        .sim
        .change_app(|app| app.scopes.insert(scope.to_owned()));
    let slashed = fixture.post(PATH, body("/pin")).await;
    assert_eq!(slashed.outcome(), (400, 99_992_402));
    assert_eq!(fixture.sim.violations().len(), 1);
}

#[tokio::test]
async fn the_newest_second_is_shown_first() {
    let fixture = fixture().await;
    for (name, wait) in [("a", 600), ("b", 600), ("c", 600)] {
        fixture.post(PATH, body(name)).await;
        fixture.sim.clock().advance(Duration::from_millis(wait));
    }
    // The first two are of the same second.
    let names: Vec<_> = fixture
        .sim
        .panel()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["c", "a", "b"]);
    fixture.sim.finish();
}
