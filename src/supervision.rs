//! Background tasks that must run until the process stops.
//!
//! A process without one of them looks healthy but does only part of its work. So the first task
//! that ends by itself stops the process with exit code 1, and an orchestrator restarts it.

use std::collections::HashMap;
use std::future::pending;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;

/// Time within which dependent tasks end.
const MOMENT: Duration = Duration::from_millis(100);

/// Named tasks. Dropping it aborts the asynchronous ones.
#[derive(Debug, Default)]
pub(crate) struct Background {
    tasks: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
}

impl Background {
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    pub(crate) fn spawn_blocking(
        &mut self,
        name: &'static str,
        thread: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) {
        let id = self.tasks.spawn_blocking(thread).id();
        self.names.insert(id, name);
    }

    /// Waits for the first task that ends, and returns its name and failure; pending without tasks.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        let name = match self.next().await {
            Ok(name) => name,
            Err(error) => return error,
        };
        // It may have ended because another task failed; prefer that error.
        let failure = async {
            loop {
                if let Err(error) = self.next().await {
                    return error;
                }
            }
        };
        timeout(MOMENT, failure).await.unwrap_or_else(|_| {
            anyhow!("the background task `{name}` ended: restart the bot and report this")
        })
    }

    async fn next(&mut self) -> anyhow::Result<&'static str> {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ended))) => ended.map(|()| self.name(id)),
            Some(Err(error)) => Err(self.panicked(&error)),
            None => pending().await,
        }
    }

    /// Waits until all tasks have ended; returns the first error.
    pub(crate) async fn join(&mut self) -> anyhow::Result<()> {
        let mut failure = None;
        while let Some(ended) = self.tasks.join_next_with_id().await {
            let ended = ended.map_or_else(|error| Err(self.panicked(&error)), |(_, ended)| ended);
            failure = failure.or(ended.err());
        }
        failure.map_or(Ok(()), Err)
    }

    /// Aborts the asynchronous tasks and waits for their end.
    pub(crate) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }

    fn panicked(&self, error: &JoinError) -> anyhow::Error {
        let name = self.name(error.id());
        // The panic message may quote data.
        anyhow!("the background task `{name}` panicked: restart the bot and report this")
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("unknown")
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    impl Background {
        pub(crate) fn names(&self) -> Vec<&'static str> {
            let mut names: Vec<_> = self.names.values().copied().collect();
            names.sort_unstable();
            names
        }
    }

    /// The error for a task that ends while another one runs.
    async fn ending(add: impl FnOnce(&mut Background)) -> String {
        let mut background = Background::default();
        background.spawn("other", pending());
        add(&mut background);
        format!("{:#}", background.ended().await)
    }

    #[tokio::test]
    async fn the_error_names_the_first_ended_task() {
        let returned = ending(|tasks| tasks.spawn("lease", async { Ok(()) })).await;
        assert!(returned.contains("`lease` ended"), "{returned}");
        let panicked =
            ending(|tasks| tasks.spawn("listener", async { panic!("secret words") })).await;
        assert!(panicked.contains("`listener` panicked"), "{panicked}");
        assert!(!panicked.contains("secret"), "{panicked}");
        let failed = ending(|tasks| tasks.spawn("limits", async { bail!("no disk") })).await;
        assert_eq!(failed, "no disk");
        let both = ending(|tasks| {
            tasks.spawn("checkpointer", async { Ok(()) });
            tasks.spawn("writer", async {
                tokio::task::yield_now().await;
                panic!()
            });
        });
        let both = both.await;
        assert!(both.contains("`writer` panicked"), "{both}");
        let thread = ending(|tasks| tasks.spawn_blocking("writer", || panic!())).await;
        assert!(thread.contains("`writer` panicked"), "{thread}");
    }

    #[tokio::test]
    async fn tasks_may_end_during_a_stop() {
        let mut background = Background::default();
        background.spawn("lease", async { Ok(()) });
        background.spawn_blocking("writer", || Ok(()));
        background.join().await.unwrap();
        background.spawn("lease", async { Ok(()) });
        background.spawn("listener", async { panic!() });
        let failure = background.join().await.unwrap_err();
        assert!(format!("{failure}").contains("`listener` panicked"));
    }

    #[tokio::test(start_paused = true)]
    async fn no_tasks_means_no_end() {
        let mut none = Background::default();
        let day = Duration::from_hours(24);
        assert!(timeout(day, none.ended()).await.is_err());
    }
}
