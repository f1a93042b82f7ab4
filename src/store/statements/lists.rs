//! Lists that groups have joined.

use feishu::ChatId;
use jiff::Timestamp;

use crate::model::job::{ChatKey, Tenant};
use crate::model::settings::ListChange;
use crate::store::statement::{Query, Statement, values};

/// The names of the lists that a group has joined.
pub(in crate::store) fn of_chat(chat: &ChatKey) -> Query<String> {
    let sql = "SELECT name FROM joined_lists
         WHERE app = $1 AND tenant = $2 AND chat = $3 ORDER BY list";
    Statement::new(sql, chat.values()).read(|row| row.get("name"))
}

/// The groups that have joined a list, the first one first, each with the name that it typed.
pub(in crate::store) fn groups(tenant: &Tenant, list: &str) -> Query<(ChatId, String)> {
    let sql = "SELECT chat, name FROM joined_lists
         WHERE app = $1 AND tenant = $2 AND list = $3 ORDER BY joined_at, chat";
    Statement::new(sql, values![&tenant.app, &tenant.key, list])
        .read(|row| Ok((ChatId::from(row.get::<String>("chat")?), row.get("name")?)))
}

/// The names of all lists that groups have joined.
pub(in crate::store) fn names(tenant: &Tenant) -> Query<String> {
    let sql = "SELECT min(name) AS name FROM joined_lists
         WHERE app = $1 AND tenant = $2 GROUP BY list ORDER BY list";
    Statement::new(sql, values![&tenant.app, &tenant.key]).read(|row| row.get("name"))
}

pub(in crate::store) fn save(chat: &ChatKey, change: &ListChange, now: Timestamp) -> Statement {
    let Tenant { app, key } = &chat.tenant;
    let list = change.key();
    if !change.joins {
        let sql = "DELETE FROM joined_lists
             WHERE app = $1 AND tenant = $2 AND list = $3 AND chat = $4";
        return Statement::new(sql, values![app, key, &list, &chat.chat]);
    }
    let sql = "INSERT INTO joined_lists (app, tenant, list, chat, name, joined_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let values = values![app, key, &list, &chat.chat, &change.list, now];
    Statement::new(sql, values)
}

/// Removes a group that the bot has left from all lists.
pub(in crate::store) fn forget(chat: &ChatKey) -> Statement {
    let sql = "DELETE FROM joined_lists WHERE app = $1 AND tenant = $2 AND chat = $3";
    Statement::new(sql, chat.values())
}
