//! The tables, made and brought up to date, also when several bots start at once
//! and while bots of the release before still run on them.

use anyhow::{Context as _, ensure};
use tokio_postgres::{Client, Transaction};

/// The database may be shared, so all tables are in this schema, which is in the `search_path` of
/// every session.
pub(in crate::store) const SCHEMA: &str = "noticebot";
/// Who migrates holds this advisory lock; the number spells "noti".
const LOCK: i64 = 0x6e6f_7469;

/// A change of the tables.
pub(super) struct Migration {
    pub(super) statements: &'static str,
    /// A release has to know this many migrations to run on the tables as they
    /// are after this one. Those that only add leave it as it was, and so can be
    /// made while the release before runs.
    pub(super) needs: usize,
}

/// In order; the table `migrations` remembers which of them were made.
const MIGRATIONS: &[Migration] = &[Migration {
    statements: include_str!("../../../migrations/postgres/0001_first.sql"),
    needs: 1,
}];

/// Brings the tables up to date, in one transaction.
pub(super) async fn migrate(client: &mut Client) -> anyhow::Result<()> {
    migrate_with(client, MIGRATIONS).await
}

pub(super) async fn migrate_with(
    client: &mut Client,
    migrations: &[Migration],
) -> anyhow::Result<()> {
    let transaction = client.transaction().await?;
    // Whoever else starts waits here for as long as it takes.
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK});"
        ))
        .await?;
    let made = made(&transaction).await?;
    ensure!(
        made.needs <= migrations.len(),
        "they were made for a newer noticebot: install that one again, or restore a back-up"
    );
    let missing = migrations.iter().enumerate().skip(made.count);
    for (number, Migration { statements, needs }) in missing {
        let version = i32::try_from(number + 1)?;
        let needs = i32::try_from(*needs)?;
        transaction
            .batch_execute(statements)
            .await
            .with_context(|| format!("migration {version}"))?;
        transaction
            .execute(
                "INSERT INTO noticebot.migrations (version, needs) VALUES ($1, $2)",
                &[&version, &needs],
            )
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Which tables there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    None,
    /// Those of this release, or of another on which it runs.
    Fit,
    /// Those of an earlier release: the next start brings them up to date.
    Old,
    /// Those of a later release, on which this one does not run.
    New,
}

pub(in crate::store) async fn tables(client: &Client) -> Result<Tables, tokio_postgres::Error> {
    let table = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations'";
    if client.query_opt(table, &[&SCHEMA]).await?.is_none() {
        return Ok(Tables::None);
    }
    let row = client.query_one(NEWEST, &[]).await?;
    let [made, needs]: [i32; 2] = [row.get(0), row.get(1)];
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    Ok(match made {
        _ if needs > known => Tables::New,
        0 => Tables::None,
        made if made < known => Tables::Old,
        _ => Tables::Fit,
    })
}

/// Statements that make the tables of this release in an empty database.
pub(in crate::store) fn script() -> String {
    // What is written behind this is UTF-8, whatever the terminal of who restores it is.
    let schema = format!("SET client_encoding = 'UTF8';\nCREATE SCHEMA {SCHEMA};\n{MADE};\n");
    let migrations = MIGRATIONS.iter().zip(1..).map(|(migration, version)| {
        let Migration { statements, needs } = migration;
        format!(
            "{statements}INSERT INTO noticebot.migrations (version, needs) VALUES ({version}, {needs});\n"
        )
    });
    [schema].into_iter().chain(migrations).collect()
}

/// Remembers which migrations were made.
const MADE: &str = "CREATE TABLE IF NOT EXISTS noticebot.migrations (
     version    integer     PRIMARY KEY,
     needs      integer     NOT NULL,
     made_at    timestamptz NOT NULL DEFAULT now())";

/// The newest migration that was made, and how many a release has to know.
const NEWEST: &str =
    "SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM noticebot.migrations";

/// Which migrations the tables have seen.
struct RecordedChange {
    count: usize,
    needs: usize,
}

async fn made(transaction: &Transaction<'_>) -> anyhow::Result<RecordedChange> {
    // Not "if not exists": that asks for the right to make one all the same.
    let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if transaction.query_opt(schema, &[&SCHEMA]).await?.is_none() {
        transaction
            .batch_execute(&format!("CREATE SCHEMA {SCHEMA}"))
            .await
            .context("making the schema: the user needs the right to create in this database")?;
    }
    transaction.batch_execute(MADE).await?;
    let row = transaction.query_one(NEWEST, &[]).await?;
    Ok(RecordedChange {
        count: usize::try_from(row.get::<_, i32>(0))?,
        needs: usize::try_from(row.get::<_, i32>(1))?,
    })
}
