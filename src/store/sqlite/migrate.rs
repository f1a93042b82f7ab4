//! The tables, created and migrated.

use rusqlite::Connection;

/// The changes of the tables, in order. The database remembers in its
/// `user_version` how many of them it has.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/0001_first.sql")];

/// The version of the tables of this release.
pub(in crate::store) const LATEST: usize = MIGRATIONS.len();

/// The version of the tables as they are.
pub(in crate::store) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the tables up to date.
pub(super) fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    migrate_with(connection, MIGRATIONS)
}

fn migrate_with(connection: &mut Connection, changes: &[&str]) -> anyhow::Result<()> {
    let version = version(connection)?;
    anyhow::ensure!(
        version <= changes.len(),
        "they were made by a newer noticebot: install that one again, or restore a back-up"
    );
    for (number, statements) in changes.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(statements)?;
        transaction.pragma_update(None, "user_version", number + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
