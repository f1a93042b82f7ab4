//! One SQL statement for both databases.
//!
//! A statement is a value: its text, its parameters, and for a query how a row is read. Each
//! database has an executor ([`sqlite::executor`](super::sqlite::executor),
//! [`postgres::executor`](super::postgres::executor)). The text uses what both dialects share:
//!
//! - Parameters are `$1`, `$2`, … and occur first in this order, by which SQLite numbers them.
//! - Tables have no schema; sessions with a server find ours by their `search_path`.
//! - Every result column has a name of its own.
//! - [`ITEMS`] is a table of many rows: each dialect has a function of its own for that.

use std::borrow::Cow;
use std::iter;

use feishu::TenantKey;
use jiff::Timestamp;

use crate::model::job::{ChatKey, JobKey, Tenant};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Text(String),
}

/// A statement that changes rows.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) sql: Cow<'static, str>,
    /// The text for PostgreSQL, where it differs.
    on_server: Option<String>,
    pub(super) values: Vec<Value>,
}

/// The start of a statement that writes any number of rows, with the table `item` of the elements of
/// the JSON array `$1`: `item.value ->> 'name'` is the text of a member.
pub(super) const ITEMS: &str = "WITH item AS (SELECT value FROM json_each($1))";
const ITEMS_ON_SERVER: &str = "WITH item AS (
         SELECT * FROM jsonb_array_elements(CAST(CAST($1 AS text) AS jsonb)) AS item (value))";

/// A statement that returns rows.
pub(super) struct Query<T> {
    pub(super) statement: Statement,
    pub(super) read: Read<T>,
}

type Read<T> = fn(&Row<'_>) -> Result<T, Unreadable>;

/// A row of either database.
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// A value that does not match its column. It hides the database's error, which may quote a
/// message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a row of the database cannot be read")]
pub(super) struct Unreadable;

impl Statement {
    pub(super) fn new(
        sql: impl Into<Cow<'static, str>>,
        values: impl IntoIterator<Item = Value>,
    ) -> Self {
        Self {
            sql: sql.into(),
            on_server: None,
            values: values.into_iter().collect(),
        }
    }

    /// A statement that starts with [`ITEMS`], a JSON array.
    pub(super) fn of_items(
        sql: String,
        items: String,
        values: impl IntoIterator<Item = Value>,
    ) -> Self {
        Self {
            on_server: Some(sql.replace(ITEMS, ITEMS_ON_SERVER)),
            sql: sql.into(),
            values: iter::once(items.into()).chain(values).collect(),
        }
    }

    /// The text in PostgreSQL's dialect.
    pub(super) fn sql_on_server(&self) -> &str {
        self.on_server.as_deref().unwrap_or(&self.sql)
    }

    pub(super) fn read<T>(self, read: Read<T>) -> Query<T> {
        Query {
            statement: self,
            read,
        }
    }
}

/// A column type of both databases.
pub(super) trait Column:
    rusqlite::types::FromSql + for<'r> tokio_postgres::types::FromSql<'r>
{
}

impl<T> Column for T where T: rusqlite::types::FromSql + for<'r> tokio_postgres::types::FromSql<'r> {}

impl Row<'_> {
    pub(super) fn get<T: Column>(&self, column: &str) -> Result<T, Unreadable> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|_| Unreadable),
            Self::Postgres(row) => row.try_get(column).map_err(|_| Unreadable),
        }
    }

    /// A count, stored as a signed integer.
    pub(super) fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Unreadable> {
        T::try_from(self.get(column)?).map_err(|_| Unreadable)
    }

    /// The number of a schedule or text in its chat, if it has one.
    pub(super) fn number(&self) -> Result<Option<u32>, Unreadable> {
        let number: Option<i64> = self.get("number")?;
        Ok(number.and_then(|number| number.try_into().ok()))
    }

    /// A time in milliseconds since the Unix epoch.
    pub(super) fn time(&self, column: &str) -> Result<Timestamp, Unreadable> {
        timestamp(self.get(column)?)
    }

    pub(super) fn time_if_any(&self, column: &str) -> Result<Option<Timestamp>, Unreadable> {
        self.get::<Option<i64>>(column)?.map(timestamp).transpose()
    }
}

pub(super) fn timestamp(milliseconds: i64) -> Result<Timestamp, Unreadable> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| Unreadable)
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.as_millisecond())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&TenantKey> for Value {
    fn from(value: &TenantKey) -> Self {
        value.as_str().into()
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::store::statement::Value::from($value)),*] };
}
pub(super) use values;

impl ChatKey {
    /// The columns `app`, `tenant` and `chat`.
    pub(super) fn values(&self) -> [Value; 3] {
        let Tenant { app, key } = &self.tenant;
        values![app, key, &self.chat]
    }
}

impl JobKey {
    /// The columns `app`, `tenant`, `origin` and `kind`.
    pub(super) fn values(&self) -> [Value; 4] {
        let Tenant { app, key } = &self.tenant;
        values![app, key, &self.origin, self.kind.as_str()]
    }
}
