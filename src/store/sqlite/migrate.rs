//! Creates and migrates the tables.

use rusqlite::Connection;

/// In order; `user_version` stores the number of applied migrations.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/0001_first.sql")];

pub(in crate::store) const LATEST: usize = MIGRATIONS.len();

pub(in crate::store) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn migrate(connection: &mut Connection) -> anyhow::Result<()> {
    migrate_with(connection, MIGRATIONS)
}

fn migrate_with(connection: &mut Connection, changes: &[&str]) -> anyhow::Result<()> {
    let version = version(connection)?;
    anyhow::ensure!(
        version <= changes.len(),
        "the database was written by a newer noticebot: install that version again, or restore a backup"
    );
    for (number, statements) in changes.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(statements)?;
        transaction.pragma_update(None, "user_version", number + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
