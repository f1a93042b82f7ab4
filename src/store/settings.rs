//! The settings of groups in the store.

use super::statements::settings;
use super::{Store, StoreError};
use crate::model::job::{ChatKey, Tenant};
use crate::model::settings::{GroupSettings, SettingValue};

impl Store {
    /// The values that the group has set for itself.
    pub(crate) async fn group_settings(&self, chat: &ChatKey) -> Result<GroupSettings, StoreError> {
        let values = self.rows("group_settings", settings::of_chat(chat)).await?;
        Ok(values.into_iter().flatten().collect())
    }

    /// Whether any group of the tenant has set this value.
    pub(crate) async fn is_set_anywhere(
        &self,
        tenant: &Tenant,
        value: &SettingValue,
    ) -> Result<bool, StoreError> {
        let query = settings::is_set_anywhere(tenant, value);
        let found = self.first("is_set_anywhere", query).await?;
        Ok(found.is_some())
    }
}
