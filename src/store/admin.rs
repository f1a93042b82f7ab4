//! The store as its admin sees it: looked at and put right from another process,
//! whether the bot runs or not.
//!
//! Nothing here takes the file's lock or a lease. A running bot finds out what was
//! changed within seconds.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use feishu::ExtraRoots;
use jiff::Timestamp;

use crate::config::DatabaseUrl;
use crate::model::job::ChatKey;
use crate::store::admin::rows::{JobRow, REFERENCE};
use crate::store::statement::{Query, Statement};
use crate::store::statements::chats;
use postgres::Server;
use sqlite::File;

mod postgres;
mod rows;
mod sqlite;
mod statements;

pub use rows::JobState;
pub(crate) use rows::{AuditFilter, AuditRow, CannotChange, JobFilter, JobSummary, Retry};

/// An opened store.
pub(crate) enum AdminStore {
    File(File),
    Server(Server),
}

/// A request to either database.
macro_rules! ask {
    ($store:expr, $operation:ident, $($argument:expr),*) => {
        match $store {
            AdminStore::File(file) => file.$operation($($argument),*),
            AdminStore::Server(server) => server.$operation($($argument),*).await,
        }
    };
}

impl AdminStore {
    /// Opens a store as it is.
    ///
    /// # Errors
    ///
    /// When it is not there, cannot be reached, or its tables are not those of this
    /// release, with the remedy.
    pub(crate) async fn open(url: &DatabaseUrl, extra_roots: &ExtraRoots) -> anyhow::Result<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => Ok(Self::File(File::open(path)?)),
            DatabaseUrl::Postgres(server) => {
                Ok(Self::Server(Server::open(server, extra_roots).await?))
            }
        }
    }

    /// The jobs that match the filter, the newest first.
    pub(crate) async fn jobs(
        &self,
        app: &str,
        filter: &JobFilter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<JobSummary>> {
        let raw = self.rows(statements::jobs(app, filter, now)).await?;
        Ok(raw.into_iter().map(|job| job.summary(false, now)).collect())
    }

    /// The job with this id, or this reference.
    pub(crate) async fn job(
        &self,
        app: &str,
        name: &str,
        with_text: bool,
        now: Timestamp,
    ) -> anyhow::Result<JobSummary> {
        let raw = self.find(app, name).await?;
        Ok(raw.summary(with_text, now))
    }

    /// Puts a job back into the queue, due now.
    pub(crate) async fn retry(
        &mut self,
        app: &str,
        name: &str,
        now: Timestamp,
    ) -> anyhow::Result<(JobSummary, Retry)> {
        let raw = self.find(app, name).await?;
        let how = raw.retry(now)?;
        ask!(self, batch, "BEGIN")?;
        let requeued = self.requeue(raw.id, how, now).await;
        let end = if requeued.is_ok() {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        ask!(self, batch, end)?;
        requeued?;
        self.wake_bots().await;
        Ok((raw.summary(false, now), how))
    }

    async fn requeue(&self, job: i64, how: Retry, now: Timestamp) -> anyhow::Result<()> {
        let changed = self.execute(&statements::retry(job, how, now)).await?;
        ensure!(changed > 0, CannotChange::Running);
        if how == Retry::Again {
            let change = self.rows(statements::change_of(job)).await?;
            ensure!(change.is_empty(), CannotChange::Changed);
            self.execute(&statements::forget_failure(job)).await?;
        }
        Ok(())
    }

    /// Ends a job that is not running, and removes what people wrote in it.
    pub(crate) async fn drop(
        &self,
        app: &str,
        name: &str,
        now: Timestamp,
    ) -> anyhow::Result<JobSummary> {
        let raw = self.find(app, name).await?;
        match raw.state.as_str() {
            "running" => return Err(CannotChange::Running.into()),
            "done" => return Err(CannotChange::Done.into()),
            "ready" if raw.has_written() => return Err(CannotChange::HalfDone.into()),
            _ => {}
        }
        let drop = statements::drop(raw.id, raw.progress.as_deref(), now);
        ensure!(self.execute(&drop).await? > 0, CannotChange::Running);
        self.wake_bots().await;
        Ok(raw.summary(false, now))
    }

    /// The changes that match the filter, the oldest first.
    pub(crate) async fn audit(
        &self,
        app: &str,
        filter: &AuditFilter,
    ) -> anyhow::Result<Vec<AuditRow>> {
        let rows = self.rows(statements::audit(app, filter)).await?;
        Ok(if filter.with_text {
            rows
        } else {
            rows.into_iter().map(AuditRow::without_text).collect()
        })
    }

    /// Whether the last attempt to remove text from the chat's announcement succeeded.
    pub(crate) async fn can_delete_text(&self, chat: &ChatKey) -> anyhow::Result<Option<bool>> {
        Ok(self.rows(chats::can_delete_text(chat)).await?.pop())
    }

    /// Writes all that the store holds into a new file, as it is at one moment.
    pub(crate) async fn back_up(&mut self, file: &Path) -> anyhow::Result<()> {
        let mut ours = OpenOptions::new();
        ours.write(true).create_new(true).mode(0o600);
        let made = ours
            .open(file)
            .with_context(|| {
                let file = file.display();
                format!("making `{file}`: name a file that is not there yet, in a folder that is, where this user may write")
            })?;
        let written = ask!(self, back_up, file);
        let written = written.and_then(|()| Ok(made.sync_all()?));
        // Half a back-up looks like one.
        if written.is_err() {
            let _ = std::fs::remove_file(file);
        }
        written.with_context(|| format!("writing `{}`", file.display()))
    }

    async fn find(&self, app: &str, name: &str) -> anyhow::Result<JobRow> {
        // A reference may consist of digits, and goes before an id.
        let mut found = Vec::new();
        if name.len() == REFERENCE {
            found = self.rows(statements::job_by_reference(app, name)).await?;
        }
        if found.is_empty()
            && let Ok(id) = name.parse::<i64>()
        {
            found = self.rows(statements::job_by_id(app, id)).await?;
        }
        let found = found.into_iter().next();
        Ok(found.ok_or(CannotChange::Unknown)?)
    }

    async fn execute(&self, statement: &Statement) -> anyhow::Result<usize> {
        ask!(self, execute, statement)
    }

    async fn rows<T>(&self, query: Query<T>) -> anyhow::Result<Vec<T>> {
        ask!(self, rows, &query)
    }

    async fn wake_bots(&self) {
        if let Self::Server(server) = self {
            server.wake_bots().await;
        }
    }
}
