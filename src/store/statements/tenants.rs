//! The tenants of a store app, and its tickets.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::job::Tenant;
use crate::model::tenant::{TenantRow, TenantState};
use crate::store::statement::{Query, Row, Statement, Unreadable, values};

/// Rows that one statement erases, so that other requests do not wait long.
const PORTION: u32 = 1000;

/// How long a ticket is kept, twice the time for which the platform accepts it.
const TICKETS_KEPT: Duration = Duration::from_hours(6);

/// Tickets that are kept, several of which may be copies of one.
const MOST_TICKETS: u32 = 32;

/// The tables with rows of a tenant, each with the columns of a unique key.
const TABLES: [(&str, &str); 13] = [
    ("jobs", "app, tenant, origin, kind"),
    ("changes", "app, tenant, origin, job_kind"),
    ("broadcasts", "app, tenant, origin, kind"),
    ("deliveries", "app, tenant, origin, kind, chat"),
    ("limits", "app, tenant, api"),
    ("answers", "app, tenant, chat, actor, reason"),
    ("announcements", "app, tenant, chat"),
    ("settings", "app, tenant, chat, name"),
    ("joined_lists", "app, tenant, list, chat"),
    ("grants", "app, tenant, person"),
    ("consents", "app, tenant, person"),
    ("panel_commands", "app, tenant, command, command_id"),
    ("panels", "app, tenant"),
];

/// Only a server has this table.
const WRITE_SLOTS: (&str, &str) = ("write_slots", "app, tenant");

/// Adds a tenant, or updates when it was last active. The state of a known one stays.
pub(in crate::store) fn save_seen(tenant: &Tenant, now: Timestamp) -> Statement {
    let sql = "INSERT INTO tenants (app, tenant, first_seen_at, last_seen_at, changed_at)
         VALUES ($1, $2, $3, $3, $3)
         ON CONFLICT (app, tenant) DO UPDATE SET last_seen_at = excluded.last_seen_at";
    Statement::new(sql, values![&tenant.app, &tenant.key, now])
}

/// No row if a later change of the state is known: the platform redelivers events for hours, and a
/// tenant may have installed the app again.
pub(in crate::store) fn save_state(
    tenant: &Tenant,
    state: TenantState,
    changed_at: Timestamp,
) -> Statement {
    let sql = "INSERT INTO tenants (app, tenant, first_seen_at, last_seen_at, changed_at, state)
         VALUES ($1, $2, $3, $3, $3, $4)
         ON CONFLICT (app, tenant) DO UPDATE
         SET state = excluded.state, changed_at = excluded.changed_at
         WHERE tenants.changed_at <= excluded.changed_at";
    let values = values![&tenant.app, &tenant.key, changed_at, state.as_str()];
    Statement::new(sql, values)
}

pub(in crate::store) fn all(app: &str) -> Query<TenantRow> {
    let sql = "SELECT tenant, state, first_seen_at, last_seen_at FROM tenants
         WHERE app = $1 ORDER BY first_seen_at, tenant";
    Statement::new(sql, values![app]).read(read)
}

/// The tenants that uninstalled the app and whose rows are not erased yet.
pub(in crate::store) fn to_erase(app: &str) -> Query<TenantRow> {
    let sql = "SELECT tenant, state, first_seen_at, last_seen_at FROM tenants
         WHERE app = $1 AND state = 'erased'";
    Statement::new(sql, values![app]).read(read)
}

pub(in crate::store) fn read(row: &Row<'_>) -> Result<TenantRow, Unreadable> {
    let state: String = row.get("state")?;
    Ok(TenantRow {
        key: row.get::<String>("tenant")?.into(),
        state: state.parse().map_err(|_| Unreadable)?,
        first_seen_at: row.time("first_seen_at")?,
        last_seen_at: row.time("last_seen_at")?,
    })
}

/// The tenants that use the app.
pub(in crate::store) fn count_active(app: &str) -> Query<usize> {
    let sql = "SELECT count(*) AS tenants FROM tenants WHERE app = $1 AND state = 'active'";
    Statement::new(sql, values![app]).read(|row| row.count("tenants"))
}

/// Statements that each erase a portion of a tenant's rows, until none of them finds any.
pub(in crate::store) fn erase(tenant: &Tenant, on_server: bool) -> impl Iterator<Item = Statement> {
    let only_on_server = on_server.then_some(&WRITE_SLOTS);
    TABLES.iter().chain(only_on_server).map(|(table, key)| {
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN (
                 SELECT {key} FROM {table} WHERE app = $1 AND tenant = $2 LIMIT {PORTION})"
        );
        Statement::new(sql, values![&tenant.app, &tenant.key])
    })
}

/// Removes a tenant whose rows are erased, unless it is active again.
pub(in crate::store) fn remove(tenant: &Tenant) -> Statement {
    let sql = "DELETE FROM tenants WHERE app = $1 AND tenant = $2 AND state = 'erased'";
    Statement::new(sql, values![&tenant.app, &tenant.key])
}

/// `sealed` is the encrypted ticket.
pub(in crate::store) fn save_ticket(app: &str, sealed: &str, received_at: Timestamp) -> Statement {
    let sql = "INSERT INTO app_tickets (app, sealed, received_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING";
    Statement::new(sql, values![app, sealed, received_at])
}

/// Encrypted tickets that may still be valid, with the time of their arrival.
pub(in crate::store) fn tickets(app: &str, now: Timestamp) -> Query<(String, Timestamp)> {
    let sql = "SELECT sealed, received_at FROM app_tickets WHERE app = $1 AND received_at >= $2";
    Statement::new(sql, values![app, now - TICKETS_KEPT])
        .read(|row| Ok((row.get("sealed")?, row.time("received_at")?)))
}

/// Drops old tickets, and all but the newest ones: the platform may deliver one many times.
pub(in crate::store) fn forget_tickets(app: &str, now: Timestamp) -> Statement {
    let sql = format!(
        "DELETE FROM app_tickets WHERE app = $1 AND (received_at < $2 OR sealed NOT IN (
             SELECT sealed FROM app_tickets WHERE app = $1
             ORDER BY received_at DESC, sealed LIMIT {MOST_TICKETS}))"
    );
    Statement::new(sql, values![app, now - TICKETS_KEPT])
}
