//! The first connection to the server.

use std::time::Duration;

use anyhow::bail;
use deadpool_postgres::{Object, PoolError, TimeoutType};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::connect::{Connector, Unreachable, unless_silent};
use super::pooler::{self, Pooling, SHARED_SESSIONS};

/// A server that will take connections by and by is asked again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// The log says so no more often than this.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Opens a session, and waits where that is only a matter of time: as a bot that runs waits for a
/// server that has no connection left, starts, or is a standby that takes over. The bot is going to
/// use so many `connections`.
///
/// # Errors
///
/// Says what to do where waiting is in vain, or a pooler shares sessions.
pub(super) async fn first_session(
    connector: &Connector,
    connections: usize,
) -> anyhow::Result<Object> {
    let mut said: Option<Instant> = None;
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
        if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            said = Some(Instant::now());
            let Unreachable { cause, remedy, .. } = unreachable;
            tracing::error!(error = cause, remedy, "the bot waits for its database");
        }
        sleep(PAUSE).await;
    }
}

/// A session; none where a pooler shares it with others.
pub(super) async fn try_to_open(
    connector: &Connector,
    connections: usize,
) -> Result<Option<Object>, Unreachable> {
    // Before anything is set on a session that may be somebody else's.
    match pooler::pooling(connector).await? {
        Pooling::Own => {}
        Pooling::Shared => return Ok(None),
        Pooling::Single => return Err(Unreachable::few_sessions(connections)),
    }
    let pool = connector.pool(connections);
    let pool = pool.map_err(|error| Unreachable::new(format!("{error:#}")))?;
    let first = pool.get().await?;
    // A pooler with fewer sessions takes all connections, and lets some of them wait without a word.
    let others = join_all((1..connections).map(|_| pool.get())).await;
    let waits =
        |other: &Result<_, _>| matches!(other, Err(PoolError::Timeout(TimeoutType::Create)));
    if others.iter().any(waits) {
        return Err(Unreachable::few_sessions(connections));
    }
    Ok(Some(first))
}
