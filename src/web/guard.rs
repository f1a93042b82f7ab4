//! Protection against requests from other web pages.
//!
//! Pages of other origins can make a browser send forms to any address (CSRF), and can point their
//! own host name to the address of this server once they are loaded (DNS rebinding). Both are
//! rejected.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every response.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With `no-referrer`, browsers would send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Which requests are accepted.
#[derive(Debug, Clone)]
pub struct Guard {
    pub hosts: Hosts,
    /// Whether pages of other origins may link to this path.
    pub may_be_linked: fn(&str) -> bool,
}

/// The values of the header `Host` that are accepted.
///
/// A page can be rebound only under a host name, so IP addresses are safe on any port, which a
/// tunnel may change.
#[derive(Debug, Clone)]
pub enum Hosts {
    /// This address, and `localhost` with its port.
    Exactly(SocketAddr),
    /// Loopback addresses and `localhost`.
    Loopback,
    /// IP addresses, `localhost`, and these names.
    Named(Vec<String>),
}

/// Rejects requests from other pages, and adds headers to the response that forbid it to load
/// anything from elsewhere.
pub async fn guard(State(guard): State<Guard>, request: Request<Body>, next: Next) -> Response {
    let headers = request.headers();
    let is_allowed = match *request.method() {
        Method::GET | Method::HEAD => guard.may_read(headers, request.uri().path()),
        _ => is_same_origin(headers),
    };
    let mut response = if !guard.hosts.accept(headers) {
        (StatusCode::MISDIRECTED_REQUEST, guard.hosts.remedy()).into_response()
    } else if !is_allowed {
        let text = "This request comes from another web page: open this page directly.\n";
        (StatusCode::FORBIDDEN, text).into_response()
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

impl Guard {
    /// Other pages may link to a page, but not load anything, not even to detect it.
    fn may_read(&self, headers: &HeaderMap, path: &str) -> bool {
        let mode = text(headers, &HeaderName::from_static("sec-fetch-mode"));
        match text(headers, &HeaderName::from_static("sec-fetch-site")) {
            Some("cross-site" | "same-site") => {
                mode == Some("navigate") && (self.may_be_linked)(path)
            }
            _ => true,
        }
    }
}

impl Hosts {
    fn accept(&self, headers: &HeaderMap) -> bool {
        let Some(host) = text(headers, &header::HOST) else {
            return false;
        };
        match self {
            Self::Exactly(address) => {
                host == address.to_string() || host == format!("localhost:{}", address.port())
            }
            Self::Loopback => name_of(host).is_some_and(|name| {
                is_localhost(&name) || address_of(&name).is_some_and(|ip| ip.is_loopback())
            }),
            Self::Named(names) => name_of(host).is_some_and(|name| {
                let is_named = names.iter().any(|own| own.eq_ignore_ascii_case(&name));
                is_named || is_localhost(&name) || address_of(&name).is_some()
            }),
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Exactly(address) => format!("open http://{address}\n"),
            Self::Loopback => {
                "This host name is not accepted: open the page as localhost.\n".to_owned()
            }
            Self::Named(_) => "This host name is not accepted: open the page by its IP address, or add the name to `NOTICEBOT_ADMIN_HOSTS`.\n".to_owned(),
        }
    }
}

/// The host without its port; IPv6 addresses keep their brackets.
fn name_of(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let is_plain = !host.contains('@');
    is_plain.then(|| authority.host().trim_end_matches('.').to_owned())
}

fn is_localhost(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
}

fn address_of(name: &str) -> Option<IpAddr> {
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(name).parse().ok()
}

/// Browsers send `Sec-Fetch-Site`, older ones at least `Origin`. Other clients send neither.
fn is_same_origin(headers: &HeaderMap) -> bool {
    match text(headers, &HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin",
        None => text(headers, &header::ORIGIN).is_none_or(|origin| {
            let of_origin = origin.split_once("://").map(|(_, host)| host);
            of_origin.is_some() && of_origin == text(headers, &header::HOST)
        }),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(hosts: &Hosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        hosts.accept(&headers)
    }

    #[test]
    fn only_names_of_this_server_are_accepted() {
        let loopback = Hosts::Loopback;
        let named = Hosts::Named(vec!["bot.example.com".to_owned()]);
        for (host, at_loopback, at_names) in [
            ("127.0.0.1:9090", true, true),
            ("127.8.8.8", true, true),
            ("[::1]:9090", true, true),
            ("localhost:8000", true, true),
            ("LocalHost", true, true),
            ("10.0.0.7:9090", false, true),
            ("[fd00::7]", false, true),
            ("bot.example.com", false, true),
            ("BOT.example.com.:443", false, true),
            ("evil.example", false, false),
            ("bot.example.com.evil.example", false, false),
            ("localhost.evil.example", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("127.0.0.1@evil.example", false, false),
            ("evil@127.0.0.1", false, false),
            ("127.1", false, false),
            ("0x7f000001", false, false),
            ("", false, false),
            ("[::1", false, false),
        ] {
            assert_eq!(accepts(&loopback, host), at_loopback, "{host}");
            assert_eq!(accepts(&named, host), at_names, "{host}");
        }
        assert!(!Hosts::Loopback.accept(&HeaderMap::new()), "no host");
    }

    #[test]
    fn an_origin_has_to_name_the_host() {
        for (origin, expected) in [
            (None, true),
            (Some("http://bot:9090"), true),
            (Some("https://bot:9090"), true),
            (Some("http://bot"), false),
            (Some("http://evil.example"), false),
            (Some("null"), false),
            (Some("bot:9090"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("bot:9090"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_same_origin(&headers), expected, "{origin:?}");
        }
    }
}
