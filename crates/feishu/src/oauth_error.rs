//! The errors of OAuth, which some endpoints name instead of a code or next to it.

/// The `error` of an answer (RFC 6749 section 5.2, RFC 8628 section 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The user has not decided yet.
    #[error("authorization_pending")]
    AuthorizationPending,
    /// The same, and the polls are too fast.
    #[error("slow_down")]
    SlowDown,
    /// The user refused.
    #[error("access_denied")]
    AccessDenied,
    /// The device code has expired.
    #[error("expired_token")]
    ExpiredToken,
    /// The code or token is unknown, used, expired or revoked.
    #[error("invalid_grant")]
    InvalidGrant,
    /// The app is unknown, or its secret is wrong.
    #[error("invalid_client")]
    InvalidClient,
    /// The app may not use this grant.
    #[error("unauthorized_client")]
    UnauthorizedClient,
    /// A scope is unknown or not enabled.
    #[error("invalid_scope")]
    InvalidScope,
    /// A failure of the platform.
    #[error("server_error")]
    ServerError,
    /// A failure of the platform that passes.
    #[error("temporarily_unavailable")]
    TemporarilyUnavailable,
    /// Any other.
    #[error("another error of OAuth")]
    Other,
}

impl OAuthError {
    pub(crate) fn read(name: &str) -> Self {
        match name {
            "authorization_pending" => Self::AuthorizationPending,
            "slow_down" => Self::SlowDown,
            "access_denied" => Self::AccessDenied,
            "expired_token" => Self::ExpiredToken,
            "invalid_grant" => Self::InvalidGrant,
            "invalid_client" => Self::InvalidClient,
            "unauthorized_client" => Self::UnauthorizedClient,
            "invalid_scope" => Self::InvalidScope,
            "server_error" => Self::ServerError,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            _ => Self::Other,
        }
    }

    /// Whether a retry of the same call may succeed.
    pub(crate) fn is_retryable(self) -> bool {
        matches!(self, Self::ServerError | Self::TemporarilyUnavailable)
    }
}
