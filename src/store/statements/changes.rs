//! Recording changes, and reading them for `/history` and `/undo`.

use feishu::{BlockId, MessageId, OpenId};
use jiff::Timestamp;

use crate::model::change::{
    AnnouncementState, Change, ChangeId, ChangeKind, ChangeRecord, ChangeResult, EditedChange,
    RecordedChange, State, UNDO_AGE,
};
use crate::model::job::{ChatKey, JobKey, Tenant};
use crate::store::row::{
    CANNOT_BE_UNDONE, NEXT_NUMBER, UNDO_DEPTH, UNDONE, job_ref, place_column, to_json,
};
use crate::store::statement::{Query, Row, Statement, Unreadable, values};

const MADE: &str = "id, origin, job_kind, made_at, actor, approver, kind, summary, before, after, undone, number, edits";

/// Whether a change is the latest run of a series whose next one, or its removal, is pending.
const HAS_NEXT_RUN: &str = "EXISTS (
                   SELECT 1 FROM jobs
                   WHERE jobs.app = changes.app AND jobs.tenant = changes.tenant
                     AND jobs.chat = changes.chat AND jobs.number = changes.number
                     AND changes.undone = 0 AND jobs.kind IN ('publish', 'supersede')
                     AND jobs.state IN ('ready', 'running', 'suspended', 'paused'))";

/// Records a job's change, and marks the change that it reverted.
pub(in crate::store) fn record(
    key: &JobKey,
    chat: &str,
    record: &ChangeRecord,
    now: Timestamp,
) -> Vec<Statement> {
    let sql = format!(
        "INSERT INTO changes (app, tenant, chat, origin, job_kind, reference, made_at, actor,
             approver, kind, result, reason, log_id, summary, before, after, place, edits, number)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             CASE WHEN $19 THEN coalesce(
                 (SELECT nullif(number, 0) FROM jobs
                  WHERE app = $1 AND tenant = $2 AND origin = $4 AND kind = $5),
                 {NEXT_NUMBER}) END)
         ON CONFLICT DO NOTHING"
    );
    let change = record.change.as_ref();
    let edits = record.edited.as_ref();
    let edits = edits.filter(|_| record.kind == ChangeKind::Edit);
    let values = values![
        &key.tenant.app,
        &key.tenant.key,
        chat,
        &key.origin,
        key.kind.as_str(),
        key.reference(),
        now,
        record.actor.as_ref().map(OpenId::as_str),
        record.approver.as_ref().map(OpenId::as_str),
        record.kind.as_str(),
        record.result.as_str(),
        record.reason.as_deref().map(without_nul),
        record.log_id.as_deref(),
        without_nul(&record.summary),
        change.map(|change| to_json(&change.before)),
        change.map(|change| to_json(&change.after)),
        change.and_then(Change::place).map(place_column),
        edits.map(|edited| edited.id.0),
        record.is_editable(),
    ];
    let insert = Statement::new(sql, values);
    let mark = record.reverts.map(|ChangeId(reverted)| {
        let undone = match record.result {
            ChangeResult::Done => UNDONE,
            ChangeResult::Refused(_) => CANNOT_BE_UNDONE,
        };
        let sql = "UPDATE changes SET undone = $1 WHERE id = $2";
        Statement::new(sql, values![undone, reverted])
    });
    let reverted = record
        .reverts
        .filter(|_| record.result == ChangeResult::Done);
    let statements = [
        Some(insert),
        mark,
        reverted.map(revert_edits),
        record.edited.as_ref().and_then(edit),
    ];
    statements.into_iter().flatten().collect()
}

/// With a change, its edits are reverted.
pub(in crate::store) fn revert_edits(ChangeId(reverted): ChangeId) -> Statement {
    let sql = "UPDATE changes SET undone = $1 WHERE edits = $2";
    Statement::new(sql, values![UNDONE, reverted])
}

/// Gives a change its present state, unless its texts were erased in the meantime.
fn edit(EditedChange { id, after }: &EditedChange) -> Option<Statement> {
    let sql = "UPDATE changes SET after = $1 WHERE id = $2 AND after IS NOT NULL";
    let after = to_json(after.as_ref()?);
    Some(Statement::new(sql, values![after, id.0]))
}

/// PostgreSQL stores no NUL in a text.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// Newest first, without those that made room for the next run of a series, and without what admins
/// did with jobs.
pub(in crate::store) fn history(chat: &ChatKey, count: u32) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND result = 'done'
           AND job_kind NOT IN ('supersede', 'admin')
         ORDER BY id DESC LIMIT $4"
    );
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, count]).read(recorded_change)
}

/// The changes of a chat that can be undone, newest first: those that were made, or may have been
/// made when their job failed. If the automatic revert of a change failed, its age counts from
/// then.
pub(in crate::store) fn undoable(chat: &ChatKey, now: Timestamp) -> Query<Option<RecordedChange>> {
    let deeds = ChangeKind::undoable_in_sql();
    let sql = format!(
        "SELECT {MADE} FROM (
             SELECT app, tenant, {MADE} FROM changes
             WHERE app = $1 AND tenant = $2 AND chat = $3 AND after IS NOT NULL
               AND kind IN ({deeds})
             ORDER BY id DESC LIMIT $4) AS of_chat
         WHERE undone = 0
           AND (made_at >= $5 OR EXISTS (
               SELECT 1 FROM jobs
               WHERE jobs.app = of_chat.app AND jobs.tenant = of_chat.tenant
                 AND jobs.origin = of_chat.origin
                 AND jobs.kind = 'expire' AND jobs.finished_at >= $5))
         ORDER BY id DESC"
    );
    let Tenant { app, key } = &chat.tenant;
    let values = values![app, key, &chat.chat, UNDO_DEPTH, now - UNDO_AGE];
    Statement::new(sql, values).read(recorded_change)
}

/// Includes reverted changes.
pub(in crate::store) fn latest_top(chat: &ChatKey) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND place IN ('top', 'both')
         ORDER BY id DESC LIMIT 1"
    );
    Statement::new(sql, chat.values()).read(recorded_change)
}

/// The blocks that reverts have rewritten since a change, oldest first.
pub(in crate::store) fn restored_since(
    chat: &ChatKey,
    since: ChangeId,
) -> Query<Option<Vec<(BlockId, BlockId)>>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND id > $4
           AND kind IN ('undo', 'expire') AND after IS NOT NULL ORDER BY id"
    );
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, since.0]).read(|row| {
        let change = recorded_change(row)?.and_then(|recorded| recorded.change);
        Ok(match change.and_then(|change| change.after.announcement) {
            Some(AnnouncementState::Restored(blocks)) => Some(blocks),
            _ => None,
        })
    })
}

/// The last edit of the text of a change that was not undone, also one that was given up.
pub(in crate::store) fn latest_edit(
    chat: &ChatKey,
    edited: ChangeId,
) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND edits = $4 AND undone = 0
           AND after IS NOT NULL
         ORDER BY id DESC LIMIT 1"
    );
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, edited.0]).read(recorded_change)
}

/// What changes wrote into an announcement, newest first.
pub(in crate::store) fn announced(chat: &ChatKey) -> Query<Option<AnnouncementState>> {
    const MOST: u32 = 1000;
    let sql = "SELECT after FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND after IS NOT NULL
           AND place IN ('announcement', 'both')
         ORDER BY id DESC LIMIT $4";
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, MOST]).read(|row| {
        let state = state(row, "after")?;
        Ok(state.and_then(|state| state.announcement))
    })
}

pub(in crate::store) fn made_by(key: &JobKey) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND origin = $3 AND job_kind = $4"
    );
    Statement::new(sql, key.values()).read(recorded_change)
}

/// The change of this chat that the command with this message made, at once, after its approval or
/// when it was due.
pub(in crate::store) fn of_message(
    chat: &ChatKey,
    message: &MessageId,
) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND origin = $4
           AND job_kind IN ('command', 'preview', 'proposal', 'publish') ORDER BY id DESC LIMIT 1"
    );
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, message.as_str()]).read(recorded_change)
}

/// The change with this number in the chat; of a series, the latest run.
pub(in crate::store) fn numbered(chat: &ChatKey, number: u32) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND number = $4 ORDER BY id DESC LIMIT 1"
    );
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, number]).read(recorded_change)
}

/// The last cards that were posted in the chat, newest first.
pub(in crate::store) fn notices(chat: &ChatKey) -> Query<Option<RecordedChange>> {
    let sql = format!(
        "SELECT {MADE} FROM changes
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND number IS NOT NULL
           AND kind = 'notice' AND after IS NOT NULL ORDER BY number DESC LIMIT 100"
    );
    Statement::new(sql, chat.values()).read(recorded_change)
}

pub(in crate::store) fn with_id(id: ChangeId) -> Query<Option<RecordedChange>> {
    let sql = format!("SELECT {MADE} FROM changes WHERE id = $1");
    Statement::new(sql, values![id.0]).read(recorded_change)
}

/// `None` for a row that only a later release can read.
fn recorded_change(row: &Row<'_>) -> Result<Option<RecordedChange>, Unreadable> {
    let kind: Option<ChangeKind> = row.get::<String>("kind")?.parse().ok();
    let (Some(kind), Some(job_ref), Ok(at)) =
        (kind, job_ref(row, "job_kind")?, row.time("made_at"))
    else {
        return Ok(None);
    };
    // This release cannot revert a change whose state it cannot read.
    let change = state(row, "before")?.zip(state(row, "after")?);
    Ok(Some(RecordedChange {
        id: ChangeId(row.get("id")?),
        job_ref,
        kind,
        actor: row.get::<Option<String>>("actor")?.map(OpenId::from),
        approver: row.get::<Option<String>>("approver")?.map(OpenId::from),
        summary: row.get::<Option<String>>("summary")?.unwrap_or_default(),
        at,
        undone: row.get::<i64>("undone")? == UNDONE,
        number: row.number()?,
        edits: row.get::<Option<i64>>("edits")?.map(ChangeId),
        change: change.map(|(before, after)| Change { before, after }),
    }))
}

fn state(row: &Row<'_>, column: &str) -> Result<Option<State>, Unreadable> {
    let json: Option<String> = row.get(column)?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}

/// Removes what members wrote from up to 1000 changes made before then; in portions, so that other
/// requests do not wait long.
///
/// The latest run of a series keeps its text until the next one removes it. A change with a pending
/// automatic revert keeps its text until then and, if that failed or was
/// cancelled, for the usual time afterwards. A change whose text was edited keeps it as long as that
/// edit can be undone. The top notice is an id without text: it is kept, so
/// that the previous notice remains known.
pub(in crate::store) fn forget_texts(app: &str, before: Timestamp) -> Statement {
    let sql = format!(
        "UPDATE changes SET summary = NULL, reason = NULL,
             before = CASE WHEN place = 'top' THEN before END,
             after = CASE WHEN place = 'top' THEN after END
         WHERE id IN (
             SELECT id FROM changes
             WHERE app = $1 AND made_at < $2 AND summary IS NOT NULL AND kind <> 'settings'
               AND NOT EXISTS (
                   SELECT 1 FROM jobs
                   WHERE jobs.app = changes.app AND jobs.tenant = changes.tenant
                     AND jobs.origin = changes.origin AND jobs.kind = 'expire'
                     AND (jobs.state IN ('ready', 'running', 'suspended')
                          OR (changes.undone = 0 AND jobs.finished_at >= $2)))
               AND NOT {HAS_NEXT_RUN}
               AND NOT EXISTS (
                   SELECT 1 FROM changes AS edit
                   WHERE edit.edits = changes.id AND edit.undone = 0 AND edit.made_at >= $2)
             LIMIT 1000)"
    );
    Statement::new(sql, values![app, before])
}

/// Removes up to 1000 changes made before then, except those with a pending automatic revert.
pub(in crate::store) fn forget(app: &str, before: Timestamp) -> Statement {
    let sql = format!(
        "DELETE FROM changes WHERE id IN (
             SELECT id FROM changes
             WHERE app = $1 AND made_at < $2
               AND NOT EXISTS (
                   SELECT 1 FROM jobs
                   WHERE jobs.app = changes.app AND jobs.tenant = changes.tenant
                     AND jobs.origin = changes.origin AND jobs.kind = 'expire' AND jobs.state IN ('ready', 'running', 'suspended'))
               AND NOT {HAS_NEXT_RUN}
             LIMIT 1000)"
    );
    Statement::new(sql, values![app, before])
}
