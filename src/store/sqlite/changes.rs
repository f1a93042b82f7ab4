//! The statements about changes and planned work.

use feishu::{BlockId, OpenId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params};

use super::rows::timestamp;
use crate::model::change::{
    Change, ChangeId, ChangeResult, Deed, Made, Record, Standing, UNDO_AGE,
};
use crate::model::job::{ChatKey, JobId, JobKey, Step};
use crate::model::plan::WaitingPlan;
use crate::store::row::{
    CANNOT_BE_UNDONE, ChangeRow, PlanRow, UNDO_DEPTH, UNDONE, place_column, to_json,
};
use crate::store::{Limited, NewPlan, Recipient};

/// Remembers what came of a job, and that an earlier change was taken back.
pub(super) fn record(
    connection: &Connection,
    (key, chat): (&JobKey, &str),
    record: &Record,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO changes
                 (app, chat, origin, step, reference, made_at, actor, deed, result, log_id, summary, before, after, place)
             VALUES
                 (:app, :chat, :origin, :step, :reference, :now, :actor, :deed, :result, :log_id, :summary, :before, :after, :place)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":app": key.app,
            ":chat": chat,
            ":origin": key.origin,
            ":step": key.step.as_str(),
            ":reference": key.reference(),
            ":now": now.as_millisecond(),
            ":actor": record.actor.as_ref().map(OpenId::as_str),
            ":deed": record.deed.as_str(),
            ":result": record.result.as_str(),
            ":log_id": record.log_id,
            ":summary": record.summary,
            ":before": record.change.as_ref().map(|change| to_json(&change.before)),
            ":after": record.change.as_ref().map(|change| to_json(&change.after)),
            ":place": record.change.as_ref().and_then(Change::place).map(place_column),
        })?;
    if let Some(ChangeId(taken_back)) = record.takes_back {
        let undone = match record.result {
            ChangeResult::Done => UNDONE,
            ChangeResult::Refused(_) => CANNOT_BE_UNDONE,
        };
        connection
            .prepare_cached("UPDATE changes SET undone = ?2 WHERE id = ?1")?
            .execute([taken_back, undone])?;
    }
    Ok(())
}

/// The last changes of a chat, the newest first.
pub(super) fn history(
    connection: &Connection,
    chat: &ChatKey,
    count: u32,
) -> rusqlite::Result<Vec<Made>> {
    connection
        .prepare_cached(
            "SELECT * FROM changes
             WHERE app = ?1 AND chat = ?2 AND result = 'done' ORDER BY id DESC LIMIT ?3",
        )?
        .query_map(params![chat.app, chat.chat, count], made)?
        .filter_map(Result::transpose)
        .collect()
}

/// The newest change that can still be taken back and was not: one that was made, or that may have
/// been when its job was given up. The age of what should have been taken back by itself counts
/// from then.
pub(super) fn undoable(
    connection: &Connection,
    chat: &ChatKey,
    now: Timestamp,
) -> rusqlite::Result<Option<Made>> {
    let since = now - UNDO_AGE;
    let deeds = Deed::undoable_in_sql();
    connection
        .prepare_cached(&format!(
            "SELECT * FROM (
                 SELECT * FROM changes
                 WHERE app = ?1 AND chat = ?2 AND after IS NOT NULL
                   AND deed IN ({deeds})
                 ORDER BY id DESC LIMIT ?3) of_chat
             WHERE undone = 0
               AND (made_at >= ?4 OR EXISTS (
                   SELECT 1 FROM jobs
                   WHERE jobs.app = of_chat.app AND jobs.origin = of_chat.origin
                     AND jobs.step = 'expire' AND jobs.finished_at >= ?4))
             ORDER BY id DESC",
        ))?
        .query_map(
            params![chat.app, chat.chat, UNDO_DEPTH, since.as_millisecond()],
            made,
        )?
        // A row of a later release cannot be undone by this one; an older row can.
        .filter_map(Result::transpose)
        .find(|made| made.as_ref().map_or(true, |made| made.change.is_some()))
        .transpose()
}

/// The newest change of what stands at the top of a chat, taken back or not.
pub(super) fn latest_top(
    connection: &Connection,
    chat: &ChatKey,
) -> rusqlite::Result<Option<Made>> {
    connection
        .prepare_cached(
            "SELECT * FROM changes WHERE app = ?1 AND chat = ?2 AND place IN ('top', 'both')
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![chat.app, chat.chat], made)
        .optional()
        .map(Option::flatten)
}

/// What was written again into a chat's announcement since a change, the oldest
/// first: each block as it was known, and as it is known since.
pub(super) fn restored_since(
    connection: &Connection,
    chat: &ChatKey,
    ChangeId(since): ChangeId,
) -> rusqlite::Result<Vec<Vec<(BlockId, BlockId)>>> {
    connection
        .prepare_cached(
            "SELECT * FROM changes
             WHERE app = ?1 AND chat = ?2 AND id > ?3
               AND deed IN ('undo', 'expire') AND after IS NOT NULL ORDER BY id",
        )?
        .query_map(params![chat.app, chat.chat, since], |row| {
            let change = made(row)?.and_then(|made| made.change);
            Ok(match change.and_then(|change| change.after.announcement) {
                Some(Standing::Restored(blocks)) => Some(blocks),
                _ => None,
            })
        })?
        .filter_map(Result::transpose)
        .collect()
}

/// Stores whether text can be removed from the chat's announcement.
pub(super) fn save_lets_delete(
    connection: &Connection,
    chat: &ChatKey,
    lets_delete: bool,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO announcements (app, chat, lets_delete) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET lets_delete = excluded.lets_delete",
        )?
        .execute(params![chat.app, chat.chat, lets_delete])
        .map(drop)
}

/// Whether the last attempt showed that it can; `None` before the first.
pub(in crate::store) fn lets_delete(
    connection: &Connection,
    chat: &ChatKey,
) -> rusqlite::Result<Option<bool>> {
    connection
        .prepare_cached("SELECT lets_delete FROM announcements WHERE app = ?1 AND chat = ?2")?
        .query_row(params![chat.app, chat.chat], |row| row.get(0))
        .optional()
}

/// The change that this job made.
pub(super) fn made_by(connection: &Connection, key: &JobKey) -> rusqlite::Result<Option<Made>> {
    connection
        .prepare_cached("SELECT * FROM changes WHERE app = ?1 AND origin = ?2 AND step = ?3")?
        .query_row(params![key.app, key.origin, key.step.as_str()], made)
        .optional()
        .map(Option::flatten)
}

/// Forgets what people wrote in changes made before `texts`, and changes made
/// before `rows`; says how many rows were touched. What still has to be taken
/// back when its time is over stays whole until then and, where that failed or
/// was called off, for as long as other changes from then on.
pub(super) fn forget(
    connection: &Connection,
    app: &str,
    texts: Timestamp,
    rows: Timestamp,
) -> rusqlite::Result<usize> {
    // In portions, so that no commit behind this one waits long. What stands at
    // the top is an id and no text; it stays, to know what stood there before.
    let emptied = connection
        .prepare_cached(
            "UPDATE changes SET summary = NULL,
                 before = iif(place = 'top', before, NULL), after = iif(place = 'top', after, NULL)
             WHERE id IN (
                 SELECT id FROM changes
                 WHERE +app = ?2 AND made_at < ?1 AND summary IS NOT NULL
                   AND NOT EXISTS (
                       SELECT 1 FROM jobs
                       WHERE jobs.app = changes.app AND jobs.origin = changes.origin
                         AND jobs.step = 'expire'
                         AND (jobs.state IN ('ready', 'running')
                              OR (changes.undone = 0 AND jobs.finished_at >= ?1)))
                 LIMIT 1000)",
        )?
        .execute(params![texts.as_millisecond(), app])?;
    let gone = connection
        .prepare_cached(
            "DELETE FROM changes WHERE id IN (
                 SELECT id FROM changes
                 WHERE +app = ?2 AND made_at < ?1
                   AND NOT EXISTS (
                       SELECT 1 FROM jobs
                       WHERE jobs.app = changes.app AND jobs.origin = changes.origin
                         AND jobs.step = 'expire' AND jobs.state IN ('ready', 'running'))
                 LIMIT 1000)",
        )?
        .execute(params![rows.as_millisecond(), app])?;
    for old in [
        "DELETE FROM answers WHERE app = ?2 AND sent_at < ?1",
        "DELETE FROM limits WHERE app = ?2 AND until < ?1",
    ] {
        connection
            .prepare_cached(old)?
            .execute(params![texts.as_millisecond(), app])?;
    }
    Ok(emptied + gone)
}

/// Plans work and gives it the chat's next number; one that is planned already
/// keeps its own.
pub(super) fn plan(
    connection: &Connection,
    (key, chat): (&JobKey, &str),
    plan: &NewPlan,
) -> rusqlite::Result<u32> {
    let (step, reference) = (plan.step.as_str(), plan.key(key).reference());
    connection
        .prepare_cached(
            "INSERT INTO jobs (app, origin, step, reference, chat, place, run_at, payload, number)
             SELECT :app, :origin, :step, :reference, :chat, :due, :due, :payload,
                 coalesce(max(number), 0) + 1
             FROM jobs WHERE app = :app AND chat = :chat AND number IS NOT NULL
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":app": key.app,
            ":origin": key.origin,
            ":step": step,
            ":reference": reference,
            ":chat": chat,
            ":due": plan.due.as_millisecond(),
            ":payload": plan.payload,
        })?;
    connection
        .prepare_cached("SELECT number FROM jobs WHERE app = ?1 AND origin = ?2 AND step = ?3")?
        .query_row(params![key.app, key.origin, step], |row| row.get(0))
}

/// What is planned in a chat, the next first.
pub(super) fn planned(
    connection: &Connection,
    chat: &ChatKey,
) -> rusqlite::Result<Vec<WaitingPlan>> {
    connection
        .prepare_cached(
            "SELECT id, origin, step, number, place, payload FROM jobs
             WHERE app = ?1 AND chat = ?2 AND number IS NOT NULL AND state = 'ready'
             ORDER BY place, id",
        )?
        .query_map(params![chat.app, chat.chat], |row| {
            let row = PlanRow {
                id: row.get("id")?,
                origin: row.get("origin")?,
                step: row.get("step")?,
                number: row.get("number")?,
                place: row.get("place")?,
                payload: row.get("payload")?,
            };
            Ok(row.read())
        })?
        .filter_map(Result::transpose)
        .collect()
}

/// The planned work that is to take the change back when its time is over: it
/// was planned by the job that made the change.
pub(super) fn timed_end(
    connection: &Connection,
    ChangeId(change): ChangeId,
) -> rusqlite::Result<Option<JobId>> {
    connection
        .prepare_cached(
            "SELECT jobs.id FROM changes JOIN jobs USING (app, origin)
             WHERE changes.id = ?1 AND jobs.step = ?2
               AND jobs.number IS NOT NULL AND jobs.state = 'ready'",
        )?
        .query_row(params![change, Step::Expire.as_str()], |row| {
            Ok(JobId(row.get(0)?))
        })
        .optional()
}

/// Drops planned work; `false` if it is under way or over.
pub(super) fn cancel(
    connection: &Connection,
    plan: JobId,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let rows = connection
        .prepare_cached(
            "UPDATE jobs SET state = 'done', payload = '', progress = NULL, finished_at = ?2
             WHERE id = ?1 AND number IS NOT NULL AND state = 'ready'",
        )?
        .execute(params![plan.0, now.as_millisecond()])?;
    Ok(rows > 0)
}

/// Ends what is planned in a chat that the bot has left, and forgets what
/// people wrote there.
pub(super) fn leave(
    connection: &Connection,
    chat: &ChatKey,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE jobs SET state = 'done', payload = '', progress = NULL, finished_at = ?3
             WHERE app = ?1 AND chat = ?2 AND number IS NOT NULL AND state = 'ready'",
        )?
        .execute(params![chat.app, chat.chat, now.as_millisecond()])?;
    // What was given up keeps its text, and an outcome may quote some of it.
    connection
        .prepare_cached(
            "UPDATE jobs SET payload = '', progress = NULL, outcome = NULL
             WHERE app = ?1 AND chat = ?2 AND state IN ('done', 'dead')",
        )?
        .execute(params![chat.app, chat.chat])?;
    connection
        .prepare_cached(
            "UPDATE changes SET summary = NULL, before = NULL, after = NULL
             WHERE app = ?1 AND chat = ?2",
        )?
        .execute(params![chat.app, chat.chat])
        .map(drop)
}

/// Records when a throttled answer was sent; the latest time counts.
pub(super) fn record_answer(
    connection: &Connection,
    to: &Recipient,
    sent_at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO answers (app, chat, actor, reason, sent_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET sent_at = max(sent_at, excluded.sent_at)",
        )?
        .execute(params![
            to.chat.app,
            to.chat.chat,
            to.person,
            to.reason,
            sent_at.as_millisecond()
        ])
        .map(drop)
}

/// When that answer was last sent.
pub(super) fn last_answer(
    connection: &Connection,
    to: &Recipient,
) -> rusqlite::Result<Option<Timestamp>> {
    let sent_at: Option<i64> = connection
        .prepare_cached(
            "SELECT sent_at FROM answers
             WHERE app = ?1 AND chat = ?2 AND actor = ?3 AND reason = ?4",
        )?
        .query_row(
            params![to.chat.app, to.chat.chat, to.person, to.reason],
            |row| row.get(0),
        )
        .optional()?;
    sent_at.map(timestamp).transpose()
}

/// Remembers that an API asked to be left alone; the longest time counts.
pub(super) fn save_limit(
    connection: &Connection,
    app: &str,
    limited: &Limited,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO limits (app, api, until) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
        )?
        .execute(params![app, limited.api, limited.until.as_millisecond()])
        .map(drop)
}

/// The APIs that are to be left alone for a while yet.
pub(super) fn limits(
    connection: &Connection,
    app: &str,
    now: Timestamp,
) -> rusqlite::Result<Vec<Limited>> {
    connection
        .prepare_cached("SELECT api, until FROM limits WHERE app = ?1 AND until > ?2")?
        .query_map(params![app, now.as_millisecond()], |row| {
            Ok(Limited {
                api: row.get(0)?,
                until: timestamp(row.get(1)?)?,
            })
        })?
        .collect()
}

/// Nothing for what only a later release knows.
fn made(row: &Row<'_>) -> rusqlite::Result<Option<Made>> {
    let row = ChangeRow {
        id: row.get("id")?,
        origin: row.get("origin")?,
        step: row.get("step")?,
        made_at: row.get("made_at")?,
        actor: row.get("actor")?,
        deed: row.get("deed")?,
        summary: row.get("summary")?,
        before: row.get("before")?,
        after: row.get("after")?,
        undone: row.get("undone")?,
    };
    Ok(row.read())
}
