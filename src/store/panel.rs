//! The `/` panel in the store of a running bot.

use jiff::Timestamp;

use super::statements::panel;
use super::{Store, StoreError};
use crate::model::job::Tenant;
use crate::model::panel::MadeCommand;

impl Store {
    /// The commands that the bot has made with the token of this tenant.
    pub(crate) async fn made_commands(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<MadeCommand>, StoreError> {
        self.rows("made_commands", panel::made(tenant)).await
    }

    pub(crate) async fn save_made_command(
        &self,
        tenant: &Tenant,
        made: &MadeCommand,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = panel::save(tenant, made, now);
        self.execute("save_made_command", statement).await.map(drop)
    }

    pub(crate) async fn forget_made_command(
        &self,
        tenant: &Tenant,
        made: &MadeCommand,
    ) -> Result<(), StoreError> {
        let statement = panel::forget(tenant, made);
        self.execute("save_made_command", statement).await.map(drop)
    }

    /// Reserves the panel for this process; `false` if another one changes it.
    pub(crate) async fn reserve_panel(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = panel::reserve(tenant, now, until);
        Ok(self.execute("reserve_panel", statement).await? > 0)
    }

    /// Ends the reservation until then.
    pub(crate) async fn release_panel(
        &self,
        tenant: &Tenant,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = panel::release(tenant, until);
        self.execute("reserve_panel", statement).await.map(drop)
    }
}
