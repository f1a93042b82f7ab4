//! The long connection: endpoints, handshakes, pings, events and their acknowledgements.

use std::time::Duration;

use feishu_sim::{
    ClientConfig, ConnectionId, Endpoint, Fault, HandshakeRefusal, Push, RateLimits, Sent,
    Simulator,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::Fixture,
    socket::{Frame, Header, Socket, ask, credentials, query},
};

const ZH: &[(&str, &str)] = &[("locale", "zh")];

/// A platform with an app on a long connection.
async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.sim.receive_by_long_connection();
    fixture
}

fn event(fixture: &Fixture) -> Push {
    fixture
        .sim
        .push_event("im.chat.disbanded_v1", &json!({"chat_id": "oc_1"}))
}

#[tokio::test]
async fn the_endpoint_returns_a_url_with_credentials() {
    let fixture = fixture().await;
    let got = ask(&fixture, &credentials(&fixture), ZH).await;
    assert_eq!(got.outcome(), (200, 0));
    let data = got.json()["data"].clone();
    let url = data["URL"].as_str().unwrap();
    let base = fixture.sim.base_url().replace("http:", "ws:");
    assert!(
        url.starts_with(&format!("{base}/ws/v2?fpid=493&aid=552564&device_id=")),
        "{url}"
    );
    for name in ["device_id", "access_key", "service_id", "ticket"] {
        assert!(!query(url, name).is_empty(), "{name}");
    }
    let config = json!({
        "ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30, "PingInterval": 120,
    });
    assert_eq!(data["ClientConfig"], config);
    fixture.sim.finish();
}

#[tokio::test]
async fn the_endpoint_refuses_with_http_200() {
    let fixture = fixture().await;
    let app_id = fixture.sim.app().app_id;
    let wrong = json!({"AppID": app_id, "AppSecret": "guess"});
    assert_eq!(ask(&fixture, &wrong, ZH).await.outcome(), (200, 514));
    let brand = Fault::Answer {
        status: 200,
        code: 1_000_040_351,
        msg: "Incorrect domain name".to_owned(),
    };
    fixture.sim.fault(Endpoint::LongConnection, brand);
    let got = ask(&fixture, &credentials(&fixture), ZH).await;
    assert_eq!(got.outcome(), (200, 1_000_040_351));
    fixture.sim.finish();
    assert_eq!(fixture.sim.calls_to(Endpoint::LongConnection).len(), 2);

    let mut odd = credentials(&fixture);
    odd["app_id"] = json!(app_id);
    assert_eq!(ask(&fixture, &odd, ZH).await.code(), 514);
    assert_eq!(ask(&fixture, &credentials(&fixture), &[]).await.code(), 514);
    assert_eq!(fixture.get("/callback/ws/endpoint").await.status, 404);
    let violations = fixture.sim.violations();
    for (violation, part) in violations.iter().zip(["app_id", "locale", "unknown route"]) {
        assert!(violation.contains(part), "{violation}");
    }
    assert_eq!(violations.len(), 3);
}

#[tokio::test]
async fn a_handshake_is_refused_by_its_headers() {
    let fixture = fixture().await;
    let answer = ask(&fixture, &credentials(&fixture), ZH).await.json();
    let url = answer["data"]["URL"].as_str().unwrap();
    let refusal = |status, autherrcode| HandshakeRefusal {
        status,
        msg: "no".to_owned(),
        autherrcode,
    };
    let refused = async |url: &str| {
        let headers = Socket::connect(url).await.map(|socket| socket.id);
        let headers = headers.unwrap_err();
        let text = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
        (text("handshake-status"), text("handshake-autherrcode"))
    };
    let said =
        |status: &str, code: Option<&str>| (Some(status.to_owned()), code.map(str::to_owned));
    fixture.sim.refuse_handshake(refusal(403, None));
    fixture.sim.refuse_handshake(refusal(514, Some(7)));
    assert_eq!(refused(url).await, said("403", None));
    assert_eq!(refused(url).await, said("514", Some("7")));

    // A URL is good for one connection.
    let socket = Socket::connect(url).await.unwrap_or_else(|_| panic!());
    assert_eq!(fixture.sim.connections(), [socket.id]);
    assert_eq!(refused(url).await, said("514", None));
    fixture.sim.finish();
    let invented = url.replace("ticket=", "ticket=0");
    assert_eq!(refused(&invented).await, said("403", None));
    assert_eq!(fixture.sim.violations().len(), 1);
}

#[tokio::test]
async fn an_app_has_fifty_connections_at_most() {
    let fixture = fixture().await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(Socket::open(&fixture).await);
    }
    let answer = ask(&fixture, &credentials(&fixture), ZH).await.json();
    let url = answer["data"]["URL"].as_str().unwrap();
    let headers = Socket::connect(url).await.map(|socket| socket.id);
    assert_eq!(headers.unwrap_err()["handshake-autherrcode"], "1000040350");
    drop(sockets.pop());
    let one_less = |state: &feishu_sim::State| (state.connections().len() == 49).then_some(());
    fixture.sim.wait_for("a place", one_less).await;
    assert!(Socket::connect(url).await.is_ok());
    fixture.sim.finish();
}

#[tokio::test]
async fn a_pong_brings_settings_or_none() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    let config = ClientConfig {
        ping_interval: 9,
        ..ClientConfig::default()
    };
    fixture.sim.set_client_config(config);
    let pong = socket.ping().await;
    let config: Value = serde_json::from_slice(pong.payload()).unwrap();
    assert_eq!(config["PingInterval"], json!(9));
    fixture.sim.send_empty_pongs();
    assert_eq!(socket.ping().await.payload(), b"");
    assert_eq!(fixture.sim.read(|state| state.pings(&socket.id)), 2);
    fixture.sim.finish();
}

#[tokio::test]
async fn what_no_client_sends_is_a_violation() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    let push = event(&fixture);
    let sent = socket.frame().await;
    let mut numbered = Frame::ping(socket.service);
    numbered.seq_id = 1;
    let unechoed = Frame {
        seq_id: sent.seq_id + 1,
        ..sent.ack_code(200)
    };
    let mut timeless = sent.ack_code(200);
    timeless.headers.pop();
    let mut unknown = sent.ack_code(200);
    unknown.headers[1] = Header::new("message_id", "another");
    let odd = sent.ack(&json!({"code": 200, "date": null}));
    for frame in [&numbered, &unechoed, &timeless, &unknown, &odd] {
        socket.send(frame).await;
    }
    socket.send_message(Message::Text("hello".into())).await;
    let bare = Message::Binary(vec![0x08, 0x00].into());
    socket.send_message(bare).await;
    socket.send(&sent.ack_code(200)).await;
    assert_eq!(push.answer().await.status, 200);
    assert_eq!(fixture.sim.acknowledgements().len(), 1);
    socket.send(&sent.ack_code(200)).await;
    socket.ping().await;
    let violations = fixture.sim.violations();
    let expected = [
        "not a ping",
        "does not echo",
        "biz_rt is missing",
        "no unacknowledged message",
        "unknown field `date`",
        "text message: hello",
        "required field 2",
        "no unacknowledged message",
    ];
    assert_eq!(violations.len(), expected.len(), "{violations:#?}");
    for (violation, part) in violations.iter().zip(expected) {
        assert!(violation.contains(part), "{violation} has no {part}");
    }
}

#[tokio::test]
async fn an_event_is_acknowledged_by_an_echo() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    let lin = fixture.sim.as_person(&fixture.lin).in_chat(&fixture.chat());
    let said = lin.say("hello");
    let frame = socket.frame().await;
    assert_eq!((frame.method, frame.header("type")), (1, "event"));
    assert_eq!((frame.header("sum"), frame.header("seq")), ("1", "0"));
    let now = fixture.sim.clock().now_ms().to_string();
    assert_eq!(frame.header("timestamp"), now);
    let envelope: Value = serde_json::from_slice(frame.payload()).unwrap();
    assert_eq!(envelope, fixture.sim.envelope_for(&said.id));

    socket.send(&frame.ack(&json!({"code": 200}))).await;
    let answer = said.answer().await;
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert!(fixture.sim.pushes()[0].is_taken());
    let acks = fixture.sim.acknowledgements();
    let [ack] = acks.as_slice() else {
        panic!("{acks:?}")
    };
    assert_eq!((&ack.connection, ack.biz_rt_ms), (&socket.id, Some(7)));
    assert_eq!(ack.message_id, frame.header("message_id"));
    let sent = Sent::Frames {
        connection: socket.id.clone(),
        message_id: ack.message_id.clone(),
    };
    assert_eq!(fixture.sim.pushes()[0].attempts[0].sent, sent);
    fixture.sim.finish();
}

#[tokio::test]
async fn the_processing_time_may_be_negative() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    let timed = |frame: &Frame, code, time: Option<&str>| {
        let mut ack = frame.ack_code(code);
        ack.headers.pop();
        ack.headers
            .extend(time.map(|time| Header::new("biz_rt", time)));
        ack
    };
    for (code, time) in [(200, Some("-1")), (500, Some("0")), (500, None)] {
        let push = event(&fixture);
        let frame = socket.frame().await;
        socket.send(&timed(&frame, code, time)).await;
        assert_eq!(push.answer().await.status, code);
    }
    let acks = fixture.sim.acknowledgements();
    let times: Vec<_> = acks.iter().map(|ack| ack.biz_rt_ms).collect();
    assert_eq!(times, [Some(-1), Some(0), None]);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_rejected_event_follows_the_redelivery_schedule() {
    let fixture = fixture().await;
    let push = event(&fixture);
    let attempts = push.attempts(1).await;
    assert_eq!(attempts[0].answer, Err("no connection is open".to_owned()));

    let mut socket = Socket::open(&fixture).await;
    fixture.sim.clock().advance(Duration::from_secs(15));
    let first = socket.frame().await;
    socket.send(&first.ack_code(500)).await;
    let attempts = push.attempts(2).await;
    assert_eq!(attempts[1].answer.as_ref().unwrap().status, 500);

    fixture.sim.clock().advance(Duration::from_mins(5));
    let second = socket.frame().await;
    assert_eq!(second.payload(), first.payload());
    assert_ne!(second.header("message_id"), first.header("message_id"));
    drop(socket);
    let attempts = push.attempts(3).await;
    assert_eq!(
        attempts[2].answer,
        Err("the connection has ended".to_owned())
    );

    let mut socket = Socket::open(&fixture).await;
    fixture.sim.clock().advance(Duration::from_hours(1));
    let last = socket.frame().await;
    socket.send(&last.ack_code(200)).await;
    assert!(push.attempts(4).await[3].is_taken());
    fixture.sim.finish();
}

#[tokio::test]
async fn a_late_acknowledgement_changes_nothing() {
    let builder = Simulator::builder().push_deadline(Duration::from_millis(30));
    let fixture = Fixture::with(builder).await;
    fixture.sim.receive_by_long_connection();
    let mut socket = Socket::open(&fixture).await;
    let push = event(&fixture);
    let frame = socket.frame().await;
    let late = Err("no answer in time".to_owned());
    assert_eq!(push.attempts(1).await[0].answer, late);
    socket.send(&frame.ack_code(200)).await;
    socket.ping().await;
    assert_eq!(fixture.sim.acknowledgements().len(), 1);
    assert_eq!(push.attempts(1).await[0].answer, late);
    fixture.sim.clock().advance(Duration::from_secs(15));
    assert_eq!(socket.frame().await.payload(), frame.payload());
    fixture.sim.finish();
}

#[tokio::test]
async fn the_last_frame_of_parts_is_echoed() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    fixture.sim.cut_events(3, &[2, 0, 0, 1]);
    let push = event(&fixture);
    let mut frames = Vec::new();
    for seq in ["2", "0", "0", "1"] {
        let frame = socket.frame().await;
        assert_eq!((frame.header("sum"), frame.header("seq")), ("3", seq));
        frames.push(frame);
    }
    assert_eq!(frames[1].payload(), frames[2].payload());
    let whole = [&frames[1], &frames[3], &frames[0]].map(Frame::payload);
    let envelope: Value = serde_json::from_slice(&whole.concat()).unwrap();
    assert_eq!(envelope["header"]["event_id"], json!(push.event_id()));
    socket.send(&frames[3].ack_code(200)).await;
    assert_eq!(push.answer().await.status, 200);

    fixture.sim.cut_events(2, &[0]);
    let _never_complete = event(&fixture);
    assert_eq!(socket.frame().await.header("seq"), "0");
    socket.ping().await;
    fixture.sim.finish();
}

/// The connection, of three, that receives each of thirty events.
async fn routes(seed: u64) -> Vec<usize> {
    let builder = Simulator::builder().seed(seed);
    let fixture = Fixture::with(builder.rate_limits(RateLimits::Off)).await;
    fixture.sim.receive_by_long_connection();
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(Socket::open(&fixture).await);
    }
    for _ in 0..30 {
        event(&fixture);
    }
    let mut routes = Vec::new();
    while routes.len() < 30 {
        for (number, socket) in sockets.iter_mut().enumerate() {
            socket.send(&Frame::ping(socket.service)).await;
            loop {
                let frame = socket.frame().await;
                if frame.method == 0 {
                    break;
                }
                socket.send(&frame.ack_code(200)).await;
                routes.push((frame.seq_id, number));
            }
        }
    }
    routes.sort_unstable();
    fixture.sim.finish();
    routes.into_iter().map(|(_, number)| number).collect()
}

#[tokio::test]
async fn each_event_goes_to_one_random_connection() {
    let first = routes(1).await;
    assert!((0..3).all(|number| first.contains(&number)), "{first:?}");
    assert_eq!(routes(1).await, first);
    assert_ne!(routes(2).await, first);
}

#[tokio::test]
async fn a_connection_can_be_ended_in_three_ways() {
    let fixture = fixture().await;
    let gone = async |id: &ConnectionId| {
        let gone = |state: &feishu_sim::State| (!state.connections().contains(id)).then_some(());
        fixture.sim.wait_for("the end of a connection", gone).await;
    };
    let mut kicked = Socket::open(&fixture).await;
    fixture.sim.kick(&kicked.id);
    let goodbye = kicked.next().await;
    assert!(
        matches!(goodbye, Some(Message::Close(Some(_)))),
        "{goodbye:?}"
    );
    gone(&kicked.id).await;

    let mut hung_up = Socket::open(&fixture).await;
    fixture.sim.hang_up(&hung_up.id);
    assert_eq!(hung_up.next().await, None);
    gone(&hung_up.id).await;

    let mut down = Socket::open(&fixture).await;
    fixture.sim.set_down(true);
    assert_eq!(down.next().await, None);
    gone(&down.id).await;
    fixture.sim.finish();
}

#[tokio::test]
async fn a_half_open_connection_is_silent() {
    let builder = Simulator::builder().push_deadline(Duration::from_millis(50));
    let fixture = Fixture::with(builder).await;
    fixture.sim.receive_by_long_connection();
    let mut socket = Socket::open(&fixture).await;
    fixture.sim.fall_silent(&socket.id);
    socket.send(&Frame::ping(socket.service)).await;
    let push = event(&fixture);
    assert_eq!(
        push.attempts(1).await[0].answer,
        Err("no answer in time".to_owned())
    );
    assert_eq!(fixture.sim.connections(), [socket.id.clone()]);
    fixture.sim.hang_up(&socket.id);
    assert_eq!(socket.next().await, None, "neither pong nor event came");
}

#[tokio::test]
async fn anything_can_be_sent() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    fixture.sim.send_text(&socket.id, "hello");
    fixture.sim.send_bytes(&socket.id, *b"\xff");
    fixture.sim.send_bytes(&socket.id, vec![0; 10 << 20]);
    assert_eq!(socket.next().await, Some(Message::Text("hello".into())));
    assert_eq!(
        socket.next().await,
        Some(Message::Binary(vec![0xff].into()))
    );
    let Some(Message::Binary(large)) = socket.next().await else {
        panic!("nothing large came")
    };
    assert_eq!(large.len(), 10 << 20);
    fixture.sim.finish();
}

#[tokio::test]
async fn a_callback_is_answered_by_its_acknowledgement() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture).await;
    let click = json!({"action": {"tag": "button", "value": {"undo": 1}}, "host": "im_message"});
    let press = || fixture.sim.push_event("card.action.trigger", &click);
    let push = press();
    let frame = socket.frame().await;
    let envelope: Value = serde_json::from_slice(frame.payload()).unwrap();
    let microseconds = format!("{}000", fixture.sim.clock().now_ms());
    assert_eq!(envelope["header"]["create_time"], json!(microseconds));
    let toast = json!({"toast": {"type": "info", "content": "撤销了"}});
    socket.send(&frame.ack_data(&toast)).await;
    let answer = push.answer().await;
    assert_eq!((answer.status, answer.json()), (200, toast));

    let failed = press();
    let frame = socket.frame().await;
    socket.send(&frame.ack_code(500)).await;
    assert_eq!(failed.answer().await.status, 500);
    fixture.sim.clock().advance(Duration::from_hours(8));
    socket.ping().await;
    assert_eq!(failed.attempts(1).await.len(), 1);
    fixture.sim.finish();
}
