//! The top notice, and the settings and roles that decide about it.

use feishu_sim::{ChatId, MessageId, TopNotice, WhoMay};
use serde_json::{Value, json};

use crate::client::{Fixture, chat_path};

impl Fixture {
    async fn put(&self, chat: &ChatId, entries: Value) -> i64 {
        let body = json!({"chat_top_notice": entries});
        self.post(&chat_path(chat, "/top_notice/put_top_notice"), body)
            .await
            .code()
    }

    async fn take_off(&self, chat: &ChatId) -> i64 {
        self.call(
            "POST",
            &chat_path(chat, "/top_notice/delete_top_notice"),
            None,
        )
        .await
        .code()
    }

    fn say(&self, chat: &ChatId) -> MessageId {
        self.sim.as_person(&self.mia).in_chat(chat).say("hello").id
    }
}

#[tokio::test]
async fn a_chat_has_one_slot() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let (first, second) = (fixture.say(&chat), fixture.say(&chat));
    for message in [&first, &second] {
        let entry = json!([{"action_type": "1", "message_id": message.as_str()}]);
        assert_eq!(fixture.put(&chat, entry).await, 0);
        assert_eq!(
            fixture.sim.top_notice(&chat),
            Some(TopNotice::Message(message.clone()))
        );
    }
    assert_eq!(fixture.take_off(&chat).await, 0);
    assert_eq!(fixture.sim.top_notice(&chat), None);
    assert_eq!(fixture.take_off(&chat).await, 0);
    fixture.sim.finish();
}

#[tokio::test]
async fn action_type_2_ignores_the_message_id() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let message = fixture.say(&chat);
    let sample = json!({"action_type": "2", "message_id": message.as_str()});
    for entry in [sample, json!({"action_type": "2"}), json!({})] {
        assert_eq!(fixture.put(&chat, json!([entry])).await, 0);
        assert_eq!(fixture.sim.top_notice(&chat), Some(TopNotice::Announcement));
        fixture.take_off(&chat).await;
    }
}

#[tokio::test]
async fn wrong_parameters_are_232001() {
    let fixture = Fixture::new().await;
    let (chat, other) = (fixture.chat(), fixture.chat());
    let (here, there, recalled) = (fixture.say(&chat), fixture.say(&other), fixture.say(&chat));
    fixture
        .sim
        .as_person(&fixture.mia)
        .in_chat(&chat)
        .recall(&recalled);
    let message = |id: &MessageId| json!({"action_type": "1", "message_id": id.as_str()});
    let wrong = [
        json!([]),
        json!([message(&here), message(&here)]),
        json!([message(&there)]),
        json!([message(&recalled)]),
        json!([message(&MessageId::from("om_none"))]),
        json!([{"action_type": "1"}]),
        json!([{"action_type": "3", "message_id": here.as_str()}]),
    ];
    for entries in wrong {
        assert_eq!(
            fixture.put(&chat, entries.clone()).await,
            232_001,
            "{entries}"
        );
    }
    assert_eq!(fixture.sim.top_notice(&chat), None);
}

#[tokio::test]
async fn the_setting_restricts_a_bot_without_a_role() {
    let fixture = Fixture::new().await;
    let group = || fixture.group();
    let nobody = feishu_sim::ChatSpec::named("the bot's own");
    let owner_only = Some(WhoMay::OnlyOwner);
    let cases = [
        (group(), 0),
        (group().pin_manage_setting(None), 0),
        (group().pin_manage_setting(owner_only), 232_014),
        (group().pin_manage_setting(owner_only).bot_is_admin(), 0),
        (nobody.pin_manage_setting(owner_only), 0),
        (group().without_bot(), 232_011),
    ];
    for (spec, expected) in cases {
        let chat = fixture.sim.add_chat(spec.clone());
        assert_eq!(
            fixture.put(&chat, json!([{"action_type": "2"}])).await,
            expected,
            "{spec:?}"
        );
        assert_eq!(fixture.take_off(&chat).await, expected, "{spec:?}");
    }
}

#[tokio::test]
async fn unusable_chats_are_refused() {
    let fixture = Fixture::new().await;
    let entry = || json!([{"action_type": "2"}]);
    let dissolved = fixture.chat();
    fixture
        .sim
        .change_chat(&dissolved, |chat| chat.dissolved = true);
    assert_eq!(fixture.put(&dissolved, entry()).await, 232_009);
    let external = fixture.sim.add_chat(fixture.group().external());
    assert_eq!(fixture.put(&external, entry()).await, 0);
    fixture.sim.change_app(|app| app.external_chats = false);
    assert_eq!(fixture.put(&external, entry()).await, 232_033);
    let direct = fixture.sim.direct_chat(&fixture.lin);
    assert_eq!(fixture.put(&direct, entry()).await, 232_001);
    assert_eq!(
        fixture.put(&ChatId::from("oc_none"), entry()).await,
        232_001
    );
    fixture.sim.change_app(|app| app.bot_active = false);
    assert_eq!(fixture.put(&fixture.chat(), entry()).await, 232_025);
}

#[tokio::test]
async fn a_chat_has_roles_with_settings() {
    let fixture = Fixture::new().await;
    let spec = fixture
        .group()
        .admin(&fixture.mia)
        .bot_is_admin()
        .edit_permission(WhoMay::OnlyOwner);
    let chat = fixture.sim.add_chat(spec);
    let data = fixture.get(&chat_path(&chat, "")).await.json()["data"].clone();
    assert_eq!(data["owner_id"], json!(fixture.lin.open_id));
    assert_eq!(data["user_manager_id_list"], json!([fixture.mia.open_id]));
    assert_eq!(
        data["bot_manager_id_list"],
        json!([fixture.sim.app().app_id])
    );
    let settings = [
        "edit_permission",
        "pin_manage_setting",
        "chat_mode",
        "group_message_type",
        "user_count",
    ];
    let settings = settings.map(|name| data[name].as_str().unwrap());
    assert_eq!(
        settings,
        ["only_owner", "all_members", "group", "chat", "2"]
    );

    let by_union_id = fixture
        .get(&chat_path(&chat, "?user_id_type=union_id"))
        .await
        .json();
    assert_eq!(by_union_id["data"]["owner_id"], json!(fixture.lin.union_id));

    let spec = feishu_sim::ChatSpec::named("the bot's own")
        .topic()
        .pin_manage_setting(None);
    let data = fixture
        .get(&chat_path(&fixture.sim.add_chat(spec), ""))
        .await
        .json()["data"]
        .clone();
    for absent in ["owner_id", "pin_manage_setting", "group_message_type"] {
        assert_eq!(data.get(absent), None, "{absent}");
    }
    assert_eq!(data["chat_mode"], json!("topic"));
    fixture.sim.finish();
}

#[tokio::test]
async fn a_bot_outside_sees_little_of_a_chat() {
    let fixture = Fixture::new().await;
    let chat = fixture.sim.add_chat(fixture.group().without_bot());
    let data = fixture.get(&chat_path(&chat, "")).await.json()["data"].clone();
    let names: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(names, ["avatar", "chat_status", "name", "user_count"]);
    let inside = fixture
        .get(&chat_path(&chat, "/members/is_in_chat"))
        .await
        .json();
    assert_eq!(inside["data"], json!({"is_in_chat": false}));
    assert_eq!(
        fixture
            .get(&chat_path(&ChatId::from("oc_none"), ""))
            .await
            .outcome(),
        (400, 232_006)
    );
}

#[tokio::test]
async fn members_come_in_pages() {
    let fixture = Fixture::new().await;
    let guest = fixture.sim.add_person_of("other_tenant", "Guest");
    let chat = fixture.sim.add_chat(fixture.group().member(&guest));
    let first = fixture
        .get(&chat_path(&chat, "/members?page_size=2"))
        .await
        .json()["data"]
        .clone();
    assert_eq!(
        (&first["has_more"], &first["member_total"]),
        (&json!(true), &json!(3))
    );
    let token = first["page_token"].as_str().unwrap();
    let rest = format!("/members?page_size=2&page_token={token}&member_id_type=user_id");
    let second = fixture.get(&chat_path(&chat, &rest)).await.json()["data"].clone();
    assert_eq!(second["has_more"], json!(false));
    assert_eq!(second["items"][0]["member_id"], json!(guest.user_id));
    assert_eq!(second["items"][0]["tenant_key"], json!("other_tenant"));
}
