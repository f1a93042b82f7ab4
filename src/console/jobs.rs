//! The jobs: a filter, one job, and the buttons that retry or drop it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::FutureExt as _;
use maud::{Markup, html};
use serde::Deserialize;
use strum::VariantArray as _;

use super::failure::Failure;
use super::page::{
    Section, choice, code, csrf, facts, field, moment, next, path, query, respond, table,
};
use super::state::Console;
use super::visitor::Visitor;
use super::words::{class, state};
use crate::config::AppType;
use crate::reply;
use crate::store::{AdminDeed, JobFilter, JobState, JobSummary};

const PAGE: u32 = 50;

/// The filter of the list. Empty values do not filter.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct JobQuery {
    /// `all`, or a state; otherwise every state but `done`.
    #[serde(default)]
    state: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    chat: String,
    /// The id after which the page begins.
    #[serde(default)]
    before: String,
}

impl JobQuery {
    fn filter(&self) -> JobFilter {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let states = match self.state.as_str() {
            "all" => Vec::new(),
            name => match name.parse() {
                Ok(state) => vec![state],
                Err(_) => not_done().collect(),
            },
        };
        JobFilter {
            states,
            tenant: text(&self.tenant),
            chat: text(&self.chat),
            before: self.before.parse().ok(),
            limit: PAGE,
        }
    }

    /// The query of a page that begins after this id.
    fn at(&self, before: &str) -> String {
        query(&[
            ("state", &self.state),
            ("tenant", &self.tenant),
            ("chat", &self.chat),
            ("before", before),
        ])
    }
}

fn not_done() -> impl Iterator<Item = JobState> {
    let all = JobState::VARIANTS.iter().copied();
    all.filter(|state| *state != JobState::Done)
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Query(query): Query<JobQuery>,
) -> Response {
    let rows = rows(&console, &visitor, &query).await;
    let content = rows.map(|rows| {
        // Only the newest jobs change while somebody looks.
        let live = query.before.is_empty().then(|| {
            let rest = query.at("");
            let rest = rest.strip_prefix('?').unwrap_or_default();
            format!("/live?page=jobs&{rest}")
        });
        html! {
            (filter(&console, &visitor, &query))
            div #live data-live=[live] { (rows) }
        }
    });
    respond(&visitor, Section::Jobs, content)
}

fn filter(console: &Console, visitor: &Visitor, query: &JobQuery) -> Markup {
    let language = visitor.language;
    let mut states = vec![
        ("", visitor.say("未完成", "Not done")),
        ("all", visitor.say("全部", "All")),
    ];
    let each = JobState::VARIANTS.iter();
    states.extend(each.map(|of| (of.as_str(), state(*of, language))));
    html! {
        form.filter method="get" action="/jobs" role="search" {
            (choice("state", visitor.say("状态", "State"), &query.state, &states))
            (field("chat", visitor.say("群组 ID", "Chat id"), &query.chat, "oc_…"))
            @if console.config.feishu.app_type == AppType::Store {
                (field("tenant", visitor.say("企业", "Tenant"), &query.tenant, ""))
            }
            button.primary { (visitor.say("筛选", "Filter")) }
        }
    }
}

/// The part of the list that changes.
pub(super) async fn rows(
    console: &Console,
    visitor: &Visitor,
    query: &JobQuery,
) -> Result<Markup, Failure> {
    let (app, now, filter) = (
        console.app().to_owned(),
        console.clock.now(),
        query.filter(),
    );
    let read = console
        .store
        .ask(move |store| async move { store.page_of_jobs(&app, &filter, now).await }.boxed());
    let page = read.await?;
    if page.rows.is_empty() {
        let words = visitor.say("没有符合条件的任务。", "No jobs match.");
        return Ok(html! { p.empty { (words) } });
    }
    let head = [
        visitor.say("参考号", "Reference"),
        visitor.say("状态", "State"),
        visitor.say("类型", "Kind"),
        visitor.say("接收时间", "Accepted"),
        visitor.say("重试", "Retries"),
        visitor.say("结果", "Outcome"),
        visitor.say("群组", "Chat"),
    ];
    let row = |job: &JobSummary| {
        vec![
            html! { a href=(path("/jobs", &job.id.to_string())) { (code(&job.reference)) } },
            badge(job.state, visitor),
            html! { (job.kind) },
            moment(console, job.ordered_at),
            html! { (job.retries) },
            html! { (job.outcome.unwrap_or("–")) },
            html! { a href=(path("/groups", &job.chat)) { (code(&job.chat)) } },
        ]
    };
    let rows: Vec<_> = page.rows.iter().map(row).collect();
    Ok(html! {
        (table(visitor.say("任务", "Jobs"), &head, &rows))
        @if let Some(key) = page.next {
            (next(visitor, &format!("/jobs{}", query.at(&key.to_string()))))
        }
    })
}

pub(super) fn badge(of: JobState, visitor: &Visitor) -> Markup {
    html! { span.{ "badge " (class(of)) } { (state(of, visitor.language)) } }
}

pub(super) async fn show(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let content = job(&console, &visitor, &id, false).await;
    respond(&visitor, Section::Jobs, content)
}

/// Shows the texts, and records that.
pub(super) async fn show_text(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let content = job(&console, &visitor, &id, true).await;
    respond(&visitor, Section::Jobs, content)
}

pub(super) async fn retry(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let (app, now, by, name) = asking(&console, &visitor, &id);
    let retried = console.store.ask(move |store| {
        async move { store.retry(&app, &name, &by, now).await.map(drop) }.boxed()
    });
    changed(&visitor, &id, retried.await)
}

pub(super) async fn drop_job(
    State(console): State<Arc<Console>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let (app, now, by, name) = asking(&console, &visitor, &id);
    let dropped = console
        .store
        .ask(move |store| async move { store.drop(&app, &name, &by, now).await.map(drop) }.boxed());
    changed(&visitor, &id, dropped.await)
}

fn asking(
    console: &Console,
    visitor: &Visitor,
    id: &str,
) -> (String, jiff::Timestamp, String, String) {
    let app = console.app().to_owned();
    (app, console.clock.now(), visitor.name(), id.to_owned())
}

/// Leads back to the job, so that a reload does not repeat the change.
fn changed(visitor: &Visitor, id: &str, done: anyhow::Result<()>) -> Response {
    match done {
        Ok(()) => Redirect::to(&path("/jobs", id)).into_response(),
        Err(error) => respond(visitor, Section::Jobs, Err(error.into())),
    }
}

async fn job(
    console: &Console,
    visitor: &Visitor,
    id: &str,
    with_text: bool,
) -> Result<Markup, Failure> {
    let (app, now, by, name) = asking(console, visitor, id);
    let read = console.store.ask(move |store| {
        async move {
            let job = store.job(&app, &name, with_text, now).await?;
            if with_text {
                let deed = AdminDeed::ShowText;
                store.record_job(&app, &job, deed, &by, now).await?;
            }
            Ok(job)
        }
        .boxed()
    });
    let job = read.await?;
    Ok(html! {
        (details(console, visitor, &job))
        (text(visitor, &job))
        (actions(visitor, &job))
    })
}

fn details(console: &Console, visitor: &Visitor, job: &JobSummary) -> Markup {
    let some = |text: &str| Some(code(text)).filter(|_| !text.is_empty());
    let when = |at: Option<jiff::Timestamp>| at.map(|at| moment(console, at));
    let cause = job.cause.as_ref();
    let cause = cause.and_then(|cause| reply::failure(cause, visitor.language));
    facts(&[
        (visitor.say("参考号", "Reference"), some(&job.reference)),
        (
            visitor.say("状态", "State"),
            Some(badge(job.state, visitor)),
        ),
        (visitor.say("类型", "Kind"), Some(html! { (job.kind) })),
        (visitor.say("企业", "Tenant"), some(&job.tenant)),
        (
            visitor.say("群组", "Chat"),
            Some(html! { a href=(path("/groups", &job.chat)) { (code(&job.chat)) } }),
        ),
        (visitor.say("消息", "Message"), some(&job.origin)),
        (
            visitor.say("编号", "Number"),
            job.number.map(|number| html! { (number) }),
        ),
        (
            visitor.say("接收时间", "Accepted"),
            when(Some(job.ordered_at)),
        ),
        (
            visitor.say("下次执行", "Next attempt"),
            when(Some(job.run_at).filter(|_| job.finished_at.is_none())),
        ),
        (
            visitor.say("首次执行", "First attempt"),
            when(job.started_at),
        ),
        (visitor.say("结束时间", "Finished"), when(job.finished_at)),
        (
            visitor.say("重试", "Retries"),
            Some(html! { (job.retries) }),
        ),
        (
            visitor.say("崩溃", "Crashes"),
            Some(html! { (job.crashes) }),
        ),
        (
            visitor.say("结果", "Outcome"),
            job.outcome.map(|outcome| html! { (outcome) }),
        ),
        (
            visitor.say("原因与处理", "Cause and remedy"),
            cause.map(|cause| html! { (cause) }),
        ),
        (
            visitor.say("错误码", "Error code"),
            job.code.map(|code| html! { (code) }),
        ),
        ("log_id", job.log_id.as_deref().map(code)),
        (
            visitor.say("追踪 ID", "Trace id"),
            job.trace.as_deref().map(code),
        ),
    ])
}

fn text(visitor: &Visitor, job: &JobSummary) -> Markup {
    let Some(text) = &job.text else {
        return html! {
            form method="post" action=(format!("/jobs/{}/text", job.id)) {
                (csrf(visitor))
                button { (visitor.say("显示内容", "Show text")) }
                p.hint {
                    (visitor.say(
                        "内容由成员撰写；每次显示都会记入审计。",
                        "Members wrote it; the audit records each time that it is shown.",
                    ))
                }
            }
        };
    };
    html! {
        section {
            h2 { (visitor.say("内容", "Text")) }
            pre tabindex="0" { (text.payload) }
            @if let Some(progress) = &text.progress {
                h3 { (visitor.say("进度", "Progress")) }
                pre tabindex="0" { (progress) }
            }
            @if let Some(outcome) = &text.outcome {
                h3 { (visitor.say("结果", "Outcome")) }
                pre tabindex="0" { (outcome) }
            }
        }
    }
}

/// Only what can be done in this state.
fn actions(visitor: &Visitor, job: &JobSummary) -> Markup {
    let can_retry = matches!(
        job.state,
        JobState::Ready | JobState::Suspended | JobState::Dead
    );
    let can_drop = !matches!(job.state, JobState::Running | JobState::Done);
    html! {
        div.actions {
            @if can_retry {
                form method="post" action=(format!("/jobs/{}/retry", job.id)) {
                    (csrf(visitor))
                    button.primary { (visitor.say("重试", "Retry")) }
                }
            }
            @if can_drop {
                details {
                    summary.chip { (visitor.say("取消任务…", "Drop…")) }
                    form method="post" action=(format!("/jobs/{}/drop", job.id)) {
                        (csrf(visitor))
                        p {
                            (visitor.say(
                                "任务不再执行，内容会被清除，作者不会收到通知。",
                                "The job will not run, and its text is erased. Its author is not told.",
                            ))
                        }
                        button.danger { (visitor.say("取消任务", "Drop the job")) }
                    }
                }
            }
        }
    }
}
