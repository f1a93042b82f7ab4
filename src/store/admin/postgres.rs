//! The admin store on a PostgreSQL server.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::ensure;
use deadpool_postgres::{Object, Transaction};
use feishu::ExtraRoots;
use futures_util::TryStreamExt as _;
use tokio_postgres::IsolationLevel;

use crate::store::postgres::migrate::{self, SCHEMA};
use crate::store::postgres::{connect, executor, notifier};
use crate::store::statement::{Query, Statement};

pub(crate) struct PostgresAdmin(Object);

impl PostgresAdmin {
    pub(super) async fn open(
        server: &tokio_postgres::Config,
        extra_roots: &ExtraRoots,
    ) -> anyhow::Result<Self> {
        let client = connect::look_at(server, extra_roots).await?;
        ensure!(
            migrate::tables(&client).await? == migrate::Tables::Fit,
            "the database does not have this release's tables: start the bot once, or use the same release as the bots"
        );
        // The plan of a search depends on what it looks for.
        client
            .batch_execute("SET plan_cache_mode = force_custom_plan")
            .await?;
        Ok(Self(client))
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.0.is_closed()
    }

    pub(super) async fn execute(&self, statement: &Statement) -> anyhow::Result<usize> {
        Ok(executor::execute(&self.0, statement).await?)
    }

    pub(super) async fn rows<T>(&self, query: &Query<T>) -> anyhow::Result<Vec<T>> {
        Ok(executor::rows(&self.0, query).await?)
    }

    pub(super) async fn batch(&self, sql: &str) -> anyhow::Result<()> {
        Ok(self.0.batch_execute(sql).await?)
    }

    /// Notifies the replicas of a change. If this fails, they notice it within seconds.
    pub(super) async fn wake_bots(&self) {
        let _ = notifier::notify_all(&self.0).await;
    }

    /// Writes a consistent SQL script for `psql` that creates and fills the tables in an empty
    /// database. Running jobs become ready and leases are left out.
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
        for table in [
            "jobs",
            "changes",
            "limits",
            "answers",
            "announcements",
            "settings",
            "joined_lists",
            "broadcasts",
            "deliveries",
            "tenants",
            "panel_commands",
        ] {
            copy(&moment, table, &mut out).await?;
        }
        out.flush()?;
        Ok(())
    }
}

/// Writes a table as a `COPY` statement for `psql`.
async fn copy(
    moment: &Transaction<'_>,
    table: &str,
    out: &mut BufWriter<File>,
) -> anyhow::Result<()> {
    let columns = "SELECT column_name::text FROM information_schema.columns
         WHERE table_schema = $1 AND table_name = $2
           AND column_name NOT IN ('owner', 'accepted_by') ORDER BY ordinal_position";
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
        // The next row gets the next id.
        writeln!(
            out,
            "SELECT setval(pg_get_serial_sequence('{SCHEMA}.{table}', 'id'), \
             (SELECT coalesce(max(id), 0) + 1 FROM {SCHEMA}.{table}), false);"
        )?;
    }
    Ok(())
}
