//! The audit: a search over all changes, and what admins did.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::response::Response;
use futures_util::FutureExt as _;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};
use serde::Deserialize;

use super::failure::Failure;
use super::page::{
    Section, choice, code, csrf, field, moment, next, path, query, respond, table_with_text,
};
use super::state::Console;
use super::visitor::Visitor;
use crate::config::AppType;
use crate::language::Bilingual;
use crate::model::job::Tenant;
use crate::store::{AdminAction, AdminDeed, AuditResult, AuditRow, AuditSearch};

const PAGE: u32 = 50;

/// The search. Empty values do not restrict it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct AuditQuery {
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    chat: String,
    /// An open id.
    #[serde(default)]
    person: String,
    /// `failed`, or a result.
    #[serde(default)]
    result: String,
    /// The first and the last day.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// The id after which the page begins.
    #[serde(default)]
    before: String,
}

impl AuditQuery {
    pub(super) fn search(&self, console: &Console, limit: u32) -> Result<AuditSearch, Failure> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let tenant = match console.config.feishu.app_type {
            AppType::Custom => Some(String::new()),
            AppType::Store => text(&self.tenant),
        };
        let result = text(&self.result).map(|result| match result.as_str() {
            "failed" => AuditResult::Failed,
            _ => AuditResult::Is(result),
        });
        Ok(AuditSearch {
            tenant,
            chat: text(&self.chat),
            person: text(&self.person),
            result,
            since: begin_of(console, &self.from, 0)?,
            until: begin_of(console, &self.to, 1)?,
            before: self.before.parse().ok(),
            limit,
        })
    }

    fn pairs<'q>(&'q self, before: &'q str) -> [(&'static str, &'q str); 7] {
        [
            ("tenant", &self.tenant),
            ("chat", &self.chat),
            ("person", &self.person),
            ("result", &self.result),
            ("from", &self.from),
            ("to", &self.to),
            ("before", before),
        ]
    }
}

/// The beginning of a day, or of one some days later.
fn begin_of(console: &Console, day: &str, later: i32) -> Result<Option<Timestamp>, Failure> {
    let day = day.trim();
    if day.is_empty() {
        return Ok(None);
    }
    let date: Option<Date> = day.parse().ok();
    let date = date.and_then(|date| date.checked_add(later.days()).ok());
    let begin = date.and_then(|date| date.to_zoned(console.zone.clone()).ok());
    let refused = Failure::Refused(Bilingual::new(
        "日期格式应为 2026-11-30。",
        "A date looks like 2026-11-30.",
    ));
    begin.map(|begin| Some(begin.timestamp())).ok_or(refused)
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<AuditQuery>,
) -> Response {
    let content = content(&console, &visitor, &query, false).await;
    respond(&visitor, Section::Audit, content)
}

/// Shows the first words of texts, and records that.
pub(super) async fn page_with_text(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Form(query): Form<AuditQuery>,
) -> Response {
    let content = content(&console, &visitor, &query, true).await;
    respond(&visitor, Section::Audit, content)
}

async fn content(
    console: &Console,
    visitor: &Visitor,
    asked: &AuditQuery,
    with_text: bool,
) -> Result<Markup, Failure> {
    let search = asked.search(console, PAGE)?;
    let (app, now, by) = (
        console.app().to_owned(),
        console.clock.now(),
        visitor.name(),
    );
    let tenant = console.tenant(search.tenant.as_deref().unwrap_or_default());
    let read = console.store.ask(move |store| {
        async move {
            let mut page = store.page_of_audit(&app, &search).await?;
            if with_text {
                let shown = shown(&tenant, search.chat.as_deref(), &by);
                store.record_action(&shown, now).await?;
            } else {
                let rows = page.rows.into_iter();
                page.rows = rows.map(AuditRow::without_text).collect();
            }
            Ok(page)
        }
        .boxed()
    });
    let page = read.await?;
    let rows: Vec<_> = page.rows.iter().map(|row| cells(console, row)).collect();
    Ok(html! {
        (filter(console, visitor, asked))
        @if rows.is_empty() {
            p.empty {
                @if page.next.is_some() {
                    (visitor.say(
                        "这一段记录中没有符合条件的，可继续向前查找。",
                        "None of the rows searched so far match. Older rows may.",
                    ))
                } @else {
                    (visitor.say("没有符合条件的记录。", "No changes match."))
                }
            }
        } @else {
            (table_with_text(visitor.say("审计记录", "Changes"), &head(visitor), &rows, Some(6)))
        }
        @if let Some(key) = page.next {
            (next(visitor, &format!("/audit{}", query(&asked.pairs(&key.to_string())))))
        }
        (below(visitor, asked))
    })
}

fn shown<'a>(tenant: &'a Tenant, chat: Option<&'a str>, by: &'a str) -> AdminAction<'a> {
    AdminAction {
        tenant,
        chat: chat.unwrap_or_default(),
        reference: "",
        deed: AdminDeed::ShowText,
        by,
    }
}

fn filter(console: &Console, visitor: &Visitor, asked: &AuditQuery) -> Markup {
    let results = [
        ("", visitor.say("全部", "All")),
        ("done", visitor.say("成功", "Done")),
        ("failed", visitor.say("未成功", "Not done")),
    ];
    let is_listed = results.iter().any(|(value, _)| *value == asked.result);
    let mut results = Vec::from(results);
    if !is_listed {
        results.push((&asked.result, &asked.result));
    }
    html! {
        form.filter method="get" action="/audit" role="search" {
            (field("chat", visitor.say("群组 ID", "Chat id"), &asked.chat, "oc_…"))
            (field("person", visitor.say("成员 open_id", "Member's open_id"), &asked.person, "ou_…"))
            @if console.config.feishu.app_type == AppType::Store {
                (field("tenant", visitor.say("企业", "Tenant"), &asked.tenant, ""))
            }
            (choice("result", visitor.say("结果", "Result"), &asked.result, &results))
            label {
                span { (visitor.say("从", "From")) }
                input type="date" name="from" value=(asked.from);
            }
            label {
                span { (visitor.say("到", "To")) }
                input type="date" name="to" value=(asked.to);
            }
            button.primary { (visitor.say("查找", "Search")) }
        }
    }
}

fn head(visitor: &Visitor) -> [&'static str; 7] {
    [
        visitor.say("时间", "Time"),
        visitor.say("操作", "Command"),
        visitor.say("结果", "Result"),
        visitor.say("成员", "Member"),
        visitor.say("群组", "Chat"),
        visitor.say("参考号", "Reference"),
        visitor.say("内容", "Text"),
    ]
}

fn cells(console: &Console, row: &AuditRow) -> Vec<Markup> {
    let class = if row.result == "done" { "good" } else { "warn" };
    vec![
        moment(console, row.at),
        html! { (row.deed) @if row.undone { " ↩" } },
        html! {
            a.{ "badge " (class) } href={ "/audit" (query(&[("result", &row.result)])) } { (row.result) }
            @if let Some(log_id) = &row.log_id { " " (code(log_id)) }
        },
        html! {
            @if let Some(actor) = &row.actor {
                a href={ "/audit" (query(&[("person", actor)])) } { (code(actor)) }
            }
            @if let Some(approver) = &row.approver {
                " ✓ " a href={ "/audit" (query(&[("person", approver)])) } { (code(approver)) }
            }
        },
        html! {
            @if !row.chat.is_empty() {
                a href=(path("/groups", &row.chat)) { (code(&row.chat)) }
            }
        },
        html! {
            @if !row.reference.is_empty() {
                a href=(path("/jobs", &row.reference)) { (code(&row.reference)) }
            }
        },
        html! {
            @if let Some(summary) = &row.summary { (summary) }
            @if let Some(reason) = &row.reason { " (" (reason) ")" }
        },
    ]
}

fn below(visitor: &Visitor, asked: &AuditQuery) -> Markup {
    let of_search = query(&asked.pairs(""));
    html! {
        div.actions {
            a.chip href={ "/audit.csv" (of_search) } download { (visitor.say("导出 CSV", "Export CSV")) }
            a.chip href={ "/audit.json" (of_search) } download { (visitor.say("导出 JSON", "Export JSON")) }
            form method="post" action="/audit" {
                (csrf(visitor))
                @for (name, value) in asked.pairs(&asked.before) {
                    input type="hidden" name=(name) value=(value);
                }
                button { (visitor.say("显示内容", "Show text")) }
            }
        }
        p.hint {
            (visitor.say(
                "内容由成员撰写，每次显示都会记入审计；导出不含内容。",
                "Members wrote the texts: the audit records each time that they are shown, and exports leave them out.",
            ))
        }
    }
}
