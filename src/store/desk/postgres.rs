//! The desk of a server.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::ensure;
use deadpool_postgres::{Object, Transaction};
use feishu::ExtraRoots;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::{AuditFilter, Filter, Retry, State};
use crate::model::job::ChatKey;
use crate::store::desk::rows::{
    RawChange, RawJob, drop_sql, forget_failure_sql, is_change_sql, retry_sql,
};
use crate::store::postgres::migrate::{self, SCHEMA};
use crate::store::postgres::{bell, changes, connect};

/// What [`job`] reads.
const JOB: &str = "id, app, origin, step, chat, state, number, place, run_at, started_at, \
    finished_at, retries, crashes, payload, progress, outcome";

/// A database of a server.
pub(crate) struct Server(Object);

impl Server {
    pub(super) async fn open(
        server: &tokio_postgres::Config,
        extra_roots: &ExtraRoots,
    ) -> anyhow::Result<Self> {
        let client = connect::look_at(server, extra_roots).await?;
        ensure!(
            migrate::tables(&client).await? == migrate::Tables::Fit,
            "the tables of this release are not in the database: start the bot once, or use the program that the bots run"
        );
        Ok(Self(client))
    }

    pub(super) async fn jobs(
        &self,
        app: &str,
        filter: &Filter,
        now: Timestamp,
    ) -> anyhow::Result<Vec<RawJob>> {
        let now = now.as_millisecond();
        let limit = i64::from(filter.limit);
        let states = states(filter);
        let sql = format!(
            "SELECT {JOB} FROM noticebot.jobs
             WHERE app = $1 AND ($2::text IS NULL OR chat = $2) AND ({states})
             ORDER BY id DESC LIMIT $4"
        );
        let values: [&(dyn ToSql + Sync); 4] = [&app, &filter.chat, &now, &limit];
        let jobs = self.0.query(&sql, &values).await?;
        Ok(jobs.iter().map(job).collect())
    }

    pub(super) async fn by_number(&self, app: &str, id: i64) -> anyhow::Result<Option<RawJob>> {
        let sql = format!("SELECT {JOB} FROM noticebot.jobs WHERE app = $1 AND id = $2");
        let found = self.0.query_opt(&sql, &[&app, &id]).await?;
        Ok(found.as_ref().map(job))
    }

    pub(super) async fn by_reference(
        &self,
        app: &str,
        name: &str,
    ) -> anyhow::Result<Option<RawJob>> {
        let sql = format!("SELECT {JOB} FROM noticebot.jobs WHERE app = $1 AND reference = $2");
        let found = self.0.query(&sql, &[&app, &name]).await?;
        Ok(found.first().map(job))
    }

    pub(super) async fn retry(
        &mut self,
        id: i64,
        how: Retry,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let transaction = self.0.transaction().await?;
        let sql = retry_sql(SCHEMA, how);
        let changed = transaction
            .execute(&sql, &[&now.as_millisecond(), &id])
            .await?;
        ensure!(changed > 0, super::CannotChange::Running);
        if how == Retry::Anew {
            let change = transaction
                .query_opt(&is_change_sql(SCHEMA), &[&id])
                .await?;
            ensure!(change.is_none(), super::CannotChange::Changed);
            transaction
                .execute(&forget_failure_sql(SCHEMA), &[&id])
                .await?;
        }
        transaction.commit().await?;
        self.wake_bots().await;
        Ok(())
    }

    pub(super) async fn drop(
        &self,
        id: i64,
        progress: Option<&str>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let values: [&(dyn ToSql + Sync); 3] = [&now.as_millisecond(), &id, &progress];
        let changed = self.0.execute(&drop_sql(SCHEMA), &values).await?;
        ensure!(changed > 0, super::CannotChange::Running);
        self.wake_bots().await;
        Ok(())
    }

    /// The change is committed: where this fails, the bots find it by themselves within seconds.
    async fn wake_bots(&self) {
        let _ = bell::ring_all(&self.0).await;
    }

    pub(super) async fn audit(
        &self,
        app: &str,
        filter: &AuditFilter,
    ) -> anyhow::Result<Vec<RawChange>> {
        let (since, limit) = (filter.since.as_millisecond(), i64::from(filter.limit));
        let values: [&(dyn ToSql + Sync); 5] = [&app, &filter.chat, &since, &filter.after, &limit];
        let changes = self
            .0
            .query(
                "SELECT id, origin, reference, made_at, chat, actor, deed, result,
                     log_id, summary, place, undone
                 FROM noticebot.changes
                 WHERE app = $1 AND ($2::text IS NULL OR chat = $2) AND made_at >= $3 AND id > $4
                 ORDER BY id LIMIT $5",
                &values,
            )
            .await?;
        Ok(changes.iter().map(change).collect())
    }

    pub(super) async fn lets_delete(&self, chat: &ChatKey) -> anyhow::Result<Option<bool>> {
        Ok(changes::lets_delete(&self.0, chat).await?)
    }

    /// Statements that make the tables and fill them, for `psql` on an empty database;
    /// all as it is at one moment. What is being worked on is ready again there, and
    /// nobody holds a lease.
    pub(super) async fn back_up(&mut self, file: &Path) -> anyhow::Result<()> {
        let out = OpenOptions::new().write(true).open(file)?;
        let mut out = BufWriter::new(out);
        let moment = self
            .0
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        moment
            .batch_execute("SET LOCAL statement_timeout = 0")
            .await?;
        out.write_all(migrate::script().as_bytes())?;
        for table in ["jobs", "changes", "limits", "answers", "announcements"] {
            copy(&moment, table, &mut out).await?;
        }
        out.flush()?;
        Ok(())
    }
}

/// A table as `psql` reads it.
async fn copy(
    moment: &Transaction<'_>,
    table: &str,
    out: &mut BufWriter<File>,
) -> anyhow::Result<()> {
    let columns = "SELECT column_name::text FROM information_schema.columns
         WHERE table_schema = $1 AND table_name = $2
           AND column_name NOT IN ('owner', 'taken_by') ORDER BY ordinal_position";
    let columns = moment.query(columns, &[&SCHEMA, &table]).await?;
    let columns: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    let read = columns.iter().map(|column| match column.as_str() {
        "state" => "CASE state WHEN 'running' THEN 'ready' ELSE state END",
        column => column,
    });
    let read = read.collect::<Vec<_>>().join(", ");
    let names = columns.join(", ");
    writeln!(out, "COPY {SCHEMA}.{table} ({names}) FROM stdin;")?;
    let rows = format!("COPY (SELECT {read} FROM {SCHEMA}.{table}) TO STDOUT");
    let mut rows = std::pin::pin!(moment.copy_out(&rows).await?);
    while let Some(bytes) = rows.try_next().await? {
        out.write_all(&bytes)?;
    }
    writeln!(out, "\\.")?;
    if columns.iter().any(|column| column == "id") {
        // The next row has the next number.
        writeln!(
            out,
            "SELECT setval(pg_get_serial_sequence('{SCHEMA}.{table}', 'id'), \
             (SELECT coalesce(max(id), 0) + 1 FROM {SCHEMA}.{table}), false);"
        )?;
    }
    Ok(())
}

/// What the filter says of the column `state`; `$3` is now.
fn states(filter: &Filter) -> String {
    let one = |state: &State| match state {
        State::Ready => "state = 'ready' AND (number IS NULL OR place <= $3)".to_owned(),
        State::Planned => "state = 'ready' AND number IS NOT NULL AND place > $3".to_owned(),
        state => format!("state = '{}'", state.as_str()),
    };
    // The time is given in any case, and has to be of a known type.
    let any = "$3::bigint IS NOT NULL".to_owned();
    if filter.states.is_empty() {
        return any;
    }
    let all: Vec<String> = filter.states.iter().map(one).collect();
    format!("{any} AND ({})", all.join(" OR "))
}

fn count(row: &Row, column: &str) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or_default()
}

fn job(row: &Row) -> RawJob {
    RawJob {
        id: row.get("id"),
        app: row.get("app"),
        origin: row.get("origin"),
        step: row.get("step"),
        chat: row.get("chat"),
        state: row.get("state"),
        number: row
            .get::<_, Option<i32>>("number")
            .and_then(|number| u32::try_from(number).ok()),
        place: row.get("place"),
        run_at: row.get("run_at"),
        started_at: row.get("started_at"),
        finished_at: row.get("finished_at"),
        retries: count(row, "retries"),
        crashes: count(row, "crashes"),
        payload: row.get("payload"),
        progress: row.get("progress"),
        outcome: row.get("outcome"),
    }
}

fn change(row: &Row) -> RawChange {
    RawChange {
        id: row.get("id"),
        origin: row.get("origin"),
        reference: row.get("reference"),
        made_at: row.get("made_at"),
        chat: row.get("chat"),
        actor: row.get("actor"),
        deed: row.get("deed"),
        result: row.get("result"),
        log_id: row.get("log_id"),
        summary: row.get("summary"),
        place: row.get("place"),
        undone: row.get::<_, i32>("undone").into(),
    }
}
