//! The connection itself: it is noticed when it ends, however it ends, and
//! opened again; nothing that comes over it brings the bot down.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ClientConfig, ConnectionId, Endpoint, Fault, HandshakeRefusal, State};
use noticebot::check::{self, CheckOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::harness::{Bench, log};

const DOWN: &str = "the long connection is down\n";

/// A bot whose platform wants a ping every second, and to be called again at
/// once.
async fn quick() -> Bench {
    let bench = Bench::with(
        |builder| builder.push_deadline(Duration::from_millis(500)),
        "",
    )
    .await;
    bench.sim.set_client_config(ClientConfig {
        reconnect_count: -1,
        reconnect_interval: 1,
        reconnect_nonce: 0,
        ping_interval: 1,
    });
    let first = connection(&bench);
    bench.sim.kick(&first);
    another(&bench, &first).await;
    bench
}

fn connection(bench: &Bench) -> ConnectionId {
    bench.sim.connections().remove(0)
}

/// Waits until the bot has another connection. One that fell silent is open all
/// the while, as far as the platform knows.
async fn another(bench: &Bench, before: &ConnectionId) -> ConnectionId {
    let other = |state: &State| {
        let connections = state.connections();
        connections.into_iter().find(|one| one != before)
    };
    let other = bench
        .wait_in_steps_of(Duration::from_secs(1), "another connection", other)
        .await;
    ready(bench, true).await;
    other
}

async fn ready(bench: &Bench, is_ready: bool) {
    let asked = async {
        loop {
            match bench.ask("/readyz").await {
                (200, _) if is_ready => return,
                (503, why) if !is_ready && why == DOWN => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let patience = Duration::from_secs(10);
    tokio::time::timeout(patience, asked).await.unwrap();
}

/// Checks that the bot still executes commands.
async fn obeys(bench: &Bench) {
    let group = bench.group(Docx);
    let command = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&command).await, "Pin");
}

#[tokio::test]
async fn readiness_follows_the_long_connection() {
    let bench = Bench::new().await;
    ready(&bench, true).await;
    assert_eq!(bench.ask("/webhook/event").await.0, 404);
    let first = connection(&bench);
    bench.sim.hang_up(&first);
    ready(&bench, false).await;
    assert!(
        bench
            .metrics()
            .await
            .contains("noticebot_long_connection_up 0")
    );
    another(&bench, &first).await;
    let metrics = bench.metrics().await;
    assert!(metrics.contains("noticebot_long_connection_up 1"));
    assert!(metrics.contains("noticebot_long_connections_total 2"));
    obeys(&bench).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_half_open_connection_is_replaced_without_loss() {
    let bench = quick().await;
    let group = bench.group(Docx);
    let silent = connection(&bench);
    bench.sim.fall_silent(&silent);
    // The first try to replace it fails; until the next one, nobody listens.
    bench
        .sim
        .fault(Endpoint::LongConnection, Fault::ServerError);
    let command = bench.say(&group, "/announce published").id;
    ready(&bench, false).await;
    another(&bench, &silent).await;
    // The platform delivers again after 15 s.
    let published = |state: &State| {
        let text = state.announcement_text(&group);
        (text.first().map(String::as_str) == Some("published")).then_some(())
    };
    bench
        .wait_in_steps_of(Duration::from_secs(1), "the announcement", published)
        .await;
    bench.reaction(&command).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_hundred_reconnects_leak_no_task() {
    let bench = quick().await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let (mut current, before) = (connection(&bench), tasks());
    report(&format!("before: {before} tasks, {} KiB", resident()));
    for number in 0..100 {
        if number % 2 == 0 {
            bench.sim.hang_up(&current);
        } else {
            bench.sim.kick(&current);
        }
        current = another(&bench, &current).await;
    }
    report(&format!("after: {} tasks, {} KiB", tasks(), resident()));
    assert!(
        tasks() <= before + 8,
        "{before} tasks have become {}",
        tasks()
    );
    obeys(&bench).await;
    bench.finish().await;
}

/// Says it also where the test passes, whose own output is not shown.
fn report(line: &str) {
    let line = format!("a hundred long connections, {line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// The memory of this process, which all tests share.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// A frame by hand: the required numbers, then headers, then a payload.
fn frame(required: bool, headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    fn field(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(tag << 3 | 2);
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(bytes);
    }
    let mut out = Vec::new();
    if required {
        for (tag, value) in [(1, 1), (2, 1), (3, 1), (4, 1)] {
            out.extend([tag << 3, value]);
        }
    }
    for (key, value) in headers {
        let mut header = Vec::new();
        field(1, key.as_bytes(), &mut header);
        field(2, value.as_bytes(), &mut header);
        field(5, &header, &mut out);
    }
    field(8, payload, &mut out);
    out
}

fn part(id: &str, sum: &str, seq: &str) -> Vec<u8> {
    let headers = [
        ("type", "event"),
        ("message_id", id),
        ("sum", sum),
        ("seq", seq),
    ];
    frame(true, &headers, b"{}")
}

/// Waits until so much was dropped for this reason.
async fn dropped(bench: &Bench, reason: &str, count: u64) {
    let line = format!("noticebot_long_connection_dropped_total{{reason=\"{reason}\"}} ");
    let seen = async {
        loop {
            let metrics = bench.metrics().await;
            let seen = metrics.lines().find_map(|l| l.strip_prefix(&line));
            if seen.is_some_and(|seen| seen.parse::<u64>().unwrap() >= count) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(10);
    let waited = tokio::time::timeout(patience, seen).await;
    assert!(waited.is_ok(), "{}", bench.metrics().await);
}

#[tokio::test]
async fn malformed_messages_are_counted_without_harm() {
    let bench = quick().await;
    let current = connection(&bench);
    bench.sim.send_text(&current, "hello");
    dropped(&bench, "text", 1).await;
    for rubbish in [
        Vec::new(),
        vec![0xff; 64],
        frame(false, &[("type", "event")], b"{}"),
        part("zero", "0", "0"),
        part("beyond", "2", "2"),
        part("words", "two", "one"),
    ] {
        bench.sim.send_bytes(&current, rubbish);
    }
    dropped(&bench, "unreadable", 6).await;
    for number in 0..10_000 {
        let half = part(&format!("half {number}"), "2", "0");
        bench.sim.send_bytes(&current, half);
    }
    dropped(&bench, "crowded_out", 8_000).await;
    obeys(&bench).await;
    assert_eq!(connection(&bench), current);
    // Nobody reads on after so much at once.
    bench.sim.send_bytes(&current, vec![0; 10 << 20]);
    another(&bench, &current).await;
    obeys(&bench).await;
    bench.finish().await;
}

#[tokio::test]
async fn an_event_may_arrive_in_shuffled_parts() {
    let bench = Bench::new().await;
    bench.sim.cut_events(3, &[2, 0, 1, 1]);
    obeys(&bench).await;
    bench.finish().await;
}

#[tokio::test]
async fn permanent_refusals_stop_the_bot_with_a_remedy() {
    let refused = |code, msg: &str| Fault::Answer {
        status: 200,
        code,
        msg: msg.to_owned(),
    };
    for (fault, remedy) in [
        (refused(514, "auth failed"), "FEISHU_APP_SECRET"),
        (refused(403, "forbidden"), "is self-built and enabled"),
        (refused(1_000_040_350, "limit"), "stop other processes"),
        (
            refused(1_000_040_351, "Incorrect domain name"),
            "FEISHU_REGION",
        ),
    ] {
        let mut bench = Bench::new().await;
        bench.sim.fault(Endpoint::LongConnection, fault);
        let message = stopped(&mut bench).await;
        assert!(message.contains(remedy), "{message}");
    }
    let mut bench = Bench::new().await;
    bench
        .sim
        .refuse_handshake(HandshakeRefusal::too_many_connections());
    let message = stopped(&mut bench).await;
    assert!(message.contains("stop other processes"), "{message}");
}

/// Ends the connection, and waits for the bot to give up.
async fn stopped(bench: &mut Bench) -> String {
    let first = connection(bench);
    bench.sim.hang_up(&first);
    ready(bench, false).await;
    bench.advance(Duration::from_mins(1));
    bench.failure().await
}

#[tokio::test]
async fn temporary_refusals_are_retried() {
    let bench = quick().await;
    let first = connection(&bench);
    for fault in [
        Fault::ServerError,
        Fault::NotJson,
        Fault::LoseAnswer,
        Fault::Answer {
            status: 200,
            code: 1,
            msg: "system busy".to_owned(),
        },
    ] {
        bench.sim.fault(Endpoint::LongConnection, fault);
    }
    bench.sim.refuse_handshake(HandshakeRefusal {
        status: 514,
        msg: "auth failed".to_owned(),
        autherrcode: None,
    });
    bench.sim.hang_up(&first);
    another(&bench, &first).await;
    obeys(&bench).await;
    bench.finish().await;
}

#[tokio::test]
async fn unknown_endpoint_codes_are_retried_and_logged() {
    let bench = quick().await;
    let first = connection(&bench);
    let codes = [1_000_040_999, -1, 7_355_608];
    for code in codes {
        let msg = "a code of tomorrow".to_owned();
        let status = 200;
        let refused = Fault::Answer { status, code, msg };
        bench.sim.fault(Endpoint::LongConnection, refused);
    }
    let began = bench.sim.clock().now_ms();
    bench.sim.hang_up(&first);
    another(&bench, &first).await;
    // A try follows the one before after a second at the soonest.
    assert!(bench.sim.clock().now_ms() - began >= 3_000);
    obeys(&bench).await;
    let log = log();
    for code in codes {
        let line = log.lines().find(|line| {
            line.contains("could not open the long connection") && line.contains(&code.to_string())
        });
        assert!(line.is_some_and(|line| line.contains("WARN")), "{code}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn start_without_platform_retries() {
    let mut bench = Bench::new().await;
    bench
        .sim
        .fault(Endpoint::LongConnection, Fault::ServerError);
    bench.restart_within(Duration::from_secs(40)).await;
    obeys(&bench).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_long_connection_checks_the_token_if_set() {
    let mut bench = Bench::new().await;
    bench.set("FEISHU_ENCRYPT_KEY", "");
    bench.set("FEISHU_VERIFICATION_TOKEN", "");
    bench.restart().await;
    obeys(&bench).await;
    bench.set("FEISHU_VERIFICATION_TOKEN", "another");
    bench.restart().await;
    let group = bench.group(Docx);
    let said = bench.say(&group, "/pin announcement");
    assert_eq!(said.answer().await.status, 200);
    let metrics = bench.metrics().await;
    assert!(metrics.contains("noticebot_events_total{result=\"unauthorized\"} 1"));
    bench.idle().await;
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

/// A proxy that lets everybody through, and counts them.
struct Proxy {
    address: String,
    passed: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let passed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&passed);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut tunnels = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                tunnels.spawn(tunnel(client));
            }
        });
        Self {
            address,
            passed,
            _tasks: tasks,
        }
    }
}

async fn tunnel(mut client: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("CONNECT "), "{head}");
    let target = head.split_whitespace().nth(1).unwrap();
    let mut server = TcpStream::connect(target).await.unwrap();
    let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
    client.write_all(answer).await.unwrap();
    // How it ends is for the others to say.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_long_connection_works_through_a_proxy() {
    let proxy = Proxy::start().await;
    let passed = || proxy.passed.load(Ordering::Relaxed);
    let mut bench = Bench::new().await;
    bench.set("HTTP_PROXY", &proxy.address);
    bench.restart().await;
    assert_eq!(passed(), 1);
    obeys(&bench).await;
    bench.set("NO_PROXY", "127.0.0.1");
    bench.restart().await;
    assert_eq!(passed(), 1, "the host is near");
    obeys(&bench).await;
    bench.finish().await;
}

#[tokio::test]
async fn check_keeps_the_running_bots_connection() {
    let bench = Bench::new().await;
    let mut config = bench.config();
    config.server.admin_listen = bench.admin_address();
    let report = check::check(&config, bench.clock.clone(), &CheckOptions::default()).await;
    let message = report.to_string();
    let line = "✓ long connection: the bot on this machine has one\n";
    assert!(report.is_good() && message.contains(line), "{message}");
    assert_eq!(bench.sim.connections().len(), 1);
    let asked = bench.sim.calls_to(Endpoint::LongConnection).len();
    assert_eq!(asked, 0, "since the bot's own");
    bench.finish().await;
}
