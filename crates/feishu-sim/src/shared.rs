//! The state that server, pushes and test share.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::{runtime::Handle, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{ids::AppIndex, push_client::PushClient, state::State};

/// The timeout of all waits of a test, in wall time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The state that server, pushes and test share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) changed: watch::Sender<()>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
    pub(crate) push_client: PushClient,
}

impl Shared {
    /// Changes the state and wakes all waiting tasks.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_replace(());
        result
    }

    /// Like [`Shared::change`], with an app that is present.
    pub(crate) fn change_as<T>(&self, app: AppIndex, change: impl FnOnce(&mut State) -> T) -> T {
        self.change(|state| {
            state.apps.enter(app);
            change(state)
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Locks the state, with an app that is present.
    pub(crate) fn lock_as(&self, app: AppIndex) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.apps.enter(app);
        state
    }

    /// Waits until the simulator stops.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until `probe` finds something.
    pub(crate) async fn wait_for<T>(
        &self,
        what: &str,
        probe: impl FnMut(&State) -> Option<T>,
    ) -> T {
        self.wait_as(AppIndex::FIRST, what, probe).await
    }

    /// Like [`Shared::wait_for`], with an app that is present.
    pub(crate) async fn wait_as<T>(
        &self,
        app: AppIndex,
        what: &str,
        mut probe: impl FnMut(&State) -> Option<T>,
    ) -> T {
        let mut changed = self.changed.subscribe();
        let found = async {
            loop {
                if let Some(found) = probe(&self.lock_as(app)) {
                    return found;
                }
                // The sender lives in `self`, so this returns only after a change.
                changed.changed().await.ok();
            }
        };
        let Ok(found) = tokio::time::timeout(PATIENCE, found).await else {
            panic!(
                "{what} did not happen within {PATIENCE:?}\n{}",
                self.lock_as(app).conversation()
            );
        };
        found
    }
}
