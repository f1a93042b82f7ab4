//! What only store apps have: tickets, tokens per tenant, and tenants that install and remove the app
//! (official pages `auth-v3` and `application-v6/event`).

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a ticket is valid (developer guide `faq/questions-related-to-isv`).
const TICKET_LIFE_MS: u64 = 3 * 60 * 60 * 1000;

/// The kind of the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppKind {
    /// Built by its tenant for itself.
    #[default]
    Custom,
    /// Installed from the app store by any number of tenants.
    Store,
}

/// Whether a tenant that installed the app uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installation {
    /// It does.
    Running,
    /// Its admin stopped the app.
    Stopped,
}

/// The tickets and tenants of a store app.
#[derive(Debug, Default)]
pub(crate) struct StoreApp {
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) tenants: BTreeMap<String, Installation>,
    /// The delays of tickets that the app asked for and that are not on their way yet.
    pub(crate) to_send: Vec<Duration>,
}

#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) value: String,
    pub(crate) issued_ms: u64,
}

impl StoreApp {
    pub(crate) fn in_tenants(tenants: impl Into<BTreeMap<String, Installation>>) -> Self {
        Self {
            tenants: tenants.into(),
            ..Self::default()
        }
    }

    /// Every ticket is valid until it expires, not only the newest.
    pub(crate) fn accepts(&self, ticket: &str, now_ms: u64) -> bool {
        let valid = |known: &Ticket| now_ms < known.issued_ms + TICKET_LIFE_MS;
        let mut known = self.tickets.iter().filter(|known| valid(known));
        known.any(|known| known.value == ticket)
    }
}
