//! The commands that the bot has made in the `/` panel, and who changes it.

use jiff::Timestamp;

use crate::model::job::Tenant;
use crate::model::panel::MadeCommand;
use crate::store::statement::{Query, Row, Statement, Unreadable, values};

/// The commands that the bot has made with the token of this tenant.
pub(in crate::store) fn made(tenant: &Tenant) -> Query<MadeCommand> {
    let sql = "SELECT command, description, command_id FROM panel_commands
         WHERE app = $1 AND tenant = $2 ORDER BY made_at, command";
    Statement::new(sql, values![&tenant.app, &tenant.key]).read(read)
}

fn read(row: &Row<'_>) -> Result<MadeCommand, Unreadable> {
    let description: String = row.get("description")?;
    let id: String = row.get("command_id")?;
    Ok(MadeCommand {
        name: row.get("command")?,
        description: serde_json::from_str(&description).map_err(|_| Unreadable)?,
        id: Some(id).filter(|id| !id.is_empty()),
    })
}

/// Remembers a command. Without an id it is one that is about to be made.
pub(in crate::store) fn save(tenant: &Tenant, made: &MadeCommand, now: Timestamp) -> Statement {
    let sql = "INSERT INTO panel_commands (app, tenant, command, command_id, description, made_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (app, tenant, command, command_id)
         DO UPDATE SET description = excluded.description";
    // A description has no value that JSON cannot have.
    let description = serde_json::to_string(&made.description).unwrap_or_default();
    let id = made.id.as_deref().unwrap_or_default();
    let values = values![&tenant.app, &tenant.key, &made.name, id, description, now];
    Statement::new(sql, values)
}

pub(in crate::store) fn forget(tenant: &Tenant, made: &MadeCommand) -> Statement {
    let sql = "DELETE FROM panel_commands
         WHERE app = $1 AND tenant = $2 AND command = $3 AND command_id = $4";
    let id = made.id.as_deref().unwrap_or_default();
    Statement::new(sql, values![&tenant.app, &tenant.key, &made.name, id])
}

/// Reserves the panel; no row if another process has it. An end that is far ahead was written by a
/// wrong clock.
pub(in crate::store) fn reserve(tenant: &Tenant, now: Timestamp, until: Timestamp) -> Statement {
    let sql = "INSERT INTO panels (app, tenant, changing_until) VALUES ($1, $2, $3)
         ON CONFLICT (app, tenant) DO UPDATE SET changing_until = excluded.changing_until
         WHERE NOT panels.changing_until BETWEEN $4 AND $5";
    let far = until + (until.duration_since(now));
    let values = values![&tenant.app, &tenant.key, until, now, far];
    Statement::new(sql, values)
}

/// Gives the reservation up that ends then.
pub(in crate::store) fn release(tenant: &Tenant, until: Timestamp) -> Statement {
    let sql = "DELETE FROM panels WHERE app = $1 AND tenant = $2 AND changing_until = $3";
    Statement::new(sql, values![&tenant.app, &tenant.key, until])
}
