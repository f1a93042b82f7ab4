//! Broadcasts, and their deliveries to single groups.

use feishu::{ChatId, MessageId, OpenId};
use jiff::Timestamp;
use serde::Serialize;

use super::jobs;
use crate::model::broadcast::{Broadcast, Delivery, DeliveryState, PostedRun, ReportState};
use crate::model::job::{ChatKey, JobKey, JobKind, JobRef, NewJob, Tenant};
use crate::store::broadcast_change::{
    BroadcastChange, DeliveryEnd, NewBroadcast, NewDelivery, Repeat,
};
use crate::store::row::{job_ref, to_json};
use crate::store::statement::{ITEMS, Query, Row, Statement, Unreadable, values};

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
    let broadcast = Statement::new(sql, values);
    let sql = format!(
        "{ITEMS}
         INSERT INTO deliveries
             (app, tenant, origin, kind, chat, position, state, due, posted_by, reference, made_at,
              series)
         SELECT $2, $3, $4, $5, item.value ->> 'chat', CAST(item.value ->> 'position' AS bigint),
             item.value ->> 'state', CAST(item.value ->> 'due' AS bigint), item.value ->> 'origin',
             item.value ->> 'reference', $6, $7
         FROM item"
    );
    let values = values![app, tenant, origin, kind, now, new.series.as_deref()];
    let deliveries = Statement::of_items(sql, rows(&new.deliveries), values);
    vec![
        broadcast,
        deliveries,
        jobs_of(&key.tenant, &new.deliveries, &new.report, now),
    ]
}

fn repeat(tenant: &Tenant, again: &Repeat, now: Timestamp) -> Vec<Statement> {
    let sql = format!(
        "{ITEMS}
         UPDATE deliveries SET state = item.value ->> 'state',
             due = CAST(item.value ->> 'due' AS bigint),
             posted_by = CASE WHEN item.value ->> 'state' = 'waiting'
                 THEN item.value ->> 'origin' ELSE posted_by END,
             reverted_by = CASE WHEN item.value ->> 'state' = 'reverting'
                 THEN item.value ->> 'origin' ELSE reverted_by END,
             reference = item.value ->> 'reference', refusal = NULL
         FROM item
         WHERE app = $2 AND tenant = $3 AND origin = $4 AND kind = $5
           AND chat = item.value ->> 'chat'"
    );
    let values = key_of(tenant, &again.broadcast).values();
    vec![
        Statement::of_items(sql, rows(&again.deliveries), values),
        jobs_of(tenant, &again.deliveries, &again.report, now),
    ]
}

/// The jobs of the groups, and the one that reports on them.
fn jobs_of(
    tenant: &Tenant,
    deliveries: &[NewDelivery],
    report: &NewJob,
    now: Timestamp,
) -> Statement {
    let deliveries = deliveries.iter().map(|new| (&new.job, new.due));
    jobs::insert_all(tenant, deliveries.chain([(report, now)]))
}

/// What a statement changes about a delivery.
#[derive(Serialize)]
struct DeliveryRow<'d> {
    chat: &'d str,
    position: usize,
    state: &'static str,
    due: i64,
    /// The origin of its job.
    origin: &'d str,
    reference: String,
}

fn rows(deliveries: &[NewDelivery]) -> String {
    let rows = deliveries.iter().enumerate();
    let rows = rows.map(|(position, NewDelivery { job, due })| DeliveryRow {
        chat: &job.chat,
        position,
        state: open_state(job.key.kind).as_str(),
        due: due.as_millisecond(),
        origin: &job.key.origin,
        reference: job.key.reference(),
    });
    to_json(&rows.collect::<Vec<_>>())
}

/// The state of a delivery while it has a job of this kind.
fn open_state(kind: JobKind) -> DeliveryState {
    match kind {
        JobKind::Retraction => DeliveryState::Reverting,
        _ => DeliveryState::Waiting,
    }
}

/// No row if the delivery has another job by now: the broadcast was undone while it was posted.
fn finish(key: &JobKey, end: &DeliveryEnd) -> Statement {
    let state = open_state(key.kind);
    let column = match state {
        DeliveryState::Reverting => "reverted_by",
        _ => "posted_by",
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
    let sql = format!("{} ORDER BY position", of_broadcast());
    Statement::new(sql, key_of(tenant, broadcast).values()).read(read_delivery)
}

/// The delivery of a broadcast to one group.
pub(in crate::store) fn delivery(
    tenant: &Tenant,
    broadcast: &JobRef,
    chat: &ChatId,
) -> Query<Delivery> {
    let sql = format!("{} AND chat = $5", of_broadcast());
    let key = key_of(tenant, broadcast).values();
    Statement::new(sql, key.into_iter().chain(values![chat.as_str()])).read(read_delivery)
}

/// Each job is looked up by its key. With `EXISTS`, a server that has seen many jobs would rather read
/// all of that kind.
fn of_broadcast() -> String {
    let is_over = |column: &str, kind: JobKind| {
        format!(
            "(SELECT 1 FROM jobs
                 WHERE jobs.app = deliveries.app AND jobs.tenant = deliveries.tenant
                   AND jobs.origin = deliveries.{column} AND jobs.kind = '{}'
                   AND jobs.state IN ('ready', 'running', 'suspended') LIMIT 1) IS NULL",
            kind.as_str()
        )
    };
    let (not_posted, not_reverted) = (
        is_over("posted_by", JobKind::Delivery),
        is_over("reverted_by", JobKind::Retraction),
    );
    format!(
        "SELECT chat, posted_by, reference, refusal, name,
             CASE WHEN state = 'waiting' AND {not_posted} THEN 'failed'
                 WHEN state = 'reverting' AND {not_reverted} THEN 'kept'
                 ELSE state END AS state_now
         FROM deliveries
         WHERE app = $1 AND tenant = $2 AND origin = $3 AND kind = $4"
    )
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

/// What a series has posted last in a group and not reverted.
pub(in crate::store) fn posted_run(chat: &ChatKey, series: &str) -> Query<PostedRun> {
    let sql = "SELECT origin, posted_by FROM deliveries
         WHERE series = $1 AND chat = $2 AND tenant = $3 AND app = $4
           AND state IN ('posted', 'partly', 'kept')
         ORDER BY made_at DESC LIMIT 1";
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![series, &chat.chat, key, app]).read(|row| {
        Ok(PostedRun {
            run: row.get("origin")?,
            posted_by: row.get("posted_by")?,
        })
    })
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
