//! What Prometheus reads.
//!
//! Where the values of a label are known, all of them stand at zero from the start:
//! the first of its kind shows as a rise, and an alert on it comes the first time.

use std::sync::Arc;
use std::time::Duration;

use feishu::long_connection::Dropped;
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use strum::{IntoStaticStr, VariantArray};

use crate::command::CommandName;
use crate::model::job::Queue;

/// Histograms of requests to the store: a commit takes a few milliseconds.
const STORE_SECONDS: [f64; 10] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
];
/// Those of calls of the platform's API.
const API_SECONDS: [f64; 7] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// What is worked on besides the commands of the table: what was planned and is
/// due, and what only looked like a command.
pub(crate) const PUBLISH: &str = "publish";
pub(crate) const EXPIRE: &str = "expire";
pub(crate) const UNKNOWN: &str = "unknown";

/// The bot's counters. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    open_jobs: Gauge,
    oldest_job_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    events: Family<ResultLabels, Counter>,
    previous_secrets: Counter,
    commands: Family<CommandLabels, Counter>,
    retries: Counter,
    dead_jobs: Counter,
    api_calls: Family<ApiLabels, Counter>,
    api_seconds: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    token_renewals: Family<ResultLabels, Counter>,
    store_seconds: Family<OperationLabels, Histogram, fn() -> Histogram>,
    store_log_bytes: Gauge,
    replicas: Gauge,
    clock_offset_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    long_connection_wanted: Gauge,
    long_connection_up: Gauge,
    long_connections: Counter,
    dropped_messages: Family<ReasonLabels, Counter>,
}

/// What became of an event that came in.
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
    /// The body was over the limit.
    TooLarge,
    /// The body took too long.
    TimedOut,
    /// The connection ended within the body.
    Incomplete,
}

impl EventResult {
    /// Its word in the metrics and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CommandResult {
    Done,
    Refused,
    /// It was not for us.
    Ignored,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    endpoint: &'static str,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            open_jobs: Gauge::default(),
            oldest_job_seconds: Gauge::default(),
            events: Family::default(),
            previous_secrets: Counter::default(),
            commands: Family::default(),
            retries: Counter::default(),
            dead_jobs: Counter::default(),
            api_calls: Family::default(),
            api_seconds: Family::new_with_constructor(|| Histogram::new(API_SECONDS)),
            token_renewals: Family::default(),
            store_seconds: Family::new_with_constructor(|| Histogram::new(STORE_SECONDS)),
            store_log_bytes: Gauge::default(),
            replicas: Gauge::default(),
            clock_offset_seconds: Gauge::default(),
            long_connection_wanted: Gauge::default(),
            long_connection_up: Gauge::default(),
            long_connections: Counter::default(),
            dropped_messages: Family::default(),
        };
        metrics.begin_at_zero();
        let registry = Arc::new(metrics.registered());
        Self {
            registry,
            ..metrics
        }
    }

    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("noticebot");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which noticebot this is", build);
        self.register_work(&mut registry);
        self.register_platform(&mut registry);
        registry
    }

    fn register_work(&self, registry: &mut Registry) {
        let (name, help) = ("open_jobs", "Jobs that are not finished");
        registry.register(name, help, self.open_jobs.clone());
        let (name, help) = ("oldest_job_seconds", "Age of the oldest of them");
        registry.register(name, help, self.oldest_job_seconds.clone());
        let (name, help) = ("events", "Events received, by result");
        registry.register(name, help, self.events.clone());
        let (name, help) = (
            "previous_secrets",
            "Events under the encrypt key or verification token before",
        );
        registry.register(name, help, self.previous_secrets.clone());
        let (name, help) = ("commands", "Commands and planned work, by name and result");
        registry.register(name, help, self.commands.clone());
        let (name, help) = ("retries", "Jobs put back to be tried again");
        registry.register(name, help, self.retries.clone());
        let (name, help) = ("dead_jobs", "Jobs given up");
        registry.register(name, help, self.dead_jobs.clone());
        let (name, help) = ("store_seconds", "How long requests to the store took");
        registry.register(name, help, self.store_seconds.clone());
        let (name, help) = (
            "store_log_bytes",
            "Size of the write-ahead log of a SQLite file",
        );
        registry.register(name, help, self.store_log_bytes.clone());
        let (name, help) = ("replicas", "Bots on the store, this one included");
        registry.register(name, help, self.replicas.clone());
    }

    fn register_platform(&self, registry: &mut Registry) {
        let (name, help) = ("api_calls", "Calls of the platform, by endpoint and code");
        registry.register(name, help, self.api_calls.clone());
        let (name, help) = ("api_call_seconds", "How long they took");
        registry.register(name, help, self.api_seconds.clone());
        let (name, help) = ("token_renewals", "Requests for a token, by result");
        registry.register(name, help, self.token_renewals.clone());
        let (name, help) = (
            "clock_offset_seconds",
            "How far this machine's clock is ahead of the platform's",
        );
        registry.register(name, help, self.clock_offset_seconds.clone());
        let (name, help) = (
            "long_connection_wanted",
            "Whether events are to come over a long connection",
        );
        registry.register(name, help, self.long_connection_wanted.clone());
        let (name, help) = ("long_connection_up", "Whether the long connection is open");
        registry.register(name, help, self.long_connection_up.clone());
        let (name, help) = ("long_connections", "Long connections opened");
        registry.register(name, help, self.long_connections.clone());
        let (name, help) = (
            "long_connection_dropped",
            "What came over one and made no event, by reason",
        );
        registry.register(name, help, self.dropped_messages.clone());
    }

    fn begin_at_zero(&self) {
        for result in EventResult::VARIANTS {
            drop(self.of_event(*result));
        }
        let of_table = CommandName::all().map(CommandName::as_str);
        for command in of_table.chain([PUBLISH, EXPIRE, UNKNOWN]) {
            for result in CommandResult::VARIANTS {
                drop(self.of_command(command, *result));
            }
        }
        for result in ["ok", "failed"] {
            drop(self.token_renewals.get_or_create(&ResultLabels { result }));
        }
        self.dropped(Dropped::default(), Dropped::default());
        self.replicas.set(1);
    }

    fn of_event(&self, result: EventResult) -> impl std::ops::Deref<Target = Counter> {
        let result = result.as_str();
        self.events.get_or_create(&ResultLabels { result })
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

    pub(crate) fn event(&self, result: EventResult) {
        self.of_event(result).inc();
    }

    /// An event came under a secret that is to go.
    pub(crate) fn previous_secret(&self) {
        self.previous_secrets.inc();
    }

    /// A command, or planned work, has come to something; it is counted under its
    /// name in the table of commands, or one of those above.
    pub(crate) fn command(&self, command: &'static str, result: CommandResult) {
        self.of_command(command, result).inc();
    }

    /// A job was put back to be tried again.
    pub(crate) fn retry(&self) {
        self.retries.inc();
    }

    /// A job was given up.
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
            .get_or_create(&EndpointLabels { endpoint })
            .observe(call.duration.as_secs_f64());
        if endpoint == feishu::TOKEN_ENDPOINT {
            let result = if call.error.is_none() { "ok" } else { "failed" };
            self.token_renewals
                .get_or_create(&ResultLabels { result })
                .inc();
        }
    }

    /// The platform's clock is ahead of this machine's by so much.
    pub(crate) fn clock_offset(&self, platform_ahead: SignedDuration) {
        self.clock_offset_seconds.set(-platform_ahead.as_secs_f64());
    }

    /// The store was asked for something.
    pub(crate) fn store_request(&self, operation: &'static str, took: Duration) {
        self.store_seconds
            .get_or_create(&OperationLabels { operation })
            .observe(took.as_secs_f64());
    }

    /// The write-ahead log of a SQLite file is this long.
    pub(crate) fn store_log(&self, bytes: u64) {
        self.store_log_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// So many bots work on the store.
    pub(crate) fn replicas(&self, count: usize) {
        self.replicas.set(signed(count));
    }

    /// Events are to come over a long connection.
    pub(crate) fn want_long_connection(&self) {
        self.long_connection_wanted.set(1);
    }

    /// A long connection was opened, or has ended.
    pub(crate) fn long_connection(&self, up: bool) {
        self.long_connection_up.set(i64::from(up));
        self.long_connections.inc_by(u64::from(up));
    }

    /// What a long connection has dropped, and what of that is counted already.
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
                .get_or_create(&ReasonLabels { reason })
                .inc_by(dropped - counted);
        }
    }

    /// All of them in the text form that Prometheus reads; the queue is as it was
    /// last known where the store does not answer.
    pub(crate) fn render(
        &self,
        queue: Option<Queue>,
        now: Timestamp,
    ) -> Result<String, std::fmt::Error> {
        if let Some(Queue { open, oldest }) = queue {
            self.open_jobs.set(signed(open));
            let age = oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64());
            self.oldest_job_seconds.set(age.max(0.0));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
