//! The listeners and the health paths.
//!
//! Connections are limited in number and time. Plain `axum::serve` has neither a limit nor a
//! timeout for headers, so a thousand idle connections would block everyone else.

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

use crate::consent::Consents;
use crate::console::{self, Console, Peer};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::transport::oauth;
use crate::transport::webhook::{self, Webhook};

const EVENTS: &str = "/webhook/event";
/// Headers, and the next request of a kept-alive connection, must arrive within this time.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum header size and read buffer per connection, so that many connections cannot exhaust
/// memory.
const MAX_HEADERS: usize = 16 * 1024;
/// An older connection is closed after its next response, because a client that reads nothing holds
/// a slot.
const CONNECTION_LIFE: Duration = Duration::from_mins(1);
/// Time for the last request of a closing connection, from its first byte to the last byte of the
/// response.
const LAST_REQUEST: Duration = Duration::from_secs(15);
/// Time for requests in flight when the bot stops: longer than one may wait for the store or for
/// the result of a callback.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the result of a probe is reused.
const PROBE_AGE: Duration = Duration::from_secs(1);
/// Time limit for a probe of the store.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
    /// Cancelled when the intake closes.
    pub(crate) stop: CancellationToken,
    /// Whether the long connection is open, if there is one.
    pub(crate) socket: Option<watch::Receiver<bool>>,
    /// Time and result of the last probe: anybody may request readiness, and each probe is a
    /// commit.
    pub(crate) probed: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Health {
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

/// The paths of a listener.
pub(crate) struct Paths {
    router: Router,
    /// Also a route of the router: see [`Paths::answer`].
    webhook: Option<Arc<Webhook>>,
}

/// The public listener's paths: no webhook if events arrive over a long connection, and pages for
/// the consent of members if there is a redirect flow.
pub(crate) fn public(
    webhook: Option<Webhook>,
    consents: Option<Consents>,
    health: Health,
) -> Paths {
    let webhook = webhook.map(Arc::new);
    let mut router = health_paths().with_state(health);
    if let Some(consents) = consents {
        router = router.merge(oauth::routes(consents));
    }
    if let Some(webhook) = &webhook {
        let events = Router::new().route(EVENTS, post(webhook::receive));
        router = router.merge(events.with_state(Arc::clone(webhook)));
    }
    Paths { router, webhook }
}

/// The admin listener's paths: the console, metrics and health.
pub(crate) fn admin(health: Health, console: &Arc<Console>) -> Paths {
    let router = health_paths().route("/metrics", get(metrics));
    Paths {
        router: router.with_state(health).merge(console::routes(console)),
        webhook: None,
    }
}

impl Paths {
    /// Nearly all requests are events: they bypass the router with its boxes and maps. The router
    /// handles the path for other methods.
    async fn answer(
        self: Arc<Self>,
        mut request: hyper::Request<Incoming>,
        peer: Peer,
    ) -> Result<Response, Infallible> {
        match &self.webhook {
            Some(webhook) if request.method() == Method::POST && request.uri().path() == EVENTS => {
                let webhook = State(Arc::clone(webhook));
                Ok(webhook::receive(webhook, request.map(Body::new)).await)
            }
            _ => {
                request.extensions_mut().insert(peer);
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

/// Ready means that events can be received and stored: not stopping, the long connection (if any)
/// is open, and the store commits.
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
    let tenants = timeout(PROBE_TIMEOUT, health.store.count_tenants()).await;
    let tenants = tenants.ok().and_then(Result::ok);
    if let Some(offset) = health.clock.offset() {
        health.metrics.clock_offset(offset);
    }
    match health.metrics.render(queue, tenants, health.clock.now()) {
        Ok(text) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(std::fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Serves until `stop`, then waits for requests in flight.
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
        // Remove finished connections.
        while connections.try_join_next().is_some() {}
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Probably out of file descriptors; wait until some are free.
                tracing::warn!(error = %error, "could not accept a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (paths, stop) = (Arc::clone(&paths), stop.clone());
        connections.spawn(async move {
            serve_connection(stream, paths, CONNECTION_LIFE, stop).await;
            drop(slot);
        });
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_TIMEOUT, drain).await.is_err() {
        tracing::warn!("cut off requests that did not end in time");
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
    // A response is one small write, which must not be delayed.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

/// Serves one connection. An old connection is not cut off between two requests, where the next may
/// be in flight: its next response closes it.
async fn serve_connection(
    stream: TcpStream,
    paths: Arc<Paths>,
    life: Duration,
    stop: CancellationToken,
) {
    let began = Instant::now();
    let Ok(address) = stream.peer_addr() else {
        // The client has gone.
        return;
    };
    let closes_at = began + life + LAST_REQUEST;
    let service = service_fn(move |request| {
        let answer = Arc::clone(&paths).answer(request, Peer { address, closes_at });
        async move {
            let mut answer = answer.await?;
            // Rejected clients are disconnected as well.
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
        // A client that has closed its sending half still gets a response. Detecting that during a
        // request would need a second buffer per request.
        .half_close(true)
        // A response has a few hundred bytes: one buffer is cheaper than vectored writes.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(LAST_REQUEST, connection).await
        }
        // The client has not read the last response.
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

    /// A listener with one path.
    async fn listener() -> (TcpListener, SocketAddr, Paths) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "ok" }));
        let webhook = None;
        (listener, address, Paths { router, webhook })
    }

    /// The result of `ask` on one connection with this lifetime.
    async fn connected<T>(life: Duration, ask: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        let (listener, address, paths) = listener().await;
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            serve_connection(stream, Arc::new(paths), life, CancellationToken::new()).await;
        };
        tokio::join!(serve, ask(address)).1
    }

    /// The response to one request on a connection with this lifetime.
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

    /// Sends bytes and reads until the connection is closed.
    async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The paused clock advances when all tasks wait.
    #[tokio::test(start_paused = true)]
    async fn idle_connections_time_out_after_five_seconds() {
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
    async fn error_responses_close_the_connection() {
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
    async fn old_connections_close_after_a_response() {
        let last = answer(Duration::ZERO).await;
        assert!(last.contains("connection: close"), "{last}");
        let another = answer(CONNECTION_LIFE).await;
        assert!(!another.contains("connection: close"), "{another}");
    }
}
