//! Logs, and metrics beside them.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};

mod metrics;

pub(crate) use metrics::{CommandResult, EXPIRE, EventResult, Metrics, PUBLISH, UNKNOWN};

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
