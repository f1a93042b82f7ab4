//! Tokens of users (official pages `authentication-management/access-token` and
//! `login-state-management/get`). The device flow and the revocation are on no page; they are as the
//! official command line client uses them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::clock::millis;
use crate::grants::{DEVICE_LIFE_S, Device, DeviceState, Issued, Lives};
use crate::refusal::Refusal;
use crate::request::{Request, form_fields};
use crate::revocation::RevokedBy;
use crate::state::State;
use crate::store_app::{AppKind, Installation};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Every field of the token endpoint.
const TOKEN_FIELDS: &[&str] = &[
    "grant_type",
    "client_id",
    "client_secret",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "device_code",
    "scope",
];

/// The fields of a JSON or form body.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(request: &Request, known: &[&str]) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::oauth_code(20_063).violating(what);
        let fields: Map<String, Value> = if request.is_form() {
            let fields = form_fields(&request.body).into_iter();
            fields.map(|(name, value)| (name, json!(value))).collect()
        } else {
            let fields = serde_json::from_slice(&request.body);
            fields.map_err(|_| malformed("not a JSON object"))?
        };
        for (name, value) in &fields {
            if !known.contains(&name.as_str()) || !value.is_string() {
                return Err(malformed(&format!("unknown field or type: `{name}`")));
            }
        }
        Ok(Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::oauth_code(20_001))
    }
}

/// Issues tokens for a code, a refresh token or a device code.
pub(crate) fn token(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let fields = Fields::read(request, TOKEN_FIELDS)?;
    let grant_type = fields.required("grant_type")?;
    let credential = match grant_type {
        "authorization_code" => "code",
        "refresh_token" => "refresh_token",
        DEVICE_GRANT => "device_code",
        _ => return Err(Refusal::oauth_code(20_036)),
    };
    let credential = fields.required(credential)?.to_owned();
    let (id, secret) = (
        fields.required("client_id")?,
        fields.required("client_secret")?,
    );
    if request.authorization.is_some() {
        return Err(Refusal::oauth_code(20_070));
    }
    enter_client(state, id, secret)?;
    let (open_id, with_refresh) = match grant_type {
        "authorization_code" => (by_code(state, &credential, &fields)?, true),
        "refresh_token" => by_refresh(state, &credential)?,
        _ => (by_device(state, &credential)?, true),
    };
    check_scope(state, &open_id, fields.get("scope"))?;
    let (issued, lives) = issue(state, &open_id, with_refresh)?;
    if grant_type == "refresh_token" {
        state.grants_mut().note_renewal(&credential, &issued);
    }
    Ok(issued_body(issued, lives))
}

fn enter_client(state: &mut State, id: &str, secret: &str) -> Result<(), Refusal> {
    if !state.enter_app_where(|one| one.app.app_id == id) {
        return Err(Refusal::oauth_code(20_048));
    }
    if secret != state.app().app_secret {
        return Err(Refusal::oauth_code(20_002));
    }
    Ok(())
}

fn by_code(state: &mut State, code: &str, fields: &Fields) -> Result<String, Refusal> {
    let now_ms = state.now();
    if state.belongs_to_another(|grants| grants.has_code(code)) {
        return Err(Refusal::oauth_code(20_024));
    }
    let code = state.grants_mut().use_code(code, now_ms);
    let code = code.map_err(Refusal::oauth_code)?;
    if fields.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(Refusal::oauth_code(20_071));
    }
    let verifier = fields.get("code_verifier").unwrap_or_default();
    let challenge = code.challenge.as_ref();
    if challenge.is_some_and(|challenge| !challenge.accepts(verifier)) {
        return Err(Refusal::oauth_code(20_049));
    }
    check_user(state, &code.open_id)?;
    Ok(code.open_id)
}

/// The second value is whether a new refresh token is issued.
fn by_refresh(state: &mut State, token: &str) -> Result<(String, bool), Refusal> {
    state.grants_mut().note_presented(token);
    let reused = state.behaviour.consent.reused_refresh_token;
    if state.belongs_to_another(|grants| grants.has_refresh(token)) {
        return Err(Refusal::oauth_code(20_024));
    }
    let open_id = state.grants().check_refresh(token, reused, state.now());
    let open_id = open_id.map_err(Refusal::oauth_code)?;
    if !state.app().may_refresh {
        return Err(Refusal::oauth_code(20_074));
    }
    check_user(state, &open_id)?;
    let is_kept = state.behaviour.consent.refresh_token_is_kept;
    if !is_kept {
        state.grants_mut().use_refresh(token);
    }
    Ok((open_id, !is_kept))
}

fn by_device(state: &mut State, device_code: &str) -> Result<String, Refusal> {
    let now_ms = state.now();
    let interval_ms = millis(state.behaviour.consent.poll_interval);
    let device = state.grants_mut().device(device_code);
    let device = device.ok_or_else(|| Refusal::oauth("invalid_grant"))?;
    if device.is_expired(now_ms) {
        return Err(Refusal::oauth("expired_token"));
    }
    let polled_ms = device.polled_ms.replace(now_ms);
    match &device.state {
        DeviceState::Consented(open_id) => {
            let open_id = open_id.clone();
            device.state = DeviceState::Spent;
            check_user(state, &open_id)?;
            Ok(open_id)
        }
        DeviceState::Denied => Err(Refusal::oauth("access_denied")),
        DeviceState::Spent => Err(Refusal::oauth("invalid_grant")),
        DeviceState::Pending if polled_ms.is_some_and(|at| now_ms < at + interval_ms) => {
            Err(Refusal::oauth("slow_down"))
        }
        DeviceState::Pending => Err(Refusal::oauth("authorization_pending")),
    }
}

/// The person exists and may use the app.
fn check_user(state: &State, open_id: &str) -> Result<(), Refusal> {
    let person = state.people.get(open_id);
    let tenant = &person
        .ok_or_else(|| Refusal::oauth_code(20_008))?
        .tenant_key;
    let app = state.app();
    if app.unavailable_to.contains(open_id) {
        return Err(Refusal::oauth_code(20_010));
    }
    match app.kind {
        AppKind::Custom if *tenant != app.tenant_key => Err(Refusal::oauth_code(20_010)),
        AppKind::Custom => Ok(()),
        AppKind::Store => match state.apps.present().store_app.tenants.get(tenant) {
            Some(Installation::Running) => Ok(()),
            Some(Installation::Stopped) => Err(Refusal::oauth_code(20_069)),
            None => Err(Refusal::oauth_code(20_009)),
        },
    }
}

/// A narrower scope than the granted one may be asked for; the simulator then checks it only.
fn check_scope(state: &State, open_id: &str, scope: Option<&str>) -> Result<(), Refusal> {
    let granted = state.grants().scopes_of(open_id);
    let mut asked: Vec<&str> = scope.unwrap_or_default().split_whitespace().collect();
    let count = asked.len();
    asked.sort_unstable();
    asked.dedup();
    if asked.len() < count {
        return Err(Refusal::oauth_code(20_067));
    }
    if asked
        .iter()
        .any(|scope| !granted.iter().any(|one| one == scope))
    {
        return Err(Refusal::oauth_code(20_068));
    }
    Ok(())
}

fn issue(state: &mut State, open_id: &str, with_refresh: bool) -> Result<(Issued, Lives), Refusal> {
    let now_ms = state.now();
    let rules = &state.behaviour.consent;
    let lives = Lives {
        access_ms: millis(rules.access_token_life),
        refresh_ms: millis(rules.refresh_token_life),
        with_refresh: with_refresh && state.app().may_refresh,
    };
    let State { apps, ids, .. } = state;
    let grants = &mut apps.present_mut().grants;
    let issued = grants.issue(open_id, lives, now_ms, ids);
    Ok((issued.map_err(Refusal::oauth_code)?, lives))
}

fn issued_body(issued: Issued, lives: Lives) -> Value {
    let scopes: Vec<String> = issued.scopes.into_iter().collect();
    let mut body = json!({
        "code": 0,
        "access_token": issued.access_token,
        "expires_in": lives.access_ms / 1000,
        "token_type": "Bearer",
        "scope": scopes.join(" "),
    });
    if let Some(refresh_token) = issued.refresh_token {
        body["refresh_token"] = json!(refresh_token);
        body["refresh_token_expires_in"] = json!(lives.refresh_ms / 1000);
    }
    body
}

/// Starts a device flow; the answer has no `code`.
pub(crate) fn device_authorization(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let fields = Fields::read(request, &["client_id", "scope"])?;
    let client_id = fields.required("client_id")?;
    let basic = request.authorization.as_deref().unwrap_or_default();
    let sent = basic.strip_prefix("Basic ").unwrap_or_default();
    let is_client = |app: &App| {
        let expected = format!("{}:{}", app.app_id, app.app_secret);
        app.app_id == client_id && STANDARD.encode(expected) == sent
    };
    if !state.enter_app_where(|one| is_client(&one.app)) {
        return Err(Refusal::oauth("invalid_client"));
    }
    let scope = fields.get("scope").unwrap_or_default();
    let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
    let known = &state.app().user_scopes;
    if scopes.iter().any(|scope| !known.contains(scope)) {
        return Err(Refusal::oauth("invalid_scope"));
    }
    let user_code = state.ids.hex()[..8].to_uppercase();
    let device = Device {
        user_code: user_code.clone(),
        scopes,
        issued_ms: state.now(),
        polled_ms: None,
        state: DeviceState::Pending,
    };
    let State { apps, ids, .. } = state;
    let device_code = apps.present_mut().grants.add_device(device, ids);
    let page = format!("http://{}/oauth/v1/device/verify", state.authority);
    Ok(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": DEVICE_LIFE_S,
        "interval": state.behaviour.consent.poll_interval.as_secs(),
    }))
}

/// The answer has no body.
pub(crate) fn revoke(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let known = ["client_id", "client_secret", "token", "token_type_hint"];
    let fields = Fields::read(request, &known)?;
    let (id, secret) = (
        fields.required("client_id")?,
        fields.required("client_secret")?,
    );
    enter_client(state, id, secret)?;
    let hint = fields.get("token_type_hint");
    if hint.is_some_and(|hint| !["access_token", "refresh_token"].contains(&hint)) {
        return Err(Refusal::oauth_code(20_063).violating("unknown `token_type_hint`"));
    }
    let revoked = state.grants_mut().revoke_token(fields.required("token")?);
    if let Some((open_id, tokens)) = revoked
        && state.behaviour.consent.own_revocations_are_reported
    {
        let envelope = state.revocation(&open_id, tokens, RevokedBy::User);
        let app = state.apps.index();
        state
            .to_push
            .extend(envelope.map(|envelope| (app, envelope)));
    }
    Ok(Value::Null)
}

/// Refusals have HTTP 200, also those of the token.
pub(crate) fn user_info(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let invalid = || Refusal::code(20_005);
    let token = request.bearer().ok_or_else(invalid)?;
    state.enter_app_where(|one| one.grants.access(token).is_some());
    let token = state.grants().access(token);
    let token = token.filter(|token| state.now() < token.expires_ms);
    let open_id = &token.ok_or_else(invalid)?.open_id;
    let person = state.people.get(open_id);
    let person = person.ok_or_else(|| Refusal::new(200, 20_008, "User not exist"))?;
    let avatar = "https://s1-imfile.feishucdn.com/simulated.png";
    Ok(super::success(json!({
        "name": person.name, "en_name": person.name,
        "avatar_url": avatar, "avatar_thumb": avatar, "avatar_middle": avatar, "avatar_big": avatar,
        "open_id": person.open_id, "union_id": person.union_id, "tenant_key": person.tenant_key,
    })))
}
