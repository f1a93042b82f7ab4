//! Executes shared statements on SQLite.

use rusqlite::types::{ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{CachedStatement, Connection, params_from_iter};

use crate::store::statement::{Query, Row, Statement, Unreadable, Value};

/// Returns the number of changed rows.
pub(in crate::store) fn execute(
    connection: &Connection,
    statement: &Statement,
) -> rusqlite::Result<usize> {
    prepare(connection, statement)?.execute(params_from_iter(&statement.values))
}

pub(in crate::store) fn rows<T>(
    connection: &Connection,
    query: &Query<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut prepared = prepare(connection, &query.statement)?;
    let rows = prepared.query_map(params_from_iter(&query.statement.values), |row| {
        Ok((query.read)(&Row::Sqlite(row))?)
    })?;
    rows.collect()
}

/// Fails if there is no row.
pub(in crate::store) fn only<T>(connection: &Connection, query: &Query<T>) -> rusqlite::Result<T> {
    let first = rows(connection, query)?.into_iter().next();
    first.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

fn prepare<'c>(
    connection: &'c Connection,
    statement: &Statement,
) -> rusqlite::Result<CachedStatement<'c>> {
    let prepared = connection.prepare_cached(&statement.sql)?;
    // SQLite treats `$1` as a name and numbers names by first occurrence.
    debug_assert!(
        (1..=prepared.parameter_count())
            .all(|number| prepared.parameter_name(number) == Some(&format!("${number}"))),
        "the parameters are out of order: {}",
        statement.sql
    );
    Ok(prepared)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
        })
    }
}

impl From<Unreadable> for rusqlite::Error {
    fn from(unreadable: Unreadable) -> Self {
        Self::FromSqlConversionFailure(0, Type::Null, Box::new(unreadable))
    }
}
