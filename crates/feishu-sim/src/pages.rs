//! The pages of consent for a browser: who am I, and do I consent.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Query, State as AxumState};
use axum::http::{Method, Request as HttpRequest, Response, StatusCode, header};

use crate::consent::Decision;
use crate::request::form_fields;
use crate::shared::Shared;
use crate::state::State;

/// More than the fields of the form.
const MAX_BODY: usize = 16 << 10;

const ASKS: &str = "申请以你的身份操作 · asks to act in your name, with";
const WHO: &str = "你是谁？ · Who are you?";
const CONSENT: &str = "同意 Consent";
const REFUSE: &str = "拒绝 Refuse";

/// Readable in both color schemes; nothing is loaded from elsewhere.
const LOOK: &str = "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
    <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\
    <style>body{max-width:32em;margin:3em auto;padding:0 1em;font:16px/1.6 system-ui,sans-serif}\
    h1{font-size:1.4em;margin:0}h2{font-size:1.1em}form{display:flex;gap:.6em;margin:.6em 0}\
    form b{flex:1}button{font:inherit;padding:.1em .9em}</style>";

type Pairs = Vec<(String, String)>;

/// The page of consent. A person decides by posting `person` and `decision`, which is `consent` or
/// `refuse`.
pub(crate) async fn authorize(
    AxumState(shared): AxumState<Arc<Shared>>,
    http: HttpRequest<Body>,
) -> Response<Body> {
    let (query, form) = read(http).await;
    if let Some((person, decision)) = form {
        let target = shared.change(|state| state.decide(&query, &person, decision));
        return target.map_or_else(refused, |target| redirect(&target));
    }
    let mut state = shared.lock();
    match state.scopes_asked(&query) {
        Ok(scopes) => page(StatusCode::OK, &question(&state, &scopes)),
        Err(code) => refused(code),
    }
}

/// The page of a device flow, with the same fields.
pub(crate) async fn verify_device(
    AxumState(shared): AxumState<Arc<Shared>>,
    http: HttpRequest<Body>,
) -> Response<Body> {
    let (query, form) = read(http).await;
    let user_code = value(&query, "user_code");
    if let Some((person, decision)) = form {
        let done = shared.change(|state| state.decide_device(&user_code, &person, decision));
        return done.map_or_else(refused, |()| {
            page(
                StatusCode::OK,
                "<p>完成，可关闭此页。 · Done; you can close this page.</p>",
            )
        });
    }
    let mut state = shared.lock();
    match state.scopes_of_device(&user_code) {
        Ok(scopes) => page(StatusCode::OK, &question(&state, &scopes)),
        Err(code) => refused(code),
    }
}

/// The query, and the decision of a POST.
async fn read(http: HttpRequest<Body>) -> (Pairs, Option<(String, Decision)>) {
    let query = Query::try_from_uri(http.uri()).map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
    if http.method() != Method::POST {
        return (query, None);
    }
    let body = to_bytes(http.into_body(), MAX_BODY)
        .await
        .unwrap_or_default();
    let form = form_fields(&body);
    let decision = match value(&form, "decision").as_str() {
        "consent" => Decision::Consent,
        _ => Decision::Refuse,
    };
    (query, Some((value(&form, "person"), decision)))
}

fn value(pairs: &[(String, String)], name: &str) -> String {
    let mut found = pairs.iter().filter(|(key, _)| key == name);
    found
        .next()
        .map(|(_, value)| value.clone())
        .unwrap_or_default()
}

fn question(state: &State, scopes: &[String]) -> String {
    let bot = escape(&state.app().bot_name);
    let mut html = format!("<h1>{bot}</h1><p>{ASKS}</p><ul>");
    for scope in scopes {
        write!(html, "<li><code>{}</code></li>", escape(scope)).ok();
    }
    write!(html, "</ul><h2>{WHO}</h2>").ok();
    let mut people: Vec<_> = state.people.values().collect();
    people.sort_by(|one, other| one.name.cmp(&other.name));
    for person in people {
        let (name, id) = (escape(&person.name), escape(&person.open_id));
        write!(
            html,
            "<form method=\"post\"><input type=\"hidden\" name=\"person\" value=\"{id}\">\
             <b>{name}</b> \
             <button name=\"decision\" value=\"consent\" aria-label=\"{CONSENT}, {name}\">{CONSENT}</button> \
             <button name=\"decision\" value=\"refuse\" aria-label=\"{REFUSE}, {name}\">{REFUSE}</button></form>"
        )
        .ok();
    }
    html
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// The platform shows the code on a page.
fn refused(code: i64) -> Response<Body> {
    page(
        StatusCode::BAD_REQUEST,
        &format!("<p>错误码 · Error code: {code}</p>"),
    )
}

fn redirect(target: &str) -> Response<Body> {
    let mut response = page(StatusCode::FOUND, "");
    if let Ok(target) = target.parse() {
        response.headers_mut().insert(header::LOCATION, target);
    }
    response
}

fn page(status: StatusCode, body: &str) -> Response<Body> {
    let html = format!(
        "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\">{LOOK}\
         <title>授权 · Consent</title><main>{body}</main></html>"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let html = header::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}
