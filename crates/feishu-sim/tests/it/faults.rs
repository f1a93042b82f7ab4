//! Faults on order, and waiting for conditions.

use std::time::Duration;

use feishu_sim::{ChatId, Endpoint, Fault, State, TopNotice};
use serde_json::json;

use crate::client::{Fixture, Got, chat_path};

impl Fixture {
    async fn pin(&self, chat: &ChatId) -> Result<Got, reqwest::Error> {
        let body = json!({"chat_top_notice": [{"action_type": "2"}]});
        self.try_call(
            "POST",
            &chat_path(chat, "/top_notice/put_top_notice"),
            Some(body),
        )
        .await
    }
}

#[tokio::test]
async fn faults_are_used_up_in_order() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    for fault in [
        Fault::code(232_014),
        Fault::Answer {
            status: 503,
            code: 1,
            msg: "busy".to_owned(),
        },
        Fault::ServerError,
        Fault::NotJson,
    ] {
        fixture.sim.fault(Endpoint::PutTopNotice, fault);
    }
    let refused = fixture.pin(&chat).await.unwrap();
    assert_eq!(refused.outcome(), (400, 232_014));
    assert!(
        refused.json()["msg"]
            .as_str()
            .unwrap()
            .starts_with("The token used in the request")
    );
    assert_eq!(
        refused.json()["error"]["log_id"],
        json!(refused.headers["x-tt-logid"].to_str().unwrap())
    );
    assert_eq!(fixture.pin(&chat).await.unwrap().outcome(), (503, 1));
    assert_eq!(fixture.pin(&chat).await.unwrap().outcome(), (500, -1));
    assert_eq!(fixture.pin(&chat).await.unwrap().outcome(), (200, -1));
    assert_eq!(fixture.sim.top_notice(&chat), None);
    assert_eq!(fixture.pin(&chat).await.unwrap().outcome(), (200, 0));
    assert_eq!(fixture.sim.calls_to(Endpoint::PutTopNotice).len(), 5);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture.sim.fault(Endpoint::PutTopNotice, Fault::LoseAnswer);
    assert!(fixture.pin(&chat).await.is_err());
    assert_eq!(fixture.sim.top_notice(&chat), Some(TopNotice::Announcement));
    let [call] = fixture
        .sim
        .calls_to(Endpoint::PutTopNotice)
        .try_into()
        .unwrap();
    assert_eq!((call.status, call.code), (None, Some(0)));
    assert_eq!(fixture.pin(&chat).await.unwrap().code(), 0);
}

#[tokio::test]
async fn queued_faults_can_be_withdrawn() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let endpoint = Endpoint::PutTopNotice;
    for fault in [Fault::LoseAnswer, Fault::ServerError, Fault::NotJson] {
        fixture.sim.fault(endpoint, fault);
    }
    assert!(fixture.pin(&chat).await.is_err());
    let to_come = |state: &State| state.faults_to_come(endpoint).cloned().collect::<Vec<_>>();
    let expected = [Fault::ServerError, Fault::NotJson];
    assert_eq!(fixture.sim.read(to_come), expected);
    fixture.sim.withdraw_faults(endpoint);
    assert_eq!(fixture.sim.read(to_come), []);
    assert_eq!(fixture.pin(&chat).await.unwrap().code(), 0);
}

#[tokio::test]
async fn an_injected_rate_limit_names_its_end() {
    let fixture = Fixture::new().await;
    let endpoint = Endpoint::PutTopNotice;
    let left = || fixture.sim.read(|state| state.rate_limited_for(endpoint));
    assert_eq!(left(), None);
    fixture.sim.rate_limit(endpoint, Duration::from_secs(5));
    fixture.sim.clock().advance(Duration::from_secs(2));
    assert_eq!(left(), Some(Duration::from_secs(3)));
    fixture.sim.clock().advance(Duration::from_secs(3));
    assert_eq!(left(), None);
}

#[tokio::test]
async fn changes_are_told_until_the_simulator_ends() {
    let fixture = Fixture::new().await;
    let mut changes = fixture.sim.changes();
    fixture.sim.add_person("Ann");
    fixture.sim.add_person("Ben");
    assert!(changes.next().await);
    let nothing = tokio::time::timeout(Duration::from_millis(20), changes.next()).await;
    assert!(nothing.is_err());
    drop(fixture);
    assert!(!changes.next().await);
}

#[tokio::test]
async fn a_hanging_call_has_no_effect() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture.sim.fault(Endpoint::PutTopNotice, Fault::Hang);
    let patience = tokio::time::timeout(Duration::from_millis(40), fixture.pin(&chat)).await;
    assert!(patience.is_err());
    assert_eq!(fixture.sim.top_notice(&chat), None);
    assert_eq!(fixture.sim.calls_to(Endpoint::PutTopNotice)[0].status, None);
    assert_eq!(fixture.pin(&chat).await.unwrap().code(), 0);
}

#[tokio::test]
async fn while_down_the_platform_answers_nobody() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture.sim.set_down(true);
    assert!(fixture.pin(&chat).await.is_err());
    assert!(fixture.try_call("GET", "/nowhere", None).await.is_err());
    fixture.sim.set_down(false);
    assert_eq!(fixture.pin(&chat).await.unwrap().code(), 0);
    assert_eq!(fixture.sim.calls_to(Endpoint::PutTopNotice).len(), 2);
}

#[tokio::test]
async fn tokens_can_expire_at_once() {
    let mut fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture
        .sim
        .fault(Endpoint::PutTopNotice, Fault::ExpireTokens);
    assert_eq!(
        fixture.pin(&chat).await.unwrap().outcome(),
        (400, 99_991_663)
    );
    fixture.token = fixture.fresh_token().await;
    assert_eq!(fixture.pin(&chat).await.unwrap().code(), 0);
    fixture.sim.expire_tokens();
    assert_eq!(
        fixture.pin(&chat).await.unwrap().outcome(),
        (400, 99_991_663)
    );
}

#[tokio::test]
async fn calls_during_a_rate_limit_are_counted() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture
        .sim
        .rate_limit(Endpoint::PutTopNotice, Duration::from_secs(3));
    assert_eq!(
        fixture.pin(&chat).await.unwrap().headers["x-ogw-ratelimit-reset"],
        "3"
    );
    fixture.sim.clock().advance(Duration::from_millis(1500));
    assert_eq!(
        fixture.pin(&chat).await.unwrap().headers["x-ogw-ratelimit-reset"],
        "2"
    );
    fixture.sim.clock().advance(Duration::from_millis(1500));
    assert_eq!(fixture.pin(&chat).await.unwrap().code(), 0);
    assert_eq!(
        fixture.sim.calls_while_rate_limited(Endpoint::PutTopNotice),
        2
    );
}

#[tokio::test]
async fn waiting_ends_as_soon_as_the_condition_holds() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    let wait = fixture
        .sim
        .wait_for("a notice", |state| state.top_notice(&chat).cloned());
    let (notice, answer) = tokio::join!(wait, fixture.pin(&chat));
    assert_eq!(
        (notice, answer.unwrap().code()),
        (TopNotice::Announcement, 0)
    );
}

#[tokio::test]
async fn the_conversation_tells_what_happened() {
    let fixture = Fixture::new().await;
    let chat = fixture.chat();
    fixture
        .sim
        .as_person(&fixture.lin)
        .in_chat(&chat)
        .say("hello");
    fixture.pin(&chat).await.unwrap();
    let conversation = fixture.sim.conversation();
    for part in [
        "Ops: Lin: hello",
        "put_top_notice",
        r#"{"chat_top_notice":[{"action_type":"2"}]}"#,
        "-> 200 code 0",
    ] {
        assert!(conversation.contains(part), "{part} in\n{conversation}");
    }
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let fixture = Fixture::new().await;
    let Fixture { sim, client, .. } = fixture;
    let url = sim.base_url();
    sim.shutdown().await;
    assert!(client.get(url).send().await.unwrap_err().is_connect());
}
