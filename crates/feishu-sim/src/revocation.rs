//! What a revocation ends, and who or what causes it (official page `auth-v4/revoked`).

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
    /// The person left or was frozen, or the app became unavailable to them.
    Restriction,
}

impl Revoked {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Access => "user_access_token",
            Self::Refresh => "refresh_token",
            Self::Both => "user_access_token refresh_token",
        }
    }
}

impl RevokedBy {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Unknown => "Revoked by unknown action.",
            Self::User => "Revoked by user action.",
            Self::Administrator => "Revoked by administrator action.",
            Self::RiskControl => "Revoked by security and risk control action.",
            Self::Restriction => "Revoked by restriction action.",
        }
    }
}
