//! Notifies this replica's worker and the other replicas of new jobs and rate limits.
//!
//! Notifications to other replicas are not part of the commits they announce: a NOTIFY in a
//! transaction makes all such transactions of the database wait for one another. They are sent
//! afterwards, several together. If one is lost with a crashed replica, the others find the job
//! within seconds anyway.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error};
use tokio_util::sync::CancellationToken;

use super::connect::Connector;
use super::session;
use crate::store::waker::Waker;
use crate::telemetry::Wakeup;

const CHANNEL: &str = "noticebot";
/// Minimum time between two notifications.
const PAUSE: Duration = Duration::from_millis(10);
const RECONNECT: Duration = Duration::from_secs(1);
/// The connection is opened again if LISTEN takes longer than this.
const SILENCE: Duration = Duration::from_secs(5);

/// Subjects of notifications.
const JOBS: &str = "jobs";
const LIMITS: &str = "limits";
/// Sent by admin commands to the replicas of all apps.
const EVERYBODY: &str = "everybody";

/// Wakes the tasks that wait for jobs or rate limits.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    jobs: Waker,
    limits: Notify,
    /// Number of tasks of this replica that wait for a job.
    idle: AtomicUsize,
    others: Others,
}

/// Notifications to send.
#[derive(Debug, Default)]
struct Others {
    jobs: AtomicBool,
    limits: AtomicBool,
    changed: Notify,
}

impl Notifier {
    /// A job may be claimable. Other replicas are notified only if no task here is idle.
    pub(super) fn notify(&self, reason: Wakeup) {
        self.jobs.wake(reason);
        if self.idle.load(Ordering::Relaxed) == 0 {
            self.notify_others();
        }
    }

    /// A job may be claimable, and the other replicas know.
    pub(super) fn notify_local(&self) {
        self.jobs.wake(Wakeup::Poll);
    }

    /// A job is claimable by another replica.
    pub(super) fn notify_others(&self) {
        self.others.jobs.store(true, Ordering::Relaxed);
        self.others.changed.notify_one();
    }

    /// A new rate limit was stored.
    pub(super) fn notify_limit(&self) {
        self.others.limits.store(true, Ordering::Relaxed);
        self.others.changed.notify_one();
    }

    /// Waits until a job may be claimable.
    pub(super) async fn notified(&self) -> Wakeup {
        let _idle = Idle::new(&self.idle);
        self.jobs.woken().await
    }

    /// Waits until another replica stored a rate limit.
    pub(super) async fn limits_changed(&self) {
        self.limits.notified().await;
    }

    /// Receives and sends notifications until it is cancelled. When sessions are `discarded`, this
    /// connection may lead to the wrong server as well, so it is opened again.
    pub(super) async fn listen(&self, connector: Connector, sender: &str, discarded: &Notify) {
        loop {
            let is_listening = CancellationToken::new();
            let ended = connector.talk(
                |message| self.receive(message, sender),
                async |client| self.send(client, sender, &is_listening).await,
            );
            tokio::select! {
                ended = ended => if let Err(error) = ended {
                    session::log(&error, "lost the connection for notifications");
                },
                () = discarded.notified() => {}
                () = silence(&is_listening) => {
                    tracing::error!("the database does not respond to the connection for notifications");
                }
            }
            sleep(RECONNECT).await;
        }
    }

    async fn send(
        &self,
        client: Client,
        sender: &str,
        is_listening: &CancellationToken,
    ) -> Result<(), Error> {
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        is_listening.cancel();
        // Notifications sent before LISTEN were missed.
        self.jobs.wake(Wakeup::Poll);
        self.limits.notify_one();
        let notify = client.prepare("SELECT pg_notify($1, $2)").await?;
        loop {
            self.others.changed.notified().await;
            for (flag, word) in [(&self.others.jobs, JOBS), (&self.others.limits, LIMITS)] {
                if flag.swap(false, Ordering::Relaxed) {
                    let message = format!("{word} {sender}");
                    client.execute(&notify, &[&CHANNEL, &message]).await?;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// A notification names the sender's app and id, so that replicas ignore their own and those of
    /// other apps.
    fn receive(&self, message: &str, sender: &str) {
        if message == EVERYBODY {
            return self.jobs.wake(Wakeup::Notified);
        }
        let Some((word, from)) = message.split_once(' ') else {
            return;
        };
        let app = |sender: &str| sender.split_once(' ').map(|(app, _)| app.to_owned());
        if from == sender || app(from) != app(sender) {
            return;
        }
        match word {
            JOBS => self.jobs.wake(Wakeup::Notified),
            LIMITS => self.limits.notify_one(),
            _ => {}
        }
    }
}

/// Waits until the server counts as unresponsive.
async fn silence(is_listening: &CancellationToken) {
    if timeout(SILENCE, is_listening.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Makes the replicas of all apps look for jobs.
pub(in crate::store) async fn notify_all(client: &Client) -> Result<(), Error> {
    let notify = "SELECT pg_notify($1, $2)";
    client.execute(notify, &[&CHANNEL, &EVERYBODY]).await?;
    Ok(())
}

/// Counts a waiting task until it is dropped.
struct Idle<'a>(&'a AtomicUsize);

impl<'a> Idle<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
