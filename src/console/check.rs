//! `noticebot check` as a page: the result of each check appears when it is known.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use maud::{Markup, html};
use tokio::sync::mpsc;

use super::failure::Failure;
use super::page::{Section, csrf, frame, respond};
use super::state::Console;
use super::visitor::Visitor;
use crate::check::{Check, CheckOptions, Report, Verdict, check_and_tell};
use crate::language::Bilingual;

pub(super) async fn page(visitor: Visitor) -> Response {
    respond(&visitor, Section::Check, Ok(form(&visitor)))
}

fn form(visitor: &Visitor) -> Markup {
    html! {
        form method="post" action="/check" {
            (csrf(visitor))
            button.primary { (visitor.say("开始检查", "Run the checks")) }
            p.hint {
                (visitor.say(
                    "检查配置、数据库、凭证、权限、事件与群组，不作任何改动。结果为英文，与以下命令相同：",
                    "Checks the settings, the database, the credentials, the scopes, the events and the groups, without changing anything, like ",
                ))
                code { "noticebot check" }
                (visitor.say("。", "."))
            }
        }
    }
}

/// Sends the page while the checks run, so that each result is shown at once, also without
/// JavaScript.
pub(super) async fn run(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let Ok(turn) = Arc::clone(&console.checking).try_acquire_owned() else {
        let words = Bilingual::new(
            "另一次检查正在进行，请稍后再试。",
            "Another check is running: try again when it has ended.",
        );
        return respond(&visitor, Section::Check, Err(Failure::Refused(words)));
    };
    let [head, tail] = frame(&visitor, Section::Check);
    let begin = html! { (head) (form(&visitor)) };
    let begin = format!("{}<ul class=\"checks\" role=\"list\">", begin.into_string());
    let (sender, receiver) = mpsc::unbounded_channel();
    let checks = stream::unfold(receiver, |mut receiver| async move {
        let check: Check = receiver.recv().await?;
        Some((item(&check).into_string(), receiver))
    });
    let checking = async move {
        let options = CheckOptions::default();
        let report = check_and_tell(&console.config, console.clock.clone(), &options, sender).await;
        drop(turn);
        report
    };
    let checking = stream::once(checking)
        .map(move |report| html! { (summary(&visitor, &report)) (tail) }.into_string());
    // The checks run while their results are read; the summary follows the last of them.
    let body = stream::once(async { begin })
        .chain(together(checks, checking))
        .map(|text| Ok::<_, Infallible>(Bytes::from(text)));
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::OK, kind, Body::from_stream(body)).into_response()
}

/// The items of the first stream, then the one item of the second, which runs beside the first.
fn together(
    items: impl stream::Stream<Item = String> + Send + 'static,
    last: impl stream::Stream<Item = String> + Send + 'static,
) -> impl stream::Stream<Item = String> + Send {
    let items = items.map(|text| (false, text));
    let last = last.map(|text| (true, text));
    let both = stream::select(items, last);
    let mut held = None;
    both.map(Some)
        .chain(stream::once(async { None }))
        .filter_map(move |item| {
            let shown = match item {
                Some((true, text)) => {
                    held = Some(text);
                    None
                }
                Some((false, text)) => Some(text),
                None => held.take(),
            };
            async move { shown }
        })
}

pub(super) fn list(report: &Report) -> Markup {
    html! {
        ul.checks role="list" {
            @for check in report.checks() { (item(check)) }
        }
    }
}

fn item(check: &Check) -> Markup {
    let (class, sign) = match check.verdict {
        Verdict::Good => ("good", "✓"),
        Verdict::Note => ("warn", "!"),
        Verdict::Bad => ("bad", "✗"),
    };
    html! {
        li {
            span.{ "badge " (class) } { (sign) }
            div {
                p { b { (check.name) } ": " (check.text) }
                @if let Some(remedy) = &check.remedy { p.hint { "→ " (remedy) } }
                @if let Some(link) = &check.link {
                    p { a href=(link) rel="noreferrer" { (link) } }
                }
            }
        }
    }
}

fn summary(visitor: &Visitor, report: &Report) -> Markup {
    html! {
        (maud::PreEscaped("</ul>"))
        p.done role="status" {
            @if report.is_good() {
                (visitor.say("检查完成，没有发现问题。", "Done: no problems found."))
            } @else {
                (visitor.say("检查完成，有需要处理的问题。", "Done: there are problems."))
            }
        }
    }
}
