//! The signals that stop the bot gracefully.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Receives SIGTERM, SIGINT, SIGQUIT and SIGHUP.
pub(crate) struct Signals(Vec<Signal>);

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        let mut kinds = vec![
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::quit(),
        ];
        if !hangup_is_ignored() {
            kinds.push(SignalKind::hangup());
        }
        let signals: io::Result<_> = kinds.into_iter().map(signal).collect();
        signals.map(Self)
    }

    pub(crate) async fn received(&mut self) {
        let any = |context: &mut Context<'_>| {
            let mut signals = self.0.iter_mut();
            if signals.any(|signal| signal.poll_recv(context).is_ready()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        };
        poll_fn(any).await;
    }
}

/// Whether the bot was started with `nohup`, which ignores SIGHUP.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let hangup = SignalKind::hangup().as_raw_value();
    ignored.is_some_and(|mask| (mask >> (hangup - 1)) & 1 == 1)
}
