//! The app's rate limits, which all replicas share through the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use feishu::{Client, Clock, SharedLimits, TenantKey, WriteSlot};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{RateLimit, Store};

/// Window for five write slots: the platform permits an app five announcement writes a second in a
/// tenant. The surplus allows for network jitter.
const WRITE_WINDOW: Duration = Duration::from_millis(1050);

/// The latest unsaved rate limit of each API in a tenant. Its size is bounded even while the store is
/// unavailable.
#[derive(Clone, Default)]
pub(crate) struct UnsavedLimits(Arc<(Mutex<Latest>, Notify)>);

/// By tenant and API.
type Latest = BTreeMap<(TenantKey, &'static str), Timestamp>;

impl UnsavedLimits {
    fn add(&self, tenant: &TenantKey, api: &'static str, until: Timestamp) {
        let (limits, added) = &*self.0;
        let mut limits = limits.lock();
        let latest = limits.entry((tenant.clone(), api)).or_insert(until);
        *latest = until.max(*latest);
        added.notify_one();
    }

    async fn next(&self) -> RateLimit {
        let (limits, added) = &*self.0;
        loop {
            let first = limits.lock().pop_first();
            if let Some(((tenant, api), until)) = first {
                let api = api.to_owned();
                return RateLimit { tenant, api, until };
            }
            added.notified().await;
        }
    }
}

/// Shares rate limits and write slots through the store.
pub(crate) fn shared_limits(
    store: &Store,
    clock: &Clock,
    limits_factor: u32,
    unsaved: UnsavedLimits,
) -> SharedLimits {
    let (store, clock) = (store.clone(), clock.clone());
    let window = WRITE_WINDOW / limits_factor.max(1);
    SharedLimits {
        on_pause: Arc::new(move |tenant, api, until| unsaved.add(tenant, api, until)),
        next_slot: Arc::new(move |tenant| {
            let (store, clock, tenant) = (store.clone(), clock.clone(), tenant.clone());
            Box::pin(async move {
                let slot = store.next_write_slot(tenant, window).await;
                // Better too early than never: the platform rejects calls that exceed the limit.
                slot.unwrap_or_else(|_| WriteSlot::At(clock.now()))
            })
        }),
    }
}

/// Stores new rate limits and applies those that other replicas stored, until `stop`.
pub(crate) async fn synchronize(
    store: Store,
    client: Client,
    unsaved: UnsavedLimits,
    stop: CancellationToken,
) {
    loop {
        // If this fails, the platform's responses report the limits again.
        for limit in store.limits().await.unwrap_or_default() {
            client.pause_endpoint(&limit.tenant, &limit.api, limit.until);
        }
        loop {
            tokio::select! {
                limit = unsaved.next() => {
                    // The store has logged a failure.
                    let _ = store.save_limit(limit).await;
                }
                () = store.limits_changed() => break,
                () = stop.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_latest_limit_of_each_api_is_kept() {
        let unsaved = UnsavedLimits::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..10_000 {
            unsaved.add(&TenantKey::OWN, "reply", at(second));
        }
        unsaved.add(&TenantKey::OWN, "reply", at(3));
        unsaved.add(&TenantKey::OWN, "get_chat", at(5));
        let next = || {
            unsaved
                .next()
                .now_or_never()
                .map(|one| (one.api, one.until))
        };
        assert_eq!(next(), Some(("get_chat".to_owned(), at(5))));
        assert_eq!(next(), Some(("reply".to_owned(), at(9_999))));
        assert_eq!(next(), None);
    }
}
