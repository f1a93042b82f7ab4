//! The end of a run: its time limit, or an interruption.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// How often a waiting thread checks whether the run is over.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The end of a run. Clones share the interruption.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    interrupted: Arc<AtomicBool>,
    ends: Instant,
}

impl Limits {
    /// Starts now; SIGINT and SIGTERM end the run early but gracefully, so that no child is left.
    pub(crate) fn new(runtime: &Runtime, seconds: u64) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        runtime.spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            flag.store(true, Ordering::Relaxed);
        });
        Ok(Self {
            interrupted,
            ends: Instant::now() + Duration::from_secs(seconds),
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || Instant::now() >= self.ends
    }

    /// Ends the run for all clones.
    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// The same limits with an earlier end.
    pub(crate) fn within(&self, span: Duration) -> Self {
        Self {
            interrupted: self.interrupted.clone(),
            ends: self.ends.min(Instant::now() + span),
        }
    }

    /// Sleeps, but not past the end of the run.
    pub(crate) fn sleep(&self, span: Duration) {
        let until = Instant::now() + span;
        while !self.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(POLL_INTERVAL));
        }
    }

    /// Polls until there is an answer; `None` if the run ended first.
    pub(crate) fn poll<T>(&self, every: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(answer) = ask() {
                return Some(answer);
            }
            if self.is_over() {
                return None;
            }
            self.sleep(every);
        }
    }
}
