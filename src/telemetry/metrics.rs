//! Metrics for Prometheus.
//!
//! Series whose labels are known start at zero, so that an alert on an increase fires the first
//! time.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use feishu::long_connection::Dropped;
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use strum::{IntoStaticStr, VariantArray};

use crate::command::CommandName;
use crate::model::job::Queue;

// A commit takes a few milliseconds.
const STORE: Buckets = Buckets(&[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
]);
const API: Buckets = Buckets(&[0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]);

// Names besides those of commands: scheduled actions, and messages that only look like a command.
pub(crate) const PUBLISH: &str = "publish";
pub(crate) const PROPOSAL: &str = "proposal";
pub(crate) const PREVIEW: &str = "preview";
pub(crate) const EXPIRE: &str = "expire";
pub(crate) const UNKNOWN: &str = "unknown";

/// Clones share the same counters. A clone is cheap, because each job makes one.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Families>);

pub(crate) struct Families {
    open_jobs: Gauge,
    open_deliveries: Gauge,
    tenants: Gauge,
    oldest_job_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    events: Family<Label, Counter>,
    previous_secrets: Counter,
    commands: Family<CommandLabels, Counter>,
    worker_wakeups: Family<Label, Counter>,
    retries: Counter,
    dead_jobs: Counter,
    api_calls: Family<ApiLabels, Counter>,
    api_seconds: Histograms,
    token_renewals: Family<Label, Counter>,
    store_seconds: Histograms,
    store_log_bytes: Gauge,
    spans: Family<Label, Counter>,
    replicas: Gauge,
    clock_offset_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    long_connection_wanted: Gauge,
    long_connection_up: Gauge,
    long_connections: Counter,
    dropped_messages: Family<Label, Counter>,
    registry: Registry,
}

impl Deref for Metrics {
    type Target = Families;

    fn deref(&self) -> &Families {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum EventResult {
    Accepted,
    Duplicate,
    TooManyOfChat,
    Chatter,
    FromBot,
    Other,
    /// Signed, but not an event.
    Malformed,
    Unauthorized,
    Unavailable,
    /// The body is over the limit.
    TooLarge,
    /// The body took too long.
    TimedOut,
    /// The connection closed within the body.
    Incomplete,
}

impl EventResult {
    /// The label in metrics and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CommandResult {
    Done,
    Refused,
    /// For another bot.
    Ignored,
}

/// Why a worker looks for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Wakeup {
    /// This replica stored a new job.
    Accepted,
    /// A job of this replica ended, or made another one claimable.
    Finished,
    /// Another process changed the queue.
    Notified,
    /// A schedule or a retry is due.
    Due,
    /// A notification may have been missed.
    Poll,
}

/// What became of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum SpanResult {
    Exported,
    /// The collector did not take them.
    Failed,
    /// Too many waited for the collector.
    Dropped,
}

type Label = [(&'static str, &'static str); 1];
type Histograms = Family<Label, Histogram, Buckets>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    endpoint: &'static str,
    code: String,
}

#[derive(Clone)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

fn metric<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

fn histogram(registry: &mut Registry, name: &str, help: &str, buckets: Buckets) -> Histograms {
    let histogram = Family::new_with_constructor(buckets);
    registry.register(name, help, histogram.clone());
    histogram
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("noticebot");
        let r = &mut registry;
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "The version of noticebot", build);
        let metrics = Self(Arc::new(Families {
            open_jobs: metric(r, "open_jobs", "Unfinished jobs"),
            open_deliveries: metric(
                r,
                "open_deliveries",
                "Unfinished jobs of announcements to several groups",
            ),
            tenants: metric(r, "tenants", "Tenants that use the store app"),
            oldest_job_seconds: metric(r, "oldest_job_seconds", "Age of the oldest unfinished job"),
            events: metric(r, "events", "Events received, by result"),
            previous_secrets: metric(r, "previous_secrets", "Events with a previous secret"),
            commands: metric(r, "commands", "Commands and schedules, by name and result"),
            worker_wakeups: metric(
                r,
                "worker_wakeups",
                "Times a worker looked for a job, by reason",
            ),
            retries: metric(r, "retries", "Jobs requeued for another attempt"),
            dead_jobs: metric(r, "dead_jobs", "Jobs given up"),
            store_seconds: histogram(r, "store_seconds", "Duration of store requests", STORE),
            store_log_bytes: metric(r, "store_log_bytes", "Size of SQLite's write-ahead log"),
            spans: metric(r, "spans", "Spans of traces, by result"),
            replicas: metric(r, "replicas", "Replicas on the store, including this one"),
            api_calls: metric(r, "api_calls", "Platform calls, by endpoint and code"),
            api_seconds: histogram(r, "api_call_seconds", "Duration of platform calls", API),
            token_renewals: metric(r, "token_renewals", "Requests for a token, by result"),
            clock_offset_seconds: metric(
                r,
                "clock_offset_seconds",
                "Lead over the platform's clock",
            ),
            long_connection_wanted: metric(r, "long_connection_wanted", "Whether it is configured"),
            long_connection_up: metric(r, "long_connection_up", "Whether it is open"),
            long_connections: metric(r, "long_connections", "Long connections opened"),
            dropped_messages: metric(r, "long_connection_dropped", "Messages dropped, by reason"),
            registry,
        }));
        metrics.start_at_zero();
        metrics
    }

    fn start_at_zero(&self) {
        for result in EventResult::VARIANTS {
            drop(self.of_event(*result));
        }
        let commands = CommandName::all().map(CommandName::as_str);
        for command in commands.chain([PUBLISH, PROPOSAL, PREVIEW, EXPIRE, UNKNOWN]) {
            for result in CommandResult::VARIANTS {
                drop(self.of_command(command, *result));
            }
        }
        for result in SpanResult::VARIANTS {
            self.spans(*result, 0);
        }
        for reason in Wakeup::VARIANTS {
            drop(self.of_wakeup(*reason));
        }
        for result in ["ok", "failed"] {
            drop(self.token_renewals.get_or_create(&[("result", result)]));
        }
        self.dropped(Dropped::default(), Dropped::default());
        self.replicas.set(1);
    }

    fn of_event(&self, result: EventResult) -> impl std::ops::Deref<Target = Counter> {
        let result = result.as_str();
        self.events.get_or_create(&[("result", result)])
    }

    fn of_command(
        &self,
        command: &'static str,
        result: CommandResult,
    ) -> impl std::ops::Deref<Target = Counter> {
        let result = result.into();
        self.commands
            .get_or_create(&CommandLabels { command, result })
    }

    fn of_wakeup(&self, reason: Wakeup) -> impl std::ops::Deref<Target = Counter> {
        self.worker_wakeups
            .get_or_create(&[("reason", reason.into())])
    }

    pub(crate) fn spans(&self, result: SpanResult, count: usize) {
        self.spans
            .get_or_create(&[("result", result.into())])
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn wakeup(&self, reason: Wakeup) {
        self.of_wakeup(reason).inc();
    }

    pub(crate) fn event(&self, result: EventResult) {
        self.of_event(result).inc();
    }

    pub(crate) fn previous_secret(&self) {
        self.previous_secrets.inc();
    }

    /// `command` is the name of a command, or one of the names above.
    pub(crate) fn command(&self, command: &'static str, result: CommandResult) {
        self.of_command(command, result).inc();
    }

    pub(crate) fn retry(&self) {
        self.retries.inc();
    }

    pub(crate) fn dead_job(&self) {
        self.dead_jobs.inc();
    }

    pub(crate) fn api_call(&self, call: &feishu::CallRecord<'_>) {
        let endpoint = call.endpoint;
        let code = call
            .code()
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        self.api_calls
            .get_or_create(&ApiLabels { endpoint, code })
            .inc();
        self.api_seconds
            .get_or_create(&[("endpoint", endpoint)])
            .observe(call.duration.as_secs_f64());
        if endpoint == feishu::TOKEN_ENDPOINT {
            let result = if call.error.is_none() { "ok" } else { "failed" };
            self.token_renewals
                .get_or_create(&[("result", result)])
                .inc();
        }
    }

    pub(crate) fn clock_offset(&self, platform_ahead: SignedDuration) {
        self.clock_offset_seconds.set(-platform_ahead.as_secs_f64());
    }

    pub(crate) fn store_request(&self, operation: &'static str, took: Duration) {
        self.store_seconds
            .get_or_create(&[("operation", operation)])
            .observe(took.as_secs_f64());
    }

    pub(crate) fn store_log(&self, bytes: u64) {
        self.store_log_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn replicas(&self, count: usize) {
        self.replicas.set(signed(count));
    }

    pub(crate) fn want_long_connection(&self) {
        self.long_connection_wanted.set(1);
    }

    /// Counts a long connection that opened, or that closed.
    pub(crate) fn long_connection(&self, up: bool) {
        self.long_connection_up.set(i64::from(up));
        self.long_connections.inc_by(u64::from(up));
    }

    /// `dropped` are the totals of a long connection, `counted` those of the last call.
    pub(crate) fn dropped(&self, dropped: Dropped, counted: Dropped) {
        for (reason, dropped, counted) in [
            ("text", dropped.texts, counted.texts),
            ("unreadable", dropped.unreadable, counted.unreadable),
            ("incomplete", dropped.incomplete, counted.incomplete),
            ("crowded_out", dropped.evicted, counted.evicted),
            ("too_long", dropped.too_long, counted.too_long),
            (
                "repeated_part",
                dropped.repeated_parts,
                counted.repeated_parts,
            ),
        ] {
            self.dropped_messages
                .get_or_create(&[("reason", reason)])
                .inc_by(dropped - counted);
        }
    }

    /// The text format of Prometheus. Without a `queue` or `tenants`, their last values remain.
    pub(crate) fn render(
        &self,
        queue: Option<Queue>,
        tenants: Option<usize>,
        now: Timestamp,
    ) -> Result<String, std::fmt::Error> {
        if let Some(Queue {
            open,
            deliveries,
            oldest,
        }) = queue
        {
            self.open_jobs.set(signed(open));
            self.open_deliveries.set(signed(deliveries));
            let age = oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64());
            self.oldest_job_seconds.set(age.max(0.0));
        }
        if let Some(tenants) = tenants {
            self.tenants.set(signed(tenants));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
