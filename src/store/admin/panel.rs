//! The `/` panel in the store of an admin command.

use jiff::Timestamp;

use super::AdminStore;
use crate::model::job::Tenant;
use crate::model::panel::MadeCommand;
use crate::store::statements::panel;

impl AdminStore {
    /// The commands that the bot has made with the token of this tenant.
    pub(crate) async fn made_commands(&self, tenant: &Tenant) -> anyhow::Result<Vec<MadeCommand>> {
        self.rows(panel::made(tenant)).await
    }

    pub(crate) async fn save_made_command(
        &self,
        tenant: &Tenant,
        made: &MadeCommand,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let statement = panel::save(tenant, made, now);
        self.execute(&statement).await.map(drop)
    }

    pub(crate) async fn forget_made_command(
        &self,
        tenant: &Tenant,
        made: &MadeCommand,
    ) -> anyhow::Result<()> {
        self.execute(&panel::forget(tenant, made)).await.map(drop)
    }

    /// Reserves the panel for this process; `false` if another one changes it.
    pub(crate) async fn reserve_panel(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        until: Timestamp,
    ) -> anyhow::Result<bool> {
        let statement = panel::reserve(tenant, now, until);
        Ok(self.execute(&statement).await? > 0)
    }

    /// Ends the reservation until then.
    pub(crate) async fn release_panel(
        &self,
        tenant: &Tenant,
        until: Timestamp,
    ) -> anyhow::Result<()> {
        self.execute(&panel::release(tenant, until)).await.map(drop)
    }
}
