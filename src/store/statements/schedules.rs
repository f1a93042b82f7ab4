//! Scheduled jobs: announcements, and automatic reverts.

use jiff::Timestamp;

use super::{broadcasts, lists, settings};
use crate::model::change::ChangeId;
use crate::model::job::{ChatKey, JobId, JobKey, Tenant};
use crate::model::schedule::ScheduleRow;
use crate::store::row::{NEXT_NUMBER, job_ref};
use crate::store::statement::{Query, Row, Statement, Unreadable, values};
use crate::store::{Conclusion, Job, NewSchedule, Rewrite, Then};

/// Schedules a job, unless it exists already.
pub(in crate::store) fn add(job: &Job, schedule: &NewSchedule) -> Statement {
    let sql = format!(
        "INSERT INTO jobs
             (app, tenant, chat, origin, kind, reference, ordered_at, run_at, payload, state,
              number, trace)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, coalesce(
             $10,
             (SELECT max(number) FROM changes WHERE app = $1 AND tenant = $2 AND origin = $4),
             {NEXT_NUMBER}), $11)
         ON CONFLICT DO NOTHING"
    );
    let key = schedule.key(&job.key);
    let values = values![
        &key.tenant.app,
        &key.tenant.key,
        &job.chat,
        &key.origin,
        key.kind.as_str(),
        key.reference(),
        schedule.due,
        &schedule.payload,
        if schedule.is_paused {
            "paused"
        } else {
            "ready"
        },
        schedule.number.map(i64::from),
        job.trace.map(|trace| trace.to_string()),
    ];
    Statement::new(sql, values)
}

/// The number of a schedule in its chat.
pub(in crate::store) fn number(job: &JobKey) -> Query<u32> {
    let sql = "SELECT number FROM jobs
         WHERE app = $1 AND tenant = $2 AND origin = $3 AND kind = $4";
    Statement::new(sql, job.values()).read(|row| row.count("number"))
}

/// The schedules of a chat, earliest first; `None` for a row that cannot be read, which fails when
/// it is due.
pub(in crate::store) fn of_chat(chat: &ChatKey) -> Query<Option<ScheduleRow>> {
    let sql = "SELECT id, origin, kind, number, ordered_at, payload FROM jobs
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND number IS NOT NULL
           AND state IN ('ready', 'suspended', 'paused')
         ORDER BY ordered_at, id";
    Statement::new(sql, chat.values()).read(waiting)
}

fn waiting(row: &Row<'_>) -> Result<Option<ScheduleRow>, Unreadable> {
    let (Some(job_ref), Ok(due)) = (job_ref(row, "kind")?, row.time("ordered_at")) else {
        return Ok(None);
    };
    Ok(Some(ScheduleRow {
        id: JobId(row.get("id")?),
        job_ref,
        number: row.count("number")?,
        due,
        payload: row.get("payload")?,
    }))
}

/// The job that reverts a change automatically; it has the same origin as the job that made the
/// change.
pub(in crate::store) fn timed_end(change: ChangeId) -> Query<JobId> {
    let sql = "SELECT jobs.id AS id FROM changes JOIN jobs USING (app, tenant, origin)
         WHERE changes.id = $1 AND jobs.kind = 'expire'
           AND jobs.number IS NOT NULL AND jobs.state IN ('ready', 'suspended')";
    Statement::new(sql, values![change.0]).read(|row| Ok(JobId(row.get("id")?)))
}

/// What a conclusion changes about a schedule. A statement that changes no row means that the schedule
/// is running or over.
pub(in crate::store) fn changes(conclusion: &Conclusion, now: Timestamp) -> Vec<Statement> {
    let canceled = conclusion.cancels.map(|schedule| cancel(schedule, now));
    let rewritten = conclusion.rewrites.as_ref();
    let rewritten = rewritten.map(|schedule| rewrite(schedule, now));
    canceled.into_iter().chain(rewritten).collect()
}

/// No row if it is running or finished.
fn cancel(schedule: JobId, now: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET state = 'done', payload = '', progress = NULL, finished_at = $1
         WHERE id = $2 AND number IS NOT NULL AND state IN ('ready', 'suspended', 'paused')";
    Statement::new(sql, values![now, schedule.0])
}

/// Changes the payload of a schedule that has not begun. No row if it has, or is over.
fn rewrite(rewrite: &Rewrite, now: Timestamp) -> Statement {
    let changes = match rewrite.then {
        Then::Stays => "",
        Then::Decided => return decide(rewrite, now),
        Then::Pauses => ", state = 'paused', suspended_for = NULL, suspended_until = NULL",
        Then::Resumes(due) => return resume(rewrite, due),
    };
    let sql = format!(
        "UPDATE jobs SET payload = $1{changes}
         WHERE id = $2 AND number IS NOT NULL AND state IN ('ready', 'suspended', 'paused')
           AND progress IS NULL"
    );
    Statement::new(sql, values![&rewrite.payload, rewrite.id.0])
}

/// As if it had not been tried. No row if it is not paused.
fn resume(rewrite: &Rewrite, due: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET payload = $1, ordered_at = $2, run_at = $2, state = 'ready',
             started_at = NULL, retries = 0, begun = false
         WHERE id = $3 AND number IS NOT NULL AND state = 'paused'";
    Statement::new(sql, values![&rewrite.payload, due, rewrite.id.0])
}

/// No row if the proposal is running or over.
fn decide(decision: &Rewrite, now: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET payload = $1, ordered_at = $2, run_at = $2
         WHERE id = $3 AND number IS NOT NULL AND state = 'ready'";
    Statement::new(sql, values![&decision.payload, now, decision.id.0])
}

/// Cancels the schedules and waiting commands of a chat that the bot left, and removes its members'
/// texts, its settings and its places on lists.
pub(in crate::store) fn leave(chat: &ChatKey, now: Timestamp) -> [Statement; 6] {
    let end = "UPDATE jobs SET state = 'done', payload = '', progress = NULL, finished_at = $1
         WHERE app = $2 AND tenant = $3 AND chat = $4
           AND (number IS NOT NULL AND state IN ('ready', 'paused') OR state = 'suspended')";
    // A dead job keeps its payload, and an outcome may quote some of it.
    let empty = "UPDATE jobs SET payload = '', progress = NULL, outcome = NULL
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND state IN ('done', 'dead')";
    let forget = "UPDATE changes SET summary = NULL, reason = NULL, before = NULL, after = NULL
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND kind <> 'settings'";
    let Tenant { app, key } = &chat.tenant;
    [
        Statement::new(end, values![now, app, key, &chat.chat]),
        Statement::new(empty, chat.values()),
        Statement::new(forget, chat.values()),
        settings::forget(chat),
        lists::forget(chat),
        broadcasts::leave(&chat.tenant, &chat.chat),
    ]
}
