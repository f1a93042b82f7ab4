//! Inspects a database without changing it.

use feishu::ExtraRoots;
use tokio_postgres::Client;

use super::connect::{self, Access, Connector, Unreachable, describe, unless_silent};
use super::migrate::{self, Tables};
use super::pooler::{self, Pooling};

/// Number of sessions that an inspection needs.
const LEAST_SESSIONS: usize = 3;

/// What an inspection found.
#[derive(Debug, Clone)]
pub(crate) struct InspectedServer {
    pub(crate) version: String,
    pub(crate) tables: Tables,
    /// It is a standby, or read-only for another reason.
    pub(crate) read_only: bool,
    /// A pooler gives each transaction another session.
    pub(crate) shared_sessions: bool,
    /// The user can create the tables.
    pub(crate) may_create: bool,
    /// Why a test write failed; `None` if it succeeded or was not tried.
    pub(crate) refused: Option<String>,
    /// Number of this app's running replicas.
    pub(crate) bots: i64,
    /// Size of the database.
    pub(crate) bytes: u64,
}

pub(crate) async fn inspect(
    server: &tokio_postgres::Config,
    app: &str,
    extra_roots: &ExtraRoots,
) -> Result<InspectedServer, Unreachable> {
    let mut client = connect::look_at(server, extra_roots).await?;
    let connector = Connector::new(server, extra_roots, Access::Any);
    let connector = connector.map_err(|error| Unreachable::new(format!("{error:#}")))?;
    let pooling = unless_silent(async { Ok(pooler::pooling(&connector).await?) }).await?;
    if pooling == Pooling::Single {
        return Err(Unreachable::few_sessions(LEAST_SESSIONS));
    }
    let mut seen = look(&mut client, app).await?;
    seen.shared_sessions = pooling == Pooling::Shared;
    Ok(seen)
}

async fn look(client: &mut Client, app: &str) -> Result<InspectedServer, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version'),
                 pg_is_in_recovery() OR current_setting('transaction_read_only')::bool,
                 has_database_privilege(current_database(), 'CREATE'),
                 pg_database_size(current_database())",
            &[],
        )
        .await?;
    let tables = migrate::tables(client).await?;
    let mut seen = InspectedServer {
        version: row.get(0),
        tables,
        read_only: row.get(1),
        shared_sessions: false,
        may_create: row.get(2),
        refused: None,
        bots: 0,
        bytes: u64::try_from(row.get::<_, i64>(3)).unwrap_or_default(),
    };
    if tables != Tables::None && !seen.read_only {
        seen.refused = try_to_write(client, app)
            .await
            .err()
            .map(|error| describe(&error));
        let bots = "SELECT count(*) FROM noticebot.replicas
             WHERE app = $1 AND lease_until > clock_timestamp()";
        seen.bots = client.query_one(bots, &[&app]).await?.get(0);
    }
    Ok(seen)
}

/// Writes a row and rolls back.
async fn try_to_write(client: &mut Client, app: &str) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .execute(
            "INSERT INTO noticebot.limits (app, tenant, api, until) VALUES ($1, '', '', 0)
             ON CONFLICT (app, tenant, api) DO UPDATE SET until = limits.until",
            &[&app],
        )
        .await?;
    transaction.rollback().await
}
