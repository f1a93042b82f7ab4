//! Who is woken when: this bot's own worker, and the others on the database.
//!
//! What wakes the others is no part of the commits that it tells of: a
//! notification inside a commit makes all such commits of the database wait for
//! one another. It follows them, many together, and if it gets lost with a bot
//! that dies, the others look after a few seconds all the same.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error};
use tokio_util::sync::CancellationToken;

use super::connect::Connector;
use super::session;

/// The name under which the bots hear of each other.
const CHANNEL: &str = "noticebot";
/// The others are told no more often.
const PAUSE: Duration = Duration::from_millis(10);
/// A connection that was lost is opened again after this time.
const RECONNECT: Duration = Duration::from_secs(1);
/// A server that does not answer for so long is connected to again.
const SILENCE: Duration = Duration::from_secs(5);

/// What others are told of.
const JOBS: &str = "jobs";
const LIMITS: &str = "limits";
/// What an admin's command says.
const EVERYBODY: &str = "everybody";

/// Wakes whoever waits.
#[derive(Debug, Default)]
pub(super) struct Notifier {
    jobs: Notify,
    limits: Notify,
    /// How many wait for a job here.
    idle: AtomicUsize,
    others: Others,
}

/// What the others do not know yet.
#[derive(Debug, Default)]
struct Others {
    jobs: AtomicBool,
    limits: AtomicBool,
    news: Notify,
}

impl Notifier {
    /// There may be something to claim. The others need not know where somebody
    /// here has nothing else to do.
    pub(super) fn notify(&self) {
        self.jobs.notify_one();
        if self.idle.load(Ordering::Relaxed) == 0 {
            self.notify_others();
        }
    }

    /// There may be something to claim, as the others know.
    pub(super) fn notify_local(&self) {
        self.jobs.notify_one();
    }

    /// There is something for another bot.
    pub(super) fn notify_others(&self) {
        self.others.jobs.store(true, Ordering::Relaxed);
        self.others.news.notify_one();
    }

    /// Another limit is known here.
    pub(super) fn notify_limit(&self) {
        self.others.limits.store(true, Ordering::Relaxed);
        self.others.news.notify_one();
    }

    /// Waits until there may be something to claim.
    pub(super) async fn notified(&self) {
        let _idle = Idle::new(&self.idle);
        self.jobs.notified().await;
    }

    /// Waits until others have told of a limit.
    pub(super) async fn limits_changed(&self) {
        self.limits.notified().await;
    }

    /// Listens to the others and tells them, for ever. Where other sessions were `discarded`, this
    /// connection may lead to the wrong server as well.
    pub(super) async fn listen(&self, connector: Connector, whose: &str, discarded: &Notify) {
        loop {
            let is_heard = CancellationToken::new();
            let talked = connector.talk(
                |said| self.hear(said, whose),
                async |client| self.tell(client, whose, &is_heard).await,
            );
            tokio::select! {
                talked = talked => if let Err(error) = talked {
                    session::log(&error, "the connection to the other bots is lost");
                },
                () = discarded.notified() => {}
                () = silence(&is_heard) => {
                    tracing::error!("the database does not answer the connection to the other bots");
                }
            }
            sleep(RECONNECT).await;
        }
    }

    async fn tell(
        &self,
        client: Client,
        whose: &str,
        is_heard: &CancellationToken,
    ) -> Result<(), Error> {
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        is_heard.cancel();
        // What was told before is missed.
        self.jobs.notify_one();
        self.limits.notify_one();
        let notify = client.prepare("SELECT pg_notify($1, $2)").await?;
        loop {
            self.others.news.notified().await;
            for (flag, word) in [(&self.others.jobs, JOBS), (&self.others.limits, LIMITS)] {
                if flag.swap(false, Ordering::Relaxed) {
                    let said = format!("{word} {whose}");
                    client.execute(&notify, &[&CHANNEL, &said]).await?;
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// What is told names the bot's app and its own number, so that nobody hears
    /// themselves, or the bots of another app.
    fn hear(&self, said: &str, whose: &str) {
        if said == EVERYBODY {
            return self.jobs.notify_one();
        }
        let Some((word, teller)) = said.split_once(' ') else {
            return;
        };
        let app = |whose: &str| whose.split_once(' ').map(|(app, _)| app.to_owned());
        if teller == whose || app(teller) != app(whose) {
            return;
        }
        match word {
            JOBS => self.jobs.notify_one(),
            LIMITS => self.limits.notify_one(),
            _ => {}
        }
    }
}

/// Waits until it is clear that nobody answers.
async fn silence(is_heard: &CancellationToken) {
    if timeout(SILENCE, is_heard.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// Has all bots on the database look, whatever their app.
pub(in crate::store) async fn notify_all(client: &Client) -> Result<(), Error> {
    let notify = "SELECT pg_notify($1, $2)";
    client.execute(notify, &[&CHANNEL, &EVERYBODY]).await?;
    Ok(())
}

/// Counts who waits, for as long as they do.
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
