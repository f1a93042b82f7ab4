//! What people do with their grants: consent, refuse and revoke (official page `auth-v4/revoked`).

use reqwest::Url;
use serde_json::{Value, json};

use crate::consent::Decision;
use crate::grants::Grants;
use crate::people::Person;
use crate::push::Push;
use crate::request::query_of;
use crate::revocation::{Revoked, RevokedBy};
use crate::simulator::Simulator;
use crate::state::State;

/// The scope for the event of a revocation.
const REVOCATIONS: &str = "auth:user_access_token:read";

impl Simulator {
    /// A person opens a link to the page of consent and decides. Returns where the page redirects
    /// to, or the code that it shows instead.
    pub fn decide(&self, link: &str, person: &Person, decision: Decision) -> Result<String, i64> {
        let query = Url::parse(link).map_or_else(|_| Vec::new(), |url| query_of(&url));
        self.change(|state| state.decide(&query, &person.open_id, decision))
    }

    /// A person opens the link of a device flow and decides. Fails with the code that the page
    /// shows.
    pub fn decide_device(
        &self,
        link: &str,
        person: &Person,
        decision: Decision,
    ) -> Result<(), i64> {
        let query = Url::parse(link).map_or_else(|_| Vec::new(), |url| query_of(&url));
        let user_code = query.into_iter().find(|(name, _)| name == "user_code");
        let user_code = user_code.map(|(_, code)| code).unwrap_or_default();
        self.change(|state| state.decide_device(&user_code, &person.open_id, decision))
    }

    /// The scopes that a person has granted, in order.
    pub fn granted_scopes(&self, person: &Person) -> Vec<String> {
        self.read(|state| state.grants().scopes_of(&person.open_id))
    }

    /// Every code and token that was issued for a person, for searches in logs and files.
    pub fn user_secrets(&self) -> Vec<String> {
        self.read(|state| state.grants().secrets())
    }

    /// All access tokens of users expire; refresh tokens stay valid.
    pub fn expire_user_tokens(&self) {
        self.change(|state| {
            let now_ms = state.now();
            state.grants_mut().expire_access(now_ms);
        });
    }

    /// Whether a call was made with one of the tokens for which this refresh token was exchanged.
    pub fn is_renewal_used(&self, refresh_token: &str) -> bool {
        self.read(|state| state.grants().is_renewal_presented(refresh_token))
    }

    /// Ends the grant of a person without an event.
    pub fn forget_grant(&self, person: &Person) {
        self.change(|state| state.grants_mut().revoke(&person.open_id));
    }

    /// A person ends the grant in the client, and the platform reports it. `None` if the app may not
    /// receive the event.
    pub fn revoke_grant(&self, person: &Person) -> Option<Push> {
        self.revoke(person, Revoked::Both, RevokedBy::User)
    }

    /// Somebody or something revokes tokens of a person, and the platform reports it. `None` if the
    /// app may not receive the event.
    pub fn revoke(&self, person: &Person, tokens: Revoked, by: RevokedBy) -> Option<Push> {
        let envelope = self.change(|state| {
            match tokens {
                Revoked::Access => state.grants_mut().revoke_access(&person.open_id),
                Revoked::Refresh => state.grants_mut().revoke_refresh(&person.open_id),
                Revoked::Both => state.grants_mut().revoke(&person.open_id),
            }
            state.revocation(&person.open_id, tokens, by)
        })?;
        Some(self.shared.push(self.app, envelope, None))
    }
}

impl State {
    pub(crate) fn grants(&self) -> &Grants {
        &self.apps.present().grants
    }

    pub(crate) fn grants_mut(&mut self) -> &mut Grants {
        &mut self.apps.present_mut().grants
    }

    /// Whether a code or token was issued to another app than the present one.
    pub(crate) fn belongs_to_another(&self, is_known: impl Fn(&Grants) -> bool) -> bool {
        let mut others = self.apps.indices().filter(|app| *app != self.apps.index());
        others.any(|app| is_known(&self.apps.get(app).grants))
    }

    /// The envelope of a revocation, if the app may receive it.
    pub(crate) fn revocation(
        &mut self,
        open_id: &str,
        tokens: Revoked,
        by: RevokedBy,
    ) -> Option<Value> {
        let person = self.people.get(open_id)?;
        let event_type = "auth.user_access_token.revoked_v4";
        if !self.app().has_scope(REVOCATIONS) || !self.app().receives(event_type) {
            return None;
        }
        let mut event = person.ids_among(&self.app().sender_ids);
        event["revoke_token_type"] = json!(tokens.wire());
        event["revoke_reason"] = json!(by.wire());
        Some(self.envelope(event_type, &event))
    }
}
