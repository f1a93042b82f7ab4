//! The desk of a file.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{AuditFilter, Filter, Retry, State};
use crate::model::job::ChatKey;
use crate::store::desk::rows::{
    RawChange, RawJob, drop_sql, forget_failure_sql, is_change_sql, retry_sql,
};
use crate::store::sqlite::{changes, file, rows};

/// What [`job`] reads.
const JOB: &str = "id, app, origin, step, chat, state, number, place, run_at, started_at, \
    finished_at, retries, crashes, payload, progress, outcome";

/// What SQLite calls the schema of the file itself.
const SCHEMA: &str = "main";

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
        let version = rows::version(&connection)?;
        if version != rows::LATEST {
            bail!(
                "the tables of `{}` are of another release: start the bot of this one once, or use the program that the bot runs",
                path.display()
            );
        }
        Ok(Self(connection))
    }

    pub(super) fn jobs(
        &self,
        app: &str,
        filter: &Filter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<RawJob>> {
        let now = now.as_millisecond();
        let states = states(filter);
        let sql = format!(
            "SELECT {JOB} FROM jobs
             WHERE app = ?1 AND (?2 IS NULL OR chat = ?2) AND ({states})
             ORDER BY id DESC LIMIT ?4"
        );
        let mut statement = self.0.prepare(&sql)?;
        let values: [&dyn ToSql; 4] = [&app, &filter.chat, &now, &filter.limit];
        let jobs = statement.query_map(&values[..], job)?;
        Ok(jobs.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn by_number(&self, app: &str, id: i64) -> anyhow::Result<Option<RawJob>> {
        let sql = format!("SELECT {JOB} FROM jobs WHERE app = ?1 AND id = ?2");
        let found = self.0.query_row(&sql, params![app, id], job);
        Ok(found.optional()?)
    }

    pub(super) fn by_reference(&self, app: &str, name: &str) -> anyhow::Result<Option<RawJob>> {
        let sql = format!("SELECT {JOB} FROM jobs WHERE app = ?1 AND reference = ?2");
        let found = self.0.query_row(&sql, params![app, name], job);
        Ok(found.optional()?)
    }

    pub(super) fn retry(&self, id: i64, how: Retry, now: Timestamp) -> anyhow::Result<()> {
        let transaction = self.0.unchecked_transaction()?;
        let changed =
            transaction.execute(&retry_sql(SCHEMA, how), params![now.as_millisecond(), id])?;
        ensure!(changed > 0, super::CannotChange::Running);
        if how == Retry::Anew {
            let change = transaction.query_row(&is_change_sql(SCHEMA), [id], |_| Ok(()));
            let change = change.optional()?;
            ensure!(change.is_none(), super::CannotChange::Changed);
            transaction.execute(&forget_failure_sql(SCHEMA), [id])?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub(super) fn drop(
        &self,
        id: i64,
        progress: Option<&str>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let values = params![now.as_millisecond(), id, progress];
        let changed = self.0.execute(&drop_sql(SCHEMA), values)?;
        ensure!(changed > 0, super::CannotChange::Running);
        Ok(())
    }

    pub(super) fn audit(&self, app: &str, filter: &AuditFilter) -> anyhow::Result<Vec<RawChange>> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, origin, reference, made_at, chat, actor, deed, result, log_id,
                 summary, place, undone
             FROM changes
             WHERE app = ?1 AND (?2 IS NULL OR chat = ?2) AND made_at >= ?3 AND id > ?4
             ORDER BY id LIMIT ?5",
        )?;
        let since = filter.since.as_millisecond();
        let values = params![app, filter.chat, since, filter.after, filter.limit];
        let changes = statement.query_map(values, change)?;
        Ok(changes.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn lets_delete(&self, chat: &ChatKey) -> anyhow::Result<Option<bool>> {
        Ok(changes::lets_delete(&self.0, chat)?)
    }

    /// SQLite writes a whole and compact database, whoever changes this one meanwhile.
    pub(super) fn back_up(&self, file: &Path) -> anyhow::Result<()> {
        // It takes a file that is there if nothing is in it, and leaves its rights as they are.
        let name = file.to_str().context("the file's name is no text")?;
        self.0.execute("VACUUM INTO ?1", [name])?;
        Ok(())
    }
}

/// What the filter says of the column `state`; `?3` is now.
fn states(filter: &Filter) -> String {
    let one = |state: &State| match state {
        State::Ready => "state = 'ready' AND (number IS NULL OR place <= ?3)".to_owned(),
        State::Planned => "state = 'ready' AND number IS NOT NULL AND place > ?3".to_owned(),
        state => format!("state = '{}'", state.as_str()),
    };
    if filter.states.is_empty() {
        return "?3 = ?3".to_owned();
    }
    let all: Vec<String> = filter.states.iter().map(one).collect();
    format!("?3 = ?3 AND ({})", all.join(" OR "))
}

fn job(row: &Row<'_>) -> rusqlite::Result<RawJob> {
    Ok(RawJob {
        id: row.get("id")?,
        app: row.get("app")?,
        origin: row.get("origin")?,
        step: row.get("step")?,
        chat: row.get("chat")?,
        state: row.get("state")?,
        number: row.get("number")?,
        place: row.get("place")?,
        run_at: row.get("run_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        retries: row.get("retries")?,
        crashes: row.get("crashes")?,
        payload: row.get("payload")?,
        progress: row.get("progress")?,
        outcome: row.get("outcome")?,
    })
}

fn change(row: &Row<'_>) -> rusqlite::Result<RawChange> {
    Ok(RawChange {
        id: row.get("id")?,
        origin: row.get("origin")?,
        reference: row.get("reference")?,
        made_at: row.get("made_at")?,
        chat: row.get("chat")?,
        actor: row.get("actor")?,
        deed: row.get("deed")?,
        result: row.get("result")?,
        log_id: row.get("log_id")?,
        summary: row.get("summary")?,
        place: row.get("place")?,
        undone: row.get("undone")?,
    })
}
