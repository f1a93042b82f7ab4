//! The spans of a job.

use super::Dispatcher;
use crate::event::Stored;
use crate::model::job::{JobKey, JobKind};
use crate::model::outcome::Outcome;
use crate::model::series::first_origin;
use crate::store::{Job, Release};
use crate::telemetry::{Span, SpanKind, within};

impl Dispatcher {
    /// The span of an attempt, as a part of the trace that the job belongs to. Later runs of a recurring
    /// announcement begin new traces, with a link to the run before: a trace must end.
    pub(super) fn span_of(&self, job: &Job) -> Option<Span> {
        let (name, kind) = ("job", SpanKind::Consumer);
        let mut span = match job.trace {
            None => self.traces.root(name, kind),
            Some(of_run) if is_later_run(&job.key) => self.traces.linked(name, kind, of_run),
            Some(parent) => self.traces.child(name, kind, parent),
        }?;
        span.set("job.reference", job.key.reference());
        span.set("job.origin", job.key.origin.as_str());
        span.set("job.kind", job.key.kind.as_str());
        span.set("job.retries", job.retries);
        Some(span)
    }

    /// Ends the span of an attempt; without a release, another replica owns the job.
    pub(super) fn end_span(&self, mut span: Option<Span>, release: Option<&'static str>) {
        if let Some(span) = &mut span {
            span.set("job.release", release.unwrap_or("lost"));
            if matches!(release, None | Some("dead" | "crashed")) {
                span.fail();
            }
        }
        self.traces.end(span);
    }

    /// Responds, as a part of the job.
    pub(super) async fn respond_in_span(
        &self,
        job: &Job,
        stored: &Stored,
        outcome: &Outcome,
    ) -> Release {
        let parent = job.trace;
        let mut span = parent.and_then(|job| self.traces.child("reply", SpanKind::Internal, job));
        if let Some(span) = &mut span {
            span.set("outcome", outcome.label());
        }
        let context = span.as_ref().map(Span::context);
        let release = within(context, self.respond(job, stored, outcome)).await;
        self.traces.end(span);
        release
    }
}

/// Whether it is a run of a recurring announcement, but not the first.
fn is_later_run(job: &JobKey) -> bool {
    job.kind == JobKind::Publish && first_origin(&job.origin) != job.origin
}
