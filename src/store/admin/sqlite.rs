//! The admin store on a SQLite file.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use parking_lot::Mutex;
use rusqlite::Connection;

use crate::store::sqlite::{executor, file, migrate};
use crate::store::statement::{Query, Statement};

/// Threads may share it, although they cannot share a connection.
pub(crate) struct SqliteAdmin(Mutex<Connection>);

impl SqliteAdmin {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        ensure!(
            path.exists(),
            "the database `{}` does not exist: start the bot once, or set `NOTICEBOT_DATABASE_URL`",
            path.display()
        );
        let connection = file::connect(path)?;
        let version = migrate::version(&connection)?;
        if version != migrate::LATEST {
            bail!(
                "the tables of `{}` are from another release: start the bot of this release once, or use the same release as the bot",
                path.display()
            );
        }
        Ok(Self(Mutex::new(connection)))
    }

    pub(super) fn execute(&self, statement: &Statement) -> anyhow::Result<usize> {
        Ok(executor::execute(&self.0.lock(), statement)?)
    }

    pub(super) fn rows<T>(&self, query: &Query<T>) -> anyhow::Result<Vec<T>> {
        Ok(executor::rows(&self.0.lock(), query)?)
    }

    pub(super) fn batch(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.0.lock().execute_batch(sql)?)
    }

    pub(super) fn back_up(&self, file: &Path) -> anyhow::Result<()> {
        // SQLite accepts an existing empty file and keeps its permissions. The copy is consistent
        // even while others write.
        let name = file.to_str().context("the file name is not UTF-8")?;
        self.0.lock().execute("VACUUM INTO ?1", [name])?;
        Ok(())
    }
}
