//! The long connection with the simulated platform, and with other servers.

use std::time::Duration;

use feishu::long_connection::{
    ConnectError, Connection, Connector, Disconnected, EndpointError, EndpointReason, Event,
    HandshakeReason, MessageType, Payload, ProxySettings,
};
use feishu::{AppId, Client, ClientConfig, Clock, Error, ExtraRoots};
use feishu_sim::{Endpoint, Fault, HandshakeRefusal, Push, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{SECRET, client, config, config_for, platform, raw};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A platform with an app on a long connection.
async fn long_platform() -> Simulator {
    let sim = platform().await;
    sim.receive_by_long_connection();
    sim
}

fn connector() -> Connector {
    Connector::new(&ProxySettings::default(), ExtraRoots::default(), TIMEOUT).unwrap()
}

async fn connect(sim: &Simulator) -> Connection {
    let endpoint = client(sim).long_connection_endpoint().await.unwrap();
    connector().connect(&endpoint).await.unwrap()
}

async fn payload(connection: &mut Connection) -> Payload {
    match connection.next().await {
        Ok(Event::Payload(payload)) => payload,
        other => panic!("{other:?}"),
    }
}

fn press(sim: &Simulator) -> Push {
    sim.push_event("card.action.trigger", &json!({"action": {"tag": "button"}}))
}

#[tokio::test]
async fn an_event_is_acknowledged_once_whole() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    for (sum, order) in [
        (1, vec![0]),
        (3, vec![2, 0, 1, 1]),
        (7, (0..7).rev().collect()),
    ] {
        // Between any two bytes, those of one character too.
        sim.cut_events(sum, &order);
        let push = sim.push_event("im.chat.updated_v1", &json!({"name": "二楼停电通知群"}));
        let payload = payload(&mut connection).await;
        assert_eq!(payload.message_type, MessageType::Event);
        let envelope: Value = serde_json::from_slice(&payload.bytes).unwrap();
        assert_eq!(envelope["header"]["event_id"], json!(push.event_id()));
        payload.ack.taken();
        let answer = push.answer().await;
        assert_eq!((answer.status, &*answer.body), (200, ""), "{sum} {order:?}");
    }
    sim.finish();
}

#[tokio::test]
async fn an_event_that_was_not_taken_comes_again() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    let push = sim.push_event("im.chat.disbanded_v1", &json!({}));
    let first = payload(&mut connection).await;
    first.ack.failed();
    assert_eq!(push.answer().await.status, 500);
    sim.clock().advance(Duration::from_secs(15));
    let second = payload(&mut connection).await;
    assert_eq!(second.bytes, first.bytes);
    second.ack.taken();
    assert!(push.attempts(2).await[1].is_taken());
    sim.finish();
}

#[tokio::test]
async fn a_callback_is_answered_over_the_connection() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    let push = press(&sim);
    let toast = json!({"toast": {"type": "success", "content": "已撤销"}});
    let answer = toast.to_string();
    payload(&mut connection).await.ack.answer(answer.as_bytes());
    assert_eq!(push.answer().await.json(), toast);
    sim.finish();
}

#[tokio::test]
async fn several_connections_share_the_events() {
    let sim = long_platform().await;
    let (mut one, mut other) = (connect(&sim).await, connect(&sim).await);
    let mut taken = [0, 0];
    for _ in 0..20 {
        let push = press(&sim);
        let (number, payload) = tokio::select! {
            payload = payload(&mut one) => (0, payload),
            payload = payload(&mut other) => (1, payload),
        };
        payload.ack.taken();
        assert_eq!(push.answer().await.status, 200);
        taken[number] += 1;
    }
    assert!(taken.iter().all(|count| *count > 0), "{taken:?}");
    sim.finish();
}

#[tokio::test]
async fn what_makes_no_sense_harms_nothing() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    let [id] = &sim.connections()[..] else {
        panic!("one connection is open")
    };
    sim.send_text(id, "hello");
    sim.send_bytes(id, *b"\xff");
    sim.send_bytes(id, *b"\x08\x00\x10\x00\x18\x00");
    sim.cut_events(2, &[1]);
    let _never_complete = press(&sim);
    sim.cut_events(1, &[0]);
    let push = press(&sim);
    payload(&mut connection).await.ack.taken();
    assert_eq!(push.answer().await.status, 200);
    let dropped = connection.dropped();
    assert_eq!((dropped.texts, dropped.unreadable), (1, 2));
    sim.finish();
}

#[tokio::test]
async fn an_oversized_message_ends_the_connection() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    sim.send_bytes(&sim.connections()[0], vec![0; 10 << 20]);
    let ended = connection.next().await;
    assert!(matches!(ended, Err(Disconnected::TooLong)), "{ended:?}");
    sim.finish();
}

#[tokio::test]
async fn a_new_connection_can_follow_every_end() {
    let sim = long_platform().await;
    let mut kicked = connect(&sim).await;
    sim.kick(&sim.connections()[0]);
    let ended = kicked.next().await;
    let Err(Disconnected::Closed { code, reason }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!((code, &*reason), (Some(1001), "kicked"));

    let mut hung_up = connect(&sim).await;
    sim.hang_up(&sim.connections()[0]);
    let ended = hung_up.next().await;
    assert!(matches!(ended, Err(Disconnected::Broken(_))), "{ended:?}");

    let mut connection = connect(&sim).await;
    let push = press(&sim);
    payload(&mut connection).await.ack.taken();
    assert_eq!(push.answer().await.status, 200);
    sim.finish();
}

#[tokio::test]
async fn a_connection_that_is_half_dead_is_noticed() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    sim.fall_silent(&sim.connections()[0]);
    // From here on, time passes wherever nothing else happens.
    tokio::time::pause();
    let ended = connection.next().await;
    let Err(Disconnected::Silent(silence)) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(silence, Duration::from_mins(3));
    assert_eq!(sim.connections().len(), 1, "for the platform it is open");
}

#[tokio::test]
async fn closing_sends_what_is_acknowledged_first() {
    let sim = long_platform().await;
    let mut connection = connect(&sim).await;
    let push = press(&sim);
    payload(&mut connection).await.ack.taken();
    connection.close().await;
    assert_eq!(push.answer().await.status, 200);
    let closed = |state: &feishu_sim::State| state.connections().is_empty().then_some(());
    sim.wait_for("the end of the connection", closed).await;
    sim.finish();
}

#[tokio::test]
async fn the_endpoint_says_what_is_to_be_mended() {
    let sim = long_platform().await;
    let refused = async |code| {
        let msg = "no".to_owned();
        let fault = Fault::Answer {
            status: 200,
            code,
            msg,
        };
        sim.fault(Endpoint::LongConnection, fault);
        client(&sim).long_connection_endpoint().await.unwrap_err()
    };
    for (code, expected) in [
        (1, EndpointReason::SystemBusy),
        (1_000_040_343, EndpointReason::InternalError),
        (403, EndpointReason::Forbidden),
        (1_000_040_350, EndpointReason::TooManyConnections),
        (1_000_040_351, EndpointReason::WrongDomain),
        (7, EndpointReason::Other),
    ] {
        let error = refused(code).await;
        let EndpointError::Refused { reason, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*reason, expected);
        assert!(error.log_id().is_some());
    }
    let wrong = Client::new(ClientConfig {
        app_secret: "a-wrong-secret".into(),
        ..config(&sim)
    });
    let error = wrong.unwrap().long_connection_endpoint().await;
    let error = error.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("code 514") && !shown.contains("a-wrong-secret"),
        "{shown}"
    );
    assert!(!error.is_retryable());
    sim.finish();
}

#[tokio::test]
async fn invalid_endpoint_answers_are_retryable() {
    let sim = long_platform().await;
    let asked = async |fault| {
        sim.fault(Endpoint::LongConnection, fault);
        let error = client(&sim).long_connection_endpoint().await.unwrap_err();
        assert!(error.is_retryable(), "{error:?}");
        error
    };
    let error = asked(Fault::ServerError).await;
    assert!(
        matches!(error, EndpointError::Status { status: 500, .. }),
        "{error:?}"
    );
    let error = asked(Fault::NotJson).await;
    assert!(
        matches!(error, EndpointError::Call(Error::InvalidResponse { .. })),
        "{error:?}"
    );
    let error = asked(Fault::LoseAnswer).await;
    assert!(
        matches!(error, EndpointError::Call(Error::Transport { .. })),
        "{error:?}"
    );
    let no_content = raw::answering([(503, "", r#"{"code":0,"data":{"URL":""}}"#.to_owned())]);
    let error = no_content.long_connection_endpoint().await.unwrap_err();
    assert!(
        matches!(error, EndpointError::Status { status: 503, .. }),
        "{error:?}"
    );
    let endpoint = client(&sim).long_connection_endpoint().await.unwrap();
    let shown = format!("{endpoint:?}");
    assert!(
        !shown.contains("ticket") && !shown.contains(SECRET),
        "{shown}"
    );
    sim.finish();
}

#[tokio::test]
async fn a_refused_handshake_says_whether_to_go_on() {
    let sim = long_platform().await;
    for (status, autherrcode, expected) in [
        (
            514,
            Some(1_000_040_350),
            HandshakeReason::TooManyConnections,
        ),
        (514, None, HandshakeReason::AuthFailed),
        (403, None, HandshakeReason::Forbidden),
        (500, None, HandshakeReason::Other(500)),
    ] {
        sim.refuse_handshake(HandshakeRefusal {
            status,
            msg: "no way".to_owned(),
            autherrcode,
        });
        let endpoint = client(&sim).long_connection_endpoint().await.unwrap();
        let error = connector().connect(&endpoint).await.unwrap_err();
        let ConnectError::Refused { reason, msg, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((*reason, &**msg), (expected, "no way"));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("ticket"), "{shown}");
    }
    sim.finish();
}

/// A platform that names this URL.
fn naming(url: &str) -> Client {
    let answer = json!({"code": 0, "data": {"URL": format!("{url}/ws/v2?service_id=1&ticket=t")}});
    raw::answering([(200, "", answer.to_string())])
}

#[tokio::test]
async fn connecting_to_another_server_fails_in_time() {
    // It accepts connections but sends nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    let endpoint = naming(&format!("ws://{address}"));
    let endpoint = endpoint.long_connection_endpoint().await.unwrap();
    let hasty = Connector::new(
        &ProxySettings::default(),
        ExtraRoots::default(),
        Duration::from_millis(30),
    )
    .unwrap();
    let error = hasty.connect(&endpoint).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(_)), "{error:?}");
    drop(mute);
    let error = connector().connect(&endpoint).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");

    let sim = platform().await;
    for (scheme, is_expected) in [
        (
            "wss:",
            (|error| matches!(error, ConnectError::Tls(_))) as fn(&ConnectError) -> bool,
        ),
        ("ws:", |error| {
            matches!(
                error,
                ConnectError::Refused {
                    reason: HandshakeReason::Forbidden,
                    ..
                }
            )
        }),
    ] {
        let client = naming(&sim.base_url().replace("http:", scheme));
        let endpoint = client.long_connection_endpoint().await.unwrap();
        let error = connector().connect(&endpoint).await.unwrap_err();
        assert!(is_expected(&error), "{error:?}");
    }
}

/// A proxy that accepts the credentials `Basic bGluOnB3` (lin:pw), and counts connections.
struct Proxy {
    address: String,
    passed: tokio::sync::watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (count, passed) = tokio::sync::watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut tunnels = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tunnels.spawn(tunnel(stream, count.clone()));
            }
        });
        Self {
            address,
            passed,
            _tasks: tasks,
        }
    }

    fn settings(&self, user: &str) -> ProxySettings {
        ProxySettings {
            http: Some(format!("http://{user}@{}", self.address).into()),
            ..ProxySettings::default()
        }
    }
}

async fn tunnel(mut client: TcpStream, count: tokio::sync::watch::Sender<usize>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    if !head.contains("Proxy-Authorization: Basic bGluOnB3\r\n") {
        client.write_all(b"HTTP/1.1 407 X\r\n\r\n").await.unwrap();
        return;
    }
    let target = head.strip_prefix("CONNECT ").unwrap();
    let (target, _) = target.split_once(' ').unwrap();
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.unwrap();
    count.send_modify(|count| *count += 1);
    drop(copy_bidirectional(&mut client, &mut server).await);
}

#[tokio::test]
async fn excepted_hosts_bypass_the_proxy() {
    let sim = long_platform().await;
    let proxy = Proxy::start().await;
    let connect = async |settings: ProxySettings| {
        let endpoint = client(&sim).long_connection_endpoint().await.unwrap();
        let connector = Connector::new(&settings, ExtraRoots::default(), TIMEOUT).unwrap();
        connector.connect(&endpoint).await
    };
    let mut connection = connect(proxy.settings("lin:pw")).await.unwrap();
    assert_eq!(*proxy.passed.borrow(), 1);
    let push = press(&sim);
    payload(&mut connection).await.ack.taken();
    assert_eq!(push.answer().await.status, 200);

    let direct = ProxySettings {
        none_for: "feishu.cn, 127.0.0.0/8".to_owned(),
        ..proxy.settings("lin:pw")
    };
    connect(direct).await.unwrap();
    assert_eq!(*proxy.passed.borrow(), 1);

    let error = connect(proxy.settings("mia:hidden")).await.unwrap_err();
    let ConnectError::Proxy(reason) = &error else {
        panic!("{error:?}")
    };
    assert!(reason.to_string().contains("authorization"), "{reason}");
    assert!(!format!("{error:?}").contains("hidden"));
    sim.finish();
}

#[tokio::test]
async fn an_unreachable_platform_is_retryable() {
    let nowhere = config_for("http://127.0.0.1:9", AppId::new("cli_1"), Clock::system());
    let error = Client::new(nowhere)
        .unwrap()
        .long_connection_endpoint()
        .await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, EndpointError::Call(Error::Transport { .. })),
        "{error:?}"
    );
    assert!(error.is_retryable());
}
