//! The statements, one function each; transactions are the caller's.

use anyhow::Context as _;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::outcome::{Outcome, Refusal};
use crate::store::{Accepted, Claim, Job, JobId, JobKey, NewJob, Progress, Release, Step};

/// The changes of the tables, in order. The database remembers in its
/// `user_version` how many of them it has.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_jobs.sql"),
    include_str!("../../../migrations/sqlite/0002_changes.sql"),
    include_str!("../../../migrations/sqlite/0003_before_after.sql"),
];

/// Brings the tables up to date.
pub(super) fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    migrate_with(connection, MIGRATIONS)
}

fn migrate_with(connection: &mut Connection, changes: &[&str]) -> anyhow::Result<()> {
    let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
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

/// Makes what was running when the last process ended ready again, and counts
/// it as a crash of the job's worker.
pub(super) fn recover(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .execute(
            "UPDATE jobs SET state = 'ready', crashes = crashes + 1 WHERE state = 'running'",
            [],
        )
        .map(drop)
}

/// Planned work does not count: it may wait for a year.
pub(super) fn count_open(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row(
        "SELECT count(*) FROM jobs WHERE state IN ('ready', 'running') AND number IS NULL",
        [],
        |row| row.get(0),
    )
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
    let (waiting, head) = open_of_chat(connection, job)?;
    let (accepted, opened) = if waiting < bound {
        let inserted = insert(connection, job, now, None)?;
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
        let notice = overflow(job, head);
        let outcome = Outcome::Refused(Refusal::TooManyWaiting);
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

/// How many jobs of the same chat are not finished, and the first of them.
fn open_of_chat(connection: &Connection, job: &NewJob) -> rusqlite::Result<(usize, Option<i64>)> {
    connection
        .prepare_cached(
            "SELECT count(*), min(id) FROM jobs
             WHERE app = ?1 AND chat = ?2 AND step = ?3 AND state IN ('ready', 'running')",
        )?
        .query_row(
            params![job.key.app, job.chat, job.key.step.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
}

fn is_known(connection: &Connection, job: &NewJob) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM jobs WHERE app = ?1 AND origin = ?2 AND step = ?3")?
        .exists(params![job.key.app, job.key.origin, job.key.step.as_str()])
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
fn insert(
    connection: &Connection,
    job: &NewJob,
    place: Timestamp,
    outcome: Option<&Outcome>,
) -> rusqlite::Result<bool> {
    let rows = connection
        .prepare_cached(
            "INSERT INTO jobs (app, origin, step, chat, place, run_at, payload, outcome)
             VALUES (:app, :origin, :step, :chat, :place, :place, :payload, :outcome)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":app": job.key.app,
            ":origin": job.key.origin,
            ":step": job.key.step.as_str(),
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
         WHERE job.state = 'ready' AND job.place <= ?1 AND job.run_at <= ?1
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
    now: Timestamp,
) -> rusqlite::Result<Result<Claim, JobId>> {
    let claimed = connection
        .prepare_cached(CLAIM)?
        .query_row([now.as_millisecond()], |row| Ok((row.get("id")?, job(row))))
        .optional()?;
    Ok(match claimed {
        None => Ok(Claim::NothingUntil(next_run(connection, now)?)),
        Some((_, Ok(job))) => Ok(Claim::Job(Box::new(job))),
        // The error's own words may quote a message, so they are not logged.
        Some((id, Err(_))) => Err(JobId(id)),
    })
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
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
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
            "state = 'ready', retries = retries + 1, run_at = ?2",
            Some(*run_at),
        )
        .map(|_| false),
        Release::Crashed { run_at } => set(
            "state = 'ready', crashes = crashes + 1, run_at = ?2",
            Some(*run_at),
        )
        .map(|_| false),
        // A call may be under way: the next attempt has to know that it is not
        // the first.
        Release::Stopped => set("state = 'ready', crashes = max(crashes, 1)", None).map(|_| false),
    }
}

/// When the earliest job that waits for its time is due. One that is due but
/// stands behind another of its chat is claimed when that one is released.
fn next_run(connection: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    // Apart, each finds its answer in an index or among the few that are late.
    let at: Option<i64> = connection
        .prepare_cached(
            "SELECT min(at) FROM (
                 SELECT min(place) AS at FROM jobs WHERE state = 'ready' AND place > ?1
                 UNION ALL
                 SELECT min(run_at) FROM jobs
                 WHERE state = 'ready' AND place <= ?1 AND run_at > ?1)",
        )?
        .query_row([now.as_millisecond()], |row| row.get(0))?;
    at.map(timestamp).transpose()
}

/// `application_id` stands in the file's header, so setting it is a real write
/// that needs no table. The number spells "noti".
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", 0x6e6f_7469)
}

pub(super) fn prune(connection: &Connection, before: Timestamp) -> rusqlite::Result<usize> {
    // In portions, so that no commit behind this one waits long.
    connection
        .prepare_cached(
            "DELETE FROM jobs WHERE id IN (
                 SELECT id FROM jobs
                 WHERE state IN ('done', 'dead') AND finished_at < ?1 LIMIT 1000)",
        )?
        .execute([before.as_millisecond()])
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "these types have string keys only and cannot fail"
    )]
    serde_json::to_string(value).expect("a progress and an outcome are JSON")
}

fn job(row: &Row<'_>) -> anyhow::Result<Job> {
    let step: String = row.get("step")?;
    Ok(Job {
        id: JobId(row.get("id")?),
        key: JobKey {
            app: row.get("app")?,
            origin: row.get("origin")?,
            step: Step::from_column(&step).with_context(|| format!("unknown step `{step}`"))?,
        },
        chat: row.get("chat")?,
        payload: row.get("payload")?,
        accepted_at: timestamp(row.get("place")?)?,
        started_at: timestamp(row.get("started_at")?)?,
        retries: row.get("retries")?,
        crashes: row.get("crashes")?,
        progress: from_json(row, "progress")?,
        outcome: from_json(row, "outcome")?,
        replying_since: row
            .get::<_, Option<i64>>("replying_since")?
            .map(timestamp)
            .transpose()?,
    })
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> anyhow::Result<Option<T>> {
    let json: Option<String> = row.get(column)?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?)
}

pub(super) fn timestamp(milliseconds: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Integer, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Standing, Top};
    use crate::store::ChatKey;
    use crate::store::sqlite::changes;

    #[test]
    fn changes_of_the_first_form_are_read_in_the_new_one() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &MIGRATIONS[..2]).unwrap();
        let placed = r#"{"entry":{"document":{"blocks":[]},"signature":null},"blocks":["b"]}"#;
        let entry = |top: &str| format!(r#"{{"entry":{{"placed":{placed},"top_before":{top}}}}}"#);
        let rows = [
            r#"{"top":{"before":"unknown","after":{"message":"om_1"}}}"#.to_owned(),
            entry("null"),
            entry(r#"{"message":"om_1"}"#),
            r#"{"entry_gone":{"top":null}}"#.to_owned(),
            r#"{"entry_gone":{"top":"nothing"}}"#.to_owned(),
        ];
        for (number, change) in rows.iter().enumerate() {
            connection
                .execute(
                    "INSERT INTO changes (app, chat, origin, step, made_at, deed, result, change)
                     VALUES ('a', 'oc_1', ?1, 'command', 0, 'pin', 'done', ?2)",
                    rusqlite::params![number.to_string(), change],
                )
                .unwrap();
        }
        migrate(&mut connection).unwrap();
        let chat = ChatKey {
            app: "a".to_owned(),
            chat: "oc_1".to_owned(),
        };
        let read = changes::history(&connection, &chat, 10).unwrap();
        let read: Vec<Change> = read
            .into_iter()
            .rev()
            .filter_map(|made| made.change)
            .collect();
        let message = || Top::Message("om_1".into());
        let entry = Standing::Entry(serde_json::from_str(placed).unwrap());
        let added = Change::of_announcement(Standing::Others, entry);
        let mut gone = Change::default();
        gone.after.announcement = Some(Standing::Others);
        let expected = [
            Change::of_top(Top::Unknown, message()),
            added.clone(),
            added.with_top(Some(message()), Top::Announcement),
            gone.clone(),
            gone.with_top(None, Top::Nothing),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_claim_reads_no_finished_job() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {CLAIM}"))
            .unwrap();
        let steps: Vec<String> = plan
            .query_map([0], |row| row.get("detail"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let reads = |table: &str, index: &str| {
            let of_table: Vec<&String> = steps
                .iter()
                .filter(|step| step.contains(&format!(" {table} ")))
                .collect();
            assert!(!of_table.is_empty(), "{steps:#?}");
            assert!(
                of_table.iter().all(|step| step.contains(index)),
                "{steps:#?}"
            );
        };
        reads("job", "INDEX jobs_ready");
        reads("busy", "INDEX jobs_open");
        reads("before", "INDEX jobs_open");
    }
}
