//! The settings of groups in the store.

use super::statements::settings;
use super::{Store, StoreError};
use crate::model::job::ChatKey;
use crate::model::settings::GroupSettings;

impl Store {
    /// The values that the group has set for itself.
    pub(crate) async fn group_settings(&self, chat: &ChatKey) -> Result<GroupSettings, StoreError> {
        let values = self.rows("group_settings", settings::of_chat(chat)).await?;
        Ok(values.into_iter().flatten().collect())
    }
}
