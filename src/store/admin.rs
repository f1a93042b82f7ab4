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
use crate::model::grant::{Grant, Member};
use crate::model::job::{ChatKey, Tenant};
use crate::model::settings::{GroupSettings, SettingValue};
use crate::model::tenant::{TenantRow, TenantState};
use crate::store::admin::rows::{JobRow, REFERENCE};
use crate::store::statement::{Query, Statement};
use crate::store::statements::{chats, grants, settings, tenants};
use postgres::PostgresAdmin;
use sqlite::SqliteAdmin;

mod console;
mod listings;
mod panel;
mod postgres;
mod record;
mod rows;
mod search;
mod sqlite;
mod statements;

pub(crate) use console::Rows;
pub(crate) use listings::{AdminAction, AdminDeed, GrantRow, Minute, ReplicaRow};
pub(crate) use record::JobRecord;
pub(crate) use rows::{AuditFilter, AuditRow, CannotChange, JobSummary, Retry};
pub use rows::{JobFilter, JobState};
pub(crate) use search::{AuditResult, AuditSearch};
pub(crate) use statements::TenantCounts;

pub(crate) enum AdminStore {
    Sqlite(SqliteAdmin),
    Postgres(PostgresAdmin),
}

macro_rules! ask {
    ($store:expr, $operation:ident, $($argument:expr),*) => {
        match $store {
            AdminStore::Sqlite(file) => file.$operation($($argument),*),
            AdminStore::Postgres(server) => server.$operation($($argument),*).await,
        }
    };
}

impl AdminStore {
    /// Opens an existing store; fails with the remedy if it does not exist, is unreachable, or has
    /// other tables.
    pub(crate) async fn open(url: &DatabaseUrl, extra_roots: &ExtraRoots) -> anyhow::Result<Self> {
        match url {
            DatabaseUrl::Sqlite(path) => Ok(Self::Sqlite(SqliteAdmin::open(path)?)),
            DatabaseUrl::Postgres(server) => Ok(Self::Postgres(
                PostgresAdmin::open(server, extra_roots).await?,
            )),
        }
    }

    /// Whether the connection still exists, as far as this side knows.
    pub(crate) fn is_connected(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(server) => server.is_connected(),
        }
    }

    /// Newest first.
    pub(crate) async fn jobs(
        &self,
        app: &str,
        filter: &JobFilter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<JobSummary>> {
        let rows = self.rows(statements::jobs(app, filter, now)).await?;
        Ok(rows.into_iter().map(|row| row.at(now).summary).collect())
    }

    /// Finds a job by id or reference.
    pub(crate) async fn job(
        &self,
        app: &str,
        name: &str,
        with_text: bool,
        now: Timestamp,
    ) -> anyhow::Result<JobSummary> {
        let JobRow { mut summary, text } = self.find(app, name, now).await?;
        summary.text = with_text.then_some(text);
        Ok(summary)
    }

    /// The whole row of a job, given its id or reference.
    pub(crate) async fn record(
        &self,
        app: &str,
        name: &str,
        now: Timestamp,
    ) -> anyhow::Result<JobRecord> {
        let id = self.find(app, name, now).await?.summary.id;
        let record = self.rows(record::job(id)).await?.pop();
        Ok(record.ok_or(CannotChange::Unknown)?)
    }

    /// Requeues a job, due now.
    pub(crate) async fn retry(
        &mut self,
        app: &str,
        name: &str,
        by: &str,
        now: Timestamp,
    ) -> anyhow::Result<(JobSummary, Retry)> {
        let row = self.find(app, name, now).await?;
        let how = row.retry()?;
        ask!(self, batch, "BEGIN")?;
        let mut requeued = self.requeue(row.summary.id, how, now).await;
        if requeued.is_ok() {
            let deed = AdminDeed::Retry;
            requeued = self.record_job(app, &row.summary, deed, by, now).await;
        }
        self.end(requeued).await?;
        Ok((row.summary, how))
    }

    /// Commits, or rolls back after an error.
    async fn end(&self, done: anyhow::Result<()>) -> anyhow::Result<()> {
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        ask!(self, batch, end)?;
        done?;
        self.wake_bots().await;
        Ok(())
    }

    /// Records what an admin did with a job.
    pub(crate) async fn record_job(
        &self,
        app: &str,
        job: &JobSummary,
        deed: AdminDeed,
        by: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let tenant = Tenant {
            app: app.to_owned(),
            key: job.tenant.as_str().into(),
        };
        let action = AdminAction {
            tenant: &tenant,
            chat: &job.chat,
            reference: &job.reference,
            deed,
            by,
        };
        self.record_action(&action, now).await
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
        &mut self,
        app: &str,
        name: &str,
        by: &str,
        now: Timestamp,
    ) -> anyhow::Result<JobSummary> {
        let row = self.find(app, name, now).await?;
        row.check_drop()?;
        ask!(self, batch, "BEGIN")?;
        let dropped = self.drop_row(app, &row, by, now).await;
        self.end(dropped).await?;
        Ok(row.summary)
    }

    async fn drop_row(
        &self,
        app: &str,
        row: &JobRow,
        by: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let drop = statements::drop(row.summary.id, row.text.progress.as_deref(), now);
        ensure!(self.execute(&drop).await? > 0, CannotChange::Running);
        let deed = AdminDeed::Drop;
        self.record_job(app, &row.summary, deed, by, now).await
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

    /// By the time of their first event.
    pub(crate) async fn tenants(&self, app: &str) -> anyhow::Result<Vec<TenantRow>> {
        self.rows(tenants::all(app)).await
    }

    /// Encrypted tickets that may still be valid, with the time of their arrival.
    pub(crate) async fn tickets(
        &self,
        app: &str,
        now: Timestamp,
    ) -> anyhow::Result<Vec<(String, Timestamp)>> {
        self.rows(tenants::tickets(app, now)).await
    }

    /// The grants that have not ended, with their members.
    pub(crate) async fn grants(&self, app: &str) -> anyhow::Result<Vec<(Member, Grant)>> {
        self.rows(grants::all(app)).await
    }

    pub(crate) async fn tenant_counts(&self, tenant: &Tenant) -> anyhow::Result<TenantCounts> {
        let counts = self.rows(statements::tenant_counts(tenant)).await?.pop();
        counts.context("counting the rows of the tenant")
    }

    /// Erases all rows of a tenant in portions. If it is interrupted, a running bot continues.
    pub(crate) async fn erase_tenant(&self, tenant: &Tenant, now: Timestamp) -> anyhow::Result<()> {
        let erased = tenants::save_state(tenant, TenantState::Erased, now);
        self.execute(&erased).await?;
        let on_server = matches!(self, Self::Postgres(_));
        for statement in tenants::erase(tenant, on_server) {
            while self.execute(&statement).await? > 0 {}
        }
        self.execute(&tenants::remove(tenant)).await?;
        Ok(())
    }

    pub(crate) async fn can_delete_text(&self, chat: &ChatKey) -> anyhow::Result<Option<bool>> {
        Ok(self.rows(chats::can_delete_text(chat)).await?.pop())
    }

    /// The values that a group has set for itself.
    pub(crate) async fn group_settings(&self, chat: &ChatKey) -> anyhow::Result<GroupSettings> {
        let values = self.rows(settings::of_chat(chat)).await?;
        Ok(values.into_iter().flatten().collect())
    }

    /// Whether any group has set this value.
    pub(crate) async fn is_set(&self, app: &str, value: &SettingValue) -> anyhow::Result<bool> {
        let found = self.rows(settings::is_set_in_app(app, value)).await?;
        Ok(!found.is_empty())
    }

    /// Writes a consistent copy of the store to a new file.
    pub(crate) async fn back_up(&mut self, file: &Path) -> anyhow::Result<()> {
        let mut new_file = OpenOptions::new();
        new_file.write(true).create_new(true).mode(0o600);
        let created = new_file.open(file).with_context(|| {
            let file = file.display();
            format!(
                "creating `{file}`: name a new file in an existing folder where this user can write"
            )
        })?;
        let written = ask!(self, back_up, file);
        let written = written.and_then(|()| Ok(created.sync_all()?));
        // A partial backup would look complete.
        if written.is_err() {
            let _ = std::fs::remove_file(file);
        }
        written.with_context(|| format!("writing `{}`", file.display()))
    }

    async fn find(&self, app: &str, name: &str, now: Timestamp) -> anyhow::Result<JobRow> {
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
        Ok(found.pop().ok_or(CannotChange::Unknown)?.at(now))
    }

    async fn execute(&self, statement: &Statement) -> anyhow::Result<usize> {
        ask!(self, execute, statement)
    }

    async fn rows<T>(&self, query: Query<T>) -> anyhow::Result<Vec<T>> {
        ask!(self, rows, &query)
    }

    async fn wake_bots(&self) {
        if let Self::Postgres(server) = self {
            server.wake_bots().await;
        }
    }
}
