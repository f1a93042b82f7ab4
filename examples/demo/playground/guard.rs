//! Protection against requests from other web pages.
//!
//! Pages of other origins can make a browser send forms to any address (CSRF), and can point their
//! own host name to 127.0.0.1 once they are loaded (DNS rebinding). Both are rejected.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every response.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Rejects requests from other pages, and adds [`HEADERS`] to the response.
pub(crate) async fn guard(
    State(address): State<SocketAddr>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let headers = request.headers();
    let is_allowed = match *request.method() {
        Method::GET => may_read(headers, request.uri().path()),
        _ => is_same_origin(headers),
    };
    let mut response = if !is_our_host(headers, address) {
        let hint = format!("open http://{address}");
        (StatusCode::MISDIRECTED_REQUEST, hint).into_response()
    } else if !is_allowed {
        StatusCode::FORBIDDEN.into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_our_host(headers: &HeaderMap, address: SocketAddr) -> bool {
    let host = text(headers, &header::HOST);
    host == Some(&address.to_string()) || host == Some(&format!("localhost:{}", address.port()))
}

/// Other pages may link to the page, but not load anything, not even to detect the playground.
fn may_read(headers: &HeaderMap, path: &str) -> bool {
    let is_visit = text(headers, &HeaderName::from_static("sec-fetch-mode")) == Some("navigate");
    match text(headers, &HeaderName::from_static("sec-fetch-site")) {
        Some("cross-site" | "same-site") => is_visit && path == "/",
        _ => true,
    }
}

/// Browsers send `Sec-Fetch-Site`, older ones at least `Origin`. Other clients send neither.
fn is_same_origin(headers: &HeaderMap) -> bool {
    match text(headers, &HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin",
        None => text(headers, &header::ORIGIN).is_none_or(|origin| {
            text(headers, &header::HOST).is_some_and(|host| origin == format!("http://{host}"))
        }),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
