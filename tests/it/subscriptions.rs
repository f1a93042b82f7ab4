//! `noticebot check`: what the app is subscribed to, its long connections, and its roles.

use feishu_sim::{AnnouncementKind, App, ChatSpec, Endpoint, Fault};
use noticebot::config::{ActAs, Config};

use crate::RECEIVE;
use crate::harness::Bench;

fn remove_event(event: &str) -> impl FnOnce(&mut App) {
    move |app| {
        let published = app.published.as_mut().unwrap();
        assert!(published.events.remove(event), "{event}");
    }
}

#[tokio::test]
async fn missing_events_are_named_with_their_effect() {
    let bench = Bench::new().await;
    for (event, effect) in [
        ("im.chat.member.bot.added_v1", "does not greet"),
        ("im.chat.member.bot.deleted_v1", "when the bot is removed"),
        ("im.chat.disbanded_v1", "when it is dissolved"),
        ("im.message.recalled_v1", "was recalled"),
    ] {
        bench.sim.change_app(remove_event(event));
        let found = bench.check(|_| {}).await;
        assert!(found.is_good(), "{:#}", found.0);
        let line = format!("events: `{event}` is not subscribed to: ");
        let of_event = found
            .of("note")
            .into_iter()
            .find(|note| note.starts_with(&line));
        assert!(of_event.unwrap().contains(effect), "{event}");
    }
    bench.sim.change_app(remove_event("im.message.receive_v1"));
    let bad = bench.check(|_| {}).await.the_bad();
    let required =
        "events: `im.message.receive_v1` is not subscribed to: the bot receives no command";
    assert!(bad.starts_with(required), "{bad}");
    assert!(bad.contains("\"Events & Callbacks\""), "{bad}");

    bench.sim.change_app(|app| app.published = None);
    let bad = bench.check(|_| {}).await.the_bad();
    assert!(
        bad.starts_with("events: no version of the app is published"),
        "{bad}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn an_event_is_missed_only_where_used() {
    let bench = Bench::new().await;
    let revoked = "auth.user_access_token.revoked_v4";
    bench.sim.change_app(remove_event(revoked));
    let found = bench.check(|_| {}).await;
    assert!(!found.has("note", revoked), "{:#}", found.0);
    let as_member = |config: &mut Config| {
        config.feishu.act_as = ActAs::Member;
        config.feishu.token_key = crate::members::KEY.into();
    };
    let found = bench.check(as_member).await;
    assert!(found.has("note", revoked), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn missing_callback_is_named_with_its_effect() {
    let bench = Bench::new().await;
    let callbacks = |app: &mut App| app.published.as_mut().unwrap().callbacks.clear();
    bench.sim.change_app(callbacks);
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    let missing = "callbacks: `card.action.trigger` is not subscribed to: buttons on cards fail";
    assert!(found.has("note", missing), "{:#}", found.0);
    bench
        .sim
        .change_behaviour(|switches| switches.subscriptions.callbacks_are_told = false);
    let found = bench.check(|_| {}).await;
    let unknown = "callbacks: not checked: the platform does not list them";
    assert!(found.has("note", unknown), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn unreadable_subscriptions_are_hints() {
    let bench = Bench::new().await;
    let scope = "application:application:self_manage";
    bench.sim.change_app(|app| app.scopes.remove(scope));
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    let hint = format!("events: not checked, as are callbacks, without `{scope}` → grant it");
    assert!(found.has("note", &hint), "{:#}", found.0);
    assert_eq!(bench.sim.calls_to(Endpoint::GetApplication).len(), 0);

    bench
        .sim
        .change_app(|app| app.scopes.insert(scope.to_owned()));
    for (endpoint, name) in [
        (Endpoint::ListAppVersions, "events: not checked ("),
        (Endpoint::GetApplication, "callbacks: not checked ("),
        (Endpoint::CountConnections, "connections: not counted ("),
    ] {
        bench.sim.fault(endpoint, Fault::code(210_504));
        let found = bench.check(|_| {}).await;
        assert!(
            found.is_good() && found.has("note", name),
            "{name} in {:#}",
            found.0
        );
    }
    bench.finish().await;
}

#[tokio::test]
async fn an_empty_list_contradicts_a_received_command() {
    let bench = Bench::new().await;
    let group = bench.group(AnnouncementKind::Docx);
    let said = bench.say(&group, "/help").id;
    bench.answer(&said).await;
    bench
        .sim
        .change_app(|app| app.published.as_mut().unwrap().events.clear());
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(found.has("note", "but a command came"), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn connections_of_other_processes_are_reported() {
    let bench = Bench::new().await;
    let elsewhere = |count| {
        bench
            .sim
            .change_behaviour(|switches| switches.subscriptions.connections_elsewhere = count);
    };
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    let own = found.has("good", "connections: 1 open, bots running: 1");
    assert_eq!(own, RECEIVE == "long_connection", "{:#}", found.0);
    elsewhere(1);
    let found = bench.check(|_| {}).await;
    if RECEIVE == "webhook" {
        assert!(found.is_good(), "{:#}", found.0);
        let unexpected = "connections: 1 open, but this bot receives events by webhook";
        assert!(found.has("note", unexpected), "{:#}", found.0);
    } else {
        let bad = found.the_bad();
        let shared = "connections: 2 open, bots running: 1; another process takes a share";
        assert!(bad.starts_with(shared), "{bad}");
        let empty = format!("sqlite://{}", bench.folder.path().join("new.db").display());
        let found = bench
            .check(|config| config.store.database_url = empty.parse().unwrap())
            .await;
        assert!(
            found.has("note", "the store knows no running bot"),
            "{:#}",
            found.0
        );
    }
    bench.finish().await;
}

#[tokio::test]
async fn closed_connections_of_running_bots_are_reported() {
    let bench = Bench::new().await;
    if RECEIVE == "webhook" {
        return bench.finish().await;
    }
    for connection in bench.sim.connections() {
        bench.sim.hang_up(&connection);
    }
    let closed = |state: &feishu_sim::State| state.connections().is_empty().then_some(());
    bench.sim.wait_for("its end", closed).await;
    let found = bench.check(|_| {}).await;
    let none = "connections: none is open; bots running: 1";
    assert!(found.has("note", none), "{:#}", found.0);
    let back = |state: &feishu_sim::State| (!state.connections().is_empty()).then_some(());
    bench.wait("a new connection", back).await;
    bench.finish().await;
}

#[tokio::test]
async fn groups_are_listed_with_the_bots_role() {
    let bench = Bench::new().await;
    let member = bench.group(AnnouncementKind::Docx);
    let admin = bench.closed_group();
    let owner = bench
        .sim
        .add_chat(ChatSpec::named("Own").member(&bench.member));
    let found = bench.check(|_| {}).await;
    for (group, name, role) in [
        (&member, "Ops", "a member"),
        (&admin, "Ops", "an admin"),
        (&owner, "Own", "its owner, unless another bot is"),
    ] {
        let line = format!("group: {group} `{name}`, the bot is {role}");
        assert!(found.has("good", &line), "{line} in {:#}", found.0);
    }
    bench.sim.fault(Endpoint::GetChat, Fault::Nothing);
    bench.sim.fault(Endpoint::GetChat, Fault::ServerError);
    let found = bench.check(|_| {}).await;
    let unknown = found.of("good").into_iter();
    let unknown =
        unknown.filter(|line| line.starts_with("group: ") && !line.contains("the bot is"));
    assert_eq!(unknown.count(), 1, "{:#}", found.0);
    bench.finish().await;
}
