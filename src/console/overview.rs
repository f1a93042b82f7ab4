//! The overview: whether the bot works, what waits, the last hour, and what failed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use futures_util::FutureExt as _;
use jiff::SignedDuration;
use maud::{Markup, html};
use tokio::time::timeout;

use super::failure::Failure;
use super::page::{Section, code, facts, moment, path, respond, table, table_with_text};
use super::plot;
use super::state::Console;
use super::visitor::Visitor;
use super::words::duration;
use crate::config::Receive;
use crate::reply;
use crate::store::{JobFilter, JobState, JobSummary, Minute, ReplicaRow};

/// Failed jobs that are shown.
const FAILED: u32 = 10;
/// The period of the plots, in minutes.
pub(super) const PERIOD: i64 = 60;
/// Time limit for the test that the store writes.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the page reads from the store.
struct Read {
    failed: Vec<JobSummary>,
    minutes: Vec<Minute>,
    replicas: Option<Vec<ReplicaRow>>,
}

pub(super) async fn page(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let content = content(&console, &visitor).await;
    let content = content.map(|content| {
        html! { div #live data-live="/live?page=overview" { (content) } }
    });
    respond(&visitor, Section::Overview, content)
}

/// The part of the page that changes: all of it.
pub(super) async fn content(console: &Console, visitor: &Visitor) -> Result<Markup, Failure> {
    let app = console.app().to_owned();
    let now = console.clock.now();
    let since = now - SignedDuration::from_mins(PERIOD);
    let read = console.store.ask(move |store| {
        async move {
            let filter = JobFilter {
                states: vec![JobState::Dead],
                limit: FAILED,
                ..JobFilter::default()
            };
            Ok(Read {
                failed: store.jobs(&app, &filter, now).await?,
                minutes: store.minutes(&app, since).await?,
                replicas: store.replicas(&app).await?,
            })
        }
        .boxed()
    });
    let read = read.await?;
    Ok(html! {
        section aria-labelledby="health" {
            h2 #health { (visitor.say("运行状态", "Health")) }
            (health(console, visitor).await)
        }
        section aria-labelledby="hour" {
            h2 #hour { (visitor.say("最近一小时", "The last hour")) }
            (plot::plots(console, visitor, &read.minutes, since))
        }
        section aria-labelledby="failed" {
            h2 #failed { (visitor.say("失败的任务", "Failed jobs")) }
            (failed(console, visitor, &read.failed))
        }
        section aria-labelledby="replicas" {
            h2 #replicas { (visitor.say("副本", "Replicas")) }
            (replicas(visitor, read.replicas.as_deref()))
        }
    })
}

async fn health(console: &Console, visitor: &Visitor) -> Markup {
    let now = console.clock.now();
    let queue = timeout(PROBE_TIMEOUT, console.bot_store.queue()).await;
    let queue = queue.ok().and_then(Result::ok);
    let oldest = queue.as_ref().and_then(|queue| queue.oldest);
    let oldest =
        oldest.map(|at| duration(now.duration_since(at).as_secs().max(0), visitor.language));
    let number = |count: usize| Some(html! { (count) });
    let unknown = || html! { span.badge.bad { (visitor.say("数据库无响应", "The database does not answer")) } };
    let jobs = queue
        .as_ref()
        .map_or_else(|| Some(unknown()), |queue| number(queue.open));
    facts(&[
        (
            visitor.say("接收事件", "Events arrive"),
            Some(receiving(console, visitor)),
        ),
        (visitor.say("等待的任务", "Waiting jobs"), jobs),
        (
            visitor.say("等待发往其他群组", "Waiting deliveries"),
            queue.as_ref().and_then(|queue| number(queue.deliveries)),
        ),
        (
            visitor.say("最早的任务已等待", "The oldest waits for"),
            Some(html! { (oldest.as_deref().unwrap_or("–")) }),
        ),
        (visitor.say("应用", "App"), Some(code(console.app()))),
        (
            visitor.say("版本", "Version"),
            Some(html! { (env!("CARGO_PKG_VERSION")) }),
        ),
        (
            visitor.say("启动于", "Started"),
            Some(moment(console, console.started_at)),
        ),
        (
            visitor.say("当前时间", "Time"),
            Some(html! {
                (console.local(now).strftime("%H:%M").to_string()) " " (console.zone.iana_name().unwrap_or("UTC"))
            }),
        ),
    ])
}

fn receiving(console: &Console, visitor: &Visitor) -> Markup {
    let is_open = console.socket.as_ref().is_some_and(|alive| *alive.borrow());
    match (console.config.feishu.receive, is_open) {
        (Receive::Webhook, _) => html! {
            span.badge.good { (visitor.say("请求地址（Webhook）", "webhook")) }
        },
        (Receive::LongConnection, true) => html! {
            span.badge.good { (visitor.say("长连接已建立", "long connection, open")) }
        },
        (Receive::LongConnection, false) => html! {
            span.badge.bad { (visitor.say("长连接已断开，正在重连", "long connection, down; reconnecting")) }
        },
    }
}

fn failed(console: &Console, visitor: &Visitor, jobs: &[JobSummary]) -> Markup {
    if jobs.is_empty() {
        return html! { p.empty { (visitor.say("没有失败的任务。", "No job has failed.")) } };
    }
    let head = [
        visitor.say("参考号", "Reference"),
        visitor.say("时间", "Time"),
        visitor.say("类型", "Kind"),
        visitor.say("原因与处理", "Cause and remedy"),
    ];
    let row = |job: &JobSummary| {
        let cause = job.cause.as_ref();
        let cause = cause.and_then(|cause| reply::failure(cause, visitor.language));
        vec![
            html! { a href=(path("/jobs", &job.id.to_string())) { (code(&job.reference)) } },
            moment(console, job.finished_at.unwrap_or(job.ordered_at)),
            html! { (job.kind) },
            html! { (cause.as_deref().or(job.outcome).unwrap_or("–")) },
        ]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    html! {
        (table_with_text(visitor.say("失败的任务", "Failed jobs"), &head, &rows, Some(3)))
        p { a href="/jobs?state=dead" { (visitor.say("全部失败的任务", "All failed jobs")) } }
    }
}

fn replicas(visitor: &Visitor, replicas: Option<&[ReplicaRow]>) -> Markup {
    let Some(replicas) = replicas else {
        return html! {
            p.empty { (visitor.say("数据库是一个文件，只有本进程使用。", "The database is a file that only this process uses.")) }
        };
    };
    let head = [
        visitor.say("编号", "Id"),
        visitor.say("租约剩余", "Lease left"),
        visitor.say("执行中的任务", "Running jobs"),
    ];
    let row = |replica: &ReplicaRow| {
        let left = duration(replica.left.max(0) / 1000, visitor.language);
        let expired = visitor.say(
            "已过期，任务将由其他副本接管",
            "expired; another replica takes its jobs over",
        );
        vec![
            html! { (replica.id) },
            html! {
                @if replica.left > 0 { (left) } @else { span.badge.bad { (expired) } }
            },
            html! { (replica.running) },
        ]
    };
    let rows: Vec<_> = replicas.iter().map(row).collect();
    table(visitor.say("副本", "Replicas"), &head, &rows)
}
