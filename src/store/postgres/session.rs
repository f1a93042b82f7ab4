//! Sessions with the server, judged by what it answers.
//!
//! A session may be open and useless: it leads to a server that has become read only, or its
//! prepared statements are gone. An error that is about more than its statement therefore ends the
//! session, and all that were opened before the request was made; the next request opens another.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::connect::{Connector, told};
use super::executor::ExecuteError;
use crate::store::StoreError;

/// A request that takes longer has lost its server: that ends a statement sooner by itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// A session that has carried more than this at once is closed: the buffers of its connection would
/// keep that size, several times over, for as long as it is open. Genuine messages are smaller.
const LARGE_VALUE: usize = 256 * 1024;

/// The sessions of one pool.
pub(super) struct Sessions {
    pool: Pool,
    /// Those opened before this are not used again.
    valid_since: Arc<Mutex<Instant>>,
    /// Cancelled to end the requests under way on sessions that do not answer.
    answering: Mutex<CancellationToken>,
    /// Whoever keeps a connection of their own opens it again, too.
    discarded: Arc<Notify>,
}

/// A session for a request or a few.
pub(super) struct Session<'s> {
    client: Object,
    runner: Runner<'s>,
}

/// Whoever looks at the answers that come over a session.
pub(super) struct Runner<'s> {
    sessions: &'s Sessions,
    answering: CancellationToken,
}

impl Sessions {
    /// None is opened yet. `discarded` is notified whenever some are.
    pub(super) fn new(
        connector: &Connector,
        size: usize,
        discarded: Arc<Notify>,
    ) -> anyhow::Result<Self> {
        let valid_since = Arc::new(Mutex::new(Instant::now()));
        let since = Arc::clone(&valid_since);
        let is_valid = move |opened| opened > *since.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self {
            pool: connector.pool_of(size, is_valid)?,
            valid_since,
            answering: Mutex::default(),
            discarded,
        })
    }

    pub(super) async fn get(&self) -> Result<Session<'_>, StoreError> {
        let client = self.pool.get().await.map_err(|error| {
            match error {
                PoolError::Backend(error) => log(&error, "the database cannot be reached"),
                PoolError::Timeout(TimeoutType::Create) => {
                    tracing::error!(
                        "the database, or a pooler in front, does not serve another connection"
                    );
                }
                error => tracing::error!(error = %error, "no connection to the database is free"),
            }
            StoreError::Database
        })?;
        let answering = self.answering().clone();
        let runner = Runner {
            sessions: self,
            answering,
        };
        Ok(Session { client, runner })
    }

    /// Ends what is under way on all sessions, and discards them.
    pub(super) fn abandon(&self) {
        std::mem::take(&mut *self.answering()).cancel();
        self.discard(Instant::now());
    }

    /// Nothing is in_flight of the server any more.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Discards the sessions opened before then: idle ones now, others when they are given back.
    fn discard(&self, before: Instant) {
        {
            let mut valid_since = self.valid_since();
            *valid_since = before.max(*valid_since);
        }
        self.pool.retain(|_, metrics| metrics.created > before);
        self.discarded.notify_one();
    }

    fn valid_since(&self) -> MutexGuard<'_, Instant> {
        self.valid_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn answering(&self) -> MutexGuard<'_, CancellationToken> {
        self.answering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session<'_> {
    /// Waits for the answer to a request over this session, and judges the session by it.
    pub(super) async fn run<T, E: Into<ExecuteError>>(
        &self,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        self.runner.run(request).await
    }

    /// The client, for a transaction, and who judges the session then.
    pub(super) fn parts(&mut self) -> (&mut Object, &Runner<'_>) {
        (&mut self.client, &self.runner)
    }

    /// Gives the session back, or closes it after a value of so many bytes if that is large.
    pub(super) fn give_back_after(self, bytes: usize) {
        if bytes > LARGE_VALUE {
            drop(Object::take(self.client));
        }
    }

    /// Whether an answer has shown that it is of no more use.
    pub(super) fn is_discarded(&self) -> bool {
        Object::metrics(&self.client).created <= *self.runner.sessions.valid_since()
    }
}

impl Deref for Session<'_> {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.client
    }
}

impl Runner<'_> {
    pub(super) async fn run<T, E: Into<ExecuteError>>(
        &self,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let mut in_flight = InFlight {
            sessions: self.sessions,
            at: Instant::now(),
            is_complete: false,
        };
        let answer = self.answering.run_until_cancelled(request);
        let Ok(Some(answer)) = timeout(ANSWER_TIMEOUT, answer).await else {
            tracing::error!("the database did not answer a request");
            return Err(StoreError::Database);
        };
        in_flight.is_complete = true;
        answer.map_err(|error| {
            let error = match error.into() {
                ExecuteError::Server(error) => error,
                ExecuteError::Row(error) => {
                    tracing::error!(%error, "reading from the database failed");
                    return StoreError::Database;
                }
            };
            if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) {
                tracing::warn!("the lease on the jobs is over");
                return StoreError::Lost;
            }
            if !is_of_statement(error.code()) {
                self.sessions.discard(in_flight.at);
            }
            log(&error, "the database refused");
            StoreError::Database
        })
    }
}

/// A request under way. Where whoever waits for it gives it up first, its session may never answer.
struct InFlight<'s> {
    sessions: &'s Sessions,
    at: Instant,
    is_complete: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.is_complete {
            self.sessions.discard(self.at);
        }
    }
}

/// Data, constraints, conflicts of transactions, and what is full, too large or locked.
const OF_STATEMENTS: [&str; 6] = ["22", "23", "40", "53", "54", "55"];

/// Whether an error is about the statement or the server's resources, so that the same session can
/// be used for the next one. All others end it: to open another costs little.
fn is_of_statement(code: Option<&SqlState>) -> bool {
    let Some(code) = code else {
        // The connection is closed, or the answer could not be read.
        return false;
    };
    *code == SqlState::QUERY_CANCELED
        || OF_STATEMENTS
            .iter()
            .any(|class| code.code().starts_with(class))
}

pub(super) fn log(error: &Error, what: &str) {
    tracing::error!(error = told(error), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_about_more_than_the_statement_end_a_session() {
        for code in [
            "08003", "08006", "08P01", "0A000", "25006", "25P02", "25P03", "26000", "28P01",
            "42P01", "42P05", "57P01", "57P02", "57P03", "57P04", "57P05", "58030", "XX000",
            "F0000", "99999",
        ] {
            assert!(!is_of_statement(Some(&SqlState::from_code(code))), "{code}");
        }
        for code in [
            "22021", "23505", "40001", "40P01", "53100", "53200", "55P03", "57014",
        ] {
            assert!(is_of_statement(Some(&SqlState::from_code(code))), "{code}");
        }
        assert!(!is_of_statement(None), "it is closed");
    }
}
