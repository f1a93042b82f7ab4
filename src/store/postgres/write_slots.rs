//! The write slots that all replicas share.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use feishu::WriteSlot;
use jiff::Timestamp;
use tokio_postgres::Error;

use crate::model::job::Tenant;
use crate::store::statement::timestamp;

/// The longest wait for a slot. A replica that would wait longer asks again later.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How far the clocks of two replicas may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

/// The next slot, `window` after the fifth one before it.
///
/// Slots are at most [`LONGEST_WAIT`] ahead. A later one was reserved by a wrong clock and is
/// discarded.
pub(super) async fn next_write_slot(
    client: &impl GenericClient,
    Tenant { app, key }: &Tenant,
    window: Duration,
    now: Timestamp,
) -> Result<WriteSlot, Error> {
    let key = key.as_str();
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let (now, window) = (now.as_millisecond(), milliseconds(window));
    let latest = now + milliseconds(LONGEST_WAIT);
    let believed = latest + milliseconds(CLOCKS_DIFFER);
    let prepared = client
        .prepare_cached(
            "INSERT INTO write_slots (app, tenant, last)
         VALUES ($1, $6, ARRAY[0, 0, 0, 0, $2]::bigint[])
         ON CONFLICT (app, tenant) DO UPDATE
         SET last = CASE WHEN write_slots.last[5] > $5 THEN excluded.last
             ELSE write_slots.last[2:5] || greatest(write_slots.last[1] + $3, write_slots.last[5], $2) END
         WHERE write_slots.last[5] > $5 OR greatest(write_slots.last[1] + $3, write_slots.last[5]) <= $4
         RETURNING last[5]",
        )
        .await?;
    let given = client
        .query_opt(&prepared, &[&app, &now, &window, &latest, &believed, &key])
        .await?;
    let time = |milliseconds| timestamp(milliseconds).unwrap_or(Timestamp::MAX);
    if let Some(row) = given {
        return Ok(WriteSlot::At(time(row.get(0))));
    }
    // When to ask again, so that a slot is within reach then.
    let sql = "SELECT greatest(last[1] + $2, last[5]) FROM write_slots
         WHERE app = $1 AND tenant = $3";
    let prepared = client.prepare_cached(sql).await?;
    let row = client.query_opt(&prepared, &[&app, &window, &key]).await?;
    let free = row.map_or(now, |row| row.get::<_, i64>(0)) - milliseconds(LONGEST_WAIT);
    Ok(WriteSlot::AskAgainAt(time(free.max(now))))
}
