//! Traces: one from the event to the reply, over all replicas that work on it.
//!
//! Spans are made here and nowhere else, with a fixed set of attributes, so that no text and no name of
//! anybody gets into one. Recording never waits: what the exporter cannot take is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use feishu::{CallRecord, Clock};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task_local;

use super::Metrics;
use crate::model::trace::TraceContext;

mod export;
mod otlp;

pub(crate) use export::Exporter;

/// Spans that wait for the exporter; one takes about 500 bytes.
const WAITING: usize = 4096;

task_local! {
    /// The span in which this task works.
    static CURRENT: TraceContext;
}

/// Records spans, or nothing if no collector is configured. A clone is cheap.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<Recorder>>);

struct Recorder {
    clock: Clock,
    metrics: Metrics,
    spans: mpsc::Sender<Span>,
}

/// A part of a trace that takes time.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    context: TraceContext,
    /// The span of the same trace that it is a part of.
    parent: Option<u64>,
    /// A span of another trace that led to it.
    link: Option<TraceContext>,
    name: &'static str,
    kind: SpanKind,
    start: Timestamp,
    end: Timestamp,
    attributes: Vec<(&'static str, Attribute)>,
    failed: bool,
}

/// The numbers are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanKind {
    Internal = 1,
    Server = 2,
    Client = 3,
    Consumer = 5,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attribute {
    Text(String),
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl Span {
    pub(crate) fn context(&self) -> TraceContext {
        self.context
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<Attribute>) {
        self.attributes.push((name, value.into()));
    }

    pub(crate) fn fail(&mut self) {
        self.failed = true;
    }
}

impl Traces {
    /// Records spans for the exporter that comes with it.
    pub(crate) fn new(clock: Clock, metrics: Metrics) -> (Self, mpsc::Receiver<Span>) {
        let (spans, waiting) = mpsc::channel(WAITING);
        let recorder = Recorder {
            clock,
            metrics,
            spans,
        };
        (Self(Some(Arc::new(recorder))), waiting)
    }

    /// A span without a parent, of a new trace; `None` if nothing is recorded.
    pub(crate) fn root(&self, name: &'static str, kind: SpanKind) -> Option<Span> {
        let trace = rand::random_range(1..=u128::MAX);
        self.span(name, kind, trace, None)
    }

    /// A part of another span.
    pub(crate) fn child(
        &self,
        name: &'static str,
        kind: SpanKind,
        parent: TraceContext,
    ) -> Option<Span> {
        self.span(name, kind, parent.trace, Some(parent.span))
    }

    /// A span of a new trace that another one led to.
    pub(crate) fn linked(
        &self,
        name: &'static str,
        kind: SpanKind,
        link: TraceContext,
    ) -> Option<Span> {
        let span = self.root(name, kind)?;
        let link = Some(link);
        Some(Span { link, ..span })
    }

    fn span(
        &self,
        name: &'static str,
        kind: SpanKind,
        trace: u128,
        parent: Option<u64>,
    ) -> Option<Span> {
        let now = self.0.as_ref()?.clock.now();
        let span = rand::random_range(1..=u64::MAX);
        Some(Span {
            context: TraceContext { trace, span },
            parent,
            link: None,
            name,
            kind,
            start: now,
            end: now,
            attributes: Vec::new(),
            failed: false,
        })
    }

    /// Ends a span now.
    pub(crate) fn end(&self, span: Option<Span>) {
        let (Some(recorder), Some(span)) = (&self.0, span) else {
            return;
        };
        let end = recorder.clock.now();
        recorder.record(Span { end, ..span });
    }

    /// A call of the platform that has ended, as a part of the current span. Calls outside of a job are
    /// not recorded.
    pub(crate) fn api_call(&self, call: &CallRecord<'_>) {
        let (Some(recorder), Some(current)) = (&self.0, current()) else {
            return;
        };
        let Some(span) = self.child(call.endpoint, SpanKind::Client, current) else {
            return;
        };
        let mut span = Span {
            start: started(span.end, call.duration),
            failed: call.error.is_some(),
            ..span
        };
        if let Some(code) = call.code() {
            span.set("api.code", code);
        }
        if let Some(log_id) = call.error.and_then(feishu::Error::log_id) {
            span.set("api.log_id", log_id);
        }
        recorder.record(span);
    }
}

impl Recorder {
    fn record(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.metrics.spans(super::SpanResult::Dropped, 1);
        }
    }
}

fn started(end: Timestamp, took: Duration) -> Timestamp {
    end.checked_sub(took).unwrap_or(end)
}

/// The span in which this task works.
pub(crate) fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok()
}

/// Works in a span, if there is one.
pub(crate) async fn within<T>(span: Option<TraceContext>, work: impl Future<Output = T>) -> T {
    match span {
        Some(context) => CURRENT.scope(context, work).await,
        None => work.await,
    }
}
