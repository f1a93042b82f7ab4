//! Creates and migrates the tables, even when several replicas start at once and replicas of the
//! previous release still run.

use anyhow::{Context as _, ensure};
use tokio_postgres::{Client, Transaction};

/// The database may be shared, so all tables are in this schema.
pub(in crate::store) const SCHEMA: &str = "noticebot";
/// The advisory lock held during a migration; the number spells "noti".
const LOCK: i64 = 0x6e6f_7469;

pub(super) struct Migration {
    pub(super) statements: &'static str,
    /// How many migrations a release must know to run on the tables after this one. A migration
    /// that only adds leaves it unchanged, so it can be applied while the previous release runs.
    pub(super) needs: usize,
}

/// In order; the table `migrations` records the applied ones.
const MIGRATIONS: &[Migration] = &[Migration {
    statements: include_str!("../../../migrations/postgres/0001_first.sql"),
    needs: 1,
}];

/// Applies the missing migrations in one transaction.
pub(super) async fn migrate(client: &mut Client) -> anyhow::Result<()> {
    migrate_with(client, MIGRATIONS).await
}

pub(super) async fn migrate_with(
    client: &mut Client,
    migrations: &[Migration],
) -> anyhow::Result<()> {
    let transaction = client.transaction().await?;
    // Other starting replicas wait here without a time limit.
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK});"
        ))
        .await?;
    let applied = applied(&transaction).await?;
    ensure!(
        applied.needs <= migrations.len(),
        "the database was written by a newer noticebot: install that version again, or restore a backup"
    );
    let missing = migrations.iter().enumerate().skip(applied.count);
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

/// State of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    None,
    /// Those of this release, or of another one that it is compatible with.
    Fit,
    /// Those of an earlier release: the next start migrates them.
    Old,
    /// Those of a later release that this one is incompatible with.
    New,
}

pub(in crate::store) async fn tables(client: &Client) -> Result<Tables, tokio_postgres::Error> {
    let table = "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations'";
    if client.query_opt(table, &[&SCHEMA]).await?.is_none() {
        return Ok(Tables::None);
    }
    let row = client.query_one(NEWEST, &[]).await?;
    let [applied, needs]: [i32; 2] = [row.get(0), row.get(1)];
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    Ok(match applied {
        _ if needs > known => Tables::New,
        0 => Tables::None,
        applied if applied < known => Tables::Old,
        _ => Tables::Fit,
    })
}

/// A script that creates this release's tables in an empty database.
pub(in crate::store) fn script() -> String {
    // The script is UTF-8, regardless of the terminal's encoding.
    let schema =
        format!("SET client_encoding = 'UTF8';\nCREATE SCHEMA {SCHEMA};\n{CREATE_MIGRATIONS};\n");
    let migrations = MIGRATIONS.iter().zip(1..).map(|(migration, version)| {
        let Migration { statements, needs } = migration;
        format!(
            "{statements}INSERT INTO noticebot.migrations (version, needs) VALUES ({version}, {needs});\n"
        )
    });
    [schema].into_iter().chain(migrations).collect()
}

const CREATE_MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS noticebot.migrations (
     version    integer     PRIMARY KEY,
     needs      integer     NOT NULL,
     made_at    timestamptz NOT NULL DEFAULT now())";

/// The newest applied migration, and the number of migrations a release must know.
const NEWEST: &str =
    "SELECT coalesce(max(version), 0), coalesce(max(needs), 0) FROM noticebot.migrations";

/// The applied migrations.
struct AppliedMigrations {
    count: usize,
    needs: usize,
}

async fn applied(transaction: &Transaction<'_>) -> anyhow::Result<AppliedMigrations> {
    // Not "IF NOT EXISTS", which requires the privilege to create even if the schema exists.
    let schema = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
    if transaction.query_opt(schema, &[&SCHEMA]).await?.is_none() {
        transaction
            .batch_execute(&format!("CREATE SCHEMA {SCHEMA}"))
            .await
            .context("creating the schema: grant the user CREATE on this database")?;
    }
    transaction.batch_execute(CREATE_MIGRATIONS).await?;
    let row = transaction.query_one(NEWEST, &[]).await?;
    Ok(AppliedMigrations {
        count: usize::try_from(row.get::<_, i32>(0))?,
        needs: usize::try_from(row.get::<_, i32>(1))?,
    })
}
