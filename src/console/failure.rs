//! What a page shows instead of its content.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::visitor::Visitor;
use crate::language::Bilingual;
use crate::store::CannotChange;

#[derive(Debug)]
pub(super) enum Failure {
    NotFound(Bilingual),
    /// What the form asks for cannot be done.
    Refused(Bilingual),
    /// The store or the platform did not answer as expected.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<CannotChange>() {
            Some(CannotChange::Unknown) => Self::NotFound(cannot_change(CannotChange::Unknown)),
            Some(cause) => Self::Refused(cannot_change(*cause)),
            None => Self::Failed(error),
        }
    }
}

impl Failure {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn content(&self, visitor: &Visitor) -> Markup {
        let text = match self {
            Self::NotFound(words) | Self::Refused(words) => words.to(visitor.language).to_owned(),
            Self::Failed(error) => {
                tracing::warn!(error = format!("{error:#}"), "a page of the console failed");
                format!("{error:#}")
            }
        };
        html! { p.alert role="alert" { (text) } }
    }
}

fn cannot_change(cause: CannotChange) -> Bilingual {
    match cause {
        CannotChange::Unknown => Bilingual::new("没有这个任务。", "There is no such job."),
        CannotChange::Running => Bilingual::new(
            "任务正在执行，请等它结束后再试。",
            "The job is running: wait until it ends.",
        ),
        CannotChange::Planned => Bilingual::new(
            "任务已定时，尚未到期，无需重试；如不再需要，请取消。",
            "The job is scheduled for later, so there is nothing to retry. Drop it to cancel it.",
        ),
        CannotChange::Paused => Bilingual::new(
            "该计划已暂停：在群里发送 /恢复 可继续，取消则不再执行。",
            "The schedule is paused: /resume in the chat continues it, and dropping it cancels it.",
        ),
        CannotChange::Done => Bilingual::new(
            "任务已完成，内容已清除。",
            "The job is done, and its payload has been erased.",
        ),
        CannotChange::HalfDone => Bilingual::new(
            "任务已写入公告的一部分，现在取消会丢失被替换的内容。请等它结束后用 /撤销 恢复，或立即重试。",
            "The job has written part of an announcement, and the replaced content would be lost. Wait until it ends and revert it with /undo, or retry it now.",
        ),
        CannotChange::Changed => Bilingual::new(
            "该任务的改动已生效，可在群里用 /撤销 恢复。请重新发送命令。",
            "The job's text has become a change, which /undo in the chat reverts. Send the command again instead.",
        ),
    }
}
