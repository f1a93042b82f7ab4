//! The HTTP server: routes from the endpoint table, and connections that a handler can close without
//! a response.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{
    ConnectInfo, Query, RawPathParams, Request as HttpRequest, State as AxumState,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::{MethodFilter, MethodRouter, get, on};
use axum::serve::{IncomingStream, Listener};
use futures_util::stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::api::cards;
use crate::endpoint::Endpoint;
use crate::pages;
use crate::request::{Answer, Reply, Request, SentFile};
use crate::routes::{ENDPOINTS, Spec};
use crate::shared::Shared;
use crate::socket;

/// More than any documented request.
const MAX_BODY: usize = 4 << 20;
/// More than the largest upload.
const MAX_UPLOAD: usize = 24 << 20;
/// The size of the pieces of a file.
const PIECE: usize = 64 << 10;

/// The pages for people.
const AUTHORIZE: &str = "/open-apis/authen/v1/authorize";
const VERIFY_DEVICE: &str = "/oauth/v1/device/verify";

/// The routes of the endpoint table and the pages; all others are not found.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for spec in ENDPOINTS {
        router = router.route(spec.path, route(spec));
        if spec.path.ends_with("/internal") {
            // The real token endpoint accepts a trailing slash.
            router = router.route(&format!("{}/", spec.path), route(spec));
        }
    }
    router
        .route("/ws/v2", get(connect))
        .route(AUTHORIZE, get(pages::authorize).post(pages::authorize))
        .route(
            VERIFY_DEVICE,
            get(pages::verify_device).post(pages::verify_device),
        )
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(shared)
}

fn route(spec: &'static Spec) -> MethodRouter<Arc<Shared>> {
    let method = match spec.method {
        "POST" => MethodFilter::POST,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    let known = async move |AxumState(shared): AxumState<Arc<Shared>>,
                            ConnectInfo(connection): ConnectInfo<Connection>,
                            params: RawPathParams,
                            http: HttpRequest| {
        let began = shared.lock().calls().len();
        let most = match spec.endpoint {
            Endpoint::UploadMedia => MAX_UPLOAD,
            _ => MAX_BODY,
        };
        let Some(mut request) = read(http, &connection, most).await else {
            return respond(&shared, &connection, Reply::Close).await;
        };
        request.began = began;
        request.params = params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if spec.endpoint == Endpoint::UpdateCard {
            cards::let_answer_arrive(&shared, &request).await;
        }
        let reply = shared.change(|state| state.serve(spec, &request));
        match spec.endpoint {
            Endpoint::ResendAppTicket => shared.send_tickets(),
            Endpoint::RevokeUserToken => shared.push_caused(),
            _ => {}
        }
        respond(&shared, &connection, reply).await
    };
    on(method, known)
}

/// Opens a long connection.
async fn connect(
    AxumState(shared): AxumState<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    http: HttpRequest,
) -> Response<Body> {
    if shared.lock().faults.down {
        return respond(&shared, &connection, Reply::Close).await;
    }
    socket::connect(&shared, http)
}

async fn unknown(
    AxumState(shared): AxumState<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    http: HttpRequest,
) -> Response<Body> {
    let reply = match read(http, &connection, MAX_BODY).await {
        Some(request) => shared.change(|state| state.serve_unknown(&request)),
        None => Reply::Close,
    };
    respond(&shared, &connection, reply).await
}

/// `None` if the caller broke the request off.
async fn read(http: HttpRequest, connection: &Connection, most: usize) -> Option<Request> {
    let (
        Parts {
            method,
            uri,
            headers,
            ..
        },
        body,
    ) = http.into_parts();
    let query = Query::try_from_uri(&uri).map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
    Some(Request {
        port: connection.port,
        method: method.to_string(),
        path: uri.path().to_owned(),
        query,
        authorization: text(&headers, &header::AUTHORIZATION),
        content_type: text(&headers, &header::CONTENT_TYPE),
        locale: text(&headers, &header::HeaderName::from_static("locale")),
        range: text(&headers, &header::RANGE),
        body: to_bytes(body, most).await.ok()?,
        ..Request::default()
    })
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

async fn respond(shared: &Shared, connection: &Connection, reply: Reply) -> Response<Body> {
    match reply {
        Reply::Answer(answer) => response(answer),
        Reply::Close => {
            connection.close();
            Response::default()
        }
        Reply::Hang => {
            // The caller's timeout drops this future with the connection.
            shared.stopped().await;
            connection.close();
            Response::default()
        }
    }
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::builder()
        .status(answer.status)
        .header(header::CONTENT_TYPE, answer.content_type);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = match answer.file {
        None => Body::from(answer.body),
        Some(file) => {
            if let Some(range) = &file.range {
                response = response.header(header::CONTENT_RANGE, range);
            }
            if file.length_is_told {
                response = response.header(header::CONTENT_LENGTH, file.bytes.len());
            }
            in_pieces(file)
        }
    };
    // A fault may have an invalid status, which becomes a server error.
    response.body(body).unwrap_or_else(|_| {
        let mut broken = Response::default();
        *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}

/// Sends a file as the connection takes it.
fn in_pieces(file: SentFile) -> Body {
    let SentFile {
        bytes,
        sent,
        is_broken,
        ..
    } = file;
    let end = if is_broken {
        bytes.len() / 2
    } else {
        bytes.len()
    };
    let starts = (0..end).step_by(PIECE);
    let pieces = starts.map(move |start| {
        let piece = bytes.slice(start..end.min(start + PIECE));
        let length = u64::try_from(piece.len()).unwrap_or_default();
        sent.fetch_add(length, Ordering::Relaxed);
        Ok::<_, io::Error>(piece)
    });
    let broken = is_broken.then(|| Err(io::Error::other("the download breaks off")));
    Body::from_stream(stream::iter(pieces.chain(broken)))
}

/// What a handler knows of its connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The local port.
    port: u16,
    is_closed: Arc<AtomicBool>,
}

impl Connection {
    /// Makes the connection fail instead of writing its response.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// Accepts connections that a handler can close.
pub(crate) struct DroppableListener(pub(crate) TcpListener);

/// A connection that a handler can close.
pub(crate) struct DroppableStream {
    stream: TcpStream,
    connection: Connection,
}

impl Listener for DroppableListener {
    type Io = DroppableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DroppableStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Small responses must not wait for the peer's delayed acknowledgement.
        stream.set_nodelay(true).ok();
        let connection = Connection {
            port: stream.local_addr().map_or(0, |local| local.port()),
            is_closed: Arc::default(),
        };
        (DroppableStream { stream, connection }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, DroppableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, DroppableListener>) -> Self {
        stream.io().connection.clone()
    }
}

impl AsyncRead for DroppableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for DroppableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_closed.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
