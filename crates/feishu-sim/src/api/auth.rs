//! Tokens, the bot's own identity and its scopes (official pages `auth-v3`, `bot-v3` and
//! `application-v6/scope/list`).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{app::Holder, refusal::Refusal, request::Request, state::State, store_app::AppKind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    app_id: String,
    app_secret: String,
}

/// The token of a custom app. The token endpoints always respond with HTTP 200, and have their fields next
/// to `code`.
pub(crate) fn tenant_access_token(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let Credentials { app_id, app_secret } = body(request)?;
    enter_app(state, &app_id, &app_secret)?;
    if state.app().kind == AppKind::Store {
        return Err(Refusal::code(10_014));
    }
    let (token, expire) = issue(state, Holder::Tenant(state.app().tenant_key.clone()));
    Ok(json!({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}))
}

/// The official SDK for Python also sends the fields of its other requests for tokens.
#[derive(Deserialize)]
struct WithTicket {
    #[serde(rename = "app_id")]
    id: String,
    #[serde(rename = "app_secret")]
    secret: String,
    #[serde(rename = "app_ticket")]
    ticket: String,
}

/// The token of a store app; any valid ticket will do.
pub(crate) fn app_access_token(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let body: WithTicket = body(request)?;
    enter_app(state, &body.id, &body.secret)?;
    if state.app().kind == AppKind::Custom {
        return Err(Refusal::code(10_003));
    }
    if !state
        .apps
        .present()
        .store_app
        .accepts(&body.ticket, state.now())
    {
        return Err(Refusal::code(10_012));
    }
    let (token, expire) = issue(state, Holder::App);
    Ok(json!({"code": 0, "msg": "success", "app_access_token": token, "expire": expire}))
}

/// With fields of other requests, as above.
#[derive(Deserialize)]
struct ForTenant {
    app_access_token: String,
    tenant_key: String,
}

/// The token of a store app in a tenant.
pub(crate) fn store_tenant_access_token(
    state: &mut State,
    request: &Request,
) -> Result<Value, Refusal> {
    let body: ForTenant = body(request)?;
    let (now_ms, token) = (state.now(), body.app_access_token);
    if !state.enter_app_where(|one| one.tokens.holder(&token, now_ms) == Some(&Holder::App)) {
        return Err(Refusal::code(10_013));
    }
    let tenants = &state.apps.present().store_app.tenants;
    if !tenants.contains_key(&body.tenant_key) {
        return Err(Refusal::code(state.behaviour.unknown_tenant));
    }
    let (token, expire) = issue(state, Holder::Tenant(body.tenant_key));
    Ok(json!({"code": 0, "msg": "success", "tenant_access_token": token, "expire": expire}))
}

/// The ticket comes as an event.
pub(crate) fn resend_app_ticket(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let Credentials { app_id, app_secret } = body(request)?;
    enter_app(state, &app_id, &app_secret)?;
    if state.app().kind == AppKind::Custom {
        return Err(Refusal::code(10_016));
    }
    let delay = state.behaviour.ticket_delay;
    state.apps.present_mut().store_app.to_send.push(delay);
    Ok(json!({"code": 0, "msg": "success"}))
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    let body = request.body();
    body.map_err(|refusal| Refusal::code(10_003).instead_of(refusal))
}

fn enter_app(state: &mut State, app_id: &str, app_secret: &str) -> Result<(), Refusal> {
    if !state.enter_app_where(|one| one.app.app_id == app_id) {
        return Err(Refusal::code(10_003));
    }
    if app_secret != state.app().app_secret {
        return Err(Refusal::code(10_014));
    }
    Ok(())
}

fn issue(state: &mut State, holder: Holder) -> (String, u64) {
    let now_ms = state.now();
    let State { apps, ids, .. } = state;
    apps.present_mut().tokens.current(holder, now_ms, ids)
}

/// The payload is under `bot`, not under `data`.
#[expect(
    clippy::unnecessary_wraps,
    reason = "all endpoints have the same signature"
)]
pub(crate) fn bot_info(state: &mut State, _: &Request) -> Result<Value, Refusal> {
    let app = state.app();
    let bot = json!({
        // 2 is active, 1 is disabled.
        "activate_status": if app.bot_active { 2 } else { 1 },
        "app_name": app.bot_name,
        "avatar_url": "https://s1-imfile.feishucdn.com/simulated.png",
        "ip_white_list": [],
        "open_id": app.bot_open_id_in(&state.caller),
    });
    Ok(json!({"code": 0, "msg": "ok", "bot": bot}))
}

/// Status 1 is granted, 2 is requested but not granted.
#[expect(
    clippy::unnecessary_wraps,
    reason = "all endpoints have the same signature"
)]
pub(crate) fn scopes(state: &mut State, _: &Request) -> Result<Value, Refusal> {
    let granted = |scope: &String| json!({"scope_name": scope, "grant_status": 1});
    let mut scopes: Vec<_> = state.app().scopes.iter().map(granted).collect();
    let other = "contact:contact.base:readonly".to_owned();
    let asked = state.app().requested_scopes.iter().chain([&other]);
    scopes.extend(asked.map(|scope| json!({"scope_name": scope, "grant_status": 2})));
    Ok(json!({"code": 0, "msg": "success", "data": {"scopes": scopes}}))
}
