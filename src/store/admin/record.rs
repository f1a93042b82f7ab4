//! A whole row of the table `jobs`, for `noticebot jobs dump`.

use jiff::Timestamp;
use serde::Serialize;

use crate::store::statement::{Query, Row, Statement, Unreadable, values};

/// A job as it is stored, apart from its id and the ids of replicas. The fields are named as the columns.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobRecord {
    pub(crate) app: String,
    pub(crate) tenant: String,
    pub(crate) origin: String,
    pub(crate) kind: String,
    pub(crate) chat: String,
    pub(crate) reference: String,
    pub(crate) state: String,
    pub(crate) ordered_at: Timestamp,
    pub(crate) run_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) retries: i64,
    pub(crate) crashes: i64,
    pub(crate) suspicions: i64,
    pub(crate) begun: bool,
    pub(crate) alone: bool,
    pub(crate) payload: String,
    pub(crate) progress: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) replying_since: Option<Timestamp>,
    pub(crate) acknowledgement: Option<String>,
    pub(crate) number: Option<i64>,
    pub(crate) suspended_for: Option<String>,
    pub(crate) suspended_until: Option<Timestamp>,
    pub(crate) trace: Option<String>,
}

impl JobRecord {
    const COLUMNS: &str = "app, tenant, origin, kind, chat, reference, state, ordered_at, run_at, started_at, \
        finished_at, retries, crashes, suspicions, begun, alone, payload, progress, outcome, \
        replying_since, acknowledgement, number, suspended_for, suspended_until, trace";

    fn read(row: &Row<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            app: row.get("app")?,
            tenant: row.get("tenant")?,
            origin: row.get("origin")?,
            kind: row.get("kind")?,
            chat: row.get("chat")?,
            reference: row.get("reference")?,
            state: row.get("state")?,
            ordered_at: row.time("ordered_at")?,
            run_at: row.time("run_at")?,
            started_at: row.time_if_any("started_at")?,
            finished_at: row.time_if_any("finished_at")?,
            retries: row.get("retries")?,
            crashes: row.get("crashes")?,
            suspicions: row.get("suspicions")?,
            begun: row.get("begun")?,
            alone: row.get("alone")?,
            payload: row.get("payload")?,
            progress: row.get("progress")?,
            outcome: row.get("outcome")?,
            replying_since: row.time_if_any("replying_since")?,
            acknowledgement: row.get("acknowledgement")?,
            number: row.get("number")?,
            suspended_for: row.get("suspended_for")?,
            suspended_until: row.time_if_any("suspended_until")?,
            trace: row.get("trace")?,
        })
    }
}

pub(super) fn job(id: i64) -> Query<JobRecord> {
    let columns = JobRecord::COLUMNS;
    let sql = format!("SELECT {columns} FROM jobs WHERE id = $1");
    Statement::new(sql, values![id]).read(JobRecord::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns that mean nothing in another database.
    const LEFT_OUT: [&str; 3] = ["id", "accepted_by", "owner"];

    #[test]
    fn a_record_has_every_column() {
        let known: Vec<&str> = JobRecord::COLUMNS.split(',').map(str::trim).collect();
        for migration in [
            include_str!("../../../migrations/sqlite/0001_first.sql"),
            include_str!("../../../migrations/postgres/0001_first.sql"),
        ] {
            let (_, table) = migration.split_once("jobs (\n").unwrap();
            let (table, _) = table.split_once("UNIQUE").unwrap();
            let lines = table.lines().map(str::trim);
            let columns = lines.filter(|line| !line.starts_with("--") && !line.is_empty());
            let names = columns.map(|line| line.split_whitespace().next().unwrap());
            let names: Vec<&str> = names.filter(|name| !LEFT_OUT.contains(name)).collect();
            assert_eq!(names, known);
        }
    }
}
