//! Reconciles the panel when the bot starts.

use std::time::Duration;

use super::{Panel, RESERVED, Reorder, SyncError, Synced, lacks_scope};

/// The first and the longest time before another attempt.
const WAITS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));

impl Panel {
    /// Reconciles the panel once. Nothing depends on it: a failure is logged, and repeated only if a
    /// later attempt may succeed.
    pub(crate) async fn reconcile(self) {
        let mut wait = WAITS.0;
        loop {
            match self.sync(Reorder::WhenAdding).await {
                Ok(synced) => return log(&synced),
                // Another replica has started; afterwards there is probably nothing left to do.
                Err(SyncError::Busy) => self.clock.sleep(RESERVED).await,
                Err(SyncError::Platform(error)) if lacks_scope(&error) => {
                    tracing::info!(
                        "the `/` panel is left as it is: the app lacks the optional scopes `application:app_slash_command:read` and `:write`"
                    );
                    return;
                }
                Err(SyncError::Platform(error)) if !error.is_retryable() => {
                    tracing::warn!(error = %error, "could not fill the `/` panel");
                    return;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "could not fill the `/` panel yet");
                    self.clock.sleep(wait).await;
                    wait = (2 * wait).min(WAITS.1);
                }
            }
        }
    }
}

fn log(synced: &Synced) {
    let Synced { plan, refused } = synced;
    if plan.has_calls() {
        tracing::info!(
            added = plan.creations.len(),
            updated = plan.updates.len(),
            removed = plan.deletions.len(),
            refused = refused.len(),
            "changed the `/` panel"
        );
    }
    for (name, error) in refused {
        tracing::warn!(command = name, error = %error, "could not change a command in the `/` panel");
    }
    for name in &plan.taken {
        tracing::warn!(
            command = name,
            "another command in the `/` panel has this name"
        );
    }
    if !plan.left_out.is_empty() {
        let names = plan.left_out.join(", ");
        tracing::warn!(
            commands = names,
            "the `/` panel has no room for these commands"
        );
    }
}
