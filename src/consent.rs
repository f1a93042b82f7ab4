//! Acting as members: their consent, and the tokens that result from it.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use crate::config::FeishuConfig;
use crate::sealed::TokenKeys;

mod grants;
mod keys;
mod requests;

pub(crate) use grants::{Grants, RevokeError};
pub(crate) use keys::{GrantKeys, KeyAge};
pub(crate) use requests::{
    ConsentError, ConsentLink, ConsentSettings, Consents, Visit, VisitEnd, redirect_uri,
    user_scopes,
};

/// What the bot needs to act as members. Clones share everything.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) grants: Grants,
    pub(crate) consents: Consents,
}

/// The keys of members' tokens by the configuration.
pub(crate) fn token_keys(config: &FeishuConfig) -> anyhow::Result<TokenKeys> {
    let keys = config.token_keys()?;
    let keys = keys.iter().map(|key| &key.expose_secret()[..]);
    TokenKeys::new(keys).context("deriving the keys of members' tokens")
}
