//! The console's own connection to the store.
//!
//! Requests share one connection and take turns, so the console takes little of the database from
//! the bot, however many pages are open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use feishu::ExtraRoots;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::DatabaseUrl;
use crate::store::AdminStore;

/// Time limit for a request, with the wait for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// The connection is closed after this time without a request.
const IDLE: Duration = Duration::from_secs(30);

pub(super) struct ConsoleStore {
    url: DatabaseUrl,
    extra_roots: ExtraRoots,
    opened: Arc<Mutex<Opened>>,
    used: Notify,
}

#[derive(Default)]
struct Opened {
    store: Option<AdminStore>,
    last_used: Option<Instant>,
}

impl ConsoleStore {
    pub(super) fn new(url: DatabaseUrl, extra_roots: ExtraRoots) -> Self {
        Self {
            url,
            extra_roots,
            opened: Arc::default(),
            used: Notify::new(),
        }
    }

    /// Reads or changes the store. SQLite blocks its thread, so this takes another one.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl for<'s> FnOnce(&'s mut AdminStore) -> BoxFuture<'s, anyhow::Result<T>>
        + Send
        + 'static,
    ) -> anyhow::Result<T> {
        let turn = timeout(PATIENCE, Arc::clone(&self.opened).lock_owned()).await;
        let mut opened = turn.context("other requests to the console take too long")?;
        let (url, extra_roots) = (self.url.clone(), self.extra_roots.clone());
        let runtime = Handle::current();
        let done = spawn_blocking(move || {
            let done = runtime.block_on(timeout(PATIENCE, async {
                let before = opened.store.take().filter(AdminStore::is_connected);
                let mut store = match before {
                    Some(store) => store,
                    None => AdminStore::open(&url, &extra_roots).await?,
                };
                let done = work(&mut store).await;
                // After an error, the connection may be broken or within a transaction.
                opened.store = done.is_ok().then_some(store);
                done
            }));
            opened.last_used = Some(Instant::now());
            done
        });
        let done = done.await.context("reading the store")?;
        self.used.notify_one();
        done.context("the database does not answer in time")?
    }

    /// Closes the connection when it is idle. Without requests, this waits and does nothing.
    pub(super) async fn close_idle(&self, stop: CancellationToken) {
        let close = async {
            loop {
                self.used.notified().await;
                while let Some(last) = self.last_used().await {
                    sleep_until(last + IDLE).await;
                    self.close_unless_used_since(last).await;
                }
            }
        };
        let _: Option<()> = stop.run_until_cancelled(close).await;
        *self.opened.lock().await = Opened::default();
    }

    async fn close_unless_used_since(&self, last: Instant) {
        let mut opened = self.opened.lock().await;
        if opened.last_used == Some(last) {
            *opened = Opened::default();
        }
    }

    async fn last_used(&self) -> Option<Instant> {
        self.opened.lock().await.last_used
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::config::Config;
    use crate::store::{Store, StoreOptions};
    use crate::telemetry::Metrics;

    impl ConsoleStore {
        async fn count_tenants(&self) -> usize {
            let tenants = self.ask(|store| async { store.tenants("app").await }.boxed());
            tenants.await.unwrap().len()
        }

        async fn is_open(&self) -> bool {
            self.opened.lock().await.store.is_some()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_idle_connection_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("bot.db").display());
        let settings = [
            ("NOTICEBOT_DATABASE_URL", &*url),
            ("FEISHU_APP_ID", "cli_a"),
        ];
        let config = Config::read(None, &settings.into_iter().collect()).unwrap();
        let clock = feishu::Clock::system();
        let options = StoreOptions::from_config(&config, clock, &Metrics::new()).unwrap();
        let (store, tasks) = Store::open(options).await.unwrap();
        let url = config.store.database_url.url().clone();
        let console = ConsoleStore::new(url, ExtraRoots::default());
        assert!(!console.is_open().await, "nobody has looked yet");
        assert_eq!(console.count_tenants().await, 0);
        let first = console.last_used().await.unwrap();
        assert_eq!(console.count_tenants().await, 0);
        console.close_unless_used_since(first).await;
        assert!(console.is_open().await, "it was used since");
        let second = console.last_used().await.unwrap();
        console.close_unless_used_since(second).await;
        assert!(!console.is_open().await);
        assert_eq!(console.count_tenants().await, 0, "it opens again");
        drop(store);
        tasks.close().await.unwrap();
    }
}
