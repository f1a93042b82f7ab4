//! The top notice, and the settings and roles that decide about it.

use feishu_sim::{ChatId, MessageId, TopNotice, WhoMay};
use serde_json::{Value, json};

use crate::client::{World, chat_path};

impl World {
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
    let world = World::new().await;
    let chat = world.chat();
    let (first, second) = (world.say(&chat), world.say(&chat));
    for message in [&first, &second] {
        let entry = json!([{"action_type": "1", "message_id": message.as_str()}]);
        assert_eq!(world.put(&chat, entry).await, 0);
        assert_eq!(
            world.sim.top_notice(&chat),
            Some(TopNotice::Message(message.clone()))
        );
    }
    assert_eq!(world.take_off(&chat).await, 0);
    assert_eq!(world.sim.top_notice(&chat), None);
    assert_eq!(world.take_off(&chat).await, 0);
    world.sim.finish();
}

#[tokio::test]
async fn action_type_2_is_the_announcement_whatever_message_is_named() {
    let world = World::new().await;
    let chat = world.chat();
    let message = world.say(&chat);
    let sample = json!({"action_type": "2", "message_id": message.as_str()});
    for entry in [sample, json!({"action_type": "2"}), json!({})] {
        assert_eq!(world.put(&chat, json!([entry])).await, 0);
        assert_eq!(world.sim.top_notice(&chat), Some(TopNotice::Announcement));
        world.take_off(&chat).await;
    }
}

#[tokio::test]
async fn wrong_parameters_are_232001() {
    let world = World::new().await;
    let (chat, other) = (world.chat(), world.chat());
    let (here, there, recalled) = (world.say(&chat), world.say(&other), world.say(&chat));
    world
        .sim
        .as_person(&world.mia)
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
            world.put(&chat, entries.clone()).await,
            232_001,
            "{entries}"
        );
    }
    assert_eq!(world.sim.top_notice(&chat), None);
}

#[tokio::test]
async fn the_setting_gates_the_bot_unless_it_is_admin_or_owner() {
    let world = World::new().await;
    let group = || world.group();
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
        let chat = world.sim.add_chat(spec.clone());
        assert_eq!(
            world.put(&chat, json!([{"action_type": "2"}])).await,
            expected,
            "{spec:?}"
        );
        assert_eq!(world.take_off(&chat).await, expected, "{spec:?}");
    }
}

#[tokio::test]
async fn dissolved_external_and_direct_chats_and_a_bot_that_is_off_are_refused() {
    let world = World::new().await;
    let entry = || json!([{"action_type": "2"}]);
    let dissolved = world.chat();
    world
        .sim
        .change_chat(&dissolved, |chat| chat.dissolved = true);
    assert_eq!(world.put(&dissolved, entry()).await, 232_009);
    let external = world.sim.add_chat(world.group().external());
    assert_eq!(world.put(&external, entry()).await, 0);
    world.sim.change_app(|app| app.external_chats = false);
    assert_eq!(world.put(&external, entry()).await, 232_033);
    let direct = world.sim.direct_chat(&world.lin);
    assert_eq!(world.put(&direct, entry()).await, 232_001);
    assert_eq!(world.put(&ChatId::from("oc_none"), entry()).await, 232_001);
    world.sim.change_app(|app| app.bot_active = false);
    assert_eq!(world.put(&world.chat(), entry()).await, 232_025);
}

#[tokio::test]
async fn a_chat_shows_its_settings_and_roles() {
    let world = World::new().await;
    let spec = world
        .group()
        .admin(&world.mia)
        .bot_is_admin()
        .edit_permission(WhoMay::OnlyOwner);
    let chat = world.sim.add_chat(spec);
    let data = world.get(&chat_path(&chat, "")).await.json()["data"].clone();
    assert_eq!(data["owner_id"], json!(world.lin.open_id));
    assert_eq!(data["user_manager_id_list"], json!([world.mia.open_id]));
    assert_eq!(data["bot_manager_id_list"], json!([world.sim.app().app_id]));
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

    let by_union_id = world
        .get(&chat_path(&chat, "?user_id_type=union_id"))
        .await
        .json();
    assert_eq!(by_union_id["data"]["owner_id"], json!(world.lin.union_id));

    let spec = feishu_sim::ChatSpec::named("the bot's own")
        .topic()
        .pin_manage_setting(None);
    let data = world
        .get(&chat_path(&world.sim.add_chat(spec), ""))
        .await
        .json()["data"]
        .clone();
    for absent in ["owner_id", "pin_manage_setting", "group_message_type"] {
        assert_eq!(data.get(absent), None, "{absent}");
    }
    assert_eq!(data["chat_mode"], json!("topic"));
    world.sim.finish();
}

#[tokio::test]
async fn a_bot_outside_sees_little_of_a_chat() {
    let world = World::new().await;
    let chat = world.sim.add_chat(world.group().without_bot());
    let data = world.get(&chat_path(&chat, "")).await.json()["data"].clone();
    let names: Vec<&String> = data.as_object().unwrap().keys().collect();
    assert_eq!(names, ["avatar", "chat_status", "name", "user_count"]);
    let inside = world
        .get(&chat_path(&chat, "/members/is_in_chat"))
        .await
        .json();
    assert_eq!(inside["data"], json!({"is_in_chat": false}));
    assert_eq!(
        world
            .get(&chat_path(&ChatId::from("oc_none"), ""))
            .await
            .outcome(),
        (400, 232_006)
    );
}

#[tokio::test]
async fn members_come_in_pages() {
    let world = World::new().await;
    let guest = world.sim.add_person_of("other_tenant", "Guest");
    let chat = world.sim.add_chat(world.group().member(&guest));
    let first = world
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
    let second = world.get(&chat_path(&chat, &rest)).await.json()["data"].clone();
    assert_eq!(second["has_more"], json!(false));
    assert_eq!(second["items"][0]["member_id"], json!(guest.user_id));
    assert_eq!(second["items"][0]["tenant_key"], json!("other_tenant"));
}
