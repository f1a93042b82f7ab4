//! Facts about a chat and its members.

use jiff::Timestamp;

use crate::model::job::{ChatKey, Tenant};
use crate::store::Recipient;
use crate::store::statement::{Query, Statement, values};

pub(in crate::store) fn save_can_delete_text(chat: &ChatKey, can_delete_text: bool) -> Statement {
    let sql = "INSERT INTO announcements (app, tenant, chat, can_delete_text)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (app, tenant, chat) DO UPDATE SET can_delete_text = excluded.can_delete_text";
    let Tenant { app, key } = &chat.tenant;
    Statement::new(sql, values![app, key, &chat.chat, can_delete_text])
}

/// No row before the first attempt.
pub(in crate::store) fn can_delete_text(chat: &ChatKey) -> Query<bool> {
    let sql = "SELECT can_delete_text FROM announcements
         WHERE app = $1 AND tenant = $2 AND chat = $3";
    Statement::new(sql, chat.values()).read(|row| row.get("can_delete_text"))
}

/// The latest time wins.
pub(in crate::store) fn record_answer(to: &Recipient, sent_at: Timestamp) -> Statement {
    let sql = "INSERT INTO answers (app, tenant, chat, actor, reason, sent_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (app, tenant, chat, actor, reason) DO UPDATE SET sent_at = excluded.sent_at
         WHERE answers.sent_at < excluded.sent_at";
    let Tenant { app, key } = &to.chat.tenant;
    let values = values![app, key, &to.chat.chat, &to.person, to.reason, sent_at];
    Statement::new(sql, values)
}

pub(in crate::store) fn last_answer(to: &Recipient) -> Query<Option<Timestamp>> {
    let sql = "SELECT sent_at FROM answers
         WHERE app = $1 AND tenant = $2 AND chat = $3 AND actor = $4 AND reason = $5";
    let Tenant { app, key } = &to.chat.tenant;
    let values = values![app, key, &to.chat.chat, &to.person, to.reason];
    Statement::new(sql, values).read(|row| Ok(row.time("sent_at").ok()))
}

pub(in crate::store) fn forget_answers(app: &str, before: Timestamp) -> Statement {
    let sql = "DELETE FROM answers WHERE app = $1 AND sent_at < $2";
    Statement::new(sql, values![app, before])
}
