//! Store apps: tickets, and tenants that install and remove the app.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind, Builder, ChatId, ChatSpec, Decision, Endpoint, Fault, Person, Simulator,
    State,
};
use noticebot::admin::{Audit, JobFilter, JobState};
use noticebot::check::{self, CheckOptions};
use serde_json::{Value, json};

use crate::STORE;
use crate::console::Visitor;
use crate::harness::{Bench, log};
use crate::members::{Browser, PUBLIC, with};

const ELSEWHERE: &str = "another_tenant";
/// The tables with rows of a tenant.
const TABLES: [&str; 9] = [
    "jobs",
    "changes",
    "limits",
    "answers",
    "announcements",
    "settings",
    "grants",
    "consents",
    "tenants",
];

/// A bot of a store app that has its first ticket.
async fn bench() -> Bench {
    let bench = Bench::with(Builder::store_app, "").await;
    bench.has_ticket().await;
    bench
}

/// A platform that takes two minutes to push a ticket.
fn without_ticket(builder: Builder) -> Builder {
    builder.store_app().behaviour(|behaviour| {
        behaviour.ticket_delay = Duration::from_mins(2);
    })
}

/// A person of another tenant, and their group.
fn elsewhere(sim: &Simulator) -> (Person, ChatId) {
    let person = sim.add_person_of(ELSEWHERE, "Gus");
    let group = sim.add_chat(ChatSpec::named("Sales").owner(&person));
    (person, group)
}

impl Bench {
    /// Waits until the ticket that the bot asked for at its start has arrived.
    async fn has_ticket(&self) {
        self.wait("a ticket", |state| {
            let pushes = state.pushes().iter();
            let mut tickets = pushes.filter(|push| push.event_type == "app_ticket");
            tickets
                .any(|push| {
                    push.attempts
                        .first()
                        .is_some_and(feishu_sim::Attempt::is_taken)
                })
                .then_some(())
        })
        .await;
    }

    /// A ticket as the platform pushes it, of which nobody has heard.
    fn ticket(&self, value: &str) -> Value {
        let app = self.sim.app();
        json!({
            "ts": format!("{}.0", self.sim.clock().now_ms() / 1000),
            "uuid": format!("ticket-event-{value}"),
            "token": app.verification_token,
            "type": "event_callback",
            "event": { "app_id": app.app_id, "app_ticket": value, "type": "app_ticket" },
        })
    }

    /// The status of the response to an event.
    async fn push(&self, envelope: Value) -> u16 {
        self.sim.push_envelope(envelope).answer().await.status
    }

    async fn has_nothing_of(&self, tenant: &str) {
        for table in TABLES {
            let rows = format!("{table} WHERE tenant = '{tenant}'");
            assert_eq!(self.count(&rows).await, 0, "{table}");
        }
    }

    async fn tenants(&self) -> Vec<Value> {
        let text = self.admin().await.list_tenants(true).await.unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    async fn tenant_keys(&self) -> Vec<String> {
        let tenants = self.tenants().await;
        let key = |tenant: &Value| tenant["tenant"].as_str().unwrap().to_owned();
        tenants.iter().map(key).collect()
    }
}

#[tokio::test]
async fn the_console_shows_each_tenant() {
    let bench = bench().await;
    bench.sim.install(ELSEWHERE).answer().await;
    let (person, theirs) = elsewhere(&bench.sim);
    let ours = bench.group(AnnouncementKind::Docx);
    let said = bench
        .sim
        .as_person(&person)
        .in_chat(&theirs)
        .say("/pin announcement")
        .id;
    bench.reaction(&said).await;
    let said = bench.say(&ours, "/pin announcement").id;
    bench.reaction(&said).await;
    bench.idle().await;
    let visitor = Visitor::of(&bench);
    let tenants = visitor.text("/tenants").await;
    assert!(tenants.contains(ELSEWHERE), "{tenants}");
    for path in ["/jobs?state=all&", "/audit?"] {
        let page = visitor.text(&format!("{path}tenant={ELSEWHERE}")).await;
        assert!(page.contains(theirs.as_str()), "{path}: {page}");
        assert!(!page.contains(ours.as_str()), "{path}: {page}");
        let page = visitor.text(&format!("{path}chat={theirs}")).await;
        assert!(page.contains("badge good"), "{path}: {page}");
    }
    let groups = visitor.text(&format!("/groups?tenant={ELSEWHERE}")).await;
    assert!(
        groups.contains("Sales") && !groups.contains("Ops"),
        "{groups}"
    );
    let group = visitor
        .text(&format!("/groups/{theirs}?tenant={ELSEWHERE}"))
        .await;
    assert!(group.contains("the bot is in `Sales`"), "{group}");
    bench.finish().await;
}

#[tokio::test]
async fn a_command_waits_for_the_first_ticket() {
    let bench = Bench::with(without_ticket, "").await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let tickets = |state: &State| {
        state
            .pushes()
            .iter()
            .filter(|push| push.event_type == "app_ticket")
            .count()
    };
    assert_eq!(bench.sim.read(tickets), 0);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let text = bench.sim.read(|state| state.announcement_text(&group));
    let announced = text.iter().filter(|line| line.contains("hello"));
    assert_eq!(announced.count(), 1, "{text:?}");
    let (status, _) = bench.ask("/readyz").await;
    assert_eq!(status, 200);
    bench.finish().await;
}

#[tokio::test]
async fn readiness_does_not_wait_for_a_ticket() {
    let bench = Bench::with(without_ticket, "").await;
    assert_eq!(bench.ask("/readyz").await.0, 200);
    bench.finish().await;
}

#[tokio::test]
async fn each_tenant_is_served_with_its_own_token() {
    let bench = bench().await;
    bench.sim.install(ELSEWHERE).answer().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let ours = bench.group(AnnouncementKind::Docx);
    for round in 0..2 {
        let here = bench.say(&ours, &format!("/announce here {round}")).id;
        let there = bench.say_as(&guest, &theirs, &format!("/announce there {round}"));
        assert_eq!(bench.reaction(&here).await, "Loudspeaker");
        assert_eq!(bench.reaction(&there).await, "Loudspeaker");
    }
    let tokens = bench.sim.calls_to(Endpoint::StoreTenantAccessToken).len();
    assert_eq!(tokens, 2);
    assert_eq!(bench.sim.calls_to(Endpoint::AppAccessToken).len(), 1);
    assert_eq!(bench.tenant_keys().await.len(), 2);
    let metrics = bench.metrics().await;
    assert!(metrics.contains("\nnoticebot_tenants 2\n"), "{metrics}");
    bench.finish().await;
}

#[tokio::test]
async fn history_and_undo_stay_in_their_tenant() {
    let bench = bench().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    bench.sim.install(ELSEWHERE).answer().await;
    let ours = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&ours, "/announce secret plan").id;
    bench.reaction(&command).await;
    let undo = bench.say_as(&guest, &theirs, "/undo");
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("undo"), "{answer}");
    let admin = bench.admin().await;
    for (tenant, count) in [(bench.sim.app().tenant_key.as_str(), 1), (ELSEWHERE, 0)] {
        let audit = Audit {
            tenant: Some(tenant.to_owned()),
            chat: None,
            since: "7d".to_owned(),
            with_text: true,
            json: true,
        };
        let mut out = Vec::new();
        admin.audit(&audit, &mut out).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text.matches("secret plan").count(),
            count,
            "{tenant}: {text}"
        );
    }
    bench.idle().await;
    let jobs = |tenant: &str| JobFilter {
        states: vec![JobState::Done],
        tenant: Some(tenant.to_owned()),
        chat: None,
        before: None,
        limit: 100,
    };
    let theirs = admin.list_jobs(jobs(ELSEWHERE), true).await.unwrap();
    assert_eq!(theirs.lines().count(), 1, "{theirs}");
    bench.finish().await;
}

#[tokio::test]
async fn uninstalling_erases_the_data_of_one_tenant() {
    let bench = bench().await;
    bench.sim.install(ELSEWHERE).answer().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let ours = bench.group(AnnouncementKind::Docx);
    for (person, chat) in [(&bench.member, &ours), (&guest, &theirs)] {
        let command = bench.say_as(person, chat, "/announce hello --for 2d");
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    }
    bench.idle().await;
    let uninstalled = bench.sim.uninstall(ELSEWHERE);
    assert_eq!(uninstalled.answer().await.status, 200);
    let of_tenant = format!("WHERE tenant = '{ELSEWHERE}'");
    bench.has_nothing_of(ELSEWHERE).await;
    assert!(bench.count("changes").await > 0);

    // The platform redelivers events for hours; a new installation must survive that.
    bench.advance(Duration::from_mins(1));
    bench.sim.install(ELSEWHERE).answer().await;
    let again = bench.say_as(&guest, &theirs, "/announce again");
    assert_eq!(bench.reaction(&again).await, "Loudspeaker");
    assert_eq!(uninstalled.again().answer().await.status, 200);
    assert_eq!(bench.tenant_keys().await.len(), 2);
    assert_eq!(bench.count(&format!("changes {of_tenant}")).await, 1);
    bench.finish().await;
}

/// A bot of a store app that acts as members.
async fn bench_of_members() -> Bench {
    let bench = with(
        Builder::store_app,
        &format!("[server]\npublic_url = '{PUBLIC}'"),
    )
    .await;
    bench.has_ticket().await;
    bench.sim.install(ELSEWHERE).answer().await;
    bench
}

#[tokio::test]
async fn members_consent_in_their_own_tenant() {
    let bench = bench_of_members().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let ours = bench.group(AnnouncementKind::Docx);
    let commands = [
        bench.say(&ours, "/announce hello").id,
        bench.say_as(&guest, &theirs, "/announce hello"),
    ];
    let links = [bench.link(&bench.member).await, bench.link(&guest).await];
    let visits = [
        (&links[0], &guest, 403),
        (&links[1], &bench.member, 403),
        (&links[0], &bench.member, 200),
        (&links[1], &guest, 200),
    ];
    for (link, person, status) in visits {
        let page = bench.visit(link, person, Decision::Consent).await;
        assert_eq!(page.status, status);
    }
    for command in &commands {
        assert_eq!(bench.reaction(command).await, "Loudspeaker");
    }
    let elsewhere = format!("grants WHERE tenant = '{ELSEWHERE}'");
    assert_eq!(bench.count(&elsewhere).await, 1);
    assert_eq!(bench.grants().await, 2);
    bench.finish().await;
}

#[tokio::test]
async fn uninstalling_erases_consent_and_waiting_commands() {
    let bench = bench_of_members().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let other = bench.sim.add_person_of(ELSEWHERE, "Ida");
    bench
        .sim
        .change_chat(&theirs, |chat| chat.members.push(other.clone()));
    let command = bench.say_as(&guest, &theirs, "/announce hello");
    let link = bench.link(&guest).await;
    Browser::new()
        .decide(&bench, &link, &guest, Decision::Consent)
        .await;
    bench.reaction(&command).await;
    bench.say_as(&other, &theirs, "/announce never");
    let link = bench.link(&other).await;
    bench.settled().await;
    bench.sim.uninstall(ELSEWHERE).answer().await;
    bench.has_nothing_of(ELSEWHERE).await;
    assert_eq!(Browser::new().open(&bench, &link).await.0, 400);
    bench.finish().await;
}

#[tokio::test]
async fn a_stopped_app_keeps_its_data() {
    let bench = bench().await;
    bench.sim.install(ELSEWHERE).answer().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let command = bench.say_as(&guest, &theirs, "/announce hello");
    bench.reaction(&command).await;
    bench.sim.stop_app(ELSEWHERE).answer().await;
    let tenants = bench.tenants().await;
    let stopped = tenants.iter().find(|row| row["tenant"] == ELSEWHERE);
    assert_eq!(stopped.unwrap()["state"], "stopped");
    assert!(
        bench
            .count(&format!("changes WHERE tenant = '{ELSEWHERE}'"))
            .await
            > 0
    );
    assert!(bench.metrics().await.contains("\nnoticebot_tenants 0\n"));
    bench.sim.install(ELSEWHERE).answer().await;
    let again = bench.say_as(&guest, &theirs, "/announce again");
    assert_eq!(bench.reaction(&again).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn a_ticket_outlives_a_restart() {
    let mut bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce one").id;
    bench.reaction(&command).await;
    let asked = bench.sim.calls_to(Endpoint::ResendAppTicket).len();
    bench.restart().await;
    let command = bench.say(&group, "/announce two").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.sim.calls_to(Endpoint::ResendAppTicket).len(), asked);
    bench.finish().await;
}

#[tokio::test]
async fn a_rejected_ticket_is_replaced() {
    let mut bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    // The stored ticket is stale at the next start.
    bench.sim.expire_tickets();
    bench.restart().await;
    bench.sim.change_behaviour(|behaviour| {
        behaviour.ticket_delay = Duration::from_secs(90);
    });
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn an_event_without_a_tenant_is_acknowledged() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let message = bench.say_unpushed(&group, "/announce hello");
    let mut envelope = bench.sim.envelope_for(&message);
    envelope["header"]["tenant_key"] = json!("");
    let answer = bench.sim.push_envelope(envelope).answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(bench.count("jobs").await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn tickets_and_tokens_are_nowhere_in_clear() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.reaction(&command).await;
    bench.idle().await;
    let bodies = |endpoint| {
        let calls = bench.sim.calls_to(endpoint);
        calls.into_iter().map(|call| call.body).collect::<Vec<_>>()
    };
    let mut secrets = Vec::new();
    for body in bodies(Endpoint::AppAccessToken) {
        secrets.push(body["app_ticket"].as_str().unwrap().to_owned());
    }
    for body in bodies(Endpoint::StoreTenantAccessToken) {
        secrets.push(body["app_access_token"].as_str().unwrap().to_owned());
    }
    assert!(secrets.len() >= 2);
    let backup = bench.folder.path().join("backup");
    bench.admin().await.back_up(&backup).await.unwrap();
    let mut texts = vec![log().into_bytes(), std::fs::read(&backup).unwrap()];
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        texts.push(std::fs::read(file.unwrap().path()).unwrap());
    }
    for secret in &secrets {
        let found = |text: &Vec<u8>| {
            text.windows(secret.len())
                .any(|part| part == secret.as_bytes())
        };
        assert!(!texts.iter().any(found), "a secret is in clear");
    }
    bench.finish().await;
}

#[tokio::test]
async fn the_check_reports_tickets_and_tenants() {
    let bench = bench().await;
    let report = async |tenant: Option<&str>| {
        let options = CheckOptions {
            tenant: tenant.map(str::to_owned),
            ..CheckOptions::default()
        };
        let report = check::check(&bench.config(), bench.clock.clone(), &options).await;
        report.to_string()
    };
    let none = report(None).await;
    assert!(
        none.contains("app ticket") && none.contains("none yet"),
        "{none}"
    );
    let own = bench.sim.app().tenant_key;
    bench.sim.install(&own).answer().await;
    let only = report(None).await;
    assert!(only.contains("received 0 min ago"), "{only}");
    assert!(only.contains(&format!("`{own}` (active)")), "{only}");
    assert!(only.contains("`noticebot` is active"), "{only}");
    bench.sim.install(ELSEWHERE).answer().await;
    let two = report(None).await;
    assert!(two.contains("name one with `--tenant`"), "{two}");
    assert!(!two.contains("is active"), "{two}");
    let named = report(Some(ELSEWHERE)).await;
    assert!(named.contains("`noticebot` is active"), "{named}");
    let unknown = report(Some("nowhere")).await;
    assert!(unknown.contains("noticebot tenants list"), "{unknown}");
    bench.finish().await;
}

#[tokio::test]
async fn an_admin_can_forget_a_tenant() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.reaction(&command).await;
    bench.idle().await;
    let key = bench.sim.app().tenant_key;
    let admin = bench.admin().await;
    let shown = admin.show_tenant(&key, false).await.unwrap();
    assert!(shown.contains("changes     1"), "{shown}");
    admin.forget_tenant(&key).await.unwrap();
    assert_eq!(bench.count("changes").await, 0);
    assert_eq!(bench.count("tenants").await, 0);
    let error = admin.show_tenant(&key, false).await.unwrap_err();
    assert!(
        error.to_string().contains("noticebot tenants list"),
        "{error}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn forged_tickets_are_rejected() {
    let bench = bench().await;
    let before = bench.count("app_tickets").await;
    let mut token = bench.ticket("wrong-token");
    token["token"] = json!("another");
    assert_eq!(bench.push(token).await, 401);
    let mut other_app = bench.ticket("other-app");
    other_app["event"]["app_id"] = json!("cli_another");
    assert_eq!(bench.push(other_app).await, 401);
    let mut sealed = bench.sim.seal(&bench.ticket("wrong-signature"));
    for (name, value) in &mut sealed.headers {
        if name == "x-lark-signature" {
            *value = "0".repeat(64);
        }
    }
    let answer = bench.sim.push_raw(&sealed.headers, sealed.body).await;
    assert_eq!(answer.status, 401);
    assert_eq!(bench.count("app_tickets").await, before);
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let calls = bench.sim.calls_to(Endpoint::AppAccessToken);
    assert_eq!(calls.len(), 1, "a forged ticket was used");
    bench.finish().await;
}

#[tokio::test]
async fn tickets_without_a_value_are_acknowledged() {
    let bench = bench().await;
    let before = bench.count("app_tickets").await;
    for value in [json!(null), json!(""), json!(7), json!({}), json!([])] {
        let mut envelope = bench.ticket("none");
        envelope["event"]["app_ticket"] = value;
        assert_eq!(bench.push(envelope).await, 200);
    }
    let mut missing = bench.ticket("none");
    missing["event"]
        .as_object_mut()
        .unwrap()
        .remove("app_ticket");
    assert_eq!(bench.push(missing).await, 200);
    assert_eq!(bench.count("app_tickets").await, before);
    bench.finish().await;
}

/// Also of one ticket that is delivered again and again, each time encrypted anew.
#[tokio::test]
async fn a_flood_of_tickets_is_bounded() {
    let mut bench = bench().await;
    let again = bench.ticket("again");
    for number in 0..50 {
        let ticket = bench.ticket(&format!("flood-{number}"));
        assert_eq!(bench.push(ticket).await, 200);
        assert_eq!(bench.push(again.clone()).await, 200);
    }
    let rows = bench.count("app_tickets").await;
    assert!(rows <= 32, "{rows} rows");
    // The platform knows none of them, so the bot asks for another one.
    bench.sim.expire_tickets();
    bench.restart().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let calls = bench.sim.calls_to(Endpoint::AppAccessToken).len();
    assert!(calls <= 33, "{calls} calls");
    bench.finish().await;
}

#[tokio::test]
async fn uninstalling_another_app_erases_nothing() {
    let bench = bench().await;
    bench.sim.install(ELSEWHERE).answer().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let command = bench.say_as(&guest, &theirs, "/announce hello");
    bench.reaction(&command).await;
    let mut envelope = bench.ticket("none");
    envelope["event"] = json!({
        "app_id": "cli_another", "tenant_key": ELSEWHERE, "type": "app_uninstalled",
    });
    assert_eq!(bench.push(envelope).await, 401);
    let changes = format!("changes WHERE tenant = '{ELSEWHERE}'");
    assert_eq!(bench.count(&changes).await, 1);
    assert_eq!(bench.tenant_keys().await, [ELSEWHERE]);
    bench.finish().await;
}

#[tokio::test]
async fn uninstalling_an_unknown_tenant_leaves_nothing() {
    let bench = bench().await;
    for _ in 0..2 {
        assert_eq!(bench.sim.uninstall(ELSEWHERE).answer().await.status, 200);
        bench.has_nothing_of(ELSEWHERE).await;
    }
    bench.sim.install(ELSEWHERE).answer().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let command = bench.say_as(&guest, &theirs, "/announce hello");
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

/// One command waits for the platform, others wait for it; the only worker has to be free afterwards.
#[tokio::test]
async fn uninstalling_ends_running_commands() {
    let file = "[worker]\nconcurrency = 1\n[feishu]\ntimeout = '1s'\n[store]\nmax_open_jobs = 3";
    let bench = Bench::with(Builder::store_app, file).await;
    bench.has_ticket().await;
    bench.sim.install(ELSEWHERE).answer().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    bench.sim.fault(Endpoint::CreateChildren, Fault::Hang);
    for number in 0..3 {
        bench.say_as(&guest, &theirs, &format!("/announce hello {number}"));
    }
    let begun = |state: &State| state.calls_to(Endpoint::CreateChildren).next().map(|_| ());
    bench.wait("a call", begun).await;
    assert_eq!(bench.sim.uninstall(ELSEWHERE).answer().await.status, 200);
    bench.has_nothing_of(ELSEWHERE).await;
    let ours = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&ours, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.idle().await;
    bench.has_nothing_of(ELSEWHERE).await;
    bench.finish().await;
}

#[tokio::test]
async fn an_unknown_status_changes_nothing() {
    let bench = bench().await;
    bench.sim.install(ELSEWHERE).answer().await;
    for status in [
        json!("paused_by_platform"),
        json!(""),
        json!(null),
        json!(7),
    ] {
        let mut envelope = bench.ticket("none");
        envelope["event"] = json!({
            "app_id": bench.sim.app().app_id, "tenant_key": ELSEWHERE,
            "type": "app_status_change", "status": status,
        });
        assert_eq!(bench.push(envelope).await, 200, "{status}");
    }
    assert_eq!(bench.tenants().await[0]["state"], "active");
    bench.finish().await;
}

#[tokio::test]
async fn a_replica_learns_the_ticket_of_another() {
    if STORE != "postgres" {
        return;
    }
    let mut bench = Bench::with(without_ticket, "").await;
    let other = bench.replica().await;
    assert_eq!(bench.sim.push_ticket().answer().await.status, 200);
    bench.switch_to(other).await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let pushes = bench.sim.pushes();
    let tickets = pushes.iter().filter(|push| push.event_type == "app_ticket");
    assert_eq!(tickets.count(), 1);
    bench.finish().await;
}

/// The platform answers each request for a ticket at once, and refuses each ticket.
#[tokio::test]
async fn rejected_tickets_are_requested_rarely() {
    let bench = bench().await;
    let asked = || bench.sim.calls_to(Endpoint::ResendAppTicket).len();
    for _ in 0..200 {
        let refused = Fault::code(10_012);
        bench.sim.fault(Endpoint::AppAccessToken, refused);
    }
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    let before = asked();
    let minutes = 7;
    for _ in 0..minutes * 60 {
        bench.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let asked = asked() - before;
    assert!((1..=4).contains(&asked), "asked {asked} times");
    let calls = bench.sim.calls_to(Endpoint::AppAccessToken).len();
    assert!(calls <= asked + 2, "{calls} calls");
    bench.sim.withdraw_faults(Endpoint::AppAccessToken);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    bench.finish().await;
}

/// The app is not installed elsewhere, which the platform reports as it does a bad app token.
#[tokio::test]
async fn a_refused_tenant_disturbs_no_other() {
    let bench = bench().await;
    let (guest, theirs) = elsewhere(&bench.sim);
    let there = bench.say_as(&guest, &theirs, "/announce there");
    let ours = bench.group(AnnouncementKind::Docx);
    for round in 0..5 {
        let here = bench.say(&ours, &format!("/announce here {round}")).id;
        assert_eq!(bench.reaction(&here).await, "Loudspeaker");
    }
    let tokens = bench.sim.calls_to(Endpoint::StoreTenantAccessToken);
    let of = |key: &str| {
        let calls = tokens.iter();
        calls.filter(|call| call.body["tenant_key"] == key).count()
    };
    assert_eq!(of(&bench.sim.app().tenant_key), 1);
    assert!(of(ELSEWHERE) > 0);
    let apps = bench.sim.calls_to(Endpoint::AppAccessToken).len();
    assert!(apps <= of(ELSEWHERE) + 1, "{apps} app tokens");
    bench.sim.install(ELSEWHERE).answer().await;
    assert_eq!(bench.reaction(&there).await, "Loudspeaker");
    bench.finish().await;
}

#[tokio::test]
async fn odd_tenant_keys_are_only_data() {
    let long = "k".repeat(256);
    let keys = [
        "it's \"quoted\" $1 %s",
        "two\nlines\r\n[policy]",
        "\u{1b}[31mred",
        "🦀 租户",
        "../../etc/passwd",
        &long,
    ];
    let rules = keys.map(|key| format!("[policy.tenants.{}]\nmode = 'admins'\n", json!(key)));
    let bench = Bench::with(Builder::store_app, &rules.concat()).await;
    bench.has_ticket().await;
    for key in keys {
        assert_eq!(bench.sim.install(key).answer().await.status, 200);
        let owner = bench.sim.add_person_of(key, "Olga");
        let member = bench.sim.add_person_of(key, "Gus");
        let group = ChatSpec::named("Ops").owner(&owner).member(&member);
        let group = bench.sim.add_chat(group);
        let command = bench.say_as(&owner, &group, "/announce hello");
        assert_eq!(bench.reaction(&command).await, "Loudspeaker", "{key:?}");
        let denied = bench.say_as(&member, &group, "/announce hello");
        bench.answer(&denied).await;
    }
    bench.idle().await;
    let mut known = bench.tenant_keys().await;
    known.sort();
    let mut expected = keys.map(str::to_owned);
    expected.sort();
    assert_eq!(known, expected);
    let admin = bench.admin().await;
    let list = admin.list_tenants(false).await.unwrap();
    assert_eq!(list.lines().count(), 1 + keys.len(), "{list}");
    assert!(!list.contains('\u{1b}'), "{list:?}");
    for key in keys {
        let shown = admin.show_tenant(key, false).await.unwrap();
        assert!(shown.contains("chats       1"), "{shown}");
        assert_eq!(shown.lines().count(), 8, "{shown}");
        let forgotten = admin.forget_tenant(key).await.unwrap();
        assert_eq!(forgotten.lines().count(), 1, "{forgotten}");
    }
    assert_eq!(bench.count("tenants").await, 0);
    bench.finish().await;
}

/// PostgreSQL could not store them, and the platform would redeliver their events for hours.
#[tokio::test]
async fn unusable_tenant_keys_are_ignored() {
    let bench = bench().await;
    for key in [
        "\0".to_owned(),
        "nul\0inside".to_owned(),
        " ".to_owned(),
        "k".repeat(300),
        "k".repeat(9000),
    ] {
        for kind in ["app_open", "app_uninstalled"] {
            let mut envelope = bench.ticket("none");
            envelope["event"] = json!({
                "app_id": bench.sim.app().app_id, "tenant_key": key, "type": kind,
            });
            assert_eq!(bench.push(envelope).await, 200, "{kind}");
        }
        let group = bench.group(AnnouncementKind::Docx);
        let message = bench.say_unpushed(&group, "/announce hello");
        let mut envelope = bench.sim.envelope_for(&message);
        envelope["header"]["tenant_key"] = json!(key);
        assert_eq!(bench.push(envelope).await, 200);
    }
    assert_eq!(bench.count("tenants").await, 0);
    assert_eq!(bench.count("jobs").await, 0);
    bench.finish().await;
}
