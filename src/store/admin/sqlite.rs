//! A SQLite file, as the admin commands use it.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use rusqlite::Connection;

use crate::store::sqlite::{executor, file, migrate};
use crate::store::statement::{Query, Statement};

/// A file, also while the bot uses it.
pub(crate) struct File(Connection);

impl File {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        ensure!(
            path.exists(),
            "there is no database `{}` yet: the bot makes it at its first start, or set `NOTICEBOT_DATABASE_URL`",
            path.display()
        );
        let connection = file::connect(path)?;
        let version = migrate::version(&connection)?;
        if version != migrate::LATEST {
            bail!(
                "the tables of `{}` are of another release: start the bot of this one once, or use the program that the bot runs",
                path.display()
            );
        }
        Ok(Self(connection))
    }

    pub(super) fn execute(&self, statement: &Statement) -> anyhow::Result<usize> {
        Ok(executor::execute(&self.0, statement)?)
    }

    pub(super) fn rows<T>(&self, query: &Query<T>) -> anyhow::Result<Vec<T>> {
        Ok(executor::rows(&self.0, query)?)
    }

    /// Executes statements without parameters.
    pub(super) fn batch(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.0.execute_batch(sql)?)
    }

    /// SQLite writes a whole and compact database, whoever changes this one meanwhile.
    pub(super) fn back_up(&self, file: &Path) -> anyhow::Result<()> {
        // It takes a file that is there if nothing is in it, and leaves its rights as they are.
        let name = file.to_str().context("the file's name is no text")?;
        self.0.execute("VACUUM INTO ?1", [name])?;
        Ok(())
    }
}
