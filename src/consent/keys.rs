//! Encryption of members' tokens.

use feishu::UserTokens;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::model::grant::{Grant, Member, SealedTokens};
use crate::model::job::Tenant;
use crate::sealed::TokenKeys;

/// The keys, each value bound to its member and use.
pub(crate) struct GrantKeys(TokenKeys);

const ACCESS: &str = "access";
const REFRESH: &str = "refresh";

/// The key with which a grant is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAge {
    Current,
    Previous,
    /// The grant cannot be used.
    Unknown,
}

/// Binds an encrypted value to its member and use: a row that is copied to another member cannot be
/// opened.
pub(super) fn context(member: &Member, r#use: &str) -> String {
    let Tenant { app, key } = &member.tenant;
    [app, key.as_str(), member.person.as_str(), r#use].join("\n")
}

impl GrantKeys {
    pub(crate) fn new(keys: TokenKeys) -> Self {
        Self(keys)
    }

    /// For other values than tokens.
    pub(super) fn others(&self) -> &TokenKeys {
        &self.0
    }

    pub(super) fn has_previous(&self) -> bool {
        self.0.has_previous()
    }

    pub(super) fn open_access(
        &self,
        member: &Member,
        tokens: &SealedTokens,
    ) -> Option<SecretString> {
        self.0.open(&tokens.access, &context(member, ACCESS))
    }

    pub(super) fn open_refresh(
        &self,
        member: &Member,
        tokens: &SealedTokens,
    ) -> Option<SecretString> {
        let sealed = tokens.refresh.as_deref()?;
        self.0.open(sealed, &context(member, REFRESH))
    }

    fn seal(
        &self,
        member: &Member,
        access: &SecretString,
        refresh: Option<&SecretString>,
        access_expires_at: Timestamp,
    ) -> Option<SealedTokens> {
        Some(SealedTokens {
            access: self.0.seal(access, &context(member, ACCESS))?,
            refresh: match refresh {
                Some(token) => Some(self.0.seal(token, &context(member, REFRESH))?),
                None => None,
            },
            access_expires_at,
        })
    }

    /// `kept` is the refresh token that stays valid if the platform returned none.
    pub(super) fn seal_tokens(
        &self,
        member: &Member,
        tokens: &UserTokens,
        asked_at: Timestamp,
        kept: Option<&SecretString>,
    ) -> Option<SealedTokens> {
        let refresh = tokens.refresh_token.as_ref().map(|token| &token.value);
        let expires_at = asked_at + tokens.expires_in;
        self.seal(member, &tokens.access_token, refresh.or(kept), expires_at)
    }

    pub(crate) fn age(&self, member: &Member, grant: &Grant) -> KeyAge {
        let (access, context) = (&grant.tokens.access, context(member, ACCESS));
        if self.0.is_current(access, &context) {
            KeyAge::Current
        } else if self.0.open(access, &context).is_some() {
            KeyAge::Previous
        } else {
            KeyAge::Unknown
        }
    }

    /// The same tokens, encrypted with the current key; `None` if their key is unknown.
    pub(super) fn seal_again(
        &self,
        member: &Member,
        tokens: &SealedTokens,
    ) -> Option<SealedTokens> {
        let access = self.open_access(member, tokens)?;
        let refresh = self.open_refresh(member, tokens);
        self.seal(member, &access, refresh.as_ref(), tokens.access_expires_at)
    }
}
