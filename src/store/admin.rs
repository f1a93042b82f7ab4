//! The store as the admin commands use it: read and changed by another process, whether the bot
//! runs or not.
//!
//! It takes neither the file's lock nor a lease. A running bot notices changes within seconds.

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

pub(crate) enum AdminStore {
    File(File),
    Server(Server),
}

macro_rules! ask {
    ($store:expr, $operation:ident, $($argument:expr),*) => {
        match $store {
            AdminStore::File(file) => file.$operation($($argument),*),
            AdminStore::Server(server) => server.$operation($($argument),*).await,
        }
    };
}

impl AdminStore {
    /// Opens an existing store; fails with the remedy if it does not exist, is unreachable, or has
    /// other tables.
    pub(crate) async fn open(url: &DatabaseUrl, extra_roots: &ExtraRoots) -> anyhow::Result<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => Ok(Self::File(File::open(path)?)),
            DatabaseUrl::Postgres(server) => {
                Ok(Self::Server(Server::open(server, extra_roots).await?))
            }
        }
    }

    /// Newest first.
    pub(crate) async fn jobs(
        &self,
        app: &str,
        filter: &JobFilter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<JobSummary>> {
        let raw = self.rows(statements::jobs(app, filter, now)).await?;
        Ok(raw.into_iter().map(|job| job.summary(false, now)).collect())
    }

    /// Finds a job by id or reference.
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

    /// Requeues a job, due now.
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

    /// Ends a job that is not running, and removes its texts.
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

    /// Oldest first.
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

    pub(crate) async fn can_delete_text(&self, chat: &ChatKey) -> anyhow::Result<Option<bool>> {
        Ok(self.rows(chats::can_delete_text(chat)).await?.pop())
    }

    /// Writes a consistent copy of the store to a new file.
    pub(crate) async fn back_up(&mut self, file: &Path) -> anyhow::Result<()> {
        let mut ours = OpenOptions::new();
        ours.write(true).create_new(true).mode(0o600);
        let made = ours.open(file).with_context(|| {
            let file = file.display();
            format!(
                "creating `{file}`: name a new file in an existing folder where this user can write"
            )
        })?;
        let written = ask!(self, back_up, file);
        let written = written.and_then(|()| Ok(made.sync_all()?));
        // A partial backup would look complete.
        if written.is_err() {
            let _ = std::fs::remove_file(file);
        }
        written.with_context(|| format!("writing `{}`", file.display()))
    }

    async fn find(&self, app: &str, name: &str) -> anyhow::Result<JobRow> {
        // A reference may consist of digits, and takes precedence over an id.
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
