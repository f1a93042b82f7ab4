//! The event of revoked tokens of a user.
//!
//! Official page `auth-v4/revoked`.

use serde_json::value::RawValue;

use crate::lenient::Json;
use crate::person::PersonIds;

/// The event type of revoked tokens.
pub const USER_TOKEN_REVOKED: &str = "auth.user_access_token.revoked_v4";

/// Tokens of a user were revoked, `auth.user_access_token.revoked_v4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTokenRevoked {
    /// The user.
    pub user: PersonIds,
    /// Which tokens.
    pub tokens: RevokedTokens,
    /// Who or what revoked them, in the platform's words; empty if absent.
    pub reason: String,
}

/// The tokens that were revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedTokens {
    /// Access tokens; the refresh token is still valid.
    Access,
    /// The refresh token, perhaps with access tokens: the grant has ended. Unknown types count as
    /// this one.
    Grant,
}

impl UserTokenRevoked {
    /// Reads the `event` object; `None` without any id of the user.
    pub fn read(event: &RawValue) -> Option<Self> {
        let event = Json::from(event);
        let user = PersonIds::read(event);
        if user == PersonIds::default() {
            return None;
        }
        let [kind, reason] = event.fields(["revoke_token_type", "revoke_reason"]);
        let kind = kind.and_then(Json::text).unwrap_or_default();
        Some(Self {
            user,
            tokens: if kind == "user_access_token" {
                RevokedTokens::Access
            } else {
                RevokedTokens::Grant
            },
            reason: reason.and_then(Json::text).unwrap_or_default().into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    fn read(event: &Value) -> Option<UserTokenRevoked> {
        UserTokenRevoked::read(&to_raw_value(event).unwrap())
    }

    #[test]
    fn a_revocation_tells_whether_the_grant_ended() {
        for (kind, tokens) in [
            (json!("user_access_token"), RevokedTokens::Access),
            (json!("refresh_token"), RevokedTokens::Grant),
            (
                json!("user_access_token refresh_token"),
                RevokedTokens::Grant,
            ),
            (json!("something new"), RevokedTokens::Grant),
            (json!(null), RevokedTokens::Grant),
        ] {
            let event = read(&json!({
                "revoke_token_type": kind, "revoke_reason": "revoked by user",
                "open_id": "ou_1", "union_id": "on_1", "user_id": null,
            }));
            let event = event.unwrap();
            assert_eq!(event.tokens, tokens, "{kind}");
            assert_eq!(event.reason, "revoked by user");
            assert_eq!(event.user.open_id.unwrap().as_str(), "ou_1");
        }
    }

    #[test]
    fn a_revocation_without_a_user_is_none() {
        for event in [json!({}), json!({ "open_id": "" }), json!([])] {
            assert_eq!(read(&event), None, "{event}");
        }
    }
}
