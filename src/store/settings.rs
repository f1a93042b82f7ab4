//! The settings of groups in the store.

use feishu::ChatId;

use super::statements::{lists, settings};
use super::{Store, StoreError};
use crate::model::job::{ChatKey, Tenant};
use crate::model::settings::{GroupSettings, SettingValue};

impl Store {
    /// The values that the group has set for itself.
    pub(crate) async fn group_settings(&self, chat: &ChatKey) -> Result<GroupSettings, StoreError> {
        let values = self.rows("group_settings", settings::of_chat(chat)).await?;
        Ok(values.into_iter().flatten().collect())
    }

    /// The names of the lists that the group has joined.
    pub(crate) async fn lists_of(&self, chat: &ChatKey) -> Result<Vec<String>, StoreError> {
        self.rows("lists_of", lists::of_chat(chat)).await
    }

    /// The groups that have joined a list, each with the name that it typed.
    pub(crate) async fn groups_on(
        &self,
        tenant: &Tenant,
        list: &str,
    ) -> Result<Vec<(ChatId, String)>, StoreError> {
        self.rows("groups_on", lists::groups(tenant, list)).await
    }

    /// The names of all lists that groups have joined.
    pub(crate) async fn joined_lists(&self, tenant: &Tenant) -> Result<Vec<String>, StoreError> {
        self.rows("joined_lists", lists::names(tenant)).await
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
