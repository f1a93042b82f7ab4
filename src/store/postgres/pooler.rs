//! Detects poolers between the bot and its server.
//!
//! A pooler that gives each transaction another session (`pool_mode=transaction` in PgBouncer)
//! loses session state: prepared statements, settings and LISTEN. It must be detected before any
//! setting is made, which would stay in a session of other clients.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::connect::Connector;

/// The problem and the remedy.
pub(crate) const SHARED_SESSIONS: (&str, &str) = (
    "a pooler in front of the database gives each transaction another session, and the bot needs its own",
    "set `pool_mode=session` for this database in PgBouncer (or the like in another pooler), or set `NOTICEBOT_DATABASE_URL` to the server itself",
);

/// Number of attempts: a busy pooler may by chance assign the same processes again.
const ROUNDS: usize = 8;
/// With a single session, a pooler makes the second client wait.
const WAIT: Duration = Duration::from_secs(2);
/// Time limit for the second connection and its queries.
const SECOND_WAIT: Duration = Duration::from_secs(4);

/// How connections map to sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Each connection has its own session.
    Own,
    Shared,
    /// There is only one session, which the first connection uses.
    Single,
}

/// Determines how connections map to sessions.
///
/// Without sharing, each connection keeps one server process. A sharing pooler assigns the process
/// of the first connection to the second one's transaction, and the first one then gets another
/// process or has to wait.
pub(super) async fn pooling(connector: &Connector) -> Result<Pooling, Error> {
    let silent = |_: &str| {};
    let seen = connector.talk_plainly(silent, async |first: Client| {
        process(&first, "").await?;
        let beside = async |second: Client| compare(&first, &second).await;
        let second = connector.talk_plainly(silent, beside);
        let second = timeout(SECOND_WAIT, second).await;
        second.unwrap_or(Ok(Pooling::Single))
    });
    match seen.await {
        // `pool_mode=statement` refuses transactions.
        Err(error) if error.code() == Some(&SqlState::PROTOCOL_VIOLATION) && is_refused(&error) => {
            Ok(Pooling::Shared)
        }
        seen => seen,
    }
}

fn is_refused(error: &Error) -> bool {
    let refusal = error.as_db_error();
    refusal.is_some_and(|refusal| refusal.message().contains("statement pooling"))
}

async fn compare(first: &Client, second: &Client) -> Result<Pooling, Error> {
    let own = [process(first, "").await?, process(second, "").await?];
    for _ in 0..ROUNDS {
        let of_second = process(second, "BEGIN;").await?;
        let of_first = timeout(WAIT, process(first, "")).await;
        second.batch_execute("ROLLBACK").await?;
        let Ok(of_first) = of_first else {
            return Ok(Pooling::Shared);
        };
        if [of_first?, of_second] != own {
            return Ok(Pooling::Shared);
        }
    }
    Ok(Pooling::Own)
}

/// The server process that executes `before`. Prepares no statement.
async fn process(client: &Client, before: &str) -> Result<Option<String>, Error> {
    let query = format!("{before}SELECT pg_backend_pid()");
    let answer = client.simple_query(&query).await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
