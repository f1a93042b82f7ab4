//! What the bot remembers of the panel: in the store of a running bot, or of an admin command.

use anyhow::Context as _;
use jiff::Timestamp;

use crate::model::job::Tenant;
use crate::model::panel::MadeCommand;
use crate::store::{AdminStore, Store};

/// The store, as the process at hand has it.
pub(crate) enum Memory {
    Bot(Store),
    Admin(AdminStore),
}

macro_rules! ask {
    ($memory:expr, $store:ident => $request:expr) => {
        match $memory {
            Memory::Bot($store) => $request.await.context("using the store"),
            Memory::Admin($store) => $request.await.context("using the store"),
        }
    };
}

impl Memory {
    /// The commands that the bot has made with the token of this tenant.
    pub(super) async fn made(&self, tenant: &Tenant) -> anyhow::Result<Vec<MadeCommand>> {
        ask!(self, store => store.made_commands(tenant))
    }

    pub(super) async fn save(
        &self,
        tenant: &Tenant,
        made: &MadeCommand,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        ask!(self, store => store.save_made_command(tenant, made, now))
    }

    pub(super) async fn forget(&self, tenant: &Tenant, made: &MadeCommand) -> anyhow::Result<()> {
        ask!(self, store => store.forget_made_command(tenant, made))
    }

    /// Reserves the panel; `false` if another process changes it.
    pub(super) async fn reserve(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        until: Timestamp,
    ) -> anyhow::Result<bool> {
        ask!(self, store => store.reserve_panel(tenant, now, until))
    }

    /// Ends the reservation until then.
    pub(super) async fn release(&self, tenant: &Tenant, until: Timestamp) -> anyhow::Result<()> {
        ask!(self, store => store.release_panel(tenant, until))
    }
}
