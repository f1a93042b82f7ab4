//! What groups have set for themselves.

use jiff::Timestamp;

use crate::model::job::{ChatKey, Tenant};
use crate::model::settings::{Setting, SettingChange, SettingValue};
use crate::store::statement::{Query, Row, Statement, Unreadable, values};

/// `None` for a setting or a value that only another release knows.
pub(in crate::store) fn of_chat(chat: &ChatKey) -> Query<Option<SettingValue>> {
    let sql = "SELECT name, value FROM settings WHERE app = $1 AND tenant = $2 AND chat = $3";
    Statement::new(sql, chat.values()).read(value)
}

fn value(row: &Row<'_>) -> Result<Option<SettingValue>, Unreadable> {
    let (name, value): (String, String) = (row.get("name")?, row.get("value")?);
    let setting: Option<Setting> = name.parse().ok();
    Ok(setting.and_then(|setting| setting.stored(&value)))
}

/// A row if a group of the tenant has set this value.
pub(in crate::store) fn is_set_anywhere(tenant: &Tenant, value: &SettingValue) -> Query<()> {
    let sql = "SELECT 1 FROM settings
         WHERE app = $1 AND tenant = $2 AND name = $3 AND value = $4 LIMIT 1";
    let name = value.setting().as_str();
    let values = values![&tenant.app, &tenant.key, name, value.as_str()];
    Statement::new(sql, values).read(|_| Ok(()))
}

/// The same in any tenant of the app.
pub(in crate::store) fn is_set_in_app(app: &str, value: &SettingValue) -> Query<()> {
    let sql = "SELECT 1 FROM settings WHERE app = $1 AND name = $2 AND value = $3 LIMIT 1";
    let values = values![app, value.setting().as_str(), value.as_str()];
    Statement::new(sql, values).read(|_| Ok(()))
}

/// Sets the group's own value, or removes it.
pub(in crate::store) fn save(chat: &ChatKey, change: &SettingChange, now: Timestamp) -> Statement {
    let Tenant { app, key } = &chat.tenant;
    let name = change.setting.as_str();
    let Some(value) = &change.new else {
        let sql = "DELETE FROM settings
             WHERE app = $1 AND tenant = $2 AND chat = $3 AND name = $4";
        return Statement::new(sql, values![app, key, &chat.chat, name]);
    };
    let sql = "INSERT INTO settings (app, tenant, chat, name, value, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (app, tenant, chat, name)
         DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at";
    let values = values![app, key, &chat.chat, name, value.as_str(), now];
    Statement::new(sql, values)
}

/// Removes the settings of a group that the bot has left.
pub(in crate::store) fn forget(chat: &ChatKey) -> Statement {
    let sql = "DELETE FROM settings WHERE app = $1 AND tenant = $2 AND chat = $3";
    Statement::new(sql, chat.values())
}
