//! One token for all callers: fetched once, renewed early, replaced when refused.

use std::time::Duration;

use feishu::{Client, ClientConfig, Clock, ClockHand, Error};
use feishu_sim::{Endpoint, Fault, Simulator};
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::{client, config, platform};

const MINUTE: Duration = Duration::from_mins(1);

/// A client and the platform, with clocks that move together.
struct Together {
    sim: Simulator,
    client: Client,
    hand: ClockHand,
}

impl Together {
    async fn start() -> Self {
        let sim = platform().await;
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        let client = Client::new(ClientConfig {
            clock,
            ..config(&sim)
        })
        .unwrap();
        Self { sim, client, hand }
    }

    fn advance(&self, by: Duration) {
        self.sim.clock().advance(by);
        self.hand.advance(by);
    }

    fn fetched(&self) -> usize {
        self.sim.calls_to(Endpoint::TenantAccessToken).len()
    }
}

async fn fifty_at_once(client: &Client) -> Vec<Result<(), Error>> {
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        callers.spawn(async move { client.check_credentials().await });
    }
    callers.join_all().await
}

#[tokio::test]
async fn fifty_callers_at_once_make_one_request() {
    let t = Together::start().await;
    assert_eq!(t.fetched(), 0);
    assert!(fifty_at_once(&t.client).await.iter().all(Result::is_ok));
    assert_eq!(t.fetched(), 1);
    t.sim.finish();
}

#[tokio::test]
async fn a_failed_fetch_fails_all_waiting_callers() {
    let t = Together::start().await;
    t.sim
        .fault(Endpoint::TenantAccessToken, Fault::code(10_014));
    for failed in fifty_at_once(&t.client).await {
        assert_eq!(failed.unwrap_err().code(), Some(10_014));
    }
    assert_eq!(t.fetched(), 1);
    t.client.check_credentials().await.unwrap();
    assert_eq!(t.fetched(), 2);
    t.sim.finish();
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let t = Together::start().await;
    t.client.bot_info().await.unwrap();
    t.advance(99 * MINUTE);
    t.client.bot_info().await.unwrap();
    assert_eq!(t.fetched(), 1);
    t.advance(MINUTE);
    t.client.bot_info().await.unwrap();
    assert_eq!(t.fetched(), 2);
    // The new one has its two hours before it.
    t.advance(99 * MINUTE);
    t.client.bot_info().await.unwrap();
    assert_eq!(t.fetched(), 2);
    t.sim.finish();
}

#[tokio::test]
async fn a_failed_renewal_keeps_the_current_token() {
    let t = Together::start().await;
    t.client.bot_info().await.unwrap();
    t.advance(100 * MINUTE);
    t.sim.fault(Endpoint::TenantAccessToken, Fault::ServerError);
    t.client.bot_info().await.unwrap();
    t.client.bot_info().await.unwrap();
    assert_eq!(
        t.fetched(),
        2,
        "a failed renewal is not tried again at once"
    );

    t.advance(20 * MINUTE);
    t.sim.fault(Endpoint::TenantAccessToken, Fault::ServerError);
    t.client.bot_info().await.unwrap_err();
    t.client.bot_info().await.unwrap();
    assert_eq!(t.fetched(), 4);
    t.sim.finish();
}

#[tokio::test]
async fn an_abandoned_renewal_starts_over() {
    let t = Together::start().await;
    t.client.check_credentials().await.unwrap();
    t.advance(100 * MINUTE);
    let client = t.client.clone();
    let given_up = async move { client.check_credentials().await };
    tokio::select! {
        biased;
        _ = given_up => panic!("a fetch cannot end at once"),
        () = std::future::ready(()) => {}
    }
    t.client.check_credentials().await.unwrap();
    t.advance(21 * MINUTE);
    let fetched = t.fetched();
    t.client.check_credentials().await.unwrap();
    assert_eq!(t.fetched(), fetched, "the renewed token is still valid");
    t.sim.finish();
}

#[tokio::test]
async fn an_expired_token_is_replaced_once() {
    let t = Together::start().await;
    t.client.bot_info().await.unwrap();
    t.sim.expire_tokens();
    t.client.bot_info().await.unwrap();
    assert_eq!(t.fetched(), 2);
    assert_eq!(t.sim.calls_to(Endpoint::BotInfo).len(), 3);
    t.sim.finish();
}

#[tokio::test]
async fn rejected_callers_share_one_new_token() {
    let t = Together::start().await;
    t.client.bot_info().await.unwrap();
    t.sim.expire_tokens();
    let (one, other) = tokio::join!(t.client.bot_info(), t.client.bot_info());
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(t.fetched(), 2);
    t.sim.finish();
}

#[tokio::test]
async fn a_second_token_rejection_is_final() {
    let sim = platform().await;
    let client = client(&sim);
    let refusal = |code| Fault::Answer {
        status: 200,
        code,
        msg: "Invalid access token for authorization.".to_owned(),
    };
    for code in [
        99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_668, 99_991_671,
    ] {
        sim.clear_calls();
        sim.fault(Endpoint::BotInfo, refusal(code));
        client.bot_info().await.unwrap();
        assert_eq!(sim.calls_to(Endpoint::BotInfo).len(), 2, "{code}");
    }
    sim.clear_calls();
    sim.fault(Endpoint::BotInfo, refusal(99_991_663));
    sim.fault(Endpoint::BotInfo, refusal(99_991_663));
    let error = client.bot_info().await.unwrap_err();
    assert!(error.is_token_rejected() && !error.is_retryable());
    assert_eq!(sim.calls_to(Endpoint::BotInfo).len(), 2);
    assert_eq!(sim.calls_to(Endpoint::TenantAccessToken).len(), 1);
    sim.finish();
}

#[tokio::test]
async fn wrong_secrets_are_recognized_by_code() {
    let sim = platform().await;
    let app_secret = "wrong".into();
    let client = Client::new(ClientConfig {
        app_secret,
        ..config(&sim)
    })
    .unwrap();
    let error = client.check_credentials().await.unwrap_err();
    assert_eq!(error.code(), Some(10_014));
    assert!(!error.is_token_rejected() && !error.is_retryable());
    sim.finish();
}
