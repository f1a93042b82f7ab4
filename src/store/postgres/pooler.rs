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

/// How often it is tried: a busy pooler may give both connections the same processes again by chance.
const ROUNDS: usize = 8;
/// A pooler with one session lets the second client wait for it.
const WAIT: Duration = Duration::from_secs(2);
/// How long the second connection may take, with all that is asked over it.
const SECOND_WAIT: Duration = Duration::from_secs(4);

/// What a second connection shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Each connection has a session of its own.
    Own,
    Shared,
    /// There is no session for the second connection while the first one has its own.
    Single,
}

/// How a pooler gives sessions to connections, if there is one.
///
/// Each connection of one's own has one process of the server. A pooler that shares them gives the
/// process that served the first connection to the second one's transaction, and the first then
/// gets another, or has to wait.
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

/// The process of the server that answers after a statement. Nothing is prepared for it.
async fn process(client: &Client, before: &str) -> Result<Option<String>, Error> {
    let query = format!("{before}SELECT pg_backend_pid()");
    let answer = client.simple_query(&query).await?;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
