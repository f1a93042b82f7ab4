//! The statements, one function each; transactions are the caller's.

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::outcome::{Outcome, Refusal};
use crate::store::{Accepted, Claim, Job, JobId, JobKey, NewJob, Release, Step};

/// Makes what was running when the last process ended ready again, and counts
/// it as a crash of the job's worker.
pub(super) async fn recover(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET state = 'ready', crashes = crashes + 1 WHERE state = 'running'")
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn count_open(connection: &mut SqliteConnection) -> sqlx::Result<usize> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state IN ('ready', 'running')")
            .fetch_one(connection)
            .await?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// What taking a job came to.
pub(super) struct Taking {
    pub(super) accepted: Accepted,
    /// How many rows it opened.
    pub(super) opened: usize,
    /// Whether it may be claimed at once. One that stands behind another of its
    /// chat is claimed when that one is released.
    pub(super) first_of_chat: bool,
}

/// Queues a job, unless it is known or its chat has `bound` already.
pub(super) async fn accept(
    connection: &mut SqliteConnection,
    job: &NewJob,
    bound: usize,
    now: Timestamp,
) -> sqlx::Result<Taking> {
    let (waiting, head) = open_of_chat(connection, job).await?;
    let (accepted, opened) = if waiting < bound {
        let inserted = insert(connection, job, now, None).await?;
        let accepted = if inserted {
            Accepted::New
        } else {
            Accepted::Duplicate
        };
        (accepted, inserted)
    } else if is_known(connection, job).await? {
        (Accepted::Duplicate, false)
    } else {
        let notice = overflow(job, head);
        let outcome = Outcome::Refused(Refusal::TooManyWaiting);
        // Its place is before all others, so that it is said at once.
        let inserted = insert(connection, &notice, Timestamp::UNIX_EPOCH, Some(&outcome)).await?;
        (Accepted::TooManyOfChat, inserted)
    };
    Ok(Taking {
        accepted,
        opened: usize::from(opened),
        first_of_chat: opened && (waiting == 0 || accepted == Accepted::TooManyOfChat),
    })
}

/// How many jobs of the same chat are not finished, and the first of them.
async fn open_of_chat(
    connection: &mut SqliteConnection,
    job: &NewJob,
) -> sqlx::Result<(usize, Option<i64>)> {
    let row = sqlx::query(
        "SELECT count(*) AS waiting, min(id) AS head FROM jobs
         WHERE app = ?1 AND chat = ?2 AND step = ?3 AND state IN ('ready', 'running')",
    )
    .bind(&job.key.app)
    .bind(&job.chat)
    .bind(job.key.step.as_str())
    .fetch_one(connection)
    .await?;
    let waiting: i64 = row.try_get("waiting")?;
    Ok((usize::try_from(waiting).unwrap_or(0), row.try_get("head")?))
}

async fn is_known(connection: &mut SqliteConnection, job: &NewJob) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE app = ?1 AND origin = ?2 AND step = ?3)",
    )
    .bind(&job.key.app)
    .bind(&job.key.origin)
    .bind(job.key.step.as_str())
    .fetch_one(connection)
    .await
}

/// The word to a chat that has too much waiting, as an answer to the message
/// that was one too many.
fn overflow(job: &NewJob, head: Option<i64>) -> NewJob {
    let origin = format!("{}/{}", job.chat, head.unwrap_or_default());
    let app = job.key.app.clone();
    NewJob {
        key: JobKey {
            app,
            origin,
            step: Step::Overflow,
        },
        ..job.clone()
    }
}

/// Whether the row was new.
async fn insert(
    connection: &mut SqliteConnection,
    job: &NewJob,
    place: Timestamp,
    outcome: Option<&Outcome>,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO jobs (app, origin, step, chat, place, run_at, payload, outcome)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)
         ON CONFLICT DO NOTHING",
    )
    .bind(&job.key.app)
    .bind(&job.key.origin)
    .bind(job.key.step.as_str())
    .bind(&job.chat)
    .bind(place.as_millisecond())
    .bind(&job.payload)
    .bind(outcome.map(to_json))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The first job of a chat that nothing of the same chat stands before.
///
/// A job that is to be tried again blocks those behind it (its `place` has
/// passed, its `run_at` has not); one whose `place` lies ahead blocks nobody.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> sqlx::Result<Claim> {
    let row = sqlx::query(
        "UPDATE jobs SET state = 'running', started_at = coalesce(started_at, ?1)
         WHERE id = (
             SELECT job.id FROM jobs job
             WHERE job.state = 'ready' AND job.place <= ?1 AND job.run_at <= ?1
               AND NOT EXISTS (
                   SELECT 1 FROM jobs before
                   WHERE before.app = job.app AND before.chat = job.chat
                     AND before.state IN ('ready', 'running')
                     AND (before.place, before.id) < (job.place, job.id))
             ORDER BY job.place, job.id LIMIT 1)
         RETURNING id, app, origin, step, payload, place, started_at, retries, crashes, progress, outcome, replying_since",
    )
    .bind(now.as_millisecond())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else {
        return Ok(Claim::NothingUntil(next_run(connection, now).await?));
    };
    if let Ok(job) = job(&row) {
        return Ok(Claim::Job(Box::new(job)));
    }
    // One row that cannot be read must not hold up all the others. The error's
    // own words may quote a message, so they are not logged.
    let id = JobId(row.try_get("id")?);
    tracing::error!(job.id = id.0, "a job cannot be read and is given up");
    release(connection, id, &Release::Dead, now).await?;
    Ok(Claim::Unreadable)
}

pub(super) async fn save_progress(
    connection: &mut SqliteConnection,
    job: JobId,
    progress: &str,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET progress = ?2 WHERE id = ?1")
        .bind(job.0)
        .bind(progress)
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn save_outcome(
    connection: &mut SqliteConnection,
    job: JobId,
    outcome: &str,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET outcome = ?2 WHERE id = ?1")
        .bind(job.0)
        .bind(outcome)
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn save_replying(
    connection: &mut SqliteConnection,
    job: JobId,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET replying_since = ?2 WHERE id = ?1")
        .bind(job.0)
        .bind(now.as_millisecond())
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn release(
    connection: &mut SqliteConnection,
    job: JobId,
    release: &Release,
    now: Timestamp,
) -> sqlx::Result<()> {
    let now = now.as_millisecond();
    let query = match release {
        // What people wrote is not kept longer than it is needed.
        Release::Done => sqlx::query("UPDATE jobs SET state = 'done', payload = '', progress = NULL, finished_at = ?2 WHERE id = ?1").bind(job.0).bind(now),
        Release::Dead => sqlx::query("UPDATE jobs SET state = 'dead', finished_at = ?2 WHERE id = ?1").bind(job.0).bind(now),
        Release::Retry { run_at } => sqlx::query("UPDATE jobs SET state = 'ready', retries = retries + 1, run_at = ?2 WHERE id = ?1").bind(job.0).bind(run_at.as_millisecond()),
        Release::Crashed { run_at } => sqlx::query("UPDATE jobs SET state = 'ready', crashes = crashes + 1, run_at = ?2 WHERE id = ?1").bind(job.0).bind(run_at.as_millisecond()),
        Release::Stopped => sqlx::query("UPDATE jobs SET state = 'ready' WHERE id = ?1").bind(job.0),
    };
    query.execute(connection).await.map(drop)
}

/// When the earliest job that waits for its time is due. One that is due but
/// stands behind another of its chat is claimed when that one is released.
async fn next_run(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> sqlx::Result<Option<Timestamp>> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT min(max(run_at, place)) FROM jobs WHERE state = 'ready' AND max(run_at, place) > ?1",
    )
    .bind(now.as_millisecond())
    .fetch_one(connection)
    .await?;
    at.map(timestamp).transpose()
}

/// `user_version` stands in the file's header, so setting it is a real write
/// that needs no table.
pub(super) async fn probe(connection: &mut SqliteConnection, now: Timestamp) -> sqlx::Result<()> {
    let version = now.as_second().rem_euclid(i64::from(i32::MAX));
    // A pragma takes no bound values; a number cannot be misread.
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "PRAGMA user_version = {version}"
    )))
    .persistent(false)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn prune(
    connection: &mut SqliteConnection,
    before: Timestamp,
) -> sqlx::Result<u64> {
    // In portions, so that no commit behind this one waits long.
    let done = sqlx::query(
        "DELETE FROM jobs WHERE id IN (
             SELECT id FROM jobs WHERE state IN ('done', 'dead') AND finished_at < ?1 LIMIT 1000)",
    )
    .bind(before.as_millisecond())
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "these types have string keys only and cannot fail"
    )]
    serde_json::to_string(value).expect("a progress and an outcome are JSON")
}

fn job(row: &SqliteRow) -> sqlx::Result<Job> {
    let step: String = row.try_get("step")?;
    let step = Step::from_column(&step)
        .with_context(|| format!("unknown step `{step}`"))
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Job {
        id: JobId(row.try_get("id")?),
        key: JobKey {
            app: row.try_get("app")?,
            origin: row.try_get("origin")?,
            step,
        },
        payload: row.try_get("payload")?,
        accepted_at: timestamp(row.try_get("place")?)?,
        started_at: timestamp(row.try_get("started_at")?)?,
        retries: row.try_get("retries")?,
        crashes: row.try_get("crashes")?,
        progress: from_json(row, "progress")?,
        outcome: from_json(row, "outcome")?,
        replying_since: row
            .try_get::<Option<i64>, _>("replying_since")?
            .map(timestamp)
            .transpose()?,
    })
}

fn from_json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> sqlx::Result<Option<T>> {
    let json: Option<String> = row.try_get(column)?;
    json.map(|json| serde_json::from_str(&json).map_err(|error| sqlx::Error::Decode(error.into())))
        .transpose()
}

fn timestamp(milliseconds: i64) -> sqlx::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| sqlx::Error::Decode(error.into()))
}
