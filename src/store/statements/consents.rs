//! Requests for the consent of members.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::grant::{ConsentFlow, Member, PendingConsent};
use crate::store::statement::{Query, Row, Statement, Unreadable, values};
use crate::store::statements::grants;

const COLUMNS: &str =
    "app, tenant, person, link, expires_at, ticket, device_code, poll_interval, next_poll_at";

/// Stores a request, unless the member has one that is valid until then.
pub(in crate::store) fn save(consent: &PendingConsent, valid_until: Timestamp) -> Statement {
    let sql = "INSERT INTO consents (app, tenant, person, link, expires_at, ticket, device_code,
             poll_interval, next_poll_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (app, tenant, person) DO UPDATE
         SET link = excluded.link, expires_at = excluded.expires_at, ticket = excluded.ticket,
             device_code = excluded.device_code, poll_interval = excluded.poll_interval,
             next_poll_at = excluded.next_poll_at
         WHERE consents.expires_at < $10";
    let flow = match &consent.flow {
        ConsentFlow::Redirect { ticket } => {
            values![ticket, None::<String>, None::<i64>, None::<Timestamp>,]
        }
        ConsentFlow::Device {
            code,
            interval,
            next_poll_at,
        } => values![None::<String>, code, milliseconds(*interval), *next_poll_at],
    };
    let request = values![&consent.link, consent.expires_at];
    let columns = consent.member.values().into_iter().chain(request);
    let columns = columns.chain(flow).chain(values![valid_until]);
    Statement::new(sql, columns)
}

fn milliseconds(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX)
}

/// The request that is not answered, if it is valid until then.
pub(in crate::store) fn of_member(member: &Member, now: Timestamp) -> Query<PendingConsent> {
    let sql = format!(
        "SELECT {COLUMNS} FROM consents
         WHERE app = $1 AND tenant = $2 AND person = $3 AND expires_at >= $4"
    );
    let values = member.values().into_iter().chain(values![now]);
    Statement::new(sql, values).read(read)
}

/// The request to which the hash of the secret in a link belongs.
pub(in crate::store) fn by_ticket(
    app: &str,
    ticket: &str,
    now: Timestamp,
) -> Query<PendingConsent> {
    let sql = format!(
        "SELECT {COLUMNS} FROM consents WHERE app = $1 AND ticket = $2 AND expires_at > $3"
    );
    Statement::new(sql, values![app, ticket, now]).read(read)
}

/// The device flows whose next poll is due.
pub(in crate::store) fn due_polls(app: &str, now: Timestamp) -> Query<PendingConsent> {
    let sql = format!(
        "SELECT {COLUMNS} FROM consents
         WHERE app = $1 AND device_code IS NOT NULL AND next_poll_at <= $2"
    );
    Statement::new(sql, values![app, now]).read(read)
}

/// When the next poll is due.
pub(in crate::store) fn next_poll(app: &str) -> Query<Option<Timestamp>> {
    let sql = "SELECT min(next_poll_at) AS at FROM consents
         WHERE app = $1 AND device_code IS NOT NULL";
    Statement::new(sql, values![app]).read(|row| row.time_if_any("at"))
}

/// Moves a poll to its next time; no row if another replica has done so.
pub(in crate::store) fn reserve_poll(
    member: &Member,
    due: Timestamp,
    interval: Duration,
    next: Timestamp,
) -> Statement {
    let sql = "UPDATE consents SET next_poll_at = $1, poll_interval = $2
         WHERE app = $3 AND tenant = $4 AND person = $5 AND next_poll_at = $6";
    let poll = values![next, milliseconds(interval)];
    let key = member.values().into_iter().chain(values![due]);
    Statement::new(sql, poll.into_iter().chain(key))
}

pub(in crate::store) fn delete(member: &Member) -> Statement {
    let sql = "DELETE FROM consents WHERE app = $1 AND tenant = $2 AND person = $3";
    Statement::new(sql, member.values())
}

pub(in crate::store) fn forget(app: &str, now: Timestamp) -> Statement {
    let sql = "DELETE FROM consents WHERE app = $1 AND expires_at <= $2";
    Statement::new(sql, values![app, now])
}

fn read(row: &Row<'_>) -> Result<PendingConsent, Unreadable> {
    let device: Option<String> = row.get("device_code")?;
    let flow = match device {
        Some(code) => ConsentFlow::Device {
            code,
            interval: Duration::from_millis(row.count("poll_interval")?),
            next_poll_at: row.time("next_poll_at")?,
        },
        None => ConsentFlow::Redirect {
            ticket: row.get("ticket")?,
        },
    };
    Ok(PendingConsent {
        member: grants::member(row)?,
        link: row.get("link")?,
        expires_at: row.time("expires_at")?,
        flow,
    })
}
