//! What members have granted to the app: codes, tokens of users, and device flows.

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::ids::Ids;
use crate::revocation::Revoked;

/// How long a code is valid (official page `obtain-oauth-code`).
const CODE_LIFE_MS: u64 = 5 * 60 * 1000;
/// How long a device code is valid, in seconds.
pub(crate) const DEVICE_LIFE_S: u64 = 240;
/// How long after the consent of the member refreshing ends (official page
/// `refresh-user-access-token`).
const CONSENT_LIFE_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// The scope without which there is no refresh token.
const OFFLINE: &str = "offline_access";

/// Codes and tokens by their text, consents by open id.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    consents: HashMap<String, Consent>,
    codes: HashMap<String, Code>,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    devices: HashMap<String, Device>,
    /// The tokens of each renewal, by the refresh token that was used.
    renewals: HashMap<String, Vec<String>>,
    /// Tokens with which a call was made.
    presented: HashSet<String>,
}

/// Scopes add up over the requests of one person.
#[derive(Debug)]
struct Consent {
    scopes: BTreeSet<String>,
    at_ms: u64,
}

/// A code to exchange.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) open_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) issued_ms: u64,
    pub(crate) is_used: bool,
}

/// A challenge of PKCE (RFC 7636).
#[derive(Clone, Debug)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

/// A token for calls in the name of a person.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) open_id: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires_ms: u64,
}

#[derive(Debug)]
struct RefreshToken {
    open_id: String,
    expires_ms: u64,
    state: RefreshState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefreshState {
    Fresh,
    Used,
    Revoked,
}

/// A device flow.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) user_code: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued_ms: u64,
    pub(crate) polled_ms: Option<u64>,
    pub(crate) state: DeviceState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeviceState {
    Pending,
    Consented(String),
    Denied,
    /// Its tokens were issued.
    Spent,
}

/// How long new tokens are valid, and whether a refresh token is issued, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    pub(crate) access_ms: u64,
    pub(crate) refresh_ms: u64,
    pub(crate) with_refresh: bool,
}

/// New tokens of a person.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
}

impl Challenge {
    pub(crate) fn accepts(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
        }
    }
}

impl Grants {
    /// All codes and tokens.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let tokens = self.access.keys().chain(self.refresh.keys());
        let codes = self.codes.keys().chain(self.devices.keys());
        tokens.chain(codes).cloned().collect()
    }

    pub(crate) fn consent(&mut self, open_id: &str, scopes: &[String], now_ms: u64) {
        let none = || Consent {
            scopes: BTreeSet::new(),
            at_ms: now_ms,
        };
        let consent = self.consents.entry(open_id.to_owned()).or_insert_with(none);
        consent.at_ms = now_ms;
        consent.scopes.extend(scopes.iter().cloned());
    }

    pub(crate) fn add_code(&mut self, code: Code, ids: &mut Ids) -> String {
        let text = ids.prefixed("code-");
        self.codes.insert(text.clone(), code);
        text
    }

    pub(crate) fn has_code(&self, text: &str) -> bool {
        self.codes.contains_key(text)
    }

    pub(crate) fn has_refresh(&self, text: &str) -> bool {
        self.refresh.contains_key(text)
    }

    /// Uses a code up, or tells why it cannot be used.
    pub(crate) fn use_code(&mut self, text: &str, now_ms: u64) -> Result<Code, i64> {
        let code = self.codes.get_mut(text).ok_or(20_003)?;
        if code.is_used {
            return Err(20_065);
        }
        if now_ms >= code.issued_ms + CODE_LIFE_MS {
            return Err(20_004);
        }
        let first = code.clone();
        code.is_used = true;
        Ok(first)
    }

    /// New tokens. The consent may have been withdrawn in the meantime.
    pub(crate) fn issue(
        &mut self,
        open_id: &str,
        lives: Lives,
        now_ms: u64,
        ids: &mut Ids,
    ) -> Result<Issued, i64> {
        let consent = self.consents.get(open_id).ok_or(20_064)?;
        let scopes = consent.scopes.clone();
        let access_token = ids.prefixed("eyJ-access-");
        self.access.insert(
            access_token.clone(),
            AccessToken {
                open_id: open_id.to_owned(),
                scopes: scopes.clone(),
                expires_ms: now_ms + lives.access_ms,
            },
        );
        let wants_refresh = lives.with_refresh && scopes.contains(OFFLINE);
        let refresh_token = wants_refresh.then(|| {
            let text = ids.prefixed("eyJ-refresh-");
            let token = RefreshToken {
                open_id: open_id.to_owned(),
                expires_ms: now_ms + lives.refresh_ms,
                state: RefreshState::Fresh,
            };
            self.refresh.insert(text.clone(), token);
            text
        });
        Ok(Issued {
            access_token,
            refresh_token,
            scopes,
        })
    }

    /// The person whose refresh token this is; `reused` is the code for a used one.
    pub(crate) fn check_refresh(
        &self,
        text: &str,
        reused: i64,
        now_ms: u64,
    ) -> Result<String, i64> {
        let token = self.refresh.get(text).ok_or(20_026)?;
        match token.state {
            RefreshState::Used => return Err(reused),
            RefreshState::Revoked => return Err(20_064),
            RefreshState::Fresh => {}
        }
        let consent = self.consents.get(&token.open_id).ok_or(20_064)?;
        if now_ms >= token.expires_ms || now_ms >= consent.at_ms + CONSENT_LIFE_MS {
            return Err(20_037);
        }
        Ok(token.open_id.clone())
    }

    pub(crate) fn note_renewal(&mut self, refresh: &str, issued: &Issued) {
        let access = Some(&issued.access_token);
        let tokens = access.into_iter().chain(&issued.refresh_token);
        let tokens = tokens.cloned().collect();
        self.renewals.insert(refresh.to_owned(), tokens);
    }

    pub(crate) fn note_presented(&mut self, token: &str) {
        self.presented.insert(token.to_owned());
    }

    pub(crate) fn is_renewal_presented(&self, refresh: &str) -> bool {
        let mut tokens = self.renewals.get(refresh).into_iter().flatten();
        tokens.any(|token| self.presented.contains(token))
    }

    pub(crate) fn use_refresh(&mut self, text: &str) {
        if let Some(token) = self.refresh.get_mut(text) {
            token.state = RefreshState::Used;
        }
    }

    /// Also an expired one.
    pub(crate) fn access(&self, text: &str) -> Option<&AccessToken> {
        self.access.get(text)
    }

    /// All access tokens expire; the refresh tokens stay valid.
    pub(crate) fn expire_access(&mut self, now_ms: u64) {
        for token in self.access.values_mut() {
            token.expires_ms = token.expires_ms.min(now_ms);
        }
    }

    /// Revokes an access token, or the grant of a refresh token, and returns whose it was. Unknown
    /// tokens are no error (RFC 7009).
    pub(crate) fn revoke_token(&mut self, text: &str) -> Option<(String, Revoked)> {
        if let Some(token) = self.access.remove(text) {
            return Some((token.open_id, Revoked::Access));
        }
        let open_id = self.refresh.get(text)?.open_id.clone();
        self.revoke(&open_id);
        Some((open_id, Revoked::Both))
    }

    /// Ends the grant of a person.
    pub(crate) fn revoke(&mut self, open_id: &str) {
        self.consents.remove(open_id);
        self.revoke_access(open_id);
        self.revoke_refresh(open_id);
    }

    pub(crate) fn revoke_access(&mut self, open_id: &str) {
        self.access.retain(|_, token| token.open_id != open_id);
    }

    pub(crate) fn revoke_refresh(&mut self, open_id: &str) {
        let mine = |token: &&mut RefreshToken| token.open_id == open_id;
        for token in self.refresh.values_mut().filter(mine) {
            token.state = RefreshState::Revoked;
        }
    }

    pub(crate) fn add_device(&mut self, device: Device, ids: &mut Ids) -> String {
        let text = ids.prefixed("device-");
        self.devices.insert(text.clone(), device);
        text
    }

    pub(crate) fn device(&mut self, device_code: &str) -> Option<&mut Device> {
        self.devices.get_mut(device_code)
    }

    /// The device flow that a person types the code of.
    pub(crate) fn device_of(&self, user_code: &str) -> Option<&Device> {
        let mut devices = self.devices.values();
        devices.find(|device| device.user_code == user_code)
    }

    pub(crate) fn device_of_mut(&mut self, user_code: &str) -> Option<&mut Device> {
        let mut devices = self.devices.values_mut();
        devices.find(|device| device.user_code == user_code)
    }

    /// The scopes that a person has granted, in order.
    pub(crate) fn scopes_of(&self, open_id: &str) -> Vec<String> {
        let consent = self.consents.get(open_id);
        consent.map_or_else(Vec::new, |consent| consent.scopes.iter().cloned().collect())
    }
}

impl Device {
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        now_ms >= self.issued_ms + DEVICE_LIFE_S * 1000
    }
}
