//! The inbox and queue: one table of jobs that survives a kill at any line, and
//! beside it what is remembered of what was done.
//!
//! There are two stores: a file of SQLite's for one bot, and a PostgreSQL server
//! for any number of bots that work as one. They keep the same promises, which
//! one suite of tests holds both to, and differ in who may own a job: the bot
//! that has the file locked, or the one that holds a [`Lease`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use feishu::{BlockId, ReactionId, WriteSlot};
use jiff::Timestamp;

use crate::config::DatabaseUrl;
use crate::model::change::{ChangeId, Made};
use crate::model::job::{ChatKey, JobId, JobKey, NewJob, Queue};
use crate::model::outcome::Outcome;
use crate::model::plan::WaitingPlan;
use crate::model::progress::Progress;
use crate::telemetry::Metrics;
use postgres::PostgresStore;
use sqlite::SqliteStore;

mod desk;
mod error;
mod job;
mod lease;
mod opening;
mod postgres;
mod row;
mod sqlite;

pub use desk::State;
pub(crate) use desk::{AuditFilter, AuditRow, Desk, Filter, JobView, Retry};
pub(crate) use error::StoreError;
pub(crate) use job::{
    Accepted, Bounds, Claim, Conclusion, Job, Limited, NewPlan, Recipient, Release,
};
pub(crate) use lease::Lease;
pub(crate) use opening::Opening;
pub(crate) use postgres::{
    Inspected as InspectedServer, SHARED_SESSIONS, Tables, inspect as inspect_server,
};
pub(crate) use sqlite::{
    Inspected as InspectedFile, Room, Soundness, State as FileState, Unusable,
    inspect as inspect_file, resolve as resolve_file, room,
};

/// A handle on the store; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    metrics: Metrics,
}

#[derive(Clone)]
enum Database {
    Sqlite(SqliteStore),
    Postgres(Arc<PostgresStore>),
}

/// What runs behind the handles, until [`Running::close`].
pub(crate) enum Running {
    Sqlite(sqlite::Running),
    Postgres(postgres::Running),
}

/// The same of either database.
macro_rules! either {
    ($store:expr, $database:ident => $answer:expr) => {
        match &$store.database {
            Database::Sqlite($database) => $answer,
            Database::Postgres($database) => $answer,
        }
    };
}

/// A request to either database, and how long it took.
macro_rules! ask {
    ($store:expr, $operation:ident, $($argument:expr),*) => {{
        let begun = Instant::now();
        let answer = either!($store, database => database.$operation($($argument),*).await);
        $store
            .metrics
            .store_request(stringify!($operation), begun.elapsed());
        answer
    }};
}

impl Store {
    /// Opens the database, makes its tables or brings them up to date, and makes
    /// what nobody works on any more ready again.
    ///
    /// # Errors
    ///
    /// Says what to do when another process uses the file, or the database
    /// cannot be reached, opened or written.
    pub(crate) async fn open(opening: Opening) -> anyhow::Result<(Self, Running)> {
        let metrics = opening.metrics.clone();
        let (database, running) = match opening.url.clone() {
            DatabaseUrl::Sqlite(path) => {
                let (store, running) = SqliteStore::open(path, opening).await?;
                (Database::Sqlite(store), Running::Sqlite(running))
            }
            DatabaseUrl::Postgres(server) => {
                let (store, running) = PostgresStore::open(&server, opening).await?;
                (Database::Postgres(store), Running::Postgres(running))
            }
        };
        Ok((Self { database, metrics }, running))
    }

    /// Queues a job; when this returns, the disk has it.
    pub(crate) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        ask!(self, accept, job)
    }

    /// Takes the next job that may run: the first of its chat, due, and nothing
    /// else of its chat running.
    pub(crate) async fn claim(&self) -> Result<Claim, StoreError> {
        ask!(self, claim,)
    }

    /// Remembers how far an action has come.
    pub(crate) async fn save_progress(
        &self,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        ask!(self, save_progress, job, progress)
    }

    /// How far an action has come.
    pub(crate) async fn progress(&self, job: &Job) -> Result<Option<Progress>, StoreError> {
        ask!(self, progress, job.id)
    }

    /// Remembers what came of a job, before anything is said about it; gives
    /// back the outcome as it is remembered.
    pub(crate) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        ask!(self, conclude, job, conclusion)
    }

    /// Remembers that nothing else is worked on beside a job, so that a crash is its own.
    pub(crate) async fn run_alone(&self, job: &Job) -> Result<(), StoreError> {
        ask!(self, run_alone, job)
    }

    /// Remembers that a reply is about to be sent.
    pub(crate) async fn save_replying(&self, job: &Job) -> Result<(), StoreError> {
        ask!(self, save_replying, job)
    }

    /// Stores the reaction that shows that a command was heard, to remove it later.
    pub(crate) async fn save_heard(
        &self,
        job: &Job,
        reaction: ReactionId,
    ) -> Result<(), StoreError> {
        ask!(self, save_heard, job, reaction)
    }

    /// Gives a claimed job back.
    pub(crate) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        ask!(self, release, job, release)
    }

    /// Writes and commits, to show that it can be done.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        ask!(self, probe,)
    }

    /// Forgets what was finished before then; says how many jobs went.
    pub(crate) async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        ask!(self, prune, before)
    }

    /// The last changes of a chat, the newest first.
    pub(crate) async fn history(&self, chat: ChatKey, count: u32) -> Result<Vec<Made>, StoreError> {
        ask!(self, history, chat, count)
    }

    /// The newest change that can still be taken back and was not.
    pub(crate) async fn undoable(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        ask!(self, undoable, chat)
    }

    /// The newest change of what stands at the top of a chat, taken back or not.
    pub(crate) async fn latest_top(&self, chat: ChatKey) -> Result<Option<Made>, StoreError> {
        ask!(self, latest_top, chat)
    }

    /// What was written again into a chat's announcement since a change, the
    /// oldest first: each block as it was known, and as it is known since.
    pub(crate) async fn restored_since(
        &self,
        chat: ChatKey,
        since: ChangeId,
    ) -> Result<Vec<Vec<(BlockId, BlockId)>>, StoreError> {
        ask!(self, restored_since, chat, since)
    }

    /// Stores whether text can be removed from the chat's announcement.
    pub(crate) async fn save_lets_delete(
        &self,
        chat: ChatKey,
        lets_delete: bool,
    ) -> Result<(), StoreError> {
        ask!(self, save_lets_delete, chat, lets_delete)
    }

    /// Whether the last try to take something out of the chat's announcement has
    /// shown that the platform lets text be deleted there; nothing where it was
    /// never tried.
    pub(crate) async fn lets_delete(&self, chat: ChatKey) -> Result<Option<bool>, StoreError> {
        ask!(self, lets_delete, chat)
    }

    /// The change that the job with this key made.
    pub(crate) async fn change_of(&self, job: JobKey) -> Result<Option<Made>, StoreError> {
        ask!(self, change_of, job)
    }

    /// The planned work that is to take the change back when its time is over.
    pub(crate) async fn timed_end(&self, change: ChangeId) -> Result<Option<JobId>, StoreError> {
        ask!(self, timed_end, change)
    }

    /// What is planned in a chat, the next first.
    pub(crate) async fn planned(&self, chat: ChatKey) -> Result<Vec<WaitingPlan>, StoreError> {
        ask!(self, planned, chat)
    }

    /// Ends what is planned in a chat that the bot has left, and forgets what
    /// people wrote there.
    pub(crate) async fn leave(&self, chat: ChatKey) -> Result<(), StoreError> {
        ask!(self, leave, chat)
    }

    /// Forgets what people wrote in changes made before `texts`, and changes
    /// made before `rows`; says how many rows it touched.
    pub(crate) async fn forget_changes(
        &self,
        texts: Timestamp,
        rows: Timestamp,
    ) -> Result<usize, StoreError> {
        ask!(self, forget_changes, texts, rows)
    }

    /// Records when a throttled answer was sent to somebody.
    pub(crate) async fn record_answer(
        &self,
        to: Recipient,
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        ask!(self, record_answer, to, sent_at)
    }

    /// When that answer was last sent to them.
    pub(crate) async fn last_answer(&self, to: Recipient) -> Result<Option<Timestamp>, StoreError> {
        ask!(self, last_answer, to)
    }

    /// Remembers that an API asked to be left alone.
    pub(crate) async fn save_limit(&self, limited: Limited) -> Result<(), StoreError> {
        ask!(self, save_limit, limited)
    }

    /// The APIs that asked to be left alone until a time yet to come.
    pub(crate) async fn limits(&self) -> Result<Vec<Limited>, StoreError> {
        ask!(self, limits,)
    }

    /// The next turn in a row in which all bots on this store stand, five in each
    /// `window`. Where one bot alone is on it, there is none to wait for.
    pub(crate) async fn next_turn(&self, window: Duration) -> Result<WriteSlot, StoreError> {
        match &self.database {
            Database::Sqlite(file) => Ok(WriteSlot::At(file.now())),
            Database::Postgres(server) => server.next_turn(window).await,
        }
    }

    /// How much there is to do, as the database has it.
    pub(crate) async fn queue(&self) -> Result<Queue, StoreError> {
        ask!(self, queue,)
    }

    /// Whether another job would be refused; where several bots share a store, as
    /// it was a moment ago.
    pub(crate) fn is_full(&self) -> bool {
        either!(self, database => database.is_full())
    }

    /// Waits until there may be something new to claim.
    pub(crate) async fn changed(&self) {
        either!(self, database => database.changed().await);
    }

    /// Waits until another bot was told to leave an API alone.
    pub(crate) async fn limits_changed(&self) {
        match &self.database {
            Database::Sqlite(_) => std::future::pending().await,
            Database::Postgres(server) => server.limits_changed().await,
        }
    }
}

impl Running {
    /// Waits until one of the tasks or threads behind the handles ends by itself, or
    /// the database cannot be used any more, and says why; then the bot has to stop.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self {
            Self::Sqlite(running) => running.ended().await,
            Self::Postgres(running) => running.ended().await,
        }
    }

    /// Ends what runs behind the handles, once all of these are gone; then
    /// nothing is left locked or leased.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(running) => running.close().await,
            Self::Postgres(running) => running.close().await,
        }
    }
}

#[cfg(test)]
mod tests;
