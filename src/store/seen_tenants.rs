//! Remembers which tenants were stored lately.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use feishu::TenantKey;
use jiff::Timestamp;
use parking_lot::Mutex;

/// How often the time of a tenant's last event is written.
const SEEN_EVERY: Duration = Duration::from_mins(10);

/// When each tenant's last event was written by this process.
#[derive(Clone, Default)]
pub(super) struct SeenTenants(Arc<Mutex<HashMap<TenantKey, Timestamp>>>);

impl SeenTenants {
    pub(super) fn is_due(&self, tenant: &TenantKey, now: Timestamp) -> bool {
        let seen = self.0.lock().get(tenant).copied();
        seen.is_none_or(|seen| now.duration_since(seen).unsigned_abs() >= SEEN_EVERY)
    }

    pub(super) fn insert(&self, tenant: &TenantKey, now: Timestamp) {
        self.0.lock().insert(tenant.clone(), now);
    }

    pub(super) fn remove(&self, tenant: &TenantKey) {
        self.0.lock().remove(tenant);
    }
}
