//! The statements of the admin commands, for both databases.

use jiff::Timestamp;
use serde::Serialize;

use super::rows::{AuditFilter, AuditRow, JobFilter, JobRow, JobState, Retry};
use super::search::BY_ID;
use crate::model::job::Tenant;
use crate::store::statement::{Query, Statement, values};

/// Newest first.
pub(super) fn jobs(app: &str, filter: &JobFilter, now: Timestamp) -> Query<JobRow> {
    let columns = JobRow::COLUMNS;
    let states = states(filter);
    let of_app = BY_ID.replace("{}", "$1");
    let sql = format!(
        "SELECT {columns} FROM jobs
         WHERE {of_app} AND (CAST($2 AS text) IS NULL OR chat = $2) AND ({states})
           AND (CAST($4 AS text) IS NULL OR tenant = $4) AND id < $5
         ORDER BY id DESC LIMIT $6"
    );
    let (tenant, chat) = (filter.tenant.as_deref(), filter.chat.as_deref());
    let before = filter.before.unwrap_or(i64::MAX);
    let values = values![app, chat, now, tenant, before, filter.limit];
    Statement::new(sql, values).read(JobRow::read)
}

fn states(filter: &JobFilter) -> String {
    let one = |state: &JobState| match state {
        JobState::Ready => "state = 'ready' AND (number IS NULL OR ordered_at <= $3)".to_owned(),
        JobState::Planned => {
            "state = 'ready' AND number IS NOT NULL AND ordered_at > $3".to_owned()
        }
        state => format!("state = '{}'", state.as_str()),
    };
    // Every parameter must occur and have a type.
    let any = "CAST($3 AS bigint) IS NOT NULL";
    if filter.states.is_empty() {
        return any.to_owned();
    }
    let all: Vec<String> = filter.states.iter().map(one).collect();
    format!("{any} AND ({})", all.join(" OR "))
}

pub(super) fn job_by_id(app: &str, id: i64) -> Query<JobRow> {
    let columns = JobRow::COLUMNS;
    let sql = format!("SELECT {columns} FROM jobs WHERE app = $1 AND id = $2");
    Statement::new(sql, values![app, id]).read(JobRow::read)
}

pub(super) fn job_by_reference(app: &str, reference: &str) -> Query<JobRow> {
    let columns = JobRow::COLUMNS;
    let sql = format!("SELECT {columns} FROM jobs WHERE app = $1 AND reference = $2");
    Statement::new(sql, values![app, reference]).read(JobRow::read)
}

pub(super) fn retry(job: i64, how: Retry, now: Timestamp) -> Statement {
    // With one retry, the job does not count as stale.
    let changes = match how {
        // A suspended job continues, and finds out whether its author has consented.
        Retry::Sooner => "state = 'ready', run_at = $1, suspended_for = NULL",
        Retry::Again => {
            "state = 'ready', run_at = $1, finished_at = NULL, started_at = NULL,
             retries = 1, crashes = 0, suspicions = 0, outcome = NULL, replying_since = NULL,
             suspended_until = NULL, suspended_for = NULL"
        }
        Retry::Answer => {
            "state = 'ready', run_at = $1, finished_at = NULL, started_at = NULL,
             retries = 1, crashes = 0, suspicions = 0, replying_since = NULL"
        }
    };
    let sql = format!(
        "UPDATE jobs SET {changes} WHERE id = $2 AND state IN ('ready', 'suspended', 'dead')"
    );
    Statement::new(sql, values![now, job])
}

pub(super) fn forget_failure(job: i64) -> Statement {
    let sql = "DELETE FROM changes
         WHERE (app, tenant, origin, job_kind) = (SELECT app, tenant, origin, kind FROM jobs WHERE id = $1)
           AND after IS NULL AND undone = 0";
    Statement::new(sql, values![job])
}

/// The change, if any, that a job made and `/undo` can revert.
pub(super) fn change_of(job: i64) -> Query<i64> {
    let sql = "SELECT id FROM changes
         WHERE (app, tenant, origin, job_kind) = (SELECT app, tenant, origin, kind FROM jobs WHERE id = $1)
           AND (after IS NOT NULL OR undone <> 0)";
    Statement::new(sql, values![job]).read(|row| row.get("id"))
}

/// Ends a job unless its progress changed since it was read.
pub(super) fn drop(job: i64, progress: Option<&str>, now: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET state = 'done', payload = '', progress = NULL,
             outcome = NULL, finished_at = $1
         WHERE id = $2 AND state IN ('ready', 'suspended', 'paused', 'dead') AND progress IS NOT DISTINCT FROM $3";
    Statement::new(sql, values![now, job, progress])
}

/// Oldest first.
pub(super) fn audit(app: &str, filter: &AuditFilter) -> Query<AuditRow> {
    let columns = AuditRow::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM changes
         WHERE app = $1 AND (CAST($2 AS text) IS NULL OR chat = $2) AND made_at >= $3 AND id > $4
           AND (CAST($5 AS text) IS NULL OR tenant = $5)
         ORDER BY id LIMIT $6"
    );
    let (tenant, chat) = (filter.tenant.as_deref(), filter.chat.as_deref());
    let values = values![app, chat, filter.since, filter.after, tenant, filter.limit];
    Statement::new(sql, values).read(AuditRow::read)
}

/// What the store holds of a tenant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TenantCounts {
    pub(crate) open_jobs: u64,
    pub(crate) schedules: u64,
    pub(crate) changes: u64,
    pub(crate) chats: u64,
}

pub(super) fn tenant_counts(tenant: &Tenant) -> Query<TenantCounts> {
    let jobs = "FROM jobs WHERE app = $1 AND tenant = $2 AND state IN ('ready', 'running', 'suspended', 'paused')";
    let changes = "FROM changes WHERE app = $1 AND tenant = $2";
    let sql = format!(
        "SELECT (SELECT count(*) {jobs} AND number IS NULL) AS open_jobs,
             (SELECT count(*) {jobs} AND number IS NOT NULL) AS schedules,
             (SELECT count(*) {changes}) AS changes,
             (SELECT count(DISTINCT chat) {changes}) AS chats"
    );
    Statement::new(sql, values![&tenant.app, &tenant.key]).read(|row| {
        Ok(TenantCounts {
            open_jobs: row.count("open_jobs")?,
            schedules: row.count("schedules")?,
            changes: row.count("changes")?,
            chats: row.count("chats")?,
        })
    })
}
