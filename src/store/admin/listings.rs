//! Statements of the console's pages, and the record of what an admin did.

use jiff::Timestamp;
use strum::IntoStaticStr;

use crate::model::job::Tenant;
use crate::model::tenant::TenantRow;
use crate::store::statement::{Query, Statement, values};
use crate::store::statements::tenants;

/// Jobs of the last hour that are counted, so that the page is fast on any bot.
const COUNTED: u32 = 20_000;

/// What was finished in a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Minute {
    /// Counted from the beginning of the period.
    pub(crate) at: i64,
    pub(crate) jobs: i64,
    /// Those that failed.
    pub(crate) dead: i64,
    /// From acceptance to the end, in milliseconds.
    pub(crate) median: i64,
    pub(crate) p99: i64,
}

pub(super) fn minutes(app: &str, since: Timestamp) -> Query<Minute> {
    let sql = format!(
        "SELECT minute, max(jobs) AS jobs,
             sum(CASE WHEN state = 'dead' THEN 1 ELSE 0 END) AS dead,
             min(CASE WHEN place * 2 >= jobs THEN took END) AS median,
             min(CASE WHEN place * 100 >= jobs * 99 THEN took END) AS p99
         FROM (
             SELECT minute, state, took,
                 row_number() OVER (PARTITION BY minute ORDER BY took) AS place,
                 count(*) OVER (PARTITION BY minute) AS jobs
             FROM (
                 SELECT (finished_at - $1) / 60000 AS minute, state,
                     CASE WHEN finished_at > ordered_at THEN finished_at - ordered_at ELSE 0 END AS took
                 FROM jobs
                 WHERE app = $2 AND state IN ('done', 'dead') AND finished_at >= $1
                 ORDER BY finished_at DESC LIMIT {COUNTED}) AS finished) AS ranked
         GROUP BY minute ORDER BY minute"
    );
    Statement::new(sql, values![since, app]).read(|row| {
        Ok(Minute {
            at: row.get("minute")?,
            jobs: row.get("jobs")?,
            dead: row.get("dead")?,
            median: row.get("median")?,
            p99: row.get("p99")?,
        })
    })
}

/// A replica that holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplicaRow {
    pub(crate) id: i64,
    /// The rest of its lease by the server's clock, in milliseconds; negative once it has expired.
    pub(crate) left: i64,
    /// The jobs that it runs.
    pub(crate) running: i64,
}

/// Only on a server.
pub(super) fn replicas(app: &str) -> Query<ReplicaRow> {
    let sql = "SELECT id,
             (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::bigint AS left_ms,
             (SELECT count(*) FROM jobs WHERE state = 'running' AND owner = replicas.id) AS running
         FROM replicas WHERE app = $1 ORDER BY id LIMIT 1000";
    Statement::new(sql, values![app]).read(|row| {
        Ok(ReplicaRow {
            id: row.get("id")?,
            left: row.get("left_ms")?,
            running: row.get("running")?,
        })
    })
}

/// By key.
pub(super) fn tenants_after(app: &str, after: &str, limit: u32) -> Query<TenantRow> {
    let sql = "SELECT tenant, state, first_seen_at, last_seen_at FROM tenants
         WHERE app = $1 AND tenant > $2 ORDER BY tenant LIMIT $3";
    Statement::new(sql, values![app, after, limit]).read(tenants::read)
}

/// A member's consent, without tokens.
#[derive(Debug, Clone)]
pub(crate) struct GrantRow {
    pub(crate) tenant: String,
    /// The member's open id.
    pub(crate) person: String,
    pub(crate) granted_at: Timestamp,
    pub(crate) renewed_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

/// By tenant and person.
pub(super) fn grants_after(
    app: &str,
    (tenant, person): (&str, &str),
    limit: u32,
) -> Query<GrantRow> {
    let sql = "SELECT tenant, person, granted_at, renewed_at, ended_at FROM grants
         WHERE app = $1 AND (tenant, person) > ($2, $3) ORDER BY tenant, person LIMIT $4";
    Statement::new(sql, values![app, tenant, person, limit]).read(|row| {
        Ok(GrantRow {
            tenant: row.get("tenant")?,
            person: row.get("person")?,
            granted_at: row.time("granted_at")?,
            renewed_at: row.time("renewed_at")?,
            ended_at: row.time_if_any("ended_at")?,
        })
    })
}

/// What an admin did, for the audit.
#[derive(Debug, Clone)]
pub(crate) struct AdminAction<'a> {
    pub(crate) tenant: &'a Tenant,
    /// Empty if it concerns no chat.
    pub(crate) chat: &'a str,
    /// Of the job; empty if it concerns none.
    pub(crate) reference: &'a str,
    pub(crate) deed: AdminDeed,
    /// Where the admin was, such as `admin@10.0.0.7`.
    pub(crate) by: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", prefix = "admin_")]
pub(crate) enum AdminDeed {
    Retry,
    Drop,
    ShowText,
    Revoke,
}

/// The job kind of these rows.
const ADMIN: &str = "admin";

pub(super) fn record_admin(action: &AdminAction<'_>, now: Timestamp) -> Statement {
    let sql = "INSERT INTO changes
             (app, tenant, chat, origin, job_kind, reference, made_at, actor, kind, result)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'done')";
    let deed: &str = action.deed.into();
    // One row per action: the origin only has to be unique.
    let origin = format!("{deed}-{:016x}", rand::random::<u64>());
    let Tenant { app, key } = action.tenant;
    let (chat, reference, by) = (action.chat, action.reference, action.by);
    let values = values![app, key, chat, origin, ADMIN, reference, now, by, deed];
    Statement::new(sql, values)
}
