//! Tokens, the bot's own identity and its scopes (official pages `auth-v3`, `bot-v3` and
//! `application-v6/scope/list`).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{refusal::Refusal, request::Request, state::State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    app_id: String,
    app_secret: String,
}

/// The token endpoint always responds with HTTP 200 and its fields next to `code`.
pub(crate) fn tenant_access_token(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let Credentials { app_id, app_secret } = request
        .body()
        .map_err(|refusal| Refusal::code(10_003).instead_of(refusal))?;
    if app_id != state.app.app_id {
        return Err(Refusal::code(10_003));
    }
    if app_secret != state.app.app_secret {
        return Err(Refusal::code(10_014));
    }
    let (token, expire) = state.tokens.current(state.clock.now_ms(), &mut state.ids);
    Ok(json!({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}))
}

/// The payload is under `bot`, not under `data`.
#[expect(
    clippy::unnecessary_wraps,
    reason = "all endpoints have the same signature"
)]
pub(crate) fn bot_info(state: &mut State, _: &Request) -> Result<Value, Refusal> {
    let app = &state.app;
    let bot = json!({
        // 2 is active, 1 is disabled.
        "activate_status": if app.bot_active { 2 } else { 1 },
        "app_name": app.bot_name,
        "avatar_url": "https://s1-imfile.feishucdn.com/simulated.png",
        "ip_white_list": [],
        "open_id": app.bot_open_id,
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
    let mut scopes: Vec<_> = state.app.scopes.iter().map(granted).collect();
    let asked = json!({"scope_name": "contact:contact.base:readonly", "grant_status": 2});
    scopes.push(asked);
    Ok(json!({"code": 0, "msg": "success", "data": {"scopes": scopes}}))
}
