//! The first connection to the server.

use std::time::Duration;

use anyhow::bail;
use deadpool_postgres::Object;
use tokio::time::{Instant, sleep};

use super::connect::{Connector, Unreachable};
use super::pooler::{self, SHARED_SESSIONS};

/// A server that will take connections by and by is asked again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// The log says so no more often than this.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Opens a session, and waits where that is only a matter of time: as a bot that runs waits for a
/// server that has no connection left, starts, or is a standby that takes over.
///
/// # Errors
///
/// Says what to do where waiting is in vain, or a pooler shares sessions.
pub(super) async fn first_session(connector: &Connector) -> anyhow::Result<Object> {
    let mut said: Option<Instant> = None;
    loop {
        let unreachable = match try_to_open(connector).await {
            Ok((_, true)) => {
                let (what, remedy) = SHARED_SESSIONS;
                bail!("{what}: {remedy}");
            }
            Ok((client, false)) => return Ok(client),
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

/// A session, and whether a pooler shares it with others.
async fn try_to_open(connector: &Connector) -> Result<(Object, bool), Unreachable> {
    // Before anything is set on a session that may be somebody else's.
    let is_shared = pooler::shares_sessions(connector).await?;
    let pool = connector.pool(1);
    let pool = pool.map_err(|error| Unreachable::new(format!("{error:#}")))?;
    Ok((pool.get().await?, is_shared))
}
