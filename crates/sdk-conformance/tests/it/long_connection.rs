//! The SDKs' clients of the long connection: our simulator's events come through and are
//! acknowledged.

use feishu_sim::{ClientConfig, ConnectionId, HandshakeRefusal, PushAnswer, Simulator, State};
use serde_json::{Value, json};

use crate::driver::{Driver, PUSH_DEADLINE, Sdk, settings};
use crate::report;

/// Pings come often and lost connections are replaced at once.
const QUICK: ClientConfig = ClientConfig {
    reconnect_count: -1,
    reconnect_interval: 0,
    reconnect_nonce: 0,
    ping_interval: 1,
};
/// A lost connection is replaced after the test has stopped waiting.
const SLOW: ClientConfig = ClientConfig {
    reconnect_interval: 100_000,
    reconnect_nonce: 100_000,
    ..QUICK
};

/// A platform whose app receives by long connection, and an SDK that receives.
struct Bench {
    sim: Simulator,
    driver: Driver,
    connection: ConnectionId,
}

impl Bench {
    async fn new(sdk: Sdk, encrypt_key: Option<&str>, config: ClientConfig) -> Self {
        let sim = Simulator::builder().push_deadline(PUSH_DEADLINE);
        let sim = sim.encrypt_key(encrypt_key).start().await.unwrap();
        sim.receive_by_long_connection();
        sim.set_client_config(config);
        let mut driver = Driver::start(sdk).await;
        driver.ask("connect", settings(&sim)).await;
        let connection = connection(&sim, None).await;
        Self {
            sim,
            driver,
            connection,
        }
    }

    /// Somebody says it to the bot; the answer, and whether the SDK's handler was given it.
    async fn say(&mut self, text: &str) -> (PushAnswer, bool) {
        let person = self.sim.add_person("Mei");
        let chat = self.sim.direct_chat(&person);
        let said = self.sim.as_person(&person).in_chat(&chat).say(text);
        let answer = said.answer().await;
        let event_id = said.push.unwrap().event_id();
        let seen = self.driver.seen().await;
        let given = seen.iter().filter(|seen| seen.event_id == event_id);
        let given: Vec<_> = given.map(|seen| seen.text.as_deref()).collect();
        assert!(given.is_empty() || given == [Some(text)], "{given:?}");
        (answer, !given.is_empty())
    }

    async fn hears(&mut self, text: &str) {
        let (answer, given) = self.say(text).await;
        let sdk = self.driver.sdk;
        assert_eq!((answer.status, given), (200, true), "{sdk:?} {text}");
    }

    async fn push(&self, event_type: &str, event: &Value) -> PushAnswer {
        self.sim.push_event(event_type, event).answer().await
    }
}

/// Waits for a connection, another than the former one, and names it. It is good for events from its
/// first ping on: the Node SDK does not hear what comes together with the answer to its handshake.
async fn connection(sim: &Simulator, former: Option<&ConnectionId>) -> ConnectionId {
    let open = |state: &State| {
        let mut open = state.connections().into_iter();
        open.find(|connection| Some(connection) != former && state.pings(connection) > 0)
    };
    sim.wait_for("a connection", open).await
}

/// The code of an acknowledgement, and its data where there is some.
fn words(answer: &PushAnswer) -> String {
    if answer.body.is_empty() {
        return answer.status.to_string();
    }
    format!("{} with `{}`", answer.status, answer.body)
}

fn press() -> Value {
    json!({
        "operator": {"tenant_key": "t", "open_id": "ou_1"}, "token": "c-1",
        "action": {"value": {"undo": 1}, "tag": "button"}, "host": "im_message",
        "context": {"open_message_id": "om_1", "open_chat_id": "oc_1"},
    })
}

#[tokio::test]
async fn sdks_acknowledge_events() {
    for sdk in Sdk::ALL {
        for key in [Some("key"), None] {
            let mut bench = Bench::new(sdk, key, ClientConfig::default()).await;
            bench.hears("whole").await;
            for order in [&[0, 1, 2][..], &[2, 0, 1], &[1, 1, 2, 0]] {
                bench.sim.cut_events(3, order);
                bench.hears(&format!("in parts, {order:?} — 置顶")).await;
            }
            bench.sim.finish();
        }
    }
}

#[tokio::test]
async fn a_callback_is_answered_in_the_acknowledgement() {
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk, None, ClientConfig::default()).await;
        let answer = bench.push("card.action.trigger", &press()).await;
        let toast = json!({"toast": {"type": "info", "content": "seen"}});
        assert_eq!((answer.status, answer.json()), (200, toast), "{sdk:?}");
        let seen = bench.driver.seen().await;
        assert_eq!(seen[0].value, Some(json!({"undo": 1})), "{sdk:?}");
        bench.sim.finish();
    }
}

#[tokio::test]
async fn what_they_do_with_the_rest() {
    let mut did = [Vec::new(), Vec::new()];
    for (did, sdk) in did.iter_mut().zip(Sdk::ALL) {
        let mut bench = Bench::new(sdk, Some("key"), ClientConfig::default()).await;
        let (failed, given) = bench.say("fail").await;
        assert!(given, "{sdk:?}");
        did.push(("socket: a handler fails", words(&failed)));
        let event = json!({"chat_id": "oc_1"});
        let unknown = bench.push("im.chat.disbanded_v1", &event).await;
        did.push(("socket: an event without handler", words(&unknown)));
        let preview = json!({"operator": {"open_id": "ou_1"}, "host": "im_message"});
        let unknown = bench.push("url.preview.get", &preview).await;
        did.push(("socket: a callback without handler", words(&unknown)));
        // The SDK keeps the settings that it was started with.
        bench
            .sim
            .change_app(|app| "another".clone_into(&mut app.verification_token));
        let (answer, given) = bench.say("with another token").await;
        let taken = if given { "taken" } else { "not taken" };
        did.push((
            "socket: a wrong verification token",
            format!("{taken}, {}", words(&answer)),
        ));
        bench.sim.finish();
    }
    let [python, node] = did;
    for ((matter, python), (_, node)) in python.iter().zip(&node) {
        report::compare(matter, &[python, node]);
    }
}

#[tokio::test]
async fn sdks_reconnect_as_configured_by_a_pong() {
    for sdk in Sdk::ALL {
        let mut bench = Bench::new(sdk, None, SLOW).await;
        bench.sim.set_client_config(QUICK);
        let id = bench.connection.clone();
        let before = bench.sim.read(|state| state.pings(&id));
        let pinged = |state: &State| (state.pings(&id) > before).then_some(());
        bench.sim.wait_for("another ping", pinged).await;
        // Behind the pong: what is read later is heard later.
        bench.hears("after the pong").await;
        bench.sim.kick(&id);
        connection(&bench.sim, Some(&id)).await;
        bench.hears("after the kick").await;
        bench.sim.finish();
    }
}

#[tokio::test]
async fn sdks_react_to_too_many_connections() {
    let mut did = Vec::new();
    for sdk in Sdk::ALL {
        let sim = Simulator::builder().start().await.unwrap();
        sim.set_client_config(QUICK);
        sim.refuse_handshake(HandshakeRefusal::too_many_connections());
        let mut driver = Driver::start(sdk).await;
        driver.ask("connect", settings(&sim)).await;
        did.push(tokio::select! {
            _ = driver.ask("wait_for_the_end", json!({})) => "stops",
            _ = connection(&sim, None) => "tries again",
        });
        sim.finish();
    }
    report::compare("socket: handshake refused with 514 and 1000040350", &did);
}
