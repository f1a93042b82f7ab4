//! What people do with their grants: consent, refuse and revoke (official page `auth-v4/revoked`).

use reqwest::Url;
use serde_json::{Value, json};

use crate::consent::Decision;
use crate::people::Person;
use crate::push::Push;
use crate::request::query_of;
use crate::simulator::Simulator;
use crate::state::State;

/// The scope for the event of a revocation.
const REVOCATIONS: &str = "auth:user_access_token:read";

/// The tokens that a revocation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The access tokens; the refresh token stays valid.
    Access,
    /// The refresh token; access tokens stay valid until they expire.
    Refresh,
    /// All of them, and the consent.
    Both,
}

/// Who or what revokes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedBy {
    /// The platform does not say.
    Unknown,
    /// The person, in the client.
    User,
    /// An admin of the tenant.
    Administrator,
    /// The platform's security.
    RiskControl,
    /// The person left, was frozen, or the app is not available to them any more.
    Restriction,
}

impl Revoked {
    fn wire(self) -> &'static str {
        match self {
            Self::Access => "user_access_token",
            Self::Refresh => "refresh_token",
            Self::Both => "user_access_token refresh_token",
        }
    }
}

impl RevokedBy {
    fn wire(self) -> &'static str {
        match self {
            Self::Unknown => "Revoked by unknown action.",
            Self::User => "Revoked by user action.",
            Self::Administrator => "Revoked by administrator action.",
            Self::RiskControl => "Revoked by security and risk control action.",
            Self::Restriction => "Revoked by restriction action.",
        }
    }
}

impl Simulator {
    /// A person opens a link to the page of consent and decides. Returns where the page redirects
    /// to, or the code that it shows instead.
    pub fn decide(&self, link: &str, person: &Person, decision: Decision) -> Result<String, i64> {
        let query = Url::parse(link).map_or_else(|_| Vec::new(), |url| query_of(&url));
        self.shared
            .change(|state| state.decide(&query, &person.open_id, decision))
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
        self.shared
            .change(|state| state.decide_device(&user_code, &person.open_id, decision))
    }

    /// The scopes that a person has granted, in order.
    pub fn granted_scopes(&self, person: &Person) -> Vec<String> {
        self.read(|state| state.grants.scopes_of(&person.open_id))
    }

    /// All access tokens of users expire; refresh tokens stay valid.
    pub fn expire_user_tokens(&self) {
        self.shared.change(|state| {
            let now_ms = state.now();
            state.grants.expire_access(now_ms);
        });
    }

    /// Ends the grant of a person without an event.
    pub fn forget_grant(&self, person: &Person) {
        self.shared
            .change(|state| state.grants.revoke(&person.open_id));
    }

    /// A person ends the grant in the client, and the platform reports it. `None` if the app may not
    /// receive the event.
    pub fn revoke_grant(&self, person: &Person) -> Option<Push> {
        self.revoke(person, Revoked::Both, RevokedBy::User)
    }

    /// Somebody or something revokes tokens of a person, and the platform reports it. `None` if the
    /// app may not receive the event.
    pub fn revoke(&self, person: &Person, tokens: Revoked, by: RevokedBy) -> Option<Push> {
        let envelope = self.shared.change(|state| {
            match tokens {
                Revoked::Access => state.grants.revoke_access(&person.open_id),
                Revoked::Refresh => state.grants.revoke_refresh(&person.open_id),
                Revoked::Both => state.grants.revoke(&person.open_id),
            }
            state.revocation(&person.open_id, tokens, by)
        })?;
        Some(self.shared.push(envelope, None))
    }
}

impl State {
    /// The envelope of a revocation, if the app may receive it.
    pub(crate) fn revocation(
        &mut self,
        open_id: &str,
        tokens: Revoked,
        by: RevokedBy,
    ) -> Option<Value> {
        let person = self.people.get(open_id)?;
        if !self.app.has_scope(REVOCATIONS) {
            return None;
        }
        let mut event = person.ids_among(&self.app.sender_ids);
        event["revoke_token_type"] = json!(tokens.wire());
        event["revoke_reason"] = json!(by.wire());
        Some(self.envelope("auth.user_access_token.revoked_v4", &event))
    }
}
