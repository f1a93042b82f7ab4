//! Sessions with the server, discarded when a response shows that they are useless.
//!
//! An open session can be useless: its server has become read-only, or its prepared statements are
//! gone. So an error that concerns more than its statement discards the session, and all that were
//! opened before the request; the next request opens a new one.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::connect::{Connector, describe};
use super::executor::ExecuteError;
use crate::store::StoreError;

/// Time limit for a request. The server cancels a statement sooner by itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);

/// A session that transferred a larger value is closed: its buffers would keep that size while it
/// is open. Genuine messages are smaller.
const LARGE_VALUE: usize = 256 * 1024;

pub(super) struct Sessions {
    pool: Pool,
    /// Sessions opened before this are discarded.
    valid_since: Arc<Mutex<Instant>>,
    /// Cancelled to end the requests in flight on unresponsive sessions.
    cancellation: Mutex<CancellationToken>,
    /// Notified when sessions are discarded.
    discarded: Arc<Notify>,
}

/// A session for one or a few requests.
pub(super) struct Session<'s> {
    pub(super) client: Object,
    pub(super) runner: Runner<'s>,
}

/// Runs requests over a session and discards sessions after errors.
pub(super) struct Runner<'s> {
    sessions: &'s Sessions,
    cancellation: CancellationToken,
}

impl Sessions {
    /// Opens no session yet. `discarded` is notified when sessions are discarded.
    pub(super) fn new(
        connector: &Connector,
        size: usize,
        discarded: Arc<Notify>,
    ) -> anyhow::Result<Self> {
        let valid_since = Arc::new(Mutex::new(Instant::now()));
        let since = Arc::clone(&valid_since);
        let is_valid = move |opened| opened > *since.lock();
        Ok(Self {
            pool: connector.pool_of(size, is_valid)?,
            valid_since,
            cancellation: Mutex::default(),
            discarded,
        })
    }

    pub(super) async fn get(&self) -> Result<Session<'_>, StoreError> {
        let client = self.pool.get().await.map_err(|error| {
            match error {
                PoolError::Backend(error) => log(&error, "could not reach the database"),
                PoolError::Timeout(TimeoutType::Create) => {
                    tracing::error!(
                        "the database, or a pooler in front of it, does not accept another connection"
                    );
                }
                error => tracing::error!(error = %error, "no free connection to the database"),
            }
            StoreError::Database
        })?;
        let cancellation = self.cancellation.lock().clone();
        let runner = Runner {
            sessions: self,
            cancellation,
        };
        Ok(Session { client, runner })
    }

    /// Cancels the requests in flight on all sessions, and discards them.
    pub(super) fn abandon(&self) {
        std::mem::take(&mut *self.cancellation.lock()).cancel();
        self.discard(Instant::now());
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Discards sessions opened before then: idle ones now, others when they are returned.
    fn discard(&self, before: Instant) {
        {
            let mut valid_since = self.valid_since.lock();
            *valid_since = before.max(*valid_since);
        }
        self.pool.retain(|_, metrics| metrics.created > before);
        self.discarded.notify_one();
    }
}

impl Session<'_> {
    pub(super) async fn run<T, E: Into<ExecuteError>>(
        &self,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        self.runner.run(request).await
    }

    /// Returns the session to the pool, or closes it after a large value.
    pub(super) fn give_back_after(self, bytes: usize) {
        if bytes > LARGE_VALUE {
            drop(Object::take(self.client));
        }
    }

    /// Whether an error has discarded it.
    pub(super) fn is_discarded(&self) -> bool {
        Object::metrics(&self.client).created <= *self.runner.sessions.valid_since.lock()
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
        let answer = self.cancellation.run_until_cancelled(request);
        let Ok(Some(answer)) = timeout(ANSWER_TIMEOUT, answer).await else {
            tracing::error!("the database did not respond to a request");
            return Err(StoreError::Database);
        };
        in_flight.is_complete = true;
        answer.map_err(|error| {
            let error = match error.into() {
                ExecuteError::Server(error) => error,
                ExecuteError::Row(error) => {
                    tracing::error!(%error, "could not read a row of the database");
                    return StoreError::Database;
                }
            };
            if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) {
                tracing::warn!("the lease on the jobs has expired");
                return StoreError::Lost;
            }
            if !is_of_statement(error.code()) {
                self.sessions.discard(in_flight.at);
            }
            log(&error, "the database rejected a request");
            StoreError::Database
        })
    }
}

/// A request in flight. If it is dropped before the response arrives, its session may never
/// respond.
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

/// Classes for data, constraints, transaction conflicts, resources, limits and locks.
const OF_STATEMENTS: [&str; 6] = ["22", "23", "40", "53", "54", "55"];

/// Whether an error concerns only the statement or the server's resources, so that the session
/// remains usable.
fn is_of_statement(code: Option<&SqlState>) -> bool {
    let Some(code) = code else {
        // The connection is closed, or the response could not be read.
        return false;
    };
    *code == SqlState::QUERY_CANCELED
        || OF_STATEMENTS
            .iter()
            .any(|class| code.code().starts_with(class))
}

pub(super) fn log(error: &Error, what: &str) {
    tracing::error!(error = describe(error), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_errors_discard_the_session() {
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
