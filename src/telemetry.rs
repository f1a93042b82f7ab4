//! Logging, metrics and traces.

use std::io::{self, IsTerminal as _, Stderr, Write};

use tracing::Subscriber;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogConfig, LogFormat};
use crate::text;

mod metrics;
mod throttle;
mod traces;

pub(crate) use metrics::{
    CommandResult, EXPIRE, EventResult, Metrics, PREVIEW, PROPOSAL, PUBLISH, SpanResult, UNKNOWN,
    Wakeup,
};
use throttle::Throttle;
pub(crate) use traces::{Exporter, Span, SpanKind, Traces, within};

/// This target logs the URL of a long connection, which contains credentials.
const UNLOGGED: &str = "tungstenite::handshake::client=off";

/// The log of this process. Dropping it writes the summaries of repeated events.
pub struct LogGuard(Throttle);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Sets up logging to standard error in the configured format.
///
/// # Errors
///
/// If the filter is invalid, or logging is already set up.
pub fn init(config: &LogConfig) -> anyhow::Result<LogGuard> {
    let filter = EnvFilter::try_new(&config.filter)?.add_directive(UNLOGGED.parse()?);
    let throttle = Throttle::default();
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(throttle.clone());
    match config.format {
        LogFormat::Text => {
            let is_terminal = io::stderr().is_terminal();
            registry
                .with(text_layer(io::stderr, is_terminal))
                .try_init()?;
        }
        LogFormat::Json => registry
            .with(json_layer(|| Escaped(io::stderr())))
            .try_init()?,
    }
    throttle.start()?;
    Ok(LogGuard(throttle))
}

fn text_layer<S, W>(writer: W, is_terminal: bool) -> impl Layer<S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Fields can contain text from the platform.
    let fields = debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{}", text::printable(&format!("{value:?}"))),
        name => write!(writer, "{name}={}", text::printable(&format!("{value:?}"))),
    });
    // Reporting an internal error would panic if standard error is closed.
    tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(writer)
        .with_ansi(is_terminal)
        .fmt_fields(fields.delimited(" "))
}

fn json_layer<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(writer)
        .json()
        .flatten_event(true)
}

/// Escapes lines of JSON.
struct Escaped<W = Stderr>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Each call writes a whole line.
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct LogBuffer(Arc<Mutex<Vec<u8>>>);

    impl Write for LogBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl LogBuffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// Clears the screen, reverses the direction of the text, and begins a new line.
    const HOSTILE: &str =
        "oc_\u{1b}[2J\u{202e}x\u{2066}\u{85}\u{2028}\nERROR forged\r\u{7}\u{9b}31m\u{0}";

    /// Logs it in every way in which the bot logs text from the platform.
    fn log_hostile() {
        let span = tracing::info_span!("job", chat = HOSTILE, reference = %HOSTILE);
        let _inside = span.enter();
        tracing::info!(name = HOSTILE, code = ?HOSTILE, error = %HOSTILE, "seen: {HOSTILE}");
    }

    fn check(written: &str) {
        let (line, rest) = written.split_once('\n').unwrap();
        assert_eq!(rest, "", "one event is one line");
        assert!(line.matches("oc_").count() >= 6, "{line:?}");
        let is_unsafe = |c: char| {
            c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert_eq!(line.find(is_unsafe), None, "{line:?}");
    }

    #[test]
    fn text_lines_escape_hostile_values() {
        let written = LogBuffer::default();
        let writer = written.clone();
        let layer = text_layer(move || writer.clone(), false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log_hostile);
        check(&written.text());
    }

    #[test]
    fn json_lines_escape_hostile_values() {
        let written = LogBuffer::default();
        let writer = written.clone();
        let layer = json_layer(move || Escaped(writer.clone()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log_hostile);
        check(&written.text());
    }
}
