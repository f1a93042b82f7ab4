//! The tokens of a store app.

use std::time::Duration;

use feishu::{AppKind, AppTicket, Client, ClientConfig, Credentials, Error};
use feishu_sim::{ChatSpec, Endpoint, RateLimits, Simulator, State};
use futures_util::future::join_all;
use secrecy::SecretString;

use crate::{SECRET, config};

const ELSEWHERE: &str = "another_tenant";

async fn store_app() -> Simulator {
    let builder = Simulator::builder()
        .app_secret(SECRET)
        .rate_limits(RateLimits::Off)
        .store_app();
    let sim = builder.start().await.unwrap();
    sim.install(ELSEWHERE);
    sim
}

fn client(sim: &Simulator) -> Client {
    let app_kind = AppKind::Store;
    Client::new(ClientConfig {
        app_kind,
        ..config(sim)
    })
    .unwrap()
}

fn bot(client: &Client, tenant: &str) -> Client {
    client.with_credentials(Credentials::Bot(tenant.into()))
}

/// The platform's next ticket, as the bot would add it.
fn ticket(sim: &Simulator) -> AppTicket {
    sim.push_ticket();
    let newest = |state: &State| {
        let push = state.pushes().last().unwrap();
        push.envelope["event"]["app_ticket"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let now = i64::try_from(sim.clock().now_ms()).unwrap();
    AppTicket {
        value: SecretString::from(sim.read(newest)),
        received_at: jiff::Timestamp::from_millisecond(now).unwrap(),
    }
}

#[tokio::test]
async fn concurrent_calls_share_tokens_per_tenant() {
    let sim = store_app().await;
    let client = client(&sim);
    client.add_app_ticket(ticket(&sim));
    let own = sim.app().tenant_key;
    let calls = (0..20).map(|number| {
        let tenant = if number % 2 == 0 { &own } else { ELSEWHERE };
        let client = bot(&client, tenant);
        async move { client.bot_info().await }
    });
    for result in join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(sim.calls_to(Endpoint::AppAccessToken).len(), 1);
    assert_eq!(sim.calls_to(Endpoint::StoreTenantAccessToken).len(), 2);
    sim.finish();
}

#[tokio::test]
async fn calls_without_a_ticket_are_not_made() {
    let sim = store_app().await;
    let client = client(&sim);
    let error = bot(&client, ELSEWHERE).bot_info().await.unwrap_err();
    assert!(matches!(error, Error::NoAppTicket), "{error}");
    assert!(error.is_retryable() && !error.may_have_taken_effect());
    client.app_ticket_wanted().await;
    assert_eq!(sim.calls().len(), 0);
    client.resend_app_ticket().await.unwrap();
    client.add_app_ticket(ticket(&sim));
    bot(&client, ELSEWHERE).bot_info().await.unwrap();
}

#[tokio::test]
async fn an_older_ticket_replaces_a_rejected_one() {
    let sim = store_app().await;
    let client = client(&sim);
    client.add_app_ticket(ticket(&sim));
    let newer = AppTicket {
        value: "never issued".into(),
        received_at: ticket(&sim).received_at + Duration::from_secs(1),
    };
    client.add_app_ticket(newer);
    bot(&client, ELSEWHERE).bot_info().await.unwrap();
    assert_eq!(sim.calls_to(Endpoint::AppAccessToken).len(), 2);
    sim.expire_tickets();
    sim.expire_tokens();
    let error = bot(&client, ELSEWHERE).bot_info().await.unwrap_err();
    assert!(matches!(error, Error::NoAppTicket), "{error}");
}

#[tokio::test]
async fn a_rejected_app_token_is_renewed_once() {
    let sim = store_app().await;
    let client = client(&sim);
    client.add_app_ticket(ticket(&sim));
    bot(&client, ELSEWHERE).bot_info().await.unwrap();
    sim.expire_tokens();
    bot(&client, &sim.app().tenant_key)
        .bot_info()
        .await
        .unwrap();
    assert_eq!(sim.calls_to(Endpoint::AppAccessToken).len(), 2);
    // A tenant that has not installed the app gets the same code.
    for code in [10_013, 10_005] {
        sim.change_behaviour(|behaviour| behaviour.unknown_tenant = code);
        let error = bot(&client, "nowhere").bot_info().await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert!(error.is_app_refused());
    }
    bot(&client, ELSEWHERE).bot_info().await.unwrap();
}

#[tokio::test]
async fn another_tenants_chat_is_refused() {
    let sim = store_app().await;
    let client = client(&sim);
    client.add_app_ticket(ticket(&sim));
    let guest = sim.add_person_of(ELSEWHERE, "Gus");
    let chat = sim.add_chat(ChatSpec::named("Sales").owner(&guest));
    let chat = feishu::ChatId::from(chat.as_str());
    let notice = feishu::TopNotice::Announcement;
    let theirs = bot(&client, ELSEWHERE);
    theirs.put_top_notice(&chat, notice).await.unwrap();
    let ours = bot(&client, &sim.app().tenant_key);
    let error = ours.put_top_notice(&chat, notice).await.unwrap_err();
    assert_eq!(error.code(), Some(232_010));
    sim.finish();
}

#[tokio::test]
async fn a_stopped_app_is_refused() {
    let sim = store_app().await;
    let client = client(&sim);
    client.add_app_ticket(ticket(&sim));
    let theirs = bot(&client, ELSEWHERE);
    theirs.bot_info().await.unwrap();
    sim.stop_app(ELSEWHERE);
    for code in [99_991_662, 99_991_673, 232_034] {
        sim.change_behaviour(|behaviour| behaviour.stopped_tenant = code);
        let error = theirs.bot_info().await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert!(!error.is_retryable(), "{code}");
    }
    bot(&client, &sim.app().tenant_key)
        .bot_info()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_custom_app_gets_no_ticket() {
    let sim = crate::platform().await;
    let client = crate::client(&sim);
    let error = client.resend_app_ticket().await.unwrap_err();
    assert_eq!(error.code(), Some(10_016));
    client.app_ticket_arrived().await;
}

#[tokio::test]
async fn a_store_app_is_refused_a_long_connection() {
    let sim = store_app().await;
    let client = client(&sim);
    assert!(client.long_connection_endpoint().await.is_err());
}
