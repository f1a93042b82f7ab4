//! Logs and metrics.

use std::io::IsTerminal as _;
use std::sync::Arc;

use feishu::long_connection::Dropped;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};
use crate::store::Store;

/// It writes down the request that opens a long connection, in whose URL stand
/// the connection's credentials.
const UNLOGGED: &str = "tungstenite::handshake::client=off";

/// Sends the process's log to standard error, in the form that is set.
///
/// # Errors
///
/// When the filter cannot be read, or a log is already set up.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)?.add_directive(UNLOGGED.parse()?);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => registry.with(layer).try_init()?,
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

/// The bot's counters. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    open_jobs: Gauge,
    events: Family<EventLabels, Counter>,
    commands: Family<CommandLabels, Counter>,
    api_calls: Family<ApiLabels, Counter>,
    api_seconds: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    long_connection_up: Gauge,
    long_connections: Counter,
    dropped_messages: Family<DroppedLabels, Counter>,
}

/// What became of an event that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum EventResult {
    Accepted,
    Duplicate,
    TooManyOfChat,
    Chatter,
    FromBot,
    Other,
    Malformed,
    Unauthorized,
    Unavailable,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum CommandResult {
    Done,
    Refused,
    Ignored,
    Retried,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    result: EventResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    result: CommandResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabels {
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

impl Metrics {
    pub(crate) fn new() -> Self {
        let open_jobs = Gauge::default();
        let events = Family::<EventLabels, Counter>::default();
        let commands = Family::<CommandLabels, Counter>::default();
        let api_calls = Family::<ApiLabels, Counter>::default();
        let latency: fn() -> Histogram = || Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]);
        let api_seconds = Family::new_with_constructor(latency);
        let mut registry = Registry::with_prefix("noticebot");
        registry.register("open_jobs", "Jobs that are not finished", open_jobs.clone());
        registry.register("events", "Events received, by result", events.clone());
        registry.register(
            "commands",
            "Commands worked on, by result",
            commands.clone(),
        );
        registry.register(
            "api_calls",
            "Calls of the platform's API, by endpoint and code",
            api_calls.clone(),
        );
        registry.register(
            "api_call_seconds",
            "How long calls of the platform's API took",
            api_seconds.clone(),
        );
        let long_connection_up = Gauge::default();
        registry.register(
            "long_connection_up",
            "Whether the long connection is open",
            long_connection_up.clone(),
        );
        let long_connections = Counter::default();
        registry.register(
            "long_connections",
            "Long connections opened",
            long_connections.clone(),
        );
        let dropped_messages = Family::<DroppedLabels, Counter>::default();
        registry.register(
            "long_connection_dropped",
            "What came over long connections and made no event, by reason",
            dropped_messages.clone(),
        );
        let registry = Arc::new(registry);
        Self {
            registry,
            open_jobs,
            events,
            commands,
            api_calls,
            api_seconds,
            long_connection_up,
            long_connections,
            dropped_messages,
        }
    }

    pub(crate) fn event(&self, result: EventResult) {
        self.events.get_or_create(&EventLabels { result }).inc();
    }

    pub(crate) fn command(&self, result: CommandResult) {
        self.commands.get_or_create(&CommandLabels { result }).inc();
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
            ("crowded_out", dropped.crowded_out, counted.crowded_out),
            ("too_long", dropped.too_long, counted.too_long),
            (
                "repeated_part",
                dropped.repeated_parts,
                counted.repeated_parts,
            ),
        ] {
            self.dropped_messages
                .get_or_create(&DroppedLabels { reason })
                .inc_by(dropped - counted);
        }
    }

    /// All of them in the text form that Prometheus reads.
    pub(crate) fn render(&self, store: &Store) -> Result<String, std::fmt::Error> {
        self.open_jobs
            .set(i64::try_from(store.open_jobs()).unwrap_or(i64::MAX));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
