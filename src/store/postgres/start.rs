//! Opens the first connection to the server.

use std::time::Duration;

use anyhow::bail;
use deadpool_postgres::{Object, PoolError, TimeoutType};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::connect::{Connector, Unreachable, unless_silent};
use super::pooler::{self, Pooling, SHARED_SESSIONS};

/// Delay between attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// Minimum time between log messages.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Opens a session. Waits while the server has no free connection, starts, or is a standby that may
/// be promoted. The bot will use this many `connections`.
pub(super) async fn first_session(
    connector: &Connector,
    connections: usize,
) -> anyhow::Result<Object> {
    let mut logged_at: Option<Instant> = None;
    loop {
        let unreachable = match unless_silent(try_to_open(connector, connections)).await {
            Ok(Some(client)) => return Ok(client),
            Ok(None) => {
                let (what, remedy) = SHARED_SESSIONS;
                bail!("{what}: {remedy}");
            }
            Err(unreachable) if unreachable.will_pass => unreachable,
            Err(unreachable) => return Err(unreachable.into()),
        };
        if logged_at.is_none_or(|logged_at| logged_at.elapsed() >= LOG_EVERY) {
            logged_at = Some(Instant::now());
            let Unreachable { cause, remedy, .. } = unreachable;
            tracing::error!(error = cause, remedy, "waiting for the database");
        }
        sleep(PAUSE).await;
    }
}

/// Opens a session; `None` if a pooler shares sessions.
pub(super) async fn try_to_open(
    connector: &Connector,
    connections: usize,
) -> Result<Option<Object>, Unreachable> {
    // Before any setting is made on a session that other clients may share.
    match pooler::pooling(connector).await? {
        Pooling::Own => {}
        Pooling::Shared => return Ok(None),
        Pooling::Single => return Err(Unreachable::few_sessions(connections)),
    }
    let pool = connector.pool(connections);
    let pool = pool.map_err(|error| Unreachable::new(format!("{error:#}")))?;
    let first = pool.get().await?;
    // A pooler with fewer sessions accepts all connections, and lets some of them wait.
    let others = join_all((1..connections).map(|_| pool.get())).await;
    let waits =
        |other: &Result<_, _>| matches!(other, Err(PoolError::Timeout(TimeoutType::Create)));
    if others.iter().any(waits) {
        return Err(Unreachable::few_sessions(connections));
    }
    Ok(Some(first))
}
