//! The statements about changes, plans, throttled answers and limits.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use feishu::{BlockId, OpenId, WriteSlot};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::model::change::{
    Change, ChangeId, ChangeResult, Deed, Made, Record, Standing, UNDO_AGE,
};
use crate::model::job::{ChatKey, JobId, JobKey, Step};
use crate::model::plan::WaitingPlan;
use crate::store::row::{
    self, CANNOT_BE_UNDONE, ChangeRow, PlanRow, UNDO_DEPTH, UNDONE, place_column, to_json,
};
use crate::store::{Limited, NewPlan, Recipient};

/// Who would have to wait longer for a turn is told when to ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The clocks of two bots may differ by so much.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);
/// The platform asks to be left alone for an hour at most, as the client believes it.
const LONGEST_LIMIT: Duration = Duration::from_mins(61);

/// What [`made`] reads.
const MADE: &str = "id, origin, step, made_at, actor, deed, summary, before, after, undone";

/// PostgreSQL keeps no NUL in a text, and nobody misses it in first words.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

async fn rows(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, values).await
}

async fn first(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>, Error> {
    Ok(rows(client, sql, values).await?.into_iter().next())
}

async fn execute(
    client: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<usize, Error> {
    let statement = client.prepare_cached(sql).await?;
    let rows = client.execute(&statement, values).await?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

/// Remembers what came of a job, and that an earlier change was taken back.
pub(super) async fn record(
    client: &impl GenericClient,
    (key, chat): (&JobKey, &str),
    record: &Record,
    now: Timestamp,
) -> Result<(), Error> {
    let change = record.change.as_ref();
    execute(
        client,
        "INSERT INTO noticebot.changes
             (app, chat, origin, step, reference, made_at, actor, deed, result, log_id, summary, before, after, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT DO NOTHING",
        &[
            &key.app,
            &chat,
            &key.origin,
            &key.step.as_str(),
            &key.reference(),
            &now.as_millisecond(),
            &record.actor.as_ref().map(OpenId::as_str),
            &record.deed.as_str(),
            &record.result.as_str(),
            &record.log_id,
            &without_nul(&record.summary),
            &change.map(|change| to_json(&change.before)),
            &change.map(|change| to_json(&change.after)),
            &change.and_then(Change::place).map(place_column),
        ],
    )
    .await?;
    if let Some(ChangeId(taken_back)) = record.takes_back {
        let undone = match record.result {
            ChangeResult::Done => UNDONE,
            ChangeResult::Refused(_) => CANNOT_BE_UNDONE,
        };
        let sql = "UPDATE noticebot.changes SET undone = $2::bigint WHERE id = $1";
        execute(client, sql, &[&taken_back, &undone]).await?;
    }
    Ok(())
}

/// The last changes of a chat, the newest first.
pub(super) async fn history(
    client: &impl GenericClient,
    chat: &ChatKey,
    count: u32,
) -> Result<Vec<Made>, Error> {
    let sql = format!(
        "SELECT {MADE} FROM noticebot.changes
         WHERE app = $1 AND chat = $2 AND result = 'done' ORDER BY id DESC LIMIT $3"
    );
    let rows = rows(client, &sql, &[&chat.app, &chat.chat, &i64::from(count)]).await?;
    Ok(rows.iter().filter_map(made).collect())
}

/// The newest change that can still be taken back and was not: one that was made,
/// or that may have been when its job was given up. The age of what should have
/// been taken back by itself counts from then.
pub(super) async fn undoable(
    client: &impl GenericClient,
    chat: &ChatKey,
    now: Timestamp,
) -> Result<Option<Made>, Error> {
    let since = (now - UNDO_AGE).as_millisecond();
    let deeds = Deed::undoable_in_sql();
    let sql = format!(
        "SELECT {MADE} FROM (
             SELECT app, {MADE} FROM noticebot.changes
             WHERE app = $1 AND chat = $2 AND after IS NOT NULL
               AND deed IN ({deeds})
             ORDER BY id DESC LIMIT $3) AS of_chat
         WHERE undone = 0
           AND (made_at >= $4 OR EXISTS (
               SELECT FROM noticebot.jobs
               WHERE jobs.app = of_chat.app AND jobs.origin = of_chat.origin
                 AND jobs.step = 'expire' AND jobs.finished_at >= $4))
         ORDER BY id DESC"
    );
    let depth = i64::from(UNDO_DEPTH);
    let rows = rows(client, &sql, &[&chat.app, &chat.chat, &depth, &since]).await?;
    // A row of a later release cannot be undone by this one; an older row can.
    Ok(rows
        .iter()
        .filter_map(made)
        .find(|made| made.change.is_some()))
}

/// The newest change of what stands at the top of a chat, taken back or not.
pub(super) async fn latest_top(
    client: &impl GenericClient,
    chat: &ChatKey,
) -> Result<Option<Made>, Error> {
    let sql = format!(
        "SELECT {MADE} FROM noticebot.changes WHERE app = $1 AND chat = $2 AND place IN ('top', 'both')
         ORDER BY id DESC LIMIT 1"
    );
    let row = first(client, &sql, &[&chat.app, &chat.chat]).await?;
    Ok(row.as_ref().and_then(made))
}

/// What was written again into a chat's announcement since a change, the oldest
/// first: each block as it was known, and as it is known since.
pub(super) async fn restored_since(
    client: &impl GenericClient,
    chat: &ChatKey,
    ChangeId(since): ChangeId,
) -> Result<Vec<Vec<(BlockId, BlockId)>>, Error> {
    let sql = format!(
        "SELECT {MADE} FROM noticebot.changes
         WHERE app = $1 AND chat = $2 AND id > $3
           AND deed IN ('undo', 'expire') AND after IS NOT NULL ORDER BY id"
    );
    let rows = rows(client, &sql, &[&chat.app, &chat.chat, &since]).await?;
    let restored = |row: &Row| match made(row)?.change?.after.announcement {
        Some(Standing::Restored(blocks)) => Some(blocks),
        _ => None,
    };
    Ok(rows.iter().filter_map(restored).collect())
}

/// Stores whether text can be removed from the chat's announcement.
pub(super) async fn save_lets_delete(
    client: &impl GenericClient,
    chat: &ChatKey,
    lets_delete: bool,
) -> Result<(), Error> {
    let sql = "INSERT INTO noticebot.announcements (app, chat, lets_delete) VALUES ($1, $2, $3)
         ON CONFLICT (app, chat) DO UPDATE SET lets_delete = excluded.lets_delete";
    execute(client, sql, &[&chat.app, &chat.chat, &lets_delete])
        .await
        .map(drop)
}

/// Whether the last attempt showed that it can; `None` before the first.
pub(in crate::store) async fn lets_delete(
    client: &impl GenericClient,
    chat: &ChatKey,
) -> Result<Option<bool>, Error> {
    let sql = "SELECT lets_delete FROM noticebot.announcements WHERE app = $1 AND chat = $2";
    let row = first(client, sql, &[&chat.app, &chat.chat]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// The change that this job made.
pub(super) async fn made_by(
    client: &impl GenericClient,
    key: &JobKey,
) -> Result<Option<Made>, Error> {
    let sql = format!(
        "SELECT {MADE} FROM noticebot.changes WHERE app = $1 AND origin = $2 AND step = $3"
    );
    let row = first(client, &sql, &[&key.app, &key.origin, &key.step.as_str()]).await?;
    Ok(row.as_ref().and_then(made))
}

/// Forgets what people wrote in changes made before `texts`, and changes made
/// before `rows`; says how many rows were touched. What still has to be taken
/// back when its time is over stays whole until then and, where that failed or
/// was called off, for as long as other changes from then on.
pub(super) async fn forget(
    client: &impl GenericClient,
    app: &str,
    texts: Timestamp,
    rows: Timestamp,
) -> Result<usize, Error> {
    let (texts, rows) = (texts.as_millisecond(), rows.as_millisecond());
    // In portions, so that nobody waits long. What stands at the top is an id and
    // no text; it stays, to know what stood there before.
    let emptied = execute(
        client,
        "UPDATE noticebot.changes SET summary = NULL,
             before = CASE WHEN place = 'top' THEN before END,
             after = CASE WHEN place = 'top' THEN after END
         WHERE id IN (
             SELECT id FROM noticebot.changes
             WHERE app = $2 AND made_at < $1 AND summary IS NOT NULL
               AND NOT EXISTS (
                   SELECT FROM noticebot.jobs
                   WHERE jobs.app = changes.app AND jobs.origin = changes.origin
                     AND jobs.step = 'expire'
                     AND (jobs.state IN ('ready', 'running')
                          OR (changes.undone = 0 AND jobs.finished_at >= $1)))
             LIMIT 1000)",
        &[&texts, &app],
    )
    .await?;
    let gone = execute(
        client,
        "DELETE FROM noticebot.changes WHERE id IN (
             SELECT id FROM noticebot.changes
             WHERE app = $2 AND made_at < $1
               AND NOT EXISTS (
                   SELECT FROM noticebot.jobs
                   WHERE jobs.app = changes.app AND jobs.origin = changes.origin
                     AND jobs.step = 'expire' AND jobs.state IN ('ready', 'running'))
             LIMIT 1000)",
        &[&rows, &app],
    )
    .await?;
    for old in [
        "DELETE FROM noticebot.answers WHERE app = $2 AND sent_at < $1",
        "DELETE FROM noticebot.limits WHERE app = $2 AND until < $1",
    ] {
        execute(client, old, &[&texts, &app]).await?;
    }
    Ok(emptied + gone)
}

/// Plans work and gives it the chat's next number; one that is planned already
/// keeps its own.
pub(super) async fn plan(
    client: &impl GenericClient,
    (key, chat): (&JobKey, &str),
    plan: &NewPlan,
) -> Result<u32, Error> {
    let (step, reference) = (plan.step.as_str(), plan.key(key).reference());
    execute(
        client,
        "INSERT INTO noticebot.jobs
             (app, origin, step, chat, place, run_at, payload, number, reference)
         SELECT $1, $2, $3, $4, $5, $5, $6, coalesce(max(number), 0) + 1, $7
         FROM noticebot.jobs WHERE app = $1 AND chat = $4 AND number IS NOT NULL
         ON CONFLICT DO NOTHING",
        &[
            &key.app,
            &key.origin,
            &step,
            &chat,
            &plan.due.as_millisecond(),
            &plan.payload,
            &reference,
        ],
    )
    .await?;
    let sql = "SELECT number FROM noticebot.jobs WHERE app = $1 AND origin = $2 AND step = $3";
    let row = first(client, sql, &[&key.app, &key.origin, &step]).await?;
    Ok(row.map_or(0, |row| number(&row, 0)))
}

/// What is planned in a chat, the next first.
pub(super) async fn planned(
    client: &impl GenericClient,
    chat: &ChatKey,
) -> Result<Vec<WaitingPlan>, Error> {
    let sql = "SELECT id, origin, step, number, place, payload FROM noticebot.jobs
         WHERE app = $1 AND chat = $2 AND number IS NOT NULL AND state = 'ready'
         ORDER BY place, id";
    let rows = rows(client, sql, &[&chat.app, &chat.chat]).await?;
    let planned = |row: &Row| {
        let row = PlanRow {
            id: row.get("id"),
            origin: row.get("origin"),
            step: row.get("step"),
            number: number(row, "number"),
            place: row.get("place"),
            payload: row.get("payload"),
        };
        row.read()
    };
    Ok(rows.iter().filter_map(planned).collect())
}

/// The planned work that is to take the change back when its time is over: it
/// was planned by the job that made the change.
pub(super) async fn timed_end(
    client: &impl GenericClient,
    ChangeId(change): ChangeId,
) -> Result<Option<JobId>, Error> {
    let sql = "SELECT jobs.id FROM noticebot.changes JOIN noticebot.jobs USING (app, origin)
         WHERE changes.id = $1 AND jobs.step = $2
           AND jobs.number IS NOT NULL AND jobs.state = 'ready'";
    let row = first(client, sql, &[&change, &Step::Expire.as_str()]).await?;
    Ok(row.map(|row| JobId(row.get(0))))
}

/// Drops planned work; `false` if it is under way or over.
pub(super) async fn cancel(
    client: &impl GenericClient,
    plan: JobId,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql =
        "UPDATE noticebot.jobs SET state = 'done', payload = '', progress = NULL, finished_at = $2
         WHERE id = $1 AND number IS NOT NULL AND state = 'ready'";
    Ok(execute(client, sql, &[&plan.0, &now.as_millisecond()]).await? > 0)
}

/// Ends what is planned in a chat that the bot has left, and forgets what people
/// wrote there.
pub(super) async fn leave(
    client: &impl GenericClient,
    chat: &ChatKey,
    now: Timestamp,
) -> Result<(), Error> {
    let (app, chat) = (&chat.app, &chat.chat);
    execute(
        client,
        "UPDATE noticebot.jobs SET state = 'done', payload = '', progress = NULL, finished_at = $3
         WHERE app = $1 AND chat = $2 AND number IS NOT NULL AND state = 'ready'",
        &[app, chat, &now.as_millisecond()],
    )
    .await?;
    // What was given up keeps its text, and an outcome may quote some of it.
    for sql in [
        "UPDATE noticebot.jobs SET payload = '', progress = NULL, outcome = NULL
         WHERE app = $1 AND chat = $2 AND state IN ('done', 'dead')",
        "UPDATE noticebot.changes SET summary = NULL, before = NULL, after = NULL
         WHERE app = $1 AND chat = $2",
    ] {
        execute(client, sql, &[app, chat]).await?;
    }
    Ok(())
}

/// Records when a throttled answer was sent; the latest time counts.
pub(super) async fn record_answer(
    client: &impl GenericClient,
    to: &Recipient,
    sent_at: Timestamp,
) -> Result<(), Error> {
    execute(
        client,
        "INSERT INTO noticebot.answers (app, chat, actor, reason, sent_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (app, chat, actor, reason)
         DO UPDATE SET sent_at = greatest(answers.sent_at, excluded.sent_at)",
        &[
            &to.chat.app,
            &to.chat.chat,
            &to.person,
            &to.reason,
            &sent_at.as_millisecond(),
        ],
    )
    .await
    .map(drop)
}

/// When that answer was last sent.
pub(super) async fn last_answer(
    client: &impl GenericClient,
    to: &Recipient,
) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT sent_at FROM noticebot.answers
         WHERE app = $1 AND chat = $2 AND actor = $3 AND reason = $4";
    let key: &[&(dyn ToSql + Sync)] = &[&to.chat.app, &to.chat.chat, &to.person, &to.reason];
    let row = first(client, sql, key).await?;
    Ok(row.and_then(|row| row::timestamp(row.get(0)).ok()))
}

/// Remembers that an API asked to be left alone; the longest time counts.
pub(super) async fn save_limit(
    client: &impl GenericClient,
    app: &str,
    limited: &Limited,
    now: Timestamp,
) -> Result<(), Error> {
    execute(
        client,
        "INSERT INTO noticebot.limits (app, api, until) VALUES ($1, $2, $3)
         ON CONFLICT (app, api) DO UPDATE SET until = CASE
             WHEN limits.until BETWEEN excluded.until AND $4 THEN limits.until
             ELSE excluded.until END",
        &[
            &app,
            &limited.api,
            &limited.until.as_millisecond(),
            &(now + LONGEST_LIMIT).as_millisecond(),
        ],
    )
    .await
    .map(drop)
}

/// The APIs that are to be left alone for a while yet. What is said to be limited for
/// longer than the platform ever asks was written by a clock that was wrong.
pub(super) async fn limits(
    client: &impl GenericClient,
    app: &str,
    now: Timestamp,
) -> Result<Vec<Limited>, Error> {
    let sql =
        "SELECT api, until FROM noticebot.limits WHERE app = $1 AND until > $2 AND until < $3";
    let believed = (now + LONGEST_LIMIT).as_millisecond();
    let rows = rows(client, sql, &[&app, &now.as_millisecond(), &believed]).await?;
    let limited = |row: &Row| {
        let until = row::timestamp(row.get(1)).ok()?;
        let api = row.get(0);
        Some(Limited { api, until })
    };
    Ok(rows.iter().filter_map(limited).collect())
}

/// The next turn, `window` after the fifth before it.
///
/// No turn is given further ahead than [`LONGEST_WAIT`]. One that is was given by a
/// clock that was wrong: it is forgotten, so that nobody waits for that time to come.
pub(super) async fn next_turn(
    client: &impl GenericClient,
    app: &str,
    window: Duration,
    now: Timestamp,
) -> Result<WriteSlot, Error> {
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let (now, window) = (now.as_millisecond(), milliseconds(window));
    let latest = now + milliseconds(LONGEST_WAIT);
    let believed = latest + milliseconds(CLOCKS_DIFFER);
    let given = first(
        client,
        "INSERT INTO noticebot.turns (app, last) VALUES ($1, ARRAY[0, 0, 0, 0, $2]::bigint[])
         ON CONFLICT (app) DO UPDATE
         SET last = CASE WHEN turns.last[5] > $5 THEN excluded.last
             ELSE turns.last[2:5] || greatest(turns.last[1] + $3, turns.last[5], $2) END
         WHERE turns.last[5] > $5 OR greatest(turns.last[1] + $3, turns.last[5]) <= $4
         RETURNING last[5]",
        &[&app, &now, &window, &latest, &believed],
    )
    .await?;
    if let Some(row) = given {
        return Ok(WriteSlot::At(
            row::timestamp(row.get(0)).unwrap_or(Timestamp::MAX),
        ));
    }
    // Whoever comes again once the row is short enough finds a turn.
    let sql = "SELECT greatest(last[1] + $2, last[5]) FROM noticebot.turns WHERE app = $1";
    let row = first(client, sql, &[&app, &window]).await?;
    let free = row.map_or(now, |row| row.get::<_, i64>(0)) - milliseconds(LONGEST_WAIT);
    Ok(WriteSlot::AskAgainAt(
        row::timestamp(free.max(now)).unwrap_or(Timestamp::MAX),
    ))
}

fn number<I: tokio_postgres::row::RowIndex + std::fmt::Display>(row: &Row, column: I) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or_default()
}

/// `None` for what only a later release knows.
fn made(row: &Row) -> Option<Made> {
    let row = ChangeRow {
        id: row.get("id"),
        origin: row.get("origin"),
        step: row.get("step"),
        made_at: row.get("made_at"),
        actor: row.get("actor"),
        deed: row.get("deed"),
        summary: row.get("summary"),
        before: row.get("before"),
        after: row.get("after"),
        undone: row.get::<_, i32>("undone").into(),
    };
    row.read()
}
