//! The statements of the admin commands, for both databases.

use jiff::Timestamp;

use super::rows::{AuditFilter, AuditRow, JobFilter, JobRow, JobState, Retry};
use crate::store::statement::{Query, Statement, values};

/// Newest first.
pub(super) fn jobs(app: &str, filter: &JobFilter, now: Timestamp) -> Query<JobRow> {
    let columns = JobRow::COLUMNS;
    let states = states(filter);
    let sql = format!(
        "SELECT {columns} FROM jobs
         WHERE app = $1 AND (CAST($2 AS text) IS NULL OR chat = $2) AND ({states})
         ORDER BY id DESC LIMIT $4"
    );
    let values = values![app, filter.chat.as_deref(), now, filter.limit];
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
        Retry::Sooner => "run_at = $1",
        Retry::Again => {
            "state = 'ready', run_at = $1, finished_at = NULL, started_at = NULL,
             retries = 1, crashes = 0, suspicions = 0, outcome = NULL, replying_since = NULL"
        }
        Retry::Answer => {
            "state = 'ready', run_at = $1, finished_at = NULL, started_at = NULL,
             retries = 1, crashes = 0, suspicions = 0, replying_since = NULL"
        }
    };
    let sql = format!("UPDATE jobs SET {changes} WHERE id = $2 AND state IN ('ready', 'dead')");
    Statement::new(sql, values![now, job])
}

pub(super) fn forget_failure(job: i64) -> Statement {
    let sql = "DELETE FROM changes
         WHERE (app, origin, job_kind) = (SELECT app, origin, kind FROM jobs WHERE id = $1)
           AND after IS NULL AND undone = 0";
    Statement::new(sql, values![job])
}

/// The change, if any, that a job made and `/undo` can revert.
pub(super) fn change_of(job: i64) -> Query<i64> {
    let sql = "SELECT id FROM changes
         WHERE (app, origin, job_kind) = (SELECT app, origin, kind FROM jobs WHERE id = $1)
           AND (after IS NOT NULL OR undone <> 0)";
    Statement::new(sql, values![job]).read(|row| row.get("id"))
}

/// Ends a job unless its progress changed since it was read.
pub(super) fn drop(job: i64, progress: Option<&str>, now: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET state = 'done', payload = '', progress = NULL,
             outcome = NULL, finished_at = $1
         WHERE id = $2 AND state IN ('ready', 'dead') AND progress IS NOT DISTINCT FROM $3";
    Statement::new(sql, values![now, job, progress])
}

/// Oldest first.
pub(super) fn audit(app: &str, filter: &AuditFilter) -> Query<AuditRow> {
    let columns = AuditRow::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM changes
         WHERE app = $1 AND (CAST($2 AS text) IS NULL OR chat = $2) AND made_at >= $3 AND id > $4
         ORDER BY id LIMIT $5"
    );
    let chat = filter.chat.as_deref();
    let values = values![app, chat, filter.since, filter.after, filter.limit];
    Statement::new(sql, values).read(AuditRow::read)
}
