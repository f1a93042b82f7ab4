//! The endpoint for creating an app (see [`crate::registrations`]).

use serde_json::{Value, json};

use crate::clock::millis;
use crate::refusal::Refusal;
use crate::registrations::{LarkReport, RegistrationState};
use crate::request::{Request, form_fields};
use crate::state::State;

const ARCHETYPE: &str = "PersonalAgent";
const SECRET: &str = "client_secret";

struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        let found = fields.find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    fn check_names(&self, known: &[&str]) -> Result<(), Refusal> {
        let unknown = self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |(name, _)| {
            Err(invalid(&format!("unknown field `{name}`")))
        })
    }

    fn check(&self, name: &str, expected: &str) -> Result<(), Refusal> {
        let sent = self.get(name);
        if sent == expected {
            return Ok(());
        }
        Err(invalid(&format!("`{name}` is `{sent}`")))
    }
}

/// One endpoint for all steps, which the form names.
pub(crate) fn register(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    if !request.is_form() {
        return Err(invalid("not a form"));
    }
    let form = Form(form_fields(&request.body));
    match form.get("action") {
        "init" => init(&form),
        "begin" => begin(state, &form),
        "poll" => poll(state, &form),
        _ => Err(invalid("unknown action")),
    }
}

/// The SDK for Python sends only the action.
fn init(form: &Form) -> Result<Value, Refusal> {
    form.check_names(&["action", "archetype"])?;
    Ok(json!({"nonce": "simulated", "supported_auth_methods": [SECRET, "private_key_jwt"]}))
}

fn begin(state: &mut State, form: &Form) -> Result<Value, Refusal> {
    form.check_names(&["action", "archetype", "auth_method", "request_user_info"])?;
    form.check("archetype", ARCHETYPE)?;
    form.check("auth_method", SECRET)?;
    let asked = form.get("request_user_info");
    if asked
        .split(' ')
        .any(|name| !["open_id", "tenant_brand"].contains(&name))
    {
        return Err(invalid("unknown user info"));
    }
    let now_ms = state.now();
    let State {
        registrations,
        ids,
        authority,
        behaviour,
        ..
    } = state;
    let rules = &behaviour.registration;
    let (device_code, user_code) = registrations.begin(now_ms + millis(rules.life), ids);
    let page = format!("http://{authority}/page/launcher");
    Ok(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        (rules.life_field): rules.life.as_secs(),
        "interval": rules.poll_interval.as_secs(),
    }))
}

fn poll(state: &mut State, form: &Form) -> Result<Value, Refusal> {
    form.check_names(&["action", "device_code"])?;
    let now_ms = state.now();
    let rules = state.behaviour.registration.clone();
    let flow = state.registrations.polled(form.get("device_code"));
    let flow = flow.ok_or_else(|| Refusal::oauth("invalid_grant"))?;
    let polled_ms = flow.polled_ms.replace(now_ms);
    let lark = rules.lark.filter(|_| !flow.is_lark_reported);
    match flow.state.clone() {
        RegistrationState::Refused => Err(Refusal::oauth("access_denied")),
        RegistrationState::Spent => Err(Refusal::oauth("invalid_grant")),
        RegistrationState::Confirmed { app, open_id } => {
            flow.is_lark_reported = true;
            let brand = if rules.lark.is_some() {
                "lark"
            } else {
                "feishu"
            };
            let user = json!({"open_id": open_id, "tenant_brand": brand});
            if lark == Some(LarkReport::Pending) {
                return Err(pending(
                    "authorization_pending",
                    rules.pending_status,
                    &user,
                ));
            }
            let has_secret = !rules.without_secret && lark != Some(LarkReport::AppId);
            if has_secret && lark.is_none() {
                flow.state = RegistrationState::Spent;
            }
            let app = &state.apps.get(app).app;
            let method = if rules.without_secret {
                "private_key_jwt"
            } else {
                SECRET
            };
            let mut body = json!({
                "client_id": app.app_id, "auth_method": [method], "user_info": user,
            });
            if has_secret {
                body["client_secret"] = json!(app.app_secret);
            }
            Ok(body)
        }
        RegistrationState::Pending if now_ms >= flow.expires_ms => {
            Err(Refusal::oauth("expired_token"))
        }
        RegistrationState::Pending => {
            let soonest_ms = polled_ms.map_or(0, |at| at + millis(rules.poll_interval));
            let error = if now_ms < soonest_ms {
                "slow_down"
            } else {
                "authorization_pending"
            };
            Err(pending(error, rules.pending_status, &Value::Null))
        }
    }
}

fn pending(error: &str, status: u16, user: &Value) -> Refusal {
    let mut refusal = Refusal::oauth(error);
    refusal.status = status;
    if !user.is_null() {
        refusal.error = json!({"user_info": user});
    }
    refusal
}

fn invalid(what: &str) -> Refusal {
    Refusal::oauth("invalid_request").violating(what)
}
