//! Poolers between the bot and its server.
//!
//! A pooler that gives each transaction whichever session is free (`pool_mode=transaction` in
//! PgBouncer) loses what belongs to a session: prepared statements, settings and LISTEN. It has to
//! be found before any setting is made, which would stay in a session of others.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::connect::Connector;

/// What is wrong, and what to do about it.
pub(crate) const SHARED_SESSIONS: (&str, &str) = (
    "a pooler in front of the database gives each transaction another session, and the bot needs its own",
    "set `pool_mode=session` for this database in PgBouncer (or the like in another pooler), or set `NOTICEBOT_DATABASE_URL` to the server itself",
);

/// How often it is tried: somebody else may use the pooler at the same moment.
const ROUNDS: usize = 3;
/// A pooler with one session lets the second client wait for it.
const WAIT: Duration = Duration::from_secs(2);

/// Whether two connections take turns on the same sessions of the server.
///
/// Each connection of one's own has one process of the server. A pooler that shares them gives the
/// process that served the first connection to the second one's transaction, and the first then
/// gets another, or has to wait.
pub(super) async fn shares_sessions(connector: &Connector) -> Result<bool, Error> {
    let silent = |_: &str| {};
    let shared = connector.talk_plainly(silent, async |first: Client| {
        let beside = async |second: Client| compare(&first, &second).await;
        connector.talk_plainly(silent, beside).await
    });
    match shared.await {
        // `pool_mode=statement` refuses transactions.
        Err(error) if error.code() == Some(&SqlState::PROTOCOL_VIOLATION) && is_refused(&error) => {
            Ok(true)
        }
        shared => shared,
    }
}

fn is_refused(error: &Error) -> bool {
    let refusal = error.as_db_error();
    refusal.is_some_and(|refusal| refusal.message().contains("statement pooling"))
}

async fn compare(first: &Client, second: &Client) -> Result<bool, Error> {
    for _ in 0..ROUNDS {
        let before = process(first).await?;
        second.batch_execute("BEGIN").await?;
        process(second).await?;
        let after = timeout(WAIT, process(first)).await;
        second.batch_execute("ROLLBACK").await?;
        let Ok(after) = after else {
            return Ok(true);
        };
        if after? != before {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The process of the server that answers. Nothing is prepared for it.
async fn process(client: &Client) -> Result<Option<String>, Error> {
    let answer = client.simple_query("SELECT pg_backend_pid()").await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
