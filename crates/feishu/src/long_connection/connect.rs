//! Opens a long connection: through a proxy if configured, with TLS and the WebSocket handshake.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri, uri::Scheme};
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tower_service::Service as _;

use super::fragments::MAX_MESSAGE;
use super::{Connection, Endpoint};
use crate::ExtraRoots;
use crate::codes::long_connection as codes;

/// The largest binary message that is read: the longest event with its frame.
const MAX_FRAME: usize = MAX_MESSAGE + (64 << 10);

/// The proxies, as the usual environment variables name them.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    /// `HTTPS_PROXY`, for connections with TLS.
    pub https: Option<SecretString>,
    /// `HTTP_PROXY`, for connections without TLS.
    pub http: Option<SecretString>,
    /// `ALL_PROXY`, for both if the specific one is not set.
    pub all: Option<SecretString>,
    /// `NO_PROXY`: comma-separated hosts, domains and networks that are reached directly.
    pub none_for: String,
}

/// A proxy that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not the URL of a proxy.
    #[error("parsing `{0}`: not the URL of a proxy")]
    Unreadable(&'static str),
    /// Not a plain HTTP proxy.
    #[error("parsing `{0}`: only http:// proxies are supported")]
    Scheme(&'static str),
}

/// Opens connections.
#[derive(Debug)]
pub struct Connector {
    proxies: Matcher,
    extra_roots: ExtraRoots,
    timeout: Duration,
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Connecting took too long.
    #[error("connecting to the platform: timeout after {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The platform's host is unreachable.
    #[error("connecting to the platform: host unreachable")]
    Unreachable(#[source] BoxError),
    /// The proxy is unreachable or rejected the connection.
    #[error("connecting to the platform: proxy connection failed")]
    Proxy(#[source] BoxError),
    /// No root certificates, or the certificate of the host is not trusted.
    #[error("connecting to the platform: TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The platform refused.
    #[error("the platform refused the long connection: {reason} (HTTP {http_status}: {msg})")]
    Refused {
        /// Why it refused.
        reason: HandshakeReason,
        /// The platform's message; may be empty.
        msg: String,
        /// The HTTP status.
        http_status: u16,
    },
    /// The answer was not that of a WebSocket server.
    #[error("connecting to the platform: WebSocket handshake failed")]
    Handshake(#[source] Box<tungstenite::Error>),
}

/// Why the platform refused a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeReason {
    /// The app has as many connections as it may have.
    #[error("the app has too many connections")]
    TooManyConnections,
    /// The platform rejected the endpoint's credentials; another endpoint's may be accepted.
    #[error("the credentials of the endpoint were rejected")]
    AuthFailed,
    /// The app may not have one.
    #[error("the app may not have one")]
    Forbidden,
    /// An undocumented status.
    #[error("status {0}")]
    Other(i64),
    /// No reason given; the answer may not be from the platform.
    #[error("no reason given")]
    Unexplained,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl Connector {
    /// `timeout` is for opening one connection, from the first byte to the
    /// WebSocket.
    pub fn new(
        proxies: &ProxySettings,
        extra_roots: ExtraRoots,
        timeout: Duration,
    ) -> Result<Self, ProxyError> {
        Ok(Self {
            proxies: proxies.matcher()?,
            extra_roots,
            timeout,
        })
    }

    /// Opens a connection to an endpoint, which is valid for one.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, ConnectError> {
        let socket = tokio::time::timeout(self.timeout, self.open(endpoint.url()));
        let socket = socket
            .await
            .unwrap_or(Err(ConnectError::Timeout(self.timeout)))?;
        let (service_id, config) = (endpoint.service_id(), endpoint.config());
        Ok(Connection::over(socket, service_id, config))
    }

    async fn open(&self, url: &str) -> Result<WebSocketStream<Box<dyn Stream>>, ConnectError> {
        let target = target(url).map_err(ConnectError::Unreachable)?;
        let stream = self.reach(&target).await?;
        let stream: Box<dyn Stream> = if target.scheme() == Some(&Scheme::HTTPS) {
            let host = target.host().unwrap_or_default();
            Box::new(
                secure(host, stream, &self.extra_roots)
                    .await
                    .map_err(ConnectError::Tls)?,
            )
        } else {
            Box::new(stream)
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        match client_async_with_config(url, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(response)) => {
                Err(refused(response.status().as_u16(), response.headers()))
            }
            Err(error) => Err(ConnectError::Handshake(Box::new(error))),
        }
    }

    /// Connects to the host, directly or through the proxy.
    async fn reach(&self, target: &Uri) -> Result<TcpStream, ConnectError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Acknowledgements are small and must not be delayed.
        tcp.set_nodelay(true);
        let Some(proxy) = self.proxies.intercept(target) else {
            let stream = tcp.call(target.clone()).await;
            let stream = stream.map_err(|source| ConnectError::Unreachable(source.into()))?;
            return Ok(stream.into_inner());
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        let stream = tunnel.call(target.clone()).await;
        let stream = stream.map_err(|source| ConnectError::Proxy(source.into()))?;
        Ok(stream.into_inner())
    }
}

impl ProxySettings {
    fn matcher(&self) -> Result<Matcher, ProxyError> {
        let settings = [
            ("HTTPS_PROXY", &self.https),
            ("HTTP_PROXY", &self.http),
            ("ALL_PROXY", &self.all),
        ];
        let [https, http, all] = settings.map(|(_, proxy)| {
            let proxy = proxy.as_ref().map_or("", ExposeSecret::expose_secret);
            proxy.to_owned()
        });
        for ((name, _), proxy) in settings.iter().zip([&https, &http, &all]) {
            check(name, proxy)?;
        }
        let matcher = Matcher::builder().https(https).http(http).all(all);
        Ok(matcher.no(self.none_for.clone()).build())
    }
}

/// Rejects a setting that the matcher would silently ignore.
fn check(name: &'static str, proxy: &str) -> Result<(), ProxyError> {
    if proxy.is_empty() {
        return Ok(());
    }
    let matcher = Matcher::builder().all(proxy.to_owned()).build();
    let proxy = matcher.intercept(&Uri::from_static("https://open.feishu.cn/"));
    let proxy = proxy.ok_or(ProxyError::Unreadable(name))?;
    if proxy.uri().scheme() == Some(&Scheme::HTTP) {
        Ok(())
    } else {
        Err(ProxyError::Scheme(name))
    }
}

/// The host of a `ws` or `wss` URL as an `http` or `https` URL with port.
fn target(url: &str) -> Result<Uri, BoxError> {
    let url: Uri = url.parse()?;
    let (scheme, port) = if url.scheme_str() == Some("wss") {
        (Scheme::HTTPS, 443)
    } else {
        (Scheme::HTTP, 80)
    };
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or(port);
    let target = Uri::builder().scheme(scheme);
    let target = target.authority(format!("{host}:{port}"));
    Ok(target.path_and_query("/").build()?)
}

/// TLS with the provider and the root certificates of the HTTP client.
async fn secure(
    host: &str,
    stream: TcpStream,
    extra_roots: &ExtraRoots,
) -> io::Result<TlsStream<TcpStream>> {
    let config = extra_roots.client_config().map_err(io::Error::other)?;
    // A URL has brackets around an IPv6 address.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// The transport of a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

fn refused(http_status: u16, headers: &HeaderMap) -> ConnectError {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let number = |name| text(name).and_then(|digits| digits.trim().parse::<i64>().ok());
    let reason = match (number("handshake-status"), number("handshake-autherrcode")) {
        (Some(codes::AUTH_FAILED), Some(codes::TOO_MANY_CONNECTIONS)) => {
            HandshakeReason::TooManyConnections
        }
        (Some(codes::AUTH_FAILED), _) => HandshakeReason::AuthFailed,
        (Some(codes::FORBIDDEN), _) => HandshakeReason::Forbidden,
        (Some(other), _) => HandshakeReason::Other(other),
        (None, _) => HandshakeReason::Unexplained,
    };
    ConnectError::Refused {
        reason,
        msg: text("handshake-msg").unwrap_or_default().to_owned(),
        http_status,
    }
}

impl ConnectError {
    /// Whether a retry with another endpoint may help. If not, the app's
    /// administrator has to act.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { reason, .. } => reason.is_retryable(),
            Self::Timeout(_)
            | Self::Unreachable(_)
            | Self::Proxy(_)
            | Self::Tls(_)
            | Self::Handshake(_) => true,
        }
    }
}

impl HandshakeReason {
    /// Whether a retry may help.
    pub fn is_retryable(self) -> bool {
        !matches!(self, Self::TooManyConnections | Self::Forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(https: &str, none_for: &str) -> ProxySettings {
        ProxySettings {
            https: Some(https.to_owned().into()),
            none_for: none_for.to_owned(),
            ..ProxySettings::default()
        }
    }

    #[test]
    fn a_refused_handshake_may_be_retryable() {
        use HandshakeReason as Reason;
        for (status, autherrcode, reason, is_retryable) in [
            ("514", Some("1000040350"), Reason::TooManyConnections, false),
            ("514", Some("1"), Reason::AuthFailed, true),
            ("514", None, Reason::AuthFailed, true),
            ("403", None, Reason::Forbidden, false),
            ("500", Some("1000040350"), Reason::Other(500), true),
            ("soon", None, Reason::Unexplained, true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("handshake-status", status.parse().unwrap());
            headers.insert("handshake-msg", "no".parse().unwrap());
            if let Some(code) = autherrcode {
                headers.insert("handshake-autherrcode", code.parse().unwrap());
            }
            let error = refused(400, &headers);
            let ConnectError::Refused {
                reason: read,
                msg,
                http_status,
            } = &error
            else {
                panic!("{error:?}")
            };
            assert_eq!((*read, &**msg, *http_status), (reason, "no", 400));
            assert_eq!(
                error.is_retryable(),
                is_retryable,
                "{status} {autherrcode:?}"
            );
        }
        let error = refused(502, &HeaderMap::new());
        assert!(
            error.to_string().contains("no reason given (HTTP 502"),
            "{error}"
        );
    }

    #[test]
    fn a_url_has_a_host_with_a_port() {
        for (url, expected) in [
            ("wss://h.feishu.cn/ws/v2?a=b", "https://h.feishu.cn:443/"),
            ("wss://h.feishu.cn:8443/ws", "https://h.feishu.cn:8443/"),
            ("ws://127.0.0.1/ws", "http://127.0.0.1:80/"),
            ("ws://[::1]:80/ws", "http://[::1]:80/"),
        ] {
            assert_eq!(target(url).unwrap().to_string(), expected);
        }
        assert!(target("wss:// h/").is_err());
    }

    #[test]
    fn proxies_depend_on_scheme_or_host() {
        let all = ProxySettings {
            all: Some("http://all:1".to_owned().into()),
            ..settings(
                "http://secure:2",
                "direct.feishu.cn, 10.0.0.0/8,.example.com",
            )
        };
        let connector = Connector::new(&all, ExtraRoots::default(), Duration::ZERO).unwrap();
        for (url, expected) in [
            ("wss://h.feishu.cn/", Some("secure:2")),
            ("ws://h.feishu.cn/", Some("all:1")),
            ("wss://direct.feishu.cn/", None),
            ("wss://10.1.2.3/", None),
            ("wss://www.example.com/", None),
        ] {
            let proxy = connector.proxies.intercept(&target(url).unwrap());
            let proxy = proxy.map(|proxy| proxy.uri().authority().unwrap().to_string());
            assert_eq!(proxy.as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_an_error() {
        use ProxyError::{Scheme, Unreadable};
        let name = "HTTPS_PROXY";
        for (proxy, expected) in [
            ("", Ok(())),
            ("proxy:3128", Ok(())),
            ("http://lin:hidden@proxy:3128/", Ok(())),
            ("https://proxy:3128", Err(Scheme(name))),
            ("socks5://proxy:1080", Err(Scheme(name))),
            ("ftp://proxy", Err(Unreadable(name))),
            ("http://", Err(Unreadable(name))),
        ] {
            let connector =
                Connector::new(&settings(proxy, "*"), ExtraRoots::default(), Duration::ZERO);
            let shown = format!("{connector:?} {:?}", settings(proxy, ""));
            assert!(!shown.contains("hidden"), "{shown}");
            assert_eq!(connector.map(drop), expected, "{proxy}");
        }
    }
}
