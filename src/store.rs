//! The inbox and queue: a table of jobs that survives a kill at any line, and a table of the
//! changes that they made.
//!
//! There are two databases: a SQLite file for a single replica, and a PostgreSQL server for any
//! number of them. One suite of tests holds both to the same promises. Simple operations are one
//! [`statement`] for both. The databases differ in who may own a job: the process that
//! has locked the file, or the replica that holds a [`Lease`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use feishu::{BlockId, MessageId, ReactionId, TenantKey, WriteSlot};
use jiff::Timestamp;

use crate::config::DatabaseUrl;
use crate::model::change::{AnnouncementState, Change, ChangeId, RecordedChange};
use crate::model::job::{ChatKey, JobId, JobKey, NewJob, Queue};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::schedule::ScheduleRow;
use crate::telemetry::{Metrics, Wakeup};
use postgres::{PostgresStore, PostgresTasks};
use seen_tenants::SeenTenants;
use sqlite::{SqliteStore, SqliteTasks};
use statement::{Query, Statement};
use statements::{broadcasts as broadcast_statements, changes, chats, jobs, limits, schedules};

mod admin;
mod broadcast_change;
mod broadcasts;
mod error;
mod grants;
mod job;
mod lease;
mod options;
mod panel;
mod postgres;
mod row;
mod seen_tenants;
mod settings;
mod sqlite;
mod statement;
mod statements;
mod tenants;
mod waker;

pub(crate) use admin::{
    AdminAction, AdminDeed, AdminStore, AuditFilter, AuditResult, AuditRow, AuditSearch,
    CannotChange, GrantRow, JobRecord, JobSummary, Minute, ReplicaRow, Retry, Rows, TenantCounts,
};
pub use admin::{JobFilter, JobState};
pub(crate) use broadcast_change::{
    BroadcastChange, DeliveryEnd, NewBroadcast, NewDelivery, Repeat,
};
pub(crate) use error::StoreError;
pub(crate) use job::{
    Accepted, Bounds, Claim, Claimable, Conclusion, Job, NewSchedule, RateLimit, Recipient,
    Release, Rewrite, Then, UNNUMBERED,
};
pub(crate) use lease::Lease;
pub(crate) use options::StoreOptions;
pub(crate) use postgres::{InspectedServer, SHARED_SESSIONS, Tables, inspect as inspect_server};
pub(crate) use sqlite::{
    DiskSpace, FileState, InspectedFile, Integrity, Unusable, disk_space, inspect as inspect_file,
    resolve as resolve_file,
};

/// A handle on the store; cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Store {
    database: Database,
    app: String,
    metrics: Metrics,
    seen: SeenTenants,
}

#[derive(Clone)]
enum Database {
    Sqlite(SqliteStore),
    Postgres(Arc<PostgresStore>),
}

/// The tasks and threads behind the handles.
pub(crate) enum StoreTasks {
    Sqlite(SqliteTasks),
    Postgres(PostgresTasks),
}

macro_rules! either {
    ($store:expr, $database:ident => $answer:expr) => {
        match &$store.database {
            Database::Sqlite($database) => $answer,
            Database::Postgres($database) => $answer,
        }
    };
}

impl Store {
    /// Opens the database, creates or migrates its tables, and requeues orphaned jobs.
    ///
    /// # Errors
    ///
    /// Names the remedy when another process uses the file, or the database cannot be reached,
    /// opened or written.
    pub(crate) async fn open(options: StoreOptions) -> anyhow::Result<(Self, StoreTasks)> {
        let (app, metrics) = (options.app.clone(), options.metrics.clone());
        let (database, tasks) = match options.url.clone() {
            DatabaseUrl::Sqlite(path) => {
                let (store, tasks) = SqliteStore::open(path, options).await?;
                (Database::Sqlite(store), StoreTasks::Sqlite(tasks))
            }
            DatabaseUrl::Postgres(server) => {
                let (store, tasks) = PostgresStore::open(&server, options).await?;
                (Database::Postgres(store), StoreTasks::Postgres(tasks))
            }
        };
        let store = Self {
            database,
            app,
            metrics,
            seen: SeenTenants::default(),
        };
        Ok((store, tasks))
    }

    /// Queues a job; when this returns, it is on disk.
    pub(crate) async fn accept(&self, job: NewJob) -> Result<Accepted, StoreError> {
        let accepting = async {
            self.see(&job.key.tenant).await?;
            either!(self, database => database.accept(job).await)
        };
        self.timed("accept", accepting).await
    }

    /// Claims the next runnable job: due, first of its chat, and no other job of its chat is
    /// running.
    pub(crate) async fn claim(&self, claimable: Claimable) -> Result<Claim, StoreError> {
        let claiming = async { either!(self, database => database.claim(claimable).await) };
        self.timed("claim", claiming).await
    }

    pub(crate) async fn save_progress(
        &self,
        job: &Job,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        let statement = jobs::save_progress(job.owned(), progress);
        self.update("save_progress", statement).await
    }

    pub(crate) async fn progress(&self, job: &Job) -> Result<Option<Progress>, StoreError> {
        let progress = self.first("progress", jobs::progress(job.id)).await?;
        Ok(progress.flatten())
    }

    /// Stores all of a conclusion or nothing of it, before its reply is sent.
    ///
    /// The outcome that comes back names the number of a new schedule, and says so if there was
    /// nothing left to cancel.
    pub(crate) async fn conclude(
        &self,
        job: &Job,
        conclusion: Conclusion,
    ) -> Result<Outcome, StoreError> {
        // A conclusion is large.
        let concluding =
            Box::pin(async { either!(self, database => database.conclude(job, conclusion).await) });
        self.timed("conclude", concluding).await
    }

    /// Marks a job as the only one that this replica runs: a crash is then attributed to it alone.
    pub(crate) async fn run_alone(&self, job: &Job) -> Result<(), StoreError> {
        self.update("run_alone", jobs::run_alone(job.owned())).await
    }

    /// Marks that a reply is about to be sent.
    pub(crate) async fn save_replying(&self, job: &Job) -> Result<(), StoreError> {
        let statement = jobs::save_replying(job.owned(), self.now());
        self.update("save_replying", statement).await
    }

    /// Stores the reaction that acknowledges a command, so that it can be removed later.
    pub(crate) async fn save_acknowledgement(
        &self,
        job: &Job,
        reaction: ReactionId,
    ) -> Result<(), StoreError> {
        let statement = jobs::save_acknowledgement(job.owned(), reaction.as_str());
        self.update("save_acknowledgement", statement).await
    }

    /// Stores a reaction to a command that is removed when this job, which is not claimed, has ended.
    pub(crate) async fn save_acknowledgement_of(
        &self,
        job: JobKey,
        reaction: ReactionId,
    ) -> Result<(), StoreError> {
        let statement = jobs::save_acknowledgement_of(&job, reaction.as_str());
        self.execute("save_acknowledgement_of", statement)
            .await
            .map(drop)
    }

    pub(crate) async fn release(&self, job: &Job, release: Release) -> Result<(), StoreError> {
        let releasing = async { either!(self, database => database.release(job, release).await) };
        self.timed("release", releasing).await
    }

    /// Commits a write, for the readiness probe.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let probing = async { either!(self, database => database.probe().await) };
        self.timed("probe", probing).await
    }

    /// Removes some of the jobs that ended before then; returns how many.
    pub(crate) async fn prune(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.execute("prune", jobs::prune(&self.app, before)).await
    }

    /// The last changes of a chat, the newest first.
    pub(crate) async fn history(
        &self,
        chat: ChatKey,
        count: u32,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let changes = self.rows("history", changes::history(&chat, count)).await?;
        Ok(changes.into_iter().flatten().collect())
    }

    /// The newest change that can still be reverted.
    pub(crate) async fn undoable(
        &self,
        chat: ChatKey,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let query = changes::undoable(&chat, self.now());
        let mut changes = self.rows("undoable", query).await?.into_iter().flatten();
        // A row of a later release cannot be reverted by this one; an older row can.
        Ok(changes.find(|change| change.change.is_some()))
    }

    /// The newest change of the top notice of a chat, reverted or not.
    pub(crate) async fn latest_top(
        &self,
        chat: ChatKey,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let change = self.first("latest_top", changes::latest_top(&chat)).await?;
        Ok(change.flatten())
    }

    /// The blocks that were written to a chat's announcement again since a change, the oldest
    /// first: each block's id before and after.
    pub(crate) async fn restored_since(
        &self,
        chat: ChatKey,
        since: ChangeId,
    ) -> Result<Vec<Vec<(BlockId, BlockId)>>, StoreError> {
        let query = changes::restored_since(&chat, since);
        let blocks = self.rows("restored_since", query).await?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// What recent changes of a chat's announcement wrote, the oldest first.
    pub(crate) async fn announced(
        &self,
        chat: ChatKey,
    ) -> Result<Vec<AnnouncementState>, StoreError> {
        let written = self.rows("announced", changes::announced(&chat)).await?;
        Ok(written.into_iter().flatten().rev().collect())
    }

    pub(crate) async fn save_can_delete_text(
        &self,
        chat: ChatKey,
        can_delete_text: bool,
    ) -> Result<(), StoreError> {
        let statement = chats::save_can_delete_text(&chat, can_delete_text);
        self.execute("save_can_delete_text", statement)
            .await
            .map(drop)
    }

    /// Whether the last attempt to remove text from the chat's announcement succeeded; `None`
    /// before the first.
    pub(crate) async fn can_delete_text(&self, chat: ChatKey) -> Result<Option<bool>, StoreError> {
        self.first("can_delete_text", chats::can_delete_text(&chat))
            .await
    }

    /// The change that the job with this key made.
    pub(crate) async fn change_of(
        &self,
        job: JobKey,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let change = self.first("change_of", changes::made_by(&job)).await?;
        Ok(change.flatten())
    }

    /// The change that the command with this message made in the chat, now or when it was due.
    pub(crate) async fn change_of_message(
        &self,
        chat: ChatKey,
        message: &MessageId,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let query = changes::of_message(&chat, message);
        Ok(self.first("change_of_message", query).await?.flatten())
    }

    /// The change that posted this card in the chat.
    pub(crate) async fn notice(
        &self,
        chat: ChatKey,
        message: &MessageId,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let notices = self.rows("notice", changes::notices(&chat)).await?;
        let mut notices = notices.into_iter().flatten();
        Ok(notices.find(|recorded| {
            let notice = recorded.change.as_ref().and_then(Change::notice);
            notice.is_some_and(|notice| notice.message == *message)
        }))
    }

    /// The change with this number in the chat.
    pub(crate) async fn numbered_change(
        &self,
        chat: ChatKey,
        number: u32,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let query = changes::numbered(&chat, number);
        Ok(self.first("numbered_change", query).await?.flatten())
    }

    pub(crate) async fn change(&self, id: ChangeId) -> Result<Option<RecordedChange>, StoreError> {
        Ok(self.first("change", changes::with_id(id)).await?.flatten())
    }

    /// The last edit of the text of a change that was not undone, also one that was given up.
    pub(crate) async fn latest_edit(
        &self,
        chat: ChatKey,
        edited: ChangeId,
    ) -> Result<Option<RecordedChange>, StoreError> {
        let query = changes::latest_edit(&chat, edited);
        Ok(self.first("latest_edit", query).await?.flatten())
    }

    /// The schedule that is to revert the change when its time is over.
    pub(crate) async fn timed_end(&self, change: ChangeId) -> Result<Option<JobId>, StoreError> {
        self.first("timed_end", schedules::timed_end(change)).await
    }

    /// The schedules of a chat, the next first.
    pub(crate) async fn schedules(&self, chat: ChatKey) -> Result<Vec<ScheduleRow>, StoreError> {
        let schedules = self.rows("schedules", schedules::of_chat(&chat)).await?;
        Ok(schedules.into_iter().flatten().collect())
    }

    /// Ends the schedules of a chat that the bot has left, and removes its settings and what its
    /// members wrote.
    pub(crate) async fn leave(&self, chat: ChatKey) -> Result<(), StoreError> {
        let statements = schedules::leave(&chat, self.now());
        self.transact("leave", statements).await
    }

    /// Removes the texts of some of the changes made before `texts`, and some of the changes made
    /// before `rows`; returns how many of both.
    pub(crate) async fn forget_changes(
        &self,
        texts: Timestamp,
        rows: Timestamp,
    ) -> Result<usize, StoreError> {
        let (app, name) = (&*self.app, "forget_changes");
        let emptied = self
            .execute(name, changes::forget_texts(app, texts))
            .await?;
        let removed = self.execute(name, changes::forget(app, rows)).await?;
        self.execute(name, chats::forget_answers(app, texts))
            .await?;
        self.execute(name, limits::forget_limits(app, texts))
            .await?;
        let mut forgotten = emptied + removed;
        for statement in broadcast_statements::forget(app, texts) {
            forgotten += self.execute(name, statement).await?;
        }
        Ok(forgotten)
    }

    pub(crate) async fn record_answer(
        &self,
        to: Recipient,
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = chats::record_answer(&to, sent_at);
        self.execute("record_answer", statement).await.map(drop)
    }

    pub(crate) async fn last_answer(&self, to: Recipient) -> Result<Option<Timestamp>, StoreError> {
        let sent_at = self.first("last_answer", chats::last_answer(&to)).await?;
        Ok(sent_at.flatten())
    }

    /// Stores a rate limit and notifies the other replicas.
    pub(crate) async fn save_limit(&self, limit: RateLimit) -> Result<(), StoreError> {
        let statement = limits::save_limit(&self.app, &limit, self.now());
        self.execute("save_limit", statement).await?;
        if let Database::Postgres(server) = &self.database {
            server.announce_limit();
        }
        Ok(())
    }

    /// The rate limits that are not over.
    pub(crate) async fn limits(&self) -> Result<Vec<RateLimit>, StoreError> {
        let query = limits::limits(&self.app, self.now());
        self.rows("limits", query).await
    }

    /// The tenant's next write slot of those that all replicas share, five per `window`. A single replica
    /// need not wait for one.
    pub(crate) async fn next_write_slot(
        &self,
        tenant: TenantKey,
        window: Duration,
    ) -> Result<WriteSlot, StoreError> {
        match &self.database {
            Database::Sqlite(file) => Ok(WriteSlot::At(file.now())),
            Database::Postgres(server) => server.next_write_slot(tenant, window).await,
        }
    }

    /// Counts the open jobs in the database.
    pub(crate) async fn queue(&self) -> Result<Queue, StoreError> {
        let counting = async { either!(self, database => database.queue().await) };
        self.timed("queue", counting).await
    }

    /// Whether another job would be rejected. With several replicas, the count may be seconds old.
    pub(crate) fn is_full(&self) -> bool {
        either!(self, database => database.is_full())
    }

    /// Waits until a job may be claimable, and returns why.
    pub(crate) async fn changed(&self) -> Wakeup {
        either!(self, database => database.changed().await)
    }

    /// Waits until another replica has stored a rate limit.
    pub(crate) async fn limits_changed(&self) {
        match &self.database {
            Database::Sqlite(_) => std::future::pending().await,
            Database::Postgres(server) => server.limits_changed().await,
        }
    }

    fn is_on_server(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    fn now(&self) -> Timestamp {
        either!(self, database => database.now())
    }

    /// Executes a statement about a claimed job.
    async fn update(&self, operation: &'static str, job: Statement) -> Result<(), StoreError> {
        let rows = self.execute(operation, job).await?;
        job::still_owned(rows > 0)
    }

    /// Executes statements that may end or continue open jobs, all or none.
    async fn transact<const N: usize>(
        &self,
        operation: &'static str,
        statements: [Statement; N],
    ) -> Result<(), StoreError> {
        let executing = async { either!(self, database => database.transact(statements).await) };
        self.timed(operation, executing).await
    }

    /// Looks for claimable jobs again.
    pub(crate) fn wake(&self) {
        either!(self, database => database.wake());
    }

    async fn execute(
        &self,
        operation: &'static str,
        statement: Statement,
    ) -> Result<usize, StoreError> {
        let executing = async { either!(self, database => database.execute(statement).await) };
        self.timed(operation, executing).await
    }

    /// Executes a statement that may end or remove open jobs.
    async fn erase(
        &self,
        operation: &'static str,
        statement: Statement,
    ) -> Result<usize, StoreError> {
        let erasing = async { either!(self, database => database.erase(statement).await) };
        self.timed(operation, erasing).await
    }

    async fn rows<T: Send + 'static>(
        &self,
        operation: &'static str,
        query: Query<T>,
    ) -> Result<Vec<T>, StoreError> {
        let reading = async { either!(self, database => database.rows(query).await) };
        self.timed(operation, reading).await
    }

    async fn first<T: Send + 'static>(
        &self,
        operation: &'static str,
        query: Query<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(operation, query).await?.into_iter().next())
    }

    async fn timed<T>(&self, operation: &'static str, request: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = request.await;
        self.metrics.store_request(operation, begun.elapsed());
        answer
    }
}

impl StoreTasks {
    /// Waits until a task or thread ends by itself or the database becomes unusable, and returns
    /// the reason. The bot must stop then.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self {
            Self::Sqlite(tasks) => tasks.ended().await,
            Self::Postgres(tasks) => tasks.ended().await,
        }
    }

    /// Stops the tasks once all handles are dropped; releases the lock or lease.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(tasks) => tasks.close().await,
            Self::Postgres(tasks) => tasks.close().await,
        }
    }
}

#[cfg(test)]
mod tests;
