//! `noticebot check`: each problem is reported without others.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::{get, post};
use feishu_sim::{AnnouncementKind, Endpoint, Fault, WhoMay};
use noticebot::check::{self, CheckOptions};
use noticebot::command::Scope;
use noticebot::config::{ActAs, Config, Receive};
use serde_json::{Value, json};
use test_servers::{Authority, Gate};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::grants::OTHER_KEY;
use crate::harness::Bench;
use crate::members::{self, KEY, PUBLIC};
use crate::panel;

const SETUP: &str = include_str!("../../docs/SETUP.md");

#[tokio::test]
async fn check_of_a_working_bot_finds_no_problem() {
    let bench = Bench::new().await;
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    for words in [
        "configuration: complete",
        "secrets: encrypt key and verification token are set",
        "store: ",
        "is in use by a running noticebot",
        "disk space: ",
        "credentials: ",
        "clock: matches the platform's",
        "bot: `noticebot` is active",
        "scopes: granted for reading a group's settings, pinning to the top,",
        "group messages: the bot receives plain `/pin`",
        "events: version `1.0.0` is subscribed to im.message.receive_v1, ",
        "callbacks: subscribed to card.action.trigger",
    ] {
        assert!(found.has("good", words), "{words} in {:#}", found.0);
    }
    for words in ["request URL: not checked", "commands: none received yet"] {
        assert!(found.has("note", words), "{words} in {:#}", found.0);
    }

    // A received command proves the subscription. The schedule it makes is not a command.
    let group = bench.group(AnnouncementKind::Docx);
    let asked = bench.say(&group, "/announce --at tomorrow 9:00 lunch").id;
    bench.answer(&asked).await;
    let found = bench.check(|_| {}).await;
    let good = found.of("good");
    let output = good
        .iter()
        .find_map(|line| line.strip_prefix("commands: the last one was received at "));
    let output = output.and_then(|output| output.split_whitespace().next());
    let came_in: jiff::Timestamp = output.unwrap().parse().unwrap();
    assert!(came_in <= bench.clock.now(), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn report_matches_the_snapshot() {
    let bench = Bench::new().await;
    let closed = bench.spec().edit_permission(WhoMay::OnlyOwner);
    let closed = bench
        .sim
        .add_chat(closed.announcement(AnnouncementKind::Doc));
    bench.sim.change_app(|app| {
        app.scopes.remove("im:message.group_msg");
        app.scopes
            .insert("im:message.group_at_msg:readonly".to_owned());
        app.scopes.remove("im:chat.announcement:write_only");
    });
    let mut config = bench.config();
    config.store.database_url = "sqlite:///nowhere/noticebot.db".parse().unwrap();
    let options = CheckOptions {
        tenant: None,
        chat: Some(closed.to_string()),
        url: Some(bench.webhook().replace("event", "events").parse().unwrap()),
    };
    let report = check::check(&config, bench.clock.clone(), &options).await;
    let output = report.to_string();
    let output = output.replace(&bench.sim.base_url(), "https://open.feishu.cn");
    let output = output.replace(closed.as_str(), "oc_1");
    let output = output.replace(
        bench.webhook().split("/webhook").next().unwrap(),
        "https://bot.example.com",
    );
    insta::assert_snapshot!("report", output);
    bench.finish().await;
}

#[tokio::test]
async fn setup_page_shows_a_check_report() {
    let bench = Bench::with(panel::with_scopes, "").await;
    bench.panel_with(panel::all().len()).await;
    let mut granted = scopes_of_setup();
    granted.remove("im:message.reactions:write_only");
    bench.sim.change_app(|app| app.scopes = granted);
    let group = bench.group(AnnouncementKind::Docx);
    let options = CheckOptions::default();
    let output = check::check(&bench.config(), bench.clock.clone(), &options).await;
    let mut output = output.to_string();
    for (here, there) in [
        (group.to_string(), "oc_a0553eda9014c201e6969b478895c230"),
        (bench.sim.base_url(), "https://open.feishu.cn"),
        (bench.sim.app().app_id, "cli_a1b2c3d4e5f60718"),
        (
            bench.folder.path().join("bot.db").display().to_string(),
            "/data/noticebot.db",
        ),
    ] {
        output = output.replace(&here, there);
    }
    let (before, after) = output.split_once(" MiB free").unwrap();
    let free = before.rsplit(' ').next().unwrap().len();
    let output = format!("{}18432 MiB free{after}", &before[..before.len() - free]);
    let (_, shown) = SETUP.split_once("```text\n✓ configuration").unwrap();
    let (shown, _) = shown.split_once("```\n").unwrap();
    assert_eq!(output, format!("✓ configuration{shown}"));
    bench.finish().await;
}

#[tokio::test]
async fn check_changes_nothing() {
    let bench = Bench::new().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.sim.clear_calls();
    let found = bench.check_chat(group.as_str()).await;
    assert!(found.is_good(), "{:#}", found.0);
    let calls = bench.sim.calls();
    let of_group = calls
        .iter()
        .filter(|call| call.path.contains(group.as_str()));
    assert!(of_group.clone().count() > 0);
    assert!(of_group.into_iter().all(|call| call.method == "GET"));
    assert_eq!(bench.sim.top_notice(&group), None);
    assert!(bench.sim.announcement_text(&group).is_empty());
    assert!(bench.sim.messages(&group).is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn wrong_credentials_are_distinguished() {
    let bench = Bench::new().await;
    let of_secret = bench.check(|config| config.feishu.app_secret = "wrong".into());
    let of_secret = of_secret.await.the_bad();
    assert!(
        of_secret.starts_with("credentials: the secret of"),
        "{of_secret}"
    );
    assert!(of_secret.contains("10014") && of_secret.contains("`FEISHU_APP_SECRET`"));
    let of_app = bench.check(|config| config.feishu.app_id = "cli_ffffffffffffffff".to_owned());
    let of_app = of_app.await.the_bad();
    assert!(
        of_app.contains("does not know the app `cli_ffffffffffffffff`"),
        "{of_app}"
    );
    assert!(of_app.contains("10003") && of_app.contains("`FEISHU_REGION`"));
    bench
        .sim
        .fault(Endpoint::TenantAccessToken, Fault::code(99_991_543));
    let of_other = bench.check(|_| {}).await.the_bad();
    assert!(of_other.contains("code 99991543"), "{of_other}");
    bench.finish().await;
}

#[tokio::test]
async fn unreachable_or_foreign_platform_is_reported() {
    let bench = Bench::new().await;
    let nowhere = closed_port().await;
    let nobody = bench
        .check(|config| config.feishu.base_url = nowhere)
        .await
        .the_bad();
    assert!(
        nobody.starts_with("platform: ") && nobody.contains("cannot be reached"),
        "{nobody}"
    );
    assert!(nobody.contains("refused"), "{nobody}");
    bench.sim.fault(Endpoint::TenantAccessToken, Fault::NotJson);
    let other = bench.check(|_| {}).await.the_bad();
    assert!(other.contains("does not respond like Feishu"), "{other}");
    assert!(other.contains("`FEISHU_BASE_URL`"), "{other}");
    bench.finish().await;
}

#[tokio::test]
async fn clock_offset_is_reported() {
    let bench = Bench::new().await;
    let off = Duration::from_mins(1);
    bench.advance_bot(off);
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("note", "clock: 1m ahead of the platform's"),
        "{:#}",
        found.0
    );
    bench.advance_bot(5 * off);
    let ahead = bench.check(|_| {}).await;
    assert!(
        ahead.has("note", "clock: 6m ahead of the platform's"),
        "{:#}",
        ahead.0
    );
    bench.sim.clock().advance(12 * off);
    let behind = bench.check(|_| {}).await;
    assert!(
        behind.has("note", "clock: 6m behind the platform's"),
        "{:#}",
        behind.0
    );
    bench.finish().await;
}

#[tokio::test]
async fn inactive_bot_is_reported() {
    let bench = Bench::new().await;
    bench.sim.change_app(|app| app.bot_active = false);
    let found = bench.check(|_| {}).await;
    assert!(found.has("bad", "bot: not active"), "{:#}", found.0);
    bench.sim.change_app(|app| app.bot_active = true);
    bench.sim.fault(Endpoint::BotInfo, Fault::code(230_006));
    let lost = bench.check(|_| {}).await.the_bad();
    assert!(
        lost.starts_with("bot: not found") && lost.contains("230006"),
        "{lost}"
    );
    bench.finish().await;
}

/// The scopes that docs/SETUP.md lists.
fn scopes_of_setup() -> BTreeSet<String> {
    let (_, json) = SETUP.split_once("```json\n").unwrap();
    let (json, _) = json.split_once("```").unwrap();
    let granted: Value = serde_json::from_str(json).unwrap();
    let scopes = granted["scopes"]["tenant"].as_array().unwrap();
    let names = scopes
        .iter()
        .map(|scope| scope.as_str().unwrap().to_owned());
    names.collect()
}

#[tokio::test]
async fn each_missing_scope_is_reported() {
    let bench = Bench::new().await;
    let all = scopes_of_setup();
    let without = async |missing: &[&str]| {
        let mut granted = all.clone();
        granted.retain(|scope| !missing.contains(&&**scope));
        assert_eq!(granted.len() + missing.len(), all.len(), "{missing:?}");
        bench.sim.change_app(|app| app.scopes = granted);
        // The calls of one check nearly reach the rate limit of a second.
        bench.advance(Duration::from_secs(1));
        bench.check(|_| {}).await
    };
    let found = without(&[]).await;
    assert!(found.is_good(), "{:#}", found.0);
    for (scope, whats) in [
        ("im:chat:readonly", "reading a group's settings"),
        ("im:chat.top_notice:write_only", "pinning to the top"),
        ("im:message:readonly", "reading a message"),
        ("im:message:send_as_bot", "replying"),
        ("im:message.reactions:write_only", "reacting"),
    ] {
        let bad = without(&[scope]).await.the_bad();
        assert!(bad.starts_with("scopes: ") && bad.contains(whats), "{bad}");
        assert!(bad.contains(scope), "{scope} is not in {bad}");
    }
    // The call for the old kind requires another scope, which is granted.
    let bad = without(&["im:chat.announcement:read"]).await.the_bad();
    assert!(bad.contains("`im:chat.announcement:read`"), "{bad}");
    // The calls for the two kinds accept different scopes; this is one of them.
    let found = without(&["im:chat.announcement:write_only"]).await;
    let bad = found.of("bad");
    assert!(
        bad.iter()
            .all(|line| line.contains("`im:chat.announcement:write_only`")),
        "{bad:?}"
    );

    let plain = "im:message.group_msg";
    let found = without(&[plain]).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("note", "the bot receives `@bot /pin`, but not plain"),
        "{:#}",
        found.0
    );
    let bad = without(&[plain, "im:message.group_at_msg:readonly"])
        .await
        .the_bad();
    assert!(
        bad.starts_with("group messages: the bot receives none") && bad.contains(plain),
        "{bad}"
    );
    let found = without(&["im:message.p2p_msg:readonly"]).await;
    assert!(
        found.is_good() && found.has("note", "direct messages: the bot receives none"),
        "{:#}",
        found.0
    );

    bench.sim.fault(Endpoint::ListScopes, Fault::code(212_100));
    let found = without(&[]).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("note", "could not check whether"),
        "{:#}",
        found.0
    );
    bench.sim.fault(Endpoint::AddReaction, Fault::ServerError);
    let bad = without(&[]).await.the_bad();
    assert!(bad.contains("could not check those for reacting"), "{bad}");
    bench.finish().await;
}

#[tokio::test]
async fn unapproved_scopes_are_listed_by_name() {
    let bench = Bench::new().await;
    bench.sim.change_app(|app| app.scopes = scopes_of_setup());
    let unapproved = async || check::unapproved_scopes(&bench.config(), &bench.clock).await;
    assert_eq!(unapproved().await.unwrap(), []);
    let removed = [Scope::WriteTopNotice, Scope::ReceiveGroups, Scope::ReadApp];
    for scope in removed {
        bench
            .sim
            .change_app(|app| app.scopes.remove(scope.as_str()));
    }
    assert_eq!(unapproved().await.unwrap(), removed);
    bench.sim.fault(Endpoint::ListScopes, Fault::code(212_100));
    assert!(unapproved().await.is_err());
    bench.finish().await;
}

#[tokio::test]
async fn chat_report_names_role_and_permissions() {
    let bench = Bench::new().await;
    let open = bench.group(AnnouncementKind::Docx);
    let found = bench.check_chat(open.as_str()).await;
    assert!(found.is_good(), "{:#}", found.0);
    for words in [
        "chat: the bot is in `Ops` as a member",
        "top notice: all members can change it",
        "announcement: all members can change it",
        "announcement kind: new (`docx`)",
        "members: /pin, /unpin, /announce: all members",
    ] {
        assert!(found.has("good", words), "{words} in {:#}", found.0);
    }
    let led = bench.closed_group();
    let found = bench.check_chat(led.as_str()).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(found.has("good", "as an admin"), "{:#}", found.0);
    assert!(
        found.has("good", "/announce: the owner and admins"),
        "{:#}",
        found.0
    );

    let untold = bench.sim.add_chat(bench.spec().pin_manage_setting(None));
    let found = bench.check_chat(untold.as_str()).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("note", "top notice: the platform does not say"),
        "{:#}",
        found.0
    );
    bench.finish().await;
}

#[tokio::test]
async fn closed_groups_and_groups_without_bot_are_reported() {
    let bench = Bench::new().await;
    let spec = || bench.spec().announcement(AnnouncementKind::Docx);
    let closed_top = spec().pin_manage_setting(Some(WhoMay::OnlyOwner));
    let closed_top = bench.sim.add_chat(closed_top);
    let bad = bench.check_chat(closed_top.as_str()).await.the_bad();
    assert!(
        bad.starts_with("top notice: only the owner and admins can change it"),
        "{bad}"
    );
    assert!(bad.contains("make the bot an admin of the group"), "{bad}");
    let open = Some(WhoMay::AllMembers);
    let closed = spec()
        .edit_permission(WhoMay::OnlyOwner)
        .pin_manage_setting(open);
    let closed = bench.sim.add_chat(closed);
    let bad = bench.check_chat(closed.as_str()).await.the_bad();
    assert!(bad.starts_with("announcement: only the owner"), "{bad}");

    let outside = bench.sim.add_chat(spec().without_bot());
    let bad = bench.check_chat(outside.as_str()).await.the_bad();
    assert!(
        bad.starts_with("chat: ") && bad.contains("add the bot to the group"),
        "{bad}"
    );
    let bad = bench.check_chat("oc_nowhere").await.the_bad();
    assert!(
        bad.starts_with("chat: could not read `oc_nowhere`"),
        "{bad}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn old_announcement_is_a_problem_until_deletion_succeeds() {
    let bench = Bench::new().await;
    let group = bench.group(AnnouncementKind::Doc);
    let bad = bench.check_chat(group.as_str()).await.the_bad();
    assert!(bad.starts_with("announcement kind: old (`doc`)"), "{bad}");
    assert!(bad.contains("has not tried in this one yet"), "{bad}");
    for command in ["/announce dinner", "/undo"] {
        let said = bench.say(&group, command).id;
        let answered = |state: &feishu_sim::State| {
            let reactions = state.reactions(&said).into_iter();
            reactions
                .chain(state.answers_to(&said))
                .find(|word| word != "OneSecond")
        };
        bench.wait("an answer", answered).await;
    }
    bench.idle().await;
    let found = bench.check_chat(group.as_str()).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("good", "the last deletion of text succeeded"),
        "{:#}",
        found.0
    );

    let strict = bench.group(AnnouncementKind::Doc);
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.legacy_deletes_refused = true);
    let said = bench.say(&strict, "/announce lunch").id;
    bench.reaction(&said).await;
    let undo = bench.say(&strict, "/undo").id;
    bench.answer(&undo).await;
    bench.idle().await;
    let bad = bench.check_chat(strict.as_str()).await.the_bad();
    assert!(
        bad.contains("does not allow the bot to delete text"),
        "{bad}"
    );

    bench
        .sim
        .fault(Endpoint::GetDocxAnnouncement, Fault::code(1_772_034));
    bench
        .sim
        .fault(Endpoint::GetDocxAnnouncement, Fault::code(1_772_034));
    let found = bench.check_chat(group.as_str()).await;
    assert!(
        found.has("bad", "announcement kind: could not be read"),
        "{:#}",
        found.0
    );
    bench.finish().await;
}

#[tokio::test]
async fn request_url_must_return_the_challenge() {
    let bench = Bench::new().await;
    let webhook = bench.webhook();
    let found = bench.check_url(&webhook).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(found.has("good", "returned the challenge"), "{:#}", found.0);
    let private = "does not resolve to a public IPv4 address";
    assert!(found.has("note", private), "{:#}", found.0);

    let config = |change: fn(&mut Config)| {
        let mut config = bench.config();
        change(&mut config);
        config
    };
    let options = CheckOptions {
        tenant: None,
        chat: None,
        url: Some(webhook.parse().unwrap()),
    };
    for other in [
        config(|config| config.feishu.encrypt_key = "another".into()),
        config(|config| config.feishu.verification_token = "another".into()),
    ] {
        let bad = bench.check_with(&other, &options).await.the_bad();
        assert!(
            bad.contains("has a different encrypt key or verification token"),
            "{bad}"
        );
    }
    let nowhere = closed_port().await;
    let bad = bench.check_url(&nowhere).await.the_bad();
    assert!(
        bad.contains("could not reach") && bad.contains("refused"),
        "{bad}"
    );
    let bad = bench
        .check_url(&webhook.replace("event", "events"))
        .await
        .the_bad();
    assert!(
        bad.contains("does not accept events") && bad.contains("`/webhook/event`"),
        "{bad}"
    );

    let elsewhere = || async { Redirect::temporary("https://login.example.com/") };
    let router = Router::new()
        .route("/elsewhere", post(elsewhere))
        .route("/broken", post(|| async { StatusCode::BAD_GATEWAY }))
        .route("/other", post(|| async { "hello" }))
        .route("/page", get(|| async { "hello" }))
        .route("/long", post(|| async { "x".repeat(100_000) }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(axum::serve(listener, router).into_future());
    for (path, words) in [
        ("elsewhere", "redirects to `https://login.example.com/`"),
        ("broken", "returned status 502"),
        ("other", "did not return the challenge"),
        ("long", "did not return the challenge"),
        ("page", "does not accept events"),
    ] {
        let bad = bench.check_url(&format!("{proxy}/{path}")).await.the_bad();
        assert!(
            bad.starts_with("request URL: ") && bad.contains(words),
            "{bad}"
        );
    }
    let mut connected = bench.config();
    connected.feishu.receive = Receive::LongConnection;
    let found = bench.check_with(&connected, &options).await;
    assert!(
        found.has("note", "request URL: not checked"),
        "{:#}",
        found.0
    );
    bench.finish().await;
}

#[tokio::test]
async fn long_connection_is_opened_and_closed() {
    let bench = Bench::new().await;
    let connected = |config: &mut Config| config.feishu.receive = Receive::LongConnection;
    let found = bench.check(connected).await;
    assert!(found.is_good(), "{:#}", found.0);
    let opened = "long connection: can be opened";
    assert!(found.has("good", opened), "{:#}", found.0);
    let closed = |state: &feishu_sim::State| state.connections().is_empty().then_some(());
    bench.sim.wait_for("its end", closed).await;

    bench
        .sim
        .fault(Endpoint::LongConnection, Fault::ServerError);
    let bad = bench.check(connected).await.the_bad();
    assert!(
        bad.starts_with("long connection: ") && bad.contains("try again later"),
        "{bad}"
    );
    let refusal = feishu_sim::HandshakeRefusal::too_many_connections();
    bench.sim.refuse_handshake(refusal);
    let bad = bench.check(connected).await.the_bad();
    assert!(
        bad.contains("stop other processes that use this app id"),
        "{bad}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn ca_file_adds_a_trusted_authority() {
    let bench = Bench::new().await;
    let authority = Authority::new().unwrap();
    let platform = bench.sim.base_url().replace("http://", "");
    let gate = Gate::open(&authority, platform.parse().unwrap())
        .await
        .unwrap();
    let bad = bench
        .check(|config| config.feishu.base_url = gate.url())
        .await
        .the_bad();
    assert!(
        bad.starts_with("platform: ") && bad.contains("`NOTICEBOT_CA_FILE`"),
        "{bad}"
    );
    let file = bench.folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let trusted = |config: &mut Config| {
        config.feishu.base_url = gate.url();
        config.tls.ca_file = file.display().to_string();
    };
    let found = bench.check(trusted).await;
    assert!(found.is_good(), "{:#}", found.0);
    let words = format!("credentials: {} accepts", gate.url());
    assert!(found.has("good", &words), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn weak_secrets_are_reported() {
    let bench = Bench::new().await;
    let previous = |config: &mut Config| config.feishu.previous_encrypt_key = "old".into();
    let found = bench.check(previous).await;
    assert!(
        found.has("note", "`noticebot_previous_secrets_total`"),
        "{:#}",
        found.0
    );
    let plain = |config: &mut Config| {
        config.feishu.encrypt_key = "".into();
        config.feishu.allow_plaintext = true;
    };
    let found = bench.check(plain).await;
    assert!(
        found.has("note", "secrets: no encrypt key is set"),
        "{:#}",
        found.0
    );
    assert!(found.is_good(), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn unusable_store_is_reported() {
    let bench = Bench::new().await;
    let folder = bench.folder.path();
    let at = async |file: &str| {
        let url = format!("sqlite://{}", folder.join(file).display());
        bench
            .check(|config| config.store.database_url = url.parse().unwrap())
            .await
    };
    let found = at("new.db").await;
    assert!(
        found.has("good", "new.db` will be created at the first start"),
        "{:#}",
        found.0
    );
    assert!(!folder.join("new.db").exists());
    let bad = at("nowhere/new.db").await.the_bad();
    assert!(bad.starts_with("store: the folder of"), "{bad}");
    std::fs::write(folder.join("letter.db"), "Dear Mei, ".repeat(1000)).unwrap();
    let bad = at("letter.db").await.the_bad();
    assert!(
        bad.starts_with("store: ") && bad.contains("not a noticebot database"),
        "{bad}"
    );
    let newer = rusqlite::Connection::open(folder.join("newer.db")).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    let bad = at("newer.db").await.the_bad();
    assert!(bad.contains("was written by a newer noticebot"), "{bad}");
    std::fs::hard_link(folder.join("newer.db"), folder.join("again.db")).unwrap();
    let bad = at("again.db").await.the_bad();
    assert!(bad.contains("has 2 names (hard links)"), "{bad}");
    let mut damaged = std::fs::read(folder.join("bot.db")).unwrap();
    damaged[4096] ^= 0xff;
    std::fs::write(folder.join("damaged.db"), damaged).unwrap();
    let bad = at("damaged.db").await.the_bad();
    assert!(bad.contains("damaged.db` is damaged"), "{bad}");
    bench.finish().await;
}

#[tokio::test]
async fn check_lists_the_groups_of_the_bot() {
    let bench = Bench::new().await;
    let found = bench.check(|_| {}).await;
    assert!(
        found.has("note", "groups: the bot is in no group"),
        "{:#}",
        found.0
    );

    // More than one page, and one group without the bot.
    let mut groups = Vec::new();
    for number in 0..105 {
        let spec = feishu_sim::ChatSpec::named(&format!("Group {number}")).owner(&bench.owner);
        groups.push((bench.sim.add_chat(spec), format!("`Group {number}`")));
    }
    let named = feishu_sim::ChatSpec::named("Ops\u{202e}\u{1b}[31m\u{2028}").owner(&bench.owner);
    let named = bench.sim.add_chat(named);
    let outside = bench.sim.add_chat(bench.spec().without_bot());
    let found = bench.check(|_| {}).await;
    for (id, name) in &groups {
        assert!(found.has("good", &format!("group: {id} {name}")), "{name}");
    }
    let roles = found.of("good").into_iter();
    let roles = roles.filter(|line| line.contains("the bot is a member"));
    assert_eq!(roles.count(), 40, "{:#}", found.0);
    assert!(found.has("note", "for the first 40; `--chat oc_…`"));
    assert!(found.has("good", named.as_str()), "{named}");
    assert!(!found.has("good", outside.as_str()), "{outside}");
    let report = check::check(
        &bench.config(),
        bench.clock.clone(),
        &CheckOptions::default(),
    )
    .await;
    for shown in [report.to_string(), report.to_json().unwrap()] {
        let unsafe_ = ['\u{202e}', '\u{1b}', '\u{2028}'];
        assert!(!shown.contains(unsafe_), "{shown}");
    }

    // The bot does not need this call.
    bench.sim.fault(Endpoint::ListChats, Fault::NotJson);
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("note", "groups: could not be listed"),
        "{:#}",
        found.0
    );
    bench.finish().await;
}

/// The address of a closed port.
async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn json_report_lists_problems_with_remedies() {
    let error = Config::read(None, &std::iter::empty::<(String, String)>().collect());
    let error = error.unwrap().validate().unwrap_err();
    let report = check::misconfigured(&error);
    let json: Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(json["good"], false);
    let first = json!({
        "name": "configuration",
        "verdict": "bad",
        "text": "`feishu.app_id` is missing or empty",
        "remedy": "set `FEISHU_APP_ID` from the app's page in the developer console",
    });
    assert_eq!(json["checks"][0], first);
    let text = report.to_string();
    let line = "✗ configuration: `feishu.app_id` is missing or empty\n  → set `FEISHU_APP_ID` from";
    assert!(text.starts_with(line), "{text}");
    assert!(text.ends_with("4 problems found.\n"), "{text}");
}

/// Turns on acting as the member.
fn as_member(config: &mut Config, keys: [&str; 2]) {
    config.feishu.act_as = ActAs::Member;
    let [key, previous] = keys.map(|key| key.to_owned().into());
    (config.feishu.token_key, config.feishu.previous_token_key) = (key, previous);
}

#[tokio::test]
async fn check_shows_how_members_consent() {
    let bench = members::bench().await;
    bench.granted().await;
    let found = bench
        .check(|config| {
            as_member(config, [KEY, ""]);
            config.server.public_url = PUBLIC.to_owned();
        })
        .await;
    assert!(found.is_good(), "{:#}", found.0);
    let uri = format!("`{PUBLIC}/oauth/callback`");
    for words in [&*uri, "`offline_access`"] {
        assert!(found.has("note", words), "{words} in {:#}", found.0);
    }
    assert!(found.has("good", "grants: 1 members"), "{:#}", found.0);
    for (keys, words) in [
        ([OTHER_KEY, KEY], "1 are encrypted with the previous"),
        ([OTHER_KEY, ""], "1 are encrypted with an unknown"),
    ] {
        let found = bench.check(|config| as_member(config, keys)).await;
        assert!(found.has("note", words), "{words} in {:#}", found.0);
        assert!(found.has("note", "by device flow"), "{:#}", found.0);
    }
    bench.finish().await;
}

#[tokio::test]
async fn check_as_members_needs_no_bot_rights() {
    let bench = Bench::new().await;
    let closed = WhoMay::OnlyOwner;
    let spec = bench.spec().edit_permission(closed);
    let group = bench.sim.add_chat(spec.pin_manage_setting(Some(closed)));
    let options = CheckOptions {
        chat: Some(group.as_str().to_owned()),
        ..CheckOptions::default()
    };
    let mut config = bench.config();
    assert!(!bench.check_with(&config, &options).await.is_good());
    as_member(&mut config, [KEY, ""]);
    let found = bench.check_with(&config, &options).await;
    assert!(found.is_good(), "{:#}", found.0);
    bench.finish().await;
}
