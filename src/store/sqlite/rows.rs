//! The statements, one function each; transactions are the caller's.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use crate::model::job::{JobId, NewJob, Queue, Step};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::refusal::Cause;
use crate::store::job::SUSPECT;
use crate::store::row::{self, JobRow, overflow, to_json};
use crate::store::{Accepted, Claim, Lease, Release};

/// The changes of the tables, in order. The database remembers in its
/// `user_version` how many of them it has.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/0001_first.sql")];

/// The version of the tables of this release.
pub(in crate::store) const LATEST: usize = MIGRATIONS.len();

/// The version of the tables as they are.
pub(in crate::store) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the tables up to date.
pub(super) fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    migrate_with(connection, MIGRATIONS)
}

fn migrate_with(connection: &mut Connection, changes: &[&str]) -> anyhow::Result<()> {
    let version = version(connection)?;
    anyhow::ensure!(
        version <= changes.len(),
        "they were made by a newer noticebot: install that one again, or restore a back-up"
    );
    for (number, statements) in changes.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(statements)?;
        transaction.pragma_update(None, "user_version", number + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Makes what was running when the last process ended ready again. Where that was one job, its
/// crash is that job's; where it was several, each is a suspect. One that is suspected twice waits
/// before it is tried alone, each time for longer.
pub(super) fn recover(connection: &Connection, app: &str, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare(
            "WITH ended AS (SELECT count(*) AS jobs FROM jobs
                 WHERE +app = ?3 AND state = 'running'),
             blamed AS MATERIALIZED (
                 SELECT id, CASE WHEN alone OR ended.jobs = 1 THEN 1 ELSE 0 END AS own
                 FROM jobs, ended WHERE +app = ?3 AND state = 'running')
             UPDATE jobs SET state = 'ready', begun = 1, alone = 0,
                 crashes = crashes + own, suspicions = suspicions + 1 - own,
                 run_at = CASE WHEN suspicions + 1 - own < ?2 THEN run_at
                     ELSE max(run_at, ?1 + (1000 << min(suspicions + 1 + crashes - ?2, 6))) END
             FROM blamed WHERE jobs.id = blamed.id",
        )?
        .execute(params![now.as_millisecond(), SUSPECT, app])
        .map(drop)
}

/// From now on nothing else is worked on beside this job.
pub(super) fn run_alone(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET alone = 1 WHERE id = ?1")?
        .execute([job.0])
        .map(drop)
}

/// The word to a chat that has too much waiting has a place before all time. A `+`
/// keeps SQLite from the index of all jobs of the app.
const QUEUE: &str = "SELECT count(*), min(place) FILTER (WHERE place > 0) FROM jobs
     WHERE +app = ?1 AND state IN ('ready', 'running') AND number IS NULL";

/// What is open, and since when. Planned work does not count: it may wait for a
/// year.
pub(super) fn queue(connection: &Connection, app: &str) -> rusqlite::Result<Queue> {
    connection.prepare_cached(QUEUE)?.query_row([app], |row| {
        let oldest: Option<i64> = row.get(1)?;
        Ok(Queue {
            open: row.get(0)?,
            oldest: oldest.map(timestamp).transpose()?,
        })
    })
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
pub(super) fn accept(
    connection: &Connection,
    job: &NewJob,
    bound: usize,
    now: Timestamp,
) -> rusqlite::Result<Taking> {
    let OfChat {
        waiting,
        head,
        last_place,
    } = open_of_chat(connection, job)?;
    let (accepted, opened) = if waiting < bound {
        // Whatever the clock says, it comes behind what was taken before it.
        let place = last_place.map_or(Ok(now), timestamp)?.max(now);
        let inserted = insert(connection, job, place, None)?;
        let accepted = if inserted {
            Accepted::New
        } else {
            Accepted::Duplicate
        };
        (accepted, inserted)
    } else if is_known(connection, job)? {
        (Accepted::Duplicate, false)
    } else if job.key.step.is_notice() || job.key.step == Step::Press {
        (Accepted::TooManyOfChat, false)
    } else {
        let notice = overflow(job, head.unwrap_or_default());
        let outcome = Outcome::refused(Cause::TooManyWaiting);
        // Its place is before all others, so that it is said at once.
        let inserted = insert(connection, &notice, Timestamp::UNIX_EPOCH, Some(&outcome))?;
        (Accepted::TooManyOfChat, inserted)
    };
    Ok(Taking {
        accepted,
        opened: usize::from(opened),
        first_of_chat: opened && (waiting == 0 || accepted == Accepted::TooManyOfChat),
    })
}

/// The jobs of a chat that are not finished.
struct OfChat {
    waiting: usize,
    /// The first of them.
    head: Option<i64>,
    last_place: Option<i64>,
}

const OF_CHAT: &str = "SELECT count(*), min(id), max(place) FROM jobs
     WHERE +app = ?1 AND chat = ?2 AND step = ?3 AND state IN ('ready', 'running')";

fn open_of_chat(connection: &Connection, job: &NewJob) -> rusqlite::Result<OfChat> {
    connection.prepare_cached(OF_CHAT)?.query_row(
        params![job.key.app, job.chat, job.key.step.as_str()],
        |row| {
            Ok(OfChat {
                waiting: row.get(0)?,
                head: row.get(1)?,
                last_place: row.get(2)?,
            })
        },
    )
}

fn is_known(connection: &Connection, job: &NewJob) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM jobs WHERE app = ?1 AND origin = ?2 AND step = ?3")?
        .exists(params![job.key.app, job.key.origin, job.key.step.as_str()])
}

/// Whether the row was new.
fn insert(
    connection: &Connection,
    job: &NewJob,
    place: Timestamp,
    outcome: Option<&Outcome>,
) -> rusqlite::Result<bool> {
    let rows = connection
        .prepare_cached(
            "INSERT INTO jobs (app, origin, step, reference, chat, place, run_at, payload, outcome)
             VALUES (:app, :origin, :step, :reference, :chat, :place, :place, :payload, :outcome)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":app": job.key.app,
            ":origin": job.key.origin,
            ":step": job.key.step.as_str(),
            ":reference": job.key.reference(),
            ":chat": job.chat,
            ":place": place.as_millisecond(),
            ":payload": job.payload,
            ":outcome": outcome.map(to_json),
        })?;
    Ok(rows > 0)
}

/// Takes the first ready job that may run. The second word about the state of
/// the busy one looks redundant and leads to the index of open jobs: without it
/// SQLite reads every job that the chat has ever had.
const CLAIM: &str = "UPDATE jobs SET state = 'running', started_at = coalesce(started_at, ?1)
     WHERE id = (
         SELECT job.id FROM jobs job
         WHERE +job.app = ?2 AND job.state = 'ready' AND job.place <= ?1 AND job.run_at <= ?1
           AND (job.step = 'overflow' OR NOT EXISTS (
               SELECT 1 FROM jobs busy
               WHERE busy.app = job.app AND busy.chat = job.chat
                 AND busy.state IN ('ready', 'running') AND busy.state = 'running'))
           AND NOT EXISTS (
               SELECT 1 FROM jobs before
               WHERE before.app = job.app AND before.chat = job.chat
                 AND before.state IN ('ready', 'running')
                 AND (before.place, before.id) < (job.place, job.id))
         ORDER BY job.place, job.id LIMIT 1)
     RETURNING *";

/// The first job of a chat that nothing of the same chat stands before; the row
/// alone if it cannot be read.
///
/// A job that is to be tried again blocks those behind it (its `place` has
/// passed, its `run_at` has not); one whose `place` lies ahead blocks nobody.
pub(super) fn claim(
    connection: &Connection,
    app: &str,
    now: Timestamp,
) -> rusqlite::Result<Result<Claim, JobId>> {
    let claimed = connection
        .prepare_cached(CLAIM)?
        .query_row(params![now.as_millisecond(), app], job)
        .optional()?;
    let Some(row) = claimed else {
        return Ok(Ok(Claim::NothingUntil(next_run(connection, app, now)?)));
    };
    let id = JobId(row.id);
    // The error's own words may quote a message, so they are not logged.
    Ok(row
        .read(Lease::Sole)
        .map(|job| Claim::Job(Box::new(job)))
        .map_err(|_| id))
}

pub(super) fn save_progress(
    connection: &Connection,
    job: JobId,
    progress: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET progress = ?2 WHERE id = ?1")?
        .execute(params![job.0, progress])
        .map(drop)
}

pub(super) fn progress(connection: &Connection, job: JobId) -> rusqlite::Result<Option<Progress>> {
    let json: Option<String> = connection
        .prepare_cached("SELECT progress FROM jobs WHERE id = ?1")?
        .query_row([job.0], |row| row.get(0))?;
    // Progress that cannot be read is not "no progress": it may hold what was replaced.
    json.map(|json| serde_json::from_str(&json).map_err(unreadable))
        .transpose()
}

fn unreadable(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

pub(super) fn save_outcome(
    connection: &Connection,
    job: JobId,
    outcome: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET outcome = ?2 WHERE id = ?1")?
        .execute(params![job.0, outcome])
        .map(drop)
}

pub(super) fn save_replying(
    connection: &Connection,
    job: JobId,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET replying_since = ?2 WHERE id = ?1")?
        .execute(params![job.0, now.as_millisecond()])
        .map(drop)
}

pub(super) fn save_heard(
    connection: &Connection,
    job: JobId,
    reaction: &str,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE jobs SET heard = ?2 WHERE id = ?1")?
        .execute(params![job.0, reaction])
        .map(drop)
}

/// Gives a job back; says whether one of those that count as open has ended.
pub(super) fn release(
    connection: &Connection,
    job: JobId,
    release: &Release,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let set = |changes: &str, time: Option<Timestamp>| -> rusqlite::Result<bool> {
        let mut update = connection.prepare_cached(&format!(
            "UPDATE jobs SET {changes} WHERE id = ?1 RETURNING number IS NULL"
        ))?;
        let counts = |row: &Row<'_>| row.get(0);
        match time {
            Some(time) => update.query_row(params![job.0, time.as_millisecond()], counts),
            None => update.query_row([job.0], counts),
        }
    };
    match release {
        // What people wrote is not kept longer than it is needed.
        Release::Done => set(
            "state = 'done', payload = '', progress = NULL, finished_at = ?2",
            Some(now),
        ),
        Release::Dead => set("state = 'dead', finished_at = ?2", Some(now)),
        Release::Retry { run_at } => set(
            "state = 'ready', alone = 0, retries = retries + 1, run_at = ?2",
            Some(*run_at),
        )
        .map(|_| false),
        Release::Crashed { run_at } => set(
            "state = 'ready', alone = 0, begun = 1, crashes = crashes + 1, run_at = ?2",
            Some(*run_at),
        )
        .map(|_| false),
        // A call may be under way: the next attempt has to know that it is not
        // the first.
        Release::Stopped => set("state = 'ready', alone = 0, begun = 1", None).map(|_| false),
    }
}

/// Apart, each finds its answer in an index or among the few that are late.
const NEXT_RUN: &str = "SELECT min(at) FROM (
         SELECT min(place) AS at FROM jobs
         WHERE +app = ?2 AND state = 'ready' AND place > ?1
         UNION ALL
         SELECT min(run_at) FROM jobs
         WHERE +app = ?2 AND state = 'ready' AND place <= ?1 AND run_at > ?1)";

/// When the earliest job that waits for its time is due. One that is due but
/// stands behind another of its chat is claimed when that one is released.
fn next_run(
    connection: &Connection,
    app: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = connection
        .prepare_cached(NEXT_RUN)?
        .query_row(params![now.as_millisecond(), app], |row| row.get(0))?;
    at.map(timestamp).transpose()
}

/// `application_id` stands in the file's header, so setting it is a real write
/// that needs no table. The number spells "noti".
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", 0x6e6f_7469)
}

pub(super) fn prune(
    connection: &Connection,
    app: &str,
    before: Timestamp,
) -> rusqlite::Result<usize> {
    // In portions, so that no commit behind this one waits long.
    connection
        .prepare_cached(
            "DELETE FROM jobs WHERE id IN (
                 SELECT id FROM jobs
                 WHERE +app = ?2 AND state IN ('done', 'dead') AND finished_at < ?1 LIMIT 1000)",
        )?
        .execute(params![before.as_millisecond(), app])
}

fn job(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: row.get("id")?,
        app: row.get("app")?,
        origin: row.get("origin")?,
        step: row.get("step")?,
        chat: row.get("chat")?,
        payload: row.get("payload")?,
        place: row.get("place")?,
        started_at: row.get("started_at")?,
        retries: row.get("retries")?,
        crashes: row.get("crashes")?,
        suspicions: row.get("suspicions")?,
        begun: row.get("begun")?,
        progress: row.get("progress")?,
        outcome: row.get("outcome")?,
        replying_since: row.get("replying_since")?,
        heard: row.get("heard")?,
    })
}

pub(super) fn timestamp(milliseconds: i64) -> rusqlite::Result<Timestamp> {
    row::timestamp(milliseconds).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite goes about a statement, for each table the way to its rows.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nulls = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps = plan
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get("detail"))
            .unwrap();
        steps.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn the_queue_is_worked_on_without_reading_a_finished_job() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        for (sql, ways) in [
            (
                CLAIM,
                &[
                    ("job", "INDEX jobs_ready"),
                    ("busy", "INDEX jobs_open"),
                    ("before", "INDEX jobs_open"),
                ][..],
            ),
            (NEXT_RUN, &[("jobs", "INDEX jobs_ready")]),
            (QUEUE, &[("jobs", "INDEX jobs_open")]),
            (OF_CHAT, &[("jobs", "INDEX jobs_open")]),
        ] {
            let steps = plan(&connection, sql);
            for (table, index) in ways {
                // The row to change is found by its number.
                let mut of_table = steps
                    .iter()
                    .filter(|step| step.contains(&format!(" {table} ")))
                    .filter(|step| !step.contains("PRIMARY KEY"))
                    .peekable();
                assert!(of_table.peek().is_some(), "{steps:#?}");
                assert!(of_table.all(|step| step.contains(index)), "{steps:#?}");
            }
        }
    }
}
