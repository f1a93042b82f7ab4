//! Jobs from their claim to their removal.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::grant::Member;
use crate::model::job::{JobId, JobKey, JobKind, NewJob, Queue, Tenant};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::store::Release;
use crate::store::job::Owned;
use crate::store::row::to_json;
use crate::store::statement::{ITEMS, Query, Row, Statement, Unreadable, Value, values};

/// Inserts a job, unless it is known.
pub(in crate::store) fn insert(
    job: &NewJob,
    ordered_at: Timestamp,
    outcome: Option<&Outcome>,
) -> Statement {
    let sql = "INSERT INTO jobs
             (app, tenant, origin, kind, reference, chat, ordered_at, run_at, payload, outcome, trace)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10)
         ON CONFLICT DO NOTHING";
    let key = &job.key;
    let values = values![
        &key.tenant.app,
        &key.tenant.key,
        &key.origin,
        key.kind.as_str(),
        key.reference(),
        &job.chat,
        ordered_at,
        &job.payload,
        outcome.map(to_json),
        job.trace.map(|trace| trace.to_string()),
    ];
    Statement::new(sql, values)
}

/// Inserts jobs of a tenant, each unless it is known.
pub(in crate::store) fn insert_all<'j>(
    tenant: &Tenant,
    jobs: impl IntoIterator<Item = (&'j NewJob, Timestamp)>,
) -> Statement {
    let items = jobs.into_iter().map(|(job, ordered_at)| NewRow {
        origin: &job.key.origin,
        kind: job.key.kind.as_str(),
        reference: job.key.reference(),
        chat: &job.chat,
        ordered_at: ordered_at.as_millisecond(),
        payload: &job.payload,
    });
    let items: Vec<NewRow<'_>> = items.collect();
    // Without a condition, SQLite would read `ON` as that of a join.
    let sql = format!(
        "{ITEMS}
         INSERT INTO jobs (app, tenant, origin, kind, reference, chat, ordered_at, run_at, payload)
         SELECT $2, $3, item.value ->> 'origin', item.value ->> 'kind',
             item.value ->> 'reference', item.value ->> 'chat',
             CAST(item.value ->> 'ordered_at' AS bigint),
             CAST(item.value ->> 'ordered_at' AS bigint), item.value ->> 'payload'
         FROM item WHERE true
         ON CONFLICT DO NOTHING"
    );
    Statement::of_items(sql, to_json(&items), values![&tenant.app, &tenant.key])
}

/// What differs between the jobs that one statement inserts.
#[derive(Serialize)]
struct NewRow<'j> {
    origin: &'j str,
    kind: &'static str,
    reference: String,
    chat: &'j str,
    ordered_at: i64,
    payload: &'j str,
}

/// Inserts a job that replies to a rejected message that the queue is full; `None` if nobody waits
/// for a reply. There is one such job for each `head`, the job at the head of the chat.
pub(in crate::store) fn insert_overflow(job: &NewJob, head: i64) -> Option<Statement> {
    let is_silent = matches!(job.key.kind, JobKind::Press | JobKind::ReactionPin);
    if job.key.kind.is_group_event() || is_silent {
        return None;
    }
    let notice = NewJob {
        key: JobKey {
            tenant: job.key.tenant.clone(),
            origin: format!("{}/{head}", job.chat),
            kind: JobKind::Overflow,
        },
        ..job.clone()
    };
    let outcome = Outcome::refused(Cause::TooManyWaiting);
    // Ordered before all other jobs, so that it is answered at once.
    Some(insert(&notice, Timestamp::UNIX_EPOCH, Some(&outcome)))
}

/// Counts the open jobs without schedules, which may wait for a year; those of broadcasts separately. The
/// answer that the queue is full has `ordered_at` 0. The oldest one is that which the bot has to work
/// on.
pub(in crate::store) fn queue(app: &str) -> Query<Queue> {
    let sql = "SELECT count(*) + (
                 SELECT count(*) FROM jobs suspended
                 WHERE app = $1 AND state = 'suspended' AND number IS NULL) AS open,
             min(ordered_at) FILTER (WHERE ordered_at > 0) AS oldest, (
                 SELECT count(*) FROM jobs delivering
                 WHERE app = $1 AND state IN ('ready', 'running')
                   AND kind IN ('delivery', 'retraction', 'report')) AS deliveries
         FROM jobs WHERE app = $1 AND state IN ('ready', 'running') AND number IS NULL
           AND kind NOT IN ('delivery', 'retraction', 'report')";
    Statement::new(sql, values![app]).read(|row| {
        Ok(Queue {
            open: row.count("open")?,
            deliveries: row.count("deliveries")?,
            oldest: row.time_if_any("oldest")?,
        })
    })
}

pub(in crate::store) fn progress(job: JobId) -> Query<Option<Progress>> {
    Statement::new("SELECT progress FROM jobs WHERE id = $1", values![job.0]).read(read_progress)
}

/// Unreadable progress is not "no progress": it may hold what was replaced.
fn read_progress(row: &Row<'_>) -> Result<Option<Progress>, Unreadable> {
    let json: Option<String> = row.get("progress")?;
    let progress = json.map(|json| serde_json::from_str(&json));
    progress.transpose().map_err(|_| Unreadable)
}

pub(in crate::store) fn save_progress(job: Owned, progress: &Progress) -> Statement {
    update(job, "progress = $1", Some(to_json(progress).into()))
}

pub(in crate::store) fn save_outcome(job: Owned, outcome: &Outcome) -> Statement {
    update(job, "outcome = $1", Some(to_json(outcome).into()))
}

pub(in crate::store) fn run_alone(job: Owned) -> Statement {
    update(job, "alone = true", None)
}

pub(in crate::store) fn save_replying(job: Owned, now: Timestamp) -> Statement {
    update(job, "replying_since = $1", Some(now.into()))
}

pub(in crate::store) fn save_acknowledgement(job: Owned, reaction: &str) -> Statement {
    update(job, "acknowledgement = $1", Some(reaction.into()))
}

/// For a job that is not claimed.
pub(in crate::store) fn save_acknowledgement_of(job: &JobKey, reaction: &str) -> Statement {
    let sql = "UPDATE jobs SET acknowledgement = $1
         WHERE app = $2 AND tenant = $3 AND origin = $4 AND kind = $5";
    let mut values = vec![Value::from(reaction)];
    values.extend(job.values());
    Statement::new(sql, values)
}

pub(in crate::store) fn release(job: Owned, release: &Release, now: Timestamp) -> Statement {
    match release {
        // Payloads are not kept longer than needed.
        Release::Done => update(
            job,
            "state = 'done', owner = NULL, payload = '', progress = NULL, finished_at = $1",
            Some(now.into()),
        ),
        Release::Dead => update(
            job,
            "state = 'dead', owner = NULL, finished_at = $1",
            Some(now.into()),
        ),
        Release::Retry { run_at } => update(
            job,
            "state = 'ready', owner = NULL, alone = false, retries = retries + 1, run_at = $1",
            Some((*run_at).into()),
        ),
        Release::Crashed { run_at } => update(
            job,
            "state = 'ready', owner = NULL, alone = false, begun = true, crashes = crashes + 1,
             run_at = $1",
            Some((*run_at).into()),
        ),
        // A call may be in flight: the next attempt must know that it is not the first.
        Release::Stopped => update(
            job,
            "state = 'ready', owner = NULL, alone = false, begun = true",
            None,
        ),
        // The next run is like the first one.
        Release::Again { run_at } => update(
            job,
            "state = 'ready', owner = NULL, alone = false, retries = 0, crashes = 0,
             suspicions = 0, started_at = NULL, replying_since = NULL, run_at = $1",
            Some((*run_at).into()),
        ),
        Release::Suspended { member, until } => suspend(job, member, *until),
    }
}

fn suspend(job: Owned, member: &Member, until: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET state = 'suspended', owner = NULL, alone = false,
             suspended_for = $1, suspended_until = $2
         WHERE id = $3 AND owner = $4";
    let values = values![member.person.as_str(), until, job.id.0, job.owner];
    Statement::new(sql, values)
}

/// One row if the job is claimed by its owner.
pub(in crate::store) fn is_owned(job: Owned) -> Query<()> {
    let sql = "SELECT 1 FROM jobs WHERE id = $1 AND owner = $2";
    Statement::new(sql, values![job.id.0, job.owner]).read(|_| Ok(()))
}

/// Updates a claimed job; no row if another replica owns it.
fn update(job: Owned, changes: &str, value: Option<Value>) -> Statement {
    let mut values: Vec<Value> = value.into_iter().collect();
    values.extend(values![job.id.0, job.owner]);
    let owner = values.len();
    let id = owner - 1;
    let sql = format!("UPDATE jobs SET {changes} WHERE id = ${id} AND owner = ${owner}");
    Statement::new(sql, values)
}

/// Removes up to 1000 jobs that ended before then; in portions, so that other requests do not wait
/// long.
pub(in crate::store) fn prune(app: &str, before: Timestamp) -> Statement {
    let sql = "DELETE FROM jobs WHERE id IN (
             SELECT id FROM jobs
             WHERE app = $1 AND state IN ('done', 'dead') AND finished_at < $2
             LIMIT 1000)";
    Statement::new(sql, values![app, before])
}
