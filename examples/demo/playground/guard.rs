//! Who may ask for the page: only a browser of this machine that has it open.
//!
//! Pages of other origins can make a browser send forms to any address, and can
//! rename their own host to 127.0.0.1 once they are loaded. Neither gets in.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sent with every answer.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Refuses what comes from elsewhere, and dresses what is answered.
pub(crate) async fn guard(
    State(address): State<SocketAddr>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let headers = request.headers();
    let may = match *request.method() {
        Method::GET => is_ours_to_read(headers, request.uri().path()),
        _ => is_from_our_page(headers),
    };
    let mut response = if !is_our_host(headers, address) {
        let hint = format!("ask for http://{address}");
        (StatusCode::MISDIRECTED_REQUEST, hint).into_response()
    } else if !may {
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

/// Other pages may lead here, and no more: not even to find out that this is here.
fn is_ours_to_read(headers: &HeaderMap, path: &str) -> bool {
    let is_visit = text(headers, &HeaderName::from_static("sec-fetch-mode")) == Some("navigate");
    match text(headers, &HeaderName::from_static("sec-fetch-site")) {
        Some("cross-site" | "same-site") => is_visit && path == "/",
        _ => true,
    }
}

/// Browsers say themselves where a form comes from; those that do not name at
/// least its origin. What is no browser says neither.
fn is_from_our_page(headers: &HeaderMap) -> bool {
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
