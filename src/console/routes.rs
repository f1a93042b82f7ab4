//! The paths of the console, and what every request passes.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::access::{Admission, is_same};
use super::state::Console;
use super::visitor::{self, Peer, SESSION, Visitor};
use super::{audit, check, export, groups, jobs, live, login, overview, settings, tenants};
use crate::web;
use crate::web::cookie;
use crate::web::guard::{Guard, guard};

const MAX_FORM_BYTES: usize = 64 * 1024;
const STYLE: &str = include_str!("assets/console.css");
const SCRIPT: &str = include_str!("assets/console.js");

pub(crate) fn routes(console: &Arc<Console>) -> Router {
    let asset = |kind: &'static str, text: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, kind)], text) })
    };
    let rules = Guard {
        hosts: console.access.hosts.clone(),
        may_be_linked: |path| !path.starts_with("/assets/") && path != "/live",
    };
    let pages = Router::new()
        .route("/", get(overview::page))
        .route("/live", get(live::events))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::show))
        .route("/jobs/{id}/text", post(jobs::show_text))
        .route("/jobs/{id}/retry", post(jobs::retry))
        .route("/jobs/{id}/drop", post(jobs::drop_job))
        .route("/audit", get(audit::page).post(audit::page_with_text))
        .route("/audit.csv", get(export::csv))
        .route("/audit.json", get(export::json))
        .route("/groups", get(groups::list))
        .route("/groups/{chat}", get(groups::show))
        .route("/tenants", get(tenants::page))
        .route("/tenants/revoke", post(tenants::revoke))
        .route("/check", get(check::page).post(check::run))
        .route("/settings", get(settings::page))
        .route("/logout", post(login::log_out))
        .layer(from_fn_with_state(Arc::clone(console), admit));
    let css = "text/css; charset=utf-8";
    let open = Router::new()
        .route("/login", get(login::page).post(login::log_in))
        .route("/language", get(login::choose_language))
        .route("/assets/base.css", asset(css, web::STYLE))
        .route("/assets/console.css", asset(css, STYLE))
        .route(
            "/assets/console.js",
            asset("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/assets/icon.svg", asset("image/svg+xml", web::ICON));
    pages
        .merge(open)
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .layer(from_fn(identify))
        .layer(from_fn_with_state(rules, guard))
        .with_state(Arc::clone(console))
}

/// Adds the [`Visitor`].
async fn identify(mut request: Request<Body>, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let Some(Peer { address, .. }) = peer else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let page = match *request.method() {
        Method::GET => request.uri().path_and_query().map(ToString::to_string),
        _ => None,
    };
    let visitor = Visitor {
        language: visitor::language(request.headers()),
        csrf: String::new(),
        can_log_out: false,
        address: address.ip(),
        page: page.unwrap_or_default(),
    };
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

/// Lets visitors in who may open the console, and accepts only forms of its pages.
async fn admit(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let session = cookie(request.headers(), SESSION);
    let (csrf, can_log_out) = match console.access.admit(session) {
        Admission::Admitted { csrf, can_log_out } => (csrf, can_log_out),
        Admission::HasToLogIn => {
            let is_page = request.method() == Method::GET && request.uri().path() != "/live";
            return login::has_to_log_in(&visitor, is_page);
        }
        Admission::Closed => return login::closed(&visitor),
    };
    if request.method() == Method::POST {
        request = match with_token(request, &csrf).await {
            Ok(request) => request,
            Err(status) => {
                let text = "This form is outdated: open the page again.\n";
                return (status, text).into_response();
            }
        };
    }
    let visitor = Visitor {
        csrf,
        can_log_out,
        ..visitor
    };
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

/// The request, if its form contains the token.
async fn with_token(request: Request<Body>, csrf: &str) -> Result<Request<Body>, StatusCode> {
    let (parts, body) = request.into_parts();
    let read = to_bytes(body, MAX_FORM_BYTES).await;
    let bytes = read.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let given = form_urlencoded::parse(&bytes).find(|(name, _)| name == "csrf");
    if !given.is_some_and(|(_, value)| is_same(&value, csrf)) {
        return Err(StatusCode::FORBIDDEN);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}
