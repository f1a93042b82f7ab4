//! The tenants of a store app in the store.

use feishu::TenantKey;
use jiff::Timestamp;

use super::statements::tenants;
use super::{Store, StoreError};
use crate::model::job::Tenant;
use crate::model::tenant::{TenantRow, TenantState};

impl Store {
    /// Adds the tenant of an event unless it is known. A custom app has none to add.
    pub(super) async fn see(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let now = self.now();
        if tenant.key == TenantKey::OWN || !self.seen.is_due(&tenant.key, now) {
            return Ok(());
        }
        let statement = tenants::save_seen(tenant, now);
        self.execute("save_tenant", statement).await?;
        self.seen.insert(&tenant.key, now);
        Ok(())
    }

    /// Returns whether the state changed; it does not if a later change is known.
    pub(crate) async fn save_tenant_state(
        &self,
        tenant: &Tenant,
        state: TenantState,
        changed_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = tenants::save_state(tenant, state, changed_at);
        Ok(self.execute("save_tenant", statement).await? > 0)
    }

    /// The tenants that uninstalled the app and whose rows are not erased yet.
    pub(crate) async fn tenants_to_erase(&self) -> Result<Vec<TenantRow>, StoreError> {
        let query = tenants::to_erase(&self.app);
        self.rows("tenants_to_erase", query).await
    }

    /// How many tenants use the app.
    pub(crate) async fn count_tenants(&self) -> Result<usize, StoreError> {
        let count = self.first("count_tenants", tenants::count_active(&self.app));
        Ok(count.await?.unwrap_or_default())
    }

    /// Erases all rows of a tenant in portions. If it is interrupted, the tenant remains in the
    /// state [`TenantState::Erased`] until it is continued.
    pub(crate) async fn erase_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        for statement in tenants::erase(tenant, self.is_on_server()) {
            while self.erase("erase_tenant", statement.clone()).await? > 0 {}
        }
        self.seen.remove(&tenant.key);
        let statement = tenants::remove(tenant);
        self.execute("erase_tenant", statement).await.map(drop)
    }

    /// Stores an encrypted ticket and drops old ones.
    pub(crate) async fn save_ticket(
        &self,
        sealed: &str,
        received_at: Timestamp,
    ) -> Result<(), StoreError> {
        let ticket = tenants::save_ticket(&self.app, sealed, received_at);
        self.execute("save_ticket", ticket).await?;
        let old = tenants::forget_tickets(&self.app, received_at);
        self.execute("save_ticket", old).await.map(drop)
    }

    /// Encrypted tickets that may still be valid, with the time of their arrival.
    pub(crate) async fn tickets(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let query = tenants::tickets(&self.app, self.now());
        self.rows("tickets", query).await
    }
}
