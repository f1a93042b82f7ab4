//! The statements about jobs, one function each; transactions are the caller's.
//!
//! Columns are named one by one: a statement that asks for all of them would fail
//! when the next release adds one beside us.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::model::job::{JobId, NewJob, Queue, Step};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::store::row::{self, JobRow, overflow, to_json};
use crate::store::{Accepted, Job, Release};

/// So long a press is left to whoever took it, as the platform waits there.
const LEFT_TO_TAKER: Duration = Duration::from_secs(3);

/// What taking a job came to.
pub(super) struct Taking {
    pub(super) accepted: Accepted,
    /// How many rows it opened.
    pub(super) opened: usize,
}

/// Queues a job, unless it is known or its chat has `bound` already.
pub(super) async fn accept(
    client: &impl GenericClient,
    job: &NewJob,
    bound: usize,
    taker: i64,
    now: Timestamp,
) -> Result<Taking, Error> {
    // Whatever the clock says, it comes behind what was taken before it.
    let statement = client
        .prepare_cached(
            "WITH of_chat AS (
                 SELECT count(*) AS waiting, min(id) AS head, max(place) AS last_place FROM noticebot.jobs
                 WHERE app = $1 AND chat = $4 AND step = $3 AND state IN ('ready', 'running')),
             taken AS (
                 INSERT INTO noticebot.jobs (app, origin, step, chat, place, run_at, payload, taken_by, reference)
                 SELECT $1, $2, $3, $4, greatest($5, last_place), greatest($5, last_place), $6, $7, $9
                 FROM of_chat WHERE waiting < $8
                 ON CONFLICT DO NOTHING RETURNING 1)
             SELECT waiting, coalesce(head, 0), EXISTS (SELECT FROM taken),
                 EXISTS (SELECT FROM noticebot.jobs WHERE app = $1 AND origin = $2 AND step = $3)
             FROM of_chat",
        )
        .await?;
    let key = &job.key;
    let bound = i64::try_from(bound).unwrap_or(i64::MAX);
    let row = client
        .query_one(
            &statement,
            &[
                &key.app,
                &key.origin,
                &key.step.as_str(),
                &job.chat,
                &now.as_millisecond(),
                &job.payload,
                &taker,
                &bound,
                &key.reference(),
            ],
        )
        .await?;
    let (waiting, head): (i64, i64) = (row.get(0), row.get(1));
    let (is_new, is_known): (bool, bool) = (row.get(2), row.get(3));
    let (accepted, opened) = if is_new {
        (Accepted::New, true)
    } else if waiting < bound || is_known {
        (Accepted::Duplicate, false)
    } else if key.step.is_notice() || key.step == Step::Press {
        (Accepted::TooManyOfChat, false)
    } else {
        let inserted = insert_overflow(client, &overflow(job, head)).await?;
        (Accepted::TooManyOfChat, inserted)
    };
    Ok(Taking {
        accepted,
        opened: usize::from(opened),
    })
}

/// Its place is before all others, so that it is said at once.
async fn insert_overflow(client: &impl GenericClient, notice: &NewJob) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO noticebot.jobs (app, origin, step, chat, place, run_at, payload, outcome, reference)
             VALUES ($1, $2, $3, $4, 0, 0, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .await?;
    let key = &notice.key;
    let outcome = to_json(&Outcome::refused(Cause::TooManyWaiting));
    let rows = client
        .execute(
            &statement,
            &[
                &key.app,
                &key.origin,
                &key.step.as_str(),
                &notice.chat,
                &notice.payload,
                &outcome,
                &key.reference(),
            ],
        )
        .await?;
    Ok(rows > 0)
}

/// What was there to claim.
pub(super) enum Claimed {
    Row(Box<JobRow>),
    /// Nothing before then, or before the next change.
    NothingUntil {
        at: Option<i64>,
        /// Whether there is something for another bot, that has not let it lie yet.
        is_anothers_press: bool,
    },
    /// Another bot was faster at the same chat.
    Again,
}

/// Takes the first ready job that may run: whatever another bot is just claiming
/// is passed over, and so is what stands behind another job of its chat. Two jobs
/// of one chat can be claimed at the same moment only if the earlier one was
/// committed late; then the index of running jobs lets one of them through.
///
/// Both questions about the chat end in `LIMIT 1`, so that they are asked of one job
/// after the other by an index: without, the planner reads all that is open, once for
/// every claim.
///
/// Steps that only a later release knows are left to it, while both run.
const CLAIM: &str = "UPDATE noticebot.jobs SET state = 'running', owner = $3,
         started_at = coalesce(started_at, $2)
     WHERE id = (
         SELECT job.id FROM noticebot.jobs job
         WHERE job.app = $1 AND job.state = 'ready' AND job.place <= $2 AND job.run_at <= $2
           AND job.step = ANY ($5)
           AND (job.step <> 'press' OR job.taken_by = $3 OR job.place <= $2 - $4)
           AND job.id = (
               SELECT head.id FROM noticebot.jobs head
               WHERE head.app = job.app AND head.chat = job.chat
                 AND head.state IN ('ready', 'running')
               ORDER BY head.place, head.id LIMIT 1)
           AND (job.step = 'overflow' OR (
               SELECT busy.id FROM noticebot.jobs busy
               WHERE busy.app = job.app AND busy.chat = job.chat
                 AND busy.state = 'running' AND busy.step <> 'overflow'
               LIMIT 1) IS NULL)
         ORDER BY job.place, job.id LIMIT 1
         FOR UPDATE SKIP LOCKED)
     RETURNING id, app, origin, step, chat, payload, place, started_at, retries, crashes,
         suspicions, begun, progress, outcome, replying_since, heard";

/// When there may be something to claim: planned work that is due, a job to be
/// tried again, a press whose taker has let it lie.
const NEXT_RUN: &str = "SELECT min(at), bool_or(is_press AND at IS NOT NULL) FROM (
         SELECT min(place) AS at, false AS is_press FROM noticebot.jobs
         WHERE app = $1 AND state = 'ready' AND place > $2
         UNION ALL
         SELECT min(run_at), false FROM noticebot.jobs
         WHERE app = $1 AND state = 'ready' AND place <= $2 AND run_at > $2
         UNION ALL
         SELECT min(place) + $3, true FROM noticebot.jobs
         WHERE app = $1 AND state = 'ready' AND place <= $2 AND place > $2 - $3
           AND step = 'press' AND taken_by IS DISTINCT FROM $4) AS times";

pub(super) async fn claim(
    client: &impl GenericClient,
    app: &str,
    owner: i64,
    now: Timestamp,
) -> Result<Claimed, Error> {
    let now = now.as_millisecond();
    let left = i64::try_from(LEFT_TO_TAKER.as_millis()).unwrap_or_default();
    let steps: Vec<&str> = Step::all().map(Step::as_str).collect();
    let statement = client.prepare_cached(CLAIM).await?;
    let claimed = client
        .query_opt(&statement, &[&app, &now, &owner, &left, &steps])
        .await;
    match claimed {
        Ok(Some(row)) => Ok(Claimed::Row(Box::new(job(&row)))),
        Ok(None) => {
            let statement = client.prepare_cached(NEXT_RUN).await?;
            let values: [&(dyn ToSql + Sync); 4] = [&app, &now, &left, &owner];
            let row = client.query_one(&statement, &values).await?;
            Ok(Claimed::NothingUntil {
                at: row.get(0),
                is_anothers_press: row.get(1),
            })
        }
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(Claimed::Again),
        Err(error) => Err(error),
    }
}

fn job(row: &Row) -> JobRow {
    let count = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
    JobRow {
        id: row.get("id"),
        app: row.get("app"),
        origin: row.get("origin"),
        step: row.get("step"),
        chat: row.get("chat"),
        payload: row.get("payload"),
        place: row.get("place"),
        started_at: row.get("started_at"),
        retries: count("retries"),
        crashes: count("crashes"),
        suspicions: count("suspicions"),
        begun: row.get("begun"),
        progress: row.get("progress"),
        outcome: row.get("outcome"),
        replying_since: row.get("replying_since"),
        heard: row.get("heard"),
    }
}

/// A job and who works on it; whatever they want of it fails once it is another's.
#[derive(Clone, Copy)]
pub(super) struct Owned {
    pub(super) id: JobId,
    pub(super) owner: i64,
}

impl Owned {
    pub(super) fn new(job: &Job, owner: i64) -> Self {
        Self { id: job.id, owner }
    }
}

/// Whether the job was still theirs.
async fn update(
    client: &impl GenericClient,
    job: Owned,
    changes: &str,
    value: Option<&(dyn ToSql + Sync)>,
) -> Result<bool, Error> {
    let sql = format!("UPDATE noticebot.jobs SET {changes} WHERE id = $1 AND owner = $2");
    let statement = client.prepare_cached(&sql).await?;
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&job.id.0, &job.owner];
    values.extend(value);
    Ok(client.execute(&statement, &values).await? > 0)
}

pub(super) async fn save_progress(
    client: &impl GenericClient,
    job: Owned,
    progress: &Progress,
) -> Result<bool, Error> {
    update(client, job, "progress = $3", Some(&to_json(progress))).await
}

pub(super) async fn progress(
    client: &impl GenericClient,
    job: JobId,
) -> Result<Option<String>, Error> {
    let statement = client
        .prepare_cached("SELECT progress FROM noticebot.jobs WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&job.0]).await?;
    Ok(row.and_then(|row| row.get(0)))
}

pub(super) async fn save_outcome(
    client: &impl GenericClient,
    job: Owned,
    outcome: &Outcome,
) -> Result<bool, Error> {
    update(client, job, "outcome = $3", Some(&to_json(outcome))).await
}

/// From now on their bot works on nothing else beside this job; whether it was still theirs.
pub(super) async fn run_alone(client: &impl GenericClient, job: Owned) -> Result<bool, Error> {
    update(client, job, "alone = true", None).await
}

pub(super) async fn save_replying(
    client: &impl GenericClient,
    job: Owned,
    now: Timestamp,
) -> Result<bool, Error> {
    let now = now.as_millisecond();
    update(client, job, "replying_since = $3", Some(&now)).await
}

pub(super) async fn save_heard(
    client: &impl GenericClient,
    job: Owned,
    reaction: &str,
) -> Result<bool, Error> {
    update(client, job, "heard = $3", Some(&reaction)).await
}

/// Gives a job back; whether it was still theirs.
pub(super) async fn release(
    client: &impl GenericClient,
    job: Owned,
    release: &Release,
    now: Timestamp,
) -> Result<bool, Error> {
    let now = now.as_millisecond();
    match release {
        // What people wrote is not kept longer than it is needed.
        Release::Done => {
            let done =
                "state = 'done', owner = NULL, payload = '', progress = NULL, finished_at = $3";
            update(client, job, done, Some(&now)).await
        }
        Release::Dead => {
            let dead = "state = 'dead', owner = NULL, finished_at = $3";
            update(client, job, dead, Some(&now)).await
        }
        Release::Retry { run_at } => {
            let again =
                "state = 'ready', owner = NULL, alone = false, retries = retries + 1, run_at = $3";
            update(client, job, again, Some(&run_at.as_millisecond())).await
        }
        Release::Crashed { run_at } => {
            let again =
                "state = 'ready', owner = NULL, alone = false, begun = true, crashes = crashes + 1,
                 run_at = $3";
            update(client, job, again, Some(&run_at.as_millisecond())).await
        }
        // A call may be under way: the next attempt has to know that it is not
        // the first.
        Release::Stopped => {
            let stopped = "state = 'ready', owner = NULL, alone = false, begun = true";
            update(client, job, stopped, None).await
        }
    }
}

/// Makes ready again what is this owner's and not among those in hand; says how many
/// that were.
pub(super) async fn put_back(
    client: &impl GenericClient,
    owner: i64,
    in_hand: &[i64],
) -> Result<u64, Error> {
    // It may have been begun: the next attempt has to know that it is not the first.
    let statement = client
        .prepare_cached(
            "UPDATE noticebot.jobs SET state = 'ready', owner = NULL, alone = false, begun = true
             WHERE owner = $1 AND NOT id = ANY ($2)",
        )
        .await?;
    client.execute(&statement, &[&owner, &in_hand]).await
}

/// What is open, and since when. Planned work does not count: it may wait for a
/// year. The word to a chat that has too much waiting has a place before all time.
pub(super) async fn queue(client: &impl GenericClient, app: &str) -> Result<Queue, Error> {
    let statement = client
        .prepare_cached(
            "SELECT count(*), min(place) FILTER (WHERE place > 0) FROM noticebot.jobs
             WHERE app = $1 AND state IN ('ready', 'running') AND number IS NULL",
        )
        .await?;
    let row = client.query_one(&statement, &[&app]).await?;
    let oldest: Option<i64> = row.get(1);
    Ok(Queue {
        open: usize::try_from(row.get::<_, i64>(0)).unwrap_or_default(),
        oldest: oldest.and_then(|oldest| row::timestamp(oldest).ok()),
    })
}

pub(super) async fn prune(
    client: &impl GenericClient,
    app: &str,
    before: Timestamp,
) -> Result<usize, Error> {
    // In portions, so that nobody waits long.
    let statement = client
        .prepare_cached(
            "DELETE FROM noticebot.jobs WHERE id IN (
                 SELECT id FROM noticebot.jobs
                 WHERE app = $1 AND state IN ('done', 'dead') AND finished_at < $2
                 LIMIT 1000)",
        )
        .await?;
    let rows = client
        .execute(&statement, &[&app, &before.as_millisecond()])
        .await?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}
