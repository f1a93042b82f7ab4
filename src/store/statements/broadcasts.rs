//! Broadcasts, and their deliveries to single groups.

use feishu::{ChatId, MessageId, OpenId};
use jiff::Timestamp;

use super::jobs;
use crate::model::broadcast::{Broadcast, Delivery, DeliveryState, ReportState};
use crate::model::job::{JobKey, JobKind, JobRef, Tenant};
use crate::store::broadcast_change::{BroadcastChange, DeliveryEnd, NewBroadcast, Repeat};
use crate::store::row::{job_ref, to_json};
use crate::store::statement::{Query, Row, Statement, Unreadable, values};

/// The states of deliveries that have a job.
const OPEN: &str = "state IN ('waiting', 'reverting')";

/// What a conclusion changes about a broadcast.
pub(in crate::store) fn changes(
    key: &JobKey,
    chat: &str,
    change: &BroadcastChange,
    now: Timestamp,
) -> Vec<Statement> {
    match change {
        BroadcastChange::Start(new) => start(key, chat, new, now),
        BroadcastChange::Repeat(again) => repeat(&key.tenant, again, now),
        BroadcastChange::End(end) => vec![finish(key, end)],
    }
}

fn start(key: &JobKey, chat: &str, new: &NewBroadcast, now: Timestamp) -> Vec<Statement> {
    let sql = "INSERT INTO broadcasts
             (app, tenant, origin, kind, chat, message, list, author, payload, made_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let Tenant { app, key: tenant } = &key.tenant;
    let (origin, kind) = (&key.origin, key.kind.as_str());
    let author = new.author.as_ref().map(OpenId::as_str);
    let values = values![
        app,
        tenant,
        origin,
        kind,
        chat,
        new.message.as_str(),
        &new.list,
        author,
        &new.payload,
        now,
    ];
    let mut statements = vec![Statement::new(sql, values)];
    for (position, delivery) in (0_i64..).zip(&new.deliveries) {
        let sql = "INSERT INTO deliveries
                 (app, tenant, origin, kind, chat, position, state, due, posted_by, reference, made_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let job = &delivery.job;
        let state = DeliveryState::Waiting.as_str();
        let values = values![
            app,
            tenant,
            origin,
            kind,
            &job.chat,
            position,
            state,
            delivery.due,
            &job.key.origin,
            job.key.reference(),
            now,
        ];
        statements.push(Statement::new(sql, values));
        statements.push(jobs::insert(job, delivery.due, None));
    }
    statements.push(jobs::insert(&new.report, now, None));
    statements
}

fn repeat(tenant: &Tenant, again: &Repeat, now: Timestamp) -> Vec<Statement> {
    let mut statements = Vec::new();
    for delivery in &again.deliveries {
        let job = &delivery.job;
        let (state, column) = match job.key.kind {
            JobKind::Retraction => (DeliveryState::Reverting, "reverted_by"),
            _ => (DeliveryState::Waiting, "posted_by"),
        };
        let sql = format!(
            "UPDATE deliveries SET state = $1, due = $2, {column} = $3, reference = $4,
                 refusal = NULL
             WHERE app = $5 AND tenant = $6 AND origin = $7 AND kind = $8 AND chat = $9"
        );
        let JobRef { origin, kind } = &again.broadcast;
        let values = values![
            state.as_str(),
            delivery.due,
            &job.key.origin,
            job.key.reference(),
            &tenant.app,
            &tenant.key,
            origin,
            kind.as_str(),
            &job.chat,
        ];
        statements.push(Statement::new(sql, values));
        statements.push(jobs::insert(job, delivery.due, None));
    }
    statements.push(jobs::insert(&again.report, now, None));
    statements
}

/// No row if the delivery has another job by now: the broadcast was undone while it was posted.
fn finish(key: &JobKey, end: &DeliveryEnd) -> Statement {
    let (state, column) = match key.kind {
        JobKind::Retraction => (DeliveryState::Reverting, "reverted_by"),
        _ => (DeliveryState::Waiting, "posted_by"),
    };
    let sql = format!(
        "UPDATE deliveries SET state = $1, refusal = $2, name = coalesce($3, name)
         WHERE app = $4 AND tenant = $5 AND origin = $6 AND kind = $7 AND chat = $8
           AND state = $9 AND {column} = $10"
    );
    let JobRef { origin, kind } = &end.broadcast;
    let values = values![
        end.state.as_str(),
        end.refusal.as_ref().map(to_json),
        end.name.as_deref(),
        &key.tenant.app,
        &key.tenant.key,
        origin,
        kind.as_str(),
        end.chat.as_str(),
        state.as_str(),
        &key.origin,
    ];
    Statement::new(sql, values)
}

fn key_of(tenant: &Tenant, broadcast: &JobRef) -> JobKey {
    JobKey {
        tenant: tenant.clone(),
        origin: broadcast.origin.clone(),
        kind: broadcast.kind,
    }
}

pub(in crate::store) fn find(tenant: &Tenant, broadcast: &JobRef) -> Query<Broadcast> {
    let sql = "SELECT chat, message, list, payload, card, shown FROM broadcasts
         WHERE app = $1 AND tenant = $2 AND origin = $3 AND kind = $4";
    Statement::new(sql, key_of(tenant, broadcast).values()).read(|row| {
        let card: Option<String> = row.get("card")?;
        Ok(Broadcast {
            chat: ChatId::from(row.get::<String>("chat")?),
            message: MessageId::from(row.get::<String>("message")?),
            list: row.get("list")?,
            payload: row.get("payload")?,
            report: ReportState {
                is_refused: card.as_deref() == Some(REFUSED),
                card: card.filter(|card| card != REFUSED).map(MessageId::from),
                shown: row.count("shown")?,
            },
        })
    })
}

/// The column `card` where the platform refused it.
const REFUSED: &str = "";

pub(in crate::store) fn save_report(
    tenant: &Tenant,
    broadcast: &JobRef,
    report: &ReportState,
) -> Statement {
    let sql = "UPDATE broadcasts SET card = $1, shown = $2
         WHERE app = $3 AND tenant = $4 AND origin = $5 AND kind = $6";
    let refused = report.is_refused.then_some(REFUSED);
    let card = report.card.as_ref().map(MessageId::as_str).or(refused);
    let shown = i64::try_from(report.shown).unwrap_or(i64::MAX);
    let mut values = Vec::from(values![card, shown]);
    values.extend(key_of(tenant, broadcast).values());
    Statement::new(sql, values)
}

/// The deliveries of a broadcast, in the order of its list. One whose job has ended without a result
/// has failed.
pub(in crate::store) fn deliveries(tenant: &Tenant, broadcast: &JobRef) -> Query<Delivery> {
    let is_open = |column: &str, kind: JobKind| {
        format!(
            "EXISTS (SELECT 1 FROM jobs
                 WHERE jobs.app = deliveries.app AND jobs.tenant = deliveries.tenant
                   AND jobs.origin = deliveries.{column} AND jobs.kind = '{}'
                   AND jobs.state IN ('ready', 'running', 'suspended'))",
            kind.as_str()
        )
    };
    let (posts, reverts) = (
        is_open("posted_by", JobKind::Delivery),
        is_open("reverted_by", JobKind::Retraction),
    );
    let sql = format!(
        "SELECT chat, posted_by, reference, refusal, name,
             CASE WHEN state = 'waiting' AND NOT {posts} THEN 'failed'
                 WHEN state = 'reverting' AND NOT {reverts} THEN 'kept'
                 ELSE state END AS state_now
         FROM deliveries
         WHERE app = $1 AND tenant = $2 AND origin = $3 AND kind = $4 ORDER BY position"
    );
    Statement::new(sql, key_of(tenant, broadcast).values()).read(read_delivery)
}

fn read_delivery(row: &Row<'_>) -> Result<Delivery, Unreadable> {
    let refusal: Option<String> = row.get("refusal")?;
    let state: String = row.get("state_now")?;
    Ok(Delivery {
        chat: ChatId::from(row.get::<String>("chat")?),
        state: state.parse().map_err(|_| Unreadable)?,
        refusal: refusal.and_then(|json| serde_json::from_str(&json).ok()),
        name: row.get("name")?,
        reference: row.get("reference")?,
        posted_by: row.get("posted_by")?,
    })
}

/// The broadcast that the delivery job with this origin belongs to.
pub(in crate::store) fn of_delivery(tenant: &Tenant, posted_by: &str) -> Query<Option<JobRef>> {
    let sql = "SELECT origin, kind FROM deliveries
         WHERE app = $1 AND tenant = $2 AND posted_by = $3";
    Statement::new(sql, values![&tenant.app, &tenant.key, posted_by])
        .read(|row| job_ref(row, "kind"))
}

/// The number of open deliveries in a tenant, and when the last one is due.
pub(in crate::store) fn open(tenant: &Tenant) -> Query<(usize, Option<Timestamp>)> {
    let sql = format!(
        "SELECT count(*) AS open, max(due) AS last FROM deliveries
         WHERE app = $1 AND tenant = $2 AND {OPEN}"
    );
    Statement::new(sql, values![&tenant.app, &tenant.key])
        .read(|row| Ok((row.count("open")?, row.time_if_any("last")?)))
}

/// The number of a member's broadcasts with open deliveries.
pub(in crate::store) fn open_of_author(tenant: &Tenant, author: &OpenId) -> Query<usize> {
    let sql = format!(
        "SELECT count(*) AS open FROM broadcasts
         WHERE app = $1 AND tenant = $2 AND author = $3 AND EXISTS (
             SELECT 1 FROM deliveries
             WHERE deliveries.app = broadcasts.app AND deliveries.tenant = broadcasts.tenant
               AND deliveries.origin = broadcasts.origin AND deliveries.kind = broadcasts.kind
               AND {OPEN})"
    );
    Statement::new(sql, values![&tenant.app, &tenant.key, author.as_str()])
        .read(|row| row.count("open"))
}

/// The number of groups that a broadcast has reached, and of all its groups.
pub(in crate::store) fn reach(tenant: &Tenant, broadcast: &JobRef) -> Query<(usize, usize)> {
    let sql = "SELECT count(*) FILTER (WHERE state IN ('posted', 'partly', 'kept')) AS posted,
             count(*) AS groups
         FROM deliveries WHERE app = $1 AND tenant = $2 AND origin = $3 AND kind = $4";
    Statement::new(sql, key_of(tenant, broadcast).values())
        .read(|row| Ok((row.count("posted")?, row.count("groups")?)))
}

/// Removes the texts of the broadcasts from a chat that the bot left.
pub(in crate::store) fn leave(tenant: &Tenant, chat: &str) -> Statement {
    let sql = "UPDATE broadcasts SET payload = '' WHERE app = $1 AND tenant = $2 AND chat = $3";
    Statement::new(sql, values![&tenant.app, &tenant.key, chat])
}

/// Removes up to 1000 deliveries and as many broadcasts that were made before then.
pub(in crate::store) fn forget(app: &str, before: Timestamp) -> [Statement; 2] {
    let keys = [
        ("deliveries", "app, tenant, origin, kind, chat"),
        ("broadcasts", "app, tenant, origin, kind"),
    ];
    keys.map(|(table, key)| {
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN (
                 SELECT {key} FROM {table} WHERE app = $1 AND made_at < $2 LIMIT 1000)"
        );
        Statement::new(sql, values![app, before])
    })
}
