//! The store as its admin sees it: looked at and put right from another process,
//! whether the bot runs or not.
//!
//! Nothing here takes the file's lock or a lease. A running bot finds out what was
//! changed within seconds.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use feishu::ExtraRoots;
use jiff::Timestamp;

use crate::config::DatabaseUrl;
use crate::model::job::ChatKey;
use crate::store::desk::rows::{REFERENCE, RawChange, RawJob};
use postgres::Server;
use sqlite::File;

mod postgres;
mod rows;
mod sqlite;

pub use rows::State;
pub(crate) use rows::{AuditFilter, AuditRow, CannotChange, Filter, JobView, Retry};

/// An opened store.
pub(crate) enum Desk {
    File(File),
    Server(Server),
}

// Both databases run these statements: values are numbered in order, and every table is named
// with its schema.

/// A request to either database.
macro_rules! ask {
    ($desk:expr, $operation:ident, $($argument:expr),*) => {
        match $desk {
            Desk::File(file) => file.$operation($($argument),*),
            Desk::Server(server) => server.$operation($($argument),*).await,
        }
    };
}

impl Desk {
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

    /// The jobs that the filter lets through, the newest first.
    pub(crate) async fn jobs(
        &self,
        app: &str,
        filter: &Filter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<JobView>> {
        let raw = ask!(self, jobs, app, filter, now)?;
        Ok(raw.into_iter().map(|job| job.view(false, now)).collect())
    }

    /// The job with this id, or this reference.
    pub(crate) async fn job(
        &self,
        app: &str,
        name: &str,
        with_text: bool,
        now: Timestamp,
    ) -> anyhow::Result<JobView> {
        let raw = self.find(app, name).await?;
        Ok(raw.view(with_text, now))
    }

    /// Puts a job back into the queue, as if its time were now.
    pub(crate) async fn retry(
        &mut self,
        app: &str,
        name: &str,
        now: Timestamp,
    ) -> anyhow::Result<(JobView, Retry)> {
        let raw = self.find(app, name).await?;
        let (id, how) = (raw.id, raw.retry(now)?);
        ask!(self, retry, id, how, now)?;
        Ok((raw.view(false, now), how))
    }

    /// Ends a job that is not worked on, and forgets what people wrote in it.
    pub(crate) async fn drop(
        &self,
        app: &str,
        name: &str,
        now: Timestamp,
    ) -> anyhow::Result<JobView> {
        let raw = self.find(app, name).await?;
        match raw.state.as_str() {
            "running" => return Err(CannotChange::Running.into()),
            "done" => return Err(CannotChange::Done.into()),
            "ready" if raw.has_written() => return Err(CannotChange::HalfDone.into()),
            _ => {}
        }
        let (id, progress) = (raw.id, raw.progress.as_deref());
        ask!(self, drop, id, progress, now)?;
        Ok(raw.view(false, now))
    }

    /// What was done, the oldest first.
    pub(crate) async fn audit(
        &self,
        app: &str,
        filter: &AuditFilter,
    ) -> anyhow::Result<Vec<AuditRow>> {
        let raw = ask!(self, audit, app, filter)?;
        let view = |change: RawChange| change.view(filter.with_text);
        Ok(raw.into_iter().map(view).collect())
    }

    /// Whether text could be taken out of the chat's announcement the last time
    /// that it was tried.
    pub(crate) async fn lets_delete(&self, chat: &ChatKey) -> anyhow::Result<Option<bool>> {
        ask!(self, lets_delete, chat)
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

    async fn find(&self, app: &str, name: &str) -> anyhow::Result<RawJob> {
        // A reference may be of digits only, and goes before a number.
        let mut found = None;
        if name.len() == REFERENCE {
            found = ask!(self, by_reference, app, name)?;
        }
        if found.is_none()
            && let Ok(id) = name.parse::<i64>()
        {
            found = ask!(self, by_number, app, id)?;
        }
        Ok(found.ok_or(CannotChange::Unknown)?)
    }
}
