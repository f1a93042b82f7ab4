//! Failures of the transport, and their errors.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use feishu::{AppId, CallRecord, Client, ClientConfig, Clock, Error, TopNotice, TransportFailure};
use feishu_sim::{ChatSpec, Endpoint, Fault};

use crate::{SECRET, client, config, config_for, platform};

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let sim = platform().await;
    let client = client(&sim);
    sim.rate_limit(Endpoint::BotInfo, Duration::from_secs(5));
    let error = client.bot_info().await.unwrap_err();
    assert_eq!(
        (error.code(), error.retry_after()),
        (Some(99_991_400), Some(Duration::from_secs(5)))
    );
    assert!(error.is_retryable() && !error.may_have_taken_effect());
    sim.finish();
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let sim = platform().await;
    let client = client(&sim);
    sim.change_app(|app| app.scopes.clear());
    let chat = sim.add_chat(ChatSpec::named("Ops"));
    let error = client
        .get_chat(&chat.as_str().into(), feishu::IdType::OpenId)
        .await
        .unwrap_err();
    let Error::Api(refusal) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((refusal.code, refusal.status), (99_991_672, 400));
    assert_eq!(
        *refusal.missing_scopes,
        ["im:chat", "im:chat:read", "im:chat:readonly"]
    );
    assert!(!error.is_retryable());

    // Some refusals name the scopes in words only.
    let msg = "Access denied. One of the following scopes is required: [im:a, im:b].".to_owned();
    sim.fault(
        Endpoint::BotInfo,
        Fault::Answer {
            status: 400,
            code: 99_991_672,
            msg,
        },
    );
    let Err(Error::Api(refusal)) = client.bot_info().await else {
        panic!("no refusal")
    };
    assert_eq!(*refusal.missing_scopes, ["im:a", "im:b"]);
    sim.finish();
}

#[tokio::test]
async fn a_lost_answer_is_not_retried() {
    let sim = platform().await;
    let client = client(&sim);
    let lin = sim.add_person("Lin");
    let chat = sim.add_chat(ChatSpec::named("Ops").owner(&lin));
    client.check_credentials().await.unwrap();
    sim.fault(Endpoint::PutTopNotice, Fault::LoseAnswer);
    let id = chat.as_str().into();
    let put = client.put_top_notice(&id, TopNotice::Announcement);
    let error = put.await.unwrap_err();
    assert!(matches!(
        error,
        Error::Transport {
            failure: TransportFailure::Broken,
            ..
        }
    ));
    assert!(error.may_have_taken_effect() && error.is_retryable());
    assert_eq!(
        error.to_string(),
        "calling `put_top_notice`: connection lost"
    );
    assert_eq!(sim.calls_to(Endpoint::PutTopNotice).len(), 1);
    assert!(sim.top_notice(&chat).is_some(), "the effect did take place");
    sim.finish();
}

#[tokio::test]
async fn a_timeout_may_have_taken_effect() {
    let sim = platform().await;
    let timeout = Duration::from_millis(40);
    let impatient = Client::new(ClientConfig {
        timeout,
        ..config(&sim)
    })
    .unwrap();
    sim.fault(Endpoint::TenantAccessToken, Fault::Hang);
    let error = impatient.bot_info().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Transport {
                failure: TransportFailure::Timeout,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.may_have_taken_effect() && error.is_retryable());

    // On a busy machine even a good answer can take longer than this client waits.
    while impatient.check_credentials().await.is_err() {}
    sim.fault(Endpoint::BotInfo, Fault::Hang);
    let error = impatient.bot_info().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Transport {
                failure: TransportFailure::Timeout,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.may_have_taken_effect() && error.is_retryable());
    sim.finish();
}

#[tokio::test]
async fn a_web_page_error_names_the_path() {
    let sim = platform().await;
    let client = client(&sim);
    sim.fault(Endpoint::BotInfo, Fault::NotJson);
    let error = client.bot_info().await.unwrap_err();
    let expected =
        "`bot_info` returned no JSON object with a code (HTTP 200 at `/open-apis/bot/v3/info`)";
    assert_eq!(error.to_string(), expected);
    assert!(error.may_have_taken_effect() && error.is_retryable());

    sim.fault(Endpoint::BotInfo, Fault::ServerError);
    let error = client.bot_info().await.unwrap_err();
    assert!(error.may_have_taken_effect() && error.is_retryable());

    sim.fault(Endpoint::GetChat, Fault::NotJson);
    let chat = "oc/../ä".into();
    let error = client
        .get_chat(&chat, feishu::IdType::OpenId)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/open-apis/im/v1/chats/oc%2F..%2F%C3%A4"),
        "{error}"
    );
    sim.finish();
}

#[tokio::test]
async fn wrong_paths_and_ports_are_distinguished() {
    let sim = platform().await;
    let below = format!("{}/nowhere/", sim.base_url());
    let lost = Client::new(ClientConfig {
        base_url: below,
        ..config(&sim)
    })
    .unwrap();
    let error = lost.bot_info().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("HTTP 404 at `/nowhere/open-apis/auth/v3/"),
        "{error}"
    );
    assert!(!error.may_have_taken_effect() && error.is_retryable());

    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let alone = config_for(
        &format!("http://{free}"),
        AppId::new("cli_1"),
        Clock::system(),
    );
    let error = Client::new(alone).unwrap().bot_info().await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Transport {
                failure: TransportFailure::Connect,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.may_have_taken_effect() && error.is_retryable());
}

#[test]
fn a_base_url_must_be_http() {
    for wrong in ["", "open.feishu.cn", "ftp://open.feishu.cn", "/open-apis"] {
        let config = config_for(wrong, AppId::new("cli_1"), Clock::system());
        let error = Client::new(config).unwrap_err();
        assert!(
            matches!(error, Error::BaseUrl(_)) && !error.is_retryable(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn every_exchange_is_reported_once_by_name() {
    let sim = platform().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let on_call = move |call: &CallRecord<'_>| {
        note.lock().unwrap().push((call.endpoint, call.code()));
    };
    let config = ClientConfig {
        limits_factor: 1000,
        on_call: Some(Arc::new(on_call)),
        ..config(&sim)
    };
    let client = Client::new(config).unwrap();
    client.bot_info().await.unwrap();
    sim.fault(Endpoint::BotInfo, Fault::code(99_991_663));
    client.bot_info().await.unwrap();
    sim.fault(Endpoint::BotInfo, Fault::NotJson);
    client.bot_info().await.unwrap_err();
    let token = ("tenant_access_token", Some(0));
    let expected = [
        token,
        ("bot_info", Some(0)),
        ("bot_info", Some(99_991_663)),
        token,
        ("bot_info", Some(0)),
        ("bot_info", None),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    sim.finish();
}

#[tokio::test]
async fn no_error_contains_a_secret() {
    let sim = platform().await;
    let client = client(&sim);
    client.check_credentials().await.unwrap();
    let mut shown = vec![format!("{client:?}")];
    for fault in [Fault::LoseAnswer, Fault::NotJson, Fault::code(230_006)] {
        sim.fault(Endpoint::BotInfo, fault);
        let error = client.bot_info().await.unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    sim.expire_tokens();
    sim.fault(Endpoint::TenantAccessToken, Fault::LoseAnswer);
    shown.push(format!("{:?}", client.bot_info().await.unwrap_err()));
    let shown = shown.join("\n");
    assert!(!shown.contains(SECRET) && !shown.contains("t-"), "{shown}");
    sim.finish();
}
