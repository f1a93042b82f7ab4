//! Grants of members, and the jobs that wait for one.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::grant::{Grant, Member, SealedTokens};
use crate::model::job::Tenant;
use crate::store::statement::{Query, Row, Statement, Unreadable, Value, values};

/// How long an ended grant is kept, so that a renewal that is committed late revives it.
const ENDED_KEPT: Duration = Duration::from_hours(24);

impl Member {
    /// The columns `app`, `tenant` and `person`.
    pub(super) fn values(&self) -> [Value; 3] {
        values![&self.tenant.app, &self.tenant.key, self.person.as_str()]
    }
}

/// Stores a new grant; it replaces an earlier one.
pub(in crate::store) fn save(member: &Member, tokens: &SealedTokens, now: Timestamp) -> Statement {
    let sql = "INSERT INTO grants (app, tenant, person, access_token, refresh_token,
             access_expires_at, granted_at, renewed_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)
         ON CONFLICT (app, tenant, person) DO UPDATE
         SET access_token = excluded.access_token, refresh_token = excluded.refresh_token,
             access_expires_at = excluded.access_expires_at, granted_at = excluded.granted_at,
             renewed_at = excluded.renewed_at,
             version = grants.version + 1, renewing_until = NULL, ended_at = NULL";
    let of_grant = values![
        &tokens.access,
        tokens.refresh.as_ref(),
        tokens.access_expires_at,
        now,
    ];
    Statement::new(sql, member.values().into_iter().chain(of_grant))
}

pub(in crate::store) fn get(member: &Member) -> Query<Grant> {
    let sql = "SELECT access_token, refresh_token, access_expires_at, version, ended_at
         FROM grants
         WHERE app = $1 AND tenant = $2 AND person = $3";
    Statement::new(sql, member.values()).read(read)
}

fn read(row: &Row<'_>) -> Result<Grant, Unreadable> {
    Ok(Grant {
        tokens: SealedTokens {
            access: row.get("access_token")?,
            refresh: row.get("refresh_token")?,
            access_expires_at: row.time("access_expires_at")?,
        },
        version: row.get("version")?,
        has_ended: row.time_if_any("ended_at")?.is_some(),
    })
}

/// Reserves the renewal of this version; no row if it is reserved or renewed already, or has ended.
pub(in crate::store) fn reserve_renewal(
    member: &Member,
    version: i64,
    now: Timestamp,
    until: Timestamp,
) -> Statement {
    let changes = "renewing_until = $1";
    let condition = "ended_at IS NULL AND (renewing_until IS NULL OR renewing_until <= $6)";
    update(
        member,
        version,
        changes,
        Some(until),
        Some((condition, now)),
    )
}

/// Gives the reservation up.
pub(in crate::store) fn release_renewal(member: &Member, version: i64) -> Statement {
    update(member, version, "renewing_until = $1", None, None)
}

/// Marks the access token as refused, so that the next use renews it.
pub(in crate::store) fn expire_access(
    member: &Member,
    version: i64,
    expired_at: Timestamp,
) -> Statement {
    let changes = "access_expires_at = $1";
    update(member, version, changes, Some(expired_at), None)
}

pub(in crate::store) fn end(member: &Member, version: i64, now: Timestamp) -> Statement {
    let changes = "ended_at = $1, renewing_until = NULL";
    update(member, version, changes, Some(now), None)
}

/// Updates a version of a grant with `$1`; `condition` is about `$6`.
fn update(
    member: &Member,
    version: i64,
    changes: &str,
    value: Option<Timestamp>,
    condition: Option<(&str, Timestamp)>,
) -> Statement {
    let mut sql = format!(
        "UPDATE grants SET {changes}
         WHERE app = $2 AND tenant = $3 AND person = $4 AND version = $5"
    );
    let key = member.values().into_iter().chain(values![version]);
    let mut values: Vec<_> = values![value].into_iter().chain(key).collect();
    if let Some((condition, now)) = condition {
        sql = format!("{sql} AND {condition}");
        values.extend(values![now]);
    }
    Statement::new(sql, values)
}

/// Stores the result of a renewal. Also where the grant was ended meanwhile: a process that seemed
/// to have failed may have the only valid tokens.
pub(in crate::store) fn renew(
    member: &Member,
    version: i64,
    tokens: &SealedTokens,
    now: Timestamp,
) -> Statement {
    let sql = "UPDATE grants SET access_token = $1, refresh_token = $2, access_expires_at = $3,
             renewed_at = $4, version = version + 1, renewing_until = NULL, ended_at = NULL
         WHERE app = $5 AND tenant = $6 AND person = $7 AND version = $8";
    let of_grant = values![
        &tokens.access,
        tokens.refresh.as_ref(),
        tokens.access_expires_at,
        now,
    ];
    let key = member.values().into_iter().chain(values![version]);
    Statement::new(sql, of_grant.into_iter().chain(key))
}

pub(in crate::store) fn delete(member: &Member) -> Statement {
    let sql = "DELETE FROM grants WHERE app = $1 AND tenant = $2 AND person = $3";
    Statement::new(sql, member.values())
}

/// Deletes a grant that was given before then.
pub(in crate::store) fn delete_older(member: &Member, given_before: Timestamp) -> Statement {
    let sql = "DELETE FROM grants
         WHERE app = $1 AND tenant = $2 AND person = $3 AND granted_at <= $4";
    let values = member.values().into_iter().chain(values![given_before]);
    Statement::new(sql, values)
}

/// Removes grants that ended long ago.
pub(in crate::store) fn forget_ended(app: &str, now: Timestamp) -> Statement {
    let sql = "DELETE FROM grants WHERE app = $1 AND ended_at < $2";
    Statement::new(sql, values![app, now - ENDED_KEPT])
}

/// The grants that have not ended, with their members.
pub(in crate::store) fn all(app: &str) -> Query<(Member, Grant)> {
    let sql = "SELECT app, tenant, person, access_token, refresh_token, access_expires_at, version,
             ended_at
         FROM grants WHERE app = $1 AND ended_at IS NULL";
    Statement::new(sql, values![app]).read(read_with_member)
}

/// The grants that were not renewed since then, the longest idle first.
pub(in crate::store) fn idle(app: &str, since: Timestamp, limit: u32) -> Query<(Member, Grant)> {
    let sql = "SELECT app, tenant, person, access_token, refresh_token, access_expires_at, version,
             ended_at
         FROM grants
         WHERE app = $1 AND ended_at IS NULL AND refresh_token IS NOT NULL AND renewed_at < $2
         ORDER BY renewed_at LIMIT $3";
    Statement::new(sql, values![app, since, limit]).read(read_with_member)
}

fn read_with_member(row: &Row<'_>) -> Result<(Member, Grant), Unreadable> {
    Ok((member(row)?, read(row)?))
}

pub(super) fn member(row: &Row<'_>) -> Result<Member, Unreadable> {
    Ok(Member {
        tenant: Tenant {
            app: row.get("app")?,
            key: row.get::<String>("tenant")?.into(),
        },
        person: row.get::<String>("person")?.into(),
    })
}

/// The columns of a job that continues. It has new time for retries. Unless consent came,
/// `suspended_for` remains.
const RESUME: &str = "UPDATE jobs SET state = 'ready', started_at = NULL, run_at = $1";
const GRANTED: &str = ", suspended_for = NULL";
const OVERDUE: &str = ", suspended_until = $1";

/// Continues the jobs that wait for a member, who does not consent.
pub(in crate::store) fn give_up(member: &Member, now: Timestamp) -> Statement {
    resume_if(member, now, "", "")
}

/// Continues the jobs that wait for a member, as if their time were over.
pub(in crate::store) fn end_wait(member: &Member, now: Timestamp) -> Statement {
    resume_if(member, now, OVERDUE, "")
}

/// Continues the jobs that wait for a member, who has consented.
pub(in crate::store) fn resume(member: &Member, now: Timestamp) -> Statement {
    resume_if(member, now, GRANTED, "")
}

/// The same, if the member has consented since the job was accepted: the grant may have been stored
/// just before the job was suspended. An older one is of no use for it.
pub(in crate::store) fn resume_if_granted(member: &Member, now: Timestamp) -> Statement {
    let granted = " AND EXISTS (SELECT 1 FROM grants
             WHERE grants.app = jobs.app AND grants.tenant = jobs.tenant
               AND grants.person = jobs.suspended_for AND ended_at IS NULL
               AND granted_at >= jobs.ordered_at)";
    resume_if(member, now, GRANTED, granted)
}

fn resume_if(member: &Member, now: Timestamp, changes: &str, condition: &str) -> Statement {
    let sql = format!(
        "{RESUME}{changes} WHERE app = $2 AND state = 'suspended' AND tenant = $3 AND suspended_for = $4
         {condition}"
    );
    let values = values![now].into_iter().chain(member.values());
    Statement::new(sql, values)
}

/// Continues the jobs that have waited long enough.
pub(in crate::store) fn resume_overdue(app: &str, now: Timestamp) -> Statement {
    let sql = format!("{RESUME} WHERE app = $2 AND state = 'suspended' AND suspended_until <= $3");
    Statement::new(sql, values![now, app, now])
}

/// Continues the jobs that wait for members who are not asked for consent: a replica was killed, or
/// two were at work at once.
pub(in crate::store) fn resume_unasked(app: &str, now: Timestamp) -> Statement {
    let sql = format!(
        "{RESUME}{GRANTED} WHERE app = $2 AND state = 'suspended' AND NOT EXISTS (
             SELECT 1 FROM consents
             WHERE consents.app = jobs.app AND consents.tenant = jobs.tenant
               AND consents.person = jobs.suspended_for)"
    );
    Statement::new(sql, values![now, app])
}

/// When the next job has waited long enough.
pub(in crate::store) fn next_overdue(app: &str) -> Query<Option<Timestamp>> {
    let sql = "SELECT min(suspended_until) AS at FROM jobs WHERE app = $1 AND state = 'suspended'";
    Statement::new(sql, values![app]).read(|row| row.time_if_any("at"))
}

/// Ends a command that waits for a member and has written nothing, or the preview of a command.
pub(in crate::store) fn withdraw(tenant: &Tenant, message: &str, now: Timestamp) -> Statement {
    let sql = "UPDATE jobs SET state = 'done', payload = '', finished_at = $1
         WHERE app = $2 AND tenant = $3 AND origin = $4 AND progress IS NULL
           AND (kind = 'command' AND state = 'suspended'
                OR kind = 'preview' AND state IN ('ready', 'suspended'))";
    Statement::new(sql, values![now, &tenant.app, &tenant.key, message])
}

/// How many jobs wait for a member.
pub(in crate::store) fn count_suspended(member: &Member) -> Query<usize> {
    let sql = "SELECT count(*) AS jobs FROM jobs
         WHERE app = $1 AND tenant = $2 AND suspended_for = $3 AND state = 'suspended'";
    Statement::new(sql, member.values()).read(|row| row.count("jobs"))
}
