//! Members who consent that the bot acts as them.

use std::time::Duration;

use feishu::OpenId;
use jiff::Timestamp;

use super::job::Tenant;

/// A member of a tenant, as this app knows them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) tenant: Tenant,
    pub(crate) person: OpenId,
}

/// A member's consent in the store.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) tokens: SealedTokens,
    /// Increases with each renewal.
    pub(crate) version: i64,
    /// Whether the platform ended it.
    pub(crate) has_ended: bool,
}

/// The tokens of a grant, encrypted.
#[derive(Debug, Clone)]
pub(crate) struct SealedTokens {
    pub(crate) access: String,
    /// `None` if the grant ends with the access token.
    pub(crate) refresh: Option<String>,
    pub(crate) access_expires_at: Timestamp,
}

/// A request for a member's consent that is not answered.
#[derive(Debug, Clone)]
pub(crate) struct PendingConsent {
    pub(crate) member: Member,
    /// The link that the member gets, encrypted.
    pub(crate) link: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) flow: ConsentFlow,
}

/// How a member consents.
#[derive(Debug, Clone)]
pub(crate) enum ConsentFlow {
    /// On a page that redirects to the bot.
    Redirect {
        /// The hash of the secret in the link.
        ticket: String,
    },
    /// On a page that the bot asks for the result.
    Device {
        /// The encrypted device code.
        code: String,
        interval: Duration,
        next_poll_at: Timestamp,
    },
}
