//! Acting as members: their consent, and the tokens that result from it.

mod grants;
mod keep_alive;
mod requests;

pub(crate) use grants::{Grants, RevokeError};
pub(crate) use requests::{ConsentError, ConsentLink, ConsentSettings, Consents, Visit, VisitEnd};

/// What the bot needs to act as members. Clones share everything.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) grants: Grants,
    pub(crate) consents: Consents,
}
