//! Executes shared statements on PostgreSQL.

use std::error::Error as StdError;

use bytes::BytesMut;
use deadpool_postgres::GenericClient;
use tokio_postgres::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::store::statement::{Query, Row, Statement, Unreadable, Value};

/// Why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum ExecuteError {
    #[error(transparent)]
    Server(#[from] Error),
    #[error(transparent)]
    Row(#[from] Unreadable),
}

/// Returns the number of changed rows.
pub(in crate::store) async fn execute(
    client: &impl GenericClient,
    statement: &Statement,
) -> Result<usize, Error> {
    let prepared = client.prepare_cached(statement.sql_on_server()).await?;
    let rows = client.execute(&prepared, &parameters(statement)).await?;
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

pub(in crate::store) async fn rows<T>(
    client: &impl GenericClient,
    query: &Query<T>,
) -> Result<Vec<T>, ExecuteError> {
    let prepared = client
        .prepare_cached(query.statement.sql_on_server())
        .await?;
    let rows = client
        .query(&prepared, &parameters(&query.statement))
        .await?;
    let read = rows.iter().map(|row| (query.read)(&Row::Postgres(row)));
    Ok(read.collect::<Result<_, _>>()?)
}

/// Fails if there is no row.
pub(in crate::store) async fn only<T>(
    client: &impl GenericClient,
    query: &Query<T>,
) -> Result<T, ExecuteError> {
    let first = rows(client, query).await?.into_iter().next();
    Ok(first.ok_or(Unreadable)?)
}

fn parameters(statement: &Statement) -> Vec<&(dyn ToSql + Sync)> {
    let values = statement.values.iter();
    values.map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => value.to_sql_checked(ty, out),
            Self::Integer(value) => value.to_sql_checked(ty, out),
            Self::Text(value) => value.to_sql_checked(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // The type depends on the value; `to_sql_checked` checks it.
        true
    }

    to_sql_checked!();
}
