//! Logs, and metrics beside them.

use std::io::{self, IsTerminal as _, Stderr, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};
use crate::text;

mod metrics;
mod throttle;

pub(crate) use metrics::{CommandResult, EXPIRE, EventResult, Metrics, PUBLISH, UNKNOWN};
use throttle::Throttle;

/// It logs the request that opens a long connection, whose URL holds the connection's credentials.
const UNLOGGED: &str = "tungstenite::handshake::client=off";

/// The log of this process. When it is dropped, what was not logged in full is summarised.
pub struct Log(Throttle);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Sends the process's log to standard error in the configured form.
///
/// # Errors
///
/// When the filter cannot be read, or a log is already set up.
pub fn init(config: &LogConfig) -> anyhow::Result<Log> {
    let filter = EnvFilter::try_new(&config.filter)?.add_directive(UNLOGGED.parse()?);
    let throttle = Throttle::default();
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(throttle.clone());
    // A closed standard error must not end the bot, as writing the failure there would.
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false);
    match config.format {
        LogFormat::Text => {
            let fields = debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{}", text::printable(&format!("{value:?}"))),
                name => write!(writer, "{name}={}", text::printable(&format!("{value:?}"))),
            });
            let layer = layer
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal())
                .fmt_fields(fields.delimited(" "));
            registry.with(layer).try_init()?;
        }
        LogFormat::Json => {
            let escaped = || Escaped(io::stderr());
            let layer = layer.with_writer(escaped).json().flatten_event(true);
            registry.with(layer).try_init()?;
        }
    }
    throttle.start()?;
    Ok(Log(throttle))
}

/// Standard error for lines of JSON.
struct Escaped(Stderr);

impl Write for Escaped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A line is written as a whole.
        match std::str::from_utf8(bytes) {
            Ok(line) => self.0.write_all(text::printable_json(line).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
