//! Statements that search the audit, newest first.
//!
//! An index finds the rows of one chat, of one person or with one result. Other conditions are
//! tested row by row, for a limited number of rows: a search for something rare ends with the place
//! where it continues, instead of reading the whole table.

use jiff::Timestamp;

use super::rows::AuditRow;
use crate::store::statement::{Query, Statement, Value, values};

/// Rows that one search tests.
const WINDOW: u32 = 20_000;

/// The rows of an app in the order of their ids: SQLite would read all rows of an index that begins
/// with the app, and sort them.
pub(super) const BY_ID: &str = "app || '' = {}";

/// Which rows of the audit to show.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditSearch {
    /// Its key.
    pub(crate) tenant: Option<String>,
    pub(crate) chat: Option<String>,
    /// The open id of the author, or of the member who decided.
    pub(crate) person: Option<String>,
    pub(crate) result: Option<AuditResult>,
    pub(crate) since: Option<Timestamp>,
    /// Exclusive.
    pub(crate) until: Option<Timestamp>,
    /// Only rows before this id.
    pub(crate) before: Option<i64>,
    pub(crate) limit: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum AuditResult {
    Failed,
    /// `done`, or the reason of the refusal.
    Is(String),
}

/// A condition with a value for each `{}`.
struct Condition(&'static str, Vec<Value>);

/// The conditions of a search.
struct Conditions {
    /// Of each scan of an index: a person's rows are in two columns.
    scans: Vec<Vec<Condition>>,
    /// Those that no index covers.
    tested: Vec<Condition>,
}

/// SQL with its values. Each value has a parameter of its own.
#[derive(Default)]
struct Text {
    sql: String,
    values: Vec<Value>,
}

impl Text {
    fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    fn all(&mut self, conditions: &[Condition]) {
        for (number, Condition(sql, values)) in conditions.iter().enumerate() {
            self.push(if number == 0 { " WHERE " } else { " AND " });
            let mut values = values.iter();
            for (number, part) in sql.split("{}").enumerate() {
                if number > 0 {
                    self.values.extend(values.next().cloned());
                    let parameter = format!("${}", self.values.len());
                    self.push(&parameter);
                }
                self.push(part);
            }
        }
    }
}

fn conditions(app: &str, search: &AuditSearch, range: &IdRange) -> Conditions {
    let of_app = |has_lead: bool| {
        let of_app = if has_lead { "app = {}" } else { BY_ID };
        let mut indexed = vec![Condition(of_app, values![app].into())];
        indexed.push(Condition("id < {}", values![range.before].into()));
        indexed.push(Condition("id >= {}", values![range.least].into()));
        indexed
    };
    let mut tested = Vec::new();
    let mut lead = None;
    let mut add = |condition, has_index| match (has_index, &lead) {
        (true, None) => lead = Some(condition),
        _ => tested.push(condition),
    };
    let chat = search.chat.as_ref();
    match (&search.tenant, chat) {
        (Some(tenant), Some(chat)) => {
            let values = values![tenant, chat].into();
            add(
                Condition("tenant = {} AND chat = {}", values),
                search.person.is_none(),
            );
        }
        (Some(tenant), None) => add(Condition("tenant = {}", values![tenant].into()), false),
        (None, Some(chat)) => add(Condition("chat = {}", values![chat].into()), false),
        (None, None) => {}
    }
    match &search.result {
        Some(AuditResult::Failed) => add(Condition("result <> 'done'", Vec::new()), false),
        Some(AuditResult::Is(result)) => {
            let has_index = search.person.is_none();
            add(Condition("result = {}", values![result].into()), has_index);
        }
        None => {}
    }
    if let Some(since) = search.since {
        add(Condition("made_at >= {}", values![since].into()), false);
    }
    if let Some(until) = search.until {
        add(Condition("made_at < {}", values![until].into()), false);
    }
    let leads = match &search.person {
        Some(person) => vec![
            Condition("actor = {}", values![person].into()),
            Condition(
                "approver = {} AND actor IS DISTINCT FROM {}",
                values![person, person].into(),
            ),
        ],
        None => Vec::from_iter(lead),
    };
    let mut scans: Vec<_> = leads
        .into_iter()
        .map(|lead| [of_app(true), vec![lead]])
        .collect();
    if scans.is_empty() {
        scans.push([of_app(false), Vec::new()]);
    }
    let scans = scans
        .into_iter()
        .map(|scan| scan.into_iter().flatten().collect());
    Conditions {
        scans: scans.collect(),
        tested,
    }
}

/// The ids that a search reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdRange {
    /// Exclusive.
    pub(super) before: i64,
    pub(super) least: i64,
}

/// The rows that match in this range.
pub(super) fn audit(app: &str, search: &AuditSearch, range: &IdRange) -> Query<AuditRow> {
    let Conditions { scans, tested } = conditions(app, search, range);
    let (columns, limit) = (AuditRow::COLUMNS, search.limit);
    let mut text = Text::default();
    text.push("SELECT * FROM (");
    for (number, mut scan) in scans.into_iter().enumerate() {
        if number > 0 {
            text.push(" UNION ALL ");
        }
        scan.extend(
            tested
                .iter()
                .map(|Condition(sql, values)| Condition(sql, values.clone())),
        );
        text.push(&format!("SELECT * FROM (SELECT {columns} FROM changes"));
        text.all(&scan);
        text.push(&format!(
            " ORDER BY id DESC LIMIT {limit}) AS found_{number}"
        ));
    }
    text.push(&format!(") AS found ORDER BY id DESC LIMIT {limit}"));
    Statement::new(text.sql, text.values).read(AuditRow::read)
}

/// The lowest id that each scan may test; none where it tests every row in the range, or needs no
/// test.
pub(super) fn window(app: &str, search: &AuditSearch, range: &IdRange) -> Vec<Query<i64>> {
    let Conditions { scans, tested } = conditions(app, search, range);
    if tested.is_empty() {
        return Vec::new();
    }
    let end = |scan: Vec<Condition>| {
        let mut text = Text::default();
        text.push("SELECT id FROM changes");
        text.all(&scan);
        text.push(&format!(" ORDER BY id DESC LIMIT 1 OFFSET {WINDOW}"));
        Statement::new(text.sql, text.values).read(|row| row.get("id"))
    };
    scans.into_iter().map(end).collect()
}

/// The id of the last change before a time, and of the first one since a time. Bots write rows a
/// little out of order by time, because their clocks differ: the caller allows for that.
pub(super) fn last_before(app: &str, time: Timestamp) -> Query<i64> {
    let sql = "SELECT id FROM changes WHERE app = $1 AND made_at < $2
         ORDER BY made_at DESC LIMIT 1";
    Statement::new(sql, values![app, time]).read(|row| row.get("id"))
}

/// See [`last_before`].
pub(super) fn first_since(app: &str, time: Timestamp) -> Query<i64> {
    let sql = "SELECT id FROM changes WHERE app = $1 AND made_at >= $2
         ORDER BY made_at LIMIT 1";
    Statement::new(sql, values![app, time]).read(|row| row.get("id"))
}

/// The tenant of a chat.
pub(super) fn tenant_of(app: &str, chat: &str) -> Query<String> {
    let sql = "SELECT tenant FROM tenants WHERE app = $1 AND EXISTS (
             SELECT 1 FROM changes WHERE changes.app = tenants.app
               AND changes.tenant = tenants.tenant AND changes.chat = $2) LIMIT 1";
    Statement::new(sql, values![app, chat]).read(|row| row.get("tenant"))
}
