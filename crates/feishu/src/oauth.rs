//! Consent of members: what is asked for and what is granted.
//!
//! Official pages `authentication-management/access-token/{obtain-oauth-code,get-user-access-token,
//! refresh-user-access-token}` and `login-state-management/get`. The device flow and the
//! revocation are on no page; they are as the official command line client uses them.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::token::{is_usable, life};
use crate::wire::{optional_id, or_default, seconds};
use crate::{OpenId, TenantKey, UnionId};

/// The most scopes of one request. Grants of one member add up over several.
pub const MAX_SCOPES: usize = 50;

/// The life of a device code that states none, as in the official command line client.
const DEVICE_LIFE: Duration = Duration::from_mins(4);
/// The time between two polls if none is stated.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

/// 256 random bits as 43 characters, for a `state` or a verifier.
pub fn random_secret() -> Result<SecretString, NoRandomness> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode_to_string(bytes).into())
}

/// The accounts host that belongs to a base URL of the platform: `https://accounts.feishu.cn` or
/// `https://accounts.larksuite.com`. For any other, as of a simulator, the same URL.
pub fn accounts_url(base_url: &str) -> String {
    match base_url.trim_end_matches('/') {
        "https://open.feishu.cn" => "https://accounts.feishu.cn".to_owned(),
        "https://open.larksuite.com" => "https://accounts.larksuite.com".to_owned(),
        _ => base_url.to_owned(),
    }
}

/// The secret that binds a code to the one who asked for it (PKCE, RFC 7636).
#[derive(Debug, Clone)]
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// A new one.
    pub fn random() -> Result<Self, NoRandomness> {
        random_secret().map(Self)
    }

    /// One that was stored. The platform accepts 43 to 128 characters.
    pub fn stored(verifier: SecretString) -> Self {
        Self(verifier)
    }

    /// For storage.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The challenge of the method `S256`.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode_to_string(Sha256::digest(self.0.expose_secret()))
    }
}

/// What a member is asked to consent to, for [`Client::authorize_url`](crate::Client::authorize_url).
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// Registered in the developer console, character for character.
    pub redirect_uri: &'a str,
    /// At most [`MAX_SCOPES`]; `offline_access` is needed for a refresh token.
    pub scopes: &'a [&'a str],
    /// Comes back with the code, and has to be accepted only once and only from that member.
    pub state: &'a str,
    /// Needed again for the exchange.
    pub verifier: &'a CodeVerifier,
}

/// A code to exchange for tokens.
#[derive(Debug, Clone, Copy)]
pub struct CodeExchange<'a> {
    /// From the redirect; valid once, for five minutes.
    pub code: &'a SecretString,
    /// That of the [`AuthorizationRequest`].
    pub redirect_uri: &'a str,
    /// That of the [`AuthorizationRequest`].
    pub verifier: &'a CodeVerifier,
}

/// The tokens of a grant.
#[derive(Debug, Clone)]
pub struct UserTokens {
    /// For calls in the name of the member.
    pub access_token: SecretString,
    /// How long it is valid from the request on.
    pub expires_in: Duration,
    /// `None` without `offline_access`. A refresh may return none, too: then the one that was used
    /// stays valid.
    pub refresh_token: Option<RefreshToken>,
    /// What the member granted, which may be less than was asked for.
    pub scopes: Vec<String>,
}

/// A token that is exchanged once for new tokens.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    /// The token.
    pub value: SecretString,
    /// How long it is valid from the request on; `None` if the platform does not say.
    pub expires_in: Option<Duration>,
}

/// A started device flow.
#[derive(Debug, Clone)]
pub struct DeviceAuthorization {
    /// For [`Client::poll_device_flow`](crate::Client::poll_device_flow).
    pub device_code: SecretString,
    /// What the member types at [`DeviceAuthorization::verification_uri`].
    pub user_code: String,
    /// The page on which the member consents.
    pub verification_uri: String,
    /// The same page, with the code filled in.
    pub verification_uri_complete: String,
    /// How long the codes are valid.
    pub expires_in: Duration,
    /// The least time between two polls.
    pub interval: Duration,
}

/// The state of a device flow.
#[derive(Debug, Clone)]
pub enum DevicePoll {
    /// The member consented.
    Granted(UserTokens),
    /// The member has not decided yet.
    Pending,
    /// As [`DevicePoll::Pending`], and the interval has to grow by five seconds.
    SlowDown,
    /// The member refused.
    Denied,
    /// The codes have expired or are unknown.
    Expired,
}

/// The kind of a token to revoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// Only this access token.
    AccessToken,
    /// The whole grant.
    RefreshToken,
}

impl TokenTypeHint {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// The member to whom a token belongs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserInfo {
    /// The id for this app.
    pub open_id: OpenId,
    /// The id for all apps of this developer.
    #[serde(default, deserialize_with = "optional_id")]
    pub union_id: Option<UnionId>,
    /// The member's tenant.
    pub tenant_key: TenantKey,
    /// The display name; empty if absent.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
}

/// The answer of the token endpoint.
#[derive(Deserialize)]
pub(crate) struct WireTokens {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<SecretString>,
    #[serde(default)]
    refresh_token_expires_in: Value,
    #[serde(default, deserialize_with = "or_default")]
    scope: String,
}

impl WireTokens {
    /// `None` without a usable access token.
    pub(crate) fn read(self) -> Option<UserTokens> {
        let refresh_expires_in = seconds(&self.refresh_token_expires_in);
        let refresh_token = self.refresh_token;
        let refresh_token = refresh_token.filter(|token| !token.expose_secret().trim().is_empty());
        is_usable(&self.access_token).then(|| UserTokens {
            expires_in: life(&self.expires_in),
            access_token: self.access_token,
            refresh_token: refresh_token.map(|value| RefreshToken {
                value,
                expires_in: refresh_expires_in,
            }),
            scopes: self.scope.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// The answer to the start of a device flow.
#[derive(Deserialize)]
pub(crate) struct WireDevice {
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    #[serde(default, deserialize_with = "or_default")]
    verification_uri_complete: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    interval: Value,
}

impl From<WireDevice> for DeviceAuthorization {
    fn from(wire: WireDevice) -> Self {
        let complete = wire.verification_uri_complete;
        Self {
            device_code: wire.device_code,
            user_code: wire.user_code,
            verification_uri_complete: if complete.is_empty() {
                wire.verification_uri.clone()
            } else {
                complete
            },
            verification_uri: wire.verification_uri,
            expires_in: seconds(&wire.expires_in).unwrap_or(DEVICE_LIFE),
            interval: seconds(&wire.interval).unwrap_or(POLL_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tokens(wire: Value) -> Option<UserTokens> {
        serde_json::from_value::<WireTokens>(wire).ok()?.read()
    }

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = CodeVerifier::stored("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(
            verifier.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn verifiers_are_long_and_differ() {
        let [one, other] = [(); 2].map(|()| CodeVerifier::random().unwrap());
        let text = one.secret().expose_secret();
        assert_eq!(text.len(), 43);
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
        assert_ne!(text, other.secret().expose_secret());
        assert!(!format!("{one:?}").contains(text));
    }

    #[test]
    fn each_brand_has_its_accounts_host() {
        for (base, accounts) in [
            ("https://open.feishu.cn", "https://accounts.feishu.cn"),
            ("https://open.feishu.cn/", "https://accounts.feishu.cn"),
            (
                "https://open.larksuite.com",
                "https://accounts.larksuite.com",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(accounts_url(base), accounts);
        }
    }

    #[test]
    fn tokens_are_read_with_or_without_refresh() {
        let full = tokens(json!({
            "code": 0, "access_token": "eyJa", "expires_in": 7200, "refresh_token": "eyJr",
            "refresh_token_expires_in": "604800", "token_type": "Bearer",
            "scope": "im:chat  offline_access",
        }));
        let full = full.unwrap();
        assert_eq!(full.expires_in, Duration::from_hours(2));
        assert_eq!(full.scopes, ["im:chat", "offline_access"]);
        let refresh = full.refresh_token.unwrap();
        assert_eq!(refresh.expires_in, Some(Duration::from_hours(168)));
        for refresh in [json!(null), json!("")] {
            let wire = json!({ "access_token": "eyJa", "refresh_token": refresh, "scope": null });
            assert!(tokens(wire).unwrap().refresh_token.is_none());
        }
        assert!(tokens(json!({ "access_token": "" })).is_none());
        assert!(tokens(json!({ "access_token": "a\nb" })).is_none());
        assert!(tokens(json!({})).is_none());
    }

    #[test]
    fn a_device_flow_has_defaults() {
        let wire = json!({
            "device_code": "d", "user_code": "U", "verification_uri": "https://example.com/v",
        });
        let flow: DeviceAuthorization = serde_json::from_value::<WireDevice>(wire).unwrap().into();
        assert_eq!(flow.verification_uri_complete, "https://example.com/v");
        assert_eq!(flow.expires_in, Duration::from_mins(4));
        assert_eq!(flow.interval, Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn reading_tokens_never_panics(life in any::<f64>(), scope in ".*", token in ".*") {
            let wire = json!({
                "access_token": token, "expires_in": life, "scope": scope,
                "refresh_token": token, "refresh_token_expires_in": life.to_string(),
            });
            if let Some(read) = tokens(wire) {
                prop_assert!(read.expires_in <= Duration::from_hours(24));
                prop_assert!(read.scopes.iter().all(|scope| !scope.is_empty()));
                let printed = format!("{read:?}");
                prop_assert!(token.len() < 8 || !printed.contains(&token));
            }
        }
    }
}
