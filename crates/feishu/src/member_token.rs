//! The access tokens of members, which the user of this crate keeps.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::{Error, OpenId, TenantKey};

/// Where a client gets the tokens for [`Credentials::Member`](crate::Credentials::Member).
///
/// A refresh token works once, so only one renewal of a grant may be under way in all processes,
/// and its result has to be stored before it is used.
#[derive(Clone)]
pub struct MemberTokens {
    /// Returns an access token that is valid for a while. Called before every call as a member.
    pub fetch: FetchMemberToken,
    /// Called when the platform refused a token. After [`TokenRefusal::Expired`] and
    /// [`TokenRefusal::Invalid`] the client asks for another one when this has returned, once per
    /// call.
    pub on_refusal: OnTokenRefusal,
}

/// Returns an access token of a member.
pub type FetchMemberToken = Arc<
    dyn Fn(&TenantKey, &OpenId) -> MemberTokenFuture<Result<SecretString, MemberTokenError>>
        + Send
        + Sync,
>;

/// Learns that the platform refused a token.
pub type OnTokenRefusal = Arc<dyn Fn(RefusedToken) -> MemberTokenFuture<()> + Send + Sync>;

/// The future of [`MemberTokens`].
pub type MemberTokenFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A token that the platform refused.
#[derive(Debug, Clone)]
pub struct RefusedToken {
    /// The tenant of the member.
    pub tenant: TenantKey,
    /// The member.
    pub member: OpenId,
    /// Tells whether a renewal has already replaced it.
    pub token: SecretString,
    /// Why it was refused.
    pub refusal: TokenRefusal,
}

/// Why there is no token for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberTokenError {
    /// The member has not consented, has withdrawn the consent, or it has ended.
    #[error("the member has not consented")]
    NoGrant,
    /// There is a grant, but its renewal failed.
    #[error("the renewal of the member's token failed")]
    Unavailable {
        /// How long to wait before another try, if that is known.
        retry_after: Option<Duration>,
    },
}

/// Why the platform refused a token of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It has expired; a renewal helps.
    Expired,
    /// It is unknown or revoked.
    Invalid,
    /// It was refused although it had just replaced one that was refused: the grant is worthless.
    Repeated,
    /// The member has not granted what the call needs: any one of these scopes. They may be
    /// unknown to the developer console.
    ScopesMissing(Box<[String]>),
}

impl MemberTokenError {
    /// The error of a call as this member.
    pub fn of_call(self, member: &OpenId) -> Error {
        match self {
            Self::NoGrant => Error::NoGrant {
                member: member.clone(),
            },
            Self::Unavailable { retry_after } => Error::GrantUnavailable { retry_after },
        }
    }
}

impl fmt::Debug for MemberTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberTokens").finish_non_exhaustive()
    }
}
