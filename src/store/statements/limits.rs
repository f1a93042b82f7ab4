//! Rate limits that the platform set.

use std::time::Duration;

use jiff::Timestamp;

use crate::store::RateLimit;
use crate::store::statement::{Query, Statement, values};

/// The client caps rate limits at this; a later end was written by a wrong clock.
const LONGEST: Duration = Duration::from_mins(61);

/// The longest limit wins.
pub(in crate::store) fn save_limit(app: &str, limit: &RateLimit, now: Timestamp) -> Statement {
    let sql = "INSERT INTO limits (app, tenant, api, until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (app, tenant, api) DO UPDATE SET until = excluded.until
         WHERE NOT limits.until BETWEEN excluded.until AND $5";
    let values = values![app, &limit.tenant, &limit.api, limit.until, now + LONGEST];
    Statement::new(sql, values)
}

/// The active rate limits.
pub(in crate::store) fn limits(app: &str, now: Timestamp) -> Query<RateLimit> {
    let sql = "SELECT tenant, api, until FROM limits WHERE app = $1 AND until > $2 AND until < $3";
    Statement::new(sql, values![app, now, now + LONGEST]).read(|row| {
        Ok(RateLimit {
            tenant: row.get::<String>("tenant")?.into(),
            api: row.get("api")?,
            until: row.time("until")?,
        })
    })
}

pub(in crate::store) fn forget_limits(app: &str, before: Timestamp) -> Statement {
    let sql = "DELETE FROM limits WHERE app = $1 AND until < $2";
    Statement::new(sql, values![app, before])
}
