//! Wakes the worker, and says why.

use std::sync::atomic::{AtomicUsize, Ordering};

use strum::VariantArray as _;
use tokio::sync::Notify;

use crate::telemetry::Wakeup;

/// Wakes one waiting task. Of several wake-ups before the task looks, the last one is reported.
#[derive(Debug, Default)]
pub(super) struct Waker {
    notify: Notify,
    /// The index of the reason.
    reason: AtomicUsize,
}

impl Waker {
    pub(super) fn wake(&self, reason: Wakeup) {
        self.reason.store(reason as usize, Ordering::Relaxed);
        self.notify.notify_one();
    }

    /// Waits until it is woken, or returns at once if it was woken since the last call.
    pub(super) async fn woken(&self) -> Wakeup {
        self.notify.notified().await;
        let reason = self.reason.load(Ordering::Relaxed);
        Wakeup::VARIANTS
            .get(reason)
            .copied()
            .unwrap_or(Wakeup::Poll)
    }
}
