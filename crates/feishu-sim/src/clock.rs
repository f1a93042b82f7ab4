//! The simulator's clock: advanced by tests, or following the system clock.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

/// The clock for tokens, rate limits, revisions and redeliveries. Clones share the time.
#[derive(Clone, Debug)]
pub struct SimClock {
    base: Base,
    advanced: Arc<watch::Sender<Duration>>,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    Standing { at_ms: u64 },
    System,
}

impl SimClock {
    pub(crate) fn standing_at(at_ms: u64) -> Self {
        Self::with_base(Base::Standing { at_ms })
    }

    pub(crate) fn following_the_system() -> Self {
        Self::with_base(Base::System)
    }

    fn with_base(base: Base) -> Self {
        Self {
            base,
            advanced: Arc::new(watch::Sender::new(Duration::ZERO)),
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        let base = match self.base {
            Base::Standing { at_ms } => at_ms,
            Base::System => system_ms(),
        };
        base + millis(*self.advanced.borrow())
    }

    /// Advances the time and wakes all waiting tasks.
    pub fn advance(&self, by: Duration) {
        self.advanced.send_modify(|advanced| *advanced += by);
    }

    /// Waits until the clock shows `at_ms` or later.
    pub(crate) async fn reach(&self, at_ms: u64) {
        let mut advanced = self.advanced.subscribe();
        loop {
            let missing = at_ms.saturating_sub(self.now_ms());
            if missing == 0 {
                return;
            }
            let moved = async {
                // The sender is in `self`, so this returns only after the clock has moved.
                advanced.changed().await.ok();
            };
            match self.base {
                Base::Standing { .. } => moved.await,
                Base::System => {
                    tokio::time::timeout(Duration::from_millis(missing), moved)
                        .await
                        .ok();
                }
            }
        }
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "only this function reads the system clock"
)]
fn system_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, millis)
}
