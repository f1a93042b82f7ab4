//! The audit as a file, newest first, without texts. It is sent page by page, as the browser reads.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::stream;

use super::audit::AuditQuery;
use super::page::{Section, respond};
use super::state::Console;
use super::visitor::Visitor;
use crate::store::{AuditRow, AuditSearch};
use crate::text::printable_json;

/// Rows that are read at once.
const PAGE: u32 = 1000;
const COLUMNS: [&str; 11] = [
    "time",
    "command",
    "result",
    "member",
    "decided_by",
    "tenant",
    "chat",
    "reference",
    "message",
    "log_id",
    "reverted",
];

type Write = fn(&[AuditRow], bool) -> anyhow::Result<Vec<u8>>;

pub(super) async fn csv(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<AuditQuery>,
) -> Response {
    export(
        console,
        &visitor,
        &query,
        ("text/csv; charset=utf-8", "csv"),
        write_csv,
    )
}

pub(super) async fn json(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<AuditQuery>,
) -> Response {
    export(
        console,
        &visitor,
        &query,
        ("application/jsonl", "jsonl"),
        write_json,
    )
}

fn export(
    console: Arc<Console>,
    visitor: &Visitor,
    query: &AuditQuery,
    (kind, extension): (&'static str, &str),
    write: Write,
) -> Response {
    let search = match query.search(&console, PAGE) {
        Ok(search) => search,
        Err(failure) => return respond(visitor, Section::Audit, Err(failure)),
    };
    let name = format!("attachment; filename=\"noticebot-audit.{extension}\"");
    let headers = [(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)];
    // An error breaks the download off, so that a part does not look complete.
    let pages = stream::try_unfold(Some((search, true)), move |state| {
        let console = Arc::clone(&console);
        async move {
            let Some((search, is_first)) = state else {
                return anyhow::Ok(None);
            };
            let (rows, next) = read(&console, search).await?;
            let bytes = Bytes::from(write(&rows, is_first)?);
            Ok(Some((bytes, next.map(|search| (search, false)))))
        }
    });
    (headers, Body::from_stream(pages)).into_response()
}

/// A page, and the search for the next one.
async fn read(
    console: &Console,
    search: AuditSearch,
) -> anyhow::Result<(Vec<AuditRow>, Option<AuditSearch>)> {
    let (app, asked) = (console.app().to_owned(), search.clone());
    let read = console
        .store
        .ask(move |store| async move { store.page_of_audit(&app, &asked).await }.boxed());
    let page = read.await?;
    let rows = page.rows.into_iter().map(AuditRow::without_text).collect();
    let next = page.next.map(|key| AuditSearch {
        before: Some(key),
        ..search
    });
    Ok((rows, next))
}

fn write_json(rows: &[AuditRow], _: bool) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    for row in rows {
        let json = serde_json::to_string(row)?;
        out.extend_from_slice(printable_json(&json).as_bytes());
        out.push(b'\n');
    }
    Ok(out)
}

fn write_csv(rows: &[AuditRow], with_head: bool) -> anyhow::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if with_head {
        out.write_record(COLUMNS)?;
    }
    for row in rows {
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            row.at.to_string(),
            row.deed.clone(),
            row.result.clone(),
            optional(&row.actor),
            optional(&row.approver),
            row.tenant.clone(),
            row.chat.clone(),
            row.reference.clone(),
            row.message.clone(),
            optional(&row.log_id),
            row.undone.to_string(),
        ];
        out.write_record(cells.map(|cell| inert(&cell)))?;
    }
    Ok(out.into_inner()?)
}

/// The same text, which no spreadsheet takes for a formula.
fn inert(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_file_of_rows_is_safe_to_open() {
        let row = AuditRow {
            id: 1,
            at: Timestamp::UNIX_EPOCH,
            reference: "a1b2c3d4".to_owned(),
            tenant: String::new(),
            chat: "oc_1,\"2\"".to_owned(),
            actor: Some("=HYPERLINK(\"http://evil.example\")".to_owned()),
            approver: None,
            deed: "pin".to_owned(),
            result: "done".to_owned(),
            reason: None,
            log_id: Some("+1".to_owned()),
            place: None,
            undone: false,
            message: "om_1".to_owned(),
            summary: None,
        };
        let text = String::from_utf8(write_csv(&[row], true).unwrap()).unwrap();
        assert_eq!(
            text,
            "time,command,result,member,decided_by,tenant,chat,reference,message,log_id,reverted\n\
             1970-01-01T00:00:00Z,pin,done,\"'=HYPERLINK(\"\"http://evil.example\"\")\",,,\
             \"oc_1,\"\"2\"\"\",a1b2c3d4,om_1,'+1,false\n"
        );
    }
}
