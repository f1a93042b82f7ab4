//! Encryption of members' tokens.

use feishu::UserTokens;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::model::grant::{Grant, Member, SealedTokens};
use crate::model::job::Tenant;
use crate::sealed::TokenKeys;

/// The keys, each value bound to its member and use.
pub(crate) struct GrantKeys(TokenKeys);

/// Where a token is used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    Access,
    Refresh,
}

/// The key with which a grant is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAge {
    Current,
    Previous,
    /// The grant cannot be used.
    Unknown,
}

impl GrantKeys {
    pub(crate) fn new(keys: TokenKeys) -> Self {
        Self(keys)
    }

    pub(super) fn has_previous(&self) -> bool {
        self.0.has_previous()
    }

    pub(super) fn seal(&self, member: &Member, r#use: Use, token: &SecretString) -> Option<String> {
        self.0.seal(token, &context(member, r#use))
    }

    pub(super) fn open(&self, member: &Member, r#use: Use, sealed: &str) -> Option<SecretString> {
        self.0.open(sealed, &context(member, r#use))
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
        Some(SealedTokens {
            access: self.seal(member, Use::Access, &tokens.access_token)?,
            refresh: match refresh.or(kept) {
                Some(token) => Some(self.seal(member, Use::Refresh, token)?),
                None => None,
            },
            access_expires_at: asked_at + tokens.expires_in,
        })
    }

    pub(crate) fn age(&self, member: &Member, grant: &Grant) -> KeyAge {
        let (access, context) = (&grant.tokens.access, context(member, Use::Access));
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
        let access = self.open(member, Use::Access, &tokens.access)?;
        let refresh = tokens.refresh.as_deref();
        let refresh = refresh.and_then(|sealed| self.open(member, Use::Refresh, sealed));
        Some(SealedTokens {
            access: self.seal(member, Use::Access, &access)?,
            refresh: match refresh {
                Some(token) => Some(self.seal(member, Use::Refresh, &token)?),
                None => None,
            },
            access_expires_at: tokens.access_expires_at,
        })
    }
}

/// Binds an encrypted token to its member and use: a row that is copied to another member cannot be
/// opened.
fn context(member: &Member, r#use: Use) -> String {
    let r#use = match r#use {
        Use::Access => "access",
        Use::Refresh => "refresh",
    };
    let Tenant { app, key } = &member.tenant;
    [app, key.as_str(), member.person.as_str(), r#use].join("\n")
}
