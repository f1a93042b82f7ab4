//! The pages on which a person consents (official page `obtain-oauth-code`), and the effects of a
//! decision.

use reqwest::Url;

use crate::grants::{Challenge, Code, DeviceState};
use crate::state::State;

/// The most scopes of one request.
const MOST_SCOPES: usize = 50;

/// What a person does on a page of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Grants all that is asked for, except what
    /// [`ConsentBehaviour`](crate::ConsentBehaviour) withholds.
    Consent,
    /// Refuses.
    Refuse,
}

/// What the link to the page asks for.
struct Asked {
    redirect_uri: Url,
    scopes: Vec<String>,
    state: Option<String>,
    challenge: Option<Challenge>,
}

impl Asked {
    /// Fails with the code that the page shows.
    fn read(state: &mut State, query: &[(String, String)]) -> Result<Self, i64> {
        let get = |name: &str| {
            let mut values = query.iter().filter(|(key, _)| key == name);
            values.next().map(|(_, value)| value.as_str())
        };
        if !state.apps.enter_id(get("client_id").unwrap_or_default()) {
            return Err(20_048);
        }
        let app = state.app();
        if get("response_type") != Some("code") {
            return Err(20_001);
        }
        let redirect_uri = Url::parse(get("redirect_uri").unwrap_or_default());
        let redirect_uri = redirect_uri.map_err(|_| 20_029)?;
        let mut bare = redirect_uri.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        if !app.redirect_uris.iter().any(|uri| uri == bare.as_str()) {
            return Err(20_029);
        }
        let scope = get("scope").unwrap_or_default();
        let scopes: Vec<String> = scope.split(' ').map(str::to_owned).collect();
        let scopes: Vec<String> = scopes.into_iter().filter(|one| !one.is_empty()).collect();
        if scopes.len() > MOST_SCOPES {
            return Err(20_043);
        }
        if scopes.iter().any(|one| !app.user_scopes.contains(one)) {
            return Err(20_027);
        }
        let challenge = get("code_challenge").map(str::to_owned);
        let challenge = challenge.map(|text| match get("code_challenge_method") {
            Some("S256") => Challenge::S256(text),
            _ => Challenge::Plain(text),
        });
        Ok(Self {
            redirect_uri,
            scopes,
            state: get("state").map(str::to_owned),
            challenge,
        })
    }
}

impl State {
    /// Checks a link to the page of consent, and returns the scopes that it asks for.
    pub(crate) fn scopes_asked(&mut self, query: &[(String, String)]) -> Result<Vec<String>, i64> {
        Asked::read(self, query).map(|asked| asked.scopes)
    }

    /// The scopes of a device flow, whose app becomes present.
    pub(crate) fn scopes_of_device(&mut self, user_code: &str) -> Result<Vec<String>, i64> {
        let now_ms = self.now();
        self.apps
            .enter_where(|one| one.grants.device_of(user_code).is_some());
        let device = self.grants().device_of(user_code);
        let device = device.filter(|device| !device.is_expired(now_ms));
        let pending = device.filter(|device| device.state == DeviceState::Pending);
        pending.map(|device| device.scopes.clone()).ok_or(20_003)
    }

    /// A decision on the page of consent; returns where the page redirects to.
    pub(crate) fn decide(
        &mut self,
        query: &[(String, String)],
        open_id: &str,
        decision: Decision,
    ) -> Result<String, i64> {
        let asked = Asked::read(self, query)?;
        let mut target = asked.redirect_uri.clone();
        if self.grant(open_id, &asked.scopes, decision) {
            let code = Code {
                open_id: open_id.to_owned(),
                redirect_uri: asked.redirect_uri.into(),
                challenge: asked.challenge,
                issued_ms: self.now(),
                is_used: false,
            };
            let Self { apps, ids, .. } = self;
            let code = apps.present_mut().grants.add_code(code, ids);
            target.query_pairs_mut().append_pair("code", &code);
        } else {
            let denied = ("error", "access_denied");
            target.query_pairs_mut().append_pair(denied.0, denied.1);
        }
        if let Some(state) = asked.state {
            target.query_pairs_mut().append_pair("state", &state);
        }
        Ok(target.into())
    }

    /// A decision on the page of a device flow.
    pub(crate) fn decide_device(
        &mut self,
        user_code: &str,
        open_id: &str,
        decision: Decision,
    ) -> Result<(), i64> {
        let scopes = self.scopes_of_device(user_code)?;
        let is_granted = self.grant(open_id, &scopes, decision);
        if let Some(device) = self.grants_mut().device_of_mut(user_code) {
            device.state = if is_granted {
                DeviceState::Consented(open_id.to_owned())
            } else {
                DeviceState::Denied
            };
        }
        Ok(())
    }

    fn grant(&mut self, open_id: &str, scopes: &[String], decision: Decision) -> bool {
        let rules = &self.behaviour.consent;
        if decision == Decision::Refuse || rules.is_refused {
            return false;
        }
        let mut scopes = scopes.to_vec();
        scopes.retain(|scope| !rules.withheld_scopes.contains(scope));
        let now_ms = self.now();
        self.grants_mut().consent(open_id, &scopes, now_ms);
        true
    }
}
