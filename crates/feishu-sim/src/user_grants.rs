//! What people do with their grants: consent, refuse and revoke.

use reqwest::Url;
use serde_json::json;

use crate::consent::Decision;
use crate::people::Person;
use crate::push::Push;
use crate::request::query_of;
use crate::simulator::Simulator;

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

    /// A person ends the grant in the client, and the platform reports it.
    pub fn revoke_grant(&self, person: &Person) -> Push {
        self.forget_grant(person);
        let event = json!({
            "revoke_token_type": "user_access_token refresh_token",
            "revoke_reason": "revoked by user",
            "open_id": person.open_id, "union_id": person.union_id, "user_id": person.user_id,
        });
        self.push_event("auth.user_access_token.revoked_v4", &event)
    }
}
