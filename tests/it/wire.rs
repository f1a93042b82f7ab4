//! Responses that a proxy between the bot and the platform breaks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use feishu_sim::AnnouncementKind::{self, Doc, Docx};
use feishu_sim::{ChatId, Endpoint, Foreign, MessageId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::harness::Bench;

/// Longer than any response takes, and short enough to wait for in a test.
const SETTINGS: &str = "[announce]\nsignature = false\n[feishu]\ntimeout = \"400ms\"";

/// How the proxy changes a response; the platform has executed the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// The connection closes after half of it.
    Cut,
    /// The same, in chunks.
    CutInChunks,
    /// The proxy stops sending after half of it.
    Stalled,
    /// The same, in chunks.
    StalledInChunks,
    /// The connection closes before the first byte.
    Nothing,
    /// The connection closes after half of the head.
    HalfAHead,
    /// Bytes that are not HTTP.
    Rubbish,
    /// Another head and body instead.
    Other(&'static str, &'static str),
    /// Unchanged, after these heads.
    Behind(&'static str),
    /// With this head, and with these bytes before the body.
    As(&'static str, &'static str),
}

const BROKEN: &[Broken] = &[
    Broken::Cut,
    Broken::CutInChunks,
    Broken::Stalled,
    Broken::StalledInChunks,
    Broken::Nothing,
    Broken::HalfAHead,
    Broken::Rubbish,
    Broken::Other("204 No Content", ""),
    Broken::Other("205 Reset Content", ""),
    Broken::Other("206 Partial Content", "{\"code\":0"),
    Broken::Other("300 Multiple Choices", ""),
    Broken::Other("304 Not Modified", ""),
    Broken::Other(
        "308 Permanent Redirect\r\nlocation: http://127.0.0.1:1/",
        "",
    ),
    Broken::Other("200 OK\r\ncontent-encoding: gzip", "\u{1f}\u{8}\u{0}"),
    Broken::Other("200 OK\r\ncontent-encoding: br", "{}"),
    Broken::Other("200 OK", "{\"code\":1,\"code\":0,\"data\":{}}"),
    Broken::Other("200 OK", "{\"data\":{}}"),
    Broken::Other("200 OK", "{\"code\":0.0,\"data\":{}}"),
    Broken::Other("200 OK", "{\"code\":99999999999999999999}"),
    Broken::Other("200 OK", "{\"code\":0}{\"code\":0}"),
    Broken::Other("500 Oops", "{\"code\":0,\"msg\":\"success\"}"),
];

/// Changes of a proxy that leave a response valid.
const HARMLESS: &[Broken] = &[
    Broken::Behind("HTTP/1.1 100 Continue\r\n\r\n"),
    Broken::Behind("HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 102 X\r\n\r\n"),
    Broken::As("content-type: text/plain\r\n", ""),
    Broken::As("content-type: application/octet-stream\r\n", ""),
    Broken::As("", ""),
    Broken::As("content-type: application/json\r\n", "\u{feff}"),
    Broken::As("content-type: application/json\r\n", " \r\n\t"),
];

/// The first response to a path with this suffix is changed.
type Orders = Arc<Mutex<Vec<(&'static str, Broken)>>>;

/// A proxy in front of the platform.
struct Proxy {
    url: String,
    orders: Orders,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn before(platform: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let orders = Orders::default();
        let given = Arc::clone(&orders);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut exchanges = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (platform, orders) = (platform.clone(), Arc::clone(&given));
                exchanges.spawn(async move {
                    // The client may close the connection.
                    let _ = exchange(client, &platform, &orders).await;
                });
            }
        });
        Self {
            url,
            orders,
            _tasks: tasks,
        }
    }

    fn order(&self, path: &'static str, broken: Broken) {
        self.orders.lock().unwrap().push((path, broken));
    }

    fn is_done(&self) -> bool {
        self.orders.lock().unwrap().is_empty()
    }
}

async fn exchange(mut client: TcpStream, platform: &str, orders: &Orders) -> std::io::Result<()> {
    let (head, body) = message(&mut client).await?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let path = line.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let mut server = TcpStream::connect(platform.strip_prefix("http://").unwrap()).await?;
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    server.write_all(&body).await?;
    let (head, body) = message(&mut server).await?;
    let broken = {
        let mut orders = orders.lock().unwrap();
        let found = orders.iter().position(|(end, _)| path.ends_with(end));
        found.map(|at| orders.remove(at).1)
    };
    answer(&mut client, broken, &head, &body).await
}

/// Head and body of a request or response.
async fn message(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

async fn answer(
    client: &mut TcpStream,
    broken: Option<Broken>,
    head: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let half = &body[..body.len() / 2];
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let sized = |head: &str, length: usize| {
        format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
    };
    let chunk = [format!("{:x}\r\n", half.len()).as_bytes(), half, b"\r\n"].concat();
    let bytes = match broken {
        None => [head.as_bytes(), body].concat(),
        Some(Broken::Cut | Broken::Stalled) => {
            [sized("200 OK", body.len()).as_bytes(), half].concat()
        }
        Some(Broken::CutInChunks | Broken::StalledInChunks) => {
            [chunked.as_bytes(), &chunk].concat()
        }
        Some(Broken::Nothing) => Vec::new(),
        Some(Broken::HalfAHead) => b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
        Some(Broken::Rubbish) => b"\x16\x03\x01\x00rubbish\r\n\r\n".to_vec(),
        Some(Broken::Other(status, body)) => {
            format!("{}{body}", sized(status, body.len())).into_bytes()
        }
        Some(Broken::Behind(heads)) => [heads.as_bytes(), head.as_bytes(), body].concat(),
        Some(Broken::As(headers, before)) => {
            let head = sized("200 OK", before.len() + body.len());
            let head = head.replacen("\r\n", &format!("\r\n{headers}"), 1);
            [head.as_bytes(), before.as_bytes(), body].concat()
        }
    };
    client.write_all(&bytes).await?;
    if matches!(broken, Some(Broken::Stalled | Broken::StalledInChunks)) {
        // Until the client times out.
        client.read_u8().await?;
    }
    Ok(())
}

async fn behind_a_proxy() -> (Bench, Proxy) {
    let mut bench = Bench::with(|builder| builder, SETTINGS).await;
    let proxy = Proxy::before(bench.sim.base_url()).await;
    bench.set("FEISHU_BASE_URL", &proxy.url);
    bench.restart().await;
    (bench, proxy)
}

/// The path of the calls that write an announcement.
fn writes(kind: AnnouncementKind) -> &'static str {
    match kind {
        Doc => "/announcement",
        Docx => "/children",
    }
}

async fn announced(bench: &Bench, group: &ChatId) -> MessageId {
    let said = bench.say(group, "/announce once").id;
    assert_eq!(bench.reaction(&said).await, "Loudspeaker");
    assert_eq!(bench.sim.announcement_text(group), ["once"]);
    said
}

#[tokio::test]
async fn broken_response_to_a_write_repeats_nothing() {
    let (bench, proxy) = behind_a_proxy().await;
    for broken in BROKEN {
        for kind in [Doc, Docx] {
            let group = bench.group(kind);
            proxy.order(writes(kind), *broken);
            announced(&bench, &group).await;
            bench.idle().await;
            assert_eq!(bench.sim.announcement_text(&group), ["once"], "{broken:?}");
            assert!(proxy.is_done(), "{broken:?}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn broken_response_to_other_calls_is_retried() {
    let (bench, proxy) = behind_a_proxy().await;
    for broken in BROKEN {
        let group = bench.group(Docx);
        proxy.order(group.as_str().to_owned().leak(), *broken);
        proxy.order("/put_top_notice", *broken);
        proxy.order("/reactions", *broken);
        let said = bench.say(&group, "/pin announcement").id;
        assert_eq!(bench.reaction(&said).await, "Pin", "{broken:?}");
        proxy.order("/reply", *broken);
        let direct = bench.sim.direct_chat(&bench.member);
        let lost = bench.say(&direct, "/pin").id;
        bench.answer(&lost).await;
        bench.idle().await;
        assert_eq!(bench.sim.answers_to(&lost).len(), 1, "{broken:?}");
        // The call that sends a private card has no key.
        proxy.order("/ephemeral/v1/send", *broken);
        let lost = bench.say(&group, "/pin").id;
        bench.answer(&lost).await;
        bench.idle().await;
        let answers = bench.sim.answers_to(&lost);
        assert!((1..=2).contains(&answers.len()), "{broken:?}: {answers:?}");
        assert!(bench.sim.replies_to(&lost).is_empty(), "{broken:?}");
        assert!(proxy.is_done(), "{broken:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn broken_token_response_is_retried() {
    let (bench, proxy) = behind_a_proxy().await;
    for broken in BROKEN.iter().chain(HARMLESS) {
        bench.sim.expire_tokens();
        proxy.order("/tenant_access_token/internal", *broken);
        announced(&bench, &bench.group(Docx)).await;
        assert!(proxy.is_done(), "{broken:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn valid_response_is_accepted_in_any_framing() {
    let (bench, proxy) = behind_a_proxy().await;
    for harmless in HARMLESS {
        for kind in [Doc, Docx] {
            let group = bench.group(kind);
            bench.sim.clear_calls();
            proxy.order(writes(kind), *harmless);
            announced(&bench, &group).await;
            let calls = bench.sim.read(|state| {
                let calls = state.calls_to(Endpoint::CreateChildren).count();
                calls + state.calls_to(Endpoint::PatchDocAnnouncement).count()
            });
            assert_eq!(calls, 1, "{harmless:?}");
        }
    }
    bench.finish().await;
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let bench = Bench::with(|builder| builder, SETTINGS).await;
    let start = bench.sim.clock().now_ms();
    let until = jiff::Timestamp::from_millisecond(i64::try_from(start).unwrap()).unwrap();
    let until = until + Duration::from_secs(30);
    let until = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let page = Foreign::page(503).with("retry-after", &until);
    bench.sim.fault(Endpoint::PutTopNotice, page.into());
    let group = bench.group(Docx);
    let said = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&said).await, "Pin");
    let calls = bench.sim.calls_to(Endpoint::PutTopNotice);
    assert!(
        calls[1].at_ms >= start + 28_000,
        "{}",
        calls[1].at_ms - start
    );
    bench.finish().await;
}
