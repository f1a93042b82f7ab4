//! The tenants that a store app serves.

use feishu::TenantKey;
use jiff::Timestamp;
use serde::Serialize;
use strum::{EnumString, IntoStaticStr};

/// Whether a tenant uses the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum TenantState {
    Active,
    /// The tenant or the platform stopped the app. Its data is kept.
    Stopped,
    /// The tenant uninstalled the app. Its data is being erased.
    Erased,
}

impl TenantState {
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A tenant in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TenantRow {
    #[serde(rename = "tenant")]
    pub(crate) key: TenantKey,
    pub(crate) state: TenantState,
    /// When its first event arrived.
    pub(crate) first_seen_at: Timestamp,
    /// When an event last arrived, up to ten minutes late.
    pub(crate) last_seen_at: Timestamp,
}
