//! The listeners: connections that are bounded in number and time, and the
//! health paths.
//!
//! Plain `axum::serve` has neither a bound nor a time-out for headers, so a
//! thousand silent connections would keep everybody else out.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use feishu::Clock;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::telemetry::Metrics;
use crate::transport::webhook::{self, Webhook};

/// Where the platform sends events.
const EVENTS: &str = "/webhook/event";
/// Headers have to arrive within this time; so has the next request of a
/// connection that is kept open.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// So long are headers at most, and so much is read at once, for each connection: many
/// connections must not fill the memory.
const MAX_HEADERS: usize = 16 * 1024;
/// A connection that is older than this is ended with its next answer: one whose
/// other end reads nothing holds a slot.
const CONNECTION_LIFE: Duration = Duration::from_mins(1);
/// The last request of a connection that has to go gets this long, from the
/// first byte that it may still wait for to the last that is read of its answer.
const LAST_REQUEST: Duration = Duration::from_secs(15);
/// Requests in flight get this long when the bot stops: longer than one may wait
/// for the store, or for what comes of a press.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// An answer of the store is good for this long.
const PROBE_AGE: Duration = Duration::from_secs(1);
/// How long the store may take to show that it can write.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the health paths and the metrics look at.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    /// Cancelled when the intake closes.
    pub(crate) stop: CancellationToken,
    /// Whether events can come in, where they come over a long connection.
    pub(crate) socket: Option<watch::Receiver<bool>>,
    /// When the store was last asked, and what it said: anybody may ask for
    /// readiness, and each probe is a commit.
    pub(crate) probed: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Health {
    /// Whether the store commits, at most a second ago.
    async fn store_writes(&self) -> bool {
        let mut probed = self.probed.lock().await;
        if let Some((at, writes)) = *probed
            && at.elapsed() < PROBE_AGE
        {
            return writes;
        }
        let probe = timeout(PROBE_TIMEOUT, self.store.probe()).await;
        let writes = matches!(probe, Ok(Ok(())));
        *probed = Some((Instant::now(), writes));
        writes
    }
}

/// What a listener answers.
pub(crate) struct Paths {
    router: Router,
    /// Behind a path of the router, too: see [`Paths::answer`].
    webhook: Option<Arc<Webhook>>,
}

/// The public listener's paths; there is a webhook unless events come over a
/// long connection.
pub(crate) fn public(webhook: Option<Webhook>, health: Health) -> Paths {
    let webhook = webhook.map(Arc::new);
    let mut router = health_paths().with_state(health);
    if let Some(webhook) = &webhook {
        let events = Router::new().route(EVENTS, post(webhook::receive));
        router = router.merge(events.with_state(Arc::clone(webhook)));
    }
    Paths { router, webhook }
}

/// The admin listener's paths.
pub(crate) fn admin(health: Health) -> Paths {
    Paths {
        router: health_paths()
            .route("/metrics", get(metrics))
            .with_state(health),
        webhook: None,
    }
}

impl Paths {
    /// Events, which nearly all requests are, reach their handler without the
    /// router's boxes and maps; the router has the path for all other methods.
    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> Result<Response, Infallible> {
        match &self.webhook {
            Some(webhook) if request.method() == Method::POST && request.uri().path() == EVENTS => {
                let webhook = State(Arc::clone(webhook));
                Ok(webhook::receive(webhook, request.map(Body::new)).await)
            }
            _ => {
                let router = TowerToHyperService::new(self.router.clone());
                router.call(request).await
            }
        }
    }
}

fn health_paths() -> Router<Health> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
}

/// Ready is who can be sent something and keep it: the intake is open, with a
/// live socket where there has to be one, and the store commits.
async fn ready(State(health): State<Health>) -> Response {
    let problem = if health.stop.is_cancelled() {
        "stopping\n"
    } else if health.socket.as_ref().is_some_and(|alive| !*alive.borrow()) {
        "the long connection is down\n"
    } else if health.store.is_full() {
        "the queue is full\n"
    } else if health.store_writes().await {
        return "ok\n".into_response();
    } else {
        "the store cannot write\n"
    };
    (StatusCode::SERVICE_UNAVAILABLE, problem).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let queue = timeout(PROBE_TIMEOUT, health.store.queue()).await;
    let queue = queue.ok().and_then(Result::ok);
    if let Some(offset) = health.clock.offset() {
        health.metrics.clock_offset(offset);
    }
    match health.metrics.render(queue, health.clock.now()) {
        Ok(text) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Serves until `stop`, then lets requests in flight end.
pub(crate) async fn serve(
    listener: TcpListener,
    paths: Paths,
    max_connections: usize,
    stop: CancellationToken,
) {
    let paths = Arc::new(paths);
    let slots = Arc::new(Semaphore::new(max_connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        // What has ended is not kept.
        while connections.try_join_next().is_some() {}
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others will be freed.
                tracing::warn!(error = %error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (paths, stop) = (Arc::clone(&paths), stop.clone());
        connections.spawn(async move {
            converse(stream, paths, CONNECTION_LIFE, stop).await;
            drop(slot);
        });
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_TIMEOUT, drain).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
        connections.shutdown().await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // An answer is one small write; it must not wait for another.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

/// Serves one connection. One that is old is not cut off between two requests,
/// where the next might be under way already: the answer to it says that it was
/// the last.
async fn converse(stream: TcpStream, paths: Arc<Paths>, life: Duration, stop: CancellationToken) {
    let began = Instant::now();
    let service = service_fn(move |request| {
        let answer = Arc::clone(&paths).answer(request);
        async move {
            let mut answer = answer.await?;
            // Nor is there more to say to who is refused.
            if began.elapsed() >= life || answer.status().is_client_error() {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADERS)
        // Whoever says no more still gets an answer. Watching for that while an
        // event is worked on would take a second buffer for each request.
        .half_close(true)
        // An answer is a few hundred bytes: one buffer is cheaper than a vector.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_REQUEST, connection).await
        }
        // Nobody has read the last answer.
        () = sleep(life + LAST_REQUEST) => return,
    };
    if let Ok(Err(error)) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A listener and the one path that it has.
    async fn listener() -> (TcpListener, SocketAddr, Paths) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "ok" }));
        let webhook = None;
        (listener, address, Paths { router, webhook })
    }

    /// What is made of one connection that may live so long.
    async fn connected<T>(life: Duration, ask: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        let (listener, address, paths) = listener().await;
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            converse(stream, Arc::new(paths), life, CancellationToken::new()).await;
        };
        tokio::join!(serve, ask(address)).1
    }

    /// The answer to one request on a connection that may live so long.
    async fn answer(life: Duration) -> String {
        let ask = async |address| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = b"GET / HTTP/1.1\r\nhost: bot\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut answer = vec![0; 1024];
            let length = stream.read(&mut answer).await.unwrap();
            answer.truncate(length);
            if life.is_zero() {
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "it is closed");
            }
            String::from_utf8(answer).unwrap()
        };
        connected(life, ask).await
    }

    /// What comes back for these bytes until the connection is closed.
    async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The hand of the clock moves on as soon as everybody waits.
    #[tokio::test(start_paused = true)]
    async fn who_sends_nothing_keeps_the_others_out_for_five_seconds_at_most() {
        let (listener, address, paths) = listener().await;
        let stop = CancellationToken::new();
        let served = serve(listener, paths, 2, stop.clone());
        let began = Instant::now();
        let others = async {
            let silent = [b"".as_slice(), b"GET / HTTP/1.1\r\nhost: b"];
            let request = b"GET / HTTP/1.1\r\nhost: bot\r\nconnection: close\r\n\r\n";
            let [none, half] = silent.map(|bytes| exchange(address, bytes));
            let (none, half, answer) = tokio::join!(none, half, exchange(address, request));
            stop.cancel();
            (none, half, answer)
        };
        let ((), (none, half, answer)) = tokio::join!(served, others);
        assert_eq!(none, "");
        assert!(
            half.is_empty() || half.starts_with("HTTP/1.1 408"),
            "{half}"
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let waited = began.elapsed();
        assert!(waited >= HEADER_TIMEOUT, "there was a place for the third");
        assert!(waited < HEADER_TIMEOUT * 2, "{waited:?}");
    }

    #[tokio::test]
    async fn headers_that_are_too_long_and_refusals_end_the_connection() {
        let long = format!(
            "GET / HTTP/1.1\r\nhost: {}\r\n\r\n",
            "b".repeat(MAX_HEADERS)
        );
        let elsewhere = "GET /elsewhere HTTP/1.1\r\nhost: bot\r\n\r\n";
        for (request, status) in [(&*long, "431"), (elsewhere, "404")] {
            let ask = async |address| exchange(address, request.as_bytes()).await;
            let answer = connected(CONNECTION_LIFE, ask).await;
            let begin = format!("HTTP/1.1 {status}");
            assert!(answer.starts_with(&begin), "{answer}");
        }
    }

    #[tokio::test]
    async fn an_old_connection_ends_with_an_answer_that_says_so() {
        let last = answer(Duration::ZERO).await;
        assert!(last.contains("connection: close"), "{last}");
        let another = answer(CONNECTION_LIFE).await;
        assert!(!another.contains("connection: close"), "{another}");
    }
}
